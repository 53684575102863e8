//! Targets and templates.

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    target::{Address, Secret, Target},
    template::{Template, Violation},
};

/// What an etag of a template begins with; the version follows.
pub(crate) const ETAG_PREFIX: &str = "v";

/// A target, without its password.
#[must_use]
pub fn target(target: &Target) -> pb::Target {
    pb::Target {
        target_id: target.id.to_string(),
        project: target.project.to_string(),
        name: target.name.to_string(),
        address: Some(address(&target.address, None)),
        created_us: target.created.0,
    }
}

/// An address; with the password only on its way to a worker.
pub(crate) fn address(address: &Address, password: Option<&Secret>) -> pb::target::Address {
    match address {
        Address::Sqlite { path } => pb::target::Address::Sqlite(pb::SqliteAddress {
            path: path.to_string_lossy().into_owned(),
        }),
        Address::Postgres {
            host,
            port,
            database,
            user,
        } => pb::target::Address::Postgres(pb::PostgresAddress {
            host: host.clone(),
            port: u32::from(*port),
            database: database.clone(),
            user: user.clone(),
            password: password.map_or_else(String::new, |secret| secret.expose().to_owned()),
        }),
    }
}

/// A template version.
#[must_use]
pub fn template(template: &Template) -> pb::Template {
    pb::Template {
        template_id: template.id.to_string(),
        project: template.project.to_string(),
        name: template.name.to_string(),
        version: template.version,
        spec: Some(super::spec(&template.spec)),
        etag: etag(template.version),
        created_us: template.created.0,
        updated_us: template.updated.0,
    }
}

/// The etag of a template's version.
#[must_use]
pub fn etag(version: i32) -> String {
    format!("{ETAG_PREFIX}{version}")
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
