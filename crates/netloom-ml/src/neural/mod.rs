//! Neural networks.

mod mlp;
mod net;

pub use mlp::MlpParams;
pub(crate) use mlp::go_on;
pub(crate) use net::Net;
