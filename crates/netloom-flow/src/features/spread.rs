//! Count, extremes, mean and deviation of whole numbers.

/// What is known of a set of whole numbers (bytes, nanoseconds) without keeping them.
///
/// Everything is kept in whole numbers, so that parts add up to exactly what the whole gives, in
/// any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    count: u64,
    sum: u128,
    squares: u128,
    min: u64,
    max: u64,
}

impl Default for Spread {
    /// No number yet.
    fn default() -> Self {
        Self::of_parts(0, 0, 0, u64::MAX, 0)
    }
}

impl Spread {
    /// A set whose sums were kept elsewhere.
    pub(super) const fn of_parts(count: u64, sum: u128, squares: u128, min: u64, max: u64) -> Self {
        Self {
            count,
            sum,
            squares,
            min,
            max,
        }
    }

    /// Adds a number.
    pub fn add(&mut self, value: u64) {
        self.merge(&Self::of_parts(
            1,
            value.into(),
            u128::from(value).pow(2),
            value,
            value,
        ));
    }

    /// Adds all numbers of another set.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        self.squares = self.squares.saturating_add(other.squares);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// The set with all numbers of another one in it too.
    #[must_use]
    pub fn merged(mut self, other: &Self) -> Self {
        self.merge(other);
        self
    }

    /// How many numbers.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their sum.
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// The smallest; `None` without numbers.
    pub fn min(&self) -> Option<u64> {
        (self.count > 0).then_some(self.min)
    }

    /// The largest; `None` without numbers.
    pub fn max(&self) -> Option<u64> {
        (self.count > 0).then_some(self.max)
    }

    /// Sum by count; `None` without numbers.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// Variance of the sample: `(Σx² - (Σx)²/n) / (n - 1)`; `None` for fewer than two numbers.
    pub fn variance(&self) -> Option<f64> {
        if self.count < 2 {
            return None;
        }
        let (n, sum) = (u128::from(self.count), self.sum);
        let spread = n
            .checked_mul(self.squares)
            .zip(sum.checked_mul(sum))
            .map_or_else(
                // Only where the whole numbers do not hold it.
                || n as f64 * self.squares as f64 - (sum as f64).powi(2),
                |(squares, square)| squares.saturating_sub(square) as f64,
            );
        Some((spread / (n as f64 * (n - 1) as f64)).max(0.0))
    }

    /// Standard deviation of the sample, the root of [`variance`](Self::variance).
    pub fn std(&self) -> Option<f64> {
        self.variance().map(f64::sqrt)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[u64]) -> Spread {
        let mut spread = Spread::default();
        for &value in values {
            spread.add(value);
        }
        spread
    }

    #[test]
    fn by_hand() {
        // Mean 5; squares of what is off: 9 1 1 1 0 0 4 16, together 32; 32/7.
        let spread = of(&[2, 4, 4, 4, 5, 5, 7, 9]);
        assert_eq!((spread.count(), spread.sum()), (8, 40));
        assert_eq!((spread.min(), spread.max()), (Some(2), Some(9)));
        assert_eq!(spread.mean(), Some(5.0));
        assert_eq!(spread.variance(), Some(32.0 / 7.0));
        assert_eq!(spread.std(), Some((32.0_f64 / 7.0).sqrt()));
    }

    #[test]
    fn nothing_and_one() {
        let none = Spread::default();
        assert_eq!((none.min(), none.max(), none.mean()), (None, None, None));
        assert_eq!(none.std(), None);
        let one = of(&[3]);
        assert_eq!(
            (one.min(), one.mean(), one.max()),
            (Some(3), Some(3.0), Some(3))
        );
        assert_eq!(one.std(), None);
        assert_eq!(of(&[3, 3]).std(), Some(0.0));
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let spread = of(&[u64::MAX; 5]);
        assert_eq!(spread.mean(), Some(u64::MAX as f64));
        assert!(spread.std().is_some_and(f64::is_finite));
    }

    proptest! {
        #[test]
        fn parts_add_up(left: Vec<u64>, right: Vec<u64>) {
            let whole = of(&[left.clone(), right.clone()].concat());
            prop_assert_eq!(of(&left).merged(&of(&right)), whole);
            for value in [whole.mean(), whole.std(), whole.variance()].into_iter().flatten() {
                prop_assert!(value.is_finite() && value >= 0.0);
            }
        }

        #[test]
        fn as_the_definition_says(values in proptest::collection::vec(0_u64..2_000_000_000, 2..60)) {
            let n = values.len() as f64;
            let mean = values.iter().map(|&x| x as f64).sum::<f64>() / n;
            let off: f64 = values.iter().map(|&x| (x as f64 - mean).powi(2)).sum();
            let (expected, got) = ((off / (n - 1.0)).sqrt(), of(&values).std().unwrap());
            prop_assert!((expected - got).abs() <= 1e-9 * expected.max(1.0), "{expected} {got}");
        }
    }
}
