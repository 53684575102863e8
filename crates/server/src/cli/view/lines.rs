//! Plain lines, for a log or a pipe: each phase, and now and then a second.

use gauntlet_client::pb;

use super::{View, moment};
use crate::cli::{
    failure::Failure,
    print,
    text::{number::duration, word},
};

/// Every so many seconds of a phase one is printed.
const EVERY_US: i64 = 5_000_000;

/// The view without a terminal.
#[derive(Default)]
pub struct Lines {
    phase: pb::RunPhase,
    phase_started_us: i64,
    last_printed_us: i64,
    live: bool,
    /// The step of a search that was told last.
    step: String,
}

impl View for Lines {
    fn state(&mut self, run: &pb::Run) -> Result<(), Failure> {
        let phase = run.phase();
        let step = moment::step(run);
        if step != self.step && !step.is_empty() {
            print::aside(&format!("{:<11}  {step}", word::phase(phase)));
            self.step = step;
        }
        if phase == self.phase {
            return Ok(());
        }
        self.phase = phase;
        self.phase_started_us = run.phase_started_us;
        self.last_printed_us = run.phase_started_us;
        // The first state is that of nobody being ready yet.
        let length = match phase {
            pb::RunPhase::Preparing => "the workers connect to the target".to_owned(),
            _ => moment::length(run),
        };
        if !length.is_empty() {
            print::aside(&format!("{:<11}  {length}", word::phase(phase)));
        }
        Ok(())
    }

    fn point(&mut self, point: &pb::MetricsPoint) -> Result<(), Failure> {
        // The point covers the second that begins at its time.
        let end_us = point.time_us + 1_000_000;
        if !self.live || point.phase() != self.phase || end_us - self.last_printed_us < EVERY_US {
            return Ok(());
        }
        self.last_printed_us = end_us;
        print::aside(&format!(
            "{:<11}  {:>6}  {}",
            word::phase(self.phase),
            duration((end_us - self.phase_started_us) / 1_000_000 * 1_000_000),
            moment::of_point(point)
        ));
        Ok(())
    }

    fn live(&mut self) {
        self.live = true;
    }

    fn tick(&mut self) {}

    fn note(&mut self, text: &str) {
        print::aside(text);
    }

    fn finish(&mut self) {}
}
