//! Tables to learn from: named, typed columns, what is to be learned, and which rows count.
//!
//! A [`Dataset`] is a view: its columns are shared, and choosing rows or columns copies none of
//! them. A number is missing when it is NaN; infinite numbers are taken as missing too, since no
//! model can learn from them.
//!
//! ```
//! use netloom_ml::{Dataset, Values};
//!
//! let data = Dataset::new(vec![
//!     ("bytes", Values::numbers([10.0, 200.0, f64::NAN])),
//!     ("service", Values::categories([Some("dns"), Some("http"), None])),
//! ])?
//! .with_classes(["benign", "attack", "attack"])?;
//! assert_eq!(data.rows(), 3);
//! assert_eq!(data.class_names(), ["attack", "benign"]);
//! let attacks = data.select(&[1, 2]);
//! assert_eq!(*attacks.class_codes()?, [0, 0]);
//! # Ok::<(), netloom_ml::Error>(())
//! ```

mod arrow;
mod identity;
mod values;

use std::borrow::Cow;
use std::sync::Arc;

use arrow_buffer::ScalarBuffer;

use crate::error::Error;

pub use arrow::{DatasetOptions, Imported, LeftOut, TargetKind};
pub use identity::identity;
pub use values::{Kind, Values};

/// A table to learn from, or to tell something of.
#[derive(Debug, Clone)]
pub struct Dataset {
    table: Arc<Table>,
    /// Numbers of the table's columns that are seen, in their order.
    columns: Arc<[usize]>,
    rows: Rows,
}

/// What views of one table share.
#[derive(Debug, Clone, Default)]
struct Table {
    rows: usize,
    columns: Vec<Column>,
    target: Option<Target>,
    groups: Option<Labels>,
    times: Option<Vec<Option<i64>>>,
    weights: Option<Vec<f64>>,
}

/// A named column.
#[derive(Debug, Clone)]
struct Column {
    name: Arc<str>,
    values: Values,
}

/// Which rows are seen.
#[derive(Debug, Clone)]
enum Rows {
    All,
    Some(Arc<[u32]>),
}

#[derive(Debug, Clone)]
enum Target {
    Classes(Labels),
    Numbers(Vec<f64>),
}

/// A name for each row.
#[derive(Debug, Clone)]
struct Labels {
    codes: Vec<u32>,
    names: Arc<[String]>,
}

/// A column of a [`Dataset`], in the rows that it sees.
#[derive(Debug, Clone, Copy)]
pub struct ColumnView<'a> {
    column: &'a Column,
    rows: Option<&'a [u32]>,
}

