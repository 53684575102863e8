//! Looks at a run's sessions once a second.

use std::time::Duration;

use gauntlet_model::{
    evidence::{Found, Place, WaitSample, Waits},
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
const STORED_TOGETHER: u64 = 5;

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
    };
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut unstored = 0;
    loop {
        tokio::select! {
            biased;
            () = over.cancelled() => break,
            _ = ticks.tick() => {}
        }
        match tokio::time::timeout(LOOK, sampler.look()).await {
            Ok(Ok(Some(sample))) => sampler.note(&sample, &mut unstored),
            Ok(Ok(None)) => {
                let why = "waits: the target does not tell what its sessions wait for";
                let skipped = Found::Skipped(why.to_owned());
                inner.keep(Place::Waits, inner.now(), skipped).await;
                return;
            }
            Ok(Err(why)) => sampler.failed(why, &mut unstored),
            Err(_) => sampler.failed(
                format!("no answer within {} s", LOOK.as_secs()),
                &mut unstored,
            ),
        }
        if unstored >= STORED_TOGETHER {
            sampler.keep().await;
            unstored = 0;
        }
    }
    if unstored > 0 {
        sampler.keep().await;
    }
}

struct Sampler<'a> {
    inner: &'a Inner,
    measured_since: watch::Receiver<Option<Timestamp>>,
    open: Option<Box<dyn WaitWatch>>,
    waits: Waits,
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

    fn note(&mut self, sample: &WaitSample, unstored: &mut u64) {
        let now = self.inner.now();
        if let Some(ratio) = sample.queue_ratio() {
            self.inner.queue.send_replace(Some((now, ratio)));
        }
        if self.is_measured(now) {
            self.waits.add(sample);
            *unstored += 1;
        }
    }

    fn failed(&mut self, why: String, unstored: &mut u64) {
        if self.is_measured(self.inner.now()) {
            self.waits.fail(why);
            *unstored += 1;
        }
    }

    fn is_measured(&self, now: Timestamp) -> bool {
        let since = *self.measured_since.borrow();
        since.is_some_and(|since| now >= since)
    }

    async fn keep(&mut self) {
        let found = Found::Waits(self.waits.clone());
        self.inner.keep(Place::Waits, self.inner.now(), found).await;
    }
}
