//! Asking before load is sent.

use std::io::{BufRead as _, Write as _, stderr, stdin};

use super::{Context, failure::Failure};

/// What to do before a run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Consent {
    /// Begin.
    Given,
    /// Ask the person at the terminal.
    Asked,
    /// Nobody can be asked.
    Refused,
}

fn consent(yes: bool, interactive: bool) -> Consent {
    match (yes, interactive) {
        (true, _) => Consent::Given,
        (false, true) => Consent::Asked,
        (false, false) => Consent::Refused,
    }
}

/// Whether an answer is a yes. The empty answer is not: load on the wrong
/// database is worse than a second try.
fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// Whether to begin. Without a terminal and without `--yes` it is an error.
pub async fn before_load(context: &Context, yes: bool) -> Result<bool, Failure> {
    match consent(yes, context.interactive) {
        Consent::Given => Ok(true),
        Consent::Refused => Err(Failure::Asked(
            "a run sends load and there is no terminal to ask at; say --yes to start it".to_owned(),
        )),
        Consent::Asked => {
            let answer = tokio::task::spawn_blocking(|| {
                let _ = write!(stderr(), "Start this run? [y/N] ");
                let mut answer = String::new();
                stdin().lock().read_line(&mut answer).map(|_| answer)
            });
            let answer = answer.await.expect("reading a line does not panic");
            Ok(is_yes(&answer.map_err(Failure::Runtime)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_asked() {
        for (yes, interactive, expected) in [
            (true, true, Consent::Given),
            (true, false, Consent::Given),
            (false, true, Consent::Asked),
            (false, false, Consent::Refused),
        ] {
            assert_eq!(consent(yes, interactive), expected);
        }
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        for (answer, expected) in [
            ("y\n", true),
            (" YES ", true),
            ("", false),
            ("\n", false),
            ("n", false),
            ("yess", false),
        ] {
            assert_eq!(is_yes(answer), expected, "{answer:?}");
        }
    }
}
