//! Requests of `TemplateService`.

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    id::{Name, Project},
    pool,
    template::{Spec, Violation},
};

use super::{ListNamed, Named, etag, list_named, named, target::sample_rows};
use crate::{
    Violations,
    digest::digest,
    fields::{Fields, read},
    page::{self, Page},
    rules::check,
};

const LONGEST_COLUMN: usize = 128;
/// The longest name of a table, with its schema and quotes.
const LONGEST_TABLE: usize = 512;
/// The most pools of one call.
const MOST_POOLS: usize = 16;
const POOL_SIZE: u32 = 1_000;
/// The longest file that is kept with a version, in bytes.
const LONGEST_SOURCE: usize = 256 << 10;

/// A template to make.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateTemplate {
    /// Makes the call repeatable.
    pub request_id: Option<String>,
    /// The project.
    pub project: Project,
    /// Unique in the project.
    pub name: Name,
    /// The description.
    pub spec: Spec,
    /// The file that it was read from, if it was; not yet compared with it.
    pub source: Option<String>,
}

impl CreateTemplate {
    /// A digest of the content.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let content = (&self.project, &self.name, &self.spec, &self.source);
        format!("{:032x}", digest(&format!("{content:?}")))
    }
}

/// Which version of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetTemplate {
    /// The template.
    pub template: Named,
    /// The version; `None` for the newest.
    pub version: Option<i32>,
}

/// The next version of a template.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateTemplate {
    /// The template.
    pub template: Named,
    /// The whole description.
    pub spec: Spec,
    /// The file that it was read from, if it was; not yet compared with it.
    pub source: Option<String>,
    /// The version that this one follows; `None` for whatever is newest.
    pub follows: Option<i32>,
}

/// A description to check.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidateTemplate {
    /// The project whose pools it may draw from; `None` when they are not looked for.
    pub project: Option<Project>,
    /// The description, or what is wrong with it, with paths below it.
    pub spec: Result<Spec, Vec<Violation>>,
}

/// A description to write as a file.
#[derive(Clone, Debug, PartialEq)]
pub struct FormatTemplate {
    /// The template's name.
    pub name: Name,
    /// The project; `None` when the file does not say.
    pub project: Option<Project>,
    /// The description, right or wrong.
    pub spec: pb::TemplateSpec,
}

/// The versions of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListTemplateVersions {
    /// The template.
    pub template: Named,
    /// Which page, by version.
    pub page: Page<i32>,
}

/// A template to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloneTemplate {
    /// Makes the call repeatable.
    pub request_id: Option<String>,
    /// What is copied.
    pub from: GetTemplate,
    /// What the copy is called, and where.
    pub to: Named,
}

impl CloneTemplate {
    /// A digest of the content.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let content = (&self.from, &self.to);
        format!("{:032x}", digest(&format!("{content:?}")))
    }
}

/// A template to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteTemplate {
    /// Which one.
    pub template: Named,
    /// The newest version as the caller knows it; `None` for whatever it is.
    pub newest: Option<i32>,
}

/// A template to prepare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrepareTemplate {
    /// Which version.
    pub template: GetTemplate,
    /// The pools to make.
    pub pools: Vec<PoolFromColumn>,
    /// The most rows of each table to look at.
    pub sample_rows: u32,
}

/// A pool to make from a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolFromColumn {
    /// The pool's name.
    pub name: Name,
    /// The table; `None` for the one that the template's operations name.
    pub table: Option<String>,
    /// The column.
    pub column: String,
    /// How many values.
    pub size: u32,
    /// The seed of the draw.
    pub seed: u64,
}

/// `CreateTemplate`.
pub fn create_template(request: pb::CreateTemplateRequest) -> Result<CreateTemplate, Violations> {
    read(check(&request), |fields| {
        let request_id = fields.request_id(request.request_id);
        let template = named(fields, request.project, request.name);
        let spec = required_spec(fields, request.spec);
        let source = fields.text("source", request.source, LONGEST_SOURCE);
        let Named { project, name } = template?;
        Some(CreateTemplate {
            request_id,
            project,
            name,
            spec: spec?,
            source: Some(source?).filter(|source| !source.is_empty()),
        })
    })
}

