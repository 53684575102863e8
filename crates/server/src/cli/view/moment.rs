//! What to say of a run at one moment. Pure functions.

use gauntlet_client::pb;

use crate::cli::text::{
    number::{duration, latency, rate},
    search,
};

/// How far a phase is, microseconds: what went by and the whole; `None` for a
/// phase whose end is not known.
pub fn progress(run: &pb::Run, now_us: i64) -> Option<(i64, i64)> {
    if run.phase_ends_us <= run.phase_started_us {
        return None;
    }
    let whole = run.phase_ends_us - run.phase_started_us;
    // A phase begins at an instant a little in the future.
    Some(((now_us - run.phase_started_us).clamp(0, whole), whole))
}

/// A second of metrics on one line.
pub fn of_point(point: &pb::MetricsPoint) -> String {
    let total = point.total.clone().unwrap_or_default();
    let response = Response::of(&total);
    format!(
        "{}  p50 {}  p99 {}  err {}/s",
        rate(total.succeeded as f64),
        response.p50,
        response.p99,
        total.failed
    )
}

/// The response times of one operation in one second, as they are shown.
pub struct Response {
    pub p50: String,
    pub p95: String,
    pub p99: String,
    pub p999: String,
}

impl Response {
    /// Where nothing succeeded there is none, which is not the same as 0.
    pub fn of(point: &pb::OperationPoint) -> Self {
        let response = point.response.unwrap_or_default();
        let shown = |value| match point.succeeded {
            0 => "-".to_owned(),
            _ => latency(value),
        };
        Self {
            p50: shown(response.p50_us),
            p95: shown(response.p95_us),
            p99: shown(response.p99_us),
            p999: shown(response.p999_us),
        }
    }
}

/// What a phase without a clock waits for.
pub fn waiting(run: &pb::Run) -> String {
    match run.phase() {
        pb::RunPhase::Preparing if run.queue_position > 0 => {
            let position = run.queue_position;
            format!("waits for workers: number {position} in the queue")
        }
        pb::RunPhase::Preparing => {
            format!("{} of {} workers ready", run.shards_ready, run.shards_total)
        }
        pb::RunPhase::Cooldown => "operations in flight end".to_owned(),
        pb::RunPhase::Processing => "the report is being made".to_owned(),
        _ => String::new(),
    }
}

/// The step that a search has come to, on one line with its level; empty
/// without one. It changes when the search does.
pub fn step(run: &pb::Run) -> String {
    let now_us = run
        .search
        .as_ref()
        .and_then(|search| search.current.as_ref())
        .map_or(0, |current| current.window_to_us);
    search::progress(run, now_us)
}

/// How long a phase lasts, when that is known.
pub fn length(run: &pb::Run) -> String {
    match progress(run, run.phase_started_us) {
        Some((_, whole)) => duration(whole),
        None => waiting(run),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(phase: pb::RunPhase, started: i64, ends: i64) -> pb::Run {
        pb::Run {
            phase: phase.into(),
            phase_started_us: started,
            phase_ends_us: ends,
            shards_ready: 1,
            shards_total: 2,
            ..Default::default()
        }
    }

    #[test]
    fn progress_stays_within_the_phase() {
        let measuring = run(pb::RunPhase::Measurement, 100, 300);
        for (now, expected) in [(0, 0), (100, 0), (150, 50), (300, 200), (900, 200)] {
            assert_eq!(progress(&measuring, now), Some((expected, 200)));
        }
        assert_eq!(progress(&run(pb::RunPhase::Cooldown, 100, 0), 150), None);
    }

    #[test]
    fn a_phase_says_how_long_it_lasts_or_what_it_waits_for() {
        let queued = pb::Run {
            queue_position: 3,
            ..run(pb::RunPhase::Preparing, 5, 0)
        };
        for (run, expected) in [
            (queued, "waits for workers: number 3 in the queue"),
            (run(pb::RunPhase::Measurement, 0, 15_000_000), "15 s"),
            (run(pb::RunPhase::Preparing, 5, 0), "1 of 2 workers ready"),
            (run(pb::RunPhase::Done, 5, 0), ""),
        ] {
            assert_eq!(length(&run), expected);
        }
    }

    #[test]
    fn a_point_is_one_line() {
        let point = pb::MetricsPoint {
            total: Some(pb::OperationPoint {
                succeeded: 12_345,
                failed: 2,
                response: Some(pb::LatencySummary {
                    p50_us: 81.2,
                    p99_us: 1_234.0,
                    ..Default::default()
                }),
                ..Default::default()
            }),
            ..Default::default()
        };
        assert_eq!(
            of_point(&point),
            "12,345/s  p50 81.2 µs  p99 1.23 ms  err 2/s"
        );
        assert_eq!(
            of_point(&pb::MetricsPoint::default()),
            "0.0/s  p50 -  p99 -  err 0/s"
        );
    }
}
