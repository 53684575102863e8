//! The cluster: one control plane at a time, its store, its workers, and what
//! happens to them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use gauntlet_model::{
    id::{Name, Project, RunId, TargetId, TemplateId},
    lifecycle::Adjustment,
    report::ReasonCode,
    run::Run,
    target::{Address, Target as Registered},
    template::{Level, Template, WorkerLossPolicy},
    time::Clock as _,
};
use gauntlet_orchestrator::{CreateRun, Orchestrator, Services};
use gauntlet_store::{Stores, memory};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};
use uuid::Uuid;

use crate::{
    chance::Chance,
    clock::{SimClock, WorkerClock},
    node::{self, Loads, Node, Orders},
    pipe::Travel,
    scenario::{Fault, Scenario},
    store::{Behaviour, seen_through},
    target::{OpenVault, Target},
    watcher::Watcher,
};

/// How long a run may take beyond what its template plans, with everything
/// that goes wrong: deadlines add up.
const PATIENCE: Duration = Duration::from_mins(6);
/// How long after its run a load may still go on: a worker whose control plane
/// does not come back ends it a minute after its planned end.
const ABANDONED: Duration = Duration::from_secs(90);
/// How long a call of a person may take.
const CALL: Duration = Duration::from_mins(1);

/// The control plane as workers find it.
#[derive(Clone, Default)]
pub struct Plane {
    /// None while it is down.
    pub orchestrator: Option<Orchestrator>,
}

/// What came of a seed.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The rules that were broken.
    pub broken: Vec<String>,
    /// What happened, in the order of time.
    pub story: Vec<String>,
}

struct Worker {
    orders: watch::Sender<Orders>,
    life: JoinHandle<()>,
}

struct World {
    clock: SimClock,
    chance: Chance,
    scenario: Scenario,
    stores: Stores,
    behaviour: Behaviour,
    watcher: Arc<Watcher>,
    target: Target,
    loads: Loads,
    plane: watch::Sender<Plane>,
    workers: Vec<Worker>,
    /// When a killed control plane comes back.
    back: Option<Instant>,
    story: Vec<String>,
}

/// Plays a scenario to its end.
pub async fn play(seed: u64) -> Outcome {
    let mut chance = Chance::new(seed);
    let scenario = Scenario::of(&mut chance);
    let mut world = World::new(chance, scenario).await;
    let mut broken = world.run().await;
    broken.extend(world.watcher.broken());
    broken.extend(world.watcher.gaps());
    Outcome {
        broken,
        story: world.story,
    }
}

impl World {
    async fn new(mut chance: Chance, scenario: Scenario) -> Self {
        let clock = SimClock::starting_now();
        let mut world = Self {
            clock,
            behaviour: Behaviour::new(chance.part()),
            chance,
            stores: memory::stores(),
            watcher: Arc::default(),
            target: Target::default(),
            loads: Loads::default(),
            plane: watch::Sender::default(),
            workers: Vec::new(),
            back: None,
            story: Vec::new(),
            scenario,
        };
        world.furnish().await;
        world.rise().await;
        for _ in 0..world.scenario.workers {
            world.attach();
        }
        world
    }

    /// A target and a template.
    async fn furnish(&self) {
        let now = self.clock.now();
        let target = Registered {
            id: TargetId(Uuid::from_u128(1)),
            project: project(),
            name: name("db"),
            address: Address::Sqlite {
                path: "/simulated.db".into(),
            },
            created: now,
            revision: 1,
            price_per_hour: 0.0,
        };
        let template = Template {
            id: TemplateId(Uuid::from_u128(2)),
            project: project(),
            name: name("bench"),
            version: 1,
            spec: self.scenario.spec.clone(),
            source: None,
            created: now,
            updated: now,
        };
        let targets = self.stores.targets.insert(&target, None, None);
        targets.await.expect("an empty store takes a target");
        let templates = self.stores.templates.insert(&template, None);
        templates.await.expect("an empty store takes a template");
    }

    /// A control plane starts over the store.
    async fn rise(&mut self) {
        let services = Services {
            stores: seen_through(&self.stores, &self.behaviour, &self.watcher),
            access: Arc::new(self.target.clone()),
            vault: Arc::new(OpenVault),
            clock: Arc::new(self.clock),
            launcher: None,
            version: "simulated".to_owned(),
        };
        let orchestrator = Orchestrator::new(services);
        // A store that is away makes a real one end and be started again.
        while orchestrator.recover().await.is_err() {
            tokio::time::sleep(Duration::from_secs(1)).await; // allow-sleep: on the paused clock
        }
        let orchestrator = Some(orchestrator);
        self.plane.send_replace(Plane { orchestrator });
    }

