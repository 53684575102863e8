//! Files of copies, and where two files part.

use super::*;

const REST: &str = "\
target: db
operations: [{kind: sql, weight: 100, class: read, sql: SELECT 1}]
load: {concurrency: {connections: 1}}
phases: {measurement: 1s}
";

#[test]
fn a_copy_says_its_name_and_nothing_else_changes() {
    for (given, copied) in [
        ("name: a\n", "name: b\n"),
        // Comments, blank lines, odd margins and letters of several bytes stay.
        (
            "# ä name: a\n\nname:   a   # the name: a\n",
            "# ä name: a\n\nname:   b   # the name: a\n",
        ),
        ("---\nname: 'a'\n", "---\nname: 'b'\n"),
        (
            "\"name\": \"a\"\r\nproject: acme # ours\r\n",
            "\"name\": \"b\"\r\nproject: other/web # ours\r\n",
        ),
        (
            "project: acme\ndescription: |\n  name: a\n  project: acme\nname: a\n",
            "project: other/web\ndescription: |\n  name: a\n  project: acme\nname: b\n",
        ),
        ("? name\n: a\n", "? name\n: b\n"),
        ("name:\n  a\n", "name:\n  b\n"),
        // A file need not say its name.
        ("# nothing\n", "# nothing\n"),
    ] {
        let copy = rename(&format!("{given}{REST}"), "b", "other/web");
        assert_eq!(copy, Some(format!("{copied}{REST}")), "{given}");
    }
}

#[test]
fn a_name_that_is_a_word_of_yaml_is_quoted() {
    let copy = rename(&format!("name: a\n{REST}"), "null", "acme");
    assert_eq!(copy, Some(format!("name: \"null\"\n{REST}")));
}

#[test]
fn json_is_copied_too() {
    let json = r#"{"name": "a", "project": "acme", "target": "db", "workers": 2}"#;
    let copy = r#"{"name": "b", "project": "other", "target": "db", "workers": 2}"#;
    assert_eq!(rename(json, "b", "other").as_deref(), Some(copy));
}

#[test]
fn what_cannot_be_copied_in_place_is_not_copied() {
    for given in [
        "name: &n a\ndescription: *n\n",
        "name: &n a\n",
        "description: &n a\nname: *n\n",
        "name: !!str a\n",
        "name: |-\n  a\n",
        "name: [a]\n",
        "name: a\nworkrs: 1\n",
        "name: a\n  bad: [\n",
    ] {
        let copy = rename(&format!("{given}{REST}"), "b", "acme");
        assert_eq!(copy, None, "{given}");
    }
}

/// The difference between two texts without a name, as words.
fn part(one: &str, other: &str) -> Option<String> {
    let spec = |text: &str| {
        let spec = Draft::read("f", text).spec;
        spec.unwrap_or_else(|| panic!("{text} cannot be read"))
    };
    let found = difference(&spec(one), &spec(other))?;
    Some(match found.values {
        None => found.field,
        Some((one, other)) => format!("{}: {one}, {other}", found.field),
    })
}

#[test]
fn two_descriptions_part_at_the_first_field() {
    let with = |more: &str| format!("{REST}{more}");
    for (one, other, expected) in [
        (with(""), with("# a comment\n"), None),
        (
            with("seed: 1\nworkers: 2\n"),
            with("workers: 3\nseed: 2\n"),
            Some("workers: 2, 3"),
        ),
        (with(""), with("seed: 7\n"), Some("seed: nothing, 7")),
        (
            with(""),
            with("").replace("connections: 1", "connections: 64"),
            Some("load.concurrency.connections: 1, 64"),
        ),
        (
            with(""),
            with("").replace("1s", "90s"),
            Some("phases.measurement: 1s, 1m30s"),
        ),
        (
            with(""),
            with("").replace("SELECT 1", "SELECT 2"),
            Some("operations[0].sql: SELECT 1, SELECT 2"),
        ),
        (
            with(""),
            with("").replace("read", "write"),
            Some("operations[0].class: read, write"),
        ),
        (
            with(""),
            with("slos: [{max_error_ratio: 0.1}]\n"),
            Some("slos"),
        ),
        (
            with("slos: [{max_error_ratio: 0.1}]\n"),
            with("slos: [{max_error_ratio: 0.1}, {max_error_ratio: 0.2}]\n"),
            Some("slos: 1 long, 2 long"),
        ),
        (
            with("description: short\n"),
            with(&format!("description: {}\n", "long ".repeat(20))),
            Some("description"),
        ),
        (
            with("worker_labels: {zone: a}\n"),
            with("worker_labels: {zone: b}\n"),
            Some("worker_labels: {zone: a}, {zone: b}"),
        ),
    ] {
        assert_eq!(part(&one, &other).as_deref(), expected, "{one}{other}");
    }
}

#[test]
fn the_path_of_a_file_is_not_its_text() {
    let message = "1:1  this looks like a file's path: read the file and give its text";
    for text in ["bench.yaml", "./a b/bench.YML\n", "C:\\bench.json"] {
        assert_eq!(draft(text).1, [message], "{text}");
    }
    for text in ["name: bench.yaml", "name:\n  bench.yaml", "bench", "{}", ""] {
        let (_, faults) = draft(text);
        assert!(!faults.contains(&message.to_owned()), "{text}: {faults:?}");
    }
}

#[test]
fn a_file_is_the_source_of_what_it_says() {
    let text = format!("# ours\nname: a\n{REST}");
    let read = || TemplateFile::parse("a.yaml", &text).unwrap();
    assert_eq!(read().source(), Some(text.as_str()));
    let changes: [fn(&mut TemplateFile); 3] = [
        |file| file.name = "b".to_owned(),
        |file| file.project = Some("acme".to_owned()),
        |file| file.spec.target = "other".to_owned(),
    ];
    for change in changes {
        let mut file = read();
        change(&mut file);
        assert_eq!(file.source(), None, "{file:?}");
    }
}
