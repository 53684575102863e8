//! Every way through the gate.

use super::*;
use crate::cli::compare::show;

/// A run that ended well.
fn run(name: &str) -> pb::Run {
    pb::Run {
        name: name.to_owned(),
        status: pb::RunStatus::Completed.into(),
        validity: pb::Validity::Valid.into(),
        ..Default::default()
    }
}

fn metric(name: &str, values: &[Option<f64>]) -> pb::MetricComparison {
    let value = |value: &Option<f64>| pb::MetricValue {
        value: *value,
        ..Default::default()
    };
    pb::MetricComparison {
        metric: name.to_owned(),
        higher_is_better: name.contains("throughput"),
        values: values.iter().map(value).collect(),
    }
}

/// The figures of an operation in two runs: how many succeeded and failed, the
/// throughput and the 99th percentile.
fn operation(name: &str, figures: [[f64; 4]; 2]) -> pb::OperationComparison {
    let of = |place: usize| figures.map(|run| Some(run[place]));
    let error_ratio = figures.map(|run| Some(run[1] / (run[0] + run[1])));
    pb::OperationComparison {
        operation: name.to_owned(),
        metrics: vec![
            metric("succeeded", &of(0)),
            metric("failed", &of(1)),
            metric("throughput_per_s", &of(2)),
            metric("response_p99_us", &of(3)),
            metric("error_ratio", &error_ratio),
        ],
    }
}

fn comparison(operations: Vec<pb::OperationComparison>) -> pb::Comparison {
    pb::Comparison {
        runs: vec![run("base"), run("new")],
        operations,
        ..Default::default()
    }
}

fn judged(comparison: &pb::Comparison, limits: &[&str]) -> Gate {
    let limits: Vec<Limit> = limits
        .iter()
        .map(|text| limit::parse(text).unwrap())
        .collect();
    judge(comparison, &limits, false).unwrap()
}

/// The exit code of one operation's comparison.
fn check(figures: [[f64; 4]; 2], limits: &[&str], code: u8) {
    let twice = vec![operation("a", figures), operation("", figures)];
    let gate = judged(&comparison(twice), limits);
    assert_eq!(gate.exit().code(), code, "{figures:?} {limits:?} {gate:#?}");
}

const BASE: [f64; 4] = [10_000.0, 0.0, 1_000.0, 500.0];

#[test]
fn worse_is_what_is_bad_for_the_figure() {
    for (throughput, p99, limit, code) in [
        (1_000.0, 550.0, "p99=10%", 0),
        (1_000.0, 550.5, "p99=10%", 2),
        (1_000.0, 50.0, "p99=10%", 0),
        (900.0, 500.0, "throughput=10%", 0),
        (899.0, 500.0, "throughput=10%", 2),
        (9_000.0, 500.0, "throughput=10%", 0),
        (0.0, 500.0, "throughput=99%", 2),
        (1_000.0, 500.0, "p99=0%", 0),
    ] {
        check([BASE, [10_000.0, 0.0, throughput, p99]], &[limit], code);
    }
}

#[test]
fn failures_are_judged_with_a_confidence() {
    for (ended, failed, limit, code) in [
        (10_000.0, 0.0, "error_ratio=0.1pp", 0),
        (10_000.0, 50.0, "error_ratio=0.1pp", 2),
        (10_000.0, 11.0, "error_ratio=0.1pp", 3),
        (100.0, 0.0, "error_ratio=0.1pp", 3),
        (100.0, 50.0, "error_ratio=0.1pp", 2),
        (0.0, 100.0, "error_ratio=0.1pp", 2),
        (10_000.0, 0.0, "error_ratio=0pp", 0),
        (10_000.0, 1.0, "error_ratio=0pp", 2),
    ] {
        check([BASE, [ended, failed, 1_000.0, 500.0]], &[limit], code);
    }
}

#[test]
fn what_cannot_be_told_is_no_pass() {
    let few = [298.0, 0.0, 1_000.0, 500.0];
    check([few, BASE], &["p99=10%"], 3);
    check([BASE, few], &["p99=10%"], 3);
    check([BASE, few], &["throughput=10%"], 0);
    check([[9.0, 0.0, 1.0, 5.0], BASE], &["throughput=10%"], 3);
    check([[10_000.0, 0.0, 0.0, 5.0], BASE], &["throughput=10%"], 3);
    // What was seen to be worse comes before what was not seen.
    check(
        [BASE, [298.0, 0.0, 10.0, 500.0]],
        &["p99=10%", "throughput=10%"],
        2,
    );
}

#[test]
fn an_operation_that_a_run_does_not_have_is_named() {
    let mut sides = comparison(vec![operation("a", [BASE, BASE])]);
    for metric in &mut sides.operations[0].metrics {
        metric.values[1] = pb::MetricValue::default();
    }
    let gate = judged(&sides, &["p99=10%"]);
    assert_eq!(gate.exit(), Exit::Inconclusive);
    let lacking = Finding::Unknown("it has no value".to_owned());
    assert_eq!(gate.checks[0].finding, lacking);
    let unknown = judge(&sides, &[limit::parse("b.p99=1%").unwrap()], false);
    assert_eq!(
        unknown.unwrap_err(),
        "no run has an operation \"b\"; there are a"
    );
}

