//! Groups by density.

use std::collections::HashMap;

use ndarray::Array2;
use petal_clustering::{Fit, HDbscan};
use petal_neighbors::distance::Euclidean;

use super::{Points, distance};
use crate::chance::Chance;
use crate::numeric::parallel;

/// DBSCAN: dense rows reach each other within `eps`; the row itself counts among its neighbours,
/// as in scikit-learn.
pub(super) fn dbscan(
    points: &Points,
    eps: f64,
    min_samples: usize,
    threads: usize,
) -> Vec<Option<u32>> {
    let rows = points.rows();
    let near = (eps * eps) as f32;
    let neighbours: Vec<Vec<u32>> = parallel::rows(rows, threads, |range| {
        range
            .map(|row| {
                (0..rows)
                    .filter(|other| distance(points.row(row), points.row(*other)) <= near)
                    .map(|other| other as u32)
                    .collect()
            })
            .collect()
    });
    let mut labels: Vec<Option<u32>> = vec![None; rows];
    let mut next = 0;
    let mut todo = Vec::new();
    for row in 0..rows {
        if labels[row].is_some() || neighbours[row].len() < min_samples {
            continue;
        }
        todo.push(row);
        labels[row] = Some(next);
        while let Some(row) = todo.pop() {
            if neighbours[row].len() < min_samples {
                continue;
            }
            for other in &neighbours[row] {
                let other = *other as usize;
                if labels[other].is_none() {
                    labels[other] = Some(next);
                    todo.push(other);
                }
            }
        }
        next += 1;
    }
    labels
}

/// The distance to the `min_samples`-th neighbour at which it begins to grow fast: the point of
/// the sorted distances that lies farthest below the line from first to last (Satopää et al.,
/// "Finding a kneedle in a haystack", 2011).
pub(super) fn knee(points: &Points, min_samples: usize, threads: usize) -> f64 {
    let rows = points.rows();
    let mut far: Vec<f32> = parallel::rows(rows, threads, |range| {
        range
            .map(|row| {
                let mut all: Vec<f32> = (0..rows)
                    .map(|other| distance(points.row(row), points.row(other)))
                    .collect();
                let place = min_samples.saturating_sub(1).min(all.len() - 1);
                let (_, value, _) = all.select_nth_unstable_by(place, f32::total_cmp);
                value.sqrt()
            })
            .collect()
    });
    far.sort_unstable_by(f32::total_cmp);
    let (Some(first), Some(last)) = (far.first().copied(), far.last().copied()) else {
        return 1.0;
    };
    let steps = (far.len() - 1).max(1) as f32;
    let knee = far
        .iter()
        .enumerate()
        .map(|(place, d)| (first + (last - first) * place as f32 / steps - d, *d))
        .fold((f32::NEG_INFINITY, first), |best, one| {
            if one.0 > best.0 { one } else { best }
        })
        .1;
    // Rows that are all alike are within any distance.
    f64::from(knee).max(1e-3)
}

/// HDBSCAN.
pub(super) fn hdbscan(
    points: &Points,
    min_samples: usize,
    min_cluster_size: usize,
    seed: u64,
) -> Vec<Option<u32>> {
    let rows = points.rows();
    let mut labels = vec![None; rows];
    if rows < min_cluster_size.max(2) {
        return labels;
    }
    // Equal rows have no distance, and a density without end: a hair between them gives them one.
    let mut chance = Chance::new(seed);
    let values: Vec<f64> = (0..rows)
        .flat_map(|row| points.row(row))
        .map(|v| f64::from(*v) + 1e-4 * (chance.unit() - 0.5))
        .collect();
    let Ok(table) = Array2::from_shape_vec((rows, points.columns()), values) else {
        return labels;
    };
    let mut hdbscan = HDbscan {
        alpha: 1.0,
        min_samples: min_samples.min(rows - 1).max(1),
        min_cluster_size,
        metric: Euclidean::default(),
        boruvka: true,
    };
    let (clusters, _, _): (HashMap<usize, Vec<usize>>, _, _) = hdbscan.fit(&table, None);
    let mut clusters: Vec<Vec<usize>> = clusters.into_values().collect();
    clusters.sort_by_key(|rows| rows.iter().copied().min());
    for (label, rows) in (0..).zip(clusters) {
        for row in rows {
            if let Some(place) = labels.get_mut(row) {
                *place = Some(label);
            }
        }
    }
    labels
}
