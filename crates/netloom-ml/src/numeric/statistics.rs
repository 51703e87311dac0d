//! Statistics that skip what is missing.

/// The finite values, in order.
pub(crate) fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.filter(|v| v.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// The quantile of sorted values, linear between neighbours (NumPy's default); NaN of nothing.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = share.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let part = place - below as f64;
    match (sorted.get(below), sorted.get(below + 1)) {
        (Some(a), Some(b)) if part > 0.0 => a + (b - a) * part,
        (Some(a), _) => *a,
        _ => f64::NAN,
    }
}

/// The median of any values; NaN of nothing.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    quantile(&sorted(values), 0.5)
}

/// The mean of the finite values; NaN of nothing.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values
        .filter(|v| v.is_finite())
        .fold((0usize, 0.0), |(n, s), v| (n + 1, s + v));
    sum / count as f64
}

/// The population standard deviation of the finite values; NaN of nothing.
pub(crate) fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values.iter().copied());
    self::mean(values.iter().map(|v| (v - mean).powi(2))).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_as_numpy() {
        let values = sorted([3.0, f64::NAN, 1.0, 2.0, 4.0].into_iter());
        assert_eq!(quantile(&values, 0.5), 2.5);
        assert_eq!(quantile(&values, 0.25), 1.75);
        assert!(quantile(&[], 0.5).is_nan());
        assert_eq!(median([5.0].into_iter()), 5.0);
        assert!((deviation(&[1.0, 3.0]) - 1.0).abs() < 1e-12);
    }
}
