//! Regression trees on gradients, grown best leaf first.

use super::GradientBoostingParams;
use super::histogram::{BINS, Histogram};
use crate::chance::Chance;
use crate::numeric::Workers;
use crate::tree::{BinnedColumn, MISSING_BIN, Question, Step, Tree, between};

/// What trees are grown with, one after the other.
pub(super) struct Growth<'a> {
    params: &'a GradientBoostingParams,
    binned: &'a [BinnedColumn],
    train: &'a [u32],
    workers: &'a Workers,
    /// Histograms that are not in use.
    spare: Vec<Vec<Histogram>>,
    rows: Vec<u32>,
    others: Vec<u32>,
    local: Vec<(f32, f32)>,
}

/// A leaf that may be split.
struct Leaf {
    from: usize,
    to: usize,
    depth: usize,
    gradient: f64,
    hessian: f64,
    histograms: Vec<Histogram>,
    cut: Option<Cut>,
    /// Its place among the nodes.
    node: usize,
}

/// Where a leaf is best split.
#[derive(Debug, Clone, Copy)]
struct Cut {
    feature: usize,
    /// The last bin that goes left.
    upto: u8,
    threshold: f32,
    missing_left: bool,
    gain: f64,
    left: Sums,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    gradient: f64,
    hessian: f64,
    rows: u32,
}

/// A node while the tree grows.
enum Node {
    Leaf {
        value: f64,
        rows: usize,
    },
    Split {
        cut: Cut,
        left: usize,
        right: usize,
        rows: usize,
    },
}

/// Second derivatives that both sides of a question must have.
const LEAST_HESSIAN: f64 = 1e-3;

impl<'a> Growth<'a> {
    pub(super) fn new(
        params: &'a GradientBoostingParams,
        binned: &'a [BinnedColumn],
        train: &'a [u32],
        workers: &'a Workers,
    ) -> Self {
        Self {
            params,
            binned,
            train,
            workers,
            spare: Vec::new(),
            rows: Vec::new(),
            others: Vec::new(),
            local: Vec::new(),
        }
    }

    /// Grows a tree; each leaf's rows are handed to `add` with what the leaf tells of them.
    pub(super) fn tree(
        &mut self,
        slopes: &[(f32, f32)],
        mut chance: Chance,
        mut add: impl FnMut(&[u32], f64),
    ) -> Tree {
        self.rows.clear();
        self.rows.extend_from_slice(self.train);
        let most = self.params.max_leaf_nodes.unwrap_or(usize::MAX);
        let mut nodes = Vec::new();
        let mut open: Vec<Leaf> = Vec::new();
        let mut closed: Vec<(usize, usize, f64)> = Vec::new();
        let root = self.root(slopes, &mut chance);
        self.settle(root, &mut nodes, &mut open, &mut closed);
        // Leaves that are done, and those that may be split.
        while !open.is_empty() && open.len() + closed.len() < most {
            // The first of equals, in the order they came to be.
            let mut best = 0;
            for (place, leaf) in open.iter().enumerate() {
                if gain(leaf) > gain(&open[best]) {
                    best = place;
                }
            }
            let leaf = open.remove(best);
            let rows = leaf.to - leaf.from;
            let node = leaf.node;
            let Some(cut) = leaf.cut else { break };
            let is_last = open.len() + closed.len() + 2 >= most;
            let (left, right) = self.split(leaf, &cut, slopes, &mut chance, is_last);
            let left = self.settle(left, &mut nodes, &mut open, &mut closed);
            let right = self.settle(right, &mut nodes, &mut open, &mut closed);
            nodes[node] = Node::Split {
                cut,
                left,
                right,
                rows,
            };
        }
        for leaf in open {
            closed.push((leaf.from, leaf.to, self.value(leaf.gradient, leaf.hessian)));
            self.put_spare(leaf.histograms);
        }
        for (from, to, value) in closed {
            add(&self.rows[from..to], value);
        }
        into_tree(&nodes)
    }

