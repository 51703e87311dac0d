//! Operators: which there are, and what their nodes say of them.
//!
//! Their meaning is that of <https://onnx.ai/onnx/operators/>, for any version of the operators: where
//! an attribute became an input, both are read.

use std::sync::Arc;

use super::OnnxImportError;
use super::classical::{Binarizer, Imputer, LabelEncoder, Linear, Norm, OneHot, Scaler};
use super::tensor::{Data, Element, Tensor};
use super::trees::Ensemble;
use super::wire::{Attribute, Node, element};

/// What a node does.
#[derive(Debug)]
pub(super) enum Operator {
    /// Passes its first input on.
    Identity,
    /// A number from each number.
    Unary(fn(f64) -> f64),
    /// Below 0 `alpha (e^x - 1)`.
    Elu(f64),
    /// Below 0 `alpha x`.
    LeakyRelu(f64),
    /// True or false from each number.
    Test(fn(f64) -> bool),
    /// A number from two or more, from left to right.
    Binary(fn(f64, f64) -> f64),
    /// As `Binary`, divided by how many there are.
    Mean,
    /// A quotient; of whole numbers a whole one.
    Div,
    /// True or false from two numbers.
    Compare(fn(f64, f64) -> bool),
    /// Whether two are equal, text too.
    Equal,
    Where,
    Cast(Element),
    Clip {
        low: Option<f64>,
        high: Option<f64>,
    },
    MatMul,
    Gemm {
        alpha: f64,
        beta: f64,
        turn_a: bool,
        turn_b: bool,
    },
    Reduce {
        kind: Reduction,
        axes: Option<Vec<i64>>,
        keep: bool,
        /// Without axes nothing is reduced.
        none_is_none: bool,
    },
    Arg {
        largest: bool,
        axis: i64,
        keep: bool,
        last: bool,
    },
    Softmax {
        axis: i64,
        log: bool,
    },
    Reshape {
        sizes: Option<Vec<i64>>,
        zero_is_zero: bool,
    },
    Flatten {
        axis: i64,
    },
    Concat {
        axis: i64,
    },
    Gather {
        axis: i64,
    },
    Slice {
        starts: Vec<i64>,
        ends: Vec<i64>,
        axes: Option<Vec<i64>>,
    },
    Squeeze(Option<Vec<i64>>),
    Unsqueeze(Option<Vec<i64>>),
    Transpose(Option<Vec<i64>>),
    Shape,
    Constant(Arc<Tensor>),
    ConstantOfShape(Arc<Tensor>),
    Expand,
    BatchNormalization {
        epsilon: f64,
    },
    LayerNormalization {
        axis: i64,
        epsilon: f64,
    },
    ArrayFeatureExtractor,
    FeatureVectorizer,
    Normalizer(Norm),
    Binarizer(Binarizer),
    Scaler(Scaler),
    Imputer(Imputer),
    OneHot(OneHot),
    LabelEncoder(Box<LabelEncoder>),
    Linear(Box<Linear>),
    Trees(Box<Ensemble>),
}

/// How numbers become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reduction {
    Sum,
    Mean,
    Max,
    Min,
    Product,
    SumOfSquares,
    L1,
    L2,
    LogSum,
    LogSumExp,
}

