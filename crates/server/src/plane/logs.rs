//! What the program says of itself while it runs, on standard error.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

/// The text says no level.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no log level: use error, warn, info, debug or trace, alone or per module, like \"info,gauntlet_orchestrator=debug\""
)]
pub struct BadFilter(String);

/// Begins logging. `directive` is what the user asked for (`--log` or
/// `GAUNTLET_LOG`); without it `default` holds.
pub fn init(directive: Option<&str>, default: &str) -> Result<(), BadFilter> {
    let text = directive.unwrap_or(default);
    let filter = filter(text)?;
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
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
