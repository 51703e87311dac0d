//! Decision tree, random forest and extremely randomised trees.
//!
//! **Tree.** CART (Breiman, Friedman, Olshen and Stone, 1984): at each node the question
//! `column ≤ threshold?` that makes the two sides purest, until all rows of a node are of one class.
//! Gini's impurity of a node is `1 − Σ pₖ²`, entropy `−Σ pₖ log₂ pₖ`, over the shares `pₖ` of its
//! classes. It tells a row the shares of the leaf that the row reaches.
//!
//! **Random forest** (Breiman, Machine Learning 45, 2001): trees of rows drawn with replacement,
//! whose nodes look at √columns columns each; their shares are averaged.
//!
//! **Extra trees** (Geurts, Ernst and Wehenkel, Machine Learning 63, 2006): all rows, and each node
//! looks at random cuts of random columns.
//!
//! For n rows and m columns a tree takes O(m n log n); a forest looks at √m columns instead of m, and
//! its trees are grown side by side. A row is told in O(depth) a tree.

use serde::{Deserialize, Serialize};

use super::fitted::Core;
use super::{ClassWeight, Labelled, Learn};
use crate::chance::Chance;
use crate::error::Error;
use crate::numeric::{Features, parallel};
use crate::preprocess::Preprocessing;
use crate::tree::{self, Criterion, Grow, Rows, Sample, Tree};

/// How many columns a node looks at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaxFeatures {
    /// All.
    All,
    /// The square root of their number.
    Sqrt,
    /// The binary logarithm of their number.
    Log2,
    /// A share of them.
    Share(f64),
    /// So many.
    Count(usize),
}

impl MaxFeatures {
    fn of(self, columns: usize) -> usize {
        let count = match self {
            Self::All => columns,
            Self::Sqrt => (columns as f64).sqrt() as usize,
            Self::Log2 => (columns as f64).log2() as usize,
            Self::Share(share) => (columns as f64 * share) as usize,
            Self::Count(count) => count,
        };
        count.clamp(1, columns.max(1))
    }
}

/// Parameters of a decision tree, as scikit-learn's `DecisionTreeClassifier`.
///
/// ```
/// use netloom_ml::{ClassifierParams, Dataset, DecisionTreeParams, Run, Values};
///
/// let data = Dataset::new(vec![("syn_packets", Values::numbers([1.0, 1.0, 40.0, 90.0]))])?
///     .with_classes(["benign", "benign", "scan", "scan"])?;
/// let tree = DecisionTreeParams::default().fit(&data, Run::default())?;
/// let drawing = tree.draw(3).unwrap();
/// assert!(drawing.starts_with("syn_packets ≤ 20.5?"));
/// # Ok::<(), netloom_ml::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecisionTreeParams {
    /// What impurity is.
    pub criterion: Criterion,
    /// Questions in a row at most; none for no bound.
    pub max_depth: Option<usize>,
    /// Rows that a node must have to be split.
    pub min_samples_split: usize,
    /// Rows that a leaf must have.
    pub min_samples_leaf: usize,
    /// Columns that a node looks at.
    pub max_features: MaxFeatures,
    /// What a split must be worth: the decrease of impurity, weighted by the node's share of rows.
    pub min_impurity_decrease: f64,
    /// How much rows of each class count.
    pub class_weight: ClassWeight,
}

/// Parameters of a random forest, as scikit-learn's `RandomForestClassifier`.
///
/// See [the module](super) for an example.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomForestParams {
    /// Number of trees.
    pub n_estimators: usize,
    /// What impurity is.
    pub criterion: Criterion,
    /// Questions in a row at most; none for no bound.
    pub max_depth: Option<usize>,
    /// Rows that a node must have to be split.
    pub min_samples_split: usize,
    /// Rows that a leaf must have.
    pub min_samples_leaf: usize,
    /// Columns that a node looks at.
    pub max_features: MaxFeatures,
    /// What a split must be worth: the decrease of impurity, weighted by the node's share of rows.
    pub min_impurity_decrease: f64,
    /// Whether each tree has rows drawn with replacement; all rows otherwise.
    pub bootstrap: bool,
    /// Rows drawn for a tree, as a share of all; none for as many as there are.
    pub max_samples: Option<f64>,
    /// How much rows of each class count.
    pub class_weight: ClassWeight,
}

