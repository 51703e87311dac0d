//! Which rows are learned from and tested on, and the same in words.

use crate::card::SplitFacts;
use crate::chance::Chance;
use crate::dataset::Dataset;
use crate::split::{self, Split};

use super::{ExperimentError, ExperimentOptions};

/// What decides on which side of the split a row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// The first to learn from, the last to test on.
    Time {
        /// Each class is cut at a time of its own.
        per_class: bool,
    },
    /// Whole groups; the name of what a group is, for the card.
    Group(String),
    /// Chance.
    Random,
    /// The caller: rows to test on, and what they are, for the card.
    Given(Vec<usize>, String),
}

/// The splits, and what decided them.
#[derive(Debug, Clone)]
pub struct Plan {
    /// One split, or one for each fold.
    pub splits: Vec<Split>,
    method: Method,
    test: f64,
}

impl Plan {
    /// Splits the rows of a dataset.
    ///
    /// # Errors
    ///
    /// If there are no times or groups where they decide, or not enough of them.
    pub fn new(data: &Dataset, options: &ExperimentOptions) -> Result<Self, ExperimentError> {
        Ok(Self {
            splits: splits(data, options)?,
            method: options.method.clone(),
            test: options.test,
        })
    }

    /// The same with other splits.
    pub(super) fn with_splits(&self, splits: Vec<Split>) -> Self {
        Self {
            splits,
            method: self.method.clone(),
            test: self.test,
        }
    }

    /// The only split, or that of the first fold.
    pub fn first(&self) -> &Split {
        const NONE: &Split = &Split {
            train: Vec::new(),
            test: Vec::new(),
            left_out: Vec::new(),
        };
        self.splits.first().unwrap_or(NONE)
    }

    /// What decided.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Splits of the other kind with as many test rows, where the data has what they need.
    pub(super) fn opposite(
        &self,
        data: &Dataset,
        options: &ExperimentOptions,
    ) -> Result<Option<Vec<Split>>, ExperimentError> {
        let test = self.first().test.len() as f64
            / (self.first().test.len() + self.first().train.len()).max(1) as f64;
        let of = |method| {
            let other = ExperimentOptions {
                method,
                test,
                ..options.clone()
            };
            splits(data, &other)
        };
        if self.method != Method::Random {
            return of(Method::Random).map(Some);
        }
        // Not every table with groups or times has enough of them: then there is no comparison.
        if data.group_codes().is_some()
            && let Ok(splits) = of(Method::Group(String::new()))
        {
            return Ok(Some(splits));
        }
        if data.times().is_some() {
            for per_class in [false, true] {
                let Ok(splits) = of(Method::Time { per_class }) else {
                    continue;
                };
                let classes = data.class_codes()?;
                let fair = splits
                    .iter()
                    .all(|split| split::one_sided(split, &classes).is_empty());
                if fair || per_class {
                    return Ok(Some(splits));
                }
            }
        }
        Ok(None)
    }

    /// Of rows to learn from a part that is held out, split as the whole is.
    pub(super) fn hold_out(
        &self,
        data: &Dataset,
        rows: &[usize],
        share: f64,
        seed: u64,
    ) -> Result<(Vec<usize>, Vec<usize>), ExperimentError> {
        let part = data.select(rows);
        let classes = part.class_codes()?;
        let by_method = match &self.method {
            Method::Time { per_class } => part.times().and_then(|times| {
                split::by_time(&times, per_class.then_some(&*classes), share).ok()
            }),
            Method::Group(_) => part
                .group_codes()
                .and_then(|groups| split::by_group(&groups, &classes, share, seed).ok()),
            Method::Random | Method::Given(..) => None,
        };
        // Where a class would be on one side only, its probability could not be corrected.
        let fair = |split: &Split| split::one_sided(split, &classes).is_empty();
        let split = match by_method.filter(fair) {
            Some(split) => split,
            None => split::at_random(&classes, share, seed)?,
        };
        let of = |places: &[usize]| places.iter().map(|&place| rows[place]).collect();
        Ok((of(&split.train), of(&split.test)))
    }

    /// The facts for the card.
    pub(super) fn facts(&self, data: &Dataset) -> SplitFacts {
        let first = self.first();
        let train = data.select(&first.train);
        let test = data.select(&first.test);
        let window = |part: &Dataset| {
            part.window()
                .map(|(first, last)| (rfc3339(first), rfc3339(last)))
        };
        let groups = |part: &Dataset| {
            let codes = part.group_codes()?;
            let mut codes = codes.into_owned();
            codes.sort_unstable();
            codes.dedup();
            Some(codes.len() as u64)
        };
        let folds = self.splits.len() > 1;
        let tested = self
            .splits
            .iter()
            .map(|split| split.test.len() as u64)
            .sum();
        SplitFacts {
            method: self.name(),
            words: self.words(data),
            train_rows: if folds {
                super::all_rows(self).len() as u64
            } else {
                first.train.len() as u64
            },
            test_rows: tested,
            left_out_rows: first.left_out.len() as u64,
            train_window: window(&train).filter(|_| !folds),
            test_window: window(&test).filter(|_| !folds),
            train_groups: groups(&train).filter(|_| !folds),
            test_groups: groups(&test).filter(|_| !folds),
        }
    }

    fn name(&self) -> String {
        let name = match &self.method {
            Method::Time { per_class: false } => "by time".to_owned(),
            Method::Time { per_class: true } => "by time within each class".to_owned(),
            Method::Group(what) => format!("by {what}"),
            Method::Random => "at random".to_owned(),
            Method::Given(..) => "test data".to_owned(),
        };
        match self.splits.len() {
            0 | 1 => name,
            folds => format!("{folds} folds {name}"),
        }
    }

