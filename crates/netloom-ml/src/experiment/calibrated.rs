//! A classifier with corrected probabilities.

use std::sync::Arc;

use crate::calibration::Calibration;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::model::{Classifier, Input, Probabilities};

/// A classifier whose probabilities are corrected by what held-out rows taught.
#[derive(Debug)]
pub struct Calibrated {
    model: Box<dyn Classifier>,
    calibration: Calibration,
}

impl Calibrated {
    /// Wraps a model.
    pub fn new(model: Box<dyn Classifier>, calibration: Calibration) -> Self {
        Self { model, calibration }
    }

    /// The model itself.
    pub fn inner(&self) -> &dyn Classifier {
        &*self.model
    }

    /// The correction.
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }
}

impl Classifier for Calibrated {
    fn algorithm(&self) -> &'static str {
        self.model.algorithm()
    }

    fn classes(&self) -> &[String] {
        self.model.classes()
    }

    fn inputs(&self) -> &[Input] {
        self.model.inputs()
    }

    fn predict_proba(&self, data: &Dataset, threads: usize) -> Result<Probabilities, Error> {
        let said = self.model.predict_proba(data, threads)?;
        let mut values = said.values().to_vec();
        self.calibration.apply(&mut values);
        Probabilities::new(Arc::clone(said.classes()), values)
    }
}
