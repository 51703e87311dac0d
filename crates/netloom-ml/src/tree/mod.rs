//! Decision trees: what is grown, and how rows go down them.

mod best_cut;
mod bins;
mod draw;
mod grow;
mod random_cut;
mod rows;
mod scan;
mod shap;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub(crate) use bins::{BinnedColumn, MISSING_BIN, between, bin_columns};
pub(crate) use draw::draw;
pub(crate) use grow::{Grow, Sample};
pub(crate) use rows::Rows;
pub use scan::Criterion;
pub(crate) use shap::{contributions, expected};

/// A node: a question, or an answer.
///
/// The two children stand side by side, so that which one comes next is a sum and no jump that a
/// processor could guess wrong.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Node {
    /// Values at most this go left.
    threshold: f32,
    /// The left child, before the right one. In a leaf, itself: a row that is there stays there.
    left: u32,
    /// The column that is asked for, with [`MISSING_LEFT`]; in a leaf the number of its answer, with
    /// [`LEAF`].
    feature: u32,
}

/// Set in a leaf.
const LEAF: u32 = 1 << 31;
/// Set where rows without a value go left.
const MISSING_LEFT: u32 = 1 << 30;
/// The rest is the column.
const COLUMN: u32 = MISSING_LEFT - 1;
/// In a leaf the rest is the answer.
const ANSWER: u32 = LEAF - 1;

/// A tree whose answers are `width` numbers each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tree {
    /// The root first, each before its children.
    nodes: Vec<Node>,
    /// Answers, one after the other. Leaves that tell the same share one.
    answers: Vec<f64>,
    width: u32,
    /// Weight of the rows that were learned in each node.
    covers: Vec<f32>,
    /// What the question of each node was worth; 0 in a leaf.
    gains: Vec<f32>,
}

/// A question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Question {
    pub(crate) feature: usize,
    /// Values at most this go left.
    pub(crate) threshold: f32,
    /// Whether rows without a value go left.
    pub(crate) missing_left: bool,
}

impl Question {
    /// Whether a row with this value goes left.
    pub(crate) fn goes_left(&self, value: f32) -> bool {
        value <= self.threshold || (value.is_nan() && self.missing_left)
    }
}

/// What a node does with a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step<'a> {
    /// It asks, and sends it to the left child or to the right one.
    Split(Question, [usize; 2]),
    /// It answers.
    Leaf(&'a [f64]),
}

impl Tree {
    /// A tree of one node that is to become a question or an answer; answers have `width` numbers.
    pub(crate) fn new(width: usize) -> Self {
        let mut tree = Self {
            nodes: Vec::new(),
            answers: Vec::new(),
            width: width as u32,
            covers: Vec::new(),
            gains: Vec::new(),
        };
        tree.push();
        tree
    }

    fn push(&mut self) {
        self.nodes.push(Node {
            threshold: 0.0,
            left: self.nodes.len() as u32,
            feature: LEAF,
        });
        self.covers.push(0.0);
        self.gains.push(0.0);
    }

    /// A node asks: its left child, after which stands the right one.
    pub(crate) fn split(
        &mut self,
        node: usize,
        question: Question,
        cover: f64,
        gain: f64,
    ) -> usize {
        let left = self.nodes.len();
        self.nodes[node] = Node {
            threshold: question.threshold,
            left: left as u32,
            feature: question.feature as u32
                | if question.missing_left {
                    MISSING_LEFT
                } else {
                    0
                },
        };
        self.covers[node] = cover as f32;
        self.gains[node] = gain as f32;
        self.push();
        self.push();
        left
    }

    /// A node answers.
    pub(crate) fn leaf(&mut self, node: usize, answer: usize, cover: f64) {
        self.nodes[node].feature = LEAF | answer as u32;
        self.covers[node] = cover as f32;
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
            if node.feature & LEAF == 0 {
                sums[(node.feature & COLUMN) as usize] += f64::from(*gain);
            }
        }
    }

    /// What a node does.
    pub(crate) fn step(&self, node: usize) -> Step<'_> {
        let Node {
            threshold,
            left,
            feature,
        } = self.nodes[node];
        if feature & LEAF != 0 {
            return Step::Leaf(self.answer((feature & ANSWER) as usize));
        }
        let question = Question {
            feature: (feature & COLUMN) as usize,
            threshold,
            missing_left: feature & MISSING_LEFT != 0,
        };
        Step::Split(question, [left as usize, left as usize + 1])
    }

    fn answer(&self, answer: usize) -> &[f64] {
        &self.answers[answer * self.width()..(answer + 1) * self.width()]
    }

    /// Adds the answer for each row to `sums`, of `width` numbers a row.
    ///
    /// Several rows go down side by side, so that the wait for one node's memory is used for
    /// another row's.
    pub(crate) fn add_answers(&self, rows: &Rows, sums: &mut [f64]) {
        const LANES: usize = 16;
        let width = self.width();
        let (count, columns, values) = (rows.len(), rows.columns(), rows.values());
        for first in (0..count).step_by(LANES) {
            let lanes = LANES.min(count - first);
            // Lanes without a row of their own follow the first one.
            let mut starts = [first * columns; LANES];
            for (lane, start) in starts.iter_mut().enumerate().take(lanes) {
                *start = (first + lane) * columns;
            }
            let mut at = [0_u32; LANES];
            loop {
                let mut moved = 0;
                for (at, start) in at.iter_mut().zip(starts) {
                    let node = &self.nodes[*at as usize];
                    // All bits where it asks, none where it answers.
                    let asks = (node.feature >> 31).wrapping_sub(1);
                    let value = values[start + (node.feature & COLUMN & asks) as usize];
                    let missing_right = !node.feature >> 30;
                    let right = u32::from(value > node.threshold)
                        | u32::from(value.is_nan()) & missing_right;
                    let next = node.left + (right & asks & 1);
                    moved |= next ^ *at;
                    *at = next;
                }
                if moved == 0 {
                    break;
                }
            }
            for (lane, at) in at.iter().enumerate().take(lanes) {
                let answer = self.answer((self.nodes[*at as usize].feature & ANSWER) as usize);
                let sums = &mut sums[(first + lane) * width..(first + lane + 1) * width];
                for (sum, number) in sums.iter_mut().zip(answer) {
                    *sum += number;
                }
            }
        }
    }

    /// Whether a row can go down it whatever its values: each node but the root is the child of one
    /// before it, columns and answers are there. What is read from a file is checked once, here.
    pub(crate) fn is_sound(&self, columns: usize) -> bool {
        let width = self.width();
        let length = self.nodes.len();
        let answers = self.answers.len().checked_div(width).unwrap_or(0);
        let whole = width > 0 && answers * width == self.answers.len();
        let lengths = self.covers.len() == length && self.gains.len() == length;
        let covered = self
            .covers
            .iter()
            .all(|cover| cover.is_finite() && *cover > 0.0);
        let mut is_child = vec![false; length];
        let sound = self.nodes.iter().enumerate().all(|(place, node)| {
            let left = node.left as usize;
            if node.feature & LEAF != 0 {
                return left == place && ((node.feature & ANSWER) as usize) < answers;
            }
            let fits = left > place
                && left.saturating_add(1) < length
                && !is_child[left]
                && !is_child[left + 1];
            if fits {
                is_child[left] = true;
                is_child[left + 1] = true;
            }
            fits && ((node.feature & COLUMN) as usize) < columns && !node.threshold.is_nan()
        });
        columns > 0
            && whole
            && lengths
            && covered
            && sound
            && length > 0
            && is_child.iter().skip(1).all(|is_child| *is_child)
    }
}
