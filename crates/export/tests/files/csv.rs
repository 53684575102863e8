use gauntlet_export::Format;

use crate::support::{Sample, contents, write};

#[test]
fn it_has_a_row_for_each_second_and_operation() {
    let file = write(Format::Csv, &contents(), &Sample::of_seconds(3).rollups);
    let text = String::from_utf8(file).unwrap();
    assert!(text.ends_with("\r\n"));
    let lines: Vec<&str> = text.trim_end().split("\r\n").collect();
    let header: Vec<&str> = lines[0].split(',').collect();
    assert_eq!(header.len(), 15 + 4 * 7);
    assert_eq!(
        header[..8],
        [
            "run",
            "time",
            "start_us",
            "resolution_us",
            "covered_us",
            "phase",
            "operation",
            "succeeded"
        ]
    );
    assert_eq!(header[42], "failed_response_p99_9_us");
    let begins: Vec<&str> = lines[1..]
        .iter()
        .map(|line| line.split(",0,2,").next().unwrap())
        .collect();
    assert_eq!(
        begins,
        [
            "nightly,2026-11-20T13:55:00.250000Z,1795182900250000,1000000,1000000,WARMUP,read,10,0",
            "nightly,2026-11-20T13:55:00.250000Z,1795182900250000,1000000,1000000,WARMUP,scan,10,1",
            "nightly,2026-11-20T13:55:01.250000Z,1795182901250000,1000000,1000000,MEASUREMENT,read,10,0",
            "nightly,2026-11-20T13:55:01.250000Z,1795182901250000,1000000,1000000,MEASUREMENT,scan,10,1",
            "nightly,2026-11-20T13:55:02.250000Z,1795182902250000,1000000,1000000,MEASUREMENT,read,10,0",
            "nightly,2026-11-20T13:55:02.250000Z,1795182902250000,1000000,1000000,MEASUREMENT,scan,10,1",
        ]
    );
    let fields = lines.iter().map(|line| line.split(',').count());
    assert!(fields.into_iter().all(|fields| fields == header.len()));
}
