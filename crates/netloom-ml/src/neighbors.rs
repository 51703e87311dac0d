//! k nearest neighbours: what the most similar training rows were.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::numeric::{Features, parallel};
use crate::preprocess::Preprocessing;
use crate::supervised::{Core, Labelled, Learn};

/// How much a neighbour counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NeighborWeights {
    /// All alike.
    #[default]
    Uniform,
    /// The nearer the more: 1 / distance.
    Distance,
}

/// Parameters of k nearest neighbours, as scikit-learn's `KNeighborsClassifier` with Euclidean
/// distances.
///
/// A row is told the shares of the classes among the k training rows nearest to it (Cover and Hart,
/// IEEE Transactions on Information Theory 13, 1967); of rows equally near those that came first.
/// The model is the training rows. Squared distances to all of them,
/// `|a|² − 2 a·b + |b|²`, come from matrix products in single precision; the nearest are measured
/// again exactly, and so are all others whose rounding errors could hide that they are as near.
/// Telling a row takes O(n m) for n training rows and m columns. Columns are scaled
/// first, unless another preprocessing is given.
///
/// ```
/// use netloom_ml::{ClassifierParams, Dataset, KNeighborsParams, Run, Values};
///
/// let data = Dataset::new(vec![("bytes", Values::numbers([1.0, 2.0, 3.0, 90.0, 95.0, 99.0]))])?
///     .with_classes(["small", "small", "small", "large", "large", "large"])?;
/// let params = KNeighborsParams { n_neighbors: 3, ..KNeighborsParams::default() };
/// let model = params.fit(&data, Run::default())?;
/// assert_eq!(model.predict_proba(&data, 1)?.predicted(), [1, 1, 1, 0, 0, 0]);
/// # Ok::<(), netloom_ml::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KNeighborsParams {
    /// k; all rows if there are fewer.
    pub n_neighbors: usize,
    /// How much a neighbour counts.
    pub weights: NeighborWeights,
}

impl Default for KNeighborsParams {
    fn default() -> Self {
        Self {
            n_neighbors: 5,
            weights: NeighborWeights::Uniform,
        }
    }
}

impl Learn for KNeighborsParams {
    const NAME: &'static str = "k-neighbors";

    fn preprocessing(&self) -> Preprocessing {
        Preprocessing::SCALED
    }

    fn check(&self) -> Result<(), Error> {
        if self.n_neighbors > 0 {
            Ok(())
        } else {
            Err(Error::parameter(
                "n_neighbors",
                &self.n_neighbors,
                "1 or more",
            ))
        }
    }

    fn learn(&self, data: &Labelled<'_>) -> Result<Core, Error> {
        let columns = data.features.len();
        // Rows that count for nothing are no neighbours.
        let kept: Vec<usize> = (0..data.codes.len())
            .filter(|&row| data.weights[row] > 0.0)
            .collect();
        let matrix = data.features.matrix();
        let rows: Vec<f32> = kept
            .iter()
            .flat_map(|&row| matrix.row(row).iter().map(|&value| value as f32))
            .collect();
        let mut neighbors = Neighbors {
            k: self.n_neighbors as u32,
            by_distance: self.weights == NeighborWeights::Distance,
            classes: data.classes as u32,
            columns: columns as u32,
            rows,
            codes: kept.iter().map(|&row| data.codes[row]).collect(),
            squares: Vec::new(),
        };
        neighbors.prepare();
        Ok(Core::Neighbors(neighbors))
    }
}

/// The training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Neighbors {
    k: u32,
    by_distance: bool,
    classes: u32,
    columns: u32,
    rows: Vec<f32>,
    codes: Vec<u32>,
    /// |b|² of each row; made when the rows are there.
    #[serde(skip)]
    squares: Vec<f32>,
}

/// Rows that are told together …
const QUERIES: usize = 128;
/// … and training rows that they are compared with at a time: the products stay in the cache.
const BLOCK: usize = 1024;
/// Candidates that are measured exactly, beyond k.
const SPARE: usize = 8;

