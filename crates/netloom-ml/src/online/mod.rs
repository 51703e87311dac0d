//! Models that go on learning: from a row, not from all rows at once.
//!
//! They see each row once or a few times and keep none, so that tomorrow's rows can be learned
//! where today's left off: [`Classifier::partial_fit`](crate::Classifier::partial_fit).

mod hoeffding;
mod sgd;

pub use hoeffding::{HoeffdingTreeParams, LeafPrediction};
pub use sgd::SgdParams;

pub(crate) use hoeffding::HoeffdingTree;
pub(crate) use sgd::Sgd;
