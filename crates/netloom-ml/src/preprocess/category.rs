//! Columns of names.

use std::borrow::Cow;
use std::collections::HashMap;

use arrow_buffer::ScalarBuffer;
use serde::{Deserialize, Serialize};

use super::{Encoding, Preprocessing};
use crate::chance::Chance;
use crate::dataset::{ColumnView, Kind, Values};

/// What is to be learned, for encodings that look at it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target<'a> {
    /// The class of each row, and the names of the classes.
    Classes {
        codes: &'a [u32],
        names: &'a [String],
        seed: u64,
    },
    /// The number of each row.
    Numbers { numbers: &'a [f64], seed: u64 },
}

/// Folds that training rows are encoded in.
const FOLDS: usize = 5;

impl Target<'_> {
    /// The fold of each row.
    pub(super) fn folds(&self, rows: usize) -> Vec<u8> {
        let (Self::Classes { seed, .. } | Self::Numbers { seed, .. }) = self;
        let mut folds: Vec<u8> = (0..rows).map(|row| (row % FOLDS) as u8).collect();
        Chance::of(*seed, 0x0074_6172_6765_7400).shuffle(&mut folds);
        folds
    }

    pub(super) fn names(&self) -> &[String] {
        match self {
            Self::Classes { names, .. } => names,
            Self::Numbers { .. } => &[],
        }
    }

    /// Columns that an encoding by it has: one for each class, but for two classes the second
    /// alone says all.
    fn width(&self) -> usize {
        match self {
            Self::Classes { names, .. } if names.len() > 2 => names.len(),
            _ => 1,
        }
    }

    /// What is averaged in a column of the encoding.
    fn value(&self, row: usize, column: usize) -> f64 {
        match self {
            Self::Numbers { numbers, .. } => numbers[row],
            Self::Classes { codes, names, .. } => {
                let class = if names.len() > 2 { column } else { 1 };
                f64::from(u8::from(codes[row] as usize == class))
            }
        }
    }
}

/// What categories are encoded by.
pub(super) struct CategoryTask<'a> {
    pub(super) params: &'a Preprocessing,
    pub(super) target: &'a Target<'a>,
    pub(super) folds: &'a [u8],
}

/// What is done to a column of names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Categories {
    /// Those that are told apart, sorted.
    names: Vec<String>,
    /// Those that are taken as one, sorted.
    rare: Vec<String>,
    encoding: Encoded,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Encoded {
    OneHot,
    Ordinal,
    Target {
        /// For each category, the rare ones after them: a number for each column.
        means: Vec<f64>,
        /// For what is missing or was never seen.
        overall: Vec<f64>,
    },
}

/// The same as a table: what each category becomes.
pub(crate) struct CategoryStep<'a> {
    /// Those that are told apart.
    pub(crate) names: &'a [String],
    /// Those that are taken as one.
    pub(crate) rare: &'a [String],
    /// A row for each name, one for the rare ones, and one for what was never seen.
    pub(crate) table: Vec<f64>,
}

/// Whether a column's texts are as good as numbers of its rows.
pub(super) fn names_rows(view: &ColumnView<'_>) -> bool {
    const FEW: usize = 50;
    let Some(codes) = view.codes() else {
        return false;
    };
    let mut seen = vec![false; view.categories().len()];
    let mut known = 0;
    let mut different = 0;
    for &code in codes.iter().filter(|code| **code != Values::MISSING) {
        known += 1;
        if let Some(seen) = seen.get_mut(code as usize)
            && !*seen
        {
            *seen = true;
            different += 1;
        }
    }
    different > FEW && different * 2 > known
}

/// The category after the last: those that are rare.
const RARE: usize = usize::MAX;

