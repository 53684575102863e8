//! How long calls that read take: one run of very many, and lists of them.
//!
//! One caller, one call at a time, so nothing waits for anything else. The calls of a round follow each other in turns,
//! and a call that does nothing is one of them: what a call takes longer than that one is its own.

use std::time::Instant;

use gauntlet_client::pb;
use gauntlet_client::pb::run_service_client::RunServiceClient;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::json::Json;
use super::place::{Kind, Place};
use super::seed::{self, FAILED_EVERY, TEAMS, TEMPLATES};
use super::template;
use crate::error::{Error, Result};
use crate::figure::Figure;
use crate::plane::{Binary, PROJECT, Plane};
use crate::settings::Settings;
use crate::stats::{Spread, percentile, short};

const TEMPLATE: &str = "copied";
/// Runs on a page; of 100,000 runs the page 2,000 is the last.
const PAGE: u32 = 50;
/// Calls of one kind in one round.
const CALLS: usize = 60;

/// A call that is measured.
struct Read {
    /// As in the name of its figure.
    name: &'static str,
    what: String,
    ask: Ask,
    /// One median per round, in milliseconds.
    grpc_ms: Vec<f64>,
    json_ms: Vec<f64>,
    /// Its own: without what the call that does nothing took in the same round.
    own_ms: Vec<f64>,
    own_json_ms: Vec<f64>,
    /// CPU time of the control plane in all rounds, in seconds.
    cpu_s: f64,
}

enum Ask {
    Nothing,
    Get(pb::GetRunRequest, String),
    List(Box<pb::ListRunsRequest>, String),
}

/// The connections of the one caller.
struct Caller {
    health: HealthClient<Channel>,
    runs: RunServiceClient<Channel>,
    json: Json,
}

pub async fn measure(
    settings: &Settings,
    binary: &Binary,
    place: &Place<'_>,
) -> Result<Vec<Figure>> {
    let kind = place.kind();
    let run_id = {
        let plane = Plane::start_at(binary, place.url()).await?;
        plane.add_sqlite_target().await?;
        plane
            .apply_template(&template::yaml(TEMPLATE, 1, 10))
            .await?;
        create(&plane).await?
    };
    let since = Instant::now();
    // The run that is copied is one of them.
    seed::fill(place, &run_id, settings.listed_runs - 1).await?;
    println!(
        "{}: {} runs written in {:.0} s",
        kind.name(),
        settings.listed_runs,
        since.elapsed().as_secs_f64()
    );
    let plane = Plane::start_at(binary, place.url()).await?;
    let mut caller = Caller::connect(plane.url()).await?;
    let (deep, walked_ms) = deep_page(&mut caller).await?;
    let mut reads = reads(&run_id, &deep);
    for round in 0..=settings.call_rounds {
        for turn in 0..reads.len() {
            let index = (round + turn) % reads.len();
            // The first round only warms up.
            reads[index].round(&mut caller, &plane, round > 0).await?;
        }
        if round > 0 {
            without_nothing(&mut reads);
        }
    }
    let rss_mb = plane.server_rss_mb()?;
    let mut figures: Vec<Figure> = reads
        .iter()
        .filter(|read| !matches!(read.ask, Ask::Nothing))
        .map(|read| figure(read, &reads[0], kind, settings))
        .collect();
    let note = format!(
        "; a walk from page 1 to page {} took {} ms per page; the control plane then had {} MB",
        walked_ms.len(),
        short(walked_ms.iter().sum::<f64>() / walked_ms.len() as f64),
        short(rss_mb)
    );
    if let Some(figure) = figures.iter_mut().find(|one| one.name.contains("deep")) {
        figure.note.push_str(&note);
    }
    Ok(figures)
}

async fn create(plane: &Plane) -> Result<String> {
    let request = pb::CreateRunRequest {
        project: PROJECT.to_owned(),
        template: TEMPLATE.to_owned(),
        ..Default::default()
    };
    let created = plane.client().runs().create_run(request).await;
    let created = created.map_err(Error::refused("CreateRun"))?.into_inner();
    Ok(created.run.unwrap_or_default().run_id)
}

