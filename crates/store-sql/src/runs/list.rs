//! Lists of runs.
//!
//! A page is a walk along an index in the order of the list: it begins where
//! the page before ended and stops when it is full. What an index cannot give
//! as one walk is several, each no longer than a page, that are merged: one for
//! each status, and with the order by end one for those that have not ended. So
//! a page costs the same whatever its depth. Other conditions are checked along
//! the walk; the indexes by creation and by status have what people filter by, so
//! that a run which does not match need not be read.

use gauntlet_model::{id::Project, time::Timestamp};
use gauntlet_store::{
    Error, PageQuery, Result, RunCursor, RunFilter, RunOrder, RunOrderBy, RunTerm, TimeRange,
};

use crate::{
    reports::verdict_word,
    statement::{Statement, Value, id, query},
};

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

/// The statement of a page; `None` when nothing can match.
/// [`Error::Conflict`] when the cursor is of another order.
pub(crate) fn statement(
    filter: &RunFilter,
    order: RunOrder,
    page: &PageQuery<RunCursor>,
) -> Result<Option<Statement>> {
    if page.after.as_ref().is_some_and(|after| !order.is_of(after)) {
        return Err(Error::Conflict("the order of the list".to_owned()));
    }
    let mut walks = Walks::new(filter, order, page.limit);
    let Some(residual) = walks.residual(&filter.terms) else {
        return Ok(None);
    };
    let branches = match order.by {
        RunOrderBy::Ended => walks.by_end(page.after.as_ref(), &residual),
        RunOrderBy::Name => vec![walks.by_name(page.after.as_ref(), &residual)],
        RunOrderBy::Created => walks.by_creation(page.after.as_ref(), &residual),
    };
    Ok(Some(walks.finish(&branches)))
}

/// Puts the walks of a list together.
struct Walks<'a> {
    filter: &'a RunFilter,
    order: RunOrder,
    values: Vec<Value>,
    scope: String,
    limit: String,
}

/// One walk: where it goes, what must hold, and by what it is ordered.
struct Walk {
    from: &'static str,
    conditions: Vec<String>,
    order: Vec<&'static str>,
}

const RUNS: &str = "runs r";
const LABELS: &str = "run_labels l JOIN runs r ON r.run_id = l.run_id";

impl<'a> Walks<'a> {
    fn new(filter: &'a RunFilter, order: RunOrder, limit: u32) -> Self {
        let mut walks = Self {
            filter,
            order,
            values: Vec::new(),
            scope: String::new(),
            limit: String::new(),
        };
        let place = walks.value(filter.project.as_str());
        walks.scope = format!("{} = {place}", scope_column(&filter.project));
        walks.limit = walks.value(limit);
        walks
    }

