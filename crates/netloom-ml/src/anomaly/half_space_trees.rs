//! Half-space trees: how much lay lately where a row falls.
//!
//! Tan, Ting and Liu, "Fast anomaly detection for streaming data", IJCAI 2011. Trees of random
//! halvings are made before any data comes; windows of the stream fill them with masses, and a
//! row is scored by the masses of the window before.

use super::{AnomalyError, Detector, check};
use crate::chance::Chance;
use crate::numeric::scaler::Scaler;
use crate::numeric::{Matrix, parallel};

/// How half-space trees are made; the defaults are the paper's.
#[derive(Debug, Clone, PartialEq)]
pub struct HalfSpaceTreesParams {
    /// Number of trees.
    pub n_trees: usize,
    /// Halvings from root to leaf, up to 20.
    pub height: usize,
    /// Rows of a window, ψ.
    pub window_size: usize,
    /// Share of a window below which a node is not looked into further.
    pub size_limit: f64,
    /// Seed of all chance.
    pub seed: u64,
}

impl Default for HalfSpaceTreesParams {
    fn default() -> Self {
        Self {
            n_trees: 25,
            height: 15,
            window_size: 250,
            size_limit: 0.1,
            seed: 0,
        }
    }
}

impl HalfSpaceTreesParams {
    /// Trees over so many columns that have seen nothing yet.
    ///
    /// # Errors
    /// No columns, or a parameter out of its range.
    pub fn build(&self, columns: usize) -> Result<HalfSpaceTrees, AnomalyError> {
        if columns == 0 {
            return Err(AnomalyError::NoColumns);
        }
        check::at_least("n_trees", self.n_trees, 1)?;
        check::at_least("height", self.height, 1)?;
        check::at_least("window_size", self.window_size, 1)?;
        check::share("size_limit", self.size_limit)?;
        if self.height > 20 {
            return Err(AnomalyError::Parameter {
                name: "height",
                value: self.height.to_string(),
                must: "at most 20".to_owned(),
            });
        }
        let trees = (0..self.n_trees)
            .map(|tree| {
                let mut random = Chance::of(self.seed, tree as u64);
                let mut ranges: Vec<(f32, f32)> = (0..columns)
                    .map(|_| {
                        let centre = random.unit();
                        let reach = 2.0 * centre.max(1.0 - centre);
                        ((centre - reach) as f32, (centre + reach) as f32)
                    })
                    .collect();
                let mut nodes = vec![Node::default(); (1 << (self.height + 1)) - 1];
                halve(&mut nodes, 0, self.height, &mut ranges, &mut random);
                nodes
            })
            .collect();
        Ok(HalfSpaceTrees {
            params: self.clone(),
            columns,
            scaler: None,
            first: Vec::new(),
            trees,
            window: 1,
            filled: 0,
            place: Vec::with_capacity(columns),
            scaled: Vec::with_capacity(columns),
        })
    }

    /// Trees that have seen all rows of a table, in order.
    ///
    /// # Errors
    /// No rows, no columns, or a parameter out of its range.
    pub fn fit(&self, data: &Matrix) -> Result<HalfSpaceTrees, AnomalyError> {
        check::fitting(data)?;
        let mut params = self.clone();
        // What is scored later is compared with all that was seen, not with its last rows.
        params.window_size = params.window_size.max(data.rows());
        let mut trees = params.build(data.columns())?;
        for row in data.iter() {
            trees.update(row);
        }
        if trees.scaler.is_none() {
            trees.begin();
        }
        // The window that the last row filled has been turned over already.
        if trees.filled > 0 {
            trees.turn();
        }
        Ok(trees)
    }
}

/// Half-space trees and the masses of the last two windows.
#[derive(Debug, Clone)]
pub struct HalfSpaceTrees {
    params: HalfSpaceTreesParams,
    columns: usize,
    /// Brings columns into the trees' space; fitted on the first window.
    scaler: Option<Scaler>,
    first: Vec<f64>,
    trees: Vec<Vec<Node>>,
    window: u32,
    filled: usize,
    place: Vec<f32>,
    scaled: Vec<f32>,
}

