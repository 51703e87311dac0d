//! Clustering: rows that resemble each other, what sets each group apart, and a map of all.
//!
//! | algorithm | finds |
//! |---|---|
//! | [`Algorithm::KMeans`] | round groups, as many as the silhouette likes best |
//! | [`Algorithm::MiniBatchKMeans`] | the same in tables of millions of rows |
//! | [`Algorithm::Dbscan`] | dense groups of any shape, and rows that belong to none |
//! | [`Algorithm::Hdbscan`] | the same where groups differ in density |
//!
//! Columns are made comparable first: heavy tails are drawn in, by what is usual in the table.
//!
//! ```
//! use netloom_ml::Matrix;
//! use netloom_ml::cluster::{ClusterOptions, cluster};
//!
//! let rows: Vec<[f64; 2]> = (0..60)
//!     .map(|i| if i % 2 == 0 { [1.0 + f64::from(i % 7), 5.0] } else { [900.0, 80.0 + f64::from(i % 5)] })
//!     .collect();
//! let found = cluster(&Matrix::from_rows(&rows), &ClusterOptions::default())?;
//! assert_eq!(found.clusters, 2);
//! assert_ne!(found.labels[0], found.labels[1]);
//! # Ok::<(), netloom_ml::cluster::ClusterError>(())
//! ```

mod density;
mod describe;
mod kmeans;
mod map;
mod silhouette;
mod table;

pub use describe::{Difference, describe};
pub use kmeans::{KMeans, KMeansParams};
pub use map::map;
pub use silhouette::silhouette_score;
pub use table::Numbered;

use crate::chance::Chance;
use crate::numeric::Matrix;
use crate::numeric::parallel;
use crate::numeric::scaler::Scaler;
use crate::numeric::statistics::deviation;

/// How groups are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// k-means (Lloyd), begun by k-means++ (Arthur and Vassilvitskii 2007).
    #[default]
    KMeans,
    /// k-means on batches (Sculley 2010).
    MiniBatchKMeans,
    /// DBSCAN (Ester et al. 1996).
    Dbscan,
    /// HDBSCAN (Campello, Moulavi and Sander 2013).
    Hdbscan,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::KMeans,
        Self::MiniBatchKMeans,
        Self::Dbscan,
        Self::Hdbscan,
    ];

    /// Its name, as options and files have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::KMeans => "k-means",
            Self::MiniBatchKMeans => "mini-batch-k-means",
            Self::Dbscan => "dbscan",
            Self::Hdbscan => "hdbscan",
        }
    }
}

/// How to find groups.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterOptions {
    /// The algorithm; `None`: k-means, by batches from 20,000 rows on.
    pub algorithm: Option<Algorithm>,
    /// Groups of k-means; `None` takes the number from 2 to `max_clusters` with the best
    /// silhouette, a larger one only if it is better by more than 0.01.
    pub clusters: Option<usize>,
    /// Most groups that are tried.
    pub max_clusters: usize,
    /// Distance within which DBSCAN counts neighbours; `None` takes the knee of the distances
    /// to the `min_samples`-th neighbour.
    pub eps: Option<f64>,
    /// Neighbours that make a place dense.
    pub min_samples: usize,
    /// Rows that make a group of HDBSCAN.
    pub min_cluster_size: usize,
    /// Rows that DBSCAN and HDBSCAN look at at most; the others go where the nearest of these
    /// is.
    pub max_samples: usize,
    /// Seed of all chance.
    pub seed: u64,
    /// Threads to use; the result does not depend on it.
    pub threads: usize,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            algorithm: None,
            clusters: None,
            max_clusters: 10,
            eps: None,
            min_samples: 10,
            min_cluster_size: 20,
            max_samples: 5000,
            seed: 0,
            threads: 1,
        }
    }
}

