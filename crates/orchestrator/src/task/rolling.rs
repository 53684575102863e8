//! From stored intervals to rollups and to the live view.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use gauntlet_model::{
    history::{Rebuild, Resolution, Roller, Rollup},
    interval::Interval,
    lifecycle::{ShardStage, Stage},
    time::Timestamp,
};

use super::{Task, transient};
use crate::{points::points, report::ReportError, rollups};

/// A second is closed this long after its end even when a worker's part is missing.
const PATIENCE: Duration = Duration::from_secs(3);
/// Workers end their intervals a little before or after the second does.
const SLACK: Duration = Duration::from_millis(50);

/// See the module.
#[derive(Default)]
pub(super) struct Rolling {
    /// `None` before the load began, and while it could not be taken up.
    roller: Option<Roller>,
    /// Whether the run's intervals all came to this task.
    complete: bool,
    /// Closed and not yet stored.
    pending: Vec<Rollup>,
    /// Closed too early: to be made again.
    late: BTreeSet<Rebuild>,
    /// By shard: the end of its newest interval.
    measured_until: BTreeMap<u32, Timestamp>,
    /// The longest interval.
    longest: Duration,
    /// An interval made no sense: there will be no rollups before the end.
    given_up: bool,
}

impl Rolling {
    /// For a run that has no intervals yet.
    pub(super) fn of_new_run() -> Self {
        Self {
            complete: true,
            ..Self::default()
        }
    }

    /// Whether the rollups may lack something that only the intervals know.
    pub(super) fn is_doubtful(&self) -> bool {
        !self.complete || !self.pending.is_empty() || !self.late.is_empty()
    }

    pub(super) fn forget_shard(&mut self, shard: u32) {
        self.measured_until.remove(&shard);
    }

    /// A shard begins its load at this instant: before it, there is nothing to
    /// wait for.
    pub(super) fn begin_shard(&mut self, shard: u32, at: Timestamp) {
        self.measured_until.insert(shard, at);
    }

    /// Seconds that end by this instant are closed; `None` without rollups.
    pub(super) fn closed_until(&self) -> Option<Timestamp> {
        let until = self.roller.as_ref()?.complete_until(Resolution::Second);
        (until > Timestamp(i64::MIN)).then_some(until)
    }
}

impl Task {
    /// Begins once the load has begun; after a restart, from what is stored.
    pub(super) async fn open_rolling(&mut self) {
        let Some(origin) = self.run.state.load_started else {
            return;
        };
        if self.rolling.roller.is_some() || self.rolling.given_up || self.is_settled() {
            return;
        }
        let run = self.run.id;
        if self.rolling.complete {
            self.rolling.roller = Some(Roller::new(run, origin));
            return;
        }
        match rollups::resume(&self.shared.services.stores, run, origin).await {
            Ok(resumed) => {
                self.rolling.roller = Some(resumed.roller);
                self.rolling.measured_until = resumed.measured_until;
                // The outbox of a worker that is away for a time makes its
                // intervals no longer than a 29th of that time; nobody can have
                // been away for longer than the whole load.
                let away = self.run.planned() + Duration::from_mins(1);
                self.rolling.longest = away / 25 + Duration::from_secs(2);
            }
            Err(error) => self.warn("rollups not taken up; tried again", error),
        }
    }

    /// Takes intervals that are stored now; those that were stored before, too:
    /// perhaps their rollups were not.
    pub(super) fn roll(&mut self, interval: &Interval, new: bool) -> Result<(), ReportError> {
        let rolling = &mut self.rolling;
        let end = rolling
            .measured_until
            .entry(interval.attempt.shard)
            .or_insert(interval.end);
        *end = interval.end.max(*end);
        let (Some(roller), Some(origin)) = (&mut rolling.roller, self.run.state.load_started)
        else {
            return Ok(());
        };
        rolling.longest = rolling.longest.max(interval.end.since(interval.start));
        if new {
            rolling.late.extend(roller.add(interval)?);
        } else {
            let complete = |resolution| roller.complete_until(resolution);
            let buckets = rollups::buckets_of(interval, origin, complete);
            rolling.late.extend(buckets);
        }
        Ok(())
    }

    /// Gives the rollups up that cannot be added to; they are made again when
    /// the load has ended.
    pub(super) fn give_rolling_up(&mut self) {
        self.rolling = Rolling {
            given_up: true,
            ..Rolling::default()
        };
    }

    /// Stores the rollups that are complete, those again that were closed too
    /// early, and publishes the seconds among them. False when the store cannot
    /// take them now.
    pub(super) async fn close_buckets(&mut self) -> bool {
        self.open_rolling().await;
        let until = self.complete_until();
        let Some(roller) = &mut self.rolling.roller else {
            return true;
        };
        let closed = roller.take_until(until);
        self.rolling.pending.extend(closed);
        match self.store_rollups().await {
            Ok(()) => true,
            Err(ReportError::Store(error)) if transient(&error) => {
                self.warn("rollups not stored; tried again", error);
                false
            }
            Err(error) => {
                self.warn("rollups not stored; made when the load has ended", error);
                self.give_rolling_up();
                true
            }
        }
    }

    async fn store_rollups(&mut self) -> Result<(), ReportError> {
        let stores = &self.shared.services.stores;
        if !self.rolling.pending.is_empty() {
            rollups::put(stores, &self.rolling.pending).await?;
            // Stored before they are published: who reads the store after
            // subscribing misses none.
            let pending = std::mem::take(&mut self.rolling.pending);
            let seconds = points(&pending, self.run.spec.operations.len())?;
            let until = seconds.last().map(|point| point.time);
            self.drive.take_points(&seconds);
            self.channel
                .publish_points(seconds, until.unwrap_or(Timestamp(i64::MIN)));
        }
        let Some(origin) = self.run.state.load_started else {
            return Ok(());
        };
        // The finest first: the coarser ones are made of them.
        while let Some(bucket) = self.rolling.late.first().copied() {
            let (run, longest) = (self.run.id, self.rolling.longest);
            let made = rollups::rebuild(stores, run, origin, bucket, longest).await?;
            rollups::put(stores, &made).await?;
            self.rolling.late.remove(&bucket);
        }
        Ok(())
    }

    /// Up to when every worker has told, or everything is old enough not to
    /// wait for the rest.
    fn complete_until(&self) -> Timestamp {
        if self.is_settled() {
            return Timestamp(i64::MAX);
        }
        let running = self.run.state.shards.iter().zip(0..);
        let told = running
            .filter(|(shard, _)| shard.stage == ShardStage::Running)
            .map(|(_, index)| self.rolling.measured_until.get(&index).copied())
            .min()
            .map(|told| told.map_or(Timestamp(i64::MIN), |told| told + SLACK));
        let old = self.old_until();
        told.unwrap_or(old).max(old)
    }

    /// Up to when everything is old enough not to wait for more. After a restart
    /// workers come back one by one with what they kept, and what waits in the
    /// inbox is not missing.
    pub(super) fn old_until(&self) -> Timestamp {
        let now = self.now();
        let waiting = now < self.silence_from || !self.inbox.is_empty() || !self.up.is_empty();
        if waiting {
            Timestamp(i64::MIN)
        } else {
            now.before(PATIENCE)
        }
    }

    /// Whether no more intervals are taken.
    pub(super) fn is_settled(&self) -> bool {
        matches!(
            self.run.state.stage,
            Stage::Processing { .. } | Stage::Done { .. }
        )
    }
}
