//! `gauntlet template`: benchmark descriptions.

mod change;
mod prepare;

use std::{
    io::{Read, stdin},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use gauntlet_client::{Change, Client, LONGEST_SOURCE, pb, yaml::TemplateFile};

use super::{
    Context, DEFAULT_PROJECT, Output,
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

/// No template comes near; what is longer was given by mistake.
const LONGEST_PIPED: u64 = 4 << 20;

/// Create a template from a file, or make its next version
///
/// Creates a template, or makes its next version, and keeps the file with it,
/// comments and all. Repeatable: a file that is that of the newest version
/// changes nothing.
#[derive(Debug, Args)]
pub struct Apply {
    /// The YAML file; - for stdin
    #[arg(short, long, value_name = "FILE.yaml")]
    file: PathBuf,
}

/// Show a template, or with --output yaml the file to apply again
///
/// Shows a template. With --output yaml it prints the file that the version was
/// made from, comments and all, or one that says the same when there is none:
/// what is printed can be changed and applied again.
#[derive(Debug, Args)]
pub struct Show {
    /// The template's name
    name: String,
    /// Its version [default: the newest]
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    version: Option<i32>,
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
        let file = if self.file == Path::new("-") {
            piped(stdin().lock())?
        } else {
            TemplateFile::read(&self.file)?
        };
        let project = project(file.project.as_deref(), context.given_project.as_deref())
            .map_err(Failure::Asked)?;
        let client = context.client().await?;
        let (template, change) = apply(&client, &project, &file).await?;
        if context.is_json() {
            print::document("Template", &template)?;
        } else {
            print::line(&format!("template {} {change}", template.name))?;
        }
        if file.text.len() > LONGEST_SOURCE {
            print::aside(
                "the file is longer than 256 KiB: what it says is stored, its comments are not; \
                 where nothing else changed, the file that was kept before stays",
            );
        }
        Ok(Exit::Pass)
    }
}

/// The template that comes by a pipe.
fn piped(from: impl Read) -> Result<TemplateFile, Failure> {
    let mut text = String::new();
    // One byte more tells what is too long from what is just long enough.
    from.take(LONGEST_PIPED + 1)
        .read_to_string(&mut text)
        .map_err(|error| Failure::Asked(format!("cannot read stdin: {error}")))?;
    if text.len() as u64 > LONGEST_PIPED {
        return Err(Failure::Asked(
            "cannot read stdin: it is larger than any template".to_owned(),
        ));
    }
    Ok(TemplateFile::parse("stdin", &text)?)
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
        let template = find::template(
            &client,
            context,
            &self.name,
            self.version.unwrap_or_default(),
        )
        .await?;
        match context.output {
            Output::Json => print::document("Template", &template)?,
            Output::Text => print::text(&plan::lines(&template, None))?,
            Output::Yaml => print::text(&file(&client, template).await?)?,
        }
        Ok(Exit::Pass)
    }
}

/// The file of a template: its own, or one that says the same.
async fn file(client: &Client, template: pb::Template) -> Result<String, Failure> {
    if !template.source.is_empty() {
        return Ok(template.source);
    }
    let request = pb::FormatTemplateRequest {
        name: template.name,
        project: String::new(),
        spec: template.spec,
    };
    let written = client.templates().format_template(request).await?;
    Ok(written.into_inner().text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_may_come_by_a_pipe() {
        let text = "name: x\ntarget: db\n";
        assert_eq!(piped(text.as_bytes()).unwrap().name, "x");
        let fault = piped("name: [".as_bytes()).unwrap_err().told();
        assert!(fault.starts_with("error: stdin:"), "{fault}");
        let endless = piped(std::io::repeat(b'a')).unwrap_err().told();
        assert!(endless.contains("larger than any template"), "{endless}");
    }

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