/// A node of a full tree, the children of the `i`-th are 2i + 1 and 2i + 2.
#[derive(Debug, Clone, Copy, Default)]
struct Node {
    column: u16,
    /// Window in which `now` was counted.
    window: u32,
    split: f32,
    now: u32,
    before: u32,
}

impl Node {
    /// Rows of the window before `window` that came by.
    fn reference(self, window: u32) -> u32 {
        match window.wrapping_sub(self.window) {
            0 => self.before,
            1 => self.now,
            _ => 0,
        }
    }

    /// A row of `window` comes by. Nodes are brought up to date when touched, so that the end
    /// of a window costs nothing.
    fn count(&mut self, window: u32) {
        if self.window != window {
            self.before = self.reference(window);
            self.now = 0;
            self.window = window;
        }
        self.now = self.now.saturating_add(1);
    }
}

fn halve(
    nodes: &mut [Node],
    at: usize,
    height: usize,
    ranges: &mut [(f32, f32)],
    random: &mut Chance,
) {
    if height == 0 {
        return;
    }
    let column = random.below(ranges.len());
    let (low, high) = ranges[column];
    let split = low.midpoint(high);
    nodes[at].column = column as u16;
    nodes[at].split = split;
    ranges[column] = (low, split);
    halve(nodes, 2 * at + 1, height - 1, ranges, random);
    ranges[column] = (split, high);
    halve(nodes, 2 * at + 2, height - 1, ranges, random);
    ranges[column] = (low, high);
}

impl HalfSpaceTrees {
    /// Scores a row by what came before it, then learns it. The first window is only learnt:
    /// its rows score 0.
    pub fn update(&mut self, row: &[f64]) -> f64 {
        if self.scaler.is_none() {
            self.first
                .extend((0..self.columns).map(|c| row.get(c).copied().unwrap_or(f64::NAN)));
            // The measure of columns is settled before a long window is full.
            if self.first.len() >= self.columns * self.params.window_size.min(MEASURED) {
                self.begin();
            }
            return 0.0;
        }
        self.locate(row);
        let score = self.pass();
        if self.filled >= self.params.window_size {
            self.turn();
        }
        score
    }

    /// Scores a row and leaves all as it is; 0 before the first window is full.
    pub fn score(&self, row: &[f64]) -> f64 {
        let Some(scaler) = &self.scaler else {
            return 0.0;
        };
        let mut scaled = Vec::with_capacity(self.columns);
        let mut place = Vec::with_capacity(self.columns);
        scaler.scale_linear(row, &mut scaled);
        fold(&scaled, &mut place);
        let limit = self.limit();
        let mut mass = 0.0;
        for nodes in &self.trees {
            let mut at = 0;
            for depth in 0..=self.params.height {
                let node = nodes[at];
                let reference = node.reference(self.window);
                if depth == self.params.height || f64::from(reference) < limit {
                    mass += f64::from(reference) * (1u64 << depth) as f64;
                    break;
                }
                at = 2 * at + 1 + usize::from(place[node.column as usize] >= node.split);
            }
        }
        self.scored(mass)
    }

    /// Whether the first window is full and scores mean something.
    pub fn is_ready(&self) -> bool {
        self.window > 1
    }

    fn begin(&mut self) {
        let first = Matrix::new(std::mem::take(&mut self.first), self.columns);
        self.scaler = Some(Scaler::fit(&first));
        for row in first.iter() {
            self.locate(row);
            self.pass();
        }
        if self.filled >= self.params.window_size {
            self.turn();
        }
    }

    /// A window is full: it is what the next rows are compared with.
    fn turn(&mut self) {
        self.window = self.window.wrapping_add(1);
        self.filled = 0;
    }

    fn locate(&mut self, row: &[f64]) {
        if let Some(scaler) = &self.scaler {
            scaler.scale_linear(row, &mut self.scaled);
            fold(&self.scaled, &mut self.place);
        }
    }

    fn limit(&self) -> f64 {
        self.params.size_limit * self.params.window_size as f64
    }

