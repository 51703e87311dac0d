//! Curves over all thresholds of a score: ROC and precision-recall.

/// Rows ordered by score, the highest first; rows of equal score cannot be told apart and count
/// together.
#[derive(Debug, Clone)]
pub struct Ranking {
    /// Rows in the order of their score.
    order: Vec<u32>,
    /// Whether the row at this place is a positive one.
    positive: Vec<bool>,
    /// Ends (exclusive) of the runs of equal scores, and those scores.
    runs: Vec<(u32, f64)>,
}

/// A threshold, and what lies at or above it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// Rows whose score is at least this are told to be positive; infinite where none is.
    pub threshold: f64,
    /// Positive rows at or above it.
    pub true_positives: u64,
    /// Other rows at or above it.
    pub false_positives: u64,
    /// Share of the positive rows at or above it (recall); `NaN` if there are none.
    pub true_positive_rate: f64,
    /// Share of the other rows at or above it; `NaN` if there are none.
    pub false_positive_rate: f64,
    /// Share of positive rows among those at or above it; 1 where there is no row.
    pub precision: f64,
}

impl Ranking {
    /// Orders rows by score. A score that is no number is below all others.
    ///
    /// # Panics
    ///
    /// If the slices differ in length, or are longer than `u32::MAX`.
    pub fn new(positive: &[bool], score: &[f64]) -> Self {
        assert_eq!(positive.len(), score.len(), "a score for each row");
        let rows = u32::try_from(score.len()).expect("fewer rows than u32::MAX");
        let key = |row: u32| {
            let score = score[row as usize];
            if score.is_nan() {
                f64::NEG_INFINITY
            } else {
                score + 0.0
            }
        };
        let mut order: Vec<u32> = (0..rows).collect();
        // Ties keep the order of the rows, so that nothing depends on the sorting.
        order.sort_by(|&a, &b| key(b).total_cmp(&key(a)));
        let mut runs: Vec<(u32, f64)> = Vec::new();
        for (end, &row) in (1..).zip(&order) {
            let score = key(row);
            match runs.last_mut() {
                Some(last) if last.1.total_cmp(&score).is_eq() => last.0 = end,
                _ => runs.push((end, score)),
            }
        }
        Self {
            positive: order.iter().map(|&row| positive[row as usize]).collect(),
            order,
            runs,
        }
    }

    /// Positive rows, and other rows.
    pub fn totals(&self) -> (u64, u64) {
        let positives = self.positive.iter().filter(|positive| **positive).count();
        (positives as u64, (self.positive.len() - positives) as u64)
    }

    /// The curve: nothing at first, then a point for each distinct score (`roc_curve` with
    /// `drop_intermediate=False`).
    pub fn curve(&self) -> Vec<CurvePoint> {
        let (positives, negatives) = self.totals();
        let mut points = Vec::with_capacity(self.runs.len() + 1);
        let point = |threshold, tp: u64, fp: u64| CurvePoint {
            threshold,
            true_positives: tp,
            false_positives: fp,
            true_positive_rate: tp as f64 / positives as f64,
            false_positive_rate: fp as f64 / negatives as f64,
            precision: if tp + fp == 0 {
                1.0
            } else {
                tp as f64 / (tp + fp) as f64
            },
        };
        points.push(point(f64::INFINITY, 0, 0));
        self.walk(None, |threshold, tp, fp| {
            points.push(point(threshold, tp, fp));
        });
        points
    }

    /// The curve with at most about `points` points, and every bend that can be seen: for charts.
    pub fn curve_for_chart(&self, points: usize) -> Vec<CurvePoint> {
        let all = self.curve();
        let Some(last) = all.last().copied() else {
            return all;
        };
        let step = 1.0 / points.max(2) as f64;
        let mut kept: Vec<CurvePoint> = Vec::new();
        for point in all {
            let far = kept.last().is_none_or(|last| {
                let apart = |a: f64, b: f64| (a - b).abs() >= step;
                apart(point.true_positive_rate, last.true_positive_rate)
                    || apart(point.false_positive_rate, last.false_positive_rate)
                    || apart(point.precision, last.precision)
            });
            if far {
                kept.push(point);
            }
        }
        if kept.last() != Some(&last) {
            kept.push(last);
        }
        kept
    }

    /// Area under the ROC curve (`roc_auc_score`): the chance that a positive row scores higher
    /// than another, a tie counting half. `None` unless there are rows of both kinds.
    pub fn roc_auc(&self) -> Option<f64> {
        self.roc_auc_of(None)
    }

    /// The same when each row (as given to [`new`](Self::new)) counts as often as `weights` says.
    pub fn roc_auc_weighted(&self, weights: &[u32]) -> Option<f64> {
        self.roc_auc_of(Some(weights))
    }

    fn roc_auc_of(&self, weights: Option<&[u32]>) -> Option<f64> {
        // Twice the area in units of one positive row by one other row: whole numbers, exact.
        let (mut twice, mut tp_before, mut fp_before) = (0_u128, 0_u64, 0_u64);
        self.walk(weights, |_, tp, fp| {
            twice += u128::from(fp - fp_before) * u128::from(tp + tp_before);
            (tp_before, fp_before) = (tp, fp);
        });
        let whole = 2 * u128::from(tp_before) * u128::from(fp_before);
        (whole > 0).then(|| twice as f64 / whole as f64)
    }

