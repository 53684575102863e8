//! Where a run's workers come from: the queue for those that are attached, and
//! those that are started for it alone.

use std::{future::pending, sync::Arc, time::Duration};

use gauntlet_model::{
    lifecycle::{Event, ShardStage, Stage},
    logs::LogLine,
    run::{Worker, WorkerStatus},
    template::Launcher,
    time::Timestamp,
};
use tokio::sync::Mutex;

use super::{Task, lines::LINES};
use crate::{
    access::Login,
    launcher::{self, Heard, News, Order},
    orchestrator::ControlError,
    registry::{Granted, Need},
};

/// Connections that a launched worker is willing to hold at least: room for a
/// level that a person sets later.
const CAPACITY: u32 = 1_000;
/// A worker that could not be launched is not tried again sooner.
const LAUNCH_AGAIN: Duration = Duration::from_secs(5);

/// What a run's task knows of its workers beside who they are.
#[derive(Default)]
pub(super) struct Place {
    /// Tells that the workers are there for which the run waits.
    granted: Option<Granted>,
    /// Workers that were started for the run and have not been heard to end.
    launches: Vec<Launch>,
    /// Whether there may be some, known to this task or not.
    may_have_some: bool,
    /// When one of them ended before its time, the last time.
    failed: Option<Timestamp>,
    /// Held while workers are started or ended, so that none is started behind
    /// the back of who ends them; true once they are ended.
    over: Arc<Mutex<bool>>,
}

struct Launch {
    name: String,
    heard: Heard,
    /// Nobody has been given it so far.
    is_spare: bool,
}

impl Place {
    /// Whether the run is in the queue.
    pub(super) fn waits(&self) -> bool {
        self.granted.is_some()
    }

    /// Waits until the workers are there for which the run waits. Safe to cancel.
    pub(super) async fn granted(&self) {
        match &self.granted {
            Some(granted) => granted.wait().await,
            None => pending().await,
        }
    }
}

impl Task {
    /// Joins the queue, and begins at once when it is its turn already.
    pub(super) async fn queue_up(&mut self, login: &Login) -> Result<(), ControlError> {
        if self.is_local() && self.shared.services.launcher.is_none() {
            return Err(ControlError::SetupFailed("the template asks for workers that the control plane starts, and this one starts none; set its launcher to EXTERNAL and start them with \"gauntlet worker\"".to_owned()));
        }
        let (id, now) = (self.run.id, self.now());
        let need = Need::of(&self.run);
        let granted = self.shared.registry.wait(id, now, need, now);
        if let Some(workers) = self.shared.registry.take_grant(id, now) {
            return self.begin(login, workers).await;
        }
        let message = self.waits_for();
        if let Err(error) = self.apply(Event::Wait { message }).await {
            self.vacate();
            return Err(error);
        }
        self.place.granted = Some(granted);
        if self.is_local() {
            self.launch_all();
        }
        Ok(())
    }

    /// What a run in the queue waits for, in words.
    fn waits_for(&self) -> String {
        let (id, registry) = (self.run.id, &self.shared.registry);
        if let (true, Some(launcher)) = (self.is_local(), &self.shared.services.launcher) {
            let workers = self.run.spec.workers;
            return format!("{workers} workers start on {}", launcher.place());
        }
        let lack = registry.lack(id, self.now());
        let lack = lack.map_or(String::new(), |lack| format!(": {lack}"));
        format!("place {} in the queue{lack}", registry.position(id))
    }

    fn is_local(&self) -> bool {
        self.run.spec.control.launcher == Launcher::Local
    }

    /// What is to be done now and then, and when the run's turn has come.
    pub(super) async fn placement_tick(&mut self) {
        if !self.run.status().is_active() {
            return;
        }
        self.place.may_have_some |= self.is_local();
        let ended = self.hear_launches();
        let Stage::Waiting { since, .. } = self.run.state.stage else {
            self.place.granted = None;
            return;
        };
        if let Some(message) = ended {
            return self.happen(Event::SetupFailed { message }).await;
        }
        let (id, now) = (self.run.id, self.now());
        if !self.place.waits() {
            // The control plane, or the task, was started anew.
            let need = Need::of(&self.run);
            self.place.granted = Some(self.shared.registry.wait(id, since, need, now));
            if self.is_local() && self.place.launches.is_empty() {
                self.launch_all();
            }
        }
        if let Some(workers) = self.shared.registry.take_grant(id, now) {
            self.place.granted = None;
            self.begin_after_wait(workers).await;
        }
    }

    /// Much may have changed since the start was asked for: all is checked anew.
    async fn begin_after_wait(&mut self, workers: Vec<Worker>) {
        let begun = match self.check().await {
            Ok(_) if self.one_has_gone(&workers) => {
                // It waits again, where it stood, from the next tick on.
                for worker in workers {
                    self.shared.free(worker.id, self.run.id);
                }
                return;
            }
            Ok(login) => self.begin(&login, workers).await,
            Err(message) => Err(ControlError::SetupFailed(message)),
        };
        match begun {
            Ok(()) => {}
            Err(ControlError::SetupFailed(message)) => {
                self.happen(Event::SetupFailed { message }).await;
            }
            // As above: the workers are free again.
            Err(error) => self.warn("the run does not begin; it waits again", error),
        }
    }

