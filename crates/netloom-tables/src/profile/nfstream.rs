//! Flows as NFStream 6.6 writes them to CSV, with statistics and the first packets
//! (`statistical_analysis=True, splt_analysis=20, n_dissections=0`): its names in its order.

use std::fmt::Write as _;
use std::net::IpAddr;

use netloom_decode::{TcpFlags, Tunnel, TunnelKind};
use netloom_flow::EndReason;
use netloom_flow::features::{Counts, Nfstream as Sums, NfstreamPacket};
use netloom_packet::MacAddr;

use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;
use crate::schema::FlowRow;

/// Flows with NFStream's columns; a row is made from a flow under NFStream's rules.
#[derive(Debug)]
pub enum NfstreamFlows {}

impl Table for NfstreamFlows {
    type Row<'a> = FlowRow<'a>;

    const NAME: &'static str = "flows";
    const DOC: &'static str = "A flow as NFStream 6.6 has it: first-packet direction, whole \
        milliseconds, sizes of 16 bits; 0 where there is nothing.";

    fn columns() -> &'static [Column<Self>] {
        static ALL: std::sync::LazyLock<Vec<Column<NfstreamFlows>>> =
            std::sync::LazyLock::new(columns);
        &ALL
    }
}

/// A column of this table; see [`column::column`].
const fn column(name: &'static str, make: Make<NfstreamFlows>) -> Column<NfstreamFlows> {
    column::column(name, make).nfstream(name).required()
}

/// A column of what is summed up.
const fn summed(name: &'static str, make: Make<NfstreamFlows>) -> Column<NfstreamFlows> {
    column(name, make).requires(Requires::NFSTREAM)
}

/// Name of a column of both directions, or one.
macro_rules! each_way {
    ($columns:ident, $group:ident) => {
        $group!($columns, "bidirectional", bidirectional, "of all packets");
        $group!($columns, "src2dst", src2dst, "of packets src→dst");
        $group!($columns, "dst2src", dst2src, "of packets dst→src");
    };
}

macro_rules! volume {
    ($columns:ident, $prefix:literal, $counts:ident, $what:literal) => {
        $columns.extend([
            summed(
                concat!($prefix, "_first_seen_ms"),
                Make::U64(|row| Some(millis($counts(row)?.first_seen_ms()))),
            )
            .doc(concat!("Time of the first ", $what, "."))
            .unit("ms since 1970"),
            summed(
                concat!($prefix, "_last_seen_ms"),
                Make::U64(|row| Some(millis($counts(row)?.last_seen_ms()))),
            )
            .doc(concat!("Time of the last ", $what, "."))
            .unit("ms since 1970"),
            summed(
                concat!($prefix, "_duration_ms"),
                Make::U64(|row| Some(millis($counts(row)?.duration_ms()))),
            )
            .doc(concat!("From the first to the last ", $what, "."))
            .unit("ms"),
            summed(
                concat!($prefix, "_packets"),
                Make::U64(|row| Some($counts(row)?.packets())),
            )
            .doc(concat!("Number ", $what, "."))
            .unit("packets"),
            summed(
                concat!($prefix, "_bytes"),
                Make::U64(|row| Some($counts(row)?.bytes())),
            )
            .doc(concat!(
                "Frame lengths ",
                $what,
                ", each modulo 2^16, added up."
            ))
            .unit("bytes"),
        ]);
    };
}

macro_rules! sizes {
    ($columns:ident, $prefix:literal, $counts:ident, $what:literal) => {
        $columns.extend([
            summed(
                concat!($prefix, "_min_ps"),
                Make::U64(|row| Some($counts(row)?.min_ps())),
            )
            .doc(concat!("The shortest frame length ", $what, "."))
            .unit("bytes"),
            summed(
                concat!($prefix, "_mean_ps"),
                Make::F64(|row| Some($counts(row)?.mean_ps())),
            )
            .doc(concat!("Mean frame length ", $what, "."))
            .unit("bytes"),
            summed(
                concat!($prefix, "_stddev_ps"),
                Make::F64(|row| Some($counts(row)?.stddev_ps())),
            )
            .doc(concat!(
                "Sample standard deviation of frame lengths ",
                $what,
                "; 0 for fewer than two."
            ))
            .unit("bytes"),
            summed(
                concat!($prefix, "_max_ps"),
                Make::U64(|row| Some($counts(row)?.max_ps())),
            )
            .doc(concat!("The longest frame length ", $what, "."))
            .unit("bytes"),
        ]);
    };
}

