//! Captures as tables: one pass over packets gives record batches of one table or several.
//!
//! Everything that reads tables of a capture (export, SQL, slicing, models) comes through here:
//!
//! 1. Each table that is wanted is a [`TableRequest`]: its columns, and the rows that are wanted
//!    where that is cheap to tell ([`RowFilter`], [`limit`](TableRequest::limit)).
//! 2. [`Scan::new`] works out what has to be done for them, and no more: no packet is decoded
//!    where only lengths are asked for, no flow table is kept where only headers are, no payload
//!    is looked at where no column needs it.
//! 3. [`Scan::run`] opens the source, once or twice ([`Scan::passes`]), and hands out batches:
//!    [`Prepare`] on all threads, then [`Write`] on one, in order.
//!
//! # Order
//!
//! Rows of a table come in a documented order, the same for any number of threads, sizes of
//! blocks, and cuts of a capture into files that are read together: packets and anomalies in the
//! order of the capture; flows in the order of the packets that ended them, then by `flow_id`;
//! `dns`, `tls`, `http` and `messages` in the order of the packets that completed them, then by
//! `flow_id`; hosts by address; the timeline by time; captures as they were given. How rows are cut into batches is
//! the same for any number of threads, too, but nothing to rely on otherwise.
//!
//! Batches of different requests come in turns. A request whose rows wait for the second pass
//! has its first row after the last row of those that do not.
//!
//! # Passes
//!
//! A packet's `service`, `server_name` and `domain` are known when its flow has ended,
//! its `flow_id` maybe only after it (a fragment that came before the first one of its datagram).
//! Where a request for packets or anomalies has one of these columns, the source is opened twice:
//! the first pass finds them out (and gives all other tables), the second makes the rows. Who
//! [takes](Write::takes_late) such columns after all the others gets those in the first pass, and
//! the second is left out wherever what was found out is enough. With [`ScanOptions::live`] the
//! source is read once, and rows say what is known when they are made.
//!
//! # Memory
//!
//! Bounded by the flow table's cap, the blocks of a round, and, for a second pass, what is known of
//! at most four million flows and which of them packets belong to (beyond 64 MiB in a temporary
//! file); with `info`, of what the TLS and HTTP connections say that sent something last. A
//! [`Write`] that blocks makes the scan wait.
//!
//! # Example
//!
//! ```
//! use std::ops::ControlFlow;
//! use netloom_pipeline::flow::FlowConfig;
//! use netloom_pipeline::scan::{Plain, Scan, ScanOptions, TableRequest};
//! use netloom_pipeline::{Control, PipelineOptions};
//! use netloom_tables::TableName;
//!
//! # let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/small-office.pcapng");
//! let flows = TableRequest::named(TableName::Flows, &["src_ip", "fwd_bytes"])?;
//! let packets = TableRequest::counted(TableName::Packets);
//! let options = ScanOptions::new(PipelineOptions::new(FlowConfig::default()));
//! let scan = Scan::new(vec![flows, packets], options);
//! let mut rows = [0, 0];
//! let mut count = |request: usize, batch: netloom_tables::RecordBatch| {
//!     rows[request] += batch.num_rows();
//!     Ok(ControlFlow::Continue(()))
//! };
//! let mut open = || netloom_capture::file::open(&[example], &Default::default());
//! let outcome = scan.run(&mut open, &Control::default(), &Plain, &mut count)?;
//! assert!(outcome.failed.is_none());
//! assert!(rows[0] > 0 && rows[1] > rows[0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod delivery;
mod filter;
mod flows;
mod hosts;
mod known;
mod late;
mod order;
mod packets;
mod plan;
mod run;
mod sink;
mod stage;
mod streams;
mod timeline;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use netloom_flow::FlowOwner;
use netloom_packet::{CaptureInfo, PacketSource, SourceError};
use netloom_tables::{AnyColumns, ColumnsError, Requires, SchemaRef, TableName};

pub use filter::{Field, RowFilter, Term};
pub use sink::{Plain, Prepare, Work, Write};

use crate::options::PipelineOptions;
use crate::shard::ShardFacts;
use crate::stage::RoundError;

/// A table that is wanted.
#[derive(Debug, Clone)]
pub struct TableRequest {
    columns: AnyColumns,
    filter: RowFilter,
    limit: Option<u64>,
    /// Whether texts come as dictionaries.
    repeated: bool,
}

impl TableRequest {
    /// These columns of any table; profiles have tables of their own.
    pub fn of(columns: AnyColumns) -> Self {
        Self {
            columns,
            filter: RowFilter::all(),
            limit: None,
            repeated: false,
        }
    }

    /// Every column of a table but those that are made only when named.
    ///
    /// # Panics
    ///
    /// Never: no name can be wrong.
    pub fn all(table: TableName) -> Self {
        Self::of(table.columns(None).expect("no column is named"))
    }

    /// These columns of a table, in this order.
    ///
    /// # Errors
    ///
    /// When the table has no such column, or one is named twice.
    pub fn named(table: TableName, columns: &[&str]) -> Result<Self, ColumnsError> {
        table.columns(Some(columns)).map(Self::of)
    }

    /// No column: batches have a number of rows, and nothing in them.
    ///
    /// # Panics
    ///
    /// Never: no name can be wrong.
    pub fn counted(table: TableName) -> Self {
        Self::of(table.columns(Some(&[])).expect("no column is named"))
    }

    /// Only these rows.
    #[must_use]
    pub fn filter(mut self, filter: RowFilter) -> Self {
        self.filter = filter;
        self
    }

