//! The page for people.

mod made;
mod outline;

use gauntlet_export::{Contents, Format};
use gauntlet_model::{
    history::{Resolution, Rollup},
    interval::Latencies,
    lifecycle::{End, Phase, ProcessingStatus, RunState, Stage, StopReason, Window},
    report::{Reason, ReasonCode, SloReport},
    template::{Load, Scope},
    verdict::Verdict,
};

use self::{
    made::{busy, full, hostile, searched},
    outline::{Outline, facts},
};
use crate::support::{Sample, at, contents, write};

fn page(contents: &Contents, rollups: &[Rollup]) -> String {
    String::from_utf8(write(Format::Html, contents, rollups)).unwrap()
}

/// The page's text holds these, in this order.
fn check(page: &str, expected: &[&str]) {
    let text = Outline::of(page).text;
    let mut rest = text.as_str();
    for part in expected {
        let Some(place) = rest.find(part) else {
            panic!("{part:?} is not there, or not behind what comes before it, in:\n{text}");
        };
        rest = &rest[place + part.len()..];
    }
}

#[test]
fn a_second_in_which_nothing_ended_is_zero_and_has_no_latency() {
    let still = Sample::with_standstill(5, 2..4).rollups;
    let nothing = "0.0/s 0.0/s – – – –";
    let second = format!("2 s {nothing} 3 s {nothing} 4 s 20.0/s");
    check(&page(&contents(), &still), &["Throughput", &second]);
}

#[test]
fn what_matters_comes_first() {
    let page = page(&full(), &busy(20));
    check(
        &page,
        &[
            "nightly: FAIL, VALID · gauntlet",
            "template t@3",
            "project acme/web",
            "target db (PostgreSQL 15.14)",
            "load closed loop: 8 connections over 2 workers",
            "when 2026-11-20 13:55:00 UTC",
            "VALID these figures can be trusted",
            "Objectives",
            "FAIL 1 of 3 objectives met",
            "reads are fast (read)",
            "FAIL",
            "61.0 ms",
            "p99 ≤ 50.0 ms",
            "INCONCLUSIVE",
            "12 of 299",
            "PASS",
            "throughput 1,234/s 20,978 ok",
            "p50 1.20 ms",
            "p99.9 88.0 ms",
            "errors 0.1 % 21 of 20,999",
            "cost 0.0123 by the target's price",
            "Throughput",
            "Response time",
            "Percentile curve",
            "Response times over time",
            "Failures",
            "Operations",
            "Where the time went",
            "service: sent to end",
            "Errors",
            "timeout",
            "canceling statement",
            "Rows against counts",
            "orders 1,000 3 1,002 2",
            "At the target",
            "Lock/tuple 1.50 25 %",
            "cache_hit_ratio 99.5 %",
            "wal_bytes 2.00 kB",
            "file_bytes −4.00 kB",
            "Counters at 0: deadlocks, conflicts.",
            "Workers",
            "w1, 4 processors",
            "straggler",
            "Phases",
            "warmup 2026-11-20 13:55:00 UTC",
            "Environment",
            "gauntlet 0.1.0",
            "Labels",
            "Notes",
            "Template",
            "operations:\n  - name: read",
            "run 00000000-0000-0000-0000-000000000007",
            "gauntlet report nightly --html nightly.html",
        ],
    );
}

#[test]
fn it_is_well_formed_and_needs_nothing_else() {
    for contents in [contents(), full(), searched(), hostile()] {
        for rollups in [vec![], busy(1), busy(20)] {
            let page = page(&contents, &rollups);
            let outline = Outline::of(&page);
            for foreign in ["script", "link", "img", "iframe", "object", "a", "form"] {
                assert!(!outline.elements.contains(foreign), "{foreign}");
            }
            for attribute in &outline.attributes {
                assert!(!attribute.starts_with("on"), "{attribute}");
                assert!(!["src", "href", "style"].contains(&attribute.as_str()));
            }
            assert!(!outline.style.contains("url("), "a style sheet that loads");
            assert!(!outline.style.contains("@import"));
            assert_eq!(outline.repeated_ids(), Vec::<String>::new());
        }
    }
}

