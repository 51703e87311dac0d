//! The command and its documentation, as a person uses them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod asn;
mod bounds;
mod capture;
mod command;
mod common;
mod edges;
mod export;
mod export_live;
mod export_shape;
mod filter;
mod filter_live;
mod golden;
mod interfaces;
mod learn;
mod learned;
mod network;
mod peers;
mod query;
mod readers;
mod readme;
mod report_sql;
mod same_file;
mod secrets;
mod shell;
