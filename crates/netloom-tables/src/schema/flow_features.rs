//! Columns of the `flows` table that models learn from.
//!
//! What is kept for them, and the rules that hold for all, stand in
//! [`netloom_flow::features`].

use netloom_decode::TcpFlags;
use netloom_flow::features::{Direction, Sequence, Spread, Statistics};
use netloom_packet::Timestamp;

use super::flows::{FlowRow, Flows};
use crate::column::{self, Column, Make, Requires};

/// A column of this table; see [`column::column`].
const fn column(name: &'static str, make: Make<Flows>) -> Column<Flows> {
    column::column(name, make).requires(Requires::STATISTICS)
}

/// A column of the first packets one by one.
const fn early(name: &'static str, make: Make<Flows>) -> Column<Flows> {
    column::column(name, make).requires(Requires::SEQUENCE)
}

/// Both directions, src→dst, dst→src: prefix of the name, words, and how NFStream and
/// CICFlowMeter call them.
macro_rules! each_way {
    ($columns:ident, $group:ident) => {
        $group!($columns, "flow", "both ways", "bidirectional", Flow);
        $group!($columns, "fwd", "src→dst", "src2dst", Fwd);
        $group!($columns, "bwd", "dst→src", "dst2src", Bwd);
    };
}

/// Frame lengths.
macro_rules! lengths {
    ($columns:ident, $prefix:literal, $way:literal, $nfstream:literal, $side:ident) => {
        $columns.extend([
            column(
                concat!($prefix, "_len_min"),
                Make::U64(|row| lengths(row, Side::$side)?.min()),
            )
            .doc(concat!(
                "The shortest frame on the wire, ",
                $way,
                "; null without packets."
            ))
            .unit("bytes")
            .nfstream(concat!($nfstream, "_min_ps")),
            column(
                concat!($prefix, "_len_mean"),
                Make::F64(|row| lengths(row, Side::$side)?.mean()),
            )
            .doc(concat!(
                "Mean length of frames on the wire, ",
                $way,
                ": Σx/n; null without packets."
            ))
            .unit("bytes")
            .nfstream(concat!($nfstream, "_mean_ps")),
            column(
                concat!($prefix, "_len_std"),
                Make::F64(|row| lengths(row, Side::$side)?.std()),
            )
            .doc(concat!(
                "Sample standard deviation of frame lengths, ",
                $way,
                ": √((Σx² - (Σx)²/n)/(n-1)); null for fewer than two packets."
            ))
            .unit("bytes")
            .nfstream(concat!($nfstream, "_stddev_ps")),
            column(
                concat!($prefix, "_len_max"),
                Make::U64(|row| lengths(row, Side::$side)?.max()),
            )
            .doc(concat!(
                "The longest frame on the wire, ",
                $way,
                "; null without packets."
            ))
            .unit("bytes")
            .nfstream(concat!($nfstream, "_max_ps")),
        ]);
    };
}

/// Payload lengths.
macro_rules! payloads {
    ($columns:ident, $prefix:literal, $way:literal, $cic:literal, $mean:literal, $side:ident) => {
        $columns.extend([
            column(
                concat!($prefix, "_payload_len_min"),
                Make::U64(|row| payloads(row, Side::$side)?.min()),
            )
            .doc(concat!(
                "The smallest transport payload of a packet, ",
                $way,
                ", 0 where one had none; null without packets."
            ))
            .unit("bytes")
            .cic(concat!($cic, " Min")),
            column(
                concat!($prefix, "_payload_len_mean"),
                Make::F64(|row| payloads(row, Side::$side)?.mean()),
            )
            .doc(concat!(
                "Mean transport payload of a packet, ",
                $way,
                ", packets without payload included: Σx/n; null without packets."
            ))
            .unit("bytes")
            .cic($mean),
            column(
                concat!($prefix, "_payload_len_std"),
                Make::F64(|row| payloads(row, Side::$side)?.std()),
            )
            .doc(concat!(
                "Sample standard deviation of payload lengths, ",
                $way,
                ": √((Σx² - (Σx)²/n)/(n-1)); null for fewer than two packets."
            ))
            .unit("bytes")
            .cic(concat!($cic, " Std")),
            column(
                concat!($prefix, "_payload_len_max"),
                Make::U64(|row| payloads(row, Side::$side)?.max()),
            )
            .doc(concat!(
                "The largest transport payload of a packet, ",
                $way,
                "; null without packets."
            ))
            .unit("bytes")
            .cic(concat!($cic, " Max")),
        ]);
    };
}

