//! `gauntlet preflight`: what a start would meet. And what the commands that
//! start runs do with it.

use std::{collections::BTreeSet, time::Duration};

use clap::Args;
use gauntlet_client::{Client, Code, near, pb};
use gauntlet_model::preflight::Code as Known;
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    Context, ask, exit::Exit, failure::Failure, find, interrupt::Interrupts, print, text::findings,
};

/// How long the removal of a run may take before the command ends without it.
const DISCARD: Duration = Duration::from_secs(15);

/// Check what a start would meet; sends no load
///
/// Checks what a start would meet: target, tables, plans, workers, load,
/// objectives. Sends no load. Ends with 1 when the run could not start or its
/// numbers would most likely be of no use.
#[derive(Debug, Args)]
pub struct Preflight {
    /// A prepared run's name or id, or a template's name
    what: String,
}

impl Preflight {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let template = template(&client, context, &self.what).await?;
        let found = if let Some(template) = template {
            match as_a_run(&client, context, template).await? {
                Some(found) => found,
                None => return Ok(Exit::Cancelled),
            }
        } else {
            let run = match find::run(&client, context, Some(&self.what)).await {
                Ok(run) => run,
                Err(failure) => {
                    return Err(find::or_template(&client, context, &self.what, failure).await);
                }
            };
            check(&client, &run).await?
        };
        if context.is_json() {
            print::document("PreflightRunResponse", &found)?;
        } else {
            print::text(&findings::answer(&found))?;
        }
        let bad = |finding: &pb::PreflightFinding| finding.severity() >= pb::Severity::Severe;
        Ok(if found.findings.iter().any(bad) {
            Exit::Failed
        } else {
            Exit::Pass
        })
    }
}

/// The template of exactly this name, if there is one.
async fn template(
    client: &Client,
    context: &Context,
    name: &str,
) -> Result<Option<pb::Template>, Failure> {
    let request = pb::GetTemplateRequest {
        project: context.project(),
        name: name.to_owned(),
        version: 0,
    };
    match client.templates().get_template(request).await {
        Ok(found) => Ok(found.into_inner().template),
        // A run's id is no name of a template.
        Err(status) if matches!(status.code(), Code::NotFound | Code::InvalidArgument) => Ok(None),
        Err(status) => Err(status.into()),
    }
}

/// Checks a template by a run that is made for it and removed again, also when
/// somebody presses Ctrl-C meanwhile: `None` then.
async fn as_a_run(
    client: &Client,
    context: &Context,
    template: pb::Template,
) -> Result<Option<pb::PreflightRunResponse>, Failure> {
    let mut interrupts = Interrupts::listen()?;
    let request = pb::CreateRunRequest {
        request_id: Uuid::new_v4().to_string(),
        project: context.project(),
        template: template.name,
        template_version: template.version,
        ..Default::default()
    };
    let mut runs = client.runs();
    let create = Box::pin(async { Ok(runs.create_run(request).await?.into_inner().run) });
    let Some(run) = made(client, create, &mut interrupts).await? else {
        return Ok(None);
    };
    let found = tokio::select! {
        found = check(client, &run) => found.map(Some),
        () = interrupts.next() => Ok(None),
    };
    discard(client, &run).await;
    found
}

async fn check(client: &Client, run: &pb::Run) -> Result<pb::PreflightRunResponse, Failure> {
    let run_id = run.run_id.clone();
    let request = pb::PreflightRunRequest { run_id };
    Ok(client.runs().preflight_run(request).await?.into_inner())
}

/// The run that a call makes. Where somebody presses Ctrl-C meanwhile there is
/// none, and if it came all the same it is removed.
pub async fn made(
    client: &Client,
    mut call: impl Future<Output = Result<Option<pb::Run>, Failure>> + Unpin,
    interrupts: &mut Interrupts,
) -> Result<Option<pb::Run>, Failure> {
    tokio::select! {
        made = &mut call => return made.map(|run| Some(run.unwrap_or_default())),
        () = interrupts.next() => {}
    }
    print::aside("\nnot started");
    match timeout(DISCARD, call).await {
        Ok(Ok(run)) => discard(client, &run.unwrap_or_default()).await,
        Ok(Err(_)) => {}
        Err(_) => print::aside(
            "the control plane does not answer: a prepared run may be left behind; see: gauntlet list",
        ),
    }
    Ok(None)
}

/// Removes a run that was not started, or says that it is there.
async fn discard(client: &Client, run: &pb::Run) {
    let run_id = run.run_id.clone();
    let request = pb::DeleteRunRequest { run_id };
    let why = match timeout(DISCARD, client.runs().delete_run(request)).await {
        Ok(Ok(_)) => return,
        Ok(Err(status)) => gauntlet_client::Error::from(status).to_string(),
        Err(_) => "the control plane does not answer".to_owned(),
    };
    let name = &run.name;
    print::aside(&format!(
        "run {name} stays prepared: {why}; remove it with: gauntlet delete {name}"
    ));
}

