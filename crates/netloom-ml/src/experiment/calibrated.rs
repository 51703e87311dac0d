//! A classifier with corrected probabilities.

use std::borrow::Cow;
use std::sync::Arc;

use crate::calibration::Calibration;
use crate::dataset::{Dataset, LeftOut};
use crate::error::Error;
use crate::model::{Classifier, Contributions, Input, Probabilities, SavedClassifier};

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

    fn left_out(&self) -> &[LeftOut] {
        self.model.left_out()
    }

    /// Of what the model said before the correction: that is a rising curve, so what speaks for a
    /// class still does.
    fn contributions(
        &self,
        data: &Dataset,
        threads: usize,
    ) -> Result<Option<Contributions>, Error> {
        self.model.contributions(data, threads)
    }

    fn feature_importances(&self) -> Option<Vec<f64>> {
        self.model.feature_importances()
    }

    fn draw(&self, depth: usize) -> Option<String> {
        self.model.draw(depth)
    }

    fn choice(&self) -> Option<&crate::Choice> {
        self.model.choice()
    }

    fn saved(&self) -> Option<SavedClassifier<'_>> {
        let mut saved = self.model.saved()?;
        if saved.calibration.is_some() {
            // One correction is all that a file has room for.
            return None;
        }
        saved.calibration = Some(Cow::Borrowed(&self.calibration));
        Some(saved)
    }
}
