//! The store in memory passes the battery, and the battery leaves no case out.

use std::{fs, path::Path};

gauntlet_store::battery!(async { (gauntlet_store::memory::stores(), ()) });

/// A case that is written but not listed would never run.
#[test]
fn every_case_is_listed() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let listing = fs::read_to_string(sources.join("battery.rs")).unwrap();
    let subjects: Vec<&str> = listing
        .lines()
        .filter_map(|line| line.trim_start().split_once(": ")?.0.into())
        .filter(|subject| listing.contains(&format!("pub mod {subject};")))
        .collect();
    assert!(subjects.len() >= 15, "{subjects:?}");
    for subject in subjects {
        let start = listing.find(&format!(" {subject}: ")).unwrap();
        let end = start + listing[start..].find(';').unwrap();
        let mut listed: Vec<&str> = listing[start + subject.len() + 2..end]
            .split(',')
            .map(str::trim)
            .collect();
        let source = fs::read_to_string(sources.join(format!("battery/{subject}.rs"))).unwrap();
        let mut written: Vec<&str> = source
            .lines()
            .filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next())
            .collect();
        listed.sort_unstable();
        written.sort_unstable();
        assert_eq!(listed, written, "cases of {subject}");
    }
}
