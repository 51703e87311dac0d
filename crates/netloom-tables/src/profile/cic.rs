//! Flows with CICFlowMeter's 84 columns, computed as its paper means them: its names in its
//! order, its units (microseconds), 0 where there is nothing, as models that learned from its
//! tables expect. Where its program differs from that, and why, is in the documentation.

use std::fmt::Write as _;
use std::net::IpAddr;

use netloom_decode::TcpFlags;
use netloom_flow::features::{Direction, Spread, Statistics};
use netloom_packet::Timestamp;

use super::said;
use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;
use crate::schema::FlowRow;

/// Flows with CICFlowMeter's columns.
#[derive(Debug)]
pub enum CicFlows {}

impl Table for CicFlows {
    type Row<'a> = FlowRow<'a>;

    const NAME: &'static str = "flows";
    const DOC: &'static str = "A flow with CICFlowMeter's columns: times in microseconds, \
        lengths of payloads; 0 where there is nothing.";

    fn columns() -> &'static [Column<Self>] {
        static ALL: std::sync::LazyLock<Vec<Column<CicFlows>>> =
            std::sync::LazyLock::new(|| said(columns()));
        &ALL
    }
}

/// One of CICFlowMeter's columns in the three spellings that are around: its own program's, the
/// published tables' (CICIDS2017), the Python port's (`cicflowmeter` on PyPI); empty where one has
/// no such column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CicSpelling {
    /// As the program and this profile have it.
    pub program: &'static str,
    /// As the published tables have it.
    pub published: &'static str,
    /// As the Python port has it.
    pub python: &'static str,
}

/// What CICFlowMeter's columns are called elsewhere, in their order.
pub fn cic_spellings() -> impl Iterator<Item = CicSpelling> {
    SPELLINGS
        .iter()
        .map(|&(program, published, python)| CicSpelling {
            program,
            published,
            python,
        })
}

