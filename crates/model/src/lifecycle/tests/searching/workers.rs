//! A search whose workers come and go.

use super::*;
use crate::template::ScalingMode;

fn replacing() -> Timing {
    Timing {
        worker_loss: WorkerLossPolicy::Replace,
        ..searching()
    }
}

fn limited(step: u32) -> Event {
    let measured = Measured {
        generator: Some("CPU 99 %".to_owned()),
        ..Measured::default()
    };
    Event::StepMeasured {
        step,
        measured: Box::new(measured),
    }
}

#[test]
fn a_lost_shard_holds_the_search_until_it_is_replaced() {
    let replace = Event::Replace {
        shard: 1,
        worker: workers(3)[2],
    };
    let again = Event::ShardReady {
        shard: 1,
        attempt: 2,
    };
    let events = [measured(1, 800.0), lost(1), replace];
    let (state, ..) = go(&replacing(), &events);
    assert_eq!(state.search.as_ref().unwrap().current, None);
    assert_eq!(outcomes(&state)[1].2, Outcome::Abandoned);
    let (state, effects, _) = go(&replacing(), &then(events.to_vec(), &[again]));
    let [
        Effect::Command {
            at,
            action: Action::Start(Phase::Measurement),
            ..
        },
        Effect::Command {
            at: then,
            action: Action::Step(plan),
            ..
        },
    ] = &effects[..]
    else {
        panic!("{effects:?}")
    };
    assert_eq!(at, then);
    assert_eq!(plan.aim, Level::Concurrency { connections: 16 }.into());
    assert_eq!(current(&state).trial.kind, StepKind::Repeat);
}

#[test]
fn without_a_replacement_the_others_carry_the_whole_level() {
    let timing = Timing {
        worker_loss: WorkerLossPolicy::Continue,
        ..searching()
    };
    let (state, effects, _) = go(&timing, &[measured(1, 800.0), lost(1)]);
    assert_eq!(outcomes(&state)[1].2, Outcome::Abandoned);
    let [
        Effect::Command {
            action: Action::Step(plan),
            ..
        },
    ] = &effects[..]
    else {
        panic!("{effects:?}")
    };
    assert_eq!(plan.aim.split.weights(), [1, 0]);
    assert_eq!(plan.step, 3);
}

#[test]
fn a_step_that_the_generator_limited_is_repeated_with_another_worker() {
    let scaling = |mode| Timing {
        scaling: Scaling {
            mode,
            ..Scaling::default()
        },
        ..searching()
    };
    let (state, ..) = go(&scaling(ScalingMode::Fixed), &[limited(1)]);
    assert_eq!(state.end().unwrap().reason, StopReason::SearchFinished);
    assert_eq!(state.search.unwrap().end.unwrap().0, SearchEnd::Generator);

    let (state, ..) = go(
        &scaling(ScalingMode::Bounded { max_workers: 2 }),
        &[limited(1)],
    );
    assert_eq!(state.end().unwrap().reason, StopReason::BoundReached);
    assert_eq!(state.search.unwrap().end.unwrap().0, SearchEnd::Generator);

    let auto = scaling(ScalingMode::Auto);
    let (state, ..) = go(&auto, &[limited(1)]);
    assert_eq!(current(&state).trial.kind, StepKind::Repeat);

    // Told before the step was measured: the step waits for the worker.
    let scale_out = Event::ScaleOut {
        worker: workers(3)[2],
        message: String::new(),
    };
    let events = [scale_out, limited(1)];
    let (state, ..) = go(&auto, &events);
    assert_eq!(state.search.as_ref().unwrap().current, None);
    let joined = Event::ShardReady {
        shard: 2,
        attempt: 1,
    };
    let (state, effects, _) = go(&auto, &then(events.to_vec(), &[joined]));
    assert_eq!(current(&state).trial.step, 2);
    assert_eq!(state.split.weights(), [1, 1, 1]);
    assert_eq!(effects.len(), 2);
    let failed = Event::ShardFailed {
        shard: 2,
        attempt: 1,
        message: String::new(),
    };
    let (state, ..) = go(&auto, &then(events.to_vec(), &[failed]));
    assert_eq!(current(&state).trial.step, 2, "it goes on without");
}

#[test]
fn another_split_repeats_the_step() {
    let split = Split::of(vec![8, 10]);
    let rebalance = Event::Rebalance {
        split: split.clone(),
        message: String::new(),
    };
    let (state, effects, _) = go(&searching(), std::slice::from_ref(&rebalance));
    let [
        Effect::Command {
            action: Action::Step(plan),
            ..
        },
    ] = &effects[..]
    else {
        panic!("{effects:?}")
    };
    assert_eq!(plan.aim.split, split);
    assert_eq!(current(&state).trial.kind, StepKind::Repeat);
    let (_, effects, _) = go(&searching(), &[pause(), rebalance]);
    assert!(matches!(
        effects[..],
        [Effect::Command {
            action: Action::SetTarget(_),
            ..
        }]
    ));
}
