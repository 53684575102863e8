use proptest::prelude::*;

use super::*;

const LIMITS: Guardrails = Guardrails {
    mode: GuardrailMode::Soft,
    max_worker_cpu: Some(0.9),
    max_worker_memory_bytes: Some(1_000_000_000),
    max_error_ratio: Some(0.05),
    max_queue_ratio: Some(0.5),
    patience_s: 3,
};

fn hard() -> Guardrails {
    Guardrails {
        mode: GuardrailMode::Hard,
        ..LIMITS
    }
}

fn gauges(cpus: &[f64]) -> Vec<WorkerGauges> {
    let shards = cpus.iter().zip(0..);
    shards
        .map(|(cpu, shard)| WorkerGauges {
            shard,
            cpu: Some(*cpu),
            memory_bytes: 50_000_000,
        })
        .collect()
}

fn second(workers: &[WorkerGauges]) -> Second<'_> {
    Second {
        workers,
        succeeded: 1_000,
        failed: 0,
        queue_ratio: None,
    }
}

/// The first thing that is decided, and in which second, of so many alike.
fn first(limits: Guardrails, second: &Second<'_>, seconds: u32) -> Option<(u32, Decision)> {
    let mut watch = Watch::new(limits);
    (1..=seconds).find_map(|at| {
        let decision = watch.push(second, &Split::default());
        (decision != Decision::Nothing).then_some((at, decision))
    })
}

fn end(message: &str, of_workers: bool) -> Decision {
    Decision::End {
        message: message.to_owned(),
        of_workers,
    }
}

#[test]
fn hard_limits_end_the_run_after_the_patience() {
    let calm = gauges(&[0.2, 0.9]);
    assert_eq!(first(hard(), &second(&calm), 100), None);
    let busy = gauges(&[0.2, 0.95]);
    let message = "the worker of shard 1 uses 95 % of its processors, 90 % are allowed, for 3 s";
    assert_eq!(
        first(hard(), &second(&busy), 100),
        Some((3, end(message, true)))
    );
    let mut large = gauges(&[0.2]);
    large[0].memory_bytes = 1_500_000_000;
    let message = "the worker of shard 0 holds 1500.0 MB of memory, 1000.0 MB are allowed, for 3 s";
    assert_eq!(
        first(hard(), &second(&large), 100),
        Some((3, end(message, true)))
    );
}

#[test]
fn limits_of_the_whole_run_end_it_in_both_modes() {
    let calm = gauges(&[0.2, 0.2]);
    let failing = Second {
        succeeded: 90,
        failed: 10,
        ..second(&calm)
    };
    let queueing = Second {
        queue_ratio: Some(0.75),
        ..second(&calm)
    };
    for limits in [LIMITS, hard()] {
        let message = "10.0 % of the operations failed, 5.0 % are allowed, for 3 s";
        assert_eq!(first(limits, &failing, 100), Some((3, end(message, false))));
        let message = "75.0 % of the sessions waited at the target, 50.0 % are allowed, for 3 s";
        assert_eq!(
            first(limits, &queueing, 100),
            Some((3, end(message, false)))
        );
    }
}

#[test]
fn what_is_not_limited_is_not_looked_at() {
    let none = Guardrails {
        max_worker_cpu: None,
        max_worker_memory_bytes: None,
        max_error_ratio: None,
        max_queue_ratio: None,
        ..hard()
    };
    let workers = gauges(&[1.0]);
    let worst = Second {
        succeeded: 0,
        failed: 9,
        queue_ratio: Some(1.0),
        ..second(&workers)
    };
    assert_eq!(first(none, &worst, 100), None);
    let mut inside = gauges(&[1.0]);
    inside[0].cpu = None;
    assert_eq!(first(hard(), &second(&inside), 100), None);
}

#[test]
fn a_good_second_ends_the_row_and_one_without_news_does_not() {
    let calm = gauges(&[0.2]);
    let split = Split::default();
    let failing = Second {
        succeeded: 0,
        failed: 10,
        ..second(&calm)
    };
    let silent = Second {
        succeeded: 0,
        failed: 0,
        ..second(&calm)
    };
    let mut watch = Watch::new(hard());
    for given in [
        failing,
        failing,
        second(&calm),
        failing,
        silent,
        failing,
        silent,
    ] {
        assert_eq!(watch.push(&given, &split), Decision::Nothing);
    }
    assert!(matches!(watch.push(&failing, &split), Decision::End { .. }));
}

