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

impl Lines {
    /// What a state has to say that was not said before.
    fn of_state(&mut self, run: &pb::Run) -> Vec<String> {
        let mut lines = Vec::new();
        let phase = run.phase();
        let step = moment::step(run);
        if step != self.step && !step.is_empty() {
            lines.push(format!("{:<11}  {step}", word::phase(phase)));
            self.step = step;
        }
        if phase == self.phase {
            return lines;
        }
        self.phase = phase;
        self.phase_started_us = run.phase_started_us;
        self.last_printed_us = run.phase_started_us;
        let length = match phase {
            // The first state is that of nobody being ready yet.
            pb::RunPhase::Preparing => "the workers connect to the target".to_owned(),
            // A search ends by itself: the length is the most that it may take.
            pb::RunPhase::Measurement if run.search.is_some() => String::new(),
            _ => moment::length(run),
        };
        if !length.is_empty() {
            lines.push(format!("{:<11}  {length}", word::phase(phase)));
        }
        lines
    }

    /// A second, when it is time for one.
    fn of_point(&mut self, point: &pb::MetricsPoint) -> Option<String> {
        // The point covers the second that begins at its time.
        let end_us = point.time_us + 1_000_000;
        if !self.live || point.phase() != self.phase || end_us - self.last_printed_us < EVERY_US {
            return None;
        }
        self.last_printed_us = end_us;
        Some(format!(
            "{:<11}  {:>6}  {}",
            word::phase(self.phase),
            duration((end_us - self.phase_started_us) / 1_000_000 * 1_000_000),
            moment::of_point(point)
        ))
    }
}

impl View for Lines {
    fn state(&mut self, run: &pb::Run) -> Result<(), Failure> {
        for line in self.of_state(run) {
            print::aside(&line);
        }
        Ok(())
    }

    fn point(&mut self, point: &pb::MetricsPoint) -> Result<(), Failure> {
        if let Some(line) = self.of_point(point) {
            print::aside(&line);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn run(phase: pb::RunPhase, started_us: i64, ends_us: i64) -> pb::Run {
        pb::Run {
            phase: phase.into(),
            phase_started_us: started_us,
            phase_ends_us: ends_us,
            ..Default::default()
        }
    }

    #[test]
    fn a_phase_is_told_once_and_every_fifth_second_of_it() {
        let mut lines = Lines::default();
        let mut said = lines.of_state(&run(pb::RunPhase::Preparing, 0, 0));
        lines.live();
        let measuring = run(pb::RunPhase::Measurement, 0, 12_000_000);
        said.extend(lines.of_state(&measuring));
        said.extend(lines.of_state(&measuring));
        for second in 0..12 {
            said.extend(lines.of_point(&pb::MetricsPoint {
                time_us: second * 1_000_000,
                phase: pb::RunPhase::Measurement.into(),
                total: Some(pb::OperationPoint {
                    succeeded: 1_200,
                    ..Default::default()
                }),
                ..Default::default()
            }));
        }
        let expected = [
            "preparing    the workers connect to the target",
            "measurement  12 s",
            "measurement     5 s  1,200/s  p50 0 µs  p99 0 µs  err 0/s",
            "measurement    10 s  1,200/s  p50 0 µs  p99 0 µs  err 0/s",
        ];
        assert_eq!(said, expected);
        let clean = |line: &String| !line.contains(char::is_control);
        assert!(said.iter().all(clean));
    }

    #[test]
    fn a_search_has_steps_and_no_length() {
        let trial = pb::SearchTrial {
            step: 1,
            level: Some(pb::LoadLevel {
                level: Some(pb::load_level::Level::Connections(8)),
            }),
            ..Default::default()
        };
        let of = |current| pb::Run {
            search: Some(pb::SearchProgress {
                current,
                ..Default::default()
            }),
            ..run(pb::RunPhase::Measurement, 0, 600_000_000)
        };
        let mut lines = Lines::default();
        assert_eq!(lines.of_state(&of(None)), [""; 0]);
        assert_eq!(
            lines.of_state(&of(Some(trial))),
            ["measurement  step 1: 8 connections"]
        );
    }

    #[test]
    fn what_was_stored_before_is_not_told_line_by_line() {
        let mut lines = Lines::default();
        lines.of_state(&run(pb::RunPhase::Measurement, 0, 60_000_000));
        let stored = pb::MetricsPoint {
            time_us: 30_000_000,
            phase: pb::RunPhase::Measurement.into(),
            ..Default::default()
        };
        assert_eq!(lines.of_point(&stored), None);
    }
}
