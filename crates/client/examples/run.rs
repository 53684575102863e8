//! Runs a template file on a control plane, prints a line per second and the
//! verdict, and ends with the exit code that `gauntlet run` would have:
//!
//! ```text
//! cargo run -p gauntlet-client --example run -- http://127.0.0.1:8090 examples/demo.yaml
//! ```

use std::{error::Error, process::ExitCode};

use gauntlet_client::{
    Client, Outcome, Start, pb::stream_metrics_response::Update as Metric, watch::Update,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            eprintln!("error: {error}");
            Outcome::Failed.into()
        }
    }
}

async fn run() -> Result<Outcome, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, file] = arguments.as_slice() else {
        return Err("give the control plane's address and a template file".into());
    };
    let yaml = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;

    let client = Client::connect(url).await?;
    let run = client.start(Start::of(yaml)).await?;
    println!("run {} ({})", run.name, run.run_id);

    let mut seconds = client.metrics(&run.run_id);
    while let Some(update) = seconds.next().await? {
        let Update::New(Metric::Point(point)) = update else {
            continue;
        };
        let total = point.total.clone().unwrap_or_default();
        let p99_us = total.response.unwrap_or_default().p99_us;
        println!(
            "{:<20} {:>8}/s  p99 {p99_us:>9.1} us  {} failed",
            point.phase().as_str_name(),
            total.succeeded,
            total.failed
        );
    }

    let ended = client.wait_for_report(&run.run_id).await?;
    match &ended.report {
        Some(report) => println!(
            "{} {}",
            report.verdict().as_str_name(),
            report.validity().as_str_name()
        ),
        None => println!("no report: {}", ended.run.stop_message),
    }
    Ok(ended.outcome())
}