/// Parameters of extremely randomised trees, as scikit-learn's `ExtraTreesClassifier`.
///
/// ```
/// use netloom_ml::{ClassifierParams, Dataset, ExtraTreesParams, Run, Values};
///
/// let data = Dataset::new(vec![("rate", Values::numbers((0..60).map(f64::from)))])?
///     .with_classes((0..60).map(|rate| ["low", "middle", "high"][rate / 20]))?;
/// let trees = ExtraTreesParams::default().fit(&data, Run::default())?;
/// assert_eq!(trees.classes(), ["high", "low", "middle"]);
/// assert_eq!(trees.predict_proba(&data.select(&[0, 30, 59]), 1)?.predicted(), [1, 2, 0]);
/// # Ok::<(), netloom_ml::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExtraTreesParams {
    /// Number of trees.
    pub n_estimators: usize,
    /// What impurity is.
    pub criterion: Criterion,
    /// Questions in a row at most; none for no bound.
    pub max_depth: Option<usize>,
    /// Rows that a node must have to be split.
    pub min_samples_split: usize,
    /// Rows that a leaf must have.
    pub min_samples_leaf: usize,
    /// Columns that a node looks at.
    pub max_features: MaxFeatures,
    /// What a split must be worth: the decrease of impurity, weighted by the node's share of rows.
    pub min_impurity_decrease: f64,
    /// Whether each tree has rows drawn with replacement; all rows otherwise.
    pub bootstrap: bool,
    /// Rows drawn for a tree, as a share of all; none for as many as there are.
    pub max_samples: Option<f64>,
    /// How much rows of each class count.
    pub class_weight: ClassWeight,
}

impl Default for DecisionTreeParams {
    fn default() -> Self {
        Self {
            criterion: Criterion::Gini,
            max_depth: None,
            min_samples_split: 2,
            min_samples_leaf: 1,
            max_features: MaxFeatures::All,
            min_impurity_decrease: 0.0,
            class_weight: ClassWeight::None,
        }
    }
}

impl Default for RandomForestParams {
    fn default() -> Self {
        Self {
            n_estimators: 100,
            criterion: Criterion::Gini,
            max_depth: None,
            min_samples_split: 2,
            min_samples_leaf: 1,
            max_features: MaxFeatures::Sqrt,
            min_impurity_decrease: 0.0,
            bootstrap: true,
            max_samples: None,
            class_weight: ClassWeight::None,
        }
    }
}

impl Default for ExtraTreesParams {
    fn default() -> Self {
        Self {
            n_estimators: 100,
            criterion: Criterion::Gini,
            max_depth: None,
            min_samples_split: 2,
            min_samples_leaf: 1,
            max_features: MaxFeatures::Sqrt,
            min_impurity_decrease: 0.0,
            bootstrap: false,
            max_samples: None,
            class_weight: ClassWeight::None,
        }
    }
}

/// What the three have in common.
struct Growth {
    grow: Grow,
    max_features: MaxFeatures,
    trees: usize,
    bootstrap: bool,
    max_samples: Option<f64>,
}

macro_rules! grow {
    ($params:expr, $random_cuts:expr) => {
        Grow {
            criterion: $params.criterion,
            max_depth: $params.max_depth.unwrap_or(usize::MAX),
            min_samples_split: $params.min_samples_split,
            min_samples_leaf: $params.min_samples_leaf,
            min_impurity_decrease: $params.min_impurity_decrease,
            // Known when the columns are.
            max_features: 0,
            random_cuts: $random_cuts,
        }
    };
}

impl Learn for DecisionTreeParams {
    const NAME: &'static str = "decision-tree";

