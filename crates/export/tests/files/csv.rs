use gauntlet_export::{Contents, Format};
use gauntlet_model::{
    report::Report,
    search::{Findings, Progress, SearchEnd},
};

use crate::support::{Sample, a_step, contents, write};

#[test]
fn it_has_a_row_for_each_second_and_operation() {
    let file = write(Format::Csv, &contents(), &Sample::of_seconds(3).rollups);
    let text = String::from_utf8(file).unwrap();
    assert!(text.ends_with("\r\n"));
    let lines: Vec<&str> = text.trim_end().split("\r\n").collect();
    let header: Vec<&str> = lines[0].split(',').collect();
    assert_eq!(header.len(), 16 + 4 * 7 + 6);
    assert_eq!(
        header[..9],
        [
            "run",
            "time",
            "start_us",
            "resolution_us",
            "covered_us",
            "phase",
            "operation",
            "step",
            "succeeded"
        ]
    );
    assert_eq!(header[43], "failed_response_p99_9_us");
    assert_eq!(
        header[44..],
        [
            "failed_timeout",
            "failed_connection",
            "failed_constraint",
            "failed_serialization",
            "failed_statement",
            "failed_other"
        ]
    );
    let begins: Vec<&str> = lines[1..]
        .iter()
        .map(|line| line.split(",0,2,").next().unwrap())
        .collect();
    assert_eq!(
        begins,
        [
            "nightly,2026-11-20T13:55:00.250000Z,1795182900250000,1000000,1000000,WARMUP,read,0,10,0",
            "nightly,2026-11-20T13:55:00.250000Z,1795182900250000,1000000,1000000,WARMUP,scan,0,10,1",
            "nightly,2026-11-20T13:55:01.250000Z,1795182901250000,1000000,1000000,MEASUREMENT,read,0,10,0",
            "nightly,2026-11-20T13:55:01.250000Z,1795182901250000,1000000,1000000,MEASUREMENT,scan,0,10,1",
            "nightly,2026-11-20T13:55:02.250000Z,1795182902250000,1000000,1000000,MEASUREMENT,read,0,10,0",
            "nightly,2026-11-20T13:55:02.250000Z,1795182902250000,1000000,1000000,MEASUREMENT,scan,0,10,1",
        ]
    );
    for (line, failures) in lines[1..]
        .iter()
        .zip(["0,0,0,0,0,0", "1,0,0,0,0,0"].iter().cycle())
    {
        assert!(line.ends_with(&format!(",{failures}")), "{line}");
    }
    let fields = lines.iter().map(|line| line.split(',').count());
    assert!(fields.into_iter().all(|fields| fields == header.len()));
}

#[test]
fn a_second_in_which_nothing_ended_has_rows_without_latencies() {
    let rollups = Sample::with_standstill(4, 1..3).rollups;
    let text = String::from_utf8(write(Format::Csv, &contents(), &rollups)).unwrap();
    let rows: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(rows.len(), 8);
    for row in &rows[2..6] {
        // Counts and throughput are 0, 8 are in flight, and no latency is known.
        let nothing = format!(",0,0,0,0,0,0,0,8,0{},0,0,0,0,0,0", ",".repeat(4 * 7));
        assert!(row.ends_with(&nothing), "{row}");
    }
    // Where none failed, failures have no latency either.
    let fields: Vec<&str> = rows[0].split(',').collect();
    assert_eq!((fields[9], &fields[37..44]), ("0", &[""; 7][..]));
    assert!(fields[16..23].iter().all(|field| !field.is_empty()));
}

/// The step of each row.
fn steps(contents: &Contents) -> Vec<String> {
    let file = write(Format::Csv, contents, &Sample::of_seconds(4).rollups);
    let text = String::from_utf8(file).unwrap();
    let rows = text.lines().skip(1);
    rows.map(|row| row.split(',').nth(7).unwrap().to_owned())
        .collect()
}

#[test]
fn a_row_says_which_step_of_a_search_it_belongs_to() {
    let expected = ["0", "0", "0", "0", "1", "1", "0", "0"];
    let mut contents = contents();
    let progress = Progress {
        steps: vec![a_step()],
        current: None,
        end: None,
    };
    contents.run.state.search = Some(progress);
    assert_eq!(steps(&contents), expected);

    // What the report knows is better than what was known at the time.
    let findings = Findings {
        end: SearchEnd::MaxTime,
        message: String::new(),
        best: None,
        best_step: 0,
        failed: None,
        steps: vec![],
        fit: Err("one step".to_owned()),
        knee: None,
        knee_message: String::new(),
    };
    contents.report = contents.report.map(|report| Report {
        search: Some(findings),
        ..report
    });
    assert_eq!(steps(&contents), ["0"; 8]);
}
