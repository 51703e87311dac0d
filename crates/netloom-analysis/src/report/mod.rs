//! Reports: the facts of a capture as text for a terminal, as a web page, as JSON and as
//! pictures.
//!
//! [`model::Report`] holds the facts; everything here only shows them. Nothing in this module
//! reads packets, clocks, files or the network, and the same facts always give the same bytes.
//!
//! | function | gives |
//! |---|---|
//! | [`terminal::render`] | tables and bar charts that fit a width |
//! | [`html::render`] | one page that needs nothing else |
//! | [`json::to_string`] | the facts, as docs/report-json.md describes them |
//! | [`chart::charts`] | each chart as an SVG document |
//! | [`queries::queries`] | the queries that give the numbers again |
//! | [`png::encode`] | an SVG document as a PNG picture |
//!
//! Names in a report come from packets and are hostile until shown to be otherwise: [`text`]
//! makes them harmless for each place they are shown.
//!
//! ```
//! use netloom_analysis::report::terminal::{self, TerminalOptions};
//! use netloom_analysis::report::{Report, html};
//!
//! let report = Report { packets: 1, bytes: 60, ..Report::default() };
//! let shown = terminal::render(&report, &TerminalOptions { width: 60, ..Default::default() });
//! assert!(shown.lines().all(|line| line.chars().count() <= 60));
//! assert!(html::render(&report).starts_with("<!doctype html>"));
//! ```

pub mod chart;
pub(crate) mod country;
pub mod html;
pub mod json;
pub mod model;
pub mod png;
pub mod queries;
pub mod terminal;
pub mod text;
pub mod units;
pub(crate) mod words;

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

pub use model::Report;
