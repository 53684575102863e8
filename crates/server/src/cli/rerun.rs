//! `gauntlet rerun`: the same work again.

use clap::Args;
use gauntlet_client::pb;
use uuid::Uuid;

use super::{
    Context,
    exit::Exit,
    failure::Failure,
    find,
    interrupt::Interrupts,
    preflight::{self, Consent},
    print,
    run::{check_and_start, label},
    text::number::{duration, micros},
};

/// Repeat a run from its snapshot
///
/// Repeats a run from its snapshot, whatever became of the template, follows it
/// and prints its report.
#[derive(Debug, Args)]
pub struct Rerun {
    /// The run's name or id [default: the newest run]
    run: Option<String>,
    #[command(flatten)]
    consent: Consent,
    /// The new run's name [default: made from the template's]
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
    /// A label of the new run; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
}

impl Rerun {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let other = find::run(&client, context, self.run.as_deref()).await?;
        print::aside(&plan(&other));
        let mut interrupts = Interrupts::listen()?;
        let request = pb::RerunRunRequest {
            request_id: Uuid::new_v4().to_string(),
            run_id: other.run_id,
            name: self.name,
            labels: self.labels.into_iter().collect(),
        };
        let mut runs = client.runs();
        let make = Box::pin(async {
            let made = runs.rerun_run(request).await;
            let made =
                made.map_err(|status| Failure::from(status).already("choose another --name"))?;
            Ok(made.into_inner().run)
        });
        match preflight::made(&client, make, &mut interrupts).await? {
            Some(run) => {
                check_and_start(&client, context, &run, &self.consent, &mut interrupts).await
            }
            None => Ok(Exit::Cancelled),
        }
    }
}

/// What is repeated, in one line.
fn plan(run: &pb::Run) -> String {
    let spec = run.spec.clone().unwrap_or_default();
    let phases = spec.phases.unwrap_or_default();
    let planned = micros(phases.warmup.as_ref()) + micros(phases.measurement.as_ref());
    format!(
        "run {} again: template {} version {}, target {}, {} of load",
        run.name,
        run.template,
        run.template_version,
        spec.target,
        duration(planned)
    )
}
