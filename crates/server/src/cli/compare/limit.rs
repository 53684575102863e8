//! How much worse than the baseline a run may be, as given on the command line.

use gauntlet_client::near;

/// The forms of a limit, for messages.
const FORMS: &str = "write 10%, p99=25%, insert.p99=25% or error_ratio=0.1pp";

/// A figure that can have a limit.
#[derive(Debug, PartialEq)]
pub struct Metric {
    /// What it is called here.
    pub word: &'static str,
    /// What the API calls it.
    pub name: &'static str,
    /// How far it is from the baseline's.
    pub measure: Measure,
    /// Whether a limit that names no figure is for it.
    pub usual: bool,
}

/// How far a figure is from the baseline's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// By a share of the baseline's; more is better.
    Rate,
    /// By a share of the baseline's; less is better. Of all operations, this
    /// share took no longer.
    Percentile(f64),
    /// By the difference of two ratios; less is better.
    Points,
}

const fn metric(word: &'static str, name: &'static str, measure: Measure, usual: bool) -> Metric {
    Metric {
        word,
        name,
        measure,
        usual,
    }
}

/// All figures that can have a limit. A mean, a least and a largest value, and the
/// generator's lag tell too little of the database.
pub static METRICS: [Metric; 11] = [
    metric("throughput", "throughput_per_s", Measure::Rate, true),
    metric("p50", "response_p50_us", Measure::Percentile(0.5), true),
    metric("p95", "response_p95_us", Measure::Percentile(0.95), true),
    metric("p99", "response_p99_us", Measure::Percentile(0.99), true),
    metric(
        "p999",
        "response_p999_us",
        Measure::Percentile(0.999),
        false,
    ),
    metric("error_ratio", "error_ratio", Measure::Points, false),
    metric(
        "row_throughput",
        "row_throughput_per_s",
        Measure::Rate,
        false,
    ),
    metric(
        "service_p50",
        "service_p50_us",
        Measure::Percentile(0.5),
        false,
    ),
    metric(
        "service_p95",
        "service_p95_us",
        Measure::Percentile(0.95),
        false,
    ),
    metric(
        "service_p99",
        "service_p99_us",
        Measure::Percentile(0.99),
        false,
    ),
    metric(
        "service_p999",
        "service_p999_us",
        Measure::Percentile(0.999),
        false,
    ),
];

/// How much worse a figure may be.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// Of this operation, or of [`TOTAL`]; `None` for all.
    pub operation: Option<String>,
    /// This figure; `None` for the usual ones.
    pub metric: Option<&'static Metric>,
    /// A share of the baseline's value, or a difference of ratios.
    pub most: f64,
}

/// What all operations together are called.
pub const TOTAL: &str = "total";

/// Reads a limit.
pub fn parse(text: &str) -> Result<Limit, String> {
    let (what, amount) = match text.rsplit_once('=') {
        Some((what, amount)) => (Some(what.trim()), amount.trim()),
        None => (None, text.trim()),
    };
    if amount.starts_with(['+', '-']) && amount.len() > 1 && amount.as_bytes()[1].is_ascii_digit() {
        return Err(
            "a limit has no sign: it says how much worse a figure may be, whichever way that is"
                .to_owned(),
        );
    }
    let (operation, metric) = match what {
        Some(what) => known(what).map(|(operation, metric)| (operation, Some(metric)))?,
        None => (None, None),
    };
    let measure = metric.map_or(Measure::Rate, |metric| metric.measure);
    let most = match measure {
        Measure::Points => points(amount)?,
        Measure::Rate | Measure::Percentile(_) => share(amount, metric.is_none())?,
    };
    if measure == Measure::Rate && most >= 1.0 {
        return Err("no throughput can fall by more than 100 %; give each figure a limit of its own, like p99=150%".to_owned());
    }
    Ok(Limit {
        operation,
        metric,
        most,
    })
}

/// `OPERATION.METRIC` or `METRIC`.
fn known(what: &str) -> Result<(Option<String>, &'static Metric), String> {
    // Reports write the percentile with a dot.
    let what = what.replace("p99.9", "p999");
    let (operation, word) = match what.rsplit_once('.') {
        Some((operation, word)) => (Some(operation), word),
        None => (None, what.as_str()),
    };
    let found = METRICS
        .iter()
        .find(|metric| metric.word == word || metric.name == word);
    let Some(metric) = found else {
        let words = METRICS.iter().map(|metric| metric.word);
        let hint = match near::hint(word, words.clone()) {
            hint if hint.is_empty() => {
                format!("; there are {}", words.collect::<Vec<_>>().join(", "))
            }
            hint => hint,
        };
        return Err(format!("no figure is called \"{word}\"{hint}"));
    };
    Ok((operation.map(str::to_owned), metric))
}

