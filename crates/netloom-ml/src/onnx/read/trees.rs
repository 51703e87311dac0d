//! Ensembles of trees: `TreeEnsembleClassifier` and `TreeEnsembleRegressor`.

use hashbrown::HashMap;

use super::OnnxImportError;
use super::classical::{PostTransform, scores_of_one, transform};
use super::operator::Attributes;
use super::tensor::{Data, Element, Tensor, Trouble};

/// Trees with what each adds.
#[derive(Debug)]
pub(super) struct Ensemble {
    nodes: Vec<Node>,
    /// The first node of each tree.
    roots: Vec<u32>,
    /// `(target, weight)` of all leaves, one after the other.
    weights: Vec<(u32, f64)>,
    base: Vec<f64>,
    targets: usize,
    aggregate: Aggregate,
    post: PostTransform,
    /// Names of the classes; none of a regressor.
    classes: Option<Data>,
    /// Only one of two classes has weights: what is summed stands for the second.
    only_second: bool,
    all_positive: bool,
    features: usize,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    mode: Mode,
    missing_is_true: bool,
    feature: u32,
    value: f64,
    /// Of a leaf: its weights, from and to.
    yes: u32,
    no: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Leaf,
    AtMost,
    Below,
    AtLeast,
    Above,
    Equal,
    NotEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

fn damaged(what: &str) -> OnnxImportError {
    OnnxImportError::Damaged(format!("its trees: {what}"))
}

impl Ensemble {
    pub(super) fn classifier(attributes: &Attributes<'_>) -> Result<Self, OnnxImportError> {
        let classes = attributes
            .names("classlabels_strings", "classlabels_int64s")
            .ok_or_else(|| damaged("there are no classes"))?;
        let targets = classes.len();
        let mut ensemble = Self::new(attributes, "class", targets)?;
        let mut seen: Vec<u32> = ensemble.weights.iter().map(|(target, _)| *target).collect();
        seen.sort_unstable();
        seen.dedup();
        ensemble.only_second = targets == 2 && seen.len() == 1;
        ensemble.all_positive = ensemble.weights.iter().all(|(_, weight)| *weight >= 0.0);
        ensemble.classes = Some(classes);
        Ok(ensemble)
    }

    pub(super) fn regressor(attributes: &Attributes<'_>) -> Result<Self, OnnxImportError> {
        let targets = usize::try_from(attributes.int("n_targets", 1))
            .ok()
            .filter(|targets| (1..=1 << 16).contains(targets))
            .ok_or_else(|| damaged("it has no number of targets"))?;
        Self::new(attributes, "target", targets)
    }

