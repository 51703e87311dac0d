//! Whether what is seen is still what was learnt from.
//!
//! [`Adwin`] watches one number as it comes; [`PopulationStability`] compares a sample with a
//! reference.

use std::collections::VecDeque;

use crate::numeric::statistics::{quantile, sorted};

/// ADWIN: a window of a stream that drops its old part when the means of old and new differ by
/// more than chance explains.
///
/// Bifet and Gavaldà, "Learning from time-changing data with adaptive windowing", SDM 2007: the
/// ADWIN2 variant, with the window kept in buckets of exponentially growing size, so memory and
/// time grow with the logarithm of its length. Where the paper bounds values to 0 … 1, the
/// deviation of the window is the unit here, so any scale will do.
#[derive(Debug, Clone)]
pub struct Adwin {
    delta: f64,
    /// Rows of buckets: in the `i`-th, each bucket holds 2^i values; the newest bucket first.
    rows: Vec<VecDeque<Bucket>>,
    count: u64,
    sum: f64,
    /// Sum of squared distances from the mean.
    spread: f64,
    seen: u64,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    sum: f64,
    spread: f64,
}

/// Buckets of a size before two of them become one of the next (M in the paper).
const BUCKETS: usize = 5;
/// Values between two checks.
const CHECK_EVERY: u64 = 32;
/// A part shorter than this is not compared.
const SHORTEST: u64 = 5;

impl Default for Adwin {
    fn default() -> Self {
        Self::new(0.002)
    }
}

impl Adwin {
    /// A detector that raises a false alarm with a probability of at most `delta` at each check.
    pub fn new(delta: f64) -> Self {
        Self {
            delta: delta.clamp(1e-12, 1.0),
            rows: vec![VecDeque::new()],
            count: 0,
            sum: 0.0,
            spread: 0.0,
            seen: 0,
        }
    }

    /// Takes a value in and tells whether the mean has changed; values that are no number are
    /// left out.
    pub fn update(&mut self, value: f64) -> bool {
        if !value.is_finite() {
            return false;
        }
        self.insert(value);
        self.seen += 1;
        self.seen.is_multiple_of(CHECK_EVERY) && self.shrink()
    }

    /// The mean of the window; NaN if it is empty.
    pub fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }

    /// Number of values in the window.
    pub fn width(&self) -> u64 {
        self.count
    }

    fn insert(&mut self, value: f64) {
        if self.count > 0 {
            let distance = value - self.mean();
            self.spread += distance * distance * self.count as f64 / (self.count + 1) as f64;
        }
        self.count += 1;
        self.sum += value;
        self.rows[0].push_front(Bucket {
            sum: value,
            spread: 0.0,
        });
        let mut row = 0;
        while self.rows[row].len() > BUCKETS {
            let (Some(one), Some(two)) = (self.rows[row].pop_back(), self.rows[row].pop_back())
            else {
                break;
            };
            let size = (1u64 << row.min(62)) as f64;
            let distance = (one.sum - two.sum) / size;
            if row + 1 == self.rows.len() {
                self.rows.push(VecDeque::new());
            }
            row += 1;
            self.rows[row].push_front(Bucket {
                sum: one.sum + two.sum,
                spread: one.spread + two.spread + distance * distance * size / 2.0,
            });
        }
    }

    fn shrink(&mut self) -> bool {
        let mut changed = false;
        while self.count > 2 * SHORTEST && self.differs() {
            changed = true;
            self.drop_oldest();
        }
        changed
    }

    /// Whether any cut leaves two parts whose means differ by more than the bound.
    fn differs(&self) -> bool {
        let (mut old, mut old_sum) = (0u64, 0.0);
        let n = self.count as f64;
        let variance = self.spread.max(0.0) / n;
        let confidence = (2.0 * n.ln().max(1.0) / self.delta).ln();
        for (place, row) in self.rows.iter().enumerate().rev() {
            let size = 1u64 << place.min(62);
            for bucket in row.iter().rev() {
                old += size;
                old_sum += bucket.sum;
                let new = self.count.saturating_sub(old);
                if old < SHORTEST || new < SHORTEST {
                    continue;
                }
                let means = old_sum / old as f64 - (self.sum - old_sum) / new as f64;
                let harmonic = 1.0 / old as f64 + 1.0 / new as f64;
                let bound = (2.0 * harmonic * variance * confidence).sqrt()
                    + 2.0 / 3.0 * harmonic * confidence * variance.sqrt();
                if means.abs() > bound {
                    return true;
                }
            }
        }
        false
    }

    fn drop_oldest(&mut self) {
        let Some(place) = self.rows.iter().rposition(|row| !row.is_empty()) else {
            return;
        };
        let Some(bucket) = self.rows[place].pop_back() else {
            return;
        };
        let size = (1u64 << place.min(62)) as f64;
        let rest = self.count as f64 - size;
        self.count = self.count.saturating_sub(1 << place.min(62));
        self.sum -= bucket.sum;
        if rest > 0.0 {
            let distance = bucket.sum / size - self.sum / rest;
            self.spread -= bucket.spread + distance * distance * size * rest / (size + rest);
            self.spread = self.spread.max(0.0);
        } else {
            self.spread = 0.0;
        }
    }
}