/// Groups of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Clustering {
    /// The algorithm that found them.
    pub algorithm: Algorithm,
    /// The group of each row, the largest being 0; `None` belongs to none.
    pub labels: Vec<Option<u32>>,
    /// Number of groups.
    pub clusters: usize,
    /// How well rows sit in their groups, from −1 to 1 (of a sample where there are many);
    /// `None` if there are less than two groups.
    pub silhouette: Option<f64>,
    /// Silhouettes of the numbers of groups that were tried.
    pub tried: Vec<(usize, f64)>,
    /// The distance that DBSCAN used.
    pub eps: Option<f64>,
    /// Rows that were looked at, where that were not all.
    pub sampled: Option<usize>,
}

impl Clustering {
    /// Rows of each group.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.clusters];
        for label in self.labels.iter().flatten() {
            sizes[*label as usize] += 1;
        }
        sizes
    }

    /// Rows that belong to no group.
    pub fn noise(&self) -> usize {
        self.labels.iter().filter(|label| label.is_none()).count()
    }
}

/// Why no groups can be found.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The table has no rows.
    #[error("there are no rows to group")]
    NoRows,
    /// The table has no columns.
    #[error("there are no columns to group by")]
    NoColumns,
    /// A parameter makes no sense.
    #[error("{name} is {value}, but must be {must}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// What it was.
        value: String,
        /// What it may be.
        must: &'static str,
    },
}

impl From<ClusterError> for crate::error::Error {
    fn from(error: ClusterError) -> Self {
        match error {
            ClusterError::NoRows => Self::NoRows,
            ClusterError::NoColumns => Self::NoColumns,
            ClusterError::Parameter { name, value, must } => Self::parameter(name, &value, must),
        }
    }
}

/// Rows from which on k-means works on batches.
const MANY: usize = 20_000;

/// Finds groups of rows.
///
/// # Errors
/// There are no rows or columns, or an option makes no sense.
pub fn cluster(data: &Matrix, options: &ClusterOptions) -> Result<Clustering, ClusterError> {
    check(data, options)?;
    let points = Points::new(data);
    let by_size = if data.rows() > MANY {
        Algorithm::MiniBatchKMeans
    } else {
        Algorithm::KMeans
    };
    let algorithm = options.algorithm.unwrap_or(by_size);
    let mut found = Clustering {
        algorithm,
        labels: Vec::new(),
        clusters: 0,
        silhouette: None,
        tried: Vec::new(),
        eps: None,
        sampled: None,
    };
    let labels = match algorithm {
        Algorithm::KMeans | Algorithm::MiniBatchKMeans => {
            by_means(&points, algorithm, options, &mut found)
        }
        Algorithm::Dbscan | Algorithm::Hdbscan => {
            by_density(&points, algorithm, options, &mut found)
        }
    };
    (found.labels, found.clusters) = largest_first(&labels);
    found.silhouette = silhouette::of_points(&points, &found.labels, options.seed, options.threads);
    Ok(found)
}

fn check(data: &Matrix, options: &ClusterOptions) -> Result<(), ClusterError> {
    if data.columns() == 0 {
        return Err(ClusterError::NoColumns);
    }
    if data.rows() == 0 {
        return Err(ClusterError::NoRows);
    }
    let least = |name, value: usize, least, must| {
        if value < least {
            let value = value.to_string();
            return Err(ClusterError::Parameter { name, value, must });
        }
        Ok(())
    };
    least("clusters", options.clusters.unwrap_or(1), 1, "at least 1")?;
    least("max_clusters", options.max_clusters, 2, "at least 2")?;
    least("min_samples", options.min_samples, 1, "at least 1")?;
    least(
        "min_cluster_size",
        options.min_cluster_size,
        2,
        "at least 2",
    )?;
    least("max_samples", options.max_samples, 1, "at least 1")?;
    if let Some(eps) = options.eps
        && !(eps > 0.0 && eps.is_finite())
    {
        return Err(ClusterError::Parameter {
            name: "eps",
            value: eps.to_string(),
            must: "above 0",
        });
    }
    Ok(())
}

