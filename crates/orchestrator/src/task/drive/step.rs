//! The steps of a search: when one is over, and what it brought.

use std::time::Duration;

use gauntlet_model::{
    id::WorkerId,
    lifecycle::{Event, ShardStage},
    run::Run,
    scaling::{self, Second},
    search::{Current, WindowTally},
    template::ScalingMode,
};

use super::super::Task;

/// Workers' clocks may be a little ahead: an interval that ends with the window
/// may be here before the window's end.
const SLACK: Duration = Duration::from_millis(50);
/// A step is given up waiting for so much earlier than a second is: before the
/// run's own deadline for it comes.
const EARLIER: Duration = Duration::from_millis(500);
/// Who gave a sign of life so long after the window's end and still has not
/// told of it will not.
const OVERDUE: Duration = Duration::from_secs(2);

/// The step under load.
pub(super) struct StepWindow {
    pub(super) current: Current,
    pub(super) tally: WindowTally,
    /// Sessions that waited at the target, as a share: sum and number of looks.
    queue: (f64, u32),
    /// The seconds of the window so far.
    pub(super) seconds: Vec<Second>,
    /// Why the workers cannot hold the level, if they cannot.
    too_high: Option<String>,
    told: bool,
}

impl StepWindow {
    pub(super) fn new(run: &Run, current: Current) -> Self {
        let (window, operations) = (current.window(), run.spec.operations.len());
        Self {
            current,
            tally: WindowTally::new(operations, current.trial.step, window),
            queue: (0.0, 0),
            seconds: Vec::new(),
            too_high: None,
            told: false,
        }
    }

    fn queue_ratio(&self) -> Option<f64> {
        let (sum, looks) = self.queue;
        (looks > 0).then(|| sum / f64::from(looks))
    }
}

impl Task {
    /// Says what the step under load brought, as soon as every worker has told
    /// of its window or enough time has gone by.
    pub(in crate::task) async fn measure_step(&mut self) {
        self.look_at_queue();
        let over = self.is_step_over();
        if !over || !self.drive.open {
            return;
        }
        let Some(window) = self.drive.window.as_mut().filter(|window| !window.told) else {
            return;
        };
        window.told = true;
        let limit = || scaling::generator_is_limit(&self.run.spec.control.scaling, &window.seconds);
        let generator = window.too_high.clone().or_else(limit);
        let queue_ratio = window.queue_ratio();
        let measured = window
            .tally
            .measured(&self.run.spec, queue_ratio, generator);
        let step = window.current.trial.step;
        let measured = Box::new(measured);
        self.happen(Event::StepMeasured { step, measured }).await;
    }

    fn is_step_over(&self) -> bool {
        let Some(window) = &self.drive.window else {
            return false;
        };
        let state = &self.run.state;
        let hopeless =
            window.too_high.is_some() && self.run.spec.control.scaling.mode == ScalingMode::Fixed;
        let to = window.current.to;
        let ended = self.now() + SLACK >= to;
        // Who is silent may be lost, and then the step says nothing: only who
        // lives and does not tell is not waited for any longer.
        let old = self.old_until() + EARLIER >= to;
        let overdue = |worker: WorkerId| {
            let worker = self.shared.registry.get(worker);
            old && worker.is_some_and(|worker| worker.seen >= to + OVERDUE)
        };
        let (mut running, mut told) = (0, 0);
        for (shard, index) in state.shards.iter().zip(0..) {
            if shard.stage == ShardStage::Running {
                let attempt = self.reference(index, shard.attempt);
                running += 1;
                told += u32::from(window.tally.delivered(attempt) || overdue(shard.worker));
            }
        }
        hopeless || ended && running > 0 && told == running
    }

    fn look_at_queue(&mut self) {
        let now = self.now();
        let ratio = self.queue_ratio();
        if let (Some(window), Some(ratio)) = (&mut self.drive.window, ratio)
            && (window.current.from..window.current.to).contains(&now)
        {
            window.queue.0 += ratio;
            window.queue.1 += 1;
        }
    }

    /// Reserves at the workers what a new step needs of them.
    pub(super) fn hold_step(&mut self) {
        let Some(level) = self
            .drive
            .window
            .as_ref()
            .map(|window| window.current.trial.level)
        else {
            return;
        };
        let held = self.hold(level);
        if let Some(window) = &mut self.drive.window {
            window.too_high = held.err().map(|lack| lack.to_string());
        }
    }
}
