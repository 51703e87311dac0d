//! Which rows a model learns from, and which it is tested on.
//!
//! Rows of one network resemble those shortly before and after, and those of the same host or
//! capture, far more than what the model will meet when it is used. A random split puts near twins
//! on both sides and shows a score that no use of the model will reach (Arp et al., "Dos and
//! Don'ts of Machine Learning in Computer Security", USENIX Security 2022, pitfall 3). So splits
//! are [by time](by_time) or [by group](by_group); [at random](at_random) is there to compare with.
//!
//! Everything here works on plain slices and returns numbers of rows, in ascending order. Nothing
//! is left to chance but by a seed.
//!
//! ```
//! use netloom_ml::split;
//!
//! // Five rows of three hosts, of two classes: no host is on both sides.
//! let split = split::by_group(&[0, 0, 1, 1, 2], &[0, 0, 1, 1, 0], 0.4, 7)?;
//! assert_eq!(split.train.len() + split.test.len(), 5);
//! # Ok::<(), split::SplitError>(())
//! ```

mod folds;
mod group;

use crate::chance::Chance;

pub use folds::{group_folds, random_folds, time_folds};
pub use group::by_group;

/// Rows to learn from and rows to test on; none is in both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Split {
    /// Rows to learn from.
    pub train: Vec<usize>,
    /// Rows to test on.
    pub test: Vec<usize>,
    /// Rows that are in neither: those without a time where time decides.
    pub left_out: Vec<usize>,
}

/// Why rows cannot be split as asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// There are too few rows.
    #[error("{rows} rows cannot be split in {parts}")]
    TooFewRows {
        /// Rows that there are.
        rows: usize,
        /// Parts that were asked for.
        parts: usize,
    },
    /// The share of test rows is not between 0 and 1.
    #[error("a share of {0} cannot be tested on: it must be above 0 and below 1")]
    Share(f64),
    /// All rows have the same time, or none has one.
    #[error("the rows cannot be split by time: {0}")]
    Time(&'static str),
    /// There are too few groups.
    #[error("{groups} groups cannot be split in {parts}")]
    TooFewGroups {
        /// Groups that there are.
        groups: usize,
        /// Parts that were asked for.
        parts: usize,
    },
}

/// The first rows in time to learn from, the last to test on.
///
/// `times` are in any unit, `None` where a row has none; such rows are left out. Rows of the same
/// time are on the same side: the cut is moved to the nearest place between two times. With
/// `classes` each class is cut at a time of its own, so that classes that occur on different days
/// are on both sides; then a test row may be older than a training row of another class.
///
/// # Errors
///
/// If `test` is no share, or there are no two different times.
///
/// # Panics
///
/// If the slices differ in length.
pub fn by_time(
    times: &[Option<i64>],
    classes: Option<&[u32]>,
    test: f64,
) -> Result<Split, SplitError> {
    check_share(test)?;
    let mut dated = dated(times);
    if dated.is_empty() {
        return Err(SplitError::Time("none of them has one"));
    }
    let mut split = Split {
        left_out: without_time(times),
        ..Split::default()
    };
    match classes {
        None => {
            let cut = cut(&dated, test).ok_or(SplitError::Time("all of them have the same"))?;
            split.train.extend(dated[..cut].iter().map(|(_, row)| row));
            split.test.extend(dated[cut..].iter().map(|(_, row)| row));
        }
        Some(classes) => {
            assert_eq!(times.len(), classes.len(), "a class for each row");
            dated.sort_by_key(|&(time, row)| (classes[row], time, row));
            for rows in dated.chunk_by(|(_, a), (_, b)| classes[*a] == classes[*b]) {
                // A class of a single moment can only be learned, not tested.
                let cut = cut(rows, test).unwrap_or(rows.len());
                split.train.extend(rows[..cut].iter().map(|(_, row)| row));
                split.test.extend(rows[cut..].iter().map(|(_, row)| row));
            }
            if split.test.is_empty() {
                return Err(SplitError::Time("all rows of a class have the same"));
            }
        }
    }
    split.train.sort_unstable();
    split.test.sort_unstable();
    Ok(split)
}

