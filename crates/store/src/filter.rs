//! Which runs a list holds, and in what order.

use std::cmp::Ordering;

use gauntlet_model::{
    id::{Name, Project, RunId},
    lifecycle::Status,
    report::Report,
    template::Load,
    time::Timestamp,
    verdict::Verdict,
};

use crate::RunSummary;

/// Which runs to list: those of a project and below it that all terms hold for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFilter {
    /// The project; what is below it counts too.
    pub project: Project,
    /// All must hold.
    pub terms: Vec<RunTerm>,
}

/// A condition on one field of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunTerm {
    /// Its status is one of these; none holds for an empty list.
    Status(Vec<Status>),
    /// It was made from this template.
    Template(Name),
    /// It was made from this version of its template.
    TemplateVersion(i32),
    /// Its name contains this text; upper and lower case of ASCII letters are
    /// the same, and no character has a special meaning.
    NameContains(String),
    /// It has this label with this value.
    Label {
        /// The label's key.
        key: String,
        /// Its value.
        value: String,
    },
    /// It has a label of this key.
    LabelExists(String),
    /// Its load is given this way.
    Load(LoadMode),
    /// When it was created.
    Created(TimeRange),
    /// When it was started; never holds before that.
    Started(TimeRange),
    /// When it ended; never holds before that.
    Ended(TimeRange),
    /// Its report's verdict is one of these; never holds without one.
    Verdict(Vec<Verdict>),
    /// Its report is one of these; never holds without one.
    Validity(Vec<Validity>),
    /// It repeats this run.
    RerunOf(RunId),
}

/// Instants from one on and before another; open where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// The first instant.
    pub from: Option<Timestamp>,
    /// The first instant beyond.
    pub to: Option<Timestamp>,
}

impl TimeRange {
    /// Whether an instant is in the range.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }
}

/// How a template gives its load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoadMode {
    /// A number of connections, each as fast as it can.
    Concurrency,
    /// A rate.
    Rate,
}

impl LoadMode {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Concurrency, Self::Rate];

    /// The mode of a load.
    #[must_use]
    pub fn of(load: &Load) -> Self {
        match load {
            Load::Concurrency { .. } => Self::Concurrency,
            Load::Rate { .. } => Self::Rate,
        }
    }

    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Concurrency => "CONCURRENCY",
            Self::Rate => "RATE",
        }
    }

    /// The mode of a stable word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == word)
    }
}

/// Whether a report's numbers can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Validity {
    /// They can.
    Valid,
    /// They cannot; the report has the reasons.
    Invalid,
}

impl Validity {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Valid, Self::Invalid];

    /// The validity of a report.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        if report.reasons.is_empty() {
            Self::Valid
        } else {
            Self::Invalid
        }
    }

    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "VALID",
            Self::Invalid => "INVALID",
        }
    }

    /// The validity of a stable word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

/// What a report says of its run: the verdict, `None` without objectives, and
/// whether its numbers can be trusted.
pub type Judged = (Option<Verdict>, Validity);

/// What a report says of its run.
#[must_use]
pub fn judged(report: &Report) -> Judged {
    (report.verdict, Validity::of(report))
}

impl RunFilter {
    /// All runs of a project and below it.
    #[must_use]
    pub fn all(project: Project) -> Self {
        let terms = Vec::new();
        Self { project, terms }
    }

    /// Whether a run is in the list.
    #[must_use]
    pub fn matches(&self, run: &RunSummary) -> bool {
        self.project.covers(&run.project) && self.terms.iter().all(|term| term.matches(run))
    }
}

impl RunTerm {
    /// Whether the condition holds.
    #[must_use]
    pub fn matches(&self, run: &RunSummary) -> bool {
        let within =
            |range: &TimeRange, at: Option<Timestamp>| at.is_some_and(|at| range.contains(at));
        match self {
            Self::Status(any) => any.contains(&run.status()),
            Self::Template(name) => run.template == *name,
            Self::TemplateVersion(version) => run.template_version == *version,
            Self::NameContains(text) => run.name.as_str().contains(&text.to_ascii_lowercase()),
            Self::Label { key, value } => run.labels.get(key) == Some(value),
            Self::LabelExists(key) => run.labels.contains_key(key),
            Self::Load(mode) => LoadMode::of(&run.load) == *mode,
            Self::Created(range) => range.contains(run.created),
            Self::Started(range) => within(range, run.started),
            Self::Ended(range) => within(range, run.ended),
            Self::Verdict(any) => run.verdict.is_some_and(|one| any.contains(&one)),
            Self::Validity(any) => run.validity.is_some_and(|one| any.contains(&one)),
            Self::RerunOf(id) => run.rerun_of == Some(*id),
        }
    }
}

/// The order of a list of runs. Runs that are equal in it come by id, in the
/// same direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RunOrder {
    /// The field.
    pub by: RunOrderBy,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// What a list of runs is ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunOrderBy {
    /// When they were created.
    Created,
    /// Their names, as bytes.
    Name,
    /// When they ended; those that have not come last in both directions.
    Ended,
}

/// Where a list of runs goes on: the last run's place in the list's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunCursor {
    /// By creation.
    Created(Timestamp, RunId),
    /// By name.
    Name(Name, RunId),
    /// By end.
    Ended(Option<Timestamp>, RunId),
}

impl RunOrder {
    /// Newest first: the order of a list when nobody asks for another.
    pub const NEWEST_FIRST: Self = Self {
        by: RunOrderBy::Created,
        descending: true,
    };

    /// Every order.
    pub const ALL: [Self; 6] = [
        Self::NEWEST_FIRST,
        Self::ascending(RunOrderBy::Created),
        Self::ascending(RunOrderBy::Name),
        Self::descending(RunOrderBy::Name),
        Self::ascending(RunOrderBy::Ended),
        Self::descending(RunOrderBy::Ended),
    ];

    /// The smallest first.
    #[must_use]
    pub const fn ascending(by: RunOrderBy) -> Self {
        let descending = false;
        Self { by, descending }
    }

    /// The greatest first.
    #[must_use]
    pub const fn descending(by: RunOrderBy) -> Self {
        let descending = true;
        Self { by, descending }
    }

    /// How two places in a list of this order compare; `None` when one is of
    /// another order.
    #[must_use]
    pub fn compare(self, one: &RunCursor, other: &RunCursor) -> Option<Ordering> {
        let ordering = match (self.by, one, other) {
            (RunOrderBy::Created, RunCursor::Created(at, id), RunCursor::Created(at_2, id_2)) => {
                (at, id).cmp(&(at_2, id_2))
            }
            (RunOrderBy::Name, RunCursor::Name(name, id), RunCursor::Name(name_2, id_2)) => {
                (name, id).cmp(&(name_2, id_2))
            }
            (RunOrderBy::Ended, RunCursor::Ended(at, id), RunCursor::Ended(at_2, id_2)) => {
                match (at, at_2) {
                    (Some(_), None) => return Some(Ordering::Less),
                    (None, Some(_)) => return Some(Ordering::Greater),
                    _ => (at, id).cmp(&(at_2, id_2)),
                }
            }
            _ => return None,
        };
        Some(if self.descending {
            ordering.reverse()
        } else {
            ordering
        })
    }

    /// Whether a cursor is of this order.
    #[must_use]
    pub fn is_of(self, cursor: &RunCursor) -> bool {
        matches!(
            (self.by, cursor),
            (RunOrderBy::Created, RunCursor::Created(..))
                | (RunOrderBy::Name, RunCursor::Name(..))
                | (RunOrderBy::Ended, RunCursor::Ended(..))
        )
    }
}