impl Categories {
    pub(super) fn fit(
        task: &CategoryTask<'_>,
        view: &ColumnView<'_>,
    ) -> (Self, Vec<ScalarBuffer<f64>>) {
        let codes = view.codes().unwrap_or_default();
        let all = view.categories();
        let mut counts = vec![0_usize; all.len()];
        for &code in codes.iter() {
            if let Some(count) = counts.get_mut(code as usize) {
                *count += 1;
            }
        }
        let mut frequent: Vec<usize> = (0..all.len())
            .filter(|&code| counts[code] > 0 && counts[code] >= task.params.min_frequency)
            .collect();
        if frequent.len() > task.params.max_categories {
            // The most frequent, in alphabetical order where they are equal.
            frequent.sort_by_key(|&code| (std::cmp::Reverse(counts[code]), code));
            frequent.truncate(task.params.max_categories);
            frequent.sort_unstable();
        }
        let rare = (0..all.len())
            .filter(|code| counts[*code] > 0 && frequent.binary_search(code).is_err())
            .map(|code| all[code].clone())
            .collect();
        let mut this = Self {
            names: frequent.iter().map(|&code| all[code].clone()).collect(),
            rare,
            encoding: match task.params.encoding {
                Encoding::OneHot => Encoded::OneHot,
                Encoding::Ordinal | Encoding::Target => Encoded::Ordinal,
            },
        };
        if task.params.encoding == Encoding::Target {
            return this.fit_target(task, view);
        }
        let columns = this.transform(view);
        this.encoding = match task.params.encoding {
            Encoding::OneHot => Encoded::OneHot,
            _ => Encoded::Ordinal,
        };
        (this, columns)
    }

    /// Means by category: for later rows of all rows, for each training row of the other folds.
    fn fit_target(
        mut self,
        task: &CategoryTask<'_>,
        view: &ColumnView<'_>,
    ) -> (Self, Vec<ScalarBuffer<f64>>) {
        let places = self.places(view);
        let width = task.target.width();
        let kinds = self.kinds();
        let mut columns = vec![vec![0.0; places.len()]; width];
        for fold in 0..FOLDS as u8 {
            let (means, overall) = self.means(task.target, &places, |row| task.folds[row] != fold);
            for (row, place) in places.iter().enumerate() {
                if task.folds[row] == fold {
                    for (column, values) in columns.iter_mut().enumerate() {
                        values[row] = encoded(&means, &overall, *place, kinds, column);
                    }
                }
            }
        }
        let (means, overall) = self.means(task.target, &places, |_| true);
        self.encoding = Encoded::Target { means, overall };
        (self, columns.into_iter().map(Into::into).collect())
    }

    /// Means by category and column, each drawn towards the overall mean by an empirical Bayes
    /// estimate (Micci-Barreca, SIGKDD Explorations 2001), as scikit-learn's `smooth="auto"`.
    fn means(
        &self,
        target: &Target<'_>,
        places: &[Option<usize>],
        of: impl Fn(usize) -> bool,
    ) -> (Vec<f64>, Vec<f64>) {
        let width = target.width();
        let kinds = self.kinds();
        let mut means = vec![0.0; kinds * width];
        let mut overall = vec![0.0; width];
        for column in 0..width {
            let rows = || (0..places.len()).filter(|&row| of(row));
            let count = rows().count().max(1) as f64;
            let mean = rows().map(|row| target.value(row, column)).sum::<f64>() / count;
            let variance = rows()
                .map(|row| (target.value(row, column) - mean).powi(2))
                .sum::<f64>()
                / count;
            let mut sums = vec![(0.0, 0.0); kinds];
            for row in rows() {
                if let Some(kind) = places[row].map(|place| place.min(kinds - 1)) {
                    sums[kind].0 += 1.0;
                    sums[kind].1 += target.value(row, column);
                }
            }
            let mut squares = vec![0.0; kinds];
            for row in rows() {
                if let Some(kind) = places[row].map(|place| place.min(kinds - 1)) {
                    let (count, sum) = sums[kind];
                    squares[kind] += (target.value(row, column) - sum / count).powi(2);
                }
            }
            overall[column] = mean;
            for kind in 0..kinds {
                let (count, sum) = sums[kind];
                let within = squares[kind] / count.max(1.0);
                let trust = variance * count / (variance * count + within);
                means[kind * width + column] = if count > 0.0 && variance > 0.0 {
                    trust * sum / count + (1.0 - trust) * mean
                } else {
                    mean
                };
            }
        }
        (means, overall)
    }

    /// Categories that are told apart, with the rare ones as the last.
    fn kinds(&self) -> usize {
        self.names.len() + 1
    }

