//! Tables as numbers that distances make sense of, and groups of them in words.

use super::describe;
use crate::dataset::{Dataset, Kind};
use crate::error::Error;
use crate::numeric::Matrix;
use crate::words;

/// The columns of a table as numbers: numbers as they are, of names a column for each frequent
/// one that says whether a row has it.
#[derive(Debug, Clone)]
pub struct Numbered {
    columns: Vec<Numeric>,
    matrix: Matrix,
}

#[derive(Debug, Clone)]
struct Numeric {
    column: String,
    /// The name that it says of whether a row has it.
    name: Option<String>,
}

/// Names of a column that have one of their own at most.
const MOST_NAMES: usize = 8;
/// Share of the rows that a name needs for that.
const FREQUENT: f64 = 0.01;
/// Differences that a group is described by.
const DIFFERENCES: usize = 4;

impl Numbered {
    /// Of all columns in which rows differ; times are left out.
    ///
    /// # Errors
    /// No rows, or no column in which they differ.
    pub fn new(data: &Dataset) -> Result<Self, Error> {
        let rows = data.rows();
        if rows == 0 {
            return Err(Error::NoRows);
        }
        let mut columns = Vec::new();
        let mut values: Vec<Vec<f64>> = Vec::new();
        for column in data.columns() {
            match column.kind() {
                Kind::Number => {
                    let numbers = column.numbers();
                    let mut seen = numbers.iter().filter(|value| value.is_finite());
                    let first = seen.next();
                    if first.is_none() || seen.all(|value| Some(value) == first) {
                        continue;
                    }
                    columns.push(Numeric {
                        column: column.name().to_owned(),
                        name: None,
                    });
                    values.push(numbers.to_vec());
                }
                Kind::Category => {
                    let Some(codes) = column.codes() else {
                        continue;
                    };
                    let names = column.categories();
                    let mut counts = vec![0usize; names.len()];
                    for code in codes.iter() {
                        if let Some(count) = counts.get_mut(*code as usize) {
                            *count += 1;
                        }
                    }
                    let mut order: Vec<usize> = (0..names.len())
                        .filter(|name| {
                            let count = counts[*name];
                            count >= 2 && count < rows && count as f64 >= FREQUENT * rows as f64
                        })
                        .collect();
                    order.sort_by(|a, b| {
                        counts[*b]
                            .cmp(&counts[*a])
                            .then_with(|| names[*a].cmp(&names[*b]))
                    });
                    for place in order.into_iter().take(MOST_NAMES) {
                        columns.push(Numeric {
                            column: column.name().to_owned(),
                            name: Some(names[place].clone()),
                        });
                        values.push(
                            codes
                                .iter()
                                .map(|code| f64::from(u8::from(*code as usize == place)))
                                .collect(),
                        );
                    }
                }
                Kind::Time => {}
            }
        }
        if columns.is_empty() {
            return Err(Error::NoColumns);
        }
        let width = columns.len();
        let mut cells = vec![f64::NAN; width * rows];
        for (place, column) in values.iter().enumerate() {
            for (cell, value) in cells.iter_mut().skip(place).step_by(width).zip(column) {
                *cell = *value;
            }
        }
        Ok(Self {
            columns,
            matrix: Matrix::new(cells, width),
        })
    }

    /// The numbers.
    pub fn matrix(&self) -> &Matrix {
        &self.matrix
    }

    /// The columns that they are from, each once.
    pub fn columns(&self) -> Vec<String> {
        let mut names: Vec<String> = self.columns.iter().map(|one| one.column.clone()).collect();
        names.dedup();
        names
    }

    /// What sets each group apart from all other rows, most telling first, in the columns' own
    /// units: `bwd_bytes 48 MB (others 1.2 kB)`, `service dns 98 % (others 2 %)`.
    pub fn words(&self, labels: &[Option<u32>], clusters: usize) -> Vec<Vec<String>> {
        // A column of names may have several numbers: the first that tells is enough.
        let found = describe(&self.matrix, labels, clusters, 4 * DIFFERENCES);
        found
            .iter()
            .zip(0..)
            .map(|(differences, group)| {
                let mut told: Vec<&str> = Vec::new();
                let mut words = Vec::new();
                for difference in differences {
                    let column = &self.columns[difference.column];
                    if words.len() == DIFFERENCES || told.contains(&column.column.as_str()) {
                        continue;
                    }
                    told.push(&column.column);
                    words.push(match &column.name {
                        None => format!(
                            "{} {} (others {})",
                            column.column,
                            words::range(&column.column, difference.low, difference.high),
                            words::value(&column.column, difference.others)
                        ),
                        Some(name) => {
                            let (own, others) = self.shares(difference.column, labels, group);
                            format!("{} {name} {own} (others {others})", column.column)
                        }
                    });
                }
                words
            })
            .collect()
    }

    /// Shares of the rows in and outside of a group that have a name.
    fn shares(&self, column: usize, labels: &[Option<u32>], group: u32) -> (String, String) {
        let mut counts = [[0usize; 2]; 2];
        for (value, label) in self.matrix.column(column).zip(labels) {
            let side = &mut counts[usize::from(*label == Some(group))];
            side[0] += 1;
            side[1] += usize::from(value > 0.5);
        }
        let share = |[rows, with]: [usize; 2]| {
            let share = with as f64 * 100.0 / rows.max(1) as f64;
            format!("{share:.0} %")
        };
        (share(counts[1]), share(counts[0]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ClusterOptions, cluster};
    use super::*;
    use crate::dataset::Values;

    #[test]
    fn names_and_numbers_in_words() {
        let rows = 200;
        let is_bulk = |row: usize| row.is_multiple_of(4);
        let data = Dataset::new(vec![
            (
                "bwd_bytes",
                Values::numbers((0..rows).map(|row| {
                    let noise = (row % 7) as f64;
                    if is_bulk(row) {
                        4.8e7 + noise * 1e5
                    } else {
                        1200.0 + noise
                    }
                })),
            ),
            ("constant", Values::numbers(vec![1.0; rows])),
            (
                "service",
                Values::categories(
                    (0..rows).map(|row| Some(if is_bulk(row) { "http" } else { "dns" })),
                ),
            ),
        ])
        .unwrap();
        let numbered = Numbered::new(&data).unwrap();
        assert_eq!(numbered.columns(), ["bwd_bytes", "service"]);
        let found = cluster(numbered.matrix(), &ClusterOptions::default()).unwrap();
        assert_eq!(found.clusters, 2);
        let words = numbered.words(&found.labels, found.clusters);
        assert_eq!(found.sizes(), [150, 50]);
        assert!(
            words[1]
                .iter()
                .any(|w| w.starts_with("bwd_bytes 48") && w.contains("(others 1.2 kB)")),
            "{words:?}"
        );
        assert!(
            words[0].contains(&"service dns 100 % (others 0 %)".to_owned()),
            "{words:?}"
        );
    }

    #[test]
    fn nothing_to_tell_apart() {
        let one = Dataset::new(vec![("x", Values::numbers([1.0, 1.0]))]).unwrap();
        assert_eq!(Numbered::new(&one).unwrap_err(), Error::NoColumns);
        let none = Dataset::new(vec![("x", Values::numbers([0.0; 0]))]).unwrap();
        assert_eq!(Numbered::new(&none).unwrap_err(), Error::NoRows);
    }
}
