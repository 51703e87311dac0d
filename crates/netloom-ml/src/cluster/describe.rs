//! What sets a group apart.

use super::Points;
use crate::numeric::Matrix;
use crate::numeric::statistics::{quantile, sorted};

/// A column in which a group differs from the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The column.
    pub column: usize,
    /// How far the group's mean is from that of the others, in deviations within both (Cohen's
    /// d) of comparable columns; positive if it is higher.
    pub effect: f64,
    /// The middle of the group, in the column's own unit.
    pub median: f64,
    /// A quarter of the group is below.
    pub low: f64,
    /// A quarter of the group is above.
    pub high: f64,
    /// The middle of the others.
    pub others: f64,
}

/// The columns in which each group differs most from all other rows, most telling first, at
/// most `most` of each group.
pub fn describe(
    data: &Matrix,
    labels: &[Option<u32>],
    clusters: usize,
    most: usize,
) -> Vec<Vec<Difference>> {
    let points = Points::new(data);
    (0..clusters as u32)
        .map(|group| {
            let inside = |row: usize| labels.get(row).copied().flatten() == Some(group);
            let mut found: Vec<Difference> = (0..data.columns())
                .filter_map(|column| {
                    let effect = effect(&points, column, &inside);
                    let values = |inner: bool| {
                        sorted(
                            data.column(column)
                                .enumerate()
                                .filter(|(row, _)| inside(*row) == inner)
                                .map(|(_, value)| value),
                        )
                    };
                    let (own, others) = (values(true), values(false));
                    let one = Difference {
                        column,
                        effect,
                        median: quantile(&own, 0.5),
                        low: quantile(&own, 0.25),
                        high: quantile(&own, 0.75),
                        others: quantile(&others, 0.5),
                    };
                    (effect.abs() >= 0.5 && one.median.is_finite() && one.others.is_finite())
                        .then_some(one)
                })
                .collect();
            found.sort_by(|a, b| {
                b.effect
                    .abs()
                    .total_cmp(&a.effect.abs())
                    .then(a.column.cmp(&b.column))
            });
            found.truncate(most);
            found
        })
        .collect()
}

fn effect(points: &Points, column: usize, inside: &impl Fn(usize) -> bool) -> f64 {
    // Count, mean and sum of squares of the others and the group (Welford 1962).
    let mut sides = [(0.0f64, 0.0f64, 0.0f64); 2];
    for row in 0..points.rows() {
        let value = f64::from(points.row(row)[column]);
        let side = &mut sides[usize::from(inside(row))];
        side.0 += 1.0;
        let distance = value - side.1;
        side.1 += distance / side.0;
        side.2 += distance * (value - side.1);
    }
    let [
        (others, mean_others, spread_others),
        (own, mean_own, spread_own),
    ] = sides;
    if others == 0.0 || own == 0.0 {
        return 0.0;
    }
    // Each side counts alike, however large.
    let within = f64::midpoint(spread_others / others, spread_own / own).sqrt();
    let difference = mean_own - mean_others;
    if difference == 0.0 {
        0.0
    } else {
        difference / within.max(0.05)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_that_tells() {
        let rows: Vec<[f64; 2]> = (0..100)
            .map(|i| {
                [
                    f64::from(i % 10),
                    if i < 30 { 5e6 } else { 2e3 + f64::from(i) },
                ]
            })
            .collect();
        let labels: Vec<Option<u32>> = (0..100).map(|i| Some(u32::from(i >= 30))).collect();
        let told = describe(&Matrix::from_rows(&rows), &labels, 2, 3);
        assert_eq!(told[0].len(), 1, "{told:?}");
        assert_eq!(told[0][0].column, 1);
        assert!(told[0][0].effect > 1.0 && told[1][0].effect < -1.0);
        assert_eq!(told[0][0].median, 5e6);
    }
}