#[test]
fn soft_takes_load_from_the_worker_that_crosses() {
    let mut watch = Watch::new(LIMITS);
    let busy = gauges(&[0.2, 0.95, 0.2]);
    let equal = Split::default();
    assert_eq!(watch.push(&second(&busy), &equal), Decision::Nothing);
    assert_eq!(watch.push(&second(&busy), &equal), Decision::Nothing);
    let Decision::Rebalance { split, message } = watch.push(&second(&busy), &equal) else {
        panic!("the worker is not backed off");
    };
    assert_eq!(
        message,
        "the worker of shard 1 uses 95 % of its processors, 90 % are allowed, for 3 s: it gets a fifth less load, 26.7 % of the run's"
    );
    assert_eq!(split, Split::of(vec![366_667, 266_667, 366_667]));
    // It has a new patience.
    assert_eq!(watch.push(&second(&busy), &split), Decision::Nothing);
    assert_eq!(watch.push(&second(&busy), &split), Decision::Nothing);
    assert!(matches!(
        watch.push(&second(&busy), &split),
        Decision::Rebalance { .. }
    ));
}

#[test]
fn soft_ends_when_all_workers_cross() {
    let alone = gauges(&[0.95]);
    let message = "all workers are beyond a limit: that of shard 0 uses 95 % of its processors, 90 % are allowed";
    assert_eq!(
        first(LIMITS, &second(&alone), 9),
        Some((3, end(message, true)))
    );
    // One after the other: the first was backed off and is still beyond.
    let mut watch = Watch::new(LIMITS);
    let (one, both) = (gauges(&[0.95, 0.5]), gauges(&[0.95, 0.95]));
    let split = Split::default();
    for busy in [&one, &one] {
        assert_eq!(watch.push(&second(busy), &split), Decision::Nothing);
    }
    let Decision::Rebalance { split, .. } = watch.push(&second(&one), &split) else {
        panic!("the first is not backed off");
    };
    for busy in [&both, &both] {
        assert_eq!(watch.push(&second(busy), &split), Decision::Nothing);
    }
    assert!(matches!(
        watch.push(&second(&both), &split),
        Decision::End {
            of_workers: true,
            ..
        }
    ));
}

#[test]
fn a_worker_that_left_is_forgotten() {
    let mut watch = Watch::new(LIMITS);
    let both = gauges(&[0.95, 0.2]);
    for _ in 0..2 {
        watch.push(&second(&both), &Split::default());
    }
    let left = [both[1]];
    let split = Split::of(vec![0, 1]);
    assert_eq!(watch.push(&second(&left), &split), Decision::Nothing);
    // One that comes back has its whole patience.
    for _ in 0..2 {
        assert_eq!(
            watch.push(&second(&both), &Split::default()),
            Decision::Nothing
        );
    }
    assert!(matches!(
        watch.push(&second(&both), &Split::default()),
        Decision::Rebalance { .. }
    ));
}

/// However long one worker stays beyond its limit, it is backed off a bounded
/// number of times, and keeps a tenth of an equal part.
#[test]
fn taking_load_back_ends() {
    for workers in [2_usize, 3, 50] {
        let mut cpus = vec![0.2; workers];
        cpus[0] = 0.99;
        let busy = gauges(&cpus);
        let live: Vec<u32> = (0..workers as u32).collect();
        let mut watch = Watch::new(LIMITS);
        let (mut split, mut times) = (Split::default(), 0);
        for _ in 0..200 {
            match watch.push(&second(&busy), &split) {
                Decision::Rebalance { split: next, .. } => (split, times) = (next, times + 1),
                Decision::Nothing => {}
                Decision::End { message, .. } => panic!("{message}"),
            }
        }
        assert_eq!(times, 10, "{workers} workers");
        assert!(part(&split, &live, 0) * workers as f64 >= LEAST * 0.999);
    }
}

#[test]
fn nobody_takes_over_from_the_last_one() {
    assert_eq!(split_after(&Split::default(), &[0], 0), None);
    assert_eq!(split_after(&Split::of(vec![0, 5]), &[1], 1), None);
    // Without a part there is nothing to take.
    assert_eq!(split_after(&Split::of(vec![5]), &[0, 1], 1), None);
}

proptest! {
    #[test]
    fn what_one_leaves_the_others_share(
        weights in prop::collection::vec(0_u32..1_000_000, 2..20),
        gone in prop::collection::vec(any::<bool>(), 20),
        chosen in 0_usize..20,
    ) {
        let split = Split::of(weights.clone());
        let live: Vec<u32> = (0..weights.len() as u32).filter(|at| !gone[*at as usize]).collect();
        prop_assume!(!live.is_empty());
        let shard = live[chosen % live.len()];
        if let Some(next) = split_after(&split, &live, shard) {
            let before = part(&split, &live, shard);
            let sum: f64 = next.weights().iter().map(|weight| f64::from(*weight)).sum();
            prop_assert!((sum - WHOLE).abs() < 20.0);
            prop_assert!((part(&next, &live, shard) - before * KEPT).abs() < 1e-4);
            for other in live.iter().filter(|other| **other != shard) {
                prop_assert!(part(&next, &live, *other) >= part(&split, &live, *other) - 1e-4);
            }
            for (index, weight) in next.weights().iter().enumerate() {
                prop_assert!(*weight == 0 || live.contains(&(index as u32)));
            }
        }
    }
}
