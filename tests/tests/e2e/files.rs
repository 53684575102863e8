//! A template's file comes back as its author wrote it.

use crate::plane::{Plane, text};

const COMMENTED: &str = "\
# Why: ten keys are all in memory.
name: reads   # by key

target: db
table: bench
operations:
- kind: point_lookup # one row
  weight: 100
  parameters: [uniform: {min: 1, max: 10}]
load: {concurrency: {connections: 2}}
phases: {measurement: 1s}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shown_as_a_file_can_be_applied_again() {
    let plane = Plane::start().await;
    plane.file("reads.yaml", COMMENTED);
    let apply = |file: &str| plane.must(&["template", "apply", "-f", file]);
    let show = |more: &[&str]| {
        let command = ["template", "show", "reads", "--output", "yaml"];
        plane.must(&[&command, more].concat())
    };
    assert_eq!(apply("reads.yaml"), "template reads created, version 1\n");
    assert_eq!(show(&[]), COMMENTED);
    plane.file("again.yaml", &show(&[]));
    assert_eq!(apply("again.yaml"), "template reads unchanged, version 1\n");

    // A comment alone is worth a version.
    let other = COMMENTED.replace("one row", "one row of bench");
    plane.file("other.yaml", &other);
    assert_eq!(apply("other.yaml"), "template reads updated to version 2\n");
    assert_eq!(show(&[]), other);
    assert_eq!(show(&["--version", "1"]), COMMENTED);

    // A copy's file says the copy's name.
    plane.must(&["template", "clone", "reads", "copy"]);
    let copy = plane.must(&["template", "show", "copy", "--output", "yaml"]);
    assert_eq!(copy, other.replace("name: reads", "name: copy"));

    // Where there is no file, one is written that says the same.
    let anchored = COMMENTED.replace("name: reads", "name: &name reads");
    plane.file("anchored.yaml", &anchored);
    apply("anchored.yaml");
    let cloned = plane.gauntlet(&["template", "clone", "reads", "bare"]);
    let said = text(&cloned);
    assert!(said.contains("its file did not come along"), "{said}");
    let written = plane.must(&["template", "show", "bare", "--output", "yaml"]);
    assert!(written.starts_with("name: bare\ntarget: db\n"), "{written}");
    plane.file("bare.yaml", &written);
    assert_eq!(apply("bare.yaml"), "template bare updated to version 2\n");
    assert_eq!(apply("bare.yaml"), "template bare unchanged, version 2\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_template_has_a_file() {
    let plane = Plane::start().await;
    for command in [&["list"][..], &["template", "list"], &["workers"]] {
        let refused = plane.gauntlet(&[command, &["--output", "yaml"]].concat());
        assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
        let said = text(&refused);
        assert!(said.contains("gauntlet template show"), "{said}");
    }
}
