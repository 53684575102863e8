//! Rules about the plan: what it costs, and whether its search and its warmup
//! can come to their end.

use std::time::Duration;

use super::{Code, Facts, Finding, Severity, planned};
use crate::template::{Level, Method, Search, Spec};

pub(super) fn check(spec: &Spec, facts: &Facts, found: &mut Vec<Finding>) {
    if let Some(search) = &spec.control.search {
        long_search(spec, search, found);
    }
    late_steady(spec, found);
    price(spec, facts.price_per_hour, found);
}

/// What a stretch of time costs at a price per hour.
#[must_use]
pub fn cost(price_per_hour: f64, stretch: Duration) -> f64 {
    price_per_hour * stretch.as_secs_f64() / 3_600.0
}

fn price(spec: &Spec, price_per_hour: f64, found: &mut Vec<Finding>) {
    if price_per_hour <= 0.0 {
        return;
    }
    let planned = planned(spec);
    let at_most = match spec.control.search {
        Some(_) => "at most ",
        None => "",
    };
    found.push(Finding {
        code: Code::Cost,
        severity: Severity::Info,
        title: "what the run costs",
        message: format!(
            "the load lasts {at_most}{} s; at {price_per_hour} per hour the target costs {at_most}{:.2} in that time",
            planned.as_secs_f64(),
            cost(price_per_hour, planned)
        ),
        recommendations: vec![
            "shorten the measurement if that is too much; the drain and the report come on top"
                .to_owned(),
        ],
        field: "phases".to_owned(),
    });
}

/// The time that a search takes at most, and its steps: growth to the highest
/// level, then the halving of the gap below it, then the confirmation.
fn search_at_most(search: &Search, first: Level) -> (u32, Duration) {
    let first = match first {
        Level::Concurrency { connections } => f64::from(connections),
        Level::Rate { milli_per_s } => milli_per_s as f64 / 1e3,
    };
    let steps = match search.method {
        Method::Bisect(bisect) => {
            let growing = ((search.max_level / first).ln() / bisect.growth.ln()).ceil() + 1.0;
            let gap = 1.0 - 1.0 / bisect.growth;
            growing + (gap / bisect.resolution).log2().ceil().max(0.0)
        }
        Method::Linear(linear) => {
            let growing = ((search.max_level - first) / linear.increment).ceil() + 1.0;
            growing + 2.0 * f64::from(linear.backoffs)
        }
    };
    let confirms = !search.confirm.is_zero();
    let most = search.max_steps.saturating_sub(u32::from(confirms));
    let steps = steps.clamp(1.0, f64::from(most.max(1))) as u32;
    let confirmation = if confirms {
        search.settle + search.confirm
    } else {
        Duration::ZERO
    };
    let time = (search.settle + search.step) * steps + confirmation;
    (steps + u32::from(confirms), time)
}

fn long_search(spec: &Spec, search: &Search, found: &mut Vec<Finding>) {
    let (steps, time) = search_at_most(search, spec.load.level());
    let measurement = spec.phases.measurement;
    if time <= measurement {
        return;
    }
    found.push(Finding {
        code: Code::SearchTooLong,
        severity: Severity::Warning,
        title: "the search may not end in time",
        message: format!(
            "up to {steps} steps take {} s, and the measurement lasts {} s: a target that sustains much ends it before its limit is found",
            time.as_secs_f64(),
            measurement.as_secs_f64()
        ),
        recommendations: vec![
            format!("measure for {} s or longer; the run ends with its search", time.as_secs_f64().ceil()),
            "begin at a higher level, lower search.max_level, or make the steps shorter".to_owned(),
        ],
        field: "phases.measurement".to_owned(),
    });
}

fn late_steady(spec: &Spec, found: &mut Vec<Finding>) {
    let warmup = spec.phases.warmup;
    let Some(steady) = spec.phases.until_steady else {
        return;
    };
    if warmup >= steady.window * 2 {
        return;
    }
    found.push(Finding {
        code: Code::SteadyUnreachable,
        severity: Severity::Warning,
        title: "the warmup leaves no time to become steady",
        message: format!(
            "the load must be steady for {} s within {} s of warmup: all of it but {} s; a load that is not makes the run invalid",
            steady.window.as_secs_f64(),
            warmup.as_secs_f64(),
            warmup.saturating_sub(steady.window).as_secs_f64()
        ),
        recommendations: vec![format!(
            "allow {} s of warmup or more: it ends as soon as the load is steady",
            (steady.window * 3).as_secs_f64()
        )],
        field: "phases.warmup".to_owned(),
    });
}
