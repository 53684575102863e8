use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    interval::{Encoded, ErrorCount, Interval, Latencies, OperationInterval, empty_histogram},
    lifecycle::{Action, Phase, StepPlan, Window},
    run::ControlEvent,
    session::AttemptRef,
    template::{
        Class, Control, Level, Limit, Load, Operation, Phases, Slo, Statement, UntilSteady,
        WorkerLossPolicy,
    },
};

const RUN: RunId = RunId(Uuid::nil());

fn spec(slos: Vec<Slo>, load: Load) -> Spec {
    let operation = |name: &str, statement| Operation {
        name: Name::new(name).unwrap(),
        weight: 5_000,
        statement,
        parameters: vec![],
        label: None,
    };
    let sql = Statement::Sql {
        text: "SELECT 1".to_owned(),
        class: Class::Read,
    };
    let insert = Statement::Insert {
        table: "t".to_owned(),
        key: "id".to_owned(),
        columns: vec![],
    };
    Spec {
        description: String::new(),
        target: Name::new("db").unwrap(),
        operations: vec![operation("read", sql), operation("add", insert)],
        load,
        phases: Phases {
            warmup: Duration::ZERO,
            measurement: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(1),
            until_steady: None,
        },
        workers: 1,
        seed: 1,
        slos,
        worker_loss: WorkerLossPolicy::Fail,
        operation_timeout: Duration::from_secs(10),
        start_timeout: Duration::from_secs(10),
        control: Control::default(),
    }
}

fn closed() -> Load {
    Load::Concurrency {
        connections: 1,
        think_time: Duration::ZERO,
    }
}

fn latencies(values_ns: &[u64]) -> Latencies {
    let mut histogram = empty_histogram();
    for value in values_ns {
        histogram.record(*value).unwrap();
    }
    let encoded = Encoded::from_histogram(&histogram);
    Latencies {
        response: encoded.clone(),
        service: encoded.clone(),
        lag: Encoded::default(),
        rows: values_ns.len() as u64,
    }
}

fn part(operation: u32, phase: Phase, ok_ns: &[u64], failed_ns: &[u64]) -> OperationInterval {
    OperationInterval {
        operation,
        phase,
        step: 0,
        succeeded: latencies(ok_ns),
        failed: latencies(failed_ns),
        cut: 0,
        dropped: 0,
    }
}

fn interval(shard: u32, sequence: i64, operations: Vec<OperationInterval>) -> Interval {
    Interval {
        attempt: AttemptRef {
            run: RUN,
            shard,
            attempt: 1,
        },
        sequence,
        start: Timestamp(0),
        end: Timestamp(1_000_000),
        operations,
        errors: vec![],
        in_flight: 0,
        backlog: 0,
    }
}

fn facts(spec: &Spec) -> Facts<'_> {
    let window = Window {
        from: Timestamp(0),
        to: Timestamp(10_000_000),
    };
    let offered = spec.load.offered_per_s();
    Facts {
        run: RUN,
        spec,
        measured: window.length(),
        offered: offered.map(|rate| Offered::of(rate, window, &[])),
        reconciliations: vec![],
        unreconciled: None,
        lost_workers: vec![],
        degraded: vec![],
        warmup_steady: None,
        shards: vec![],
        peak_cpu: Some(0.1),
        start_skew: Duration::ZERO,
        phase_skew: Duration::ZERO,
        clock_uncertainty: Duration::from_micros(80),
        command_lateness: Duration::ZERO,
        environment: Environment::default(),
        search: None,
        evidence: None,
        cost: 0.0,
        now: Timestamp(0),
    }
}

fn codes(report: &Report) -> Vec<ReasonCode> {
    report.reasons.iter().map(|reason| reason.code).collect()
}