/// The attributes of a node.
pub(super) struct Attributes<'a>(pub(super) &'a [Attribute<'a>]);

impl<'a> Attributes<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&'a Attribute<'a>> {
        self.0.iter().find(|attribute| attribute.name == name)
    }

    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        self.get(name).map_or(default, |attribute| attribute.int)
    }

    pub(super) fn float(&self, name: &str, default: f64) -> f64 {
        self.get(name).map_or(default, |attribute| attribute.float)
    }

    pub(super) fn floats(&self, name: &str) -> Vec<f64> {
        self.get(name)
            .map(|attribute| attribute.floats.clone())
            .unwrap_or_default()
    }

    pub(super) fn ints(&self, name: &str) -> Vec<i64> {
        self.get(name)
            .map(|attribute| attribute.ints.clone())
            .unwrap_or_default()
    }

    /// Whole numbers; none where nothing is said.
    fn list(&self, name: &str) -> Option<Vec<i64>> {
        self.get(name).map(|attribute| attribute.ints.clone())
    }

    pub(super) fn text(&self, name: &str) -> &'a str {
        self.get(name)
            .and_then(|attribute| std::str::from_utf8(attribute.text).ok())
            .unwrap_or("")
    }

    pub(super) fn texts(&self, name: &str) -> Vec<Arc<str>> {
        self.get(name)
            .map(|attribute| {
                let texts = attribute.texts.iter();
                texts
                    .map(|text| String::from_utf8_lossy(text).into())
                    .collect()
            })
            .unwrap_or_default()
    }

    pub(super) fn tensor(&self, name: &str) -> Option<&'a Arc<Tensor>> {
        self.get(name)?.tensor.as_ref()
    }

    /// Names of classes: text, or whole numbers.
    pub(super) fn names(&self, texts: &str, ints: &str) -> Option<Data> {
        let names = self.texts(texts);
        if !names.is_empty() {
            return Some(Data::Texts(names));
        }
        let numbers = self.ints(ints);
        (!numbers.is_empty())
            .then(|| Data::Numbers(numbers.iter().map(|number| *number as f64).collect()))
    }
}

/// The sigmoid, without overflow.
pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The error function, to 1.2e-7: the Chebyshev fit of Press et al., "Numerical Recipes in C", 6.2.
fn erf(x: f64) -> f64 {
    const TERMS: [f64; 10] = [
        0.170_872_77,
        -0.822_152_23,
        1.488_515_87,
        -1.135_203_98,
        0.278_868_07,
        -0.186_288_06,
        0.096_784_18,
        0.374_091_96,
        1.000_023_68,
        -1.265_512_23,
    ];
    let t = 1.0 / (1.0 + 0.5 * x.abs());
    let sum = TERMS.iter().fold(0.0, |sum, term| sum * t + term);
    let rest = t * (-x * x + sum).exp();
    if x >= 0.0 { 1.0 - rest } else { rest - 1.0 }
}

/// The largest, and NaN if one is.
fn largest(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

fn smallest(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.min(b)
    }
}

/// What a node does.
pub(super) fn operator(node: &Node<'_>) -> Result<Operator, OnnxImportError> {
    let attributes = Attributes(&node.attributes);
    let unsupported = || OnnxImportError::Operator {
        operator: if node.domain.is_empty() {
            node.operator.to_owned()
        } else {
            format!("{}.{}", node.domain, node.operator)
        },
        node: node.name.to_owned(),
    };
    match node.domain {
        "" | "ai.onnx" => standard(node.operator, &attributes)?.ok_or_else(unsupported),
        "ai.onnx.ml" => classical(node.operator, &attributes)?.ok_or_else(unsupported),
        _ => Err(unsupported()),
    }
}

