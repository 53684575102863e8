//! Requests of `TemplateService`.

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    id::{Name, Project},
    template::{Spec, Violation},
};

use super::{ListNamed, Named, list_named, named};
use crate::{
    Violations,
    digest::digest,
    encode::ETAG_PREFIX,
    fields::{Fields, read},
};

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
}

impl CreateTemplate {
    /// A digest of the content.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let content = (&self.project, &self.name, &self.spec);
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
    /// The version that this one follows; `None` for whatever is newest.
    pub follows: Option<i32>,
}

/// `CreateTemplate`.
pub fn create_template(request: pb::CreateTemplateRequest) -> Result<CreateTemplate, Violations> {
    read(|fields| {
        let request_id = fields.request_id(request.request_id);
        let template = named(fields, request.project, request.name);
        let spec = required_spec(fields, request.spec);
        let Named { project, name } = template?;
        Some(CreateTemplate {
            request_id,
            project,
            name,
            spec: spec?,
        })
    })
}

/// `GetTemplate`.
pub fn get_template(request: pb::GetTemplateRequest) -> Result<GetTemplate, Violations> {
    read(|fields| {
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
    read(|fields| list_named(fields, "templates", request.project, request.page))
}

/// `UpdateTemplate`.
pub fn update_template(request: pb::UpdateTemplateRequest) -> Result<UpdateTemplate, Violations> {
    read(|fields| {
        let template = named(fields, request.project, request.name);
        let spec = required_spec(fields, request.spec);
        let follows = etag(fields, &request.etag);
        Some(UpdateTemplate {
            template: template?,
            spec: spec?,
            follows,
        })
    })
}

/// `ValidateTemplate`: what is wrong with the description, with paths below it.
/// Only an absent description is wrong with the request itself.
pub fn validate_template(
    request: pb::ValidateTemplateRequest,
) -> Result<Vec<Violation>, Violations> {
    let described = read(|fields| fields.required("spec", request.spec))?;
    Ok(spec(described).err().map_or_else(Vec::new, |found| found.0))
}

/// A description by itself; paths are below it.
pub fn spec(message: pb::TemplateSpec) -> Result<Spec, Violations> {
    read(|fields| super::spec(fields, message))
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

fn etag(fields: &mut Fields<'_>, etag: &str) -> Option<i32> {
    if etag.is_empty() {
        return None;
    }
    let version = etag
        .strip_prefix(ETAG_PREFIX)
        .and_then(|version| version.parse().ok())
        .filter(|version: &i32| *version > 0);
    if version.is_none() {
        fields.add(
            "etag",
            "is not an etag: give that of the template as it was read, or nothing",
        );
    }
    version
}
