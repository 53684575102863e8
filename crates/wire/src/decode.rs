//! Requests in, values that make sense out. One function per call; each finds
//! all that is wrong at once.

mod operation;
mod run;
mod spec;
mod target;
mod template;
mod worker;

pub use run::{
    CreateRun, EndRun, ListEvents, ListRuns, StreamMetrics, WatchRun, abort_run, create_run,
    get_report, get_run, list_events, list_runs, list_shards, start_run, stop_run, stream_metrics,
    watch_run,
};
pub use target::{
    CreateTarget, LoadDataset, create_target, get_target, list_targets, load_dataset, test_target,
};
pub use template::{
    CreateTemplate, GetTemplate, UpdateTemplate, create_template, get_template, list_templates,
    spec as template_spec, update_template, validate_template,
};
pub use worker::list_workers;

pub(crate) use run::phase;
pub(crate) use spec::spec;
pub(crate) use target::address;

use gauntlet_api::v1 as pb;
use gauntlet_model::id::{Name, Project};

use crate::{
    fields::Fields,
    page::{self, Page},
};

/// Something that is named within a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The project.
    pub project: Project,
    /// The name, unique in the project.
    pub name: Name,
}

/// A list of what is named within a project and what is below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListNamed {
    /// The project.
    pub project: Project,
    /// Which page, by project and name.
    pub page: Page<(Project, Name)>,
}

fn named(fields: &mut Fields<'_>, project: String, name: String) -> Option<Named> {
    let project = fields.project("project", project);
    let name = fields.name("name", name);
    Some(Named {
        project: project?,
        name: name?,
    })
}

fn list_named(
    fields: &mut Fields<'_>,
    list: &str,
    project: String,
    page: Option<pb::PageRequest>,
) -> Option<ListNamed> {
    let query = format!("{list} {project}");
    let project = fields.project("project", project);
    let page = page::page(fields, page, &query);
    Some(ListNamed {
        project: project?,
        page: page?,
    })
}

#[cfg(test)]
mod tests;
