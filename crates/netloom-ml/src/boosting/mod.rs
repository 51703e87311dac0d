//! Gradient boosting: trees that each correct what those before them got wrong.
//!
//! A model tells `F(x) = F₀ + ν Σ tₘ(x)`. Each tree is fitted to the gradient `g` of the loss at
//! what is told so far, by Newton's method: with second derivatives `h`, a leaf tells
//! `−Σg / (Σh + λ)`, and a question is worth
//! `G_L²/(H_L+λ) + G_R²/(H_R+λ) − G²/(H+λ)`. For two classes `F` is the log-odds of the second, for
//! more there is one `F` for each and softmax makes probabilities of them; for numbers the loss is
//! the squared error.
//!
//! Trees are grown best leaf first from histograms of at most 255 bins a column; a child's
//! histogram is its parent's less its sibling's. Rows that miss a value go to the side that is
//! worth more. Sources: Friedman, "Greedy function approximation: a gradient boosting machine"
//! (2001); Ke et al., "LightGBM" (NeurIPS 2017); parameters, defaults and stopping are those of
//! scikit-learn's `HistGradientBoosting`.
//!
//! For n rows and m columns an iteration takes O(m n log leaves) at worst and O(m · 255) a node.

mod grow;
mod histogram;
mod slopes;

use serde::{Deserialize, Serialize};

use crate::chance::Chance;
use crate::error::Error;
use crate::numeric::{Features, Workers, parallel};
use crate::preprocess::Preprocessing;
use crate::supervised::{ClassWeight, Core, Labelled, Learn};
use crate::tree::{self, Rows, Tree};
use grow::Growth;
use slopes::Slopes;

/// Whether to stop when held-out rows are told no better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EarlyStopping {
    /// With more than 10,000 rows.
    #[default]
    Auto,
    /// Yes.
    On,
    /// No.
    Off,
}

/// Parameters of gradient boosting, as scikit-learn's `HistGradientBoostingClassifier` and
/// `HistGradientBoostingRegressor`.
///
/// ```
/// use netloom_ml::{ClassifierParams, Dataset, GradientBoostingParams, Run, Values};
///
/// let rows = || (0..400).map(f64::from);
/// let data = Dataset::new(vec![("bytes", Values::numbers(rows()))])?
///     .with_classes(rows().map(|bytes| if bytes % 100.0 < 50.0 { "a" } else { "b" }))?;
/// let model = GradientBoostingParams::default().fit(&data, Run::default())?;
/// let told = model.predict_proba(&data.select(&[10, 60, 110]), 1)?;
/// assert_eq!(told.predicted(), [0, 1, 0]);
/// # Ok::<(), netloom_ml::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GradientBoostingParams {
    /// ν: how much of each tree counts.
    pub learning_rate: f64,
    /// Iterations at most; each grows a tree, and with more than two classes one for each.
    pub max_iter: usize,
    /// Leaves of a tree at most; none for no bound.
    pub max_leaf_nodes: Option<usize>,
    /// Questions in a row at most; none for no bound.
    pub max_depth: Option<usize>,
    /// Rows that a leaf must have.
    pub min_samples_leaf: usize,
    /// λ: draws leaves towards 0.
    pub l2_regularization: f64,
    /// Share of the columns that a node looks at.
    pub max_features: f64,
    /// Whether to stop when held-out rows are told no better.
    pub early_stopping: EarlyStopping,
    /// Share of the rows that are held out for that.
    pub validation_fraction: f64,
    /// Iterations without a better loss after which it stops.
    pub n_iter_no_change: usize,
    /// By how much a loss must be lower to be better.
    pub tol: f64,
    /// How much rows of each class count.
    pub class_weight: ClassWeight,
}

impl Default for GradientBoostingParams {
    fn default() -> Self {
        Self {
            learning_rate: 0.1,
            max_iter: 100,
            max_leaf_nodes: Some(31),
            max_depth: None,
            min_samples_leaf: 20,
            l2_regularization: 0.0,
            max_features: 1.0,
            early_stopping: EarlyStopping::Auto,
            validation_fraction: 0.1,
            n_iter_no_change: 10,
            tol: 1e-7,
            class_weight: ClassWeight::None,
        }
    }
}

impl Learn for GradientBoostingParams {
    const NAME: &'static str = "gradient-boosting";

    fn preprocessing(&self) -> Preprocessing {
        Preprocessing::TREES
    }

    fn class_weight(&self) -> &ClassWeight {
        &self.class_weight
    }