#[rustfmt::skip]
const SPELLINGS: [(&str, &str, &str); 84] = [
    ("Flow ID", "Flow ID", ""),
    ("Src IP", "Source IP", "src_ip"),
    ("Src Port", "Source Port", "src_port"),
    ("Dst IP", "Destination IP", "dst_ip"),
    ("Dst Port", "Destination Port", "dst_port"),
    ("Protocol", "Protocol", "protocol"),
    ("Timestamp", "Timestamp", "timestamp"),
    ("Flow Duration", "Flow Duration", "flow_duration"),
    ("Total Fwd Packet", "Total Fwd Packets", "tot_fwd_pkts"),
    ("Total Bwd packets", "Total Backward Packets", "tot_bwd_pkts"),
    ("Total Length of Fwd Packet", "Total Length of Fwd Packets", "totlen_fwd_pkts"),
    ("Total Length of Bwd Packet", "Total Length of Bwd Packets", "totlen_bwd_pkts"),
    ("Fwd Packet Length Max", "Fwd Packet Length Max", "fwd_pkt_len_max"),
    ("Fwd Packet Length Min", "Fwd Packet Length Min", "fwd_pkt_len_min"),
    ("Fwd Packet Length Mean", "Fwd Packet Length Mean", "fwd_pkt_len_mean"),
    ("Fwd Packet Length Std", "Fwd Packet Length Std", "fwd_pkt_len_std"),
    ("Bwd Packet Length Max", "Bwd Packet Length Max", "bwd_pkt_len_max"),
    ("Bwd Packet Length Min", "Bwd Packet Length Min", "bwd_pkt_len_min"),
    ("Bwd Packet Length Mean", "Bwd Packet Length Mean", "bwd_pkt_len_mean"),
    ("Bwd Packet Length Std", "Bwd Packet Length Std", "bwd_pkt_len_std"),
    ("Flow Bytes/s", "Flow Bytes/s", "flow_byts_s"),
    ("Flow Packets/s", "Flow Packets/s", "flow_pkts_s"),
    ("Flow IAT Mean", "Flow IAT Mean", "flow_iat_mean"),
    ("Flow IAT Std", "Flow IAT Std", "flow_iat_std"),
    ("Flow IAT Max", "Flow IAT Max", "flow_iat_max"),
    ("Flow IAT Min", "Flow IAT Min", "flow_iat_min"),
    ("Fwd IAT Total", "Fwd IAT Total", "fwd_iat_tot"),
    ("Fwd IAT Mean", "Fwd IAT Mean", "fwd_iat_mean"),
    ("Fwd IAT Std", "Fwd IAT Std", "fwd_iat_std"),
    ("Fwd IAT Max", "Fwd IAT Max", "fwd_iat_max"),
    ("Fwd IAT Min", "Fwd IAT Min", "fwd_iat_min"),
    ("Bwd IAT Total", "Bwd IAT Total", "bwd_iat_tot"),
    ("Bwd IAT Mean", "Bwd IAT Mean", "bwd_iat_mean"),
    ("Bwd IAT Std", "Bwd IAT Std", "bwd_iat_std"),
    ("Bwd IAT Max", "Bwd IAT Max", "bwd_iat_max"),
    ("Bwd IAT Min", "Bwd IAT Min", "bwd_iat_min"),
    ("Fwd PSH Flags", "Fwd PSH Flags", "fwd_psh_flags"),
    ("Bwd PSH Flags", "Bwd PSH Flags", "bwd_psh_flags"),
    ("Fwd URG Flags", "Fwd URG Flags", "fwd_urg_flags"),
    ("Bwd URG Flags", "Bwd URG Flags", "bwd_urg_flags"),
    ("Fwd Header Length", "Fwd Header Length", "fwd_header_len"),
    ("Bwd Header Length", "Bwd Header Length", "bwd_header_len"),
    ("Fwd Packets/s", "Fwd Packets/s", "fwd_pkts_s"),
    ("Bwd Packets/s", "Bwd Packets/s", "bwd_pkts_s"),
    ("Packet Length Min", "Min Packet Length", "pkt_len_min"),
    ("Packet Length Max", "Max Packet Length", "pkt_len_max"),
    ("Packet Length Mean", "Packet Length Mean", "pkt_len_mean"),
    ("Packet Length Std", "Packet Length Std", "pkt_len_std"),
    ("Packet Length Variance", "Packet Length Variance", "pkt_len_var"),
    ("FIN Flag Count", "FIN Flag Count", "fin_flag_cnt"),
    ("SYN Flag Count", "SYN Flag Count", "syn_flag_cnt"),
    ("RST Flag Count", "RST Flag Count", "rst_flag_cnt"),
    ("PSH Flag Count", "PSH Flag Count", "psh_flag_cnt"),
    ("ACK Flag Count", "ACK Flag Count", "ack_flag_cnt"),
    ("URG Flag Count", "URG Flag Count", "urg_flag_cnt"),
    ("CWR Flag Count", "CWE Flag Count", "cwr_flag_count"),
    ("ECE Flag Count", "ECE Flag Count", "ece_flag_cnt"),
    ("Down/Up Ratio", "Down/Up Ratio", "down_up_ratio"),
    ("Average Packet Size", "Average Packet Size", "pkt_size_avg"),
    ("Fwd Segment Size Avg", "Avg Fwd Segment Size", "fwd_seg_size_avg"),
    ("Bwd Segment Size Avg", "Avg Bwd Segment Size", "bwd_seg_size_avg"),
    ("Fwd Bytes/Bulk Avg", "Fwd Avg Bytes/Bulk", "fwd_byts_b_avg"),
    ("Fwd Packet/Bulk Avg", "Fwd Avg Packets/Bulk", "fwd_pkts_b_avg"),
    ("Fwd Bulk Rate Avg", "Fwd Avg Bulk Rate", "fwd_blk_rate_avg"),
    ("Bwd Bytes/Bulk Avg", "Bwd Avg Bytes/Bulk", "bwd_byts_b_avg"),
    ("Bwd Packet/Bulk Avg", "Bwd Avg Packets/Bulk", "bwd_pkts_b_avg"),
    ("Bwd Bulk Rate Avg", "Bwd Avg Bulk Rate", "bwd_blk_rate_avg"),
    ("Subflow Fwd Packets", "Subflow Fwd Packets", "subflow_fwd_pkts"),
    ("Subflow Fwd Bytes", "Subflow Fwd Bytes", "subflow_fwd_byts"),
    ("Subflow Bwd Packets", "Subflow Bwd Packets", "subflow_bwd_pkts"),
    ("Subflow Bwd Bytes", "Subflow Bwd Bytes", "subflow_bwd_byts"),
    ("FWD Init Win Bytes", "Init_Win_bytes_forward", "init_fwd_win_byts"),
    ("Bwd Init Win Bytes", "Init_Win_bytes_backward", "init_bwd_win_byts"),
    ("Fwd Act Data Pkts", "act_data_pkt_fwd", "fwd_act_data_pkts"),
    ("Fwd Seg Size Min", "min_seg_size_forward", "fwd_seg_size_min"),
    ("Active Mean", "Active Mean", "active_mean"),
    ("Active Std", "Active Std", "active_std"),
    ("Active Max", "Active Max", "active_max"),
    ("Active Min", "Active Min", "active_min"),
    ("Idle Mean", "Idle Mean", "idle_mean"),
    ("Idle Std", "Idle Std", "idle_std"),
    ("Idle Max", "Idle Max", "idle_max"),
    ("Idle Min", "Idle Min", "idle_min"),
    ("Label", "Label", ""),
];

