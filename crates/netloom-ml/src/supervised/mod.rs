//! Models that learn from labelled rows, with scikit-learn's names and meanings.
//!
//! | name | parameters | scikit-learn |
//! |---|---|---|
//! | `decision-tree` | [`DecisionTreeParams`] | `DecisionTreeClassifier` |
//! | `random-forest` | [`RandomForestParams`] | `RandomForestClassifier` |
//! | `extra-trees` | [`ExtraTreesParams`] | `ExtraTreesClassifier` |
//! | `gradient-boosting` | [`GradientBoostingParams`] | `HistGradientBoostingClassifier` |
//! | `logistic-regression` | [`LogisticRegressionParams`] | `LogisticRegression` |
//! | `k-neighbors` | [`KNeighborsParams`] | `KNeighborsClassifier` |
//! | `naive-bayes` | [`GaussianNBParams`] | `GaussianNB` |
//! | `mlp` | [`MlpParams`] | `MLPClassifier` |
//! | `sgd` | [`SgdParams`] | `SGDClassifier` with `loss='log_loss'` |
//! | `hoeffding-tree` | [`HoeffdingTreeParams`] | River's `HoeffdingTreeClassifier` |
//!
//! [`AutoParams`], by name `auto`, tries a few of them and keeps the best. `sgd`,
//! `hoeffding-tree`, `naive-bayes` and `mlp` can go on learning:
//! [`partial_fit`](Classifier::partial_fit).
//!
//! and for numbers
//!
//! | name | parameters | scikit-learn |
//! |---|---|---|
//! | `gradient-boosting` | [`GradientBoostingParams`] | `HistGradientBoostingRegressor` |
//! | `ridge` | [`RidgeParams`](crate::RidgeParams) | `Ridge` |
//!
//! Each is parameters that learn: `RandomForestParams::default().fit(&data, run)`, with the
//! preprocessing that suits it; [`Prepared`] takes another one. [`classifier`] makes them by name.
//!
//! ```
//! use netloom_ml::{ClassifierParams, Dataset, RandomForestParams, Run, Values};
//!
//! let data = Dataset::new(vec![("bytes", Values::numbers((0..100).map(f64::from)))])?
//!     .with_classes((0..100).map(|bytes| if bytes < 50 { "small" } else { "large" }))?;
//! let model = RandomForestParams::default().fit(&data, Run { seed: 1, threads: 2 })?;
//! let new = Dataset::new(vec![("bytes", Values::numbers([3.0, 99.0]))])?;
//! let told = model.predict_proba(&new, 1)?;
//! assert_eq!(model.classes(), ["large", "small"]);
//! assert_eq!(told.predicted(), [1, 0]);
//! # Ok::<(), netloom_ml::Error>(())
//! ```

mod fitted;
mod forest;
mod regress;

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::auto::AutoParams;
use crate::boosting::GradientBoostingParams;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::linear::LogisticRegressionParams;
use crate::model::{Classifier, ClassifierParams, Run};
use crate::naive_bayes::GaussianNBParams;
use crate::neighbors::KNeighborsParams;
use crate::neural::MlpParams;
use crate::numeric::Features;
use crate::online::{HoeffdingTreeParams, SgdParams};
use crate::preprocess::{Preprocessing, Preprocessor, Target};
pub(crate) use fitted::{Core, FittedClassifier};

pub(crate) use regress::{FittedRegressor, LearnNumbers, NumberCore, Numbered};

pub use regress::{REGRESSORS, regressor};

pub use forest::{DecisionTreeParams, ExtraTreesParams, MaxFeatures, RandomForestParams};

/// How much rows of each class count.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassWeight {
    /// All alike.
    #[default]
    None,
    /// So that each class counts as much as another: rows / (classes · rows of the class).
    Balanced,
    /// By name; 1 for those that are not named.
    Classes(Vec<(String, f64)>),
}

/// What a classifier learns from after preprocessing.
pub(crate) struct Labelled<'a> {
    pub(crate) features: &'a Features,
    /// The class of each row; every class has a row.
    pub(crate) codes: &'a [u32],
    pub(crate) weights: &'a [f64],
    pub(crate) classes: usize,
    pub(crate) run: Run,
}

