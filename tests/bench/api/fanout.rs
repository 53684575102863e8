//! How fast a change of a run reaches everybody who watches it, and whether it reaches all.

mod watchers;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gauntlet_client::{Client, pb};
use tokio::task::JoinSet;

use super::place::Place;
use super::template;
use crate::error::{Error, Result};
use crate::figure::Figure;
use crate::plane::{Binary, PROJECT, Plane};
use crate::settings::{CALLERS, Settings};
use crate::stats::{percentile, short};
use watchers::{Board, watch, watch_json};

const TEMPLATE: &str = "watched";
/// Streams on one connection, over gRPC.
const STREAMS: usize = 50;
/// Watchers of each run of many.
const EACH: usize = 10;
/// Changes in a row that nobody waits for.
const BURST: usize = 50;
/// How long all watchers may take to open.
const OPEN_LIMIT: Duration = Duration::from_mins(1);
/// What has not come by then is lost.
const LOST_AFTER: Duration = Duration::from_secs(10);

/// How the watchers speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Grpc,
    Json,
}

/// What was seen of some watchers.
#[derive(Default)]
struct Seen {
    /// From the send of a change to its receipt by a watcher, milliseconds.
    delays_ms: Vec<f64>,
    expected: usize,
    lost: usize,
    /// Of a burst, how many states a watcher got in the mean.
    burst_states: f64,
    /// The same as `delays_ms`, of changes of all runs at once.
    crowded_ms: Vec<f64>,
    opened_s: f64,
    cpu_us: f64,
    rss_mb: [f64; 2],
}

pub async fn measure(
    settings: &Settings,
    binary: &Binary,
    place: &Place<'_>,
) -> Result<Vec<Figure>> {
    let plane = Plane::start_at(binary, place.url()).await?;
    plane.add_sqlite_target().await?;
    plane
        .apply_template(&template::yaml(TEMPLATE, 1, 10))
        .await?;
    let kind = place.kind();
    let (mut figures, mut lost, mut expected) = (Vec::new(), 0, 0);
    for protocol in [Protocol::Grpc, Protocol::Json] {
        for watchers in [1, settings.watchers / 10, settings.watchers] {
            let mut seen = one_run(&plane, settings, protocol, watchers).await?;
            lost += seen.lost;
            expected += seen.expected;
            let name = match protocol {
                Protocol::Grpc => format!("watch_fanout_{watchers}_p99_ms"),
                Protocol::Json => format!("watch_fanout_{watchers}_json_p99_ms"),
            };
            let what = format!("{}: {watchers} WatchRun streams on one run", kind.name());
            figures.push(figure(kind.figure(&name), &what, protocol, &mut seen));
        }
    }
    let mut seen = many_runs(&plane, settings.watchers).await?;
    lost += seen.lost;
    expected += seen.expected;
    let name = format!("watch_fanout_{}x{EACH}_p99_ms", settings.watchers);
    let what = format!(
        "{}: {} runs with {EACH} WatchRun streams each",
        kind.name(),
        settings.watchers
    );
    figures.push(figure(kind.figure(&name), &what, Protocol::Grpc, &mut seen));
    figures.push(
        Figure::alone(kind.figure("watch_lost"), "states", lost as f64).noting(format!(
            "{}: states that a watcher should have got and did not within {} s, of {expected}: every change that was followed, \
             the newest of a burst, and the terminal state with the end of the stream; states that came twice or backwards count \
             too",
            kind.name(),
            LOST_AFTER.as_secs()
        )),
    );
    Ok(figures)
}

fn figure(name: String, what: &str, protocol: Protocol, seen: &mut Seen) -> Figure {
    let text = |values: &mut Vec<f64>| {
        let all = [50.0, 99.0, 100.0].map(|percent| percentile(values, percent));
        let [p50, p99, max] = all.map(|value| value.map_or_else(String::new, short));
        format!("p50 {p50} ms, p99 {p99} ms, max {max} ms")
    };
    let p99 = percentile(&mut seen.delays_ms, 99.0).unwrap_or(f64::NAN);
    let how = match protocol {
        Protocol::Grpc => format!("gRPC, {STREAMS} streams on a connection"),
        Protocol::Json => "Connect JSON over HTTP/1.1, a connection each".to_owned(),
    };
    let mut note = format!(
        "{what}, over {how}; from the send of UpdateRun, its commit included, to the decoded state in this process: {}, {} \
         receipts; opened in {} s; control plane CPU {} µs per state sent, {} MB with the streams, {} MB before",
        text(&mut seen.delays_ms),
        seen.delays_ms.len(),
        short(seen.opened_s),
        short(seen.cpu_us),
        short(seen.rss_mb[1]),
        short(seen.rss_mb[0]),
    );
    if seen.burst_states > 0.0 {
        let states = short(seen.burst_states);
        let _ = write!(
            note,
            "; of {BURST} changes in a row a watcher got {states} states in the mean, always the newest last"
        );
    }
    if !seen.crowded_ms.is_empty() {
        let crowded = text(&mut seen.crowded_ms);
        let _ = write!(
            note,
            "; all runs changed by {CALLERS} callers at once: {crowded}"
        );
    }
    println!("{name}: {} ms, {} lost", short(p99), seen.lost);
    Figure::alone(name, "ms", p99).noting(note)
}