macro_rules! times {
    ($columns:ident, $prefix:literal, $counts:ident, $what:literal) => {
        $columns.extend([
            summed(
                concat!($prefix, "_min_piat_ms"),
                Make::U64(|row| Some($counts(row)?.min_piat_ms())),
            )
            .doc(concat!("The shortest inter-arrival time ", $what, "."))
            .unit("ms"),
            summed(
                concat!($prefix, "_mean_piat_ms"),
                Make::F64(|row| Some($counts(row)?.mean_piat_ms())),
            )
            .doc(concat!("Mean inter-arrival time ", $what, "."))
            .unit("ms"),
            summed(
                concat!($prefix, "_stddev_piat_ms"),
                Make::F64(|row| Some($counts(row)?.stddev_piat_ms())),
            )
            .doc(concat!(
                "Sample standard deviation of inter-arrival times ",
                $what,
                "; 0 for fewer than two."
            ))
            .unit("ms"),
            summed(
                concat!($prefix, "_max_piat_ms"),
                Make::U64(|row| Some($counts(row)?.max_piat_ms())),
            )
            .doc(concat!("The longest inter-arrival time ", $what, "."))
            .unit("ms"),
        ]);
    };
}

macro_rules! flags {
    ($columns:ident, $prefix:literal, $counts:ident, $what:literal) => {
        flags!($columns, $prefix, $counts, $what,
            "syn" SYN "cwr" CWR "ece" ECE "urg" URG "ack" ACK "psh" PSH "rst" RST "fin" FIN)
    };
    ($columns:ident, $prefix:literal, $counts:ident, $what:literal, $($name:literal $flag:ident)+) => {
        $columns.extend([$(
            summed(concat!($prefix, "_", $name, "_packets"), Make::U64(|row| {
                Some($counts(row)?.flags().get(TcpFlags::$flag).into())
            }))
            .doc(concat!("Number ", $what, " that have ", stringify!($flag), "."))
            .unit("packets"),
        )+]);
    };
}

fn columns() -> Vec<Column<NfstreamFlows>> {
    let mut columns = vec![
        column("id", Make::U64(|row| Some(row.number))).doc("Where rows are numbered, their number from 0; else the number of the flow's first packet, which is in the same order."),
        column(
            "expiration_id",
            Make::U8(|row| Some(u8::from(row.record.end_reason == EndReason::Active))),
        )
        .doc("Why the flow ended: 1 the active timeout, 0 the idle one or the capture's end."),
        column("src_ip", Make::Text(|row, out| ip(row.record.src_ip, out)))
            .address("ip")
            .doc("Address of who sent the first packet."),
        column(
            "src_mac",
            Make::Text(|row, out| mac(row, row.record.src_mac, 17, out)),
        )
        .address("mac")
        .doc("Hardware address it came from; zeros where the link layer has none."),
        column(
            "src_oui",
            Make::Text(|row, out| mac(row, row.record.src_mac, 8, out)),
        )
        .of_nobody()
        .doc("First three bytes of `src_mac`."),
        column(
            "src_port",
            Make::U16(|row| Some(row.record.src_port.unwrap_or(0))),
        )
        .doc("Port of who sent the first packet; 0 without ports."),
        column("dst_ip", Make::Text(|row, out| ip(row.record.dst_ip, out)))
            .address("ip")
            .doc("Address the first packet went to."),
        column(
            "dst_mac",
            Make::Text(|row, out| mac(row, row.record.dst_mac, 17, out)),
        )
        .address("mac")
        .doc("Hardware address it went to; zeros where the link layer has none."),
        column(
            "dst_oui",
            Make::Text(|row, out| mac(row, row.record.dst_mac, 8, out)),
        )
        .of_nobody()
        .doc("First three bytes of `dst_mac`."),
        column(
            "dst_port",
            Make::U16(|row| Some(row.record.dst_port.unwrap_or(0))),
        )
        .doc("Port the first packet went to; 0 without ports."),
        column("protocol", Make::U8(|row| Some(row.record.protocol)))
            .doc("IANA number of the protocol above IP."),
        column(
            "ip_version",
            Make::U8(|row| Some(if row.record.src_ip.is_ipv6() { 6 } else { 4 })),
        )
        .doc("4 or 6."),
        column(
            "vlan_id",
            Make::U16(|row| Some(row.record.vlans.as_slice().last().copied().unwrap_or(0))),
        )
        .doc("Innermost VLAN; 0 without a tag."),
        column("tunnel_id", Make::U8(|row| Some(tunnel(row))))
            .doc("Tunnel that was opened: 1 GTP-U, 2 CAPWAP, 3 TZSP; 0 none."),
    ];
    each_way!(columns, volume);
    each_way!(columns, sizes);
    each_way!(columns, times);
    each_way!(columns, flags);
    columns.extend([
        summed(
            "splt_direction",
            Make::Text(|row, out| list(row, out, |packet| i64::from(packet.backward))),
        )
        .of_nobody()
        .doc("Direction of each of the first 20 packets: 0 src→dst, 1 dst→src, -1 none."),
        summed(
            "splt_ps",
            Make::Text(|row, out| list(row, out, |packet| packet.size.into())),
        )
        .of_nobody()
        .doc("Frame length of each of the first 20 packets; -1 none.")
        .unit("bytes"),
        summed(
            "splt_piat_ms",
            Make::Text(|row, out| {
                list(row, out, |packet| {
                    i64::try_from(packet.piat_ms).unwrap_or(i64::MAX)
                })
            }),
        )
        .of_nobody()
        .doc("Time since the packet before each of the first 20 packets; -1 none.")
        .unit("ms"),
    ]);
    columns
}

