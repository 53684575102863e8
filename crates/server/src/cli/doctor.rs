//! `gauntlet doctor`: is everything there that a benchmark needs, and does it work.

mod gather;
mod judge;
mod machine;

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use serde::Serialize;

use super::{
    Context,
    exit::Exit,
    failure::Failure,
    listen, print,
    text::table::{Align, Table},
    view::terminal::columns_of_results,
};

const AFTER: &str = "Exit codes: 0 when nothing failed (there may be warnings), 1 otherwise.";

/// Check everything that a benchmark needs, and say what to mend
///
/// Checks this machine, the control plane, its workers and the project's targets,
/// and says for each what is wrong and how to mend it. Sends no load; a target is
/// connected to and asked for its version.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct Doctor {
    /// Only this target [default: all of the project]
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// The folder that `gauntlet up` keeps its data in
    #[arg(long, default_value = ".gauntlet", value_name = "FOLDER")]
    data_dir: PathBuf,
    /// The address that `gauntlet up` would listen on
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "ADDRESS", value_parser = listen::address)]
    listen: SocketAddr,
}

impl Doctor {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut findings = judge::machine(&machine::look(&self.data_dir));
        findings.extend(judge::control_plane(
            &gather::control_plane(context, self.listen, self.target.as_deref()).await,
        ));
        let diagnosis = Diagnosis::of(findings);
        if context.is_json() {
            print::line(&diagnosis.json())?;
        } else {
            print::text(&diagnosis.text(columns_of_results()))?;
        }
        Ok(if diagnosis.failed > 0 {
            Exit::Failed
        } else {
            Exit::Pass
        })
    }
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Health {
    /// As it shall be.
    Ok,
    /// It works, and something is better known.
    Warning,
    /// It does not work.
    Failed,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    /// What was looked at.
    check: &'static str,
    /// How it came out.
    result: Health,
    /// What was found.
    message: String,
    /// What to do about it; empty when nothing.
    advice: String,
}

impl Finding {
    fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Health::Ok, message, "")
    }

    fn warning(check: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(check, Health::Warning, message, advice)
    }

    fn failed(check: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(check, Health::Failed, message, advice)
    }

    fn new(
        check: &'static str,
        result: Health,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            check,
            result,
            message: message.into(),
            advice: advice.into(),
        }
    }
}

/// All that was found.
#[derive(Clone, Debug, Serialize)]
struct Diagnosis {
    checks: Vec<Finding>,
    ok: usize,
    warnings: usize,
    failed: usize,
}

impl Diagnosis {
    fn of(checks: Vec<Finding>) -> Self {
        let count = |result| checks.iter().filter(|one| one.result == result).count();
        Self {
            ok: count(Health::Ok),
            warnings: count(Health::Warning),
            failed: count(Health::Failed),
            checks,
        }
    }

    fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("texts and numbers have JSON")
    }

    /// For a terminal with so many columns.
    fn text(&self, most: Option<usize>) -> String {
        let mut table = Table::plain([Align::Left, Align::Left, Align::Left]);
        for one in &self.checks {
            let word = match one.result {
                Health::Ok => "ok",
                Health::Warning => "warning",
                Health::Failed => "FAILED",
            };
            table.row([word, one.check, &one.message].map(str::to_owned));
            if !one.advice.is_empty() {
                table.row([
                    String::new(),
                    String::new(),
                    format!("to do: {}", one.advice),
                ]);
            }
        }
        format!(
            "{}{} ok, {} to look at, {} failed\n",
            table.within(most),
            self.ok,
            self.warnings,
            self.failed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnosis_reads_as_text_and_as_json() {
        let diagnosis = Diagnosis::of(vec![
            Finding::ok("disk", "12 GB are free"),
            Finding::failed("server", "nobody answers", "start one"),
        ]);
        assert_eq!(
            diagnosis.text(None),
            "\
ok      disk    12 GB are free
FAILED  server  nobody answers
                to do: start one
1 ok, 0 to look at, 1 failed
"
        );
        let json: serde_json::Value = serde_json::from_str(&diagnosis.json()).unwrap();
        assert_eq!(json["failed"], 1);
        assert_eq!(json["checks"][1]["result"], "failed");
        assert_eq!(json["checks"][1]["advice"], "start one");
    }
}