/// Walks over all pages; the token of the last full one, and how long each page took.
async fn deep_page(caller: &mut Caller) -> Result<(String, Vec<f64>)> {
    let (mut token, mut deep) = (String::new(), String::new());
    let mut pages_ms = Vec::new();
    loop {
        let request = list(pb::RunFilter::default(), token.clone());
        let sent = Instant::now();
        let page = caller.runs.list_runs(request).await;
        let page = page.map_err(Error::refused("ListRuns"))?.into_inner();
        pages_ms.push(sent.elapsed().as_secs_f64() * 1e3);
        if page.runs.len() as u32 == PAGE {
            deep = token;
        }
        if page.next_page_token.is_empty() {
            return Ok((deep, pages_ms));
        }
        token = page.next_page_token;
    }
}

fn list(filter: pb::RunFilter, page_token: String) -> pb::ListRunsRequest {
    pb::ListRunsRequest {
        project: PROJECT.to_owned(),
        filter: Some(filter),
        order_by: String::new(),
        page: Some(pb::PageRequest {
            page_size: PAGE,
            page_token,
        }),
    }
}

fn reads(run_id: &str, deep: &str) -> Vec<Read> {
    let get = Ask::Get(
        pb::GetRunRequest {
            run_id: run_id.to_owned(),
        },
        serde_json::json!({ "runId": run_id }).to_string(),
    );
    let all = pb::RunFilter::default;
    let by_status = pb::RunFilter {
        statuses: vec![pb::RunStatus::Failed.into()],
        ..all()
    };
    let by_template = pb::RunFilter {
        template: seed::template(7),
        ..all()
    };
    let by_label = pb::RunFilter {
        labels: [("team".to_owned(), seed::team_name(3))].into(),
        ..all()
    };
    let by_status_json = serde_json::json!({ "statuses": ["RUN_STATUS_FAILED"] });
    let by_template_json = serde_json::json!({ "template": seed::template(7) });
    let by_label_json = serde_json::json!({ "labels": { "team": seed::team_name(3) } });
    let none = serde_json::json!({});
    let ask = |filter, token: &str, json: &serde_json::Value| {
        let body = serde_json::json!({
            "project": PROJECT, "filter": json, "page": { "pageSize": PAGE, "pageToken": token },
        });
        let request = Box::new(list(filter, token.to_owned()));
        Ask::List(request, body.to_string())
    };
    vec![
        Read::new("nothing", "a health check".to_owned(), Ask::Nothing),
        Read::new("get_run", "GetRun".to_owned(), get),
        Read::new(
            "list_runs",
            format!("the first page, {PAGE} runs on a page"),
            ask(all(), "", &none),
        ),
        Read::new(
            "list_runs_deep",
            "the last full page, reached by the tokens of all before it".to_owned(),
            ask(all(), deep, &none),
        ),
        Read::new(
            "list_runs_status",
            format!("the first page of those that FAILED, one in {FAILED_EVERY}"),
            ask(by_status, "", &by_status_json),
        ),
        Read::new(
            "list_runs_template",
            format!("the first page of one template, one in {TEMPLATES}"),
            ask(by_template, "", &by_template_json),
        ),
        Read::new(
            "list_runs_label",
            format!("the first page of one label, one in {TEAMS}"),
            ask(by_label, "", &by_label_json),
        ),
    ]
}

impl Caller {
    async fn connect(url: &str) -> Result<Self> {
        let endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(|error| Error::Failed(format!("{url}: {error}")))?;
        let channel = endpoint
            .tcp_nodelay(true)
            .connect()
            .await
            .map_err(|error| Error::Failed(format!("{url}: {error}")))?;
        Ok(Self {
            health: HealthClient::new(channel.clone()),
            runs: RunServiceClient::new(channel),
            json: Json::connect(url).await?,
        })
    }
}

impl Read {
    fn new(name: &'static str, what: String, ask: Ask) -> Self {
        Self {
            name,
            what,
            ask,
            grpc_ms: Vec::new(),
            json_ms: Vec::new(),
            own_ms: Vec::new(),
            own_json_ms: Vec::new(),
            cpu_s: 0.0,
        }
    }

