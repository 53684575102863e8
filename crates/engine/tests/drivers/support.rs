//! Plans and sums that the tests of both drivers share.

use std::time::{Duration, Instant};

use gauntlet_engine::{
    Epoch, ErrorClass, Failure, Generator, Handle, KeyBlock, Load, Operation, Outcome, Plan, Share,
    Snapshot,
};

/// One operation, one connection of a closed loop, limits that no test reaches by accident.
pub fn plan() -> Plan {
    Plan {
        seed: 1,
        operations: vec![Operation {
            name: "only".into(),
            weight: 10_000,
            parameters: vec![Generator::Sequential {
                min: 0,
                max: i64::MAX,
            }],
        }],
        load: Load::Closed {
            connections: 1,
            think: Duration::ZERO,
        },
        share: Share {
            shard: 0,
            shards: 1,
            first_connection: 0,
            connections_total: 64,
            first_index: 0,
        },
        keys: KeyBlock {
            first: 1,
            len: 1_000,
        },
        threads: 2,
        operation_timeout: Duration::from_mins(1),
        snapshot_every: Duration::from_millis(20),
    }
}

pub fn open(rate_per_s: f64, connections: u32, max_backlog: u64) -> Plan {
    Plan {
        load: Load::Open {
            rate_per_s,
            connections,
            max_backlog,
        },
        ..plan()
    }
}

pub fn failure(class: ErrorClass, code: &str) -> Failure {
    Failure {
        class,
        code: code.into(),
        message: format!("scripted {code}"),
    }
}

/// Everything that a load counted, to its end.
pub async fn rest(handle: &mut Handle) -> Snapshot {
    let mut whole = handle
        .next_snapshot()
        .await
        .expect("a last snapshot always comes");
    while let Some(snapshot) = handle.next_snapshot().await {
        whole.merge(snapshot);
    }
    assert_eq!(
        (whole.in_flight, whole.backlog),
        (0, 0),
        "nothing is left behind"
    );
    whole
}

/// Counts of a load.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Counts {
    pub ok: u64,
    pub failed: u64,
    pub dropped: u64,
    pub cut: u64,
}

impl Counts {
    pub fn due(&self) -> u64 {
        self.ok + self.failed + self.dropped + self.cut
    }
}

pub fn counts(snapshot: &Snapshot) -> Counts {
    let of = |outcome| {
        snapshot
            .series
            .iter()
            .filter(|series| series.outcome == outcome)
            .map(|series| series.response.len())
            .sum()
    };
    Counts {
        ok: of(Outcome::Ok),
        failed: of(Outcome::Failed),
        dropped: snapshot.dropped.iter().map(|tally| tally.count).sum(),
        cut: snapshot.cut.iter().map(|tally| tally.count).sum(),
    }
}

/// Successes in an epoch.
pub fn ok_in(snapshot: &Snapshot, epoch: u32) -> u64 {
    let series = snapshot
        .series
        .iter()
        .filter(|series| series.epoch == Epoch(epoch) && series.outcome == Outcome::Ok);
    series.map(|series| series.response.len()).sum()
}

/// Failures by class and code.
pub fn errors(snapshot: &Snapshot) -> Vec<(ErrorClass, String, u64)> {
    let mut errors: Vec<_> = snapshot
        .errors
        .iter()
        .map(|error| (error.class, error.code.clone(), error.count))
        .collect();
    errors.sort();
    errors
}

/// Lets a closed loop begin nothing more after the operation that is in flight.
pub fn stop_now(handle: &Handle) {
    handle.stop(Instant::now(), Duration::from_mins(1));
}

/// An open loop from its start to an exact number of arrivals.
pub fn run_open(handle: &Handle, rate_per_s: f64, arrivals: u32, drain: Duration) {
    // Far enough ahead that the command is not late on a busy machine, which would move the origin.
    let origin = Instant::now() + Duration::from_millis(100);
    handle.start(origin, Epoch(1));
    // Half a gap after the last arrival, so rounding decides nothing.
    let length = Duration::from_secs_f64((f64::from(arrivals) - 0.5) / rate_per_s);
    handle.stop(origin + length, drain);
}
