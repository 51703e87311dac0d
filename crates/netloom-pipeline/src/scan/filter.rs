//! Rows that are wanted, told before they are made.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use netloom_decode::Decoded;
use netloom_flow::FlowRecord;
use netloom_flow::app::{AppRecord, AppRow};
use netloom_packet::Packet;
use netloom_tables::{Requires, TableName, packet_ports};

/// Which rows are wanted: those for which every term holds. Empty: all of them.
///
/// A filter is exact: no row that comes out fails a term, and none is missing. It only knows
/// columns that are cheap to look at ([`Field::of`]); what else is asked of rows is left to who
/// gets them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowFilter {
    terms: Vec<Term>,
}

/// Something that must hold: the field is not null, and one of the ranges has its value.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Term {
    /// The row's time in ns since 1970 is in one of these ranges.
    Time(Vec<RangeInclusive<i64>>),
    /// The source address is in one of these ranges; an IPv4 address is never in a range of
    /// IPv6 addresses, not even as `::ffff:…`.
    SrcIp(Vec<RangeInclusive<IpAddr>>),
    /// The destination address is in one of these ranges.
    DstIp(Vec<RangeInclusive<IpAddr>>),
    /// The source port is in one of these ranges.
    SrcPort(Vec<RangeInclusive<u64>>),
    /// The destination port is in one of these ranges.
    DstPort(Vec<RangeInclusive<u64>>),
    /// The IP protocol's number is in one of these ranges.
    Protocol(Vec<RangeInclusive<u64>>),
    /// The frame's length is in one of these ranges.
    Len(Vec<RangeInclusive<u64>>),
}

/// What a term looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// [`Term::Time`].
    Time,
    /// [`Term::SrcIp`].
    SrcIp,
    /// [`Term::DstIp`].
    DstIp,
    /// [`Term::SrcPort`].
    SrcPort,
    /// [`Term::DstPort`].
    DstPort,
    /// [`Term::Protocol`].
    Protocol,
    /// [`Term::Len`].
    Len,
}

impl Field {
    /// What a column of a table is for filters; `None` where they cannot look at it.
    pub fn of(table: TableName, column: &str) -> Option<Self> {
        let time = match table {
            TableName::Flows => "start",
            TableName::Packets
            | TableName::Dns
            | TableName::Tls
            | TableName::Http
            | TableName::Messages
            | TableName::Anomalies => "ts",
            _ => return None,
        };
        let field = match column {
            "src_ip" => Self::SrcIp,
            "dst_ip" => Self::DstIp,
            "src_port" => Self::SrcPort,
            "dst_port" => Self::DstPort,
            "protocol" => Self::Protocol,
            "len" => Self::Len,
            _ if column == time => Self::Time,
            _ => return None,
        };
        // Only what is a column there.
        let columns = &table.definition().columns;
        columns
            .iter()
            .any(|def| def.name == column)
            .then_some(field)
    }
}

impl RowFilter {
    /// Every row.
    pub const fn all() -> Self {
        Self { terms: Vec::new() }
    }

    /// Adds a term.
    #[must_use]
    pub fn and(mut self, term: Term) -> Self {
        self.terms.push(term);
        self
    }

    /// From the first to the last time in ns since 1970 that a row may have; `None` where it may
    /// have any. Where it may have none, the range is empty.
    pub fn time(&self) -> Option<RangeInclusive<i64>> {
        let spans = self.terms.iter().filter_map(|term| match term {
            Term::Time(ranges) => {
                let ranges = ranges.iter().filter(|range| !range.is_empty());
                let span = ranges.fold((i64::MAX, i64::MIN), |(first, last), range| {
                    (first.min(*range.start()), last.max(*range.end()))
                });
                Some(span)
            }
            _ => None,
        });
        spans
            .reduce(|one, other| (one.0.max(other.0), one.1.min(other.1)))
            .map(|(first, last)| first..=last)
    }

    /// Whether every row is wanted.
    pub fn is_all(&self) -> bool {
        self.terms.is_empty()
    }

    /// What has to be done with packets so that the filter can tell.
    pub fn requires(&self) -> Requires {
        let captured = |term: &Term| matches!(term, Term::Time(_) | Term::Len(_));
        if self.terms.iter().all(captured) {
            Requires::NOTHING
        } else {
            Requires::HEADERS
        }
    }

