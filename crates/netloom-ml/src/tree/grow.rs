//! Classification trees, grown as scikit-learn grows them.
//!
//! CART (Breiman et al., 1984): a node is split where the impurity of its children, weighted by
//! their rows, is least, until its rows are of one class or all alike. In a forest each node looks
//! at a random part of the columns only (Breiman, "Random Forests", 2001), and in an extremely
//! randomised one the place of the cut is random too (Geurts et al., 2006).
//!
//! Nodes of many rows are split by histograms of [bins](super::bins); small ones sort their rows
//! by rank, so that values of one bin are still told apart. A cut lies in the middle between the
//! nearest values of the node's rows, as in scikit-learn.

use super::Tree;
use super::bins::{Binned, MISSING_BIN, MISSING_RANK, Ranks, between};
use crate::chance::Chance;

/// How impure rows of several classes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Criterion {
    /// How often two rows are of different classes.
    #[default]
    Gini,
    /// Shannon's information.
    Entropy,
}

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
    pub(crate) binned: &'a Binned,
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
        let columns = sample.binned.columns.len();
        let total = rows.iter().map(|&row| sample.weights[row as usize]).sum();
        let mut grower = Grower {
            params: self,
            sample,
            chance,
            total,
            features: (0..columns as u32).collect(),
            constants: vec![0; columns],
            local_codes: Vec::new(),
            local_weights: Vec::new(),
            histogram: vec![0.0; (usize::from(MISSING_BIN) + 1) * sample.classes],
            counts: vec![0; usize::from(MISSING_BIN) + 1],
            keys: Vec::new(),
            scan: Scan::new(sample.classes, self),
            pure: vec![usize::MAX; sample.classes],
            tree: Tree::new(sample.classes),
        };
        grower.grow(rows);
        grower.tree
    }
}

/// Rows of a node are sorted rather than counted when they are fewer.
const FEW: usize = 128;

struct Grower<'a> {
    params: &'a Grow,
    sample: &'a Sample<'a>,
    chance: Chance,
    /// Weight of all rows.
    total: f64,
    /// All columns; those known to be constant in the node come first.
    features: Vec<u32>,
    /// Those that are constant in the node and its parents, in the order they were found.
    constants: Vec<u32>,
    /// Classes and weights of the node's rows, in their order.
    local_codes: Vec<u32>,
    local_weights: Vec<f64>,
    /// Weights by bin and class; all zero between two uses.
    histogram: Vec<f64>,
    /// Rows by bin; all zero between two uses.
    counts: Vec<u32>,
    keys: Vec<u32>,
    scan: Scan,
    /// The answer of each class alone, once there is one.
    pure: Vec<usize>,
    tree: Tree,
}

/// A node that waits to be grown.
struct Pending {
    from: usize,
    to: usize,
    depth: usize,
    /// Columns at the front of the list that are constant here.
    constant: usize,
    /// The parent, if this is its right child.
    parent: Option<usize>,
}

/// Where a node is cut.
#[derive(Debug, Clone, Copy)]
struct Cut {
    feature: usize,
    /// What goes left: bins or ranks up to this.
    upto: u16,
    /// Whether it is a rank and no bin.
    by_rank: bool,
    missing_left: bool,
    threshold: f64,
    /// The larger the better.
    score: f64,
    /// Rows on both sides.
    left: usize,
    right: usize,
    /// Whether some of them miss the value.
    has_missing: bool,
}

