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
/// Lists the workers that are attached. The control plane also remembers those
/// that were within the last hour: --all shows them, and with --output json they
/// are always there.
#[derive(Debug, Args)]
pub struct Workers {
    /// Also those that left or were lost within the last hour
    #[arg(long)]
    all: bool,
}

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
        let (shown, hidden): (Vec<_>, Vec<_>) = response
            .workers
            .into_iter()
            .partition(|worker| self.all || is_attached(worker));
        if shown.is_empty() {
            print::aside("no workers are attached; start one with: gauntlet worker");
        } else {
            print::text(&table(&shown).within(columns_of_results()))?;
        }
        if let Some(remark) = remark(hidden.len()) {
            print::aside(&remark);
        }
        Ok(Exit::Pass)
    }
}

fn is_attached(worker: &pb::Worker) -> bool {
    !matches!(
        worker.status(),
        pb::WorkerStatus::Lost | pb::WorkerStatus::Gone
    )
}

/// What is said of so many workers that are not shown.
fn remark(hidden: usize) -> Option<String> {
    match hidden {
        0 => None,
        1 => Some("1 that left within the last hour is not shown; see --all".to_owned()),
        more => Some(format!(
            "{more} that left within the last hour are not shown; see --all"
        )),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_that_left_are_hidden() {
        use pb::WorkerStatus::{Busy, Draining, Gone, Idle, Lost};
        let is_attached = |status: pb::WorkerStatus| {
            is_attached(&pb::Worker {
                status: status.into(),
                ..Default::default()
            })
        };
        let shown = [Idle, Busy, Draining, Lost, Gone].map(is_attached);
        assert_eq!(shown, [true, true, true, false, false]);
        assert_eq!(remark(0), None);
        assert!(remark(2).is_some_and(|text| text.starts_with("2 that left")));
    }
}
