//! Lists of runs.
//!
//! With a filter by statuses, each one is a list of its own in the order of an
//! index and no longer than a page; these are merged. So a page costs the same
//! whatever the filter and however deep it is.

use gauntlet_model::id::Project;
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

pub(crate) fn statement(filter: &RunFilter, page: &PageQuery<RunKey>) -> Statement {
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
    let mut and = |column: &str, value: &str| {
        values.push(value.into());
        format!(" AND {column} = ${}", values.len())
    };
    let template = match &filter.template {
        Some(template) => and("template", template.as_str()),
        None => String::new(),
    };
    let mut statuses: Vec<&str> = filter.statuses.iter().map(|one| one.as_str()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    let with_status: Vec<String> = statuses
        .into_iter()
        .map(|status| template.clone() + &and("status", status))
        .collect();
    let list = query!("runs/list").replace("{scope}", scope_column(&filter.project));
    let text = match with_status.as_slice() {
        [] => list.replace("{filters}", &template),
        [filters] => list.replace("{filters}", filters),
        many => merged(
            many.iter()
                .map(|filters| list.replace("{filters}", filters)),
        ),
    };
    Statement::composed(text, values)
}

fn merged(lists: impl Iterator<Item = String>) -> String {
    let branches: Vec<String> = lists
        .map(|list| query!("runs/list_branch").replace("{list}", &list))
        .collect();
    query!("runs/list_merged").replace("{branches}", &branches.join("UNION ALL\n"))
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
