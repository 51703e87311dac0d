//! From scores to findings: thresholds that mean something.

use crate::numeric::statistics::{quantile, sorted};

/// The scores of normal rows, to tell how unusual another score is.
///
/// As a conformal predictor (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random
/// World", 2005): if a normal row is exchangeable with those the reference was made of, and the
/// detector did not learn from them, its p-value is at most p with a probability of at most p.
/// "0.1 % false alarms" then means that.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reference {
    sorted: Vec<f64>,
}

impl Reference {
    /// Of the scores of normal rows; what is no number is left out.
    pub fn new(scores: impl IntoIterator<Item = f64>) -> Self {
        Self {
            sorted: sorted(scores.into_iter()),
        }
    }

    /// Number of scores.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The share of normal rows that score at least as high, the row itself counted among them:
    /// from 1 / (n + 1) to 1.
    pub fn p_value(&self, score: f64) -> f64 {
        let below = self.sorted.partition_point(|s| *s < score);
        (self.sorted.len() - below + 1) as f64 / (self.sorted.len() + 1) as f64
    }

    /// The share of the reference that scores at least as high: what a p-value is to a row that is
    /// itself of the reference; 1 without one.
    pub fn share_at_least(&self, score: f64) -> f64 {
        if self.sorted.is_empty() {
            return 1.0;
        }
        let below = self.sorted.partition_point(|s| *s < score);
        (self.sorted.len() - below) as f64 / self.sorted.len() as f64
    }

    /// The score above which a share of the normal rows lies; NaN without a reference.
    pub fn quantile(&self, share: f64) -> f64 {
        quantile(&self.sorted, 1.0 - share)
    }

    /// The smallest share of false alarms that a p-value from this reference can promise.
    pub fn least_share(&self) -> f64 {
        1.0 / (self.sorted.len() + 1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    #[test]
    fn p_values_count() {
        let reference = Reference::new([1.0, 2.0, 3.0, f64::NAN]);
        assert_eq!(reference.len(), 3);
        assert_eq!(reference.p_value(4.0), 0.25);
        assert_eq!(reference.p_value(3.0), 0.5);
        assert_eq!(reference.p_value(0.0), 1.0);
        assert_eq!(reference.share_at_least(3.0), 1.0 / 3.0);
        assert_eq!(reference.quantile(0.5), 2.0);
        assert_eq!(Reference::default().p_value(9.0), 1.0);
    }

    /// Normal rows fall under p in a share of p.
    #[test]
    fn false_alarms_as_promised() {
        let mut random = Chance::new(11);
        let reference = Reference::new((0..999).map(|_| random.normal()));
        let alarms = (0..20_000)
            .filter(|_| reference.p_value(random.normal()) <= 0.01)
            .count() as f64
            / 20_000.0;
        assert!((0.006..0.016).contains(&alarms), "{alarms}");
    }
}
