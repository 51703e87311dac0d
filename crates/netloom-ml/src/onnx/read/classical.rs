//! Operators of `ai.onnx.ml`, but for trees.

use std::sync::Arc;

use hashbrown::HashMap;

use super::OnnxImportError;
use super::operator::{Attributes, sigmoid};
use super::tensor::{Data, Element, Tensor, Trouble, elements};
use super::trees::{first_largest, labels};

/// What becomes of scores at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PostTransform {
    None,
    Logistic,
    Softmax,
    SoftmaxZero,
}

impl PostTransform {
    pub(super) fn new(attributes: &Attributes<'_>) -> Result<Self, OnnxImportError> {
        Ok(match attributes.text("post_transform") {
            "" | "NONE" => Self::None,
            "LOGISTIC" => Self::Logistic,
            "SOFTMAX" => Self::Softmax,
            "SOFTMAX_ZERO" => Self::SoftmaxZero,
            other => {
                return Err(OnnxImportError::Unsupported(format!("scores as {other}")));
            }
        })
    }
}

/// Scores of one row, as the end of a classifier has them.
pub(super) fn transform(post: PostTransform, scores: &mut [f64]) {
    match post {
        PostTransform::None => {}
        PostTransform::Logistic => {
            for score in scores {
                *score = sigmoid(*score);
            }
        }
        PostTransform::Softmax => softmax(scores, |_| true),
        // What is 0 stays 0.
        PostTransform::SoftmaxZero => softmax(scores, |score| score.abs() > 1e-7),
    }
}

fn softmax(scores: &mut [f64], counts: impl Fn(f64) -> bool) {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for score in &mut *scores {
        if counts(*score) {
            *score = (*score - most).exp();
            sum += *score;
        } else {
            *score = 0.0;
        }
    }
    if sum > 0.0 {
        for score in scores {
            *score /= sum;
        }
    }
}

/// Both scores where there is one for two classes, and whether the second is chosen; as onnxruntime
/// has them, since the standard is silent.
pub(super) fn scores_of_one(score: f64, post: PostTransform, is_share: bool) -> ([f64; 2], bool) {
    let score = f64::from(score as f32);
    if is_share {
        return ([1.0 - score, score], score > 0.5);
    }
    let pair = if post == PostTransform::Logistic {
        [sigmoid(-score), sigmoid(score)]
    } else {
        [-score, score]
    };
    (pair, score > 0.0)
}

/// `LinearClassifier`, `LinearRegressor`.
#[derive(Debug)]
pub(super) struct Linear {
    coefficients: Vec<f64>,
    intercepts: Vec<f64>,
    targets: usize,
    post: PostTransform,
    classes: Option<Data>,
}

impl Linear {
    pub(super) fn classifier(attributes: &Attributes<'_>) -> Result<Self, OnnxImportError> {
        let classes = attributes
            .names("classlabels_strings", "classlabels_ints")
            .ok_or_else(|| OnnxImportError::Damaged("a linear model has no classes".to_owned()))?;
        let intercepts = attributes.floats("intercepts");
        let targets = if intercepts.is_empty() {
            classes.len()
        } else {
            intercepts.len()
        };
        if targets != classes.len() && !(targets == 1 && classes.len() == 2) {
            return Err(OnnxImportError::Damaged(
                "a linear model has other intercepts than classes".to_owned(),
            ));
        }
        Self::new(attributes, targets, Some(classes))
    }

    pub(super) fn regressor(attributes: &Attributes<'_>) -> Result<Self, OnnxImportError> {
        let targets = usize::try_from(attributes.int("targets", 1)).unwrap_or(0);
        Self::new(attributes, targets, None)
    }

    fn new(
        attributes: &Attributes<'_>,
        targets: usize,
        classes: Option<Data>,
    ) -> Result<Self, OnnxImportError> {
        let coefficients = attributes.floats("coefficients");
        let intercepts = attributes.floats("intercepts");
        if targets == 0
            || !coefficients.len().is_multiple_of(targets)
            || !(intercepts.is_empty() || intercepts.len() == targets)
        {
            return Err(OnnxImportError::Damaged(
                "the coefficients of a linear model do not fit".to_owned(),
            ));
        }
        Ok(Self {
            coefficients,
            intercepts,
            targets,
            post: PostTransform::new(attributes)?,
            classes,
        })
    }

