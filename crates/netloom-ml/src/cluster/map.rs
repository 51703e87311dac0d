//! A map of rows: the plane in which they lie farthest apart.

use super::Points;
use crate::numeric::Matrix;

/// Two coordinates for each row, the first principal components of the comparable columns
/// (Pearson 1901), and the share of the variance that each shows.
pub fn map(data: &Matrix) -> (Vec<[f64; 2]>, [f64; 2]) {
    let points = Points::new(data);
    let (rows, columns) = (points.rows(), points.columns());
    if rows == 0 || columns == 0 {
        return (Vec::new(), [0.0; 2]);
    }
    let mut means = vec![0.0f64; columns];
    for row in 0..rows {
        for (mean, value) in means.iter_mut().zip(points.row(row)) {
            *mean += f64::from(*value) / rows as f64;
        }
    }
    let centred = |row: usize| -> Vec<f64> {
        points
            .row(row)
            .iter()
            .zip(&means)
            .map(|(value, mean)| f64::from(*value) - mean)
            .collect()
    };
    let mut covariance = vec![vec![0.0f64; columns]; columns];
    for row in 0..rows {
        let values = centred(row);
        for (one, line) in covariance.iter_mut().enumerate() {
            for (sum, other) in line.iter_mut().zip(&values) {
                *sum += values[one] * other / rows as f64;
            }
        }
    }
    let all: f64 = (0..columns).map(|c| covariance[c][c]).sum();
    let mut axes = Vec::new();
    let mut shares = [0.0; 2];
    for share in &mut shares {
        let (axis, value) = strongest(&covariance);
        for (one, line) in covariance.iter_mut().enumerate() {
            for (sum, other) in line.iter_mut().zip(&axis) {
                *sum -= value * axis[one] * other;
            }
        }
        *share = if all > 0.0 {
            (value / all).clamp(0.0, 1.0)
        } else {
            0.0
        };
        axes.push(axis);
    }
    let places = (0..rows)
        .map(|row| {
            let values = centred(row);
            let along = |axis: &[f64]| values.iter().zip(axis).map(|(v, a)| v * a).sum();
            [along(&axes[0]), along(&axes[1])]
        })
        .collect();
    (places, shares)
}

/// The direction of most variance and that variance, by repeated multiplication.
fn strongest(covariance: &[Vec<f64>]) -> (Vec<f64>, f64) {
    let columns = covariance.len();
    // Not at right angles to anything likely.
    let mut axis: Vec<f64> = (0..columns).map(|c| 1.0 + 0.01 * c as f64).collect();
    let mut length = 0.0;
    for _ in 0..500 {
        let next: Vec<f64> = covariance
            .iter()
            .map(|line| line.iter().zip(&axis).map(|(c, a)| c * a).sum())
            .collect();
        let norm = next.iter().map(|v| v * v).sum::<f64>().sqrt();
        if norm <= 1e-12 {
            return (vec![0.0; columns], 0.0);
        }
        axis = next.iter().map(|v| v / norm).collect();
        if (norm - length).abs() <= norm * 1e-12 {
            length = norm;
            break;
        }
        length = norm;
    }
    // Of the two directions, that in which the largest part is positive.
    let largest = axis.iter().copied().fold(
        0.0,
        |most: f64, v| if v.abs() > most.abs() { v } else { most },
    );
    if largest < 0.0 {
        for value in &mut axis {
            *value = -*value;
        }
    }
    (axis, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_columns_that_move_together() {
        let rows: Vec<[f64; 3]> = (0..100)
            .map(|i| {
                let x = f64::from(i) / 100.0;
                [x, 2.0 * x + 1.0, f64::from(i % 7)]
            })
            .collect();
        let (places, shares) = map(&Matrix::from_rows(&rows));
        assert!((shares[0] - 2.0 / 3.0).abs() < 0.02, "{shares:?}");
        assert!(shares[0] + shares[1] > 0.99, "{shares:?}");
        assert!((places[99][0] - places[0][0]).abs() > 3.0);
        assert_eq!(map(&Matrix::default()), (Vec::new(), [0.0; 2]));
        let (places, shares) = map(&Matrix::from_rows(&[[1.0]; 3]));
        assert_eq!((places[0], shares), ([0.0; 2], [0.0; 2]));
    }
}
