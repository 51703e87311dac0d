//! What a person wants told about traffic.
//!
//! [`summary`] is a [`Stage`](netloom_pipeline::Stage) that sums packets and flows up;
//! [`report`] shows what it found: in a terminal, as a page, as JSON, as pictures. [`model_card`]
//! shows what a model is worth; [`learned`] what was learnt without labels.

pub mod learned;
pub mod model_card;
pub mod report;
pub mod summary;
