//! What a cut is worth.

use serde::{Deserialize, Serialize};

/// How impure rows of several classes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Criterion {
    /// How often two rows are of different classes.
    #[default]
    Gini,
    /// Shannon's information.
    Entropy,
}

/// The last that goes left.
#[derive(Debug, Clone, Copy)]
pub(super) enum Upto {
    Bin(u8),
    Value(f32),
}

/// Where a node is cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) feature: usize,
    /// What goes left.
    pub(super) upto: Upto,
    pub(super) missing_left: bool,
    pub(super) threshold: f32,
    /// The larger the better.
    pub(super) score: f64,
    /// Rows on both sides.
    pub(super) left: usize,
    pub(super) right: usize,
    /// Whether some of them miss the value.
    pub(super) has_missing: bool,
}

/// What a look at a column showed.
pub(super) enum Looked {
    /// All rows are alike in it.
    Constant,
    /// The best cut, if one leaves enough rows on both sides.
    Cut(Option<Cut>),
}

/// The classes of a node, and those of its left part while a column is scanned.
#[derive(Debug)]
pub(super) struct Scan {
    criterion: Criterion,
    min_samples_leaf: usize,
    /// Weight of each class.
    pub(super) node: Vec<f64>,
    pub(super) total: f64,
    left: Vec<f64>,
    missing: Vec<f64>,
}

impl Scan {
    pub(super) fn new(classes: usize, criterion: Criterion, min_samples_leaf: usize) -> Self {
        Self {
            criterion,
            min_samples_leaf: min_samples_leaf.max(1),
            node: vec![0.0; classes],
            total: 0.0,
            left: vec![0.0; classes],
            missing: vec![0.0; classes],
        }
    }

    pub(super) fn set_node(&mut self, codes: &[u32], weights: &[f64]) {
        self.node.fill(0.0);
        for (&code, &weight) in codes.iter().zip(weights) {
            self.node[code as usize] += weight;
        }
        self.total = self.node.iter().sum();
    }

    /// The class of all rows, if they are of one.
    pub(super) fn only_class(&self) -> Option<usize> {
        let mut of_weight = self
            .node
            .iter()
            .enumerate()
            .filter(|(_, weight)| **weight > 0.0);
        match (of_weight.next(), of_weight.next()) {
            (Some((class, _)), None) => Some(class),
            _ => None,
        }
    }

    pub(super) fn impurity(&self) -> f64 {
        let parts = self.node.iter().map(|weight| weight / self.total);
        match self.criterion {
            Criterion::Gini => 1.0 - parts.map(|part| part * part).sum::<f64>(),
            Criterion::Entropy => -parts
                .filter(|part| *part > 0.0)
                .map(|part| part * part.log2())
                .sum::<f64>(),
        }
    }

    /// The impurity of both sides of a cut, weighted by their rows.
    pub(super) fn impurity_after(&self, score: f64) -> f64 {
        match self.criterion {
            Criterion::Gini => 1.0 - score / self.total,
            Criterion::Entropy => -score / self.total,
        }
    }

    /// How pure both sides are when `left` goes left: the larger the better.
    #[inline]
    fn score(&self) -> f64 {
        self.score_of(
            self.node
                .iter()
                .zip(&self.left)
                .map(|(node, left)| (*left, node - left)),
        )
    }

    /// The same when what is missing goes left too.
    fn score_with_missing(&self) -> f64 {
        let with_missing = self.left.iter().zip(&self.missing);
        self.score_of(
            self.node
                .iter()
                .zip(with_missing)
                .map(|(node, (left, missing))| {
                    let left = left + missing;
                    (left, node - left)
                }),
        )
    }