/// A column of this table; see [`column::column`].
const fn column(name: &'static str, make: Make<CicFlows>) -> Column<CicFlows> {
    column::column(name, make).cic(name).required()
}

/// A column of what is summed up.
const fn summed(name: &'static str, make: Make<CicFlows>) -> Column<CicFlows> {
    column(name, make).requires(Requires::STATISTICS)
}

/// Smallest, largest, mean and deviation of one thing, each 0 where there is none.
macro_rules! spread {
    ($columns:ident, $what:literal, $unit:literal, $get:expr, $($name:literal $part:ident),+) => {
        $columns.extend([$(
            summed($name, Make::F64(|row| Some(Part::$part.of(&$get(row)?, $unit))))
                .doc(concat!(stringify!($part), " ", $what, "; 0 where there is none."))
                .unit($unit),
        )+]);
    };
}

fn columns() -> Vec<Column<CicFlows>> {
    let mut columns = vec![
        column("Flow ID", Make::Text(|row, out| flow_id(row, out)))
            .doc("Addresses, ports and protocol, the smaller address first."),
        column(
            "Src IP",
            Make::Text(|row, out| write!(out, "{}", row.record.src_ip).ok()),
        )
        .address("ip")
        .doc("Address of the originator."),
        column(
            "Src Port",
            Make::U16(|row| Some(row.record.src_port.unwrap_or(0))),
        )
        .doc("Port of the originator; 0 without ports."),
        column(
            "Dst IP",
            Make::Text(|row, out| write!(out, "{}", row.record.dst_ip).ok()),
        )
        .address("ip")
        .doc("Address of the responder."),
        column(
            "Dst Port",
            Make::U16(|row| Some(row.record.dst_port.unwrap_or(0))),
        )
        .doc("Port of the responder; 0 without ports."),
        column("Protocol", Make::U8(|row| Some(row.record.protocol)))
            .doc("IANA number of the protocol above IP."),
        column(
            "Timestamp",
            Make::Text(|row, out| time(row.record.start, out)),
        )
        .doc("Time of the first packet, UTC, as `dd/MM/yyyy hh:mm:ss AM`."),
        column(
            "Flow Duration",
            Make::U64(|row| Some(row.record.duration().max(0).unsigned_abs() / 1000)),
        )
        .doc("From the first to the last packet.")
        .unit("µs"),
        column(
            "Total Fwd Packet",
            Make::U64(|row| Some(row.record.fwd.packets)),
        )
        .doc("Packets src→dst.")
        .unit("packets"),
        column(
            "Total Bwd packets",
            Make::U64(|row| Some(row.record.bwd.packets)),
        )
        .doc("Packets dst→src.")
        .unit("packets"),
        column(
            "Total Length of Fwd Packet",
            Make::F64(|row| Some(row.record.fwd.payload_bytes as f64)),
        )
        .doc("Transport payload src→dst.")
        .unit("bytes"),
        column(
            "Total Length of Bwd Packet",
            Make::F64(|row| Some(row.record.bwd.payload_bytes as f64)),
        )
        .doc("Transport payload dst→src.")
        .unit("bytes"),
    ];
    spread!(columns, "payload length of packets src→dst", "bytes", |row| Some(fwd(row)?.payloads()),
        "Fwd Packet Length Max" Max, "Fwd Packet Length Min" Min,
        "Fwd Packet Length Mean" Mean, "Fwd Packet Length Std" Std);
    spread!(columns, "payload length of packets dst→src", "bytes", |row| Some(bwd(row)?.payloads()),
        "Bwd Packet Length Max" Max, "Bwd Packet Length Min" Min,
        "Bwd Packet Length Mean" Mean, "Bwd Packet Length Std" Std);
    columns.extend([
        rate(
            "Flow Bytes/s",
            Make::F64(|row| per_second(row, statistics(row)?.payloads().sum() as f64)),
        )
        .doc("Payload bytes, both ways, by the duration; null where no time passed.")
        .unit("bytes/s"),
        rate(
            "Flow Packets/s",
            Make::F64(|row| per_second(row, statistics(row)?.packets() as f64)),
        )
        .doc("Packets, both ways, by the duration; null where no time passed.")
        .unit("packets/s"),
    ]);
    spread!(columns, "time between packets of the flow", "µs", |row| Some(statistics(row)?.iats()),
        "Flow IAT Mean" Mean, "Flow IAT Std" Std, "Flow IAT Max" Max, "Flow IAT Min" Min);
    spread!(columns, "time between packets src→dst", "µs", |row| Some(fwd(row)?.iats()),
        "Fwd IAT Total" Total, "Fwd IAT Mean" Mean, "Fwd IAT Std" Std, "Fwd IAT Max" Max, "Fwd IAT Min" Min);
    spread!(columns, "time between packets dst→src", "µs", |row| Some(bwd(row)?.iats()),
        "Bwd IAT Total" Total, "Bwd IAT Mean" Mean, "Bwd IAT Std" Std, "Bwd IAT Max" Max, "Bwd IAT Min" Min);
    columns.extend([
        summed(
            "Fwd PSH Flags",
            Make::U64(|row| Some(fwd(row)?.flags().get(TcpFlags::PSH).into())),
        )
        .doc("Packets src→dst with PSH.")
        .unit("packets"),
        summed(
            "Bwd PSH Flags",
            Make::U64(|row| Some(bwd(row)?.flags().get(TcpFlags::PSH).into())),
        )
        .doc("Packets dst→src with PSH.")
        .unit("packets"),
        summed(
            "Fwd URG Flags",
            Make::U64(|row| Some(fwd(row)?.flags().get(TcpFlags::URG).into())),
        )
        .doc("Packets src→dst with URG.")
        .unit("packets"),
        summed(
            "Bwd URG Flags",
            Make::U64(|row| Some(bwd(row)?.flags().get(TcpFlags::URG).into())),
        )
        .doc("Packets dst→src with URG.")
        .unit("packets"),
        summed(
            "Fwd Header Length",
            Make::U64(|row| Some(fwd(row)?.header_bytes())),
        )
        .doc("Lengths of transport headers src→dst, added up.")
        .unit("bytes"),
        summed(
            "Bwd Header Length",
            Make::U64(|row| Some(bwd(row)?.header_bytes())),
        )
        .doc("Lengths of transport headers dst→src, added up.")
        .unit("bytes"),
        summed(
            "Fwd Packets/s",
            Make::F64(|row| Some(per_second(row, fwd(row)?.packets() as f64).unwrap_or(0.0))),
        )
        .doc("Packets src→dst by the duration; 0 where no time passed.")
        .unit("packets/s"),
        summed(
            "Bwd Packets/s",
            Make::F64(|row| Some(per_second(row, bwd(row)?.packets() as f64).unwrap_or(0.0))),
        )
        .doc("Packets dst→src by the duration; 0 where no time passed.")
        .unit("packets/s"),
    ]);
    spread!(columns, "payload length of packets, both ways", "bytes", |row| Some(statistics(row)?.payloads()),
        "Packet Length Min" Min, "Packet Length Max" Max, "Packet Length Mean" Mean,
        "Packet Length Std" Std, "Packet Length Variance" Variance);
    flags(&mut columns);
    columns.extend([
        summed(
            "Down/Up Ratio",
            Make::F64(|row| {
                let (up, down) = (fwd(row)?.packets(), bwd(row)?.packets());
                Some(if up > 0 { down as f64 / up as f64 } else { 0.0 })
            }),
        )
        .doc("Packets dst→src by packets src→dst."),
        summed(
            "Average Packet Size",
            Make::F64(|row| Some(Part::Mean.of(&statistics(row)?.payloads(), "bytes"))),
        )
        .doc("Payload bytes by packets, both ways.")
        .unit("bytes"),
        summed(
            "Fwd Segment Size Avg",
            Make::F64(|row| Some(Part::Mean.of(&fwd(row)?.payloads(), "bytes"))),
        )
        .doc("Payload bytes by packets, src→dst.")
        .unit("bytes"),
        summed(
            "Bwd Segment Size Avg",
            Make::F64(|row| Some(Part::Mean.of(&bwd(row)?.payloads(), "bytes"))),
        )
        .doc("Payload bytes by packets, dst→src.")
        .unit("bytes"),
    ]);
    bulks_and_subflows(&mut columns);
    columns.extend([
        summed(
            "FWD Init Win Bytes",
            Make::U16(|row| Some(fwd(row)?.init_window().unwrap_or(0))),
        )
        .doc("Window of the first TCP packet src→dst, as it stands in the header; 0 without TCP.")
        .unit("bytes"),
        summed(
            "Bwd Init Win Bytes",
            Make::U16(|row| Some(bwd(row)?.init_window().unwrap_or(0))),
        )
        .doc("Window of the first TCP packet dst→src, as it stands in the header; 0 without TCP.")
        .unit("bytes"),
        column(
            "Fwd Act Data Pkts",
            Make::U64(|row| Some(row.record.fwd.data_packets)),
        )
        .doc("Packets src→dst with payload.")
        .unit("packets"),
        summed(
            "Fwd Seg Size Min",
            Make::U16(|row| Some(fwd(row)?.header_min().unwrap_or(0))),
        )
        .doc("The shortest transport header src→dst; 0 without one.")
        .unit("bytes"),
    ]);
    spread!(columns, "time the flow was active before it became idle", "µs",
        |row| Some(statistics(row)?.activity().active()),
        "Active Mean" Mean, "Active Std" Std, "Active Max" Max, "Active Min" Min);
    spread!(columns, "time the flow was idle (longer than 5 s)", "µs",
        |row| Some(statistics(row)?.activity().idle()),
        "Idle Mean" Mean, "Idle Std" Std, "Idle Max" Max, "Idle Min" Min);
    columns.push(
        column(
            "Label",
            Make::Text(|_, out| {
                out.push_str("NeedManualLabel");
                Some(())
            }),
        )
        .doc("For the label that a person gives."),
    );
    columns
}

