//! Rollups in the store: taken up after a restart, and made again.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use gauntlet_model::{
    history::{Buckets, Read, Rebuild, Resolution, Roller, Rollup},
    id::RunId,
    interval::Interval,
    run::Run,
    time::Timestamp,
};
use gauntlet_store::{PageQuery, RollupKey, Stores, TimeRange};

use crate::report::{ReportError, each_interval_of};

/// Rollups read or written at a time.
const PAGE: u32 = 256;
/// Seconds before the last stored one that are made again after a restart: in
/// them something may have been stored whose rollup was not.
const SUSPECT: Duration = Duration::from_mins(1);
/// While a run is read from its start, how long a second waits for an interval
/// that ends much later than its middle.
const PATIENCE: Duration = Duration::from_mins(1);

/// What [`resume`] found.
pub(crate) struct Resumed {
    pub(crate) roller: Roller,
    /// By shard: the end of its newest interval.
    pub(crate) measured_until: BTreeMap<u32, Timestamp>,
}

/// Stores rollups, the given order kept.
pub(crate) async fn put(stores: &Stores, rollups: &[Rollup]) -> Result<(), gauntlet_store::Error> {
    for page in rollups.chunks(PAGE as usize) {
        stores.rollups.put(page).await?;
    }
    Ok(())
}

/// Takes up the rollups of a run from what is stored of it.
pub(crate) async fn resume(
    stores: &Stores,
    run: RunId,
    origin: Timestamp,
) -> Result<Resumed, ReportError> {
    let stored = stored_until(stores, run, origin).await?;
    let until = Resolution::Second.bucket_of(origin, stored.before(SUSPECT));
    let until = if until <= origin {
        Timestamp(i64::MIN)
    } else {
        until
    };
    let mut roller = Roller::resume(run, origin, until);
    for read in roller.missing() {
        each(stores, run, read, |rollup| roller.restore(rollup)).await?;
    }
    let mut measured_until = BTreeMap::new();
    let ended = TimeRange {
        from: Some(until),
        to: None,
    };
    each_interval_of(stores, run, ended, |interval| {
        measured_until.insert(interval.attempt.shard, interval.end);
        if middle(interval) >= until {
            roller.add(interval)?;
        }
        Ok(())
    })
    .await?;
    Ok(Resumed {
        roller,
        measured_until,
    })
}

/// The end of the last second that is stored, found by the coarser ones first.
async fn stored_until(
    stores: &Stores,
    run: RunId,
    origin: Timestamp,
) -> Result<Timestamp, ReportError> {
    let mut until = origin;
    for resolution in Resolution::ALL.into_iter().rev() {
        let mut end = until;
        let read = Scan {
            resolution,
            started: TimeRange {
                from: Some(until),
                to: None,
            },
        };
        scan(stores, run, read, |rollup| {
            end = rollup.start + resolution.length();
            Ok(())
        })
        .await?;
        until = end;
    }
    Ok(until)
}

/// Makes the rollups of one bucket again. `longest` is how long an interval may
/// be: one that has its middle in a second may end so much later.
pub(crate) async fn rebuild(
    stores: &Stores,
    run: RunId,
    origin: Timestamp,
    bucket: Rebuild,
    longest: Duration,
) -> Result<Vec<Rollup>, ReportError> {
    let mut buckets = Buckets::new(run, origin, bucket.resolution);
    if let Some(read) = bucket.source() {
        each(stores, run, read, |rollup| buckets.merge(rollup)).await?;
        return Ok(buckets.take_all());
    }
    let length = bucket.resolution.length();
    let ended = TimeRange {
        from: Some(bucket.start),
        to: Some(bucket.start + length + longest),
    };
    each_interval_of(stores, run, ended, |interval| {
        let at = bucket.resolution.bucket_of(origin, middle(interval));
        if at == bucket.start {
            buckets.add(interval)?;
        }
        Ok(())
    })
    .await?;
    Ok(buckets.take_all())
}

/// Makes and stores all rollups of a run from its intervals.
pub(crate) async fn rebuild_all(stores: &Stores, run: &Run) -> Result<(), ReportError> {
    let Some(origin) = run.state.load_started else {
        return Ok(());
    };
    let mut roller = Roller::new(run.id, origin);
    let (mut late, mut longest) = (BTreeSet::new(), Duration::ZERO);
    let mut after = None;
    loop {
        let page = PageQuery { after, limit: PAGE };
        let page = stores
            .intervals
            .list(run.id, TimeRange::default(), page)
            .await?;
        for interval in &page {
            longest = longest.max(interval.end.since(interval.start));
            late.extend(roller.add(interval)?);
        }
        let Some(last) = page.last() else { break };
        after = Some((
            last.end,
            last.attempt.shard,
            last.attempt.attempt,
            last.sequence,
        ));
        put(stores, &roller.take_until(last.end.before(PATIENCE))).await?;
    }
    put(stores, &roller.finish()).await?;
    for bucket in late {
        let made = rebuild(stores, run.id, origin, bucket, longest).await?;
        put(stores, &made).await?;
    }
    Ok(())
}

/// The buckets up to `complete` that an interval belongs to, the finest first.
pub(crate) fn buckets_of(
    interval: &Interval,
    origin: Timestamp,
    complete_until: impl Fn(Resolution) -> Timestamp,
) -> Vec<Rebuild> {
    let bucket = |resolution: Resolution| Rebuild {
        resolution,
        start: resolution.bucket_of(origin, middle(interval)),
    };
    Resolution::ALL
        .into_iter()
        .map(bucket)
        .take_while(|bucket| bucket.start < complete_until(bucket.resolution))
        .collect()
}

fn middle(interval: &Interval) -> Timestamp {
    Timestamp(i64::midpoint(interval.start.0, interval.end.0))
}

/// Which rollups to visit.
#[derive(Clone, Copy)]
pub(crate) struct Scan {
    pub(crate) resolution: Resolution,
    pub(crate) started: TimeRange,
}

async fn each(
    stores: &Stores,
    run: RunId,
    read: Read,
    visit: impl FnMut(&Rollup) -> Result<(), gauntlet_model::interval::BadHistogram>,
) -> Result<(), ReportError> {
    let started = TimeRange {
        from: Some(read.window.from),
        to: Some(read.window.to),
    };
    let resolution = read.resolution;
    scan(
        stores,
        run,
        Scan {
            resolution,
            started,
        },
        visit,
    )
    .await
}

/// Visits stored rollups by (start, operation, phase), page by page.
pub(crate) async fn scan(
    stores: &Stores,
    run: RunId,
    scan: Scan,
    mut visit: impl FnMut(&Rollup) -> Result<(), gauntlet_model::interval::BadHistogram>,
) -> Result<(), ReportError> {
    let mut after: Option<RollupKey> = None;
    loop {
        let page = PageQuery { after, limit: PAGE };
        let rollups = &stores.rollups;
        let page = rollups
            .list(run, scan.resolution, scan.started, &[], page)
            .await?;
        for rollup in &page {
            visit(rollup)?;
        }
        let Some(last) = page.last().filter(|_| page.len() == PAGE as usize) else {
            return Ok(());
        };
        after = Some((last.start, last.operation, last.phase));
    }
}