impl Grower<'_> {
    fn grow(&mut self, mut rows: Vec<u32>) {
        let mut stack = vec![Pending {
            from: 0,
            to: rows.len(),
            depth: 0,
            constant: 0,
            parent: None,
        }];
        while let Some(node) = stack.pop() {
            if let Some(parent) = node.parent {
                self.tree.set_right(parent);
            }
            let here = &mut rows[node.from..node.to];
            self.gather(here);
            let weight = self.scan.total;
            let mut constant = node.constant;
            let cut = if self.is_leaf(here.len(), node.depth) {
                None
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
                self.leaf(weight);
                continue;
            };
            let middle = node.from + self.partition(here, &mut cut);
            let gain = (weight * (impurity - self.scan.impurity_after(cut.score))).max(0.0);
            let place =
                self.tree
                    .push_split(cut.feature, cut.threshold, cut.missing_left, weight, gain);
            stack.push(Pending {
                from: middle,
                to: node.to,
                depth: node.depth + 1,
                constant,
                parent: Some(place),
            });
            stack.push(Pending {
                from: node.from,
                to: middle,
                depth: node.depth + 1,
                constant,
                parent: None,
            });
        }
    }

    /// Classes and weights of the node's rows, and their sums.
    fn gather(&mut self, rows: &[u32]) {
        self.local_codes.clear();
        self.local_weights.clear();
        self.local_codes
            .extend(rows.iter().map(|&row| self.sample.codes[row as usize]));
        self.local_weights
            .extend(rows.iter().map(|&row| self.sample.weights[row as usize]));
        self.scan.set_node(&self.local_codes, &self.local_weights);
    }

    fn is_leaf(&self, rows: usize, depth: usize) -> bool {
        depth >= self.params.max_depth
            || rows < self.params.min_samples_split
            || rows < 2 * self.params.min_samples_leaf
            || self.scan.is_pure()
    }

    fn leaf(&mut self, weight: f64) {
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
        self.tree.push_leaf(answer, weight);
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
            let cut = if self.params.random_cuts {
                self.random_cut(rows, feature)
            } else if rows.len() < FEW && !self.sample.binned.ranks.is_empty() {
                self.cut_by_rank(rows, feature)
            } else {
                self.cut_by_bin(rows, feature)
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
        // What was drawn among the known ones is put back: the sibling knows fewer of them.
        self.features[..known].copy_from_slice(&self.constants[..known]);
        self.constants[known..*constant].copy_from_slice(&self.features[known..*constant]);
        best
    }

    fn cut_by_bin(&mut self, rows: &[u32], feature: usize) -> Looked {
        let column = &self.sample.binned.columns[feature];
        let classes = self.sample.classes;
        let mut used = [0_u64; 4];
        for ((&row, &code), &weight) in rows.iter().zip(&self.local_codes).zip(&self.local_weights)
        {
            let bin = usize::from(column.bins[row as usize]);
            self.histogram[bin * classes + code as usize] += weight;
            self.counts[bin] += 1;
            used[bin >> 6] |= 1 << (bin & 63);
        }
        if used.iter().map(|word| word.count_ones()).sum::<u32>() < 2 {
            self.clear(used);
            return Looked::Constant;
        }
        let mut scanner = Scanner::new(&mut self.scan, rows.len(), feature, false);
        let missing = usize::from(MISSING_BIN);
        if self.counts[missing] > 0 {
            scanner.set_missing(
                &self.histogram[missing * classes..(missing + 1) * classes],
                self.counts[missing] as usize,
            );
        }
        let mut bins = bits(used).filter(|&bin| bin != missing).peekable();
        while let Some(bin) = bins.next() {
            scanner.group(
                &self.histogram[bin * classes..(bin + 1) * classes],
                self.counts[bin] as usize,
            );
            match bins.peek() {
                Some(&next) => {
                    scanner.cut(bin as u16, || between(column.high[bin], column.low[next]));
                }
                None => scanner.cut_off_missing(bin as u16),
            }
        }
        let best = scanner.best;
        self.clear(used);
        Looked::Cut(best)
    }

    fn clear(&mut self, used: [u64; 4]) {
        let classes = self.sample.classes;
        for bin in bits(used) {
            self.counts[bin] = 0;
            self.histogram[bin * classes..(bin + 1) * classes].fill(0.0);
        }
    }

    fn cut_by_rank(&mut self, rows: &[u32], feature: usize) -> Looked {
        let ranks = &self.sample.binned.ranks[feature];
        self.keys.clear();
        self.keys.extend(
            rows.iter()
                .enumerate()
                .map(|(place, &row)| u32::from(ranks.of[row as usize]) << 16 | place as u32),
        );
        let first = self.keys.first().map_or(0, |key| key >> 16);
        if self.keys.iter().all(|key| key >> 16 == first) {
            return Looked::Constant;
        }
        self.keys.sort_unstable();
        let there = self
            .keys
            .partition_point(|key| key >> 16 < u32::from(MISSING_RANK));
        let mut scanner = Scanner::new(&mut self.scan, rows.len(), feature, true);
        let (there, missing) = self.keys.split_at(there);
        for key in missing {
            let place = (key & 0xFFFF) as usize;
            scanner.add_missing(self.local_codes[place] as usize, self.local_weights[place]);
        }
        for (at, key) in there.iter().enumerate() {
            let place = (key & 0xFFFF) as usize;
            scanner.row(self.local_codes[place] as usize, self.local_weights[place]);
            let rank = (key >> 16) as u16;
            match there.get(at + 1).map(|next| (next >> 16) as u16) {
                Some(next) if next == rank => {}
                Some(next) => scanner.cut(rank, || {
                    between(ranks.high[usize::from(rank)], ranks.low[usize::from(next)])
                }),
                None => scanner.cut_off_missing(rank),
            }
        }
        Looked::Cut(scanner.best)
    }

    /// A cut at a random place between the smallest and the largest value.
    fn random_cut(&mut self, rows: &[u32], feature: usize) -> Looked {
        let ranks = &self.sample.binned.ranks[feature];
        let mut least = MISSING_RANK;
        let mut most = 0;
        let mut missing = 0;
        for &row in rows {
            let rank = ranks.of[row as usize];
            least = least.min(rank);
            if rank == MISSING_RANK {
                missing += 1;
            } else {
                most = most.max(rank);
            }
        }
        if least == MISSING_RANK || (least == most && missing == 0) {
            return Looked::Constant;
        }
        let missing_left = missing > 0 && self.chance.below(2) == 1;
        let (upto, threshold) = if least == most {
            // What is there against what is missing.
            (most, f64::INFINITY)
        } else {
            random_place(ranks, least, most, &mut self.chance)
        };
        let missing_left = missing_left && threshold < f64::INFINITY;
        let mut scanner = Scanner::new(&mut self.scan, rows.len(), feature, true);
        for ((&row, &code), &weight) in rows.iter().zip(&self.local_codes).zip(&self.local_weights)
        {
            let rank = ranks.of[row as usize];
            if rank <= upto || (missing_left && rank == MISSING_RANK) {
                scanner.row(code as usize, weight);
            }
        }
        let left = scanner.left_rows;
        let score = scanner.score();
        scanner.keep(upto, &|| threshold, score, missing_left, left);
        let mut best = scanner.best;
        if let Some(cut) = &mut best {
            cut.has_missing = missing > 0;
        }
        Looked::Cut(best)
    }

    /// Left rows before right ones, each in their order; how many are left.
    fn partition(&mut self, rows: &mut [u32], cut: &mut Cut) -> usize {
        let binned = self.sample.binned;
        // Without missing values here, later ones go where most rows go.
        if !cut.has_missing {
            cut.missing_left = cut.left > cut.right;
        }
        if cut.by_rank {
            let ranks = &binned.ranks[cut.feature].of;
            split(rows, &mut self.keys, |row| {
                let rank = ranks[row as usize];
                if rank == MISSING_RANK {
                    cut.missing_left
                } else {
                    rank <= cut.upto
                }
            })
        } else {
            let bins = &binned.columns[cut.feature].bins;
            split(rows, &mut self.keys, |row| {
                let bin = bins[row as usize];
                if bin == MISSING_BIN {
                    cut.missing_left
                } else {
                    u16::from(bin) <= cut.upto
                }
            })
        }
    }
}

