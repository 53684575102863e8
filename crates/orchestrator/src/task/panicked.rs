//! What becomes of a run whose task panicked.

use std::sync::Arc;

use gauntlet_model::lifecycle::{Event, Stage, StopReason};
use tokio::sync::{Mutex, mpsc};

use super::{Control, Task, Upward};
use crate::follow;

/// A run whose task panics more often in a row is given up.
const TRIES: u32 = 3;

/// The panics of a run's task that followed each other closely.
#[derive(Clone, Debug)]
pub(crate) struct Panicked {
    /// How many.
    pub(crate) times: u32,
    /// What the last one said.
    pub(crate) message: String,
}

/// What waits for a run's task. One task holds both at a time; a panic gives
/// them back with everything that is still in them.
#[derive(Clone)]
pub(crate) struct Inboxes {
    pub(super) control: Arc<Mutex<mpsc::Receiver<Control>>>,
    pub(super) up: Arc<Mutex<mpsc::Receiver<Upward>>>,
}

impl Inboxes {
    pub(crate) fn new(control: mpsc::Receiver<Control>, up: mpsc::Receiver<Upward>) -> Self {
        Self {
            control: Arc::new(Mutex::new(control)),
            up: Arc::new(Mutex::new(up)),
        }
    }
}

impl Task {
    /// Goes on after a panic, or ends the run where that did not help before.
    pub(super) async fn after_panic(&mut self, panicked: &Panicked) {
        let shared = self.shared.clone();
        // The last change may be stored and told to nobody.
        let told = follow::refresh_surely(&shared.hub, &shared.services.stores, self.run.id);
        shared.stop.run_until_cancelled(told).await;
        if !self.run.state.shards.iter().any(|one| one.stage.is_live()) {
            // It may have been given workers and had no time to take note of it.
            self.vacate();
        }
        if panicked.times <= TRIES {
            let message = &panicked.message;
            self.warn(
                "the run's task panicked; the run is taken up again",
                message,
            );
            return;
        }
        let message = format!(
            "the run's task panicked {} times in a row, the last time with \"{}\"; look at the control plane's log",
            panicked.times, panicked.message
        );
        for event in self.ways_out(message) {
            self.happen(event).await;
        }
    }

    /// What brings the run one stage nearer to its end: a task that panics on
    /// its way there goes the next one when it is taken up again.
    fn ways_out(&self, message: String) -> Vec<Event> {
        let state = &self.run.state;
        match &state.stage {
            Stage::Prepared | Stage::Done { .. } => Vec::new(),
            Stage::Waiting { .. } | Stage::Starting { .. } => {
                vec![Event::SetupFailed { message }]
            }
            Stage::Warmup { .. } | Stage::Measurement { .. } => {
                let reason = StopReason::SetupError;
                vec![Event::Breach { reason, message }]
            }
            Stage::Cooldown { .. } => {
                let live = state.shards.iter().zip(0..);
                let live = live.filter(|(shard, _)| shard.stage.is_live());
                let failed = live.map(|(state, shard)| Event::ShardFailed {
                    shard,
                    attempt: state.attempt,
                    message: message.clone(),
                });
                failed.collect()
            }
            Stage::Processing { .. } => vec![Event::ReportFailed { message }],
        }
    }
}
