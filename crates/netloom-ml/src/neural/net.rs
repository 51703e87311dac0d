//! Layers of a multi-layer perceptron, forwards and backwards.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};
use serde::{Deserialize, Serialize};

use crate::boosting::{sigmoid, softmax};
use crate::chance::Chance;
use crate::numeric::{Features, parallel};

/// A layer: what comes out is `x · weights + biases`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Layer {
    pub(crate) inputs: u32,
    pub(crate) outputs: u32,
    /// For each input a number for each output.
    pub(crate) weights: Vec<f32>,
    pub(crate) biases: Vec<f32>,
}

/// Layers with `max(0, x)` between them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Net {
    pub(crate) layers: Vec<Layer>,
}

/// What a batch of rows gives, and what is made on the way there; kept between batches.
#[derive(Debug, Default)]
pub(super) struct Pass {
    /// What goes into each layer, and what comes out of the last.
    values: Vec<Vec<f32>>,
    /// How the loss changes with them.
    slopes: Vec<f32>,
    next_slopes: Vec<f32>,
    /// How it changes with weights and biases, layer by layer.
    pub(super) gradients: Vec<(Vec<f32>, Vec<f32>)>,
}

/// Rows that a thread tells at a time.
pub(super) const BLOCK: usize = 512;

impl Net {
    /// A net of layers of these sizes, its weights drawn as Glorot and Bengio (AISTATS 2010) do.
    pub(super) fn new(sizes: &[usize], chance: &mut Chance) -> Self {
        let layers = sizes
            .windows(2)
            .map(|pair| {
                let bound = (6.0 / (pair[0] + pair[1]) as f64).sqrt();
                let mut draw = |count: usize| -> Vec<f32> {
                    (0..count)
                        .map(|_| chance.between(-bound, bound) as f32)
                        .collect()
                };
                Layer {
                    inputs: pair[0] as u32,
                    outputs: pair[1] as u32,
                    weights: draw(pair[0] * pair[1]),
                    biases: draw(pair[1]),
                }
            })
            .collect();
        Self { layers }
    }

    fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.outputs as usize)
    }

    /// What comes out for a batch of rows: log-odds.
    fn forward<'a>(&self, rows: &[f32], pass: &'a mut Pass) -> &'a [f32] {
        pass.values.resize_with(self.layers.len() + 1, Vec::new);
        pass.values[0].clear();
        pass.values[0].extend_from_slice(rows);
        for (place, layer) in self.layers.iter().enumerate() {
            let (before, after) = pass.values.split_at_mut(place + 1);
            let (input, output) = (&before[place], &mut after[0]);
            let (inputs, outputs) = (layer.inputs as usize, layer.outputs as usize);
            let count = input.len() / inputs.max(1);
            output.clear();
            output.extend(layer.biases.iter().copied().cycle().take(count * outputs));
            multiply(
                1.0,
                &view(input, count, inputs),
                &view(&layer.weights, inputs, outputs),
                1.0,
                view_mut(output, count, outputs),
            );
            if place + 1 < self.layers.len() {
                for value in output {
                    *value = value.max(0.0);
                }
            }
        }
        pass.values.last().map_or(&[], Vec::as_slice)
    }

    /// Sums of the gradients of a batch's losses, left in `pass`. Rows of class `codes`, each of
    /// which counts `weights`.
    pub(super) fn backward(&self, rows: &[f32], codes: &[u32], weights: &[f32], pass: &mut Pass) {
        self.forward(rows, pass);
        let outputs = self.outputs();
        let mut slopes = std::mem::take(&mut pass.slopes);
        slopes.clear();
        slopes.extend(pass.values.last().into_iter().flatten());
        for ((row, &code), weight) in slopes.chunks_mut(outputs).zip(codes).zip(weights) {
            if let [f] = row {
                *f = (sigmoid(f64::from(*f)) - f64::from(code)) as f32;
            } else {
                softmax_single(row);
                row[code as usize] -= 1.0;
            }
            for slope in row {
                *slope *= weight;
            }
        }
        pass.gradients
            .resize_with(self.layers.len(), Default::default);
        for (place, layer) in self.layers.iter().enumerate().rev() {
            let (inputs, outputs) = (layer.inputs as usize, layer.outputs as usize);
            let count = slopes.len() / outputs.max(1);
            let input = &pass.values[place];
            let (of_weights, of_biases) = &mut pass.gradients[place];
            of_weights.resize(inputs * outputs, 0.0);
            multiply(
                1.0,
                &view(input, count, inputs).reversed_axes(),
                &view(&slopes, count, outputs),
                0.0,
                view_mut(of_weights, inputs, outputs),
            );
            of_biases.clear();
            of_biases.resize(outputs, 0.0);
            for row in slopes.chunks(outputs) {
                for (sum, slope) in of_biases.iter_mut().zip(row) {
                    *sum += slope;
                }
            }
            if place > 0 {
                let next = &mut pass.next_slopes;
                next.clear();
                next.resize(count * inputs, 0.0);
                multiply(
                    1.0,
                    &view(&slopes, count, outputs),
                    &view(&layer.weights, inputs, outputs).reversed_axes(),
                    0.0,
                    view_mut(next, count, inputs),
                );
                // Where nothing came through, nothing goes back.
                for (slope, value) in next.iter_mut().zip(input) {
                    if *value <= 0.0 {
                        *slope = 0.0;
                    }
                }
                std::mem::swap(&mut slopes, next);
            }
        }
        pass.slopes = slopes;
    }

    /// Probabilities of the classes, row after row.
    pub(crate) fn predict_proba(&self, features: &Features, threads: usize) -> Vec<f64> {
        parallel::map(features.rows().div_ceil(BLOCK), threads, |block| {
            let rows = block * BLOCK..((block + 1) * BLOCK).min(features.rows());
            let mut values = Vec::new();
            features.block(rows, &mut values);
            let rows: Vec<f32> = values.iter().map(|&value| single(value)).collect();
            self.probabilities(&rows)
        })
        .concat()
    }

    pub(super) fn probabilities(&self, rows: &[f32]) -> Vec<f64> {
        let mut pass = Pass::default();
        let told = self.forward(rows, &mut pass);
        if self.outputs() == 1 {
            return told
                .iter()
                .flat_map(|f| {
                    let p = sigmoid(f64::from(*f));
                    [1.0 - p, p]
                })
                .collect();
        }
        let mut told: Vec<f64> = told.iter().map(|f| f64::from(*f)).collect();
        for row in told.chunks_mut(self.outputs().max(1)) {
            softmax(row);
        }
        told
    }

    /// Whether all weights are numbers.
    pub(super) fn is_finite(&self) -> bool {
        self.layers
            .iter()
            .flat_map(|layer| layer.weights.iter().chain(&layer.biases))
            .all(|number| number.is_finite())
    }

    pub(crate) fn is_sound(&self, columns: usize, classes: usize) -> bool {
        let outputs = if classes == 2 { 1 } else { classes };
        let mut width = columns;
        let fits = self.layers.iter().all(|layer| {
            let (inputs, layer_outputs) = (layer.inputs as usize, layer.outputs as usize);
            let fits = inputs == width
                && layer_outputs > 0
                && inputs.checked_mul(layer_outputs) == Some(layer.weights.len())
                && layer.biases.len() == layer_outputs;
            width = layer_outputs;
            fits
        });
        fits && width == outputs && !self.layers.is_empty() && self.is_finite()
    }
}

