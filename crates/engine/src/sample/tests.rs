use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::target::ErrorClass;

/// An operation by its index, response time and failure.
type Ended = (u64, u64, Option<u8>);

fn sample(&(index, response_ns, code): &Ended, base: Instant) -> Sample {
    Sample {
        epoch: Epoch(0),
        index,
        key: None,
        due: base + Duration::from_nanos(index),
        response_ns,
        service_ns: response_ns,
        lag_ns: 0,
        rows: 0,
        failure: code.map(|code| Failure {
            class: ErrorClass::Other,
            code: code.to_string(),
            message: "scripted".into(),
        }),
    }
}

/// What writers that end operations in turns keep, in intervals of `interval` operations.
fn kept(ended: &[Ended], writers: usize, interval: usize, base: Instant) -> Samples {
    let mut samplers: Vec<Sampler> = (0..writers)
        .map(|seed| Sampler::new(1, seed as u64))
        .collect();
    let mut whole = Samples::default();
    for interval in ended.chunks(interval) {
        let mut parts = vec![Samples::default(); writers];
        for (turn, one) in interval.iter().enumerate() {
            let (sampler, part) = (&mut samplers[turn % writers], &mut parts[turn % writers]);
            let sample = sample(one, base);
            if let Some(failure) = &sample.failure {
                sampler.keep_failure(part, 0, failure, || sample.clone());
            }
            if sampler.notice(0, one.1) {
                sampler.keep(part, 0, sample);
            }
        }
        for part in parts {
            whole.merge(part);
        }
    }
    whole
}

proptest! {
    #[test]
    fn what_parts_keep_is_what_the_whole_keeps(
        ended in prop::collection::vec((0_u64..1_000_000, prop::option::of(0_u8..3)), 0..400),
        writers in 1_usize..5,
        interval in 1_usize..200,
    ) {
        let base = Instant::now();
        let ended: Vec<Ended> = ended
            .into_iter()
            .enumerate()
            .map(|(index, (response, code))| (index as u64, response, code))
            .collect();
        let samples = kept(&ended, writers, interval, base);
        let none = Kept::default();
        let kept = samples.operations().first().unwrap_or(&none);

        let mut slowest: Vec<u64> = ended.iter().map(|one| one.1).collect();
        slowest.sort_unstable_by(|a, b| b.cmp(a));
        slowest.truncate(SLOWEST);
        let found: Vec<u64> = kept.slowest().iter().map(|one| one.response_ns).collect();
        prop_assert_eq!(found, slowest);

        for code in 0..3 {
            let first = ended.iter().filter(|one| one.2 == Some(code)).map(|one| one.0);
            let found = kept.first_failures().filter(|one| {
                one.failure.as_ref().is_some_and(|failure| failure.code == code.to_string())
            });
            let found: Vec<u64> = found.map(|one| one.index).collect();
            prop_assert_eq!(found, first.take(FIRST).collect::<Vec<_>>());
        }

        prop_assert_eq!(kept.drawn().count(), ended.len().min(DRAWN));
        for one in kept.drawn().chain(kept.slowest()) {
            prop_assert_eq!(one, &sample(&ended[one.index as usize], base));
        }
    }
}

#[test]
fn every_operation_is_equally_likely_to_be_drawn() {
    let base = Instant::now();
    let ended: Vec<Ended> = (0..200).map(|index| (index, 1, None)).collect();
    let rounds = 4_000_u64;
    let mut counts = [0_u32; 4];
    for round in 0..rounds {
        let mut sampler = Sampler::new(1, round);
        let mut samples = Samples::default();
        for one in &ended {
            if sampler.notice(0, one.1) {
                sampler.keep(&mut samples, 0, sample(one, base));
            }
        }
        for one in samples.operations()[0].drawn() {
            counts[(one.index / 50) as usize] += 1;
        }
    }
    // Each quarter gets a quarter of the draws: 10,000, with a standard deviation below 87.
    assert_eq!(counts.iter().sum::<u32>(), rounds as u32 * DRAWN as u32);
    assert!(
        counts.iter().all(|count| count.abs_diff(10_000) < 400),
        "{counts:?}"
    );
}

#[test]
fn writers_with_unequal_shares_are_drawn_from_by_their_share() {
    let base = Instant::now();
    let mut few = 0;
    for round in 0..2_000 {
        let mut whole = Samples::default();
        for (writer, operations) in [(0, 20), (1, 180)] {
            let mut sampler = Sampler::new(1, round * 2 + writer);
            let mut part = Samples::default();
            for index in 0..operations {
                let one = (writer * 1_000 + index, 1, None);
                if sampler.notice(0, one.1) {
                    sampler.keep(&mut part, 0, sample(&one, base));
                }
            }
            whole.merge(part);
        }
        few += whole.operations()[0]
            .drawn()
            .filter(|one| one.index < 1_000)
            .count();
    }
    // A tenth of 20,000, with a standard deviation below 43.
    assert!(few.abs_diff(2_000) < 200, "{few}");
}

#[test]
fn the_kinds_of_failure_that_are_kept_are_bounded() {
    let base = Instant::now();
    let ended: Vec<Ended> = (0..=u8::MAX)
        .map(|code| (u64::from(code), 0, Some(code)))
        .collect();
    let samples = kept(&ended, 1, 7, base);
    assert_eq!(samples.operations()[0].first_failures().count(), KINDS);
}

#[test]
fn few_operations_are_looked_at() {
    let mut sampler = Sampler::new(1, 7);
    let mut samples = Samples::default();
    let base = Instant::now();
    let mut looked_at = 0;
    for index in 0..1_000_000_u64 {
        let response = index.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        if sampler.notice(0, response) {
            looked_at += 1;
            sampler.keep(&mut samples, 0, sample(&(index, response, None), base));
        }
    }
    // Ten times (1 + ln(100,000)) of each kind are expected: 125.
    assert!(looked_at < 500, "{looked_at}");
}