/// One run, changed again and again, then ended.
async fn one_run(
    plane: &Plane,
    settings: &Settings,
    protocol: Protocol,
    watchers: usize,
) -> Result<Seen> {
    let run_id = create(plane.client().clone()).await?;
    let mut crowd = Crowd::open(plane, std::slice::from_ref(&run_id), watchers, protocol).await?;
    let mut seen = crowd.seen();
    let cpu_before = plane.server_cpu()?;
    for change in 0..settings.changes {
        let delays = crowd.follow(plane.client(), 0, change, watchers).await?;
        seen.count(delays, watchers);
    }
    let sent = (settings.changes * watchers) as f64;
    seen.cpu_us = (plane.server_cpu()? - cpu_before) * 1e6 / sent;

    let first = crowd.board.states();
    let mut newest = 0;
    for change in 0..BURST {
        newest = update(plane.client(), &run_id, &format!("burst {change}")).await?;
    }
    let got = crowd.board.wait_for((0, newest), watchers).await;
    seen.miss(watchers - got.len().min(watchers), watchers);
    seen.burst_states = (crowd.board.states() - first) as f64 / watchers as f64;
    crowd.end(plane, &mut seen).await?;
    Ok(seen)
}

/// Many runs with a few watchers each: one changed after the other, then all at once.
async fn many_runs(plane: &Plane, runs: usize) -> Result<Seen> {
    let mut run_ids = Vec::new();
    for _ in 0..runs {
        run_ids.push(create(plane.client().clone()).await?);
    }
    let mut crowd = Crowd::open(plane, &run_ids, EACH, Protocol::Grpc).await?;
    let mut seen = crowd.seen();
    let cpu_before = plane.server_cpu()?;
    // Every fifth is enough, and they are spread over all connections.
    let changed: Vec<usize> = (0..runs).step_by(5).collect();
    for run in &changed {
        let delays = crowd.follow(plane.client(), *run, *run, EACH).await?;
        seen.count(delays, EACH);
    }
    seen.cpu_us = (plane.server_cpu()? - cpu_before) * 1e6 / (changed.len() * EACH) as f64;

    let updates = crowd.each_run(plane, async |client, run_id, _| {
        let sent = Instant::now();
        Ok((sent, update(&client, &run_id, "all at once").await?))
    });
    for (run, (sent, revision)) in updates.await? {
        let got = crowd.board.wait_for((run, revision), EACH).await;
        seen.miss(EACH - got.len().min(EACH), EACH);
        seen.crowded_ms
            .extend(got.iter().map(|at| milliseconds(sent, *at)));
    }
    crowd.end(plane, &mut seen).await?;
    Ok(seen)
}

impl Seen {
    /// What came of one change that this many watchers should have got.
    fn count(&mut self, delays_ms: Vec<f64>, watchers: usize) {
        self.miss(watchers - delays_ms.len().min(watchers), watchers);
        self.delays_ms.extend(delays_ms);
    }

    fn miss(&mut self, lost: usize, expected: usize) {
        self.lost += lost;
        self.expected += expected;
    }
}

/// Watchers that have got their snapshots.
struct Crowd {
    board: Arc<Board>,
    run_ids: Vec<String>,
    watchers: usize,
    opened_s: f64,
    rss_mb: [f64; 2],
    // They end with the set.
    _tasks: JoinSet<()>,
}