    fn preprocessing(&self) -> Preprocessing {
        Preprocessing::TREES
    }

    fn class_weight(&self) -> &ClassWeight {
        &self.class_weight
    }

    fn check(&self) -> Result<(), Error> {
        self.growth().check()
    }

    fn learn(&self, data: &Labelled<'_>) -> Result<Core, Error> {
        Ok(self.growth().learn(data))
    }
}

impl DecisionTreeParams {
    fn growth(&self) -> Growth {
        Growth {
            grow: grow!(self, false),
            max_features: self.max_features,
            trees: 1,
            bootstrap: false,
            max_samples: None,
        }
    }
}

macro_rules! forest {
    ($params:ty, $name:literal, $random_cuts:expr) => {
        impl Learn for $params {
            const NAME: &'static str = $name;

            fn preprocessing(&self) -> Preprocessing {
                Preprocessing::TREES
            }

            fn class_weight(&self) -> &ClassWeight {
                &self.class_weight
            }

            fn check(&self) -> Result<(), Error> {
                self.growth().check()
            }

            fn learn(&self, data: &Labelled<'_>) -> Result<Core, Error> {
                Ok(self.growth().learn(data))
            }
        }

        impl $params {
            fn growth(&self) -> Growth {
                Growth {
                    grow: grow!(self, $random_cuts),
                    max_features: self.max_features,
                    trees: self.n_estimators,
                    bootstrap: self.bootstrap,
                    max_samples: self.max_samples,
                }
            }
        }
    };
}

forest!(RandomForestParams, "random-forest", false);
forest!(ExtraTreesParams, "extra-trees", true);

impl Growth {
    fn check(&self) -> Result<(), Error> {
        let at_least = |name, value: usize, least: usize, must| {
            if value >= least {
                Ok(())
            } else {
                Err(Error::parameter(name, &value, must))
            }
        };
        at_least("n_estimators", self.trees, 1, "1 or more")?;
        at_least("max_depth", self.grow.max_depth, 1, "1 or more")?;
        at_least(
            "min_samples_split",
            self.grow.min_samples_split,
            2,
            "2 or more",
        )?;
        at_least(
            "min_samples_leaf",
            self.grow.min_samples_leaf,
            1,
            "1 or more",
        )?;
        if self.grow.min_impurity_decrease.is_nan() || self.grow.min_impurity_decrease < 0.0 {
            return Err(Error::parameter(
                "min_impurity_decrease",
                &self.grow.min_impurity_decrease,
                "0 or more",
            ));
        }
        if let MaxFeatures::Share(share) = self.max_features
            && !(share > 0.0 && share <= 1.0)
        {
            return Err(Error::parameter(
                "max_features",
                &share,
                "above 0, at most 1",
            ));
        }
        match self.max_samples {
            Some(share) if !(share > 0.0 && share <= 1.0) => Err(Error::parameter(
                "max_samples",
                &share,
                "above 0, at most 1",
            )),
            _ => Ok(()),
        }
    }

    fn learn(&self, data: &Labelled<'_>) -> Core {
        let mut grow = self.grow.clone();
        grow.max_features = self.max_features.of(data.features.len());
        let rows = Rows::new(data.features);
        let binned = if grow.random_cuts {
            Vec::new()
        } else {
            tree::bin_columns(data.features, data.run.threads)
        };
        let trees = parallel::map(self.trees, data.run.threads, |tree| {
            let mut chance = Chance::of(data.run.seed, tree as u64);
            let drawn;
            let weights = if self.bootstrap {
                drawn = self.draw(data.weights, &mut chance);
                &drawn
            } else {
                data.weights
            };
            let sample = Sample {
                rows: &rows,
                binned: &binned,
                codes: data.codes,
                weights,
                classes: data.classes,
            };
            grow.tree(&sample, chance)
        });
        Core::Forest(Forest { trees })
    }