    fn check(&self) -> Result<(), Error> {
        let positive = |name, value: f64| {
            if value.is_finite() && value > 0.0 {
                Ok(())
            } else {
                Err(Error::parameter(name, &value, "above 0"))
            }
        };
        positive("learning_rate", self.learning_rate)?;
        let at_least = |name, value: usize, least: usize, must| {
            if value >= least {
                Ok(())
            } else {
                Err(Error::parameter(name, &value, must))
            }
        };
        at_least("max_iter", self.max_iter, 1, "1 or more")?;
        at_least(
            "max_leaf_nodes",
            self.max_leaf_nodes.unwrap_or(2),
            2,
            "2 or more",
        )?;
        at_least("max_depth", self.max_depth.unwrap_or(1), 1, "1 or more")?;
        at_least("min_samples_leaf", self.min_samples_leaf, 1, "1 or more")?;
        at_least("n_iter_no_change", self.n_iter_no_change, 1, "1 or more")?;
        if !self.l2_regularization.is_finite() || self.l2_regularization < 0.0 {
            return Err(Error::parameter(
                "l2_regularization",
                &self.l2_regularization,
                "0 or more",
            ));
        }
        for (name, share) in [
            ("max_features", self.max_features),
            ("validation_fraction", self.validation_fraction),
        ] {
            if !(share > 0.0 && share <= 1.0) {
                return Err(Error::parameter(name, &share, "above 0, at most 1"));
            }
        }
        if self.tol.is_nan() || self.tol < 0.0 {
            return Err(Error::parameter("tol", &self.tol, "0 or more"));
        }
        Ok(())
    }

    fn learn(&self, data: &Labelled<'_>) -> Result<Core, Error> {
        let loss = if data.classes == 2 {
            Loss::Binary { codes: data.codes }
        } else {
            Loss::Classes {
                codes: data.codes,
                classes: data.classes,
            }
        };
        let boosted = self.boost(
            data.features,
            &loss,
            data.weights,
            data.run.seed,
            data.run.threads,
        );
        Ok(Core::Boosted(boosted))
    }
}

/// What is to be told.
pub(crate) enum Loss<'a> {
    /// One of two classes: logistic loss.
    Binary { codes: &'a [u32] },
    /// One of several classes: multinomial loss.
    Classes { codes: &'a [u32], classes: usize },
    /// A number: squared error.
    Numbers { numbers: &'a [f64] },
}

impl Loss<'_> {
    /// Numbers that are told of a row.
    fn width(&self) -> usize {
        match self {
            Self::Classes { classes, .. } => *classes,
            _ => 1,
        }
    }

    /// What is told before any tree.
    fn base(&self, rows: &[u32], weights: &[f64]) -> Vec<f64> {
        let all: f64 = rows.iter().map(|&row| weights[row as usize]).sum();
        let weight_of = |codes: &[u32], class: u32| {
            let rows = rows.iter().filter(|&&row| codes[row as usize] == class);
            rows.map(|&row| weights[row as usize]).sum::<f64>() / all
        };
        match self {
            Self::Binary { codes } => {
                let share = weight_of(codes, 1).clamp(SMALL, 1.0 - SMALL);
                vec![(share / (1.0 - share)).ln()]
            }
            Self::Classes { codes, classes } => {
                let logs: Vec<f64> = (0..*classes)
                    .map(|class| weight_of(codes, class as u32).clamp(SMALL, 1.0).ln())
                    .collect();
                let mean = logs.iter().sum::<f64>() / *classes as f64;
                logs.iter().map(|log| log - mean).collect()
            }
            Self::Numbers { numbers } => {
                let sum = rows
                    .iter()
                    .map(|&row| weights[row as usize] * numbers[row as usize]);
                vec![sum.sum::<f64>() / all]
            }
        }
    }

    /// Gradients and second derivatives of a row, given what is told of it, of `width` numbers.
    fn slopes(&self, row: usize, told: &[f64], slopes: &mut [(f32, f32)]) {
        match self {
            Self::Binary { codes } => {
                let p = sigmoid(told[0]);
                slopes[0] = ((p - f64::from(codes[row])) as f32, (p * (1.0 - p)) as f32);
            }
            Self::Classes { codes, .. } => {
                let most = told.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b));
                let sum: f64 = told.iter().map(|f| (f - most).exp()).sum();
                for (class, (slope, f)) in slopes.iter_mut().zip(told).enumerate() {
                    let p = (f - most).exp() / sum;
                    let is = f64::from(u8::from(codes[row] as usize == class));
                    *slope = ((p - is) as f32, (p * (1.0 - p)) as f32);
                }
            }
            Self::Numbers { numbers } => slopes[0] = ((told[0] - numbers[row]) as f32, 1.0),
        }
    }

    /// The loss of a row.
    fn of(&self, row: usize, told: &[f64]) -> f64 {
        match self {
            // log(1 + exp(F)) − y F, without overflow.
            Self::Binary { codes } => {
                let f = told[0];
                f.max(0.0) + (-f.abs()).exp().ln_1p() - f64::from(codes[row]) * f
            }
            Self::Classes { codes, .. } => {
                let most = told.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b));
                let sum: f64 = told.iter().map(|f| (f - most).exp()).sum();
                sum.ln() + most - told[codes[row] as usize]
            }
            Self::Numbers { numbers } => (told[0] - numbers[row]).powi(2) / 2.0,
        }
    }

    fn is_class(&self) -> bool {
        !matches!(self, Self::Numbers { .. })
    }
}