/// Parameters of one family.
pub(crate) trait Learn:
    std::fmt::Debug + Clone + Send + Sync + Serialize + DeserializeOwned + Default + 'static
{
    /// As `--model` names it.
    const NAME: &'static str;

    fn preprocessing(&self) -> Preprocessing;

    fn class_weight(&self) -> &ClassWeight {
        &ClassWeight::None
    }

    /// Refuses parameters that make no sense.
    fn check(&self) -> Result<(), Error>;

    /// Learns rows of two classes or more.
    fn learn(&self, data: &Labelled<'_>) -> Result<Core, Error>;
}

/// Parameters with a preprocessing of one's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared<P> {
    /// The parameters.
    pub params: P,
    /// How tables become numbers.
    pub preprocessing: Preprocessing,
}

macro_rules! classifiers {
    ($($params:ty),* $(,)?) => {
        $(impl ClassifierParams for $params {
            fn algorithm(&self) -> &'static str {
                <Self as Learn>::NAME
            }

            fn parameters(&self) -> Vec<(String, String)> {
                parameters(self)
            }

            fn fit(&self, data: &Dataset, run: Run) -> Result<Box<dyn Classifier>, Error> {
                fit(self, &Learn::preprocessing(self), data, run)
            }
        }

        impl ClassifierParams for Prepared<$params> {
            fn algorithm(&self) -> &'static str {
                <$params as Learn>::NAME
            }

            fn parameters(&self) -> Vec<(String, String)> {
                let mut all = parameters(&self.params);
                all.extend(parameters(&self.preprocessing));
                all
            }

            fn fit(&self, data: &Dataset, run: Run) -> Result<Box<dyn Classifier>, Error> {
                fit(&self.params, &self.preprocessing, data, run)
            }
        })*

        /// Names of all families of classifiers, as `--model` takes them; `auto` chooses among them.
        pub const CLASSIFIERS: &[&str] = &[$(<$params as Learn>::NAME),*];

        /// A classifier by its name, with parameters by name; the others have their defaults.
        /// Values are as in JSON, or plain words: `200`, `null`, `balanced`. Parameters of
        /// [`Preprocessing`] are taken too.
        ///
        /// ```
        /// use netloom_ml::classifier;
        ///
        /// let forest = classifier("random-forest", &[("n_estimators", "50")])?;
        /// assert_eq!(forest.algorithm(), "random-forest");
        /// assert!(classifier("random-forest", &[("trees", "50")]).is_err());
        /// # Ok::<(), netloom_ml::Error>(())
        /// ```
        ///
        /// # Errors
        ///
        /// If there is no such classifier or parameter, or the value is none of the parameter's.
        pub fn classifier(
            name: &str,
            parameters: &[(&str, &str)],
        ) -> Result<Box<dyn ClassifierParams>, Error> {
            let plain = name.replace('_', "-").to_ascii_lowercase();
            if plain == AutoParams::NAME {
                return AutoParams::with_parameters(parameters)
                    .map(|params| Box::new(params) as Box<dyn ClassifierParams>);
            }
            $(if plain == <$params as Learn>::NAME {
                let preprocessing = Learn::preprocessing(&<$params>::default());
                return prepared::<$params>(&preprocessing, parameters)
                    .map(|params| Box::new(params) as Box<dyn ClassifierParams>);
            })*
            Err(Error::UnknownModel {
                name: name.to_owned(),
                known: format!("{}, {}", AutoParams::NAME, CLASSIFIERS.join(", ")),
            })
        }
    };
}

classifiers!(
    DecisionTreeParams,
    RandomForestParams,
    ExtraTreesParams,
    GradientBoostingParams,
    LogisticRegressionParams,
    KNeighborsParams,
    GaussianNBParams,
    MlpParams,
    SgdParams,
    HoeffdingTreeParams,
);

fn fit<P: Learn>(
    params: &P,
    preprocessing: &Preprocessing,
    data: &Dataset,
    run: Run,
) -> Result<Box<dyn Classifier>, Error> {
    params.check()?;
    let all = data.class_codes()?;
    if all.is_empty() {
        return Err(Error::NoRows);
    }
    let (codes, classes) = occurring(&all, data.class_names());
    let weights = row_weights(data, &codes, &classes, params.class_weight())?;
    let target = Target::Classes {
        codes: &codes,
        names: &classes,
        seed: run.seed,
    };
    let (preprocessor, features) = Preprocessor::fit(preprocessing, data, &target, run.threads)?;
    let core = if classes.len() == 1 {
        Core::Constant
    } else {
        params.learn(&Labelled {
            features: &features,
            codes: &codes,
            weights: &weights,
            classes: classes.len(),
            run,
        })?
    };
    Ok(Box::new(FittedClassifier {
        algorithm: P::NAME.into(),
        classes: Arc::from(classes),
        preprocessor,
        core,
    }))
}