impl Neighbors {
    /// What is not in a file but follows from it.
    pub(crate) fn prepare(&mut self) {
        self.squares = self
            .rows
            .chunks(self.columns.max(1) as usize)
            .map(|row| row.iter().map(|value| value * value).sum())
            .collect();
    }

    pub(crate) fn predict_proba(&self, features: &Features, threads: usize) -> Vec<f64> {
        let blocks = features.rows().div_ceil(QUERIES);
        parallel::map(blocks, threads, |block| {
            let rows = block * QUERIES..((block + 1) * QUERIES).min(features.rows());
            let mut values = Vec::new();
            features.block(rows, &mut values);
            let queries: Vec<f32> = values.iter().map(|&value| value as f32).collect();
            self.tell(&queries)
        })
        .concat()
    }

    fn tell(&self, queries: &[f32]) -> Vec<f64> {
        let columns = self.columns as usize;
        let count = queries.len() / columns.max(1);
        let wanted = (self.k as usize + SPARE).min(self.codes.len());
        let mut nearest: Vec<Nearest> = (0..count).map(|_| Nearest::new(wanted)).collect();
        let mut products = vec![0.0_f32; count * BLOCK];
        for (block, rows) in self.rows.chunks(BLOCK * columns).enumerate() {
            let first = block * BLOCK;
            let width = rows.len() / columns;
            multiply(queries, rows, columns, &mut products[..count * width]);
            let squares = &self.squares[first..first + width];
            for (products, nearest) in products.chunks(width).zip(&mut nearest) {
                nearest.look(products, squares, first);
            }
        }
        let mut unsure = Vec::new();
        let mut measured: Vec<Vec<(f64, u32)>> = Vec::with_capacity(count);
        for (query, nearest) in queries.chunks(columns).zip(&nearest) {
            let mut rows: Vec<(f64, u32)> = nearest
                .rows
                .iter()
                .map(|&(_, row)| (self.distance(query, row), row))
                .collect();
            rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            rows.truncate(self.k as usize);
            if let Some(limit) = self.unsure(query, nearest, &rows) {
                unsure.push((measured.len(), limit));
                rows.clear();
            }
            measured.push(rows);
        }
        if !unsure.is_empty() {
            self.look_again(queries, &unsure, &mut measured, &mut products);
        }
        let classes = self.classes as usize;
        let mut told = vec![0.0; count * classes];
        for (rows, told) in measured.iter().zip(told.chunks_mut(classes)) {
            self.vote(rows, told);
        }
        told
    }

    /// The squared distance.
    fn distance(&self, query: &[f32], row: u32) -> f64 {
        let columns = self.columns as usize;
        let from = row as usize * columns;
        let distance = self.rows[from..from + columns]
            .iter()
            .zip(query)
            .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
            .sum::<f64>();
        if distance.is_nan() {
            f64::INFINITY
        } else {
            distance
        }
    }

    /// Where rows that were not measured may be as near as those that were: up to which
    /// `|b|² − 2 a·b`.
    ///
    /// Sums of m products in single precision are off by at most about m ε |a| |b|. A row b that is
    /// as near as the distance d is not longer than |a| + d.
    fn unsure(&self, query: &[f32], nearest: &Nearest, measured: &[(f64, u32)]) -> Option<f64> {
        let (worst, last) = nearest.rows.first().zip(measured.last())?;
        if nearest.rows.len() == self.codes.len() {
            return None;
        }
        let square: f64 = query.iter().map(|value| f64::from(*value).powi(2)).sum();
        let reach = 2.0 * square.sqrt() + last.0.sqrt();
        let error = f64::from(self.columns + 4) * f64::from(f32::EPSILON) * reach * reach;
        let limit = last.0 - square + error;
        if f64::from(worst.0) > limit {
            None
        } else if limit.is_nan() {
            Some(f64::INFINITY)
        } else {
            Some(limit)
        }
    }

