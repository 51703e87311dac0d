//! Classification trees, grown as scikit-learn grows them.
//!
//! CART (Breiman et al., 1984): a node is split where the impurity of its children, weighted by
//! their rows, is least, until its rows are of one class or all alike. In a forest each node looks
//! at a random part of the columns only (Breiman, "Random Forests", 2001), and in an extremely
//! randomised one the place of the cut is random too (Geurts et al., 2006).
//!
//! Nodes of many rows are split by histograms of [bins](super::bins); small ones sort their rows'
//! values, so that values of one bin are still told apart. A cut lies in the middle between the
//! nearest values of the node's rows, as in scikit-learn.
//!
//! Where a node's rows fit the processor's cache they are copied there, and all nodes below it are
//! grown from that copy: memory is waited for once a row and not once a node, which halved the time
//! of a forest of 100,000 rows and 80 columns.

use super::bins::{BinnedColumn, MISSING_BIN};
use super::rows::Rows;
use super::scan::{Criterion, Cut, Looked, Scan, Upto};
use super::{Question, Tree};
use crate::chance::Chance;

/// How a tree is grown.
#[derive(Debug, Clone)]
pub(crate) struct Grow {
    pub(crate) criterion: Criterion,
    pub(crate) max_depth: usize,
    pub(crate) min_samples_split: usize,
    pub(crate) min_samples_leaf: usize,
    pub(crate) min_impurity_decrease: f64,
    /// Columns that a node looks at.
    pub(crate) max_features: usize,
    /// Cuts are at random places.
    pub(crate) random_cuts: bool,
}

/// What a tree learns from.
pub(crate) struct Sample<'a> {
    pub(crate) rows: &'a Rows,
    /// Empty where cuts are random.
    pub(crate) binned: &'a [BinnedColumn],
    /// The class of each row.
    pub(crate) codes: &'a [u32],
    /// How much each row counts; rows of weight 0 are left out.
    pub(crate) weights: &'a [f64],
    pub(crate) classes: usize,
}

impl Grow {
    /// Grows a tree whose answers are the shares of the classes.
    pub(crate) fn tree(&self, sample: &Sample<'_>, chance: Chance) -> Tree {
        let rows: Vec<u32> = sample
            .weights
            .iter()
            .enumerate()
            .filter(|(_, weight)| **weight > 0.0)
            .map(|(row, _)| row as u32)
            .collect();
        let columns = sample.rows.columns();
        let total = rows.iter().map(|&row| sample.weights[row as usize]).sum();
        let bins = usize::from(MISSING_BIN) + 1;
        let mut grower = Grower {
            params: self,
            sample,
            chance,
            total,
            features: (0..columns as u32).collect(),
            constants: vec![0; columns],
            near: Near::default(),
            node: NodeRows::default(),
            histogram: vec![0.0; bins * sample.classes],
            counts: vec![0; bins],
            keys: Vec::new(),
            drawn: Vec::new(),
            values: Vec::new(),
            others: Vec::new(),
            scan: Scan::new(sample.classes, self.criterion, self.min_samples_leaf),
            pure: vec![usize::MAX; sample.classes],
            tree: Tree::new(sample.classes),
        };
        grower.grow(rows);
        grower.tree
    }
}

/// Memory that a copy of rows takes at most.
const NEAR_BYTES: usize = 512 << 10;
/// Rows of a node are sorted rather than counted when they are fewer.
pub(super) const FEW: usize = 128;

pub(super) struct Grower<'a> {
    pub(super) params: &'a Grow,
    pub(super) sample: &'a Sample<'a>,
    pub(super) chance: Chance,
    /// Weight of all rows.
    total: f64,
    /// All columns; those known to be constant in the node come first.
    pub(super) features: Vec<u32>,
    /// Those that are constant in the node and its parents, in the order they were found.
    constants: Vec<u32>,
    pub(super) near: Near,
    pub(super) node: NodeRows,
    /// Weights by bin and class; all zero between two uses.
    pub(super) histogram: Vec<f64>,
    /// Rows by bin; all zero between two uses.
    pub(super) counts: Vec<u32>,
    /// Values to sort, with the places of their rows.
    pub(super) keys: Vec<u64>,
    /// Columns that are looked at together.
    pub(super) drawn: Vec<usize>,
    /// Their values in the node's rows, column after column.
    pub(super) values: Vec<f32>,
    others: Vec<u32>,
    pub(super) scan: Scan,
    /// The answer of each class alone, once there is one.
    pure: Vec<usize>,
    tree: Tree,
}

