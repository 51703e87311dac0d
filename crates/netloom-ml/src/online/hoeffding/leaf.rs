//! A leaf: what it tells, and when it is split.

use serde::{Deserialize, Serialize};

use super::curve::Curve;
use super::{HoeffdingTreeParams, LeafPrediction};

/// What a leaf knows of its rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Leaf {
    /// Weight of each class.
    weights: Vec<f64>,
    /// For each column a curve for each class.
    curves: Vec<Curve>,
    pub(super) depth: u32,
    /// Its weight when it was last looked at.
    pub(super) looked_at: f64,
    /// Weight of the rows that its classes, and that naive Bayes told right before they were
    /// learned.
    majority_right: f64,
    bayes_right: f64,
}

/// A question that a leaf may be split by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) feature: usize,
    pub(super) threshold: f64,
    gain: f64,
}

impl Leaf {
    pub(super) fn new(weights: Vec<f64>, columns: usize, depth: u32) -> Self {
        Self {
            curves: vec![Curve::EMPTY; columns * weights.len()],
            looked_at: weights.iter().sum(),
            weights,
            depth,
            majority_right: 0.0,
            bayes_right: 0.0,
        }
    }

    pub(super) fn weight(&self) -> f64 {
        self.weights.iter().sum()
    }

    pub(super) fn learn(&mut self, row: &[f64], class: usize, weight: f64, adaptive: bool) {
        if adaptive {
            if largest(&self.weights) == class {
                self.majority_right += weight;
            }
            let mut told = vec![0.0; self.weights.len()];
            self.bayes(row, &mut told);
            if largest(&told) == class {
                self.bayes_right += weight;
            }
        }
        self.weights[class] += weight;
        let classes = self.weights.len();
        for (column, value) in row.iter().enumerate() {
            if value.is_finite() {
                self.curves[column * classes + class].add(*value, weight);
            }
        }
    }

    pub(super) fn tell(&self, row: &[f64], how: LeafPrediction, told: &mut [f64]) {
        let bayes = match how {
            LeafPrediction::MajorityClass => false,
            LeafPrediction::NaiveBayes => true,
            LeafPrediction::NaiveBayesAdaptive => self.bayes_right > self.majority_right,
        };
        if bayes {
            self.bayes(row, told);
        } else {
            self.majority(told);
        }
    }

    fn majority(&self, told: &mut [f64]) {
        let all = self.weight();
        let even = 1.0 / told.len() as f64;
        for (share, weight) in told.iter_mut().zip(&self.weights) {
            *share = if all > 0.0 { weight / all } else { even };
        }
    }