const SMALL: f64 = 1e-12;
/// Rows that a thread takes at a time.
const CHUNK: usize = 4096;

impl GradientBoostingParams {
    pub(crate) fn boost(
        &self,
        features: &Features,
        loss: &Loss<'_>,
        weights: &[f64],
        seed: u64,
        threads: usize,
    ) -> Boosted {
        let binned = tree::bin_columns(features, threads);
        let (train, held_out) = self.hold_out(loss, weights, seed);
        let width = loss.width();
        let base = loss.base(&train, weights);
        let workers = Workers::new(threads);
        let mut growth = Growth::new(self, &binned, &train, &workers);
        // All rows, whether learned from or held out.
        let mut told: Vec<f64> = base
            .iter()
            .copied()
            .cycle()
            .take(features.rows() * width)
            .collect();
        let mut slopes = Slopes::new(features.rows(), width);
        let mut trees: Vec<Tree> = Vec::new();
        let mut losses = Vec::new();
        if !held_out.is_empty() {
            losses.push(mean_loss(loss, &held_out, &told, weights));
        }
        for round in 0..self.max_iter {
            slopes.set(loss, &told, weights, threads);
            let grown: Vec<Tree> = (0..width)
                .map(|output| {
                    let chance = Chance::of(seed, (round * width + output) as u64);
                    growth.tree(slopes.of(output), chance, |rows, value| {
                        for &row in rows {
                            told[row as usize * width + output] += value;
                        }
                    })
                })
                .collect();
            for (output, tree) in grown.iter().enumerate() {
                for &row in &held_out {
                    let value = grow::value(tree, &binned, row as usize);
                    told[row as usize * width + output] += value;
                }
            }
            // All leaves, no questions: nothing is left to learn.
            let done = grown.iter().all(|tree| tree.len() == 1);
            trees.extend(grown);
            if !held_out.is_empty() {
                losses.push(mean_loss(loss, &held_out, &told, weights));
                if self.should_stop(&losses) {
                    break;
                }
            }
            if done {
                break;
            }
        }
        Boosted { base, trees }
    }

    /// Rows to learn from, and rows to stop by: of each class the same share.
    fn hold_out(&self, loss: &Loss<'_>, weights: &[f64], seed: u64) -> (Vec<u32>, Vec<u32>) {
        const MANY: usize = 10_000;
        let mut chance = Chance::of(seed, 0x7661_6c69_6400);
        let all: Vec<u32> = (0..weights.len())
            .filter(|&row| weights[row] > 0.0)
            .map(|row| row as u32)
            .collect();
        let wanted = match self.early_stopping {
            EarlyStopping::Auto => all.len() > MANY,
            EarlyStopping::On => true,
            EarlyStopping::Off => false,
        };
        if !wanted {
            return (all, Vec::new());
        }
        let class = |row: u32| match loss {
            Loss::Binary { codes } | Loss::Classes { codes, .. } => codes[row as usize],
            Loss::Numbers { .. } => 0,
        };
        let mut held_out = Vec::new();
        for of_class in 0..if loss.is_class() {
            loss.width().max(2) as u32
        } else {
            1
        } {
            let mut rows: Vec<u32> = all
                .iter()
                .copied()
                .filter(|&row| class(row) == of_class)
                .collect();
            chance.shuffle(&mut rows);
            let count = (rows.len() as f64 * self.validation_fraction).round() as usize;
            // A class of one row is learned from.
            held_out.extend_from_slice(&rows[..count.min(rows.len().saturating_sub(1))]);
        }
        held_out.sort_unstable();
        let train: Vec<u32> = all
            .iter()
            .copied()
            .filter(|row| held_out.binary_search(row).is_err())
            .collect();
        (train, held_out)
    }

    /// Whether none of the last losses is better than the one before them.
    fn should_stop(&self, losses: &[f64]) -> bool {
        let Some(before) = losses.len().checked_sub(self.n_iter_no_change + 1) else {
            return false;
        };
        losses[before + 1..]
            .iter()
            .all(|loss| *loss >= losses[before] - self.tol)
    }
}

fn mean_loss(loss: &Loss<'_>, rows: &[u32], told: &[f64], weights: &[f64]) -> f64 {
    let width = loss.width();
    let (sum, weight) = rows.iter().fold((0.0, 0.0), |(sum, all), &row| {
        let row = row as usize;
        let one = loss.of(row, &told[row * width..(row + 1) * width]);
        (sum + weights[row] * one, all + weights[row])
    });
    sum / weight
}

