//! Models for other programs, and of other programs: ONNX.
//!
//! [`to_onnx`] writes a model as a graph that onnxruntime and others compute, preprocessing
//! included: it takes the columns of a table, one input each (`rows` × 1; numbers as `double`,
//! names as `string`, missing as NaN and empty), and gives `label` and `probabilities`, in the order
//! of the classes. Numbers keep double precision up to where the model itself takes single, so that
//! a row takes the same way there as here; scores agree to 1e-5.
//!
//! Trees, forests, boosting, logistic regression, `sgd`, and the multi-layer perceptron can be exported,
//! with or without calibration. Operators: ai.onnx 17, ai.onnx.ml 3.
//!
//! [`from_onnx`] reads what scikit-learn and PyTorch wrote.

mod graph;
mod proto;
mod read;

use crate::boosting::Boosted;
use crate::calibration::{Calibration, Curve};
use crate::linear::Linear;
use crate::model::{Classifier, SavedClassifier};
use crate::neural::Net;
use crate::preprocess::{CategoryStep, Described, NumberStep, StepView};
use crate::supervised::{Core, FittedClassifier};
use crate::tree::{Step, Tree};
use graph::{Attribute, Graph, Type, Value};

pub use read::{MAX_ONNX_BYTES, OnnxImportError, from_onnx};

/// Why a model cannot be written as ONNX.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// There are no operators for it.
    #[error(
        "a model of kind {0} cannot be written as ONNX: trees, forests, boosting, logistic \
         regression, sgd and mlp can"
    )]
    Unsupported(String),
}

/// Writes a classifier as an ONNX model.
///
/// ```
/// use netloom_ml::{ClassifierParams, Dataset, RandomForestParams, Run, Values, to_onnx};
///
/// let data = Dataset::new(vec![("bytes", Values::numbers((0..50).map(f64::from)))])?
///     .with_classes((0..50).map(|bytes| if bytes < 25 { "small" } else { "large" }))?;
/// let model = RandomForestParams::default().fit(&data, Run::default())?;
/// let bytes = to_onnx(&*model)?;
/// assert!(bytes.windows(12).any(|part| part == b"TreeEnsemble"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// If there are no operators for the model.
pub fn to_onnx(model: &dyn Classifier) -> Result<Vec<u8>, OnnxError> {
    let unsupported = || OnnxError::Unsupported(model.algorithm().to_owned());
    let SavedClassifier { model, calibration } = model.saved().ok_or_else(unsupported)?;
    let mut graph = Graph::default();
    let probabilities = classifier(&mut graph, &model).ok_or_else(unsupported)?;
    let probabilities = match &calibration {
        None => probabilities,
        Some(calibration) => calibrated(&mut graph, calibration, &probabilities),
    };
    let classes = model.classes();
    let best = graph.node(
        "ArgMax",
        &[&probabilities],
        [Attribute::int("axis", 1), Attribute::int("keepdims", 0)],
    );
    let names = graph.texts(classes);
    let label = graph.node("Gather", &[&names, &best], []);
    graph.output(&label, "label", Type::String, &[]);
    let single = graph.cast(&probabilities, Type::Float);
    graph.output(&single, "probabilities", Type::Float, &[classes.len()]);
    let facts = [
        ("algorithm".to_owned(), model.algorithm().to_owned()),
        (
            "classes".to_owned(),
            serde_json::to_string(classes).unwrap_or_default(),
        ),
    ];
    Ok(graph.finish("netloom", &facts))
}

/// Preprocessing and model: the probabilities, in double precision.
fn classifier(graph: &mut Graph, model: &FittedClassifier) -> Option<Value> {
    let features = preprocessing(graph, model);
    let classes = model.classes().len();
    Some(match model.core() {
        Core::Constant => {
            // 1 in each row: as many rows as there are features, all of them taken out.
            let shape = graph.node("Shape", &[&features], []);
            let zero = graph.ints(&[1], &[0]);
            let rows = graph.node("Gather", &[&shape, &zero], []);
            let one = graph.ints(&[1], &[1]);
            let sizes = graph.node("Concat", &[&rows, &one], [Attribute::int("axis", 0)]);
            let single = graph.doubles(&[1], &[1.0]);
            graph.node("Expand", &[&single, &sizes], [])
        }
        Core::Forest(forest) => {
            let share = 1.0 / forest.trees().len() as f64;
            let trees = forest.trees().iter();
            let trees: Vec<(&Tree, usize)> = trees.map(|tree| (tree, 0)).collect();
            let sums = ensemble(graph, &features, &trees, share, &vec![0.0; classes]);
            graph.cast(&sums, Type::Double)
        }
        Core::Boosted(boosted) => {
            let raw = boosting(graph, &features, boosted);
            log_odds(graph, &raw, boosted.base().len())
        }
        Core::Logistic(linear) => {
            let raw = linear_sums(graph, &features, linear);
            log_odds(graph, &raw, linear.outputs())
        }
        Core::Mlp(net) => {
            let raw = layers(graph, &features, net);
            let outputs = if classes == 2 { 1 } else { classes };
            log_odds(graph, &raw, outputs)
        }
        Core::Sgd(sgd) => {
            let raw = linear_sums(graph, &features, &sgd.linear);
            log_odds(graph, &raw, sgd.linear.outputs())
        }
        Core::Neighbors(_) | Core::NaiveBayes(_) | Core::Hoeffding(_) => return None,
    })
}

