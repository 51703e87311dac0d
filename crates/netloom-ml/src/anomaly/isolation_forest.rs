//! Isolation forest: what is cut off from the rest by few random cuts is odd.
//!
//! Liu, Ting and Zhou, "Isolation Forest", ICDM 2008. Parameters and scores have scikit-learn's
//! names and meanings.

use super::{AnomalyError, Detector, check};
use crate::chance::Chance;
use crate::numeric::{Matrix, parallel};

/// How an isolation forest is grown; the defaults are scikit-learn's.
#[derive(Debug, Clone, PartialEq)]
pub struct IsolationForestParams {
    /// Number of trees.
    pub n_estimators: usize,
    /// Rows a tree is grown from, drawn without replacement; fewer if there are fewer.
    pub max_samples: usize,
    /// Share of the columns a tree may cut, from 0 to 1; at least one.
    pub max_features: f64,
    /// Seed of all chance.
    pub seed: u64,
}

impl Default for IsolationForestParams {
    fn default() -> Self {
        Self {
            n_estimators: 100,
            max_samples: 256,
            max_features: 1.0,
            seed: 0,
        }
    }
}

impl IsolationForestParams {
    /// Grows the forest. The trees do not depend on the number of threads.
    ///
    /// # Errors
    /// No rows, no columns, or a parameter out of its range.
    pub fn fit(&self, data: &Matrix, threads: usize) -> Result<IsolationForest, AnomalyError> {
        check::fitting(data)?;
        check::at_least("n_estimators", self.n_estimators, 1)?;
        check::at_least("max_samples", self.max_samples, 1)?;
        check::share("max_features", self.max_features)?;
        let samples = self.max_samples.min(data.rows());
        let depth = (samples.max(2) as f64).log2().ceil() as usize;
        let features = ((self.max_features * data.columns() as f64) as usize).max(1);
        let trees = parallel::map(self.n_estimators, threads, |tree| {
            let mut random = Chance::of(self.seed, tree as u64);
            let mut columns: Vec<usize> = (0..data.columns()).collect();
            if features < columns.len() {
                columns = random.sample(data.columns(), features);
            }
            let mut rows = random.sample(data.rows(), samples);
            let mut grower = Grower {
                data,
                columns,
                depth,
                random,
                nodes: Vec::new(),
            };
            grower.grow(&mut rows, 0);
            grower.nodes
        });
        Ok(IsolationForest {
            trees,
            columns: data.columns(),
            usual: average_path_length(samples),
        })
    }
}

/// A grown isolation forest.
#[derive(Debug, Clone)]
pub struct IsolationForest {
    trees: Vec<Vec<Node>>,
    columns: usize,
    usual: f64,
}

#[derive(Debug, Clone)]
struct Node {
    /// Column of the cut.
    column: u32,
    /// Node on the other side; 0 in a leaf. The near side is the next node.
    right: u32,
    /// Values at most this go on in the next node; in a leaf, the length of the path to here
    /// and of that which a tree of the rows left here would add.
    value: f64,
    /// Where a missing value goes.
    missing_right: bool,
}

struct Grower<'a> {
    data: &'a Matrix,
    columns: Vec<usize>,
    depth: usize,
    random: Chance,
    nodes: Vec<Node>,
}

impl Grower<'_> {
    fn grow(&mut self, rows: &mut [usize], depth: usize) {
        let here = self.nodes.len();
        self.nodes.push(Node {
            column: 0,
            right: 0,
            value: depth as f64 + average_path_length(rows.len()),
            missing_right: false,
        });
        if depth >= self.depth || rows.len() <= 1 {
            return;
        }
        let Some((column, cut)) = self.cut(rows) else {
            return;
        };
        let missing_right = self.random.below(2) == 1;
        let mut left = 0;
        for place in 0..rows.len() {
            let value = self.data.at(rows[place], column);
            let goes_left = if value.is_nan() {
                !missing_right
            } else {
                value <= cut
            };
            if goes_left {
                rows.swap(left, place);
                left += 1;
            }
        }
        let (near, far) = rows.split_at_mut(left);
        self.grow(near, depth + 1);
        let right = self.nodes.len() as u32;
        self.grow(far, depth + 1);
        self.nodes[here] = Node {
            column: column as u32,
            right,
            value: cut,
            missing_right,
        };
    }

    /// A column that is not constant in these rows, and a place between its ends.
    fn cut(&mut self, rows: &[usize]) -> Option<(usize, f64)> {
        for untried in (1..=self.columns.len()).rev() {
            let drawn = self.random.below(untried);
            let column = self.columns[drawn];
            let (low, high) = rows
                .iter()
                .map(|&row| self.data.at(row, column))
                .filter(|value| value.is_finite())
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                    (low.min(value), high.max(value))
                });
            if low < high {
                let cut = self.random.between(low, high);
                // Rounding may reach the upper end, beyond which nothing is.
                return Some((column, if cut < high { cut } else { low }));
            }
            self.columns.swap(drawn, untried - 1);
        }
        None
    }
}

