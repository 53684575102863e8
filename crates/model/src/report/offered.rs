//! How much load an open loop was asked to offer.

use crate::{
    lifecycle::{Action, StepPlan, Window},
    run::ControlEvent,
    template::Level,
    time::Timestamp,
};

/// What an open loop was asked to offer in a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Offered {
    /// Operations that were to be due: the integral of the rate over the
    /// stretch, where a pause is a rate of zero, as is all after a stop.
    pub operations: f64,
    /// The mean rate.
    pub per_second: f64,
    /// How often the rate changed within the stretch.
    pub changes: u32,
}

impl Offered {
    /// From the template's rate and the run's commands, in their order.
    #[must_use]
    pub fn of(per_second: f64, window: Window, controls: &[ControlEvent]) -> Self {
        let (mut level, mut paused, mut stopped) = (per_second, false, false);
        let (mut rate, mut since) = (per_second, window.from);
        let (mut operations, mut changes) = (0.0, 0);
        for control in controls.iter().filter(|control| control.at < window.to) {
            match &control.action {
                Action::SetTarget(aim) | Action::Step(StepPlan { aim, .. }) => {
                    if let Level::Rate { milli_per_s } = aim.level {
                        level = milli_per_s as f64 / 1e3;
                    }
                }
                Action::Pause => paused = true,
                Action::Resume => paused = false,
                Action::Stop { .. } => stopped = true,
                Action::Start(_) | Action::SetPhase(_) => {}
            }
            let next = if paused || stopped { 0.0 } else { level };
            let at = control.at.max(since);
            operations += over(rate, since, at);
            changes += u32::from(at > window.from && next.total_cmp(&rate).is_ne());
            (rate, since) = (next, at);
        }
        operations += over(rate, since, window.to);
        let seconds = window.length().as_secs_f64();
        let steady = changes == 0 || seconds <= 0.0;
        Self {
            operations,
            per_second: if steady { rate } else { operations / seconds },
            changes,
        }
    }
}

fn over(rate: f64, from: Timestamp, to: Timestamp) -> f64 {
    rate * to.since(from).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::Phase;

    const SECOND: i64 = 1_000_000;

    fn offers(controls: &[(i64, Action)]) -> (f64, f64, u32) {
        let window = Window {
            from: Timestamp(10 * SECOND),
            to: Timestamp(20 * SECOND),
        };
        let controls: Vec<ControlEvent> = controls
            .iter()
            .zip(1..)
            .map(|((second, action), sequence)| ControlEvent {
                sequence,
                at: Timestamp(second * SECOND),
                action: action.clone(),
            })
            .collect();
        let offered = Offered::of(100.0, window, &controls);
        (offered.operations, offered.per_second, offered.changes)
    }

    fn rate(per_second: u64) -> Action {
        Action::SetTarget(
            Level::Rate {
                milli_per_s: per_second * 1_000,
            }
            .into(),
        )
    }

    #[test]
    fn the_offer_is_the_integral_of_the_rate() {
        let start = (5, Action::Start(Phase::Warmup));
        let measure = || (10, Action::SetPhase(Phase::Measurement));
        let stop = (20, Action::Stop { drain_us: 0 });
        let cases = [
            (vec![start, measure(), stop], (1_000.0, 100.0, 0)),
            // Changed in the warmup, or at the very start: one level throughout.
            (vec![(7, rate(30)), measure()], (300.0, 30.0, 0)),
            (vec![(10, rate(30)), measure()], (300.0, 30.0, 0)),
            (vec![(12, rate(200))], (1_800.0, 180.0, 1)),
            (vec![(12, rate(100))], (1_000.0, 100.0, 0)),
            (
                vec![(14, Action::Pause), (16, Action::Resume)],
                (800.0, 80.0, 2),
            ),
            // A level that is set while the load is paused waits.
            (
                vec![(8, Action::Pause), (12, rate(10)), (15, Action::Resume)],
                (50.0, 5.0, 1),
            ),
            (vec![(12, Action::Pause)], (200.0, 20.0, 1)),
            (
                vec![(15, Action::Stop { drain_us: 0 }), (17, rate(50))],
                (500.0, 50.0, 1),
            ),
            (vec![(5, Action::Pause)], (0.0, 0.0, 0)),
            (vec![(20, rate(1)), (25, rate(7))], (1_000.0, 100.0, 0)),
        ];
        for (controls, expected) in cases {
            assert_eq!(offers(&controls), expected, "{controls:?}");
        }
    }

    #[test]
    fn nothing_is_offered_in_no_time() {
        let now = Timestamp(SECOND);
        let window = Window { from: now, to: now };
        let offered = Offered::of(100.0, window, &[]);
        assert_eq!((offered.operations, offered.per_second), (0.0, 100.0));
    }
}