    async fn round(&mut self, caller: &mut Caller, plane: &Plane, counts: bool) -> Result<()> {
        let cpu_before = plane.server_cpu()?;
        let mut grpc_ms = Vec::new();
        for _ in 0..CALLS {
            let sent = Instant::now();
            self.call(caller).await?;
            grpc_ms.push(sent.elapsed().as_secs_f64() * 1e3);
        }
        let cpu_s = plane.server_cpu()? - cpu_before;
        let mut json_ms = Vec::new();
        for _ in 0..CALLS {
            let sent = Instant::now();
            self.call_json(caller).await?;
            json_ms.push(sent.elapsed().as_secs_f64() * 1e3);
        }
        if counts {
            self.cpu_s += cpu_s;
            self.grpc_ms.extend(percentile(&mut grpc_ms, 50.0));
            self.json_ms.extend(percentile(&mut json_ms, 50.0));
        }
        Ok(())
    }

    async fn call(&self, caller: &mut Caller) -> Result<()> {
        match &self.ask {
            Ask::Nothing => {
                let answer = caller.health.check(HealthCheckRequest::default()).await;
                answer.map_err(Error::refused("Check"))?;
            }
            Ask::Get(request, _) => {
                let answer = caller.runs.get_run(request.clone()).await;
                answer.map_err(Error::refused("GetRun"))?;
            }
            Ask::List(request, _) => {
                let answer = caller.runs.list_runs((**request).clone()).await;
                let page = answer.map_err(Error::refused("ListRuns"))?.into_inner();
                full(self.name, page.runs.len())?;
            }
        }
        Ok(())
    }

    async fn call_json(&self, caller: &mut Caller) -> Result<()> {
        let (method, body) = match &self.ask {
            // The cheapest call that JSON has: there are no workers.
            Ask::Nothing => ("WorkerService/ListWorkers", "{}"),
            Ask::Get(_, body) => ("RunService/GetRun", body.as_str()),
            Ask::List(_, body) => ("RunService/ListRuns", body.as_str()),
        };
        caller.json.call(method, body).await?;
        Ok(())
    }
}

/// A page that is not full was measured by mistake.
fn full(name: &str, runs: usize) -> Result<()> {
    if runs == PAGE as usize {
        return Ok(());
    }
    let text = format!("{name} was answered with {runs} runs instead of {PAGE}");
    Err(Error::Failed(text))
}

/// What each call took longer in this round than the one that does nothing.
fn without_nothing(reads: &mut [Read]) {
    let last = |values: &[f64]| values.last().copied().unwrap_or(f64::NAN);
    let (nothing, nothing_json) = (last(&reads[0].grpc_ms), last(&reads[0].json_ms));
    for read in reads {
        read.own_ms.push(last(&read.grpc_ms) - nothing);
        read.own_json_ms.push(last(&read.json_ms) - nothing_json);
    }
}

fn figure(read: &Read, nothing: &Read, kind: Kind, settings: &Settings) -> Figure {
    let spread = |values: &[f64]| {
        let spread = Spread::of(values.iter().copied());
        spread.map_or_else(String::new, |spread| spread.to_string())
    };
    let own = Spread::of(read.own_ms.iter().copied()).map_or(f64::NAN, |spread| spread.median);
    let count = (CALLS * settings.call_rounds) as f64;
    let name = match read.name {
        "get_run" => "get_run_p50_ms".to_owned(),
        name => name.replacen("list_runs", "list_runs_100k", 1) + "_p50_ms",
    };
    println!("{} {}: {} ms", kind.name(), read.name, short(own));
    Figure::alone(kind.figure(&name), "ms", own).noting(format!(
        "{}: {}, {} runs in the store; over gRPC {} ms more than a health check in the same round ({} ms against \
         {} ms, the caller's work included); control plane CPU {} µs per call (health check {} µs); over Connect JSON {} ms \
         more than an empty ListWorkers ({} ms against {} ms); one caller, {} rounds of {CALLS} calls, medians",
        kind.name(),
        read.what,
        settings.listed_runs,
        spread(&read.own_ms),
        spread(&read.grpc_ms),
        spread(&nothing.grpc_ms),
        short(read.cpu_s * 1e6 / count),
        short(nothing.cpu_s * 1e6 / count),
        spread(&read.own_json_ms),
        spread(&read.json_ms),
        spread(&nothing.json_ms),
        settings.call_rounds
    ))
}
