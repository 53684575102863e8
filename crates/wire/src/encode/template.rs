//! Templates.

use gauntlet_api::v1 as pb;
use gauntlet_model::template::{Template, Violation};

use super::etag;

/// A template version.
#[must_use]
pub fn template(template: &Template) -> pb::Template {
    pb::Template {
        template_id: template.id.to_string(),
        project: template.project.to_string(),
        name: template.name.to_string(),
        version: template.version,
        spec: Some(super::spec(&template.spec)),
        etag: etag(i64::from(template.version)),
        created_us: template.created.0,
        updated_us: template.updated.0,
        source: template.source.clone().unwrap_or_default(),
    }
}

/// What is wrong with a description.
#[must_use]
pub fn violations(violations: Vec<Violation>) -> Vec<pb::TemplateViolation> {
    violations
        .into_iter()
        .map(|violation| pb::TemplateViolation {
            field: violation.field,
            message: violation.message,
        })
        .collect()
}