/// Removes a run whose start was refused. One that ended by its start stays: it
/// says why. One that started all the same, its answer lost, is named.
pub async fn discard_unless_begun(client: &Client, run: &pb::Run) {
    let run_id = run.run_id.clone();
    let request = pb::GetRunRequest { run_id };
    let state = timeout(DISCARD, client.runs().get_run(request)).await;
    let status = match state {
        Ok(Ok(found)) => found.into_inner().run.unwrap_or_default().status(),
        _ => pb::RunStatus::Unspecified,
    };
    match status {
        pb::RunStatus::Prepared => discard(client, run).await,
        pb::RunStatus::Unspecified => print::aside(&format!(
            "run {name} may be there, prepared or under way; see: gauntlet list --name {name}",
            name = run.name
        )),
        pb::RunStatus::Starting | pb::RunStatus::Running => print::aside(&format!(
            "run {name} has started all the same; see: gauntlet watch {name}",
            name = run.name
        )),
        _ => {}
    }
}

/// What a person says beforehand to the start of a run.
#[derive(Clone, Debug, Default, Args)]
pub struct Consent {
    /// Start without asking, whatever severe findings there are
    #[arg(long, short)]
    yes: bool,
    /// Accept a severe finding; without a terminal, start when there is no
    /// other. May be given several times
    #[arg(long = "acknowledge", value_name = "CODE")]
    acknowledged: Vec<String>,
}

/// What comes of findings and consent.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Decision {
    /// Start, with these codes acknowledged.
    Start(Vec<String>),
    /// Ask the person at the terminal; a yes acknowledges these codes.
    Ask(Vec<String>),
    /// Do not start, for this reason.
    Refuse(String),
}

impl Consent {
    /// Why a code is none, with those that there are. A code that this run does not
    /// meet is taken: a script may accept what is found now and then.
    fn unknown(&self, found: &[pb::PreflightFinding], template: Option<&str>) -> Option<String> {
        let severe = found
            .iter()
            .filter(|one| one.severity() == pb::Severity::Severe);
        let severe: BTreeSet<&str> = severe.map(|one| one.code.as_str()).collect();
        let is_none =
            |code: &&String| !severe.contains(code.as_str()) && Known::parse(code).is_none();
        let code = self.acknowledged.iter().find(is_none)?;
        let mut candidates: Vec<&str> = severe.iter().copied().collect();
        let there = if severe.is_empty() {
            "no finding of this run is severe".to_owned()
        } else {
            let listed = candidates.join(", ");
            format!("the severe findings of this run are {listed}")
        };
        candidates.extend(Known::ALL.iter().map(|code| code.as_str()));
        let meant = near::hint(code, candidates);
        let see = template.map_or_else(String::new, |template| {
            format!(", see: gauntlet preflight {template}")
        });
        Some(format!(
            "not started: --acknowledge {code}: no finding has this code; {there}{see}{meant}"
        ))
    }

    fn decide(&self, found: &[pb::PreflightFinding], interactive: bool) -> Decision {
        let of =
            |severity: pb::Severity| found.iter().filter(move |one| one.severity() == severity);
        if let Some(blocking) = of(pb::Severity::Blocking).next() {
            return Decision::Refuse(format!(
                "not started: {} ({})",
                blocking.message, blocking.code
            ));
        }
        let mut codes: BTreeSet<String> = self.acknowledged.iter().cloned().collect();
        let open: BTreeSet<&str> = of(pb::Severity::Severe)
            .map(|severe| severe.code.as_str())
            .filter(|code| !codes.contains(*code))
            .collect();
        let listed = open.iter().copied().collect::<Vec<_>>().join(", ");
        let nothing_open = open.is_empty();
        let given = !codes.is_empty();
        codes.extend(open.into_iter().map(str::to_owned));
        let codes = codes.into_iter().collect();
        match (self.yes, interactive) {
            (true, _) => Decision::Start(codes),
            (false, true) => Decision::Ask(codes),
            (false, false) if !nothing_open => Decision::Refuse(format!(
                "not started: severe findings are not acknowledged: {listed}; say --yes to start all the same, or --acknowledge each of them"
            )),
            (false, false) if given => Decision::Start(codes),
            (false, false) => Decision::Refuse(
                "a run sends load and there is no terminal to ask at; say --yes to start it"
                    .to_owned(),
            ),
        }
    }
}

/// Checks a prepared run, shows what was found, and asks where that is needed.
/// Returns the codes to start it with; `None` when somebody pressed Ctrl-C. A run
/// that shall not start is removed.
pub async fn consent(
    client: &Client,
    context: &Context,
    run: &pb::Run,
    consent: &Consent,
    interrupts: &mut Interrupts,
) -> Result<Option<Vec<String>>, Failure> {
    let decided = tokio::select! {
        decided = decided(client, context, run, consent) => decided.map(Some),
        () = interrupts.next() => {
            print::aside("\nnot started");
            Ok(None)
        }
    };
    if !matches!(decided, Ok(Some(_))) {
        discard(client, run).await;
    }
    decided
}