#[test]
fn warmup_counts_nowhere_but_in_its_own_number() {
    let spec = spec(vec![], closed());
    let mut tally = Tally::new(2);
    let parts = vec![
        part(0, Phase::Warmup, &[1_000, 2_000], &[5_000]),
        part(0, Phase::Measurement, &[7_000], &[]),
        part(1, Phase::Measurement, &[9_000, 9_000], &[8_000]),
    ];
    tally.add(&interval(0, 1, parts)).unwrap();
    let report = tally.report(facts(&spec));
    assert_eq!(report.warmup_operations, 3);
    assert_eq!((report.total.succeeded, report.total.failed), (3, 1));
    assert_eq!(report.operations[0].succeeded, 1);
    assert!((report.operations[1].throughput_per_s - 0.2).abs() < 1e-9);
    assert_eq!(report.total.rows, 3);
    assert_eq!(codes(&report), []);
}

#[test]
fn inserts_are_counted_over_all_phases_with_the_uncertain_apart() {
    let mut tally = Tally::new(2);
    let mut one = interval(
        0,
        1,
        vec![
            part(1, Phase::Warmup, &[1_000], &[]),
            part(1, Phase::Measurement, &[1_000], &[2_000, 2_000]),
        ],
    );
    one.operations[1].cut = 3;
    let error = |class, count| ErrorCount {
        operation: 1,
        phase: Phase::Measurement,
        class,
        code: String::new(),
        message: "x".to_owned(),
        count,
    };
    one.errors = vec![
        error(ErrorClass::Timeout, 1),
        error(ErrorClass::Constraint, 1),
    ];
    tally.add(&one).unwrap();
    assert_eq!(
        tally.inserted(one.attempt, 1),
        Inserted {
            counted: 2,
            uncertain: 4
        }
    );
}

#[test]
fn what_cannot_be_trusted_says_why() {
    let rate = Load::Rate {
        per_second: 100.0,
        connections: 1,
        max_backlog: 10,
    };
    let spec = spec(vec![], rate);
    let nothing = Tally::new(2).report(facts(&spec));
    assert_eq!(
        codes(&nothing),
        [ReasonCode::NothingMeasured, ReasonCode::RateMissed]
    );

    let mut tally = Tally::new(2);
    let mut full = interval(
        0,
        1,
        vec![part(0, Phase::Measurement, &vec![1_000; 990], &[])],
    );
    full.operations[0].dropped = 5;
    tally.add(&full).unwrap();
    let reconciliation = |found| Reconciliation {
        table: "t".to_owned(),
        shard: 0,
        attempt: 1,
        counted: 10,
        uncertain: 2,
        found,
    };
    let bad = Facts {
        peak_cpu: Some(0.97),
        clock_uncertainty: Duration::from_millis(30),
        lost_workers: vec!["shard 1: gone".to_owned()],
        reconciliations: vec![
            reconciliation(9),
            reconciliation(10),
            reconciliation(12),
            reconciliation(13),
        ],
        unreconciled: Some("no answer".to_owned()),
        ..facts(&spec)
    };
    assert_eq!(
        codes(&tally.report(bad)),
        [
            ReasonCode::Dropped,
            ReasonCode::GeneratorCpu,
            ReasonCode::Clock,
            ReasonCode::WorkerLost,
            ReasonCode::CountMismatch,
            ReasonCode::CountMismatch,
            ReasonCode::NotReconciled,
        ]
    );
}

/// How the report names a missed rate, if it is missed.
fn missed(offered: Offered, due: usize) -> Option<String> {
    let rate = Load::Rate {
        per_second: 100.0,
        connections: 1,
        max_backlog: 10,
    };
    let spec = spec(vec![], rate);
    let mut tally = Tally::new(2);
    let parts = vec![part(0, Phase::Measurement, &vec![1_000; due], &[])];
    tally.add(&interval(0, 1, parts)).unwrap();
    let report = tally.report(Facts {
        offered: Some(offered),
        ..facts(&spec)
    });
    assert_eq!(report.offered_per_s, Some(offered.per_second));
    let mut reasons = report.reasons.into_iter();
    let found = reasons.find(|reason| reason.code == ReasonCode::RateMissed);
    found.map(|reason| reason.message)
}

