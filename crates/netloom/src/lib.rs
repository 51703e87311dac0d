//! netloom: packets to flows, tables and reports.
//!
//! This crate is the library's facade (what a program needs, from the crates that hold it) and
//! the `netloom` binary.
//!
//! ```no_run
//! use netloom::analysis::summary::{ReportContext, SummaryStage};
//! use netloom::pipeline::{Control, PipelineOptions, run};
//! use netloom::{FlowConfig, OpenOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let source = netloom::open(&["capture.pcapng"], &OpenOptions::default())?;
//! let options = PipelineOptions::new(FlowConfig::default());
//! let outcome = run(source, &SummaryStage::new(10), &options, &Control::default())?;
//! let context = ReportContext { captures: outcome.captures, ..ReportContext::default() };
//! let report = outcome.output.report(&context);
//! assert!(report.packets >= report.flows);
//! # Ok(())
//! # }
//! ```

pub use netloom_analysis as analysis;
pub use netloom_capture as capture;
pub use netloom_capture::file::{OpenOptions, Replay, open};
pub use netloom_decode as decode;
pub use netloom_flow::{FlowConfig, FlowRecord, FlowRules, FlowTable};
pub use netloom_ml as ml;
pub use netloom_packet::{Packet, PacketBatch, PacketSource, Timestamp};
pub use netloom_pipeline as pipeline;
pub use netloom_sql as sql;
pub use netloom_tables as tables;
