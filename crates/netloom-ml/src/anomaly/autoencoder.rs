//! An autoencoder: a small network that squeezes a row through a narrow layer and gives it back;
//! what it cannot give back does not fit what it has seen.

use super::net::{Net, Room};
use super::{AnomalyError, Detector, check};
use crate::chance::Chance;
use crate::numeric::scaler::Scaler;
use crate::numeric::{Matrix, parallel};

/// How an autoencoder is taught.
#[derive(Debug, Clone, PartialEq)]
pub struct AutoencoderParams {
    /// Sizes of the layers between input and output; empty: a half, a quarter and a half of
    /// the columns, each from 2 to 64.
    pub hidden_layer_sizes: Vec<usize>,
    /// Most passes over the training data.
    pub max_iter: usize,
    /// Rows a step looks at.
    pub batch_size: usize,
    /// Step size of Adam at the beginning.
    pub learning_rate_init: f64,
    /// Passes without a better validation error after which teaching ends.
    pub n_iter_no_change: usize,
    /// Most training rows used; more are sampled.
    pub max_samples: usize,
    /// Seed of all chance.
    pub seed: u64,
}

impl Default for AutoencoderParams {
    fn default() -> Self {
        Self {
            hidden_layer_sizes: Vec::new(),
            max_iter: 200,
            batch_size: 64,
            learning_rate_init: 2e-3,
            n_iter_no_change: 10,
            max_samples: 50_000,
            seed: 0,
        }
    }
}

impl AutoencoderParams {
    /// Teaches the network, on one thread: the same whatever the machine has.
    ///
    /// A tenth of the rows (if there are at least 20) is held back to tell when to stop.
    ///
    /// # Errors
    /// No rows, no columns, or a parameter out of its range.
    pub fn fit(&self, data: &Matrix) -> Result<Autoencoder, AnomalyError> {
        check::fitting(data)?;
        check::at_least("max_iter", self.max_iter, 1)?;
        check::at_least("batch_size", self.batch_size, 1)?;
        check::at_least("max_samples", self.max_samples, 1)?;
        check::positive("learning_rate_init", self.learning_rate_init)?;
        for &size in &self.hidden_layer_sizes {
            check::at_least("hidden_layer_sizes", size, 1)?;
        }
        let columns = data.columns();
        let mut random = Chance::new(self.seed);
        let mut order = random.sample(data.rows(), self.max_samples);
        let scaler = Scaler::fit(data);
        let mut scaled = Vec::with_capacity(order.len() * columns);
        let mut one = Vec::new();
        for &row in &order {
            scaler.scale(data.row(row), &mut one);
            scaled.extend_from_slice(&one);
        }
        let row = |place: usize| &scaled[place * columns..(place + 1) * columns];
        let rows = order.len();
        let held = if rows < 20 { 0 } else { rows / 10 };
        let mut sizes = vec![columns];
        if self.hidden_layer_sizes.is_empty() {
            let part = |of: usize| columns.div_ceil(of).clamp(2, 64);
            sizes.extend([part(2), part(4), part(2)]);
        } else {
            sizes.extend(&self.hidden_layer_sizes);
        }
        sizes.push(columns);
        let mut net = Net::new(&sizes, &mut random);
        let mut room = Room::default();
        let mut best = (f64::INFINITY, net.clone());
        let mut since = 0;
        order = (held..rows).collect();
        for _ in 0..self.max_iter {
            random.shuffle(&mut order);
            let mut shown = 0.0;
            for batch in order.chunks(self.batch_size) {
                let batch: Vec<&[f32]> = batch.iter().map(|&place| row(place)).collect();
                let loss = net.learn(&batch, self.learning_rate_init as f32, &mut room);
                shown += f64::from(loss) * batch.len() as f64;
            }
            let error = if held == 0 {
                shown / rows as f64
            } else {
                (0..held)
                    .map(|place| error(&net, row(place), &mut room))
                    .sum::<f64>()
                    / held as f64
            };
            if error < best.0 * 0.9999 {
                best = (error, net.clone());
                since = 0;
            } else {
                since += 1;
                if since >= self.n_iter_no_change {
                    break;
                }
            }
        }
        Ok(Autoencoder {
            scaler,
            net: best.1,
        })
    }
}

/// A taught autoencoder.
#[derive(Debug, Clone)]
pub struct Autoencoder {
    scaler: Scaler,
    net: Net,
}

fn error(net: &Net, row: &[f32], room: &mut Room) -> f64 {
    net.forward(row, room);
    let sum: f64 = room
        .output()
        .iter()
        .zip(row)
        .map(|(given, wanted)| f64::from(given - wanted).powi(2))
        .sum();
    sum / row.len().max(1) as f64
}

impl Detector for Autoencoder {
    fn columns(&self) -> usize {
        self.scaler.columns()
    }

    /// The mean squared error of what the network gives back, in scaled columns: 0 and up.
    fn scores(&self, rows: &Matrix, threads: usize) -> Vec<f64> {
        parallel::rows(rows.rows(), threads, |range| {
            let mut scaled = Vec::new();
            let mut room = Room::default();
            range
                .map(|row| {
                    self.scaler.scale(rows.row(row), &mut scaled);
                    error(&self.net, &scaled, &mut room)
                })
                .collect()
        })
    }

    fn contributions(&self, row: &[f64]) -> Option<Vec<f64>> {
        let mut scaled = Vec::new();
        let mut room = Room::default();
        self.scaler.scale(row, &mut scaled);
        self.net.forward(&scaled, &mut room);
        let shares = room.output().iter().zip(&scaled);
        Some(
            shares
                .map(|(given, wanted)| f64::from(given - wanted).powi(2))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_belong_together_and_do_not() {
        let mut random = Chance::new(2);
        let rows: Vec<[f64; 4]> = (0..1000)
            .map(|_| {
                let (a, b) = (random.normal(), random.normal());
                [a, a + 0.05 * random.normal(), b, a + b]
            })
            .collect();
        let net = AutoencoderParams {
            max_iter: 60,
            ..AutoencoderParams::default()
        }
        .fit(&Matrix::from_rows(&rows))
        .unwrap();
        // Each value is usual; that the first two differ is not.
        let scores = net.scores(
            &Matrix::from_rows(&[[1.0, 1.0, 0.5, 1.5], [1.0, -1.0, 0.5, 1.5]]),
            1,
        );
        assert!(scores[1] > 5.0 * scores[0], "{scores:?}");
        let parts = net.contributions(&[1.0, -1.0, 0.5, 1.5]).unwrap();
        assert_eq!(parts.len(), 4);
        let most = parts.iter().copied().fold(0.0, f64::max);
        assert!(parts[0] == most || parts[1] == most, "{parts:?}");
    }

    #[test]
    fn few_rows_and_infinities() {
        let data = Matrix::from_rows(&[[1.0, f64::INFINITY], [f64::NAN, 2.0]]);
        let net = AutoencoderParams::default().fit(&data).unwrap();
        assert!(net.scores(&data, 1).iter().all(|s| s.is_finite()));
    }
}
