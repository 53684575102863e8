//! A run's task that panics is started anew: an active run is never left alone.

use std::{any::Any, sync::Arc, time::Duration};

use gauntlet_model::id::RunId;
use tokio::time::Instant;

use super::Shared;
use crate::task::{self, Inboxes, Panicked};

/// How long to wait before a run whose task panicked is taken up again.
const AGAIN: Duration = Duration::from_secs(1);
/// A task that lived for longer before it panicked begins the count anew.
const APART: Duration = Duration::from_mins(1);

/// Runs the task of a run to its end. What waits in the inboxes outlives a panic.
pub(super) async fn supervise(shared: &Arc<Shared>, run: RunId, inboxes: Inboxes) {
    let mut panicked: Option<Panicked> = None;
    loop {
        let began = Instant::now();
        let task = task::run(shared.clone(), run, inboxes.clone(), panicked.clone());
        let Err(error) = tokio::spawn(task).await else {
            return;
        };
        // A task is cancelled only together with the runtime.
        let Ok(panic) = error.try_into_panic() else {
            return;
        };
        let message = text(&*panic);
        tracing::error!(%run, message, "a run's task panicked");
        let before = panicked.filter(|_| began.elapsed() < APART);
        let times = before.map_or(0, |before| before.times) + 1;
        panicked = Some(Panicked { times, message });
        // What the task had taken and not yet stored, the workers send again
        // when they come back.
        shared.registry.disconnect(run);
        let pause = tokio::time::sleep(AGAIN);
        if shared.stop.run_until_cancelled(pause).await.is_none() {
            return;
        }
    }
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}
