//! From values to places in a chart, and the round values that its axes name.

/// Where values lie on a stretch of a chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    kind: Kind,
    from: f64,
    to: f64,
    start: f64,
    end: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Linear,
    Log,
}

/// A stretch of a chart: where the smallest value lies, and where the largest.
pub(super) type Stretch = (f64, f64);

impl Scale {
    /// From exactly `from` to exactly `to`.
    pub(super) fn exact(from: f64, to: f64, (start, end): Stretch) -> Self {
        let to = if to > from { to } else { from + 1.0 };
        Self {
            kind: Kind::Linear,
            from,
            to,
            start,
            end,
        }
    }

    /// From zero to the first round value that is not below `largest`.
    pub(super) fn from_zero(largest: f64, stretch: Stretch) -> Self {
        let largest = if largest.is_finite() && largest > 0.0 {
            largest
        } else {
            1.0
        };
        let step = round_step(largest, MOST_TICKS);
        let to = (largest / step - 1e-9).ceil().max(1.0) * step;
        Self::exact(0.0, to, stretch)
    }

    /// Logarithmic, between round values around `smallest` and `largest`, which
    /// are above zero.
    pub(super) fn log(smallest: f64, largest: f64, (start, end): Stretch) -> Self {
        let smallest = smallest.max(1e-9);
        let largest = largest.max(smallest);
        let (mut from, mut to) = (round_below(smallest), round_above(largest));
        // A scale of one value, or nearly, still shows where that value lies.
        if to / from < 3.0 {
            from = round_below(from * 0.99);
            to = round_above(to * 1.01);
        }
        Self {
            kind: Kind::Log,
            from,
            to,
            start,
            end,
        }
    }

    /// Where a value lies; values beyond the ends lie at the ends.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = match self.kind {
            Kind::Linear => (value - self.from) / (self.to - self.from),
            Kind::Log if value <= 0.0 => 0.0,
            Kind::Log => (value / self.from).ln() / (self.to / self.from).ln(),
        };
        let share = if share.is_nan() { 0.0 } else { share };
        self.start + share.clamp(0.0, 1.0) * (self.end - self.start)
    }

    /// The largest value.
    pub(super) fn largest(&self) -> f64 {
        self.to
    }

    /// The values that the axis names, rising.
    pub(super) fn ticks(&self) -> Vec<f64> {
        match self.kind {
            Kind::Linear => self.every(round_step(self.to - self.from, MOST_TICKS)),
            Kind::Log => self.decades(),
        }
    }

    /// As [`Scale::ticks`], where the values are seconds: at full minutes and hours.
    pub(super) fn time_ticks(&self) -> Vec<f64> {
        self.every(time_step(self.to - self.from, MOST_TIMES))
    }

    fn every(&self, step: f64) -> Vec<f64> {
        let first = (self.from / step - 1e-9).ceil();
        let last = (self.to / step + 1e-9).floor();
        let count = (last - first).clamp(0.0, 100.0) as u32;
        (0..=count)
            .map(|tick| (first + f64::from(tick)) * step)
            .collect()
    }

    /// 1, 2 and 5 of each power of ten as long as they are few, then the powers
    /// alone, then each second, third, … of them.
    fn decades(&self) -> Vec<f64> {
        let (low, high) = (power_of(self.from), power_of(self.to));
        let mut all: Vec<f64> = (low..=high)
            .flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)))
            .collect();
        let inside =
            |value: &f64| *value >= self.from * (1.0 - 1e-9) && *value <= self.to * (1.0 + 1e-9);
        all.retain(inside);
        if all.len() <= MOST_DIGITS {
            return all;
        }
        let powers = (high - low).unsigned_abs() as usize;
        let each = powers.div_ceil(MOST_TICKS).max(1);
        let mut powers: Vec<f64> = (low..=high)
            .step_by(each)
            .map(|power| 10_f64.powi(power))
            .collect();
        powers.retain(inside);
        powers
    }
}

/// The most values that an axis names: round steps, 1-2-5 of each power of ten,
/// and times.
const MOST_TICKS: usize = 6;
const MOST_DIGITS: usize = 9;
const MOST_TIMES: usize = 7;
/// Lengths of time that people count in, seconds.
const TIMES: [f64; 20] = [
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0,
    3_600.0, 7_200.0, 14_400.0, 21_600.0, 43_200.0,
];

