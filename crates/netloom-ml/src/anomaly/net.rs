//! A small network of dense layers that learns to give back what it is shown.

use crate::chance::Chance;

/// Dense layers, tanh between them and nothing after the last, taught by Adam (Kingma and Ba,
/// 2015) on the mean squared error.
#[derive(Debug, Clone)]
pub(super) struct Net {
    layers: Vec<Layer>,
    steps: i32,
}

#[derive(Debug, Clone)]
struct Layer {
    inputs: usize,
    outputs: usize,
    /// Weights of an output side by side, then the biases.
    values: Vec<f32>,
    gradient: Vec<f32>,
    mean: Vec<f32>,
    square: Vec<f32>,
}

/// Room for the values between the layers of one row.
#[derive(Debug, Default)]
pub(super) struct Room {
    values: Vec<Vec<f32>>,
    errors: Vec<f32>,
    before: Vec<f32>,
}

impl Room {
    /// What the last layer gave.
    pub(super) fn output(&self) -> &[f32] {
        self.values.last().map_or(&[], Vec::as_slice)
    }
}

impl Net {
    /// Layers of these sizes, weights drawn as Glorot and Bengio (2010) do.
    pub(super) fn new(sizes: &[usize], random: &mut Chance) -> Self {
        let layers = sizes
            .windows(2)
            .map(|pair| {
                let (inputs, outputs) = (pair[0], pair[1]);
                let bound = (6.0 / (inputs + outputs) as f64).sqrt();
                let count = inputs * outputs + outputs;
                let mut values = vec![0.0; count];
                for weight in &mut values[..inputs * outputs] {
                    *weight = random.between(-bound, bound) as f32;
                }
                Layer {
                    inputs,
                    outputs,
                    values,
                    gradient: vec![0.0; count],
                    mean: vec![0.0; count],
                    square: vec![0.0; count],
                }
            })
            .collect();
        Self { layers, steps: 0 }
    }

    pub(super) fn forward(&self, row: &[f32], room: &mut Room) {
        room.values.resize_with(self.layers.len() + 1, Vec::new);
        room.values[0].clear();
        room.values[0].extend_from_slice(row);
        let last = self.layers.len().saturating_sub(1);
        for (place, layer) in self.layers.iter().enumerate() {
            let (before, after) = room.values.split_at_mut(place + 1);
            layer.forward(&before[place], &mut after[0], place < last);
        }
    }

    /// One step on the rows of a batch, each of which is also what it should give; returns the
    /// mean squared error before the step.
    pub(super) fn learn(&mut self, batch: &[&[f32]], rate: f32, room: &mut Room) -> f32 {
        let mut loss = 0.0;
        let last = self.layers.len().saturating_sub(1);
        for row in batch {
            self.forward(row, room);
            let scale = 2.0 / (row.len() * batch.len()).max(1) as f32;
            room.errors.clear();
            for (given, wanted) in room.values[last + 1].iter().zip(*row) {
                let error = given - wanted;
                loss += error * error / row.len() as f32;
                room.errors.push(error * scale);
            }
            for place in (0..self.layers.len()).rev() {
                let before = &room.values[place];
                self.layers[place].backward(before, &room.errors, &mut room.before);
                if place > 0 {
                    // The derivative of tanh, from what it gave.
                    for (error, value) in room.before.iter_mut().zip(before) {
                        *error *= 1.0 - value * value;
                    }
                }
                std::mem::swap(&mut room.errors, &mut room.before);
            }
        }
        self.steps = self.steps.saturating_add(1);
        for layer in &mut self.layers {
            layer.step(rate, self.steps);
        }
        loss / batch.len().max(1) as f32
    }
}

impl Layer {
    fn forward(&self, before: &[f32], after: &mut Vec<f32>, bend: bool) {
        let (weights, biases) = self.values.split_at(self.inputs * self.outputs);
        after.clear();
        after.extend(weights.chunks_exact(self.inputs.max(1)).zip(biases).map(
            |(weights, bias)| {
                let sum = bias + dot(weights, before);
                if bend { sum.tanh() } else { sum }
            },
        ));
    }