/// Packets with each TCP flag.
fn flags(columns: &mut Vec<Column<CicFlows>>) {
    macro_rules! flags {
        ($($name:literal $flag:ident)+) => {
            columns.extend([$(
                summed($name, Make::U64(|row| Some(statistics(row)?.flag(TcpFlags::$flag))))
                    .doc(concat!("Packets with ", stringify!($flag), ", both ways."))
                    .unit("packets"),
            )+]);
        };
    }
    flags!("FIN Flag Count" FIN "SYN Flag Count" SYN "RST Flag Count" RST "PSH Flag Count" PSH
        "ACK Flag Count" ACK "URG Flag Count" URG "CWR Flag Count" CWR "ECE Flag Count" ECE);
}

fn bulks_and_subflows(columns: &mut Vec<Column<CicFlows>>) {
    macro_rules! bulks {
        ($get:ident, $way:literal, $bytes:literal $packets:literal $rate:literal) => {
            columns.extend([
                summed(
                    $bytes,
                    Make::F64(|row| Some($get(row)?.bulks().bytes_mean().unwrap_or(0.0))),
                )
                .doc(concat!("Payload bytes a bulk ", $way, "; 0 without bulks."))
                .unit("bytes"),
                summed(
                    $packets,
                    Make::F64(|row| Some($get(row)?.bulks().packets_mean().unwrap_or(0.0))),
                )
                .doc(concat!("Packets a bulk ", $way, "; 0 without bulks."))
                .unit("packets"),
                summed(
                    $rate,
                    Make::F64(|row| Some($get(row)?.bulks().bytes_per_s().unwrap_or(0.0))),
                )
                .doc(concat!(
                    "Payload bytes a second in bulks ",
                    $way,
                    "; 0 without bulks."
                ))
                .unit("bytes/s"),
            ]);
        };
    }
    macro_rules! subflows {
        ($get:ident, $way:literal, $packets:literal $bytes:literal) => {
            columns.extend([
                summed(
                    $packets,
                    Make::F64(|row| {
                        Some(
                            $get(row)?.packets() as f64
                                / statistics(row)?.activity().subflows() as f64,
                        )
                    }),
                )
                .doc(concat!(
                    "Packets ",
                    $way,
                    " a subflow: the parts between pauses longer than 1 s."
                ))
                .unit("packets"),
                summed(
                    $bytes,
                    Make::F64(|row| {
                        Some(
                            $get(row)?.payloads().sum() as f64
                                / statistics(row)?.activity().subflows() as f64,
                        )
                    }),
                )
                .doc(concat!("Payload bytes ", $way, " a subflow."))
                .unit("bytes"),
            ]);
        };
    }
    bulks!(fwd, "src→dst", "Fwd Bytes/Bulk Avg" "Fwd Packet/Bulk Avg" "Fwd Bulk Rate Avg");
    bulks!(bwd, "dst→src", "Bwd Bytes/Bulk Avg" "Bwd Packet/Bulk Avg" "Bwd Bulk Rate Avg");
    subflows!(fwd, "src→dst", "Subflow Fwd Packets" "Subflow Fwd Bytes");
    subflows!(bwd, "dst→src", "Subflow Bwd Packets" "Subflow Bwd Bytes");
}

