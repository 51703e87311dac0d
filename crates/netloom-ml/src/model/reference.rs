//! What the training rows looked like, to tell when later ones look different.

use serde::{Deserialize, Serialize};

use crate::anomaly::drift::PopulationStability;
use crate::dataset::{ColumnView, Dataset, Kind};

/// How the values of each column of the training rows were distributed.
///
/// ```
/// use netloom_ml::{Dataset, Reference, Values};
///
/// let then = Dataset::new(vec![("bytes", Values::numbers((0..1000).map(f64::from)))])?;
/// let reference = Reference::of(&then);
/// let now = Dataset::new(vec![("bytes", Values::numbers((500..1500).map(f64::from)))])?;
/// let drift = reference.drift(&now);
/// assert!(drift[0].index > 0.25, "half of the values were never seen before");
/// # Ok::<(), netloom_ml::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Reference {
    columns: Vec<(String, Distribution)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Distribution {
    Numbers(PopulationStability),
    Categories(Categories),
}

/// Shares of the most frequent categories, of all others, and of what is missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Categories {
    names: Vec<String>,
    shares: Vec<f64>,
}

/// How far a column's values have shifted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// The column.
    pub column: String,
    /// The population stability index: by custom below 0.1 nothing has changed, above 0.25 much
    /// has.
    pub index: f64,
}

/// Categories that are told apart.
const CATEGORIES: usize = 20;

impl Reference {
    /// The distribution of each column.
    pub fn of(data: &Dataset) -> Self {
        let columns = data
            .columns()
            .map(|view| {
                let distribution = if view.kind() == Kind::Category {
                    Distribution::Categories(Categories::of(&view))
                } else {
                    Distribution::Numbers(PopulationStability::new(&view.numbers()))
                };
                (view.name().to_owned(), distribution)
            })
            .collect();
        Self { columns }
    }

    /// How far each column of another table has shifted, the furthest first; columns that it lacks
    /// are left out.
    pub fn drift(&self, data: &Dataset) -> Vec<Drift> {
        let mut drift: Vec<Drift> = self
            .columns
            .iter()
            .filter_map(|(name, distribution)| {
                let view = data.column(name)?;
                let index = match distribution {
                    Distribution::Numbers(then) => then.index(&view.numbers()),
                    Distribution::Categories(then) => then.index(&view),
                };
                Some(Drift {
                    column: name.clone(),
                    index,
                })
            })
            .collect();
        drift.sort_by(|a, b| b.index.total_cmp(&a.index).then(a.column.cmp(&b.column)));
        drift
    }
}

impl Categories {
    fn of(view: &ColumnView<'_>) -> Self {
        let names = view.categories();
        let mut counts = vec![0_usize; names.len()];
        for &code in view.codes().unwrap_or_default().iter() {
            if let Some(count) = counts.get_mut(code as usize) {
                *count += 1;
            }
        }
        let mut order: Vec<usize> = (0..names.len()).filter(|&code| counts[code] > 0).collect();
        order.sort_by_key(|&code| (std::cmp::Reverse(counts[code]), code));
        order.truncate(CATEGORIES);
        let mut this = Self {
            names: order.iter().map(|&code| names[code].clone()).collect(),
            shares: Vec::new(),
        };
        this.shares = this.shares_of(view);
        this
    }

    fn index(&self, view: &ColumnView<'_>) -> f64 {
        if view.is_empty() {
            return 0.0;
        }
        let now = self.shares_of(view);
        self.shares
            .iter()
            .zip(&now)
            .map(|(then, now)| (now - then) * (now / then).ln())
            .sum()
    }

    /// Half a value more in each keeps the logarithm finite.
    fn shares_of(&self, view: &ColumnView<'_>) -> Vec<f64> {
        let others = self.names.len();
        let place: Vec<usize> = view
            .categories()
            .iter()
            .map(|name| {
                self.names
                    .iter()
                    .position(|known| known == name)
                    .unwrap_or(others)
            })
            .collect();
        let mut counts = vec![0.5; self.names.len() + 2];
        for &code in view.codes().unwrap_or_default().iter() {
            counts[place.get(code as usize).copied().unwrap_or(others + 1)] += 1.0;
        }
        let all: f64 = counts.iter().sum();
        counts.iter().map(|count| count / all).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Values;

    fn table(names: &[&str]) -> Dataset {
        Dataset::new(vec![
            ("s", Values::categories(names.iter().copied().map(Some))),
            ("n", Values::numbers(vec![1.0; names.len()])),
        ])
        .unwrap()
    }

    #[test]
    fn shifted_names() {
        let then = table(&["a", "a", "a", "a", "b", "b", "b", "b"]);
        let reference = Reference::of(&then);
        let same = reference.drift(&then);
        assert!(same.iter().all(|drift| drift.index == 0.0), "{same:?}");
        let now = reference.drift(&table(&["c"; 8]));
        assert_eq!(now[0].column, "s");
        assert!(now[0].index > 1.0, "{now:?}");
    }
}
