//! Rows that are on both sides of a split, or nearly are.

use std::cmp::Ordering;

use super::LeakageOptions;
use crate::card::Duplicates;
use crate::chance::Chance;
use crate::dataset::{Dataset, Kind};
use crate::error::Error;
use crate::numeric::parallel;
use crate::numeric::statistics::{quantile, sorted};
use crate::split::Split;

/// How near is near: the largest difference in any column, as a share of the spread of the
/// column's values (between their 5th and 95th percentile).
pub const NEAR: f64 = 0.01;

/// Test rows that are compared with training rows, at most; more are drawn from.
const TEST_ROWS: usize = 2000;
/// Training rows that test rows are compared with, at most.
const TRAIN_ROWS: usize = 200_000;

/// What rows of the test were there to learn.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RowLeakage {
    /// Test rows that are the same as a training row in all columns.
    pub exact: Duplicates,
    /// Test rows that nearly are, see [`NEAR`]; those that are the same count too. Of many rows
    /// only a part is looked at.
    pub near: Duplicates,
    /// The best accuracy that is possible on all rows: those that are the same in all columns but
    /// of different classes cannot be told apart. None without rows.
    pub ceiling: Option<f64>,
}

/// Looks for rows that are on both sides of a split.
///
/// # Errors
///
/// If the dataset has no classes.
pub fn row_leakage(
    data: &Dataset,
    split: &Split,
    options: LeakageOptions,
) -> Result<RowLeakage, Error> {
    let classes = data.class_codes()?;
    let kinds = equal_rows(data);
    Ok(RowLeakage {
        exact: exact(&kinds, &classes, split),
        near: near(data, &classes, split, options),
        ceiling: ceiling(&kinds, &classes),
    })
}

fn exact(kinds: &[u32], classes: &[u32], split: &Split) -> Duplicates {
    // Kinds of row that are learned, with their classes.
    let mut learned: Vec<(u32, u32)> = split
        .train
        .iter()
        .map(|&row| (kinds[row], classes[row]))
        .collect();
    learned.sort_unstable();
    learned.dedup();
    let mut found = Duplicates {
        rows: split.test.len() as u64,
        ..Duplicates::default()
    };
    for &row in &split.test {
        let from = learned.partition_point(|&(kind, _)| kind < kinds[row]);
        let same = learned[from..]
            .iter()
            .take_while(|(kind, _)| *kind == kinds[row]);
        let mut twin = false;
        let mut right = false;
        for (_, class) in same {
            twin = true;
            right |= *class == classes[row];
        }
        found.twins += u64::from(twin);
        found.other_class += u64::from(twin && !right);
    }
    found
}

/// Of each kind of row the most frequent class can be told right, the others cannot.
fn ceiling(kinds: &[u32], classes: &[u32]) -> Option<f64> {
    let mut pairs: Vec<(u32, u32)> = kinds.iter().copied().zip(classes.iter().copied()).collect();
    pairs.sort_unstable();
    let right: usize = pairs
        .chunk_by(|a, b| a.0 == b.0)
        .map(|kind| {
            kind.chunk_by(|a, b| a == b)
                .map(<[_]>::len)
                .max()
                .unwrap_or(0)
        })
        .sum();
    (!pairs.is_empty()).then(|| right as f64 / pairs.len() as f64)
}