/// The rows that go left first; the order of both sides stays.
fn split(rows: &mut [u32], others: &mut Vec<u32>, left: impl Fn(u32) -> bool) -> usize {
    others.clear();
    others.resize(rows.len(), 0);
    let mut lefts = 0;
    let mut rights = 0;
    for place in 0..rows.len() {
        let row = rows[place];
        let goes_left = left(row);
        // Both are written, one of them counts: no branch that could be guessed wrong.
        rows[lefts] = row;
        others[rights] = row;
        lefts += usize::from(goes_left);
        rights += usize::from(!goes_left);
    }
    rows[lefts..].copy_from_slice(&others[..rights]);
    lefts
}

fn random_place(ranks: &Ranks, least: u16, most: u16, chance: &mut Chance) -> (u16, f64) {
    let low = ranks.low[usize::from(least)];
    let high = ranks.high[usize::from(most)];
    let drawn = low + chance.unit() * (high - low);
    // The last rank that lies below, but not the last of all.
    let between = &ranks.low[usize::from(least)..usize::from(most)];
    let upto = usize::from(least) + between.partition_point(|value| *value <= drawn).max(1) - 1;
    // Ranks of several values are not torn apart.
    let threshold = drawn.max(ranks.high[upto]);
    let threshold = if threshold < ranks.low[upto + 1] {
        threshold
    } else {
        ranks.high[upto]
    };
    (upto as u16, threshold)
}

