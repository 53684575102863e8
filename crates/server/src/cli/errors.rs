//! `gauntlet errors`: why operations of a run failed.

use clap::Args;
use gauntlet_client::pb;

use super::{
    Context,
    exit::Exit,
    failure::Failure,
    find, print,
    text::{
        number::{count, percent},
        table::{Align, Table},
        word,
    },
};

/// List why operations of a run failed
///
/// Lists the failures of a run by kind, the most frequent first.
#[derive(Debug, Args)]
pub struct Errors {
    /// The run's name or id [default: the newest run]
    run: Option<String>,
    /// Only of this operation; may be given several times
    #[arg(long)]
    operation: Vec<String>,
}

impl Errors {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let run = find::run(&client, context, self.run.as_deref()).await?;
        find::operations(&run, &self.operation)?;
        let request = pb::GetErrorSummaryRequest {
            run_id: run.run_id,
            operations: self.operation,
            phase: pb::RunPhase::Unspecified.into(),
        };
        let answer = client.runs().get_error_summary(request).await?;
        let answer = answer.into_inner();
        if context.is_json() {
            print::document("GetErrorSummaryResponse", &answer)?;
            return Ok(Exit::Pass);
        }
        if answer.errors.is_empty() {
            print::aside(&format!("no operation of run {} failed", run.name));
            return Ok(Exit::Pass);
        }
        print::text(&table(&answer.errors).to_string())?;
        Ok(Exit::Pass)
    }
}

fn table(errors: &[pb::ErrorSummary]) -> Table {
    use Align::{Left, Right};
    let mut table = Table::with_header([
        ("operation", Left),
        ("phase", Left),
        ("count", Right),
        ("share", Right),
        ("class", Left),
        ("code", Left),
        ("message", Left),
    ]);
    for error in errors {
        table.row([
            error.operation.clone(),
            word::phase(error.phase()),
            count(error.count),
            percent(error.share),
            error.class.to_lowercase(),
            error.code.clone(),
            error.message.replace('\n', " "),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_a_row() {
        let error = pb::ErrorSummary {
            operation: "insert".to_owned(),
            phase: pb::RunPhase::Measurement.into(),
            class: "CONSTRAINT".to_owned(),
            code: "23505".to_owned(),
            message: "duplicate key\nN".to_owned(),
            count: 1_200,
            share: 0.25,
            ..Default::default()
        };
        assert_eq!(
            table(&[error]).to_string(),
            "\
operation  phase        count  share  class       code   message
insert     measurement  1,200   25 %  constraint  23505  duplicate key N
"
        );
    }
}