/// A number for each row, the same for rows that are the same in all columns.
fn equal_rows(data: &Dataset) -> Vec<u32> {
    let rows = data.rows();
    let columns: Vec<_> = data.columns().map(|column| column.numbers()).collect();
    let bits = |column: usize, row: usize| {
        let value = columns[column][row];
        // A missing value is like a missing value, and both zeros are one.
        if value.is_nan() {
            u64::MAX
        } else {
            (value + 0.0).to_bits()
        }
    };
    let mut hashes = vec![0_u64; rows];
    for column in 0..columns.len() {
        for (row, hash) in hashes.iter_mut().enumerate() {
            *hash = (hash.rotate_left(5) ^ bits(column, row)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
    }
    let mut order: Vec<u32> = (0..rows as u32).collect();
    let compare = |a: u32, b: u32| -> Ordering {
        (0..columns.len())
            .map(|column| bits(column, a as usize).cmp(&bits(column, b as usize)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    };
    // The hash decides nearly always; what it cannot tell apart is compared.
    order.sort_unstable_by(|&a, &b| {
        hashes[a as usize]
            .cmp(&hashes[b as usize])
            .then_with(|| compare(a, b))
            .then(a.cmp(&b))
    });
    let mut kinds = vec![0; rows];
    let mut kind = 0;
    for (place, &row) in order.iter().enumerate() {
        if place > 0 {
            let before = order[place - 1];
            let differs =
                hashes[before as usize] != hashes[row as usize] || compare(before, row).is_ne();
            kind += u32::from(differs);
        }
        kinds[row as usize] = kind;
    }
    kinds
}

fn near(data: &Dataset, classes: &[u32], split: &Split, options: LeakageOptions) -> Duplicates {
    let train = drawn(&split.train, TRAIN_ROWS, options.seed);
    let test = drawn(&split.test, TEST_ROWS, options.seed.wrapping_add(1));
    let space = Space::new(data, &train);
    let mut learned: Vec<(Vec<f32>, u32)> = train
        .iter()
        .map(|&row| (space.place(row), classes[row]))
        .collect();
    // In the order of the column that tells most apart, so that few rows come into question.
    let first = |place: &[f32]| place.first().copied().map_or(f32::NEG_INFINITY, known);
    learned.sort_by(|a, b| first(&a.0).total_cmp(&first(&b.0)).then(a.1.cmp(&b.1)));
    let found = parallel::map(test.len(), options.threads, |number| {
        let row = test[number];
        let place = space.place(row);
        let at = first(&place);
        let from = learned.partition_point(|(other, _)| first(other) < at - NEAR as f32);
        let (mut twin, mut right) = (false, false);
        for (other, class) in &learned[from..] {
            if first(other) > at + NEAR as f32 {
                break;
            }
            if place.iter().zip(other).all(|(a, b)| is_near(*a, *b)) {
                twin = true;
                right |= *class == classes[row];
                if right {
                    break;
                }
            }
        }
        (twin, right)
    });
    Duplicates {
        rows: test.len() as u64,
        twins: found.iter().filter(|(twin, _)| *twin).count() as u64,
        other_class: found
            .iter()
            .filter(|(twin, right)| *twin && !*right)
            .count() as u64,
    }
}

/// At most so many rows, drawn by the seed.
fn drawn(rows: &[usize], most: usize, seed: u64) -> Vec<usize> {
    if rows.len() <= most {
        return rows.to_vec();
    }
    let mut places = Chance::of(seed, 0x6e65_6172).sample(rows.len(), most);
    places.sort_unstable();
    places.into_iter().map(|place| rows[place]).collect()
}

/// Missing values lie together, far from all others.
fn known(value: f32) -> f32 {
    if value.is_nan() {
        f32::NEG_INFINITY
    } else {
        value
    }
}

fn is_near(a: f32, b: f32) -> bool {
    (a - b).abs() <= NEAR as f32 || (a.is_nan() && b.is_nan())
}

/// Columns scaled by the spread of their training values, those with the most different values
/// first; categories as whole numbers, so that no two are near.
struct Space<'a> {
    columns: Vec<(std::borrow::Cow<'a, [f64]>, f64, f64)>,
}

impl<'a> Space<'a> {
    fn new(data: &'a Dataset, train: &[usize]) -> Self {
        let mut columns: Vec<(usize, _)> = data
            .columns()
            .map(|column| {
                let values = column.numbers();
                let learned = sorted(train.iter().map(|&row| values[row]));
                let different = learned.chunk_by(|a, b| a.total_cmp(b).is_eq()).count();
                let (middle, spread) = if column.kind() == Kind::Category {
                    (0.0, 1.0)
                } else {
                    let whole = learned
                        .last()
                        .zip(learned.first())
                        .map_or(0.0, |(a, b)| a - b);
                    let spread = quantile(&learned, 0.95) - quantile(&learned, 0.05);
                    let spread = if spread > 0.0 { spread } else { whole };
                    // A column that is always the same is near where it is the same.
                    (
                        quantile(&learned, 0.5),
                        if spread > 0.0 {
                            spread
                        } else {
                            f64::MIN_POSITIVE
                        },
                    )
                };
                (different, (values, middle, spread))
            })
            .collect();
        columns.sort_by_key(|(different, _)| std::cmp::Reverse(*different));
        Self {
            columns: columns.into_iter().map(|(_, column)| column).collect(),
        }
    }

    fn place(&self, row: usize) -> Vec<f32> {
        self.columns
            .iter()
            .map(|(values, middle, spread)| {
                let place = (values[row] - middle) / spread;
                place.clamp(-1e30, 1e30) as f32
            })
            .collect()
    }
}