/// Trees whose answers are added up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Boosted {
    /// What is told before any tree: one number, or one for each class.
    base: Vec<f64>,
    /// Those of one iteration after those of another, in the order of the classes.
    trees: Vec<Tree>,
}

/// Rows that go down the trees together.
const BLOCK: usize = 1024;

impl Boosted {
    /// The sums, row after row.
    pub(crate) fn raw(&self, features: &Features, threads: usize) -> Vec<f64> {
        let width = self.base.len();
        let blocks = features.rows().div_ceil(BLOCK);
        parallel::map(blocks, threads, |block| {
            let rows = block * BLOCK..((block + 1) * BLOCK).min(features.rows());
            let count = rows.len();
            let mut block = Rows::default();
            block.fill(features, rows);
            let mut told = vec![0.0; count * width];
            let mut sums = vec![0.0; count];
            for (output, base) in self.base.iter().enumerate() {
                sums.fill(*base);
                for tree in self.trees.iter().skip(output).step_by(width) {
                    tree.add_answers(&block, &mut sums);
                }
                for (row, sum) in sums.iter().enumerate() {
                    told[row * width + output] = *sum;
                }
            }
            told
        })
        .concat()
    }

    pub(crate) fn predict_proba(&self, features: &Features, threads: usize) -> Vec<f64> {
        let raw = self.raw(features, threads);
        if let [_] = self.base[..] {
            return raw
                .iter()
                .flat_map(|f| {
                    let p = sigmoid(*f);
                    [1.0 - p, p]
                })
                .collect();
        }
        let mut probabilities = raw;
        for row in probabilities.chunks_mut(self.base.len()) {
            softmax(row);
        }
        probabilities
    }

    /// As [`Forest`](crate::supervised)'s, in log-odds; for two classes those of the first are the
    /// opposite of half of those of the second, so that softmax of both is what is told.
    pub(crate) fn contributions(
        &self,
        features: &Features,
        threads: usize,
    ) -> (Vec<f64>, Vec<Vec<f64>>) {
        let width = self.base.len();
        let mut base = self.base.clone();
        for (place, tree) in self.trees.iter().enumerate() {
            base[place % width] += tree::expected(tree)[0];
        }
        let columns = features.len();
        let values = parallel::map(features.rows(), threads, |row| {
            let mut values = Rows::default();
            values.fill(features, row..row + 1);
            let mut sums = vec![0.0; columns * width];
            let mut one = vec![0.0; columns];
            for output in 0..width {
                one.fill(0.0);
                for tree in self.trees.iter().skip(output).step_by(width) {
                    tree::contributions(tree, values.of(0), &mut one);
                }
                for (column, value) in one.iter().enumerate() {
                    sums[column * width + output] = *value;
                }
            }
            if width == 1 { both_sides(&sums) } else { sums }
        });
        if width == 1 {
            base = both_sides(&base);
        }
        (base, values)
    }

    /// What the questions about each column were worth, over all trees; sums to 1.
    pub(crate) fn importances(&self, columns: usize) -> Vec<f64> {
        let mut sums = vec![0.0; columns];
        for tree in &self.trees {
            tree.add_gains(&mut sums);
        }
        let all: f64 = sums.iter().sum();
        if all > 0.0 {
            for sum in &mut sums {
                *sum /= all;
            }
        }
        sums
    }

    /// What is told before any tree.
    pub(crate) fn base(&self) -> &[f64] {
        &self.base
    }

    /// The trees: those of one iteration after those of another.
    pub(crate) fn trees(&self) -> &[Tree] {
        &self.trees
    }

    pub(crate) fn is_sound(&self, columns: usize, outputs: usize) -> bool {
        self.base.len() == outputs
            && outputs > 0
            && self.trees.len().is_multiple_of(outputs)
            && self.base.iter().all(|base| base.is_finite())
            && self
                .trees
                .iter()
                .all(|tree| tree.width() == 1 && tree.is_sound(columns))
    }
}

fn both_sides(numbers: &[f64]) -> Vec<f64> {
    numbers.iter().flat_map(|f| [-f / 2.0, f / 2.0]).collect()
}

/// `1 / (1 + exp(−f))`, without overflow.
pub(crate) fn sigmoid(f: f64) -> f64 {
    if f >= 0.0 {
        1.0 / (1.0 + (-f).exp())
    } else {
        let e = f.exp();
        e / (1.0 + e)
    }
}

/// Log-odds of a row to probabilities.
pub(crate) fn softmax(row: &mut [f64]) {
    let most = row.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b));
    let mut sum = 0.0;
    for f in row.iter_mut() {
        *f = (*f - most).exp();
        sum += *f;
    }
    for f in row {
        *f /= sum;
    }
}

#[cfg(test)]
mod tests;