    /// Measures all rows up to their limits.
    fn look_again(
        &self,
        queries: &[f32],
        unsure: &[(usize, f64)],
        measured: &mut [Vec<(f64, u32)>],
        products: &mut [f32],
    ) {
        let (columns, k) = (self.columns as usize, self.k as usize);
        let query = |place: usize| &queries[place * columns..(place + 1) * columns];
        let again: Vec<f32> = unsure
            .iter()
            .flat_map(|&(place, _)| query(place))
            .copied()
            .collect();
        for (block, rows) in self.rows.chunks(BLOCK * columns).enumerate() {
            let first = block * BLOCK;
            let width = rows.len() / columns;
            let products = &mut products[..unsure.len() * width];
            multiply(&again, rows, columns, products);
            let squares = &self.squares[first..first + width];
            for (products, &(place, limit)) in products.chunks(width).zip(unsure) {
                let nearest = &mut measured[place];
                for (row, (product, square)) in products.iter().zip(squares).enumerate() {
                    if f64::from(square - 2.0 * product) > limit {
                        continue;
                    }
                    let row = (first + row) as u32;
                    let distance = self.distance(query(place), row);
                    // Rows come in order: of equals those that came first stay.
                    let at = nearest.partition_point(|(other, _)| *other <= distance);
                    if at < k {
                        nearest.insert(at, (distance, row));
                        nearest.truncate(k);
                    }
                }
            }
        }
    }

    /// Counts the nearest.
    fn vote(&self, nearest: &[(f64, u32)], told: &mut [f64]) {
        let touching = nearest.iter().any(|(distance, _)| *distance == 0.0);
        for &(distance, row) in nearest {
            let weight = match (self.by_distance, touching) {
                (false, _) => 1.0,
                // Rows that are the same are all that counts.
                (true, true) => f64::from(u8::from(distance == 0.0)),
                (true, false) => 1.0 / distance.sqrt().max(f64::MIN_POSITIVE),
            };
            told[self.codes[row as usize] as usize] += weight;
        }
        let sum: f64 = told.iter().sum();
        let even = 1.0 / told.len() as f64;
        for share in told {
            *share = if sum > 0.0 { *share / sum } else { even };
        }
    }

    pub(crate) fn is_sound(&self, columns: usize, classes: usize) -> bool {
        columns > 0
            && self.k > 0
            && self.columns as usize == columns
            && self.classes as usize == classes
            && !self.codes.is_empty()
            && self.codes.len().checked_mul(columns) == Some(self.rows.len())
            && self.codes.iter().all(|&code| (code as usize) < classes)
            && self.rows.iter().all(|value| value.is_finite())
    }
}

/// `products = queries · rowsᵀ`, each of `columns` numbers a row.
fn multiply(queries: &[f32], rows: &[f32], columns: usize, products: &mut [f32]) {
    let shapes = (queries.len() / columns, rows.len() / columns);
    let views = (
        ArrayView2::from_shape((shapes.0, columns), queries),
        ArrayView2::from_shape((shapes.1, columns), rows),
        ArrayViewMut2::from_shape(shapes, products),
    );
    if let (Ok(queries), Ok(rows), Ok(mut products)) = views {
        general_mat_mul(1.0, &queries, &rows.t(), 0.0, &mut products);
    }
}

/// The nearest rows so far, the furthest of them first: a heap.
struct Nearest {
    rows: Vec<(f32, u32)>,
    wanted: usize,
}

impl Nearest {
    fn new(wanted: usize) -> Self {
        Self {
            rows: Vec::with_capacity(wanted + 1),
            wanted,
        }
    }

    /// Looks at rows from `first` on: their products with the query, and their squares.
    ///
    /// Nearly all are further than those that are known. They are compared many at a time, without
    /// a branch for each: with one, this took as long as the products.
    fn look(&mut self, products: &[f32], squares: &[f32], first: usize) {
        const LANES: usize = 32;
        let chunks = products.chunks(LANES).zip(squares.chunks(LANES));
        for (chunk, (products, squares)) in chunks.enumerate() {
            if let (true, Some((most, _))) = (self.rows.len() == self.wanted, self.rows.first()) {
                let near: u32 = products
                    .iter()
                    .zip(squares)
                    .map(|(product, square)| u32::from(square - 2.0 * product < *most))
                    .sum();
                if near == 0 {
                    continue;
                }
            }
            self.look_closely(products, squares, first + chunk * LANES);
        }
    }