/// How much better more groups must sit to be taken: rows that repeat a few values sit a little
/// better the more of these have a group of their own.
const WORTH: f64 = 0.01;

fn by_means(
    points: &Points,
    algorithm: Algorithm,
    options: &ClusterOptions,
    found: &mut Clustering,
) -> Vec<Option<u32>> {
    let fit = |clusters: usize| {
        let params = KMeansParams {
            n_clusters: clusters,
            seed: options.seed,
            ..KMeansParams::default()
        };
        if algorithm == Algorithm::MiniBatchKMeans {
            params.fit_batches(points, options.threads)
        } else {
            params.fit_points(points, options.threads)
        }
    };
    let labels = |means: &KMeans| -> Vec<Option<u32>> {
        means
            .assign(points, options.threads)
            .into_iter()
            .map(Some)
            .collect()
    };
    if let Some(clusters) = options.clusters {
        return labels(&fit(clusters.min(points.rows())));
    }
    let most = options.max_clusters.min(points.rows().saturating_sub(1));
    let mut best: Option<(f64, Vec<Option<u32>>)> = None;
    for clusters in 2..=most {
        let labels = labels(&fit(clusters));
        let score = silhouette::of_points(points, &labels, options.seed, options.threads);
        let Some(score) = score else { continue };
        found.tried.push((clusters, score));
        if best.as_ref().is_none_or(|(most, _)| score > most + WORTH) {
            best = Some((score, labels));
        }
    }
    best.map_or_else(|| vec![Some(0); points.rows()], |(_, labels)| labels)
}

fn by_density(
    points: &Points,
    algorithm: Algorithm,
    options: &ClusterOptions,
    found: &mut Clustering,
) -> Vec<Option<u32>> {
    let rows = points.rows();
    let mut looked_at: Vec<usize> = (0..rows).collect();
    if rows > options.max_samples {
        looked_at = Chance::new(options.seed).sample(rows, options.max_samples);
        looked_at.sort_unstable();
        found.sampled = Some(looked_at.len());
    }
    let sample = points.select(&looked_at);
    let labels = if algorithm == Algorithm::Dbscan {
        let eps = options
            .eps
            .unwrap_or_else(|| density::knee(&sample, options.min_samples, options.threads));
        found.eps = Some(eps);
        density::dbscan(&sample, eps, options.min_samples, options.threads)
    } else {
        density::hdbscan(
            &sample,
            options.min_samples,
            options.min_cluster_size,
            options.seed,
        )
    };
    if found.sampled.is_none() {
        return labels;
    }
    parallel::rows(rows, options.threads, |range| {
        range
            .map(|row| {
                let row = points.row(row);
                (0..sample.rows())
                    .map(|other| (distance(row, sample.row(other)), other))
                    .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
                    .and_then(|(_, nearest)| labels[nearest])
            })
            .collect()
    })
}

/// Names groups by size, the largest 0; of equal ones that with the first row.
fn largest_first(labels: &[Option<u32>]) -> (Vec<Option<u32>>, usize) {
    let mut sizes: Vec<(u32, usize, usize)> = Vec::new();
    let mut place = std::collections::HashMap::new();
    for (row, label) in labels.iter().enumerate() {
        let Some(label) = label else { continue };
        let at = *place.entry(*label).or_insert_with(|| {
            sizes.push((*label, 0, row));
            sizes.len() - 1
        });
        sizes[at].1 += 1;
    }
    sizes.sort_by(|a, b| b.1.cmp(&a.1).then(a.2.cmp(&b.2)));
    let names: std::collections::HashMap<u32, u32> =
        sizes.iter().map(|(label, ..)| *label).zip(0..).collect();
    let renamed = labels
        .iter()
        .map(|label| label.and_then(|label| names.get(&label).copied()))
        .collect();
    (renamed, sizes.len())
}

pub(crate) use crate::numeric::distance::squared as distance;

