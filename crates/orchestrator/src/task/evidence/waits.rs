//! Looks at a run's sessions once a second.

use std::time::Duration;

use gauntlet_model::{
    evidence::{ActivitySample, Found, Place, WaitSample, Waits},
    time::Timestamp,
};
use tokio::{sync::watch, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::Inner;
use crate::{access::WaitWatch, login::login};

/// How often.
const PERIOD: Duration = Duration::from_secs(1);
/// How long one look may take, with a login where it needs one.
const LOOK: Duration = Duration::from_secs(3);
/// So many samples are stored together: a restart loses no more.
const STORED_TOGETHER: usize = 5;
/// So many samples of activity make a piece; the next one begins with the next.
const PIECE: usize = 60;

/// Until the load is over, or the target turns out not to tell.
pub(super) async fn sample(
    inner: &Inner,
    measured_since: watch::Receiver<Option<Timestamp>>,
    over: CancellationToken,
) {
    let before = inner.stored(Place::Waits).await.map(|piece| piece.found);
    let mut sampler = Sampler {
        inner,
        measured_since,
        open: None,
        waits: match before {
            Some(Found::Waits(waits)) => waits,
            _ => Waits::default(),
        },
        activity: Vec::with_capacity(PIECE),
        unstored: 0,
    };
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            biased;
            () = over.cancelled() => break,
            _ = ticks.tick() => {}
        }
        match tokio::time::timeout(LOOK, sampler.look()).await {
            Ok(Ok(Some(sample))) => sampler.note(&sample),
            Ok(Ok(None)) => {
                let why = "waits: the target does not tell what its sessions wait for";
                let skipped = Found::Skipped(why.to_owned());
                inner.keep(Place::Waits, inner.now(), skipped).await;
                return;
            }
            Ok(Err(why)) => sampler.failed(why),
            Err(_) => sampler.failed(format!("no answer within {} s", LOOK.as_secs())),
        }
        if sampler.unstored >= STORED_TOGETHER {
            sampler.keep().await;
        }
    }
    if sampler.unstored > 0 {
        sampler.keep().await;
    }
}

struct Sampler<'a> {
    inner: &'a Inner,
    measured_since: watch::Receiver<Option<Timestamp>>,
    open: Option<Box<dyn WaitWatch>>,
    /// The sums over the measurement.
    waits: Waits,
    /// The samples of the piece that is filling, under load of any phase.
    activity: Vec<ActivitySample>,
    /// Looks since the last that is stored.
    unstored: usize,
}

impl Sampler<'_> {
    /// `None` when the target does not tell.
    async fn look(&mut self) -> Result<Option<WaitSample>, String> {
        let mut watch = if let Some(watch) = self.open.take() {
            watch
        } else {
            let login = login(&self.inner.services, &self.inner.run).await?;
            let (access, name) = (&self.inner.services.access, &self.inner.run.name);
            let opened = access.watch_waits(&login, name.as_str()).await;
            match opened.map_err(|error| error.to_string())? {
                Some(watch) => watch,
                None => return Ok(None),
            }
        };
        let sample = watch.look().await.map_err(|error| error.to_string())?;
        self.open = Some(watch);
        Ok(Some(sample))
    }

    fn note(&mut self, sample: &WaitSample) {
        let now = self.inner.now();
        if let Some(ratio) = sample.queue_ratio() {
            self.inner.queue.send_replace(Some((now, ratio)));
        }
        self.activity.push(ActivitySample::of(now, sample));
        self.unstored += 1;
        if self.is_measured(now) {
            self.waits.add(sample);
        }
    }

    fn failed(&mut self, why: String) {
        if self.is_measured(self.inner.now()) {
            self.waits.fail(why);
            self.unstored += 1;
        }
    }

    fn is_measured(&self, now: Timestamp) -> bool {
        let since = *self.measured_since.borrow();
        since.is_some_and(|since| now >= since)
    }

    async fn keep(&mut self) {
        self.unstored = 0;
        if let (Some(first), Some(last)) = (self.activity.first(), self.activity.last()) {
            let (place, taken) = (Place::Activity(first.at), last.at);
            let found = Found::Activity(self.activity.clone());
            self.inner.keep(place, taken, found).await;
        }
        if self.activity.len() >= PIECE {
            self.activity.clear();
        }
        if self.waits != Waits::default() {
            let found = Found::Waits(self.waits.clone());
            self.inner.keep(Place::Waits, self.inner.now(), found).await;
        }
    }
}