/// How a population shifted between two samples of one number: the population stability index,
/// Σ (now − then) · ln(now / then) over bins that held equal shares then, and one for missing
/// values.
///
/// By custom below 0.1 nothing has changed, above 0.25 much has.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PopulationStability {
    edges: Vec<f64>,
    /// Shares of the reference, the last one missing values.
    shares: Vec<f64>,
}

impl PopulationStability {
    /// The reference, in ten bins (fewer where many values are equal).
    pub fn new(values: &[f64]) -> Self {
        let sorted = sorted(values.iter().copied());
        let mut edges: Vec<f64> = (1..10)
            .map(|tenth| quantile(&sorted, f64::from(tenth) / 10.0))
            .filter(|edge| edge.is_finite())
            .collect();
        edges.dedup();
        let mut reference = Self {
            edges,
            shares: Vec::new(),
        };
        reference.shares = reference.shares_of(values);
        reference
    }

    /// The index of another sample; 0 if either is empty.
    pub fn index(&self, values: &[f64]) -> f64 {
        if values.is_empty() || self.shares.is_empty() {
            return 0.0;
        }
        let now = self.shares_of(values);
        self.shares
            .iter()
            .zip(&now)
            .map(|(then, now)| (now - then) * (now / then).ln())
            .sum()
    }

    /// Shares of the bins; half a value more in each keeps the logarithm finite.
    fn shares_of(&self, values: &[f64]) -> Vec<f64> {
        if values.is_empty() {
            return Vec::new();
        }
        let mut counts = vec![0.5; self.edges.len() + 2];
        let missing = counts.len() - 1;
        for &value in values {
            let bin = if value.is_nan() {
                missing
            } else {
                self.edges.partition_point(|edge| *edge < value)
            };
            counts[bin] += 1.0;
        }
        let all: f64 = counts.iter().sum();
        counts.iter().map(|count| count / all).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    #[test]
    fn adwin_sees_a_shift_and_no_other() {
        let mut random = Chance::new(4);
        let mut adwin = Adwin::default();
        let early = (0..5000).filter(|_| adwin.update(random.normal())).count();
        assert_eq!(early, 0);
        assert_eq!(adwin.width(), 5000);
        let late = (0..300).position(|_| adwin.update(random.normal() + 2.0));
        assert!(late.is_some_and(|values| values < 128), "{late:?}");
        for _ in 0..1000 {
            adwin.update(random.normal() + 2.0);
        }
        assert!((adwin.mean() - 2.0).abs() < 0.2, "{}", adwin.mean());
        assert!(adwin.width() < 1500);
    }

    #[test]
    fn adwin_keeps_sums_right() {
        let mut adwin = Adwin::new(1e-9);
        let values: Vec<f64> = (0..500).map(|i| f64::from(i % 17)).collect();
        for &value in &values {
            adwin.update(value);
        }
        assert_eq!(adwin.width(), 500);
        let mean = values.iter().sum::<f64>() / 500.0;
        assert!((adwin.mean() - mean).abs() < 1e-9);
        let spread: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        assert!(
            (adwin.spread - spread).abs() < 1e-6,
            "{} {spread}",
            adwin.spread
        );
    }

    #[test]
    fn index_of_same_and_shifted() {
        let mut random = Chance::new(9);
        let then: Vec<f64> = (0..5000).map(|_| random.normal()).collect();
        let same: Vec<f64> = (0..5000).map(|_| random.normal()).collect();
        let moved: Vec<f64> = same.iter().map(|v| v + 1.0).collect();
        let reference = PopulationStability::new(&then);
        assert!(reference.index(&same) < 0.02, "{}", reference.index(&same));
        assert!(
            reference.index(&moved) > 0.25,
            "{}",
            reference.index(&moved)
        );
        assert!(reference.index(&[f64::NAN; 100]) > 1.0);
        assert_eq!(PopulationStability::new(&[]).index(&[1.0]), 0.0);
    }
}