/// Rows in comparable columns: drawn in, then of deviation 1.
#[derive(Debug, Clone)]
pub(crate) struct Points {
    values: Vec<f32>,
    columns: usize,
}

impl Points {
    pub(crate) fn new(data: &Matrix) -> Self {
        let columns = data.columns();
        let mut values = Scaler::fit(data).scale_all(data);
        for column in 0..columns {
            let of: Vec<f64> = values
                .iter()
                .skip(column)
                .step_by(columns)
                .map(|v| f64::from(*v))
                .collect();
            let spread = deviation(&of) as f32;
            if spread > 0.0 {
                for value in values.iter_mut().skip(column).step_by(columns) {
                    *value /= spread;
                }
            }
        }
        Self { values, columns }
    }

    pub(crate) fn rows(&self) -> usize {
        self.values.len() / self.columns.max(1)
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    pub(crate) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        Self {
            values: rows
                .iter()
                .flat_map(|row| self.row(*row))
                .copied()
                .collect(),
            columns: self.columns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::adjusted_rand_score;
    use proptest::prelude::*;

    fn blobs(each: usize) -> (Matrix, Vec<u32>) {
        let mut chance = Chance::new(4);
        let mut rows = Vec::new();
        let mut truth = Vec::new();
        for place in 0..3 * each {
            let group = place % 3;
            let centre = [[0.0, 0.0], [4.0, 8.0], [9.0, -3.0]][group];
            rows.push([
                centre[0] + 0.4 * chance.normal(),
                centre[1] + 0.4 * chance.normal(),
            ]);
            truth.push(group as u32);
        }
        (Matrix::from_rows(&rows), truth)
    }

    #[test]
    fn every_algorithm_finds_three() {
        let (data, truth) = blobs(100);
        for algorithm in Algorithm::ALL {
            let options = ClusterOptions {
                algorithm: Some(algorithm),
                ..ClusterOptions::default()
            };
            let found = cluster(&data, &options).unwrap();
            assert_eq!(found.clusters, 3, "{algorithm:?} {:?}", found.tried);
            let labels: Vec<u32> = found.labels.iter().map(|l| l.unwrap_or(9)).collect();
            let score = adjusted_rand_score(&truth, &labels);
            assert!(score > 0.95, "{algorithm:?}: {score}");
            assert!(found.silhouette.unwrap() > 0.6);
            let threads = ClusterOptions {
                threads: 3,
                ..options
            };
            assert_eq!(cluster(&data, &threads).unwrap(), found);
        }
    }

    #[test]
    fn samples_of_many() {
        let (data, truth) = blobs(300);
        let options = ClusterOptions {
            algorithm: Some(Algorithm::Hdbscan),
            max_samples: 300,
            ..ClusterOptions::default()
        };
        let found = cluster(&data, &options).unwrap();
        assert_eq!(found.sampled, Some(300));
        let labels: Vec<u32> = found.labels.iter().map(|l| l.unwrap_or(9)).collect();
        assert!(adjusted_rand_score(&truth, &labels) > 0.95);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_table(
            values in prop::collection::vec(prop_oneof![
                4 => -1e6..1e6f64, 2 => Just(0.0), 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)
            ], 1..120),
            columns in 1usize..4,
        ) {
            let data = Matrix::new(values, columns);
            for algorithm in Algorithm::ALL {
                let options = ClusterOptions {
                    algorithm: Some(algorithm), max_clusters: 4, ..ClusterOptions::default()
                };
                match cluster(&data, &options) {
                    Ok(found) => {
                        prop_assert_eq!(found.labels.len(), data.rows());
                        prop_assert!(found.labels.iter().flatten().all(|l| (*l as usize) < found.clusters));
                        prop_assert!(found.silhouette.is_none_or(f64::is_finite));
                    }
                    Err(error) => prop_assert_eq!(error, ClusterError::NoRows),
                }
            }
        }
    }
}