/// A rate that may not exist.
const fn rate(name: &'static str, make: Make<CicFlows>) -> Column<CicFlows> {
    let mut column = summed(name, make);
    column.def.nullable = true;
    column
}

/// What is told of a set of numbers.
#[derive(Debug, Clone, Copy)]
enum Part {
    Min,
    Max,
    Mean,
    Std,
    Variance,
    Total,
}

impl Part {
    /// In bytes, or in microseconds where the numbers are nanoseconds; 0 where there is none.
    fn of(self, spread: &Spread, unit: &str) -> f64 {
        let scale = if unit == "µs" { 1e3 } else { 1.0 };
        let whole = |value: Option<u64>| value.map(|value| value as f64);
        let value = match self {
            Self::Min => whole(spread.min()),
            Self::Max => whole(spread.max()),
            Self::Mean => spread.mean(),
            Self::Std => spread.std(),
            Self::Variance => spread.variance(),
            Self::Total => (spread.count() > 0).then(|| spread.sum() as f64),
        };
        value.map_or(0.0, |value| value / scale)
    }
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

fn per_second(row: &FlowRow<'_>, what: f64) -> Option<f64> {
    let nanos = row.record.duration();
    (nanos > 0).then(|| what / (nanos as f64 / 1e9))
}

fn flow_id(row: &FlowRow<'_>, out: &mut String) -> Option<()> {
    let record = row.record;
    let src = (record.src_ip, record.src_port.unwrap_or(0));
    let dst = (record.dst_ip, record.dst_port.unwrap_or(0));
    let octets = |address: IpAddr| match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    };
    let (a, b) = if octets(src.0) <= octets(dst.0) {
        (src, dst)
    } else {
        (dst, src)
    };
    write!(out, "{}-{}-{}-{}-{}", a.0, b.0, a.1, b.1, record.protocol).ok()
}