fn bits(words: [u64; 4]) -> impl Iterator<Item = usize> {
    words.into_iter().enumerate().flat_map(|(place, word)| {
        let mut word = word;
        std::iter::from_fn(move || {
            (word != 0).then(|| {
                let bit = word.trailing_zeros() as usize;
                word &= word - 1;
                place * 64 + bit
            })
        })
    })
}

/// What a look at a column showed.
enum Looked {
    /// All rows are alike in it.
    Constant,
    /// The best cut, if one leaves enough rows on both sides.
    Cut(Option<Cut>),
}

/// The node's classes, and those of its left part while a column is scanned.
struct Scan {
    criterion: Criterion,
    min_samples_leaf: usize,
    /// Weight of each class.
    node: Vec<f64>,
    total: f64,
    left: Vec<f64>,
    missing: Vec<f64>,
}

impl Scan {
    fn new(classes: usize, params: &Grow) -> Self {
        Self {
            criterion: params.criterion,
            min_samples_leaf: params.min_samples_leaf,
            node: vec![0.0; classes],
            total: 0.0,
            left: vec![0.0; classes],
            missing: vec![0.0; classes],
        }
    }

    fn set_node(&mut self, codes: &[u32], weights: &[f64]) {
        self.node.fill(0.0);
        for (&code, &weight) in codes.iter().zip(weights) {
            self.node[code as usize] += weight;
        }
        self.total = self.node.iter().sum();
    }

    fn is_pure(&self) -> bool {
        self.node.iter().filter(|weight| **weight > 0.0).count() <= 1
    }

    fn only_class(&self) -> Option<usize> {
        if self.is_pure() {
            self.node.iter().position(|weight| *weight > 0.0)
        } else {
            None
        }
    }

    fn impurity(&self) -> f64 {
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
    fn impurity_after(&self, score: f64) -> f64 {
        match self.criterion {
            Criterion::Gini => 1.0 - score / self.total,
            Criterion::Entropy => -score / self.total,
        }
    }
}

/// Goes over a column's values from the smallest on and keeps the best cut.
struct Scanner<'a> {
    scan: &'a mut Scan,
    rows: usize,
    feature: usize,
    by_rank: bool,
    left_weight: f64,
    left_rows: usize,
    missing_weight: f64,
    missing_rows: usize,
    /// Sums of squares of both sides, for Gini.
    left_square: f64,
    right_square: f64,
    best: Option<Cut>,
}

impl<'a> Scanner<'a> {
    fn new(scan: &'a mut Scan, rows: usize, feature: usize, by_rank: bool) -> Self {
        scan.left.fill(0.0);
        scan.missing.fill(0.0);
        let right_square = scan.node.iter().map(|weight| weight * weight).sum();
        Self {
            scan,
            rows,
            feature,
            by_rank,
            left_weight: 0.0,
            left_rows: 0,
            missing_weight: 0.0,
            missing_rows: 0,
            left_square: 0.0,
            right_square,
            best: None,
        }
    }