    pub(super) fn classes(&self) -> Option<&Data> {
        self.classes.as_ref()
    }

    pub(super) fn width(&self) -> usize {
        self.classes.as_ref().map_or(self.targets, Data::len)
    }

    /// Products for a row.
    pub(super) fn work(&self) -> usize {
        self.coefficients.len()
    }

    pub(super) fn run(&self, input: &Tensor) -> Result<Vec<Tensor>, Trouble> {
        let (rows, columns) = input.rows();
        if columns * self.targets != self.coefficients.len() || columns == 0 {
            return Err(format!(
                "it has {} coefficients, but {columns} columns",
                self.coefficients.len()
            ));
        }
        let width = self.width();
        let mut scores = Vec::with_capacity(rows * width);
        let mut chosen = Vec::with_capacity(rows);
        for row in input.values()?.chunks_exact(columns) {
            let start = scores.len();
            for (target, own) in self.coefficients.chunks_exact(columns).enumerate() {
                let constant = self.intercepts.get(target).copied().unwrap_or(0.0);
                let sum: f64 = row.iter().zip(own).map(|(x, weight)| x * weight).sum();
                scores.push(f64::from((sum + constant) as f32));
            }
            let own = scores.get_mut(start..).unwrap_or_default();
            if self.classes.is_some() && width > self.targets {
                let score = own.first().copied().unwrap_or(0.0);
                let second = score > 0.0;
                let score = if self.post == PostTransform::Logistic {
                    sigmoid(score)
                } else {
                    score
                };
                scores.truncate(start);
                scores.extend([1.0 - score, score]);
                chosen.push(usize::from(second));
            } else {
                chosen.push(first_largest(own));
                transform(self.post, own);
            }
        }
        let scores = Tensor::numbers(Element::Float, vec![rows, width], scores);
        Ok(match &self.classes {
            None => vec![scores],
            Some(classes) => vec![labels(classes, &chosen)?, scores],
        })
    }
}

/// What rows are divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Norm {
    Max,
    L1,
    L2,
}

impl Norm {
    pub(super) fn new(attributes: &Attributes<'_>) -> Result<Self, OnnxImportError> {
        Ok(match attributes.text("norm") {
            "" | "MAX" => Self::Max,
            "L1" => Self::L1,
            "L2" => Self::L2,
            other => return Err(OnnxImportError::Unsupported(format!("the norm {other}"))),
        })
    }

    pub(super) fn run(self, input: &Tensor) -> Result<Tensor, Trouble> {
        let (_, columns) = input.rows();
        let mut numbers = input.values()?.to_vec();
        for row in numbers.chunks_exact_mut(columns.max(1)) {
            let by: f64 = match self {
                Self::Max => row.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                Self::L1 => row.iter().map(|number| number.abs()).sum(),
                Self::L2 => row.iter().map(|number| number * number).sum::<f64>().sqrt(),
            };
            if by != 0.0 {
                for number in row {
                    *number /= by;
                }
            }
        }
        Ok(Tensor::numbers(
            Element::Float,
            input.sizes.clone(),
            numbers,
        ))
    }
}

/// 1 above a threshold, else 0.
#[derive(Debug)]
pub(super) struct Binarizer(f64);

impl Binarizer {
    pub(super) fn new(attributes: &Attributes<'_>) -> Self {
        Self(attributes.float("threshold", 0.0))
    }

    pub(super) fn run(&self, input: &Tensor) -> Result<Tensor, Trouble> {
        let numbers = input.values()?.iter();
        Ok(Tensor::numbers(
            input.element,
            input.sizes.clone(),
            numbers.map(|number| f64::from(u8::from(*number > self.0))),
        ))
    }
}

/// A number for each column, or one for all.
fn of_column(numbers: &[f64], column: usize) -> Option<f64> {
    if numbers.len() == 1 {
        return numbers.first().copied();
    }
    numbers.get(column).copied()
}

