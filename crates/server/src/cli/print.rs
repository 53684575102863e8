//! Results go to stdout, everything else to stderr.

use std::io::{Write as _, stderr, stdout};

use gauntlet_client::json;

use super::failure::Failure;

/// Prints text that ends with its own line ends.
pub fn text(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(Failure::Output)
}

/// Prints one line.
pub fn line(line: &str) -> Result<(), Failure> {
    text(&format!("{line}\n"))
}

/// Prints a message of the API as one JSON document.
pub fn document(name: &str, message: &impl prost::Message) -> Result<(), Failure> {
    line(&json::document(name, message)?)
}

/// Prints a message of the API as one line of a stream of JSON.
pub fn json_line(name: &str, message: &impl prost::Message) -> Result<(), Failure> {
    line(&json::line(name, message)?)
}

/// Says something that is not the result.
pub fn aside(line: &str) {
    // Nobody is left to be told when stderr is closed.
    let _ = writeln!(stderr(), "{line}");
}
