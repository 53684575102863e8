//! What the sessions of a load wait for, looked at over a connection that is kept.

use std::time::Duration;

use tokio_postgres::Row;

use crate::config::Config;
use crate::error::TargetError;
use crate::evidence::{SessionWait, Sessions};
use crate::postgres::admin::Line;

/// How long one look may take: the next one is due a second later.
const LOOK_WITHIN: Duration = Duration::from_secs(1);

/// The cast cuts the name as the server cuts those of its sessions.
const LOOK: &str = "SELECT state = 'active' AND wait_event_type IS DISTINCT FROM 'Client' \
    AND wait_event_type IS DISTINCT FROM 'Activity', wait_event_type, wait_event, count(*) \
    FROM pg_stat_activity WHERE datname = current_database() AND usename = session_user \
    AND application_name = $1::text::name::text AND pid <> pg_backend_pid() GROUP BY 1, 2, 3 ORDER BY 4 DESC, 2, 3";

/// A connection that looks at the sessions of one application.
pub(crate) struct WaitLine {
    line: Line<'static>,
    look: tokio_postgres::Statement,
    application: String,
}

impl WaitLine {
    pub(crate) async fn open(config: &Config, application: &str) -> Result<Self, TargetError> {
        let line = Line::keep(config.clone(), LOOK_WITHIN).await?;
        let look = line.bounded(line.client.prepare(LOOK)).await?;
        Ok(Self {
            line,
            look,
            application: application.to_owned(),
        })
    }

    pub(crate) async fn look(&self) -> Result<Sessions, TargetError> {
        let client = &self.line.client;
        let rows = self
            .line
            .bounded(client.query(&self.look, &[&self.application]))
            .await?;
        let mut found = Sessions::default();
        for row in &rows {
            let sessions = u32::try_from(row.get::<_, i64>(3)).unwrap_or(u32::MAX);
            found.sessions += sessions;
            if row.get::<_, Option<bool>>(0) == Some(true) {
                found.waits.push(wait(row, sessions));
            }
        }
        Ok(found)
    }
}

fn wait(row: &Row, sessions: u32) -> SessionWait {
    let (kind, event): (Option<String>, Option<String>) = (row.get(1), row.get(2));
    let queued = matches!(
        kind.as_deref(),
        Some("Lock" | "LWLock" | "BufferPin" | "Extension")
    );
    SessionWait {
        kind: kind.unwrap_or_else(|| "CPU".to_owned()),
        event: event.unwrap_or_default(),
        sessions,
        queued,
    }
}