/// `03/07/2017 02:55:58 PM`.
fn time(at: Timestamp, out: &mut String) -> Option<()> {
    // 2017-07-03T14:55:58.000000000Z
    let text = at.to_string();
    let part = |range: std::ops::Range<usize>| text.get(range);
    let (year, month, day) = (part(0..4)?, part(5..7)?, part(8..10)?);
    let hour: u8 = part(11..13)?.parse().ok()?;
    let half = if hour < 12 { "AM" } else { "PM" };
    let hour = (hour + 11) % 12 + 1;
    write!(
        out,
        "{day}/{month}/{year} {hour:02}:{} {half}",
        part(14..19)?
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_those_of_the_program_in_its_order() {
        let names: Vec<_> = CicFlows::columns()
            .iter()
            .map(|column| column.def.name)
            .collect();
        let spelled: Vec<_> = cic_spellings().map(|spelling| spelling.program).collect();
        assert_eq!(names, spelled);
        assert_eq!(names.len(), 84);
    }

    #[test]
    fn times_have_twelve_hours() {
        for (seconds, expected) in [
            (1_499_093_758, "03/07/2017 02:55:58 PM"),
            (1_499_040_000, "03/07/2017 12:00:00 AM"),
            (1_499_083_200, "03/07/2017 12:00:00 PM"),
        ] {
            let mut text = String::new();
            time(Timestamp::from_nanos(seconds * 1_000_000_000), &mut text).unwrap();
            assert_eq!(text, expected);
        }
    }
}
