//! The most simple ways to do it.

use crate::card::Baseline;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::leakage::ColumnScores;
use crate::metrics::{Average, ConfusionMatrix};
use crate::split::Split;

/// Always the most frequent class, and the best single column.
pub(super) fn baselines(
    data: &Dataset,
    split: &Split,
    columns: &[ColumnScores],
    negative: Option<u32>,
) -> Result<Vec<Baseline>, Error> {
    let classes = data.class_codes()?;
    let names = data.class_names();
    let mut counts = vec![0_u64; names.len()];
    for &row in &split.train {
        counts[classes[row] as usize] += 1;
    }
    let mut most = 0;
    for (class, count) in counts.iter().enumerate() {
        if *count > counts[most] {
            most = class;
        }
    }
    let truth: Vec<u32> = split.test.iter().map(|&row| classes[row]).collect();
    let told = vec![most as u32; truth.len()];
    let confusion = ConfusionMatrix::new(&truth, &told, names.len());
    // A score that is the same for all rows: the share of positive rows.
    let constant: Vec<f64> = truth
        .iter()
        .flat_map(|_| {
            counts
                .iter()
                .map(|&count| count as f64 / split.train.len().max(1) as f64)
        })
        .collect();
    let mut all = vec![Baseline {
        name: "majority".to_owned(),
        words: format!(
            "Majority: always '{}', the most frequent class to learn from",
            names.get(most).map_or("", String::as_str)
        ),
        accuracy: confusion.accuracy(),
        balanced_accuracy: confusion.balanced_accuracy(),
        f1_macro: confusion.f1(Average::Macro),
        pr_auc: crate::evaluation::pr_auc(&truth, &constant, names.len(), negative),
    }];
    let best = columns.iter().reduce(|best, column| {
        let score = |column: &ColumnScores| column.f1_macro.unwrap_or(f64::NEG_INFINITY);
        if score(column) > score(best) {
            column
        } else {
            best
        }
    });
    if let Some(best) = best {
        all.push(Baseline {
            name: "single column".to_owned(),
            words: format!(
                "Best column: '{}' alone, each of its ranges tells the class most frequent in it",
                best.column
            ),
            accuracy: best.accuracy,
            balanced_accuracy: best.balanced_accuracy,
            f1_macro: best.f1_macro,
            pr_auc: best.pr_auc,
        });
    }
    Ok(all)
}