    /// What `kill -9` does: nothing more is stored, every stream is cut.
    fn fall(&mut self) {
        self.behaviour.die();
        self.behaviour = self.behaviour.reborn();
        let before = self.plane.send_replace(Plane::default());
        if let Some(orchestrator) = before.orchestrator {
            // Its tasks can reach nothing any more; this lets them end.
            tokio::spawn(async move { orchestrator.shutdown().await });
        }
    }

    fn attach(&mut self) {
        let number = self.workers.len() as u32;
        let offset_us = self.chance.between(0, 20_000_000) as i64 - 10_000_000;
        let (orders, told) = watch::channel(Orders::default());
        let node = Node {
            number,
            capacity: 10_000,
            clock: WorkerClock::new(self.clock, offset_us),
            target: self.target.clone(),
            loads: self.loads.clone(),
            plane: self.plane.subscribe(),
            orders: told,
            travel: Travel {
                delay_us: self.scenario.delay_us,
                slower: Duration::ZERO,
                mangled_once_in: self.scenario.mangled_once_in,
            },
            chance: self.chance.part(),
        };
        let life = tokio::spawn(node::live(node));
        self.workers.push(Worker { orders, life });
    }

    fn tell(&mut self, what: impl std::fmt::Display) {
        let seconds = self.clock.elapsed().as_secs_f64();
        self.story.push(format!("{seconds:>9.3}  {what}"));
    }

    /// Starts the run, lets everything happen, and looks at what is left.
    async fn run(&mut self) -> Vec<String> {
        // Workers need a moment to attach and to learn the time.
        self.until(Instant::now() + Duration::from_secs(2)).await;
        let id = RunId(Uuid::from_u128(7));
        let spec = self.scenario.spec.clone();
        self.tell(format!(
            "{} workers of {}, {:?}, {:?}, {:?}, {:?}",
            spec.workers,
            self.scenario.workers,
            spec.load,
            spec.phases,
            spec.worker_loss,
            spec.control
        ));
        let planned = spec.phases.warmup + spec.phases.measurement + spec.control.worker_wait;
        if let Err(message) = self.start(id).await {
            self.tell(format!("not started: {message}"));
        }
        let began = Instant::now();
        let faults = std::mem::take(&mut self.scenario.faults);
        for (after, fault) in faults {
            self.until(began + after).await;
            self.tell(format!("{fault:?}"));
            self.happen(id, fault).await;
        }
        let latest = Instant::now() + planned + PATIENCE;
        let Some(run) = self.until_over(id, latest).await else {
            let state = self.stores.runs.get(id).await;
            return vec![format!(
                "the run does not end: {:?}",
                state.ok().flatten().map(|run| run.state)
            )];
        };
        self.tell(format!("{}: {:?}", run.status().as_str(), run.state.end()));
        self.until(Instant::now() + ABANDONED).await;
        let mut broken = Vec::new();
        for (number, worker) in self.workers.iter_mut().enumerate() {
            if worker.life.is_finished()
                && let Err(error) = (&mut worker.life).await
                && error.is_panic()
            {
                broken.push(format!("worker {number} has failed: {error}"));
            }
        }
        let leftover = self.loads.under_load();
        if !leftover.is_empty() {
            broken.push(format!("load without a run: {leftover:?}"));
        }
        self.count(&run, &mut broken).await;
        broken
    }

    async fn start(&mut self, id: RunId) -> Result<(), String> {
        let request = CreateRun {
            project: project(),
            template: name("bench"),
            version: None,
            name: None,
            labels: BTreeMap::new(),
            idempotency: None,
        };
        let orchestrator = self.orchestrator().ok_or("the control plane is down")?;
        let made = orchestrator.create(id, request).await;
        made.map_err(|error| error.to_string())?;
        let started = orchestrator.start(id).await;
        started.map(drop).map_err(|error| error.to_string())
    }

    fn orchestrator(&self) -> Option<Orchestrator> {
        self.plane.borrow().orchestrator.clone()
    }

    /// Lets time go by; a control plane that is to come back does.
    async fn until(&mut self, instant: Instant) {
        while let Some(back) = self.back.filter(|back| *back <= instant) {
            sleep_until(back).await;
            self.back = None;
            self.rise().await;
            self.tell("the control plane is back");
        }
        sleep_until(instant).await;
    }

