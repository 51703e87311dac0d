//! What a person wants told about traffic.
//!
//! [`summary`] is a [`Stage`](netloom_pipeline::Stage) that sums packets and flows up;
//! [`report`] shows what it found: in a terminal, as a page, as JSON, as pictures.

pub mod report;
pub mod summary;
