//! A classifier that learned: preprocessing and what an algorithm made of it.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::forest::Forest;
use super::{ClassWeight, Labelled, row_weights};
use crate::boosting::Boosted;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::linear::Linear;
use crate::model::{Classifier, Contributions, Input, Probabilities, Run, SavedClassifier};
use crate::naive_bayes::NaiveBayes;
use crate::neighbors::Neighbors;
use crate::neural::Net;
use crate::numeric::Features;
use crate::online::{HoeffdingTree, Sgd};
use crate::preprocess::{Described, Preprocessor};

/// A classifier that learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FittedClassifier {
    pub(super) algorithm: String,
    pub(super) classes: Arc<[String]>,
    pub(super) preprocessor: Preprocessor,
    pub(super) core: Core,
}

/// What an algorithm learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Core {
    /// There was one class only.
    Constant,
    /// Trees whose answers are averaged.
    Forest(Forest),
    /// Trees whose answers are added up.
    Boosted(Boosted),
    /// Weighted sums that are log-odds.
    Logistic(Linear),
    /// The training rows.
    Neighbors(Neighbors),
    /// Bell curves.
    NaiveBayes(NaiveBayes),
    /// A neural network.
    Mlp(Net),
    /// Weighted sums that go on learning.
    Sgd(Sgd),
    /// A tree that goes on growing.
    Hoeffding(HoeffdingTree),
}

impl Core {
    fn predict_proba(&self, features: &Features, classes: usize, threads: usize) -> Vec<f64> {
        match self {
            Self::Constant => vec![1.0; features.rows() * classes],
            Self::Forest(forest) => forest.predict_proba(features, threads),
            Self::Boosted(boosted) => boosted.predict_proba(features, threads),
            Self::Logistic(linear) => linear.predict_proba(features, threads),
            Self::Neighbors(neighbors) => neighbors.predict_proba(features, threads),
            Self::NaiveBayes(bayes) => bayes.predict_proba(features, threads),
            Self::Mlp(net) => net.predict_proba(features, threads),
            Self::Sgd(sgd) => sgd.linear.predict_proba(features, threads),
            Self::Hoeffding(tree) => tree.predict_proba(features, threads),
        }
    }
}

impl FittedClassifier {
    /// What the algorithm learned.
    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    /// What is done to each column first.
    pub(crate) fn describe(&self) -> Vec<Described<'_>> {
        self.preprocessor.describe()
    }

    /// The class of each row, by the model's own numbers.
    fn own_codes(&self, data: &Dataset) -> Result<Vec<u32>, Error> {
        let codes = data.class_codes()?;
        let own: Vec<Option<u32>> = data
            .class_names()
            .iter()
            .map(|name| {
                let place = self.classes.iter().position(|class| class == name);
                place.map(|place| place as u32)
            })
            .collect();
        codes
            .iter()
            .map(|&code| {
                own[code as usize].ok_or_else(|| Error::NewClass {
                    class: data.class_names()[code as usize].clone(),
                })
            })
            .collect()
    }

    /// What is not in a file but follows from it.
    pub(crate) fn prepare(&mut self) {
        if let Core::Neighbors(neighbors) = &mut self.core {
            neighbors.prepare();
        }
    }

    /// Whether what was read from a file holds together: nothing that is asked of it later can
    /// fail for it.
    pub(crate) fn is_sound(&self) -> bool {
        let columns = self.preprocessor.names().len();
        let classes = self.classes.len();
        classes > 0
            && self.preprocessor.is_sound()
            && match &self.core {
                Core::Constant => classes == 1,
                Core::Forest(forest) => forest.is_sound(columns, classes),
                Core::Boosted(boosted) => {
                    boosted.is_sound(columns, if classes == 2 { 1 } else { classes })
                }
                Core::Logistic(linear) => {
                    linear.is_sound(columns, if classes == 2 { 1 } else { classes })
                }
                Core::Neighbors(neighbors) => neighbors.is_sound(columns, classes),
                Core::NaiveBayes(bayes) => bayes.is_sound(columns, classes),
                Core::Mlp(net) => net.is_sound(columns, classes),
                Core::Sgd(sgd) => sgd.is_sound(columns, if classes == 2 { 1 } else { classes }),
                Core::Hoeffding(tree) => tree.is_sound(columns, classes),
            }
    }
}

