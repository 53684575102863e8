use super::*;

fn terminal(columns: usize, lines: usize) -> Terminal {
    Terminal {
        columns,
        lines,
        unicode: true,
        color: false,
    }
}

fn operation(name: &str, succeeded: u64, failed: u64) -> pb::OperationPoint {
    pb::OperationPoint {
        operation: name.to_owned(),
        succeeded,
        failed,
        response: Some(pb::LatencySummary {
            p50_us: 81.2,
            p95_us: 120.0,
            p99_us: 812.0,
            p999_us: 1_900.0,
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A run in its tenth second of twenty, with so many operations.
fn board(operations: usize) -> Board {
    let mut board = Board {
        run: pb::Run {
            run_id: "r".to_owned(),
            name: "demo-1".to_owned(),
            template: "demo".to_owned(),
            template_version: 3,
            status: pb::RunStatus::Running.into(),
            phase: pb::RunPhase::Measurement.into(),
            phase_started_us: 0,
            phase_ends_us: 20_000_000,
            shards_ready: 2,
            shards_total: 2,
            spec: Some(pb::TemplateSpec {
                target: "db".to_owned(),
                workers: 2,
                load: Some(pb::Load {
                    mode: Some(pb::load::Mode::Rate(pb::RateLoad {
                        per_second: 2_763.0,
                        connections: 8,
                        ..Default::default()
                    })),
                }),
                ..Default::default()
            }),
            ..Default::default()
        },
        ..Board::default()
    };
    let names = (0..operations).map(|number| format!("point-lookup-{number}"));
    let operations: Vec<_> = names.map(|name| operation(&name, 2_512, 0)).collect();
    for second in 0..10 {
        board.point(&pb::MetricsPoint {
            time_us: second * 1_000_000,
            phase: pb::RunPhase::Measurement.into(),
            operations: operations.clone(),
            total: Some(operation("", 2_500 + second as u64 * 100, 1)),
            ..Default::default()
        });
    }
    board.workers = vec![
        pb::Worker {
            cpu: 0.344,
            in_flight: 3,
            ..Default::default()
        },
        pb::Worker {
            cpu: 0.2,
            in_flight: 1,
            ..Default::default()
        },
    ];
    board
}

fn shown(board: &Board, terminal: Terminal) -> Vec<String> {
    let lines = lines(board, 10_400_000, terminal);
    assert!(lines.len() < terminal.lines, "the cursor has a line");
    let fits = |line: &Line| line.columns() < terminal.columns;
    assert!(lines.iter().all(fits), "{lines:?}");
    let text = |line: &Line| line.text().trim_end().to_owned();
    lines.iter().map(text).collect()
}

#[test]
fn a_run_at_eighty_columns() {
    let mut board = board(2);
    board.newest_error = Some(pb::ErrorSummary {
        operation: "insert".to_owned(),
        class: "CONSTRAINT".to_owned(),
        code: "23505".to_owned(),
        message: "duplicate key value violates unique constraint '…'".to_owned(),
        count: 10,
        ..Default::default()
    });
    let expected = "\
demo-1  demo@3 · target db · open loop: 2763 operations/s over 8 connections a…
measurement  [===========>            ] 10 s left of 20 s
                      rate       p50       p95       p99   errors
point-lookup-0     2,512/s   81.2 µs    120 µs    812 µs        0
point-lookup-1     2,512/s   81.2 µs    120 µs    812 µs        0
total              3,400/s   81.2 µs    120 µs    812 µs       10
throughput   ▆▆▇▇▇▇▇███ max 3,400
p99          ██████████ max 812 µs
workers      2 of 2 attached · busiest 34 % CPU · 4 in flight
newest error 10 × insert constraint 23505: duplicate key value violates unique…";
    assert_eq!(shown(&board, terminal(80, 24)).join("\n"), expected);
}

#[test]
fn every_size_is_kept_to() {
    let mut board = board(40);
    board.run.search = Some(pb::SearchProgress::default());
    for columns in [20, 40, 59, 60, 61, 80, 95, 96, 120, 300] {
        for lines in [2, 11, 12, 13, 24, 40, 80] {
            let shown = shown(&board, terminal(columns, lines));
            let is_table = columns >= NARROWEST && lines >= LOWEST;
            assert_eq!(shown.len() > 1, is_table, "{columns}x{lines}: {shown:?}");
        }
    }
}

#[test]
fn a_narrow_line_loses_parts_and_cuts_no_number() {
    let mut board = board(1);
    board.total.newest.succeeded = 581_234;
    for (columns, expected) in [
        (
            59,
            "measurement [====>     ] 10 s left 581,234/s p99 812 µs",
        ),
        (50, "measurement 10 s left 581,234/s p99 812 µs"),
        (40, "measurement 10 s left 581,234/s"),
        (30, "10 s left 581,234/s"),
        (12, "581,234/s"),
    ] {
        assert_eq!(shown(&board, terminal(columns, 24)), [expected]);
    }
}

#[test]
fn operations_that_do_not_fit_are_counted() {
    let shown = shown(&board(40), terminal(80, 24));
    assert!(
        shown.contains(&"and 25 more operations".to_owned()),
        "{shown:?}"
    );
    assert_eq!(shown.len(), 23);
}

#[test]
fn a_wide_terminal_has_one_more_percentile() {
    let shown = shown(&board(1), terminal(120, 40));
    assert!(shown[2].contains("p99.9"), "{shown:?}");
    assert!(shown[3].contains("1.90 ms"), "{shown:?}");
}

#[test]
fn a_long_name_is_cut_with_a_mark() {
    let shown = shown(&board(1), terminal(60, 24));
    assert!(shown[3].starts_with("point-l… "), "{shown:?}");
}

#[test]
fn before_the_load_the_waiting_is_shown() {
    let mut board = Board::default();
    board.run.phase = pb::RunPhase::Preparing.into();
    board.run.shards_total = 2;
    board.run.shards_ready = 1;
    let shown = shown(&board, terminal(80, 24));
    assert!(shown[1].ends_with("1 of 2 workers ready"), "{shown:?}");
    assert_eq!(shown[2], "workers      1 of 2 ready");
}

#[test]
fn ascii_and_colours() {
    let ascii = Terminal {
        unicode: false,
        ..terminal(80, 24)
    };
    let shown = shown(&board(2), ascii);
    assert!(shown.iter().all(|line| line.is_ascii()), "{shown:?}");
    assert!(shown[6].starts_with("throughput   ++"), "{shown:?}");
    let colored = Terminal {
        color: true,
        ..terminal(80, 24)
    };
    let lines = lines(&board(2), 0, colored);
    assert!(
        lines[0].text().starts_with("\x1b[1mdemo-1\x1b[0m"),
        "{lines:?}"
    );
}

#[test]
fn old_figures_say_how_old_they_are() {
    let phase = |now_us| {
        lines(&board(1), now_us, terminal(80, 24))[1]
            .text()
            .to_owned()
    };
    assert!(phase(15_000_000).ends_with("5 s left of 20 s"));
    let late = phase(16_000_000);
    assert!(
        late.ends_with("4 s left of 20 s  last figures 6 s ago"),
        "{late}"
    );
}

#[test]
fn a_bar_fills() {
    for (gone, expected) in [(0, "    "), (1, ">   "), (2, "=>  "), (4, "====")] {
        assert_eq!(bar(gone, 4, 4), expected);
    }
    assert_eq!(bar(0, 0, 4), "    ");
}
