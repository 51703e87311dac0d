//! Which columns made a score high, in words.

use super::super::Normal;
use super::super::table::{Reason, Usual};
use super::taught::{Model, Taught};
use super::{DetectOptions, Detection, Finding};
use crate::dataset::Dataset;
use crate::numeric::Matrix;
use crate::words;

/// Columns that a finding names at most.
pub(super) const REASONS: usize = 4;

impl Detection {
    pub(super) fn explain(
        &mut self,
        taught: &Taught,
        usual: &Usual,
        data: &Dataset,
        rows: &Matrix,
        hosts: &[u128],
        options: &DetectOptions,
    ) {
        self.findings = self
            .odd
            .iter()
            .take(options.explained)
            .map(|&row| Finding {
                row,
                score: self.scores[row],
                p_value: self.p_values[row],
                reasons: taught.reasons(usual, data, rows.row(row), row, hosts[row]),
            })
            .collect();
    }
}

impl Taught {
    fn reasons(
        &self,
        usual: &Usual,
        data: &Dataset,
        values: &[f64],
        row: usize,
        host: u128,
    ) -> Vec<Reason> {
        let own = match &self.model {
            Model::Hosts(scores) => {
                return of_hosts(usual, data, row, &scores.normal(host, values));
            }
            Model::Single(detector) => detector.contributions(values),
            Model::Several(_) => None,
        };
        // What the score would be if the column were as usual.
        let parts = own.unwrap_or_else(|| {
            let middle = usual.middle();
            let mut tried = Vec::with_capacity((values.len() + 1) * values.len());
            tried.extend_from_slice(values);
            for column in 0..values.len() {
                let mut one = values.to_vec();
                one[column] = middle[column];
                tried.extend(one);
            }
            let hosts = vec![host; values.len() + 1];
            let scores = self
                .model
                .scores(&Matrix::new(tried, values.len()), &hosts, 1);
            scores[1..].iter().map(|score| scores[0] - score).collect()
        });
        let all: f64 = parts.iter().map(|part| part.max(0.0)).sum();
        let mut order: Vec<usize> = (0..parts.len()).collect();
        // What lies outside of what is normal is told before what is only odd beside the rest.
        order.sort_by(|a, b| {
            let outside = |c: &usize| usual.is_outside(*c, values[*c]);
            outside(b)
                .cmp(&outside(a))
                .then(parts[*b].total_cmp(&parts[*a]))
                .then(a.cmp(b))
        });
        order
            .into_iter()
            .filter(|column| parts[*column] > all * 0.02)
            .take(REASONS)
            .map(|column| usual.reason(data, row, column, parts[column].max(0.0) / all))
            .collect()
    }
}

/// Columns in which a host does what it does not use to do.
pub(super) fn of_hosts(
    usual: &Usual,
    data: &Dataset,
    row: usize,
    normal: &[Normal],
) -> Vec<Reason> {
    let mut order: Vec<usize> = (0..normal.len())
        .filter(|c| normal[*c].z.abs() > 2.0)
        .collect();
    order.sort_by(|a, b| {
        normal[*b]
            .z
            .abs()
            .total_cmp(&normal[*a].z.abs())
            .then(a.cmp(b))
    });
    let all: f64 = order.iter().map(|c| normal[*c].z.abs()).sum();
    let numbers = usual.numbers();
    order
        .into_iter()
        .take(REASONS)
        .map(|column| {
            let of = normal[column];
            let mut reason = usual.reason(data, row, column, of.z.abs() / all);
            if numbers[column] {
                reason.normal = format!(
                    "normal for {}: {}",
                    if of.own { "this host" } else { "all hosts" },
                    words::range(&reason.column, of.low, of.high)
                );
            }
            reason
        })
        .collect()
}
