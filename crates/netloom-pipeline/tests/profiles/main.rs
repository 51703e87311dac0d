//! The tables of profiles: as they are to be, and against what other tools write.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod golden;
mod zeek;
#[path = "../../../netloom-flow/tests/support/zeek_tests.rs"]
mod zeek_tests;
