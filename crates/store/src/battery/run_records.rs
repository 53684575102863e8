//! How every store keeps a run's state, attempts, commands, phases and events.

use gauntlet_model::{
    lifecycle::{
        Action, Aim, End, Phase, ProcessingStatus, RunState, ShardStage, ShardState, Stage,
        StepPlan, StopReason, Window,
    },
    run::{Attempt, ControlEvent, PhaseEntry, PhaseTransition, RunEvent, RunEventKind},
    search::{Current, Outcome, Progress, SearchEnd, StepKind, Trial},
    template::{Level, Split},
    time::Timestamp,
};

use super::{
    paging::walk,
    runs::{advanced_by, conflict, control, numbered},
    samples::{after, all, attempt, attempts_at, event, moved, run, starting, step, stored},
};
use crate::Stores;

async fn every_state_comes_back(stores: &Stores, states: Vec<RunState>) {
    let mut one = stored(stores, &run("acme", "nightly")).await;
    for state in states {
        one.state = state;
        let mut change = moved(&one, one.state.stage.clone());
        change.run.state = one.state.clone();
        one.revision = advanced_by(stores, &change).await;
        assert_eq!(stores.runs.get(one.id).await, Ok(Some(one.clone())));
    }
}

/// A search with steps of every kind and outcome, one under load, and an end.
fn progress() -> Progress {
    let kinds = [
        StepKind::Grow,
        StepKind::Bisect,
        StepKind::Confirm,
        StepKind::BackOff,
        StepKind::Descend,
        StepKind::Repeat,
    ];
    let outcomes = [
        Outcome::Passed,
        Outcome::Queueing,
        Outcome::Errors,
        Outcome::Slo,
        Outcome::Latency,
        Outcome::Throughput,
        Outcome::Rate,
        Outcome::Gain,
        Outcome::Generator,
        Outcome::Abandoned,
    ];
    let steps = (1..).zip(outcomes).zip(kinds.into_iter().cycle());
    Progress {
        steps: steps
            .map(|((number, outcome), kind)| step(number, kind, outcome))
            .collect(),
        current: Some(Current {
            trial: Trial {
                step: 11,
                kind: StepKind::Grow,
                level: Level::Concurrency { connections: 3 },
            },
            begins: Timestamp(1),
            from: Timestamp(2),
            to: Timestamp(i64::MAX),
        }),
        end: Some((SearchEnd::MaxSteps, "the most \"steps\"".to_owned())),
    }
}

/// Every stage comes back, with and without what is optional in it.
pub async fn every_stage(stores: Stores) {
    let since = Timestamp(i64::MAX);
    let ends = Timestamp(i64::MIN);
    let mut stages = vec![
        Stage::Prepared,
        Stage::Waiting {
            since,
            deadline: ends,
        },
        starting(),
        Stage::Warmup { since, ends },
        Stage::Measurement { since, ends },
    ];
    for measured in [
        None,
        Some(Window {
            from: since,
            to: ends,
        }),
    ] {
        let end = End {
            reason: StopReason::UserStop,
            message: "asked \"nicely\"".to_owned(),
        };
        stages.push(Stage::Cooldown {
            since,
            deadline: ends,
            measured,
            end: end.clone(),
        });
        stages.push(Stage::Processing {
            since,
            measured,
            end,
        });
    }
    let shards = ShardStage::ALL.map(|stage| ShardState {
        worker: attempt(0, 1).worker,
        attempt: 3,
        stage,
        joined_after: 17,
        deadline: Some(ends),
    });
    let in_stage = |stage| RunState {
        stage,
        shards: shards.to_vec(),
        commands: 5,
        load_started: Some(since),
        split: Split::of(vec![1, 0, 10_000]),
        search: Some(progress()),
        warmup_steady: Some(false),
        ..RunState::prepared()
    };
    every_state_comes_back(&stores, stages.into_iter().map(in_stage).collect()).await;
}

/// Every reason to end comes back, with every fate of the report.
pub async fn every_end(stores: Stores) {
    let mut states = Vec::new();
    for reason in [
        StopReason::DurationElapsed,
        StopReason::SearchFinished,
        StopReason::BoundReached,
        StopReason::SloAbort,
        StopReason::Guardrail,
        StopReason::UserStop,
        StopReason::WorkerLost,
        StopReason::SetupError,
        StopReason::UserAbort,
    ] {
        for processing in [
            ProcessingStatus::Pending,
            ProcessingStatus::Running,
            ProcessingStatus::Completed,
            ProcessingStatus::Failed,
            ProcessingStatus::Skipped,
        ] {
            let stage = Stage::Done {
                at: Timestamp(1),
                measured: None,
                end: End {
                    reason,
                    message: String::new(),
                },
                processing,
            };
            states.push(RunState {
                stage,
                ..RunState::prepared()
            });
        }
    }
    every_state_comes_back(&stores, states).await;
}