#[test]
fn an_adjusted_rate_is_missed_against_what_was_asked_for() {
    let offered = Offered {
        operations: 400.0,
        per_second: 40.0,
        changes: 2,
    };
    // 1 %, one arrival at each end, one at each change.
    for due in [392, 400, 408] {
        assert_eq!(missed(offered, due), None, "{due}");
    }
    assert_eq!(
        missed(offered, 1_000).unwrap(),
        "1000 operations were due in the measurement, 400 were asked for (40.0/s on average, 2 changes); add workers"
    );
    let nothing = Offered {
        operations: 0.0,
        per_second: 0.0,
        changes: 0,
    };
    assert_eq!(missed(nothing, 2), None);
    assert!(missed(nothing, 3).is_some());
}

#[test]
fn a_database_inside_the_worker_may_use_its_processors() {
    let spec = spec(vec![], closed());
    let mut tally = Tally::new(2);
    tally
        .add(&interval(
            0,
            1,
            vec![part(0, Phase::Measurement, &[1_000], &[])],
        ))
        .unwrap();
    let embedded = Facts {
        peak_cpu: None,
        ..facts(&spec)
    };
    assert_eq!(codes(&tally.report(embedded)), []);
}

fn slo(limit: Limit) -> Slo {
    Slo {
        name: "x".to_owned(),
        scope: Scope::All,
        limit,
        confidence: 0.95,
        abort_on_fail: false,
    }
}

fn p99(max_ms: u64) -> Slo {
    slo(Limit::Latency {
        percentile: 99.0,
        max: Duration::from_millis(max_ms),
    })
}

fn judged(slos: Vec<Slo>, ok_ns: &[u64], failed_ns: &[u64]) -> Vec<Verdict> {
    let spec = spec(slos, closed());
    let mut tally = Tally::new(2);
    tally
        .add(&interval(
            0,
            1,
            vec![part(0, Phase::Measurement, ok_ns, failed_ns)],
        ))
        .unwrap();
    tally
        .report(facts(&spec))
        .slos
        .iter()
        .map(|slo| slo.verdict)
        .collect()
}

#[test]
fn verdicts_need_enough_operations() {
    let fast = |count| vec![1_000_000; count];
    assert_eq!(
        judged(vec![p99(10)], &fast(200), &[]),
        [Verdict::Inconclusive]
    );
    assert_eq!(judged(vec![p99(10)], &fast(299), &[]), [Verdict::Pass]);
    assert_eq!(judged(vec![p99(10)], &[], &[]), [Verdict::Inconclusive]);
    assert_eq!(
        judged(vec![p99(10)], &vec![20_000_000; 1_000], &[]),
        [Verdict::Fail]
    );
}

#[test]
fn verdicts_need_enough_operations_of_their_class_or_label() {
    let mut spec = spec(vec![], closed());
    spec.operations[1].label = Some(Name::new("writes").unwrap());
    let class = |class| Scope::Class { class };
    let label = Scope::Label {
        label: Name::new("writes").unwrap(),
    };
    let scopes = [class(Class::Read), class(Class::Write), label, Scope::All];
    spec.slos = scopes.map(|scope| Slo { scope, ..p99(10) }).to_vec();
    let verdicts = |reads: usize, writes: usize| {
        let mut tally = Tally::new(2);
        let parts = vec![
            part(0, Phase::Measurement, &vec![1_000_000; reads], &[]),
            part(1, Phase::Measurement, &vec![1_000_000; writes], &[]),
        ];
        tally.add(&interval(0, 1, parts)).unwrap();
        let slos = tally.slos(&spec, Duration::from_secs(10));
        slos.iter().map(|slo| slo.verdict).collect::<Vec<_>>()
    };
    let (pass, open) = (Verdict::Pass, Verdict::Inconclusive);
    assert_eq!(verdicts(200, 299), [open, pass, pass, pass]);
    assert_eq!(verdicts(299, 200), [pass, open, open, pass]);
    assert_eq!(verdicts(100, 100), [open, open, open, open]);
}

