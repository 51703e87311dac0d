//! A graph that was read, at work.

use std::sync::Arc;

use super::classical;
use super::operator::{self, Operator};
use super::run::{self, Budget, Inputs};
use super::tensor::{Data, Element, Tensor};
use crate::dataset::{Dataset, Kind, Values};
use crate::error::Error;
use crate::model::{Classifier, Input, Probabilities};
use crate::numeric::parallel;

/// Rows that go through together.
const ROWS: usize = 256;
/// Elements of all tensors that are alive together.
const MAX_ALIVE: usize = 1 << 25;
/// Elementary steps that a row may cost, and those that any rows may.
const STEPS_OF_ROW: u64 = 1 << 26;
const STEPS: u64 = 1 << 26;
/// How far the probabilities of a row may be from 1 in sum, and from 0 below.
const NEARLY: f64 = 1e-3;

/// Where a value stands.
pub(super) type Slot = usize;

#[derive(Debug)]
pub(super) struct Step {
    pub(super) operator: Operator,
    /// The node, in words.
    pub(super) name: String,
    pub(super) inputs: Vec<Option<Slot>>,
    pub(super) outputs: Vec<Option<Slot>>,
    /// Values that nobody needs after it.
    pub(super) last_use: Vec<Slot>,
}

/// An input of the graph and the columns that go into it.
#[derive(Debug)]
pub(super) struct Fed {
    pub(super) slot: Slot,
    pub(super) element: Element,
    /// Columns, as places in the model's inputs.
    pub(super) columns: std::ops::Range<usize>,
    /// Rows × columns, or rows alone.
    pub(super) flat: bool,
}

/// What the scores are that come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scores {
    Probabilities,
    /// Their logarithms.
    Logarithms,
    /// Numbers that the softmax, or for one number the sigmoid, makes probabilities of.
    Logits,
}

/// An ONNX model that tells classes.
#[derive(Debug)]
pub(super) struct OnnxClassifier {
    pub(super) inputs: Vec<Input>,
    pub(super) fed: Vec<Fed>,
    pub(super) constants: Vec<(Slot, Arc<Tensor>)>,
    pub(super) steps: Vec<Step>,
    pub(super) slots: usize,
    pub(super) output: Slot,
    pub(super) scores: Scores,
    pub(super) classes: Arc<[String]>,
}

/// A column as the graph takes it.
enum Column {
    Numbers(Vec<f64>),
    Texts(Vec<Arc<str>>),
}

impl Column {
    fn of(data: &Dataset, input: &Input, element: Element) -> Result<Self, Error> {
        let view = data
            .column(&input.name)
            .ok_or_else(|| Error::MissingColumns {
                columns: vec![input.name.clone()],
            })?;
        let kinds = |found| Error::ColumnKind {
            column: input.name.clone(),
            found,
            wanted: if input.kind == Kind::Category {
                "categories"
            } else {
                "numbers"
            },
        };
        if element != Element::Text {
            if view.kind() == Kind::Category
                && view.categories().iter().any(|name| !name.is_empty())
            {
                return Err(kinds("categories"));
            }
            let numbers = view.numbers();
            if element == Element::Int
                && let Some(row) = numbers.iter().position(|number| number.is_nan())
            {
                return Err(Error::Column {
                    column: input.name.clone(),
                    reason: format!(
                        "the model takes whole numbers, and row {} has none",
                        row + 1
                    ),
                });
            }
            return Ok(Self::Numbers(
                numbers.iter().map(|x| element.round(*x)).collect(),
            ));
        }
        let Some(codes) = view.codes() else {
            return Err(kinds("numbers"));
        };
        let names: Vec<Arc<str>> = view
            .categories()
            .iter()
            .map(|name| name.as_str().into())
            .collect();
        let missing: Arc<str> = "".into();
        Ok(Self::Texts(
            codes
                .iter()
                .map(|code| {
                    let known = names
                        .get(*code as usize)
                        .filter(|_| *code != Values::MISSING);
                    Arc::clone(known.unwrap_or(&missing))
                })
                .collect(),
        ))
    }
}

impl OnnxClassifier {
    fn evaluate(
        &self,
        columns: &[Column],
        rows: std::ops::Range<usize>,
    ) -> Result<Vec<f64>, Error> {
        let count = rows.len();
        let mut slots: Vec<Option<Arc<Tensor>>> = vec![None; self.slots];
        for (slot, tensor) in &self.constants {
            slots[*slot] = Some(Arc::clone(tensor));
        }
        for fed in &self.fed {
            slots[fed.slot] = Some(Arc::new(feed(fed, columns, &rows)));
        }
        let mut budget = Budget(STEPS + STEPS_OF_ROW * count as u64);
        let mut alive: usize = slots.iter().flatten().map(|tensor| tensor.len()).sum();
        for step in &self.steps {
            let trouble = |reason| Error::Onnx {
                node: step.name.clone(),
                reason,
            };
            let inputs: Vec<Option<Arc<Tensor>>> = step
                .inputs
                .iter()
                .map(|slot| slots[(*slot)?].clone())
                .collect();
            let made = run::run(&step.operator, &Inputs(&inputs), &mut budget).map_err(trouble)?;
            drop(inputs);
            for (slot, tensor) in step.outputs.iter().zip(made) {
                if let Some(slot) = slot {
                    alive += tensor.len();
                    slots[*slot] = Some(tensor);
                }
            }
            if alive > MAX_ALIVE + self.constants.len() {
                return Err(trouble(
                    "it needs more memory than any model of its kind".to_owned(),
                ));
            }
            for slot in &step.last_use {
                alive -= slots[*slot].take().map_or(0, |tensor| tensor.len());
            }
        }
        let wrong = |reason: String| Error::Onnx {
            node: "its output".to_owned(),
            reason,
        };
        let scores = slots[self.output]
            .take()
            .ok_or_else(|| wrong("there is none".to_owned()))?;
        self.probabilities(&scores, rows).map_err(wrong)
    }

