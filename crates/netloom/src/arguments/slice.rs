//! `slice`.

use std::path::PathBuf;

use clap::Args;

use super::Inputs;

/// Writes the packets behind a row: whole flows, byte for byte
///
/// Which flows: those with an id, those for which a condition holds, those that a query gives,
/// or those of the packets that a filter matches.
#[derive(Debug, Args)]
pub(crate) struct SliceOptions {
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// The flow with this flow_id (repeatable, or several with commas between them)
    #[arg(long, value_name = "ID", value_delimiter = ',', conflicts_with_all = ["condition", "sql"])]
    pub(crate) flow: Vec<String>,
    /// Flows for which this holds: "server_name LIKE '%.example' AND fwd_bytes > 10000"
    #[arg(
        long = "where",
        id = "condition",
        value_name = "SQL",
        conflicts_with = "sql"
    )]
    pub(crate) condition: Option<String>,
    /// Rows of this query: its column flow_id says which flows, or its column number which packets
    #[arg(long, value_name = "SELECT")]
    pub(crate) sql: Option<String>,
    /// Leave out what else is in the flows of the packets that the filter matches
    #[arg(long)]
    pub(crate) packets_only: bool,
    /// The capture to write, as pcapng; - is standard output
    #[arg(short, long = "write", value_name = "OUT.pcapng")]
    pub(crate) write: PathBuf,
}