/// Every state of an attempt comes back, with and without what is optional.
pub async fn every_attempt_stage(stores: Stores) {
    let one = stored(&stores, &run("acme", "nightly")).await;
    let mut change = moved(&one, starting());
    change.attempts = (0..)
        .zip(ShardStage::ALL)
        .map(|(shard, stage)| Attempt {
            stage,
            message: String::new(),
            ended: None,
            first_operation: None,
            clock_uncertainty: None,
            ..attempt(shard, 1)
        })
        .collect();
    advanced_by(&stores, &change).await;
    let attempts = attempts_at(2, &change.attempts);
    assert_eq!(stores.runs.attempts(one.id).await, Ok(attempts));
}

/// An attempt is replaced by what came later, and all stay in their order.
pub async fn newest_attempt_counts(stores: Stores) {
    let one = stored(&stores, &run("acme", "nightly")).await;
    let mut change = moved(&one, starting());
    change.attempts = vec![attempt(10, 1), attempt(2, 1), attempt(2, 1)];
    let first_of_ten = change.attempts[0].clone();
    change.run.revision = advanced_by(&stores, &change).await;
    let replaced = attempt(2, 1);
    change.attempts = vec![attempt(10, 2), replaced.clone()];
    let second_of_ten = change.attempts[0].clone();
    advanced_by(&stores, &change).await;
    let attempts = stores.runs.attempts(one.id).await;
    let expected = [
        attempts_at(3, &[replaced]),
        attempts_at(2, &[first_of_ten]),
        attempts_at(3, &[second_of_ten]),
    ];
    assert_eq!(attempts, Ok(expected.concat()));
}

/// Every command comes back, and so does the event that tells of it.
pub async fn every_action(stores: Stores) {
    let one = stored(&stores, &run("acme", "nightly")).await;
    let mut actions: Vec<Action> = Phase::ALL.map(Action::Start).to_vec();
    actions.extend(Phase::ALL.map(Action::SetPhase));
    actions.extend([
        Action::SetTarget(Level::Concurrency { connections: 7 }.into()),
        Action::SetTarget(Level::Rate { milli_per_s: 1 }.into()),
        Action::SetTarget(Aim {
            level: Level::Rate {
                milli_per_s: u64::MAX,
            },
            split: Split::of(vec![3, 0, u32::MAX]),
        }),
        Action::Step(StepPlan {
            step: 2,
            aim: Level::Concurrency { connections: 7 }.into(),
            settle_us: 1,
            window_us: i64::MAX,
        }),
        Action::Pause,
        Action::Resume,
        Action::Stop { drain_us: 0 },
        Action::Stop { drain_us: i64::MAX },
    ]);
    let mut change = moved(&one, starting());
    change.controls = (1..)
        .zip(actions)
        .map(|(sequence, action)| ControlEvent {
            sequence,
            at: Timestamp(-sequence),
            action,
        })
        .collect();
    let told = change.controls.iter().cloned().map(RunEventKind::Control);
    change.events = told.map(|kind| RunEvent { kind, ..event("") }).collect();
    advanced_by(&stores, &change).await;
    let events = stores.runs.events(one.id, after(1, 100)).await;
    let kinds = |events: Vec<RunEvent>| events.into_iter().map(|event| event.kind).collect();
    let stored: Vec<RunEventKind> = kinds(events.expect("events"));
    assert_eq!(stored, kinds(change.events));
    assert_eq!(stores.runs.controls(one.id, 0).await, Ok(change.controls));
}

/// Commands are given after a sequence, by sequence.
pub async fn commands_after_a_sequence(stores: Stores) {
    let one = stored(&stores, &run("acme", "nightly")).await;
    let mut change = moved(&one, starting());
    change.controls = vec![control(2), control(1), control(10)];
    advanced_by(&stores, &change).await;
    let after = async |sequence| stores.runs.controls(one.id, sequence).await;
    assert_eq!(
        after(0).await,
        Ok(vec![control(1), control(2), control(10)])
    );
    assert_eq!(after(1).await, Ok(vec![control(2), control(10)]));
    assert_eq!(after(10).await, Ok(vec![]));
}

/// Phases come in the order in which they were entered, also when the clock
/// says otherwise, and every phase comes back.
pub async fn phases_in_their_order(stores: Stores) {
    let one = stored(&stores, &run("acme", "nightly")).await;
    let mut change = moved(&one, starting());
    let entered: Vec<PhaseTransition> = (0..)
        .zip(Phase::ALL)
        .map(|(index, phase)| PhaseTransition {
            phase,
            at: Timestamp(1_000 - index),
        })
        .collect();
    for pair in entered.chunks(2) {
        change.phases = pair.to_vec();
        change.run.revision = advanced_by(&stores, &change).await;
    }
    assert_eq!(stores.runs.phases(one.id).await, Ok(entered));
}