/// From the columns of a table to features, `rows` × their number.
fn preprocessing(graph: &mut Graph, model: &FittedClassifier) -> Value {
    let mut columns = Vec::new();
    for Described { name, step } in model.describe() {
        match step {
            StepView::Number(step) => {
                let input = graph.input(name, Type::Double);
                number(graph, &input, &step, &mut columns);
            }
            StepView::Category(step) => {
                let input = graph.input(name, Type::String);
                columns.push(category(graph, &input, &step));
            }
        }
    }
    let columns: Vec<&Value> = columns.iter().collect();
    graph.node("Concat", &columns, [Attribute::int("axis", 1)])
}

fn number(graph: &mut Graph, input: &Value, step: &NumberStep, columns: &mut Vec<Value>) {
    // Infinite is missing.
    let infinite = graph.node("IsInf", &[input], []);
    let nan = graph.doubles(&[1], &[f64::NAN]);
    let finite = graph.node("Where", &[&infinite, &nan, input], []);
    let missing = graph.node("IsNaN", &[&finite], []);
    let mut value = finite;
    if let Some((low, high)) = step.clip {
        let (low, high) = (graph.doubles(&[], &[low]), graph.doubles(&[], &[high]));
        value = graph.node("Clip", &[&value, &low, &high], []);
    }
    let fill = graph.doubles(&[1], &[step.fill.unwrap_or(f64::NAN)]);
    value = graph.node("Where", &[&missing, &fill, &value], []);
    if let Some((shift, scale)) = step.scale {
        let (shift, scale) = (graph.doubles(&[1], &[shift]), graph.doubles(&[1], &[scale]));
        value = graph.node("Sub", &[&value, &shift], []);
        value = graph.node("Div", &[&value, &scale], []);
    }
    columns.push(value);
    if step.indicator {
        columns.push(graph.cast(&missing, Type::Double));
    }
}

fn category(graph: &mut Graph, input: &Value, step: &CategoryStep<'_>) -> Value {
    // The number of the name; the rare ones share the one after the last, and what was never seen
    // has the one after that.
    let last = step.names.len() as i64;
    let unknown = last + 1;
    let mut names: Vec<&str> = step
        .names
        .iter()
        .chain(step.rare)
        .map(String::as_str)
        .collect();
    let mut numbers: Vec<i64> = (0..last).collect();
    numbers.resize(names.len(), last);
    if names.is_empty() {
        // The operator wants a name.
        names.push("");
        numbers.push(unknown);
    }
    let number = graph.ml_node(
        "LabelEncoder",
        &[input],
        [
            Attribute::texts("keys_strings", names),
            Attribute::ints("values_int64s", numbers),
            Attribute::int("default_int64", unknown),
        ],
    );
    // Each number has a row of what it becomes.
    let width = step.table.len() / (last as usize + 2);
    let table = graph.doubles(&[last as usize + 2, width], &step.table);
    let flat = graph.ints(&[1], &[-1]);
    let flat = graph.node("Reshape", &[&number, &flat], []);
    graph.node("Gather", &[&table, &flat], [Attribute::int("axis", 0)])
}

