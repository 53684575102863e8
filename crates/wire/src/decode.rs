//! Requests in, values that make sense out. One function per call; each finds
//! all that is wrong at once.

mod control;
mod operation;
mod pool;
mod run;
mod spec;
mod target;
mod template;
mod watch;
mod worker;

pub use pool::{
    CreateValuePool, create_value_pool, delete_value_pool, get_value_pool, list_value_pools,
};
pub use run::{
    AbortShard, AdjustRun, CompareRuns, CreateRun, EndRun, ExportFormat, ExportRun,
    GetErrorSummary, GetMetrics, GetShard, GetTargetActivity, ListEvents, ListOperations, ListRuns,
    LoadChange, LoadMode, RerunRun, RunField, RunFilter, RunOrder, RunPlace, SamplePlace, Span,
    StartRun, StreamMetrics, UpdateRun, Validity, abort_run, abort_shard, adjust_run, compare_runs,
    create_run, delete_run, export_run, get_error_summary, get_metrics, get_report, get_run,
    get_shard, get_target_activity, list_events, list_operations, list_runs, list_shards,
    list_steps, preflight_run, recompute_report, rerun_run, retry_processing, start_run, stop_run,
    stream_metrics, update_run,
};
pub use target::{
    CreateTarget, DeleteTarget, ListCatalog, LoadDataset, NewPassword, ProfileTable, UpdateTarget,
    create_target, delete_target, get_capabilities, get_target, list_catalog, list_targets,
    load_dataset, profile_table, test_target, update_target,
};
pub use template::{
    CloneTemplate, CreateTemplate, DeleteTemplate, FormatTemplate, GetTemplate,
    ListTemplateVersions, PoolFromColumn, PrepareTemplate, UpdateTemplate, ValidateTemplate,
    clone_template, create_template, delete_template, drafted, format_template, get_template,
    list_template_versions, list_templates, parse_template, prepare_template,
    spec as template_spec, update_template, validate_template,
};
pub use watch::{
    StreamLogs, WatchRun, WatchRuns, stream_logs, watch_events, watch_run, watch_runs,
    watch_shards, watch_workers,
};
pub use worker::{DrainWorker, drain_worker, get_worker, list_workers};

pub(crate) use run::phase;
pub(crate) use spec::spec;
pub(crate) use target::address;

use std::str::FromStr;

use gauntlet_api::v1 as pb;
use gauntlet_model::id::{Name, Project};

use crate::{
    encode::ETAG_PREFIX,
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

/// The revision or version that an etag names, if it is given.
fn etag<N>(fields: &mut Fields<'_>, etag: &str) -> Option<N>
where
    N: FromStr + PartialOrd + Default,
{
    if etag.is_empty() {
        return None;
    }
    let number = etag
        .strip_prefix(ETAG_PREFIX)
        .and_then(|number| number.parse().ok())
        .filter(|number| *number > N::default());
    if number.is_none() {
        fields.add(
            "etag",
            "is not an etag: give the one that came with what was read, or nothing",
        );
    }
    number
}

#[cfg(test)]
mod tests;
