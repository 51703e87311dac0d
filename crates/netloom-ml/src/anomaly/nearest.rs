//! Distance to the nearest neighbours among what is normal.
//!
//! Ramaswamy, Rastogi and Shim, "Efficient algorithms for mining outliers from large data sets",
//! SIGMOD 2000: the score is the distance to the k-th nearest row of the training data.

use super::{AnomalyError, Detector, check};
use crate::chance::Chance;
use crate::numeric::scaler::Scaler;
use crate::numeric::{Matrix, distance, parallel};

/// How distances are taken.
#[derive(Debug, Clone, PartialEq)]
pub struct NearestDistanceParams {
    /// Which neighbour's distance is the score: the first is the nearest.
    pub n_neighbors: usize,
    /// Most training rows kept to compare with; more are sampled.
    pub max_samples: usize,
    /// Seed of the sample.
    pub seed: u64,
}

impl Default for NearestDistanceParams {
    fn default() -> Self {
        Self {
            n_neighbors: 5,
            max_samples: 10_000,
            seed: 0,
        }
    }
}

impl NearestDistanceParams {
    /// Keeps what rows are compared with.
    ///
    /// # Errors
    /// No rows, no columns, or a parameter out of its range.
    pub fn fit(&self, data: &Matrix) -> Result<NearestDistance, AnomalyError> {
        check::fitting(data)?;
        check::at_least("n_neighbors", self.n_neighbors, 1)?;
        check::at_least("max_samples", self.max_samples, 1)?;
        let scaler = Scaler::fit(data);
        let rows = if data.rows() > self.max_samples {
            let mut drawn = Chance::new(self.seed).sample(data.rows(), self.max_samples);
            drawn.sort_unstable();
            scaler.scale_all(&data.select(&drawn))
        } else {
            scaler.scale_all(data)
        };
        Ok(NearestDistance {
            scaler,
            rows,
            neighbors: self.n_neighbors,
        })
    }
}

/// Rows to compare with.
#[derive(Debug, Clone)]
pub struct NearestDistance {
    scaler: Scaler,
    rows: Vec<f32>,
    neighbors: usize,
}

impl NearestDistance {
    fn score(&self, row: &[f32], nearest: &mut Vec<f32>) -> f64 {
        nearest.clear();
        let mut worst = f32::INFINITY;
        for other in self.rows.chunks_exact(row.len().max(1)) {
            let distance = distance::squared(row, other);
            if distance < worst || nearest.len() < self.neighbors {
                let place = nearest.partition_point(|d| *d <= distance);
                nearest.insert(place, distance);
                nearest.truncate(self.neighbors);
                if nearest.len() == self.neighbors {
                    worst = nearest.last().copied().unwrap_or(f32::INFINITY);
                }
            }
        }
        f64::from(nearest.last().copied().unwrap_or(0.0)).sqrt()
    }
}

impl Detector for NearestDistance {
    fn columns(&self) -> usize {
        self.scaler.columns()
    }

    /// The distance in scaled columns: 0 and up.
    fn scores(&self, rows: &Matrix, threads: usize) -> Vec<f64> {
        parallel::rows(rows.rows(), threads, |range| {
            let mut scaled = Vec::new();
            let mut nearest = Vec::new();
            range
                .map(|row| {
                    self.scaler.scale(rows.row(row), &mut scaled);
                    self.score(&scaled, &mut nearest)
                })
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_to_the_kth() {
        let rows: Vec<[f64; 1]> = (0..101).map(|i| [f64::from(i)]).collect();
        let near = NearestDistanceParams {
            n_neighbors: 1,
            ..NearestDistanceParams::default()
        }
        .fit(&Matrix::from_rows(&rows))
        .unwrap();
        let scores = near.scores(&Matrix::from_rows(&[[50.0], [1000.0]]), 1);
        assert_eq!(scores[0], 0.0);
        assert!(scores[1] > 1.0, "{scores:?}");
    }
}