/// `GetTemplate`.
pub fn get_template(request: pb::GetTemplateRequest) -> Result<GetTemplate, Violations> {
    read(check(&request), |fields| {
        let template = named(fields, request.project, request.name);
        let version = version(fields, "version", request.version);
        Some(GetTemplate {
            template: template?,
            version,
        })
    })
}

/// `ListTemplates`.
pub fn list_templates(request: pb::ListTemplatesRequest) -> Result<ListNamed, Violations> {
    read(check(&request), |fields| {
        list_named(fields, "templates", request.project, request.page)
    })
}

/// `UpdateTemplate`.
pub fn update_template(request: pb::UpdateTemplateRequest) -> Result<UpdateTemplate, Violations> {
    read(check(&request), |fields| {
        let template = named(fields, request.project, request.name);
        let spec = required_spec(fields, request.spec);
        let source = fields.text("source", request.source, LONGEST_SOURCE);
        let follows = etag(fields, &request.etag);
        Some(UpdateTemplate {
            template: template?,
            spec: spec?,
            source: Some(source?).filter(|source| !source.is_empty()),
            follows,
        })
    })
}

/// `ListTemplateVersions`.
pub fn list_template_versions(
    request: pb::ListTemplateVersionsRequest,
) -> Result<ListTemplateVersions, Violations> {
    read(check(&request), |fields| {
        let query = format!("versions {:?}", (&request.project, &request.name));
        let template = named(fields, request.project, request.name);
        let page = page::page(fields, request.page, &query);
        Some(ListTemplateVersions {
            template: template?,
            page: page?,
        })
    })
}

/// `CloneTemplate`.
pub fn clone_template(request: pb::CloneTemplateRequest) -> Result<CloneTemplate, Violations> {
    read(check(&request), |fields| {
        let request_id = fields.request_id(request.request_id);
        let template = named(fields, request.project, request.name);
        let version = version(fields, "version", request.version);
        let project = optional_project(fields, "new_project", request.new_project);
        let name = fields.name("new_name", request.new_name);
        let template = template?;
        Some(CloneTemplate {
            request_id,
            to: Named {
                project: project.unwrap_or_else(|| template.project.clone()),
                name: name?,
            },
            from: GetTemplate { template, version },
        })
    })
}

/// `DeleteTemplate`.
pub fn delete_template(request: pb::DeleteTemplateRequest) -> Result<DeleteTemplate, Violations> {
    read(check(&request), |fields| {
        let template = named(fields, request.project, request.name);
        let newest = etag(fields, &request.etag);
        Some(DeleteTemplate {
            template: template?,
            newest,
        })
    })
}

/// `PrepareTemplate`.
pub fn prepare_template(
    request: pb::PrepareTemplateRequest,
) -> Result<PrepareTemplate, Violations> {
    read(check(&request), |fields| {
        let template = named(fields, request.project, request.name);
        let version = version(fields, "version", request.version);
        let pools = pools(fields, request.pools);
        let sample_rows = sample_rows(fields, request.sample_rows);
        Some(PrepareTemplate {
            template: GetTemplate {
                template: template?,
                version,
            },
            pools: pools?,
            sample_rows: sample_rows?,
        })
    })
}

fn pools(fields: &mut Fields<'_>, pools: Vec<pb::PoolFromColumn>) -> Option<Vec<PoolFromColumn>> {
    if pools.len() > MOST_POOLS {
        let message = format!("must be at most {MOST_POOLS}, there are {}", pools.len());
        fields.add("pools", message);
        return None;
    }
    let mut read: Vec<Option<PoolFromColumn>> = Vec::with_capacity(pools.len());
    for (index, given) in pools.into_iter().enumerate() {
        let mut fields = fields.child(format!("pools[{index}]"));
        let pool = pool_from_column(&mut fields, given);
        if let Some(pool) = &pool
            && read
                .iter()
                .flatten()
                .any(|earlier| earlier.name == pool.name)
        {
            fields.add("name", format!("{:?} is given twice", pool.name.as_str()));
        }
        read.push(pool);
    }
    read.into_iter().collect()
}

