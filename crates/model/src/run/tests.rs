use super::*;

/// Labels and notes by turns.
fn etag(labels: &[(&str, &str)], notes: &str) -> String {
    let mut run = run();
    run.labels = labels
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    run.notes = notes.to_owned();
    run.etag()
}

fn run() -> Run {
    let spec = serde_json::json!({
        "description": "", "target": "db", "operations": [],
        "load": { "concurrency": { "connections": 1, "think_time": { "secs": 0, "nanos": 0 } } },
        "phases": {
            "warmup": { "secs": 0, "nanos": 0 },
            "measurement": { "secs": 1, "nanos": 0 },
            "drain_timeout": { "secs": 1, "nanos": 0 }
        },
        "workers": 1, "seed": 1, "slos": [], "worker_loss": "fail",
        "operation_timeout": { "secs": 1, "nanos": 0 },
        "start_timeout": { "secs": 1, "nanos": 0 }
    });
    Run {
        id: RunId(uuid::Uuid::nil()),
        project: Project::new("acme").unwrap(),
        name: Name::new("r").unwrap(),
        template: Name::new("t").unwrap(),
        template_version: 1,
        spec: serde_json::from_value(spec).unwrap(),
        state: RunState::prepared(),
        revision: 1,
        labels: BTreeMap::new(),
        notes: String::new(),
        rerun_of: None,
        created: Timestamp(0),
        started: None,
        ended: None,
    }
}

#[test]
fn an_etag_names_labels_and_notes_and_nothing_else() {
    let all = [
        etag(&[], ""),
        etag(&[], "a"),
        etag(&[("a", "")], ""),
        etag(&[("", "a")], ""),
        etag(&[("a", "b")], "c"),
        etag(&[("a", "bc")], ""),
        etag(&[("ab", "c")], ""),
        etag(&[("a", "b"), ("c", "")], ""),
    ];
    for (place, one) in all.iter().enumerate() {
        assert_eq!(one.len(), 16);
        assert!(!all[..place].contains(one), "{all:?}");
    }
    let mut later = run();
    later.revision = 7;
    later.state.paused = true;
    assert_eq!(later.etag(), etag(&[], ""));
    // Kept by callers over an upgrade: the digest must not change.
    assert_eq!(etag(&[("a", "b")], "c"), "7dca9e2a4cc8f522");
}

#[test]
fn a_level_is_of_the_kind_of_the_load() {
    let connections = Level::Concurrency { connections: 5 };
    let rate = Level::Rate { milli_per_s: 5 };
    let mut run = run();
    assert_eq!(run.takes(connections), Ok(()));
    assert_eq!(run.takes(rate), Err(WrongLevel::ClosedLoop));
    run.spec.load = Load::Rate {
        per_second: 1.0,
        connections: 1,
        max_backlog: 1,
    };
    assert_eq!(run.takes(rate), Ok(()));
    assert_eq!(run.takes(connections), Err(WrongLevel::OpenLoop));
}

#[test]
fn a_command_and_an_entry_belong_to_their_kind_of_event_and_to_no_other() {
    let command = ControlEvent {
        sequence: 1,
        at: Timestamp(2),
        action: Action::Pause,
    };
    let entry = PhaseEntry {
        phase: Phase::Warmup,
        at: Timestamp(3),
        joined: true,
    };
    let kinds = [
        RunEventKind::Status,
        RunEventKind::Phase,
        RunEventKind::Control(command.clone()),
        RunEventKind::Worker(None),
        RunEventKind::Worker(Some(entry)),
        RunEventKind::Error,
    ];
    for kind in kinds {
        let (word, own, entered) = (kind.as_str(), kind.command().cloned(), kind.entered());
        let other = own.is_none().then(|| command.clone());
        assert_eq!(RunEventKind::parse(word, other, entered), None, "{word}");
        if word != "WORKER" {
            let found = RunEventKind::parse(word, own.clone(), Some(entry));
            assert_eq!(found, None, "{word}");
        }
        assert_eq!(RunEventKind::parse(word, own, entered), Some(kind));
    }
    assert_eq!(RunEventKind::parse("control", Some(command), None), None);
}