    fn set_missing(&mut self, weights: &[f64], rows: usize) {
        self.scan.missing.copy_from_slice(weights);
        self.missing_weight = weights.iter().sum();
        self.missing_rows = rows;
    }

    fn add_missing(&mut self, class: usize, weight: f64) {
        self.scan.missing[class] += weight;
        self.missing_weight += weight;
        self.missing_rows += 1;
    }

    /// Rows of one value go over to the left side.
    #[inline]
    fn group(&mut self, weights: &[f64], rows: usize) {
        for ((weight, left), node) in weights.iter().zip(&mut self.scan.left).zip(&self.scan.node) {
            let right = node - *left;
            self.left_square += weight * (2.0 * *left + weight);
            self.right_square += weight * (weight - 2.0 * right);
            *left += weight;
            self.left_weight += weight;
        }
        self.left_rows += rows;
    }

    /// A row goes over to the left side.
    #[inline]
    fn row(&mut self, class: usize, weight: f64) {
        let left = self.scan.left[class];
        let right = self.scan.node[class] - left;
        self.left_square += weight * (2.0 * left + weight);
        self.right_square += weight * (weight - 2.0 * right);
        self.scan.left[class] = left + weight;
        self.left_weight += weight;
        self.left_rows += 1;
    }

    /// What a cut here is worth, with what is missing on the right, and on the left.
    #[inline]
    fn cut(&mut self, upto: u16, threshold: impl Fn() -> f64) {
        let score = self.score();
        self.keep(upto, &threshold, score, false, self.left_rows);
        if self.missing_rows > 0 {
            let (left, right) = self.with_missing_left();
            let score = self.score_of(&left, &right);
            self.keep(
                upto,
                &threshold,
                score,
                true,
                self.left_rows + self.missing_rows,
            );
        }
    }

    /// All that is there on the left, what is missing on the right.
    fn cut_off_missing(&mut self, upto: u16) {
        if self.missing_rows > 0 {
            let score = self.score();
            self.keep(upto, &|| f64::INFINITY, score, false, self.left_rows);
        }
    }

    fn score(&self) -> f64 {
        match self.scan.criterion {
            Criterion::Gini => {
                self.left_square / self.left_weight
                    + self.right_square / (self.scan.total - self.left_weight)
            }
            Criterion::Entropy => {
                let right: Vec<f64> = self
                    .scan
                    .node
                    .iter()
                    .zip(&self.scan.left)
                    .map(|(node, left)| node - left)
                    .collect();
                self.score_of(&self.scan.left, &right)
            }
        }
    }

    fn with_missing_left(&self) -> (Vec<f64>, Vec<f64>) {
        let left: Vec<f64> = self
            .scan
            .left
            .iter()
            .zip(&self.scan.missing)
            .map(|(left, missing)| left + missing)
            .collect();
        let right = self
            .scan
            .node
            .iter()
            .zip(&left)
            .map(|(node, left)| node - left)
            .collect();
        (left, right)
    }

    fn score_of(&self, left: &[f64], right: &[f64]) -> f64 {
        let side = |weights: &[f64]| {
            let sum: f64 = weights.iter().sum();
            let parts = weights.iter().filter(|weight| **weight > 0.0);
            match self.scan.criterion {
                Criterion::Gini => parts.map(|weight| weight * weight).sum::<f64>() / sum,
                Criterion::Entropy => parts
                    .map(|weight| weight * (weight / sum).log2())
                    .sum::<f64>(),
            }
        };
        side(left) + side(right)
    }

    fn keep(
        &mut self,
        upto: u16,
        threshold: &impl Fn() -> f64,
        score: f64,
        missing_left: bool,
        left: usize,
    ) {
        let right = self.rows - left;
        let least = self.scan.min_samples_leaf.max(1);
        if left < least || right < least || self.best.is_some_and(|best| best.score >= score) {
            return;
        }
        self.best = Some(Cut {
            feature: self.feature,
            upto,
            by_rank: self.by_rank,
            missing_left,
            threshold: threshold(),
            score,
            left,
            right,
            has_missing: self.missing_rows > 0,
        });
    }
}
