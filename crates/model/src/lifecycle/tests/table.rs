//! The table of all states and events, as people read it.

use std::{fmt::Write as _, fs, path::Path};

use super::*;

/// What stands in a cell of the printed table.
fn cell(state: &RunState, event: &Event) -> String {
    match state.on(&timing(), event.clone(), state.deadline().unwrap_or(T0)) {
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

/// The rows: a name and the events that lead there.
fn states() -> Vec<(&'static str, Vec<Event>)> {
    vec![
        ("PREPARED", vec![]),
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

/// The columns.
fn events() -> Vec<(&'static str, Event)> {
    let failed = Event::ShardFailed {
        shard: 1,
        attempt: 1,
        message: "x".to_owned(),
    };
    vec![
        ("start", start()),
        (
            "setup failed",
            Event::SetupFailed {
                message: "x".to_owned(),
            },
        ),
        ("shard ready", ready(1)),
        ("shard finished", finished(1)),
        ("shard failed", failed),
        ("worker lost", lost(1)),
        ("stop", stop()),
        ("abort", abort()),
        ("level", connections(2)),
        ("pause", pause()),
        ("shard aborted", give_up(1)),
        ("command late", late(9)),
        ("deadline", Event::DeadlineReached),
        ("report stored", Event::ReportStored),
        (
            "report failed",
            Event::ReportFailed {
                message: "x".to_owned(),
            },
        ),
        ("report made anew", Event::ReportRemade),
    ]
}

fn table() -> String {
    let (states, events) = (states(), events());
    let mut text = String::from(
        "# The states of a run\n\n\
         Printed by the test `the_table_is_the_code` of `gauntlet-model`; \
         `UPDATE_DOCS=1 cargo test -p gauntlet-model` prints it anew.\n\n\
         Each row is a status and phase of a run with two shards and the policy FAIL, each column \
         an event. A cell is the state that follows and, after the colon, what is done then. \
         `·` changes nothing, `refused` is an error to the caller.\n\n",
    );
    let _ = writeln!(
        text,
        "| | {} |",
        events
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(" | ")
    );
    let _ = writeln!(text, "|---|{}", "---|".repeat(events.len()));
    for (name, path) in states {
        let (state, ..) = fold(&timing(), &path);
        let cells: Vec<String> = events
            .iter()
            .map(|(_, event)| cell(&state, event))
            .collect();
        let _ = writeln!(text, "| **{name}** | {} |", cells.join(" | "));
    }
    let _ = write!(
        text,
        "\nDeadlines: STARTING ends after start_timeout; a phase's next command is sent {} ms before \
         its instant; COOLDOWN ends at the latest drain_timeout + {} s after the last operation was \
         due; PROCESSING after {} s \
         and a twentieth of the time under load. So every run that was started ends.\n\n\
         A level and a pause take effect {} ms after they were asked for, at all workers at once. \
         They prolong nothing: each phase ends when it would have ended, and a paused load was \
         asked for no operations. Asking for what holds already changes nothing. A run can be \
         adjusted {} times.\n",
        LEAD.as_millis(),
        DELIVERY.as_secs(),
        PROCESSING.as_secs(),
        ADJUST_LEAD.as_millis(),
        MOST_ADJUSTMENTS
    );
    text
}

#[test]
fn the_table_is_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/run-states.md");
    let table = table();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &table).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == table,
        "docs/run-states.md is not what the code does; print it anew: UPDATE_DOCS=1 cargo test -p gauntlet-model"
    );
}