impl Dataset {
    /// A table of columns.
    ///
    /// # Errors
    ///
    /// If two columns have one name, or columns differ in length.
    pub fn new<N: Into<Arc<str>>>(columns: Vec<(N, Values)>) -> Result<Self, Error> {
        let columns: Vec<Column> = columns
            .into_iter()
            .map(|(name, values)| Column {
                name: name.into(),
                values,
            })
            .collect();
        let rows = columns.first().map_or(0, |column| column.values.len());
        let mut names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::DuplicateColumn {
                column: twice[0].to_owned(),
            });
        }
        for column in &columns {
            check_length(&column.name, column.values.len(), rows)?;
        }
        if u32::try_from(rows).is_err() {
            return Err(Error::TooManyRows { rows });
        }
        Ok(Self {
            columns: (0..columns.len()).collect(),
            table: Arc::new(Table {
                rows,
                columns,
                ..Table::default()
            }),
            rows: Rows::All,
        })
    }

    /// The table with a class for each row that is seen; the names are sorted, as numbers where
    /// all of them are.
    ///
    /// # Errors
    ///
    /// If there are more or fewer classes than rows.
    pub fn with_classes<S: AsRef<str>>(
        self,
        classes: impl IntoIterator<Item = S>,
    ) -> Result<Self, Error> {
        let classes: Vec<S> = classes.into_iter().collect();
        let labels = Labels::of(classes.iter().map(AsRef::as_ref));
        self.with("classes", labels.codes.len(), |table| {
            table.target = Some(Target::Classes(labels));
        })
    }

    /// The table with a number to learn for each row that is seen.
    ///
    /// # Errors
    ///
    /// If there are more or fewer numbers than rows, or one is not finite.
    pub fn with_numbers(self, numbers: Vec<f64>) -> Result<Self, Error> {
        if let Some(row) = numbers.iter().position(|number| !number.is_finite()) {
            return Err(Error::TargetNotFinite { row });
        }
        self.with("numbers to learn", numbers.len(), |table| {
            table.target = Some(Target::Numbers(numbers));
        })
    }

    /// The table with the name of the group (host, capture, scenario) of each row that is seen.
    ///
    /// # Errors
    ///
    /// If there are more or fewer groups than rows.
    pub fn with_groups<S: AsRef<str>>(
        self,
        groups: impl IntoIterator<Item = S>,
    ) -> Result<Self, Error> {
        let groups: Vec<S> = groups.into_iter().collect();
        let labels = Labels::of(groups.iter().map(AsRef::as_ref));
        self.with("groups", labels.codes.len(), |table| {
            table.groups = Some(labels);
        })
    }

    /// The table with the time of each row that is seen, in nanoseconds since 1970 UTC; none
    /// where it is not known.
    ///
    /// # Errors
    ///
    /// If there are more or fewer times than rows.
    pub fn with_times(self, times: Vec<Option<i64>>) -> Result<Self, Error> {
        self.with("times", times.len(), |table| table.times = Some(times))
    }

    /// The table with how much each row that is seen counts.
    ///
    /// # Errors
    ///
    /// If there are more or fewer weights than rows, or one is negative or not finite.
    pub fn with_weights(self, weights: Vec<f64>) -> Result<Self, Error> {
        if let Some(row) = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
            return Err(Error::Weight {
                row,
                weight: weights[row],
            });
        }
        self.with("weights", weights.len(), |table| {
            table.weights = Some(weights);
        })
    }

    fn with(self, what: &str, length: usize, set: impl FnOnce(&mut Table)) -> Result<Self, Error> {
        check_length(what, length, self.rows())?;
        // What is set is for the rows seen: the table becomes those.
        let mut whole = match self.rows {
            Rows::All => self,
            Rows::Some(_) => self.compacted(),
        };
        set(Arc::make_mut(&mut whole.table));
        Ok(whole)
    }

    /// A table of its own with the rows and columns that are seen, one after the other.
    #[must_use]
    pub fn compacted(&self) -> Self {
        let table = Table {
            rows: self.rows(),
            columns: self
                .columns()
                .map(|view| Column {
                    name: Arc::clone(&view.column.name),
                    values: match view.rows {
                        None => view.column.values.clone(),
                        Some(rows) => view.column.values.take(rows),
                    },
                })
                .collect(),
            target: self.table.target.as_ref().map(|target| match target {
                Target::Classes(labels) => Target::Classes(Labels {
                    codes: self.gather(&labels.codes).into_owned(),
                    names: Arc::clone(&labels.names),
                }),
                Target::Numbers(numbers) => Target::Numbers(self.gather(numbers).into_owned()),
            }),
            groups: self.table.groups.as_ref().map(|labels| Labels {
                codes: self.gather(&labels.codes).into_owned(),
                names: Arc::clone(&labels.names),
            }),
            times: self.times().map(Cow::into_owned),
            weights: self.weights().map(Cow::into_owned),
        };
        Self {
            columns: (0..table.columns.len()).collect(),
            table: Arc::new(table),
            rows: Rows::All,
        }
    }

    /// Number of rows that are seen.
    pub fn rows(&self) -> usize {
        match &self.rows {
            Rows::All => self.table.rows,
            Rows::Some(rows) => rows.len(),
        }
    }

    /// The columns that are seen, in their order.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = ColumnView<'_>> + '_ {
        self.columns.iter().map(|&column| ColumnView {
            column: &self.table.columns[column],
            rows: self.rows.as_slice(),
        })
    }

    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<ColumnView<'_>> {
        self.columns().find(|column| column.name() == name)
    }

    /// The rows named, in the order named, without copying any; a row may be named twice.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let seen = self.rows();
        let rows = rows
            .iter()
            .map(|&row| {
                assert!(row < seen, "row {row} of {seen}");
                match &self.rows {
                    Rows::All => row as u32,
                    Rows::Some(known) => known[row],
                }
            })
            .collect();
        Self {
            table: Arc::clone(&self.table),
            columns: Arc::clone(&self.columns),
            rows: Rows::Some(rows),
        }
    }

    /// The columns named, in the order named, without copying any.
    ///
    /// # Errors
    ///
    /// If a column is missing.
    pub fn with_columns<S: AsRef<str>>(&self, names: &[S]) -> Result<Self, Error> {
        let missing: Vec<String> = names
            .iter()
            .filter(|name| self.column(name.as_ref()).is_none())
            .map(|name| name.as_ref().to_owned())
            .collect();
        if !missing.is_empty() {
            return Err(Error::MissingColumns { columns: missing });
        }
        let columns = names
            .iter()
            .filter_map(|name| {
                self.columns
                    .iter()
                    .copied()
                    .find(|&column| &*self.table.columns[column].name == name.as_ref())
            })
            .collect();
        Ok(Self {
            table: Arc::clone(&self.table),
            columns,
            rows: self.rows.clone(),
        })
    }

    /// The table with the values of one column replaced, in the rows that are seen.
    ///
    /// # Errors
    ///
    /// If the column is missing, or there are more or fewer values than rows.
    pub fn with_values(&self, name: &str, values: Values) -> Result<Self, Error> {
        check_length(name, values.len(), self.rows())?;
        let mut whole = match self.rows {
            Rows::All => self.clone(),
            Rows::Some(_) => self.compacted(),
        };
        let Some(place) = whole
            .columns
            .iter()
            .copied()
            .find(|&column| &*whole.table.columns[column].name == name)
        else {
            return Err(Error::MissingColumns {
                columns: vec![name.to_owned()],
            });
        };
        Arc::make_mut(&mut whole.table).columns[place].values = values;
        Ok(whole)
    }

    /// Whether there is something to learn: classes or numbers.
    pub fn has_target(&self) -> bool {
        self.table.target.is_some()
    }

    /// Names of the classes, sorted; empty without classes. Not all need to occur in the rows that
    /// are seen.
    pub fn class_names(&self) -> &[String] {
        match &self.table.target {
            Some(Target::Classes(labels)) => &labels.names,
            _ => &[],
        }
    }

    /// The class of each row, as the number of its name.
    ///
    /// # Errors
    ///
    /// If the table has no classes.
    pub fn class_codes(&self) -> Result<Cow<'_, [u32]>, Error> {
        match &self.table.target {
            Some(Target::Classes(labels)) => Ok(self.gather(&labels.codes)),
            Some(Target::Numbers(_)) => Err(Error::TargetKind { wanted: "classes" }),
            None => Err(Error::NoTarget),
        }
    }

    /// The number to learn of each row.
    ///
    /// # Errors
    ///
    /// If the table has no numbers to learn.
    pub fn numbers(&self) -> Result<Cow<'_, [f64]>, Error> {
        match &self.table.target {
            Some(Target::Numbers(numbers)) => Ok(self.gather(numbers)),
            Some(Target::Classes(_)) => Err(Error::TargetKind { wanted: "numbers" }),
            None => Err(Error::NoTarget),
        }
    }

    /// Names of the groups, sorted; empty without groups. Not all need to occur in the rows that
    /// are seen.
    pub fn group_names(&self) -> &[String] {
        self.table
            .groups
            .as_ref()
            .map_or(&[], |groups| &groups.names)
    }

    /// The group of each row, as the number of its name.
    pub fn group_codes(&self) -> Option<Cow<'_, [u32]>> {
        let groups = self.table.groups.as_ref()?;
        Some(self.gather(&groups.codes))
    }

    /// The time of each row in nanoseconds since 1970 UTC; none where it is not known.
    pub fn times(&self) -> Option<Cow<'_, [Option<i64>]>> {
        let times = self.table.times.as_ref()?;
        Some(self.gather(times))
    }

    /// The first and last time of the rows that are seen.
    pub fn window(&self) -> Option<(i64, i64)> {
        let times = self.times()?;
        let first = times.iter().flatten().min()?;
        let last = times.iter().flatten().max()?;
        Some((*first, *last))
    }

    /// How much each row counts; none where all count alike.
    pub fn weights(&self) -> Option<Cow<'_, [f64]>> {
        let weights = self.table.weights.as_ref()?;
        Some(self.gather(weights))
    }

    fn gather<'a, T: Clone>(&self, all: &'a [T]) -> Cow<'a, [T]> {
        match &self.rows {
            Rows::All => Cow::Borrowed(all),
            Rows::Some(rows) => rows.iter().map(|&row| all[row as usize].clone()).collect(),
        }
    }
}