async fn decided(
    client: &Client,
    context: &Context,
    run: &pb::Run,
    consent: &Consent,
) -> Result<Vec<String>, Failure> {
    let found = check(client, run).await?;
    if !found.findings.is_empty() {
        print::aside(findings::lines(&found.findings).trim_end());
    }
    // The checks of a rerun are of what the other run was made from, which the
    // template need not say any more.
    let template = Some(run.template.as_str()).filter(|_| run.rerun_of.is_empty());
    if let Some(why) = consent.unknown(&found.findings, template) {
        return Err(Failure::Asked(why));
    }
    match consent.decide(&found.findings, context.interactive) {
        Decision::Start(codes) => Ok(codes),
        Decision::Ask(codes) if ask::question("Start this run? [y/N] ").await? => Ok(codes),
        Decision::Ask(_) => Err(Failure::Asked("not started".to_owned())),
        Decision::Refuse(why) => Err(Failure::Asked(why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(severity: pb::Severity, code: &str) -> pb::PreflightFinding {
        pb::PreflightFinding {
            code: code.to_owned(),
            severity: severity.into(),
            message: format!("about {code}"),
            ..Default::default()
        }
    }

    fn decide(
        found: &[pb::PreflightFinding],
        yes: bool,
        acknowledged: &[&str],
        interactive: bool,
    ) -> Decision {
        let acknowledged = acknowledged.iter().map(|&code| code.to_owned()).collect();
        Consent { yes, acknowledged }.decide(found, interactive)
    }

    fn codes(codes: &[&str]) -> Vec<String> {
        codes.iter().map(|&code| code.to_owned()).collect()
    }

    #[test]
    fn severe_findings_are_accepted_by_a_person_or_by_name() {
        let severe = [
            found(pb::Severity::Severe, "B"),
            found(pb::Severity::Severe, "A"),
            found(pb::Severity::Severe, "B"),
            found(pb::Severity::Warning, "W"),
        ];
        assert_eq!(
            decide(&severe, true, &[], false),
            Decision::Start(codes(&["A", "B"]))
        );
        assert_eq!(
            decide(&severe, false, &[], true),
            Decision::Ask(codes(&["A", "B"]))
        );
        let named = decide(&severe, false, &["B", "A"], false);
        assert_eq!(named, Decision::Start(codes(&["A", "B"])));
        let Decision::Refuse(why) = decide(&severe, false, &["B"], false) else {
            panic!("A is not acknowledged");
        };
        assert!(why.contains("not acknowledged: A;"), "{why}");
    }

    #[test]
    fn a_code_that_there_is_not_is_told_from_one_that_is_not_met() {
        let severe = [
            found(pb::Severity::Severe, "NEW"),
            found(pb::Severity::Severe, "TABLE_SCAN"),
        ];
        let unknown = |code: &str, found: &[pb::PreflightFinding]| {
            let acknowledged = vec![code.to_owned()];
            let consent = Consent {
                yes: true,
                acknowledged,
            };
            consent.unknown(found, Some("mix"))
        };
        for known in Known::ALL {
            assert_eq!(unknown(known.as_str(), &[]), None);
        }
        // A control plane that is newer has findings that are not known here.
        assert_eq!(unknown("NEW", &severe), None);
        assert_eq!(
            unknown("FOO", &severe).unwrap(),
            "not started: --acknowledge FOO: no finding has this code; the severe findings of this run are NEW, TABLE_SCAN, see: gauntlet preflight mix"
        );
        assert_eq!(
            unknown("TABLE_SCAM", &[]).unwrap(),
            "not started: --acknowledge TABLE_SCAM: no finding has this code; no finding of this run is severe, see: gauntlet preflight mix; did you mean \"TABLE_SCAN\"?"
        );
        let acknowledged = vec!["FOO".to_owned()];
        let of_rerun = Consent {
            yes: true,
            acknowledged,
        };
        let said = of_rerun.unknown(&severe, None).unwrap();
        assert!(said.ends_with("are NEW, TABLE_SCAN"), "{said}");
    }

    #[test]
    fn load_needs_a_yes_of_some_kind() {
        let warning = [found(pb::Severity::Warning, "W")];
        assert_eq!(
            decide(&warning, true, &[], false),
            Decision::Start(Vec::new())
        );
        assert_eq!(
            decide(&warning, false, &[], true),
            Decision::Ask(Vec::new())
        );
        let refused = decide(&warning, false, &[], false);
        assert!(matches!(&refused, Decision::Refuse(why) if why.contains("no terminal")));
    }

    #[test]
    fn what_blocks_is_not_started_whoever_says_yes() {
        let blocking = [
            found(pb::Severity::Blocking, "X"),
            found(pb::Severity::Severe, "A"),
        ];
        let refused = Decision::Refuse("not started: about X (X)".to_owned());
        assert_eq!(decide(&blocking, true, &["X"], true), refused);
    }
}