impl Classifier for FittedClassifier {
    fn algorithm(&self) -> &'static str {
        super::CLASSIFIERS
            .iter()
            .find(|name| **name == self.algorithm)
            .unwrap_or(&"unknown")
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn inputs(&self) -> &[Input] {
        self.preprocessor.inputs()
    }

    fn left_out(&self) -> &[crate::dataset::LeftOut] {
        self.preprocessor.left_out()
    }

    fn predict_proba(&self, data: &Dataset, threads: usize) -> Result<Probabilities, Error> {
        let features = self.preprocessor.transform(data, threads)?;
        let values = self
            .core
            .predict_proba(&features, self.classes.len(), threads);
        Probabilities::new(Arc::clone(&self.classes), values)
    }

    fn contributions(
        &self,
        data: &Dataset,
        threads: usize,
    ) -> Result<Option<Contributions>, Error> {
        let features = self.preprocessor.transform(data, threads)?;
        let ((base, values), unit) = match &self.core {
            Core::Forest(forest) => (forest.contributions(&features, threads), "probability"),
            Core::Boosted(boosted) => (boosted.contributions(&features, threads), "log-odds"),
            _ => return Ok(None),
        };
        Ok(Some(Contributions::of_inputs(
            self.preprocessor.inputs(),
            self.preprocessor.sources(),
            base,
            &values,
            unit,
        )))
    }

    fn feature_importances(&self) -> Option<Vec<f64>> {
        let columns = self.preprocessor.names().len();
        let of_columns = match &self.core {
            Core::Forest(forest) => forest.importances(columns),
            Core::Boosted(boosted) => boosted.importances(columns),
            _ => return None,
        };
        let mut sums = vec![0.0; self.preprocessor.inputs().len()];
        for (importance, &source) in of_columns.iter().zip(self.preprocessor.sources()) {
            sums[source as usize] += importance;
        }
        Some(sums)
    }

    fn draw(&self, depth: usize) -> Option<String> {
        let Core::Forest(forest) = &self.core else {
            return None;
        };
        forest.draw(self.preprocessor.names(), &self.classes, depth)
    }

    fn partial_fit(&self, data: &Dataset, run: Run) -> Result<Option<Box<dyn Classifier>>, Error> {
        if !matches!(
            self.core,
            Core::NaiveBayes(_) | Core::Mlp(_) | Core::Sgd(_) | Core::Hoeffding(_)
        ) {
            return Ok(None);
        }
        let codes = self.own_codes(data)?;
        if codes.is_empty() {
            return Err(Error::NoRows);
        }
        let weights = row_weights(data, &codes, &self.classes, &ClassWeight::None)?;
        let features = self.preprocessor.transform(data, run.threads)?;
        let more = Labelled {
            features: &features,
            codes: &codes,
            weights: &weights,
            classes: self.classes.len(),
            run,
        };
        let mut model = self.clone();
        match &mut model.core {
            Core::NaiveBayes(bayes) => bayes.go_on(&more),
            Core::Mlp(net) => crate::neural::go_on(net, &more),
            Core::Sgd(sgd) => sgd.go_on(&more),
            Core::Hoeffding(tree) => tree.go_on(&more),
            _ => return Ok(None),
        }
        Ok(Some(Box::new(model)))
    }

    fn saved(&self) -> Option<SavedClassifier<'_>> {
        Some(SavedClassifier {
            model: Cow::Borrowed(self),
            calibration: None,
        })
    }
}
