//! `KitNET`: a layer of small autoencoders, and one that watches how well they do.

use super::mapper::Mapper;
use crate::anomaly::{AnomalyError, check};
use crate::chance::Chance;

/// How the ensemble is made; the defaults are those of the paper's experiments.
#[derive(Debug, Clone, PartialEq)]
pub struct KitNetParams {
    /// Most inputs of an autoencoder, m.
    pub max_autoencoder_size: usize,
    /// Rows from which the features' groups are learnt.
    pub feature_mapping_grace: usize,
    /// Rows from which the autoencoders learn after that.
    pub training_grace: usize,
    /// Step of the gradient descent.
    pub learning_rate: f64,
    /// Hidden neurons for each visible one.
    pub hidden_ratio: f64,
    /// Seed of the first weights.
    pub seed: u64,
}

impl Default for KitNetParams {
    fn default() -> Self {
        Self {
            max_autoencoder_size: 10,
            feature_mapping_grace: 5000,
            training_grace: 50_000,
            learning_rate: 0.1,
            hidden_ratio: 0.75,
            seed: 0,
        }
    }
}

impl KitNetParams {
    /// An ensemble over so many features that has seen nothing yet.
    ///
    /// # Errors
    /// No columns, or a parameter out of its range.
    pub fn build(&self, features: usize) -> Result<KitNet, AnomalyError> {
        if features == 0 {
            return Err(AnomalyError::NoColumns);
        }
        check::at_least("max_autoencoder_size", self.max_autoencoder_size, 1)?;
        check::at_least("feature_mapping_grace", self.feature_mapping_grace, 1)?;
        check::at_least("training_grace", self.training_grace, 1)?;
        check::positive("learning_rate", self.learning_rate)?;
        check::share("hidden_ratio", self.hidden_ratio)?;
        Ok(KitNet {
            params: self.clone(),
            features,
            seen: 0,
            state: State::Mapping(Mapper::new(features)),
            inputs: Vec::new(),
            errors: Vec::new(),
            room: Room::default(),
        })
    }
}

/// What an ensemble is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Learning which features go together.
    Mapping,
    /// Teaching the autoencoders.
    Training,
    /// Scoring, and learning no more.
    Scoring,
}

/// The ensemble. See [`super::Kitsune`] for the one over packets.
#[derive(Debug, Clone)]
pub struct KitNet {
    params: KitNetParams,
    features: usize,
    seen: usize,
    state: State,
    inputs: Vec<f32>,
    errors: Vec<f32>,
    room: Room,
}

#[derive(Debug, Clone)]
enum State {
    Mapping(Mapper),
    Mapped {
        groups: Vec<Vec<usize>>,
        ensemble: Vec<Autoencoder>,
        output: Autoencoder,
    },
}

impl KitNet {
    /// Takes a row in. While it learns it gives 0; then the root mean squared error of the
    /// output layer, 0 and up.
    pub fn update(&mut self, row: &[f64]) -> f64 {
        let learning = self.params.feature_mapping_grace + self.params.training_grace;
        if self.seen >= learning {
            return self.score(row);
        }
        self.seen += 1;
        match &mut self.state {
            State::Mapping(mapper) => {
                mapper.update(row);
                if self.seen >= self.params.feature_mapping_grace {
                    let groups = mapper.groups(self.params.max_autoencoder_size);
                    self.map(groups);
                }
            }
            State::Mapped {
                groups,
                ensemble,
                output,
            } => {
                let rate = self.params.learning_rate as f32;
                self.errors.clear();
                for (group, autoencoder) in groups.iter().zip(ensemble) {
                    pick(row, group, &mut self.inputs);
                    self.errors
                        .push(autoencoder.learn(&self.inputs, rate, &mut self.room));
                }
                output.learn(&self.errors, rate, &mut self.room);
            }
        }
        0.0
    }

