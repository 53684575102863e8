//! What a check before the start found.

use std::fmt::Write as _;

use gauntlet_client::pb;

use super::{
    number::{counted, duration},
    word,
};

/// Each finding with what to do about it, the worst first.
pub fn lines(findings: &[pb::PreflightFinding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let severity = word::lower(finding.severity().as_str_name(), "SEVERITY_");
        let place = match finding.field.as_str() {
            "" => String::new(),
            field => format!(" [{field}]"),
        };
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "{severity} {}: {}{place}\n    {}",
            finding.code, finding.title, finding.message
        );
        for recommendation in &finding.recommendations {
            let _ = writeln!(text, "    - {recommendation}");
        }
    }
    text
}

/// The whole answer.
pub fn answer(found: &pb::PreflightRunResponse) -> String {
    let mut text = String::new();
    if !found.target_version.is_empty() {
        let _ = writeln!(text, "target: {}", found.target_version);
    }
    let operations = match found.planned_operations {
        0 => String::new(),
        planned => format!(", {}", counted(planned, "operation")),
    };
    let _ = writeln!(text, "planned: {}{operations}", duration(found.planned_us));
    if found.findings.is_empty() {
        text.push_str("nothing stands in the way\n");
    }
    text + &lines(&found.findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_says_what_to_do() {
        let found = pb::PreflightRunResponse {
            findings: vec![pb::PreflightFinding {
                code: "TABLE_SCAN".to_owned(),
                severity: pb::Severity::Severe.into(),
                title: "a whole table is read".to_owned(),
                message: "operation read reads all of items".to_owned(),
                recommendations: vec!["make an index".to_owned()],
                field: "operations[0].key_column".to_owned(),
            }],
            planned_us: 15_000_000,
            planned_operations: 1_500,
            target_version: "SQLite 3".to_owned(),
        };
        assert_eq!(
            answer(&found),
            "target: SQLite 3\nplanned: 15 s, 1,500 operations\n\
             severe TABLE_SCAN: a whole table is read [operations[0].key_column]\n    \
             operation read reads all of items\n    - make an index\n"
        );
        let nothing = answer(&pb::PreflightRunResponse::default());
        assert_eq!(nothing, "planned: 0 ms\nnothing stands in the way\n");
    }
}