    fn new(
        attributes: &Attributes<'_>,
        kind: &str,
        targets: usize,
    ) -> Result<Self, OnnxImportError> {
        let trees = attributes.ints("nodes_treeids");
        let ids = attributes.ints("nodes_nodeids");
        let features = attributes.ints("nodes_featureids");
        let modes = attributes.texts("nodes_modes");
        let yes = attributes.ints("nodes_truenodeids");
        let no = attributes.ints("nodes_falsenodeids");
        let missing = attributes.ints("nodes_missing_value_tracks_true");
        let numbers = |name: &str| match attributes.tensor(&format!("{name}_as_tensor")) {
            Some(tensor) => tensor.values().map(<[f64]>::to_vec).unwrap_or_default(),
            None => attributes.floats(name),
        };
        let values = numbers("nodes_values");
        let count = ids.len();
        let lengths = [
            trees.len(),
            features.len(),
            modes.len(),
            yes.len(),
            no.len(),
            values.len(),
        ];
        if lengths.iter().any(|length| *length != count)
            || !(missing.is_empty() || missing.len() == count)
            || u32::try_from(count).is_err()
        {
            return Err(damaged("lists of nodes differ in length"));
        }
        let mut places = HashMap::<(i64, i64), u32, foldhash::fast::RandomState>::default();
        for (place, at) in trees.iter().zip(&ids).enumerate() {
            if places.insert((*at.0, *at.1), place as u32).is_some() {
                return Err(damaged("a node stands twice"));
            }
        }
        let find = |tree: i64, id: i64| {
            places
                .get(&(tree, id))
                .copied()
                .ok_or_else(|| damaged("a node is missing"))
        };
        let mut leaves = vec![Vec::new(); count];
        let leaf_trees = attributes.ints(&format!("{kind}_treeids"));
        let leaf_ids = attributes.ints(&format!("{kind}_nodeids"));
        let leaf_targets = attributes.ints(&format!("{kind}_ids"));
        let leaf_weights = numbers(&format!("{kind}_weights"));
        if [leaf_trees.len(), leaf_ids.len(), leaf_targets.len()]
            .iter()
            .any(|length| *length != leaf_weights.len())
        {
            return Err(damaged("lists of leaves differ in length"));
        }
        for (((tree, id), target), weight) in leaf_trees
            .iter()
            .zip(&leaf_ids)
            .zip(&leaf_targets)
            .zip(&leaf_weights)
        {
            let target = u32::try_from(*target)
                .ok()
                .filter(|target| (*target as usize) < targets)
                .ok_or_else(|| damaged("a leaf tells a class that there is not"))?;
            let place = find(*tree, *id)?;
            if let Some(leaf) = leaves.get_mut(place as usize) {
                leaf.push((target, *weight));
            }
        }
        let mut nodes = Vec::with_capacity(count);
        let mut weights = Vec::with_capacity(leaf_weights.len());
        let mut has_parent = vec![false; count];
        let mut parent = |place: u32| match has_parent.get_mut(place as usize) {
            Some(known) if !*known => {
                *known = true;
                Ok(place)
            }
            _ => Err(damaged("a node has two parents")),
        };
        let mut width = 0;
        for (place, leaf) in leaves.iter().enumerate() {
            let mode = match &*modes[place] {
                "LEAF" => Mode::Leaf,
                "BRANCH_LEQ" => Mode::AtMost,
                "BRANCH_LT" => Mode::Below,
                "BRANCH_GTE" => Mode::AtLeast,
                "BRANCH_GT" => Mode::Above,
                "BRANCH_EQ" => Mode::Equal,
                "BRANCH_NEQ" => Mode::NotEqual,
                other => {
                    return Err(OnnxImportError::Unsupported(format!(
                        "trees that ask {other}"
                    )));
                }
            };
            let node = if mode == Mode::Leaf {
                let from = weights.len() as u32;
                weights.extend_from_slice(leaf);
                Node {
                    mode,
                    missing_is_true: false,
                    feature: 0,
                    value: 0.0,
                    yes: from,
                    no: weights.len() as u32,
                }
            } else {
                let feature = u32::try_from(features[place])
                    .ok()
                    .filter(|feature| *feature < 1 << 24)
                    .ok_or_else(|| damaged("a column has no number"))?;
                width = width.max(feature as usize + 1);
                Node {
                    mode,
                    missing_is_true: missing.get(place).is_some_and(|missing| *missing != 0),
                    feature,
                    value: values[place],
                    yes: parent(find(trees[place], yes[place])?)?,
                    no: parent(find(trees[place], no[place])?)?,
                }
            };
            nodes.push(node);
        }
        // With one parent at most, a node that is reached from a root lies in no circle.
        let roots = (0..count as u32)
            .filter(|place| !has_parent[*place as usize])
            .collect();
        let base = numbers("base_values");
        if !(base.is_empty() || base.len() == targets || base.len() == 1) {
            return Err(damaged("there are other base values than classes"));
        }
        Ok(Self {
            nodes,
            roots,
            weights,
            base,
            targets,
            aggregate: match attributes.text("aggregate_function") {
                "" | "SUM" => Aggregate::Sum,
                "AVERAGE" => Aggregate::Average,
                "MIN" => Aggregate::Min,
                "MAX" => Aggregate::Max,
                _ => return Err(damaged("they are put together in an unknown way")),
            },
            post: PostTransform::new(attributes)?,
            classes: None,
            only_second: false,
            all_positive: false,
            features: width,
        })
    }

