//! Columns cut into bins: what trees are grown from.
//!
//! A column becomes a byte a row: 255 bins of about as many rows each, and one for what is
//! missing. A value that many rows share has a bin of its own, and what is left of the bins is
//! spread over the rest, so that rare values at the ends are told apart too. Columns of up to 255
//! different values lose nothing.
//!
//! Where a node has few rows, bins may be too coarse: [`Ranks`] keep up to 65,535 different values
//! apart. Sources: histograms as in LightGBM (Ke et al., NeurIPS 2017) and scikit-learn's
//! `HistGradientBoosting`.

use crate::numeric::{Features, parallel};

/// Bins of values that are there.
pub(crate) const BINS: usize = 255;
/// The bin of what is missing.
pub(crate) const MISSING_BIN: u8 = 255;
/// The rank of what is missing.
pub(crate) const MISSING_RANK: u16 = u16::MAX;
/// Different ranks of values that are there.
const RANKS: usize = 65_535;
/// Rows that the bins of a column are made from at most.
const SAMPLE: usize = 200_000;

/// A column as trees see it.
#[derive(Debug, Clone)]
pub(crate) struct BinnedColumn {
    /// A bin for each row.
    pub(crate) bins: Vec<u8>,
    /// The smallest value of each bin.
    pub(crate) low: Vec<f64>,
    /// The largest value of each bin.
    pub(crate) high: Vec<f64>,
}

/// The same column with more different values.
#[derive(Debug, Clone)]
pub(crate) struct Ranks {
    /// A rank for each row.
    pub(crate) of: Vec<u16>,
    /// The smallest value of each rank.
    pub(crate) low: Vec<f64>,
    /// The largest value of each rank.
    pub(crate) high: Vec<f64>,
}

/// A table as trees see it.
#[derive(Debug)]
pub(crate) struct Binned {
    pub(crate) columns: Vec<BinnedColumn>,
    /// Empty where bins are enough.
    pub(crate) ranks: Vec<Ranks>,
}

impl Binned {
    /// Bins of all columns, and with `ranks` the finer ones too.
    pub(crate) fn new(features: &Features, ranks: bool, threads: usize) -> Self {
        let made = parallel::map(features.len(), threads, |column| {
            let values = features.column(column);
            if ranks {
                let (column, ranks) = rank(values);
                (column, Some(ranks))
            } else {
                (bin(values), None)
            }
        });
        let mut columns = Vec::with_capacity(made.len());
        let mut finer = Vec::new();
        for (column, ranks) in made {
            columns.push(column);
            finer.extend(ranks);
        }
        Self {
            columns,
            ranks: finer,
        }
    }
}

/// Groups of values next to each other, with the rows that each has.
struct Groups {
    low: Vec<f64>,
    high: Vec<f64>,
    counts: Vec<usize>,
}

/// Bins made of a sample of the rows, where there are many.
fn bin(values: &[f64]) -> BinnedColumn {
    let step = values.len().div_ceil(SAMPLE).max(1);
    let groups = distinct(values.iter().copied().step_by(step)).merged(BINS);
    let edges = groups.edges();
    let bins = values
        .iter()
        .map(|value| {
            if value.is_nan() {
                MISSING_BIN
            } else {
                edges.partition_point(|edge| edge < value) as u8
            }
        })
        .collect();
    BinnedColumn {
        bins,
        low: groups.low,
        high: groups.high,
    }
}

/// Bins and ranks of all rows.
fn rank(values: &[f64]) -> (BinnedColumn, Ranks) {
    let all = distinct(values.iter().copied());
    let fine = all.merged(RANKS);
    let coarse = fine.merged(BINS);
    let edges = fine.edges();
    let mut bin_of = Vec::with_capacity(fine.counts.len());
    let mut bin = 0;
    for high in &fine.high {
        while *high > coarse.high[bin] {
            bin += 1;
        }
        bin_of.push(bin as u8);
    }
    let mut bins = Vec::with_capacity(values.len());
    let mut ranks = Vec::with_capacity(values.len());
    for value in values {
        if value.is_nan() {
            bins.push(MISSING_BIN);
            ranks.push(MISSING_RANK);
        } else {
            let rank = edges.partition_point(|edge| edge < value);
            bins.push(bin_of[rank]);
            ranks.push(rank as u16);
        }
    }
    (
        BinnedColumn {
            bins,
            low: coarse.low,
            high: coarse.high,
        },
        Ranks {
            of: ranks,
            low: fine.low,
            high: fine.high,
        },
    )
}

/// Each value that occurs, in order.
fn distinct(values: impl Iterator<Item = f64>) -> Groups {
    // +0 is 0: the two are one value.
    let mut sorted: Vec<f64> = values.filter(|v| !v.is_nan()).map(|v| v + 0.0).collect();
    sorted.sort_unstable_by(f64::total_cmp);
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
    fn merged(&self, most: usize) -> Self {
        let length = self.counts.len();
        if length <= most {
            return Self {
                low: self.low.clone(),
                high: self.high.clone(),
                counts: self.counts.clone(),
            };
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
        let mut open: Option<(f64, usize)> = None;
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
    fn edges(&self) -> Vec<f64> {
        self.high
            .iter()
            .zip(self.low.iter().skip(1))
            .map(|(below, above)| between(*below, *above))
            .collect()
    }
}

/// The middle of two values, and less than the larger; scikit-learn's place of a cut.
pub(crate) fn between(below: f64, above: f64) -> f64 {
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
        let column = bin(&[3.0, f64::NAN, 1.0, 3.0, -0.0, 0.0]);
        assert_eq!(column.bins, [2, MISSING_BIN, 1, 2, 0, 0]);
        assert_eq!(column.low, [0.0, 1.0, 3.0]);
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
        fn bins_and_ranks_keep_the_order(
            values in proptest::collection::vec(
                prop_oneof![Just(f64::NAN), Just(0.0), -1e9..1e9, (0..500).prop_map(f64::from)],
                1..3000,
            )
        ) {
            let (column, ranks) = rank(&values);
            prop_assert!(column.low.len() <= BINS);
            for (row, value) in values.iter().enumerate() {
                let bin = column.bins[row];
                if value.is_nan() {
                    prop_assert_eq!((bin, ranks.of[row]), (MISSING_BIN, MISSING_RANK));
                    continue;
                }
                let (bin, rank) = (usize::from(bin), usize::from(ranks.of[row]));
                prop_assert!(column.low[bin] <= *value && *value <= column.high[bin]);
                prop_assert!(ranks.low[rank] <= *value && *value <= ranks.high[rank]);
            }
            prop_assert!(column.high.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
