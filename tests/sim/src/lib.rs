//! The whole cluster in one process: the real control plane and the real
//! sessions of workers, over the in-memory store, on a manual clock, with
//! faults from a seed. What must hold is looked at after every change.
//!
//! A seed repeats the same template, workers and faults at the same instants.
//! Which of two tasks that are ready at the same instant goes first is tokio's
//! choice and not repeated.

mod chance;
mod clock;
mod link;
mod load;
mod node;
mod pipe;
mod scenario;
mod store;
mod target;
mod watcher;
mod world;

pub use world::Outcome;

/// Plays the scenario of a seed to its end, on a runtime of its own.
#[must_use]
pub fn play(seed: u64) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without io can be made");
    runtime.block_on(world::play(seed))
}
