//! Multi-layer perceptron: a neural network of plain layers.

use serde::{Deserialize, Serialize};

use super::net::{BLOCK, Net, Pass, single};
use crate::chance::Chance;
use crate::error::Error;
use crate::numeric::Workers;
use crate::preprocess::Preprocessing;
use crate::supervised::{Core, Labelled, Learn};

/// Parameters of a multi-layer perceptron, as scikit-learn's `MLPClassifier`.
///
/// Layers `h' = max(0, hW + b)`, the last without the maximum: for two classes it tells the
/// log-odds of the second, for more one number a class of which softmax makes probabilities. The
/// loss is cross-entropy and `α |W|² / 2`, and its gradient on batches of rows is followed by Adam
/// (Kingma and Ba, ICLR 2015). A tenth of the rows is held out; when they are told no better for
/// some epochs, it stops and keeps the weights that told them best: of those that tell equally many
/// right the surest, by log loss. That tells epochs apart where nearly all rows are of one class
/// (scikit-learn keeps the first of them). Columns are scaled first, unless
/// another preprocessing is given. An epoch takes O(n · weights) for n rows.
///
/// ```
/// use netloom_ml::{ClassifierParams, Dataset, MlpParams, Run, Values};
///
/// // Two columns that tell nothing alone.
/// let bit = |row: u32, place: u32| f64::from(row >> place & 1);
/// let data = Dataset::new(vec![
///     ("a", Values::numbers((0..400).map(|row| bit(row, 0)))),
///     ("b", Values::numbers((0..400).map(|row| bit(row, 1)))),
/// ])?
/// .with_classes((0..400).map(|row| if bit(row, 0) == bit(row, 1) { "same" } else { "not" }))?;
/// let params = MlpParams { early_stopping: false, ..MlpParams::default() };
/// let model = params.fit(&data, Run::default())?;
/// assert_eq!(model.predict_proba(&data.select(&[0, 1, 2, 3]), 1)?.predicted(), [1, 0, 0, 1]);
/// # Ok::<(), netloom_ml::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MlpParams {
    /// Sizes of the layers between what goes in and what comes out.
    pub hidden_layer_sizes: Vec<usize>,
    /// How much large weights cost.
    pub alpha: f64,
    /// Rows of a batch at most; none for 200.
    pub batch_size: Option<usize>,
    /// Size of Adam's steps.
    pub learning_rate_init: f64,
    /// Epochs at most.
    pub max_iter: usize,
    /// By how much a score must be better to be better.
    pub tol: f64,
    /// Whether rows are held out to stop by (scikit-learn's default is not); otherwise it stops when
    /// the loss gets no smaller.
    pub early_stopping: bool,
    /// Share of the rows that are held out.
    pub validation_fraction: f64,
    /// Epochs without anything better after which it stops.
    pub n_iter_no_change: usize,
    /// How slowly Adam's mean gradient changes.
    pub beta_1: f64,
    /// How slowly Adam's mean squared gradient changes.
    pub beta_2: f64,
    /// What keeps Adam from dividing by 0.
    pub epsilon: f64,
}

impl Default for MlpParams {
    fn default() -> Self {
        Self {
            hidden_layer_sizes: vec![100],
            alpha: 1e-4,
            batch_size: None,
            learning_rate_init: 1e-3,
            max_iter: 200,
            tol: 1e-4,
            early_stopping: true,
            validation_fraction: 0.1,
            n_iter_no_change: 10,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
        }
    }
}

impl Learn for MlpParams {
    const NAME: &'static str = "mlp";

    fn preprocessing(&self) -> Preprocessing {
        Preprocessing::SCALED
    }