    #[inline]
    fn score_of(&self, sides: impl Iterator<Item = (f64, f64)>) -> f64 {
        let (mut left_sum, mut right_sum, mut left_score, mut right_score) = (0.0, 0.0, 0.0, 0.0);
        match self.criterion {
            Criterion::Gini => {
                for (left, right) in sides {
                    left_sum += left;
                    right_sum += right;
                    left_score += left * left;
                    right_score += right * right;
                }
                left_score / left_sum + right_score / right_sum
            }
            Criterion::Entropy => {
                let log = |weight: f64| {
                    if weight > 0.0 {
                        weight * weight.log2()
                    } else {
                        0.0
                    }
                };
                for (left, right) in sides {
                    left_sum += left;
                    right_sum += right;
                    left_score += log(left);
                    right_score += log(right);
                }
                left_score - log(left_sum) + right_score - log(right_sum)
            }
        }
    }
}

/// Goes over a column's values from the smallest on and keeps the best cut.
pub(super) struct Scanner<'a> {
    scan: &'a mut Scan,
    rows: usize,
    feature: usize,
    pub(super) left_rows: usize,
    pub(super) missing_rows: usize,
    pub(super) best: Option<Cut>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(scan: &'a mut Scan, rows: usize, feature: usize) -> Self {
        scan.left.fill(0.0);
        Self {
            scan,
            rows,
            feature,
            left_rows: 0,
            missing_rows: 0,
            best: None,
        }
    }

    /// Weights of the rows that miss a value.
    pub(super) fn set_missing(&mut self, weights: &[f64], rows: usize) {
        self.scan.missing.copy_from_slice(weights);
        self.missing_rows = rows;
    }

    /// A row that misses a value.
    pub(super) fn add_missing(&mut self, class: usize, weight: f64) {
        if self.missing_rows == 0 {
            self.scan.missing.fill(0.0);
        }
        self.scan.missing[class] += weight;
        self.missing_rows += 1;
    }

    /// Rows of one value go over to the left side.
    #[inline]
    pub(super) fn group(&mut self, weights: &[f64], rows: usize) {
        for (left, weight) in self.scan.left.iter_mut().zip(weights) {
            *left += weight;
        }
        self.left_rows += rows;
    }

    /// A row goes over to the left side.
    #[inline]
    pub(super) fn row(&mut self, class: usize, weight: f64) {
        self.scan.left[class] += weight;
        self.left_rows += 1;
    }

    /// Weights on the left, to be set.
    pub(super) fn left_weights(&mut self) -> &mut [f64] {
        &mut self.scan.left
    }

    /// What a cut here is worth, with what is missing on the right, and on the left.
    #[inline]
    pub(super) fn cut(&mut self, upto: Upto, threshold: impl Fn() -> f32) {
        let left = self.left_rows;
        self.keep(upto, &threshold, self.scan.score(), false, left);
        if self.missing_rows > 0 {
            let score = self.scan.score_with_missing();
            self.keep(upto, &threshold, score, true, left + self.missing_rows);
        }
    }

    /// All that is there on the left, what is missing on the right.
    pub(super) fn cut_off_missing(&mut self, upto: Upto) {
        if self.missing_rows > 0 {
            let score = self.scan.score();
            self.keep(upto, &|| f32::INFINITY, score, false, self.left_rows);
        }
    }

    /// The only cut that is looked at.
    pub(super) fn single(mut self, upto: Upto, threshold: f32, missing_left: bool) -> Option<Cut> {
        let (score, left) = (self.scan.score(), self.left_rows);
        self.keep(upto, &|| threshold, score, missing_left, left);
        self.best
    }

    #[inline]
    fn keep(
        &mut self,
        upto: Upto,
        threshold: &impl Fn() -> f32,
        score: f64,
        missing_left: bool,
        left: usize,
    ) {
        let right = self.rows - left;
        let least = self.scan.min_samples_leaf;
        if left < least || right < least || self.best.is_some_and(|best| best.score >= score) {
            return;
        }
        self.best = Some(Cut {
            feature: self.feature,
            upto,
            missing_left,
            threshold: threshold(),
            score,
            left,
            right,
            has_missing: self.missing_rows > 0,
        });
    }
}
