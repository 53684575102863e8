//! Whether workers are added to a run under load: when the generator is the
//! limit, never because the target is.
//!
//! A slow target leaves the workers idle: operations queue for connections while
//! the processors rest. A generator at its limit has no processor time to spare,
//! and, in an open loop, falls behind its schedule. A level of more connections
//! than the workers are willing to hold needs more workers whatever they do.

use crate::template::{Scaling, ScalingMode};

/// An open loop is behind when it achieves less than this share of its rate, or
/// has more than the rest due and unsent for a second's worth of it.
const ON_TIME: f64 = 0.98;

/// What is known of one second of load, over all workers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Second {
    /// The shard whose worker used the largest share of its processors, and that
    /// share, 0 to 1; `None` when the database runs inside the workers, where it
    /// says nothing of the generator.
    pub busiest: Option<(u32, f64)>,
    /// Workers under load.
    pub workers: u32,
    /// Workers that were added and are not under load yet.
    pub joining: u32,
    /// Connections that the level needs.
    pub needed: u32,
    /// Connections that the workers under load are willing to hold.
    pub capacity: u32,
    /// How the open loop keeps up; `None` for a closed loop.
    pub pace: Option<Pace>,
}

/// How an open loop keeps up in one second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Operations that were to be due.
    pub asked: f64,
    /// Operations that were sent.
    pub sent: f64,
    /// Operations due and unsent at the second's end.
    pub backlog: u64,
}

impl Pace {
    /// Whether the schedule is not kept.
    fn is_behind(self) -> bool {
        self.sent < self.asked * ON_TIME || self.backlog as f64 > self.asked * (1.0 - ON_TIME)
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing.
    Nothing,
    /// A worker is to be added.
    Add {
        /// Why, with figures.
        message: String,
    },
    /// A worker would be added, and there are as many as there may be.
    BoundReached {
        /// Why, with figures.
        message: String,
    },
}

/// Watches a run under load, second by second.
#[derive(Clone, Debug)]
pub struct Scaler {
    scaling: Scaling,
    streak: u32,
}

impl Scaler {
    /// Has seen nothing yet.
    #[must_use]
    pub fn new(scaling: Scaling) -> Self {
        Self { scaling, streak: 0 }
    }