    /// Scores a row and learns nothing; 0 as long as nothing was learnt.
    pub fn score(&mut self, row: &[f64]) -> f64 {
        let State::Mapped {
            groups,
            ensemble,
            output,
        } = &mut self.state
        else {
            return 0.0;
        };
        self.errors.clear();
        for (group, autoencoder) in groups.iter().zip(ensemble.iter()) {
            pick(row, group, &mut self.inputs);
            self.errors
                .push(autoencoder.error(&self.inputs, &mut self.room));
        }
        f64::from(output.error(&self.errors, &mut self.room))
    }

    /// How badly each feature of a row is given back, squared.
    pub fn contributions(&self, row: &[f64]) -> Vec<f64> {
        let mut parts = vec![0.0; self.features];
        let State::Mapped {
            groups, ensemble, ..
        } = &self.state
        else {
            return parts;
        };
        let mut inputs = Vec::new();
        let mut room = Room::default();
        for (group, autoencoder) in groups.iter().zip(ensemble) {
            pick(row, group, &mut inputs);
            autoencoder.error(&inputs, &mut room);
            for ((feature, given), wanted) in group.iter().zip(&room.given).zip(&room.visible) {
                parts[*feature] = f64::from(given - wanted).powi(2);
            }
        }
        parts
    }

    /// What the ensemble is doing.
    pub fn phase(&self) -> Phase {
        match &self.state {
            State::Mapping(_) => Phase::Mapping,
            State::Mapped { .. }
                if self.seen < self.params.feature_mapping_grace + self.params.training_grace =>
            {
                Phase::Training
            }
            State::Mapped { .. } => Phase::Scoring,
        }
    }

    fn map(&mut self, groups: Vec<Vec<usize>>) {
        let ratio = self.params.hidden_ratio;
        let ensemble = groups
            .iter()
            .enumerate()
            .map(|(place, group)| {
                let mut random = Chance::of(self.params.seed, place as u64 + 1);
                Autoencoder::new(group.len(), ratio, &mut random)
            })
            .collect();
        let mut random = Chance::of(self.params.seed, 0);
        let output = Autoencoder::new(groups.len(), ratio, &mut random);
        self.state = State::Mapped {
            groups,
            ensemble,
            output,
        };
    }
}

fn pick(row: &[f64], group: &[usize], out: &mut Vec<f32>) {
    out.clear();
    out.extend(group.iter().map(|feature| {
        let value = row.get(*feature).copied().unwrap_or(0.0);
        if value.is_nan() {
            0.0
        } else {
            value.clamp(-1e30, 1e30) as f32
        }
    }));
}

/// Room for the layers of one row.
#[derive(Debug, Clone, Default)]
struct Room {
    visible: Vec<f32>,
    hidden: Vec<f32>,
    given: Vec<f32>,
    slopes: Vec<f32>,
}

/// Three layers with sigmoids; the way back uses the weights of the way forth. Inputs are
/// brought to 0 … 1 by the least and largest values seen while learning.
#[derive(Debug, Clone)]
struct Autoencoder {
    inputs: usize,
    /// Weights of a hidden neuron side by side.
    weights: Vec<f32>,
    hidden: Vec<f32>,
    visible: Vec<f32>,
    low: Vec<f32>,
    high: Vec<f32>,
}

impl Autoencoder {
    fn new(inputs: usize, ratio: f64, random: &mut Chance) -> Self {
        let hidden = ((inputs as f64 * ratio).ceil() as usize).max(1);
        let bound = 1.0 / inputs.max(1) as f64;
        Self {
            inputs,
            weights: (0..inputs * hidden)
                .map(|_| random.between(-bound, bound) as f32)
                .collect(),
            hidden: vec![0.0; hidden],
            visible: vec![0.0; inputs],
            low: vec![f32::INFINITY; inputs],
            high: vec![f32::NEG_INFINITY; inputs],
        }
    }

