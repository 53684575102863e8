//! `gauntlet template`: benchmark descriptions.

mod change;
mod prepare;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use gauntlet_client::{
    Client, Code, Error, Violation, pb,
    yaml::{Error as FileError, TemplateFile},
};
use uuid::Uuid;

use super::{
    Context, DEFAULT_PROJECT,
    exit::Exit,
    failure::Failure,
    find, print,
    text::{
        plan,
        table::{Align, Table},
    },
};

/// Describes benchmarks.
#[derive(Debug, Subcommand)]
pub enum Template {
    /// Create a template from a file, or make its next version
    Apply(Apply),
    /// List the templates of a project
    List,
    /// Show a template
    Show(Show),
    /// List the versions of a template, newest first
    Versions(change::Versions),
    /// Copy a template under another name
    Clone(change::Clone),
    /// Look at a template's tables and make value pools from their columns
    Prepare(prepare::Prepare),
    /// Remove a template with all its versions
    Delete(change::Delete),
}

/// Creates a template, or makes its next version. Repeatable: a file that says
/// what the newest version says changes nothing.
#[derive(Debug, Args)]
pub struct Apply {
    /// The YAML file
    #[arg(short, long, value_name = "FILE.yaml")]
    file: PathBuf,
}

/// Which template.
#[derive(Debug, Args)]
pub struct Show {
    /// The template's name
    name: String,
    /// Its version [default: the newest]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    version: i32,
}

impl Template {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Apply(apply) => apply.run(context).await,
            Self::List => list(context).await,
            Self::Show(show) => show.run(context).await,
            Self::Versions(versions) => versions.run(context).await,
            Self::Clone(clone) => clone.run(context).await,
            Self::Prepare(prepare) => prepare.run(context).await,
            Self::Delete(delete) => delete.run(context).await,
        }
    }
}

impl Apply {
    async fn run(self, context: &Context) -> Result<Exit, Failure> {
        // The file is read first: its faults need no control plane.
        let file = TemplateFile::read(&self.file)?;
        let project = project(file.project.as_deref(), context.given_project.as_deref())
            .map_err(Failure::Asked)?;
        let client = context.client().await?;
        let (template, change) = apply(&client, &project, &file).await?;
        if context.is_json() {
            print::document("Template", &template)?;
        } else {
            print::line(&format!("template {} {change}", template.name))?;
        }
        Ok(Exit::Pass)
    }
}

/// The project that the file and the command line agree on.
fn project(file: Option<&str>, given: Option<&str>) -> Result<String, String> {
    match (file, given) {
        (Some(file), Some(given)) if file != given => Err(format!(
            "the file says project {file} and --project says {given}; leave one of them out"
        )),
        (Some(project), _) | (None, Some(project)) => Ok(project.to_owned()),
        (None, None) => Ok(DEFAULT_PROJECT.to_owned()),
    }
}

/// Creates the template of a file, or makes its next version; says which.
pub async fn apply(
    client: &Client,
    project: &str,
    file: &TemplateFile,
) -> Result<(pb::Template, String), Failure> {
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
) -> Result<(pb::Template, String), tonic::Status> {
    let request = pb::CreateTemplateRequest {
        request_id: Uuid::new_v4().to_string(),
        project: project.to_owned(),
        name: file.name.clone(),
        spec: Some(file.spec.clone()),
    };
    let response = client.templates().create_template(request).await?;
    let template = response.into_inner().template.unwrap_or_default();
    let change = format!("created, version {}", template.version);
    Ok((template, change))
}

async fn update(
    client: &Client,
    project: &str,
    file: &TemplateFile,
    stored: &pb::Template,
) -> Result<(pb::Template, String), tonic::Status> {
    let request = pb::UpdateTemplateRequest {
        project: project.to_owned(),
        name: file.name.clone(),
        spec: Some(file.spec.clone()),
        etag: stored.etag.clone(),
    };
    let response = client.templates().update_template(request).await?;
    let template = response.into_inner().template.unwrap_or_default();
    let change = if template.version == stored.version {
        format!("unchanged, version {}", template.version)
    } else {
        format!("updated to version {}", template.version)
    };
    Ok((template, change))
}

fn faulty(file: &TemplateFile, violations: &[Violation]) -> Failure {
    let faults = violations
        .iter()
        .map(|violation| file.locate(violation))
        .collect();
    FileError::Faulty(faults).into()
}

async fn list(context: &Context) -> Result<Exit, Failure> {
    let client = context.client().await?;
    let request = pb::ListTemplatesRequest {
        project: context.project(),
        page: Some(pb::PageRequest {
            page_size: 1000,
            page_token: String::new(),
        }),
    };
    let response = client.templates().list_templates(request).await?;
    let response = response.into_inner();
    if context.is_json() {
        print::document("ListTemplatesResponse", &response)?;
        return Ok(Exit::Pass);
    }
    if response.templates.is_empty() {
        print::aside("no templates; make one with: gauntlet template apply -f FILE.yaml");
        return Ok(Exit::Pass);
    }
    let mut table = Table::with_header([
        ("name", Align::Left),
        ("version", Align::Right),
        ("target", Align::Left),
        ("load", Align::Left),
        ("description", Align::Left),
    ]);
    for template in response.templates {
        let spec = template.spec.unwrap_or_default();
        table.row([
            template.name,
            template.version.to_string(),
            spec.target.clone(),
            plan::load(&spec),
            spec.description
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
        ]);
    }
    print::text(&table.to_string())?;
    Ok(Exit::Pass)
}

impl Show {
    async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let template = find::template(&client, context, &self.name, self.version).await?;
        if context.is_json() {
            print::document("Template", &template)?;
        } else {
            print::text(&plan::lines(&template, None))?;
        }
        Ok(Exit::Pass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_and_the_command_line_agree_on_a_project() {
        let named = |name: &str| Ok(name.to_owned());
        assert_eq!(project(None, None), named("default"));
        assert_eq!(project(Some("a"), None), named("a"));
        assert_eq!(project(None, Some("b")), named("b"));
        assert_eq!(project(Some("a"), Some("a")), named("a"));
        assert!(project(Some("a"), Some("b")).is_err());
    }
}
