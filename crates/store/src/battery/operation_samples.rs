//! What every store of samples does.

use gauntlet_model::{
    id::RunId,
    interval::ErrorClass,
    lifecycle::Phase,
    sample::{OperationSample, SampleKind, SampledError},
    session::AttemptRef,
    time::Timestamp,
};
use uuid::Uuid;

use super::{
    paging::walk,
    samples::{all, run, stored},
};
use crate::{Error, SampleFilter, SampleKey, Sampled, Stores};

const ANY: SampleFilter = SampleFilter {
    operation: None,
    kind: None,
    phase: None,
};

/// A sample of shard 1, attempt 2.
fn sample(run: RunId, operation: u32, kind: SampleKind, index: u64) -> OperationSample {
    OperationSample {
        attempt: AttemptRef {
            run,
            shard: 1,
            attempt: 2,
        },
        operation,
        phase: Phase::Measurement,
        kind,
        index,
        due: Timestamp(-5),
        response_ns: u64::MAX,
        service_ns: 6,
        lag_ns: 7,
        rows: 8,
        error: (kind == SampleKind::FirstError).then(|| SampledError {
            class: ErrorClass::Timeout,
            code: "57014".to_owned(),
            message: "it's \"late\" — ö".to_owned(),
        }),
        parameters: "$1 = 'é'".to_owned(),
    }
}

/// The place of a sample of that attempt.
fn placed(rank: u32, sample: &OperationSample) -> Sampled {
    Sampled {
        key: SampleKey {
            operation: sample.operation,
            kind: sample.kind,
            shard: sample.attempt.shard,
            attempt: sample.attempt.attempt,
            rank,
        },
        sample: sample.clone(),
    }
}

async fn a_run(stores: &Stores) -> RunId {
    stored(stores, &run("acme", "nightly")).await.id
}

async fn put(stores: &Stores, samples: &[OperationSample]) {
    assert_eq!(stores.samples.put(samples).await, Ok(()));
}

async fn listed(stores: &Stores, run: RunId) -> Vec<Sampled> {
    let list = stores.samples.list(run, ANY, all()).await;
    list.expect("a list")
}

/// What is read is what was stored, in the order of the places.
pub async fn kept_whole(stores: Stores) {
    let run = a_run(&stores).await;
    let mut samples = Vec::new();
    for operation in [10, 9] {
        for kind in SampleKind::ALL {
            samples.push(sample(run, operation, kind, u64::MAX));
            samples.push(sample(run, operation, kind, 1));
        }
    }
    put(&stores, &samples).await;
    let mut expected: Vec<Sampled> = (0..)
        .zip(&samples)
        .map(|(place, sample)| placed(place % 2, sample))
        .collect();
    expected.sort_by_key(|one| one.key.order());
    assert_eq!(listed(&stores, run).await, expected);
    assert_eq!(stores.samples.put(&[]).await, Ok(()));
}

/// A set takes the place of the one before, and of no other.
pub async fn replaced_by_set(stores: Stores) {
    let run = a_run(&stores).await;
    let slow = |index| sample(run, 0, SampleKind::Slowest, index);
    let drawn = sample(run, 0, SampleKind::Reservoir, 4);
    let mut elsewhere = slow(5);
    elsewhere.attempt.shard = 2;
    put(&stores, &[slow(1), slow(2), slow(3), drawn.clone()]).await;
    put(&stores, std::slice::from_ref(&elsewhere)).await;
    put(&stores, &[slow(9)]).await;
    let expected = [
        placed(0, &drawn),
        placed(0, &slow(9)),
        placed(0, &elsewhere),
    ];
    assert_eq!(listed(&stores, run).await, expected);
}

/// By operation, kind and phase.
pub async fn filtered(stores: Stores) {
    let run = a_run(&stores).await;
    let mut samples = Vec::new();
    for operation in 0..2 {
        for kind in SampleKind::ALL {
            for phase in [Phase::Warmup, Phase::Measurement] {
                let one = sample(run, operation, kind, 1);
                samples.push(OperationSample { phase, ..one });
            }
        }
    }
    put(&stores, &samples).await;
    let everything = listed(&stores, run).await;
    assert_eq!(everything.len(), samples.len());
    for operation in [None, Some(1), Some(2)] {
        for kind in [None, Some(SampleKind::Slowest)] {
            for phase in [None, Some(Phase::Warmup)] {
                let filter = SampleFilter {
                    operation,
                    kind,
                    phase,
                };
                let expected: Vec<Sampled> = everything
                    .iter()
                    .filter(|one| operation.is_none_or(|wanted| wanted == one.key.operation))
                    .filter(|one| kind.is_none_or(|wanted| wanted == one.key.kind))
                    .filter(|one| phase.is_none_or(|wanted| wanted == one.sample.phase))
                    .cloned()
                    .collect();
                let found = stores.samples.list(run, filter, all()).await;
                assert_eq!(found, Ok(expected), "{filter:?}");
            }
        }
    }
}

/// Every page goes on where the one before ended.
pub async fn by_page(stores: Stores) {
    let run = a_run(&stores).await;
    let mut samples = Vec::new();
    for shard in [0, 10, 2] {
        for kind in SampleKind::ALL {
            let mut one = sample(run, shard % 3, kind, 1);
            one.attempt.shard = shard;
            samples.extend([one.clone(), one]);
        }
    }
    put(&stores, &samples).await;
    let everything = listed(&stores, run).await;
    assert!(everything.is_sorted_by_key(|one| one.key.order()));
    for limit in [1, 4, 18] {
        let list = |page| stores.samples.list(run, ANY, page);
        let key = |one: &Sampled| one.key;
        assert_eq!(walk(limit, key, list, async |_| ()).await, everything);
    }
}

/// One sample of an unknown run keeps all others out.
pub async fn all_or_none(stores: Stores) {
    let run = a_run(&stores).await;
    let slow = |run| sample(run, 0, SampleKind::Slowest, 1);
    let mixed = [slow(run), slow(RunId(Uuid::now_v7()))];
    let refused = stores.samples.put(&mixed).await;
    assert!(matches!(refused, Err(Error::Missing(_))), "{refused:?}");
    assert_eq!(listed(&stores, run).await, []);
    put(&stores, &mixed[..1]).await;
}
