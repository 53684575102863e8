//! Parameter generators: pure functions of (seed, operation index, parameter position).
//!
//! Randomness is counter-based: a draw is a hash of where it is used, so any worker can compute any operation's
//! parameters without having computed the ones before.

use std::sync::Arc;

use crate::value::Value;

/// Where the value of one statement parameter comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Generator {
    /// The same value each time.
    Literal(Value),
    /// Each number of the range with the same probability.
    Uniform {
        /// Lower end, inclusive.
        min: i64,
        /// Upper end, inclusive.
        max: i64,
    },
    /// `min` is the most frequent, then `min + 1`, with frequencies of rank to the power of `-exponent`.
    Zipf {
        /// Lower end, inclusive.
        min: i64,
        /// Upper end, inclusive.
        max: i64,
        /// Skew; 0 is uniform.
        exponent: f64,
    },
    /// `min` plus the operation index, beginning again at `min` after `max`.
    Sequential {
        /// Lower end, inclusive.
        min: i64,
        /// Upper end, inclusive.
        max: i64,
    },
    /// The next key of the connection's part of the plan's key block; never repeated.
    UniqueKey,
    /// Random lower-case letters.
    Text {
        /// Number of letters.
        length: usize,
    },
    /// One of a list of values, which must not be empty.
    Pool {
        /// The values.
        values: Arc<[Value]>,
        /// How they are drawn.
        order: PoolOrder,
    },
}

/// How values are drawn from a pool.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PoolOrder {
    /// Each with the same probability.
    Uniform,
    /// The one whose place is the operation index, beginning again at the first after the last.
    Sequential,
    /// The first is the most frequent, with frequencies of place to the power of `-exponent`.
    Zipf {
        /// Skew; 0 is uniform.
        exponent: f64,
    },
}

/// A number from `min..=max`, each with the same probability, for parameter `position` of operation `index`.
#[must_use]
pub fn uniform(seed: u64, index: u64, position: u32, min: i64, max: i64) -> i64 {
    Stream::new(seed, index, position).uniform(min, max)
}

/// Replaces the buffer's content by `length` random lower-case letters for parameter `position` of operation `index`.
pub fn letters(seed: u64, index: u64, position: u32, length: usize, buffer: &mut String) {
    buffer.clear();
    Stream::new(seed, index, position).letters(length, buffer);
}

/// A generator made ready: constants computed, everything but the unique key.
#[derive(Debug)]
pub(crate) enum Sampler {
    Literal(Value),
    Uniform { min: i64, max: i64 },
    Zipf { min: i64, zipf: Zipf },
    Sequential { min: i64, max: i64 },
    UniqueKey,
    Text { length: usize },
    Pool { values: Arc<[Value]>, draw: Draw },
}

/// A place in a pool.
#[derive(Debug)]
pub(crate) enum Draw {
    Uniform,
    Sequential,
    Zipf(Zipf),
}

impl Draw {
    fn new(order: PoolOrder, places: usize) -> Self {
        match order {
            PoolOrder::Uniform => Self::Uniform,
            PoolOrder::Sequential => Self::Sequential,
            PoolOrder::Zipf { exponent } => Self::Zipf(Zipf::new(places as u64, exponent)),
        }
    }

    /// Below `places`, which is not 0.
    fn place(&self, seed: u64, index: u64, position: u32, places: usize) -> usize {
        let mut stream = Stream::new(seed, index, position);
        match self {
            Self::Uniform => stream.uniform(0, places as i64 - 1) as usize,
            Self::Sequential => (index % places as u64) as usize,
            Self::Zipf(zipf) => zipf.rank(&mut stream) as usize - 1,
        }
    }
}

impl From<&Generator> for Sampler {
    fn from(generator: &Generator) -> Self {
        match *generator {
            Generator::Literal(ref value) => Self::Literal(value.clone()),
            Generator::Uniform { min, max } => Self::Uniform { min, max },
            Generator::Zipf { min, max, exponent } => Self::Zipf {
                min,
                zipf: Zipf::new(max.abs_diff(min).saturating_add(1), exponent),
            },
            Generator::Sequential { min, max } => Self::Sequential { min, max },
            Generator::UniqueKey => Self::UniqueKey,
            Generator::Text { length } => Self::Text { length },
            Generator::Pool { ref values, order } => Self::Pool {
                values: Arc::clone(values),
                draw: Draw::new(order, values.len()),
            },
        }
    }
}