/// A value as layers see it: further out than this single precision tells nothing apart.
pub(super) fn single(value: f64) -> f32 {
    value.clamp(-1e6, 1e6) as f32
}

fn softmax_single(row: &mut [f32]) {
    let most = row.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
    let mut sum = 0.0;
    for f in row.iter_mut() {
        *f = (*f - most).exp();
        sum += *f;
    }
    for f in row {
        *f /= sum;
    }
}

/// Rows of a slice whose length is known to fit.
fn view(values: &[f32], rows: usize, columns: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((rows, columns), values).unwrap_or_else(|_| unreachable!("it fits"))
}

fn view_mut(values: &mut [f32], rows: usize, columns: usize) -> ArrayViewMut2<'_, f32> {
    ArrayViewMut2::from_shape((rows, columns), values).unwrap_or_else(|_| unreachable!("it fits"))
}

fn multiply(
    alpha: f32,
    a: &ArrayView2<'_, f32>,
    b: &ArrayView2<'_, f32>,
    beta: f32,
    mut c: ArrayViewMut2<'_, f32>,
) {
    general_mat_mul(alpha, a, b, beta, &mut c);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_are_those_of_the_loss() {
        let mut chance = Chance::new(3);
        for classes in [2_usize, 3] {
            let outputs = if classes == 2 { 1 } else { classes };
            let net = Net::new(&[4, 5, outputs], &mut chance);
            let rows: Vec<f32> = (0..6 * 4).map(|_| chance.normal() as f32).collect();
            let codes: Vec<u32> = (0..6).map(|_| chance.below(classes) as u32).collect();
            let weights = [1.0, 2.0, 0.5, 1.0, 1.0, 0.0];
            let loss = |net: &Net| -> f64 {
                let told = net.probabilities(&rows);
                (0..6)
                    .map(|row| {
                        -f64::from(weights[row]) * told[row * classes + codes[row] as usize].ln()
                    })
                    .sum()
            };
            let mut pass = Pass::default();
            net.backward(&rows, &codes, &weights, &mut pass);
            for layer in 0..2 {
                for place in [0, 3, 7] {
                    let mut moved = net.clone();
                    let place = place % net.layers[layer].weights.len();
                    let step = 1e-2;
                    moved.layers[layer].weights[place] += step;
                    let above = loss(&moved);
                    moved.layers[layer].weights[place] -= 2.0 * step;
                    let slope = (above - loss(&moved)) / (2.0 * f64::from(step));
                    let gradient = f64::from(pass.gradients[layer].0[place]);
                    assert!(
                        (slope - gradient).abs() < 1e-2 * (1.0 + slope.abs()),
                        "{slope} {gradient}"
                    );
                }
            }
            assert!(net.is_sound(4, classes));
        }
    }
}
