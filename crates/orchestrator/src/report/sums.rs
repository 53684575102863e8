//! The sums that a report is made of: one reading of the stored intervals.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use gauntlet_model::{
    interval::{BadHistogram, Interval},
    lifecycle::Window,
    report::Tally,
    run::Run,
    search::{Figures, Findings, Progress, Step, WindowTally},
    time::Timestamp,
};
use gauntlet_store::Stores;

use super::{ReportError, each_interval};

/// How long after an operation's timeout its interval may come: workers that
/// were away merge what they could not send.
const LATE: Duration = Duration::from_mins(2);

/// What the intervals of a run say together.
pub(crate) struct Sums {
    /// Of all, or of the step that speaks for a search.
    pub(crate) tally: Tally,
    /// What is reported of: the measurement or that step's window; `None` when
    /// nothing was measured.
    pub(crate) window: Option<Window>,
    /// The step that the tally is of; 0 for the whole measurement.
    pub(crate) step: u32,
    pub(crate) findings: Option<Findings>,
}

/// Sums up a run's stored intervals.
pub(crate) async fn sums(stores: &Stores, run: &Run) -> Result<Sums, ReportError> {
    let operations = run.spec.operations.len();
    let search = run.state.search.as_ref();
    let speaks = search.and_then(speaks);
    let mut tally = match speaks {
        Some(step) => Tally::of_step(operations, step.trial.step),
        None => Tally::new(operations),
    };
    let mut refining = search.map(|progress| Refining::new(run, progress));
    each_interval(stores, run.id, |interval| {
        if let Some(refining) = &mut refining {
            refining.add(interval)?;
        }
        tally.add(interval)
    })
    .await?;
    let refined = refining.map(Refining::finish).unwrap_or_default();
    Ok(Sums {
        tally,
        window: speaks.map(Step::window).or(run.state.measured()),
        step: speaks.map_or(0, |step| step.trial.step),
        findings: search.map(|progress| progress.findings(&refined)),
    })
}

/// The step whose figures are the report's: the best, else the first whose
/// window ran to its end.
fn speaks(progress: &Progress) -> Option<&Step> {
    let measured = || {
        progress
            .steps
            .iter()
            .find(|step| step.figures.succeeded > 0)
    };
    progress.best().or_else(measured)
}

/// The figures of each step from everything that was delivered. Intervals come
/// by their ends, so only a few steps are open at a time.
struct Refining<'a> {
    run: &'a Run,
    steps: &'a [Step],
    /// The first that no interval has reached yet.
    next: usize,
    open: Vec<(&'a Step, WindowTally)>,
    done: BTreeMap<u32, Figures>,
}

impl<'a> Refining<'a> {
    fn new(run: &'a Run, progress: &'a Progress) -> Self {
        Self {
            run,
            steps: &progress.steps,
            next: 0,
            open: Vec::new(),
            done: BTreeMap::new(),
        }
    }

    fn add(&mut self, interval: &Interval) -> Result<(), BadHistogram> {
        while let Some(step) = self
            .steps
            .get(self.next)
            .filter(|step| step.from < interval.end)
        {
            let operations = self.run.spec.operations.len();
            let tally = WindowTally::new(operations, step.trial.step, step.window());
            self.open.push((step, tally));
            self.next += 1;
        }
        let over = interval.end.before(self.run.spec.operation_timeout + LATE);
        self.close(over);
        let steps: BTreeSet<u32> = interval.operations.iter().map(|part| part.step).collect();
        for (step, tally) in &mut self.open {
            let overlaps = interval.start < step.to && step.from < interval.end;
            if overlaps || steps.contains(&step.trial.step) {
                tally.add(interval)?;
            }
        }
        Ok(())
    }

    /// Closes the steps that ended before an instant.
    fn close(&mut self, before: Timestamp) {
        let done = &mut self.done;
        self.open.retain(|(step, tally)| {
            let over = step.to < before;
            if over {
                let figures = tally.figures(step.figures.queue_ratio);
                done.insert(step.trial.step, figures);
            }
            !over
        });
    }

    fn finish(mut self) -> BTreeMap<u32, Figures> {
        self.close(Timestamp(i64::MAX));
        self.done
    }
}
