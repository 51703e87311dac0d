//! What a single column can tell of the label.

use crate::dataset::{ColumnView, Dataset, Kind, Values};
use crate::error::Error;
use crate::metrics::{Average, ConfusionMatrix, Ranking, average_precision_macro};
use crate::numeric::parallel;
use crate::numeric::statistics::sorted;
use crate::split::Split;

/// Ranges that a column of numbers is cut into, at most.
const RANGES: usize = 64;

/// How well the label is told by one column alone: its values are cut into at most 64 ranges with
/// the same number of training rows (categories stay as they are), and each range tells the class
/// that is most frequent in it.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnScores {
    /// The column.
    pub column: String,
    /// Share of the test rows told right.
    pub accuracy: Option<f64>,
    /// Mean F1 of the classes.
    pub f1_macro: Option<f64>,
    /// Mean recall of the classes where each range tells the class whose rows fall into it most
    /// often, so that rare classes count as much as frequent ones.
    pub balanced_accuracy: Option<f64>,
    /// Area under the precision-recall curve of the class's share in each range: with two classes
    /// of the one that is not `negative`, else the mean of each against the others.
    pub pr_auc: Option<f64>,
}

/// The scores of each column alone, learned and tested as the split says; in the order of the
/// columns.
///
/// # Errors
///
/// If the dataset has no classes.
pub fn single_columns(
    data: &Dataset,
    split: &Split,
    negative: Option<u32>,
    threads: usize,
) -> Result<Vec<ColumnScores>, Error> {
    let classes = data.class_codes()?;
    let count = data.class_names().len();
    let columns: Vec<ColumnView<'_>> = data.columns().collect();
    Ok(parallel::map(columns.len(), threads, |place| {
        score(&columns[place], &classes, count, split, negative)
    }))
}

fn score(
    column: &ColumnView<'_>,
    classes: &[u32],
    count: usize,
    split: &Split,
    negative: Option<u32>,
) -> ColumnScores {
    let ranges = ranges(column, split);
    let kinds = ranges.iter().max().map_or(0, |last| *last as usize + 1);
    // Training rows of each range and class.
    let mut rows = vec![0_u64; kinds * count];
    let mut class_rows = vec![0_u64; count];
    for &row in &split.train {
        rows[ranges[row] as usize * count + classes[row] as usize] += 1;
        class_rows[classes[row] as usize] += 1;
    }
    let most = |score: &dyn Fn(u64, usize) -> f64, range: &[u64]| {
        let mut best = 0;
        for class in 1..count {
            if score(range[class], class) > score(range[best], best) {
                best = class;
            }
        }
        best as u32
    };
    let all: f64 = split.train.len() as f64;
    let share = |class: usize| class_rows[class] as f64 / all;
    let mut frequent = Vec::with_capacity(kinds);
    let mut balanced = Vec::with_capacity(kinds);
    let mut probabilities = Vec::with_capacity(kinds * count);
    for range in rows.chunks(count.max(1)) {
        let in_range: u64 = range.iter().sum();
        frequent.push(most(&|rows, class| rows as f64 + share(class), range));
        balanced.push(most(
            &|rows, class| (rows as f64 + share(class)) / class_rows[class].max(1) as f64,
            range,
        ));
        // As if one more row were in the range, of all classes by their share.
        probabilities.extend(
            (0..count).map(|class| (range[class] as f64 + share(class)) / (in_range as f64 + 1.0)),
        );
    }
    let truth: Vec<u32> = split.test.iter().map(|&row| classes[row]).collect();
    let told = |table: &[u32]| -> ConfusionMatrix {
        let told: Vec<u32> = split
            .test
            .iter()
            .map(|&row| table[ranges[row] as usize])
            .collect();
        ConfusionMatrix::new(&truth, &told, count)
    };
    let likely = |row: usize| {
        let range = ranges[row] as usize;
        &probabilities[range * count..(range + 1) * count]
    };
    let pr_auc = if count == 2 {
        let positive = usize::from(negative != Some(1));
        let so: Vec<bool> = truth
            .iter()
            .map(|&class| class as usize == positive)
            .collect();
        let score: Vec<f64> = split
            .test
            .iter()
            .map(|&row| likely(row)[positive])
            .collect();
        Ranking::new(&so, &score).average_precision()
    } else {
        let all: Vec<f64> = split
            .test
            .iter()
            .flat_map(|&row| likely(row).to_vec())
            .collect();
        average_precision_macro(&truth, &all, count)
    };
    let plain = told(&frequent);
    ColumnScores {
        column: column.name().to_owned(),
        accuracy: plain.accuracy(),
        f1_macro: plain.f1(Average::Macro),
        balanced_accuracy: told(&balanced).balanced_accuracy(),
        pr_auc,
    }
}

/// The range of each row; missing values are a range of their own.
fn ranges(column: &ColumnView<'_>, split: &Split) -> Vec<u32> {
    if let (Kind::Category, Some(codes)) = (column.kind(), column.codes()) {
        let missing = column.categories().len() as u32;
        return codes
            .iter()
            .map(|&code| {
                if code == Values::MISSING {
                    missing
                } else {
                    code
                }
            })
            .collect();
    }
    let values = column.numbers();
    let learned = sorted(split.train.iter().map(|&row| values[row]));
    let mut edges: Vec<f64> = (1..RANGES)
        .filter_map(|edge| learned.get(edge * learned.len() / RANGES).copied())
        .collect();
    edges.dedup();
    // With few different values each is a range.
    let different: Vec<f64> = learned
        .chunk_by(|a, b| a.total_cmp(b).is_eq())
        .map(|same| same[0])
        .collect();
    if different.len() <= RANGES {
        edges = different;
    }
    values
        .iter()
        .map(|&value| {
            if value.is_nan() {
                edges.len() as u32 + 1
            } else {
                edges.partition_point(|edge| *edge <= value) as u32
            }
        })
        .collect()
}
