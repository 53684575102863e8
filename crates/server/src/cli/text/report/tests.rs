use gauntlet_client::yaml::TemplateFile;

use super::*;

const TEMPLATE: &str = "
name: demo
target: db
workers: 2
operations: [{kind: point_lookup, weight: 90}, {kind: insert, weight: 10}]
load: {concurrency: {connections: 8}}
phases: {warmup: 3s, measurement: 15s}
slos:
  - latency: {percentile: 99, max: 50ms}
  - max_error_ratio: 0.01
";

fn run() -> pb::Run {
    pb::Run {
        run_id: "0198".to_owned(),
        name: "demo-1".to_owned(),
        template: "demo".to_owned(),
        template_version: 1,
        spec: Some(TemplateFile::parse("f", TEMPLATE).unwrap().spec),
        status: pb::RunStatus::Completed.into(),
        stop_reason: pb::StopReason::DurationElapsed.into(),
        ended_us: 951_782_400_000_000,
        shards_total: 2,
        ..Default::default()
    }
}

fn summary(p50_us: f64) -> pb::LatencySummary {
    pb::LatencySummary {
        min_us: p50_us / 2.0,
        mean_us: p50_us,
        p50_us,
        p95_us: p50_us * 2.0,
        p99_us: p50_us * 3.0,
        p999_us: p50_us * 10.0,
        max_us: p50_us * 20.0,
    }
}

fn operation(name: &str, succeeded: u64, p50_us: f64) -> pb::OperationReport {
    pb::OperationReport {
        operation: name.to_owned(),
        succeeded,
        throughput_per_s: succeeded as f64 / 15.0,
        response: Some(summary(p50_us)),
        service: Some(summary(p50_us)),
        lag: Some(summary(0.0)),
        ..Default::default()
    }
}

fn slo(name: &str, measured: f64, limit: f64) -> pb::SloReport {
    pb::SloReport {
        name: name.to_owned(),
        verdict: pb::Verdict::Pass.into(),
        measured,
        limit,
        samples: 150_000,
        message: "in words".to_owned(),
        ..Default::default()
    }
}

fn report() -> pb::Report {
    pb::Report {
        run_id: "0198".to_owned(),
        measured_us: 15_000_120,
        operations: vec![
            operation("point-lookup", 135_000, 80.0),
            operation("insert", 0, 0.0),
        ],
        total: Some(operation("", 135_000, 90.0)),
        slos: vec![
            slo("p99 <= 50ms", 270.0, 50_000.0),
            slo("error ratio <= 0.01", 0.0, 0.01),
        ],
        verdict: pb::Verdict::Pass.into(),
        validity: pb::Validity::Valid.into(),
        warmup_operations: 30_000,
        start_skew_us: 812,
        environment: Some(pb::Environment {
            gauntlet_version: "0.1.0".to_owned(),
            target_version: "SQLite 3.50.4".to_owned(),
            workers: vec!["one".to_owned(), "two".to_owned()],
        }),
        ..Default::default()
    }
}

#[test]
fn a_good_run_fits_on_a_screen() {
    assert_eq!(
        whole(&run(), &report(), None),
        "\
run       demo-1 (0198)
template  demo, version 1
target    db (SQLite 3.50.4)
load      closed loop: 8 connections over 2 workers
measured  15 s after 3 s of warmup (30,000 operations, not counted); workers began within 812 µs
ended     2000-02-29 00:00:00 UTC, completed: duration elapsed
workers   one
          two

response time  throughput       ok  failed      p50     p95     p99   p99.9      max
point-lookup      9,000/s  135,000       0  80.0 µs  160 µs  240 µs  800 µs  1.60 ms
insert              0.0/s        0       0        -       -       -       -        -
total             9,000/s  135,000       0  90.0 µs  180 µs  270 µs  900 µs  1.80 ms

of the total               p50     p95     p99   p99.9      max
service (sent to end)  90.0 µs  180 µs  270 µs  900 µs  1.80 ms
lag (due to sent)         0 µs    0 µs    0 µs    0 µs     0 µs

objective            verdict  measured    limit  samples
p99 <= 50ms          PASS       270 µs  50.0 ms  150,000
error ratio <= 0.01  PASS          0 %      1 %  150,000
verdict: PASS

validity: VALID
"
    );
}

