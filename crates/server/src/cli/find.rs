//! From what a person calls a thing to the thing, and what they may have meant.

use gauntlet_client::{Client, Code, Error, near, pb};

use super::{Context, failure::Failure, text::plan::operation};

/// The largest page the API gives.
const PAGE: u32 = 1000;
/// Runs whose names contain a run's name: beyond so many pages it is found by its id only.
const MOST_PAGES: usize = 20;
/// A name has no more characters.
const LONGEST_NAME: usize = 63;

/// A run by id or name; the newest of the project when nothing is said.
pub async fn run(
    client: &Client,
    context: &Context,
    word: Option<&str>,
) -> Result<pb::Run, Failure> {
    let run_id = match word {
        Some(word) if uuid::Uuid::try_parse(word).is_ok() => word.to_owned(),
        Some(name) => by_name(client, context, name).await?,
        None => newest(client, context).await?,
    };
    let response = client.runs().get_run(pb::GetRunRequest { run_id }).await?;
    Ok(response.into_inner().run.unwrap_or_default())
}

async fn newest(client: &Client, context: &Context) -> Result<String, Failure> {
    let (runs, _) = page(client, context, "", 1, String::new()).await?;
    let newest = runs.into_iter().next().ok_or_else(|| {
        Failure::Asked(format!(
            "there is no run in project {} yet; start one with: gauntlet run TEMPLATE",
            context.project()
        ))
    })?;
    Ok(newest.run_id)
}

async fn by_name(client: &Client, context: &Context, name: &str) -> Result<String, Failure> {
    let mut token = String::new();
    for _ in 0..MOST_PAGES {
        let (runs, next) = page(client, context, name, PAGE, token).await?;
        if let Some(run) = runs.into_iter().find(|run| run.name == name) {
            return Ok(run.run_id);
        }
        if next.is_empty() {
            break;
        }
        token = next;
    }
    let (recent, _) = page(client, context, "", PAGE, String::new()).await?;
    let hint = near::hint(name, recent.iter().map(|run| run.name.as_str()));
    let list = if hint.is_empty() {
        "; see: gauntlet list".to_owned()
    } else {
        hint
    };
    Err(Failure::Asked(format!(
        "no run is named \"{name}\" in project {}{list}",
        context.project()
    )))
}

/// Runs whose names contain a text, newest first.
async fn page(
    client: &Client,
    context: &Context,
    name: &str,
    page_size: u32,
    page_token: String,
) -> Result<(Vec<pb::Run>, String), Failure> {
    // The API takes no longer text; a name that is longer exists nowhere.
    let name_contains = if name.len() > LONGEST_NAME { "" } else { name };
    let request = pb::ListRunsRequest {
        project: context.project(),
        filter: Some(pb::RunFilter {
            name_contains: name_contains.to_owned(),
            ..Default::default()
        }),
        page: Some(pb::PageRequest {
            page_size,
            page_token,
        }),
        ..Default::default()
    };
    let response = client.runs().list_runs(request).await?.into_inner();
    Ok((response.runs, response.next_page_token))
}

/// A template, in its newest version when `version` is 0.
pub async fn template(
    client: &Client,
    context: &Context,
    name: &str,
    version: i32,
) -> Result<pb::Template, Failure> {
    let request = pb::GetTemplateRequest {
        project: context.project(),
        name: name.to_owned(),
        version,
    };
    match client.templates().get_template(request).await {
        Ok(response) => Ok(response.into_inner().template.unwrap_or_default()),
        Err(status) if status.code() == Code::NotFound => {
            let names = template_names(client, context).await?;
            Err(not_found(status, name, names.iter().map(String::as_str)))
        }
        Err(status) => Err(status.into()),
    }
}

async fn template_names(client: &Client, context: &Context) -> Result<Vec<String>, tonic::Status> {
    let request = pb::ListTemplatesRequest {
        project: context.project(),
        page: Some(first_page()),
    };
    let listed = client.templates().list_templates(request).await?;
    let templates = listed.into_inner().templates;
    Ok(templates.into_iter().map(|one| one.name).collect())
}

/// Whether a worker can be told something.
pub fn is_attached(worker: &pb::Worker) -> bool {
    !matches!(
        worker.status(),
        pb::WorkerStatus::Lost | pb::WorkerStatus::Gone
    )
}

/// Why no run has a name that may be a template's too, with the template or the
/// run that may have been meant.
pub async fn or_template(
    client: &Client,
    context: &Context,
    name: &str,
    failure: Failure,
) -> Failure {
    // A run that was asked for by its id was not meant as a template.
    if !matches!(failure, Failure::Asked(_)) {
        return failure;
    }
    let templates = template_names(client, context).await;
    let runs = page(client, context, "", PAGE, String::new()).await;
    let (Ok(templates), Ok((runs, _))) = (templates, runs) else {
        return failure;
    };
    let template = near::nearest(name, templates.iter().map(String::as_str));
    let run = near::nearest(name, runs.iter().map(|run| run.name.as_str()));
    Failure::Asked(format!(
        "no template and no run is named \"{name}\" in project {}{}",
        context.project(),
        meant(template, run)
    ))
}