/// Times between packets.
macro_rules! iats {
    ($columns:ident, $prefix:literal, $way:literal, $nfstream:literal, $cic:literal, $side:ident) => {
        $columns.extend([
            column(
                concat!($prefix, "_iat_min_ms"),
                Make::F64(|row| iats(row, Side::$side)?.min().map(millis)),
            )
            .doc(concat!(
                "The shortest time between two consecutive packets, ",
                $way,
                "; null for fewer than two packets."
            ))
            .unit("ms")
            .nfstream(concat!($nfstream, "_min_piat_ms"))
            .cic(concat!($cic, " Min")),
            column(
                concat!($prefix, "_iat_mean_ms"),
                Make::F64(|row| mean_millis(&iats(row, Side::$side)?)),
            )
            .doc(concat!(
                "Mean time between consecutive packets, ",
                $way,
                ": (last - first)/(n-1); null for fewer than two packets."
            ))
            .unit("ms")
            .nfstream(concat!($nfstream, "_mean_piat_ms"))
            .cic(concat!($cic, " Mean")),
            column(
                concat!($prefix, "_iat_std_ms"),
                Make::F64(|row| iats(row, Side::$side)?.std().map(|nanos| nanos / 1e6)),
            )
            .doc(concat!(
                "Sample standard deviation of the times between consecutive packets, ",
                $way,
                "; null for fewer than three packets."
            ))
            .unit("ms")
            .nfstream(concat!($nfstream, "_stddev_piat_ms"))
            .cic(concat!($cic, " Std")),
            column(
                concat!($prefix, "_iat_max_ms"),
                Make::F64(|row| iats(row, Side::$side)?.max().map(millis)),
            )
            .doc(concat!(
                "The longest time between two consecutive packets, ",
                $way,
                "; null for fewer than two packets."
            ))
            .unit("ms")
            .nfstream(concat!($nfstream, "_max_piat_ms"))
            .cic(concat!($cic, " Max")),
        ]);
    };
}

/// Packets with a TCP flag.
macro_rules! flags {
    ($columns:ident, $prefix:literal, $way:literal, $nfstream:literal, $side:ident, [$($name:literal $flag:ident $cic:literal),*]) => {
        $columns.extend([$(
            column(
                concat!($prefix, "_", $name, "_packets"),
                Make::U64(|row| flag(row, Side::$side, TcpFlags::$flag)),
            )
            .doc(concat!("TCP packets with ", stringify!($flag), ", ", $way, "; 0 without TCP."))
            .unit("packets")
            .nfstream(concat!($nfstream, "_", $name, "_packets"))
            .cic($cic),
        )*]);
    };
}

