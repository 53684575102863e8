//! `gauntlet events`: what happened in a run.

use clap::Args;
use gauntlet_client::{pb, watch::EventsWatch};
use pb::watch_events_response::Update;

use super::{
    Context,
    exit::Exit,
    failure::Failure,
    find, print, stream,
    text::{number::instant, word},
};

/// Events asked for at a time.
const PAGE: u32 = 1_000;

/// List what happened in a run
///
/// Lists what happened in a run: its states, commands, workers, errors.
#[derive(Debug, Args)]
pub struct Events {
    /// The run's name or id [default: the newest run]
    run: Option<String>,
    /// Go on with new ones until the run is over
    #[arg(long)]
    follow: bool,
}

impl Events {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let run = find::run(&client, context, self.run.as_deref()).await?;
        if self.follow {
            return follow(context, &client, run.run_id).await;
        }
        let mut page_token = String::new();
        loop {
            let page = pb::PageRequest {
                page_size: PAGE,
                page_token,
            };
            let request = pb::ListEventsRequest {
                run_id: run.run_id.clone(),
                page: Some(page),
            };
            let answer = client.runs().list_events(request).await?.into_inner();
            for event in &answer.events {
                show(context, event)?;
            }
            if answer.next_page_token.is_empty() {
                return Ok(Exit::Pass);
            }
            page_token = answer.next_page_token;
        }
    }
}

async fn follow(
    context: &Context,
    client: &gauntlet_client::Client,
    run_id: String,
) -> Result<Exit, Failure> {
    let mut events = EventsWatch::new(client.clone(), run_id);
    stream::read(
        async || events.next().await,
        |update| match update {
            Update::Event(event) => show(context, &event),
            Update::Resync(_) => {
                print::aside("the control plane has another store than before: from the first");
                Ok(())
            }
            Update::SnapshotDone(_) | Update::Heartbeat(_) => Ok(()),
        },
    )
    .await
}

fn show(context: &Context, event: &pb::RunEvent) -> Result<(), Failure> {
    if context.is_json() {
        return print::json_line("RunEvent", event);
    }
    print::line(&line(event))
}

fn line(event: &pb::RunEvent) -> String {
    let kind = word::lower(event.kind().as_str_name(), "RUN_EVENT_KIND_");
    let place = event
        .shard
        .map_or(String::new(), |shard| format!("shard {shard}: "));
    format!(
        "{:>4}  {}  {kind:<7}  {place}{}",
        event.sequence,
        instant(event.time_us),
        event.message
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let event = pb::RunEvent {
            sequence: 12,
            time_us: 0,
            kind: pb::RunEventKind::Worker.into(),
            message: "READY on w".to_owned(),
            shard: Some(3),
            ..Default::default()
        };
        assert_eq!(
            line(&event),
            format!("  12  {}  worker   shard 3: READY on w", instant(0))
        );
    }
}