fn share(amount: &str, alone: bool) -> Result<f64, String> {
    if let Some(percent) = amount.strip_suffix('%') {
        return number(percent);
    }
    if amount.ends_with("pp") && !alone {
        return Err("this figure's limit is a share of the baseline's value, like 10%; percentage points are for error_ratio".to_owned());
    }
    match number(amount) {
        Ok(_) if alone => Err(format!("the limit needs its unit; write {amount}%")),
        Ok(_) => Err(format!("the limit needs its unit: {amount}%")),
        Err(_) => Err(FORMS.to_owned()),
    }
}

fn points(amount: &str) -> Result<f64, String> {
    match amount.strip_suffix("pp") {
        Some(points) => number(points),
        None => Err("the limit of error_ratio is in percentage points, like error_ratio=0.1pp: from 0.2 % to at most 0.3 %".to_owned()),
    }
}

/// Hundredths.
fn number(text: &str) -> Result<f64, String> {
    let parsed: Result<f64, _> = text.trim().parse();
    match parsed {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number / 100.0),
        _ => Err(FORMS.to_owned()),
    }
}

/// The limit of a figure of an operation: the one that names most of the two; of
/// several that name as much, the last.
pub fn of(limits: &[Limit], operation: &str, metric: &Metric) -> Option<f64> {
    let named = |limit: &Limit| limit.metric.is_some_and(|named| named == metric);
    let own = |limit: &&Limit| named(limit) && limit.operation.as_deref() == Some(operation);
    let every = |limit: &&Limit| named(limit) && limit.operation.is_none();
    let usual = |limit: &&Limit| limit.metric.is_none() && metric.usual;
    let last = limits.iter().rev();
    let found = (last.clone().find(own))
        .or_else(|| last.clone().find(every))
        .or_else(|| last.clone().find(usual));
    found.map(|limit| limit.most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(Option<&str>, Option<&str>, f64), &str>) {
        let found = parse(text);
        match (&found, expected) {
            (Ok(limit), Ok((operation, metric, most))) => {
                assert_eq!(limit.operation.as_deref(), operation, "{text}");
                assert_eq!(limit.metric.map(|metric| metric.word), metric, "{text}");
                assert!((limit.most - most).abs() < 1e-12, "{text}: {}", limit.most);
            }
            (Err(message), Err(part)) => assert!(message.contains(part), "{text}: {message}"),
            _ => panic!("{text}: {found:?}"),
        }
    }

    #[test]
    fn a_limit_has_one_meaning() {
        check("10%", Ok((None, None, 0.1)));
        check("2.5 %", Ok((None, None, 0.025)));
        check("p99=25%", Ok((None, Some("p99"), 0.25)));
        check("p99=150%", Ok((None, Some("p99"), 1.5)));
        check("p99.9=25%", Ok((None, Some("p999"), 0.25)));
        check("insert.p99.9=25%", Ok((Some("insert"), Some("p999"), 0.25)));
        check(
            "total.throughput=5%",
            Ok((Some("total"), Some("throughput"), 0.05)),
        );
        check("response_p99_us=25%", Ok((None, Some("p99"), 0.25)));
        check("error_ratio=0.1pp", Ok((None, Some("error_ratio"), 0.001)));
        check("error_ratio=0pp", Ok((None, Some("error_ratio"), 0.0)));
    }

    #[test]
    fn what_could_be_misread_is_refused() {
        check("10", Err("write 10%"));
        check("p99=10", Err("10%"));
        check("+10%", Err("no sign"));
        check("throughput=-5%", Err("no sign"));
        check("error_ratio=10%", Err("percentage points"));
        check("p99=1pp", Err("a share of the baseline"));
        check("100%", Err("no throughput can fall"));
        check("throughput=100%", Err("no throughput can fall"));
        check("p98=1%", Err("did you mean \"p9"));
        check("latency=1%", Err("there are throughput, p50"));
        for odd in ["", "%", "x", "p99", "p99=", "NaN%", "inf%", "--output"] {
            check(odd, Err("write 10%"));
        }
    }

    #[test]
    fn the_limit_that_names_most_holds() {
        let limits = |texts: &[&str]| -> Vec<Limit> {
            texts.iter().map(|text| parse(text).unwrap()).collect()
        };
        let metric = |word: &str| METRICS.iter().find(|metric| metric.word == word).unwrap();
        let all = limits(&["insert.p99=30%", "p99=20%", "10%"]);
        for (operation, word, expected) in [
            ("insert", "p99", Some(0.3)),
            ("select", "p99", Some(0.2)),
            ("select", "p50", Some(0.1)),
            ("total", "throughput", Some(0.1)),
            ("select", "p999", None),
            ("select", "error_ratio", None),
        ] {
            assert_eq!(
                of(&all, operation, metric(word)),
                expected,
                "{operation} {word}"
            );
        }
        assert_eq!(of(&limits(&["p99=20%"]), "select", metric("p50")), None);
        assert_eq!(
            of(&limits(&["5%", "6%"]), "select", metric("p50")),
            Some(0.06)
        );
    }
}
