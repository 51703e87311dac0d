//! The same facts with the names, the units and the order that other tools have.
//!
//! A profile is a table of its own, made from the same rows as the table it renames.

mod nfstream;

pub use nfstream::NfstreamFlows;