/// Classes that have rows, in the order of their names, and each row's number among them.
fn occurring(all: &[u32], names: &[String]) -> (Vec<u32>, Vec<String>) {
    let mut place = vec![None; names.len()];
    for &code in all {
        place[code as usize] = Some(0);
    }
    let mut classes = Vec::new();
    for (code, name) in names.iter().enumerate() {
        if place[code].is_some() {
            place[code] = Some(classes.len() as u32);
            classes.push(name.clone());
        }
    }
    let codes = all
        .iter()
        .filter_map(|&code| place[code as usize])
        .collect();
    (codes, classes)
}

fn row_weights(
    data: &Dataset,
    codes: &[u32],
    classes: &[String],
    class_weight: &ClassWeight,
) -> Result<Vec<f64>, Error> {
    let mut weights = match data.weights() {
        Some(weights) => weights.into_owned(),
        None => vec![1.0; codes.len()],
    };
    let of_class: Option<Vec<f64>> = match class_weight {
        ClassWeight::None => None,
        ClassWeight::Balanced => {
            let mut counts = vec![0.0; classes.len()];
            for (&code, weight) in codes.iter().zip(&weights) {
                counts[code as usize] += weight;
            }
            let all: f64 = counts.iter().sum();
            let kinds = classes.len() as f64;
            Some(
                counts
                    .iter()
                    .map(|count| {
                        if *count > 0.0 {
                            all / (kinds * count)
                        } else {
                            1.0
                        }
                    })
                    .collect(),
            )
        }
        ClassWeight::Classes(named) => {
            if let Some((_, weight)) = named.iter().find(|(_, w)| !(w.is_finite() && *w >= 0.0)) {
                return Err(Error::parameter("class_weight", weight, "0 or more"));
            }
            let weight = |class: &String| named.iter().find(|(name, _)| name == class);
            Some(
                classes
                    .iter()
                    .map(|c| weight(c).map_or(1.0, |(_, w)| *w))
                    .collect(),
            )
        }
    };
    if let Some(of_class) = of_class {
        for (weight, &code) in weights.iter_mut().zip(codes) {
            *weight *= of_class[code as usize];
        }
    }
    if weights.iter().all(|weight| *weight == 0.0) {
        return Err(Error::NoWeight);
    }
    Ok(weights)
}

/// Parameters as names and values.
pub(crate) fn parameters<P: Serialize>(params: &P) -> Vec<(String, String)> {
    match serde_json::to_value(params) {
        Ok(serde_json::Value::Object(fields)) => fields
            .into_iter()
            .map(|(name, value)| {
                let text = match value {
                    serde_json::Value::String(text) => text,
                    other => other.to_string(),
                };
                (name, text)
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Parameters, and those of the preprocessing, by name.
fn prepared<P: Serialize + DeserializeOwned + Default>(
    preprocessing: &Preprocessing,
    given: &[(&str, &str)],
) -> Result<Prepared<P>, Error> {
    let (of_preprocessing, of_params): (Vec<_>, Vec<_>) = given
        .iter()
        .partition(|(name, _)| parameters(preprocessing).iter().any(|(n, _)| n == name));
    Ok(Prepared {
        params: with(&P::default(), &of_params)?,
        preprocessing: with(preprocessing, &of_preprocessing)?,
    })
}

pub(crate) fn with<P: Serialize + DeserializeOwned>(
    defaults: &P,
    given: &[(&str, &str)],
) -> Result<P, Error> {
    let unusable = |name: &str, value: &str, reason: String| Error::UnknownParameter {
        name: name.to_owned(),
        value: value.to_owned(),
        reason,
    };
    let mut fields = match serde_json::to_value(defaults) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    for (name, value) in given {
        if !fields.contains_key(*name) {
            let known: Vec<&str> = fields.keys().map(String::as_str).collect();
            return Err(unusable(
                name,
                value,
                format!(
                    "there is no such parameter; there are: {}",
                    known.join(", ")
                ),
            ));
        }
        let json = serde_json::from_str(value)
            .unwrap_or_else(|_| serde_json::Value::String((*value).to_owned()));
        fields.insert((*name).to_owned(), json);
        // One after the other, so that the one that is wrong is known.
        serde_json::from_value::<P>(serde_json::Value::Object(fields.clone()))
            .map_err(|error| unusable(name, value, error.to_string()))?;
    }
    serde_json::from_value(serde_json::Value::Object(fields))
        .map_err(|error| unusable("parameters", "", error.to_string()))
}
