//! Whether probabilities mean what they say.

/// Mean negative logarithm of the probability that was given to the true class (`log_loss`), in
/// nats. Probabilities are kept away from 0 and 1 by the rounding error of an `f64`, as
/// scikit-learn does. `probabilities` is row-major, a column for each class. `None` without rows.
///
/// # Panics
///
/// If the lengths do not fit.
pub fn log_loss(truth: &[u32], probabilities: &[f64], classes: usize) -> Option<f64> {
    check(truth, probabilities, classes);
    let sum: f64 = truth
        .iter()
        .zip(probabilities.chunks(classes.max(1)))
        .map(|(&truth, row)| {
            -row[truth as usize]
                .clamp(f64::EPSILON, 1.0 - f64::EPSILON)
                .ln()
        })
        .sum();
    (!truth.is_empty()).then(|| sum / truth.len() as f64)
}

/// Mean squared difference between probabilities and what was so (`brier_score_loss`): for two
/// classes half of the sum over both, so between 0 and 1; for more the sum, between 0 and 2.
/// `None` without rows.
///
/// # Panics
///
/// If the lengths do not fit.
pub fn brier_score_loss(truth: &[u32], probabilities: &[f64], classes: usize) -> Option<f64> {
    check(truth, probabilities, classes);
    let sum: f64 = truth
        .iter()
        .zip(probabilities.chunks(classes.max(1)))
        .map(|(&truth, row)| {
            row.iter()
                .enumerate()
                .map(|(class, p)| (f64::from(u8::from(class == truth as usize)) - p).powi(2))
                .sum::<f64>()
        })
        .sum();
    let scale = if classes < 3 { 0.5 } else { 1.0 };
    (!truth.is_empty()).then(|| scale * (sum / truth.len() as f64))
}

/// How probabilities are put into bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalibrationStrategy {
    /// Bins of the same width.
    Uniform,
    /// Bins with the same number of rows, as far as ties allow.
    Quantile,
}

/// Rows whose probability lies in a bin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationBin {
    /// Their mean probability (`prob_pred`).
    pub predicted: f64,
    /// The share of them that is positive (`prob_true`).
    pub observed: f64,
    /// How many they are.
    pub rows: u64,
}

/// What was predicted against what was so (`calibration_curve`), bins without rows left out.
/// Probabilities outside 0 to 1 count in the first or last bin.
///
/// # Panics
///
/// If the slices differ in length.
pub fn calibration_curve(
    positive: &[bool],
    probability: &[f64],
    bins: usize,
    strategy: CalibrationStrategy,
) -> Vec<CalibrationBin> {
    assert_eq!(
        positive.len(),
        probability.len(),
        "a probability for each row"
    );
    if probability.is_empty() || bins == 0 {
        return Vec::new();
    }
    let inner: Vec<f64> = match strategy {
        CalibrationStrategy::Uniform => {
            let step = 1.0 / bins as f64;
            (1..bins).map(|edge| edge as f64 * step).collect()
        }
        CalibrationStrategy::Quantile => {
            let mut sorted = probability.to_vec();
            sorted.sort_by(f64::total_cmp);
            (1..bins)
                .map(|edge| quantile(&sorted, edge as f64 / bins as f64))
                .collect()
        }
    };
    let mut sums = vec![(0.0, 0_u64, 0_u64); bins];
    for (&positive, &probability) in positive.iter().zip(probability) {
        // A value on an edge is of the bin below, as with numpy's searchsorted.
        let bin = inner.partition_point(|edge| *edge < probability);
        let (sum, hits, rows) = &mut sums[bin];
        *sum += probability;
        *hits += u64::from(positive);
        *rows += 1;
    }
    sums.into_iter()
        .filter(|(_, _, rows)| *rows > 0)
        .map(|(sum, hits, rows)| CalibrationBin {
            predicted: sum / rows as f64,
            observed: hits as f64 / rows as f64,
            rows,
        })
        .collect()
}

/// Mean distance between predicted and observed over the bins, each weighted by its rows
/// (expected calibration error; Naeini et al., AAAI 2015). `None` without rows.
pub fn expected_calibration_error(bins: &[CalibrationBin]) -> Option<f64> {
    let rows: u64 = bins.iter().map(|bin| bin.rows).sum();
    let sum: f64 = bins
        .iter()
        .map(|bin| (bin.predicted - bin.observed).abs() * bin.rows as f64)
        .sum();
    (rows > 0).then(|| sum / rows as f64)
}

/// The value below which a share `at` of sorted values lies, between neighbours in a straight
/// line (numpy's default).
pub(crate) fn quantile(sorted: &[f64], at: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = at.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    let part = place - below as f64;
    sorted[below] + (sorted[above] - sorted[below]) * part
}

fn check(truth: &[u32], probabilities: &[f64], classes: usize) {
    assert_eq!(
        truth.len() * classes,
        probabilities.len(),
        "probabilities for each row and class"
    );
}
