//! Columns cut into bins: what trees are grown from.
//!
//! A column becomes a byte a row: 255 bins of about as many rows each, and one for what is
//! missing. A value that many rows share has a bin of its own, and what is left of the bins is
//! spread over the rest, so that rare values at the ends are told apart too. Columns of up to 255
//! different values lose nothing.
//!
//! Values are taken in single precision, as scikit-learn's trees take them: what differs by less is
//! one value. Histograms as in LightGBM (Ke et al., NeurIPS 2017) and scikit-learn's
//! `HistGradientBoosting`.

use crate::numeric::{Features, parallel};

/// Bins of values that are there.
pub(crate) const BINS: usize = 255;
/// The bin of what is missing.
pub(crate) const MISSING_BIN: u8 = 255;
/// Rows that the bins of a column are made from at most.
const SAMPLE: usize = 200_000;

/// A column as trees see it.
#[derive(Debug, Clone)]
pub(crate) struct BinnedColumn {
    /// A bin for each row.
    pub(crate) bins: Vec<u8>,
    /// The smallest value of each bin.
    pub(crate) low: Vec<f32>,
    /// The largest value of each bin.
    pub(crate) high: Vec<f32>,
}

/// Bins of all columns.
pub(crate) fn bin_columns(features: &Features, threads: usize) -> Vec<BinnedColumn> {
    parallel::map(features.len(), threads, |column| {
        bin(features.column(column))
    })
}

/// A value as trees see it; NaN stays.
#[inline]
pub(crate) fn single(value: f64) -> f32 {
    // Rounding may make it infinite, which a threshold could not lie beside.
    (value as f32).clamp(f32::MIN, f32::MAX)
}

/// Groups of values next to each other, with the rows that each has.
struct Groups {
    low: Vec<f32>,
    high: Vec<f32>,
    counts: Vec<usize>,
}

/// Bins made of a sample of the rows, where there are many.
fn bin(values: &[f64]) -> BinnedColumn {
    let step = values.len().div_ceil(SAMPLE).max(1);
    let mut groups = distinct(values.iter().copied().step_by(step)).merged(BINS);
    let edges = groups.edges();
    let bins = values
        .iter()
        .map(|value| {
            if value.is_nan() {
                return MISSING_BIN;
            }
            let value = single(*value);
            let bin = edges.partition_point(|edge| *edge < value);
            if let (Some(low), Some(high)) = (groups.low.get_mut(bin), groups.high.get_mut(bin)) {
                // The sample may not have had it.
                *low = low.min(value);
                *high = high.max(value);
            }
            bin as u8
        })
        .collect();
    BinnedColumn {
        bins,
        low: groups.low,
        high: groups.high,
    }
}

/// Each value that occurs, in order.
fn distinct(values: impl Iterator<Item = f64>) -> Groups {
    // +0 is 0: the two are one value.
    let mut sorted: Vec<f32> = values
        .filter(|value| !value.is_nan())
        .map(|value| single(value) + 0.0)
        .collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let mut groups = Groups {
        low: Vec::new(),
        high: Vec::new(),
        counts: Vec::new(),
    };
    for run in sorted.chunk_by(|a, b| a.total_cmp(b).is_eq()) {
        groups.low.push(run[0]);
        groups.high.push(run[0]);
        groups.counts.push(run.len());
    }
    groups
}

impl Groups {
    /// At most `most` groups: those that have many rows stay by themselves, the others are put
    /// together with their neighbours into groups of about as many rows each.
    fn merged(self, most: usize) -> Self {
        let length = self.counts.len();
        if length <= most {
            return self;
        }
        let mut rows: usize = self.counts.iter().sum();
        let mut left = most;
        // Groups larger than the mean stand alone; the mean of the others is smaller then.
        let mean = rows as f64 / most as f64;
        let alone: Vec<bool> = self.counts.iter().map(|&c| c as f64 >= mean).collect();
        for (count, alone) in self.counts.iter().zip(&alone) {
            if *alone {
                rows -= count;
                left -= 1;
            }
        }
        // A group that stands alone may cut a run in two: such a rest takes a bin too.
        let mut merged = Self {
            low: Vec::with_capacity(most),
            high: Vec::with_capacity(most),
            counts: Vec::with_capacity(most),
        };
        let mut size = rows as f64 / left.max(1) as f64;
        let mut open: Option<(f32, usize)> = None;
        for place in 0..length {
            let count = self.counts[place];
            let (low, sum) = match open.take() {
                None => (self.low[place], count),
                Some((low, sum)) => (low, sum + count),
            };
            if !alone[place] {
                rows -= count;
            }
            let full = sum as f64 >= size;
            let ends = alone[place] || full || alone.get(place + 1).copied().unwrap_or(true);
            // The last bin takes all that is left.
            let room = merged.counts.len() + 1 < most;
            if (ends && room) || place + 1 == length {
                merged.low.push(low);
                merged.high.push(self.high[place]);
                merged.counts.push(sum);
                if !alone[place] {
                    left = left.saturating_sub(1);
                    size = rows as f64 / left.max(1) as f64;
                }
            } else {
                open = Some((low, sum));
            }
        }
        merged
    }

    /// Between each group and the next; a value belongs to the first group whose edge is not below
    /// it.
    fn edges(&self) -> Vec<f32> {
        self.high
            .iter()
            .zip(self.low.iter().skip(1))
            .map(|(below, above)| between(*below, *above))
            .collect()
    }
}

/// The middle of two values, and less than the larger; scikit-learn's place of a cut.
pub(crate) fn between(below: f32, above: f32) -> f32 {
    let middle = below / 2.0 + above / 2.0;
    if middle < above && middle >= below {
        middle
    } else {
        below
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_values_keep_apart() {
        let column = bin(&[3.0, f64::NAN, 1.0, 3.0, -0.0, 0.0, 1e300]);
        assert_eq!(column.bins, [2, MISSING_BIN, 1, 2, 0, 0, 3]);
        assert_eq!(column.low, [0.0, 1.0, 3.0, f32::MAX]);
        assert!(bin(&[f64::NAN]).low.is_empty());
    }

    #[test]
    fn a_common_value_stands_alone() {
        // Nine rows of ten are 0; the others are all different.
        let values: Vec<f64> = (0..10_000)
            .map(|i| if i % 10 == 0 { f64::from(i) } else { 0.0 })
            .collect();
        let column = bin(&values);
        assert_eq!(column.low.len(), BINS);
        assert_eq!((column.low[0], column.high[0]), (0.0, 0.0));
        let mut counts = [0; BINS];
        for bin in &column.bins {
            counts[usize::from(*bin)] += 1;
        }
        assert!(
            counts[1..].iter().all(|c| (2..=6).contains(c)),
            "{counts:?}"
        );
    }

    proptest! {
        #[test]
        fn bins_keep_the_order(
            values in proptest::collection::vec(
                prop_oneof![Just(f64::NAN), Just(0.0), -1e9..1e9, (0..500).prop_map(f64::from)],
                1..3000,
            )
        ) {
            let column = bin(&values);
            prop_assert!(column.low.len() <= BINS);
            for (row, value) in values.iter().enumerate() {
                let bin = column.bins[row];
                if value.is_nan() {
                    prop_assert_eq!(bin, MISSING_BIN);
                    continue;
                }
                let bin = usize::from(bin);
                let value = single(*value);
                prop_assert!(column.low[bin] <= value && value <= column.high[bin]);
            }
            prop_assert!(column.high.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
