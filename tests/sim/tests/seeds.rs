//! The seeds that the CI plays. `make sim SEED=n` repeats one.

/// How many.
const SEEDS: u64 = 200;

#[test]
fn every_seed_holds_what_must_hold() {
    let broken: Vec<String> = (1..=SEEDS)
        .filter_map(|seed| {
            let outcome = gauntlet_sim::play(seed);
            let failed = !outcome.broken.is_empty();
            failed.then(|| format!("make sim SEED={seed}: {}", outcome.broken.join("; ")))
        })
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
