//! `gauntlet list`: the runs of a project.

use clap::{Args, ValueEnum};
use gauntlet_client::pb;

use super::{
    Context,
    exit::Exit,
    failure::Failure,
    find, print,
    text::{
        number::{count, plain},
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
        let filtered = request.filter != Some(pb::RunFilter::default());
        let response = client.runs().list_runs(request).await?.into_inner();
        if context.is_json() {
            print::document("ListRunsResponse", &response)?;
            return Ok(Exit::Pass);
        }
        if response.runs.is_empty() {
            print::aside(&nothing(&context.project(), filtered));
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

/// Why the list is empty, and what to do about it.
fn nothing(project: &str, filtered: bool) -> String {
    if filtered {
        return format!(
            "no run of project {project} matches; leave out a filter, or see all runs with: gauntlet list"
        );
    }
    format!("no runs in project {project}; start one with: gauntlet run TEMPLATE")
}

fn table(runs: &[pb::Run]) -> Table {
    use Align::{Left, Right};
    let mut table = Table::with_header([
        ("name", Left),
        ("template", Left),
        ("status", Left),
        ("result", Left),
        ("load", Left),
        ("age", Right),
        ("id", Left),
        ("", Left),
    ])
    // A run's name begins with its template's, if nobody gave it another.
    .spare(["id", "template", "load"]);
    for run in runs {
        table.row([
            run.name.clone(),
            format!("{} v{}", run.template, run.template_version),
            status(run),
            result(run),
            load(run),
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

/// Whether the objectives were met, and a warning where that cannot be trusted.
/// Empty before there is a report, and where nothing was asked.
fn result(run: &pb::Run) -> String {
    let verdict = match run.verdict() {
        pb::Verdict::Unspecified => "",
        verdict => word::verdict(verdict),
    };
    match (verdict, run.validity()) {
        ("", pb::Validity::Invalid) => "invalid".to_owned(),
        (verdict, pb::Validity::Invalid) => format!("{verdict}, invalid"),
        (verdict, _) => verdict.to_owned(),
    }
}

/// The load in a few words; with a search, what it looks for.
fn load(run: &pb::Run) -> String {
    use pb::load::Mode;
    match run.load.as_ref().and_then(|load| load.mode.as_ref()) {
        Some(Mode::Concurrency(_)) if run.finds_max => "find max conn.".to_owned(),
        Some(Mode::Rate(_)) if run.finds_max => "find max rate".to_owned(),
        Some(Mode::Concurrency(load)) => format!("{} conn.", count(load.connections.into())),
        Some(Mode::Rate(load)) => format!("{}/s", plain(load.per_second)),
        None => String::new(),
    }
}

/// In one unit, so that the column is narrow: the largest of which there are two.
fn age(run: &pb::Run) -> String {
    let seconds = (run.server_time_us - run.created_us) / 1_000_000;
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let unit = units.into_iter().find(|(unit, _)| seconds >= 2 * unit);
    match unit {
        Some((unit, name)) => format!("{} {name}", seconds / unit),
        None if seconds == 1 => "1 s".to_owned(),
        None => "now".to_owned(),
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
        let closed = pb::ConcurrencyLoad {
            connections: 8,
            ..Default::default()
        };
        let run = pb::Run {
            run_id: "0198".to_owned(),
            name: "demo-1".to_owned(),
            template: "demo".to_owned(),
            template_version: 2,
            status: pb::RunStatus::Running.into(),
            phase: pb::RunPhase::Warmup.into(),
            created_us: 1_000_000,
            server_time_us: 61_700_000,
            load: Some(pb::Load {
                mode: Some(pb::load::Mode::Concurrency(closed)),
            }),
            ..Default::default()
        };
        let failed = pb::Run {
            name: "demo-2".to_owned(),
            status: pb::RunStatus::Failed.into(),
            phase: pb::RunPhase::Done.into(),
            stop_message: "the table gauntlet_demo is not there".to_owned(),
            ..run.clone()
        };
        let runs = [run, failed];
        assert_eq!(
            table(&runs[..1]).to_string(),
            "\
name    template  status           result  load      age  id
demo-1  demo v2   running, warmup          8 conn.  60 s  0198
"
        );
        assert_eq!(
            table(&runs).within(Some(80)),
            "\
name    status           result  load      age
demo-1  running, warmup          8 conn.  60 s
demo-2  failed                   8 conn.  60 s  the table gauntlet_demo is not
                                                there
(no room for id, template)
"
        );
    }

    #[test]
    fn a_result_is_the_verdict_and_a_warning() {
        use pb::{Validity as V, Verdict};
        for (verdict, validity, expected) in [
            (Verdict::Unspecified, V::Unspecified, ""),
            (Verdict::Unspecified, V::Valid, ""),
            (Verdict::Pass, V::Valid, "PASS"),
            (Verdict::Fail, V::Valid, "FAIL"),
            (Verdict::Inconclusive, V::Valid, "INCONCLUSIVE"),
            (Verdict::Unspecified, V::Invalid, "invalid"),
            (Verdict::Pass, V::Invalid, "PASS, invalid"),
        ] {
            let run = pb::Run {
                verdict: verdict.into(),
                validity: validity.into(),
                ..Default::default()
            };
            assert_eq!(result(&run), expected);
        }
    }

    #[test]
    fn a_list_of_results_fits_a_usual_terminal() {
        let run = pb::Run {
            run_id: "019a9e0a-1c4d-7c57-a2a5-3f2f4f7a5d10".to_owned(),
            name: "checkout-20261121".to_owned(),
            template: "checkout".to_owned(),
            template_version: 12,
            status: pb::RunStatus::Completed.into(),
            verdict: pb::Verdict::Fail.into(),
            validity: pb::Validity::Invalid.into(),
            server_time_us: 90_000_000,
            ..Default::default()
        };
        assert_eq!(
            table(&[run]).within(Some(80)),
            "\
name               template      status     result         load   age
checkout-20261121  checkout v12  completed  FAIL, invalid        90 s
(no room for id)
"
        );
    }

    #[test]
    fn an_empty_list_says_why() {
        assert_eq!(
            nothing("acme", false),
            "no runs in project acme; start one with: gauntlet run TEMPLATE"
        );
        assert!(nothing("acme", true).starts_with("no run of project acme matches; "));
        let nothing_asked = Line::parse_from(["list"]).list;
        let request = nothing_asked.request("acme".to_owned(), String::new());
        assert_eq!(request.filter, Some(pb::RunFilter::default()));
    }

    #[test]
    fn an_age_is_a_number_of_one_unit() {
        for (seconds, expected) in [
            (-1, "now"),
            (0, "now"),
            (1, "1 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_199, "119 min"),
            (7_200, "2 h"),
            (172_799, "47 h"),
            (172_800, "2 d"),
        ] {
            let run = pb::Run {
                server_time_us: seconds * 1_000_000,
                ..Default::default()
            };
            assert_eq!(age(&run), expected);
        }
    }

    #[test]
    fn a_load_is_a_few_words() {
        use pb::load::Mode;
        let closed = |connections| {
            Mode::Concurrency(pb::ConcurrencyLoad {
                connections,
                ..Default::default()
            })
        };
        let open = |per_second| {
            Mode::Rate(pb::RateLoad {
                per_second,
                ..Default::default()
            })
        };
        for (mode, finds_max, expected) in [
            (closed(1_000), false, "1,000 conn."),
            (open(0.5), false, "0.5/s"),
            (open(500.0), false, "500/s"),
            (closed(8), true, "find max conn."),
            (open(8.0), true, "find max rate"),
        ] {
            let run = pb::Run {
                load: Some(pb::Load { mode: Some(mode) }),
                finds_max,
                ..Default::default()
            };
            assert_eq!(load(&run), expected);
        }
        assert_eq!(load(&pb::Run::default()), "");
    }
}