/// The sums of trees' answers, each times `share`. A tree of one number adds to the target beside it.
fn ensemble(
    graph: &mut Graph,
    features: &Value,
    trees: &[(&Tree, usize)],
    share: f64,
    base: &[f64],
) -> Value {
    let single = graph.cast(features, Type::Float);
    let mut nodes = Nodes::default();
    for (tree, (answers, target)) in trees.iter().enumerate() {
        for node in 0..answers.len() {
            match answers.step(node) {
                Step::Leaf(answer) => {
                    nodes.push(tree, node, "LEAF", 0, 0.0, (0, 0), false);
                    for (place, number) in answer.iter().enumerate() {
                        if *number != 0.0 || (answer.len() == 1 && place == 0) {
                            nodes.target_trees.push(tree as i64);
                            nodes.target_places.push(node as i64);
                            nodes.targets.push((target + place) as i64);
                            nodes.weights.push((number * share) as f32);
                        }
                    }
                }
                Step::Split(question, [left, right]) => nodes.push(
                    tree,
                    node,
                    "BRANCH_LEQ",
                    question.feature,
                    question.threshold,
                    (left, right),
                    question.missing_left,
                ),
            }
        }
    }
    let base: Vec<f32> = base.iter().map(|number| *number as f32).collect();
    graph.ml_node(
        "TreeEnsembleRegressor",
        &[&single],
        [
            Attribute::ints("nodes_treeids", nodes.trees),
            Attribute::ints("nodes_nodeids", nodes.ids),
            Attribute::ints("nodes_featureids", nodes.features),
            Attribute::texts("nodes_modes", nodes.modes),
            Attribute::floats("nodes_values", &nodes.values),
            Attribute::ints("nodes_truenodeids", nodes.lefts),
            Attribute::ints("nodes_falsenodeids", nodes.rights),
            Attribute::ints("nodes_missing_value_tracks_true", nodes.missing_left),
            Attribute::ints("target_treeids", nodes.target_trees),
            Attribute::ints("target_nodeids", nodes.target_places),
            Attribute::ints("target_ids", nodes.targets),
            Attribute::floats("target_weights", &nodes.weights),
            Attribute::floats("base_values", &base),
            Attribute::int("n_targets", base.len() as i64),
            Attribute::text("aggregate_function", "SUM"),
            Attribute::text("post_transform", "NONE"),
        ],
    )
}

/// Nodes of trees, as the operator wants them.
#[derive(Default)]
struct Nodes {
    trees: Vec<i64>,
    ids: Vec<i64>,
    features: Vec<i64>,
    modes: Vec<&'static str>,
    values: Vec<f32>,
    lefts: Vec<i64>,
    rights: Vec<i64>,
    missing_left: Vec<i64>,
    target_trees: Vec<i64>,
    target_places: Vec<i64>,
    targets: Vec<i64>,
    weights: Vec<f32>,
}

impl Nodes {
    #[expect(clippy::too_many_arguments, reason = "the operator has as many lists")]
    fn push(
        &mut self,
        tree: usize,
        node: usize,
        mode: &'static str,
        feature: usize,
        threshold: f32,
        children: (usize, usize),
        missing_left: bool,
    ) {
        self.trees.push(tree as i64);
        self.ids.push(node as i64);
        self.features.push(feature as i64);
        self.modes.push(mode);
        self.values.push(threshold);
        self.lefts.push(children.0 as i64);
        self.rights.push(children.1 as i64);
        self.missing_left.push(i64::from(missing_left));
    }
}

fn boosting(graph: &mut Graph, features: &Value, boosted: &Boosted) -> Value {
    let width = boosted.base().len();
    let trees = boosted.trees().iter().enumerate();
    let trees: Vec<(&Tree, usize)> = trees.map(|(place, tree)| (tree, place % width)).collect();
    if trees.is_empty() {
        // Nothing but the base: no operator takes an ensemble without trees.
        let zeros = graph.doubles(&[1], &[0.0]);
        let axes = [Attribute::ints("axes", [1]), Attribute::int("keepdims", 1)];
        let none = graph.node("ReduceMax", &[features], axes);
        let some = graph.node("IsNaN", &[&none], []);
        let nothing = graph.node("Where", &[&some, &zeros, &zeros], []);
        let base = graph.doubles(&[1, width], boosted.base());
        return graph.node("Add", &[&nothing, &base], []);
    }
    let sums = ensemble(graph, features, &trees, 1.0, boosted.base());
    graph.cast(&sums, Type::Double)
}

fn linear_sums(graph: &mut Graph, features: &Value, linear: &Linear) -> Value {
    let outputs = linear.outputs();
    let columns = linear.coefficients.len() / outputs.max(1);
    // Column by column where the model holds output by output.
    let turned: Vec<f64> = (0..columns)
        .flat_map(|column| {
            (0..outputs).map(move |output| linear.coefficients[output * columns + column])
        })
        .collect();
    let weights = graph.doubles(&[columns, outputs], &turned);
    let constants = graph.doubles(&[1, outputs], &linear.intercepts);
    let sums = graph.node("MatMul", &[features, &weights], []);
    graph.node("Add", &[&sums, &constants], [])
}

