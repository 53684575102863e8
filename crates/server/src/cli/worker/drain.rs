//! `gauntlet worker drain`.

use clap::Args;
use gauntlet_client::{Client, near, pb};

use crate::cli::{Context, exit::Exit, failure::Failure, find, print, text::word};

/// Let a worker finish what it holds, and send it home
///
/// Lets a worker finish what it holds, gives it nothing new, and sends it home.
#[derive(Debug, Args)]
pub struct Drain {
    /// The worker's name or id
    worker: String,
    /// Why, for the record
    #[arg(long, default_value = "", hide_default_value = true)]
    message: String,
}

impl Drain {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let request = pb::DrainWorkerRequest {
            worker_id: find(&client, &self.worker).await?,
            message: self.message,
        };
        let drained = client.workers().drain_worker(request).await?.into_inner();
        let worker = drained.worker.unwrap_or_default();
        if context.is_json() {
            print::document("Worker", &worker)?;
        } else {
            print::line(&format!(
                "worker {} is {}",
                worker.name,
                word::lower(worker.status().as_str_name(), "WORKER_STATUS_")
            ))?;
        }
        Ok(Exit::Pass)
    }
}

/// The id of a worker.
async fn find(client: &Client, word: &str) -> Result<String, Failure> {
    if uuid::Uuid::try_parse(word).is_ok() {
        return Ok(word.to_owned());
    }
    let request = pb::ListWorkersRequest {
        page: Some(find::first_page()),
    };
    let listed = client.workers().list_workers(request).await?.into_inner();
    one(&listed.workers, word).map_err(Failure::Asked)
}

/// The one attached worker of a name.
fn one(workers: &[pb::Worker], name: &str) -> Result<String, String> {
    let attached = workers.iter().filter(|worker| find::is_attached(worker));
    let workers: Vec<&pb::Worker> = attached.collect();
    let named: Vec<&pb::Worker> = workers
        .iter()
        .copied()
        .filter(|worker| worker.name == name)
        .collect();
    match named.as_slice() {
        [worker] => Ok(worker.worker_id.clone()),
        [] => {
            let hint = near::hint(name, workers.iter().map(|worker| worker.name.as_str()));
            let list = if hint.is_empty() {
                "; see: gauntlet workers".to_owned()
            } else {
                hint
            };
            Err(format!("no attached worker is named \"{name}\"{list}"))
        }
        several => {
            let ids: Vec<&str> = several.iter().map(|one| one.worker_id.as_str()).collect();
            Err(format!(
                "{} workers are named \"{name}\"; give the id of one: {}",
                several.len(),
                ids.join(", ")
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_one_attached_worker() {
        let worker = |id: &str, name: &str, status: pb::WorkerStatus| pb::Worker {
            worker_id: id.to_owned(),
            name: name.to_owned(),
            status: status.into(),
            ..Default::default()
        };
        let workers = [
            worker("1", "a", pb::WorkerStatus::Gone),
            worker("2", "a", pb::WorkerStatus::Idle),
            worker("3", "b", pb::WorkerStatus::Busy),
            worker("4", "b", pb::WorkerStatus::Idle),
        ];
        assert_eq!(one(&workers, "a"), Ok("2".to_owned()));
        assert!(one(&workers, "b").unwrap_err().ends_with("3, 4"));
        assert!(
            one(&workers, "c")
                .unwrap_err()
                .starts_with("no attached worker")
        );
    }
}
