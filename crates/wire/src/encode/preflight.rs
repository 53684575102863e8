//! What a check before the start found.

use gauntlet_api::v1 as pb;
use gauntlet_model::preflight::{Finding, Severity};

/// One finding.
#[must_use]
pub fn finding(finding: &Finding) -> pb::PreflightFinding {
    pb::PreflightFinding {
        code: finding.code.as_str().to_owned(),
        severity: severity(finding.severity).into(),
        title: finding.title.to_owned(),
        message: finding.message.clone(),
        recommendations: finding.recommendations.clone(),
        field: finding.field.clone(),
    }
}

fn severity(severity: Severity) -> pb::Severity {
    match severity {
        Severity::Info => pb::Severity::Info,
        Severity::Warning => pb::Severity::Warning,
        Severity::Severe => pb::Severity::Severe,
        Severity::Blocking => pb::Severity::Blocking,
    }
}
