//! Models of other programs: ONNX classifiers, as scikit-learn (skl2onnx) and PyTorch write them.
//!
//! A graph is read whole and checked before anything runs: each operator must be known, each value
//! made before it is used. There are no loops and no functions in it, so a row costs no more than
//! the graph has nodes; sizes of tensors and the steps that rows may cost are bounded.

#![expect(
    clippy::float_cmp,
    reason = "operators that compare numbers compare them as they are"
)]

mod axes;
mod classical;
mod classifier;
mod operator;
mod run;
mod shape;
mod tensor;
mod trees;
mod wire;

use std::sync::Arc;

use hashbrown::HashMap;

use crate::dataset::Kind;
use crate::model::{Classifier, Input};
use classifier::{Fed, OnnxClassifier, Scores, Slot, Step};
use operator::Operator;
use tensor::{Data, Element, Tensor};
use wire::ValueInfo;

/// A file that is larger is refused.
pub const MAX_ONNX_BYTES: u64 = 256 << 20;
/// Nodes of a graph.
const MAX_NODES: usize = 100_000;
/// Columns of an input.
const MAX_COLUMNS: usize = 1 << 16;
/// Why a file is no ONNX model that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxImportError {
    /// It is something else.
    #[error("is no ONNX model")]
    NotOnnx,
    /// It is larger than any model.
    #[error("is larger than {MAX_ONNX_BYTES} bytes")]
    TooLarge,
    /// It does not hold together.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// An operator is not known.
    #[error("uses the operator {operator} (node {node:?}), which is not supported")]
    Operator {
        /// The operator.
        operator: String,
        /// The node that it is of.
        node: String,
    },
    /// Something else in it is not known.
    #[error("uses {0}, which is not supported")]
    Unsupported(String),
    /// It does not say of which columns its numbers are.
    #[error("takes {width} numbers as `{input}` and does not say which columns they are")]
    NoColumns {
        /// Its input.
        input: String,
        /// How many it takes.
        width: usize,
    },
    /// It takes other columns than were named.
    #[error("takes {width} columns, but {named} are named")]
    Columns {
        /// How many it takes.
        width: usize,
        /// How many were named.
        named: usize,
    },
    /// It tells no classes.
    #[error("is no classifier: {0}")]
    NoClasses(String),
}

/// Reads a classifier from an ONNX file, as skl2onnx and torch.onnx write them.
///
/// Each input of the graph with one number a row is the column of its name. An input of several
/// takes the columns that `columns` names in order; without them those of the model's metadata,
/// `netloom.columns` or `feature_names`, a JSON list or names with commas between.
///
/// Classes are named by the model (ZipMap, its label output, or the metadata `classes`, a JSON
/// list), or by their numbers. What the scores are follows from the graph: a model without a label
/// output that ends in a sum or product of matrices gives logits, as PyTorch's do.
///
/// ```
/// use netloom_ml::{ClassifierParams, Dataset, LogisticRegressionParams, Run, Values};
/// use netloom_ml::{from_onnx, to_onnx};
///
/// let data = Dataset::new(vec![("bytes", Values::numbers((0..50).map(f64::from)))])?
///     .with_classes((0..50).map(|bytes| if bytes < 25 { "small" } else { "large" }))?;
/// let model = LogisticRegressionParams::default().fit(&data, Run::default())?;
/// let again = from_onnx(&to_onnx(&*model)?, &[])?;
/// assert_eq!(again.classes(), ["large", "small"]);
/// assert_eq!(again.inputs(), model.inputs());
/// let (told, known) = (again.predict_proba(&data, 1)?, model.predict_proba(&data, 1)?);
/// assert!((told.row(7)[1] - known.row(7)[1]).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// If it is no ONNX model, does not hold together, uses an operator that is not known, does not say
/// which columns it takes, or tells no classes.
pub fn from_onnx(bytes: &[u8], columns: &[String]) -> Result<Box<dyn Classifier>, OnnxImportError> {
    if bytes.len() as u64 > MAX_ONNX_BYTES {
        return Err(OnnxImportError::TooLarge);
    }
    let model = wire::model(bytes)?;
    Ok(Box::new(Reader::new(&model)?.classifier(columns)?))
}