    /// Area under the precision-recall curve as a sum of steps (`average_precision_score`), never
    /// interpolated. `None` without a positive row.
    pub fn average_precision(&self) -> Option<f64> {
        self.average_precision_of(None)
    }

    /// The same when each row (as given to [`new`](Self::new)) counts as often as `weights` says.
    pub fn average_precision_weighted(&self, weights: &[u32]) -> Option<f64> {
        self.average_precision_of(Some(weights))
    }

    fn average_precision_of(&self, weights: Option<&[u32]>) -> Option<f64> {
        let (mut sum, mut tp_before) = (0.0, 0_u64);
        self.walk(weights, |_, tp, fp| {
            if tp > tp_before {
                sum += (tp - tp_before) as f64 * (tp as f64 / (tp + fp) as f64);
            }
            tp_before = tp;
        });
        (tp_before > 0).then(|| sum / tp_before as f64)
    }

    /// The point of the curve with the highest recall whose share of false positives is at most
    /// `rate`. No interpolation between thresholds: this is what one threshold achieves. `None`
    /// unless there are rows of both kinds.
    pub fn at_false_positive_rate(&self, rate: f64) -> Option<CurvePoint> {
        let (positives, negatives) = self.totals();
        if positives == 0 || negatives == 0 {
            return None;
        }
        let mut curve = self.curve();
        // Both rates only grow along the curve.
        let within = curve.partition_point(|point| point.false_positive_rate <= rate);
        curve.truncate(within);
        let best = curve.last()?.true_positives;
        // Of the thresholds with that recall the one with the fewest false positives.
        curve.into_iter().find(|point| point.true_positives == best)
    }

    /// Recall at a share of false positives of at most `rate`.
    pub fn recall_at_false_positive_rate(&self, rate: f64) -> Option<f64> {
        self.at_false_positive_rate(rate)
            .map(|point| point.true_positive_rate)
    }

    /// The same when each row (as given to [`new`](Self::new)) counts as often as `weights` says.
    pub fn recall_at_false_positive_rate_weighted(
        &self,
        rate: f64,
        weights: &[u32],
    ) -> Option<f64> {
        let mut counts = Vec::with_capacity(self.runs.len());
        self.walk(Some(weights), |_, tp, fp| counts.push((tp, fp)));
        let &(positives, negatives) = counts.last()?;
        if positives == 0 || negatives == 0 {
            return None;
        }
        let within = counts.partition_point(|&(_, fp)| fp as f64 / negatives as f64 <= rate);
        let best = within.checked_sub(1).map_or(0, |last| counts[last].0);
        Some(best as f64 / positives as f64)
    }

    /// Goes through the distinct scores, the highest first, with the positive and other rows at
    /// or above each.
    fn walk(&self, weights: Option<&[u32]>, mut visit: impl FnMut(f64, u64, u64)) {
        if let Some(weights) = weights {
            assert_eq!(weights.len(), self.order.len(), "a weight for each row");
        }
        let (mut tp, mut fp, mut begin) = (0_u64, 0_u64, 0_usize);
        for &(end, threshold) in &self.runs {
            for place in begin..end as usize {
                let weight = weights.map_or(1, |w| u64::from(w[self.order[place] as usize]));
                if self.positive[place] {
                    tp += weight;
                } else {
                    fp += weight;
                }
            }
            begin = end as usize;
            visit(threshold, tp, fp);
        }
    }
}

/// The ranking of one class against all others, by its column of row-major `probabilities`.
///
/// # Panics
///
/// If there is no such class, or the lengths do not fit.
pub fn one_vs_rest(truth: &[u32], probabilities: &[f64], classes: usize, class: usize) -> Ranking {
    assert!(class < classes, "a class that there is");
    assert_eq!(
        truth.len() * classes,
        probabilities.len(),
        "probabilities for each row and class"
    );
    let positive: Vec<bool> = truth.iter().map(|&truth| truth as usize == class).collect();
    let score: Vec<f64> = probabilities
        .iter()
        .skip(class)
        .step_by(classes)
        .copied()
        .collect();
    Ranking::new(&positive, &score)
}

/// Mean of the areas under the ROC curves of each class against all others (`roc_auc_score` with
/// `multi_class='ovr', average='macro'`), over the classes that occur. `None` if fewer than two do.
///
/// # Panics
///
/// If the lengths do not fit.
pub fn roc_auc_ovr_macro(truth: &[u32], probabilities: &[f64], classes: usize) -> Option<f64> {
    macro_over_classes(truth, probabilities, classes, Ranking::roc_auc)
}

/// Mean of the average precisions of each class against all others (`average_precision_score` with
/// `average='macro'`), over the classes that occur.
///
/// # Panics
///
/// If the lengths do not fit.
pub fn average_precision_macro(
    truth: &[u32],
    probabilities: &[f64],
    classes: usize,
) -> Option<f64> {
    macro_over_classes(truth, probabilities, classes, Ranking::average_precision)
}

fn macro_over_classes(
    truth: &[u32],
    probabilities: &[f64],
    classes: usize,
    score: impl Fn(&Ranking) -> Option<f64>,
) -> Option<f64> {
    let scores: Vec<f64> = (0..classes)
        .filter_map(|class| score(&one_vs_rest(truth, probabilities, classes, class)))
        .collect();
    (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
}
