//! The README and the guides are programs: every command in them runs as it stands there.

mod links;
mod reader;
mod steps;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use gauntlet_client::yaml::TemplateFile;
use reader::Reader;
use steps::{Step, steps};

use crate::plane::binary;

/// Commands that the CI runs one by one, since they take the terminal for themselves.
const RUN_BY_CI: [&str; 2] = ["make run", "make bench-postgres"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn document(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Does what a document says, from its first line to its last.
async fn follow(path: &str, mut reader: Reader) {
    let ci = document(".ci/run");
    let steps = steps(&document(path));
    assert!(!steps.is_empty(), "{path} says nothing to do");
    for step in steps {
        match step {
            Step::Run { command, .. } if RUN_BY_CI.contains(&command.as_str()) => assert!(
                ci.contains(&format!("{command} EXIT=1")),
                "the CI does not run {command}"
            ),
            step => reader.take(path, step).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readme() {
    follow("README.md", Reader::in_clone()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_benchmark() {
    follow("docs/guides/first-benchmark.md", Reader::newcomer()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coming_from() {
    follow("docs/guides/coming-from.md", Reader::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn templates() {
    follow("docs/guides/templates.md", Reader::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports() {
    follow("docs/guides/reports.md", Reader::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finding_the_maximum() {
    follow("docs/guides/finding-the-maximum.md", Reader::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn comparing() {
    follow("docs/guides/comparing.md", Reader::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ci_gate() {
    follow("docs/guides/ci-gate.md", Reader::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_machines() {
    follow("docs/guides/several-machines.md", Reader::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn api_and_sdks() {
    follow("docs/guides/api-and-sdks.md", Reader::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn security() {
    follow("docs/guides/security.md", Reader::new()).await;
}

#[test]
fn every_guide_is_followed() {
    let own = document("tests/tests/e2e/documents.rs");
    for guide in fs::read_dir(root().join("docs/guides")).unwrap() {
        let name = guide.unwrap().file_name().into_string().unwrap();
        assert!(
            own.contains(&format!("\"docs/guides/{name}\"")),
            "no test follows docs/guides/{name}"
        );
    }
}

/// The documents that people read: the front page, the guides and references, those of the SDKs.
fn documents() -> Vec<PathBuf> {
    let markdown = |folder: &str| {
        let files = fs::read_dir(root().join(folder)).unwrap();
        let files = files.map(|file| file.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|extension| extension == "md"))
    };
    let sdks = fs::read_dir(root().join("clients")).unwrap();
    let readmes = sdks.map(|sdk| sdk.unwrap().path().join("README.md"));
    let single = [
        "README.md",
        "ARCHITECTURE.md",
        "clients/README.md",
        "crates/client/README.md",
    ];
    single
        .into_iter()
        .map(|path| root().join(path))
        .chain(markdown("docs"))
        .chain(markdown("docs/guides"))
        .chain(readmes.filter(|readme| readme.exists()))
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    let documents = documents();
    let broken: Vec<String> = documents
        .iter()
        .flat_map(|document| links::broken(document))
        .collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn every_example_is_a_template() {
    for example in fs::read_dir(root().join("examples")).unwrap() {
        let path = example.unwrap().path();
        let template = TemplateFile::read(&path).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(path.file_stem().unwrap().to_str(), Some(&*template.name));
    }
}

/// The words in the first column of a document's tables, without their backquotes.
fn first_column(markdown: &str) -> BTreeSet<String> {
    markdown
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split_once('`'))
        .map(|(word, _)| word.to_owned())
        .collect()
}

#[test]
fn reasons_of_invalid_are_those_of_the_code() {
    let code = document("crates/model/src/report/validity.rs");
    let reasons: BTreeSet<String> = code
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Self::")?.split_once("=> \""))
        .filter_map(|(_, rest)| rest.strip_suffix("\","))
        .map(str::to_owned)
        .collect();
    let guide = document("docs/guides/reports.md");
    let section = guide.split("## ").find(|part| part.starts_with("Reasons"));
    assert_eq!(first_column(section.unwrap()), reasons);
}

#[test]
fn readme_names_every_command() {
    let help = Command::new(binary()).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    let readme = document("README.md");
    let (_, table) = readme.split_once("## The command line").unwrap();
    let (table, _) = table.split_once("\n\nEverywhere").unwrap();
    for line in commands.lines().filter(|line| !line.contains(" help ")) {
        let command = line.split_whitespace().next().unwrap();
        assert!(
            table.contains(&format!("`{command}`")) || table.contains(&format!("`{command} ")),
            "the README does not name gauntlet {command}"
        );
    }
}
