//! `gauntlet adjust`, `pause` and `resume`: another load for a run under way.

use clap::{ArgGroup, Args};
use gauntlet_client::pb;
use pb::{adjust_run_request::Adjustment, load_level::Level};

use super::{Context, exit::Exit, failure::Failure, find, print, text::search};

/// Change the load of a run under way
///
/// Gives a run under load another level. The report counts with it.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("level").required(true).args(["connections", "rate"])))]
pub struct Adjust {
    #[command(flatten)]
    which: Which,
    /// Of a closed loop: connections over all workers
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    connections: Option<u32>,
    /// Of an open loop: operations due each second over all workers
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    rate: Option<f64>,
}

/// Pause the load of a run until it is resumed
///
/// Lets nothing be due until it is resumed. The run's phases end when they would have ended.
#[derive(Debug, Args)]
pub struct Pause {
    #[command(flatten)]
    which: Which,
}

/// Let a paused run go on
#[derive(Debug, Args)]
pub struct Resume {
    #[command(flatten)]
    which: Which,
}

/// Which run and why.
#[derive(Debug, Args)]
struct Which {
    /// The run's name or id
    run: String,
    /// Why, for the record
    #[arg(long, default_value = "", hide_default_value = true)]
    message: String,
}

/// Operations per second.
fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok();
    let rate = rate.filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| {
        "a rate is a number above 0; to let nothing be due: gauntlet pause".to_owned()
    })
}

impl Adjust {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let level = match (self.connections, self.rate) {
            (Some(connections), _) => Level::Connections(connections),
            (None, rate) => Level::PerSecond(rate.unwrap_or_default()),
        };
        let level = pb::LoadLevel { level: Some(level) };
        self.which.ask(context, Adjustment::Level(level)).await
    }
}

impl Pause {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        self.which.ask(context, Adjustment::Paused(true)).await
    }
}

impl Resume {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        self.which.ask(context, Adjustment::Paused(false)).await
    }
}

impl Which {
    async fn ask(self, context: &Context, adjustment: Adjustment) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let run = find::run(&client, context, Some(&self.run)).await?;
        let done = match &adjustment {
            Adjustment::Level(level) => format!("has {} from now on", search::level(Some(level))),
            Adjustment::Paused(true) => "is paused".to_owned(),
            Adjustment::Paused(false) => "goes on".to_owned(),
        };
        let request = pb::AdjustRunRequest {
            run_id: run.run_id,
            adjustment: Some(adjustment),
            message: self.message,
        };
        let answer = client.runs().adjust_run(request).await?.into_inner();
        if context.is_json() {
            print::document("AdjustRunResponse", &answer)?;
        } else {
            let run = answer.run.unwrap_or_default();
            print::line(&format!("run {} {done}", run.name))?;
        }
        Ok(Exit::Pass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_above_nothing() {
        assert_eq!(rate("0.5"), Ok(0.5));
        for bad in ["-5", "0", "nan", "inf", "5/s", ""] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }
}
