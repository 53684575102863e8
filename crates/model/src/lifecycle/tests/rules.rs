//! What holds whatever happens to a run.

use proptest::prelude::*;

use super::*;
use crate::{
    search::{Figures, Measured, Outcome},
    template::{Bisect, Linear, Method, ScalingMode, Search, StopSignals},
};

/// Something that happens; what depends on the state is filled in there.
#[derive(Clone, Debug)]
enum Happening {
    Event(Event),
    /// The deadline comes, if there is one.
    Deadline,
    /// Each shard of the newest attempt that connects is ready.
    AllReady,
    /// The newest attempt of a shard.
    Ready(u32),
    Lost(u32),
    /// The figures of the step under load arrive.
    Measured(Measured),
}

impl Happening {
    /// The events, and how long they take to come.
    fn events(self, state: &RunState, now: Timestamp) -> (Vec<Event>, Timestamp) {
        let soon = now + Duration::from_millis(700);
        let attempt = |shard: u32| state.shards.get(shard as usize).map_or(1, |it| it.attempt);
        match self {
            Self::Event(event) => (vec![event], soon),
            Self::Deadline => (
                vec![Event::DeadlineReached],
                state.deadline().unwrap_or(soon).max(now),
            ),
            Self::AllReady => {
                let ready = state
                    .shards
                    .iter()
                    .zip(0..)
                    .map(|(it, shard)| Event::ShardReady {
                        shard,
                        attempt: it.attempt,
                    });
                (ready.collect(), soon)
            }
            Self::Ready(shard) => (
                vec![Event::ShardReady {
                    shard,
                    attempt: attempt(shard),
                }],
                soon,
            ),
            Self::Lost(shard) => {
                let message = "silent".to_owned();
                (
                    vec![Event::WorkerLost {
                        shard,
                        attempt: attempt(shard),
                        message,
                    }],
                    soon,
                )
            }
            Self::Measured(measured) => {
                let current = state.search.as_ref().and_then(|search| search.current);
                let (step, at) = current.map_or((1, soon), |it| (it.trial.step, it.to));
                let measured = Box::new(measured);
                (vec![Event::StepMeasured { step, measured }], at.max(now))
            }
        }
    }
}

fn a_measured() -> impl Strategy<Value = Happening> {
    (1_u32..4_000, 0_u64..3, prop::bool::weighted(0.1)).prop_map(|(throughput, failed, limited)| {
        let throughput_per_s = f64::from(throughput);
        let figures = Figures {
            succeeded: 100,
            failed,
            throughput_per_s,
            low_per_s: throughput_per_s,
            high_per_s: throughput_per_s,
            ..Figures::default()
        };
        Happening::Measured(Measured {
            figures,
            generator: limited.then(|| "CPU 99 %".to_owned()),
            ..Measured::default()
        })
    })
}

fn of_a_shard() -> impl Strategy<Value = Event> {
    (0_u32..4, 0_u32..3, 0..4).prop_map(|(shard, attempt, kind)| {
        let message = "x".to_owned();
        match kind {
            0 => Event::ShardReady { shard, attempt },
            1 => Event::ShardFinished { shard, attempt },
            2 => Event::ShardFailed {
                shard,
                attempt,
                message,
            },
            _ => Event::AbortShard {
                shard,
                attempt,
                message,
            },
        }
    })
}

