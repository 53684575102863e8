//! Seconds in which no operation ended.

use gauntlet_engine::Snapshot;
use gauntlet_model::interval::OperationInterval;

use super::*;

/// What the next interval says: operation, phase and how many succeeded.
fn told(todo: Vec<Do>) -> Vec<(u32, Phase, u64)> {
    let found = intervals(todo);
    let parts = found.iter().flat_map(|interval| &interval.operations);
    let count = |part: &OperationInterval| part.succeeded.response.count().unwrap();
    parts
        .map(|part| (part.operation, part.phase, count(part)))
        .collect()
}

fn nothing() -> Snapshot {
    Snapshot {
        in_flight: 5,
        ..snapshot(Vec::new())
    }
}

#[test]
fn they_are_told_with_the_phase_that_they_lie_in() {
    let mut script = Script::prepared();
    let begin = script.now;
    let after = |ms: u64| begin + Duration::from_millis(ms);
    let (warmup, measurement, cooldown) = (Phase::Warmup, Phase::Measurement, Phase::Cooldown);
    script.command(1, begin, Action::Start(warmup));
    // The border lies a little before the middle of the second second.
    script.command(2, after(1_400), Action::SetPhase(measurement));
    let none_of = |phase| vec![(0, phase, 0), (1, phase, 0)];
    assert_eq!(told(script.measure_with(nothing())), none_of(warmup));
    assert_eq!(told(script.measure_with(nothing())), none_of(measurement));
    // What was due before does not hide that the phase itself stands still, and
    // neither does another operation.
    let late = snapshot(vec![series(0, 0, Outcome::Ok, &[9, 9])]);
    let expected = vec![(0, warmup, 2), (0, measurement, 0), (1, measurement, 0)];
    assert_eq!(told(script.measure_with(late)), expected);
    let one = snapshot(vec![series(1, 1, Outcome::Ok, &[9])]);
    let expected = vec![(0, measurement, 0), (1, measurement, 1)];
    assert_eq!(told(script.measure_with(one)), expected);
    // A pause is no phase.
    script.command(3, script.now, Action::Pause);
    assert_eq!(told(script.measure_with(nothing())), none_of(measurement));
    script.command(
        4,
        script.now,
        Action::Stop {
            drain_us: 5_000_000,
        },
    );
    assert_eq!(told(script.measure_with(nothing())), none_of(cooldown));
}

#[test]
fn a_sliver_of_a_second_is_not_told_as_a_standstill() {
    let mut script = Script::prepared();
    script.command(1, script.now, Action::Start(Phase::Measurement));
    for (ms, parts) in [(3, 0), (499, 0), (500, 2)] {
        let start = script.now;
        script.now = start + Duration::from_millis(ms);
        let todo = script.on(measured(nothing(), start, script.now));
        assert_eq!(told(todo).len(), parts, "{ms} ms");
    }
}