/// The store numbers events, whatever number they come with.
pub async fn events_without_gaps(stores: Stores) {
    let one = stored(&stores, &run("acme", "nightly")).await;
    let other = stored(&stores, &run("acme", "nightly-2")).await;
    let wrong = RunEvent {
        sequence: 77,
        ..event("b")
    };
    stores
        .runs
        .append_events(one.id, &[wrong, event("c")])
        .await
        .expect("events");
    let mut change = moved(&one, starting());
    change.events = vec![event("d"), event("e")];
    advanced_by(&stores, &change).await;
    assert_eq!(stores.runs.advance(&change).await, conflict(&one));
    stores
        .runs
        .append_events(one.id, &[])
        .await
        .expect("no events");
    stores
        .runs
        .append_events(one.id, &[event("f")])
        .await
        .expect("an event");
    let events = stores.runs.events(one.id, all()).await;
    assert_eq!(
        events,
        Ok(numbered(1, &["created", "b", "c", "d", "e", "f"]))
    );
    let events = stores.runs.events(other.id, all()).await;
    assert_eq!(events, Ok(numbered(1, &["created"])));
}

/// Events of many writers have no gap and no repeat, and each call's stay together.
pub async fn events_of_many_writers(stores: Stores) {
    let one = stored(&stores, &run("acme", "nightly")).await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let (stores, run) = (stores.clone(), one.id);
        let pair = [event(&format!("{writer} a")), event(&format!("{writer} b"))];
        writers.spawn(async move { stores.runs.append_events(run, &pair).await });
    }
    for result in writers.join_all().await {
        let pair = result.expect("events");
        assert_eq!(pair[0].sequence + 1, pair[1].sequence);
    }
    let events = stores.runs.events(one.id, all()).await.expect("events");
    let sequences: Vec<i64> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, (1..=17).collect::<Vec<i64>>());
    for pair in events[1..].chunks(2) {
        assert_eq!(pair[0].message.replace('a', "b"), pair[1].message);
    }
}

/// Events are read page by page, also while others append.
pub async fn events_by_page(stores: Stores) {
    let one = stored(&stores, &run("acme", "nightly")).await;
    let messages: Vec<String> = (2..=10).map(|index| format!("event {index}")).collect();
    let events: Vec<RunEvent> = messages.iter().map(|message| event(message)).collect();
    stores
        .runs
        .append_events(one.id, &events)
        .await
        .expect("events");
    let list = |page| stores.runs.events(one.id, page);
    let found = walk(
        3,
        |event: &RunEvent| event.sequence,
        list,
        async |_| {
            let more = [event("more")];
            stores
                .runs
                .append_events(one.id, &more)
                .await
                .expect("an event");
        },
    )
    .await;
    let sequences: Vec<i64> = found.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, (1..=found.len() as i64).collect::<Vec<i64>>());
    assert!(found.len() >= 13, "{}", found.len());
    let one_after = stores.runs.events(one.id, after(3, 1)).await;
    assert_eq!(one_after, Ok(numbered(4, &["event 4"])));
}

/// Every kind of event comes back, with and without a shard.
pub async fn every_event_kind(stores: Stores) {
    let one = stored(&stores, &run("acme", "nightly")).await;
    let kinds = [
        RunEventKind::Status,
        RunEventKind::Phase,
        RunEventKind::Control(control(7)),
        RunEventKind::Worker(None),
        RunEventKind::Worker(Some(PhaseEntry {
            phase: Phase::Cooldown,
            at: Timestamp(i64::MAX),
            joined: true,
        })),
        RunEventKind::Error,
    ];
    let events: Vec<RunEvent> = (2..)
        .zip(kinds)
        .map(|(sequence, kind)| RunEvent {
            sequence,
            kind,
            shard: (sequence % 2 == 0).then_some(u32::MAX),
            ..event("")
        })
        .collect();
    stores
        .runs
        .append_events(one.id, &events)
        .await
        .expect("events");
    assert_eq!(stores.runs.events(one.id, after(1, 100)).await, Ok(events));
}

/// Free text comes back as it was; a NUL may be replaced, but never fails.
pub async fn strange_texts(stores: Stores) {
    let one = stored(&stores, &run("acme", "nightly")).await;
    for (sequence, text) in (2..).zip(["it's \"$1\"; -- 50%_\\", "é 漢 🦀\n\t\r", " ", ""]) {
        let stored = stores.runs.append_events(one.id, &[event(text)]).await;
        assert_eq!(stored, Ok(numbered(sequence, &[text])));
        let read = stores.runs.events(one.id, after(sequence - 1, 1)).await;
        assert_eq!(read, Ok(numbered(sequence, &[text])));
    }
    let stored = stores
        .runs
        .append_events(one.id, &[event("before\0after")])
        .await;
    assert_eq!(stored.map(|events| events.len()), Ok(1));
    let read = stores
        .runs
        .events(one.id, after(5, 1))
        .await
        .expect("an event");
    assert!(read[0].message.starts_with("before") && read[0].message.ends_with("after"));
}