    fn check(&self) -> Result<(), Error> {
        let within = |name, value: f64, ok: bool, must| {
            if ok {
                Ok(())
            } else {
                Err(Error::parameter(name, &value, must))
            }
        };
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let share = |value: f64| (0.0..1.0).contains(&value);
        within(
            "alpha",
            self.alpha,
            self.alpha.is_finite() && self.alpha >= 0.0,
            "0 or more",
        )?;
        within(
            "learning_rate_init",
            self.learning_rate_init,
            positive(self.learning_rate_init),
            "above 0",
        )?;
        within("epsilon", self.epsilon, positive(self.epsilon), "above 0")?;
        within(
            "beta_1",
            self.beta_1,
            share(self.beta_1),
            "from 0 to below 1",
        )?;
        within(
            "beta_2",
            self.beta_2,
            share(self.beta_2),
            "from 0 to below 1",
        )?;
        within("tol", self.tol, self.tol.is_finite(), "a number")?;
        within(
            "validation_fraction",
            self.validation_fraction,
            share(self.validation_fraction) && self.validation_fraction > 0.0,
            "above 0 and below 1",
        )?;
        for (name, value) in [
            ("max_iter", self.max_iter),
            ("n_iter_no_change", self.n_iter_no_change),
            ("batch_size", self.batch_size.unwrap_or(1)),
            (
                "hidden_layer_sizes",
                self.hidden_layer_sizes.iter().copied().min().unwrap_or(1),
            ),
        ] {
            if value == 0 {
                return Err(Error::parameter(name, &value, "1 or more"));
            }
        }
        Ok(())
    }

    fn learn(&self, data: &Labelled<'_>) -> Result<Core, Error> {
        let outputs = if data.classes == 2 { 1 } else { data.classes };
        let mut chance = Chance::of(data.run.seed, 0x6d6c_7000);
        let mut sizes = vec![data.features.len()];
        sizes.extend(&self.hidden_layer_sizes);
        sizes.push(outputs);
        let net = Net::new(&sizes, &mut chance);
        let mut training = Training::new(self, net, data);
        training.run(&mut chance);
        Ok(Core::Mlp(training.net))
    }
}

/// Learns more rows, each once, as `MLPClassifier.partial_fit` does; with default parameters and
/// Adam's memory empty, for a model is its weights alone.
pub(crate) fn go_on(net: &mut Net, data: &Labelled<'_>) {
    let params = MlpParams::default();
    let mut rows: Vec<u32> = (0..data.codes.len() as u32)
        .filter(|&row| data.weights[row as usize] > 0.0)
        .collect();
    let mut training = Training::new(&params, net.clone(), data);
    training.epoch(&mut rows, &mut Chance::of(data.run.seed, 0x6d6c_7001));
    if training.net.is_finite() {
        *net = training.net;
    }
}

/// Pieces that a batch is cut into, so that threads can share it; always as many, so that sums do
/// not depend on the threads.
const PARTS: usize = 2;

/// A net that is learning.
struct Training<'a> {
    params: &'a MlpParams,
    data: &'a Labelled<'a>,
    rows: Vec<f32>,
    workers: Workers,
    passes: Vec<Part>,
    adam: Adam,
    net: Net,
}

/// A piece of a batch.
#[derive(Default)]
struct Part {
    rows: Vec<f32>,
    codes: Vec<u32>,
    weights: Vec<f32>,
    pass: Pass,
}

impl<'a> Training<'a> {
    fn new(params: &'a MlpParams, net: Net, data: &'a Labelled<'a>) -> Self {
        let columns = data.features.len();
        let mut rows = Vec::with_capacity(data.codes.len() * columns);
        let mut block = Vec::new();
        for first in (0..data.codes.len()).step_by(BLOCK) {
            let last = (first + BLOCK).min(data.codes.len());
            data.features.block(first..last, &mut block);
            rows.extend(block.iter().map(|&value| single(value)));
        }
        Self {
            params,
            data,
            rows,
            workers: Workers::new(data.run.threads),
            passes: (0..PARTS).map(|_| Part::default()).collect(),
            adam: Adam::new(&net),
            net,
        }
    }

