//! Hoeffding tree: a decision tree that grows while rows come by.

mod curve;
mod leaf;

use serde::{Deserialize, Serialize};

use crate::chance::Chance;
use crate::error::Error;
use crate::numeric::{Features, parallel};
use crate::preprocess::Preprocessing;
use crate::supervised::{ClassWeight, Core, Labelled, Learn};

use leaf::Leaf;

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
