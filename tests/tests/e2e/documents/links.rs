//! Where documents point to.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What is wrong with the links of a document: each that leads nowhere in the repository.
pub fn broken(document: &Path) -> Vec<String> {
    let markdown = fs::read_to_string(document)
        .unwrap_or_else(|error| panic!("{}: {error}", document.display()));
    targets(&prose(&markdown))
        .into_iter()
        .filter_map(|target| {
            let problem = problem(document, target)?;
            Some(format!("{}: ({target}) {problem}", document.display()))
        })
        .collect()
}

fn problem(document: &Path, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = if path.is_empty() {
        document.to_owned()
    } else {
        beside(document, path)
    };
    if !file.exists() {
        return Some(format!("{} is not there", file.display()));
    }
    if anchor.is_empty() {
        return None;
    }
    let markdown = fs::read_to_string(&file).ok()?;
    let prose = prose(&markdown);
    let mut headings = prose.lines().filter(|line| line.starts_with('#'));
    let found = headings.any(|heading| slug(heading) == anchor);
    (!found).then(|| format!("has no heading #{anchor}"))
}

fn beside(document: &Path, path: &str) -> PathBuf {
    document.parent().unwrap().join(path)
}

/// A document without its blocks of code.
fn prose(markdown: &str) -> String {
    let mut within = false;
    let mut prose = String::new();
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            within = !within;
        } else if !within {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

/// The targets of `[text](target)` and `![text](target)`.
fn targets(prose: &str) -> Vec<&str> {
    prose
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .collect()
}

/// The anchor that a heading gets: its letters and digits in lower case, dashes for spaces.
fn slug(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .chars()
        .filter_map(|letter| match letter {
            ' ' => Some('-'),
            '-' | '_' => Some(letter),
            _ if letter.is_alphanumeric() => Some(letter.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

#[test]
fn links_are_found_in_prose() {
    let markdown = "\
See [one](a.md) and ![two](b.png), `a[0](x)`-like code counts, too.

```sh
echo [no](c.md)
```
";
    assert_eq!(targets(&prose(markdown)), ["a.md", "b.png", "x"]);
}

#[test]
fn headings_become_anchors() {
    for (heading, anchor) in [
        ("## A step", "a-step"),
        ("# `run`, what it does", "run-what-it-does"),
        ("### Rate or connections?", "rate-or-connections"),
    ] {
        assert_eq!(slug(heading), anchor);
    }
}
