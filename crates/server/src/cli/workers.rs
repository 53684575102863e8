//! `gauntlet workers`: who can send load.

use clap::Args;
use gauntlet_client::pb;

use super::{
    Context,
    exit::Exit,
    failure::Failure,
    find, print,
    text::{
        number::{bytes, latency, percent},
        table::{Align, Table},
        word,
    },
    view::terminal::columns_of_results,
};

/// List workers
///
/// Lists the workers that are attached or were within the last hour.
#[derive(Debug, Args)]
pub struct Workers {}

impl Workers {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let request = pb::ListWorkersRequest {
            page: Some(find::first_page()),
        };
        let response = client.workers().list_workers(request).await?.into_inner();
        if context.is_json() {
            print::document("ListWorkersResponse", &response)?;
            return Ok(Exit::Pass);
        }
        if response.workers.is_empty() {
            print::aside("no workers; start one with: gauntlet worker");
            return Ok(Exit::Pass);
        }
        print::text(&table(&response.workers).within(columns_of_results()))?;
        Ok(Exit::Pass)
    }
}

fn table(workers: &[pb::Worker]) -> Table {
    use Align::{Left, Right};
    let mut table = Table::with_header([
        ("name", Left),
        ("status", Left),
        ("processors", Right),
        ("connections", Right),
        ("cpu", Right),
        ("memory", Right),
        ("clock", Right),
        ("version", Left),
        ("labels", Left),
        ("runs", Left),
    ])
    .spare(["version", "processors", "memory", "labels"]);
    for worker in workers {
        let mut labels: Vec<String> = worker
            .labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        labels.sort();
        table.row([
            worker.name.clone(),
            word::lower(worker.status().as_str_name(), "WORKER_STATUS_"),
            worker.processors.to_string(),
            format!("{} of {}", worker.reserved, worker.capacity),
            percent(worker.cpu),
            bytes(worker.memory_bytes),
            format!("± {}", latency(worker.clock_uncertainty_us as f64)),
            worker.version.clone(),
            labels.join(","),
            worker.run_ids.join(","),
        ]);
    }
    table
}
