//! `gauntlet list`: the runs of a project.

use clap::{Args, ValueEnum};
use gauntlet_client::pb;

use super::{
    Context,
    exit::Exit,
    failure::Failure,
    find, print,
    text::{
        number::duration,
        table::{Align, Table},
        word::{self, Status},
    },
    view::terminal::columns_of_results,
};

/// List runs, newest first
///
/// Lists the runs of a project and of what is below it.
#[derive(Debug, Args)]
pub struct List {
    /// Only runs in this state; may be given several times
    #[arg(long, value_enum)]
    status: Vec<Status>,
    /// Only runs of this template
    #[arg(long, default_value = "", hide_default_value = true)]
    template: String,
    /// Only runs whose name contains this
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "TEXT"
    )]
    name: String,
    /// Only runs with this label; may be given several times
    #[arg(long = "label", value_name = "KEY[=VALUE]")]
    labels: Vec<String>,
    /// Only runs with this verdict; may be given several times
    #[arg(long, value_enum)]
    verdict: Vec<Verdict>,
    /// Only runs whose numbers can, or cannot, be trusted
    #[arg(long, value_enum)]
    validity: Option<Validity>,
    /// Only runs that repeat this run, by name or id
    #[arg(long, value_name = "RUN")]
    rerun_of: Option<String>,
    /// By what to order
    #[arg(long, value_enum, default_value = "newest")]
    order: Order,
    /// The most runs to list
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

impl List {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let rerun_of = match &self.rerun_of {
            Some(run) => find::run(&client, context, Some(run)).await?.run_id,
            None => String::new(),
        };
        let request = self.request(context.project(), rerun_of);
        let response = client.runs().list_runs(request).await?.into_inner();
        if context.is_json() {
            print::document("ListRunsResponse", &response)?;
            return Ok(Exit::Pass);
        }
        if response.runs.is_empty() {
            print::aside("no runs; start one with: gauntlet run TEMPLATE");
            return Ok(Exit::Pass);
        }
        print::text(&table(&response.runs).within(columns_of_results()))?;
        if !response.next_page_token.is_empty() {
            print::aside("there are more; see --limit");
        }
        Ok(Exit::Pass)
    }
}

impl List {
    fn request(self, project: String, rerun_of: String) -> pb::ListRunsRequest {
        let statuses = self.status.into_iter().map(pb::RunStatus::from);
        let verdicts = self.verdict.into_iter().map(pb::Verdict::from);
        let validities = self.validity.into_iter().map(pb::Validity::from);
        let mut filter = pb::RunFilter {
            statuses: statuses.map(Into::into).collect(),
            template: self.template,
            name_contains: self.name,
            verdicts: verdicts.map(Into::into).collect(),
            validities: validities.map(Into::into).collect(),
            rerun_of,
            ..Default::default()
        };
        for label in self.labels {
            match label.split_once('=') {
                Some((key, value)) => {
                    filter.labels.insert(key.to_owned(), value.to_owned());
                }
                None => filter.label_keys.push(label),
            }
        }
        pb::ListRunsRequest {
            project,
            filter: Some(filter),
            order_by: self.order.text().to_owned(),
            page: Some(pb::PageRequest {
                page_size: self.limit,
                page_token: String::new(),
            }),
        }
    }
}

/// Whether objectives were met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Verdict {
    /// Met.
    Pass,
    /// Not met.
    Fail,
    /// Too few operations to say.
    Inconclusive,
}

impl From<Verdict> for pb::Verdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Pass,
            Verdict::Fail => Self::Fail,
            Verdict::Inconclusive => Self::Inconclusive,
        }
    }
}

/// Whether numbers can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Validity {
    /// They can.
    Valid,
    /// They cannot.
    Invalid,
}

impl From<Validity> for pb::Validity {
    fn from(validity: Validity) -> Self {
        match validity {
            Validity::Valid => Self::Valid,
            Validity::Invalid => Self::Invalid,
        }
    }
}

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Order {
    /// The last created first.
    Newest,
    /// The first created first.
    Oldest,
    /// By name.
    Name,
    /// The last ended first; those that have not ended come last.
    Ended,
}

impl Order {
    fn text(self) -> &'static str {
        match self {
            Self::Newest => "created desc",
            Self::Oldest => "created asc",
            Self::Name => "name asc",
            Self::Ended => "ended desc",
        }
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
    ])
    .spare(["id"]);
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
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        list: List,
    }

    #[test]
    fn every_filter_is_asked_for() {
        let line = "list --status failed --template t --name a% --label k=v=w --label key \
            --verdict fail --validity invalid --order ended --limit 7";
        let list = Line::parse_from(line.split_whitespace()).list;
        let expected = pb::ListRunsRequest {
            project: "acme".to_owned(),
            filter: Some(pb::RunFilter {
                statuses: vec![pb::RunStatus::Failed.into()],
                template: "t".to_owned(),
                name_contains: "a%".to_owned(),
                labels: [("k".to_owned(), "v=w".to_owned())].into(),
                label_keys: vec!["key".to_owned()],
                verdicts: vec![pb::Verdict::Fail.into()],
                validities: vec![pb::Validity::Invalid.into()],
                rerun_of: "r".to_owned(),
                ..Default::default()
            }),
            order_by: "ended desc".to_owned(),
            page: Some(pb::PageRequest {
                page_size: 7,
                page_token: String::new(),
            }),
        };
        assert_eq!(list.request("acme".to_owned(), "r".to_owned()), expected);
    }

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
