//! What is wrong between the fields of a description.

use super::{Class, Launcher, Level, Load, Method, Scaling, ScalingMode, Scope, Search, Spec};

/// The most connections of a load.
const MOST_CONNECTIONS: f64 = 100_000.0;

/// One thing that is wrong with a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The path of the field in the API's spelling, like `operations[1].weight`.
    pub field: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl Violation {
    /// A violation at a field.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

impl Spec {
    /// What is wrong between the fields of a description whose single fields
    /// are good.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        self.check_mix(&mut found);
        self.check_load(&mut found);
        for (index, slo) in self.slos.iter().enumerate() {
            if !self
                .operations
                .iter()
                .any(|operation| slo.scope.holds(operation))
            {
                found.push(self.empty_scope(index, &slo.scope));
            }
        }
        self.check_phases(&mut found);
        self.check_scaling(&mut found);
        if let Some(search) = &self.control.search {
            self.check_search(search, &mut found);
        }
        found
    }

    fn empty_scope(&self, index: usize, scope: &Scope) -> Violation {
        let (field, what) = match scope {
            Scope::All => ("operation", "there is no operation".to_owned()),
            Scope::Operation(name) => (
                "operation",
                format!("no operation is named {:?}", name.as_str()),
            ),
            Scope::Class { class: Class::Read } => ("class", "no operation reads".to_owned()),
            Scope::Class {
                class: Class::Write,
            } => ("class", "no operation writes".to_owned()),
            Scope::Label { label } => (
                "label",
                format!("no operation has the label {:?}", label.as_str()),
            ),
        };
        Violation::new(
            format!("slos[{index}].{field}"),
            format!("{what}; {}", self.names()),
        )
    }

    fn check_mix(&self, found: &mut Vec<Violation>) {
        let sum: u64 = self.operations.iter().map(|op| u64::from(op.weight)).sum();
        if sum != 10_000 {
            found.push(Violation::new(
                "operations",
                format!(
                    "the weights sum to {}, they must sum to 100",
                    sum as f64 / 100.0
                ),
            ));
        }
        for (index, operation) in self.operations.iter().enumerate() {
            let given = operation.parameters.len();
            let needed = operation.statement.parameters();
            if given != needed {
                found.push(Violation::new(
                    format!("operations[{index}].parameters"),
                    format!(
                        "operation {:?} needs {needed} parameters, {given} are given",
                        operation.name.as_str()
                    ),
                ));
            }
            if self.operations[..index]
                .iter()
                .any(|earlier| earlier.name == operation.name)
            {
                found.push(Violation::new(
                    format!("operations[{index}].name"),
                    format!(
                        "{:?} is used twice; give each operation a name of its own",
                        operation.name.as_str()
                    ),
                ));
            }
        }
    }

    fn check_load(&self, found: &mut Vec<Violation>) {
        if self.load.connections() < self.workers {
            found.push(Violation::new(
                "load",
                format!(
                    "{} connections cannot be shared by {} workers; each needs at least one",
                    self.load.connections(),
                    self.workers
                ),
            ));
        }
    }

    fn check_phases(&self, found: &mut Vec<Violation>) {
        let warmup = self.phases.warmup;
        let Some(steady) = self.phases.until_steady else {
            return;
        };
        if warmup < steady.window {
            found.push(Violation::new(
                "phases.until_steady.window",
                format!(
                    "the load must be steady for {} s and the warmup lasts at most {} s; warm up at least as long",
                    steady.window.as_secs_f64(),
                    warmup.as_secs_f64()
                ),
            ));
        }
    }

    fn check_scaling(&self, found: &mut Vec<Violation>) {
        let control = &self.control;
        if let Scaling {
            mode: ScalingMode::Bounded { max_workers },
            ..
        } = control.scaling
            && max_workers < self.workers
        {
            found.push(Violation::new(
                "scaling.max_workers",
                format!(
                    "{max_workers} workers are the most, and the run begins with {}",
                    self.workers
                ),
            ));
        }
        if control.guardrails.is_some_and(|guardrails| {
            let shares = [
                guardrails.max_worker_cpu,
                guardrails.max_error_ratio,
                guardrails.max_queue_ratio,
            ];
            shares.iter().all(Option::is_none) && guardrails.max_worker_memory_bytes.is_none()
        }) {
            found.push(Violation::new(
                "guardrails",
                "no limit is given; give at least one of max_worker_cpu, max_worker_memory_bytes, max_error_ratio and max_queue_ratio",
            ));
        }
        if control.launcher == Launcher::Local && !control.worker_wait.is_zero() {
            found.push(Violation::new(
                "worker_wait",
                "local workers are started for the run, so it does not wait for any; leave worker_wait out or choose the launcher EXTERNAL",
            ));
        }
    }

    fn check_search(&self, search: &Search, found: &mut Vec<Violation>) {
        let mut add = |field: &str, message| {
            found.push(Violation::new(format!("search.{field}"), message));
        };
        let needed = search.settle + search.step;
        if needed > self.phases.measurement {
            add(
                "step",
                format!(
                    "a step takes {} s to settle and {} s to measure, and the measurement lasts {} s; it must hold at least one",
                    search.settle.as_secs_f64(),
                    search.step.as_secs_f64(),
                    self.phases.measurement.as_secs_f64()
                ),
            );
        }
        let (first, unit) = match self.load.level() {
            Level::Concurrency { connections } => (f64::from(connections), "connections"),
            Level::Rate { milli_per_s } => (milli_per_s as f64 / 1e3, "operations per second"),
        };
        if search.max_level <= first {
            add(
                "max_level",
                format!(
                    "the search begins with {first} {unit} and may try at most {}; it must be more",
                    search.max_level
                ),
            );
        }
        match self.load {
            Load::Concurrency { .. } => whole_connections(search, &mut add),
            Load::Rate { .. } if search.stop.min_gain.is_some() => add(
                "stop.min_gain",
                "the gain is that of added connections, and an open loop adds none; leave it out"
                    .to_owned(),
            ),
            Load::Rate { .. } => {}
        }
        for (index, slo) in self.slos.iter().enumerate() {
            if slo.abort_on_fail {
                found.push(Violation::new(
                    format!("slos[{index}].abort_on_fail"),
                    "a search raises the load until an objective fails, which would end the run; leave it out",
                ));
            }
        }
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.operations.iter().map(|op| op.name.as_str()).collect();
        format!("there are: {}", names.join(", "))
    }
}

/// A closed loop's levels are whole connections.
fn whole_connections(search: &Search, add: &mut impl FnMut(&str, String)) {
    if search.max_level > MOST_CONNECTIONS {
        add(
            "max_level",
            format!(
                "{} connections are more than the {MOST_CONNECTIONS} that a run can have",
                search.max_level
            ),
        );
    }
    if let Method::Linear(linear) = search.method
        && (linear.increment < 1.0 || linear.increment.fract() > 0.0)
    {
        add(
            "linear.increment",
            format!(
                "{} is no number of connections; each step adds one or more, whole",
                linear.increment
            ),
        );
    }
}

#[cfg(test)]
mod tests;
