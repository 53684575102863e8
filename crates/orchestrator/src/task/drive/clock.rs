//! No load before the clocks are good enough: commands name instants.

use gauntlet_model::lifecycle::{Event, Stage};

use super::super::Task;

impl Task {
    /// A shard is ready. It counts from when its worker's clock is good enough:
    /// a worker that has just attached has not measured it yet.
    pub(in crate::task) async fn ready(&mut self, shard: u32, attempt: u32) {
        if self.clock_doubt(shard).is_some() {
            if !self.drive.unclear.contains(&(shard, attempt)) {
                self.drive.unclear.push((shard, attempt));
            }
            return;
        }
        self.happen(Event::ShardReady { shard, attempt }).await;
    }

    /// Looks again at those that are ready but for their clock.
    pub(super) async fn admit_ready(&mut self) {
        for (shard, attempt) in std::mem::take(&mut self.drive.unclear) {
            let newest = self.run.state.shards.get(shard as usize);
            if newest.is_some_and(|newest| newest.attempt == attempt && newest.stage.is_live()) {
                self.ready(shard, attempt).await;
            }
        }
    }

    /// The state's deadline has come. When clocks held the start up, the run
    /// fails saying so.
    pub(in crate::task) async fn deadline(&mut self) {
        let unclear = self.drive.unclear.iter();
        let doubts: Vec<String> = unclear
            .filter_map(|(shard, _)| self.clock_doubt(*shard))
            .collect();
        let event = match self.run.state.stage {
            Stage::Starting { deadline, .. } if deadline <= self.now() && !doubts.is_empty() => {
                let message = format!(
                    "{}; synchronise the clocks, use a faster network, or raise max_clock_uncertainty",
                    doubts.join("; ")
                );
                Event::SetupFailed { message }
            }
            _ => Event::DeadlineReached,
        };
        self.happen(event).await;
    }

    /// Why a shard's worker cannot carry commands out at their instants yet.
    fn clock_doubt(&self, shard: u32) -> Option<String> {
        let bound = self.run.spec.control.max_clock_uncertainty;
        let worker = self.run.state.shards.get(shard as usize)?.worker;
        let worker = self.shared.registry.get(worker)?;
        let bound_ms = bound.as_secs_f64() * 1e3;
        match worker.clock_uncertainty {
            Some(uncertainty) if uncertainty <= bound => None,
            Some(uncertainty) => Some(format!(
                "the clock of worker {} is uncertain by {:.3} ms, {bound_ms} ms are allowed",
                worker.name,
                uncertainty.as_secs_f64() * 1e3
            )),
            None => Some(format!(
                "the clock of worker {} is not known, it may be uncertain by {bound_ms} ms",
                worker.name
            )),
        }
    }
}