/// What is said of one direction only.
macro_rules! one_way {
    ($columns:ident, $prefix:literal, $way:literal, $nfstream:literal, $cic:literal, $init:literal, $min:literal, $get:ident) => {
        $columns.extend([
            column(concat!($prefix, "_start"), Make::Time(|row| Some(Timestamp::from_nanos($get(row)?.first()?))))
                .doc(concat!("Time of the first packet ", $way, "; null without packets."))
                .unit("ns since 1970, UTC")
                .nfstream(concat!($nfstream, "_first_seen_ms")),
            column(concat!($prefix, "_end"), Make::Time(|row| Some(Timestamp::from_nanos($get(row)?.last()?))))
                .doc(concat!("Largest time of a packet ", $way, "; null without packets."))
                .unit("ns since 1970, UTC")
                .nfstream(concat!($nfstream, "_last_seen_ms")),
            column(
                concat!($prefix, "_iat_total_ms"),
                Make::F64(|row| ($get(row)?.packets() > 1).then(|| $get(row).map(|way| way.iats().sum() as f64 / 1e6))?),
            )
            .doc(concat!("From the first to the last packet ", $way, ", which is what the times between them add up to; null for fewer than two packets."))
            .unit("ms")
            .nfstream(concat!($nfstream, "_duration_ms"))
            .cic(concat!($cic, " IAT Total")),
            column(concat!($prefix, "_header_bytes"), Make::U64(|row| Some($get(row)?.header_bytes())))
                .doc(concat!("Lengths of transport headers ", $way, ", options included, added up (UDP: 8 each); later fragments have none."))
                .unit("bytes")
                .cic(concat!($cic, " Header Length")),
            column(concat!($prefix, "_header_len_min"), Make::U16(|row| $get(row)?.header_min()))
                .doc(concat!("The shortest transport header ", $way, ", options included; null without one."))
                .unit("bytes")
                .cic($min),
            column(concat!($prefix, "_init_window"), Make::U16(|row| $get(row)?.init_window()))
                .doc(concat!("Window of the first TCP packet ", $way, ", as it stands in the header (not scaled: on a SYN it never is, RFC 7323 section 2.2); null without TCP."))
                .unit("bytes")
                .cic($init),
            column(concat!($prefix, "_packets_per_s"), Make::F64(|row| rate(row, $get(row)?.packets() as f64)))
                .doc(concat!("Packets ", $way, " by the flow's `duration`; null where that is 0."))
                .unit("packets/s")
                .cic(concat!($cic, " Packets/s")),
            column(concat!($prefix, "_bytes_per_s"), Make::F64(|row| rate(row, $get(row)?.lengths().sum() as f64)))
                .doc(concat!("Frame bytes ", $way, " by the flow's `duration`; null where that is 0."))
                .unit("bytes/s"),
            column(concat!($prefix, "_subflow_packets_mean"), Make::F64(|row| {
                Some($get(row)?.packets() as f64 / statistics(row)?.activity().subflows() as f64)
            }))
            .doc(concat!("Packets ", $way, " by `subflows`."))
            .unit("packets")
            .cic(concat!("Subflow ", $cic, " Packets")),
            column(concat!($prefix, "_subflow_payload_bytes_mean"), Make::F64(|row| {
                Some($get(row)?.payloads().sum() as f64 / statistics(row)?.activity().subflows() as f64)
            }))
            .doc(concat!("Payload bytes ", $way, " by `subflows`."))
            .unit("bytes")
            .cic(concat!("Subflow ", $cic, " Bytes")),
            column(concat!($prefix, "_bulks"), Make::U64(|row| Some($get(row)?.bulks().count().into())))
                .doc(concat!("Bulk transfers ", $way, ": runs of at least 4 packets with payload, none with payload the other way among them, no pause in them longer than 1 s."))
                .unit("bulks"),
            column(concat!($prefix, "_bulk_packets_mean"), Make::F64(|row| $get(row)?.bulks().packets_mean()))
                .doc(concat!("Packets a bulk ", $way, "; null without bulks."))
                .unit("packets")
                .cic(concat!($cic, " Packet/Bulk Avg")),
            column(concat!($prefix, "_bulk_payload_bytes_mean"), Make::F64(|row| $get(row)?.bulks().bytes_mean()))
                .doc(concat!("Payload bytes a bulk ", $way, "; null without bulks."))
                .unit("bytes")
                .cic(concat!($cic, " Bytes/Bulk Avg")),
            column(concat!($prefix, "_bulk_payload_bytes_per_s"), Make::F64(|row| $get(row)?.bulks().bytes_per_s()))
                .doc(concat!("Payload bytes of all bulks ", $way, " by the time from the first to the last packet of each; null without bulks, and where they took no time."))
                .unit("bytes/s")
                .cic(concat!($cic, " Bulk Rate Avg")),
        ]);
    };
}

/// Active and idle times.
macro_rules! periods {
    ($columns:ident, $name:literal, $what:literal, $cic:literal, $get:ident) => {
        $columns.extend([
            column(
                concat!("flow_", $name, "_min_ms"),
                Make::F64(|row| $get(row)?.min().map(millis)),
            )
            .doc(concat!("The shortest time ", $what))
            .unit("ms")
            .cic(concat!($cic, " Min")),
            column(
                concat!("flow_", $name, "_mean_ms"),
                Make::F64(|row| mean_millis(&$get(row)?)),
            )
            .doc(concat!("Mean time ", $what))
            .unit("ms")
            .cic(concat!($cic, " Mean")),
            column(
                concat!("flow_", $name, "_std_ms"),
                Make::F64(|row| $get(row)?.std().map(|nanos| nanos / 1e6)),
            )
            .doc(concat!(
                "Sample standard deviation of the times ",
                $what,
                " Null for fewer than two of them."
            ))
            .unit("ms")
            .cic(concat!($cic, " Std")),
            column(
                concat!("flow_", $name, "_max_ms"),
                Make::F64(|row| $get(row)?.max().map(millis)),
            )
            .doc(concat!("The longest time ", $what))
            .unit("ms")
            .cic(concat!($cic, " Max")),
        ]);
    };
}

