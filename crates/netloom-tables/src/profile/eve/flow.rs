//! `flow` events.

use std::fmt::Write as _;
use std::sync::LazyLock;

use netloom_decode::TcpFlags;
use netloom_flow::{ConnState, EndReason, FlowRecord};

use super::super::said;
use super::{number, proto, time};
use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;
use crate::schema::{FlowRow, community_id, text};

/// Flows as EVE events.
#[derive(Debug)]
pub enum EveFlows {}

impl Table for EveFlows {
    type Row<'a> = FlowRow<'a>;

    const NAME: &'static str = "flows";
    const DOC: &'static str = "An EVE event about a row of flows.";

    fn columns() -> &'static [Column<Self>] {
        static ALL: LazyLock<Vec<Column<EveFlows>>> = LazyLock::new(|| said(columns()));
        &ALL
    }
}

/// A column of this table; see [`column::column`].
const fn column(name: &'static str, make: Make<EveFlows>) -> Column<EveFlows> {
    column::column(name, make)
}

/// A column of this table; see [`column::column`].
const fn app(name: &'static str, make: Make<EveFlows>, doc: &'static str) -> Column<EveFlows> {
    column::column(name, make)
        .doc(doc)
        .requires(Requires::APPLICATIONS)
}

fn columns() -> Vec<Column<EveFlows>> {
    let mut columns = vec![
        column(
            "timestamp",
            Make::Text(|row, out| time(row.record.end, out)),
        )
        .required()
        .doc("Time of the last packet."),
        column(
            "flow_id",
            Make::U64(|row| Some(number(&row.record.flow_id()))),
        )
        .required()
        .doc("The flow."),
        column("event_type", Make::Text(|_, out| text::some("flow", out)))
            .required()
            .doc("Always flow."),
        column(
            "vlan",
            Make::U16List(|row, out| {
                let vlans = row.record.vlans.as_slice();
                out.extend_from_slice(vlans);
                (!vlans.is_empty()).then_some(())
            }),
        )
        .doc("VLANs, the outermost first."),
        column("src_ip", Make::Ip(|row| Some(row.record.src_ip)))
            .required()
            .address("ip")
            .doc("Originator."),
        column("src_port", Make::U16(|row| row.record.src_port)).doc("Its port."),
        column("dest_ip", Make::Ip(|row| Some(row.record.dst_ip)))
            .required()
            .address("ip")
            .doc("Responder."),
        column("dest_port", Make::U16(|row| row.record.dst_port)).doc("Its port."),
        column(
            "ip_v",
            Make::U8(|row| Some(if row.record.src_ip.is_ipv6() { 6 } else { 4 })),
        )
        .required()
        .doc("4 or 6."),
        column(
            "proto",
            Make::Text(|row, out| {
                proto(row.record.protocol, out);
                Some(())
            }),
        )
        .required()
        .doc("Protocol above IP."),
        column("icmp_type", Make::U8(|row| row.record.icmp_type)).doc("Type of ICMP."),
        column("icmp_code", Make::U8(|row| row.record.icmp_code)).doc("Code of ICMP."),
        app(
            "app_proto",
            Make::Text(|row, out| text::some(app_proto(row.record)?, out)),
            "Protocol that was recognised.",
        ),
        column(
            "flow.pkts_toserver",
            Make::U64(|row| Some(row.record.fwd.packets)),
        )
        .required()
        .doc("Packets to the responder.")
        .unit("packets"),
        column(
            "flow.pkts_toclient",
            Make::U64(|row| Some(row.record.bwd.packets)),
        )
        .required()
        .doc("Packets to the originator.")
        .unit("packets"),
        column(
            "flow.bytes_toserver",
            Make::U64(|row| Some(row.record.fwd.bytes)),
        )
        .required()
        .doc("Frame lengths to the responder.")
        .unit("bytes"),
        column(
            "flow.bytes_toclient",
            Make::U64(|row| Some(row.record.bwd.bytes)),
        )
        .required()
        .doc("Frame lengths to the originator.")
        .unit("bytes"),
        column(
            "flow.start",
            Make::Text(|row, out| time(row.record.start, out)),
        )
        .required()
        .doc("Time of the first packet."),
        column("flow.end", Make::Text(|row, out| time(row.record.end, out)))
            .required()
            .doc("Time of the last packet."),
        column(
            "flow.age",
            Make::U64(|row| {
                let seconds = row.record.duration() / 1_000_000_000;
                Some(seconds.unsigned_abs())
            }),
        )
        .required()
        .doc("From the first packet to the last, whole seconds.")
        .unit("s"),
        column(
            "flow.state",
            Make::Text(|row, out| text::some(state(row.record), out)),
        )
        .required()
        .doc("new, established or closed."),
        column(
            "flow.reason",
            Make::Text(|row, out| text::some(reason(row.record), out)),
        )
        .required()
        .doc("Why it ended: timeout, shutdown (the capture's end) or forced (memory)."),
        column("flow.alerted", Make::Bool(|_| Some(false)))
            .required()
            .doc("Always false: alerts are another table."),
        column(
            "community_id",
            Make::Text(|row, out| {
                out.push_str(&community_id(row.record));
                Some(())
            }),
        )
        .required()
        .doc("Community ID v1 with seed 0."),
    ];
    columns.extend(tcp());
    columns
}

