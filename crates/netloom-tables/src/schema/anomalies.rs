//! The `anomalies` table.

use std::fmt::Write as _;

use netloom_decode::Stop;
use netloom_flow::FlowId;
use netloom_packet::Timestamp;

use super::text;
use crate::anonymize::Identity;
use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;

/// The `anomalies` table: a row is something malformed or odd in the traffic.
#[derive(Debug)]
pub enum Anomalies {}

/// What a row of `anomalies` is made from.
#[derive(Debug, Clone, Copy)]
pub struct AnomalyRow {
    /// When the packet was captured.
    pub timestamp: Timestamp,
    /// Number of the packet.
    pub number: u64,
    /// The flow the packet belongs to, where it has one.
    pub flow_id: Option<FlowId>,
    /// Where and why decoding ended.
    pub stop: Stop,
}

impl Table for Anomalies {
    type Row<'a> = AnomalyRow;

    const NAME: &'static str = "anomalies";
    const DOC: &'static str = "Something malformed or odd in the traffic, in the order of \
        packets. Bad traffic is data, never an error.";

    fn columns() -> &'static [Column<Self>] {
        COLUMNS
    }
}

/// A column of this table; see [`column::column`].
const fn column(name: &'static str, make: Make<Anomalies>) -> Column<Anomalies> {
    column::column(name, make).requires(Requires::HEADERS)
}

static COLUMNS: &[Column<Anomalies>] = &[
    column("ts", Make::Time(|row| Some(row.timestamp)))
        .required()
        .doc("When the packet was captured.")
        .unit("ns since 1970, UTC")
        .zeek("ts")
        .ecs("@timestamp"),
    column("number", Make::U64(|row| Some(row.number)))
        .required()
        .doc("Number of the packet: `number` of `packets`.")
        .ecs("event.sequence"),
    column(
        "flow_id",
        Make::Text(|row, out| text::some(row.flow_id?.as_str(), out)),
    )
    .requires(Requires::FLOW_ID)
    .identity(Identity::FlowId)
    .doc("The flow the packet belongs to; null for packets of no flow.")
    .zeek("uid"),
    column(
        "layer",
        Make::Text(|row, out| text::some(row.stop.layer.name(), out)),
    )
    .required()
    .of_nobody()
    .doc("The layer that could not be read: link, vlan, ipv4, tcp and so on.")
    .zeek("source"),
    column(
        "kind",
        Make::Text(|row, out| text::some(row.stop.kind.name(), out)),
    )
    .required()
    .of_nobody()
    .doc("What was wrong: cut_by_snap_length, truncated, bad_length, bad_version, too_deep, unsupported.")
    .zeek("name"),
    column(
        "detail",
        Make::Text(|row, out| write!(out, "{}", row.stop).ok()),
    )
    .required()
    .of_nobody()
    .doc("The same in words, with byte offset, what was needed and what was found.")
    .zeek("addl")
    .ecs("error.message"),
];
