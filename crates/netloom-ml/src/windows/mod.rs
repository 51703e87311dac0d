//! Flows summed up per host, pair or service and interval of time.
//!
//! One flow of a scan looks like any other; that a host opened 500 within a minute, each to another
//! port and none answered, tells it. [`windows`] makes a row of the flows that a host (or a pair of
//! hosts, or a service) had in each interval, with the columns of [`COLUMNS`]; what learns from
//! flows can learn from these rows.
//!
//! ```
//! use std::sync::Arc;
//! use arrow_array::{ArrayRef, RecordBatch, StringArray, TimestampNanosecondArray};
//! use netloom_ml::windows::{Per, WindowOptions, windows};
//!
//! let flows = RecordBatch::try_from_iter([
//!     ("start", Arc::new(TimestampNanosecondArray::from(vec![1, 2, 90_000_000_000])) as ArrayRef),
//!     ("src_ip", Arc::new(StringArray::from(vec!["10.0.0.1"; 3])) as ArrayRef),
//!     ("dst_ip", Arc::new(StringArray::from(vec!["10.0.0.2", "10.0.0.3", "10.0.0.2"])) as ArrayRef),
//! ])?;
//! let options = WindowOptions { per: Per::Pair, ..WindowOptions::default() };
//! let made = windows(&[flows], &options)?;
//! // Two pairs in the first minute, one of them again in the second.
//! assert_eq!(made.table.num_rows(), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod columns;
mod flows;
mod sums;

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, TimeUnit};

pub use columns::{COLUMNS, WindowColumn};
use flows::Flows;
use sums::Sums;

/// Whose flows are summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Per {
    /// Those of an address, whichever side it is on: a flow counts for both of its ends.
    #[default]
    Host,
    /// Those from one address to another.
    Pair,
    /// Those to a server's address, transport and port.
    Service,
}

impl Per {
    /// Names of the columns that say whose window it is.
    pub fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Host => &["host"],
            Self::Pair => &["src_ip", "dst_ip"],
            Self::Service => &["dst_ip", "transport", "dst_port"],
        }
    }
}

/// How to sum flows up.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowOptions {
    /// Whose flows.
    pub per: Per,
    /// Width of a window in nanoseconds. Windows begin at whole multiples of it since 1970, so that
    /// they are the same for every capture.
    pub width: i64,
    /// The column with the label of the flows, if they have one: the window gets it too.
    pub label: Option<String>,
    /// The label of harmless flows: a window in which there are others gets the most frequent of
    /// the others, however few they are. Without it the most frequent label wins. Of labels that
    /// are as frequent the first in the alphabet wins.
    pub harmless: Option<String>,
    /// Columns that are the same for all flows of a group (the file that they are from, say) and
    /// that keep windows of different groups apart.
    pub keep: Vec<String>,
}

impl Default for WindowOptions {
    /// A minute per host.
    fn default() -> Self {
        Self {
            per: Per::Host,
            width: 60_000_000_000,
            label: None,
            harmless: None,
            keep: Vec::new(),
        }
    }
}

/// Why flows cannot be summed up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WindowError {
    /// A column that is needed is not there.
    #[error(
        "the table has no column '{column}': windows are made of flows, as the table `flows` has them"
    )]
    Missing {
        /// The column.
        column: String,
    },
    /// A column cannot be read as what it should be.
    #[error("column '{column}' cannot be read as {wanted}: {cause}")]
    Type {
        /// The column.
        column: String,
        /// What it should be.
        wanted: &'static str,
        /// What is wrong.
        cause: arrow_schema::ArrowError,
    },
    /// A window needs a width.
    #[error("a window must be wider than nothing")]
    Width,
    /// The rows cannot be put together.
    #[error(transparent)]
    Arrow(#[from] arrow_schema::ArrowError),
}

/// Windows, and what became of the flows.
#[derive(Debug, Clone)]
pub struct Windows {
    /// A row for each window in which there is a flow, ordered by time and key: `window_start`,
    /// the keys, the columns of [`COLUMNS`], and the label if there is one.
    pub table: RecordBatch,
    /// Flows that were left out for having no start or no address.
    pub left_out: u64,
}

/// Sums flows up.
///
/// Needs the columns `start`, `src_ip` and `dst_ip`; uses those named in [`COLUMNS`] where they are
/// there. Names and types are those of the table `flows`; numbers and times as text are read too.
///
/// # Errors
///
/// If a needed column is missing or cannot be read.
pub fn windows(batches: &[RecordBatch], options: &WindowOptions) -> Result<Windows, WindowError> {
    if options.width <= 0 {
        return Err(WindowError::Width);
    }
    let flows = Flows::new(batches, options)?;
    let (members, left_out) = members(&flows, options);
    let mut sums = Sums::new(options);
    for window in members.chunk_by(|a, b| a.window == b.window) {
        sums.add(&flows, window);
    }
    let mut fields = vec![Field::new(
        "window_start",
        DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        false,
    )];
    let mut arrays = vec![sums.start_column()];
    for (name, values) in sums.key_columns(&flows) {
        fields.push(Field::new(name, DataType::Utf8, true));
        arrays.push(values);
    }
    for (column, values) in columns::all(options.per).zip(sums.columns()) {
        fields.push(Field::new(column.name, DataType::Float64, true));
        arrays.push(values);
    }
    if let Some((name, values)) = sums.label_column(&flows) {
        fields.push(Field::new(name, DataType::Utf8, true));
        arrays.push(values);
    }
    Ok(Windows {
        table: RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?,
        left_out,
    })
}

/// A flow in a window.
struct Member {
    window: Window,
    flow: u32,
    /// The host is the responder of the flow.
    responder: bool,
}

/// Which window; ordered as the rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Window {
    /// Number of the interval since 1970.
    interval: i64,
    /// Codes of the keys, then of the columns that keep windows apart.
    keys: [u32; 4],
}

/// Each flow in its windows, ordered by window and then by start.
fn members(flows: &Flows, options: &WindowOptions) -> (Vec<Member>, u64) {
    let mut members = Vec::with_capacity(flows.rows() * 2);
    let mut left_out = 0;
    for flow in 0..flows.rows() {
        let (Some(start), Some(src), Some(dst)) =
            (flows.start(flow), flows.src(flow), flows.dst(flow))
        else {
            left_out += 1;
            continue;
        };
        let interval = start.div_euclid(options.width);
        let kept = flows.kept(flow);
        let mut add = |keys: [u32; 3], responder| {
            members.push(Member {
                window: Window {
                    interval,
                    keys: [keys[0], keys[1], keys[2], kept],
                },
                flow: flow as u32,
                responder,
            });
        };
        match options.per {
            Per::Host => {
                add([src, 0, 0], false);
                if dst != src {
                    add([dst, 0, 0], true);
                }
            }
            Per::Pair => add([src, dst, 0], false),
            Per::Service => add([dst, flows.transport(flow), flows.dst_port(flow)], true),
        }
    }
    members.sort_by_key(|member| {
        let flow = member.flow as usize;
        (member.window, flows.start(flow), member.flow)
    });
    (members, left_out)
}

#[cfg(test)]
mod tests;
