//! Hoeffding tree: a decision tree that grows while rows come by.

use serde::{Deserialize, Serialize};

use crate::chance::Chance;
use crate::error::Error;
use crate::numeric::{Features, parallel};
use crate::preprocess::Preprocessing;
use crate::supervised::{ClassWeight, Core, Labelled, Learn};

/// What a leaf tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeafPrediction {
    /// How often its rows were of each class.
    MajorityClass,
    /// What naive Bayes makes of its rows.
    NaiveBayes,
    /// That of the two that was right more often in this leaf.
    #[default]
    NaiveBayesAdaptive,
}

/// Parameters of a Hoeffding tree.
///
/// A tree for streams (Domingos and Hulten, "Mining high-speed data streams", KDD 2000, VFDT): a
/// leaf keeps sums of its rows alone, a bell curve for each class and column, and is split when the
/// best question is better than the second best by more than chance could explain, by Hoeffding's
/// bound `√(R² ln(1/δ) / 2n)`. Leaves tell as Gama, Rocha and Medas do ("Accurate decision trees
/// for mining high-speed data streams", KDD 2003). Each row is looked at once, in an order drawn
/// from the seed. Names and defaults are those of River; a row takes O(depth + columns), and a leaf
/// keeps five numbers for each class and column.
///
/// ```
/// use netloom_ml::{ClassifierParams, Dataset, HoeffdingTreeParams, Run, Values};
///
/// let table = |rows: std::ops::Range<u32>| {
///     Dataset::new(vec![("bytes", Values::numbers(rows.clone().map(|row| f64::from(row % 100))))])?
///         .with_classes(rows.map(|row| if row % 100 < 30 { "small" } else { "large" }))
/// };
/// let model = HoeffdingTreeParams::default().fit(&table(0..500)?, Run::default())?;
/// let more = model.partial_fit(&table(500..1000)?, Run::default())?.unwrap();
/// assert_eq!(more.predict_proba(&table(10..12)?, 1)?.predicted(), [1, 1]);
/// # Ok::<(), netloom_ml::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HoeffdingTreeParams {
    /// Rows that a leaf sees between two looks at whether to split it.
    pub grace_period: usize,
    /// How likely a split may be wrong.
    pub delta: f64,
    /// Questions whose bound is below this are as good as each other.
    pub tau: f64,
    /// Questions in a row at most.
    pub max_depth: usize,
    /// Leaves at most.
    pub max_leaves: usize,
    /// Places at which a column is thought to be cut.
    pub n_splits: usize,
    /// The share of a leaf's rows that must be on both sides.
    pub min_branch_fraction: f64,
    /// What a leaf tells.
    pub leaf_prediction: LeafPrediction,
    /// How much rows of each class count in the first fit.
    pub class_weight: ClassWeight,
}

impl Default for HoeffdingTreeParams {
    fn default() -> Self {
        Self {
            grace_period: 200,
            delta: 1e-7,
            tau: 0.05,
            max_depth: 64,
            max_leaves: 1000,
            n_splits: 10,
            min_branch_fraction: 0.01,
            leaf_prediction: LeafPrediction::NaiveBayesAdaptive,
            class_weight: ClassWeight::None,
        }
    }
}

impl Learn for HoeffdingTreeParams {
    const NAME: &'static str = "hoeffding-tree";

    fn preprocessing(&self) -> Preprocessing {
        Preprocessing::TREES
    }

    fn class_weight(&self) -> &ClassWeight {
        &self.class_weight
    }

    fn check(&self) -> Result<(), Error> {
        let share = |value: f64| value > 0.0 && value < 1.0;
        if !share(self.delta) {
            return Err(Error::parameter(
                "delta",
                &self.delta,
                "above 0 and below 1",
            ));
        }
        if !(self.tau.is_finite() && self.tau >= 0.0) {
            return Err(Error::parameter("tau", &self.tau, "0 or more"));
        }
        if !(0.0..0.5).contains(&self.min_branch_fraction) {
            return Err(Error::parameter(
                "min_branch_fraction",
                &self.min_branch_fraction,
                "from 0 to below 0.5",
            ));
        }
        for (name, value, most, must) in [
            ("grace_period", self.grace_period, usize::MAX, "1 or more"),
            (
                "max_leaves",
                self.max_leaves,
                1 << 20,
                "from 1 to 1,048,576",
            ),
            ("n_splits", self.n_splits, 1000, "from 1 to 1000"),
        ] {
            if value == 0 || value > most {
                return Err(Error::parameter(name, &value, must));
            }
        }
        Ok(())
    }

