use std::collections::BTreeMap;
#[cfg(feature = "java")]
use std::{path::Path, process::Command};

use gauntlet_export::Format;
use gauntlet_model::{history::Resolution, interval::empty_histogram};
use hdrhistogram::{
    Histogram,
    serialization::{
        Deserializer,
        interval_log::{IntervalLogIterator, LogEntry},
    },
};

use crate::support::{Sample, contents, write};

/// The sum of the histograms of each tag, as another reader finds them.
fn read(file: &[u8]) -> BTreeMap<String, (usize, Histogram<u64>)> {
    let mut found = BTreeMap::new();
    for entry in IntervalLogIterator::new(file) {
        let LogEntry::Interval(interval) = entry.unwrap() else {
            continue;
        };
        let bytes = base64(interval.encoded_histogram());
        let histogram: Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .unwrap();
        assert!((interval.max() - histogram.max() as f64 / 1e6).abs() < 0.001);
        let tag = interval.tag().map_or("", |tag| tag.as_str()).to_owned();
        let (lines, sum) = found.entry(tag).or_insert_with(|| (0, empty_histogram()));
        *lines += 1;
        sum.add(histogram).unwrap();
    }
    found
}

fn base64(text: &str) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.decode(text).unwrap()
}

#[test]
fn another_reader_finds_every_response_time() {
    let sample = Sample::of_seconds(30);
    for resolution in [Resolution::Second, Resolution::TenSeconds] {
        let mut contents = contents();
        contents.resolution = resolution;
        let found = read(&write(Format::Hlog, &contents, &sample.rollups));
        let tags: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(
            tags,
            [
                "",
                "read",
                "read/service",
                "read/service@WARMUP",
                "read@WARMUP",
                "scan",
                "scan/failed",
                "scan/failed@WARMUP",
                "scan/service",
                "scan/service@WARMUP",
                "scan@WARMUP",
            ]
        );
        let [read, scan] = &sample.responses;
        assert_eq!((&found["read"].1, &found["scan"].1), (read, scan));
        let mut all = read.clone();
        all.add(scan).unwrap();
        assert_eq!(found[""].1, all);
        assert_eq!(found["scan/failed"].1.len(), 29);
        let lines = if resolution == Resolution::Second {
            29
        } else {
            3
        };
        assert_eq!(found[""].0, lines);
    }
}

#[test]
fn its_lines_are_those_of_version_1_3() {
    let file = write(Format::Hlog, &contents(), &Sample::of_seconds(3).rollups);
    let text = String::from_utf8(file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[1..5],
        [
            "#[Histogram log format version 1.3]",
            "#[StartTime: 1795182900.250 (seconds since epoch), 2026-11-20T13:55:00.250000Z]",
            "#[BaseTime: 1795182900.250 (seconds since epoch)]",
            "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"",
        ]
    );
    let begins: Vec<&str> = lines[5..]
        .iter()
        .map(|line| line.split(",HISTFA").next().unwrap())
        .collect();
    assert_eq!(begins[0], "Tag=read@WARMUP,0.000,1.000,0.204");
    assert!(begins.contains(&"1.000,1.000,2.206"), "{begins:?}");
    assert!(
        begins.contains(&"Tag=scan/failed,2.000,1.000,3001.025"),
        "{begins:?}"
    );
}

/// What the Java tool says of a tag, in its own words.
#[cfg(feature = "java")]
fn java(jar: &str, log: &Path, tag: &str) -> String {
    let mut command = Command::new("java");
    command.args(["-cp", jar, "org.HdrHistogram.HistogramLogProcessor"]);
    command.args(["-outputValueUnitRatio", "1", "-i"]).arg(log);
    if !tag.is_empty() {
        command.args(["-tag", tag]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

// Needs Java and the jar: scripts/hlog-java.sh brings them.
#[cfg(feature = "java")]
#[test]
fn the_java_tool_finds_every_response_time() {
    let jar = std::env::var("HDR_HISTOGRAM_JAR").unwrap();
    let sample = Sample::of_seconds(60);
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("run.hlog");
    std::fs::write(&log, write(Format::Hlog, &contents(), &sample.rollups)).unwrap();
    let [read, scan] = &sample.responses;
    let mut all = read.clone();
    all.add(scan).unwrap();
    for (tag, histogram) in [("", &all), ("read", read), ("scan", scan)] {
        let said = java(&jar, &log, tag);
        let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let mean = format!("#[Mean = {:.3},", histogram.mean());
        let rest = format!(
            "#[Max = {}.000, Total count = {}]",
            histogram.max(),
            histogram.len()
        );
        assert!(
            words.contains(&mean) && words.contains(&rest),
            "{tag}: {mean} {rest} {said}"
        );
    }
}
