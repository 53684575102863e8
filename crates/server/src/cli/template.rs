//! `gauntlet template`: benchmark descriptions.

mod change;
mod prepare;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use gauntlet_client::{Change, Client, pb, yaml::TemplateFile};

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
    Apply(Apply),
    /// List the templates of a project
    List,
    Show(Show),
    Versions(change::Versions),
    Clone(change::Clone),
    Prepare(prepare::Prepare),
    Delete(change::Delete),
}

/// Create a template from a file, or make its next version
///
/// Creates a template, or makes its next version. Repeatable: a file that says
/// what the newest version says changes nothing.
#[derive(Debug, Args)]
pub struct Apply {
    /// The YAML file
    #[arg(short, long, value_name = "FILE.yaml")]
    file: PathBuf,
}

/// Show a template
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
    let (template, change) = gauntlet_client::apply(client, project, file).await?;
    let version = template.version;
    let words = match change {
        Change::Created => format!("created, version {version}"),
        Change::Updated => format!("updated to version {version}"),
        Change::Unchanged => format!("unchanged, version {version}"),
    };
    Ok((template, words))
}

async fn list(context: &Context) -> Result<Exit, Failure> {
    let client = context.client().await?;
    let request = pb::ListTemplatesRequest {
        project: context.project(),
        page: Some(find::first_page()),
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
