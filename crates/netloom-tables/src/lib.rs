//! Records to Arrow tables: schemas, builders that make only the columns asked for, text
//! writers, and files that are whole or absent.
//!
//! Each table is one declarative list of columns under `schema/`: name, type, unit, meaning,
//! the names other tools give it, and how a cell is made. Everything else follows from that
//! list: the Arrow schema, the [`TableBuilder`], the choice of columns ([`Columns`]), the
//! dictionary ([`tables`]).
//!
//! Tables of the user's own are [read](mod@read) as record batches.
//!
//! This crate decodes nothing and reads no clock; its only I/O is [`output`] and [`mod@read`].
//!
//! ```
//! use netloom_packet::{LinkType, Packet, Timestamp};
//! use netloom_tables::{Columns, PacketRow, Packets, PacketsBuilder, format_csv};
//!
//! let columns = Columns::<Packets>::parse("number,ts,len").unwrap();
//! let mut builder = PacketsBuilder::new(&columns);
//! let packet = Packet {
//!     number: 1,
//!     timestamp: Timestamp::from_nanos(5),
//!     link_type: LinkType::ETHERNET,
//!     interface: 0,
//!     wire_len: 60,
//!     data: &[],
//! };
//! builder.append(&PacketRow::new(&packet, &Default::default()));
//! let mut text = Vec::new();
//! format_csv(&builder.finish(), &mut text);
//! assert_eq!(text, b"1,1970-01-01T00:00:00.000000005Z,60\n");
//! ```

pub mod anonymize;
mod any;
mod builder;
mod column;
mod columns;
mod dictionary;
mod ethertype;
mod info;
mod layers;
mod name;
pub mod output;
pub mod profile;
mod protocol;
pub mod read;
mod repeated;
mod schema;
mod sort;
mod write;

pub use any::{AnyColumns, BuildRows, ColumnsOf};
pub use arrow_array::RecordBatch;
pub use arrow_schema::{Schema, SchemaRef};
pub use builder::{
    AnomaliesBuilder, BATCH_ROWS, CapturesBuilder, FlowsBuilder, PacketsBuilder, TableBuilder,
};
pub use column::{Aliases, ColumnDef, Kind, Requires, TableDef};
pub use columns::{Columns, ColumnsError, Table, nearest_name};
pub use dictionary::{markdown, table, tables};
pub use ethertype::ethertype_name;
pub use info::{Conversation, Segment, SegmentNote, info};
pub use layers::{append_protocols, header_name, network_name};
pub use name::{TableName, UnknownTable};
pub use protocol::protocol_name;
pub use repeated::{RepeatedTexts, repeated_texts};
pub use schema::{
    Anomalies, AnomalyRow, Captures, Dns, DnsRow, FlowRow, Flows, HostRow, Hosts, Http, HttpRow,
    MessageRow, Messages, PacketRow, Packets, Simple, Timeline, TimelineRow, Tls, TlsRow, Traffic,
    packet_ports,
};
pub use sort::{SortJob, SortKey, Sorter};
pub use write::{
    ArrowWriter, CsvWriter, EncodeJob, FileMetadata, JsonLinesWriter, JsonWriter, ParquetWriter,
    RowWriter, TableFormat, UnknownFormat, UnsupportedType, check_text_types, csv_header,
    format_csv, format_json_lines, table_writer,
};