/// What is known of a graph while it is read.
struct Reader<'a> {
    model: &'a wire::Model<'a>,
    slots: HashMap<&'a str, Slot, foldhash::fast::RandomState>,
    constants: Vec<(Slot, Arc<Tensor>)>,
    steps: Vec<Step>,
    fed: Vec<(Slot, &'a ValueInfo<'a>)>,
    /// The step that a value comes from, and which of its outputs it is.
    made_by: Vec<Option<(usize, usize)>>,
}

impl<'a> Reader<'a> {
    fn new(model: &'a wire::Model<'a>) -> Result<Self, OnnxImportError> {
        if model.nodes.len() > MAX_NODES {
            return Err(OnnxImportError::Damaged("it has too many nodes".to_owned()));
        }
        let mut reader = Self {
            model,
            slots: HashMap::default(),
            constants: Vec::new(),
            steps: Vec::new(),
            fed: Vec::new(),
            made_by: Vec::new(),
        };
        for (name, tensor) in &model.constants {
            let slot = reader.make(name, None)?;
            reader.constants.push((slot, Arc::new(tensor.clone())));
        }
        for input in &model.inputs {
            // Constants may be listed as inputs, too.
            if !reader.slots.contains_key(input.name) {
                let slot = reader.make(input.name, None)?;
                reader.fed.push((slot, input));
            }
        }
        for node in &model.nodes {
            reader.step(node)?;
        }
        Ok(reader)
    }

    fn make(&mut self, name: &'a str, by: Option<(usize, usize)>) -> Result<Slot, OnnxImportError> {
        let slot = self.made_by.len();
        if name.is_empty() || self.slots.insert(name, slot).is_some() {
            return Err(OnnxImportError::Damaged(format!(
                "the value {name:?} is made twice"
            )));
        }
        self.made_by.push(by);
        Ok(slot)
    }

    fn step(&mut self, node: &'a wire::Node<'a>) -> Result<(), OnnxImportError> {
        let inputs = node
            .inputs
            .iter()
            .map(|name| match *name {
                "" => Ok(None),
                name => self.slots.get(name).copied().map(Some).ok_or_else(|| {
                    OnnxImportError::Damaged(format!(
                        "the value {name:?} is used before it is made"
                    ))
                }),
            })
            .collect::<Result<_, _>>()?;
        let operator = operator::operator(node)?;
        let step = self.steps.len();
        let outputs = node
            .outputs
            .iter()
            .enumerate()
            .map(|(place, name)| match *name {
                "" => Ok(None),
                name => self.make(name, Some((step, place))).map(Some),
            })
            .collect::<Result<_, _>>()?;
        self.steps.push(Step {
            operator,
            name: format!("{} {:?}", node.operator, node.name),
            inputs,
            outputs,
            last_use: Vec::new(),
        });
        Ok(())
    }

    fn classifier(mut self, columns: &[String]) -> Result<OnnxClassifier, OnnxImportError> {
        let (inputs, fed) = self.inputs(columns)?;
        let (output, info, label) = self.scores()?;
        let (traced, _) = self.trace(output);
        let scores = match self.made_by[traced].map(|(step, _)| &self.steps[step].operator) {
            _ if label.is_some() => Scores::Probabilities,
            Some(Operator::Softmax { log: true, .. }) => Scores::Logarithms,
            Some(Operator::Gemm { .. } | Operator::MatMul | Operator::Binary(_)) => Scores::Logits,
            _ => Scores::Probabilities,
        };
        let classes = self.classes(output, label, info)?;
        self.find_last_uses(output);
        Ok(OnnxClassifier {
            inputs,
            fed,
            constants: self.constants,
            slots: self.made_by.len(),
            steps: self.steps,
            output,
            scores,
            classes,
        })
    }