    fn learn(&self, data: &Labelled<'_>) -> Result<Core, Error> {
        let mut tree = HoeffdingTree {
            params: self.clone(),
            nodes: vec![Node::Leaf(Leaf::new(
                vec![0.0; data.classes],
                data.features.len(),
                0,
            ))],
            columns: data.features.len() as u32,
            classes: data.classes as u32,
            leaves: 1,
        };
        tree.go_on(data);
        Ok(Core::Hoeffding(tree))
    }
}

/// A tree that has seen rows, and can see more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HoeffdingTree {
    params: HoeffdingTreeParams,
    /// The root first, each before its children.
    nodes: Vec<Node>,
    columns: u32,
    classes: u32,
    leaves: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Node {
    Split {
        feature: u32,
        /// Values at most this go left.
        threshold: f64,
        /// The left child, after which stands the right one.
        left: u32,
        missing_left: bool,
    },
    Leaf(Leaf),
}

/// What a leaf knows of its rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Leaf {
    /// Weight of each class.
    weights: Vec<f64>,
    /// For each column a curve for each class.
    curves: Vec<Curve>,
    depth: u32,
    /// Its weight when it was last looked at.
    looked_at: f64,
    /// Weight of the rows that its classes, and that naive Bayes told right before they were
    /// learned.
    majority_right: f64,
    bayes_right: f64,
}

/// A bell curve, with its ends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Curve {
    weight: f64,
    mean: f64,
    /// Sum of the squared distances from the mean.
    squares: f64,
    least: f64,
    most: f64,
}

impl Curve {
    const EMPTY: Self = Self {
        weight: 0.0,
        mean: 0.0,
        squares: 0.0,
        least: f64::INFINITY,
        most: f64::NEG_INFINITY,
    };

