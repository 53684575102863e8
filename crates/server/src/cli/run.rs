//! `gauntlet run`: from a template to a report.

use clap::Args;
use gauntlet_client::{Client, pb};
use uuid::Uuid;

use super::{
    Context,
    exit::Exit,
    failure::Failure,
    find,
    follow::{self, Conclusion, Followed, OnInterrupt},
    interrupt::Interrupts,
    preflight::{self, Consent},
    print, text, view,
};

/// Run a template, follow the run, report
///
/// Runs a template, follows the run and prints its report. Ctrl-C stops the
/// run, a second one aborts it.
#[derive(Debug, Args)]
pub struct Run {
    /// The template's name
    template: String,
    #[command(flatten)]
    consent: Consent,
    /// The template's version [default: the newest]
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    version: Option<i32>,
    /// The run's name [default: made from the template's]
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
    /// A label of the run; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
}

/// `key=value`.
pub fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a label is KEY=VALUE".to_owned()),
    }
}

impl Run {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let template = find::template(
            &client,
            context,
            &self.template,
            self.version.unwrap_or_default(),
        )
        .await?;
        let name = template.spec.as_ref().map(|spec| spec.target.clone());
        let target = find::target(&client, context, &name.unwrap_or_default()).await?;
        print::aside(text::plan::lines(&template, Some(&target)).trim_end());
        // From here on Ctrl-C leaves no run behind.
        let mut interrupts = Interrupts::listen()?;
        let request = pb::CreateRunRequest {
            request_id: Uuid::new_v4().to_string(),
            project: context.project(),
            template: template.name,
            // What was shown is what runs, even when a newer version came meanwhile.
            template_version: template.version,
            name: self.name,
            labels: self.labels.into_iter().collect(),
        };
        let mut runs = client.runs();
        let create = Box::pin(async {
            let created = runs.create_run(request).await;
            let created =
                created.map_err(|status| Failure::from(status).already("choose another --name"))?;
            Ok(created.into_inner().run)
        });
        match preflight::made(&client, create, &mut interrupts).await? {
            Some(run) => {
                check_and_start(&client, context, &run, &self.consent, &mut interrupts).await
            }
            None => Ok(Exit::Cancelled),
        }
    }
}

/// Checks a prepared run, asks, starts and follows it, and prints its report.
pub async fn check_and_start(
    client: &Client,
    context: &Context,
    run: &pb::Run,
    consent: &Consent,
    interrupts: &mut Interrupts,
) -> Result<Exit, Failure> {
    match preflight::consent(client, context, run, consent, interrupts).await? {
        Some(acknowledged) => {
            start_and_follow(client, context, run, acknowledged, interrupts).await
        }
        None => Ok(Exit::Cancelled),
    }
}

/// Starts a prepared run with these codes of severe findings acknowledged,
/// follows it to its end and prints its report.
pub async fn start_and_follow(
    client: &Client,
    context: &Context,
    run: &pb::Run,
    acknowledged_findings: Vec<String>,
    interrupts: &mut Interrupts,
) -> Result<Exit, Failure> {
    print::aside(&format!("run {} ({})", run.name, run.run_id));
    let request = pb::StartRunRequest {
        run_id: run.run_id.clone(),
        acknowledged_findings,
    };
    if let Err(status) = client.runs().start_run(request).await {
        preflight::discard_unless_begun(client, run).await;
        return Err(status.into());
    }
    let followed = follow::to_the_end(
        client,
        &run.run_id,
        view::of_progress(context).as_mut(),
        interrupts,
        OnInterrupt::EndRun,
    )
    .await?;
    match followed {
        Followed::Over(run) => {
            let conclusion = if context.is_json() {
                Conclusion::Document
            } else {
                print::aside("");
                Conclusion::Text
            };
            follow::conclude(client, &run, conclusion).await
        }
        Followed::Left => Err(Failure::Asked(format!(
            "left run {} before its end; see: gauntlet watch {}",
            run.name, run.name
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        let pair = |key: &str, value: &str| Ok((key.to_owned(), value.to_owned()));
        assert_eq!(label("a=b"), pair("a", "b"));
        assert_eq!(label("a=b=c"), pair("a", "b=c"));
        assert_eq!(label("a="), pair("a", ""));
        assert!(label("a").is_err() && label("=b").is_err());
    }
}