    /// Files a new leaf with those that may be split, or with those that are done; its node.
    fn settle(
        &mut self,
        mut leaf: Leaf,
        nodes: &mut Vec<Node>,
        open: &mut Vec<Leaf>,
        closed: &mut Vec<(usize, usize, f64)>,
    ) -> usize {
        let value = self.value(leaf.gradient, leaf.hessian);
        let node = nodes.len();
        nodes.push(Node::Leaf {
            value,
            rows: leaf.to - leaf.from,
        });
        leaf.node = node;
        if leaf.cut.is_some() {
            open.push(leaf);
        } else {
            closed.push((leaf.from, leaf.to, value));
            self.put_spare(leaf.histograms);
        }
        node
    }

    fn value(&self, gradient: f64, hessian: f64) -> f64 {
        let value = -gradient / (hessian + self.params.l2_regularization);
        // Rows of no weight tell nothing.
        if value.is_finite() {
            self.params.learning_rate * value
        } else {
            0.0
        }
    }

    fn root(&mut self, slopes: &[(f32, f32)], chance: &mut Chance) -> Leaf {
        let (gradient, hessian) = self.train.iter().fold((0.0, 0.0), |(g, h), &row| {
            let (gradient, hessian) = slopes[row as usize];
            (g + f64::from(gradient), h + f64::from(hessian))
        });
        let mut leaf = Leaf {
            from: 0,
            to: self.train.len(),
            depth: 0,
            gradient,
            hessian,
            histograms: self.take_spare(),
            cut: None,
            node: 0,
        };
        if self.may_split(&leaf) {
            self.look(&mut leaf, slopes, chance);
        }
        leaf
    }

    fn take_spare(&mut self) -> Vec<Histogram> {
        self.spare
            .pop()
            .unwrap_or_else(|| vec![Histogram::EMPTY; self.binned.len()])
    }

    /// Leaves that were never looked at have none.
    fn put_spare(&mut self, histograms: Vec<Histogram>) {
        if !histograms.is_empty() {
            self.spare.push(histograms);
        }
    }

    fn may_split(&self, leaf: &Leaf) -> bool {
        leaf.to - leaf.from >= 2 * self.params.min_samples_leaf
            && self.params.max_depth.is_none_or(|most| leaf.depth < most)
            && leaf.hessian >= LEAST_HESSIAN
    }

    fn split(
        &mut self,
        parent: Leaf,
        cut: &Cut,
        slopes: &[(f32, f32)],
        chance: &mut Chance,
        is_last: bool,
    ) -> (Leaf, Leaf) {
        let bins = &self.binned[cut.feature].bins;
        let lefts = partition(
            &mut self.rows[parent.from..parent.to],
            &mut self.others,
            |row| {
                let bin = bins[row as usize];
                if bin == MISSING_BIN {
                    cut.missing_left
                } else {
                    bin <= cut.upto
                }
            },
        );
        let middle = parent.from + lefts;
        let child = |from, to, gradient, hessian| Leaf {
            from,
            to,
            depth: parent.depth + 1,
            gradient,
            hessian,
            histograms: Vec::new(),
            cut: None,
            node: 0,
        };
        let mut left = child(parent.from, middle, cut.left.gradient, cut.left.hessian);
        let mut right = child(
            middle,
            parent.to,
            parent.gradient - cut.left.gradient,
            parent.hessian - cut.left.hessian,
        );
        let wanted = [&left, &right].map(|leaf| !is_last && self.may_split(leaf));
        if wanted == [false, false] {
            self.put_spare(parent.histograms);
            return (left, right);
        }
        // The smaller one is summed up; the larger one has what is left of the parent's.
        let left_is_small = left.to - left.from <= right.to - right.from;
        let (small, large) = if left_is_small {
            (&mut left, &mut right)
        } else {
            (&mut right, &mut left)
        };
        let [small_wanted, large_wanted] = if left_is_small {
            wanted
        } else {
            [wanted[1], wanted[0]]
        };
        small.histograms = self.take_spare();
        large.histograms = parent.histograms;
        if large_wanted {
            // Both at once, column by column: the small one's is still at hand.
            self.look_at_both(small, large, small_wanted, slopes, chance);
        } else {
            self.look(small, slopes, chance);
        }
        (left, right)
    }

    /// The slopes of a leaf's rows, in their order.
    fn gather(&mut self, leaf: &Leaf, slopes: &[(f32, f32)]) {
        self.local.clear();
        self.local.extend(
            self.rows[leaf.from..leaf.to]
                .iter()
                .map(|&row| slopes[row as usize]),
        );
    }

