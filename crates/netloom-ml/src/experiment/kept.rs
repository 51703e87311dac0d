//! A bounded part of what a model has learned from and was tested on, to continue it with.

use serde::{Deserialize, Serialize};

use crate::chance::Chance;
use crate::dataset::{Dataset, Kind, Values};
use crate::error::Error;
use crate::model::Input;

/// Rows of each class that are kept at least, as far as there are so many.
const FEWEST_OF_CLASS: usize = 20;

/// Rows that a model keeps: only the columns that it sees, their classes and times; nothing that
/// says whose they are.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Kept {
    /// Rows to learn from.
    train: Rows,
    /// Rows to test on.
    test: Rows,
    /// Rows that the model has learned from in all.
    learned: u64,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Rows {
    columns: Vec<(String, Column)>,
    classes: Vec<String>,
    times: Option<Vec<Option<i64>>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Column {
    Numbers(Vec<f64>),
    Names(Vec<Option<String>>),
    Times(Vec<Option<i64>>),
}

impl Kept {
    /// Draws at most `most` rows of those learned from, and a quarter as many of those tested on:
    /// of each class as large a share as it has, and some of the rare ones in any case.
    ///
    /// # Errors
    ///
    /// If the data has no classes or lacks a column of the model.
    pub fn of(
        data: &Dataset,
        inputs: &[Input],
        learned: &[usize],
        tested: &[usize],
        most: usize,
        seed: u64,
    ) -> Result<Self, Error> {
        let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
        let data = data.with_columns(&names)?;
        let codes = data.class_codes()?;
        // Rows that were learned from after the test are no test any more.
        let mut known = learned.to_vec();
        known.sort_unstable();
        let tested: Vec<usize> = tested
            .iter()
            .copied()
            .filter(|row| known.binary_search(row).is_err())
            .collect();
        Ok(Self {
            train: Rows::of(&data.select(&drawn(&codes, learned, most, seed)))?,
            test: Rows::of(&data.select(&drawn(&codes, &tested, most / 4, seed ^ 1)))?,
            learned: learned.len() as u64,
        })
    }

    /// Rows to learn from that were kept, each with the weight of all rows that it stands for.
    ///
    /// # Errors
    ///
    /// If they do not hold together: the file they are from was made by hand.
    pub fn train(&self) -> Result<Dataset, Error> {
        let data = self.train.dataset()?;
        let rows = data.rows();
        if rows == 0 {
            return Ok(data);
        }
        data.with_weights(vec![self.learned as f64 / rows as f64; rows])
    }

    /// Rows to test on that were kept.
    ///
    /// # Errors
    ///
    /// As for [`train`](Self::train).
    pub fn test(&self) -> Result<Dataset, Error> {
        self.test.dataset()
    }

    /// Rows to learn from and to test on that were kept, and rows learned from in all.
    pub fn rows(&self) -> (u64, u64, u64) {
        (
            self.train.classes.len() as u64,
            self.test.classes.len() as u64,
            self.learned,
        )
    }
}

impl Rows {
    fn of(data: &Dataset) -> Result<Self, Error> {
        let names = data.class_names();
        Ok(Self {
            columns: data
                .columns()
                .map(|column| {
                    let values = match column.kind() {
                        Kind::Category => {
                            let names = column.categories();
                            let codes = column.codes().unwrap_or_default();
                            let name = |code: &u32| names.get(*code as usize).cloned();
                            Column::Names(codes.iter().map(name).collect())
                        }
                        Kind::Time => Column::Times(
                            column
                                .numbers()
                                .iter()
                                .map(|time| time.is_finite().then_some(*time as i64))
                                .collect(),
                        ),
                        Kind::Number => Column::Numbers(column.numbers().into_owned()),
                    };
                    (column.name().to_owned(), values)
                })
                .collect(),
            classes: data
                .class_codes()?
                .iter()
                .map(|&code| names[code as usize].clone())
                .collect(),
            times: data.times().map(std::borrow::Cow::into_owned),
        })
    }

    fn dataset(&self) -> Result<Dataset, Error> {
        let columns = self
            .columns
            .iter()
            .map(|(name, column)| {
                let values = match column {
                    Column::Numbers(values) => Values::numbers(values.iter().copied()),
                    Column::Names(names) => Values::categories(names.iter().map(Option::as_deref)),
                    Column::Times(times) => Values::times(times.iter().copied()),
                };
                (name.as_str(), values)
            })
            .collect();
        let data = Dataset::new(columns)?.with_classes(&self.classes)?;
        match &self.times {
            Some(times) => data.with_times(times.clone()),
            None => Ok(data),
        }
    }
}

/// Rows of both tables, one after the other: the columns of the first, with the classes, times and
/// weights of both. A table without weights counts each row once.
///
/// # Errors
///
/// If the second lacks a column of the first, or one of them has no classes.
pub fn concatenated(first: &Dataset, second: &Dataset) -> Result<Dataset, Error> {
    let mut columns = Vec::new();
    for column in first.columns() {
        let Some(other) = second.column(column.name()) else {
            return Err(Error::MissingColumns {
                columns: vec![column.name().to_owned()],
            });
        };
        let values = if let (Some(a), Some(b)) = (column.codes(), other.codes()) {
            let (a_names, b_names) = (column.categories(), other.categories());
            let a = a
                .iter()
                .map(|&code| a_names.get(code as usize).map(String::as_str));
            let b = b
                .iter()
                .map(|&code| b_names.get(code as usize).map(String::as_str));
            Values::categories(a.chain(b).collect::<Vec<_>>())
        } else if column.kind() == other.kind()
            || column.codes().is_none() && other.codes().is_none()
        {
            let (a, b) = (column.numbers(), other.numbers());
            Values::numbers(a.iter().chain(b.iter()).copied())
        } else {
            return Err(Error::Column {
                column: column.name().to_owned(),
                reason: "holds names in one part and numbers in the other".to_owned(),
            });
        };
        columns.push((column.name().to_owned(), values));
    }
    let classes = |data: &Dataset| -> Result<Vec<String>, Error> {
        let names = data.class_names();
        Ok(data
            .class_codes()?
            .iter()
            .map(|&code| names[code as usize].clone())
            .collect())
    };
    let mut all = classes(first)?;
    all.extend(classes(second)?);
    let mut data = Dataset::new(columns)?.with_classes(all)?;
    if let (Some(a), Some(b)) = (first.times(), second.times()) {
        data = data.with_times(a.iter().chain(b.iter()).copied().collect())?;
    }
    if first.weights().is_some() || second.weights().is_some() {
        let weights = |data: &Dataset| {
            data.weights()
                .map_or_else(|| vec![1.0; data.rows()], std::borrow::Cow::into_owned)
        };
        let mut all = weights(first);
        all.extend(weights(second));
        data = data.with_weights(all)?;
    }
    Ok(data)
}

/// Rows of each class by its share, drawn by the seed, in ascending order.
fn drawn(codes: &[u32], rows: &[usize], most: usize, seed: u64) -> Vec<usize> {
    if rows.len() <= most {
        return rows.to_vec();
    }
    let mut by_class: Vec<Vec<usize>> = Vec::new();
    for &row in rows {
        let class = codes[row] as usize;
        if by_class.len() <= class {
            by_class.resize(class + 1, Vec::new());
        }
        by_class[class].push(row);
    }
    let mut kept = Vec::new();
    for (class, of_class) in by_class.iter().enumerate() {
        let share = (of_class.len() as f64 / rows.len() as f64 * most as f64).round() as usize;
        let wanted = share
            .max(FEWEST_OF_CLASS.min(of_class.len()))
            .min(of_class.len())
            .min(most);
        let mut chance = Chance::of(seed, 0x6b65_7074 + class as u64);
        kept.extend(
            chance
                .sample(of_class.len(), wanted)
                .into_iter()
                .map(|at| of_class[at]),
        );
    }
    kept.sort_unstable();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> Dataset {
        Dataset::new(vec![
            ("n", Values::numbers((0..1000).map(f64::from))),
            (
                "s",
                Values::categories(
                    (0..1000)
                        .map(|row| (row % 3 > 0).then_some(if row % 3 == 1 { "x" } else { "y" })),
                ),
            ),
        ])
        .unwrap()
        .with_classes((0..1000).map(|row| if row % 100 == 7 { "rare" } else { "common" }))
        .unwrap()
        .with_times((0..1000).map(Some).collect())
        .unwrap()
    }

    fn inputs() -> Vec<Input> {
        vec![
            Input {
                name: "s".to_owned(),
                kind: Kind::Category,
            },
            Input {
                name: "n".to_owned(),
                kind: Kind::Number,
            },
        ]
    }

    #[test]
    fn a_bounded_part_of_each_class() {
        let (learned, tested): (Vec<usize>, Vec<usize>) =
            ((0..700).collect(), (700..1000).collect());
        let kept = Kept::of(&data(), &inputs(), &learned, &tested, 100, 4).unwrap();
        let (train, test, all) = kept.rows();
        assert!(
            (100..=120).contains(&train) && (20..=50).contains(&test),
            "{train} {test}"
        );
        assert_eq!(all, 700);
        let rows = kept.train().unwrap();
        let rare = rows
            .class_codes()
            .unwrap()
            .iter()
            .filter(|code| **code == 1)
            .count();
        assert_eq!(rare, 7, "all of those that there are");
        let sum: f64 = rows.weights().unwrap().iter().sum();
        assert!((sum - 700.0).abs() < 1e-9);
        // What is kept are rows as they were.
        let column = rows.column("n").unwrap();
        for row in 0..rows.rows() {
            let number = column.numbers()[row] as usize;
            let name = rows.column("s").unwrap().text(row);
            assert_eq!(name, data().column("s").unwrap().text(number));
            assert!(number < 700);
        }
        let bytes = serde_json::to_string(&kept).unwrap();
        assert!(serde_json::from_str::<Kept>(&bytes).unwrap() == kept);
        // Fewer rows than may be kept: all of them.
        assert_eq!(
            Kept::of(&data(), &inputs(), &[1, 2], &[3], 100, 4)
                .unwrap()
                .rows(),
            (2, 1, 2)
        );
        assert_eq!(
            Kept::of(&data(), &inputs(), &learned, &tested, 0, 4)
                .unwrap()
                .rows()
                .0,
            0
        );
    }

    #[test]
    fn tables_one_after_the_other() {
        let other = Dataset::new(vec![
            ("s", Values::categories([Some("z"), None])),
            ("n", Values::numbers([5.0, f64::NAN])),
            ("more", Values::numbers([0.0, 0.0])),
        ])
        .unwrap()
        .with_classes(["new", "common"])
        .unwrap()
        .with_weights(vec![2.0, 3.0])
        .unwrap();
        let all = concatenated(&data(), &other).unwrap();
        assert_eq!(all.rows(), 1002);
        assert_eq!(all.class_names(), ["common", "new", "rare"]);
        assert_eq!(all.column("s").unwrap().text(1000).as_deref(), Some("z"));
        assert_eq!(all.column("s").unwrap().text(1), Some("x".to_owned()));
        assert!(all.column("n").unwrap().numbers()[1001].is_nan());
        assert_eq!(all.weights().unwrap()[999..], [1.0, 2.0, 3.0]);
        assert!(all.times().is_none());
        assert!(
            concatenated(&other, &data()).is_err(),
            "a column is missing"
        );
    }
}
