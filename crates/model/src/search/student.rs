//! Student's t distribution: its 97.5 % quantile, for two-sided 95 % intervals.

/// The normal distribution's 97.5 % quantile.
pub(super) const NORMAL: f64 = 1.959_963_984_540_054;

/// The 97.5 % quantile with so many degrees of freedom; infinite with none. By
/// the expansion in 1/n of Abramowitz and Stegun 26.7.5, which is good to four
/// digits from five degrees on; below that from the tables.
pub(super) fn quantile(degrees: usize) -> f64 {
    match degrees {
        0 => return f64::INFINITY,
        1 => return 12.7062,
        2 => return 4.3027,
        3 => return 3.1824,
        4 => return 2.7764,
        _ => {}
    }
    let n = degrees as f64;
    let z = NORMAL;
    let (z3, z5, z7, z9) = (z.powi(3), z.powi(5), z.powi(7), z.powi(9));
    z + (z3 + z) / (4.0 * n)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * n.powi(2))
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / (384.0 * n.powi(3))
        + (79.0 * z9 + 776.0 * z7 + 1482.0 * z5 - 1920.0 * z3 - 945.0 * z) / (92_160.0 * n.powi(4))
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn the_quantiles_are_those_of_the_tables() {
        let tables = [
            (1, 12.706),
            (4, 2.776),
            (5, 2.571),
            (9, 2.262),
            (19, 2.093),
            (30, 2.042),
            (120, 1.980),
        ];
        for (degrees, expected) in tables {
            let found = quantile(degrees);
            assert!((found - expected).abs() < 1e-3, "{degrees}: {found}");
        }
    }
}
