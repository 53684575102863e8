//! From a template file to a template of a control plane.

use gauntlet_api::v1 as pb;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    Client, Error, Violation,
    yaml::{self, Fault, TemplateFile},
};

/// Why a template file did not become a template.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The file is not a template, or not one that the control plane takes; each
    /// fault has its place in the text.
    #[error(transparent)]
    File(#[from] yaml::Error),
    /// A call failed.
    #[error(transparent)]
    Call(#[from] Error),
}

impl From<Status> for ApplyError {
    fn from(status: Status) -> Self {
        Self::Call(status.into())
    }
}

/// What became of the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Created,
    /// It has a new version.
    Updated,
    /// It was so already.
    Unchanged,
}

/// The longest file that the control plane keeps, in bytes.
pub const LONGEST_SOURCE: usize = 256 << 10;

/// Creates the template of a file, or makes its next version. The control plane
/// keeps the file as it is written, unless it is longer than [`LONGEST_SOURCE`]
/// or the template was changed after it was read.
///
/// # Errors
/// The faults that the control plane finds, with their places in the file.
pub async fn apply(
    client: &Client,
    project: &str,
    file: &TemplateFile,
) -> Result<(pb::Template, Change), ApplyError> {
    let checked = client
        .templates()
        .validate_template(pb::ValidateTemplateRequest {
            spec: Some(file.spec.clone()),
            project: project.to_owned(),
        })
        .await?;
    let violations: Vec<Violation> = checked
        .into_inner()
        .violations
        .into_iter()
        .map(|violation| Violation {
            field: violation.field,
            message: violation.message,
        })
        .collect();
    if !violations.is_empty() {
        return Err(faulty(file, &violations));
    }
    let stored = client
        .templates()
        .get_template(pb::GetTemplateRequest {
            project: project.to_owned(),
            name: file.name.clone(),
            version: 0,
        })
        .await;
    let written = match stored {
        Ok(stored) => {
            let stored = stored.into_inner().template.unwrap_or_default();
            update(client, project, file, &stored).await
        }
        Err(status) if status.code() == Code::NotFound => create(client, project, file).await,
        Err(status) => Err(status),
    };
    written.map_err(|status| match Error::from(status) {
        Error::Refused(refusal) if !refusal.violations.is_empty() => {
            faulty(file, &refusal.violations)
        }
        error => error.into(),
    })
}

async fn create(
    client: &Client,
    project: &str,
    file: &TemplateFile,
) -> Result<(pb::Template, Change), Status> {
    let request = pb::CreateTemplateRequest {
        request_id: Uuid::new_v4().to_string(),
        project: project.to_owned(),
        name: file.name.clone(),
        spec: Some(file.spec.clone()),
        source: source(file),
    };
    let response = client.templates().create_template(request).await?;
    let template = response.into_inner().template.unwrap_or_default();
    Ok((template, Change::Created))
}

async fn update(
    client: &Client,
    project: &str,
    file: &TemplateFile,
    stored: &pb::Template,
) -> Result<(pb::Template, Change), Status> {
    let request = pb::UpdateTemplateRequest {
        project: project.to_owned(),
        name: file.name.clone(),
        spec: Some(file.spec.clone()),
        etag: stored.etag.clone(),
        source: source(file),
    };
    let response = client.templates().update_template(request).await?;
    let template = response.into_inner().template.unwrap_or_default();
    let change = if template.version == stored.version {
        Change::Unchanged
    } else {
        Change::Updated
    };
    Ok((template, change))
}

/// What is kept of a file: all of it, or nothing.
fn source(file: &TemplateFile) -> String {
    let short = |text: &&str| text.len() <= LONGEST_SOURCE;
    let text = file.source().filter(short);
    text.unwrap_or_default().to_owned()
}

fn faulty(file: &TemplateFile, violations: &[Violation]) -> ApplyError {
    let mut faults: Vec<Fault> = violations
        .iter()
        .map(|violation| file.locate(violation))
        .collect();
    // As a reader meets them; what the control plane says of one place keeps its order.
    faults.sort_by_key(|fault| fault.place);
    yaml::Error::Faulty(faults).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_kept_whole_or_not_at_all() {
        let kept = |text: &str| source(&TemplateFile::parse("f", text).unwrap());
        let text = "# why\nname: a\ntarget: db\n";
        assert_eq!(kept(text), text);
        let filled = |length: usize| format!("{text}#{}", "x".repeat(length - text.len() - 1));
        let longest = filled(LONGEST_SOURCE);
        assert_eq!(kept(&longest), longest);
        assert_eq!(kept(&filled(LONGEST_SOURCE + 1)), "");
    }

    #[test]
    fn faults_come_in_the_order_of_the_text() {
        let text =
            "name: x\ntarget: db\ntable: t\nworkers: 1\nload:\n  concurrency: {connections: 1}\n";
        let file = TemplateFile::parse("x.yaml", text).unwrap();
        let violation = |field: &str, message: &str| Violation {
            field: field.to_owned(),
            message: message.to_owned(),
        };
        let found = [
            violation("spec.load.concurrency.connections", "c"),
            violation("spec.workers", "b"),
            violation("spec.target", "a"),
            violation("spec.workers", "a"),
            violation("spec.phases", "must be given"),
        ];
        let said = faulty(&file, &found).to_string();
        assert_eq!(
            said,
            "x.yaml: phases: must be given
x.yaml:2:1: target: a
x.yaml:4:1: workers: b
x.yaml:4:1: workers: a
x.yaml:6:17: load.concurrency.connections: c"
        );
    }
}