    fn fact(&self, name: &str) -> Option<&'a str> {
        let mut facts = self.model.facts.iter();
        facts.find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    /// The columns that go in, and where.
    fn inputs(&self, columns: &[String]) -> Result<(Vec<Input>, Vec<Fed>), OnnxImportError> {
        let said = ["netloom.columns", "feature_names"]
            .iter()
            .find_map(|name| self.fact(name))
            .map(names)
            .unwrap_or_default();
        let named = if columns.is_empty() {
            &said[..]
        } else {
            columns
        };
        let mut inputs: Vec<Input> = Vec::new();
        let mut fed = Vec::new();
        // Names in the order of the inputs; what is one wide need not be named.
        let single =
            |info: &ValueInfo<'_>| info.sizes.len() == 1 || matches!(info.sizes[..], [_, Some(1)]);
        let by_name = columns.is_empty() && self.fed.iter().all(|(_, info)| single(info));
        let mut rest = named.iter();
        for (slot, info) in &self.fed {
            let element = wire::element(info.element)?;
            if info.sizes.len() > 2 {
                return Err(OnnxImportError::Unsupported(format!(
                    "an input of {} dimensions (`{}`)",
                    info.sizes.len(),
                    info.name
                )));
            }
            let flat = info.sizes.len() == 1;
            let start = inputs.len();
            let kind = if element == Element::Text {
                Kind::Category
            } else {
                Kind::Number
            };
            let mut add = |name: String| inputs.push(Input { name, kind });
            if by_name {
                add(info.name.to_owned());
            } else {
                let width = match (flat, info.sizes.get(1)) {
                    (true, _) => 1,
                    (false, Some(Some(width))) => *width,
                    // A width that is not said is what is named, where that is all.
                    (false, _) if self.fed.len() == 1 => named.len(),
                    (false, _) => 0,
                };
                if width == 0 || width > MAX_COLUMNS || named.is_empty() {
                    return Err(OnnxImportError::NoColumns {
                        input: info.name.to_owned(),
                        width,
                    });
                }
                for _ in 0..width {
                    if let Some(name) = rest.next() {
                        add(name.clone());
                    } else {
                        let widths = self.fed.iter();
                        let widths = widths
                            .map(|(_, info)| info.sizes.get(1).copied().flatten().unwrap_or(1));
                        return Err(OnnxImportError::Columns {
                            width: widths.fold(0, usize::saturating_add),
                            named: named.len(),
                        });
                    }
                }
            }
            fed.push(Fed {
                slot: *slot,
                element,
                columns: start..inputs.len(),
                flat,
            });
        }
        if !by_name && rest.next().is_some() {
            return Err(OnnxImportError::Columns {
                width: inputs.len(),
                named: named.len(),
            });
        }
        if inputs.is_empty() {
            return Err(OnnxImportError::NoClasses("it takes no columns".to_owned()));
        }
        Ok((inputs, fed))
    }

    /// The output that holds scores, and the one that holds labels.
    fn scores(&self) -> Result<(Slot, &'a ValueInfo<'a>, Option<Slot>), OnnxImportError> {
        let (mut scores, mut label) = (None, None);
        for info in &self.model.outputs {
            let slot = *self.slots.get(info.name).ok_or_else(|| {
                OnnxImportError::Damaged(format!("nothing makes the output {:?}", info.name))
            })?;
            // A map for each row is no tensor: it comes out of ZipMap.
            match info.element {
                0 | 1 | 11 if scores.is_none() => scores = Some((slot, info)),
                7 | 8 if label.is_none() => label = Some(slot),
                _ => {}
            }
        }
        let (slot, info) = scores.ok_or_else(|| {
            OnnxImportError::NoClasses("no output holds a probability for each class".to_owned())
        })?;
        let (traced, _) = self.trace(slot);
        let regresses =
            self.made_by[traced].is_some_and(|(step, _)| match &self.steps[step].operator {
                Operator::Linear(linear) => linear.classes().is_none() && linear.width() == 1,
                Operator::Trees(trees) => trees.classes().is_none() && trees.width() == 1,
                _ => false,
            });
        // skl2onnx calls what its regressors tell so, and nothing else.
        if label.is_none() && (regresses || info.name == "variable") {
            return Err(OnnxImportError::NoClasses(
                "it tells a number, which predict has no use for".to_owned(),
            ));
        }
        Ok((slot, info, label))
    }

