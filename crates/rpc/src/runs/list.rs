//! Lists of runs.

use gauntlet_api::v1 as pb;
use gauntlet_model::id::Project;
use gauntlet_store::{
    LoadMode, PageQuery, RunCursor, RunFilter, RunOrder, RunOrderBy, RunSummary, RunTerm,
    TimeRange, Validity,
};
use gauntlet_wire::{decode, encode};
use tonic::{Response, Status};

use crate::{Backend, status};

pub(super) async fn list_runs(
    backend: &Backend,
    request: pb::ListRunsRequest,
) -> Result<Response<pb::ListRunsResponse>, Status> {
    let request = decode::list_runs(request)?;
    let page = request.page;
    let order = order(request.order);
    let query = PageQuery {
        after: page.after.clone().map(cursor),
        limit: page.limit(),
    };
    let filter = filter(request.project, request.filter);
    let stored = backend.stores.runs.list(&filter, order, query).await;
    let mut runs = stored.map_err(status::store)?;
    let next_page_token = page.cut(&mut runs, |last| place(last.cursor(order)));
    Ok(Response::new(pb::ListRunsResponse {
        runs: runs
            .iter()
            .map(|run| encode_summary(backend, run))
            .collect(),
        next_page_token,
    }))
}

/// A run as lists show it, as it is now.
pub(crate) fn encode_summary(backend: &Backend, run: &RunSummary) -> pb::Run {
    let head = encode::RunHead {
        id: run.id,
        project: &run.project,
        name: &run.name,
        template: &run.template,
        template_version: run.template_version,
        state: &run.state,
        load: &run.load,
        finds_max: run.finds_max,
        workers: run.workers,
        revision: run.revision,
        labels: &run.labels,
        notes: &run.notes,
        rerun_of: run.rerun_of,
        created: run.created,
        started: run.started,
        ended: run.ended,
    };
    let mut message = encode::run_head(&head, backend.clock.now());
    message.queue_position = backend.orchestrator.queue_position(run.id);
    if let Some(validity) = run.validity {
        encode::judge(&mut message, run.verdict, validity == Validity::Valid);
    }
    message
}

/// Which runs of a project and below it are asked for.
pub(crate) fn filter(project: Project, asked: decode::RunFilter) -> RunFilter {
    let mut terms = Vec::new();
    if !asked.statuses.is_empty() {
        terms.push(RunTerm::Status(asked.statuses));
    }
    terms.extend(asked.template.map(RunTerm::Template));
    terms.extend(asked.template_version.map(RunTerm::TemplateVersion));
    terms.extend(asked.name_contains.map(RunTerm::NameContains));
    let labels = asked.labels.into_iter();
    terms.extend(labels.map(|(key, value)| RunTerm::Label { key, value }));
    terms.extend(asked.label_keys.into_iter().map(RunTerm::LabelExists));
    terms.extend(asked.load_mode.map(|mode| RunTerm::Load(load_mode(mode))));
    terms.extend(range(asked.created).map(RunTerm::Created));
    terms.extend(range(asked.started).map(RunTerm::Started));
    terms.extend(range(asked.ended).map(RunTerm::Ended));
    if !asked.verdicts.is_empty() {
        terms.push(RunTerm::Verdict(asked.verdicts));
    }
    if !asked.validities.is_empty() {
        let validities = asked.validities.into_iter().map(validity);
        terms.push(RunTerm::Validity(validities.collect()));
    }
    terms.extend(asked.rerun_of.map(RunTerm::RerunOf));
    RunFilter { project, terms }
}

fn range(span: decode::Span) -> Option<TimeRange> {
    let decode::Span { from, to } = span;
    (!span.is_open()).then_some(TimeRange { from, to })
}

fn load_mode(mode: decode::LoadMode) -> LoadMode {
    match mode {
        decode::LoadMode::Concurrency => LoadMode::Concurrency,
        decode::LoadMode::Rate => LoadMode::Rate,
    }
}

fn validity(validity: decode::Validity) -> Validity {
    match validity {
        decode::Validity::Valid => Validity::Valid,
        decode::Validity::Invalid => Validity::Invalid,
    }
}

fn order(order: decode::RunOrder) -> RunOrder {
    let by = match order.by {
        decode::RunField::Created => RunOrderBy::Created,
        decode::RunField::Name => RunOrderBy::Name,
        decode::RunField::Ended => RunOrderBy::Ended,
    };
    let descending = order.descending;
    RunOrder { by, descending }
}

fn cursor(place: decode::RunPlace) -> RunCursor {
    match place {
        decode::RunPlace::Created(at, id) => RunCursor::Created(at, id),
        decode::RunPlace::Name(name, id) => RunCursor::Name(name, id),
        decode::RunPlace::Ended(at, id) => RunCursor::Ended(at, id),
    }
}

fn place(cursor: RunCursor) -> decode::RunPlace {
    match cursor {
        RunCursor::Created(at, id) => decode::RunPlace::Created(at, id),
        RunCursor::Name(name, id) => decode::RunPlace::Name(name, id),
        RunCursor::Ended(at, id) => decode::RunPlace::Ended(at, id),
    }
}
