//! SQL over captures and files of tables.
//!
//! It is the only crate that knows DataFusion. A [`Session`] has tables: those of
//! [`Captures`], which are decoded while a query runs, and files. Queries have functions for
//! traffic beside those of SQL (`in_subnet`, `community_id`, `registered_domain` …), and
//! addresses compare and sort as addresses.
//!
//! What a query asks for is what is done: columns that it does not name are not made, and ranges
//! of time, addresses, ports, protocols and lengths are left out before rows are made. All tables
//! of a query come out of one pass over the captures. `EXPLAIN` shows all of it.

mod address;
mod any;
mod capture;
mod condition;
mod deep;
mod error;
mod files;
mod functions;
mod idioms;
mod order;
mod rows;
mod runner;
mod session;
mod statements;
mod time;

pub use capture::{Captures, OpenCaptures, OpenError};
pub use condition::Condition;
pub use error::QueryError;
pub use rows::{Rows, as_text, cells, text_schema, unique_names};
pub use session::{ColumnEntry, Session, SessionOptions, TableEntry, table_name_of};
pub use statements::{identifier, statements};
