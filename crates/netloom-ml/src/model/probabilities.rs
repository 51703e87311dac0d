//! How likely rows are of classes.

use std::sync::Arc;

use crate::error::Error;

/// For each row how likely it is of each class; each row sums to one.
#[derive(Debug, Clone, PartialEq)]
pub struct Probabilities {
    classes: Arc<[String]>,
    values: Vec<f64>,
}

impl Probabilities {
    /// Row-major `values` for `classes`.
    ///
    /// # Errors
    ///
    /// If the last row is not whole.
    pub fn new(classes: Arc<[String]>, values: Vec<f64>) -> Result<Self, Error> {
        let whole = values
            .len()
            .checked_rem(classes.len())
            .unwrap_or(values.len());
        if whole != 0 {
            return Err(Error::Length {
                what: "probabilities in the last row".to_owned(),
                length: whole,
                rows: classes.len(),
            });
        }
        Ok(Self { classes, values })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.classes.len().max(1)
    }

    /// Names of the classes.
    pub fn classes(&self) -> &Arc<[String]> {
        &self.classes
    }

    /// How likely a row is of each class.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.classes.len()..(row + 1) * self.classes.len()]
    }

    /// All rows, one after the other.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// How likely each row is of one class.
    pub fn of(&self, class: usize) -> impl ExactSizeIterator<Item = f64> + '_ {
        (0..self.rows()).map(move |row| self.row(row)[class])
    }

    /// The most likely class of each row, the first of equals.
    pub fn predicted(&self) -> Vec<u32> {
        (0..self.rows())
            .map(|row| {
                let mut best = 0;
                for (class, value) in self.row(row).iter().enumerate() {
                    if *value > self.row(row)[best] {
                        best = class;
                    }
                }
                best as u32
            })
            .collect()
    }

    /// The same for another list of classes: 0 for those that the model did not learn.
    ///
    /// What the model knows and the list does not is dropped, so a row may sum to less than one.
    #[must_use]
    pub fn align(&self, classes: &[String]) -> Self {
        let places: Vec<Option<usize>> = classes
            .iter()
            .map(|class| self.classes.iter().position(|known| known == class))
            .collect();
        let values = (0..self.rows())
            .flat_map(|row| {
                let row = self.row(row);
                places
                    .iter()
                    .map(|place| place.map_or(0.0, |place| row[place]))
            })
            .collect();
        Self {
            classes: classes.into(),
            values,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Arc<[String]> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn classes_of_others() {
        let known = Probabilities::new(names(&["a", "c"]), vec![0.25, 0.75, 0.5, 0.5]).unwrap();
        assert_eq!(known.predicted(), [1, 0]);
        assert_eq!(known.of(1).collect::<Vec<_>>(), [0.75, 0.5]);
        let aligned = known.align(&names(&["c", "b", "a"]));
        assert_eq!(aligned.values(), [0.75, 0.0, 0.25, 0.5, 0.0, 0.5]);
        assert_eq!(aligned.predicted(), [0, 0]);
        assert!(Probabilities::new(names(&["a", "c"]), vec![1.0]).is_err());
    }
}
