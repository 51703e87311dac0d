//! Tables to models: datasets, preprocessing, honest evaluation, classification, anomaly
//! detection, clustering and forecasting.
//!
//! This crate sees record batches only: it reads no packet, no clock and no file but a model's.

mod chance;
pub mod metrics;
pub mod split;
