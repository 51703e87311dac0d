//! The command and its documentation, as a person uses them.

mod command;
mod common;
mod readme;
