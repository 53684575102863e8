//! The failures of new intervals, added to the groups of their runs.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use gauntlet_model::{
    errors::{ErrorGroup, ErrorSummary, FURTHER, MOST_GROUPS},
    id::RunId,
    interval::{ErrorClass, Interval},
    lifecycle::Phase,
};
use gauntlet_store::{Errors, Result};

use crate::{
    columns::Columns,
    database::Sql,
    script::{Row, Step, send},
    statement::{Statement, Value, id, query},
};

/// The longest code that groups are told apart by, characters: it is part of a
/// key, and a database bounds those.
const LONGEST_CODE: usize = 100;

/// What makes a kind of failure, as it is stored.
type Kind = (u32, String, String, String, String);

/// Adds failures, in two steps for each run: which kinds are there, then the sums.
pub(super) fn steps<'a>(subject: &str, failed: impl Iterator<Item = &'a Interval>) -> Vec<Step> {
    let mut by_run: BTreeMap<RunId, ErrorSummary> = BTreeMap::new();
    for interval in failed {
        let summary = by_run.entry(interval.attempt.run).or_default();
        summary.add(interval);
    }
    let mut steps = Vec::new();
    for (run, summary) in by_run {
        let subject = subject.to_owned();
        let groups = summary.into_groups();
        let kinds = Statement::new(query!("error_groups/list_kinds"), [id(run)]);
        steps.push(send(&subject, kinds));
        steps.push(Step::Then(Box::new(move |found| {
            let known: Result<BTreeSet<Kind>> = found.rows.iter().map(read_kind).collect();
            let rows = rows(run, &groups, known?);
            let put = Statement::rows(query!("error_groups/put"), rows);
            Ok(vec![send(&subject, put)])
        })));
    }
    steps
}

/// One row for each kind; kinds beyond the most that a run may have are counted
/// together.
fn rows(run: RunId, groups: &[ErrorGroup], mut known: BTreeSet<Kind>) -> Vec<[Value; 10]> {
    let mut sums: BTreeMap<Kind, ErrorGroup> = BTreeMap::new();
    for group in groups {
        let mut kind = kind(group);
        if known.len() >= MOST_GROUPS && !known.contains(&kind) {
            (kind.3, kind.4) = (String::new(), FURTHER.to_owned());
        }
        known.insert(kind.clone());
        sums.entry(kind)
            .and_modify(|sum| sum.merge(group))
            .or_insert_with(|| group.clone());
    }
    let row = |((operation, phase, class, code, message), group): (Kind, ErrorGroup)| {
        [
            id(run),
            operation.into(),
            Value::from(phase.as_str()),
            class.as_str().into(),
            code.as_str().into(),
            message.as_str().into(),
            i64::try_from(group.count).unwrap_or(i64::MAX).into(),
            group.first.into(),
            group.last.into(),
            group.sample.as_str().into(),
        ]
    };
    sums.into_iter().map(row).collect()
}

fn kind(group: &ErrorGroup) -> Kind {
    (
        group.operation,
        group.phase.as_str().to_owned(),
        group.class.as_str().to_owned(),
        group.code.chars().take(LONGEST_CODE).collect(),
        // As it is stored, so that it is found again.
        group.message.replace('\0', "\u{fffd}"),
    )
}

fn read_kind(row: &Row) -> Result<Kind> {
    let mut columns = Columns::new("error_groups", row.clone());
    Ok((
        columns.number()?,
        columns.text()?,
        columns.text()?,
        columns.text()?,
        columns.text()?,
    ))
}

#[async_trait]
impl Errors for Sql {
    async fn list(&self, run: RunId) -> Result<Vec<ErrorGroup>> {
        let list = Statement::new(query!("error_groups/list"), [id(run)]);
        let rows = self.fetch(list).await?;
        let groups: Result<Vec<ErrorGroup>> = rows.into_iter().map(read).collect();
        let mut groups = groups?;
        groups.sort_by(|one, other| {
            let key = |group: &ErrorGroup| (group.operation, group.phase, group.class);
            (key(one), &one.code, &one.message).cmp(&(key(other), &other.code, &other.message))
        });
        Ok(groups)
    }
}

fn read(row: Row) -> Result<ErrorGroup> {
    let mut columns = Columns::new("error_groups", row);
    Ok(ErrorGroup {
        operation: columns.number()?,
        phase: columns.word(Phase::parse)?,
        class: columns.word(ErrorClass::parse)?,
        code: columns.text()?,
        message: columns.text()?,
        count: columns.count()?,
        first: columns.time()?,
        last: columns.time()?,
        sample: columns.text()?,
    })
}