fn standard(name: &str, attributes: &Attributes<'_>) -> Result<Option<Operator>, OnnxImportError> {
    use Operator::{Binary, Compare, Test, Unary};
    let reduce = |kind| Operator::Reduce {
        kind,
        axes: attributes.list("axes"),
        keep: attributes.int("keepdims", 1) != 0,
        none_is_none: attributes.int("noop_with_empty_axes", 0) != 0,
    };
    let arg = |largest| Operator::Arg {
        largest,
        axis: attributes.int("axis", 0),
        keep: attributes.int("keepdims", 1) != 0,
        last: attributes.int("select_last_index", 0) != 0,
    };
    Ok(Some(match name {
        "Identity" | "Dropout" => Operator::Identity,
        "Neg" => Unary(|x| -x),
        "Abs" => Unary(f64::abs),
        "Exp" => Unary(f64::exp),
        "Log" => Unary(f64::ln),
        "Sqrt" => Unary(f64::sqrt),
        "Reciprocal" => Unary(|x| 1.0 / x),
        "Floor" => Unary(f64::floor),
        "Ceil" => Unary(f64::ceil),
        "Round" => Unary(f64::round_ties_even),
        "Sign" => Unary(|x| {
            if x == 0.0 || x.is_nan() {
                x
            } else {
                x.signum()
            }
        }),
        "Erf" => Unary(erf),
        "Sigmoid" => Unary(sigmoid),
        "Tanh" => Unary(f64::tanh),
        "Relu" => Unary(|x| if x < 0.0 { 0.0 } else { x }),
        "Softplus" => Unary(|x| x.max(0.0) + (-x.abs()).exp().ln_1p()),
        "Softsign" => Unary(|x| x / (1.0 + x.abs())),
        "Selu" if attributes.0.is_empty() => Unary(|x| {
            let below = 1.673_263_192_176_818_8 * x.min(0.0).exp_m1();
            1.050_700_993_537_902_8 * if x > 0.0 { x } else { below }
        }),
        "Elu" => Operator::Elu(attributes.float("alpha", 1.0)),
        "LeakyRelu" => Operator::LeakyRelu(attributes.float("alpha", f64::from(0.01_f32))),
        "Gelu" if attributes.text("approximate") != "tanh" => {
            Unary(|x| 0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)))
        }
        "Not" => Test(|x| x == 0.0),
        "IsNaN" => Test(f64::is_nan),
        "IsInf" => match (
            attributes.int("detect_negative", 1) != 0,
            attributes.int("detect_positive", 1) != 0,
        ) {
            (true, true) => Test(f64::is_infinite),
            (true, false) => Test(|x| x == f64::NEG_INFINITY),
            (false, true) => Test(|x| x == f64::INFINITY),
            (false, false) => Test(|_| false),
        },
        "Add" | "Sum" => Binary(|a, b| a + b),
        "Sub" => Binary(|a, b| a - b),
        "Mul" => Binary(|a, b| a * b),
        "Div" => Operator::Div,
        "Pow" => Binary(f64::powf),
        "Max" => Binary(largest),
        "Min" => Binary(smallest),
        "Mean" => Operator::Mean,
        "Equal" => Operator::Equal,
        "Greater" => Compare(|a, b| a > b),
        "GreaterOrEqual" => Compare(|a, b| a >= b),
        "Less" => Compare(|a, b| a < b),
        "LessOrEqual" => Compare(|a, b| a <= b),
        "And" => Compare(|a, b| a != 0.0 && b != 0.0),
        "Or" => Compare(|a, b| a != 0.0 || b != 0.0),
        "Xor" => Compare(|a, b| (a != 0.0) != (b != 0.0)),
        "Where" => Operator::Where,
        "Cast" => Operator::Cast(element(attributes.int("to", 1))?),
        "Clip" => Operator::Clip {
            low: attributes.get("min").map(|low| low.float),
            high: attributes.get("max").map(|high| high.float),
        },
        "MatMul" => Operator::MatMul,
        "Gemm" => Operator::Gemm {
            alpha: attributes.float("alpha", 1.0),
            beta: attributes.float("beta", 1.0),
            turn_a: attributes.int("transA", 0) != 0,
            turn_b: attributes.int("transB", 0) != 0,
        },
        "ReduceSum" => reduce(Reduction::Sum),
        "ReduceMean" => reduce(Reduction::Mean),
        "ReduceMax" => reduce(Reduction::Max),
        "ReduceMin" => reduce(Reduction::Min),
        "ReduceProd" => reduce(Reduction::Product),
        "ReduceSumSquare" => reduce(Reduction::SumOfSquares),
        "ReduceL1" => reduce(Reduction::L1),
        "ReduceL2" => reduce(Reduction::L2),
        "ReduceLogSum" => reduce(Reduction::LogSum),
        "ReduceLogSumExp" => reduce(Reduction::LogSumExp),
        "ArgMax" => arg(true),
        "ArgMin" => arg(false),
        "Softmax" | "LogSoftmax" => Operator::Softmax {
            axis: attributes.int("axis", -1),
            log: name == "LogSoftmax",
        },
        "Reshape" => Operator::Reshape {
            sizes: attributes.list("shape"),
            zero_is_zero: attributes.int("allowzero", 0) != 0,
        },
        "Flatten" => Operator::Flatten {
            axis: attributes.int("axis", 1),
        },
        "Concat" => Operator::Concat {
            axis: attributes.int("axis", 1),
        },
        "Gather" => Operator::Gather {
            axis: attributes.int("axis", 0),
        },
        "Slice" => Operator::Slice {
            starts: attributes.ints("starts"),
            ends: attributes.ints("ends"),
            axes: attributes.list("axes"),
        },
        "Squeeze" => Operator::Squeeze(attributes.list("axes")),
        "Unsqueeze" => Operator::Unsqueeze(attributes.list("axes")),
        "Transpose" => Operator::Transpose(attributes.list("perm")),
        "Shape" if attributes.0.is_empty() => Operator::Shape,
        "Constant" => Operator::Constant(constant(attributes)?),
        "ConstantOfShape" => Operator::ConstantOfShape(
            attributes
                .tensor("value")
                .cloned()
                .unwrap_or_else(|| Arc::new(Tensor::numbers(Element::Float, vec![1], [0.0]))),
        ),
        "Expand" => Operator::Expand,
        "BatchNormalization" => Operator::BatchNormalization {
            epsilon: attributes.float("epsilon", 1e-5),
        },
        "LayerNormalization" => Operator::LayerNormalization {
            axis: attributes.int("axis", -1),
            epsilon: attributes.float("epsilon", 1e-5),
        },
        _ => return Ok(None),
    }))
}