fn layers(graph: &mut Graph, features: &Value, net: &Net) -> Value {
    let (low, high) = (graph.doubles(&[], &[-1e6]), graph.doubles(&[], &[1e6]));
    let within = graph.node("Clip", &[features, &low, &high], []);
    let mut value = graph.cast(&within, Type::Float);
    for (place, layer) in net.layers.iter().enumerate() {
        let (inputs, outputs) = (layer.inputs as usize, layer.outputs as usize);
        let weights = graph.floats(&[inputs, outputs], &layer.weights);
        let biases = graph.floats(&[outputs], &layer.biases);
        value = graph.node(
            "Gemm",
            &[&value, &weights, &biases],
            [Attribute::float("alpha", 1.0)],
        );
        if place + 1 < net.layers.len() {
            value = graph.node("Relu", &[&value], []);
        }
    }
    graph.cast(&value, Type::Double)
}

/// Log-odds of the second of two classes, or a number for each class, to probabilities.
fn log_odds(graph: &mut Graph, raw: &Value, outputs: usize) -> Value {
    if outputs > 1 {
        return graph.node("Softmax", &[raw], [Attribute::int("axis", 1)]);
    }
    let second = graph.node("Sigmoid", &[raw], []);
    both(graph, &second)
}

/// The probabilities of both classes, from those of the second.
fn both(graph: &mut Graph, second: &Value) -> Value {
    let one = graph.doubles(&[1], &[1.0]);
    let first = graph.node("Sub", &[&one, second], []);
    graph.node("Concat", &[&first, second], [Attribute::int("axis", 1)])
}

fn calibrated(graph: &mut Graph, calibration: &Calibration, probabilities: &Value) -> Value {
    let curves = calibration.curves();
    let classes = calibration.classes();
    let first = classes - curves.len();
    let corrected: Vec<Value> = curves
        .iter()
        .enumerate()
        .map(|(place, curve)| {
            let of = graph.ints(&[1], &[(first + place) as i64]);
            let said = graph.node("Gather", &[probabilities, &of], [Attribute::int("axis", 1)]);
            match curve {
                Curve::Sigmoid(curve) => {
                    let slope = graph.doubles(&[1], &[-curve.slope]);
                    let constant = graph.doubles(&[1], &[-curve.intercept]);
                    let product = graph.node("Mul", &[&said, &slope], []);
                    let sum = graph.node("Add", &[&product, &constant], []);
                    graph.node("Sigmoid", &[&sum], [])
                }
                Curve::Isotonic(curve) => lines(graph, &said, curve.x(), curve.y()),
            }
        })
        .collect();
    if let [second] = &corrected[..] {
        return both(graph, second);
    }
    let all: Vec<&Value> = corrected.iter().collect();
    let all = graph.node("Concat", &all, [Attribute::int("axis", 1)]);
    let axes = graph.ints(&[1], &[1]);
    let sum = graph.node("ReduceSum", &[&all, &axes], [Attribute::int("keepdims", 1)]);
    let shares = graph.node("Div", &[&all, &sum], []);
    // No class is likely at all: then each is as likely as the others.
    let none = graph.node("IsNaN", &[&shares], []);
    let even = graph.doubles(&[1], &[1.0 / classes as f64]);
    graph.node("Where", &[&none, &even, &shares], [])
}

/// Straight lines between points: each adds its slope times how far the value is within it.
fn lines(graph: &mut Graph, value: &Value, x: &[f64], y: &[f64]) -> Value {
    let parts: Vec<(f64, f64, f64)> = x
        .windows(2)
        .zip(y.windows(2))
        .filter(|(x, _)| x[1] > x[0])
        .map(|(x, y)| (x[0], x[1] - x[0], (y[1] - y[0]) / (x[1] - x[0])))
        .collect();
    let Some(&base) = y.first() else {
        // Nothing was learned: nothing is changed.
        return Value(value.0.clone());
    };
    let base = graph.doubles(&[1], &[base]);
    if parts.is_empty() {
        let zero = graph.doubles(&[1], &[0.0]);
        let nothing = graph.node("Mul", &[value, &zero], []);
        return graph.node("Add", &[&nothing, &base], []);
    }
    let list = |part: fn(&(f64, f64, f64)) -> f64| parts.iter().map(part).collect::<Vec<f64>>();
    let count = parts.len();
    let starts = graph.doubles(&[1, count], &list(|part| part.0));
    let widths = graph.doubles(&[1, count], &list(|part| part.1));
    let slopes = graph.doubles(&[count, 1], &list(|part| part.2));
    let zero = graph.doubles(&[1], &[0.0]);
    let within = graph.node("Sub", &[value, &starts], []);
    let within = graph.node("Max", &[&within, &zero], []);
    let within = graph.node("Min", &[&within, &widths], []);
    let sum = graph.node("MatMul", &[&within, &slopes], []);
    graph.node("Add", &[&sum, &base], [])
}
