//! Tables to models: datasets, preprocessing, honest evaluation, classification, anomaly
//! detection, clustering and forecasting.
//!
//! This crate sees record batches only: it reads no packet, no clock and no file but a model's.

#![cfg_attr(
    test,
    expect(clippy::float_cmp, reason = "tests compare with values that are exact")
)]

pub mod anomaly;
mod auto;
mod boosting;
pub mod calibration;
pub mod card;
mod chance;
pub mod cluster;
pub mod dataset;
mod error;
pub mod evaluation;
pub mod experiment;
pub mod leakage;
mod linear;
pub mod metrics;
pub mod model;
mod naive_bayes;
mod neighbors;
mod neural;
mod numeric;
mod online;
mod onnx;
pub mod preprocess;
pub mod series;
pub mod split;
pub mod supervised;
mod tree;
pub mod windows;
pub mod words;

pub use auto::{AutoParams, Choice, Clock, Scoring, Tried};
pub use boosting::{EarlyStopping, GradientBoostingParams};
pub use dataset::{
    ColumnView, Dataset, DatasetOptions, Imported, Kind, LeftOut, TargetKind, Values, identity,
};
pub use error::Error;
pub use linear::{LogisticRegressionParams, RidgeParams};
pub use model::{
    Classifier, ClassifierParams, Contributions, Drift, Input, ModelFile, ModelFileError,
    Probabilities, Reference, Regressor, RegressorParams, Run,
};
pub use naive_bayes::GaussianNBParams;
pub use neighbors::{KNeighborsParams, NeighborWeights};
pub use neural::MlpParams;
pub use numeric::{Features, Matrix};
pub use online::{HoeffdingTreeParams, LeafPrediction, SgdParams};
pub use onnx::{MAX_ONNX_BYTES, OnnxError, OnnxImportError, from_onnx, to_onnx};
pub use supervised::{
    CLASSIFIERS, ClassWeight, DecisionTreeParams, ExtraTreesParams, MaxFeatures, Prepared,
    REGRESSORS, RandomForestParams, classifier, regressor,
};
pub use tree::Criterion;
