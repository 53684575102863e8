//! A search and its steps as people read them.

use gauntlet_client::pb;

use super::{
    number::{count, counted, duration, latency, percent, rate},
    table::{Align, Table},
    word,
};

/// A level: `64 connections` or `1,200/s`.
pub fn level(level: Option<&pb::LoadLevel>) -> String {
    use pb::load_level::Level;
    match level.and_then(|level| level.level.as_ref()) {
        Some(Level::Connections(1)) => "1 connection".to_owned(),
        Some(Level::Connections(connections)) => counted(u64::from(*connections), "connection"),
        Some(Level::PerSecond(per_second)) => rate(*per_second),
        None => "-".to_owned(),
    }
}

/// What a step was for.
pub fn kind(kind: pb::StepKind) -> String {
    word::lower(kind.as_str_name(), "STEP_KIND_")
}

/// What became of a step.
pub fn outcome(outcome: pb::StepOutcome) -> String {
    word::lower(outcome.as_str_name(), "STEP_OUTCOME_")
}

/// The steps of a search.
pub fn steps(steps: &[pb::Step]) -> Table {
    use Align::{Left, Right};
    let mut table = Table::with_header([
        ("step", Right),
        ("level", Right),
        ("for", Left),
        ("throughput", Right),
        ("95 % interval", Left),
        ("failed", Right),
        ("p50", Right),
        ("p95", Right),
        ("p99", Right),
        ("waiting", Right),
        ("outcome", Left),
    ])
    .spare([
        "95 % interval",
        "p50",
        "waiting",
        "for",
        "p99",
        "failed",
        "p95",
        "step",
    ]);
    for step in steps {
        let response = step.response.unwrap_or_default();
        let queue = step.queue_ratio.map_or_else(|| "-".to_owned(), percent);
        table.row([
            step.step.to_string(),
            level(step.level.as_ref()),
            kind(step.kind()),
            rate(step.throughput_per_s),
            interval(step),
            count(step.failed),
            latency(response.p50_us),
            latency(response.p95_us),
            latency(response.p99_us),
            queue,
            outcome(step.outcome()),
        ]);
    }
    table
}

fn interval(step: &pb::Step) -> String {
    if step.throughput_high_per_s <= 0.0 {
        return "-".to_owned();
    }
    let (low, high) = (step.throughput_low_per_s, step.throughput_high_per_s);
    format!("{} to {}", rate(low.max(0.0)), rate(high))
}

/// What a search found, for the report, on a terminal with so many columns.
pub fn findings(search: &pb::SearchResult, most: Option<usize>) -> String {
    let best = match &search.best {
        Some(best) => {
            let speaker = search
                .steps
                .iter()
                .find(|step| step.step == search.best_step);
            let figures = speaker.map_or(String::new(), |step| {
                format!(
                    " (step {}, reached {})",
                    step.step,
                    rate(step.throughput_per_s)
                )
            });
            format!("search: the best level is {}{figures}", level(Some(best)))
        }
        None => "search: no level passed".to_owned(),
    };
    let mut lines = vec![best];
    if !search.message.is_empty() {
        lines.push(format!("  {}", search.message));
    }
    let failed = search.steps.iter().rev().find(|step| {
        search.failed.is_some() && step.level == search.failed && !step.message.is_empty()
    });
    if let Some(step) = failed {
        lines.push(format!(
            "  {} failed: {}",
            level(step.level.as_ref()),
            step.message
        ));
    }
    lines.push(fit(search));
    lines.push(match &search.knee {
        Some(knee) => format!("  knee: {}; {}", level(Some(knee)), search.knee_message),
        None => format!("  knee: none; {}", search.knee_message),
    });
    let steps = steps(&search.steps).within(most);
    format!("{}\n{steps}", lines.join("\n"))
}