fn sums<'a>(row: &'a FlowRow<'_>) -> Option<&'a Sums> {
    row.nfstream.as_deref()
}

fn bidirectional<'a>(row: &'a FlowRow<'_>) -> Option<&'a Counts> {
    Some(sums(row)?.bidirectional())
}

fn src2dst<'a>(row: &'a FlowRow<'_>) -> Option<&'a Counts> {
    Some(sums(row)?.src2dst())
}

fn dst2src<'a>(row: &'a FlowRow<'_>) -> Option<&'a Counts> {
    Some(sums(row)?.dst2src())
}

/// Times before 1970 make no sense to it.
fn millis(millis: i64) -> u64 {
    millis.max(0).unsigned_abs()
}

/// The number nDPI gives the kind of tunnel that was opened.
fn tunnel(row: &FlowRow<'_>) -> u8 {
    let tunnels = row.record.tunnels.as_slice().iter().rev();
    let number = |tunnel: &Tunnel| match tunnel.kind {
        TunnelKind::GtpU => Some(1),
        TunnelKind::Capwap => Some(2),
        TunnelKind::Tzsp => Some(3),
        _ => None,
    };
    tunnels.into_iter().find_map(number).unwrap_or(0)
}

/// An address as the C library writes it: the last four bytes as IPv4 where all before them are
/// zero.
fn ip(address: IpAddr, out: &mut String) -> Option<()> {
    if let IpAddr::V6(v6) = address
        && let [0, 0, 0, 0, 0, 0, high, _] = v6.segments()
        && high != 0
        && let [.., a, b, c, d] = v6.octets()
    {
        return write!(out, "::{a}.{b}.{c}.{d}").ok();
    }
    write!(out, "{address}").ok()
}

/// The first letters of a hardware address. It knows those of Ethernet, which has two.
fn mac(
    row: &FlowRow<'_>,
    address: Option<MacAddr>,
    letters: usize,
    out: &mut String,
) -> Option<()> {
    let both = row.record.src_mac.and(row.record.dst_mac);
    let text = address
        .filter(|_| both.is_some())
        .unwrap_or_default()
        .to_string();
    out.push_str(text.get(..letters)?);
    Some(())
}

/// A list of so many packets as Python writes it.
fn list(row: &FlowRow<'_>, out: &mut String, value: fn(&NfstreamPacket) -> i64) -> Option<()> {
    let packets = sums(row)?.first_packets();
    for place in 0..Sums::SPLT {
        let value = packets.get(place).map_or(-1, value);
        write!(out, "{}{value}", if place == 0 { "[" } else { ", " }).ok()?;
    }
    out.push(']');
    Some(())
}