    fn run(&mut self, chance: &mut Chance) {
        let (mut train, held_out) = self.hold_out(chance);
        let mut best = self.net.clone();
        // Of the best weights: of equally many rows told right those that are surest.
        let mut kept = (f64::NEG_INFINITY, f64::INFINITY);
        let mut unchanged = 0;
        for _ in 0..self.params.max_iter {
            self.epoch(&mut train, chance);
            let told = if held_out.is_empty() {
                (f64::NEG_INFINITY, self.loss(&train))
            } else {
                self.told(&held_out)
            };
            // Of no rows held out the loss alone can tell.
            let better = if held_out.is_empty() {
                told.1 <= kept.1 - self.params.tol
            } else {
                told.0 > kept.0 && told.0 >= kept.0 + self.params.tol
            };
            unchanged = if better { 0 } else { unchanged + 1 };
            if told.0 > kept.0 || told.0 >= kept.0 && told.1 < kept.1 {
                kept = told;
                best = self.net.clone();
            }
            if unchanged > self.params.n_iter_no_change {
                break;
            }
        }
        self.net = best;
    }

    /// Learns each row once, in an order of chance.
    fn epoch(&mut self, rows: &mut [u32], chance: &mut Chance) {
        let batch = self.params.batch_size.unwrap_or(200);
        let batch = batch.min(rows.len()).max(1);
        chance.shuffle(rows);
        for rows in rows.chunks(batch) {
            self.step(rows);
        }
    }

    /// Rows to learn from, and rows to stop by: of each class the same share.
    fn hold_out(&self, chance: &mut Chance) -> (Vec<u32>, Vec<u32>) {
        let all =
            (0..self.data.codes.len() as u32).filter(|&row| self.data.weights[row as usize] > 0.0);
        if !self.params.early_stopping {
            return (all.collect(), Vec::new());
        }
        let mut of_classes = vec![Vec::new(); self.data.classes];
        for row in all {
            of_classes[self.data.codes[row as usize] as usize].push(row);
        }
        let (mut train, mut held_out) = (Vec::new(), Vec::new());
        for mut rows in of_classes {
            chance.shuffle(&mut rows);
            let count = (rows.len() as f64 * self.params.validation_fraction).round() as usize;
            let (out, of_train) = rows.split_at(count.min(rows.len().saturating_sub(1)));
            held_out.extend_from_slice(out);
            train.extend_from_slice(of_train);
        }
        train.sort_unstable();
        (train, held_out)
    }

    fn step(&mut self, batch: &[u32]) {
        let columns = self.data.features.len();
        let each = batch.len().div_ceil(PARTS);
        let (net, data, all) = (&self.net, self.data, &self.rows);
        self.workers.each(&mut self.passes, |place, part| {
            let from = (place * each).min(batch.len());
            let to = ((place + 1) * each).min(batch.len());
            part.rows.clear();
            part.codes.clear();
            part.weights.clear();
            for &row in &batch[from..to] {
                let row = row as usize;
                part.rows
                    .extend_from_slice(&all[row * columns..(row + 1) * columns]);
                part.codes.push(data.codes[row]);
                part.weights.push(data.weights[row] as f32);
            }
            net.backward(&part.rows, &part.codes, &part.weights, &mut part.pass);
        });
        let weight: f64 = batch
            .iter()
            .map(|&row| self.data.weights[row as usize])
            .sum();
        let (first, others) = self.passes.split_at_mut(1);
        for other in others {
            for (sum, part) in first[0]
                .pass
                .gradients
                .iter_mut()
                .zip(&other.pass.gradients)
            {
                add(&mut sum.0, &part.0);
                add(&mut sum.1, &part.1);
            }
        }
        self.adam
            .step(self.params, &mut self.net, &first[0].pass.gradients, weight);
    }