    /// The placeholder of a value.
    fn value(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    fn any_of<T>(&mut self, column: &str, any: &[T], word: impl Fn(&T) -> &'static str) -> String {
        let places: Vec<String> = any.iter().map(|one| self.value(word(one))).collect();
        format!("{column} IN ({})", places.join(", "))
    }

    /// What is checked along a walk; `None` when it never holds. A list by
    /// creation walks along the first label and along each status by itself.
    fn residual(&mut self, terms: &[RunTerm]) -> Option<Vec<String>> {
        let by_creation = self.order.by == RunOrderBy::Created;
        let label = leading_label(terms).filter(|_| by_creation);
        let status = leading_status(terms).filter(|_| by_creation && label.is_none());
        let mut conditions = Vec::new();
        for term in terms {
            let leads =
                |leader: Option<&RunTerm>| leader.is_some_and(|one| std::ptr::eq(one, term));
            if leads(label) || leads(status) {
                continue;
            }
            conditions.extend(self.condition(term)?);
        }
        // Also of the status that leads.
        let never = |term: &RunTerm| matches!(term, RunTerm::Status(any) if any.is_empty());
        (!terms.iter().any(never)).then_some(conditions)
    }

    /// A term as conditions; `None` when it never holds.
    fn condition(&mut self, term: &RunTerm) -> Option<Vec<String>> {
        let condition = match term {
            RunTerm::Status(any) if any.is_empty() => return None,
            RunTerm::Verdict(any) if any.is_empty() => return None,
            RunTerm::Validity(any) if any.is_empty() => return None,
            RunTerm::Status(any) => self.any_of("r.status", any, |one| one.as_str()),
            RunTerm::Verdict(any) => self.any_of("r.verdict", any, |one| verdict_word(*one)),
            RunTerm::Validity(any) => self.any_of("r.validity", any, |one| one.as_str()),
            RunTerm::Template(name) => format!("r.template = {}", self.value(name.as_str())),
            RunTerm::TemplateVersion(version) => {
                format!("r.template_version = {}", self.value(*version))
            }
            RunTerm::NameContains(text) if text.is_empty() => return Some(Vec::new()),
            RunTerm::NameContains(text) => {
                // The same in both databases, and no character has a meaning.
                let place = self.value(text.to_ascii_lowercase().as_str());
                format!("replace(r.name, {place}, '') <> r.name")
            }
            RunTerm::Label { key, value } => {
                let (key, value) = (self.value(key.as_str()), self.value(value.as_str()));
                self.label_exists(&format!("x.key = {key} AND x.value = {value}"))
            }
            RunTerm::LabelExists(key) => {
                let key = self.value(key.as_str());
                self.label_exists(&format!("x.key = {key}"))
            }
            RunTerm::Load(mode) => format!("r.load = {}", self.value(mode.as_str())),
            RunTerm::Created(range) => {
                return Some(self.within("r.created_us", &self.ahead(*range)));
            }
            RunTerm::Started(range) => return Some(self.happened("r.started_us", range)),
            RunTerm::Ended(range) => return Some(self.happened("r.ended_us", range)),
            RunTerm::RerunOf(run) => format!("r.rerun_of = {}", self.value(id(*run))),
        };
        Some(vec![condition])
    }

    fn label_exists(&self, conditions: &str) -> String {
        let scope = scope_column(&self.filter.project);
        format!(
            "EXISTS (SELECT 1 FROM run_labels x \
             WHERE x.run_id = r.run_id AND x.scope = r.{scope} AND {conditions})"
        )
    }

    fn within(&mut self, column: &str, range: &TimeRange) -> Vec<String> {
        let from = range
            .from
            .map(|at| format!("{column} >= {}", self.value(at)));
        let to = range.to.map(|at| format!("{column} < {}", self.value(at)));
        from.into_iter().chain(to).collect()
    }

    /// What a walk must still check of a range of its creation: where it begins
    /// holds from its start on, and saying it twice misleads SQLite's planner.
    fn ahead(&self, range: TimeRange) -> TimeRange {
        let RunOrder { by, descending } = self.order;
        let starts = |with: bool| by == RunOrderBy::Created && descending == with;
        TimeRange {
            from: range.from.filter(|_| !starts(false)),
            to: range.to.filter(|_| !starts(true)),
        }
    }

    fn happened(&mut self, column: &str, range: &TimeRange) -> Vec<String> {
        let mut conditions = self.within(column, range);
        if conditions.is_empty() {
            conditions.push(format!("{column} IS NOT NULL"));
        }
        conditions
    }

    /// That a walk goes on behind a place.
    fn behind(&mut self, columns: &str, key: impl Into<Value>, id: impl Into<Value>) -> String {
        let sign = if self.order.descending { '<' } else { '>' };
        let (key, id) = (self.value(key), self.value(id));
        format!("({columns}) {sign} ({key}, {id})")
    }

    /// Where a walk by an instant begins: behind the cursor, or at the end of
    /// the ranges that the list is confined to, whichever is later on the way.
    fn start(
        &mut self,
        columns: &str,
        cursor: Option<(Timestamp, String)>,
        ranges: impl Iterator<Item = TimeRange>,
    ) -> Option<String> {
        // Every id is behind the empty one.
        let bound = |range: TimeRange| {
            let at = if self.order.descending {
                range.to
            } else {
                range.from
            };
            at.map(|at| (at, String::new()))
        };
        let places = ranges.filter_map(bound).chain(cursor);
        let (at, id) = if self.order.descending {
            places.min()
        } else {
            places.max()
        }?;
        Some(self.behind(columns, at, id.as_str()))
    }

    fn by_creation(&mut self, after: Option<&RunCursor>, residual: &[String]) -> Vec<Walk> {
        let cursor = match after {
            Some(RunCursor::Created(at, run)) => Some((*at, run.to_string())),
            _ => None,
        };
        let terms = &self.filter.terms;
        let ranges = terms.iter().filter_map(|term| match term {
            RunTerm::Created(range) => Some(*range),
            _ => None,
        });
        if let Some(label) = leading_label(terms) {
            let mut conditions = vec![format!("l.scope = {}", "$1")];
            match label {
                RunTerm::Label { key, value } => {
                    conditions.push(format!("l.key = {}", self.value(key.as_str())));
                    conditions.push(format!("l.value = {}", self.value(value.as_str())));
                }
                RunTerm::LabelExists(key) => {
                    conditions.push(format!("l.key = {}", self.value(key.as_str())));
                }
                _ => {}
            }
            conditions.extend(self.start("l.created_us, l.run_id", cursor, ranges));
            conditions.extend_from_slice(residual);
            return vec![Walk {
                from: LABELS,
                conditions,
                order: vec!["l.created_us", "l.run_id"],
            }];
        }
        let mut conditions = vec![format!("r.{}", self.scope)];
        conditions.extend(self.start("r.created_us, r.run_id", cursor, ranges));
        conditions.extend_from_slice(residual);
        let walk = |conditions| Walk {
            from: RUNS,
            conditions,
            order: vec!["r.created_us", "r.run_id"],
        };
        let Some(RunTerm::Status(any)) = leading_status(terms) else {
            return vec![walk(conditions)];
        };
        let mut words: Vec<&str> = any.iter().map(|one| one.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        let of_status = |word: &str| {
            let mut conditions = conditions.clone();
            conditions.push(format!("r.status = {}", self.value(word)));
            walk(conditions)
        };
        words.into_iter().map(of_status).collect()
    }

    fn by_name(&mut self, after: Option<&RunCursor>, residual: &[String]) -> Walk {
        let mut conditions = vec![format!("r.{}", self.scope)];
        if let Some(RunCursor::Name(name, run)) = after {
            conditions.push(self.behind("r.name, r.run_id", name.as_str(), id(*run)));
        }
        conditions.extend_from_slice(residual);
        Walk {
            from: RUNS,
            conditions,
            order: vec!["r.name", "r.run_id"],
        }
    }

    /// Those that have ended, then those that have not.
    fn by_end(&mut self, after: Option<&RunCursor>, residual: &[String]) -> Vec<Walk> {
        let scope = format!("r.{}", self.scope);
        let mut walks = Vec::new();
        if !matches!(after, Some(RunCursor::Ended(None, _))) {
            let cursor = match after {
                Some(RunCursor::Ended(Some(at), run)) => Some((*at, run.to_string())),
                _ => None,
            };
            let ranges = self.filter.terms.iter().filter_map(|term| match term {
                RunTerm::Ended(range) => Some(*range),
                _ => None,
            });
            let mut conditions = vec![scope.clone(), "r.ended_us IS NOT NULL".to_owned()];
            conditions.extend(self.start("r.ended_us, r.run_id", cursor, ranges));
            conditions.extend_from_slice(residual);
            walks.push(Walk {
                from: RUNS,
                conditions,
                order: vec!["r.ended_us", "r.run_id"],
            });
        }
        let mut conditions = vec![scope, "r.ended_us IS NULL".to_owned()];
        if let Some(RunCursor::Ended(None, run)) = after {
            let sign = if self.order.descending { '<' } else { '>' };
            let place = self.value(id(*run));
            conditions.push(format!("r.run_id {sign} {place}"));
        }
        conditions.extend_from_slice(residual);
        walks.push(Walk {
            from: RUNS,
            conditions,
            order: vec!["r.run_id"],
        });
        walks
    }

    fn finish(self, walks: &[Walk]) -> Statement {
        let direction = if self.order.descending { " DESC" } else { "" };
        let text = |walk: &Walk| {
            let order: Vec<String> = walk
                .order
                .iter()
                .map(|column| format!("{column}{direction}"))
                .collect();
            query!("runs/list")
                .replace("{from}", walk.from)
                .replace("{conditions}", &walk.conditions.join("\n    AND "))
                .replace("{order}", &order.join(", "))
                .replace("{limit}", &self.limit)
        };
        if let [only] = walks {
            return Statement::composed(text(only), self.values);
        }
        let branches: Vec<String> = (0..)
            .zip(walks)
            .map(|(part, walk): (usize, &Walk)| {
                query!("runs/list_branch")
                    .replace("{part}", &part.to_string())
                    .replace("{list}", &text(walk))
            })
            .collect();
        // Walks by end come one after the other, those by status side by side.
        let order = match self.order.by {
            RunOrderBy::Ended => {
                format!("part, ended_us{direction}, run_id{direction}")
            }
            _ => format!("created_us{direction}, run_id{direction}"),
        };
        let text = query!("runs/list_merged")
            .replace("{branches}", &branches.join("UNION ALL\n"))
            .replace("{order}", &order)
            .replace("{limit}", &self.limit);
        Statement::composed(text, self.values)
    }
}

/// The label that a list by creation walks along.
fn leading_label(terms: &[RunTerm]) -> Option<&RunTerm> {
    let exact = |term: &&RunTerm| matches!(term, RunTerm::Label { .. });
    let any = |term: &&RunTerm| matches!(term, RunTerm::LabelExists(_));
    terms.iter().find(exact).or_else(|| terms.iter().find(any))
}

/// The statuses that a list by creation walks along.
fn leading_status(terms: &[RunTerm]) -> Option<&RunTerm> {
    terms.iter().find(|term| matches!(term, RunTerm::Status(_)))
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
