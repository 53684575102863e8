//! What happens to a load that no plan foresees: steps of a search end, the
//! warmup is steady, limits are crossed, workers are too few or are lost.
//!
//! The judgement is `model`'s: pure controllers that are fed with what is
//! stored. They give events; the state machine decides what follows. Nothing in
//! here waits for anybody. After a restart of the control plane the controllers
//! that count operations are filled again from the stored intervals, so no step
//! is lost or repeated; those that only have patience begin anew.

use gauntlet_model::{
    interval::{BadHistogram, Interval},
    lifecycle::{Effect, RunState, ShardStage, Stage},
    point::Point,
    report::Tally,
    run::Run,
    steady::Detector,
    time::Timestamp,
};
use gauntlet_store::{Error, TimeRange};

use super::Task;
use crate::{
    points::stored_points,
    report::{ReportError, each_interval_of},
};

mod clock;
mod joining;
mod limits;
mod seconds;
mod step;

use joining::Joining;
use limits::Limits;
use seconds::Seconds;
use step::StepWindow;

/// The controllers of a run under load.
pub(super) struct Driver {
    /// Whether what was stored before this task began has been read.
    open: bool,
    window: Option<StepWindow>,
    /// The measurement so far; only where an objective can end the run.
    so_far: Option<Tally>,
    detector: Option<Detector>,
    limits: Limits,
    seconds: Seconds,
    joining: Joining,
    /// Shards that are ready on workers whose clocks are not: shard, attempt.
    unclear: Vec<(u32, u32)>,
}

impl Driver {
    pub(super) fn new(run: &Run) -> Self {
        let mut driver = Self {
            open: run.state.load_started.is_none(),
            window: None,
            so_far: None,
            detector: None,
            limits: Limits::default(),
            seconds: Seconds::default(),
            joining: Joining::default(),
            unclear: Vec::new(),
        };
        driver.follow(run);
        driver
    }

    /// Has the controllers that the run's state asks for, and no others.
    fn follow(&mut self, run: &Run) {
        let stage = &run.state.stage;
        let current = run.state.search.as_ref().and_then(|search| search.current);
        let known = self.window.as_ref().map(|window| window.current);
        if current != known {
            self.window = current.map(|current| StepWindow::new(run, current));
        }
        let warms_up = matches!(stage, Stage::Warmup { .. });
        match run.spec.phases.until_steady.filter(|_| warms_up) {
            Some(until) if self.detector.is_none() => self.detector = Some(Detector::new(until)),
            Some(_) => {}
            None => self.detector = None,
        }
        let measures = matches!(stage, Stage::Measurement { .. });
        if !measures || !can_abort(run) {
            self.so_far = None;
        } else if self.so_far.is_none() {
            self.so_far = Some(Tally::new(run.spec.operations.len()));
        }
        self.limits.follow(run, warms_up || measures);
        if let (Some(began), true) = (run.state.load_started, self.open) {
            self.seconds.begin(began);
        }
    }

    /// Takes an interval that was just stored for the first time.
    pub(super) fn add(&mut self, interval: &Interval) -> Result<(), BadHistogram> {
        if let Some(window) = &mut self.window {
            window.tally.add(interval)?;
        }
        if let Some(so_far) = &mut self.so_far {
            so_far.add(interval)?;
        }
        Ok(())
    }

    /// Takes the seconds that were just closed.
    pub(super) fn take_points(&mut self, points: &[Point]) {
        self.seconds.take(points);
    }

    /// The instant from which stored intervals are needed; `None` when none are.
    fn needs_from(&self, state: &RunState) -> Option<Timestamp> {
        let step = self.window.as_ref().map(|window| window.current.from);
        let measured = match (&self.so_far, &state.stage) {
            (Some(_), Stage::Measurement { since, .. }) => Some(*since),
            _ => None,
        };
        step.into_iter().chain(measured).min()
    }
}

/// Whether an objective ends the run as soon as it is not met. For a search an
/// objective that is not met is what it looks for.
fn can_abort(run: &Run) -> bool {
    run.spec.control.search.is_none() && run.spec.slos.iter().any(|slo| slo.abort_on_fail)
}

impl Task {
    /// Reads what the controllers would know had they been there all the time.
    pub(super) async fn open_drive(&mut self) -> Result<(), Error> {
        if self.drive.open {
            return Ok(());
        }
        match self.read_for_drive().await {
            Err(ReportError::Store(error)) => return Err(error),
            Err(error) => self.warn("a stored interval makes no sense", error),
            Ok(()) => {}
        }
        self.drive.open = true;
        Ok(())
    }

    async fn read_for_drive(&mut self) -> Result<(), ReportError> {
        let stores = self.shared.services.stores.clone();
        let run = self.run.id;
        // A reading that breaks off leaves parts in them.
        self.drive = Driver {
            joining: std::mem::take(&mut self.drive.joining),
            unclear: std::mem::take(&mut self.drive.unclear),
            ..Driver::new(&self.run)
        };
        let drive = &mut self.drive;
        if let Some(from) = drive.needs_from(&self.run.state) {
            let ended = TimeRange {
                from: Some(from),
                to: None,
            };
            each_interval_of(&stores, run, ended, |interval| drive.add(interval)).await?;
        }
        if let Some(detector) = &mut drive.detector {
            let operations = self.run.spec.operations.len();
            for point in stored_points(&stores, run, operations).await? {
                detector.push(seconds::steadiness(&point));
            }
        }
        Ok(())
    }

    /// Does what a changed state asks for beside its effects.
    pub(super) fn follow(&mut self, before: &RunState, effects: &[Effect]) {
        let state = &self.run.state;
        for ((old, new), shard) in before.shards.iter().zip(&state.shards).zip(0..) {
            let ended = matches!(new.stage, ShardStage::Lost | ShardStage::Failed);
            if old.stage.is_live() && ended || old.worker != new.worker {
                self.shared.free(old.worker, self.run.id);
            }
            let began = new.stage == ShardStage::Running && old.stage != ShardStage::Running;
            if let Some(at) = joining::start_of(effects).filter(|_| began) {
                self.rolling.begin_shard(shard, at);
            }
        }
        self.gatherer.on_stage(&self.run.state.stage);
        self.drive.follow(&self.run);
        self.hold_step();
        self.take_keys_ahead();
    }

    /// Lets the controllers judge what is known by now.
    pub(super) async fn drive(&mut self) {
        if let Err(error) = self.open_drive().await {
            self.warn("what was measured could not be read; tried again", error);
            return;
        }
        self.admit_ready().await;
        self.measure_step().await;
        self.judge_seconds().await;
        self.join_workers().await;
    }
}