    fn bayes(&self, row: &[f64], told: &mut [f64]) {
        let classes = told.len();
        for (log, weight) in told.iter_mut().zip(&self.weights) {
            *log = if *weight > 0.0 {
                weight.ln()
            } else {
                f64::NEG_INFINITY
            };
        }
        for (column, value) in row.iter().enumerate() {
            if !value.is_finite() {
                continue;
            }
            let curves = &self.curves[column * classes..(column + 1) * classes];
            for (log, curve) in told.iter_mut().zip(curves) {
                if let Some(density) = curve.log_density(*value) {
                    *log += density;
                }
            }
        }
        let most = told.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b));
        if !most.is_finite() {
            return self.majority(told);
        }
        let mut sum = 0.0;
        for log in told.iter_mut() {
            *log = (*log - most).exp();
            sum += *log;
        }
        for share in told {
            *share /= sum;
        }
    }

    /// The best question of the best column, and the gain of the best of another column (or of none).
    fn best_two(&self, params: &HoeffdingTreeParams) -> (Option<Candidate>, f64) {
        let classes = self.weights.len();
        let mut best: Option<Candidate> = None;
        let mut second = 0.0_f64;
        for (feature, curves) in self.curves.chunks(classes).enumerate() {
            let Some(found) = best_of(feature, curves, self.weight(), params) else {
                continue;
            };
            match best {
                Some(before) if found.gain <= before.gain => second = second.max(found.gain),
                _ => {
                    second = second.max(best.map_or(0.0, |before| before.gain));
                    best = Some(found);
                }
            }
        }
        (best, second)
    }

    /// The question to split by, if one is better than the others beyond chance.
    pub(super) fn split(&self, params: &HoeffdingTreeParams) -> Option<Candidate> {
        let present = self.weights.iter().filter(|weight| **weight > 0.0).count();
        if present < 2 {
            return None;
        }
        let (best, second) = self.best_two(params);
        let best = best?;
        // The gain is at most that of knowing the class.
        let range = (present as f64).log2();
        let bound = (range * range * (1.0 / params.delta).ln() / (2.0 * self.weight())).sqrt();
        (best.gain > 0.0 && (best.gain - second > bound || bound < params.tau)).then_some(best)
    }

    /// What each side of a split is known to hold, and whether most of it is on the left.
    pub(super) fn sides(&self, cut: Candidate) -> (Vec<f64>, Vec<f64>, bool) {
        let classes = self.weights.len();
        let curves = &self.curves[cut.feature * classes..(cut.feature + 1) * classes];
        let lefts: Vec<f64> = curves
            .iter()
            .map(|curve| curve.up_to(cut.threshold))
            .collect();
        let rights: Vec<f64> = curves
            .iter()
            .zip(&lefts)
            .map(|(curve, left)| (curve.weight - left).max(0.0))
            .collect();
        let missing_left = lefts.iter().sum::<f64>() >= rights.iter().sum::<f64>();
        (lefts, rights, missing_left)
    }

    pub(super) fn is_sound(&self, columns: usize, classes: usize) -> bool {
        self.weights.len() == classes
            && columns.checked_mul(classes) == Some(self.curves.len())
            && self
                .weights
                .iter()
                .chain([&self.looked_at, &self.majority_right, &self.bayes_right])
                .all(|number| number.is_finite() && *number >= 0.0)
            && self.curves.iter().all(Curve::is_sound)
    }
}

/// The best cut of a column.
fn best_of(
    feature: usize,
    curves: &[Curve],
    weight: f64,
    params: &HoeffdingTreeParams,
) -> Option<Candidate> {
    let least = curves.iter().fold(f64::INFINITY, |a, c| a.min(c.least));
    let most = curves.iter().fold(f64::NEG_INFINITY, |a, c| a.max(c.most));
    if least >= most {
        return None;
    }
    let all: Vec<f64> = curves.iter().map(|curve| curve.weight).collect();
    let known: f64 = all.iter().sum();
    let before = entropy(&all, known);
    let mut best: Option<Candidate> = None;
    for place in 1..=params.n_splits {
        let threshold = least + (most - least) * place as f64 / (params.n_splits + 1) as f64;
        let lefts: Vec<f64> = curves.iter().map(|curve| curve.up_to(threshold)).collect();
        let rights: Vec<f64> = all
            .iter()
            .zip(&lefts)
            .map(|(a, l)| (a - l).max(0.0))
            .collect();
        let (left, right): (f64, f64) = (lefts.iter().sum(), rights.iter().sum());
        if left.min(right) <= params.min_branch_fraction * known {
            continue;
        }
        let after = (left * entropy(&lefts, left) + right * entropy(&rights, right)) / known;
        // Rows without the value learn nothing from it.
        let gain = (before - after) * known / weight;
        if gain.is_finite() && best.is_none_or(|best| gain > best.gain) {
            best = Some(Candidate {
                feature,
                threshold,
                gain,
            });
        }
    }
    best
}

/// Shannon's, in bits.
fn entropy(weights: &[f64], all: f64) -> f64 {
    weights
        .iter()
        .filter(|weight| **weight > 0.0)
        .map(|weight| weight / all)
        .map(|share| -share * share.log2())
        .sum()
}

/// The place of the largest, the first of equals.
fn largest(numbers: &[f64]) -> usize {
    let mut best = 0;
    for (place, number) in numbers.iter().enumerate() {
        if *number > numbers[best] {
            best = place;
        }
    }
    best
}
