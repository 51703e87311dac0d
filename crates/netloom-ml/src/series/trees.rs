//! Gradient boosting of regression trees over binned columns (Friedman 2001; histograms as in
//! `LightGBM`, Ke et al. 2017), for squared error.

use crate::numeric::statistics::{quantile, sorted};

/// Rows by columns, in bins of a byte.
pub(super) struct Binned {
    /// Column after column.
    bins: Vec<Vec<u8>>,
}

/// Upper edges of the bins of each column.
#[derive(Debug, Clone)]
pub(super) struct Edges(Vec<Vec<f32>>);

const BINS: usize = 64;

impl Edges {
    /// Equal shares of the values of each column. `rows` are of equal length.
    pub(super) fn of(rows: &[Vec<f32>]) -> Self {
        let columns = rows.first().map_or(0, Vec::len);
        // A part of the rows knows the quantiles well enough.
        let step = rows.len().div_ceil(10_000).max(1);
        Self(
            (0..columns)
                .map(|column| {
                    let values =
                        sorted(rows.iter().step_by(step).map(|row| f64::from(row[column])));
                    let mut edges: Vec<f32> = (1..BINS)
                        .map(|bin| quantile(&values, bin as f64 / BINS as f64) as f32)
                        .filter(|edge| edge.is_finite())
                        .collect();
                    edges.dedup();
                    edges
                })
                .collect(),
        )
    }

    fn bin(&self, column: usize, value: f32) -> u8 {
        self.0[column].partition_point(|edge| *edge < value) as u8
    }

    pub(super) fn bin_all(&self, rows: &[Vec<f32>]) -> Binned {
        Binned {
            bins: (0..self.0.len())
                .map(|column| {
                    rows.iter()
                        .map(|row| self.bin(column, row[column]))
                        .collect()
                })
                .collect(),
        }
    }
}

/// Boosted trees.
#[derive(Debug, Clone)]
pub(super) struct Boosted {
    edges: Edges,
    base: f64,
    trees: Vec<Vec<Node>>,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    column: u32,
    bin: u8,
    /// The right child; 0 in a leaf. The left one is the next node.
    right: u32,
    value: f64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) trees: usize,
    pub(super) depth: usize,
    pub(super) rate: f64,
    pub(super) least_rows: usize,
    /// Rounds without a better error on the held-out rows after which it ends.
    pub(super) patience: usize,
}

impl Boosted {
    /// Learns from the rows up to `held`, and stops when those from there on are told no
    /// better.
    pub(super) fn fit(rows: &[Vec<f32>], targets: &[f64], held: usize, shape: Shape) -> Self {
        let edges = Edges::of(rows);
        let binned = edges.bin_all(rows);
        let taught = held.min(rows.len());
        let base = targets[..taught].iter().sum::<f64>() / taught.max(1) as f64;
        let mut told = vec![base; rows.len()];
        let mut boosted = Self {
            edges,
            base,
            trees: Vec::new(),
        };
        let error = |told: &[f64]| -> f64 {
            told[taught..]
                .iter()
                .zip(&targets[taught..])
                .map(|(a, b)| (a - b).abs())
                .sum()
        };
        let mut best = (error(&told), 0);
        let mut slopes = vec![0.0; taught];
        for round in 0..shape.trees {
            for ((slope, target), told) in slopes.iter_mut().zip(targets).zip(&told) {
                *slope = target - told;
            }
            let mut grower = Grower {
                binned: &binned,
                slopes: &slopes,
                shape,
                nodes: Vec::new(),
            };
            let mut all: Vec<u32> = (0..taught as u32).collect();
            grower.grow(&mut all, 0);
            let tree = grower.nodes;
            for (row, told) in told.iter_mut().enumerate() {
                *told += walk(&tree, |column| binned.bins[column][row]);
            }
            boosted.trees.push(tree);
            if taught < rows.len() {
                let now = error(&told);
                if now < best.0 {
                    best = (now, round + 1);
                } else if round + 1 > best.1 + shape.patience {
                    break;
                }
            } else {
                best.1 = round + 1;
            }
        }
        boosted.trees.truncate(best.1);
        boosted
    }

    /// Number of trees.
    pub(super) fn len(&self) -> usize {
        self.trees.len()
    }

