//! The confusion matrix, and what follows from it alone.

/// How often rows of one class were told to be of another: rows of the matrix are true classes,
/// columns predicted ones.
///
/// ```
/// use netloom_ml::metrics::{Average, ConfusionMatrix};
///
/// let confusion = ConfusionMatrix::new(&[0, 1, 2, 2], &[0, 2, 2, 2], 3);
/// assert_eq!(confusion.count(1, 2), 1);
/// assert_eq!(confusion.f1(Average::Weighted), Some(0.65));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: usize,
    counts: Vec<u64>,
}

/// How the scores of classes become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Average {
    /// Each class counts the same, however rare.
    Macro,
    /// Each class counts as often as it truly occurs.
    Weighted,
}

/// What one class scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassScores {
    /// Of the rows told to be of this class, the share that is; 0 if there is no such row.
    pub precision: f64,
    /// Of the rows of this class, the share that was told so; 0 if there is no such row.
    pub recall: f64,
    /// Harmonic mean of both; 0 if both are.
    pub f1: f64,
    /// Rows that truly are of this class.
    pub support: u64,
    /// Rows told to be of this class.
    pub predicted: u64,
}

impl ConfusionMatrix {
    /// Counts predictions.
    ///
    /// # Panics
    ///
    /// If the slices differ in length or a class is not below `classes`.
    pub fn new(truth: &[u32], predicted: &[u32], classes: usize) -> Self {
        assert_eq!(truth.len(), predicted.len(), "a prediction for each row");
        let mut this = Self {
            classes,
            counts: vec![0; classes * classes],
        };
        for (&truth, &predicted) in truth.iter().zip(predicted) {
            this.add(truth, predicted, 1);
        }
        this
    }

    /// Counts each row as often as `weights` says.
    ///
    /// # Panics
    ///
    /// If the slices differ in length or a class is not below `classes`.
    pub fn weighted(truth: &[u32], predicted: &[u32], weights: &[u32], classes: usize) -> Self {
        assert_eq!(truth.len(), predicted.len(), "a prediction for each row");
        assert_eq!(truth.len(), weights.len(), "a weight for each row");
        let mut this = Self {
            classes,
            counts: vec![0; classes * classes],
        };
        for ((&truth, &predicted), &weight) in truth.iter().zip(predicted).zip(weights) {
            this.add(truth, predicted, u64::from(weight));
        }
        this
    }

    fn add(&mut self, truth: u32, predicted: u32, count: u64) {
        assert!((predicted as usize) < self.classes, "a class that there is");
        self.counts[truth as usize * self.classes + predicted as usize] += count;
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Rows of class `truth` that were told to be of class `predicted`.
    ///
    /// # Panics
    ///
    /// If there is no such class.
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        assert!(predicted < self.classes, "a class that there is");
        self.counts[truth * self.classes + predicted]
    }

    /// The matrix, row by row.
    pub fn rows(&self) -> impl Iterator<Item = &[u64]> {
        self.counts.chunks(self.classes.max(1))
    }

    /// All rows of the data.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Rows told right.
    pub fn correct(&self) -> u64 {
        (0..self.classes)
            .map(|class| self.count(class, class))
            .sum()
    }

    /// Share of the rows told right (`accuracy_score`); `None` without rows.
    pub fn accuracy(&self) -> Option<f64> {
        ratio(self.correct(), self.total())
    }

    /// Mean recall of the classes that occur (`balanced_accuracy_score`); `None` without rows.
    pub fn balanced_accuracy(&self) -> Option<f64> {
        mean(
            self.per_class()
                .iter()
                .filter(|class| class.support > 0)
                .map(|class| class.recall),
        )
    }

    /// Precision, recall and F1 of each class (`precision_recall_fscore_support` with
    /// `zero_division=0`).
    pub fn per_class(&self) -> Vec<ClassScores> {
        let mut predicted = vec![0; self.classes];
        for row in self.rows() {
            for (sum, count) in predicted.iter_mut().zip(row) {
                *sum += count;
            }
        }
        self.rows()
            .zip(predicted)
            .enumerate()
            .map(|(class, (row, predicted))| {
                let right = row[class];
                let support = row.iter().sum();
                ClassScores {
                    precision: ratio(right, predicted).unwrap_or(0.0),
                    recall: ratio(right, support).unwrap_or(0.0),
                    f1: ratio(2 * right, support + predicted).unwrap_or(0.0),
                    support,
                    predicted,
                }
            })
            .collect()
    }

    /// F1 over the classes that occur or were predicted (`f1_score`); `None` without rows.
    pub fn f1(&self, average: Average) -> Option<f64> {
        self.average(average, |class| class.f1)
    }

    /// Precision over the classes that occur or were predicted (`precision_score`).
    pub fn precision(&self, average: Average) -> Option<f64> {
        self.average(average, |class| class.precision)
    }

    /// Recall over the classes that occur or were predicted (`recall_score`).
    pub fn recall(&self, average: Average) -> Option<f64> {
        self.average(average, |class| class.recall)
    }

    fn average(&self, average: Average, score: impl Fn(&ClassScores) -> f64) -> Option<f64> {
        let classes = self.per_class();
        match average {
            // A class that is neither there nor told is no class of this data.
            Average::Macro => mean(
                classes
                    .iter()
                    .filter(|class| class.support + class.predicted > 0)
                    .map(score),
            ),
            Average::Weighted => {
                let total = self.total();
                let sum: f64 = classes
                    .iter()
                    .map(|class| score(class) * class.support as f64)
                    .sum();
                (total > 0).then(|| sum / total as f64)
            }
        }
    }
}

/// A share; `None` of nothing.
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The mean; `None` of nothing.
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u64), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}
