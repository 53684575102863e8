//! Clearing the backlog of an open loop, with both drivers.

use std::time::{Duration, Instant};

use gauntlet_engine::{
    AsyncSession, AsyncTarget, BlockingSession, BlockingTarget, Done, Epoch, Failure, Handle, Plan,
    Tally, Value, start_async, start_blocking,
};
use tokio::runtime::Builder;
use tokio::sync::watch;

use crate::support::{Counts, counts, ok_in, open, rest};

/// A target that is done with nothing until its gate is open, and from then on with everything at once.
#[derive(Clone)]
struct Gated(watch::Receiver<bool>);

impl Gated {
    async fn pass(&mut self) -> Done {
        // It is open, or the test is over.
        let _ = self.0.wait_for(|open| *open).await;
        Done { rows: 1 }
    }
}

impl AsyncTarget for Gated {
    type Session = Self;

    async fn connect(&self, _connection: u32) -> Result<Self, Failure> {
        Ok(self.clone())
    }
}

impl AsyncSession for Gated {
    async fn execute(&mut self, _operation: usize, _parameters: &[Value]) -> Result<Done, Failure> {
        Ok(self.pass().await)
    }

    fn is_broken(&self) -> bool {
        false
    }
}

impl BlockingTarget for Gated {
    type Session = Self;

    fn connect(&self, _connection: u32) -> Result<Self, Failure> {
        Ok(self.clone())
    }
}

impl BlockingSession for Gated {
    fn execute(&mut self, _operation: usize, _parameters: &[Value]) -> Result<Done, Failure> {
        let runtime = Builder::new_current_thread().build();
        Ok(runtime.expect("it needs nothing").block_on(self.pass()))
    }

    fn is_broken(&self) -> bool {
        false
    }
}

/// An open loop by either driver, connected, each with its gate.
async fn gated(plan: &Plan, is_open: bool) -> [(watch::Sender<bool>, Handle); 2] {
    let (one, other) = (watch::channel(is_open), watch::channel(is_open));
    let (of_one, of_other) = (Gated(one.1), Gated(other.1));
    let mut loads = [
        (
            one.0,
            start_async(plan.clone(), of_one).expect("a valid plan"),
        ),
        (
            other.0,
            start_blocking(plan.clone(), of_other).expect("a valid plan"),
        ),
    ];
    for (_, handle) in &mut loads {
        handle.ready().await.expect("all connections are accepted");
    }
    loads
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[tokio::test]
async fn a_queue_is_gone_at_the_instant_and_counts_as_dropped_where_it_was_due() {
    for (gate, mut handle) in gated(&open(1_000.0, 2, 1_000), false).await {
        let origin = Instant::now() + ms(100);
        // An arrival each millisecond; changes in between, so rounding decides nothing.
        let at = |after: u64| origin + Duration::from_micros(after * 1_000 - 250);
        handle.start(origin, Epoch(1));
        handle.enter(at(60), Epoch(2));
        handle.enter(at(100), Epoch(3));
        assert_eq!(handle.clear_backlog(at(100)), ms(0));
        handle.set_rate(at(100), 500.0);
        handle.stop(at(200), Duration::from_mins(1));
        let mut whole = handle.next_snapshot().await.expect("the load runs");
        while counts(&whole).dropped < 98 {
            whole.merge(handle.next_snapshot().await.expect("the load runs"));
        }
        // The gauges follow the counts.
        whole.merge(handle.next_snapshot().await.expect("the load runs"));
        assert_eq!(
            whole.in_flight, 2,
            "what was sent before the instant goes on"
        );
        assert!(
            whole.backlog <= 50,
            "only what is due after the instant waits: {}",
            whole.backlog
        );
        gate.send_replace(true);
        whole.merge(rest(&mut handle).await);
        let mut dropped = whole.dropped.clone();
        dropped.sort_by_key(|tally| tally.epoch);
        let tally = |epoch, count| Tally {
            epoch: Epoch(epoch),
            operation: 0,
            count,
        };
        assert_eq!(dropped, [tally(1, 58), tally(2, 40)]);
        assert_eq!(
            [1, 2, 3].map(|epoch| ok_in(&whole, epoch)),
            [2, 0, 50],
            "those in flight, and all that were due after the instant"
        );
        let expected = Counts {
            ok: 52,
            dropped: 98,
            ..Counts::default()
        };
        assert_eq!(counts(&whole), expected);
    }
}

#[tokio::test]
async fn nothing_is_dropped_while_connections_are_idle() {
    // More connections on each thread than arrivals in all.
    for (_gate, mut handle) in gated(&open(100.0, 40, 1_000), true).await {
        let origin = Instant::now() + ms(100);
        handle.start(origin, Epoch(1));
        // Right after an arrival, which the threads can hardly have sent by then.
        let at = origin + ms(50) + Duration::from_nanos(1);
        handle.clear_backlog(at);
        handle.stop(origin + ms(95), Duration::from_mins(1));
        let expected = Counts {
            ok: 10,
            ..Counts::default()
        };
        assert_eq!(counts(&rest(&mut handle).await), expected);
    }
}

#[tokio::test]
async fn a_pause_does_not_keep_the_queue() {
    for (gate, mut handle) in gated(&open(1_000.0, 2, 1_000), false).await {
        let origin = Instant::now() + ms(100);
        handle.start(origin, Epoch(1));
        let pause = origin + Duration::from_micros(49_750);
        handle.pause(pause);
        handle.clear_backlog(pause + ms(50));
        let mut whole = handle.next_snapshot().await.expect("the load runs");
        while counts(&whole).dropped < 48 {
            whole.merge(handle.next_snapshot().await.expect("the load runs"));
        }
        // The gauges follow the counts.
        whole.merge(handle.next_snapshot().await.expect("the load runs"));
        assert_eq!((whole.in_flight, whole.backlog), (2, 0));
        gate.send_replace(true);
        handle.stop(Instant::now(), Duration::from_mins(1));
        whole.merge(rest(&mut handle).await);
        let expected = Counts {
            ok: 2,
            dropped: 48,
            ..Counts::default()
        };
        assert_eq!(counts(&whole), expected);
    }
}