/// What a node that is a constant holds.
fn constant(attributes: &Attributes<'_>) -> Result<Arc<Tensor>, OnnxImportError> {
    if let Some(tensor) = attributes.tensor("value") {
        return Ok(Arc::clone(tensor));
    }
    let Some(said) = attributes.0.first() else {
        return Err(OnnxImportError::Damaged(
            "a constant has no value".to_owned(),
        ));
    };
    let ints = |ints: &[i64]| ints.iter().map(|number| *number as f64).collect::<Vec<_>>();
    let one = |element, sizes: Vec<usize>, numbers: Vec<f64>| {
        Arc::new(Tensor::numbers(element, sizes, numbers))
    };
    Ok(match said.name {
        "value_int" => one(Element::Int, vec![], vec![said.int as f64]),
        "value_ints" => one(Element::Int, vec![said.ints.len()], ints(&said.ints)),
        "value_float" => one(Element::Float, vec![], vec![said.float]),
        "value_floats" => one(Element::Float, vec![said.floats.len()], said.floats.clone()),
        "value_string" | "value_strings" => {
            let texts = if said.name == "value_string" {
                vec![String::from_utf8_lossy(said.text).into()]
            } else {
                attributes.texts(said.name)
            };
            let sizes = if said.name == "value_string" {
                vec![]
            } else {
                vec![texts.len()]
            };
            Arc::new(Tensor::new(Element::Text, sizes, Data::Texts(texts)))
        }
        other => {
            return Err(OnnxImportError::Unsupported(format!(
                "constants as {other}"
            )));
        }
    })
}

fn classical(name: &str, attributes: &Attributes<'_>) -> Result<Option<Operator>, OnnxImportError> {
    Ok(Some(match name {
        // Rows of probabilities instead of a map for each row.
        "ZipMap" => Operator::Identity,
        "ArrayFeatureExtractor" => Operator::ArrayFeatureExtractor,
        "FeatureVectorizer" => Operator::FeatureVectorizer,
        "Normalizer" => Operator::Normalizer(Norm::new(attributes)?),
        "Binarizer" => Operator::Binarizer(Binarizer::new(attributes)),
        "Scaler" => Operator::Scaler(Scaler::new(attributes)),
        "Imputer" => Operator::Imputer(Imputer::new(attributes)),
        "OneHotEncoder" => Operator::OneHot(OneHot::new(attributes)?),
        "LabelEncoder" => Operator::LabelEncoder(Box::new(LabelEncoder::new(attributes)?)),
        "LinearClassifier" => Operator::Linear(Box::new(Linear::classifier(attributes)?)),
        "LinearRegressor" => Operator::Linear(Box::new(Linear::regressor(attributes)?)),
        "TreeEnsembleClassifier" => Operator::Trees(Box::new(Ensemble::classifier(attributes)?)),
        "TreeEnsembleRegressor" => Operator::Trees(Box::new(Ensemble::regressor(attributes)?)),
        _ => return Ok(None),
    }))
}