fn of_the_shards() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0_u32..4, 9_u128..99).prop_map(|(shard, id)| Event::Replace {
            shard,
            worker: WorkerId(Uuid::from_u128(id)),
        }),
        (9_u128..99).prop_map(|id| Event::ScaleOut {
            worker: WorkerId(Uuid::from_u128(id)),
            message: String::new(),
        }),
        prop::collection::vec(0_u32..9, 1..5).prop_map(|weights| Event::Rebalance {
            split: Split::of(weights),
            message: String::new(),
        }),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    let message = || "x".to_owned();
    let breach = |reason| Event::Breach {
        reason,
        message: message(),
    };
    let rare = prop_oneof![
        Just(stop()),
        Just(abort()),
        Just(Event::SetupFailed { message: message() }),
        Just(breach(StopReason::Guardrail)),
        Just(Event::ReportFailed { message: message() }),
        Just(Event::ReportRemade),
        Just(Event::ReportStored),
        // One that is no longer, or not yet, due.
        Just(Event::DeadlineReached),
    ];
    let steering = prop_oneof![
        any::<bool>().prop_map(|paused| adjust(Adjustment::Paused(paused))),
        (0_u32..5).prop_map(connections),
        (0_u64..100).prop_map(late),
        Just(Event::Steady { message: message() }),
        Just(Event::Wait { message: message() }),
        Just(start()),
    ];
    prop_oneof![
        2 => Just(Happening::Event(start())),
        4 => Just(Happening::AllReady),
        3 => Just(Happening::Deadline),
        8 => a_measured(),
        4 => (0_u32..4).prop_map(Happening::Ready),
        2 => (0_u32..4).prop_map(Happening::Lost),
        1 => rare.prop_map(Happening::Event),
        4 => steering.prop_map(Happening::Event),
        2 => of_a_shard().prop_map(Happening::Event),
        4 => of_the_shards().prop_map(Happening::Event),
    ]
}

fn any_timing() -> impl Strategy<Value = Timing> {
    let search = Search {
        method: Method::Bisect(Bisect {
            growth: 2.0,
            resolution: 0.1,
            descend: true,
        }),
        step: Duration::from_millis(1_500),
        settle: Duration::from_millis(300),
        confirm: Duration::from_secs(3),
        max_level: 100.0,
        max_steps: 12,
        stop: StopSignals::default(),
    };
    let linear = Search {
        method: Method::Linear(Linear {
            increment: 8.0,
            backoffs: 2,
        }),
        ..search
    };
    (
        prop::sample::select(vec![
            WorkerLossPolicy::Fail,
            WorkerLossPolicy::Continue,
            WorkerLossPolicy::Replace,
        ]),
        prop::sample::select(vec![
            ScalingMode::Fixed,
            ScalingMode::Bounded { max_workers: 3 },
            ScalingMode::Auto,
        ]),
        prop::sample::select(vec![None, Some(search), Some(linear)]),
        prop::sample::select(vec![0, 3]),
        any::<bool>(),
    )
        .prop_map(|(worker_loss, mode, search, warmup, until_steady)| Timing {
            worker_loss,
            warmup: Duration::from_secs(warmup),
            until_steady,
            search,
            measurement: Duration::from_mins(2),
            scaling: Scaling {
                mode,
                ..Scaling::default()
            },
            ..timing()
        })
}

/// Every command so far, by its sequence.
#[derive(Default)]
struct Told(Vec<(Timestamp, Action)>);

impl Told {
    fn check(&mut self, before: &RunState, change: &Change) -> Result<(), TestCaseError> {
        for effect in &change.effects {
            let Effect::Command {
                sequence,
                at,
                action,
            } = effect
            else {
                continue;
            };
            let mut earlier = self.0.iter().filter(|(_, action)| !is_stop(action));
            prop_assert_eq!(
                *sequence,
                self.0.len() as i64 + 1,
                "commands are numbered without a gap"
            );
            // A stop may overtake what was to come before it; nothing else may.
            prop_assert!(
                is_stop(action) || earlier.all(|(earlier, _)| earlier <= at),
                "commands take effect in their order"
            );
            self.0.push((*at, action.clone()));
        }
        let state = &change.state;
        prop_assert_eq!(
            state.commands,
            self.0.len() as i64,
            "no command is forgotten"
        );
        for (entry, shard) in state.shards.iter().zip(0..) {
            let was_told = |sequence| before.is_for(shard, sequence);
            if entry.stage != ShardStage::Running || (1..=before.commands).any(was_told) {
                continue;
            }
            let first = (1..=state.commands).find(|&sequence| state.is_for(shard, sequence));
            let first = first.unwrap_or_default();
            prop_assert!(
                first > before.commands,
                "nobody is told what was before it came"
            );
            let (_, action) = &self.0[first as usize - 1];
            prop_assert!(matches!(action, Action::Start(_)), "a START comes first");
        }
        Ok(())
    }
}

