//! How many rows a second the online detectors score and learn, on one core.
//!
//! `cargo run --release -p netloom-ml --example online`

#![expect(clippy::print_stdout, reason = "that is what it is for")]
#![expect(clippy::disallowed_methods, reason = "it measures")]

use std::error::Error;
use std::time::Instant;

use netloom_ml::anomaly::{HalfSpaceTreesParams, RobustZScoresParams};

/// Columns of a flow: packets, bytes and times in both directions, and what follows from them.
const COLUMNS: usize = 20;
const HOSTS: u64 = 10_000;
const ROWS: usize = 2_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let rows = rows(50_000);
    let mut robust = RobustZScoresParams::default().build(COLUMNS)?;
    measure("robust z-scores", 500_000, &rows, |host, row| {
        robust.update(host, row)
    });
    let mut trees = HalfSpaceTreesParams::default().build(COLUMNS)?;
    measure("half-space trees", 100_000, &rows, |_, row| {
        trees.update(row)
    });
    Ok(())
}

fn measure(
    what: &str,
    wanted: u32,
    rows: &[(u128, Vec<f64>)],
    mut update: impl FnMut(u128, &[f64]) -> f64,
) {
    let mut sum = 0.0;
    let began = Instant::now();
    for (host, row) in rows.iter().cycle().take(ROWS) {
        sum += update(*host, row);
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{what:20} {:>10.0} rows of {COLUMNS} columns a second (wanted: {wanted}; {HOSTS} hosts; mean score {:.3})",
        ROWS as f64 / seconds,
        sum / ROWS as f64
    );
}

/// Rows of hosts of which some are seen far more often than others.
fn rows(count: usize) -> Vec<(u128, Vec<f64>)> {
    let mut state = 1_u64;
    let mut unit = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..count)
        .map(|_| {
            let host = (unit().powi(3) * HOSTS as f64) as u128;
            let row = (0..COLUMNS)
                .map(|column| (unit() * (2.0 + column as f64 / 4.0)).exp())
                .collect();
            (host, row)
        })
        .collect()
}