#[test]
fn no_text_of_a_run_becomes_markup() {
    let page = page(&hostile(), &busy(3));
    assert!(
        !page.to_lowercase().contains("<script"),
        "markup of the run"
    );
    let text = Outline::of(&page).text;
    // Labels (name and value), notes, messages, SQL, …: each is there, as text.
    let seen = text.matches("<script>alert(1)</script>").count();
    assert!(seen >= 18, "{seen} of the run's texts are shown:\n{text}");
}

#[test]
fn a_search_shows_its_levels_and_the_best() {
    let page = page(&searched(), &busy(10));
    check(
        &page,
        &[
            "best level 16 connections, of 5 steps",
            "Search for the highest level",
            "Throughput by level",
            "best: 16 connections",
            "best level 16 connections, 1,600/s (step 2)",
            "first that failed 32 connections: p99 is 90 ms",
            "greatest at 20 connections with 1,700/s",
            "16 connections ★",
        ],
    );
    assert!(page.contains("class=\"best\""));
    assert!(page.contains("class=\"cross\""));
}

#[test]
fn a_run_that_failed_before_its_load_says_why() {
    let mut failed = contents();
    failed.report = None;
    failed.phases = vec![];
    failed.run.state = RunState {
        stage: Stage::Done {
            at: at(1),
            measured: None,
            end: End {
                reason: StopReason::SetupError,
                message: "table orders is not there".to_owned(),
            },
            processing: ProcessingStatus::Skipped,
        },
        ..RunState::prepared()
    };
    let page = page(&failed, &[]);
    check(
        &page,
        &[
            "nightly: no report",
            "how long no load",
            "NO REPORT No load was sent, so there is nothing to judge. The run failed: table orders is not there",
            "Environment",
        ],
    );
    assert!(!page.contains("<svg"), "there is nothing to draw");
}

#[test]
fn a_run_that_goes_on_says_so() {
    let mut live = contents();
    live.report = None;
    live.run.state.stage = Stage::Measurement {
        since: at(1),
        ends: at(60),
    };
    let page = page(&live, &busy(5));
    check(
        &page,
        &["NO REPORT The run is not over: it is running", "Throughput"],
    );
}

#[test]
fn an_invalid_run_names_every_reason() {
    let mut invalid = full();
    invalid.report.as_mut().unwrap().reasons = vec![
        Reason {
            code: ReasonCode::RateMissed,
            message: "900/s of 1,000/s".to_owned(),
        },
        Reason {
            code: ReasonCode::GeneratorCpu,
            message: "a worker used 97 % of its processors".to_owned(),
        },
    ];
    check(
        &page(&invalid, &busy(3)),
        &[
            "INVALID do not trust these figures",
            "RATE_MISSED 900/s of 1,000/s",
            "GENERATOR_CPU a worker used 97 %",
        ],
    );
}

#[test]
fn a_run_without_objectives_has_no_verdict() {
    let page = page(&contents(), &[]);
    check(&page, &["nightly: no verdict, VALID", "no objectives"]);
}

#[test]
fn a_thousand_objectives_are_all_there_the_worst_first() {
    let mut many = full();
    let report = many.report.as_mut().unwrap();
    report.slos = (0..1_000)
        .map(|place| SloReport {
            name: format!("objective {place}"),
            scope: Scope::All,
            verdict: if place == 700 {
                Verdict::Fail
            } else {
                Verdict::Pass
            },
            measured: 1.0,
            limit: 2.0,
            samples: 1_000,
            samples_needed: 100,
            message: "p99 is 1 ms".to_owned(),
        })
        .collect();
    let page = page(&many, &[]);
    let text = Outline::of(&page).text;
    assert_eq!(text.matches("objective 9").count(), 111);
    check(
        &page,
        &[
            "999 of 1,000 objectives met",
            "objective 700",
            "objective 0",
            "975 objectives more",
        ],
    );
    assert!(page.len() < 600_000, "{}", page.len());
}

#[test]
fn an_open_loop_shows_what_was_offered() {
    let mut open = contents();
    open.run.spec.load = Load::Rate {
        per_second: 40.0,
        connections: 8,
        max_backlog: 100,
    };
    let page = page(&open, &busy(5));
    check(
        &page,
        &[
            "open loop: 40 operations/s",
            "achieved",
            "offered",
            "offered/s",
            "40.0/s",
        ],
    );
}

