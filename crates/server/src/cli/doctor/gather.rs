//! What the control plane gives: asked for, judged elsewhere.

use std::{
    net::{SocketAddr, TcpListener},
    time::{Duration, SystemTime},
};

use futures_util::stream::{self, StreamExt as _};
use gauntlet_client::{Client, Error, pb};
use tokio::time::timeout;

use crate::cli::{Context, find};

/// A call that takes longer has no answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
/// So often the server's clock is asked for; the fastest answer is the best one.
const CLOCK_SAMPLES: usize = 5;
/// So many targets are connected to at a time.
const AT_ONCE: usize = 8;

/// What is known of the control plane.
#[derive(Clone, Debug)]
pub enum ControlPlane {
    /// It answers at this address.
    There {
        /// The address.
        url: String,
        /// What it says.
        answers: Box<Answers>,
    },
    /// It does not.
    Away {
        /// Why, in a sentence.
        why: String,
        /// Whether `gauntlet up` could listen at this address: the address, and
        /// what the system says against it.
        port: (SocketAddr, Result<(), String>),
    },
}

/// What a control plane says.
#[derive(Clone, Debug)]
pub struct Answers {
    /// Itself; `None` when it does not know the question.
    pub server: Option<pb::Server>,
    /// Its clock against this machine's.
    pub clock: Option<Clock>,
    /// All its workers.
    pub workers: Result<Vec<pb::Worker>, String>,
    /// The project whose targets were asked for.
    pub project: String,
    /// Those of its targets that were asked for, and what each said.
    pub targets: Result<Vec<Asked>, String>,
}

/// A target and what it said: its version and how long that took, microseconds.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The target's name.
    pub name: String,
    /// What it said, or why nothing.
    pub said: Result<(String, i64), String>,
}

/// A clock against this machine's, microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// What to add to this machine's time to get the other's.
    pub offset_us: i64,
    /// How wrong that may be.
    pub uncertainty_us: i64,
}

/// A question and its answer; microseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// When the question was sent, by this machine's clock.
    sent: i64,
    /// What the other's clock said.
    theirs: i64,
    /// When the answer was there, by this machine's clock.
    received: i64,
}

/// Asks for all of it.
pub async fn control_plane(
    context: &Context,
    listen: SocketAddr,
    target: Option<&str>,
) -> ControlPlane {
    let client = match context.client().await {
        Ok(client) => client,
        Err(failure) => {
            return ControlPlane::Away {
                why: failure.to_string(),
                port: (listen, can_listen(listen)),
            };
        }
    };
    let (workers, targets) = tokio::join!(workers(&client), targets(&client, context, target));
    // Asked alone, so that the answers wait for nothing else.
    let clock = clock(&client).await;
    ControlPlane::There {
        url: context.server.clone(),
        answers: Box::new(Answers {
            server: client.server().cloned(),
            clock,
            workers,
            project: context.project(),
            targets,
        }),
    }
}

fn can_listen(address: SocketAddr) -> Result<(), String> {
    TcpListener::bind(address)
        .map(drop)
        .map_err(|error| error.to_string())
}

/// An answer in time, or why there is none.
async fn answer<T>(
    call: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
) -> Result<T, String> {
    match timeout(ANSWERED_WITHIN, call).await {
        Ok(Ok(answer)) => Ok(answer.into_inner()),
        Ok(Err(status)) => Err(Error::from(status).to_string()),
        Err(_) => Err(format!("no answer within {} s", ANSWERED_WITHIN.as_secs())),
    }
}

async fn workers(client: &Client) -> Result<Vec<pb::Worker>, String> {
    let request = pb::ListWorkersRequest {
        page: Some(find::first_page()),
    };
    let mut workers = client.workers();
    let listed = answer(workers.list_workers(request)).await?;
    Ok(listed.workers)
}

async fn targets(
    client: &Client,
    context: &Context,
    only: Option<&str>,
) -> Result<Vec<Asked>, String> {
    let names = if let Some(name) = only {
        let known = find::target(client, context, name).await;
        vec![known.map_err(|failure| failure.to_string())?.name]
    } else {
        let request = pb::ListTargetsRequest {
            project: context.project(),
            page: Some(find::first_page()),
        };
        let mut targets = client.targets();
        let listed = answer(targets.list_targets(request)).await?;
        listed.targets.into_iter().map(|one| one.name).collect()
    };
    let tests = names.into_iter().map(|name| test(client, context, name));
    Ok(stream::iter(tests).buffered(AT_ONCE).collect().await)
}

async fn test(client: &Client, context: &Context, name: String) -> Asked {
    let request = pb::TestTargetRequest {
        project: context.project(),
        name: name.clone(),
    };
    let mut targets = client.targets();
    let said = answer(targets.test_target(request)).await;
    let said = said.map(|said| (said.version, said.connect_us));
    Asked { name, said }
}

/// Compares the clocks; `None` when the server does not tell its own.
async fn clock(client: &Client) -> Option<Clock> {
    let mut samples = Vec::with_capacity(CLOCK_SAMPLES);
    let mut server = client.control_plane();
    for _ in 0..CLOCK_SAMPLES {
        let sent = now_us();
        let told = answer(server.get_server(pb::GetServerRequest {})).await;
        let received = now_us();
        samples.push(Sample {
            sent,
            theirs: told.ok()?.server?.server_time_us,
            received,
        });
    }
    compared(&samples)
}

/// This machine's clock.
fn now_us() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as i64)
}

/// The offset by the sample with the shortest way (RFC 5905, section 8, where the
/// other side's two instants are one).
fn compared(samples: &[Sample]) -> Option<Clock> {
    let way = |sample: &Sample| sample.received - sample.sent;
    let best = samples.iter().min_by_key(|sample| way(sample))?;
    Some(Clock {
        offset_us: best.theirs - (best.sent + way(best) / 2),
        uncertainty_us: way(best) / 2,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_with_the_shortest_way_decides() {
        let sample = |sent, theirs, received| Sample {
            sent,
            theirs,
            received,
        };
        let samples = [
            sample(1_000, 9_000, 11_000),
            sample(20_000, 25_500, 21_000),
            sample(30_000, 31_000, 40_000),
        ];
        let expected = Clock {
            offset_us: 5_000,
            uncertainty_us: 500,
        };
        assert_eq!(compared(&samples), Some(expected));
        assert_eq!(compared(&[]), None);
    }

    #[test]
    fn a_port_that_is_taken_says_so() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        assert!(can_listen(address).is_err());
        drop(taken);
        assert_eq!(can_listen(address), Ok(()));
    }
}
