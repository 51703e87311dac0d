//! The values of a column.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_buffer::ScalarBuffer;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kind {
    /// Numbers.
    Number,
    /// Names of few kinds.
    Category,
    /// Points in time.
    Time,
}

/// The values of a column; shared, so that a copy is cheap.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Values {
    /// Numbers; NaN where missing.
    F64(ScalarBuffer<f64>),
    /// Numbers of single precision; NaN where missing.
    F32(ScalarBuffer<f32>),
    /// Names: numbers of a sorted list, [`MISSING`](Self::MISSING) where there is none.
    Category {
        /// The number of each row's name.
        codes: ScalarBuffer<u32>,
        /// The names, sorted.
        names: Arc<[String]>,
    },
    /// Points in time: nanoseconds since 1970 UTC, [`NO_TIME`](Self::NO_TIME) where there is none.
    Time(ScalarBuffer<i64>),
}

impl Values {
    /// The code of a missing category.
    pub const MISSING: u32 = u32::MAX;
    /// The stamp of a missing time.
    pub const NO_TIME: i64 = i64::MIN;

    /// Numbers; what is not finite is missing.
    pub fn numbers(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values
            .into_iter()
            .map(|value| if value.is_finite() { value } else { f64::NAN })
            .collect();
        Self::F64(values.into())
    }

    /// Names; none where missing.
    pub fn categories<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let mut places = hashbrown::HashMap::<&str, u32, foldhash::fast::RandomState>::default();
        let mut names: Vec<&str> = Vec::new();
        let mut codes: Vec<u32> = values
            .into_iter()
            .map(|name| match name {
                None => Self::MISSING,
                Some(name) => *places.entry(name).or_insert_with(|| {
                    names.push(name);
                    names.len() as u32 - 1
                }),
            })
            .collect();
        // In the order of the names, so that the order of the rows leaves no trace.
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_unstable_by_key(|&place| names[place]);
        let mut place_of = vec![0; names.len()];
        for (new, &old) in order.iter().enumerate() {
            place_of[old] = new as u32;
        }
        for code in &mut codes {
            if *code != Self::MISSING {
                *code = place_of[*code as usize];
            }
        }
        Self::Category {
            codes: codes.into(),
            names: order.iter().map(|&old| names[old].to_owned()).collect(),
        }
    }

    /// Points in time, in nanoseconds since 1970 UTC; none where missing.
    pub fn times(values: impl IntoIterator<Item = Option<i64>>) -> Self {
        let values: Vec<i64> = values
            .into_iter()
            .map(|value| value.unwrap_or(Self::NO_TIME))
            .collect();
        Self::Time(values.into())
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::F64(values) => values.len(),
            Self::F32(values) => values.len(),
            Self::Category { codes, .. } => codes.len(),
            Self::Time(values) => values.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it holds.
    pub fn kind(&self) -> Kind {
        match self {
            Self::F64(_) | Self::F32(_) => Kind::Number,
            Self::Category { .. } => Kind::Category,
            Self::Time(_) => Kind::Time,
        }
    }

    pub(super) fn names(&self) -> &[String] {
        match self {
            Self::Category { names, .. } => names,
            _ => &[],
        }
    }

    pub(super) fn to_numbers(&self, rows: Option<&[u32]>) -> Cow<'_, [f64]> {
        match self {
            Self::F64(values) => match rows {
                None => Cow::Borrowed(&values[..]),
                Some(rows) => rows.iter().map(|&row| values[row as usize]).collect(),
            },
            Self::F32(values) => gather(values, rows, f64::from),
            Self::Category { codes, .. } => gather(codes, rows, |code| match code {
                Self::MISSING => f64::NAN,
                code => f64::from(code),
            }),
            Self::Time(values) => gather(values, rows, |time| match time {
                Self::NO_TIME => f64::NAN,
                time => time as f64,
            }),
        }
    }

    pub(super) fn codes(&self, rows: Option<&[u32]>) -> Option<Cow<'_, [u32]>> {
        let Self::Category { codes, .. } = self else {
            return None;
        };
        Some(match rows {
            None => Cow::Borrowed(&codes[..]),
            Some(rows) => rows.iter().map(|&row| codes[row as usize]).collect(),
        })
    }

    pub(super) fn take(&self, rows: &[u32]) -> Self {
        match self {
            Self::F64(values) => Self::F64(rows.iter().map(|&row| values[row as usize]).collect()),
            Self::F32(values) => Self::F32(rows.iter().map(|&row| values[row as usize]).collect()),
            Self::Category { codes, names } => Self::Category {
                codes: rows.iter().map(|&row| codes[row as usize]).collect(),
                names: Arc::clone(names),
            },
            Self::Time(values) => {
                Self::Time(rows.iter().map(|&row| values[row as usize]).collect())
            }
        }
    }

    pub(super) fn text(&self, row: usize) -> Option<String> {
        match self {
            Self::F64(values) => Some(values[row])
                .filter(|v| !v.is_nan())
                .map(|v| v.to_string()),
            Self::F32(values) => Some(values[row])
                .filter(|v| !v.is_nan())
                .map(|v| v.to_string()),
            Self::Category { codes, names } => names.get(codes[row] as usize).cloned(),
            Self::Time(values) => Some(values[row])
                .filter(|time| *time != Self::NO_TIME)
                .map(|time| time.to_string()),
        }
    }
}

fn gather<T: Copy>(
    values: &[T],
    rows: Option<&[u32]>,
    number: impl Fn(T) -> f64,
) -> Cow<'static, [f64]> {
    match rows {
        None => values.iter().map(|&value| number(value)).collect(),
        Some(rows) => rows
            .iter()
            .map(|&row| number(values[row as usize]))
            .collect(),
    }
}