#[test]
fn a_pause_is_a_gap() {
    let mut rollups = busy(20);
    let whole = page(&contents(), &rollups);
    rollups.retain(|rollup| !(at(8)..at(12)).contains(&rollup.start));
    let paused = page(&contents(), &rollups);
    let parts = |page: &str| facts(page, "path", "line s0").concat().matches('M').count();
    assert_eq!(
        (parts(&whole), parts(&paused)),
        (2, 4),
        "one line in two charts"
    );
}

#[test]
fn what_reaches_over_the_end_of_a_phase_is_no_dip() {
    let mut rollups = busy(5);
    let mut early = rollups[2].clone();
    // The measurement begins with the second second; a worker was a little early.
    early.start = at(0);
    early.succeeded = Latencies::default();
    rollups.insert(2, early);
    let with = page(&full(), &rollups);
    let without = page(&full(), &busy(5));
    let line = |page: &str| facts(page, "path", "line s0").swap_remove(0);
    assert_eq!(line(&with), line(&without));
}

#[test]
fn the_drain_is_no_dip() {
    let mut drained = full();
    let drain = Window {
        from: at(20),
        to: at(30),
    };
    drained.phases.push((Phase::Cooldown, drain));
    let mut rollups = busy(20);
    for second in 20..30 {
        rollups.push(Rollup {
            start: at(second),
            phase: Phase::Cooldown,
            succeeded: Latencies::default(),
            failed: Latencies::default(),
            ..rollups[0].clone()
        });
    }
    let lines = |page: &str| facts(page, "path", "line s0");
    let with = page(&drained, &rollups);
    assert_eq!(lines(&with), lines(&page(&full(), &busy(20))));
    assert!(!Outline::of(&with).text.contains("0.0/s 0.0/s"), "{with}");
}

#[test]
fn every_place_lies_in_its_chart() {
    for contents in [full(), searched()] {
        for rollups in [busy(1), busy(2), busy(600)] {
            let page = page(&contents, &rollups);
            let paths = facts(&page, "path", "");
            assert!(!paths.is_empty());
            for path in paths {
                // Of the commands that name a place; those in small letters go from one.
                let places = path.split(['M', 'L']).skip(1);
                for place in places {
                    let place = place
                        .split(['H', 'V', 'Z', 'v', 'h', 'l', 'm'])
                        .next()
                        .unwrap();
                    let numbers: Vec<f64> = place
                        .split(' ')
                        .map(|number| number.parse().unwrap())
                        .collect();
                    assert!((0.0..=720.0).contains(&numbers[0]), "{path}");
                    assert!((0.0..=336.0).contains(&numbers[1]), "{path}");
                }
            }
        }
    }
}

#[test]
fn a_search_of_any_length_has_the_curve_of_its_step() {
    let mut contents = searched();
    assert_eq!(
        contents.by_second().map(|window| (window.from, window.to)),
        Some((at(5), at(7)))
    );
    let curve = |contents: &Contents, rollups: &[Rollup]| {
        let page = page(contents, rollups);
        check(&page, &["Percentile curve", "in step 2 of the search"]);
        facts(&page, "path", "line s0 thick")
    };
    let fine = curve(&contents, &busy(20));
    assert_eq!(fine.len(), 1);
    // What a longer run has: the step's buckets by the second, the others not.
    contents.resolution = Resolution::TenSeconds;
    let mut rollups = busy(20);
    let later = rollups.split_off(10 * 2);
    rollups.extend(later.into_iter().take(2).map(|rollup| Rollup {
        resolution: Resolution::TenSeconds,
        ..rollup
    }));
    assert_eq!(curve(&contents, &rollups), fine);
}

#[test]
fn its_size_goes_with_the_points_not_with_the_time() {
    let hour = Sample::of_seconds(3_600);
    let mut coarse = full();
    coarse.resolution = Resolution::TenSeconds;
    let long = page(&coarse, &hour.rollups);
    let short = page(&full(), &Sample::of_seconds(600).rollups);
    assert!(
        long.len() < short.len(),
        "{} and {}",
        long.len(),
        short.len()
    );
    assert!(short.len() < 200_000, "{}", short.len());
}
