//! Decision trees: what is grown, and how rows go down them.

mod bins;
mod draw;
mod grow;
mod shap;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub(crate) use bins::{Binned, BinnedColumn, MISSING_BIN, between};
pub(crate) use draw::draw;
pub use grow::Criterion;
pub(crate) use grow::{Grow, Sample};
pub(crate) use shap::{contributions, expected};

/// A node: a question, or an answer.
///
/// The left child of a node is the next one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Node {
    /// Values at most this go left. In a leaf, the number of its answer.
    threshold: f64,
    /// The right child.
    right: u32,
    /// The column that is asked for, with [`MISSING_LEFT`]; [`LEAF`] in a leaf.
    feature: u32,
}

/// Set where rows without a value go left.
const MISSING_LEFT: u32 = 1 << 31;
/// The column of a leaf.
const LEAF: u32 = u32::MAX;

/// A tree whose answers are `width` numbers each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tree {
    /// In preorder.
    nodes: Vec<Node>,
    /// Answers, one after the other. Leaves that tell the same share one.
    answers: Vec<f64>,
    width: u32,
    /// Weight of the rows that were learned in each node.
    covers: Vec<f32>,
    /// What the question of each node was worth; 0 in a leaf.
    gains: Vec<f32>,
}

/// What a node does with a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step<'a> {
    /// It asks for a value.
    Split {
        feature: usize,
        threshold: f64,
        missing_left: bool,
        left: usize,
        right: usize,
    },
    /// It answers.
    Leaf(&'a [f64]),
}

impl Tree {
    /// A tree without nodes whose answers have `width` numbers.
    pub(crate) fn new(width: usize) -> Self {
        Self {
            nodes: Vec::new(),
            answers: Vec::new(),
            width: width as u32,
            covers: Vec::new(),
            gains: Vec::new(),
        }
    }

    /// A node that will ask something; its number.
    pub(crate) fn push_split(
        &mut self,
        feature: usize,
        threshold: f64,
        missing_left: bool,
        cover: f64,
        gain: f64,
    ) -> usize {
        self.nodes.push(Node {
            threshold,
            right: 0,
            feature: feature as u32 | if missing_left { MISSING_LEFT } else { 0 },
        });
        self.covers.push(cover as f32);
        self.gains.push(gain as f32);
        self.nodes.len() - 1
    }

    /// The next node is the right child of `node`.
    pub(crate) fn set_right(&mut self, node: usize) {
        self.nodes[node].right = self.nodes.len() as u32;
    }

    /// A leaf that gives an answer.
    pub(crate) fn push_leaf(&mut self, answer: usize, cover: f64) {
        self.nodes.push(Node {
            threshold: answer as f64,
            // Its own: a row that is here stays here.
            right: self.nodes.len() as u32,
            feature: LEAF,
        });
        self.covers.push(cover as f32);
        self.gains.push(0.0);
    }

    /// A further answer; its number.
    pub(crate) fn push_answer(&mut self, answer: impl IntoIterator<Item = f64>) -> usize {
        self.answers.extend(answer);
        self.answers.len() / self.width().max(1) - 1
    }

    /// Number of nodes.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Numbers of an answer.
    pub(crate) fn width(&self) -> usize {
        self.width as usize
    }

    /// Weight of the rows that a node learned.
    pub(crate) fn cover(&self, node: usize) -> f64 {
        f64::from(self.covers[node])
    }

    /// What the questions about each column were worth, summed up in `sums`.
    pub(crate) fn add_gains(&self, sums: &mut [f64]) {
        for (node, gain) in self.nodes.iter().zip(&self.gains) {
            if node.feature != LEAF {
                sums[(node.feature & !MISSING_LEFT) as usize] += f64::from(*gain);
            }
        }
    }

    /// What a node does.
    pub(crate) fn step(&self, node: usize) -> Step<'_> {
        let Node {
            threshold,
            right,
            feature,
        } = self.nodes[node];
        if feature == LEAF {
            return Step::Leaf(self.answer(threshold as usize));
        }
        Step::Split {
            feature: (feature & !MISSING_LEFT) as usize,
            threshold,
            missing_left: feature & MISSING_LEFT != 0,
            left: node + 1,
            right: right as usize,
        }
    }

    fn answer(&self, answer: usize) -> &[f64] {
        &self.answers[answer * self.width()..(answer + 1) * self.width()]
    }

    /// Adds the answer for each row of a row-major block to `sums`, of `width` numbers a row.
    ///
    /// Several rows go down side by side, so that the wait for one node's memory is used for
    /// another row's.
    pub(crate) fn add_answers(&self, block: &[f64], columns: usize, sums: &mut [f64]) {
        const LANES: usize = 8;
        let width = self.width();
        let rows = block.len() / columns.max(1);
        let mut first = 0;
        while first < rows {
            let lanes = LANES.min(rows - first);
            let mut at = [0_u32; LANES];
            let mut leaves = 0;
            while leaves < lanes {
                leaves = 0;
                for (lane, at) in at.iter_mut().enumerate().take(lanes) {
                    let node = &self.nodes[*at as usize];
                    let is_leaf = node.feature == LEAF;
                    leaves += usize::from(is_leaf);
                    let feature = if is_leaf {
                        0
                    } else {
                        node.feature & !MISSING_LEFT
                    };
                    let value = block[(first + lane) * columns + feature as usize];
                    let left = value <= node.threshold
                        || (value.is_nan() && node.feature & MISSING_LEFT != 0);
                    *at = if left && !is_leaf {
                        *at + 1
                    } else {
                        node.right
                    };
                }
            }
            for (lane, at) in at.iter().enumerate().take(lanes) {
                let answer = self.answer(self.nodes[*at as usize].threshold as usize);
                let sums = &mut sums[(first + lane) * width..(first + lane + 1) * width];
                for (sum, number) in sums.iter_mut().zip(answer) {
                    *sum += number;
                }
            }
            first += lanes;
        }
    }

    /// Whether a row can go down it whatever its values: children come after their parents and
    /// are there, columns and answers too. What is read from a file is checked once, here.
    pub(crate) fn is_sound(&self, columns: usize) -> bool {
        let width = self.width();
        let answers = self.answers.len().checked_div(width).unwrap_or(0);
        let whole = width > 0 && answers * width == self.answers.len();
        let lengths = self.covers.len() == self.nodes.len() && self.gains.len() == self.nodes.len();
        // Preorder: how many nodes the subtree of each has shows whether the right child is where
        // the left subtree ends.
        let mut sizes = vec![0_usize; self.nodes.len()];
        whole
            && lengths
            && !self.nodes.is_empty()
            && self.nodes.iter().enumerate().rev().all(|(place, node)| {
                if node.feature == LEAF {
                    sizes[place] = 1;
                    let answer = node.threshold;
                    return node.right as usize == place
                        && answer >= 0.0
                        && answer.fract() == 0.0
                        && (answer as usize) < answers;
                }
                let right = node.right as usize;
                let (Some(left_size), Some(right_size)) =
                    (sizes.get(place + 1).copied(), sizes.get(right).copied())
                else {
                    return false;
                };
                sizes[place] = 1 + left_size + right_size;
                ((node.feature & !MISSING_LEFT) as usize) < columns
                    && !node.threshold.is_nan()
                    && right == place + 1 + left_size
            })
            && sizes[0] == self.nodes.len()
    }
}
