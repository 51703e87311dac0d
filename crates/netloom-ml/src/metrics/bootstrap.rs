//! How much a score would move with other rows of the same kind.

use super::probability::quantile;
use crate::chance::Chance;
use crate::numeric::parallel;

/// A range that a score lies in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Draws rows, or whole groups of rows, again and again with replacement (Efron 1979), and takes
/// the percentiles of what a score then is.
///
/// Rows of one host or one capture resemble each other: where groups are known, draw groups, or
/// the interval is too narrow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bootstrap {
    /// How often to draw.
    pub replicates: usize,
    /// Share of the draws between the ends of an interval.
    pub confidence: f64,
    /// Seed of the draws.
    pub seed: u64,
    /// Threads that work; the result is the same for any number.
    pub threads: usize,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            replicates: 1000,
            confidence: 0.95,
            seed: 0,
            threads: 1,
        }
    }
}

impl Bootstrap {
    /// Intervals of several scores at once. `score` is given how often each row was drawn, and
    /// returns the scores of that draw, `N` of them; those that are `None` in a draw (a class that
    /// was not drawn) are left out, and a score that is so in more than half of them has no
    /// interval.
    ///
    /// `groups` says for each row to which group it belongs (numbers `0..n`); without it rows are
    /// drawn one by one.
    ///
    /// ```
    /// use netloom_ml::metrics::{Bootstrap, ConfusionMatrix};
    ///
    /// let truth = [0, 0, 0, 1, 1, 1, 1, 1];
    /// let predicted = [0, 0, 1, 1, 1, 1, 1, 0];
    /// let [accuracy] = Bootstrap::default().intervals(truth.len(), None, |weights| {
    ///     [ConfusionMatrix::weighted(&truth, &predicted, weights, 2).accuracy()]
    /// });
    /// let accuracy = accuracy.unwrap();
    /// assert!(accuracy.low < 0.75 && 0.75 < accuracy.high);
    /// ```
    pub fn intervals<const N: usize>(
        &self,
        rows: usize,
        groups: Option<&[u32]>,
        score: impl Fn(&[u32]) -> [Option<f64>; N] + Sync,
    ) -> [Option<Interval>; N] {
        let units = groups.map_or(rows, |groups| {
            groups.iter().max().map_or(0, |last| *last as usize + 1)
        });
        // Each draw has chance of its own, so threads may take them as they come.
        let scores = parallel::map(self.replicates, self.threads, |replicate| {
            let mut chance = Chance::of(self.seed, replicate as u64);
            let mut drawn = vec![0_u32; units];
            for _ in 0..units {
                drawn[chance.below(units)] += 1;
            }
            match groups {
                Some(groups) => {
                    let weights: Vec<u32> =
                        groups.iter().map(|&group| drawn[group as usize]).collect();
                    score(&weights)
                }
                None => score(&drawn),
            }
        });
        let mut drawn: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
        for score in scores {
            for (values, value) in drawn.iter_mut().zip(score) {
                values.extend(value.filter(|value| value.is_finite()));
            }
        }
        drawn.map(|mut values| {
            if values.is_empty() || values.len() * 2 < self.replicates {
                return None;
            }
            values.sort_by(f64::total_cmp);
            let tail = (1.0 - self.confidence) / 2.0;
            Some(Interval {
                low: quantile(&values, tail),
                high: quantile(&values, 1.0 - tail),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::metrics::ConfusionMatrix;

    /// Accuracy of 1,000 rows of which 800 are told right: a binomial share, whose standard error
    /// is known.
    #[test]
    fn interval_of_a_share_is_that_of_theory() {
        let truth = vec![0; 1000];
        let predicted: Vec<u32> = (0..1000).map(|row| u32::from(row % 5 == 0)).collect();
        let accuracy = |weights: &[u32]| {
            [ConfusionMatrix::weighted(&truth, &predicted, weights, 2).accuracy()]
        };
        let [interval] = Bootstrap::default().intervals(1000, None, accuracy);
        let interval = interval.unwrap();
        let threads = Bootstrap {
            threads: 3,
            ..Bootstrap::default()
        };
        assert_eq!(threads.intervals(1000, None, accuracy), [Some(interval)]);
        let error = (0.8_f64 * 0.2 / 1000.0).sqrt();
        assert!(
            (interval.low - (0.8 - 1.96 * error)).abs() < 0.004,
            "{interval:?}"
        );
        assert!(
            (interval.high - (0.8 + 1.96 * error)).abs() < 0.004,
            "{interval:?}"
        );
        // Ten groups of which two are told wrong: ten draws, not a thousand.
        let groups: Vec<u32> = (0..1000).map(|row| row % 10).collect();
        let [wide] = Bootstrap::default().intervals(1000, Some(&groups), accuracy);
        let wide = wide.unwrap();
        assert!(
            wide.high - wide.low > 5.0 * (interval.high - interval.low),
            "{wide:?}"
        );
    }

    #[test]
    fn what_is_rarely_defined_has_no_interval() {
        let of = Bootstrap {
            replicates: 10,
            ..Bootstrap::default()
        };
        let calls = AtomicUsize::new(0);
        let [rare, often, nothing] = of.intervals(3, None, |_| {
            let call = calls.fetch_add(1, Ordering::Relaxed);
            [(call < 2).then_some(1.0), Some(2.0), Some(f64::NAN)]
        });
        assert_eq!(rare, None);
        assert_eq!(
            often,
            Some(Interval {
                low: 2.0,
                high: 2.0
            })
        );
        assert_eq!(nothing, None);
    }

    #[test]
    fn no_rows_no_interval() {
        let [none] = Bootstrap::default().intervals(0, None, |weights| {
            [ConfusionMatrix::weighted(&[], &[], weights, 2).accuracy()]
        });
        assert_eq!(none, None);
    }
}
