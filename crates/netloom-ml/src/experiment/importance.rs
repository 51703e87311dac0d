//! What columns are worth to a model.

use crate::card::Importance;
use crate::chance::Chance;
use crate::dataset::{Dataset, Kind, Values};
use crate::error::Error;
use crate::metrics::{Average, ConfusionMatrix};
use crate::model::{Classifier, Run};

/// How to measure what columns are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportanceOptions {
    /// How often each column is shuffled (`n_repeats`).
    pub repeats: usize,
    /// Rows that are looked at, at most; more are drawn from (`max_samples`).
    pub rows: usize,
}

impl Default for ImportanceOptions {
    fn default() -> Self {
        Self {
            repeats: 5,
            rows: 2000,
        }
    }
}

/// What macro F1 loses when a column's values are shuffled among the rows (Breiman 2001;
/// `permutation_importance`), the most first. `names` are the classes that `data` knows.
///
/// Of columns that say the same each is worth little: the model has the other.
///
/// # Errors
///
/// If the model cannot tell the rows, or they have no classes.
pub fn permutation_importance(
    model: &dyn Classifier,
    data: &Dataset,
    names: &[String],
    options: &ImportanceOptions,
    run: Run,
) -> Result<Vec<Importance>, Error> {
    let mut chance = Chance::of(run.seed, 0x696d_706f);
    let mut rows = chance.sample(data.rows(), options.rows);
    rows.sort_unstable();
    let part = data.select(&rows).compacted();
    let truth = part.class_codes()?.into_owned();
    let score = |data: &Dataset| -> Result<f64, Error> {
        let told = model
            .predict_proba(data, run.threads)?
            .align(names)
            .predicted();
        let confusion = ConfusionMatrix::new(&truth, &told, names.len());
        Ok(confusion.f1(Average::Macro).unwrap_or(0.0))
    };
    let whole = score(&part)?;
    let mut found = Vec::new();
    for (place, input) in model.inputs().iter().enumerate() {
        let Some(column) = part.column(&input.name) else {
            continue;
        };
        let mut lost = Vec::with_capacity(options.repeats);
        for repeat in 0..options.repeats {
            let mut chance = Chance::of(run.seed, (place as u64) << 32 | repeat as u64 | 1 << 63);
            let mut order: Vec<usize> = (0..part.rows()).collect();
            chance.shuffle(&mut order);
            let shuffled = shuffled(&column, &order);
            lost.push(whole - score(&part.with_values(&input.name, shuffled)?)?);
        }
        let mean = lost.iter().sum::<f64>() / lost.len().max(1) as f64;
        let variance =
            lost.iter().map(|lost| (lost - mean).powi(2)).sum::<f64>() / lost.len().max(1) as f64;
        found.push(Importance {
            column: input.name.clone(),
            mean,
            deviation: variance.sqrt(),
        });
    }
    found.sort_by(|a, b| b.mean.total_cmp(&a.mean).then(a.column.cmp(&b.column)));
    Ok(found)
}

fn shuffled(column: &crate::dataset::ColumnView<'_>, order: &[usize]) -> Values {
    if let (Kind::Category, Some(codes)) = (column.kind(), column.codes()) {
        let names = column.categories();
        return Values::categories(
            order
                .iter()
                .map(|&row| names.get(codes[row] as usize).map(String::as_str)),
        );
    }
    let numbers = column.numbers();
    Values::numbers(order.iter().map(|&row| numbers[row]))
}