    fn words(&self, data: &Dataset) -> String {
        let learned = ((1.0 - self.test) * 100.0).round();
        if self.splits.len() > 1 {
            let folds = self.splits.len();
            return match &self.method {
                Method::Time { .. } => format!(
                    "{folds} times: what came before to learn from, what came next to test on"
                ),
                Method::Group(what) => {
                    let groups = data.group_names().len();
                    format!(
                        "{folds} folds of {groups} groups ({what}): each is tested on once, by a model that has not seen its groups"
                    )
                }
                _ => format!("{folds} folds at random: each is tested on once"),
            };
        }
        match &self.method {
            Method::Time { per_class: false } => {
                format!(
                    "by time: the first {learned} % of the rows to learn from, the rest to test on"
                )
            }
            Method::Time { per_class: true } => format!(
                "by time within each class: the first {learned} % of its rows to learn from, the rest to test on"
            ),
            Method::Group(what) => {
                format!("by {what}: whole groups to learn from, others to test on")
            }
            Method::Random => {
                "at random: rows that resemble each other are on both sides".to_owned()
            }
            Method::Given(_, what) => format!("{what} to test on, all else to learn from"),
        }
    }

    /// What a fold is tested on.
    pub(super) fn test_in_words(&self, data: &Dataset, split: &Split) -> String {
        const NAMES: usize = 3;
        let test = data.select(&split.test);
        match &self.method {
            Method::Group(_) => {
                let mut codes = test
                    .group_codes()
                    .map(std::borrow::Cow::into_owned)
                    .unwrap_or_default();
                codes.sort_unstable();
                codes.dedup();
                let names: Vec<&str> = codes
                    .iter()
                    .take(NAMES)
                    .filter_map(|&code| data.group_names().get(code as usize))
                    .map(String::as_str)
                    .collect();
                let more = codes.len().saturating_sub(NAMES);
                let more = if more > 0 {
                    format!(" and {more} more")
                } else {
                    String::new()
                };
                names.join(", ") + &more
            }
            Method::Time { .. } => test.window().map_or_else(String::new, |(first, last)| {
                format!("{} – {}", rfc3339(first), rfc3339(last))
            }),
            _ => "a random part".to_owned(),
        }
    }
}

fn splits(data: &Dataset, options: &ExperimentOptions) -> Result<Vec<Split>, ExperimentError> {
    let classes = data.class_codes()?;
    let seed = options.run.seed;
    let test = options.test;
    Ok(match (&options.method, options.folds) {
        (Method::Time { per_class }, folds) => {
            let times = data.times().ok_or(ExperimentError::NoTimes)?;
            match folds {
                Some(folds) => split::time_folds(&times, folds)?,
                None => vec![split::by_time(
                    &times,
                    per_class.then_some(&*classes),
                    test,
                )?],
            }
        }
        (Method::Group(_), folds) => {
            let groups = data.group_codes().ok_or(ExperimentError::NoGroups)?;
            match folds {
                Some(folds) => split::group_folds(&groups, &classes, folds)?,
                None => vec![split::by_group(&groups, &classes, test, seed)?],
            }
        }
        (Method::Random, Some(folds)) => split::random_folds(&classes, folds, seed)?,
        (Method::Random, None) => vec![split::at_random(&classes, test, seed)?],
        (Method::Given(rows, _), _) => {
            let mut in_test = vec![false; data.rows()];
            for &row in rows {
                if let Some(in_test) = in_test.get_mut(row) {
                    *in_test = true;
                }
            }
            let (test, train) = (0..data.rows()).partition(|&row| in_test[row]);
            vec![Split {
                train,
                test,
                left_out: Vec::new(),
            }]
        }
    })
}

/// At most so many of the rows, drawn by the seed.
pub(super) fn part(rows: &[usize], most: usize, seed: u64) -> Vec<usize> {
    if rows.len() <= most {
        return rows.to_vec();
    }
    let mut places = Chance::of(seed, 0x67_6170).sample(rows.len(), most);
    places.sort_unstable();
    places.into_iter().map(|place| rows[place]).collect()
}

/// The splits with these rows only (in ascending order).
pub(super) fn within(splits: &[Split], rows: &[usize]) -> Vec<Split> {
    let keep = |side: &[usize]| {
        side.iter()
            .copied()
            .filter(|row| rows.binary_search(row).is_ok())
            .collect()
    };
    splits
        .iter()
        .map(|split| Split {
            train: keep(&split.train),
            test: keep(&split.test),
            left_out: Vec::new(),
        })
        .collect()
}

/// A time as RFC 3339 has it, in UTC, to the second or as exact as it is.
pub fn rfc3339(nanoseconds: i64) -> String {
    let seconds = nanoseconds.div_euclid(1_000_000_000);
    let fraction = nanoseconds.rem_euclid(1_000_000_000);
    let days = seconds.div_euclid(86_400);
    let of_day = seconds.rem_euclid(86_400);
    // Days to a date: Howard Hinnant, "chrono-compatible low-level date algorithms".
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 {
        month_index + 3
    } else {
        month_index - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let mut text = format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    );
    if fraction != 0 {
        let digits = format!("{fraction:09}");
        text.push('.');
        text.push_str(digits.trim_end_matches('0'));
    }
    text.push('Z');
    text
}