/// What may have been meant, or where to look.
fn meant(template: Option<&str>, run: Option<&str>) -> String {
    match (template, run) {
        (Some(near), _) => format!("; did you mean the template \"{near}\"?"),
        (None, Some(near)) => format!("; did you mean the run \"{near}\"?"),
        (None, None) => "; see: gauntlet template list, and gauntlet list".to_owned(),
    }
}

/// A target, without its password.
pub async fn target(client: &Client, context: &Context, name: &str) -> Result<pb::Target, Failure> {
    let request = pb::GetTargetRequest {
        project: context.project(),
        name: name.to_owned(),
    };
    match client.targets().get_target(request).await {
        Ok(response) => Ok(response.into_inner().target.unwrap_or_default()),
        Err(status) if status.code() == Code::NotFound => {
            let request = pb::ListTargetsRequest {
                project: context.project(),
                page: Some(first_page()),
            };
            let listed = client.targets().list_targets(request).await?;
            let targets = listed.into_inner().targets;
            let names = targets.iter().map(|target| target.name.as_str());
            Err(not_found(status, name, names))
        }
        Err(status) => Err(status.into()),
    }
}

/// The failure of a call about a value pool, with what may have been meant.
pub async fn pool_failure(
    client: &Client,
    context: &Context,
    name: &str,
    status: tonic::Status,
) -> Failure {
    if status.code() != Code::NotFound {
        return status.into();
    }
    let request = pb::ListValuePoolsRequest {
        project: context.project(),
        page: Some(first_page()),
    };
    // Without the names there is nothing to suggest, and the reason stays.
    let Ok(listed) = client.templates().list_value_pools(request).await else {
        return status.into();
    };
    let pools = listed.into_inner().pools;
    not_found(status, name, pools.iter().map(|pool| pool.name.as_str()))
}

/// Whether the names are those of a run's operations.
pub fn operations(run: &pb::Run, names: &[String]) -> Result<(), Failure> {
    let spec = run.spec.as_ref().map(|spec| spec.operations.as_slice());
    let known: Vec<String> = spec.unwrap_or_default().iter().map(operation).collect();
    let unknown = names.iter().find(|name| !known.contains(name));
    let Some(name) = unknown.filter(|_| !known.is_empty()) else {
        return Ok(());
    };
    let hint = near::hint(name, known.iter().map(String::as_str));
    let list = if hint.is_empty() {
        format!("; it has {}", known.join(", "))
    } else {
        hint
    };
    Err(Failure::Asked(format!(
        "run {} has no operation \"{name}\"{list}",
        run.name
    )))
}

/// The first page, as long as they get.
pub fn first_page() -> pb::PageRequest {
    pb::PageRequest {
        page_size: PAGE,
        page_token: String::new(),
    }
}

/// The control plane's words and what may have been meant.
fn not_found<'a>(
    status: tonic::Status,
    name: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Failure {
    let hint = near::hint(name, names);
    let error = Error::from(status);
    if hint.is_empty() {
        return error.into();
    }
    Failure::Asked(format!("{error}{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_that_of_a_template_or_of_a_run() {
        assert_eq!(
            meant(Some("mix"), Some("mix-1")),
            "; did you mean the template \"mix\"?"
        );
        assert_eq!(
            meant(None, Some("mix-1")),
            "; did you mean the run \"mix-1\"?"
        );
        assert_eq!(
            meant(None, None),
            "; see: gauntlet template list, and gauntlet list"
        );
    }

    #[test]
    fn an_operation_is_one_of_the_run() {
        let named = |name: &str| pb::Operation {
            name: name.to_owned(),
            kind: pb::OperationKind::PointLookup.into(),
            ..Default::default()
        };
        let run = pb::Run {
            name: "demo-1".to_owned(),
            spec: Some(pb::TemplateSpec {
                operations: vec![named("insert"), named("")],
                ..Default::default()
            }),
            ..Default::default()
        };
        let checked = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            operations(&run, &names).map_err(|failure| failure.to_string())
        };
        assert_eq!(checked(&[]), Ok(()));
        assert_eq!(checked(&["insert", "point-lookup"]), Ok(()));
        assert_eq!(
            checked(&["insret"]),
            Err("run demo-1 has no operation \"insret\"; did you mean \"insert\"?".to_owned())
        );
        assert_eq!(
            checked(&["vacuum"]),
            Err("run demo-1 has no operation \"vacuum\"; it has insert, point-lookup".to_owned())
        );
    }
}
