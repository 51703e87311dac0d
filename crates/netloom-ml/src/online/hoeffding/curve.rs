//! Values of a column as a bell curve, learned one by one.

use serde::{Deserialize, Serialize};

/// A bell curve, with its ends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Curve {
    pub(super) weight: f64,
    mean: f64,
    /// Sum of the squared distances from the mean.
    squares: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Curve {
    pub(super) const EMPTY: Self = Self {
        weight: 0.0,
        mean: 0.0,
        squares: 0.0,
        least: f64::INFINITY,
        most: f64::NEG_INFINITY,
    };

    /// Welford's update, with weights (West, Communications of the ACM 22, 1979).
    pub(super) fn add(&mut self, value: f64, weight: f64) {
        // Squares of what is further out are no numbers any more.
        let value = value.clamp(-1e100, 1e100);
        self.weight += weight;
        let distance = value - self.mean;
        self.mean += distance * weight / self.weight;
        self.squares += weight * distance * (value - self.mean);
        self.least = self.least.min(value);
        self.most = self.most.max(value);
    }

    fn variance(&self) -> f64 {
        if self.weight > 1.0 {
            (self.squares / (self.weight - 1.0)).max(0.0)
        } else {
            0.0
        }
    }

    /// Weight of its rows whose value is at most `at`.
    pub(super) fn up_to(&self, at: f64) -> f64 {
        if self.weight <= 0.0 || at < self.least {
            return 0.0;
        }
        if at >= self.most {
            return self.weight;
        }
        let deviation = self.variance().sqrt();
        if deviation > 0.0 {
            self.weight * normal_cdf((at - self.mean) / deviation)
        } else if at >= self.mean {
            self.weight
        } else {
            0.0
        }
    }

    /// The logarithm of its height, none without rows.
    pub(super) fn log_density(&self, value: f64) -> Option<f64> {
        if self.weight <= 0.0 {
            return None;
        }
        // A column of one value is not infinitely sure of it.
        let variance = self.variance().max(1e-9 * (1.0 + self.mean * self.mean));
        let distance = value.clamp(-1e100, 1e100) - self.mean;
        Some(-0.5 * ((std::f64::consts::TAU * variance).ln() + distance * distance / variance))
    }

    pub(super) fn is_sound(&self) -> bool {
        self.weight >= 0.0
            && self.weight.is_finite()
            && self.mean.is_finite()
            && self.squares.is_finite()
            && !self.least.is_nan()
            && !self.most.is_nan()
    }
}

/// Share of a normal distribution below `z`: Abramowitz and Stegun, "Handbook of Mathematical
/// Functions", 7.1.26; right to 1.5e-7.
fn normal_cdf(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let terms = [
        0.254_829_592,
        -0.284_496_736,
        1.421_413_741,
        -1.453_152_027,
        1.061_405_429,
    ];
    let sum = terms.iter().rev().fold(0.0, |sum, term| (sum + term) * t);
    let above = 0.5 * sum * (-x * x).exp();
    if z > 0.0 { 1.0 - above } else { above }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_distribution() {
        // scipy.stats.norm.cdf
        for (z, share) in [
            (-3.0, 0.001_349_898),
            (-1.0, 0.158_655_254),
            (0.0, 0.5),
            (0.5, 0.691_462_461),
            (1.96, 0.975_002_105),
        ] {
            assert!((normal_cdf(z) - share).abs() < 2e-7, "{z}");
        }
    }

    #[test]
    fn curves_are_means_and_variances() {
        let mut curve = Curve::EMPTY;
        for (value, weight) in [(1.0, 1.0), (2.0, 2.0), (6.0, 1.0)] {
            curve.add(value, weight);
        }
        // As of 1, 2, 2, 6.
        assert!((curve.mean - 2.75).abs() < 1e-12);
        assert!((curve.variance() - 14.75 / 3.0).abs() < 1e-12);
        assert_eq!((curve.up_to(0.9), curve.up_to(6.0)), (0.0, 4.0));
    }
}
