//! Which runs, and in what order.

use std::collections::BTreeMap;

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    id::{Name, Project, RunId},
    lifecycle::Status,
    time::Timestamp,
    verdict::Verdict,
};

use super::{run_id_in, span, status};
use crate::{
    Violations,
    decode::template::version,
    fields::{Fields, read},
    page::{self, Key, Page},
    rules::check,
};

/// A name has no more characters.
const LONGEST_NAME: usize = 63;
/// The most label keys of a filter.
const MOST_KEYS: usize = 64;

/// Which runs to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListRuns {
    /// The project; what is below it counts too.
    pub project: Project,
    /// What the runs must be like.
    pub filter: RunFilter,
    /// Their order.
    pub order: RunOrder,
    /// Which page, in that order.
    pub page: Page<RunPlace>,
}

/// What a run must be like: all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// One of these, each once; any when empty.
    pub statuses: Vec<Status>,
    /// Of this template.
    pub template: Option<Name>,
    /// Of this version of the template.
    pub template_version: Option<i32>,
    /// The name contains this.
    pub name_contains: Option<String>,
    /// Has these labels with these values.
    pub labels: BTreeMap<String, String>,
    /// Has labels of these keys, each once.
    pub label_keys: Vec<String>,
    /// How its load is given.
    pub load_mode: Option<LoadMode>,
    /// When it was created.
    pub created: Span,
    /// When it was started; a bound holds for no run before its start.
    pub started: Span,
    /// When it ended; a bound holds for no run before its end.
    pub ended: Span,
    /// One of these, each once; any when empty.
    pub verdicts: Vec<Verdict>,
    /// One of these, each once; any when empty.
    pub validities: Vec<Validity>,
    /// Repeats this run.
    pub rerun_of: Option<RunId>,
}

/// How a load is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadMode {
    /// Closed loop.
    Concurrency,
    /// Open loop.
    Rate,
}

/// Whether a run's numbers can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// They can.
    Valid,
    /// They cannot.
    Invalid,
}

/// A stretch of time, open where there is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Its first instant.
    pub from: Option<Timestamp>,
    /// The first instant after it.
    pub to: Option<Timestamp>,
}

impl Span {
    /// Whether it has no bound.
    #[must_use]
    pub fn is_open(self) -> bool {
        self.from.is_none() && self.to.is_none()
    }
}

/// The order of a list of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOrder {
    /// The field.
    pub by: RunField,
    /// The greatest first.
    pub descending: bool,
}

/// What runs are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunField {
    /// When they were created.
    Created,
    /// Their names.
    Name,
    /// When they ended.
    Ended,
}

/// Where a run stands in an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunPlace {
    /// By creation.
    Created(Timestamp, RunId),
    /// By name.
    Name(Name, RunId),
    /// By end.
    Ended(Option<Timestamp>, RunId),
}

impl RunOrder {
    const FIELDS: [(&str, RunField); 3] = [
        ("created", RunField::Created),
        ("name", RunField::Name),
        ("ended", RunField::Ended),
    ];
    const DIRECTIONS: [(&str, bool); 2] = [("asc", false), ("desc", true)];

    /// The order of its words, like "created desc".
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let (field, direction) = (words.next()?, words.next()?);
        let by = Self::FIELDS.iter().find(|(word, _)| *word == field)?.1;
        let found = Self::DIRECTIONS.iter().find(|(word, _)| *word == direction);
        let descending = found?.1;
        words.next().is_none().then_some(Self { by, descending })
    }
}

impl Key for RunPlace {
    fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Created(at, id) => {
                bytes.push(b'c');
                (*at, *id).write(bytes);
            }
            Self::Name(name, id) => {
                bytes.push(b'n');
                (name.clone(), *id).write(bytes);
            }
            Self::Ended(Some(at), id) => {
                bytes.push(b'e');
                (*at, *id).write(bytes);
            }
            Self::Ended(None, id) => {
                bytes.push(b'o');
                id.write(bytes);
            }
        }
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        *bytes = rest;
        Some(match kind {
            b'c' => {
                let (at, id) = Key::read(bytes)?;
                Self::Created(at, id)
            }
            b'n' => {
                let (name, id) = Key::read(bytes)?;
                Self::Name(name, id)
            }
            b'e' => {
                let (at, id) = Key::read(bytes)?;
                Self::Ended(Some(at), id)
            }
            b'o' => Self::Ended(None, Key::read(bytes)?),
            _ => return None,
        })
    }
}

/// `ListRuns`.
pub fn list_runs(request: pb::ListRunsRequest) -> Result<ListRuns, Violations> {
    read(check(&request), |fields| {
        let given = request.filter.unwrap_or_default();
        let order = order(fields, &request.order_by);
        let query = format!("runs {} {order:?} {}", request.project, described(&given));
        let project = fields.project("project", request.project);
        let filter = filter(&mut fields.child("filter"), given);
        let page = page::page(fields, request.page, &query);
        Some(ListRuns {
            project: project?,
            filter: filter?,
            order: order?,
            page: page?,
        })
    })
}