/// Rows at random, the same share of each class on both sides (stratified).
///
/// # Errors
///
/// If `test` is no share or there are fewer than two rows.
pub fn at_random(classes: &[u32], test: f64, seed: u64) -> Result<Split, SplitError> {
    check_share(test)?;
    if classes.len() < 2 {
        return Err(SplitError::TooFewRows {
            rows: classes.len(),
            parts: 2,
        });
    }
    let order = shuffled_by_class(classes, seed);
    // Spread over the classes, each class's share rounded so that the sum is right.
    let wanted = ((classes.len() as f64 * test).round() as usize).clamp(1, classes.len() - 1);
    let mut split = Split::default();
    for (place, row) in order.into_iter().enumerate() {
        let before = place * wanted / classes.len();
        let after = (place + 1) * wanted / classes.len();
        if after > before {
            split.test.push(row);
        } else {
            split.train.push(row);
        }
    }
    split.train.sort_unstable();
    split.test.sort_unstable();
    Ok(split)
}

/// A class that has rows on one side only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneSided {
    /// The class.
    pub class: u32,
    /// Its rows to learn from.
    pub train: usize,
    /// Its rows to test on.
    pub test: usize,
}

/// Classes that occur on one side of a split only: without training rows they can never be told,
/// without test rows nothing is known of how well they are.
///
/// # Panics
///
/// If the split names a row that has no class.
pub fn one_sided(split: &Split, classes: &[u32]) -> Vec<OneSided> {
    let mut counts: Vec<(usize, usize)> = Vec::new();
    let mut count = |row: usize, test: bool| {
        let class = classes[row] as usize;
        if counts.len() <= class {
            counts.resize(class + 1, (0, 0));
        }
        let (train_rows, test_rows) = &mut counts[class];
        *(if test { test_rows } else { train_rows }) += 1;
    };
    split.train.iter().for_each(|&row| count(row, false));
    split.test.iter().for_each(|&row| count(row, true));
    (0..)
        .zip(counts)
        .filter(|(_, (train, test))| (*train == 0) != (*test == 0))
        .map(|(class, (train, test))| OneSided { class, train, test })
        .collect()
}

fn check_share(test: f64) -> Result<(), SplitError> {
    if test > 0.0 && test < 1.0 {
        Ok(())
    } else {
        Err(SplitError::Share(test))
    }
}

/// Rows that have a time, in its order.
fn dated(times: &[Option<i64>]) -> Vec<(i64, usize)> {
    let mut dated: Vec<(i64, usize)> = times
        .iter()
        .enumerate()
        .filter_map(|(row, time)| time.map(|time| (time, row)))
        .collect();
    dated.sort_unstable();
    dated
}

fn without_time(times: &[Option<i64>]) -> Vec<usize> {
    (0..times.len())
        .filter(|&row| times[row].is_none())
        .collect()
}

/// Where to cut rows that are in the order of their times: the place between two different times
/// that is nearest to what is asked for.
fn cut(rows: &[(i64, usize)], test: f64) -> Option<usize> {
    let wanted = rows.len() as f64 * (1.0 - test);
    (1..rows.len())
        .filter(|&place| rows[place - 1].0 < rows[place].0)
        .min_by(|a, b| {
            (*a as f64 - wanted)
                .abs()
                .total_cmp(&(*b as f64 - wanted).abs())
        })
}

/// All rows, class by class, shuffled within each.
fn shuffled_by_class(classes: &[u32], seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..classes.len()).collect();
    Chance::new(seed).shuffle(&mut order);
    order.sort_by_key(|&row| classes[row]);
    order
}

#[cfg(test)]
mod tests;