/// The columns, in their order.
pub(super) fn columns() -> Vec<Column<Flows>> {
    let mut columns: Vec<Column<Flows>> = Vec::new();
    each_way!(columns, lengths);
    payloads!(
        columns,
        "flow",
        "both ways",
        "Packet Length",
        "Packet Length Mean / Average Packet Size",
        Flow
    );
    columns.push(
        column("flow_payload_len_variance", Make::F64(|row| payloads(row, Side::Flow)?.variance()))
            .doc("Sample variance of payload lengths, both ways: (Σx² - (Σx)²/n)/(n-1); null for fewer than two packets.")
            .unit("bytes²")
            .cic("Packet Length Variance"),
    );
    payloads!(
        columns,
        "fwd",
        "src→dst",
        "Fwd Packet Length",
        "Fwd Packet Length Mean / Fwd Segment Size Avg",
        Fwd
    );
    payloads!(
        columns,
        "bwd",
        "dst→src",
        "Bwd Packet Length",
        "Bwd Packet Length Mean / Bwd Segment Size Avg",
        Bwd
    );
    iats!(
        columns,
        "flow",
        "whoever sent them",
        "bidirectional",
        "Flow IAT",
        Flow
    );
    iats!(columns, "fwd", "src→dst", "src2dst", "Fwd IAT", Fwd);
    iats!(columns, "bwd", "dst→src", "dst2src", "Bwd IAT", Bwd);
    flags!(columns, "flow", "both ways", "bidirectional", Flow, [
        "syn" SYN "SYN Flag Count", "cwr" CWR "CWR Flag Count", "ece" ECE "ECE Flag Count",
        "urg" URG "URG Flag Count", "ack" ACK "ACK Flag Count", "psh" PSH "PSH Flag Count",
        "rst" RST "RST Flag Count", "fin" FIN "FIN Flag Count"
    ]);
    flags!(columns, "fwd", "src→dst", "src2dst", Fwd, [
        "syn" SYN "", "cwr" CWR "", "ece" ECE "", "urg" URG "Fwd URG Flags", "ack" ACK "",
        "psh" PSH "Fwd PSH Flags", "rst" RST "", "fin" FIN ""
    ]);
    flags!(columns, "bwd", "dst→src", "dst2src", Bwd, [
        "syn" SYN "", "cwr" CWR "", "ece" ECE "", "urg" URG "Bwd URG Flags", "ack" ACK "",
        "psh" PSH "Bwd PSH Flags", "rst" RST "", "fin" FIN ""
    ]);
    columns.extend([
        column("flow_packets_per_s", Make::F64(|row| rate(row, statistics(row)?.packets() as f64)))
            .doc("Packets, both ways, by `duration`; null where that is 0.")
            .unit("packets/s")
            .cic("Flow Packets/s"),
        column("flow_bytes_per_s", Make::F64(|row| rate(row, statistics(row)?.lengths().sum() as f64)))
            .doc("Frame bytes, both ways, by `duration`; null where that is 0.")
            .unit("bytes/s"),
        column("flow_payload_bytes_per_s", Make::F64(|row| rate(row, statistics(row)?.payloads().sum() as f64)))
            .doc("Payload bytes, both ways, by `duration`; null where that is 0.")
            .unit("bytes/s")
            .cic("Flow Bytes/s"),
        column("down_up_ratio", Make::F64(|row| {
            let (up, down) = (fwd(row)?.packets(), bwd(row)?.packets());
            (up > 0).then(|| down as f64 / up as f64)
        }))
        .doc("Packets dst→src by packets src→dst; null without packets src→dst.")
        .cic("Down/Up Ratio"),
        column("subflows", Make::U64(|row| Some(statistics(row)?.activity().subflows())))
            .doc("Parts of the flow between pauses longer than 1 s, both ways together; 1 where there is no such pause."),
    ]);
    one_way!(
        columns,
        "fwd",
        "src→dst",
        "src2dst",
        "Fwd",
        "FWD Init Win Bytes",
        "Fwd Seg Size Min",
        fwd
    );
    one_way!(
        columns,
        "bwd",
        "dst→src",
        "dst2src",
        "Bwd",
        "Bwd Init Win Bytes",
        "",
        bwd
    );
    periods!(
        columns,
        "active",
        "the flow was active before it became idle (no packet either way for longer than 5 s): from its first packet, or the one that ended an idle time, to the last one before the next; null where it never became idle.",
        "Active",
        active
    );
    periods!(
        columns,
        "idle",
        "the flow was idle: pauses between two packets, whoever sent them, longer than 5 s; null where there is none.",
        "Idle",
        idle
    );
    columns.extend([
        early("splt_direction", Make::U8List(|row, out| {
            sequence(row, |sequence| out.extend(sequence.steps().iter().map(|step| u8::from(step.backward))))
        }))
        .doc("Of the first 20 packets, who sent each: 0 src, 1 dst.")
        .nfstream("splt_direction"),
        early("splt_len", Make::U32List(|row, out| {
            sequence(row, |sequence| out.extend(sequence.steps().iter().map(|step| step.len)))
        }))
        .doc("Of the first 20 packets, the length of each frame on the wire.")
        .unit("bytes")
        .nfstream("splt_ps"),
        early("splt_iat_ms", Make::F64List(|row, out| {
            sequence(row, |sequence| out.extend(sequence.steps().iter().map(|step| millis(step.iat))))
        }))
        .doc("Of the first 20 packets, the time since the packet before each, whoever sent it; 0 for the first.")
        .unit("ms")
        .nfstream("splt_piat_ms"),
    ]);
    columns
}