    fn one_has_gone(&self, workers: &[Worker]) -> bool {
        let status = |worker: &Worker| self.shared.registry.get(worker.id).map(|one| one.status);
        workers.iter().any(|worker| {
            matches!(
                status(worker),
                None | Some(WorkerStatus::Lost | WorkerStatus::Gone)
            )
        })
    }

    /// Reserves one more worker for the run, by the rules by which the first ones
    /// were chosen. A run that has workers of its own has one started, and gets
    /// it by a later call.
    pub(super) fn spare_worker(&mut self, connections: u32) -> Option<Worker> {
        let need = Need {
            connections,
            ..Need::of(&self.run)
        };
        let (id, now) = (self.run.id, self.now());
        if let Some(worker) = self.shared.registry.reserve_one_more(id, &need, now) {
            let mut launches = self.place.launches.iter_mut();
            if let Some(launch) = launches.find(|one| one.name == worker.name) {
                launch.is_spare = false;
            }
            self.shared.hub.worker(worker.clone());
            return Some(worker);
        }
        if self.is_local() {
            self.launch_spare(connections);
        }
        None
    }

    /// Takes back all that the run has of workers: its place in the queue, what
    /// is reserved, and those that were started for it.
    pub(super) fn vacate(&mut self) {
        let (id, shared) = (self.run.id, &self.shared);
        self.place.granted = None;
        for worker in shared.registry.vacate(id, shared.services.clock.now()) {
            shared.hub.worker(worker);
        }
        let may_have_some = std::mem::take(&mut self.place.may_have_some);
        let Some(launcher) = shared.services.launcher.clone().filter(|_| may_have_some) else {
            return;
        };
        let over = self.place.over.clone();
        shared.tracker.spawn(async move {
            *over.lock().await = true;
            launcher::stop_all(launcher, id).await;
        });
    }

    /// Starts the workers for every shard.
    fn launch_all(&mut self) {
        let connections = Need::of(&self.run).connections;
        let shards = 0..self.run.spec.workers;
        let orders = shards.map(|shard| self.order(shard, 1, connections, false));
        let orders = orders.collect();
        self.launch(orders, true);
    }

    /// Starts one more worker, unless as many are on their way as are missing.
    fn launch_spare(&mut self, connections: u32) {
        let shards = self.run.state.shards.iter().zip(0..);
        let lost = shards.filter(|(shard, _)| shard.stage == ShardStage::Lost);
        let mut missing: Vec<(u32, u32)> = lost
            .map(|(shard, index)| (index, shard.attempt + 1))
            .collect();
        if missing.is_empty() {
            missing.push((self.run.state.shards.len() as u32, 1));
        }
        let spares = self.place.launches.iter().filter(|one| one.is_spare);
        let Some((shard, attempt)) = missing.get(spares.count()).copied() else {
            return;
        };
        let failed = self.place.failed;
        if failed.is_some_and(|at| self.now().since(at) < LAUNCH_AGAIN) {
            return;
        }
        let order = self.order(shard, attempt, connections, true);
        self.launch(vec![order], false);
    }

    fn order(&mut self, shard: u32, attempt: u32, connections: u32, is_spare: bool) -> Order {
        let (news, heard) = News::channel(self.shared.services.clock.clone());
        let name = format!("{}-{shard}-{attempt}", self.run.name);
        self.place.launches.push(Launch {
            name: name.clone(),
            heard,
            is_spare,
        });
        Order {
            attempt: self.reference(shard, attempt),
            name,
            labels: Need::of(&self.run).labels,
            capacity: connections.max(CAPACITY),
            workers: self.run.spec.workers,
            news,
        }
    }

    /// Starts workers beside the run; with `clear`, those that an earlier control
    /// plane may have started for it are ended first.
    fn launch(&mut self, orders: Vec<Order>, clear: bool) {
        let Some(launcher) = self.shared.services.launcher.clone() else {
            return;
        };
        self.place.may_have_some = true;
        let (id, over) = (self.run.id, self.place.over.clone());
        self.shared.tracker.spawn(async move {
            let over = over.lock().await;
            if *over {
                return;
            }
            if clear {
                launcher::stop_all(launcher.clone(), id).await;
            }
            for order in orders {
                launcher::start(&*launcher, order).await;
            }
        });
    }

    /// Puts what launched workers print into the run's log. Gives how one of
    /// them ended, if one has.
    fn hear_launches(&mut self) -> Option<String> {
        let mut ended = None;
        let mut launches = std::mem::take(&mut self.place.launches);
        launches.retain_mut(|launch| {
            self.hear_lines(launch);
            let how = launch.heard.ended();
            if let Some(how) = how {
                let message = format!("worker {} {how}", launch.name);
                self.warn("a worker that was started for the run is no more", &message);
                self.place.failed = Some(self.now());
                ended = Some(message);
            }
            how.is_none()
        });
        self.place.launches = launches;
        ended
    }

    fn hear_lines(&mut self, launch: &mut Launch) {
        while self.lines.len() < LINES
            && let Some(line) = launch.heard.line()
        {
            self.lines.push(LogLine {
                sequence: 0,
                time: line.time,
                worker: None,
                shard: None,
                level: line.level,
                message: LogLine::cut(&format!("worker {}: {}", launch.name, line.text)),
            });
        }
        let dropped = launch.heard.dropped();
        if dropped > 0 {
            let what = format!("{dropped} lines that worker {} printed", launch.name);
            self.warn("lines are missing in the log", what);
        }
    }
}
