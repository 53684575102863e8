//! The table of all states and events, as people read it.

use std::{fmt::Write as _, fs, path::Path};

use super::*;

mod page;

/// What stands in a cell of the printed table.
fn cell(timing: &Timing, state: &RunState, event: &Event) -> String {
    let now = if *event == Event::DeadlineReached {
        state.deadline()
    } else {
        state.phase_started()
    };
    match state.on(timing, event.clone(), now.unwrap_or(T0)) {
        Err(_) => "refused".to_owned(),
        Ok(change) if change.state == *state && change.effects.is_empty() => "·".to_owned(),
        Ok(change) => {
            let status = change.state.status().as_str();
            let phase = change.state.phase().map_or("-", Phase::as_str);
            let effects: Vec<&str> = change
                .effects
                .iter()
                .map(|effect| match effect {
                    Effect::Assign => "assign",
                    Effect::AssignShard { .. } => "assign the shard",
                    Effect::Command {
                        action: Action::Start(_),
                        ..
                    } => "START",
                    Effect::Command {
                        action: Action::SetPhase(_),
                        ..
                    } => "SET_PHASE",
                    Effect::Command {
                        action: Action::Stop { .. },
                        ..
                    } => "STOP",
                    Effect::Command {
                        action: Action::SetTarget(_),
                        ..
                    } => "SET_TARGET",
                    Effect::Command {
                        action: Action::Step(_),
                        ..
                    } => "STEP",
                    Effect::Command {
                        action: Action::Pause,
                        ..
                    } => "PAUSE",
                    Effect::Command {
                        action: Action::Resume,
                        ..
                    } => "RESUME",
                    Effect::ReleaseShard { .. } => "release the shard",
                    Effect::Release => "release",
                    Effect::MakeReport => "report",
                })
                .collect();
            if effects.is_empty() {
                format!("{status} {phase}")
            } else {
                format!("{status} {phase}: {}", effects.join(", "))
            }
        }
    }
}

/// The rows of the first tables.
fn states() -> Vec<Row> {
    vec![
        ("PREPARED", vec![]),
        ("STARTING PREPARING, waiting for workers", vec![wait()]),
        (
            "STARTING PREPARING, last shard missing",
            vec![start(), ready(0)],
        ),
        ("RUNNING WARMUP", vec![start(), ready(0), ready(1)]),
        ("RUNNING MEASUREMENT", to_measurement()),
        (
            "STOPPING COOLDOWN, last shard missing",
            then(to_measurement(), &[Event::DeadlineReached, finished(0)]),
        ),
        (
            "STOPPING PROCESSING",
            then(
                to_measurement(),
                &[Event::DeadlineReached, finished(0), finished(1)],
            ),
        ),
        (
            "COMPLETED DONE",
            then(
                to_measurement(),
                &[
                    Event::DeadlineReached,
                    finished(0),
                    finished(1),
                    Event::ReportStored,
                ],
            ),
        ),
        (
            "COMPLETED DONE, without a report",
            then(
                to_measurement(),
                &[
                    Event::DeadlineReached,
                    finished(0),
                    finished(1),
                    Event::ReportFailed {
                        message: "x".to_owned(),
                    },
                ],
            ),
        ),
        ("CANCELLED DONE", vec![stop()]),
    ]
}