impl IsolationForest {
    /// scikit-learn's `score_samples`: from −1 (odd) to 0, the opposite of the paper's score.
    pub fn score_samples(&self, rows: &Matrix, threads: usize) -> Vec<f64> {
        let mut scores = self.scores(rows, threads);
        for score in &mut scores {
            *score = -*score;
        }
        scores
    }

    fn score(&self, row: &[f64]) -> f64 {
        let mut sum = 0.0;
        for tree in &self.trees {
            let mut node = &tree[0];
            let mut place = 0usize;
            while node.right != 0 {
                let value = row[node.column as usize];
                let right = if value.is_nan() {
                    node.missing_right
                } else {
                    value > node.value
                };
                place = if right {
                    node.right as usize
                } else {
                    place + 1
                };
                node = &tree[place];
            }
            sum += node.value;
        }
        let depth = sum / self.trees.len() as f64;
        if self.usual > 0.0 {
            (-depth / self.usual).exp2()
        } else {
            // A forest of one row cuts nothing: all is alike.
            0.5
        }
    }
}

impl Detector for IsolationForest {
    fn columns(&self) -> usize {
        self.columns
    }

    /// The paper's score, from 0 to 1: about 0.5 is ordinary, near 1 is odd.
    fn scores(&self, rows: &Matrix, threads: usize) -> Vec<f64> {
        parallel::rows(rows.rows(), threads, |range| {
            range.map(|row| self.score(rows.row(row))).collect()
        })
    }
}

/// The mean path length of an unsuccessful search in a binary search tree of so many rows, c(n)
/// in the paper (with scikit-learn's c(2) = 1).
fn average_path_length(rows: usize) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    match rows {
        0 | 1 => 0.0,
        2 => 1.0,
        n => {
            let n = n as f64;
            2.0 * ((n - 1.0).ln() + EULER) - 2.0 * (n - 1.0) / n
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_apart_scores_highest() {
        let mut random = Chance::new(3);
        let mut rows: Vec<[f64; 2]> = (0..500)
            .map(|_| [random.normal(), random.normal()])
            .collect();
        rows.push([8.0, -8.0]);
        let data = Matrix::from_rows(&rows);
        let forest = IsolationForestParams::default().fit(&data, 2).unwrap();
        let scores = forest.scores(&data, 2);
        let odd = scores[500];
        assert!(odd > 0.7, "{odd}");
        assert!(scores[..500].iter().all(|s| *s < odd));
        assert_eq!(forest.score_samples(&data, 1)[500], -odd);
    }

    #[test]
    fn path_lengths_of_the_paper() {
        // c(256), as scikit-learn computes it.
        assert!((average_path_length(256) - 10.244_770_920_116_851).abs() < 1e-9);
        assert_eq!(average_path_length(1), 0.0);
    }

    #[test]
    fn one_row_and_constant_columns_are_ordinary() {
        let one = Matrix::from_rows(&[[1.0, 2.0]]);
        let forest = IsolationForestParams::default().fit(&one, 1).unwrap();
        assert_eq!(forest.scores(&one, 1), [0.5]);
        let constant = Matrix::from_rows(&[[1.0]; 100]);
        let forest = IsolationForestParams::default().fit(&constant, 1).unwrap();
        let scores = forest.scores(&constant, 1);
        assert!(scores.iter().all(|s| (s - 0.5).abs() < 1e-9), "{scores:?}");
    }
}