/// What is told of TCP alone.
fn tcp() -> Vec<Column<EveFlows>> {
    macro_rules! flags {
        ($($name:literal $flag:ident)+) => {
            [$(
                column($name, Make::Bool(|row| flag(row, TcpFlags::$flag)))
                    .doc(concat!("A packet had ", stringify!($flag), ".")),
            )+]
        };
    }
    let mut columns = vec![
        column(
            "tcp.tcp_flags",
            Make::Text(|row, out| {
                let record = row.record;
                hex(record, record.fwd.tcp_flags | record.bwd.tcp_flags, out)
            }),
        )
        .doc("All flags seen, hexadecimal."),
        column(
            "tcp.tcp_flags_ts",
            Make::Text(|row, out| hex(row.record, row.record.fwd.tcp_flags, out)),
        )
        .doc("All flags seen to the responder."),
        column(
            "tcp.tcp_flags_tc",
            Make::Text(|row, out| hex(row.record, row.record.bwd.tcp_flags, out)),
        )
        .doc("All flags seen to the originator."),
    ];
    columns.extend(
        flags!("tcp.syn" SYN "tcp.fin" FIN "tcp.rst" RST "tcp.psh" PSH
        "tcp.ack" ACK "tcp.urg" URG "tcp.ecn" ECE "tcp.cwr" CWR),
    );
    columns.push(
        column(
            "tcp.state",
            Make::Text(|row, out| text::some(tcp_state(row.record)?, out)),
        )
        .doc("How far the connection came; null where it was seen from the middle on."),
    );
    columns
}

/// True where a packet had the flag, else nothing, as there.
fn flag(row: &FlowRow<'_>, flag: TcpFlags) -> Option<bool> {
    let record = row.record;
    let seen = TcpFlags(record.fwd.tcp_flags).contains(flag)
        || TcpFlags(record.bwd.tcp_flags).contains(flag);
    (record.protocol == 6 && seen).then_some(true)
}

fn hex(record: &FlowRecord, flags: u8, out: &mut String) -> Option<()> {
    (record.protocol == 6).then_some(())?;
    write!(out, "{flags:02x}").ok()
}

/// Suricata's name of what was recognised.
fn app_proto(record: &FlowRecord) -> Option<&'static str> {
    Some(match record.recognised()?.name {
        "dtls" => "tls",
        "dce_rpc" => "dcerpc",
        "kerberos" => "krb5",
        "postgresql" => "pgsql",
        "mdns" | "llmnr" => "dns",
        "enip" => "enip",
        other => other,
    })
}

fn state(record: &FlowRecord) -> &'static str {
    if record.protocol != 6 {
        let answered = record.fwd.packets > 0 && record.bwd.packets > 0;
        return if answered { "established" } else { "new" };
    }
    match tcp_state(record) {
        Some("closed") => "closed",
        Some("established" | "fin_wait2" | "close_wait") => "established",
        _ => "new",
    }
}

fn tcp_state(record: &FlowRecord) -> Option<&'static str> {
    (record.protocol == 6).then_some(())?;
    Some(match record.conn_state {
        ConnState::S0 | ConnState::Sh => "syn_sent",
        ConnState::S1 => "established",
        ConnState::S2 => "fin_wait2",
        ConnState::S3 => "close_wait",
        ConnState::SF
        | ConnState::Rej
        | ConnState::Rsto
        | ConnState::Rstr
        | ConnState::Rstos0
        | ConnState::Rstrh => "closed",
        _ => return None,
    })
}

fn reason(record: &FlowRecord) -> &'static str {
    match record.end_reason {
        EndReason::CaptureEnd => "shutdown",
        EndReason::Evicted => "forced",
        _ => "timeout",
    }
}