    /// Sums up a leaf's rows and finds its best cut.
    fn look(&mut self, leaf: &mut Leaf, slopes: &[(f32, f32)], chance: &mut Chance) {
        self.gather(leaf, slopes);
        let allowed = self.columns(chance);
        let rows = &self.rows[leaf.from..leaf.to];
        let sums = total(leaf);
        let mut histograms = std::mem::take(&mut leaf.histograms);
        let cuts = self.workers.each(&mut histograms, |feature, histogram| {
            histogram.fill(&self.binned[feature], rows, &self.local);
            allowed[feature]
                .then(|| self.best_cut(feature, histogram, sums))
                .flatten()
        });
        leaf.histograms = histograms;
        leaf.cut = best(cuts);
    }

    fn look_at_both(
        &mut self,
        small: &mut Leaf,
        large: &mut Leaf,
        small_wanted: bool,
        slopes: &[(f32, f32)],
        chance: &mut Chance,
    ) {
        self.gather(small, slopes);
        let allowed = [self.columns(chance), self.columns(chance)];
        let rows = &self.rows[small.from..small.to];
        let sums = [total(small), total(large)];
        let mut pairs: Vec<(&mut Histogram, &mut Histogram)> = small
            .histograms
            .iter_mut()
            .zip(&mut large.histograms)
            .collect();
        let cuts = self.workers.each(&mut pairs, |feature, (small, large)| {
            small.fill(&self.binned[feature], rows, &self.local);
            large.subtract(small);
            let of = |which: usize, histogram: &Histogram| {
                allowed[which][feature]
                    .then(|| self.best_cut(feature, histogram, sums[which]))
                    .flatten()
            };
            (if small_wanted { of(0, small) } else { None }, of(1, large))
        });
        let (of_small, of_large): (Vec<_>, Vec<_>) = cuts.into_iter().unzip();
        small.cut = best(of_small);
        large.cut = best(of_large);
    }

    /// The columns that a node looks at.
    fn columns(&self, chance: &mut Chance) -> Vec<bool> {
        let all = self.binned.len();
        let count = ((self.params.max_features * all as f64) as usize).max(1);
        if count >= all {
            return vec![true; all];
        }
        let mut allowed = vec![false; all];
        for column in chance.sample(all, count) {
            allowed[column] = true;
        }
        allowed
    }

    fn best_cut(&self, feature: usize, histogram: &Histogram, all: Sums) -> Option<Cut> {
        let column = &self.binned[feature];
        let missing = usize::from(MISSING_BIN);
        let bins = column.low.len();
        let missing_rows = histogram.counts[missing];
        if bins + usize::from(missing_rows > 0) < 2 {
            return None;
        }
        let scan = Scan {
            params: self.params,
            all,
            parent: self.score(all),
        };
        let mut best: Option<(f64, usize, bool, Sums)> = None;
        // What is missing goes right, then left.
        for missing_left in [false, true] {
            if missing_left && missing_rows == 0 {
                break;
            }
            let mut left = Sums::default();
            if missing_left {
                left.add(histogram, missing);
            }
            // All values left and what is missing right is a cut too.
            let last = if missing_rows > 0 && !missing_left {
                bins
            } else {
                bins - 1
            };
            for bin in 0..last {
                if histogram.counts[bin] == 0 && bin + 1 < last {
                    continue;
                }
                left.add(histogram, bin);
                match scan.gain(left) {
                    Worth::TooFewLeft => {}
                    Worth::TooFewRight => break,
                    Worth::Gain(gain) => {
                        if best.is_none_or(|(most, ..)| gain > most) {
                            best = Some((gain, bin, missing_left, left));
                        }
                    }
                }
            }
        }
        let (gain, bin, missing_left, left) = best?;
        let next = (bin + 1..bins).find(|&bin| histogram.counts[bin] > 0);
        let threshold = match next {
            Some(next) => between(column.high[bin], column.low[next]),
            // Later values that are larger than all here are no more missing than these.
            None => f32::INFINITY,
        };
        Some(Cut {
            feature,
            upto: bin as u8,
            threshold,
            missing_left: if missing_rows > 0 {
                missing_left
            } else {
                left.rows > all.rows - left.rows
            },
            gain,
            left,
        })
    }

