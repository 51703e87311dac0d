//! One class is harmless, all others are to be found.

use serde::{Deserialize, Serialize};

use super::{
    CHART_POINTS, CalibrationReport, Estimate, EvaluationOptions, Predictions, bootstrap, estimate,
    for_chart, report_bins,
};
use crate::metrics::{Ranking, alert_load};

/// Shares of false positives that a detector is held to.
const FALSE_POSITIVE_RATES: [f64; 2] = [0.001, 0.01];

/// Where a detector would stand.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// Rows (flows, windows) that come in a day.
    pub rows_per_day: f64,
    /// The share of them that is positive there, mostly far below that of the test.
    pub base_rate: f64,
}

impl Default for Workload {
    /// 100,000 rows a day, one in a thousand of them positive.
    fn default() -> Self {
        Self {
            rows_per_day: 100_000.0,
            base_rate: 0.001,
        }
    }
}

/// A threshold of the score, and what it does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// The share of false positives that it was chosen for.
    pub false_positive_rate_at_most: f64,
    /// Rows whose score is at least this raise an alert; none if no threshold raises any.
    pub threshold: Option<f64>,
    /// Share of the positive rows found.
    pub recall: Estimate,
    /// Share of the harmless rows that raise an alert.
    pub false_positive_rate: f64,
    /// Share of true alerts in the test.
    pub precision: f64,
    /// Alerts a day at the stated base rate.
    pub alerts_per_day: f64,
    /// False ones among them.
    pub false_alerts_per_day: f64,
    /// False ones at the upper end of the 95 % interval of their share (Wilson 1927): with few
    /// harmless rows in the test a share of zero says little.
    pub false_alerts_per_day_at_most: f64,
    /// Positive rows a day that raise no alert.
    pub missed_per_day: f64,
    /// Share of true alerts at the stated base rate; none if there is no alert.
    pub precision_at_base_rate: Option<f64>,
}

/// The harmless class against all others: the score of a row is the probability that it is not of
/// the harmless class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// The harmless class.
    pub negative: String,
    /// Rows of other classes.
    pub positives: u64,
    /// Rows of the harmless class.
    pub negatives: u64,
    /// Area under the ROC curve.
    pub roc_auc: Estimate,
    /// Area under the precision-recall curve (average precision); what a score of chance has is
    /// the share of positive rows.
    pub pr_auc: Estimate,
    /// What the alerts a day are counted for.
    pub workload: Workload,
    /// At 0.1 % and 1 % false positives.
    pub operating_points: Vec<OperatingPoint>,
    /// The ROC curve: shares of false and of true positives.
    pub roc: Vec<(f64, f64)>,
    /// The precision-recall curve: recall and precision.
    pub precision_recall: Vec<(f64, f64)>,
    /// Whether the scores mean what they say.
    pub calibration: CalibrationReport,
}

impl Detection {
    pub(super) fn new(
        predictions: &Predictions<'_>,
        negative: u32,
        options: &EvaluationOptions,
        groups: Option<&[u32]>,
    ) -> Self {
        let classes = predictions.classes.len();
        let positive: Vec<bool> = predictions.truth.iter().map(|&t| t != negative).collect();
        let score: Vec<f64> = predictions
            .probabilities
            .chunks(classes)
            .map(|row| 1.0 - row[negative as usize])
            .collect();
        let ranking = Ranking::new(&positive, &score);
        let rows = positive.len();
        let [roc_auc, pr_auc, strict, loose] =
            bootstrap(rows, 4, options).intervals(rows, groups, |weights| {
                let recall = |rate| ranking.recall_at_false_positive_rate_weighted(rate, weights);
                [
                    ranking.roc_auc_weighted(weights),
                    ranking.average_precision_weighted(weights),
                    recall(FALSE_POSITIVE_RATES[0]),
                    recall(FALSE_POSITIVE_RATES[1]),
                ]
            });
        let operating_points = FALSE_POSITIVE_RATES
            .into_iter()
            .zip([strict, loose])
            .filter_map(|(rate, interval)| {
                let point = ranking.at_false_positive_rate(rate)?;
                let load = alert_load(
                    point.true_positive_rate,
                    point.false_positive_rate,
                    options.workload.rows_per_day,
                    options.workload.base_rate,
                );
                let at_most = wilson_upper(point.false_positives, ranking.totals().1);
                let at_most = alert_load(
                    point.true_positive_rate,
                    at_most,
                    options.workload.rows_per_day,
                    options.workload.base_rate,
                );
                Some(OperatingPoint {
                    false_positive_rate_at_most: rate,
                    threshold: point.threshold.is_finite().then_some(point.threshold),
                    recall: estimate(Some(point.true_positive_rate), interval),
                    false_positive_rate: point.false_positive_rate,
                    precision: point.precision,
                    alerts_per_day: load.alerts,
                    false_alerts_per_day: load.false_alerts,
                    false_alerts_per_day_at_most: at_most.false_alerts,
                    missed_per_day: load.missed,
                    precision_at_base_rate: Some(load.precision).filter(|p| p.is_finite()),
                })
            })
            .collect();
        let (positives, negatives) = ranking.totals();
        let curve = ranking.curve_for_chart(CHART_POINTS);
        let finite = |points: Vec<(f64, f64)>| {
            let fine = points.iter().all(|(x, y)| x.is_finite() && y.is_finite());
            let points = points
                .into_iter()
                .map(|(x, y)| (for_chart(x), for_chart(y)));
            if fine { points.collect() } else { Vec::new() }
        };
        Self {
            negative: predictions.classes[negative as usize].clone(),
            positives,
            negatives,
            roc_auc: estimate(ranking.roc_auc(), roc_auc),
            pr_auc: estimate(ranking.average_precision(), pr_auc),
            workload: options.workload,
            operating_points,
            roc: finite(
                curve
                    .iter()
                    .map(|point| (point.false_positive_rate, point.true_positive_rate))
                    .collect(),
            ),
            precision_recall: finite(
                curve
                    .iter()
                    .map(|point| (point.true_positive_rate, point.precision))
                    .collect(),
            ),
            calibration: report_bins(&positive, &score),
        }
    }
}

/// Upper end of the 95 % score interval of a share (Wilson, "Probable inference, the law of
/// succession, and statistical inference", 1927).
fn wilson_upper(hits: u64, rows: u64) -> f64 {
    const Z: f64 = 1.959_963_984_540_054;
    let n = rows as f64;
    let share = hits as f64 / n;
    let center = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((center + half) / (1.0 + Z * Z / n)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// statsmodels 0.15, `proportion_confint(…, method='wilson')[1]`.
    #[test]
    fn upper_ends() {
        for (hits, rows, expected) in [
            (0, 300, 0.012_642_971_224),
            (10, 1000, 0.018_309_468_870),
            (1000, 1000, 1.0),
        ] {
            let ours = wilson_upper(hits, rows);
            assert!((ours - expected).abs() < 1e-11, "{hits} of {rows}: {ours}");
        }
    }
}