impl<'a> ColumnView<'a> {
    /// Its name.
    pub fn name(&self) -> &'a str {
        &self.column.name
    }

    /// Its type.
    pub fn kind(&self) -> Kind {
        self.column.values.kind()
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.map_or(self.column.values.len(), <[u32]>::len)
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values as numbers: categories as the numbers of their names, times in nanoseconds, NaN
    /// where missing. Copies nothing where the numbers stand so already.
    pub fn numbers(&self) -> Cow<'a, [f64]> {
        self.column.values.to_numbers(self.rows)
    }

    /// As [`numbers`](Self::numbers), shared where they stand so already.
    pub(crate) fn buffer(&self) -> ScalarBuffer<f64> {
        match (&self.column.values, self.rows) {
            (Values::F64(values), None) => values.clone(),
            _ => self.numbers().into_owned().into(),
        }
    }

    /// Names of the categories, sorted; empty for other columns.
    pub fn categories(&self) -> &'a [String] {
        self.column.values.names()
    }

    /// The category of each row as the number of its name, [`Values::MISSING`] where there is
    /// none; none for other columns.
    pub fn codes(&self) -> Option<Cow<'a, [u32]>> {
        self.column.values.codes(self.rows)
    }

    /// The value as a person would read it; none where it is missing.
    pub fn text(&self, row: usize) -> Option<String> {
        let row = self.rows.map_or(row, |rows| rows[row] as usize);
        self.column.values.text(row)
    }
}