fn order(fields: &mut Fields<'_>, text: &str) -> Option<RunOrder> {
    if text.trim().is_empty() {
        let (by, descending) = (RunField::Created, true);
        return Some(RunOrder { by, descending });
    }
    let order = RunOrder::parse(text);
    if order.is_none() {
        let shown = crate::fields::shortened(text);
        let message = format!(
            "{shown:?} is not an order: give \"created\", \"name\" or \"ended\" with \" asc\" or \" desc\""
        );
        fields.add("order_by", message);
    }
    order
}

/// The filter in one text that is the same for the same filter, whatever the
/// order of its lists.
fn described(filter: &pb::RunFilter) -> String {
    let labels: BTreeMap<_, _> = filter.labels.iter().collect();
    let mut rest = pb::RunFilter {
        labels: std::collections::HashMap::new(),
        ..filter.clone()
    };
    sort_out(&mut rest.statuses);
    sort_out(&mut rest.label_keys);
    sort_out(&mut rest.verdicts);
    sort_out(&mut rest.validities);
    format!("{rest:?} {labels:?}")
}

fn sort_out<T: Ord>(values: &mut Vec<T>) {
    values.sort_unstable();
    values.dedup();
}

/// Reads what a run must be like.
pub(in crate::decode) fn filter(
    fields: &mut Fields<'_>,
    filter: pb::RunFilter,
) -> Option<RunFilter> {
    let statuses = choices(fields, "statuses", filter.statuses, status);
    let template = fields.optional_name("template", filter.template);
    let template_version = version(fields, "template_version", filter.template_version);
    if template_version.is_some() && template.is_none() {
        fields.add("template", "is required with template_version");
    }
    let name_contains = fields.text("name_contains", filter.name_contains, LONGEST_NAME);
    let labels = fields.labels("labels", filter.labels);
    let label_keys = label_keys(fields, filter.label_keys);
    let load_mode = fields.chosen("load_mode", filter.load_mode, load_mode);
    let created = span(fields, "created", filter.created);
    let started = span(fields, "started", filter.started);
    let ended = span(fields, "ended", filter.ended);
    let verdicts = choices(fields, "verdicts", filter.verdicts, verdict);
    let validities = choices(fields, "validities", filter.validities, validity);
    let rerun_of = (!filter.rerun_of.is_empty())
        .then(|| run_id_in(fields, "rerun_of", &filter.rerun_of))
        .flatten();
    Some(RunFilter {
        statuses: statuses?,
        template,
        template_version,
        name_contains: name_contains.filter(|text| !text.is_empty()),
        labels: labels?,
        label_keys: label_keys?,
        load_mode,
        created: created?,
        started: started?,
        ended: ended?,
        verdicts: verdicts?,
        validities: validities?,
        rerun_of,
    })
}

/// The values of a list of enum numbers, each once, in the order of their
/// first numbers.
fn choices<P, T>(
    fields: &mut Fields<'_>,
    field: &str,
    numbers: Vec<i32>,
    known: impl Fn(P) -> Option<T>,
) -> Option<Vec<T>>
where
    P: TryFrom<i32>,
    T: PartialEq,
{
    let mut found = Vec::new();
    let mut good = true;
    let mut seen: Vec<i32> = Vec::new();
    for (index, number) in numbers.into_iter().enumerate() {
        if seen.contains(&number) {
            continue;
        }
        seen.push(number);
        match fields.choice(&format!("{field}[{index}]"), number, &known) {
            Some(value) => found.push(value),
            None => good = false,
        }
        // A list of many numbers that mean nothing need not be named in full.
        if seen.len() > 100 {
            return None;
        }
    }
    good.then_some(found)
}

fn label_keys(fields: &mut Fields<'_>, mut keys: Vec<String>) -> Option<Vec<String>> {
    if keys.len() > MOST_KEYS {
        let count = keys.len();
        let message = format!("must be at most {MOST_KEYS} keys, there are {count}");
        fields.add("label_keys", message);
        return None;
    }
    let mut good = true;
    for (index, key) in keys.iter().enumerate() {
        if !(1..=63).contains(&key.chars().count()) || key.contains('\0') {
            fields.add(
                &format!("label_keys[{index}]"),
                "must have 1 to 63 characters",
            );
            good = false;
        }
    }
    sort_out(&mut keys);
    good.then_some(keys)
}

fn load_mode(mode: pb::LoadMode) -> Option<LoadMode> {
    match mode {
        pb::LoadMode::Unspecified => None,
        pb::LoadMode::Concurrency => Some(LoadMode::Concurrency),
        pb::LoadMode::Rate => Some(LoadMode::Rate),
    }
}

fn verdict(verdict: pb::Verdict) -> Option<Verdict> {
    match verdict {
        pb::Verdict::Unspecified => None,
        pb::Verdict::Pass => Some(Verdict::Pass),
        pb::Verdict::Fail => Some(Verdict::Fail),
        pb::Verdict::Inconclusive => Some(Verdict::Inconclusive),
    }
}

fn validity(validity: pb::Validity) -> Option<Validity> {
    match validity {
        pb::Validity::Unspecified => None,
        pb::Validity::Valid => Some(Validity::Valid),
        pb::Validity::Invalid => Some(Validity::Invalid),
    }
}
