//! New runs: of a template, or of another run's snapshot.

use std::collections::BTreeMap;

use gauntlet_model::{
    id::{Name, Project, RunId},
    lifecycle::RunState,
    run::{Run, RunEvent, RunEventKind},
    template::Spec,
};
use gauntlet_store::Idempotency;

use super::{ControlError, Orchestrator};

/// A run to prepare.
#[derive(Clone, Debug)]
pub struct CreateRun {
    /// The template's project.
    pub project: Project,
    /// The template.
    pub template: Name,
    /// Its version; the newest when `None`.
    pub version: Option<i32>,
    /// The run's name; made from the template's when `None`.
    pub name: Option<Name>,
    /// Free key-value pairs.
    pub labels: BTreeMap<String, String>,
    /// Makes the call repeatable.
    pub idempotency: Option<Idempotency>,
}

/// A run to repeat.
#[derive(Clone, Debug)]
pub struct RerunRun {
    /// The run whose snapshot is taken.
    pub run: RunId,
    /// The new run's name; made from the template's when `None`.
    pub name: Option<Name>,
    /// Free key-value pairs; those of the other run are not taken.
    pub labels: BTreeMap<String, String>,
    /// Makes the call repeatable.
    pub idempotency: Option<Idempotency>,
}

/// What a new run is made from.
struct Snapshot {
    project: Project,
    template: Name,
    version: i32,
    spec: Spec,
    rerun_of: Option<RunId>,
}

impl Orchestrator {
    /// Prepares a run of a template.
    pub async fn create(&self, id: RunId, request: CreateRun) -> Result<Run, ControlError> {
        let templates = &self.shared.services.stores.templates;
        let found = templates.get(&request.project, &request.template, request.version);
        let template = found.await?.ok_or_else(|| {
            let version = request
                .version
                .map_or(String::new(), |v| format!(" version {v}"));
            ControlError::NoSuchTemplate(
                format!("{}{version}", request.template),
                request.project.clone(),
            )
        })?;
        let snapshot = Snapshot {
            project: request.project,
            template: template.name,
            version: template.version,
            spec: template.spec,
            rerun_of: None,
        };
        self.prepare(
            id,
            snapshot,
            request.name,
            request.labels,
            request.idempotency,
        )
        .await
    }

    /// Prepares a run of another run's snapshot: the same work again, whatever
    /// became of the template.
    pub async fn rerun(&self, id: RunId, request: RerunRun) -> Result<Run, ControlError> {
        let stored = self.shared.services.stores.runs.get(request.run).await?;
        let other = stored.ok_or(ControlError::NoSuchRun(request.run))?;
        let snapshot = Snapshot {
            project: other.project,
            template: other.template,
            version: other.template_version,
            spec: other.spec,
            rerun_of: Some(other.id),
        };
        self.prepare(
            id,
            snapshot,
            request.name,
            request.labels,
            request.idempotency,
        )
        .await
    }

    async fn prepare(
        &self,
        id: RunId,
        snapshot: Snapshot,
        name: Option<Name>,
        labels: BTreeMap<String, String>,
        idempotency: Option<Idempotency>,
    ) -> Result<Run, ControlError> {
        let now = self.shared.services.clock.now();
        let run = Run {
            id,
            project: snapshot.project,
            name: name.unwrap_or_else(|| made_up_name(&snapshot.template, id)),
            template: snapshot.template,
            template_version: snapshot.version,
            spec: snapshot.spec,
            state: RunState::prepared(),
            revision: 1,
            labels,
            notes: String::new(),
            rerun_of: snapshot.rerun_of,
            created: now,
            started: None,
            ended: None,
        };
        let again = snapshot
            .rerun_of
            .map_or(String::new(), |other| format!(", again as run {other}"));
        let event = RunEvent {
            sequence: 0,
            time: now,
            kind: RunEventKind::Status,
            message: format!(
                "PREPARED from template {} version {}{again}",
                run.template, run.template_version
            ),
            shard: None,
        };
        let runs = &self.shared.services.stores.runs;
        let stored = runs.insert(&run, &event, idempotency.as_ref()).await?;
        // A repeated call made nothing new.
        if stored.id == id {
            self.shared.hub.created(&stored);
        }
        Ok(stored)
    }
}

/// A name for a run that was given none: the template's and the end of the id,
/// which is its random part.
fn made_up_name(template: &Name, id: RunId) -> Name {
    let random = id.0.simple().to_string();
    let stem: String = template.as_str().chars().take(50).collect();
    let stem = stem.trim_end_matches('-');
    Name::new(format!("{stem}-{}", &random[random.len() - 10..]))
        .expect("a name, a dash and hexadecimal digits are a name")
}