    /// Rows drawn with replacement: how much each counts.
    fn draw(&self, weights: &[f64], chance: &mut Chance) -> Vec<f64> {
        let rows = weights.len();
        let count = match self.max_samples {
            Some(share) => ((rows as f64 * share).round() as usize).max(1),
            None => rows,
        };
        let mut drawn = vec![0.0; rows];
        for _ in 0..count {
            let row = chance.below(rows);
            drawn[row] += weights[row];
        }
        // All rows that were drawn may have no weight.
        if drawn.iter().all(|weight| *weight == 0.0) {
            return weights.to_vec();
        }
        drawn
    }
}

/// Trees whose answers are averaged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Forest {
    trees: Vec<Tree>,
}

/// Rows that go down the trees together.
const BLOCK: usize = 1024;

impl Forest {
    pub(super) fn predict_proba(&self, features: &Features, threads: usize) -> Vec<f64> {
        let width = self.trees.first().map_or(0, Tree::width);
        let blocks = features.rows().div_ceil(BLOCK);
        let parts = parallel::map(blocks, threads, |block| {
            let rows = block * BLOCK..((block + 1) * BLOCK).min(features.rows());
            let mut sums = vec![0.0; rows.len() * width];
            let mut block = Rows::default();
            block.fill(features, rows);
            for tree in &self.trees {
                tree.add_answers(&block, &mut sums);
            }
            let share = 1.0 / self.trees.len() as f64;
            for sum in &mut sums {
                *sum *= share;
            }
            sums
        });
        parts.concat()
    }

    /// What the forest tells when nothing is known, and what each column adds for each row.
    pub(super) fn contributions(
        &self,
        features: &Features,
        threads: usize,
    ) -> (Vec<f64>, Vec<Vec<f64>>) {
        let width = self.trees.first().map_or(0, Tree::width);
        let share = 1.0 / self.trees.len() as f64;
        let mut base = vec![0.0; width];
        for tree in &self.trees {
            for (sum, number) in base.iter_mut().zip(tree::expected(tree)) {
                *sum += share * number;
            }
        }
        let values = parallel::map(features.rows(), threads, |row| {
            let mut values = Rows::default();
            values.fill(features, row..row + 1);
            let mut sums = vec![0.0; features.len() * width];
            for tree in &self.trees {
                tree::contributions(tree, values.of(0), &mut sums);
            }
            for sum in &mut sums {
                *sum *= share;
            }
            sums
        });
        (base, values)
    }

    /// How much each column lowered impurity, summed over the nodes of all trees; sums to 1.
    pub(super) fn importances(&self, columns: usize) -> Vec<f64> {
        let mut all = vec![0.0; columns];
        for tree in &self.trees {
            let mut sums = vec![0.0; columns];
            tree.add_gains(&mut sums);
            let sum: f64 = sums.iter().sum();
            if sum > 0.0 {
                for (all, one) in all.iter_mut().zip(&sums) {
                    *all += one / sum;
                }
            }
        }
        let sum: f64 = all.iter().sum();
        if sum > 0.0 {
            for one in &mut all {
                *one /= sum;
            }
        }
        all
    }

    /// A drawing, if it is a single tree.
    pub(super) fn draw(
        &self,
        columns: &[String],
        classes: &[String],
        depth: usize,
    ) -> Option<String> {
        let [tree] = &self.trees[..] else {
            return None;
        };
        Some(tree::draw(tree, columns, depth, |shares| {
            let best = (0..shares.len()).fold(0, |best, class| {
                if shares[class] > shares[best] {
                    class
                } else {
                    best
                }
            });
            let name = classes.get(best).map_or("?", String::as_str);
            format!("{name} {:.0} %", shares[best] * 100.0)
        }))
    }

    /// The trees.
    pub(crate) fn trees(&self) -> &[Tree] {
        &self.trees
    }

    pub(super) fn is_sound(&self, columns: usize, classes: usize) -> bool {
        !self.trees.is_empty()
            && self
                .trees
                .iter()
                .all(|tree| tree.width() == classes && tree.is_sound(columns))
    }
}
