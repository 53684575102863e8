//! What the program says of itself while it runs, on standard error.

use std::{
    io::{self, IsTerminal as _},
    sync::LazyLock,
};

use clap::ValueEnum;
use gauntlet_worker::LogTap;
use tracing_subscriber::{
    EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// The text says no level.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no log level: use error, warn, info, debug or trace, alone or per module, like \"info,gauntlet_orchestrator=debug\""
)]
pub struct BadFilter(String);

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// One JSON object a line: timestamp, level, message and the fields beside them.
    Json,
}

/// What a worker of this process says of the runs that it serves.
static TAP: LazyLock<LogTap> = LazyLock::new(LogTap::default);

/// The tap that is filled once [`init`] was called.
pub fn tap() -> LogTap {
    TAP.clone()
}

/// Begins logging. `directive` is what the user asked for (`--log`,
/// `GAUNTLET_LOG` or `RUST_LOG`); without it `default` holds.
pub fn init(directive: Option<&str>, default: &str, format: LogFormat) -> Result<(), BadFilter> {
    let text = directive.unwrap_or(default);
    let filter = filter(text)?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(format == LogFormat::Text && io::stderr().is_terminal())
        .with_target(false);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // The filter is of these lines alone: what a worker tells the control plane
    // of a run does not depend on what its own terminal shows.
    let started = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(TAP.layer())
        .try_init();
    if started.is_err() {
        tracing::debug!("logging has begun before");
    }
    Ok(())
}

fn filter(text: &str) -> Result<EnvFilter, BadFilter> {
    // A word that is no level would be taken for the name of a module, and
    // everything else would fall silent.
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    let is_plain = !text.contains(['=', ',', '[']);
    if is_plain && !levels.contains(&text.to_ascii_lowercase().as_str()) {
        return Err(BadFilter(text.to_owned()));
    }
    EnvFilter::try_new(text).map_err(|_| BadFilter(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_known_words() {
        for good in ["warn", "INFO", "info,gauntlet_orchestrator=debug", "off"] {
            assert!(filter(good).is_ok(), "{good}");
        }
        for bad in ["", "loud", "info=loud"] {
            assert_eq!(filter(bad).err(), Some(BadFilter(bad.to_owned())));
        }
    }
}