#[test]
fn a_report_fits_its_terminal() {
    let mut long = report();
    long.operations[0].operation = "customer-orders".to_owned();
    long.operations[0].throughput_per_s = 41_748.0;
    long.slos[0].verdict = pb::Verdict::Fail.into();
    long.slos[0].message =
        "more operations took longer than the objective allows, with a confidence of 95 %"
            .to_owned();
    let widest = |text: &str| text.lines().map(|line| line.chars().count()).max();
    assert!(widest(&whole(&run(), &long, None)) > Some(120));
    for most in [120, 80] {
        let text = whole(&run(), &long, Some(most));
        assert!(widest(&text) <= Some(most), "{most}\n{text}");
        assert_eq!(text.contains("no room"), most == 80, "{text}");
    }
    let text = whole(&run(), &long, Some(80));
    for line in [
        "measured  15 s after 3 s of warmup (30,000 operations, not counted); workers",
        "          began within 812 µs",
        "response time    throughput       ok  failed      p50     p99   p99.9      max",
        "(no room for p95)",
        "p99 <= 50ms          FAIL       270 µs  50.0 ms  more operations took longer",
        "                                                 than the objective allows, with",
        "error ratio <= 0.01  PASS          0 %      1 %",
        "(no room for samples)",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn on_a_narrow_terminal_no_figure_is_broken() {
    let mut long = report();
    long.operations[0].throughput_per_s = 41_748.0;
    long.slos[1].verdict = pb::Verdict::Fail.into();
    let total = long.total.as_mut().unwrap();
    (total.failed, total.failed_response) = (3, Some(summary(1e6)));
    long.errors = vec![pb::ErrorGroup {
        operation: "point-lookup".to_owned(),
        class: "SERIALIZATION".to_owned(),
        code: "40001".to_owned(),
        message: "could not serialize access".to_owned(),
        count: 3,
    }];
    let text = whole(&run(), &long, Some(40));
    for line in text.lines() {
        assert!(line.chars().count() <= 40, "{line:?} in\n{text}");
        assert!(!line.trim_start().starts_with("µs"), "{text}");
    }
    for line in [
        "response time  throughput     p99",
        "point-lookup     41,748/s  240 µs",
        "errors        class          count",
        "point-lookup  SERIALIZATION      3",
        "error ratio <= 0.01  FAIL           0 %",
    ] {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let found = text.lines().any(|found| words(found) == words(line));
        assert!(found, "{line}\n{text}");
    }
}

#[test]
fn trouble_is_told() {
    let mut report = report();
    report.offered_per_s = 500.0;
    let total = report.total.as_mut().unwrap();
    (total.failed, total.cut, total.dropped) = (3, 2, 1);
    total.failed_response = Some(summary(1e6));
    report.errors = vec![pb::ErrorGroup {
        operation: "insert".to_owned(),
        class: "SERIALIZATION".to_owned(),
        code: "5".to_owned(),
        message: "database\nis locked".to_owned(),
        count: 3,
    }];
    let part = |shard, uncertain| pb::Reconciliation {
        table: "t".to_owned(),
        shard,
        counted: 700,
        uncertain,
        found: 701,
        ..Default::default()
    };
    report.reconciliations = vec![part(0, 0), part(1, 2)];
    report.slos[0].verdict = pb::Verdict::Inconclusive.into();
    report.slos[0].measured = -1.0;
    report.verdict = pb::Verdict::Inconclusive.into();
    report.validity = pb::Validity::Invalid.into();
    report.reasons = vec![pb::ValidityReason {
        code: "DROPPED".to_owned(),
        message: "1 operation".to_owned(),
    }];
    let text = whole(&run(), &report, None);
    for line in [
        "failures (due to end)  1,000 ms  2,000 ms  3,000 ms   10.0 s   20.0 s",
        "offered rate: 500/s",
        "cut: 2 operations were still in flight when the drain timeout ended",
        "dropped: 1 operation was due and never sent",
        "insert  SERIALIZATION  5         3  database is locked",
        "p99 <= 50ms          INCONCLUSIVE         -  50.0 ms  150,000  in words",
        "verdict: INCONCLUSIVE",
        "rows in t: 1,400 INSERTs counted, 2 with an unknown outcome, 1,402 rows found",
        "validity: INVALID, do not trust these numbers",
        "  DROPPED: 1 operation",
    ] {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let found = text.lines().any(|found| words(found) == words(line));
        assert!(found, "{line}\n{text}");
    }
}

#[test]
fn an_end_without_a_report_is_one_line() {
    let mut run = run();
    assert_eq!(ending(&run), "run demo-1 completed: duration elapsed");
    run.status = pb::RunStatus::Failed.into();
    run.stop_message = "table t is missing".to_owned();
    assert_eq!(ending(&run), "run demo-1 failed: table t is missing");
}