    /// The first `rows` rows, of those that the filter takes.
    #[must_use]
    pub fn limit(mut self, rows: u64) -> Self {
        self.limit = Some(rows);
        self
    }

    /// The schema of its batches.
    pub fn schema(&self) -> SchemaRef {
        self.columns.schema()
    }

    /// The table whose rows its rows are made from.
    pub fn table(&self) -> TableName {
        self.columns.rows_of()
    }

    /// What has to be done for it.
    fn requires(&self) -> Requires {
        self.columns.requires().with(self.filter.requires())
    }
}

/// How a scan runs.
#[derive(Clone)]
#[non_exhaustive]
pub struct ScanOptions {
    /// How the engine runs: threads, what a flow is, memory.
    pub pipeline: PipelineOptions,
    /// The source goes on and can be read once: rows are handed out at the end of each round,
    /// and say what is known by then.
    pub live: bool,
    /// Packets of flows whose server has no name get no row.
    pub named_packets_only: bool,
    /// Bytes of payload in the `payload` column of packets.
    pub payload_bytes: usize,
    /// Length of the intervals of `timeline` in ns; `None`: as its rows are readable. Longer
    /// ones are counted in where there would be more than 262,144 with packets in them.
    pub interval: Option<i64>,
    /// Where the processes and users of this machine are looked up that own flows.
    pub owners: Option<Arc<dyn FlowOwners>>,
    /// Where the autonomous systems of addresses are looked up.
    pub systems: Option<Arc<dyn AutonomousSystems>>,
}

impl std::fmt::Debug for ScanOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScanOptions")
            .field("pipeline", &self.pipeline)
            .field("live", &self.live)
            .finish_non_exhaustive()
    }
}

impl ScanOptions {
    /// Recorded captures, and everything in them.
    pub fn new(pipeline: PipelineOptions) -> Self {
        Self {
            pipeline,
            live: false,
            named_packets_only: false,
            payload_bytes: usize::MAX,
            interval: None,
            owners: None,
            systems: None,
        }
    }
}

/// Knows which autonomous system announces an address.
pub trait AutonomousSystems: Send + Sync {
    /// Its number (RFC 6793) and its name; `None` where nothing is known of the address.
    fn system(&self, address: IpAddr) -> Option<(u32, Box<str>)>;
}

/// Knows which processes and users of this machine own flows, while they go on.
pub trait FlowOwners: Send + Sync {
    /// The owner of a flow of an IP protocol between two endpoints, in any order.
    fn owner(&self, protocol: u8, one: SocketAddr, other: SocketAddr) -> Option<FlowOwner>;
}

/// Tables of captures, and what has to be done for them. See the [module](self).
#[derive(Debug)]
pub struct Scan {
    requests: Vec<TableRequest>,
    options: ScanOptions,
}

impl Scan {
    /// These tables, of one source.
    pub fn new(requests: Vec<TableRequest>, options: ScanOptions) -> Self {
        Self { requests, options }
    }

    /// The schema of a request's batches, by its place; `None` past the last one.
    pub fn schema(&self, request: usize) -> Option<SchemaRef> {
        self.requests.get(request).map(TableRequest::schema)
    }

    /// How often the source is opened, at most: once or twice.
    pub fn passes(&self) -> usize {
        if self.requests.iter().any(|request| self.is_late(request)) {
            2
        } else {
            1
        }
    }

    /// Whether a request's rows are made in a second pass.
    fn is_late(&self, request: &TableRequest) -> bool {
        let packets = matches!(
            request.columns,
            AnyColumns::Packets(_) | AnyColumns::Anomalies(_)
        );
        packets && !self.options.live && self.flows_of_packets(request)
    }

    /// Whether a request needs its packets' flows.
    fn flows_of_packets(&self, request: &TableRequest) -> bool {
        let requires = request.requires();
        requires.contains(Requires::FLOW_ID) || self.names_of_packets(request)
    }

    /// Whether a request needs what is behind its packets' flows.
    fn names_of_packets(&self, request: &TableRequest) -> bool {
        let packets = matches!(request.columns, AnyColumns::Packets(_));
        request.requires().contains(Requires::FLOW_NAME)
            || packets && self.options.named_packets_only
    }
}

/// Packets from wherever.
pub type Source = Box<dyn PacketSource + Send>;

/// What a scan came to.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct ScanOutcome {
    /// Rows that were handed out, by request.
    pub rows: Vec<u64>,
    /// What the source said about itself.
    pub captures: Vec<CaptureInfo>,
    /// What the flow tables came to.
    pub facts: ShardFacts,
    /// Whether [`Control::stop`](crate::Control::stop) ended it early: rows are those of what was
    /// read until then.
    pub interrupted: bool,
    /// The source failed in the middle: rows of everything before it were handed out.
    pub failed: Option<SourceError>,
    /// Live: rows that were made before their server's name was known.
    pub unnamed_rows: u64,
    /// There were more addresses than `hosts` keeps, or they said more: those with the least
    /// traffic are left out, or what they said.
    pub hosts_forgotten: bool,
    /// There were more pairs of addresses than are remembered: `peers` of `hosts` are lower bounds.
    pub pairs_forgotten: bool,
    /// Packets of `timeline` whose service is the one that their ports stand for, or `other`: there
    /// was no room to keep them until that of their flow was known.
    pub timeline_by_port: u64,
}

/// Why there are no tables.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError<E> {
    /// The source could not be opened.
    #[error(transparent)]
    Open(E),
    /// The output failed.
    #[error("the output failed")]
    Output(#[source] RoundError),
}
