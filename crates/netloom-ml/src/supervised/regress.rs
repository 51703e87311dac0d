//! Models that learn numbers.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Learn, Prepared, parameters, prepared};
use crate::boosting::{Boosted, GradientBoostingParams, Loss};
use crate::dataset::{Dataset, LeftOut};
use crate::error::Error;
use crate::linear::{Linear, RidgeParams};
use crate::model::{Input, Regressor, RegressorParams, Run, SavedRegressor};
use crate::numeric::Features;
use crate::preprocess::{Preprocessing, Preprocessor, Target};

/// What a regressor learns from after preprocessing.
pub(crate) struct Numbered<'a> {
    pub(crate) features: &'a Features,
    pub(crate) numbers: &'a [f64],
    pub(crate) weights: &'a [f64],
    pub(crate) run: Run,
}

/// Parameters of one family.
pub(crate) trait LearnNumbers:
    std::fmt::Debug + Clone + Send + Sync + Serialize + serde::de::DeserializeOwned + Default + 'static
{
    /// As `--model` names it.
    const NAME: &'static str;

    fn preprocessing(&self) -> Preprocessing;

    /// Refuses parameters that make no sense.
    fn check(&self) -> Result<(), Error>;

    fn learn_numbers(&self, data: &Numbered<'_>) -> NumberCore;
}

impl LearnNumbers for GradientBoostingParams {
    const NAME: &'static str = <Self as Learn>::NAME;

    fn preprocessing(&self) -> Preprocessing {
        Learn::preprocessing(self)
    }

    fn check(&self) -> Result<(), Error> {
        Learn::check(self)
    }

    fn learn_numbers(&self, data: &Numbered<'_>) -> NumberCore {
        let loss = Loss::Numbers {
            numbers: data.numbers,
        };
        NumberCore::Boosted(self.boost(
            data.features,
            &loss,
            data.weights,
            data.run.seed,
            data.run.threads,
        ))
    }
}

/// What an algorithm learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum NumberCore {
    /// Trees whose answers are added up.
    Boosted(Boosted),
    /// A weighted sum.
    Linear(Linear),
}

/// A regressor that learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FittedRegressor {
    algorithm: String,
    preprocessor: Preprocessor,
    core: NumberCore,
}

impl FittedRegressor {
    pub(crate) fn is_sound(&self) -> bool {
        let columns = self.preprocessor.names().len();
        self.preprocessor.is_sound()
            && match &self.core {
                NumberCore::Boosted(boosted) => boosted.is_sound(columns, 1),
                NumberCore::Linear(linear) => linear.is_sound(columns, 1),
            }
    }
}

impl Regressor for FittedRegressor {
    fn algorithm(&self) -> &'static str {
        REGRESSORS
            .iter()
            .find(|name| **name == self.algorithm)
            .unwrap_or(&"unknown")
    }

    fn inputs(&self) -> &[Input] {
        self.preprocessor.inputs()
    }

    fn left_out(&self) -> &[LeftOut] {
        self.preprocessor.left_out()
    }

    fn predict(&self, data: &Dataset, threads: usize) -> Result<Vec<f64>, Error> {
        let features = self.preprocessor.transform(data, threads)?;
        Ok(match &self.core {
            NumberCore::Boosted(boosted) => boosted.raw(&features, threads),
            NumberCore::Linear(linear) => linear.raw(&features, threads),
        })
    }

    fn saved(&self) -> Option<SavedRegressor<'_>> {
        Some(SavedRegressor {
            model: Cow::Borrowed(self),
        })
    }
}

macro_rules! regressors {
    ($($params:ty),* $(,)?) => {
        $(impl RegressorParams for $params {
            fn algorithm(&self) -> &'static str {
                <Self as LearnNumbers>::NAME
            }

            fn parameters(&self) -> Vec<(String, String)> {
                parameters(self)
            }

            fn fit(&self, data: &Dataset, run: Run) -> Result<Box<dyn Regressor>, Error> {
                fit(self, &LearnNumbers::preprocessing(self), data, run)
            }
        }

        impl RegressorParams for Prepared<$params> {
            fn algorithm(&self) -> &'static str {
                <$params as LearnNumbers>::NAME
            }

            fn parameters(&self) -> Vec<(String, String)> {
                let mut all = parameters(&self.params);
                all.extend(parameters(&self.preprocessing));
                all
            }

            fn fit(&self, data: &Dataset, run: Run) -> Result<Box<dyn Regressor>, Error> {
                fit(&self.params, &self.preprocessing, data, run)
            }
        })*

        /// Names of all regressors.
        pub const REGRESSORS: &[&str] = &[$(<$params as LearnNumbers>::NAME),*];

        /// A regressor by its name, with parameters by name, as [`classifier`](super::classifier).
        ///
        /// # Errors
        ///
        /// If there is no such regressor or parameter, or the value is none of the parameter's.
        pub fn regressor(
            name: &str,
            given: &[(&str, &str)],
        ) -> Result<Box<dyn RegressorParams>, Error> {
            let plain = name.replace('_', "-").to_ascii_lowercase();
            $(if plain == <$params as LearnNumbers>::NAME {
                let preprocessing = LearnNumbers::preprocessing(&<$params>::default());
                return prepared::<$params>(&preprocessing, given)
                    .map(|params| Box::new(params) as Box<dyn RegressorParams>);
            })*
            Err(Error::UnknownModel {
                name: name.to_owned(),
                known: REGRESSORS.join(", "),
            })
        }
    };
}

regressors!(GradientBoostingParams, RidgeParams);

fn fit<P: LearnNumbers>(
    params: &P,
    preprocessing: &Preprocessing,
    data: &Dataset,
    run: Run,
) -> Result<Box<dyn Regressor>, Error> {
    params.check()?;
    let numbers = data.numbers()?;
    if numbers.is_empty() {
        return Err(Error::NoRows);
    }
    let weights = match data.weights() {
        Some(weights) => weights.into_owned(),
        None => vec![1.0; numbers.len()],
    };
    if weights.iter().all(|weight| *weight == 0.0) {
        return Err(Error::NoWeight);
    }
    let target = Target::Numbers {
        numbers: &numbers,
        seed: run.seed,
    };
    let (preprocessor, features) = Preprocessor::fit(preprocessing, data, &target, run.threads)?;
    let core = params.learn_numbers(&Numbered {
        features: &features,
        numbers: &numbers,
        weights: &weights,
        run,
    });
    Ok(Box::new(FittedRegressor {
        algorithm: P::NAME.to_owned(),
        preprocessor,
        core,
    }))
}