/// `(x - offset) * scale`.
#[derive(Debug)]
pub(super) struct Scaler {
    offset: Vec<f64>,
    scale: Vec<f64>,
}

impl Scaler {
    pub(super) fn new(attributes: &Attributes<'_>) -> Self {
        Self {
            offset: attributes.floats("offset"),
            scale: attributes.floats("scale"),
        }
    }

    pub(super) fn run(&self, input: &Tensor) -> Result<Tensor, Trouble> {
        let (_, columns) = input.rows();
        let lists = [&self.offset, &self.scale];
        if lists
            .iter()
            .any(|list| !matches!(list.len(), 0 | 1) && list.len() != columns)
        {
            return Err(format!(
                "it scales {} columns, not {columns}",
                self.scale.len()
            ));
        }
        let numbers = input.values()?.iter().enumerate().map(|(place, number)| {
            let column = place % columns.max(1);
            let moved = number - of_column(&self.offset, column).unwrap_or(0.0);
            moved * of_column(&self.scale, column).unwrap_or(1.0)
        });
        Ok(Tensor::numbers(
            Element::Float,
            input.sizes.clone(),
            numbers,
        ))
    }
}

/// Missing values filled.
#[derive(Debug)]
pub(super) struct Imputer {
    fill: Vec<f64>,
    missing: f64,
}

impl Imputer {
    pub(super) fn new(attributes: &Attributes<'_>) -> Self {
        let mut fill = attributes.floats("imputed_value_floats");
        let mut missing = attributes.float("replaced_value_float", 0.0);
        if fill.is_empty() {
            let ints = attributes.ints("imputed_value_int64s");
            fill = ints.iter().map(|number| *number as f64).collect();
            missing = attributes.int("replaced_value_int64", 0) as f64;
        }
        Self { fill, missing }
    }

    pub(super) fn run(&self, input: &Tensor) -> Result<Tensor, Trouble> {
        let (_, columns) = input.rows();
        if self.fill.len() != 1 && self.fill.len() != columns {
            return Err(format!(
                "it fills {} columns, not {columns}",
                self.fill.len()
            ));
        }
        let numbers = input.values()?.iter().enumerate().map(|(place, number)| {
            let is_missing = *number == self.missing || (number.is_nan() && self.missing.is_nan());
            let fill = of_column(&self.fill, place % columns.max(1));
            fill.filter(|_| is_missing).unwrap_or(*number)
        });
        Ok(Tensor::numbers(input.element, input.sizes.clone(), numbers))
    }
}

/// A column for each category.
#[derive(Debug)]
pub(super) struct OneHot {
    categories: Data,
    zeros: bool,
}

impl OneHot {
    pub(super) fn new(attributes: &Attributes<'_>) -> Result<Self, OnnxImportError> {
        Ok(Self {
            categories: attributes
                .names("cats_strings", "cats_int64s")
                .ok_or_else(|| {
                    OnnxImportError::Damaged("an encoder has no categories".to_owned())
                })?,
            zeros: attributes.int("zeros", 1) != 0,
        })
    }

    pub(super) fn run(&self, input: &Tensor) -> Result<Tensor, Trouble> {
        let count = self.categories.len();
        let mut sizes = input.sizes.clone();
        sizes.push(count);
        let mut numbers = vec![0.0; elements(&sizes)?];
        for (row, own) in numbers.chunks_exact_mut(count.max(1)).enumerate() {
            let place = match (&self.categories, &input.data) {
                (Data::Texts(known), Data::Texts(texts)) => texts
                    .get(row)
                    .and_then(|text| known.iter().position(|one| one == text)),
                (Data::Numbers(known), Data::Numbers(numbers)) => numbers
                    .get(row)
                    .and_then(|number| known.iter().position(|one| *one == number.trunc())),
                _ => return Err("it encodes text, and is given numbers, or the reverse".to_owned()),
            };
            match place.and_then(|place| own.get_mut(place)) {
                Some(cell) => *cell = 1.0,
                None if self.zeros => {}
                None => return Err("a value is none of its categories".to_owned()),
            }
        }
        Ok(Tensor::new(Element::Float, sizes, Data::Numbers(numbers)))
    }
}

