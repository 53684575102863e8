//! `gauntlet watch`: a run that somebody started, to its end.

use clap::Args;

use super::{
    Context,
    exit::Exit,
    failure::Failure,
    find,
    follow::{self, Conclusion, Followed, OnInterrupt},
    interrupt::Interrupts,
    print, view,
};

/// Follow a run to its end
///
/// Follows a run to its end and prints its report. Ctrl-C leaves; the run goes on.
#[derive(Debug, Args)]
pub struct Watch {
    /// The run's name or id [default: the newest run]
    run: Option<String>,
}

impl Watch {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let run = find::run(&client, context, self.run.as_deref()).await?;
        let followed = follow::to_the_end(
            &client,
            &run.run_id,
            view::of_stream(context).as_mut(),
            &mut Interrupts::listen()?,
            OnInterrupt::Leave,
        )
        .await?;
        match followed {
            Followed::Over(run) => {
                let conclusion = if context.is_json() {
                    Conclusion::Line
                } else {
                    Conclusion::Text
                };
                follow::conclude(&client, &run, conclusion).await
            }
            Followed::Left => {
                print::aside(&format!(
                    "run {} goes on; end it with: gauntlet stop {}",
                    run.name, run.name
                ));
                Ok(Exit::Failed)
            }
        }
    }
}
