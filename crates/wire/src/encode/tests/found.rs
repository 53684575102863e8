//! What searches found, what targets said, and what shards did.

use gauntlet_model::{
    evidence::{Evidence, Period, Relation, StatementFigures, Wait},
    lifecycle::{Phase, ProcessingStatus},
    report::Summary,
    run::{Gauges, Worker, WorkerStatus},
    search::{
        Current, Figures, Findings, Fit, Outcome, Progress, SearchEnd, Step, StepKind, Trial,
    },
    template::Level,
};

use super::*;

fn connections(connections: u32) -> Level {
    Level::Concurrency { connections }
}

fn pb_connections(connections: u32) -> pb::LoadLevel {
    let level = pb::load_level::Level::Connections(connections);
    pb::LoadLevel { level: Some(level) }
}

fn a_step() -> Step {
    Step {
        trial: Trial {
            step: 1,
            kind: StepKind::BackOff,
            level: connections(8),
        },
        from: Timestamp(100),
        to: Timestamp(200),
        outcome: Outcome::Latency,
        message: "p95 9 ms, at most 8 ms".into(),
        figures: Figures {
            succeeded: 10,
            failed: 1,
            throughput_per_s: 5.0,
            low_per_s: 4.0,
            high_per_s: 6.0,
            response: Summary {
                p95_us: 9_000.0,
                ..Summary::default()
            },
            queue_ratio: Some(0.5),
        },
        transition_us: 7,
    }
}

#[test]
fn a_step_says_what_was_tried_and_what_became_of_it() {
    let expected = pb::Step {
        step: 1,
        kind: pb::StepKind::BackOff.into(),
        level: Some(pb_connections(8)),
        window_from_us: 100,
        window_to_us: 200,
        outcome: pb::StepOutcome::Latency.into(),
        message: "p95 9 ms, at most 8 ms".into(),
        succeeded: 10,
        failed: 1,
        throughput_per_s: 5.0,
        throughput_low_per_s: 4.0,
        throughput_high_per_s: 6.0,
        response: Some(pb::LatencySummary {
            p95_us: 9_000.0,
            ..pb::LatencySummary::default()
        }),
        queue_ratio: Some(0.5),
        transition_us: 7,
    };
    assert_eq!(step(&a_step()), expected);
}

#[test]
fn a_searching_run_shows_the_step_under_load() {
    let progress = Progress {
        steps: vec![Step {
            outcome: Outcome::Passed,
            ..a_step()
        }],
        current: Some(Current {
            trial: Trial {
                step: 2,
                kind: StepKind::Grow,
                level: connections(16),
            },
            begins: Timestamp(210),
            from: Timestamp(220),
            to: Timestamp(230),
        }),
        end: None,
    };
    let mut searching = a_run(RunState {
        search: Some(progress.clone()),
        warmup_steady: Some(false),
        ..RunState::prepared()
    });
    let search = a_plain_search();
    searching.spec.control.search = Some(search);
    let message = run(&searching, Timestamp(1));
    assert_eq!(message.warmup_steady, Some(false));
    let shown = message.search.unwrap();
    let current = shown.current.unwrap();
    assert_eq!((current.step, current.kind()), (2, pb::StepKind::Grow));
    assert_eq!(current.level, Some(pb_connections(16)));
    let times = (
        current.begins_us,
        current.window_from_us,
        current.window_to_us,
    );
    assert_eq!(times, (210, 220, 230));
    assert_eq!(shown.steps, 1);
    assert_eq!(shown.end, 0);
    assert_eq!(shown.best, Some(pb_connections(8)));
    assert_eq!(shown.best_throughput_per_s.to_string(), "5");
    assert_eq!(shown.baseline_p95_us.to_string(), "9000");
    assert_eq!(shown.failed, None);
    let follows = progress.preview(&search, searching.spec.load.level());
    assert_eq!(shown.next, follows.map(super::super::run::level));
}

#[test]
fn a_search_that_ended_says_why() {
    let progress = Progress {
        steps: vec![a_step()],
        current: None,
        end: Some((SearchEnd::NonePassed, "8 connections failed".into())),
    };
    let message = run(
        &a_run(RunState {
            search: Some(progress),
            ..RunState::prepared()
        }),
        Timestamp(1),
    );
    let shown = message.search.unwrap();
    assert_eq!(shown.end(), pb::SearchEnd::NonePassed);
    assert_eq!((shown.current, shown.next, shown.best), (None, None, None));
    assert_eq!(shown.failed, Some(pb_connections(8)));
}

fn a_plain_search() -> Search {
    Search {
        method: Method::Bisect(Bisect {
            growth: 2.0,
            resolution: 0.03,
            descend: false,
        }),
        step: Duration::from_secs(1),
        settle: Duration::ZERO,
        confirm: Duration::ZERO,
        max_level: 64.0,
        max_steps: 9,
        stop: StopSignals::default(),
    }
}

