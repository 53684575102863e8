//! `gauntlet list`: the runs of a project.

use clap::Args;
use gauntlet_client::pb;

use super::{
    Context,
    exit::Exit,
    failure::Failure,
    print,
    text::{
        number::duration,
        table::{Align, Table},
        word::{self, Status},
    },
};

/// Lists the runs of a project and of what is below it, newest first.
#[derive(Debug, Args)]
pub struct List {
    /// Only runs in this state; may be given several times
    #[arg(long, value_enum)]
    status: Vec<Status>,
    /// Only runs of this template
    #[arg(long, default_value = "", hide_default_value = true)]
    template: String,
    /// The most runs to list
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

impl List {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let request = pb::ListRunsRequest {
            project: context.project(),
            statuses: self
                .status
                .into_iter()
                .map(|status| pb::RunStatus::from(status).into())
                .collect(),
            template: self.template,
            page: Some(pb::PageRequest {
                page_size: self.limit,
                page_token: String::new(),
            }),
        };
        let response = client.runs().list_runs(request).await?.into_inner();
        if context.is_json() {
            print::document("ListRunsResponse", &response)?;
            return Ok(Exit::Pass);
        }
        if response.runs.is_empty() {
            print::aside("no runs; start one with: gauntlet run TEMPLATE");
            return Ok(Exit::Pass);
        }
        print::text(&table(&response.runs).to_string())?;
        if !response.next_page_token.is_empty() {
            print::aside("there are more; see --limit");
        }
        Ok(Exit::Pass)
    }
}

fn table(runs: &[pb::Run]) -> Table {
    use Align::{Left, Right};
    let mut table = Table::with_header([
        ("name", Left),
        ("template", Left),
        ("status", Left),
        ("age", Right),
        ("id", Left),
        ("", Left),
    ]);
    for run in runs {
        table.row([
            run.name.clone(),
            format!("{} v{}", run.template, run.template_version),
            status(run),
            age(run),
            run.run_id.clone(),
            // How a run ends as planned is no news.
            match run.status() {
                pb::RunStatus::Completed => String::new(),
                _ => run.stop_message.replace('\n', " "),
            },
        ]);
    }
    table
}

fn age(run: &pb::Run) -> String {
    match (run.server_time_us - run.created_us) / 1_000_000 {
        ..1 => "now".to_owned(),
        seconds => duration(seconds * 1_000_000),
    }
}

fn status(run: &pb::Run) -> String {
    if run.status() == pb::RunStatus::Running {
        return format!("running, {}", word::phase(run.phase()));
    }
    word::status(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_a_row() {
        let run = pb::Run {
            run_id: "0198".to_owned(),
            name: "demo-1".to_owned(),
            template: "demo".to_owned(),
            template_version: 2,
            status: pb::RunStatus::Running.into(),
            phase: pb::RunPhase::Warmup.into(),
            created_us: 1_000_000,
            server_time_us: 61_700_000,
            ..Default::default()
        };
        assert_eq!(
            table(&[run]).to_string(),
            "\
name    template  status             age  id
demo-1  demo v2   running, warmup  1 min  0198
"
        );
    }
}