fn fit(search: &pb::SearchResult) -> String {
    let Some(fit) = &search.fit else {
        return format!("  scalability law: not fitted; {}", search.fit_message);
    };
    let peak = fit.peak_connections.map_or_else(
        || "no maximum".to_owned(),
        |connections| {
            format!(
                "greatest at {connections:.0} connections with {}",
                rate(fit.peak_throughput_per_s)
            )
        },
    );
    format!(
        "  scalability law: contention {:.4} ({:.4} to {:.4}), coherence {:.6} ({:.6} to {:.6}), {peak}, R² {:.3}",
        fit.sigma,
        fit.sigma_low,
        fit.sigma_high,
        fit.kappa,
        fit.kappa_low,
        fit.kappa_high,
        fit.r_squared
    )
}

/// How far a search is, on one line; empty without one. `now_us` is the server's clock.
pub fn progress(run: &pb::Run, now_us: i64) -> String {
    let Some(search) = &run.search else {
        return String::new();
    };
    let mut parts = Vec::new();
    if let Some(current) = &search.current {
        let left = match current.window_to_us - now_us {
            left if left > 0 => format!(
                ", {} left",
                duration((left + 999_999) / 1_000_000 * 1_000_000)
            ),
            _ => String::new(),
        };
        let settling = if now_us < current.window_from_us {
            " settling"
        } else {
            ""
        };
        parts.push(format!(
            "step {}: {}{settling}{left}",
            current.step,
            level(current.level.as_ref())
        ));
    }
    if search.best.is_some() {
        let best = level(search.best.as_ref());
        parts.push(format!(
            "best {best} (reached {})",
            rate(search.best_throughput_per_s)
        ));
    }
    if search.next.is_some() && search.current.is_some() {
        parts.push(format!("next {}", level(search.next.as_ref())));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(connections: u32) -> pb::LoadLevel {
        pb::LoadLevel {
            level: Some(pb::load_level::Level::Connections(connections)),
        }
    }

    fn per_second(rate: f64) -> pb::LoadLevel {
        pb::LoadLevel {
            level: Some(pb::load_level::Level::PerSecond(rate)),
        }
    }

    #[test]
    fn levels_have_units() {
        for (given, expected) in [
            (Some(connections(1)), "1 connection"),
            (Some(connections(1_200)), "1,200 connections"),
            (Some(per_second(1_200.0)), "1,200/s"),
            (None, "-"),
        ] {
            assert_eq!(level(given.as_ref()), expected);
        }
    }

    fn run(now_in_window: bool) -> (pb::Run, i64) {
        let current = pb::SearchTrial {
            step: 4,
            kind: pb::StepKind::Bisect.into(),
            level: Some(connections(48)),
            begins_us: 0,
            window_from_us: 3_000_000,
            window_to_us: 13_000_000,
        };
        let run = pb::Run {
            search: Some(pb::SearchProgress {
                current: Some(current),
                next: Some(connections(56)),
                best: Some(connections(32)),
                best_throughput_per_s: 9_876.0,
                ..Default::default()
            }),
            ..Default::default()
        };
        (run, if now_in_window { 5_500_000 } else { 1_000_000 })
    }

    #[test]
    fn progress_is_one_line() {
        let (settling, now) = run(false);
        assert_eq!(
            progress(&settling, now),
            "step 4: 48 connections settling, 12 s left; best 32 connections (reached 9,876/s); next 56 connections"
        );
        let (measuring, now) = run(true);
        assert!(progress(&measuring, now).starts_with("step 4: 48 connections, 8 s left;"));
        assert_eq!(progress(&pb::Run::default(), 0), "");
    }

    #[test]
    fn findings_say_what_was_not_found_either() {
        let search = pb::SearchResult {
            message: "not even the first level passed".to_owned(),
            fit_message: "1 level is too few".to_owned(),
            knee_message: "1 level is too few".to_owned(),
            ..Default::default()
        };
        let text = findings(&search, None);
        assert!(text.starts_with("search: no level passed\n  not even the first level passed\n"));
        assert!(text.contains("scalability law: not fitted; 1 level is too few"));
        assert!(text.contains("knee: none; 1 level is too few"));
    }
}
