//! Workers that come while a run is on its way: in place of one that was lost,
//! or because the others are too few.

use std::sync::Arc;

use gauntlet_model::{
    lifecycle::{Action, Effect, Event, Stage},
    run::{Run, Worker},
    session::KeyRange,
    template::{Level, ScalingMode, WorkerLossPolicy},
    time::Timestamp,
};
use tokio_util::task::AbortOnDropHandle;

use super::super::{Task, setup::new_attempt};
use crate::{keys, login::login, orchestrator::Shared};

/// What joining needs beside a free worker.
#[derive(Default)]
pub(super) struct Joining {
    keys: Keys,
    /// Why one more worker is wanted, and since when.
    wish: Option<(String, Timestamp)>,
}

/// Keys for the next worker that joins. The target is asked for them ahead: a
/// loss need not wait for its answer.
#[derive(Default)]
enum Keys {
    #[default]
    None,
    Asked(AbortOnDropHandle<Result<KeyRange, String>>),
    There(KeyRange),
}

/// A place that waits for a worker.
enum Vacancy {
    /// A shard whose worker was lost.
    Lost(u32),
    /// One more shard, and why.
    New(String),
}

impl Joining {
    pub(super) fn wishes(&self) -> bool {
        self.wish.is_some()
    }
}

impl Task {
    /// Gives every vacant place a worker, as far as some are free.
    pub(super) async fn join_workers(&mut self) {
        while let Some(vacancy) = self.vacancy() {
            let Some(keys) = self.keys_ahead().await else {
                return;
            };
            let connections = self.connections_to_join();
            let Some(worker) = self.spare_worker(connections) else {
                return;
            };
            let id = worker.id;
            if !self.join(vacancy, worker, keys).await {
                self.shared.free(id, self.run.id);
                return;
            }
        }
    }

    /// Asks for one more worker, one at a time. False when one was asked for
    /// before, and for as long as a start may take none was free.
    pub(super) fn wish_for_a_worker(&mut self, why: &str) -> bool {
        let now = self.now();
        let patience = self.run.spec.start_timeout;
        match &self.drive.joining.wish {
            Some((_, since)) if now.since(*since) > patience => {
                self.drive.joining.wish = None;
                false
            }
            Some(_) => true,
            None => {
                self.drive.joining.wish = Some((why.to_owned(), now));
                true
            }
        }
    }

    fn vacancy(&mut self) -> Option<Vacancy> {
        let state = &self.run.state;
        let under_load = matches!(
            state.stage,
            Stage::Warmup { .. } | Stage::Measurement { .. }
        );
        if !under_load {
            self.drive.joining.wish = None;
        }
        if !under_load && !matches!(state.stage, Stage::Starting { .. }) {
            return None;
        }
        let mut shards = state.shards.iter().zip(0..);
        let lost = shards.find(|(shard, _)| shard.is_vacant());
        match lost {
            Some((_, shard)) => Some(Vacancy::Lost(shard)),
            None => self
                .drive
                .joining
                .wish
                .clone()
                .map(|(why, _)| Vacancy::New(why)),
        }
    }

    /// False when the worker has not joined.
    async fn join(&mut self, vacancy: Vacancy, worker: Worker, keys: KeyRange) -> bool {
        let state = &self.run.state;
        let (event, shard, number) = match vacancy {
            Vacancy::Lost(shard) => {
                let before = state.shards.get(shard as usize);
                let number = before.map_or(0, |before| before.attempt) + 1;
                let worker = worker.id;
                (Event::Replace { shard, worker }, shard, number)
            }
            Vacancy::New(message) => {
                let (worker, shard) = (worker.id, state.shards.len() as u32);
                (Event::ScaleOut { worker, message }, shard, 1)
            }
        };
        let attempt = new_attempt((shard, number), &worker, keys, self.now());
        if let Err(error) = self.apply_with(event, Some(attempt)).await {
            self.warn("a worker could not join; tried again", error);
            return false;
        }
        let joined = self.run.state.shards.get(shard as usize);
        let joined =
            joined.is_some_and(|joined| (joined.worker, joined.attempt) == (worker.id, number));
        if joined {
            // Whoever wished for a worker has one, even in another's place.
            self.drive.joining = Joining::default();
            self.take_keys_ahead();
        }
        joined
    }

    /// What a worker that joins must be able to hold.
    fn connections_to_join(&self) -> u32 {
        let state = &self.run.state;
        let live = state.shards.iter().filter(|shard| shard.stage.is_live());
        let shards = (live.count() as u32 + 1).max(self.run.spec.workers);
        match self.run.level() {
            Level::Concurrency { connections } => connections.div_ceil(shards),
            Level::Rate { .. } => self.run.spec.first_connections_each(),
        }
    }

    /// Asks for keys if a worker may join and none are there.
    pub(super) fn take_keys_ahead(&mut self) {
        let (spec, stage) = (&self.run.spec, &self.run.state.stage);
        let may_join = spec.worker_loss == WorkerLossPolicy::Replace
            || spec.control.scaling.mode != ScalingMode::Fixed;
        let on_its_way = matches!(
            stage,
            Stage::Starting { .. } | Stage::Warmup { .. } | Stage::Measurement { .. }
        );
        if may_join && on_its_way && matches!(self.drive.joining.keys, Keys::None) {
            let asking = take_keys(self.shared.clone(), self.run.clone());
            let handle = AbortOnDropHandle::new(tokio::spawn(asking));
            self.drive.joining.keys = Keys::Asked(handle);
        }
    }

    /// The keys that were asked for, once they are there.
    async fn keys_ahead(&mut self) -> Option<KeyRange> {
        self.take_keys_ahead();
        let joining = &mut self.drive.joining;
        if let Keys::Asked(handle) = &mut joining.keys {
            if !handle.is_finished() {
                return None;
            }
            let taken = handle.await;
            joining.keys = Keys::None;
            match taken.unwrap_or_else(|error| Err(error.to_string())) {
                Ok(keys) => joining.keys = Keys::There(keys),
                Err(error) => self.warn("no keys for a worker that joins; tried again", error),
            }
        }
        match self.drive.joining.keys {
            Keys::There(keys) => Some(keys),
            _ => None,
        }
    }
}

async fn take_keys(shared: Arc<Shared>, run: Run) -> Result<KeyRange, String> {
    let login = login(&shared.services, &run).await?;
    let taken = keys::take(&shared, &run, &login, 1).await?;
    taken.first().copied().ok_or_else(|| "no keys".to_owned())
}

/// The instant of the START among some effects.
pub(super) fn start_of(effects: &[Effect]) -> Option<Timestamp> {
    effects.iter().find_map(|effect| match effect {
        Effect::Command {
            at,
            action: Action::Start(_),
            ..
        } => Some(*at),
        _ => None,
    })
}
