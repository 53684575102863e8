//! From a template file to a template of a control plane.

use gauntlet_api::v1 as pb;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    Client, Error, Violation,
    yaml::{self, TemplateFile},
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

/// Creates the template of a file, or makes its next version.
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

fn faulty(file: &TemplateFile, violations: &[Violation]) -> ApplyError {
    let faults = violations
        .iter()
        .map(|violation| file.locate(violation))
        .collect();
    yaml::Error::Faulty(faults).into()
}
