//! How a run is shown while it lives.

mod bars;
mod json;
mod lines;
mod moment;

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
    /// Something that the person should know.
    fn note(&mut self, text: &str);
    /// The run is over.
    fn finish(&mut self);
}

/// The view for a run whose result is what goes to stdout: bars on a terminal,
/// plain lines elsewhere, both on stderr.
pub fn of_progress(context: &Context) -> Box<dyn View> {
    if context.draws {
        Box::new(bars::Bars::default())
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