impl Crowd {
    async fn open(
        plane: &Plane,
        run_ids: &[String],
        each: usize,
        protocol: Protocol,
    ) -> Result<Self> {
        let before_mb = plane.server_rss_mb()?;
        let since = Instant::now();
        let board = Arc::new(Board::default());
        let mut tasks = JoinSet::new();
        let mut client = plane.client().clone();
        for watcher in 0..run_ids.len() * each {
            let run = watcher / each;
            if protocol == Protocol::Grpc && watcher % STREAMS == 0 {
                client = Client::connect(plane.url()).await?;
            }
            let run_id = run_ids[run].clone();
            let (client, url, board) = (client.clone(), plane.url().to_owned(), board.clone());
            tasks.spawn(async move {
                let watched = match protocol {
                    Protocol::Grpc => watch(client, run, run_id, &board).await,
                    Protocol::Json => watch_json(&url, run, &run_id, &board).await,
                };
                board.ended(watched);
            });
        }
        let watchers = run_ids.len() * each;
        let begun = board.until(OPEN_LIMIT, |state| {
            (state.begun == watchers || state.failure.is_some()).then_some(())
        });
        begun.await;
        board.check()?;
        let begun = board.lock().begun;
        if begun < watchers {
            let text = format!("{begun} of {watchers} watches opened within {OPEN_LIMIT:?}");
            return Err(Error::Failed(text));
        }
        Ok(Self {
            board,
            run_ids: run_ids.to_vec(),
            watchers,
            opened_s: since.elapsed().as_secs_f64(),
            rss_mb: [before_mb, plane.server_rss_mb()?],
            _tasks: tasks,
        })
    }

    fn seen(&self) -> Seen {
        Seen {
            opened_s: self.opened_s,
            rss_mb: self.rss_mb,
            ..Seen::default()
        }
    }

    /// Changes a run and waits for all of its watchers: how long it took to each that got it, in milliseconds.
    async fn follow(
        &self,
        client: &Client,
        run: usize,
        change: usize,
        watchers: usize,
    ) -> Result<Vec<f64>> {
        let sent = Instant::now();
        let notes = format!("change {change}");
        let revision = update(client, &self.run_ids[run], &notes).await?;
        let got = self.board.wait_for((run, revision), watchers).await;
        self.board.check()?;
        Ok(got.iter().map(|at| milliseconds(sent, *at)).collect())
    }

    /// Does something with each run, some at the same time; the answers with the runs' places.
    async fn each_run<T: Send + 'static, F>(
        &self,
        plane: &Plane,
        act: impl Fn(Client, String, usize) -> F,
    ) -> Result<Vec<(usize, T)>>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let mut tasks = JoinSet::new();
        let mut done = Vec::new();
        for (run, run_id) in self.run_ids.iter().enumerate() {
            if tasks.len() == CALLERS {
                done.extend(joined(&mut tasks).await?);
            }
            let acted = act(plane.client().clone(), run_id.clone(), run);
            tasks.spawn(async move { acted.await.map(|answer| (run, answer)) });
        }
        while let Some(one) = joined(&mut tasks).await? {
            done.push(one);
        }
        Ok(done)
    }

    /// Ends all runs; every stream must tell the end and end itself.
    async fn end(&mut self, plane: &Plane, seen: &mut Seen) -> Result<()> {
        self.each_run(plane, |client, run_id, _| async move {
            let request = pb::AbortRunRequest {
                run_id,
                message: "the benchmark is over".to_owned(),
            };
            let aborted = client.runs().abort_run(request).await;
            aborted.map_err(Error::refused("AbortRun"))?;
            Ok(())
        })
        .await?;
        let watchers = self.watchers;
        let over = self.board.until(LOST_AFTER, |state| {
            (state.over == watchers || state.failure.is_some()).then_some(())
        });
        over.await;
        self.board.check()?;
        let state = self.board.lock();
        seen.miss(watchers - state.over, watchers);
        seen.lost += state.wrong;
        Ok(())
    }
}

async fn joined<T: Send + 'static>(tasks: &mut JoinSet<Result<T>>) -> Result<Option<T>> {
    let Some(one) = tasks.join_next().await else {
        return Ok(None);
    };
    let one = one.map_err(|error| Error::Failed(format!("a caller: {error}")))?;
    one.map(Some)
}

fn milliseconds(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64() * 1e3
}

async fn create(client: Client) -> Result<String> {
    let request = pb::CreateRunRequest {
        project: PROJECT.to_owned(),
        template: TEMPLATE.to_owned(),
        ..Default::default()
    };
    let created = client.runs().create_run(request).await;
    let created = created.map_err(Error::refused("CreateRun"))?.into_inner();
    Ok(created.run.unwrap_or_default().run_id)
}

/// Changes a run's notes; the revision after it.
async fn update(client: &Client, run_id: &str, notes: &str) -> Result<i64> {
    let request = pb::UpdateRunRequest {
        run_id: run_id.to_owned(),
        notes: Some(notes.to_owned()),
        ..Default::default()
    };
    let updated = client.runs().update_run(request).await;
    let updated = updated.map_err(Error::refused("UpdateRun"))?.into_inner();
    Ok(updated.run.unwrap_or_default().revision)
}