#[test]
fn a_run_without_trustworthy_numbers_is_never_a_pass() {
    use pb::{RunStatus as S, Validity as V};
    for (status, validity, code) in [
        (S::Completed, V::Valid, 0),
        (S::Stopped, V::Valid, 0),
        (S::Completed, V::Invalid, 4),
        (S::Cancelled, V::Invalid, 4),
        (S::Cancelled, V::Valid, 3),
        (S::Failed, V::Unspecified, 3),
        (S::Running, V::Unspecified, 3),
        (S::Completed, V::Unspecified, 3),
    ] {
        for place in [0, 1] {
            let mut sides = comparison(vec![operation("", [BASE, BASE])]);
            sides.runs[place].status = status.into();
            sides.runs[place].validity = validity.into();
            let gate = judged(&sides, &["p99=10%"]);
            assert_eq!(gate.exit().code(), code, "{status:?} {validity:?}");
            assert_eq!(gate.unfit.is_empty(), code == 0);
            assert!(!gate.incomparable);
        }
    }
}

#[test]
fn an_unfit_run_does_not_hide_the_regression_of_another() {
    let mut sides = comparison(vec![operation("", [BASE, [10_000.0, 0.0, 10.0, 500.0]])]);
    sides.runs.push(pb::Run {
        status: pb::RunStatus::Failed.into(),
        ..run("third")
    });
    sides.warnings.push("run third has no report".to_owned());
    let gate = judged(&sides, &["throughput=10%"]);
    assert_eq!((gate.exit(), gate.unfit.len()), (Exit::SloFailed, 1));
    sides.runs[2].validity = pb::Validity::Invalid.into();
    assert_eq!(judged(&sides, &["throughput=10%"]).exit(), Exit::Invalid);
}

#[test]
fn warnings_keep_runs_from_being_judged() {
    let mut sides = comparison(vec![operation("", [BASE, [10_000.0, 0.0, 10.0, 500.0]])]);
    sides.warnings.push("they do different work".to_owned());
    let limits = [limit::parse("throughput=10%").unwrap()];
    let gate = judge(&sides, &limits, false).unwrap();
    assert_eq!((gate.exit(), gate.incomparable), (Exit::Inconclusive, true));
    let gate = judge(&sides, &limits, true).unwrap();
    assert_eq!(gate.exit(), Exit::SloFailed);
}

#[test]
fn the_total_of_one_operation_is_not_judged_twice() {
    let one = comparison(vec![
        operation("a", [BASE, BASE]),
        operation("", [BASE, BASE]),
    ]);
    let places = |gate: Gate| -> Vec<String> {
        let checks = gate.checks.into_iter();
        checks.map(|check| check.operation).collect()
    };
    assert_eq!(places(judged(&one, &["p99=10%"])), ["a"]);
    assert_eq!(places(judged(&one, &["total.p99=10%"])), ["total"]);
    let mut two = one;
    two.operations.insert(0, operation("b", [BASE, BASE]));
    assert_eq!(places(judged(&two, &["p99=10%"])), ["b", "a", "total"]);
    assert_eq!(places(judged(&two, &["b.p99=10%"])), ["b"]);
}

#[test]
fn people_read_which_figure_is_worse_and_by_how_much() {
    let figures = [BASE, [10_000.0, 20.0, 950.0, 650.0]];
    let sides = comparison(vec![operation("a", figures)]);
    let limits = ["throughput=10%,p99=10%,error_ratio=0.1pp"];
    let limits: Vec<&str> = limits[0].split(',').collect();
    assert_eq!(
        show::text(&judged(&sides, &limits), None),
        "\
run  operation  figure       baseline  measured  worse by   limit
new  a          p99            500 µs    650 µs      30 %    10 %  WORSE
new  a          error ratio       0 %  0.1996 %    0.2 pp  0.1 pp  WORSE
gate: REGRESSION: 2 of 3 figures worse than allowed (exit code 2)
"
    );
    assert_eq!(
        show::text(&judged(&sides, &limits[..1]), None),
        "gate: PASS: 1 figure within its limit; nearest: a throughput 950/s of new, 5 % worse of 10 % allowed (exit code 0)\n"
    );
    let mut invalid = sides.clone();
    invalid.runs[1].validity = pb::Validity::Invalid.into();
    assert_eq!(
        show::text(&judged(&invalid, &limits), None),
        "run new cannot be judged: its numbers cannot be trusted\ngate: INVALID (exit code 4)\n"
    );
    let mut other = sides;
    other.warnings.push("they do different work".to_owned());
    assert_eq!(
        show::text(&judged(&other, &limits), None),
        "not judged: see the warnings; if what they name is what is tested: --despite-warnings\ngate: INCONCLUSIVE (exit code 3)\n"
    );
}

#[test]
fn programs_read_the_same() {
    let few = [298.0, 0.0, 1_000.0, 500.0];
    let sides = comparison(vec![operation("a", [BASE, few])]);
    let gate = judged(&sides, &["p99=10%"]);
    assert_eq!(
        show::json(&gate),
        serde_json::json!({
            "result": "INCONCLUSIVE",
            "exitCode": 3,
            "comparable": true,
            "unfitRuns": [],
            "checks": [{
                "run": "new",
                "operation": "a",
                "metric": "response_p99_us",
                "baseline": 500.0,
                "value": 500.0,
                "worseBy": 0.0,
                "limit": 0.1,
                "result": "INCONCLUSIVE",
                "message": "298 operations, 299 needed",
            }],
        })
    );
}