    pub(super) fn predict(&self, row: &[f32]) -> f64 {
        let bins: Vec<u8> = row
            .iter()
            .enumerate()
            .map(|(column, value)| self.edges.bin(column, *value))
            .collect();
        self.base
            + self
                .trees
                .iter()
                .map(|tree| walk(tree, |column| bins[column]))
                .sum::<f64>()
    }
}

fn walk(tree: &[Node], bin: impl Fn(usize) -> u8) -> f64 {
    let mut at = 0;
    loop {
        let node = tree[at];
        if node.right == 0 {
            return node.value;
        }
        at = if bin(node.column as usize) <= node.bin {
            at + 1
        } else {
            node.right as usize
        };
    }
}

struct Grower<'a> {
    binned: &'a Binned,
    slopes: &'a [f64],
    shape: Shape,
    nodes: Vec<Node>,
}

impl Grower<'_> {
    fn grow(&mut self, rows: &mut [u32], depth: usize) {
        let here = self.nodes.len();
        let sum: f64 = rows.iter().map(|row| self.slopes[*row as usize]).sum();
        self.nodes.push(Node {
            column: 0,
            bin: 0,
            right: 0,
            // One row more at nought keeps small leaves modest.
            value: self.shape.rate * sum / (rows.len() as f64 + 1.0),
        });
        if depth >= self.shape.depth || rows.len() < 2 * self.shape.least_rows {
            return;
        }
        let Some((column, bin)) = self.cut(rows, sum) else {
            return;
        };
        let bins = &self.binned.bins[column];
        let mut left = 0;
        for place in 0..rows.len() {
            if bins[rows[place] as usize] <= bin {
                rows.swap(left, place);
                left += 1;
            }
        }
        let (near, far) = rows.split_at_mut(left);
        self.grow(near, depth + 1);
        let right = self.nodes.len() as u32;
        self.grow(far, depth + 1);
        self.nodes[here].column = column as u32;
        self.nodes[here].bin = bin;
        self.nodes[here].right = right;
    }

    fn cut(&self, rows: &[u32], sum: f64) -> Option<(usize, u8)> {
        let count = rows.len() as f64;
        let mut best = (sum * sum / count * (1.0 + 1e-9) + 1e-12, None);
        let mut sums = [0.0; BINS];
        let mut counts = [0u32; BINS];
        for (column, bins) in self.binned.bins.iter().enumerate() {
            sums.fill(0.0);
            counts.fill(0);
            for row in rows {
                let bin = usize::from(bins[*row as usize]).min(BINS - 1);
                sums[bin] += self.slopes[*row as usize];
                counts[bin] += 1;
            }
            let (mut left, mut on_left) = (0.0, 0usize);
            for bin in 0..BINS - 1 {
                left += sums[bin];
                on_left += counts[bin] as usize;
                let on_right = rows.len() - on_left;
                if on_left < self.shape.least_rows || counts[bin] == 0 {
                    continue;
                }
                if on_right < self.shape.least_rows {
                    break;
                }
                let gain = left * left / on_left as f64 + (sum - left).powi(2) / on_right as f64;
                if gain > best.0 {
                    best = (gain, Some((column, bin as u8)));
                }
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    #[test]
    fn learns_a_step_and_a_product() {
        let mut chance = Chance::new(1);
        let rows: Vec<Vec<f32>> = (0..3000)
            .map(|_| (0..3).map(|_| chance.unit() as f32).collect())
            .collect();
        let truth = |row: &[f32]| {
            f64::from(u8::from(row[0] > 0.5)) + 2.0 * f64::from(row[1]) * f64::from(row[2])
        };
        let targets: Vec<f64> = rows.iter().map(|row| truth(row)).collect();
        let boosted = Boosted::fit(
            &rows,
            &targets,
            2500,
            Shape {
                trees: 300,
                depth: 4,
                rate: 0.1,
                least_rows: 10,
                patience: 20,
            },
        );
        let error: f64 = rows[2500..]
            .iter()
            .map(|row| (boosted.predict(row) - truth(row)).abs())
            .sum::<f64>()
            / 500.0;
        assert!(error < 0.06, "{error}");
    }

    #[test]
    fn nothing_to_learn() {
        let rows = vec![vec![1.0f32]; 10];
        let shape = Shape {
            trees: 10,
            depth: 3,
            rate: 0.1,
            least_rows: 1,
            patience: 5,
        };
        let boosted = Boosted::fit(&rows, &[4.0; 10], 10, shape);
        assert!((boosted.predict(&[1.0]) - 4.0).abs() < 1e-9);
    }
}