    /// For each row the number of its category, [`RARE`], or none.
    fn places(&self, view: &ColumnView<'_>) -> Vec<Option<usize>> {
        let texts: Cow<'_, [String]> = if view.kind() == Kind::Category {
            Cow::Borrowed(view.categories())
        } else {
            return self.places_of_numbers(view);
        };
        let of: Vec<Option<usize>> = texts.iter().map(|text| self.place(text)).collect();
        let codes = view.codes().unwrap_or_default();
        codes
            .iter()
            .map(|&code| of.get(code as usize).copied().flatten())
            .collect()
    }

    /// Names that are numbers: a table of text may have been read as one of numbers.
    fn places_of_numbers(&self, view: &ColumnView<'_>) -> Vec<Option<usize>> {
        let mut known = HashMap::new();
        view.numbers()
            .iter()
            .map(|number| {
                if number.is_nan() {
                    return None;
                }
                *known
                    .entry(number.to_bits())
                    .or_insert_with(|| self.place(&number.to_string()))
            })
            .collect()
    }

    fn place(&self, text: &str) -> Option<usize> {
        if let Ok(place) = self.names.binary_search_by(|name| name.as_str().cmp(text)) {
            return Some(place);
        }
        let rare = self.rare.binary_search_by(|name| name.as_str().cmp(text));
        rare.is_ok().then_some(RARE)
    }

    pub(super) fn transform(&self, view: &ColumnView<'_>) -> Vec<ScalarBuffer<f64>> {
        let places = self.places(view);
        let last = self.names.len();
        match &self.encoding {
            Encoded::OneHot => (0..self.width())
                .map(|column| {
                    places
                        .iter()
                        .map(|place| {
                            let is = place.is_some_and(|place| place.min(last) == column);
                            f64::from(u8::from(is))
                        })
                        .collect()
                })
                .collect(),
            Encoded::Ordinal => {
                let numbers = places
                    .iter()
                    .map(|place| place.map_or(f64::NAN, |place| place.min(last) as f64));
                vec![numbers.collect()]
            }
            Encoded::Target { means, overall } => (0..overall.len())
                .map(|column| {
                    places
                        .iter()
                        .map(|place| encoded(means, overall, *place, self.kinds(), column))
                        .collect()
                })
                .collect(),
        }
    }

    pub(super) fn describe(&self) -> CategoryStep<'_> {
        let last = self.names.len();
        let width = self.width();
        let table = match &self.encoding {
            Encoded::OneHot => (0..last + 2)
                .flat_map(|row| (0..width).map(move |column| f64::from(u8::from(row == column))))
                .collect(),
            Encoded::Ordinal => (0..=last).map(|row| row as f64).chain([f64::NAN]).collect(),
            Encoded::Target { means, overall } => means.iter().chain(overall).copied().collect(),
        };
        CategoryStep {
            names: &self.names,
            rare: &self.rare,
            table,
        }
    }

    pub(super) fn width(&self) -> usize {
        match &self.encoding {
            Encoded::OneHot => self.names.len() + usize::from(!self.rare.is_empty()),
            Encoded::Ordinal => 1,
            Encoded::Target { overall, .. } => overall.len(),
        }
    }

    pub(super) fn names(&self, column: &str, classes: &[String], names: &mut Vec<String>) {
        match &self.encoding {
            Encoded::OneHot => {
                names.extend(self.names.iter().map(|name| format!("{column} = {name}")));
                if !self.rare.is_empty() {
                    names.push(format!("{column} is rare"));
                }
            }
            Encoded::Ordinal => names.push(column.to_owned()),
            Encoded::Target { overall, .. } => {
                if overall.len() == 1 {
                    names.push(column.to_owned());
                } else {
                    names.extend(classes.iter().map(|class| format!("{column} as {class}")));
                }
            }
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        let sorted = |names: &[String]| names.windows(2).all(|pair| pair[0] < pair[1]);
        sorted(&self.names)
            && sorted(&self.rare)
            && match &self.encoding {
                Encoded::Target { means, overall } => {
                    !overall.is_empty()
                        && self.kinds().checked_mul(overall.len()) == Some(means.len())
                }
                _ => true,
            }
    }
}

fn encoded(
    means: &[f64],
    overall: &[f64],
    place: Option<usize>,
    kinds: usize,
    column: usize,
) -> f64 {
    place.map_or(overall[column], |place| {
        means[place.min(kinds - 1) * overall.len() + column]
    })
}
