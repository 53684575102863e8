//! The session for a simulation of whole clusters: without a network, an engine or a clock of its own.

use gauntlet_engine::Replay;
use gauntlet_model::session::Assign;

use crate::plan::Work;
pub use crate::{
    session::{Do, Event, Heard, Identity, Session, Steer},
    usage::Usage,
};

/// What [`Heard::Prepared`] brings for a shard whose connections a simulation says are open.
#[must_use]
pub fn replay(assign: &Assign) -> Box<Replay> {
    Box::new(Replay::new(&Work::new(assign, 1).plan))
}
