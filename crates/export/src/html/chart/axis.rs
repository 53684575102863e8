//! Axes and the names of the values along them.

use gauntlet_model::number::{count, plain};

use super::Frame;
use crate::html::scale::Scale;

/// An axis: its scale, the values that it names, and what they are.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::html) struct Axis {
    pub(in crate::html) scale: Scale,
    pub(in crate::html) ticks: Vec<(f64, String)>,
    pub(in crate::html) caption: String,
}

impl Axis {
    /// Time since the load began.
    pub(in crate::html) fn time(frame: Frame, end_s: f64) -> Self {
        let scale = Scale::exact(0.0, end_s, frame.across());
        let name = |second: f64| (second, moment(second, end_s));
        let unit = if end_s < SECONDS_ALONE {
            ""
        } else if end_s < MINUTES {
            ", min:s"
        } else {
            ", h:min"
        };
        Self {
            scale,
            ticks: scale.time_ticks().into_iter().map(name).collect(),
            caption: format!("since the load began{unit}"),
        }
    }

    /// From zero up, in the words of `name`.
    pub(in crate::html) fn amount(scale: Scale, caption: &str) -> Self {
        let name = |value: f64| (value, amount(value));
        Self {
            scale,
            ticks: scale.ticks().into_iter().map(name).collect(),
            caption: caption.to_owned(),
        }
    }

    /// Latencies in microseconds.
    pub(in crate::html) fn latency(scale: Scale) -> Self {
        let name = |us: f64| (us, latency(us));
        Self {
            scale,
            ticks: scale.ticks().into_iter().map(name).collect(),
            caption: "response time, log".to_owned(),
        }
    }
}

/// Up to so many seconds a time is said in seconds, and up to so many in minutes.
const SECONDS_ALONE: f64 = 120.0;
const MINUTES: f64 = 7_200.0;

/// A time on an axis that ends at `end_s`.
pub(in crate::html) fn moment(second: f64, end_s: f64) -> String {
    if end_s < SECONDS_ALONE {
        return format!("{} s", plain(second));
    }
    let second = second.round().max(0.0) as u64;
    if end_s < MINUTES {
        return format!("{}:{:02}", second / 60, second % 60);
    }
    format!("{}:{:02}", second / 3_600, second / 60 % 60)
}

fn amount(value: f64) -> String {
    if value >= 1e6 {
        return format!("{} M", plain(value / 1e6));
    }
    if value >= 1e3 {
        return count(value.round() as u64);
    }
    plain(value)
}

/// A round latency without the digits that do not count.
fn latency(us: f64) -> String {
    if us < 0.999 {
        return format!("{} ns", plain(us * 1e3));
    }
    if us < 999.0 {
        return format!("{} µs", plain(us));
    }
    if us < 999_000.0 {
        return format!("{} ms", plain(us / 1e3));
    }
    format!("{} s", amount(us / 1e6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_named_without_needless_digits() {
        let shown = [0.5, 1.0, 200.0, 1_000.0, 50_000.0, 2e6, 3.6e9].map(latency);
        assert_eq!(
            shown,
            [
                "500 ns", "1 µs", "200 µs", "1 ms", "50 ms", "2 s", "3,600 s"
            ]
        );
        let shown = [0.0, 0.5, 500.0, 12_000.0, 2.5e6].map(amount);
        assert_eq!(shown, ["0", "0.5", "500", "12,000", "2.5 M"]);
        let shown = [(15.0, 20.0), (90.0, 600.0), (5_400.0, 10_000.0)];
        let shown = shown.map(|(second, end)| moment(second, end));
        assert_eq!(shown, ["15 s", "1:30", "1:30"]);
    }
}
