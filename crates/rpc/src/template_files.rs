//! Template files, read and checked, and written.

mod kept;

use gauntlet_api::v1 as pb;
use gauntlet_model::{id::Project, template::Violation};
use gauntlet_template_file::{self as template_file, Draft, Fault};
use gauntlet_wire::decode;
use tonic::{Response, Status};

use crate::{Backend, catalog, status};

pub(crate) use kept::{Asked, must_agree};

/// What a text says and all that is wrong with it: with how it is written, or,
/// where it can be read, with what it describes.
pub(crate) async fn parse_template(
    backend: &Backend,
    request: pb::ParseTemplateRequest,
) -> Result<Response<pb::ParseTemplateResponse>, Status> {
    let text = decode::parse_template(request)?;
    // A text of some megabytes takes long enough to keep others from being answered.
    let reading = tokio::task::spawn_blocking(move || Draft::read("", &text));
    let read = reading.await.map_err(|error| status::broken(&error))?;
    let mut faults = read.faults.clone();
    if let Some(spec) = read.spec.clone() {
        let (mut wrong, described) = decode::drafted(read.name.clone(), read.project.clone(), spec);
        let found = catalog::violations(&backend.stores, described).await;
        wrong.extend(found.map_err(status::store)?);
        faults.extend(wrong.into_iter().map(|violation| located(&read, violation)));
        // In the order of the text; what concerns all of it comes first.
        faults.sort_by_key(|fault| fault.place);
    }
    Ok(Response::new(pb::ParseTemplateResponse {
        name: read.name.unwrap_or_default(),
        project: read.project.unwrap_or_default(),
        spec: read.spec,
        faults: faults.into_iter().map(encode).collect(),
    }))
}

/// A description as a text.
pub(crate) async fn format_template(
    request: pb::FormatTemplateRequest,
) -> Result<Response<pb::FormatTemplateResponse>, Status> {
    let request = decode::format_template(request)?;
    // Every field of it is looked at: a large one takes long, too.
    let writing = tokio::task::spawn_blocking(move || {
        let project = request.project.as_ref().map(Project::as_str);
        text(request.name.as_str(), project, &request.spec)
    });
    let text = writing.await.map_err(|error| status::broken(&error))?;
    Ok(Response::new(pb::FormatTemplateResponse { text }))
}

/// A description as its author would write it: without all that is filled in
/// when it is made a template of.
pub(crate) fn text(name: &str, project: Option<&str>, spec: &pb::TemplateSpec) -> String {
    let short = template_file::shorten(spec, |spec| decode::template_spec(spec).ok());
    template_file::write(name, project, &short)
}

fn located(read: &Draft, violation: Violation) -> Fault {
    read.locate(&template_file::Violation {
        field: violation.field,
        message: violation.message,
    })
}

fn encode(fault: Fault) -> pb::TemplateFault {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let (line, column) = fault
        .place
        .map_or((0, 0), |place| (place.line, place.column));
    pb::TemplateFault {
        line: number(line),
        column: number(column),
        field: fault.field,
        message: fault.message,
    }
}

#[cfg(test)]
mod tests;
