//! Completions and manual pages, and what they leave out: nothing.

use std::fs;

use crate::support::passed;

#[test]
fn every_shell_has_a_script_that_knows_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = passed(&["completions", shell]);
        for word in ["template", "doctor", "postgres", "older-than"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn every_command_of_the_help_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    passed(&["man", "--dir", pages.to_str().unwrap()]);
    let help = passed(&["--help"]);
    let listed = help.split("Commands:").nth(1).unwrap();
    let listed = listed.split("Options:").next().unwrap();
    let commands = listed.lines().filter_map(|line| {
        // A line that goes on with the text of the one before is indented further.
        let named = line
            .strip_prefix("  ")
            .filter(|rest| !rest.starts_with(' '));
        named?.split_whitespace().next()
    });
    let commands: Vec<&str> = commands.filter(|command| *command != "help").collect();
    assert!(commands.len() > 30, "{commands:?}");
    for command in commands {
        let page = pages.join(format!("gauntlet-{command}.1"));
        let text = fs::read_to_string(&page).unwrap_or_else(|error| panic!("{page:?}: {error}"));
        assert!(text.contains(".SH SYNOPSIS"), "{text}");
    }
}

#[test]
fn a_token_is_never_shown() {
    let output = crate::support::gauntlet(&[
        "list",
        "--server",
        "http://192.0.2.1:1",
        "--token",
        "hunter2",
    ]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("https://") && !said.contains("hunter2"),
        "{said}"
    );
}
