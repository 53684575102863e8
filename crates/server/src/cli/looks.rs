//! What a viewer asks for now and then beside the streams of a run.

use std::{pin::Pin, time::Duration};

use gauntlet_client::{Client, pb};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use super::{find, view::Look};

/// How often. Workers say how they are about as often.
const EVERY: Duration = Duration::from_secs(2);
/// A look that takes longer is given up; the next one follows.
const LONGEST: Duration = Duration::from_secs(5);

type Looking = Pin<Box<dyn Future<Output = Look> + Send>>;

/// Asks for the workers, and for the failures when there are new ones. One
/// question is under way at a time.
pub struct Looks {
    client: Client,
    run_id: String,
    ticks: Interval,
    under_way: Option<Looking>,
    /// Failures told by the stream.
    failed: u64,
    /// Those of them that were asked about.
    asked: u64,
}

impl Looks {
    /// About a run.
    pub fn new(client: Client, run_id: &str) -> Self {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            client,
            run_id: run_id.to_owned(),
            ticks,
            under_way: None,
            failed: 0,
            asked: 0,
        }
    }

    /// Notes what a second says of failures.
    pub fn point(&mut self, point: &pb::MetricsPoint) {
        self.failed += point.total.as_ref().map_or(0, |total| total.failed);
    }

    /// What the next look shows. May be dropped and called again without a loss.
    pub async fn next(&mut self) -> Look {
        if self.under_way.is_none() {
            self.ticks.tick().await;
        }
        let (client, run_id) = (&self.client, &self.run_id);
        let errors = self.failed > self.asked;
        let under_way = self.under_way.get_or_insert_with(|| {
            self.asked = self.failed;
            Box::pin(look(client.clone(), run_id.clone(), errors))
        });
        let look = under_way.await;
        self.under_way = None;
        look
    }
}

/// One look; what cannot be had is absent.
async fn look(client: Client, run_id: String, errors: bool) -> Look {
    let workers = async {
        let request = pb::ListWorkersRequest {
            page: Some(find::first_page()),
        };
        let listed = client.workers().list_workers(request).await.ok()?;
        Some(listed.into_inner().workers)
    };
    let failures = async {
        if !errors {
            return None;
        }
        let request = pb::GetErrorSummaryRequest {
            run_id,
            ..Default::default()
        };
        let summed = client.runs().get_error_summary(request).await.ok()?;
        Some(summed.into_inner().errors)
    };
    let (workers, errors) = tokio::join!(timeout(LONGEST, workers), timeout(LONGEST, failures));
    Look {
        workers: workers.ok().flatten(),
        errors: errors.ok().flatten(),
    }
}