/// A sequence of random numbers that belongs to no operation.
#[derive(Debug)]
pub(crate) struct Random(Stream);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Stream::new(seed, 0, u32::MAX))
    }

    /// Above 0 and at most 1.
    pub(crate) fn positive_fraction(&mut self) -> f64 {
        1.0 - self.0.fraction()
    }
}

/// The random numbers that belong to one parameter of one operation.
#[derive(Debug)]
struct Stream {
    state: u64,
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finalizer of splitmix64: every input bit changes every output bit with a probability of one half.
fn mixed(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

impl Stream {
    fn new(seed: u64, index: u64, position: u32) -> Self {
        // Two rounds, so that neighbouring indices and positions do not start neighbouring streams.
        let place = mixed(seed.wrapping_add(GOLDEN)) ^ index;
        Self {
            state: mixed(place.wrapping_mul(GOLDEN)).wrapping_add(mixed(
                u64::from(position).wrapping_add(1).wrapping_mul(GOLDEN),
            )),
        }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mixed(self.state)
    }

    /// In `0.0..1.0`, with 53 random bits.
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    fn uniform(&mut self, min: i64, max: i64) -> i64 {
        // Multiply and shift; the bias is below (range / 2^64), which no count of operations can show.
        let range = u128::from(max.abs_diff(min)) + 1;
        let offset = (u128::from(self.next()) * range) >> 64;
        min.wrapping_add(offset as i64)
    }

    fn letters(&mut self, length: usize, buffer: &mut String) {
        buffer.reserve(length);
        let mut left = length;
        while left > 0 {
            let count = left.min(8);
            for byte in &self.next().to_le_bytes()[..count] {
                buffer.push(char::from(b'a' + ((u16::from(*byte) * 26) >> 8) as u8));
            }
            left -= count;
        }
    }
}

impl Sampler {
    /// Writes the value for one operation; `key` hands out the connection's next unique key.
    pub(crate) fn write<E>(
        &self,
        seed: u64,
        index: u64,
        position: u32,
        value: &mut Value,
        key: impl FnOnce() -> Result<i64, E>,
    ) -> Result<(), E> {
        match *self {
            Self::Literal(ref literal) => {
                // The buffers belong to one operation, so this clone happens once per connection.
                if value != literal {
                    value.clone_from(literal);
                }
            }
            Self::Uniform { min, max } => {
                *value = Value::Int(Stream::new(seed, index, position).uniform(min, max));
            }
            Self::Zipf { min, ref zipf } => {
                *value =
                    Value::Int(min.wrapping_add(
                        (zipf.rank(&mut Stream::new(seed, index, position)) - 1) as i64,
                    ));
            }
            Self::Sequential { min, max } => {
                let range = u128::from(max.abs_diff(min)) + 1;
                *value = Value::Int(min.wrapping_add((u128::from(index) % range) as i64));
            }
            Self::UniqueKey => *value = Value::Int(key()?),
            Self::Text { length } => {
                Stream::new(seed, index, position).letters(length, value.text_buffer());
            }
            Self::Pool {
                ref values,
                ref draw,
            } => value.copy(&values[draw.place(seed, index, position, values.len())]),
        }
        Ok(())
    }
}

/// Zipf ranks by rejection-inversion (W. Hörmann and G. Derflinger, "Rejection-inversion to generate variates from
/// monotone discrete distributions", 1996): constant time and memory for any number of ranks.
#[derive(Debug)]
pub(crate) struct Zipf {
    ranks: f64,
    exponent: f64,
    integral_first: f64,
    integral_last: f64,
    shortcut: f64,
}

impl Zipf {
    fn new(ranks: u64, exponent: f64) -> Self {
        let ranks = ranks as f64;
        let mut zipf = Self {
            ranks,
            exponent,
            integral_first: 0.0,
            integral_last: 0.0,
            shortcut: 0.0,
        };
        zipf.integral_first = zipf.integral(1.5) - 1.0;
        zipf.integral_last = zipf.integral(ranks + 0.5);
        zipf.shortcut = 2.0 - zipf.integral_inverse(zipf.integral(2.5) - zipf.density(2.0));
        zipf
    }

    /// In `1..=ranks`.
    fn rank(&self, stream: &mut Stream) -> u64 {
        loop {
            let area =
                self.integral_last + stream.fraction() * (self.integral_first - self.integral_last);
            let x = self.integral_inverse(area);
            let rank = (x + 0.5).floor().clamp(1.0, self.ranks);
            if rank - x <= self.shortcut || area >= self.integral(rank + 0.5) - self.density(rank) {
                return rank as u64;
            }
        }
    }

    fn density(&self, x: f64) -> f64 {
        (-self.exponent * x.ln()).exp()
    }

    /// The integral of the density from 1 to x; written so that exponents near 1 lose no precision.
    fn integral(&self, x: f64) -> f64 {
        let log = x.ln();
        let power = (1.0 - self.exponent) * log;
        log * if power.abs() > 1e-8 {
            power.exp_m1() / power
        } else {
            1.0 + power / 2.0
        }
    }

    fn integral_inverse(&self, area: f64) -> f64 {
        // Rounding can push the product below the domain of the logarithm.
        let power = (area * (1.0 - self.exponent)).max(-1.0);
        let factor = if power.abs() > 1e-8 {
            power.ln_1p() / power
        } else {
            1.0 - power / 2.0
        };
        (area * factor).exp()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn draw(generator: &Generator, seed: u64, index: u64, position: u32) -> Value {
        let mut value = Value::Null;
        let drawn = Sampler::from(generator)
            .write(seed, index, position, &mut value, || Err("no keys here"));
        assert_eq!(drawn, Ok(()));
        value
    }

    fn int(generator: &Generator, index: u64) -> i64 {
        let Value::Int(int) = draw(generator, 7, index, 0) else {
            panic!("not an int")
        };
        int
    }

    #[test]
    fn literals_and_sequences_are_what_they_say() {
        let literal = Generator::Literal(Value::Text("x".into()));
        assert_eq!(draw(&literal, 1, 99, 0), Value::Text("x".into()));
        let sequential = Generator::Sequential { min: -1, max: 1 };
        assert_eq!(
            (0..5)
                .map(|index| int(&sequential, index))
                .collect::<Vec<_>>(),
            [-1, 0, 1, -1, 0]
        );
        assert_eq!(
            int(
                &Generator::Sequential {
                    min: i64::MIN,
                    max: i64::MAX
                },
                5
            ),
            i64::MIN + 5
        );
    }

    #[test]
    fn text_has_its_length_in_letters_and_reuses_the_buffer() {
        for length in [0, 1, 7, 8, 9, 120] {
            let Value::Text(text) = draw(&Generator::Text { length }, 1, 2, 3) else {
                panic!("not text")
            };
            assert_eq!(text.len(), length);
            assert!(text.bytes().all(|byte| byte.is_ascii_lowercase()));
        }
        let mut value = Value::Text(String::with_capacity(64));
        let before = value.text_buffer().as_ptr();
        Sampler::Text { length: 60 }
            .write(1, 1, 1, &mut value, || Err(()))
            .expect("text needs no key");
        assert_eq!(value.text_buffer().as_ptr(), before);
    }

    fn pool(order: PoolOrder, values: u32) -> Generator {
        Generator::Pool {
            values: (0..values)
                .map(|value| Value::Text(value.to_string()))
                .collect(),
            order,
        }
    }

    fn place(generator: &Generator, index: u64) -> usize {
        let Value::Text(text) = draw(generator, 7, index, 0) else {
            panic!("not text")
        };
        text.parse().expect("a place")
    }

    #[test]
    fn a_pool_is_drawn_from_in_its_order() {
        let sequential = pool(PoolOrder::Sequential, 3);
        let places: Vec<_> = (0..5).map(|index| place(&sequential, index)).collect();
        assert_eq!(places, [0, 1, 2, 0, 1]);
        let mut counts = [0_u32; 10];
        for index in 0..100_000 {
            counts[place(&pool(PoolOrder::Uniform, 10), index)] += 1;
        }
        assert!(
            counts.iter().all(|count| count.abs_diff(10_000) < 380),
            "{counts:?}"
        );
        let zipf = pool(PoolOrder::Zipf { exponent: 1.0 }, 10);
        let number = Generator::Zipf {
            min: 0,
            max: 9,
            exponent: 1.0,
        };
        for index in 0..1_000 {
            assert_eq!(place(&zipf, index) as i64, int(&number, index));
        }
        assert_eq!(place(&pool(PoolOrder::Zipf { exponent: 2.0 }, 1), 5), 0);
    }

    #[test]
    fn a_pool_has_null_and_reuses_the_buffer_for_texts() {
        let values = [
            Value::Null,
            Value::Text("long enough".into()),
            Value::Text("x".into()),
        ];
        let sampler = Sampler::from(&Generator::Pool {
            values: values.clone().into(),
            order: PoolOrder::Sequential,
        });
        let mut value = Value::Int(3);
        let mut write = |index| {
            sampler
                .write(1, index, 0, &mut value, || Err(()))
                .expect("a pool needs no key");
            value.clone()
        };
        assert_eq!([write(0), write(1), write(2)], values);
        let mut value = Value::Text(String::with_capacity(64));
        let before = value.text_buffer().as_ptr();
        value.copy(&values[1]);
        assert_eq!(value.text_buffer().as_ptr(), before);
    }

    #[test]
    fn the_public_functions_draw_what_the_generators_draw() {
        let mut text = String::from("old");
        letters(3, 4, 5, 20, &mut text);
        assert_eq!(
            Value::Text(text),
            draw(&Generator::Text { length: 20 }, 3, 4, 5)
        );
        assert_eq!(
            Value::Int(uniform(3, 4, 5, 1, 1_000)),
            draw(&Generator::Uniform { min: 1, max: 1_000 }, 3, 4, 5)
        );
    }

    #[test]
    fn uniform_fills_its_range_evenly() {
        let generator = Generator::Uniform { min: 10, max: 19 };
        let mut counts = [0_u32; 10];
        for index in 0..100_000 {
            counts[(int(&generator, index) - 10) as usize] += 1;
        }
        // Four standard deviations of a binomial with n = 100,000 and p = 0.1 are 380.
        assert!(
            counts.iter().all(|count| count.abs_diff(10_000) < 380),
            "{counts:?}"
        );
    }

    #[test]
    fn zipf_frequencies_follow_the_power_law() {
        for exponent in [0.0, 0.5, 1.0, 1.2, 2.0] {
            let generator = Generator::Zipf {
                min: 1,
                max: 1_000,
                exponent,
            };
            let draws = 200_000_u64;
            let mut counts = vec![0_u32; 1_001];
            for index in 0..draws {
                counts[int(&generator, index) as usize] += 1;
            }
            let whole: f64 = (1..=1_000)
                .map(|rank| f64::from(rank).powf(-exponent))
                .sum();
            for rank in [1_u32, 2, 3, 10, 100] {
                let expected = draws as f64 * f64::from(rank).powf(-exponent) / whole;
                let difference = (f64::from(counts[rank as usize]) - expected).abs();
                assert!(
                    difference < 4.5 * expected.sqrt() + 1.0,
                    "exponent {exponent} rank {rank}: {} against {expected}",
                    counts[rank as usize]
                );
            }
        }
    }

    #[test]
    fn positions_and_seeds_give_independent_values() {
        let generator = Generator::Uniform {
            min: 0,
            max: i64::MAX,
        };
        let values = [
            draw(&generator, 1, 1, 0),
            draw(&generator, 1, 1, 1),
            draw(&generator, 1, 2, 0),
            draw(&generator, 2, 1, 0),
        ];
        for (at, value) in values.iter().enumerate() {
            assert!(!values[at + 1..].contains(value), "{values:?}");
        }
    }

    proptest! {
        #[test]
        fn values_stay_in_range_and_repeat(seed: u64, index: u64, position: u32, a: i64, b: i64, exponent in 0.0..4.0_f64) {
            let (min, max) = (a.min(b), a.max(b));
            for generator in [
                Generator::Uniform { min, max },
                Generator::Zipf { min, max, exponent },
                Generator::Sequential { min, max },
            ] {
                let value = draw(&generator, seed, index, position);
                let Value::Int(int) = value else { panic!("not an int") };
                prop_assert!((min..=max).contains(&int), "{generator:?} gave {int}");
                prop_assert_eq!(draw(&generator, seed, index, position), value);
            }
        }
    }
}