fn pool_from_column(fields: &mut Fields<'_>, pool: pb::PoolFromColumn) -> Option<PoolFromColumn> {
    let name = fields.name("name", pool.name);
    let table = fields.text("table", pool.table, LONGEST_TABLE);
    let column = fields.filled("column", pool.column, LONGEST_COLUMN);
    let size = match pool.size {
        0 => Some(POOL_SIZE),
        size => fields.count("size", size, pool::MOST_VALUES as u32),
    };
    Some(PoolFromColumn {
        name: name?,
        table: Some(table?).filter(|table| !table.trim().is_empty()),
        column: column?,
        size: size?,
        seed: pool.seed,
    })
}

/// `ValidateTemplate`: only an absent description or a bad project is wrong with
/// the request itself.
pub fn validate_template(
    request: pb::ValidateTemplateRequest,
) -> Result<ValidateTemplate, Violations> {
    // What is wrong with the description is the answer, not a refusal.
    let around = pb::ValidateTemplateRequest {
        project: request.project.clone(),
        spec: None,
    };
    read(check(&around), |fields| {
        let project = optional_project(fields, "project", request.project);
        let described = fields.required("spec", request.spec)?;
        Some(ValidateTemplate {
            project,
            spec: spec(described).map_err(|found| found.0),
        })
    })
}

/// `ParseTemplate`: the text.
pub fn parse_template(request: pb::ParseTemplateRequest) -> Result<String, Violations> {
    read(check(&request), |_| Some(request.text))
}

/// What a template file says: what is wrong with the name and the project, where
/// it gives them, and the description to check.
#[must_use]
pub fn drafted(
    name: Option<String>,
    project: Option<String>,
    described: pb::TemplateSpec,
) -> (Vec<Violation>, ValidateTemplate) {
    let around = read(Vec::new(), |fields| {
        if let Some(name) = name {
            fields.name("name", name);
        }
        Some(project.and_then(|project| fields.project("project", project)))
    });
    let (project, wrong) = match around {
        Ok(project) => (project, Vec::new()),
        Err(found) => (None, found.0),
    };
    let spec = spec(described).map_err(|found| found.0);
    (wrong, ValidateTemplate { project, spec })
}

/// `FormatTemplate`: the description need not be valid.
pub fn format_template(request: pb::FormatTemplateRequest) -> Result<FormatTemplate, Violations> {
    let around = pb::FormatTemplateRequest {
        name: request.name.clone(),
        project: request.project.clone(),
        spec: request.spec.as_ref().map(|_| pb::TemplateSpec::default()),
    };
    let mut found = check(&around);
    // What stands in for the description has nothing that it needs.
    found.retain(|violation| !violation.field.starts_with("spec."));
    read(found, |fields| {
        let name = fields.name("name", request.name);
        let project = optional_project(fields, "project", request.project);
        let spec = fields.required("spec", request.spec);
        Some(FormatTemplate {
            name: name?,
            project,
            spec: spec?,
        })
    })
}

/// A description by itself; paths are below it.
pub fn spec(message: pb::TemplateSpec) -> Result<Spec, Violations> {
    read(check(&message), |fields| super::spec(fields, message))
}

fn required_spec(fields: &mut Fields<'_>, spec: Option<pb::TemplateSpec>) -> Option<Spec> {
    let spec = fields.required("spec", spec)?;
    super::spec(&mut fields.child("spec"), spec)
}

/// A version, if it is given.
pub(super) fn version(fields: &mut Fields<'_>, field: &str, version: i32) -> Option<i32> {
    if version < 0 {
        fields.add(field, format!("must not be negative, it is {version}"));
    }
    (version > 0).then_some(version)
}

/// A project, if it is given.
fn optional_project(fields: &mut Fields<'_>, field: &str, text: String) -> Option<Project> {
    if text.is_empty() {
        return None;
    }
    fields.project(field, text)
}
