//! Whatever becomes of the steps, a search ends.

use proptest::prelude::*;

use super::*;

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        6 => Just(Outcome::Passed),
        4 => Just(Outcome::Latency),
        1 => Just(Outcome::Generator),
        1 => Just(Outcome::Abandoned),
    ]
}

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![
        (1.1..10.0, 0.001..0.5, any::<bool>()).prop_map(|(growth, resolution, descend)| {
            Method::Bisect(Bisect {
                growth,
                resolution,
                descend,
            })
        }),
        (0.1..200.0, 0_u32..20).prop_map(|(increment, backoffs)| Method::Linear(Linear {
            increment,
            backoffs
        })),
    ]
}

proptest! {
    /// Whatever becomes of the steps: it ends, no level is out of range, and the
    /// best level lies below the lowest that failed.
    #[test]
    fn every_search_ends(
        method in method(),
        outcomes in prop::collection::vec(outcome(), 200),
        first in 1_u32..500,
        open in any::<bool>(),
        max_steps in 1_u32..200,
        confirm in 0_u64..2,
        can_scale in any::<bool>(),
    ) {
        let first = if open {
            Level::Rate { milli_per_s: u64::from(first) * 100 }
        } else {
            connections(first)
        };
        let search = Search { max_steps, confirm: Duration::from_secs(confirm), ..search(method) };
        let mut progress = Progress::default();
        while let Next::Try(trial) = progress.next(&search, first, can_scale) {
            prop_assert!(progress.steps.len() < max_steps as usize);
            let tried = trial.level.value();
            prop_assert!(tried > 0.0 && tried <= search.max_level);
            let outcome = outcomes[progress.steps.len()];
            progress.steps.push(step(trial, outcome, "", Figures::default()));
            if let (Some(best), Some(failed)) = (progress.best(), progress.failed()) {
                prop_assert!(level::units(best.trial.level) < level::units(failed));
            }
        }
    }

    /// With room enough, the answer is exact to the resolution.
    #[test]
    fn a_cap_is_found_to_the_resolution(first in 1_u32..64, cap in 64_u64..1_000) {
        let progress = drive(&bisect(), connections(first), |_, trial| {
            let outcome = if level::units(trial.level) <= cap {
                Outcome::Passed
            } else {
                Outcome::Slo
            };
            (outcome, String::new(), Figures::default())
        });
        let best = level::units(progress.best().unwrap().trial.level);
        prop_assert!(best <= cap);
        prop_assert!(cap as f64 - best as f64 <= (0.03 * cap as f64).max(1.0) * 1.04);
    }
}
