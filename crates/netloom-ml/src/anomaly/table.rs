//! Columns of any kind as the numbers that detectors look at.

use std::collections::BTreeMap;

use crate::dataset::{Dataset, Kind};
use crate::error::Error;
use crate::numeric::Matrix;
use crate::numeric::statistics::{quantile, sorted};
use crate::words;

/// What was usual in each column of what is normal.
///
/// A number is looked at as it is; a name by how rare it is, the negative logarithm of its share,
/// so that one never seen before lies farthest out.
#[derive(Debug, Clone)]
pub struct Usual {
    columns: Vec<UsualColumn>,
}

#[derive(Debug, Clone)]
struct UsualColumn {
    name: String,
    kind: Kind,
    /// Rows of each name.
    counts: BTreeMap<String, usize>,
    rows: usize,
    low: f64,
    median: f64,
    high: f64,
}

/// A column in which a row is odd, in words.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Reason {
    /// The column.
    pub column: String,
    /// What the row has there, in the column's own unit.
    pub value: String,
    /// What is normal there.
    pub normal: String,
    /// Share of the score that is from this column, as far as the detector can tell.
    pub share: f64,
}

impl Reason {
    /// As a person reads it: `bwd_bytes 48 MB (normal: 0.1–2.2 MB)`.
    pub fn sentence(&self) -> String {
        format!("{} {} ({})", self.column, self.value, self.normal)
    }
}

impl Usual {
    /// Learns the columns of a table; those that hold times or nothing at all are left out.
    ///
    /// # Errors
    /// No rows, or no column that can be looked at.
    pub fn fit(data: &Dataset) -> Result<Self, Error> {
        if data.rows() == 0 {
            return Err(Error::NoRows);
        }
        let mut columns = Vec::new();
        for column in data.columns() {
            let mut usual = UsualColumn {
                name: column.name().to_owned(),
                kind: column.kind(),
                counts: BTreeMap::new(),
                rows: data.rows(),
                low: f64::NAN,
                median: f64::NAN,
                high: f64::NAN,
            };
            match column.kind() {
                Kind::Number => {
                    let values = sorted(column.numbers().iter().copied());
                    if values.is_empty() {
                        continue;
                    }
                    usual.low = quantile(&values, 0.025);
                    usual.median = quantile(&values, 0.5);
                    usual.high = quantile(&values, 0.975);
                }
                Kind::Category => {
                    let names = column.categories();
                    let mut counts = vec![0usize; names.len()];
                    let mut missing = 0;
                    for code in column.codes().unwrap_or_default().iter() {
                        match counts.get_mut(*code as usize) {
                            Some(count) => *count += 1,
                            None => missing += 1,
                        }
                    }
                    usual.counts = names
                        .iter()
                        .cloned()
                        .zip(counts)
                        .filter(|(_, count)| *count > 0)
                        .collect();
                    if missing > 0 {
                        usual.counts.insert(NOTHING.to_owned(), missing);
                    }
                    usual.median = 0.0;
                }
                Kind::Time => continue,
            }
            columns.push(usual);
        }
        if columns.is_empty() {
            return Err(Error::NoColumns);
        }
        Ok(Self { columns })
    }

    /// Names of the columns that are looked at.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// Which of them hold numbers.
    pub fn numbers(&self) -> Vec<bool> {
        self.columns
            .iter()
            .map(|column| column.kind == Kind::Number)
            .collect()
    }

    /// A table as numbers.
    ///
    /// # Errors
    /// A column is not there, or holds something else.
    pub fn matrix(&self, data: &Dataset) -> Result<Matrix, Error> {
        let missing: Vec<String> = self
            .columns
            .iter()
            .filter(|column| data.column(&column.name).is_none())
            .map(|column| column.name.clone())
            .collect();
        if !missing.is_empty() {
            return Err(Error::MissingColumns { columns: missing });
        }
        let width = self.columns.len();
        let mut values = vec![f64::NAN; width * data.rows()];
        for (place, column) in self.columns.iter().enumerate() {
            let Some(view) = data.column(&column.name) else {
                continue;
            };
            let cells = values.iter_mut().skip(place).step_by(width);
            match (column.kind, view.kind()) {
                (Kind::Number, Kind::Number) => {
                    for (cell, value) in cells.zip(view.numbers().iter()) {
                        *cell = *value;
                    }
                }
                (Kind::Category, _) => {
                    // Once a name, not once a row.
                    let codes = view.codes();
                    let known: Vec<f64> = view
                        .categories()
                        .iter()
                        .map(|name| column.rarity(name))
                        .collect();
                    for (row, cell) in cells.enumerate() {
                        *cell = match &codes {
                            Some(codes) => known
                                .get(codes[row] as usize)
                                .copied()
                                .unwrap_or_else(|| column.rarity(NOTHING)),
                            None => column.rarity(view.text(row).as_deref().unwrap_or(NOTHING)),
                        };
                    }
                }
                // A column without any value has no type of its own.
                (Kind::Number, _) if (0..data.rows()).all(|row| view.text(row).is_none()) => {}
                (Kind::Number | Kind::Time, _) => {
                    return Err(Error::ColumnKind {
                        column: column.name.clone(),
                        found: "text",
                        wanted: "numbers",
                    });
                }
            }
        }
        Ok(Matrix::new(values, width))
    }

    /// A row in which nothing is odd.
    pub(super) fn middle(&self) -> Vec<f64> {
        self.columns.iter().map(|column| column.median).collect()
    }

    /// A column of a row in words, beside what is normal.
    pub(super) fn reason(&self, data: &Dataset, row: usize, column: usize, share: f64) -> Reason {
        let column = &self.columns[column];
        let text = data.column(&column.name).and_then(|view| view.text(row));
        let value = match (column.kind, text) {
            (Kind::Number, Some(text)) => text
                .parse()
                .map_or(text, |number| words::value(&column.name, number)),
            (_, Some(text)) => text,
            (_, None) => NOTHING.to_owned(),
        };
        let normal = if column.kind == Kind::Number {
            format!(
                "normal: {}",
                words::range(&column.name, column.low, column.high)
            )
        } else {
            match column.counts.get(&value) {
                None => "never seen in what is normal".to_owned(),
                Some(count) => format!(
                    "{} % of what is normal",
                    words::value("", round(*count as f64 * 100.0 / column.rows as f64))
                ),
            }
        };
        Reason {
            column: column.name.clone(),
            value,
            normal,
            share,
        }
    }

    /// Whether a value lies outside of what is normal.
    pub(super) fn is_outside(&self, column: usize, value: f64) -> bool {
        let column = &self.columns[column];
        match column.kind {
            Kind::Number => value.is_nan() || value < column.low || value > column.high,
            // Rarer than one in a hundred.
            _ => value > 4.6,
        }
    }
}

/// How a missing name is said.
const NOTHING: &str = "nothing";

fn round(share: f64) -> f64 {
    (share * 100.0).round() / 100.0
}

impl UsualColumn {
    /// −ln of the share of a name; one never seen is taken as half a row.
    fn rarity(&self, name: &str) -> f64 {
        let count = self.counts.get(name).map_or(0.5, |count| *count as f64);
        (self.rows as f64 / count).ln().max(0.0)
    }
}
