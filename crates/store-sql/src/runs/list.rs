//! Lists of runs.
//!
//! With a filter by status, each status has an index in the order of the list,
//! and the database merges one such walk per status. So a page costs the same
//! whatever the filter and however deep it is.

use gauntlet_model::{id::Project, lifecycle::Status};
use gauntlet_store::{PageQuery, RunFilter, RunKey};

use crate::statement::{Statement, Value, id, query};

/// The first one, two and three segments of a project; `None` where it has no more.
pub(super) fn scopes(project: &Project) -> [Option<String>; 3] {
    let text = project.as_str();
    let mut ends = text
        .match_indices('/')
        .map(|(at, _)| at)
        .chain([text.len()]);
    std::array::from_fn(|_| ends.next().map(|end| text[..end].to_owned()))
}

/// The column that holds what a project and all below it have in common.
fn scope_column(project: &Project) -> &'static str {
    match project.as_str().matches('/').count() {
        0 => "scope_1",
        1 => "scope_2",
        _ => "scope_3",
    }
}

pub(super) fn statement(filter: &RunFilter, page: PageQuery<RunKey>) -> Statement {
    // Every id comes before "~".
    let (before_us, before_id) = match page.after {
        Some((created, run)) => (created.into(), id(run)),
        None => (Value::from(i64::MAX), "~".into()),
    };
    let mut values = vec![
        filter.project.as_str().into(),
        before_us,
        before_id,
        page.limit.into(),
    ];
    let mut place = |value: &str| {
        values.push(value.into());
        values.len()
    };
    let mut branch = query!("runs/list").replace("{scope}", scope_column(&filter.project));
    if let Some(template) = &filter.template {
        branch += &format!("  AND template = ${}\n", place(template.as_str()));
    }
    let mut statuses: Vec<&str> = filter
        .statuses
        .iter()
        .map(|one| Status::as_str(*one))
        .collect();
    statuses.sort_unstable();
    statuses.dedup();
    let mut branches: Vec<String> = statuses
        .into_iter()
        .map(|status| format!("{branch}  AND status = ${}\n", place(status)))
        .collect();
    if branches.is_empty() {
        branches.push(branch);
    }
    let text = branches.join("UNION ALL\n") + "ORDER BY created_us DESC, run_id DESC\nLIMIT $4\n";
    Statement::composed(text, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_in_the_scope_of_each_above_it() {
        let scopes_of = |text: &str| scopes(&Project::new(text).unwrap());
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(scopes_of("a"), [some("a"), None, None]);
        assert_eq!(scopes_of("a/b"), [some("a"), some("a/b"), None]);
        assert_eq!(scopes_of("a/b/c"), [some("a"), some("a/b"), some("a/b/c")]);
    }
}
