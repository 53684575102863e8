//! What a column's sampled values come to.

use std::cmp::Ordering;
use std::collections::HashMap;
#[cfg(feature = "sqlite")]
use std::fmt::Write as _;

use crate::facts::ColumnProfile;

/// Common values that are told.
pub(crate) const COMMON: usize = 10;

/// Letters of a value that are kept: a profile is to be looked at, and its memory is to be bounded.
pub(crate) const LETTERS: usize = 200;

/// Values of more bytes are counted, not looked at.
pub(crate) const LARGE_BYTES: u64 = 2_000;

/// Values that a sample may hold, over all its columns. So a profile takes at most some 100 MB, and usually a few.
const CELLS: u64 = 500_000;

/// Rows to sample from a table of so many columns.
pub(crate) fn rows_to_sample(wanted: u32, columns: usize) -> u64 {
    u64::from(wanted.max(1)).min(CELLS / (columns as u64).clamp(1, CELLS))
}

/// How the texts of a column's values are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// As numbers.
    Numeric,
    /// As texts, byte by byte; this is also the order of dates and times.
    Text,
}

impl Order {
    fn compare(self, one: &str, other: &str) -> Ordering {
        match (self, one.parse::<f64>(), other.parse::<f64>()) {
            // Numbers that a float cannot tell apart, like large integers, are compared by their digits.
            (Self::Numeric, Ok(a), Ok(b)) => a
                .total_cmp(&b)
                .then_with(|| digits(one).cmp(&digits(other))),
            // SQLite's columns can mix; there numbers come before texts.
            (Self::Numeric, Ok(_), Err(_)) => Ordering::Less,
            (Self::Numeric, Err(_), Ok(_)) => Ordering::Greater,
            _ => one.cmp(other),
        }
    }
}

/// The exact value of an integer.
fn digits(text: &str) -> Option<i128> {
    text.parse().ok()
}

/// Counts the values of one column.
#[derive(Debug)]
pub(crate) struct Tally {
    order: Order,
    rows: u64,
    nulls: u64,
    bytes: u64,
    counts: HashMap<String, u64>,
    /// Values too large to be looked at: each counts as one of a kind.
    large: u64,
}

impl Tally {
    pub(crate) fn new(order: Order) -> Self {
        Self {
            order,
            rows: 0,
            nulls: 0,
            bytes: 0,
            counts: HashMap::new(),
            large: 0,
        }
    }

    /// Rows counted.
    #[cfg(feature = "postgres")]
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    pub(crate) fn null(&mut self) {
        self.rows += 1;
        self.nulls += 1;
    }

    /// A value of so many bytes; without its text if that is too large to be looked at.
    pub(crate) fn value(&mut self, bytes: u64, text: Option<String>) {
        self.rows += 1;
        self.bytes += bytes;
        match text {
            Some(mut text) => {
                shorten(&mut text);
                *self.counts.entry(text).or_insert(0) += 1;
            }
            None => self.large += 1,
        }
    }

    /// The profile of a column in a table of `rows` rows.
    pub(crate) fn profile(&self, name: &str, type_name: &str, rows: u64) -> ColumnProfile {
        let values = self.rows - self.nulls;
        let texts = self.counts.keys().map(String::as_str);
        let (min, max) = self.range(texts);
        let nulls_ratio = ratio(self.nulls, self.rows);
        let of_all = (rows as f64 * (1.0 - nulls_ratio)).round() as u64;
        ColumnProfile {
            name: name.to_owned(),
            type_name: type_name.to_owned(),
            nulls_ratio,
            distinct_estimate: (values > 0).then(|| self.distinct(of_all.max(values))),
            min,
            max,
            range_exact: false,
            average_bytes: (values > 0).then(|| self.bytes as f64 / values as f64),
            common: self.common(),
        }
    }

    /// Smallest and largest of some texts, in the column's order.
    pub(crate) fn range<'a>(
        &self,
        texts: impl Iterator<Item = &'a str> + Clone,
    ) -> (Option<String>, Option<String>) {
        let compare = |one: &&str, other: &&str| self.order.compare(one, other);
        (
            texts.clone().min_by(compare).map(str::to_owned),
            texts.max_by(compare).map(str::to_owned),
        )
    }

    /// The estimator Duj1 of Haas and Stokes, "Estimating the number of classes in a finite population" (1998), which
    /// PostgreSQL's ANALYZE uses as well: `n d / (n - f1 + f1 n / N)`. Exact when all rows were sampled.
    fn distinct(&self, of_all: u64) -> u64 {
        let sampled = (self.rows - self.nulls) as f64;
        let different = (self.counts.len() as u64 + self.large) as f64;
        let once = self.counts.values().filter(|count| **count == 1).count() as u64 + self.large;
        let once = once as f64;
        let estimate = sampled * different / (sampled - once + once * sampled / of_all as f64);
        (estimate.round() as u64).clamp(different as u64, of_all)
    }

    fn common(&self) -> Vec<(String, f64)> {
        let several = self.counts.iter().filter(|(_, count)| **count > 1);
        let mut several: Vec<(&String, u64)> =
            several.map(|(text, count)| (text, *count)).collect();
        several.sort_by(|(a, more), (b, less)| less.cmp(more).then(a.cmp(b)));
        let told = several.into_iter().take(COMMON);
        told.map(|(text, count)| (text.clone(), ratio(count, self.rows)))
            .collect()
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 / whole as f64
}

/// Keeps the first letters.
pub(crate) fn shorten(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(LETTERS) {
        text.truncate(end);
    }
}

/// Bytes as PostgreSQL writes them.
#[cfg(feature = "sqlite")]
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("\\x");
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
    }
    text
}

#[cfg(test)]
mod tests;
