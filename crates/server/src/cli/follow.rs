//! Following a run to its end, whoever started it.

use std::time::Duration;

use gauntlet_client::{
    Client, pb,
    pb::stream_metrics_response::Update as Metric,
    watch::{MetricsWatch, RunWatch, Update},
};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{
    exit::Exit,
    failure::Failure,
    interrupt::Interrupts,
    looks::Looks,
    print,
    text::{
        self,
        number::{counted, were},
    },
    view::{Look, View, terminal::columns_of_results},
};

/// How often a countdown moves.
const TICK: Duration = Duration::from_millis(100);
/// How long the last points may take after the run is over.
const LAST_POINTS: Duration = Duration::from_secs(3);
/// How long a stop or an abort may take to be accepted.
const ORDER: Duration = Duration::from_secs(15);

/// What Ctrl-C means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnInterrupt {
    /// Once stops the run, twice aborts it: who started it ends it.
    EndRun,
    /// Only the watching ends.
    Leave,
}

/// How the following ended.
#[derive(Debug)]
pub enum Followed {
    /// The run is over.
    Over(Box<pb::Run>),
    /// The person left; the run goes on.
    Left,
}

/// Follows a run to its end, showing it.
pub async fn to_the_end(
    client: &Client,
    run_id: &str,
    view: &mut dyn View,
    interrupts: &mut Interrupts,
    on_interrupt: OnInterrupt,
) -> Result<Followed, Failure> {
    let mut states = RunWatch::new(client.clone(), run_id);
    let mut metrics = MetricsWatch::new(client.clone(), run_id, 0);
    let mut looks = view.looks().then(|| Looks::new(client.clone(), run_id));
    let mut metrics_over = false;
    let mut presses = 0;
    let mut last = None;
    let mut cut = false;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            state = states.next() => match state? {
                Some(Update::New(run)) => {
                    if std::mem::take(&mut cut) {
                        view.note("connected again");
                    }
                    view.state(&run)?;
                    last = Some(run);
                }
                Some(Update::Interrupted(error)) => {
                    if !std::mem::replace(&mut cut, true) {
                        view.note(&format!("{error}; trying again"));
                    }
                }
                None => break,
            },
            metric = metrics.next(), if !metrics_over => {
                metrics_over = show(metric, view, &mut looks)?;
            }
            look = next(&mut looks) => view.look(&look),
            () = interrupts.next() => {
                presses += 1;
                if on_interrupt == OnInterrupt::Leave || presses > 2 {
                    view.finish();
                    return Ok(Followed::Left);
                }
                view.note(&end(client, run_id, presses).await);
            }
            _ = ticks.tick() => view.tick(),
        }
    }
    let rest = async {
        while !metrics_over {
            metrics_over = show(metrics.next().await, view, &mut looks)?;
        }
        Ok::<(), Failure>(())
    };
    if let Ok(shown) = timeout(LAST_POINTS, rest).await {
        shown?;
    }
    view.finish();
    let run = last.expect("the states end only after one was seen");
    Ok(Followed::Over(Box::new(run)))
}

/// The next look of a view that has a use for it. Safe to cancel.
async fn next(looks: &mut Option<Looks>) -> Look {
    match looks {
        Some(looks) => looks.next().await,
        None => std::future::pending().await,
    }
}

/// Shows one message of the metrics; true when there will be no more. A run is
/// followed without its metrics rather than not at all.
fn show(
    metric: Result<Option<Update<Metric>>, gauntlet_client::Error>,
    view: &mut dyn View,
    looks: &mut Option<Looks>,
) -> Result<bool, Failure> {
    match metric {
        Ok(Some(Update::New(Metric::Point(point)))) => {
            if let Some(looks) = looks {
                looks.point(&point);
            }
            view.point(&point)?;
        }
        Ok(Some(Update::New(Metric::SnapshotDone(_)))) => view.live(),
        Ok(Some(Update::New(Metric::Skipped(seconds)))) => {
            view.note(&format!(
                "{} {} skipped: this reader is slow",
                counted(seconds, "second"),
                were(seconds)
            ));
        }
        // The watch of the states says that the connection broke.
        Ok(Some(Update::New(Metric::Heartbeat(_)) | Update::Interrupted(_))) => {}
        Ok(None) => return Ok(true),
        Err(error) => {
            view.note(&format!("no live metrics: {error}"));
            return Ok(true);
        }
    }
    Ok(false)
}

/// Stops the run at the first press and aborts it at the second; gives what to
/// tell the person.
async fn end(client: &Client, run_id: &str, presses: u32) -> String {
    let message = "ended by Ctrl-C".to_owned();
    let run_id = run_id.to_owned();
    let order = async {
        if presses == 1 {
            let request = pb::StopRunRequest { run_id, message };
            client.runs().stop_run(request).await.map(drop)
        } else {
            let request = pb::AbortRunRequest { run_id, message };
            client.runs().abort_run(request).await.map(drop)
        }
    };
    match timeout(ORDER, order).await {
        Ok(Ok(())) if presses == 1 => {
            "stopping: operations in flight may end; press Ctrl-C again to abort".to_owned()
        }
        Ok(Ok(())) => "aborting; press Ctrl-C again to leave the run alone".to_owned(),
        Ok(Err(status)) => {
            let error = gauntlet_client::Error::from(status);
            format!("cannot end the run: {error}; press Ctrl-C again to try harder")
        }
        Err(_) => "the control plane does not answer; press Ctrl-C again to try harder".to_owned(),
    }
}

/// Prints the report of a run that is over and gives its exit code. A run that
/// has none says why it ended.
pub async fn conclude(
    client: &Client,
    run: &pb::Run,
    conclusion: Conclusion,
) -> Result<Exit, Failure> {
    let Some(response) = report(client, run).await? else {
        if conclusion != Conclusion::Text {
            conclusion.print(&pb::GetReportResponse {
                run: Some(run.clone()),
                report: None,
            })?;
        }
        print::aside(&text::report::ending(run));
        return Ok(Exit::of(run, None));
    };
    conclusion.print(&response)?;
    let run = response.run.as_ref().unwrap_or(run);
    Ok(Exit::of(run, response.report.as_ref()))
}

/// The report of a run that is over; `None` when it has none.
pub async fn report(
    client: &Client,
    run: &pb::Run,
) -> Result<Option<pb::GetReportResponse>, Failure> {
    if run.processing() != pb::ProcessingStatus::Completed {
        return Ok(None);
    }
    let request = pb::GetReportRequest {
        run_id: run.run_id.clone(),
    };
    Ok(Some(client.runs().get_report(request).await?.into_inner()))
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// For people.
    Text,
    /// One JSON document.
    Document,
    /// The last line of a stream of JSON.
    Line,
}

impl Conclusion {
    fn print(self, response: &pb::GetReportResponse) -> Result<(), Failure> {
        match self {
            Self::Document => print::document("GetReportResponse", response),
            Self::Line => print::json_line("GetReportResponse", response),
            Self::Text => {
                let run = response.run.clone().unwrap_or_default();
                let report = response.report.clone().unwrap_or_default();
                let columns = columns_of_results();
                print::text(&text::report::whole(&run, &report, columns))
            }
        }
    }
}
