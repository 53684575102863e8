//! Asking before load is sent.

use std::io::{BufRead as _, Write as _, stderr, stdin};

use super::failure::Failure;

/// Whether an answer is a yes. The empty answer is not: load on the wrong
/// database is worse than a second try.
fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// Asks the person at the terminal for a yes.
pub async fn question(text: &'static str) -> Result<bool, Failure> {
    let answer = tokio::task::spawn_blocking(move || {
        // Nobody is left to be asked when stderr is closed; the answer says so too.
        let _ = write!(stderr(), "{text}");
        let mut answer = String::new();
        stdin().lock().read_line(&mut answer).map(|_| answer)
    });
    let answer = answer.await.expect("reading a line does not panic");
    Ok(is_yes(&answer.map_err(Failure::Runtime)?))
}

#[cfg(test)]
mod tests {
    use super::*;

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