    fn score(&self, sums: Sums) -> f64 {
        sums.gradient * sums.gradient / (sums.hessian + self.params.l2_regularization)
    }
}

/// What the cuts of one leaf are weighed by.
struct Scan<'a> {
    params: &'a GradientBoostingParams,
    all: Sums,
    parent: f64,
}

enum Worth {
    TooFewLeft,
    TooFewRight,
    Gain(f64),
}

impl Scan<'_> {
    #[inline]
    fn gain(&self, left: Sums) -> Worth {
        let least = self.params.min_samples_leaf as u32;
        if left.rows < least || left.hessian < LEAST_HESSIAN {
            return Worth::TooFewLeft;
        }
        let right = Sums {
            gradient: self.all.gradient - left.gradient,
            hessian: self.all.hessian - left.hessian,
            rows: self.all.rows - left.rows,
        };
        if right.rows < least || right.hessian < LEAST_HESSIAN {
            return Worth::TooFewRight;
        }
        let l2 = self.params.l2_regularization;
        let score = |sums: Sums| sums.gradient * sums.gradient / (sums.hessian + l2);
        let gain = score(left) + score(right) - self.parent;
        if gain > 0.0 {
            Worth::Gain(gain)
        } else {
            Worth::TooFewLeft
        }
    }
}

impl Sums {
    #[inline]
    fn add(&mut self, histogram: &Histogram, bin: usize) {
        self.gradient += histogram.bins[bin].gradient;
        self.hessian += histogram.bins[bin].hessian;
        self.rows += histogram.counts[bin];
    }
}

fn total(leaf: &Leaf) -> Sums {
    Sums {
        gradient: leaf.gradient,
        hessian: leaf.hessian,
        rows: (leaf.to - leaf.from) as u32,
    }
}

fn gain(leaf: &Leaf) -> f64 {
    leaf.cut.map_or(0.0, |cut| cut.gain)
}

/// The first of equals, in the order of the columns.
fn best(cuts: Vec<Option<Cut>>) -> Option<Cut> {
    cuts.into_iter()
        .flatten()
        .reduce(|best, cut| if cut.gain > best.gain { cut } else { best })
}

/// The rows that go left first; the order of both sides stays.
fn partition(rows: &mut [u32], others: &mut Vec<u32>, left: impl Fn(u32) -> bool) -> usize {
    others.clear();
    others.resize(rows.len(), 0);
    let mut lefts = 0;
    let mut rights = 0;
    for place in 0..rows.len() {
        let row = rows[place];
        let goes_left = left(row);
        rows[lefts] = row;
        others[rights] = row;
        lefts += usize::from(goes_left);
        rights += usize::from(!goes_left);
    }
    rows[lefts..].copy_from_slice(&others[..rights]);
    lefts
}

fn into_tree(nodes: &[Node]) -> Tree {
    let mut tree = Tree::new(1);
    // Nodes as they grew, with their numbers in the tree.
    let mut stack = vec![(0, 0)];
    while let Some((place, node)) = stack.pop() {
        match &nodes[place] {
            Node::Leaf { value, rows } => {
                let answer = tree.push_answer([*value]);
                tree.leaf(node, answer, *rows as f64);
            }
            Node::Split {
                cut,
                left,
                right,
                rows,
            } => {
                let question = Question {
                    feature: cut.feature,
                    threshold: cut.threshold,
                    missing_left: cut.missing_left,
                };
                let first = tree.split(node, question, *rows as f64, cut.gain);
                stack.push((*right, first + 1));
                stack.push((*left, first));
            }
        }
    }
    tree
}

/// What a tree tells of a row that is binned.
///
/// A threshold lies between two bins that rows of the node fell in, so the bins in between are on
/// the side that their values are.
pub(super) fn value(tree: &Tree, binned: &[BinnedColumn], row: usize) -> f64 {
    let mut node = 0;
    loop {
        match tree.step(node) {
            Step::Leaf(answer) => return answer[0],
            Step::Split(question, [left, right]) => {
                let column = &binned[question.feature];
                let bin = column.bins[row];
                let goes_left = if bin == MISSING_BIN {
                    question.missing_left
                } else {
                    column.high[usize::from(bin)] <= question.threshold
                };
                node = if goes_left { left } else { right };
            }
        }
    }
}

const _: () = assert!(BINS == MISSING_BIN as usize + 1);