    /// The root mean squared error of what is given back.
    fn error(&self, row: &[f32], room: &mut Room) -> f32 {
        room.visible.clear();
        room.visible
            .extend(
                row.iter()
                    .zip(self.low.iter().zip(&self.high))
                    .map(|(value, (low, high))| {
                        let scaled = (value - low) / (high - low + 1e-16);
                        // As far as a square can be summed.
                        if scaled.is_nan() {
                            0.0
                        } else {
                            scaled.clamp(-1e15, 1e15)
                        }
                    }),
            );
        room.given.clear();
        room.given.extend_from_slice(&self.visible);
        room.hidden.clear();
        for (weights, bias) in self
            .weights
            .chunks_exact(self.inputs.max(1))
            .zip(&self.hidden)
        {
            let sum: f32 = weights.iter().zip(&room.visible).map(|(w, v)| w * v).sum();
            let value = sigmoid(sum + bias);
            room.hidden.push(value);
            for (given, weight) in room.given.iter_mut().zip(weights) {
                *given += weight * value;
            }
        }
        let mut sum = 0.0;
        for (given, wanted) in room.given.iter_mut().zip(&room.visible) {
            *given = sigmoid(*given);
            sum += (*given - wanted).powi(2);
        }
        (sum / self.inputs.max(1) as f32).sqrt()
    }

    /// A step of gradient descent on a row; returns the error before it.
    fn learn(&mut self, row: &[f32], rate: f32, room: &mut Room) -> f32 {
        for (value, (low, high)) in row.iter().zip(self.low.iter_mut().zip(&mut self.high)) {
            *low = low.min(*value);
            *high = high.max(*value);
        }
        let error = self.error(row, room);
        // Cross-entropy's slope at the output, as for values from 0 to 1.
        room.slopes.clear();
        room.slopes.extend(
            room.visible
                .iter()
                .zip(&room.given)
                .map(|(wanted, given)| wanted - given),
        );
        for ((weights, bias), value) in self
            .weights
            .chunks_exact_mut(self.inputs.max(1))
            .zip(&mut self.hidden)
            .zip(&room.hidden)
        {
            let back: f32 = weights.iter().zip(&room.slopes).map(|(w, s)| w * s).sum();
            let slope = back * value * (1.0 - value);
            *bias += rate * slope;
            for ((weight, visible), outer) in
                weights.iter_mut().zip(&room.visible).zip(&room.slopes)
            {
                *weight += rate * (slope * visible + outer * value);
            }
        }
        for (bias, slope) in self.visible.iter_mut().zip(&room.slopes) {
            *bias += rate * slope;
        }
        error
    }
}

fn sigmoid(value: f32) -> f32 {
    1.0 / (1.0 + (-value).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learns_then_scores() {
        let mut random = Chance::new(1);
        let mut net = KitNetParams {
            max_autoencoder_size: 3,
            feature_mapping_grace: 100,
            training_grace: 5000,
            ..KitNetParams::default()
        }
        .build(6)
        .unwrap();
        let row = |random: &mut Chance| {
            let (a, b) = (random.unit(), random.unit());
            [a, a, a * 2.0, b, 1.0 - b, b * 3.0]
        };
        assert_eq!(net.phase(), Phase::Mapping);
        for _ in 0..5100 {
            assert_eq!(net.update(&row(&mut random)), 0.0);
        }
        assert_eq!(net.phase(), Phase::Scoring);
        let usual = (0..200)
            .map(|_| net.update(&row(&mut random)))
            .fold(0.0, f64::max);
        let odd = net.update(&[5.0, -3.0, 9.0, 0.5, 0.5, 1.5]);
        assert!(odd > usual * 3.0, "{odd} {usual}");
        let parts = net.contributions(&[5.0, -3.0, 9.0, 0.5, 0.5, 1.5]);
        assert!(parts[0] + parts[1] + parts[2] > 10.0 * (parts[3] + parts[4] + parts[5]));
    }
}