    /// Whether a packet's row is wanted; of a filter that requires headers, only a decoded one's.
    #[inline]
    pub(crate) fn takes_packet(&self, packet: &Packet<'_>, decoded: &Decoded) -> bool {
        self.terms.iter().all(|term| match term {
            Term::Time(ranges) => among(ranges, &packet.timestamp.as_nanos()),
            Term::Len(ranges) => among(ranges, &u64::from(packet.wire_len)),
            Term::SrcIp(ranges) => decoded.ip.is_some_and(|ip| address(ranges, ip.src)),
            Term::DstIp(ranges) => decoded.ip.is_some_and(|ip| address(ranges, ip.dst)),
            Term::Protocol(ranges) => decoded
                .ip
                .is_some_and(|ip| among(ranges, &u64::from(ip.protocol))),
            Term::SrcPort(ranges) => {
                packet_ports(decoded).is_some_and(|(src, _)| among(ranges, &u64::from(src)))
            }
            Term::DstPort(ranges) => {
                packet_ports(decoded).is_some_and(|(_, dst)| among(ranges, &u64::from(dst)))
            }
        })
    }

    /// Whether a flow's row is wanted.
    pub(crate) fn takes_flow(&self, flow: &FlowRecord) -> bool {
        let port = |ranges: &[RangeInclusive<u64>], port: Option<u16>| {
            port.is_some_and(|port| among(ranges, &u64::from(port)))
        };
        self.terms.iter().all(|term| match term {
            Term::Time(ranges) => among(ranges, &flow.start.as_nanos()),
            Term::SrcIp(ranges) => address(ranges, flow.src_ip),
            Term::DstIp(ranges) => address(ranges, flow.dst_ip),
            Term::Protocol(ranges) => among(ranges, &u64::from(flow.protocol)),
            Term::SrcPort(ranges) => port(ranges, flow.src_port),
            Term::DstPort(ranges) => port(ranges, flow.dst_port),
            Term::Len(_) => false,
        })
    }

    /// Whether the row of a record is wanted.
    pub(crate) fn takes_record(&self, record: &AppRecord) -> bool {
        let time = match &record.row {
            AppRow::Dns(row) => row.ts,
            AppRow::Tls(row) => row.ts,
            AppRow::Http(row) => row.ts,
            _ => record.origin.ts,
        };
        self.terms.iter().all(|term| match term {
            Term::Time(ranges) => among(ranges, &time.as_nanos()),
            Term::SrcIp(ranges) => address(ranges, record.origin.src.0),
            Term::DstIp(ranges) => address(ranges, record.origin.dst.0),
            Term::Protocol(ranges) => among(ranges, &u64::from(record.origin.protocol)),
            Term::SrcPort(ranges) => among(ranges, &u64::from(record.origin.src.1)),
            Term::DstPort(ranges) => among(ranges, &u64::from(record.origin.dst.1)),
            Term::Len(_) => false,
        })
    }
}

#[inline]
fn among<V: PartialOrd>(ranges: &[RangeInclusive<V>], value: &V) -> bool {
    ranges.iter().any(|range| range.contains(value))
}

#[inline]
fn address(ranges: &[RangeInclusive<IpAddr>], address: IpAddr) -> bool {
    ranges
        .iter()
        .any(|range| range.start().is_ipv4() == address.is_ipv4() && range.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_columns_of_the_table_are_fields() {
        for (table, column, field) in [
            (TableName::Packets, "ts", Some(Field::Time)),
            (TableName::Flows, "start", Some(Field::Time)),
            (TableName::Flows, "ts", None),
            (TableName::Packets, "len", Some(Field::Len)),
            (TableName::Flows, "len", None),
            (TableName::Tls, "protocol", None),
            (TableName::Dns, "protocol", Some(Field::Protocol)),
            (TableName::Dns, "dst_ip", Some(Field::DstIp)),
            (TableName::Anomalies, "src_ip", None),
            (TableName::Hosts, "ip", None),
        ] {
            assert_eq!(Field::of(table, column), field, "{table}.{column}");
        }
    }

    #[test]
    fn families_are_apart() {
        let ranges = ["0.0.0.0".parse().unwrap()..="255.255.255.255".parse().unwrap()];
        assert!(address(&ranges, "10.0.0.1".parse().unwrap()));
        assert!(!address(&ranges, "::ffff:10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn what_is_null_is_not_wanted() {
        let packet = Packet {
            number: 1,
            timestamp: netloom_packet::Timestamp::from_nanos(7),
            link_type: netloom_packet::LinkType::ETHERNET,
            interface: 0,
            wire_len: 60,
            data: &[],
        };
        let decoded = Decoded::default();
        let any = || vec![0..=u64::MAX];
        for (term, wanted, requires) in [
            (Term::Time(vec![5..=6, 7..=8]), true, Requires::NOTHING),
            (Term::Time(vec![8..=i64::MAX]), false, Requires::NOTHING),
            (Term::Len(any()), true, Requires::NOTHING),
            (Term::Len(vec![]), false, Requires::NOTHING),
            (Term::Protocol(any()), false, Requires::HEADERS),
            (Term::SrcPort(any()), false, Requires::HEADERS),
        ] {
            let filter = RowFilter::all().and(term);
            assert_eq!(filter.takes_packet(&packet, &decoded), wanted, "{filter:?}");
            assert_eq!(filter.requires(), requires, "{filter:?}");
        }
    }
}