    /// Trees, for the bounds of what a row may cost.
    pub(super) fn trees(&self) -> usize {
        self.roots.len()
    }

    pub(super) fn width(&self) -> usize {
        self.targets
    }

    pub(super) fn classes(&self) -> Option<&Data> {
        self.classes.as_ref()
    }

    pub(super) fn run(&self, input: &Tensor) -> Result<Vec<Tensor>, Trouble> {
        let (rows, columns) = input.rows();
        if columns < self.features {
            return Err(format!(
                "its trees ask column {}, but there are {columns}",
                self.features
            ));
        }
        let values = input.values()?;
        let mut scores = Vec::with_capacity(rows * self.targets);
        let mut chosen = Vec::with_capacity(rows);
        let mut sums = vec![(0.0, false); self.targets];
        for row in values.chunks_exact(columns.max(1)) {
            sums.fill((0.0, false));
            for root in &self.roots {
                self.add(row, *root, &mut sums);
            }
            if self.aggregate == Aggregate::Average {
                for (sum, _) in &mut sums {
                    *sum /= self.roots.len() as f64;
                }
            }
            if self.only_second {
                let sum: f64 = sums.iter().map(|(sum, _)| sum).sum();
                // With two base values the second is that of what is summed.
                let base = self.base.last().copied().unwrap_or(0.0);
                let (pair, second) = scores_of_one(sum + base, self.post, self.all_positive);
                scores.extend(pair);
                chosen.push(usize::from(second));
                continue;
            }
            let start = scores.len();
            for (target, (sum, _)) in sums.iter().enumerate() {
                let base = if self.base.len() == self.targets {
                    self.base.get(target).copied().unwrap_or(0.0)
                } else {
                    self.base.first().copied().unwrap_or(0.0)
                };
                scores.push(f64::from((sum + base) as f32));
            }
            if let Some(own) = scores.get_mut(start..) {
                chosen.push(first_largest(own));
                transform(self.post, own);
            }
        }
        let scores = Tensor::numbers(Element::Float, vec![rows, self.targets], scores);
        let Some(classes) = &self.classes else {
            return Ok(vec![scores]);
        };
        Ok(vec![labels(classes, &chosen)?, scores])
    }

    fn add(&self, row: &[f64], root: u32, sums: &mut [(f64, bool)]) {
        let mut place = root;
        while let Some(node) = self.nodes.get(place as usize) {
            if node.mode == Mode::Leaf {
                let weights = self.weights.get(node.yes as usize..node.no as usize);
                for (target, weight) in weights.unwrap_or_default() {
                    let Some((sum, any)) = sums.get_mut(*target as usize) else {
                        continue;
                    };
                    *sum = match self.aggregate {
                        Aggregate::Sum | Aggregate::Average => *sum + weight,
                        Aggregate::Min if *any => sum.min(*weight),
                        Aggregate::Max if *any => sum.max(*weight),
                        Aggregate::Min | Aggregate::Max => *weight,
                    };
                    *any = true;
                }
                return;
            }
            let value = row.get(node.feature as usize).copied().unwrap_or(f64::NAN);
            let yes = match node.mode {
                Mode::AtMost => value <= node.value,
                Mode::Below => value < node.value,
                Mode::AtLeast => value >= node.value,
                Mode::Above => value > node.value,
                Mode::Equal => value == node.value,
                Mode::NotEqual => value != node.value,
                Mode::Leaf => true,
            };
            place = if yes || (node.missing_is_true && value.is_nan()) {
                node.yes
            } else {
                node.no
            };
        }
    }
}

/// The place of the largest, the first of equals.
pub(super) fn first_largest(scores: &[f64]) -> usize {
    let mut best = 0;
    for (place, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = place;
        }
    }
    best
}

/// The names of classes at places.
pub(super) fn labels(classes: &Data, chosen: &[usize]) -> Result<Tensor, Trouble> {
    let element = match classes {
        Data::Texts(_) => Element::Text,
        Data::Numbers(_) => Element::Int,
    };
    let all = Tensor::new(element, vec![classes.len()], classes.clone());
    all.pick(vec![chosen.len()], chosen.iter().copied())
}