fn is_stop(action: &Action) -> bool {
    matches!(action, Action::Stop { .. })
}

fn check_step(before: &RunState, after: &RunState, timing: &Timing) -> Result<(), TestCaseError> {
    if before.status().is_terminal() {
        prop_assert_eq!(
            before.status(),
            after.status(),
            "a terminal status never changes"
        );
        prop_assert_eq!(before.end(), after.end());
        prop_assert_eq!(before.measured(), after.measured());
        prop_assert_eq!(&before.shards, &after.shards);
        prop_assert_eq!(&before.search, &after.search);
    }
    if let (Some(then), Some(later)) = (before.phase(), after.phase()) {
        prop_assert!(then <= later, "phases never go back");
    }
    if let (Some(then), Some(later)) = (before.end(), after.end()) {
        prop_assert!(then.reason <= later.reason, "a weaker reason never wins");
    }
    for (then, later) in before.shards.iter().zip(&after.shards) {
        prop_assert!(then.attempt <= later.attempt, "attempts only increase");
        prop_assert!(
            then.attempt == later.attempt || !then.stage.is_live(),
            "no second attempt while the first lives"
        );
        prop_assert!(then.stage <= later.stage || then.attempt < later.attempt);
    }
    prop_assert!(before.shards.len() <= after.shards.len(), "shards stay");
    let running = after.status() == Status::Running;
    if running {
        let settled =
            |shard: &ShardState| shard.stage == ShardStage::Running || shard.deadline.is_some();
        prop_assert!(
            after
                .shards
                .iter()
                .all(|shard| !shard.stage.is_live() || settled(shard))
        );
    } else if after.load_started.is_some() {
        let owes = |shard: &ShardState| shard.stage == ShardStage::Running;
        prop_assert!(
            after
                .shards
                .iter()
                .all(|shard| !shard.stage.is_live() || owes(shard))
        );
        prop_assert!(after.shards.iter().all(|shard| shard.deadline.is_none()));
    }
    if let Some(search) = &after.search {
        let most = timing.search.map_or(0, |search| search.max_steps) as usize;
        prop_assert!(search.steps.len() <= most, "a search ends");
        prop_assert!(search.current.is_none() || search.end.is_none());
        prop_assert!(running || search.end.is_some(), "no search without load");
        for pair in search.steps.windows(2) {
            prop_assert!(pair[0].to <= pair[1].to && pair[0].trial.step + 1 == pair[1].trial.step);
        }
        for step in search
            .steps
            .iter()
            .filter(|step| step.outcome != Outcome::Abandoned)
        {
            let since = step.to.since(after.load_started.unwrap());
            prop_assert_eq!(since.subsec_micros(), 0, "windows end with intervals");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn whatever_happens_the_rules_hold(
        happenings in prop::collection::vec(happening(), 0..80),
        timing in any_timing(),
    ) {
        let (mut state, mut now, mut told) = (RunState::prepared(), T0, Told::default());
        for happening in happenings {
            let (events, at) = happening.events(&state, now);
            now = at;
            for event in events {
                match state.on(&timing, event, now) {
                    Ok(change) => {
                        told.check(&state, &change)?;
                        check_step(&state, &change.state, &timing)?;
                        state = change.state;
                    }
                    Err(refused) => prop_assert_eq!(refused.status, state.status()),
                }
            }
        }
        // From anywhere, deadlines alone end an active run.
        for _ in 0..12 + state.shards.len() {
            let Some(deadline) = state.deadline() else { break };
            now = deadline.max(now);
            let change = state.on(&timing, Event::DeadlineReached, now).unwrap();
            told.check(&state, &change)?;
            check_step(&state, &change.state, &timing)?;
            state = change.state;
        }
        prop_assert!(!state.status().is_active(), "every run ends, not in {:?}", state);
        let text = serde_json::to_string(&state).unwrap();
        prop_assert_eq!(serde_json::from_str::<RunState>(&text).unwrap(), state);
    }
}
