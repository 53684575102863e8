//! `gauntlet report`: the result of a run that is over.

use std::path::PathBuf;

use clap::Args;
use gauntlet_client::{Client, pb, watch::is_over};

use super::{
    Context,
    exit::Exit,
    export::file::{Download, Place},
    failure::Failure,
    find,
    follow::{self, Conclusion},
    print, text,
};

/// Prints the report of a run that is over. The exit code is the run's.
#[derive(Debug, Args)]
pub struct Report {
    /// The run's name or id [default: the newest run]
    run: Option<String>,
    /// Write it with its charts as one page that needs nothing else, over what
    /// is there; - for stdout
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Report {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let run = find::run(&client, context, self.run.as_deref()).await?;
        if !is_over(run.status()) {
            return Err(Failure::Asked(unfinished(&run)));
        }
        if let Some(file) = self.html {
            return page(&client, context, &run, &Place::of(file)).await;
        }
        let conclusion = if context.is_json() {
            Conclusion::Document
        } else {
            Conclusion::Text
        };
        follow::conclude(&client, &run, conclusion).await
    }
}

/// Writes the report as a page. The exit code is the run's, as without one.
async fn page(
    client: &Client,
    context: &Context,
    run: &pb::Run,
    place: &Place,
) -> Result<Exit, Failure> {
    if context.is_json() && *place == Place::Stdout {
        return Err(Failure::Asked(
            "stdout takes one: --output json or --html -; name a file for the page".to_owned(),
        ));
    }
    place.check()?;
    let request = pb::ExportRunRequest {
        run_id: run.run_id.clone(),
        format: pb::ExportFormat::Html.into(),
        resolution_us: 0,
    };
    let download = Download::begin(client, request).await?;
    let bytes = download.write(place).await?;
    if let Place::File(file) = place {
        let size = text::number::bytes(bytes);
        let ending = text::report::ending(run);
        print::aside(&format!("{ending}; report in {} ({size})", file.display()));
    }
    if context.is_json() {
        return follow::conclude(client, run, Conclusion::Document).await;
    }
    let answer = follow::report(client, run).await?;
    let report = answer.as_ref().and_then(|one| one.report.as_ref());
    Ok(Exit::of(run, report))
}

/// Why there is no report yet.
pub fn unfinished(run: &pb::Run) -> String {
    let status = text::word::status(run);
    if run.status() == pb::RunStatus::Prepared {
        return format!("run {} is {status}: it was never started", run.name);
    }
    format!(
        "run {} is {status}: its report comes at its end; see: gauntlet watch {}",
        run.name, run.name
    )
}