impl Rows {
    fn as_slice(&self) -> Option<&[u32]> {
        match self {
            Self::All => None,
            Self::Some(rows) => Some(rows),
        }
    }
}

impl Labels {
    fn of<'a>(labels: impl Iterator<Item = &'a str> + Clone) -> Self {
        let mut names: Vec<&str> = labels.clone().collect();
        names.sort_unstable();
        names.dedup();
        let codes = labels
            .map(|label| names.partition_point(|name| *name < label) as u32)
            .collect();
        // Numbers in the order of numbers: 10 comes after 9.
        let numbers: Option<Vec<f64>> = names.iter().map(|name| name.parse().ok()).collect();
        let mut labels = Self {
            codes,
            names: names.iter().map(|&name| name.to_owned()).collect(),
        };
        if let Some(numbers) = numbers {
            let mut order: Vec<usize> = (0..names.len()).collect();
            order.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b]));
            let mut place = vec![0; order.len()];
            for (new, &old) in order.iter().enumerate() {
                place[old] = new as u32;
            }
            for code in &mut labels.codes {
                *code = place[*code as usize];
            }
            labels.names = order.iter().map(|&old| names[old].to_owned()).collect();
        }
        labels
    }
}

fn check_length(what: &str, length: usize, rows: usize) -> Result<(), Error> {
    if length == rows {
        return Ok(());
    }
    Err(Error::Length {
        what: what.to_owned(),
        length,
        rows,
    })
}

#[cfg(test)]
mod tests;