/// A row: its name and the events that lead there.
type Row = (&'static str, Vec<Event>);
/// A column: its name and its event.
type Column = (&'static str, Event);

/// What people ask for, what time brings, and the report.
fn asked() -> Vec<Column> {
    let message = || "x".to_owned();
    vec![
        ("wait", wait()),
        ("start", start()),
        ("setup failed", Event::SetupFailed { message: message() }),
        ("stop", stop()),
        ("abort", abort()),
        ("level", connections(2)),
        ("pause", pause()),
        ("deadline", Event::DeadlineReached),
        ("report stored", Event::ReportStored),
        ("report failed", Event::ReportFailed { message: message() }),
        ("report made anew", Event::ReportRemade),
    ]
}

/// What becomes of the second shard, and workers that come.
fn of_shards() -> Vec<Column> {
    let message = || "x".to_owned();
    let (shard, attempt, worker) = (1, 1, workers(3)[2]);
    let failed = Event::ShardFailed {
        shard,
        attempt,
        message: message(),
    };
    vec![
        ("shard ready", ready(1)),
        ("shard finished", finished(1)),
        ("shard failed", failed),
        ("worker lost", lost(1)),
        ("shard aborted", give_up(1)),
        ("command late", late(9)),
        ("replace", Event::Replace { shard, worker }),
        (
            "scale out",
            Event::ScaleOut {
                worker,
                message: message(),
            },
        ),
    ]
}

/// What is found out of a load.
fn found_out() -> Vec<Column> {
    let message = || "x".to_owned();
    let (reason, split) = (StopReason::Guardrail, Split::of(vec![1, 2]));
    vec![
        (
            "rebalance",
            Event::Rebalance {
                split,
                message: message(),
            },
        ),
        ("steady", Event::Steady { message: message() }),
        (
            "condition",
            Event::Breach {
                reason,
                message: message(),
            },
        ),
        ("step measured", measured()),
    ]
}

fn measured() -> Event {
    let (step, measured) = (1, Box::default());
    Event::StepMeasured { step, measured }
}

/// Runs whose shards come and go under load.
fn joining() -> (Timing, Vec<Row>, Vec<Column>) {
    let timing = Timing {
        worker_loss: WorkerLossPolicy::Replace,
        measurement: Duration::from_mins(2),
        scaling: Scaling {
            mode: crate::template::ScalingMode::Auto,
            ..Scaling::default()
        },
        ..timing()
    };
    let (shard, attempt, worker) = (1, 2, workers(3)[2]);
    let replace = Event::Replace { shard, worker };
    let message = || "x".to_owned();
    let added = Event::ScaleOut {
        worker,
        message: message(),
    };
    let rows = vec![
        ("the worker of shard 1 lost", vec![lost(1)]),
        ("its replacement connects", vec![lost(1), replace.clone()]),
        ("an added worker connects", vec![added.clone()]),
    ];
    let again = Event::WorkerLost {
        shard,
        attempt,
        message: message(),
    };
    let columns = vec![
        ("replace", replace),
        ("replacement ready", Event::ShardReady { shard, attempt }),
        ("replacement lost", again),
        ("added worker ready", ready(2)),
        ("added worker lost", lost(2)),
        ("shard 0 aborted", give_up(0)),
        ("deadline", Event::DeadlineReached),
        ("stop", stop()),
    ];
    let rows = rows
        .into_iter()
        .map(|(name, more)| (name, then(to_measurement(), &more)));
    (timing, rows.collect(), columns)
}

/// Runs with a search.
fn searching() -> (Timing, Vec<Row>, Vec<Column>) {
    let timing = Timing {
        worker_loss: WorkerLossPolicy::Replace,
        ..super::searching::searching()
    };
    let worker = workers(3)[2];
    let begun = || vec![start(), ready(0), ready(1)];
    let replace = Event::Replace { shard: 1, worker };
    let rows = vec![
        ("a step is under load", begun()),
        ("paused", then(begun(), &[pause()])),
        ("a replacement connects", then(begun(), &[lost(1), replace])),
    ];
    let joined = Event::ShardReady {
        shard: 1,
        attempt: 2,
    };
    let mut columns = vec![
        ("step measured", super::searching::measured(1, 800.0)),
        ("level", connections(2)),
        ("pause", pause()),
        ("resume", adjust(Adjustment::Paused(false))),
        ("worker lost", lost(0)),
        ("replacement ready", joined),
    ];
    columns.extend(
        found_out()
            .into_iter()
            .filter(|(name, _)| *name == "rebalance"),
    );
    columns.extend([("deadline", Event::DeadlineReached), ("stop", stop())]);
    (timing, rows, columns)
}

fn grid(timing: &Timing, rows: Vec<Row>, columns: &[Column]) -> String {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let mut text = format!("| | {} |\n", names.join(" | "));
    let _ = writeln!(text, "|---|{}", "---|".repeat(columns.len()));
    for (name, path) in rows {
        let (state, ..) = fold(timing, &path);
        let cells: Vec<String> = columns
            .iter()
            .map(|(_, event)| cell(timing, &state, event))
            .collect();
        let _ = writeln!(text, "| **{name}** | {} |", cells.join(" | "));
    }
    text
}

#[test]
fn the_table_is_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/run-states.md");
    let page = page::page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == page,
        "docs/run-states.md is not what the code does; print it anew: UPDATE_DOCS=1 cargo test -p gauntlet-model"
    );
}