/// A value for each value.
#[derive(Debug)]
pub(super) struct LabelEncoder {
    texts: HashMap<Arc<str>, usize, foldhash::fast::RandomState>,
    numbers: HashMap<u64, usize, foldhash::fast::RandomState>,
    /// What the keys stand for, and after them what all else does.
    values: Tensor,
}

/// A number as a key: all NaN are one, and so are both zeros.
fn key(number: f64) -> u64 {
    if number.is_nan() {
        f64::NAN.to_bits()
    } else if number == 0.0 {
        0
    } else {
        number.to_bits()
    }
}

impl LabelEncoder {
    pub(super) fn new(attributes: &Attributes<'_>) -> Result<Self, OnnxImportError> {
        let wrong = || OnnxImportError::Damaged("an encoder has other keys than values".to_owned());
        let classes = attributes.texts("classes_strings");
        let list = |what: &str| -> Option<(Element, Data)> {
            if let Some(tensor) = attributes.tensor(&format!("{what}_tensor")) {
                return Some((tensor.element, tensor.data.clone()));
            }
            let floats = attributes.floats(&format!("{what}_floats"));
            if !floats.is_empty() {
                return Some((Element::Float, Data::Numbers(floats)));
            }
            let names = attributes.names(&format!("{what}_strings"), &format!("{what}_int64s"))?;
            Some(match names {
                Data::Texts(texts) => (Element::Text, Data::Texts(texts)),
                numbers @ Data::Numbers(_) => (Element::Int, numbers),
            })
        };
        let (keys, (element, mut values)) = if classes.is_empty() {
            (
                list("keys").ok_or_else(wrong)?.1,
                list("values").ok_or_else(wrong)?,
            )
        } else {
            // The first version: text to its number.
            let numbers = (0..classes.len()).map(|number| number as f64).collect();
            (Data::Texts(classes), (Element::Int, Data::Numbers(numbers)))
        };
        if keys.len() != values.len() {
            return Err(wrong());
        }
        let default = attributes.tensor("default_tensor");
        match &mut values {
            Data::Texts(texts) => texts.push(match (default, attributes.get("default_string")) {
                (Some(tensor), _) => tensor
                    .texts()
                    .ok()
                    .and_then(|texts| texts.first().cloned())
                    .ok_or_else(wrong)?,
                (None, Some(said)) => String::from_utf8_lossy(said.text).into(),
                (None, None) => "_Unused".into(),
            }),
            Data::Numbers(numbers) => numbers.push(match default {
                Some(tensor) => tensor
                    .values()
                    .ok()
                    .and_then(|all| all.first().copied())
                    .ok_or_else(wrong)?,
                None if element == Element::Int => attributes.int("default_int64", -1) as f64,
                None => attributes.float("default_float", -0.0),
            }),
        }
        let mut encoder = Self {
            texts: HashMap::default(),
            numbers: HashMap::default(),
            values: Tensor::new(element, vec![values.len()], values),
        };
        // The first of equal keys counts.
        match keys {
            Data::Texts(texts) => {
                for (place, text) in texts.into_iter().enumerate() {
                    encoder.texts.entry(text).or_insert(place);
                }
            }
            Data::Numbers(numbers) => {
                for (place, number) in numbers.into_iter().enumerate() {
                    encoder.numbers.entry(key(number)).or_insert(place);
                }
            }
        }
        Ok(encoder)
    }

    pub(super) fn run(&self, input: &Tensor) -> Result<Tensor, Trouble> {
        let default = self.values.len().saturating_sub(1);
        let places: Vec<usize> = match &input.data {
            Data::Texts(texts) => {
                let found = texts.iter().map(|text| self.texts.get(text));
                found
                    .map(|place| place.copied().unwrap_or(default))
                    .collect()
            }
            Data::Numbers(numbers) => {
                let found = numbers.iter().map(|number| self.numbers.get(&key(*number)));
                found
                    .map(|place| place.copied().unwrap_or(default))
                    .collect()
            }
        };
        self.values.pick(input.sizes.clone(), places.into_iter())
    }
}
