//! One bar per phase on the terminal. The time comes from the server: a viewer
//! counts on from what it was told and never guesses phases.

use std::time::Instant;

use gauntlet_client::pb;
use indicatif::{ProgressBar, ProgressStyle};

use super::{View, moment};
use crate::cli::{
    failure::Failure,
    text::{number::duration, search, word},
};

/// A line of metrics fits beside it on a terminal of 80 columns.
const TIMED: &str = "{prefix:<11} [{bar:10}] {wide_msg}";
const WAITING: &str = "{prefix:<11} {spinner} {wide_msg}";

/// The view on a terminal.
#[derive(Default)]
pub struct Bars {
    run: Option<(pb::Run, Instant)>,
    bar: Option<ProgressBar>,
    newest: Option<String>,
}

impl Bars {
    fn draw(&self) {
        let (Some((run, at)), Some(bar)) = (&self.run, &self.bar) else {
            return;
        };
        let now_us = run.server_time_us + at.elapsed().as_micros() as i64;
        let newest = self.newest.as_deref().unwrap_or_default();
        if let Some((gone, whole)) = moment::progress(run, now_us) {
            bar.set_position(gone as u64);
            let left = (whole - gone + 999_999) / 1_000_000 * 1_000_000;
            let step = search::progress(run, now_us);
            if step.is_empty() {
                bar.set_message(format!("{} left  {newest}", duration(left)));
            } else {
                bar.set_message(format!("{step}  {newest}"));
            }
        } else {
            bar.set_message(moment::waiting(run));
            bar.tick();
        }
    }

    /// Leaves the phase's last line on the screen.
    fn close(&mut self) {
        let (Some((run, _)), Some(bar)) = (&self.run, self.bar.take()) else {
            return;
        };
        if let Some((_, whole)) = moment::progress(run, run.phase_ends_us) {
            bar.set_position(whole as u64);
            let newest = self.newest.as_deref().unwrap_or_default();
            bar.set_message(format!("{}  {newest}", duration(whole)));
        }
        bar.abandon();
    }
}

fn bar_for(run: &pb::Run) -> ProgressBar {
    let style = |template| {
        ProgressStyle::with_template(template)
            .expect("the template is a constant")
            .progress_chars("=> ")
    };
    let bar = match moment::progress(run, 0) {
        Some((_, whole)) => ProgressBar::new(whole as u64).with_style(style(TIMED)),
        None => ProgressBar::no_length().with_style(style(WAITING)),
    };
    bar.with_prefix(word::phase(run.phase()))
}

impl View for Bars {
    fn state(&mut self, run: &pb::Run) -> Result<(), Failure> {
        let before = self
            .run
            .as_ref()
            .map(|(run, _)| (run.phase, run.phase_ends_us));
        if before != Some((run.phase, run.phase_ends_us)) {
            self.close();
            self.newest = None;
            let shown = !matches!(run.phase(), pb::RunPhase::Unspecified | pb::RunPhase::Done);
            self.bar = shown.then(|| bar_for(run));
        }
        self.run = Some((run.clone(), Instant::now()));
        self.draw();
        Ok(())
    }

    fn point(&mut self, point: &pb::MetricsPoint) -> Result<(), Failure> {
        let current = self.run.as_ref().map(|(run, _)| run.phase);
        if current == Some(point.phase) {
            self.newest = Some(moment::of_point(point));
            self.draw();
        }
        Ok(())
    }

    fn live(&mut self) {}

    fn tick(&mut self) {
        self.draw();
    }

    fn note(&mut self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| crate::cli::print::aside(text)),
            None => crate::cli::print::aside(text),
        }
    }

    fn finish(&mut self) {
        self.close();
    }
}