    /// Takes the next second. After a decision, and while a worker joins, the
    /// patience begins anew.
    pub fn push(&mut self, second: &Second) -> Decision {
        let limit = limit(&self.scaling, second).filter(|_| second.joining == 0);
        let Some(limit) = limit.filter(|_| self.scaling.mode != ScalingMode::Fixed) else {
            self.streak = 0;
            return Decision::Nothing;
        };
        self.streak += 1;
        let patience = self.scaling.patience_s.max(1);
        if self.streak < patience {
            return Decision::Nothing;
        }
        self.streak = 0;
        let message = format!("the generator is the limit for {patience} s: {limit}");
        if can_add(&self.scaling, second.workers) {
            Decision::Add { message }
        } else {
            Decision::BoundReached {
                message: format!(
                    "{message}; there may be no more than {} workers",
                    second.workers
                ),
            }
        }
    }
}

/// Whether scaling allows one worker more than there are, those that join among
/// them; whether one is free is another question.
#[must_use]
pub fn can_add(scaling: &Scaling, workers: u32) -> bool {
    match scaling.mode {
        ScalingMode::Fixed => false,
        ScalingMode::Bounded { max_workers } => workers < max_workers,
        ScalingMode::Auto => true,
    }
}

/// Why the generator, not the target, was the limit in most of these seconds;
/// `None` when it was not. It says whether a step of a search speaks of the
/// target, whatever the scaling.
#[must_use]
pub fn generator_is_limit(scaling: &Scaling, seconds: &[Second]) -> Option<String> {
    let limits: Vec<String> = seconds
        .iter()
        .filter_map(|second| limit(scaling, second))
        .collect();
    let most = limits.len() * 2 > seconds.len();
    let last = limits.last().filter(|_| most)?;
    Some(format!("in {} of {} s {last}", limits.len(), seconds.len()))
}

/// Why the generator is the limit in a second, with figures.
fn limit(scaling: &Scaling, second: &Second) -> Option<String> {
    if second.needed > second.capacity {
        return Some(format!(
            "{} connections are needed, the workers hold {}",
            second.needed, second.capacity
        ));
    }
    let (shard, cpu) = second
        .busiest
        .filter(|(_, cpu)| *cpu >= scaling.max_worker_cpu)?;
    let busy = format!(
        "the worker of shard {shard} used {:.0} % of its processors",
        cpu * 100.0
    );
    match second.pace {
        None => Some(busy),
        Some(pace) if pace.is_behind() => Some(format!(
            "{busy}, {:.0} of {:.0} operations were sent and {} are late",
            pace.sent, pace.asked, pace.backlog
        )),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOSED: Second = Second {
        busiest: Some((0, 0.3)),
        workers: 2,
        joining: 0,
        needed: 100,
        capacity: 200,
        pace: None,
    };
    const ON_SCHEDULE: Pace = Pace {
        asked: 1_000.0,
        sent: 1_000.0,
        backlog: 3,
    };

    fn scaling(mode: ScalingMode) -> Scaling {
        Scaling {
            mode,
            ..Scaling::default()
        }
    }

    fn busy(cpu: f64) -> (u32, f64) {
        (1, cpu)
    }

    /// The seconds (counted from 1) in which a worker is added, of ten alike.
    fn added(mode: ScalingMode, second: Second) -> Vec<u32> {
        let mut scaler = Scaler::new(scaling(mode));
        (1..=10)
            .filter(|_| matches!(scaler.push(&second), Decision::Add { .. }))
            .collect()
    }

    #[test]
    fn workers_are_added_when_the_generator_is_the_limit() {
        let late = Pace {
            sent: 970.0,
            ..ON_SCHEDULE
        };
        let piling = Pace {
            backlog: 21,
            ..ON_SCHEDULE
        };
        let never = vec![];
        let every_third = vec![3, 6, 9];
        let cases = [
            (Some(busy(0.79)), None, 100, &never),
            (Some(busy(0.8)), None, 100, &every_third),
            (Some(busy(0.99)), Some(ON_SCHEDULE), 100, &never),
            (Some(busy(0.99)), Some(late), 100, &every_third),
            (Some(busy(0.99)), Some(piling), 100, &every_third),
            // The target is slow: the workers have time and nothing to send over.
            (Some(busy(0.1)), Some(late), 100, &never),
            (Some(busy(0.1)), Some(piling), 100, &never),
            (None, Some(piling), 100, &never),
            (None, None, 100, &never),
            // More connections than the workers hold.
            (Some(busy(0.1)), None, 200, &never),
            (Some(busy(0.1)), None, 201, &every_third),
            (None, Some(ON_SCHEDULE), 201, &every_third),
        ];
        for (busiest, pace, needed, expected) in cases {
            let second = Second {
                busiest,
                needed,
                pace,
                ..CLOSED
            };
            assert_eq!(&added(ScalingMode::Auto, second), expected, "{second:?}");
            assert_eq!(added(ScalingMode::Fixed, second), never, "{second:?}");
        }
    }

    #[test]
    fn a_good_second_and_a_joining_worker_begin_the_patience_anew() {
        let bad = Second {
            busiest: Some(busy(0.9)),
            ..CLOSED
        };
        let joining = Second { joining: 1, ..bad };
        for between in [CLOSED, joining] {
            let mut scaler = Scaler::new(scaling(ScalingMode::Auto));
            for second in [bad, bad, between, bad, bad] {
                assert_eq!(scaler.push(&second), Decision::Nothing, "{between:?}");
            }
            assert_eq!(
                scaler.push(&bad),
                Decision::Add {
                    message: "the generator is the limit for 3 s: the worker of shard 1 used 90 % of its processors".to_owned()
                }
            );
        }
    }

    #[test]
    fn a_bound_is_reached_after_the_patience() {
        let mode = ScalingMode::Bounded { max_workers: 3 };
        let bad = |workers| Second {
            needed: 300,
            workers,
            ..CLOSED
        };
        assert_eq!(added(mode, bad(2)), [3, 6, 9]);
        let mut scaler = Scaler::new(scaling(mode));
        assert_eq!(scaler.push(&bad(3)), Decision::Nothing);
        assert_eq!(scaler.push(&bad(3)), Decision::Nothing);
        assert_eq!(
            scaler.push(&bad(3)),
            Decision::BoundReached {
                message: "the generator is the limit for 3 s: 300 connections are needed, the workers hold 200; there may be no more than 3 workers".to_owned()
            }
        );
    }

    #[test]
    fn a_step_speaks_of_the_generator_when_most_of_its_seconds_do() {
        let fixed = scaling(ScalingMode::Fixed);
        let bad = Second {
            busiest: Some(busy(0.95)),
            ..CLOSED
        };
        assert_eq!(generator_is_limit(&fixed, &[]), None);
        assert_eq!(generator_is_limit(&fixed, &[bad, CLOSED]), None);
        assert_eq!(
            generator_is_limit(&fixed, &[bad, CLOSED, bad]).unwrap(),
            "in 2 of 3 s the worker of shard 1 used 95 % of its processors"
        );
    }
}