    /// The loss, with what large weights cost.
    fn loss(&self, rows: &[u32]) -> f64 {
        let all: f64 = rows
            .iter()
            .map(|&row| self.data.weights[row as usize])
            .sum();
        let squares: f64 = self
            .net
            .layers
            .iter()
            .flat_map(|layer| &layer.weights)
            .map(|weight| f64::from(*weight).powi(2))
            .sum();
        self.told(rows).1 + 0.5 * self.params.alpha * squares / all
    }

    /// The share of the rows that are told right, and the log loss.
    fn told(&self, rows: &[u32]) -> (f64, f64) {
        let mut right = 0.0;
        let mut loss = 0.0;
        let mut all = 0.0;
        self.tell(rows, |row, told| {
            let mut best = 0;
            for (class, share) in told.iter().enumerate() {
                if *share > told[best] {
                    best = class;
                }
            }
            let code = self.data.codes[row] as usize;
            let weight = self.data.weights[row];
            all += weight;
            loss -= weight * told[code].max(f64::MIN_POSITIVE).ln();
            if best == code {
                right += weight;
            }
        });
        (right / all, loss / all)
    }

    fn tell(&self, rows: &[u32], mut each: impl FnMut(usize, &[f64])) {
        let columns = self.data.features.len();
        let mut values = Vec::new();
        for block in rows.chunks(BLOCK) {
            values.clear();
            for &row in block {
                let from = row as usize * columns;
                values.extend_from_slice(&self.rows[from..from + columns]);
            }
            let told = self.net.probabilities(&values);
            for (&row, told) in block.iter().zip(told.chunks(self.data.classes)) {
                each(row as usize, told);
            }
        }
    }
}

fn add(sums: &mut [f32], others: &[f32]) {
    for (sum, other) in sums.iter_mut().zip(others) {
        *sum += other;
    }
}

/// Steps along means of the gradients, each divided by the root of the mean of its squares.
struct Adam {
    /// Of weights and biases of each layer.
    moments: Vec<[Moments; 2]>,
    steps: i32,
}

/// Means of the slopes, and of their squares.
struct Moments {
    means: Vec<f32>,
    squares: Vec<f32>,
}

impl Moments {
    fn new(count: usize) -> Self {
        Self {
            means: vec![0.0; count],
            squares: vec![0.0; count],
        }
    }
}

impl Adam {
    fn new(net: &Net) -> Self {
        Self {
            moments: net
                .layers
                .iter()
                .map(|layer| {
                    [
                        Moments::new(layer.weights.len()),
                        Moments::new(layer.biases.len()),
                    ]
                })
                .collect(),
            steps: 0,
        }
    }

    fn step(
        &mut self,
        params: &MlpParams,
        net: &mut Net,
        gradients: &[(Vec<f32>, Vec<f32>)],
        weight: f64,
    ) {
        self.steps += 1;
        let rate = params.learning_rate_init * (1.0 - params.beta_2.powi(self.steps)).sqrt()
            / (1.0 - params.beta_1.powi(self.steps));
        let (rate, epsilon) = (rate as f32, params.epsilon as f32);
        let (beta_1, beta_2) = (params.beta_1 as f32, params.beta_2 as f32);
        let (share, alpha) = ((1.0 / weight) as f32, params.alpha as f32);
        let walk = |numbers: &mut [f32], slopes: &[f32], moments: &mut Moments, cost: f32| {
            let moments = moments.means.iter_mut().zip(&mut moments.squares);
            for ((number, slope), (mean, square)) in numbers.iter_mut().zip(slopes).zip(moments) {
                let slope = (slope + cost * *number) * share;
                *mean = beta_1 * *mean + (1.0 - beta_1) * slope;
                *square = beta_2 * *square + (1.0 - beta_2) * slope * slope;
                *number -= rate * *mean / (square.sqrt() + epsilon);
            }
        };
        for ((layer, (of_weights, of_biases)), [weights, biases]) in
            net.layers.iter_mut().zip(gradients).zip(&mut self.moments)
        {
            walk(&mut layer.weights, of_weights, weights, alpha);
            walk(&mut layer.biases, of_biases, biases, 0.0);
        }
    }
}
