//! From a template file to a run under way, and from there to its report.

use std::{collections::BTreeMap, fmt};

use gauntlet_api::v1 as pb;
use uuid::Uuid;

use crate::{
    Client, Error, Outcome,
    apply::{ApplyError, apply},
    watch::{MetricsWatch, RunWatch, Update, is_over},
    yaml::TemplateFile,
};

/// The project when neither the file nor the caller names one.
const DEFAULT_PROJECT: &str = "default";
/// The name of the text in messages.
const TEXT: &str = "template";

/// What to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The text of a template file, YAML.
    pub yaml: String,
    /// The project, when the text names none; `default` when empty.
    pub project: String,
    /// The run's name; made from the template's when empty.
    pub name: String,
    /// Free key-value pairs of the run.
    pub labels: BTreeMap<String, String>,
    /// Codes of severe findings that the caller accepts, like `TABLE_SCAN`.
    pub acknowledged: Vec<String>,
}

impl Start {
    /// A run of a template file's text, with nothing else said.
    #[must_use]
    pub fn of(yaml: impl Into<String>) -> Self {
        Self {
            yaml: yaml.into(),
            ..Self::default()
        }
    }
}

/// Why no run was started; none is left behind.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The template is not good, or could not be stored.
    #[error(transparent)]
    Template(#[from] ApplyError),
    /// A call failed.
    #[error(transparent)]
    Call(#[from] Error),
    /// The check before the start found what forbids it, or what nobody has
    /// acknowledged.
    #[error("not started: {}", Listed(.0))]
    Held(Vec<pb::PreflightFinding>),
}

struct Listed<'a>(&'a [pb::PreflightFinding]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.0.iter().enumerate() {
            let before = if index == 0 { "" } else { "; " };
            write!(f, "{before}{} ({})", finding.message, finding.code)?;
        }
        Ok(())
    }
}

/// A run that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// The run as it ended.
    pub run: pb::Run,
    /// Its report; absent when the run ended before there was anything to report.
    pub report: Option<pb::Report>,
}

impl Ended {
    /// How it came out.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        Outcome::of(&self.run, self.report.as_ref())
    }
}

impl Client {
    /// Creates or updates the template of a file's text, makes a run of it, checks
    /// it, and starts it.
    ///
    /// # Errors
    /// [`StartError::Held`] when the check finds what forbids a start, or a severe
    /// finding that is not among the acknowledged ones.
    pub async fn start(&self, what: Start) -> Result<pb::Run, StartError> {
        let file = TemplateFile::parse(TEXT, &what.yaml).map_err(ApplyError::from)?;
        let project = match (&file.project, what.project.as_str()) {
            (Some(project), _) => project.clone(),
            (None, "") => DEFAULT_PROJECT.to_owned(),
            (None, project) => project.to_owned(),
        };
        let (template, _) = apply(self, &project, &file).await?;
        let create = pb::CreateRunRequest {
            request_id: Uuid::new_v4().to_string(),
            project,
            template: template.name,
            template_version: template.version,
            name: what.name,
            labels: what.labels.into_iter().collect(),
        };
        let created = self.runs().create_run(create).await.map_err(Error::from)?;
        let run = created.into_inner().run.unwrap_or_default();
        match self.start_prepared(&run.run_id, what.acknowledged).await {
            Ok(started) => Ok(started),
            Err(error) => {
                let run_id = run.run_id;
                // It sent no load and nobody asked for it to stay; the reason is what matters.
                let _ = self
                    .runs()
                    .delete_run(pb::DeleteRunRequest { run_id })
                    .await;
                Err(error)
            }
        }
    }

    async fn start_prepared(
        &self,
        run_id: &str,
        acknowledged: Vec<String>,
    ) -> Result<pb::Run, StartError> {
        let run_id = run_id.to_owned();
        let check = pb::PreflightRunRequest {
            run_id: run_id.clone(),
        };
        let checked = self
            .runs()
            .preflight_run(check)
            .await
            .map_err(Error::from)?;
        let held = held(checked.into_inner().findings, &acknowledged);
        if !held.is_empty() {
            return Err(StartError::Held(held));
        }
        let start = pb::StartRunRequest {
            run_id,
            acknowledged_findings: acknowledged,
        };
        let started = self.runs().start_run(start).await.map_err(Error::from)?;
        Ok(started.into_inner().run.unwrap_or_default())
    }

    /// The states of a run, from now to its end.
    #[must_use]
    pub fn watch(&self, run_id: &str) -> RunWatch {
        RunWatch::new(self.clone(), run_id)
    }

    /// The metrics of a run, second by second, from its first to its last.
    #[must_use]
    pub fn metrics(&self, run_id: &str) -> MetricsWatch {
        MetricsWatch::new(self.clone(), run_id, 0)
    }

    /// Waits until a run is over and gives its report. A connection that breaks
    /// meanwhile is opened again.
    pub async fn wait_for_report(&self, run_id: &str) -> Result<Ended, Error> {
        let mut states = self.watch(run_id);
        let mut last = pb::Run::default();
        while let Some(update) = states.next().await? {
            match update {
                Update::New(run) => last = run,
                // The next call tries again, and gives up after a while.
                Update::Interrupted(_) => {}
            }
        }
        debug_assert!(is_over(last.status()), "a watch ends with its run");
        if last.processing() != pb::ProcessingStatus::Completed {
            return Ok(Ended {
                run: last,
                report: None,
            });
        }
        let request = pb::GetReportRequest {
            run_id: run_id.to_owned(),
        };
        let answer = self.runs().get_report(request).await?.into_inner();
        Ok(Ended {
            run: answer.run.unwrap_or(last),
            report: answer.report,
        })
    }
}

/// The findings for which a run is not started: what blocks, and what is severe
/// and not acknowledged.
fn held(findings: Vec<pb::PreflightFinding>, acknowledged: &[String]) -> Vec<pb::PreflightFinding> {
    findings
        .into_iter()
        .filter(|finding| match finding.severity() {
            pb::Severity::Blocking => true,
            pb::Severity::Severe => !acknowledged.contains(&finding.code),
            _ => false,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: pb::Severity, code: &str) -> pb::PreflightFinding {
        pb::PreflightFinding {
            code: code.to_owned(),
            severity: severity.into(),
            message: format!("about {code}"),
            ..pb::PreflightFinding::default()
        }
    }

    #[test]
    fn nothing_severe_is_accepted_silently() {
        let found = || {
            vec![
                finding(pb::Severity::Blocking, "B"),
                finding(pb::Severity::Severe, "S"),
                finding(pb::Severity::Severe, "T"),
                finding(pb::Severity::Warning, "W"),
            ]
        };
        let codes = |acknowledged: &[&str]| -> Vec<String> {
            let acknowledged: Vec<String> = acknowledged.iter().map(ToString::to_string).collect();
            let held = held(found(), &acknowledged);
            held.into_iter().map(|finding| finding.code).collect()
        };
        assert_eq!(codes(&[]), ["B", "S", "T"]);
        assert_eq!(codes(&["S", "B"]), ["B", "T"]);
        let error = StartError::Held(vec![
            finding(pb::Severity::Severe, "S"),
            finding(pb::Severity::Severe, "T"),
        ]);
        assert_eq!(error.to_string(), "not started: about S (S); about T (T)");
    }

    #[test]
    fn a_text_alone_is_enough_to_say() {
        let start = Start::of("name: x");
        assert_eq!(start.yaml, "name: x");
        assert!(start.acknowledged.is_empty() && start.project.is_empty());
    }
}