    /// Where a value comes from but for steps that only pass it on, and the classes of a ZipMap.
    fn trace(&self, from: Slot) -> (Slot, usize) {
        let mut slot = from;
        while let Some((step, output)) = self.made_by[slot] {
            let step = &self.steps[step];
            let passes = matches!(
                step.operator,
                Operator::Identity
                    | Operator::Reshape { .. }
                    | Operator::Flatten { .. }
                    | Operator::Squeeze(_)
                    | Operator::Unsqueeze(_)
                    | Operator::Cast(_)
            );
            match step.inputs.first() {
                Some(Some(input)) if passes && output == 0 => slot = *input,
                _ => return (slot, output),
            }
        }
        (slot, 0)
    }

    /// Names of the classes.
    fn classes(
        &self,
        output: Slot,
        label: Option<Slot>,
        info: &ValueInfo<'_>,
    ) -> Result<Arc<[String]>, OnnxImportError> {
        let zipped = self.made_by[output].and_then(|(step, _)| {
            let node = self
                .model
                .nodes
                .get(step)
                .filter(|node| node.operator == "ZipMap")?;
            operator::Attributes(&node.attributes)
                .names("classlabels_strings", "classlabels_int64s")
        });
        let said = || {
            let said = self
                .fact("netloom.classes")
                .or_else(|| self.fact("classes"))?;
            Some(Data::Texts(
                names(said).into_iter().map(Into::into).collect(),
            ))
        };
        let found = zipped
            .or_else(said)
            .or_else(|| self.labels_of(label?))
            .or_else(|| self.labels_of(output));
        let classes: Vec<String> = match found {
            Some(Data::Texts(texts)) => texts.iter().map(ToString::to_string).collect(),
            Some(Data::Numbers(numbers)) => numbers.iter().map(f64::to_string).collect(),
            None => {
                let width = info
                    .sizes
                    .last()
                    .copied()
                    .flatten()
                    .filter(|_| info.sizes.len() == 2);
                let width = width.ok_or_else(|| {
                    OnnxImportError::NoClasses(
                        "it does not say how many classes there are: name them in its metadata, \
                         `classes`, as a JSON list"
                            .to_owned(),
                    )
                })?;
                // One number is that of the second of two.
                (0..width.clamp(2, MAX_COLUMNS))
                    .map(|class| class.to_string())
                    .collect()
            }
        };
        let mut sorted = classes.clone();
        sorted.sort_unstable();
        if classes.is_empty() || sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(OnnxImportError::NoClasses(
                "its classes are not distinct".to_owned(),
            ));
        }
        Ok(classes.into())
    }

    /// The classes that a value is chosen from.
    fn labels_of(&self, slot: Slot) -> Option<Data> {
        let (slot, _) = self.trace(slot);
        let step = &self.steps[self.made_by[slot]?.0];
        match &step.operator {
            Operator::Linear(linear) => linear.classes().cloned(),
            Operator::Trees(trees) => trees.classes().cloned(),
            Operator::ArrayFeatureExtractor | Operator::Gather { .. } => {
                let from = (*step.inputs.first()?)?;
                let (_, tensor) = self.constants.iter().find(|(slot, _)| *slot == from)?;
                Some(tensor.data.clone())
            }
            _ => None,
        }
    }

    /// So that tensors are dropped when nobody needs them any more.
    fn find_last_uses(&mut self, output: Slot) {
        let mut seen = vec![false; self.made_by.len()];
        for kept in self.constants.iter().map(|(slot, _)| *slot).chain([output]) {
            seen[kept] = true;
        }
        for step in self.steps.iter_mut().rev() {
            for slot in step.inputs.iter().chain(&step.outputs).flatten() {
                if !std::mem::replace(&mut seen[*slot], true) {
                    step.last_use.push(*slot);
                }
            }
        }
    }
}

/// A JSON list of names, or names with commas between.
fn names(text: &str) -> Vec<String> {
    if let Ok(list) = serde_json::from_str::<Vec<serde_json::Value>>(text) {
        let name = |value: serde_json::Value| match value {
            serde_json::Value::String(name) => name,
            other => other.to_string(),
        };
        return list.into_iter().map(name).collect();
    }
    text.split(',')
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}
