//! k-means.

use super::{Points, distance};
use crate::chance::Chance;
use crate::numeric::{Matrix, parallel};

/// How k-means works; names and defaults are scikit-learn's.
#[derive(Debug, Clone, PartialEq)]
pub struct KMeansParams {
    /// Number of groups.
    pub n_clusters: usize,
    /// Times it begins anew; the best is kept.
    pub n_init: usize,
    /// Most rounds.
    pub max_iter: usize,
    /// Rows of a batch.
    pub batch_size: usize,
    /// Seed of all chance.
    pub seed: u64,
}

impl Default for KMeansParams {
    fn default() -> Self {
        Self {
            n_clusters: 8,
            n_init: 4,
            max_iter: 300,
            batch_size: 1024,
            seed: 0,
        }
    }
}

/// Centres of groups, in comparable columns.
#[derive(Debug, Clone, PartialEq)]
pub struct KMeans {
    centres: Vec<Vec<f32>>,
    /// The sum of squared distances to the nearest centre.
    pub inertia: f64,
}

impl KMeansParams {
    /// Finds centres by Lloyd's rounds and gives the group of each row.
    pub fn fit(&self, data: &Matrix, threads: usize) -> (KMeans, Vec<u32>) {
        let points = Points::new(data);
        let means = self.fit_points(&points, threads);
        let labels = means.assign(&points, threads);
        (means, labels)
    }

    pub(super) fn fit_points(&self, points: &Points, threads: usize) -> KMeans {
        (0..self.n_init.max(1))
            .map(|begin| {
                let mut chance = Chance::of(self.seed, begin as u64);
                let mut means = KMeans {
                    centres: begin_apart(points, self.n_clusters, &mut chance),
                    inertia: f64::INFINITY,
                };
                for _ in 0..self.max_iter.max(1) {
                    let before = means.inertia;
                    means.round(points, threads);
                    if before - means.inertia <= before * 1e-6 {
                        break;
                    }
                }
                means
            })
            .min_by(|a, b| a.inertia.total_cmp(&b.inertia))
            .unwrap_or(KMeans {
                centres: Vec::new(),
                inertia: 0.0,
            })
    }

    /// Moves centres by batches of rows: less exact, and quick whatever the size.
    pub(super) fn fit_batches(&self, points: &Points, threads: usize) -> KMeans {
        let mut chance = Chance::of(self.seed, u64::MAX);
        let rows = points.rows();
        // Begun on a sample that k-means itself has settled on.
        let sample =
            points.select(&chance.sample(rows, (3 * self.batch_size).max(self.n_clusters)));
        let mut means = self.fit_points(&sample, threads);
        let mut seen = vec![1.0f32; means.centres.len()];
        let rounds = (2 * rows / self.batch_size.max(1)).clamp(20, self.max_iter.max(20));
        for _ in 0..rounds {
            for _ in 0..self.batch_size.min(rows) {
                let row = points.row(chance.below(rows));
                let nearest = means.nearest(row).0;
                let (Some(centre), Some(seen)) =
                    (means.centres.get_mut(nearest), seen.get_mut(nearest))
                else {
                    continue;
                };
                *seen += 1.0;
                for (place, value) in centre.iter_mut().zip(row) {
                    *place += (value - *place) / *seen;
                }
            }
        }
        means
    }
}

impl KMeans {
    /// The nearest centre and the squared distance to it.
    fn nearest(&self, row: &[f32]) -> (usize, f32) {
        let mut best = (0, f32::INFINITY);
        for (place, centre) in self.centres.iter().enumerate() {
            let far = distance(row, centre);
            if far < best.1 {
                best = (place, far);
            }
        }
        best
    }

    pub(super) fn assign(&self, points: &Points, threads: usize) -> Vec<u32> {
        parallel::rows(points.rows(), threads, |range| {
            range
                .map(|row| self.nearest(points.row(row)).0 as u32)
                .collect()
        })
    }

    /// Each row goes to the nearest centre, each centre to the mean of its rows.
    fn round(&mut self, points: &Points, threads: usize) {
        let columns = points.columns();
        let nearest = parallel::rows(points.rows(), threads, |range| {
            range.map(|row| self.nearest(points.row(row))).collect()
        });
        let mut sums = vec![vec![0.0f64; columns]; self.centres.len()];
        let mut counts = vec![0usize; self.centres.len()];
        self.inertia = 0.0;
        let mut farthest = (0, -1.0);
        for (row, (centre, far)) in nearest.iter().enumerate() {
            self.inertia += f64::from(*far);
            counts[*centre] += 1;
            for (sum, value) in sums[*centre].iter_mut().zip(points.row(row)) {
                *sum += f64::from(*value);
            }
            if *far > farthest.1 {
                farthest = (row, *far);
            }
        }
        for ((centre, sum), count) in self.centres.iter_mut().zip(&sums).zip(&counts) {
            if *count == 0 {
                // A centre that nobody is near begins anew where it is missed most.
                centre.copy_from_slice(points.row(farthest.0));
                continue;
            }
            for (value, sum) in centre.iter_mut().zip(sum) {
                *value = (sum / *count as f64) as f32;
            }
        }
    }
}

/// k-means++: the next centre is a row, likelier the farther it is from those there are.
fn begin_apart(points: &Points, clusters: usize, chance: &mut Chance) -> Vec<Vec<f32>> {
    let rows = points.rows();
    let first = points.row(chance.below(rows)).to_vec();
    let mut far: Vec<f32> = (0..rows)
        .map(|row| distance(points.row(row), &first))
        .collect();
    let mut centres = vec![first];
    while centres.len() < clusters.min(rows) {
        let all: f64 = far.iter().map(|d| f64::from(*d)).sum();
        // All rows are at a centre: more of them would be the same.
        if all <= 0.0 {
            break;
        }
        let mut left = chance.unit() * all;
        let next = far
            .iter()
            .position(|d| {
                left -= f64::from(*d);
                left < 0.0
            })
            .unwrap_or(rows - 1);
        let centre = points.row(next).to_vec();
        for (row, d) in far.iter_mut().enumerate() {
            *d = d.min(distance(points.row(row), &centre));
        }
        centres.push(centre);
    }
    centres
}
