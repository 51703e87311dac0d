//! The `timeline` table.

use netloom_packet::Timestamp;

use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;

/// The `timeline` table: a row is an interval of time.
#[derive(Debug)]
pub enum Timeline {}

/// What a row of `timeline` is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimelineRow {
    /// When the interval begins.
    pub start: Timestamp,
    /// Its length in ns.
    pub interval: i64,
    /// Packets and bytes of TCP, of UDP, of ICMP (both versions), and of everything else.
    pub protocols: [Traffic; 4],
    /// Flows whose first packet it has.
    pub new_flows: u64,
    /// What services had of it, those with the most bytes first.
    pub services: Vec<(&'static str, Traffic)>,
}

/// Packets and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Packets.
    pub packets: u64,
    /// Frame lengths on the wire.
    pub bytes: u64,
}

impl std::ops::AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

impl TimelineRow {
    /// An interval without packets.
    pub fn new(start: Timestamp, interval: i64) -> Self {
        Self {
            start,
            interval,
            protocols: Default::default(),
            new_flows: 0,
            services: Vec::new(),
        }
    }

    /// All packets and bytes.
    pub fn total(&self) -> Traffic {
        let mut total = Traffic::default();
        for protocol in self.protocols {
            total += protocol;
        }
        total
    }
}

impl Table for Timeline {
    type Row<'a> = &'a TimelineRow;

    const NAME: &'static str = "timeline";
    const DOC: &'static str = "An interval of time, from the one with the first packet to the one \
        with the last, those without packets too (unless there would be more than a million). \
        `--interval` says how long it is; without it the shortest of 1, 2, 5, 10 ms and so on \
        that gives at most a thousand rows.";

    fn columns() -> &'static [Column<Self>] {
        COLUMNS
    }
}

/// A column of this table; see [`column::column`].
const fn column(name: &'static str, make: Make<Timeline>) -> Column<Timeline> {
    column::column(name, make)
}

static COLUMNS: &[Column<Timeline>] = &[
    column("start", Make::Time(|row| Some(row.start)))
        .required()
        .doc("When the interval begins: a whole multiple of its length since 1970. It ends before the next one begins.")
        .unit("ns since 1970, UTC")
        .ecs("@timestamp"),
    column("interval", Make::F64(|row| Some(row.interval as f64 / 1e9)))
        .required()
        .doc("Length of the interval.")
        .unit("s"),
    column("packets", Make::U64(|row| Some(row.total().packets)))
        .required()
        .doc("Packets that were captured in it.")
        .unit("packets")
        .ecs("network.packets"),
    column("bytes", Make::U64(|row| Some(row.total().bytes)))
        .required()
        .doc("Their frame lengths on the wire, added up.")
        .unit("bytes")
        .ecs("network.bytes"),
    column("new_flows", Make::U64(|row| Some(row.new_flows)))
        .required()
        .requires(Requires::FLOWS)
        .doc("Flows that began in it.")
        .unit("flows"),
    column("tcp_packets", Make::U64(|row| Some(row.protocols[0].packets)))
        .required()
        .requires(Requires::HEADERS)
        .doc("Packets of TCP.")
        .unit("packets"),
    column("tcp_bytes", Make::U64(|row| Some(row.protocols[0].bytes)))
        .required()
        .requires(Requires::HEADERS)
        .doc("Bytes of TCP.")
        .unit("bytes"),
    column("udp_packets", Make::U64(|row| Some(row.protocols[1].packets)))
        .required()
        .requires(Requires::HEADERS)
        .doc("Packets of UDP.")
        .unit("packets"),
    column("udp_bytes", Make::U64(|row| Some(row.protocols[1].bytes)))
        .required()
        .requires(Requires::HEADERS)
        .doc("Bytes of UDP.")
        .unit("bytes"),
    column("icmp_packets", Make::U64(|row| Some(row.protocols[2].packets)))
        .required()
        .requires(Requires::HEADERS)
        .doc("Packets of ICMP and ICMPv6.")
        .unit("packets"),
    column("icmp_bytes", Make::U64(|row| Some(row.protocols[2].bytes)))
        .required()
        .requires(Requires::HEADERS)
        .doc("Bytes of ICMP and ICMPv6.")
        .unit("bytes"),
    column("other_packets", Make::U64(|row| Some(row.protocols[3].packets)))
        .required()
        .requires(Requires::HEADERS)
        .doc("Packets of anything else, those without an IP header too.")
        .unit("packets"),
    column("other_bytes", Make::U64(|row| Some(row.protocols[3].bytes)))
        .required()
        .requires(Requires::HEADERS)
        .doc("Bytes of anything else.")
        .unit("bytes"),
    column("services", Make::TextList(|row, item| {
        for (service, _) in &row.services {
            item(format_args!("{service}"));
        }
        (!row.services.is_empty()).then_some(())
    }))
    .requires(Requires::APPLICATIONS)
    .of_nobody()
    .doc("Application protocols of the packets' flows (by content where recognised, else by ports), those with the most bytes first; null where none is known. Fragments that came before the first of their datagram are left out, as are packets of no flow. Where there are too many flows at once to keep their packets until their service is known, packets are of the one that their ports stand for, else of `other`."),
    column("service_packets", Make::U64List(|row, out| {
        out.extend(row.services.iter().map(|(_, traffic)| traffic.packets));
        (!row.services.is_empty()).then_some(())
    }))
    .requires(Requires::APPLICATIONS)
    .doc("Packets of each of `services`, in the same order.")
    .unit("packets"),
    column("service_bytes", Make::U64List(|row, out| {
        out.extend(row.services.iter().map(|(_, traffic)| traffic.bytes));
        (!row.services.is_empty()).then_some(())
    }))
    .requires(Requires::APPLICATIONS)
    .doc("Bytes of each of `services`, in the same order.")
    .unit("bytes"),
];