    /// Scores as probabilities, each class of each row.
    fn probabilities(
        &self,
        scores: &Tensor,
        rows: std::ops::Range<usize>,
    ) -> Result<Vec<f64>, String> {
        let classes = self.classes.len();
        let values = scores.values()?;
        let width = if values.len() == rows.len() {
            1
        } else {
            classes
        };
        if scores.sizes.first() != Some(&rows.len()) || values.len() != rows.len() * width {
            return Err(format!(
                "{} rows went in, and {:?} came out: a model must take any number of rows (export \
                 with dynamic axes) and give a number for each of its {classes} classes",
                rows.len(),
                scores.sizes
            ));
        }
        if width == 1 && classes > 2 {
            return Err(format!(
                "one number comes out, but there are {classes} classes"
            ));
        }
        let mut told = Vec::with_capacity(rows.len() * classes);
        for (row, own) in rows.clone().zip(values.chunks_exact(width)) {
            let start = told.len();
            match (own, self.scores) {
                ([one], _) if classes == 1 => told.push(if *one > 0.0 { 1.0 } else { *one }),
                ([one], scores) => {
                    let second = match scores {
                        Scores::Probabilities => *one,
                        Scores::Logarithms => one.exp(),
                        Scores::Logits => operator::sigmoid(*one),
                    };
                    told.extend([1.0 - second, second]);
                }
                (own, Scores::Probabilities) => told.extend_from_slice(own),
                (own, Scores::Logarithms) => told.extend(own.iter().map(|score| score.exp())),
                (own, Scores::Logits) => {
                    told.extend_from_slice(own);
                    if let Some(own) = told.get_mut(start..) {
                        classical::transform(classical::PostTransform::Softmax, own);
                    }
                }
            }
            let own = told.get_mut(start..).unwrap_or_default();
            let sum: f64 = own.iter().sum();
            // Where one is no number, so is the sum.
            let adds_up = (sum - 1.0).abs() <= NEARLY;
            if !adds_up || own.iter().any(|score| *score < -NEARLY) {
                return Err(format!(
                    "row {} has scores that are no probabilities ({:?})",
                    row + 1,
                    &own[..own.len().min(4)]
                ));
            }
            for score in own {
                *score = score.max(0.0);
            }
        }
        Ok(told)
    }
}

/// Rows of columns as a tensor.
fn feed(fed: &Fed, columns: &[Column], rows: &std::ops::Range<usize>) -> Tensor {
    let columns = columns.get(fed.columns.clone()).unwrap_or_default();
    let sizes = if fed.flat {
        vec![rows.len()]
    } else {
        vec![rows.len(), columns.len()]
    };
    let data = if fed.element == Element::Text {
        let cell = |row: usize| {
            columns.iter().filter_map(move |column| match column {
                Column::Texts(texts) => texts.get(row).cloned(),
                Column::Numbers(_) => None,
            })
        };
        Data::Texts(rows.clone().flat_map(cell).collect())
    } else {
        let cell = |row: usize| {
            columns.iter().filter_map(move |column| match column {
                Column::Numbers(numbers) => numbers.get(row).copied(),
                Column::Texts(_) => None,
            })
        };
        Data::Numbers(rows.clone().flat_map(cell).collect())
    };
    Tensor::new(fed.element, sizes, data)
}

impl Classifier for OnnxClassifier {
    fn algorithm(&self) -> &'static str {
        "onnx"
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    fn predict_proba(&self, data: &Dataset, threads: usize) -> Result<Probabilities, Error> {
        let missing: Vec<String> = self
            .inputs
            .iter()
            .filter(|input| data.column(&input.name).is_none())
            .map(|input| input.name.clone())
            .collect();
        if !missing.is_empty() {
            return Err(Error::MissingColumns { columns: missing });
        }
        let mut columns = Vec::with_capacity(self.inputs.len());
        for fed in &self.fed {
            for input in self.inputs.get(fed.columns.clone()).unwrap_or_default() {
                columns.push(Column::of(data, input, fed.element)?);
            }
        }
        let rows = data.rows();
        let parts = parallel::map(rows.div_ceil(ROWS), threads, |part| {
            self.evaluate(&columns, part * ROWS..((part + 1) * ROWS).min(rows))
        });
        let mut values = Vec::with_capacity(rows * self.classes.len());
        for part in parts {
            values.extend(part?);
        }
        Probabilities::new(Arc::clone(&self.classes), values)
    }
}