    fn backward(&mut self, before: &[f32], errors: &[f32], out: &mut Vec<f32>) {
        out.clear();
        out.resize(self.inputs, 0.0);
        let (weights, _) = self.values.split_at(self.inputs * self.outputs);
        let (slopes, biases) = self.gradient.split_at_mut(self.inputs * self.outputs);
        let rows = weights
            .chunks_exact(self.inputs.max(1))
            .zip(slopes.chunks_exact_mut(self.inputs.max(1)));
        for (((weights, slopes), bias), &error) in rows.zip(biases).zip(errors) {
            *bias += error;
            for ((out, slope), (weight, value)) in
                out.iter_mut().zip(slopes).zip(weights.iter().zip(before))
            {
                *slope += error * value;
                *out += error * weight;
            }
        }
    }

    fn step(&mut self, rate: f32, steps: i32) {
        const FIRST: f32 = 0.9;
        const SECOND: f32 = 0.999;
        let rate = rate * (1.0 - SECOND.powi(steps)).sqrt() / (1.0 - FIRST.powi(steps));
        for (((value, slope), mean), square) in self
            .values
            .iter_mut()
            .zip(&mut self.gradient)
            .zip(&mut self.mean)
            .zip(&mut self.square)
        {
            *mean += (1.0 - FIRST) * (*slope - *mean);
            *square += (1.0 - SECOND) * (*slope * *slope - *square);
            *value -= rate * *mean / (square.sqrt() + 1e-8);
            *slope = 0.0;
        }
    }
}

/// The product of two vectors, in lanes that the compiler can put side by side; the order of
/// the additions is always the same.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let (left, right) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = left
        .remainder()
        .iter()
        .zip(right.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in left.zip(right) {
        for lane in 0..8 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The slopes that going back gives are those that small steps show.
    #[test]
    fn slopes_are_right() {
        let mut random = Chance::new(5);
        let net = Net::new(&[3, 4, 2, 3], &mut random);
        let row = [0.3f32, -0.7, 0.9];
        let loss = |net: &Net| {
            let mut room = Room::default();
            net.forward(&row, &mut room);
            let out = room.output();
            f64::from(
                out.iter()
                    .zip(&row)
                    .map(|(a, b)| (a - b).powi(2))
                    .sum::<f32>(),
            ) / 3.0
        };
        // A step of Adam hides the slopes: take them before it.
        let mut learning = net.clone();
        let mut room = Room::default();
        learning.forward(&row, &mut room);
        room.errors = room.values[3]
            .iter()
            .zip(&row)
            .map(|(a, b)| (a - b) * 2.0 / 3.0)
            .collect();
        for place in (0..3).rev() {
            let before = room.values[place].clone();
            learning.layers[place].backward(&before, &room.errors, &mut room.before);
            if place > 0 {
                for (error, value) in room.before.iter_mut().zip(&before) {
                    *error *= 1.0 - value * value;
                }
            }
            std::mem::swap(&mut room.errors, &mut room.before);
        }
        for (layer, weight) in [(0, 1), (0, 13), (1, 5), (2, 0), (2, 8)] {
            let mut more = net.clone();
            more.layers[layer].values[weight] += 1e-2;
            let mut less = net.clone();
            less.layers[layer].values[weight] -= 1e-2;
            let shown = (loss(&more) - loss(&less)) / 2e-2;
            let told = f64::from(learning.layers[layer].gradient[weight]);
            assert!(
                (shown - told).abs() < 1e-3,
                "{layer} {weight}: {shown} {told}"
            );
        }
    }

    #[test]
    fn learns_to_give_back() {
        let mut random = Chance::new(1);
        let rows: Vec<[f32; 2]> = (0..64)
            .map(|i| {
                let x = i as f32 / 32.0 - 1.0;
                [x, -x]
            })
            .collect();
        let batch: Vec<&[f32]> = rows.iter().map(<[f32; 2]>::as_slice).collect();
        let mut net = Net::new(&[2, 1, 2], &mut random);
        let mut room = Room::default();
        let first = net.learn(&batch, 0.01, &mut room);
        let mut last = first;
        for _ in 0..1500 {
            last = net.learn(&batch, 0.01, &mut room);
        }
        assert!(last < first * 0.1, "{first} {last}");
    }
}