/// A copy of the rows of a node; below it rows are named by their places in the copy.
#[derive(Default)]
pub(super) struct Near {
    /// Nodes that wait outside of it; none while there is no copy.
    waiting: Option<usize>,
    pub(super) rows: Rows,
    /// What each is in the whole table.
    ids: Vec<u32>,
}

/// Facts of a node's rows, in their order.
#[derive(Default)]
pub(super) struct NodeRows {
    /// What each is in the whole table.
    pub(super) ids: Vec<u32>,
    pub(super) codes: Vec<u32>,
    pub(super) weights: Vec<f64>,
}

/// A node that waits to be grown.
struct Pending {
    from: usize,
    to: usize,
    depth: usize,
    /// Columns at the front of the list that are constant here.
    constant: usize,
    /// Its number.
    node: usize,
}

impl Grower<'_> {
    fn grow(&mut self, mut rows: Vec<u32>) {
        let near = (NEAR_BYTES / 4 / self.sample.rows.columns().max(1)).clamp(FEW, 8192);
        let mut stack = vec![Pending {
            from: 0,
            to: rows.len(),
            depth: 0,
            constant: 0,
            node: 0,
        }];
        while let Some(node) = stack.pop() {
            let Pending {
                from, to, depth, ..
            } = node;
            let here = &mut rows[from..to];
            if self
                .near
                .waiting
                .is_some_and(|waiting| stack.len() < waiting)
            {
                self.near.waiting = None;
            }
            if self.near.waiting.is_none() && here.len() <= near {
                self.near.waiting = Some(stack.len());
                self.near.rows.copy(self.sample.rows, here);
                self.near.ids.clear();
                self.near.ids.extend_from_slice(here);
                for (place, row) in here.iter_mut().enumerate() {
                    *row = place as u32;
                }
            }
            self.gather(here);
            let weight = self.scan.total;
            let mut constant = node.constant;
            let cut = if self.is_leaf(here.len(), depth) {
                None
            } else if self.params.random_cuts {
                self.best_random_cut(here, &mut constant)
            } else {
                self.best_cut(here, &mut constant)
            };
            let impurity = self.scan.impurity();
            let cut = cut.filter(|cut| {
                let decrease =
                    weight / self.total * (impurity - self.scan.impurity_after(cut.score));
                decrease + f64::EPSILON >= self.params.min_impurity_decrease
            });
            let Some(mut cut) = cut else {
                self.leaf(node.node, weight);
                continue;
            };
            let middle = from + self.partition(here, &mut cut);
            let gain = (weight * (impurity - self.scan.impurity_after(cut.score))).max(0.0);
            let question = Question {
                feature: cut.feature,
                threshold: cut.threshold,
                missing_left: cut.missing_left,
            };
            let left = self.tree.split(node.node, question, weight, gain);
            let child = |from, to, node| Pending {
                from,
                to,
                depth: depth + 1,
                constant,
                node,
            };
            stack.push(child(middle, to, left + 1));
            stack.push(child(from, middle, left));
        }
    }

    /// Classes and weights of the node's rows, and their sums.
    fn gather(&mut self, rows: &[u32]) {
        let node = &mut self.node;
        node.ids.clear();
        if self.near.waiting.is_some() {
            node.ids
                .extend(rows.iter().map(|&row| self.near.ids[row as usize]));
        } else {
            node.ids.extend_from_slice(rows);
        }
        let codes = self.sample.codes;
        node.codes.clear();
        node.codes
            .extend(node.ids.iter().map(|&row| codes[row as usize]));
        let weights = self.sample.weights;
        node.weights.clear();
        node.weights
            .extend(node.ids.iter().map(|&row| weights[row as usize]));
        self.scan.set_node(&node.codes, &node.weights);
    }

    /// The rows that the node's are named in.
    pub(super) fn table(&self) -> &Rows {
        if self.near.waiting.is_some() {
            &self.near.rows
        } else {
            self.sample.rows
        }
    }

    fn is_leaf(&self, rows: usize, depth: usize) -> bool {
        depth >= self.params.max_depth
            || rows < self.params.min_samples_split
            || rows < 2 * self.params.min_samples_leaf
            || self.scan.only_class().is_some()
    }

    fn leaf(&mut self, node: usize, weight: f64) {
        let answer = if let Some(class) = self.scan.only_class() {
            if self.pure[class] == usize::MAX {
                let answer = (0..self.sample.classes).map(|c| f64::from(u8::from(c == class)));
                self.pure[class] = self.tree.push_answer(answer);
            }
            self.pure[class]
        } else {
            let shares: Vec<f64> = self.scan.node.iter().map(|w| w / weight).collect();
            self.tree.push_answer(shares)
        };
        self.tree.leaf(node, answer, weight);
    }

    /// Draws columns until enough were looked at and one of them is not constant, as
    /// scikit-learn does; those found constant are moved to the front.
    fn best_cut(&mut self, rows: &[u32], constant: &mut usize) -> Option<Cut> {
        let known = *constant;
        let mut untried = self.features.len();
        let mut drawn_constant = 0;
        let mut visited = 0;
        let mut best: Option<Cut> = None;
        let mut found = false;
        // features: [drawn constant | known constant | found constant | untried | tried]
        while untried > *constant && (visited < self.params.max_features || !found) {
            visited += 1;
            let place = drawn_constant
                + self
                    .chance
                    .below(untried - (*constant - known) - drawn_constant);
            if place < known {
                self.features.swap(drawn_constant, place);
                drawn_constant += 1;
                continue;
            }
            let place = place + (*constant - known);
            let feature = self.features[place] as usize;
            let cut = if rows.len() < FEW {
                self.cut_by_value(rows, feature)
            } else {
                self.cut_by_bin(feature)
            };
            match cut {
                Looked::Constant => {
                    self.features.swap(place, *constant);
                    *constant += 1;
                }
                Looked::Cut(cut) => {
                    found = true;
                    untried -= 1;
                    self.features.swap(place, untried);
                    if let Some(cut) = cut
                        && best.is_none_or(|best| cut.score > best.score)
                    {
                        best = Some(cut);
                    }
                }
            }
        }
        self.keep_constants(known, *constant);
        best
    }

    /// What was drawn among the known constant columns is put back: the sibling knows fewer of
    /// them.
    pub(super) fn keep_constants(&mut self, known: usize, constant: usize) {
        self.features[..known].copy_from_slice(&self.constants[..known]);
        self.constants[known..constant].copy_from_slice(&self.features[known..constant]);
    }

    /// Left rows before right ones, each in their order; how many are left.
    fn partition(&mut self, rows: &mut [u32], cut: &mut Cut) -> usize {
        // Without missing values here, later ones go where most rows go.
        if !cut.has_missing {
            cut.missing_left = cut.left > cut.right;
        }
        let missing_left = cut.missing_left;
        let mut others = std::mem::take(&mut self.others);
        let lefts = match cut.upto {
            Upto::Bin(upto) => {
                let bins = &self.sample.binned[cut.feature].bins;
                split(rows, &mut others, |place, _| {
                    let bin = bins[self.node.ids[place] as usize];
                    if bin == MISSING_BIN {
                        missing_left
                    } else {
                        bin <= upto
                    }
                })
            }
            Upto::Value(upto) => {
                let table = self.table();
                split(rows, &mut others, |_, row| {
                    let value = table.of(row)[cut.feature];
                    value <= upto || (missing_left && value.is_nan())
                })
            }
        };
        self.others = others;
        lefts
    }
}

/// The rows that go left first; the order of both sides stays.
fn split(rows: &mut [u32], others: &mut Vec<u32>, left: impl Fn(usize, u32) -> bool) -> usize {
    others.clear();
    others.resize(rows.len(), 0);
    let mut lefts = 0;
    let mut rights = 0;
    for place in 0..rows.len() {
        let row = rows[place];
        let goes_left = left(place, row);
        // Both are written, one of them counts: no branch that could be guessed wrong.
        rows[lefts] = row;
        others[rights] = row;
        lefts += usize::from(goes_left);
        rights += usize::from(!goes_left);
    }
    rows[lefts..].copy_from_slice(&others[..rights]);
    lefts
}