    /// Scores and counts the row that was located, in one walk.
    fn pass(&mut self) -> f64 {
        let limit = self.limit();
        let window = self.window;
        let height = self.params.height;
        let place = &self.place;
        let mut mass = 0.0;
        for nodes in &mut self.trees {
            let mut at = 0;
            let mut open = true;
            for depth in 0..=height {
                let node = &mut nodes[at];
                if open {
                    let reference = node.reference(window);
                    if depth == height || f64::from(reference) < limit {
                        mass += f64::from(reference) * (1u64 << depth) as f64;
                        open = false;
                    }
                }
                node.count(window);
                at = 2 * at + 1 + usize::from(place[node.column as usize] >= node.split);
            }
        }
        self.filled += 1;
        self.scored(mass)
    }

    /// From 0 (all rows fall there) to 1 (none does): the paper's mass on a logarithmic scale, as
    /// if the window had the paper's length, so that scores of windows of any length compare.
    fn scored(&self, mass: f64) -> f64 {
        if self.window <= 1 {
            return 0.0;
        }
        let share = mass / (self.params.n_trees as f64 * self.params.window_size as f64);
        let most = (1u64 << self.params.height) as f64;
        (1.0 - (1.0 + WINDOW * share).log2() / (1.0 + WINDOW * most).log2()).clamp(0.0, 1.0)
    }
}

/// Rows of a window in the paper.
const WINDOW: f64 = 250.0;
/// Rows after which the measure of columns is settled.
const MEASURED: usize = 1000;

/// From any number to 0 … 1, the median in the middle.
fn fold(scaled: &[f32], place: &mut Vec<f32>) {
    place.clear();
    place.extend(scaled.iter().map(|z| 0.5 + 0.5 * z / (1.0 + z.abs())));
}

impl Detector for HalfSpaceTrees {
    fn columns(&self) -> usize {
        self.columns
    }

    fn scores(&self, rows: &Matrix, threads: usize) -> Vec<f64> {
        parallel::rows(rows.rows(), threads, |range| {
            range.map(|row| self.score(rows.row(row))).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_rows_of_a_stream() {
        let mut random = Chance::new(8);
        let mut trees = HalfSpaceTreesParams::default().build(2).unwrap();
        let mut usual = 0.0f64;
        for step in 0..2000 {
            let score = trees.update(&[random.normal(), random.normal() * 3.0]);
            assert!((0.0..=1.0).contains(&score));
            if step >= 1000 {
                usual += score / 1000.0;
            }
        }
        let odd = trees.update(&[25.0, -80.0]);
        assert!(odd > usual + 0.1, "{odd} {usual}");
    }

    #[test]
    fn forgets_what_is_two_windows_old() {
        let mut random = Chance::new(8);
        let mut trees = HalfSpaceTreesParams::default().build(1).unwrap();
        for _ in 0..750 {
            trees.update(&[random.normal()]);
        }
        let new = trees.score(&[50.0]);
        for _ in 0..1000 {
            trees.update(&[50.0 + random.normal()]);
        }
        assert!(trees.score(&[50.0]) < new);
        assert!(trees.score(&[0.0]) > trees.score(&[50.0]));
    }

    #[test]
    fn a_table_of_any_length_is_known() {
        for rows in [100, 250, 400, 1500] {
            let mut random = Chance::new(8);
            let table: Vec<[f64; 1]> = (0..rows).map(|_| [random.normal()]).collect();
            let trees = HalfSpaceTreesParams::default()
                .fit(&Matrix::from_rows(&table))
                .unwrap();
            assert!(trees.score(&[0.0]) < 0.8, "{rows}: {}", trees.score(&[0.0]));
            assert!(trees.score(&[50.0]) > trees.score(&[0.0]) + 0.1, "{rows}");
        }
    }

    #[test]
    fn scoring_alone_is_what_passing_gives() {
        let mut random = Chance::new(2);
        let mut trees = HalfSpaceTreesParams::default().build(3).unwrap();
        for _ in 0..900 {
            let row = [random.normal(), random.normal(), f64::NAN];
            let alone = trees.score(&row);
            assert_eq!(alone, trees.update(&row));
        }
    }
}
