//! How a run is shown while it lives.

mod json;
mod line;
mod lines;
mod live;
mod moment;
mod screen;
pub mod terminal;

use gauntlet_client::pb;

use super::{Context, failure::Failure};

/// Shows a run while it lives.
pub trait View {
    /// The run changed.
    fn state(&mut self, run: &pb::Run) -> Result<(), Failure>;
    /// One more second of metrics.
    fn point(&mut self, point: &pb::MetricsPoint) -> Result<(), Failure>;
    /// The points from now on are new.
    fn live(&mut self);
    /// A tenth of a second went by.
    fn tick(&mut self);
    /// Whether it has a use for what a look shows.
    fn looks(&self) -> bool {
        false
    }
    /// What a look has shown.
    fn look(&mut self, _look: &Look) {}
    /// Something that the person should know.
    fn note(&mut self, text: &str);
    /// The run is over.
    fn finish(&mut self);
}

/// What was asked for beside the streams; what could not be had is absent.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// All workers.
    pub workers: Option<Vec<pb::Worker>>,
    /// The run's failures by kind.
    pub errors: Option<Vec<pb::ErrorSummary>>,
}

/// The view for a run whose result is what goes to stdout: a table on a terminal,
/// plain lines elsewhere, both on stderr.
pub fn of_progress(context: &Context) -> Box<dyn View> {
    if context.draws {
        Box::new(live::Live::new())
    } else {
        Box::new(lines::Lines::default())
    }
}

/// The view for a run whose stream is the result.
pub fn of_stream(context: &Context) -> Box<dyn View> {
    if context.is_json() {
        Box::new(json::Json)
    } else {
        of_progress(context)
    }
}
