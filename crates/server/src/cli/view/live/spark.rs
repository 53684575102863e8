//! Figures of seconds as a row of small bars.

/// The bars, the lowest first.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One bar per value, from zero to the greatest of them; a gap is a space.
pub fn line(values: &[Option<f64>]) -> String {
    let most = values.iter().flatten().copied().fold(0.0, f64::max);
    values
        .iter()
        .map(|value| value.map_or(' ', |value| BARS[level(value, most)]))
        .collect()
}

fn level(value: f64, most: f64) -> usize {
    if most <= 0.0 {
        return 0;
    }
    let share = (value / most).clamp(0.0, 1.0);
    (share * (BARS.len() - 1) as f64).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_is_a_full_bar_and_nothing_an_empty_one() {
        for (values, expected) in [
            (&[][..], ""),
            (&[Some(0.0), None, Some(0.0)], "▁ ▁"),
            (&[Some(0.0), Some(35.0), Some(70.0)], "▁▅█"),
            (&[Some(1.0), Some(1.0)], "██"),
            (&[Some(f64::NAN), Some(2.0)], "▁█"),
        ] {
            assert_eq!(line(values), expected, "{values:?}");
        }
    }
}