    fn look_closely(&mut self, products: &[f32], squares: &[f32], first: usize) {
        for (place, (product, square)) in products.iter().zip(squares).enumerate() {
            // Less the query's own square, which is the same for all.
            let distance = square - 2.0 * product;
            let full = self.rows.len() == self.wanted;
            if full && self.rows.first().is_none_or(|(most, _)| distance >= *most) {
                continue;
            }
            let distance = if distance.is_nan() {
                f32::INFINITY
            } else {
                distance
            };
            self.push(distance, (first + place) as u32);
        }
    }

    fn push(&mut self, distance: f32, row: u32) {
        if self.rows.len() < self.wanted {
            self.rows.push((distance, row));
            let mut place = self.rows.len() - 1;
            while place > 0 {
                let parent = (place - 1) / 2;
                if self.rows[parent].0 >= self.rows[place].0 {
                    break;
                }
                self.rows.swap(parent, place);
                place = parent;
            }
            return;
        }
        self.rows[0] = (distance, row);
        let mut place = 0;
        loop {
            let mut largest = place;
            for child in [2 * place + 1, 2 * place + 2] {
                if child < self.rows.len() && self.rows[child].0 > self.rows[largest].0 {
                    largest = child;
                }
            }
            if largest == place {
                return;
            }
            self.rows.swap(place, largest);
            place = largest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use crate::model::Run;

    fn features(rows: usize, chance: &mut Chance, draw: fn(&mut Chance) -> f64) -> Features {
        let columns = (0..3)
            .map(|_| (0..rows).map(|_| draw(chance)).collect::<Vec<_>>().into())
            .collect();
        let names = ["a", "b", "c"].map(str::to_owned).into();
        Features::new(names, columns, rows)
    }

    #[test]
    fn the_nearest_by_definition() {
        let wide = |chance: &mut Chance| chance.normal() * 3.0 + 100.0;
        nearest_by_definition(NeighborWeights::Uniform, wide);
        nearest_by_definition(NeighborWeights::Distance, wide);
    }

    #[test]
    fn the_nearest_where_products_round_the_distances_away() {
        let close = |chance: &mut Chance| 100.0 + chance.below(64) as f64 / 1024.0;
        nearest_by_definition(NeighborWeights::Uniform, close);
        let same = |chance: &mut Chance| 100.0 + chance.below(3) as f64;
        nearest_by_definition(NeighborWeights::Uniform, same);
    }

    fn nearest_by_definition(weights: NeighborWeights, draw: fn(&mut Chance) -> f64) {
        let mut chance = Chance::new(2);
        let train = features(3000, &mut chance, draw);
        let test = features(300, &mut chance, draw);
        let codes: Vec<u32> = (0..3000).map(|_| chance.below(4) as u32).collect();
        let params = KNeighborsParams {
            n_neighbors: 7,
            weights,
        };
        let core = params
            .learn(&Labelled {
                features: &train,
                codes: &codes,
                weights: &vec![1.0; 3000],
                classes: 4,
                run: Run {
                    seed: 0,
                    threads: 1,
                },
            })
            .unwrap();
        let Core::Neighbors(neighbors) = core else {
            panic!("rows");
        };
        let told = neighbors.predict_proba(&test, 2);
        let (train, test) = (train.matrix(), test.matrix());
        for (row, told) in told.chunks(4).enumerate() {
            let mut all: Vec<(f64, usize)> = (0..3000)
                .map(|other| {
                    let parts = test.row(row).iter().zip(train.row(other));
                    let parts =
                        parts.map(|(a, b)| (f64::from(*a as f32) - f64::from(*b as f32)).powi(2));
                    (parts.sum::<f64>(), other)
                })
                .collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut expected = [0.0; 4];
            for (distance, other) in &all[..7] {
                expected[codes[*other] as usize] += match weights {
                    NeighborWeights::Uniform => 1.0,
                    NeighborWeights::Distance => 1.0 / distance.sqrt(),
                };
            }
            let sum: f64 = expected.iter().sum();
            for (told, expected) in told.iter().zip(expected) {
                assert!((told - expected / sum).abs() < 1e-9, "row {row}");
            }
        }
    }
}