#[test]
fn findings_say_what_could_not_be_fitted() {
    let fit = Fit {
        lambda: 1.0,
        sigma: 2.0,
        sigma_interval: (1.5, 2.5),
        kappa: 3.0,
        kappa_interval: (2.5, 3.5),
        peak: Some((40.0, 900.0)),
        r_squared: 0.9,
        residuals: vec![0.5, -0.5],
    };
    let findings = Findings {
        end: SearchEnd::Found,
        message: "8 connections hold".into(),
        best: Some(connections(8)),
        best_step: 3,
        failed: Some(connections(9)),
        steps: vec![a_step()],
        fit: Ok(fit),
        knee: None,
        knee_message: "linear throughout".into(),
    };
    let message = super::super::search::findings(&findings);
    assert_eq!(message.end(), pb::SearchEnd::Found);
    assert_eq!(
        (message.best, message.failed),
        (Some(pb_connections(8)), Some(pb_connections(9)))
    );
    assert_eq!(
        (message.best_step, message.steps),
        (3, vec![step(&a_step())])
    );
    assert_eq!((message.knee, message.fit_message.as_str()), (None, ""));
    assert_eq!(message.knee_message, "linear throughout");
    let expected = pb::ScalabilityFit {
        lambda: 1.0,
        sigma: 2.0,
        sigma_low: 1.5,
        sigma_high: 2.5,
        kappa: 3.0,
        kappa_low: 2.5,
        kappa_high: 3.5,
        peak_connections: Some(40.0),
        peak_throughput_per_s: 900.0,
        r_squared: 0.9,
        residuals: vec![0.5, -0.5],
    };
    assert_eq!(message.fit, Some(expected));

    let without = Findings {
        fit: Err("two steps are too few".into()),
        ..findings
    };
    let message = super::super::search::findings(&without);
    assert_eq!(message.fit, None);
    assert_eq!(message.fit_message, "two steps are too few");
}

#[test]
fn evidence_has_means_and_kinds() {
    let figures = |calls, total_us| StatementFigures {
        operation: "read".into(),
        calls,
        total_us,
        rows: 3,
        pages_hit: 4,
        pages_read: 5,
    };
    let relation = |name: &str, index| Relation {
        name: name.into(),
        index,
        bytes: 8_192,
        grown_bytes: -1,
    };
    let said = Evidence {
        status: ProcessingStatus::Completed,
        message: String::new(),
        periods: vec![Period {
            phase: Phase::Measurement,
            from: Timestamp(1),
            to: Timestamp(2),
            statements: vec![figures(4, 10.0), figures(0, 0.0)],
            counters: vec![("xact_commit".into(), 12.0)],
            waits: vec![Wait {
                kind: "Lock".into(),
                event: "transactionid".into(),
                sessions: 1.5,
                share: 0.75,
            }],
            relations: vec![relation("items", false), relation("items_pkey", true)],
        }],
        settings: vec![("shared_buffers".into(), "128MB".into())],
        skipped: vec!["pg_stat_statements: the extension is not installed".into()],
    };
    let message = super::super::evidence::evidence(&said);
    assert_eq!(message.status(), pb::ProcessingStatus::Completed);
    assert_eq!(message.skipped, said.skipped);
    assert_eq!(message.settings[0].value, "128MB");
    let period = &message.periods[0];
    assert_eq!(period.phase(), pb::RunPhase::Measurement);
    let means: Vec<String> = period
        .statements
        .iter()
        .map(|statement| statement.mean_us.to_string())
        .collect();
    assert_eq!(means, ["2.5", "0"]);
    assert_eq!(period.counters[0].name, "xact_commit");
    assert_eq!(period.waits[0].event, "transactionid");
    let kinds: Vec<(&str, &str)> = period
        .relations
        .iter()
        .map(|relation| (relation.name.as_str(), relation.kind.as_str()))
        .collect();
    assert_eq!(kinds, [("items", "table"), ("items_pkey", "index")]);
}

#[test]
fn a_worker_says_whom_it_serves_and_how_it_does() {
    let runs = [RunId(Uuid::from_u128(1)), RunId(Uuid::from_u128(2))];
    let message = worker(&Worker {
        id: WorkerId(Uuid::nil()),
        name: "host".into(),
        status: WorkerStatus::Busy,
        capacity: 100,
        processors: 2,
        labels: BTreeMap::new(),
        version: String::new(),
        runs: runs.to_vec(),
        reserved: 30,
        gauges: Gauges {
            cpu: 0.5,
            memory_bytes: 7,
            in_flight: 8,
            backlog: 9,
            operations_per_s: 10.5,
        },
        attached: Timestamp(1),
        seen: Timestamp(2),
        clock_offset_us: 0,
        clock_uncertainty: None,
    });
    assert_eq!(message.run_id, runs[0].to_string());
    assert_eq!(message.run_ids, runs.map(|run| run.to_string()));
    assert_eq!((message.reserved, message.in_flight), (30, 8));
    assert_eq!((message.memory_bytes, message.backlog), (7, 9));
    let measured = (message.cpu, message.operations_per_s);
    assert_eq!(format!("{measured:?}"), "(0.5, 10.5)");
}
