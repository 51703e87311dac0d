//! Slopes of the loss, which trees are grown along.

use super::{CHUNK, Loss};
use crate::numeric::parallel;

/// Gradients and second derivatives of all rows: one list for each number that is told.
pub(super) struct Slopes {
    of: Vec<Vec<(f32, f32)>>,
}

impl Slopes {
    pub(super) fn new(rows: usize, width: usize) -> Self {
        Self {
            of: vec![vec![(0.0, 0.0); rows]; width],
        }
    }

    pub(super) fn of(&self, output: usize) -> &[(f32, f32)] {
        &self.of[output]
    }

    pub(super) fn set(&mut self, loss: &Loss<'_>, told: &[f64], weights: &[f64], threads: usize) {
        let width = self.of.len();
        let rows = weights.len();
        let parts = parallel::map(rows.div_ceil(CHUNK), threads, |chunk| {
            let mut part = vec![(0.0, 0.0); CHUNK.min(rows - chunk * CHUNK) * width];
            for (place, slopes) in part.chunks_mut(width).enumerate() {
                let row = chunk * CHUNK + place;
                loss.slopes(row, &told[row * width..(row + 1) * width], slopes);
                let weight = weights[row] as f32;
                for slope in slopes {
                    slope.0 *= weight;
                    slope.1 *= weight;
                }
            }
            part
        });
        for (chunk, part) in parts.iter().enumerate() {
            for (output, of) in self.of.iter_mut().enumerate() {
                for (place, slope) in part.iter().skip(output).step_by(width).enumerate() {
                    of[chunk * CHUNK + place] = *slope;
                }
            }
        }
    }
}