    /// Welford's update, with weights (West, Communications of the ACM 22, 1979).
    fn add(&mut self, value: f64, weight: f64) {
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
    fn up_to(&self, at: f64) -> f64 {
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
    fn log_density(&self, value: f64) -> Option<f64> {
        if self.weight <= 0.0 {
            return None;
        }
        // A column of one value is not infinitely sure of it.
        let variance = self.variance().max(1e-9 * (1.0 + self.mean * self.mean));
        let distance = value.clamp(-1e100, 1e100) - self.mean;
        Some(-0.5 * ((std::f64::consts::TAU * variance).ln() + distance * distance / variance))
    }

    fn is_sound(&self) -> bool {
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

/// A question that a leaf may be split by.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    feature: usize,
    threshold: f64,
    gain: f64,
}

impl Leaf {
    fn new(weights: Vec<f64>, columns: usize, depth: u32) -> Self {
        Self {
            curves: vec![Curve::EMPTY; columns * weights.len()],
            looked_at: weights.iter().sum(),
            weights,
            depth,
            majority_right: 0.0,
            bayes_right: 0.0,
        }
    }

    fn weight(&self) -> f64 {
        self.weights.iter().sum()
    }

    fn learn(&mut self, row: &[f64], class: usize, weight: f64, adaptive: bool) {
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

    fn tell(&self, row: &[f64], how: LeafPrediction, told: &mut [f64]) {
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
    fn split(&self, params: &HoeffdingTreeParams) -> Option<Candidate> {
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
    fn sides(&self, cut: Candidate) -> (Vec<f64>, Vec<f64>, bool) {
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

    fn is_sound(&self, columns: usize, classes: usize) -> bool {
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

/// Rows that a thread tells at a time.
const BLOCK: usize = 1024;

impl HoeffdingTree {
    /// Learns more rows, each once.
    pub(crate) fn go_on(&mut self, data: &Labelled<'_>) {
        let columns = data.features.len();
        let mut order: Vec<usize> = (0..data.codes.len())
            .filter(|&row| data.weights[row] > 0.0)
            .collect();
        Chance::of(data.run.seed, 0x686f_6566).shuffle(&mut order);
        let matrix = data.features.matrix();
        for row in order {
            self.learn(
                &matrix.row(row)[..columns],
                data.codes[row] as usize,
                data.weights[row],
            );
        }
    }

    fn learn(&mut self, row: &[f64], class: usize, weight: f64) {
        let at = self.leaf_of(row);
        let adaptive = self.params.leaf_prediction == LeafPrediction::NaiveBayesAdaptive;
        let Node::Leaf(leaf) = &mut self.nodes[at] else {
            return;
        };
        leaf.learn(row, class, weight, adaptive);
        let weight = leaf.weight();
        if weight - leaf.looked_at < self.params.grace_period as f64 {
            return;
        }
        leaf.looked_at = weight;
        if leaf.depth as usize >= self.params.max_depth
            || self.leaves as usize >= self.params.max_leaves
        {
            return;
        }
        let Some(cut) = leaf.split(&self.params) else {
            return;
        };
        let (lefts, rights, missing_left) = leaf.sides(cut);
        let depth = leaf.depth + 1;
        let columns = self.columns as usize;
        let left = self.nodes.len() as u32;
        self.nodes[at] = Node::Split {
            feature: cut.feature as u32,
            threshold: cut.threshold,
            left,
            missing_left,
        };
        self.nodes
            .push(Node::Leaf(Leaf::new(lefts, columns, depth)));
        self.nodes
            .push(Node::Leaf(Leaf::new(rights, columns, depth)));
        self.leaves += 1;
    }

    fn leaf_of(&self, row: &[f64]) -> usize {
        let mut at = 0;
        while let Node::Split {
            feature,
            threshold,
            left,
            missing_left,
        } = &self.nodes[at]
        {
            let value = row[*feature as usize];
            let goes_left = value <= *threshold || (value.is_nan() && *missing_left);
            at = *left as usize + usize::from(!goes_left);
        }
        at
    }

    pub(crate) fn predict_proba(&self, features: &Features, threads: usize) -> Vec<f64> {
        let classes = self.classes as usize;
        parallel::map(features.rows().div_ceil(BLOCK), threads, |block| {
            let rows = block * BLOCK..((block + 1) * BLOCK).min(features.rows());
            let mut told = vec![0.0; rows.len() * classes];
            let mut values = Vec::new();
            features.block(rows, &mut values);
            for (row, told) in values
                .chunks(features.len().max(1))
                .zip(told.chunks_mut(classes))
            {
                if let Node::Leaf(leaf) = &self.nodes[self.leaf_of(row)] {
                    leaf.tell(row, self.params.leaf_prediction, told);
                }
            }
            told
        })
        .concat()
    }

    /// Whether a row can go down it whatever its values, and more rows can be learned.
    pub(crate) fn is_sound(&self, columns: usize, classes: usize) -> bool {
        let mut is_child = vec![false; self.nodes.len()];
        let sound = self
            .nodes
            .iter()
            .enumerate()
            .all(|(place, node)| match node {
                Node::Leaf(leaf) => leaf.is_sound(columns, classes),
                Node::Split {
                    feature,
                    threshold,
                    left,
                    ..
                } => {
                    let left = *left as usize;
                    let fits = left > place
                        && left.saturating_add(1) < self.nodes.len()
                        && !is_child[left]
                        && !is_child[left + 1];
                    if fits {
                        is_child[left] = true;
                        is_child[left + 1] = true;
                    }
                    fits && (*feature as usize) < columns && threshold.is_finite()
                }
            });
        sound
            && columns > 0
            && self.columns as usize == columns
            && self.classes as usize == classes
            && self.leaves as usize * 2 == self.nodes.len() + 1
            && is_child.iter().skip(1).all(|is_child| *is_child)
            && self.params.check().is_ok()
    }
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

    #[test]
    fn chance_splits_nothing_and_a_reason_does() {
        let mut chance = Chance::new(4);
        let rows = 2000;
        let noise: Vec<f64> = (0..rows).map(|_| chance.normal()).collect();
        let reason: Vec<f64> = (0..rows).map(|_| chance.unit()).collect();
        let by_chance: Vec<u32> = (0..rows).map(|_| chance.below(2) as u32).collect();
        let by_reason: Vec<u32> = reason.iter().map(|v| u32::from(*v > 0.4)).collect();
        let features = Features::new(
            ["noise".to_owned(), "reason".to_owned()].into(),
            vec![noise.into(), reason.into()],
            rows,
        );
        let learn = |codes: &[u32]| {
            let core = HoeffdingTreeParams {
                tau: 0.0,
                ..HoeffdingTreeParams::default()
            }
            .learn(&Labelled {
                features: &features,
                codes,
                weights: &vec![1.0; rows],
                classes: 2,
                run: crate::model::Run::default(),
            });
            let Ok(Core::Hoeffding(tree)) = core else {
                panic!("a tree");
            };
            assert!(tree.is_sound(2, 2));
            tree
        };
        assert_eq!(learn(&by_chance).nodes.len(), 1);
        let tree = learn(&by_reason);
        let Node::Split {
            feature, threshold, ..
        } = tree.nodes[0]
        else {
            panic!("a question");
        };
        assert_eq!(feature, 1);
        assert!((0.3..0.5).contains(&threshold), "{threshold}");
    }
}