/// The smallest of 1, 2, 5, 10, … that goes into `length` at most `most` times.
fn round_step(length: f64, most: usize) -> f64 {
    let least = (length / most as f64).max(f64::MIN_POSITIVE);
    round_above(least * (1.0 - 1e-9))
}

fn time_step(length: f64, most: usize) -> f64 {
    let least = length / most as f64;
    let known = TIMES.into_iter().find(|step| *step >= least * (1.0 - 1e-9));
    // Beyond that, whole days.
    known.unwrap_or_else(|| round_above(least / 86_400.0).max(1.0) * 86_400.0)
}

fn power_of(value: f64) -> i32 {
    (value.log10() + 1e-9).floor() as i32
}

/// The largest of 1, 2, 5, 10, … that is not above a value.
fn round_below(value: f64) -> f64 {
    let power = 10_f64.powi(power_of(value));
    let digit = value / power + 1e-9;
    let round = [5.0, 2.0].into_iter().find(|round| digit >= *round);
    round.unwrap_or(1.0) * power
}

/// The smallest of 1, 2, 5, 10, … that is not below a value.
fn round_above(value: f64) -> f64 {
    let power = 10_f64.powi(power_of(value));
    let digit = value / power - 1e-9;
    let round = [1.0, 2.0, 5.0].into_iter().find(|round| digit <= *round);
    round.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STRETCH: Stretch = (300.0, 20.0);

    #[test]
    fn axes_name_round_values() {
        let zero = |largest| Scale::from_zero(largest, STRETCH).ticks();
        assert_eq!(
            zero(0.0),
            [0.0, 0.2, 0.4, 0.600_000_000_000_000_1, 0.8, 1.0]
        );
        assert_eq!(zero(9.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(
            zero(10_000.0),
            [0.0, 2_000.0, 4_000.0, 6_000.0, 8_000.0, 10_000.0]
        );
        let log = |from, to| Scale::log(from, to, STRETCH).ticks();
        assert_eq!(log(120.0, 900.0), [100.0, 200.0, 500.0, 1_000.0]);
        assert_eq!(log(120.0, 90_000.0), [100.0, 1_000.0, 10_000.0, 100_000.0]);
        assert_eq!(log(100.0, 100.0), [50.0, 100.0, 200.0]);
        let time = |to| Scale::exact(0.0, to, STRETCH).time_ticks();
        assert_eq!(time(20.0), [0.0, 5.0, 10.0, 15.0, 20.0]);
        assert_eq!(
            time(3_601.0),
            [0.0, 600.0, 1_200.0, 1_800.0, 2_400.0, 3_000.0, 3_600.0]
        );
        assert_eq!(time(400_000.0).len(), 5);
    }

    fn scale() -> impl Strategy<Value = Scale> {
        let value = 1e-3..1e12_f64;
        prop_oneof![
            value.clone().prop_map(|to| Scale::from_zero(to, STRETCH)),
            (value.clone(), value).prop_map(|(a, b)| Scale::log(a.min(b), a.max(b), STRETCH)),
        ]
    }

    proptest! {
        #[test]
        fn places_rise_and_stay_inside(scale in scale(), values in prop::collection::vec(-1.0..1e13_f64, 2..20)) {
            let mut values = values;
            values.sort_by(f64::total_cmp);
            let places: Vec<f64> = values.iter().map(|value| scale.at(*value)).collect();
            for place in &places {
                prop_assert!((20.0..=300.0).contains(place), "{place}");
            }
            for pair in places.windows(2) {
                prop_assert!(pair[1] <= pair[0], "the axis goes up: {pair:?}");
            }
        }

        #[test]
        fn what_it_is_made_for_is_inside(smallest in 1e-3..1e9_f64, factor in 1.0..1e6_f64) {
            let largest = smallest * factor;
            let log = Scale::log(smallest, largest, STRETCH);
            prop_assert!(log.from <= smallest * 1.000_001);
            prop_assert!(log.largest() >= largest * 0.999_999);
            prop_assert!(Scale::from_zero(largest, STRETCH).largest() >= largest * 0.999_999);
        }

        #[test]
        fn ticks_are_few_rising_and_inside(scale in scale()) {
            let ticks = scale.ticks();
            prop_assert!((2..=MOST_DIGITS).contains(&ticks.len()), "{ticks:?}");
            for tick in &ticks {
                let slack = 1.0 + 1e-6;
                prop_assert!(*tick * slack >= scale.from && *tick <= scale.largest() * slack);
            }
            prop_assert!(ticks.windows(2).all(|pair| pair[0] < pair[1]), "{ticks:?}");
        }
    }
}