/// Which packets of a flow.
#[derive(Debug, Clone, Copy)]
enum Side {
    Flow,
    Fwd,
    Bwd,
}

fn statistics<'a>(row: &'a FlowRow<'_>) -> Option<&'a Statistics> {
    row.statistics.as_deref()
}

fn fwd<'a>(row: &'a FlowRow<'_>) -> Option<&'a Direction> {
    Some(statistics(row)?.fwd())
}

fn bwd<'a>(row: &'a FlowRow<'_>) -> Option<&'a Direction> {
    Some(statistics(row)?.bwd())
}

fn lengths(row: &FlowRow<'_>, side: Side) -> Option<Spread> {
    let statistics = statistics(row)?;
    Some(match side {
        Side::Flow => statistics.lengths(),
        Side::Fwd => statistics.fwd().lengths(),
        Side::Bwd => statistics.bwd().lengths(),
    })
}

fn payloads(row: &FlowRow<'_>, side: Side) -> Option<Spread> {
    let statistics = statistics(row)?;
    Some(match side {
        Side::Flow => statistics.payloads(),
        Side::Fwd => statistics.fwd().payloads(),
        Side::Bwd => statistics.bwd().payloads(),
    })
}

fn iats(row: &FlowRow<'_>, side: Side) -> Option<Spread> {
    let statistics = statistics(row)?;
    Some(match side {
        Side::Flow => statistics.iats(),
        Side::Fwd => statistics.fwd().iats(),
        Side::Bwd => statistics.bwd().iats(),
    })
}

fn flag(row: &FlowRow<'_>, side: Side, flag: TcpFlags) -> Option<u64> {
    let statistics = statistics(row)?;
    Some(match side {
        Side::Flow => statistics.flag(flag),
        Side::Fwd => statistics.fwd().flags().get(flag).into(),
        Side::Bwd => statistics.bwd().flags().get(flag).into(),
    })
}

fn active(row: &FlowRow<'_>) -> Option<Spread> {
    Some(statistics(row)?.activity().active())
}

fn idle(row: &FlowRow<'_>) -> Option<Spread> {
    Some(statistics(row)?.activity().idle())
}

/// So much in a second, of a flow that took any time.
fn rate(row: &FlowRow<'_>, what: f64) -> Option<f64> {
    let nanos = row.record.duration();
    (nanos > 0).then(|| what / (nanos as f64 / 1e9))
}

fn sequence(row: &FlowRow<'_>, write: impl FnOnce(&Sequence)) -> Option<()> {
    write(row.record.sequence()?.as_ref());
    Some(())
}

/// Nanoseconds as milliseconds.
fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

/// Mean of nanoseconds as milliseconds, rounded once.
fn mean_millis(spread: &Spread) -> Option<f64> {
    (spread.count() > 0).then(|| spread.sum() as f64 / (spread.count() as f64 * 1e6))
}

#[cfg(test)]
mod tests;
