//! How well rows sit in their groups.

use super::{Points, distance};
use crate::chance::Chance;
use crate::numeric::{Matrix, parallel};

/// Rows from which on a sample is looked at.
const MOST: usize = 2000;

/// The mean silhouette of rows that belong to a group (Rousseeuw 1987), columns as they are;
/// `None` if there are less than two groups.
///
/// ```
/// use netloom_ml::Matrix;
/// use netloom_ml::cluster::silhouette_score;
///
/// let rows = Matrix::from_rows(&[[0.0], [1.0], [10.0], [11.0]]);
/// let labels = [Some(0), Some(0), Some(1), Some(1)];
/// // scikit-learn: silhouette_score([[0], [1], [10], [11]], [0, 0, 1, 1])
/// assert!((silhouette_score(&rows, &labels).unwrap() - 0.899_749_373_433_584).abs() < 1e-6);
/// ```
pub fn silhouette_score(data: &Matrix, labels: &[Option<u32>]) -> Option<f64> {
    let points = Points {
        values: data.values().iter().map(|v| *v as f32).collect(),
        columns: data.columns(),
    };
    let rows: Vec<usize> = (0..points.rows())
        .filter(|row| labels.get(*row).is_some_and(Option::is_some))
        .collect();
    score(&points, labels, &rows, 1)
}

/// Of a sample, where there are many rows.
pub(super) fn of_points(
    points: &Points,
    labels: &[Option<u32>],
    seed: u64,
    threads: usize,
) -> Option<f64> {
    let mut rows: Vec<usize> = (0..points.rows())
        .filter(|r| labels[*r].is_some())
        .collect();
    if rows.len() > MOST {
        let mut drawn = Chance::new(seed).sample(rows.len(), MOST);
        drawn.sort_unstable();
        rows = drawn.into_iter().map(|place| rows[place]).collect();
    }
    score(points, labels, &rows, threads)
}

fn score(points: &Points, labels: &[Option<u32>], rows: &[usize], threads: usize) -> Option<f64> {
    let label = |row: usize| labels[row].unwrap_or(0) as usize;
    let groups = rows.iter().map(|row| label(*row) + 1).max()?;
    let mut sizes = vec![0usize; groups];
    for row in rows {
        sizes[label(*row)] += 1;
    }
    if sizes.iter().filter(|size| **size > 0).count() < 2 {
        return None;
    }
    let silhouettes: Vec<f64> = parallel::rows(rows.len(), threads, |range| {
        let mut sums = vec![0.0f64; groups];
        range
            .map(|place| {
                let row = rows[place];
                let own = label(row);
                if sizes[own] < 2 {
                    return 0.0;
                }
                sums.fill(0.0);
                for other in rows {
                    let far = distance(points.row(row), points.row(*other)).sqrt();
                    sums[label(*other)] += f64::from(far);
                }
                let within = sums[own] / (sizes[own] - 1) as f64;
                let beside = (0..groups)
                    .filter(|group| *group != own && sizes[*group] > 0)
                    .map(|group| sums[group] / sizes[group] as f64)
                    .fold(f64::INFINITY, f64::min);
                let larger = within.max(beside);
                if larger > 0.0 {
                    (beside - within) / larger
                } else {
                    0.0
                }
            })
            .collect()
    });
    Some(silhouettes.iter().sum::<f64>() / silhouettes.len() as f64)
}
