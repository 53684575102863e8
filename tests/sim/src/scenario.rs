//! What a seed stands for: a template, the workers, and what goes wrong when.

use std::{collections::BTreeMap, time::Duration};

use gauntlet_model::{
    id::Name,
    template::{
        Bisect, Control, Linear, Load, Method, Operation, Parameter, Phases, Scaling, ScalingMode,
        Search, Spec, Statement, StopSignals, UntilSteady, WorkerLossPolicy,
    },
};

use crate::chance::Chance;

/// See the module.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The template.
    pub spec: Spec,
    /// How many workers attach at the beginning; some may be spare.
    pub workers: u32,
    /// What goes wrong, in the order of time.
    pub faults: Vec<(Duration, Fault)>,
    /// How long a message takes at least and at most, microseconds.
    pub delay_us: (u64, u64),
    /// Intervals and commands are doubled, and overtake each other, once in so
    /// many times; never when 0.
    pub mangled_once_in: u64,
}

/// One thing that goes wrong, or that a person does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The control plane is killed and comes back after so long.
    KillPlane(Duration),
    /// A worker is killed.
    KillWorker(u32),
    /// A worker's stream is cut; it may connect again after so long.
    Cut(u32, Duration),
    /// The store is away for so long.
    StoreAway(Duration),
    /// A worker's messages take so much longer from now on.
    Slow(u32, Duration),
    /// A worker that was not there attaches.
    Attach,
    /// A worker is asked to leave when it holds nothing.
    Drain(u32),
    /// A worker leaves of its own will.
    Leave(u32),
    /// A person stops the run.
    Stop,
    /// A person aborts the run.
    Abort,
    /// A person gives the run another level: so many percent of its own.
    Adjust(u32),
    /// A person pauses the run, or lets it go on.
    Pause(bool),
}

impl Scenario {
    /// The scenario of a seed.
    #[must_use]
    pub fn of(chance: &mut Chance) -> Self {
        let spec = valid_spec(chance);
        let spare = chance.below(3) as u32;
        let length = spec.phases.warmup + spec.phases.measurement + Duration::from_secs(10);
        let workers = spec.workers + spare;
        Self {
            faults: faults(chance, workers, length),
            workers,
            delay_us: chance.one_of(&[(50, 500), (500, 5_000), (1_000, 80_000)]),
            mangled_once_in: chance.one_of(&[0, 0, 10, 50]),
            spec,
        }
    }
}

/// One that a template could have.
fn valid_spec(chance: &mut Chance) -> Spec {
    loop {
        let spec = spec(chance);
        if spec.violations().is_empty() {
            return spec;
        }
    }
}

fn spec(chance: &mut Chance) -> Spec {
    let workers = chance.between(1, 5) as u32;
    let search = chance.once_in(3);
    let open = chance.once_in(2);
    let seconds = |chance: &mut Chance, from, to| Duration::from_secs(chance.between(from, to));
    let measurement = if search {
        seconds(chance, 40, 240)
    } else {
        seconds(chance, 3, 40)
    };
    let connections = workers * chance.between(1, 8) as u32;
    let warmup = seconds(chance, 0, 12);
    let until_steady =
        (warmup >= Duration::from_secs(6) && chance.once_in(3)).then(|| UntilSteady {
            window: Duration::from_secs(5),
            tolerance: 0.2,
        });
    Spec {
        description: String::new(),
        target: name("db"),
        operations: vec![Operation {
            name: name("add"),
            weight: 10_000,
            statement: Statement::Insert {
                table: "t".to_owned(),
                key: "id".to_owned(),
                columns: vec!["k".to_owned()],
            },
            parameters: vec![Parameter::Integer(1)],
            label: None,
        }],
        load: if open {
            Load::Rate {
                per_second: chance.between(5, 80) as f64,
                connections,
                max_backlog: 1_000,
            }
        } else {
            Load::Concurrency {
                connections,
                think_time: Duration::ZERO,
            }
        },
        phases: Phases {
            warmup,
            measurement,
            drain_timeout: seconds(chance, 1, 5),
            until_steady,
        },
        workers,
        seed: 1,
        slos: Vec::new(),
        worker_loss: chance.one_of(&[
            WorkerLossPolicy::Fail,
            WorkerLossPolicy::Continue,
            WorkerLossPolicy::Replace,
        ]),
        operation_timeout: Duration::from_secs(1),
        start_timeout: seconds(chance, 10, 30),
        control: Control {
            search: search.then(|| a_search(chance)),
            scaling: a_scaling(chance, workers),
            worker_wait: chance.one_of(&[Duration::ZERO, Duration::from_secs(20)]),
            max_clock_uncertainty: Duration::from_secs(1),
            worker_labels: BTreeMap::new(),
            ..Control::default()
        },
    }
}

fn a_search(chance: &mut Chance) -> Search {
    let method = if chance.once_in(2) {
        Method::Bisect(Bisect {
            growth: 2.0,
            resolution: 0.1,
            descend: chance.once_in(3),
        })
    } else {
        Method::Linear(Linear {
            increment: chance.between(1, 20) as f64,
            backoffs: chance.below(4) as u32,
        })
    };
    Search {
        method,
        step: Duration::from_secs(chance.between(1, 6)),
        settle: Duration::from_secs(chance.below(3)),
        confirm: Duration::from_secs(chance.below(2) * 5),
        max_level: chance.between(20, 200) as f64,
        max_steps: chance.between(3, 20) as u32,
        stop: StopSignals {
            max_latency_increase: chance.one_of(&[None, Some(0.5)]),
            ..StopSignals::default()
        },
    }
}

fn a_scaling(chance: &mut Chance, workers: u32) -> Scaling {
    let mode = chance.one_of(&[
        ScalingMode::Fixed,
        ScalingMode::Auto,
        ScalingMode::Bounded {
            max_workers: workers + 1,
        },
    ]);
    Scaling {
        mode,
        ..Scaling::default()
    }
}

fn faults(chance: &mut Chance, workers: u32, length: Duration) -> Vec<(Duration, Fault)> {
    let count = chance.below(6);
    let mut faults: Vec<(Duration, Fault)> = (0..count)
        .map(|_| {
            let at = Duration::from_millis(chance.below(length.as_millis() as u64));
            (at, fault(chance, workers))
        })
        .collect();
    faults.sort_by_key(|(at, _)| *at);
    faults
}

fn fault(chance: &mut Chance, workers: u32) -> Fault {
    let worker = chance.below(u64::from(workers)) as u32;
    let up_to = |chance: &mut Chance, ms| Duration::from_millis(chance.between(100, ms));
    match chance.below(20) {
        0..=3 => Fault::KillPlane(up_to(chance, 10_000)),
        4..=6 => Fault::KillWorker(worker),
        7..=9 => Fault::Cut(worker, up_to(chance, 6_000)),
        10..=11 => Fault::StoreAway(up_to(chance, 30_000)),
        12..=13 => Fault::Slow(worker, up_to(chance, 400)),
        14 => Fault::Attach,
        15 => Fault::Drain(worker),
        16 => Fault::Leave(worker),
        17 => chance.one_of(&[Fault::Stop, Fault::Abort]),
        18 => Fault::Adjust(chance.between(20, 300) as u32),
        _ => Fault::Pause(chance.once_in(2)),
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a constant that is a name")
}
