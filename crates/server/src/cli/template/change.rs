//! `gauntlet template versions`, `clone` and `delete`.

use clap::Args;
use gauntlet_client::pb;
use uuid::Uuid;

use crate::cli::{
    Context,
    exit::Exit,
    failure::Failure,
    find, print,
    text::{
        number::instant,
        plan,
        table::{Align, Table},
    },
};

/// List the versions of a template, newest first
#[derive(Debug, Args)]
pub struct Versions {
    /// The template's name
    name: String,
}

/// What to do where the copy's name is taken.
const CLONE_WAY_OUT: &str = "choose another name, or another project with --to-project";

/// Copy a template under another name
#[derive(Debug, Args)]
pub struct Clone {
    /// The template's name
    name: String,
    /// The copy's name
    new_name: String,
    /// The version to copy [default: the newest]
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    version: Option<i32>,
    /// The copy's project [default: the same]
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "PROJECT"
    )]
    to_project: String,
}

/// Remove a template with all its versions
///
/// Removes a template with all its versions; runs keep what they were made from.
#[derive(Debug, Args)]
pub struct Delete {
    /// The template's name
    name: String,
}

impl Versions {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        find::template(&client, context, &self.name, 0).await?;
        let mut found = pb::ListTemplateVersionsResponse::default();
        let mut page_token = String::new();
        loop {
            let request = pb::ListTemplateVersionsRequest {
                project: context.project(),
                name: self.name.clone(),
                page: Some(pb::PageRequest {
                    page_size: 1000,
                    page_token,
                }),
            };
            let page = client.templates().list_template_versions(request).await?;
            let page = page.into_inner();
            found.versions.extend(page.versions);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        if context.is_json() {
            print::document("ListTemplateVersionsResponse", &found)?;
            return Ok(Exit::Pass);
        }
        let mut table = Table::with_header([
            ("version", Align::Right),
            ("made", Align::Left),
            ("load", Align::Left),
            ("description", Align::Left),
        ]);
        for version in found.versions {
            let spec = version.spec.unwrap_or_default();
            let first = spec.description.lines().next().unwrap_or_default();
            table.row([
                version.version.to_string(),
                instant(version.updated_us),
                plan::load(&spec),
                first.to_owned(),
            ]);
        }
        print::text(&table.to_string())?;
        Ok(Exit::Pass)
    }
}

impl Clone {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let original = find::template(
            &client,
            context,
            &self.name,
            self.version.unwrap_or_default(),
        )
        .await?;
        let request = pb::CloneTemplateRequest {
            request_id: Uuid::new_v4().to_string(),
            project: context.project(),
            name: self.name,
            version: self.version.unwrap_or_default(),
            new_project: self.to_project,
            new_name: self.new_name,
        };
        let made = client.templates().clone_template(request).await;
        let made = made.map_err(|status| Failure::from(status).already(CLONE_WAY_OUT))?;
        let template = made.into_inner().template.unwrap_or_default();
        if context.is_json() {
            print::document("Template", &template)?;
        } else {
            print::line(&format!(
                "template {} made in project {}",
                template.name, template.project
            ))?;
        }
        if !original.source.is_empty() && template.source.is_empty() {
            print::aside(
                "its file did not come along: the name in it stands where it cannot be changed; gauntlet template show NAME --output yaml writes one",
            );
        }
        Ok(Exit::Pass)
    }
}

impl Delete {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let known = find::template(&client, context, &self.name, 0).await?;
        let request = pb::DeleteTemplateRequest {
            project: context.project(),
            name: self.name,
            etag: known.etag,
        };
        let deleted = client.templates().delete_template(request).await?;
        if context.is_json() {
            print::document("DeleteTemplateResponse", &deleted.into_inner())?;
        } else {
            print::line(&format!(
                "template {} is deleted, versions 1 to {}",
                known.name, known.version
            ))?;
        }
        Ok(Exit::Pass)
    }
}
