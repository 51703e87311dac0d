//! A histogram of times on a logarithmic scale: bounded, and the same whatever the order.

use crate::report::model::Distribution;

/// Growth from one bucket to the next: values are told within 2 %.
const GROWTH: f64 = 1.02;
/// The smallest value told apart, in nanoseconds.
const SMALLEST: f64 = 1_000.0;
/// Buckets: up to about twelve days.
const BUCKETS: usize = 1_405;

/// Counts durations in nanoseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: i64,
}

impl Histogram {
    /// Counts a duration; a negative one (clocks that jump) is left out.
    pub(crate) fn add(&mut self, nanos: i64) {
        if nanos < 0 {
            return;
        }
        if self.counts.is_empty() {
            self.counts.resize(BUCKETS, 0);
        }
        let bucket = ((nanos as f64 / SMALLEST).max(1.0).ln() / GROWTH.ln()) as usize;
        self.counts[bucket.min(BUCKETS - 1)] += 1;
        self.total += 1;
        self.max = self.max.max(nanos);
    }

    /// Adds another's counts.
    pub(crate) fn absorb(&mut self, other: &Self) {
        if self.counts.is_empty() {
            self.counts.clone_from(&other.counts);
        } else {
            for (into, from) in self.counts.iter_mut().zip(&other.counts) {
                *into += from;
            }
        }
        self.total += other.total;
        self.max = self.max.max(other.max);
    }

    /// The value below which a share of all lies, in nanoseconds.
    fn quantile(&self, share: f64) -> Option<f64> {
        let rank = (share * self.total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                // The middle of the bucket, but never beyond what was seen.
                let middle = SMALLEST * GROWTH.powf(bucket as f64 + 0.5);
                return Some(middle.min(self.max as f64));
            }
        }
        None
    }

    /// In milliseconds, rounded to a microsecond.
    pub(crate) fn distribution(&self) -> Distribution {
        let ms = |nanos: f64| (nanos / 1e3).round() / 1e3;
        let quantile = |share| self.quantile(share).map(ms);
        Distribution {
            count: self.total,
            p50: quantile(0.5),
            p95: quantile(0.95),
            p99: quantile(0.99),
            max: (self.total > 0).then(|| ms(self.max as f64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_within_two_percent() {
        let mut histogram = Histogram::default();
        for ms in 1..=1000 {
            histogram.add(ms * 1_000_000);
        }
        let distribution = histogram.distribution();
        assert_eq!(distribution.count, 1000);
        assert!((distribution.p50.unwrap() / 500.0 - 1.0).abs() < 0.02);
        assert!((distribution.p95.unwrap() / 950.0 - 1.0).abs() < 0.02);
        assert!((distribution.max.unwrap() - 1000.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_and_extremes() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.distribution().p50, None);
        histogram.add(-5);
        assert_eq!(histogram.distribution().count, 0);
        histogram.add(0);
        histogram.add(i64::MAX);
        assert_eq!(histogram.distribution().count, 2);
        let mut other = Histogram::default();
        other.absorb(&histogram);
        assert_eq!(other.distribution().count, 2);
    }
}