#[test]
fn a_step_counts_alone() {
    let spec = spec(vec![p99(10)], closed());
    let in_step = |step, count: usize| OperationInterval {
        step,
        ..part(0, Phase::Measurement, &vec![1_000_000; count], &[])
    };
    let mut intervals = interval(0, 1, vec![in_step(0, 5), in_step(1, 300), in_step(2, 10)]);
    intervals
        .operations
        .push(part(1, Phase::Warmup, &[1_000; 4], &[]));
    let counted = |step| {
        let mut tally = Tally::of_step(2, step);
        tally.add(&intervals).unwrap();
        let report = tally.report(facts(&spec));
        let inserted = tally.inserted(intervals.attempt, 0).counted;
        let whole = (report.warmup_operations, inserted);
        (report.total.succeeded, report.slos[0].verdict, whole)
    };
    // INSERTs and the warmup are those of the run, whatever the step.
    assert_eq!(counted(0), (315, Verdict::Pass, (4, 315)));
    assert_eq!(counted(1), (300, Verdict::Pass, (4, 315)));
    assert_eq!(counted(2), (10, Verdict::Inconclusive, (4, 315)));
}

#[test]
fn a_load_that_was_another_than_asked_for_says_so() {
    let mut spec = spec(vec![], closed());
    spec.control.max_clock_uncertainty = Duration::from_millis(1);
    let shards = |attempts: [usize; 2]| {
        let mut tally = Tally::new(2);
        for (count, shard) in attempts.into_iter().zip(0..) {
            let part = part(0, Phase::Measurement, &vec![1_000_000; count], &[]);
            tally.add(&interval(shard, 1, vec![part])).unwrap();
        }
        tally
    };
    let attempt = |shard| ShardFacts {
        shard,
        attempt: 1,
        worker: "w".to_owned(),
        part: 1.0,
        present: Duration::from_secs(10),
        clock_uncertainty: None,
    };
    let known = || Facts {
        shards: vec![attempt(0), attempt(1)],
        ..facts(&spec)
    };
    assert_eq!(codes(&shards([1_000, 1_000]).report(known())), []);
    let lame = shards([1_000, 500]).report(known());
    // A flag, no reason to distrust the numbers: they are what was measured.
    assert_eq!(codes(&lame), []);
    let stragglers: Vec<bool> = lame.shards.iter().map(|shard| shard.straggler).collect();
    assert_eq!(stragglers, [false, true]);
    let unsure = Facts {
        clock_uncertainty: Duration::from_micros(1_001),
        degraded: vec!["shard 1 was taken over".to_owned()],
        ..known()
    };
    assert_eq!(
        codes(&shards([9, 9]).report(unsure)),
        [ReasonCode::Clock, ReasonCode::Degraded]
    );
}

#[test]
fn a_warmup_that_was_never_steady_says_so() {
    let until = UntilSteady {
        window: Duration::from_secs(10),
        tolerance: 0.05,
    };
    let reasons = |until_steady, warmup_steady| {
        let mut spec = spec(vec![], closed());
        spec.phases.until_steady = until_steady;
        let mut tally = Tally::new(2);
        let part = part(0, Phase::Measurement, &[1_000], &[]);
        tally.add(&interval(0, 1, vec![part])).unwrap();
        codes(&tally.report(Facts {
            warmup_steady,
            ..facts(&spec)
        }))
    };
    assert_eq!(reasons(Some(until), Some(true)), []);
    assert_eq!(reasons(Some(until), Some(false)), [ReasonCode::NeverSteady]);
    // The run ended before its warmup did, or there was nothing to wait for.
    assert_eq!(reasons(Some(until), None), []);
    assert_eq!(reasons(None, Some(false)), []);
}