    async fn happen(&mut self, id: RunId, fault: Fault) {
        match fault {
            Fault::KillPlane(length) => {
                if self.back.is_none() {
                    self.fall();
                    self.back = Some(Instant::now() + length);
                }
            }
            Fault::KillWorker(number) => {
                if let Some(worker) = self.workers.get(number as usize) {
                    worker.life.abort();
                    self.loads.forget(number);
                }
            }
            Fault::Cut(number, length) => {
                let until = Instant::now() + length;
                self.order(number, |orders| orders.cut_until = Some(until));
            }
            Fault::Slow(number, slower) => self.order(number, |orders| orders.slower = slower),
            Fault::Leave(number) => self.order(number, |orders| orders.leave = true),
            Fault::StoreAway(length) => self.behaviour.away_for(length),
            Fault::Attach => self.attach(),
            Fault::Drain(number) => {
                let worker =
                    gauntlet_model::id::WorkerId(Uuid::from_u128(1_000 + u128::from(number)));
                if let Some(orchestrator) = self.orchestrator() {
                    let drained = orchestrator.drain(worker, "asked for".to_owned());
                    // Refused when it is not there.
                    let _ = timeout(CALL, drained).await;
                }
            }
            Fault::Stop | Fault::Abort | Fault::Adjust(_) | Fault::Pause(_) => {
                self.ask(id, fault).await;
            }
        }
    }

    /// A person asks for something; whether it is granted depends on the moment.
    async fn ask(&mut self, id: RunId, fault: Fault) {
        let Some(orchestrator) = self.orchestrator() else {
            return;
        };
        let message = "asked for".to_owned();
        let level = self.scenario.spec.load.level();
        let asked = async {
            match fault {
                Fault::Stop => orchestrator.stop(id, message).await.map(drop),
                Fault::Abort => orchestrator.abort(id, message).await.map(drop),
                Fault::Pause(paused) => {
                    let adjustment = Adjustment::Paused(paused);
                    orchestrator.adjust(id, adjustment, message).await.map(drop)
                }
                Fault::Adjust(percent) => {
                    let adjustment = Adjustment::Level(scaled(level, percent));
                    orchestrator.adjust(id, adjustment, message).await.map(drop)
                }
                _ => Ok(()),
            }
        };
        let answer = match timeout(CALL, asked).await {
            Ok(Ok(())) => "granted".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer".to_owned(),
        };
        self.tell(format!("  {answer}"));
    }

    fn order(&self, number: u32, change: impl FnOnce(&mut Orders)) {
        if let Some(worker) = self.workers.get(number as usize) {
            worker.orders.send_modify(change);
        }
    }

    /// Waits for the end of the run; a run that was never started is over, too.
    async fn until_over(&mut self, id: RunId, latest: Instant) -> Option<Run> {
        loop {
            let run = self.stores.runs.get(id).await.ok().flatten();
            match run {
                Some(run) if !run.status().is_active() => return Some(run),
                _ if Instant::now() >= latest => return None,
                _ => {}
            }
            self.until(Instant::now() + Duration::from_millis(500))
                .await;
        }
    }

    /// What was counted against what was executed.
    async fn count(&mut self, run: &Run, broken: &mut Vec<String>) {
        let (stored, executed) = (self.watcher.succeeded(), self.target.executed());
        for attempt in self.watcher.attempts(run.id) {
            let reference = attempt.of(run.id);
            let counted = stored.get(&reference).copied().unwrap_or(0);
            let done = executed.get(&reference).copied().unwrap_or(0);
            let delivered = attempt.stage == gauntlet_model::lifecycle::ShardStage::Finished;
            if counted > done || delivered && counted != done {
                let stage = attempt.stage;
                broken.push(format!(
                    "{reference:?} is {stage:?}: {counted} counted, {done} executed"
                ));
            }
        }
        let report = self.stores.reports.get(run.id).await.ok().flatten();
        let Some(report) = report else {
            if run.state.load_started.is_some()
                && run.state.processing() == gauntlet_model::lifecycle::ProcessingStatus::Completed
            {
                broken.push("a report is COMPLETED and not there".to_owned());
            }
            return;
        };
        let mismatch = report
            .reasons
            .iter()
            .find(|reason| reason.code == ReasonCode::CountMismatch);
        let lossy = self.scenario.spec.worker_loss != WorkerLossPolicy::Fail
            || report
                .reasons
                .iter()
                .any(|reason| reason.code == ReasonCode::WorkerLost);
        if let Some(reason) = mismatch.filter(|_| !lossy) {
            broken.push(format!("the report says: {}", reason.message));
        }
        self.tell(format!("report: {} operations", report.total.succeeded));
        for reason in &report.reasons {
            self.tell(format!("  {}: {}", reason.code.as_str(), reason.message));
        }
        if let Some(search) = &report.search {
            self.tell(format!(
                "search: {:?} {:?}, {} steps",
                search.end,
                search.best,
                search.steps.len()
            ));
        }
    }
}

fn scaled(level: Level, percent: u32) -> Level {
    match level {
        Level::Concurrency { connections } => Level::Concurrency {
            connections: (connections * percent / 100).max(1),
        },
        Level::Rate { milli_per_s } => Level::Rate {
            milli_per_s: (milli_per_s * u64::from(percent) / 100).max(1),
        },
    }
}

fn project() -> Project {
    Project::new("acme").expect("a constant that is a project")
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a constant that is a name")
}