#[test]
fn the_best_step_of_a_rate_search_is_held_against_its_own_rate() {
    let load = Load::Rate {
        per_second: 10.0,
        connections: 1,
        max_backlog: 10,
    };
    let spec = spec(vec![], load);
    let window = Window {
        from: Timestamp(100_000_000),
        to: Timestamp(110_000_000),
    };
    let step = ControlEvent {
        sequence: 2,
        at: Timestamp(95_000_000),
        action: Action::Step(StepPlan {
            step: 3,
            aim: Level::Rate {
                milli_per_s: 80_000,
            }
            .into(),
            settle_us: 5_000_000,
            window_us: 10_000_000,
        }),
    };
    let reasons = |due: usize| {
        let mut tally = Tally::of_step(2, 3);
        let part = OperationInterval {
            step: 3,
            ..part(0, Phase::Measurement, &vec![1_000; due], &[])
        };
        tally.add(&interval(0, 1, vec![part])).unwrap();
        codes(&tally.report(Facts {
            offered: Some(Offered::of(10.0, window, std::slice::from_ref(&step))),
            ..facts(&spec)
        }))
    };
    assert_eq!(reasons(800), []);
    assert_eq!(reasons(780), [ReasonCode::RateMissed]);
}

#[test]
fn failures_are_never_in_time() {
    // A collapse that fails fast must not look fast.
    assert_eq!(
        judged(
            vec![p99(10), slo(Limit::ErrorRatio(0.01))],
            &vec![1_000; 1_000],
            &vec![1_000; 500]
        ),
        [Verdict::Fail, Verdict::Fail]
    );
}

#[test]
fn throughput_has_a_floor() {
    let spec = spec(
        [99.0, 101.0, 130.0]
            .map(|floor| slo(Limit::Throughput(floor)))
            .to_vec(),
        closed(),
    );
    // A hundred each second, all alike or in turns of 50 and 150.
    let verdicts = |swing: usize, seconds: i64| {
        let mut tally = Tally::new(2);
        for second in 0..seconds {
            let count = if second % 2 == 0 {
                100 - swing
            } else {
                100 + swing
            };
            let part = part(0, Phase::Measurement, &vec![1_000; count], &[]);
            tally
                .add(&Interval {
                    start: Timestamp(second * 1_000_000),
                    end: Timestamp((second + 1) * 1_000_000),
                    ..interval(0, second + 1, vec![part])
                })
                .unwrap();
        }
        let slos = tally.slos(&spec, Duration::from_secs(seconds as u64));
        slos.iter().map(|slo| slo.verdict).collect::<Vec<_>>()
    };
    let (pass, open, fail) = (Verdict::Pass, Verdict::Inconclusive, Verdict::Fail);
    assert_eq!(verdicts(0, 10), [pass, fail, fail]);
    assert_eq!(verdicts(50, 10), [open, open, open]);
    assert_eq!(verdicts(50, 40), [pass, fail, fail]);
    // Too short for batches: the rate as it is.
    assert_eq!(verdicts(50, 4), [pass, fail, fail]);
    assert_eq!(verdicts(0, 0), [open, open, open]);
}

proptest! {
    /// A merge that assigns where it should add, or percentiles that are
    /// averaged, would both fail here.
    #[test]
    fn merging_parts_equals_recording_the_whole(
        parts in prop::collection::vec(prop::collection::vec(1_u64..10_000_000_000, 0..200), 1..9),
    ) {
        let spec = spec(vec![], closed());
        let whole: Vec<u64> = parts.iter().flatten().copied().collect();
        let mut split = Tally::new(2);
        for (shard, values) in parts.iter().enumerate() {
            split.add(&interval(shard as u32, 1, vec![part(0, Phase::Measurement, values, values)])).unwrap();
        }
        let mut single = Tally::new(2);
        single.add(&interval(0, 1, vec![part(0, Phase::Measurement, &whole, &whole)])).unwrap();
        prop_assert_eq!(split.report(facts(&spec)), single.report(facts(&spec)));
    }
}
