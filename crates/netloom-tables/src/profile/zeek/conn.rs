//! `conn.log`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use netloom_decode::app::Protocol;
use netloom_flow::{FlowRecord, Side};

use super::super::said;
use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;
use crate::schema::{FlowRow, text};

/// Flows with the columns of Zeek's `conn.log`.
#[derive(Debug)]
pub enum ZeekConn {}

impl Table for ZeekConn {
    type Row<'a> = FlowRow<'a>;

    const NAME: &'static str = "flows";
    const DOC: &'static str = "A flow as Zeek's conn.log has it.";

    fn columns() -> &'static [Column<Self>] {
        static ALL: LazyLock<Vec<Column<ZeekConn>>> = LazyLock::new(|| said(columns()));
        &ALL
    }
}

/// A column of this log; see [`column::column`].
const fn column(name: &'static str, make: Make<ZeekConn>) -> Column<ZeekConn> {
    column::column(name, make).zeek(name)
}

/// IP protocols that have a name in `proto`.
const ICMP: u8 = 1;
const ICMP6: u8 = 58;
const TCP: u8 = 6;
const UDP: u8 = 17;

fn columns() -> Vec<Column<ZeekConn>> {
    let mut columns = vec![
        column("ts", Make::Time(|row| Some(row.record.start)))
            .required()
            .doc("Time of the first packet.")
            .unit("s since 1970"),
        column(
            "uid",
            Make::Text(|row, out| text::some(row.record.flow_id().as_str(), out)),
        )
        .required()
        .doc("The flow: netloom's `flow_id`."),
        column("id.orig_h", Make::Ip(|row| Some(row.record.src_ip)))
            .required()
            .address("ip")
            .doc("Originator."),
        column(
            "id.orig_p",
            Make::U16(|row| Some(port(row.record.src_port, row.record.icmp_type))),
        )
        .required()
        .doc("Its port; the type of ICMP; 0 for other protocols."),
        column("id.resp_h", Make::Ip(|row| Some(row.record.dst_ip)))
            .required()
            .address("ip")
            .doc("Responder."),
        column(
            "id.resp_p",
            Make::U16(|row| Some(port(row.record.dst_port, row.record.icmp_code))),
        )
        .required()
        .doc("Its port; the code of ICMP; 0 for other protocols."),
        column(
            "proto",
            Make::Text(|row, out| {
                out.push_str(match row.record.protocol {
                    TCP => "tcp",
                    UDP => "udp",
                    ICMP | ICMP6 => "icmp",
                    _ => "unknown_transport",
                });
                Some(())
            }),
        )
        .required()
        .doc("tcp, udp, icmp or unknown_transport."),
        column("service", Make::Text(|row, out| service(row.record, out)))
            .requires(Requires::APPLICATIONS)
            .doc("Protocol that was recognised by its content."),
        column(
            "duration",
            Make::F64(|row| {
                let nanos = row.record.duration();
                (nanos > 0).then_some(nanos as f64 / 1e9)
            }),
        )
        .doc("From the first packet to the last; unset where no time passed.")
        .unit("s"),
    ];
    columns.extend(volumes());
    columns.extend([
        column("tunnel_parents", Make::TextList(|_, _| None)).doc(
            "Always unset: netloom says which tunnels a flow was in, not which flow they were.",
        ),
        column("ip_proto", Make::U8(|row| Some(row.record.protocol)))
            .required()
            .doc("IANA number of the protocol above IP."),
        column(
            "community_id",
            Make::Text(|row, out| {
                out.push_str(&crate::schema::community_id(row.record));
                Some(())
            }),
        )
        .when_asked()
        .doc("Community ID v1 with seed 0 (policy/protocols/conn/community-id-logging)."),
        column(
            "vlan",
            Make::U16(|row| row.record.vlans.as_slice().first().copied()),
        )
        .when_asked()
        .doc("Outer VLAN (policy/protocols/conn/vlan-logging)."),
        column(
            "inner_vlan",
            Make::U16(|row| row.record.vlans.as_slice().get(1).copied()),
        )
        .when_asked()
        .doc("Inner VLAN."),
        column("orig_l2_addr", Make::Mac(|row| row.record.src_mac))
            .when_asked()
            .address("mac")
            .doc("Hardware address of the originator (policy/protocols/conn/mac-logging)."),
        column("resp_l2_addr", Make::Mac(|row| row.record.dst_mac))
            .when_asked()
            .address("mac")
            .doc("Hardware address of the responder."),
    ]);
    columns
}

/// What passed, and how.
fn volumes() -> [Column<ZeekConn>; 11] {
    [
        column(
            "orig_bytes",
            Make::U64(|row| payload(row.record, &row.record.fwd)),
        )
        .doc("Payload of the originator: for TCP from sequence numbers.")
        .unit("bytes"),
        column(
            "resp_bytes",
            Make::U64(|row| payload(row.record, &row.record.bwd)),
        )
        .doc("Payload of the responder.")
        .unit("bytes"),
        column(
            "conn_state",
            Make::Text(|row, out| text::some(row.record.conn_state.name(), out)),
        )
        .required()
        .doc("How the connection went."),
        column(
            "local_orig",
            Make::Bool(|row| Some(is_local(row.record.src_ip))),
        )
        .required()
        .doc("Whether the originator is in an address block that is not global (Zeek's default)."),
        column(
            "local_resp",
            Make::Bool(|row| Some(is_local(row.record.dst_ip))),
        )
        .required()
        .doc("Whether the responder is."),
        column(
            "missed_bytes",
            Make::U64(|row| Some(row.record.missed_bytes)),
        )
        .required()
        .doc("Payload that the capture lacks.")
        .unit("bytes"),
        column(
            "history",
            Make::Text(|row, out| {
                let history = row.record.history.as_str();
                text::some((!history.is_empty()).then_some(history), out)
            }),
        )
        .doc("What happened, a letter each."),
        column("orig_pkts", Make::U64(|row| Some(row.record.fwd.packets)))
            .required()
            .doc("Packets of the originator.")
            .unit("packets"),
        column(
            "orig_ip_bytes",
            Make::U64(|row| Some(row.record.fwd.ip_bytes)),
        )
        .required()
        .doc("Their lengths, from the IP header on.")
        .unit("bytes"),
        column("resp_pkts", Make::U64(|row| Some(row.record.bwd.packets)))
            .required()
            .doc("Packets of the responder.")
            .unit("packets"),
        column(
            "resp_ip_bytes",
            Make::U64(|row| Some(row.record.bwd.ip_bytes)),
        )
        .required()
        .doc("Their lengths, from the IP header on.")
        .unit("bytes"),
    ]
}

/// Payload of a side, where Zeek counts it: of TCP, UDP and ICMP.
fn payload(record: &FlowRecord, side: &Side) -> Option<u64> {
    match record.protocol {
        TCP | UDP | ICMP | ICMP6 => side.stream_bytes,
        _ => Some(0),
    }
}

/// A port, or what stands in its place.
fn port(port: Option<u16>, icmp: Option<u8>) -> u16 {
    port.or_else(|| icmp.map(u16::from)).unwrap_or(0)
}

/// The services under Zeek's names, each where Zeek became sure of it: the flow's own, and what
/// its messages carry; of a tunnel over UDP its kind.
fn service(record: &FlowRecord, out: &mut String) -> Option<()> {
    let recognised = record.recognised().map(|protocol| protocol.name);
    let name = recognised.or_else(|| tunnel(record))?;
    let app = record.app.as_ref();
    let carried = app.map_or(&[][..], |app| &app.carried);
    let early = app.map_or(0, |app| app.carried_early.into());
    let (early, late) = carried.split_at_checked(early).unwrap_or((carried, &[]));
    let own: &[&str] = match (name, record.protocol) {
        ("tls", _) => &["ssl"],
        ("quic", _) => &["quic", "ssl"],
        // Of itself it says so once a message was whole, and so does what is carried.
        ("websocket", _) => &["http"],
        ("ldap", TCP) => &["ldap_tcp"],
        ("ldap", _) => &["ldap_udp"],
        ("kerberos", TCP) => &["krb_tcp"],
        ("kerberos", _) => &["krb"],
        ("syslog", TCP) => &["syslog_tcp"],
        ("mdns" | "llmnr" | "nbns", _) => &["dns"],
        (other, _) => &[other],
    };
    let inner = |protocol: &&'static Protocol| match protocol.name {
        "tls" => "ssl",
        "kerberos" => "krb",
        other => other,
    };
    let mut names: Vec<&str> = Vec::with_capacity(2);
    let before = early.iter().map(inner);
    for name in before
        .chain(own.iter().copied())
        .chain(late.iter().map(inner))
    {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    for (number, name) in names.iter().enumerate() {
        if number > 0 {
            out.push(',');
        }
        out.push_str(name);
    }
    Some(())
}

/// What Zeek calls the tunnel over UDP that a flow is: by its ports, and Teredo on any.
fn tunnel(record: &FlowRecord) -> Option<&'static str> {
    let ports = [record.dst_port, record.src_port];
    let ports = || ports.into_iter().flatten();
    let known = ports().find_map(|port| match port {
        2123 | 2152 => Some("gtpv1"),
        3544 => Some("teredo"),
        4789 => Some("vxlan"),
        5072 => Some("ayiya"),
        6081 => Some("geneve"),
        _ => None,
    });
    // Ports of tunnels that Zeek does not open, or has no service for.
    let other =
        || ports().any(|port| matches!(port, 1701 | 4754 | 4790 | 5247 | 6635 | 8472 | 37008));
    let name = known.or_else(|| (!other()).then_some("teredo"));
    name.filter(|_| record.outer)
}

/// Whether Zeek takes an address for one of this site without being told: blocks that are not
/// globally reachable by the IANA registries of special-purpose addresses.
fn is_local(address: IpAddr) -> bool {
    const V4: [(Ipv4Addr, u32); 15] = [
        (Ipv4Addr::UNSPECIFIED, 8),
        (Ipv4Addr::new(10, 0, 0, 0), 8),
        (Ipv4Addr::new(100, 64, 0, 0), 10),
        (Ipv4Addr::new(127, 0, 0, 0), 8),
        (Ipv4Addr::new(169, 254, 0, 0), 16),
        (Ipv4Addr::new(172, 16, 0, 0), 12),
        (Ipv4Addr::new(192, 0, 0, 0), 24),
        (Ipv4Addr::new(192, 0, 2, 0), 24),
        (Ipv4Addr::new(192, 168, 0, 0), 16),
        (Ipv4Addr::new(198, 18, 0, 0), 15),
        (Ipv4Addr::new(198, 51, 100, 0), 24),
        (Ipv4Addr::new(203, 0, 113, 0), 24),
        (Ipv4Addr::new(224, 0, 0, 0), 24),
        (Ipv4Addr::new(240, 0, 0, 0), 4),
        (Ipv4Addr::BROADCAST, 32),
    ];
    const V6: [(Ipv6Addr, u32); 9] = [
        (Ipv6Addr::UNSPECIFIED, 128),
        (Ipv6Addr::LOCALHOST, 128),
        (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
        (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48),
        (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64),
        (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
        (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
        (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
        (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    ];
    match address {
        IpAddr::V4(address) => V4
            .iter()
            .any(|&(net, len)| (address.to_bits() ^ net.to_bits()).leading_zeros() >= len),
        IpAddr::V6(address) => V6
            .iter()
            .any(|&(net, len)| (address.to_bits() ^ net.to_bits()).leading_zeros() >= len),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_addresses() {
        for local in [
            "10.1.2.3",
            "172.31.255.255",
            "100.127.0.1",
            "255.255.255.255",
            "::1",
            "fe80::1",
            "fdff::1",
            "2001:0:4137:9e50:8000:f12a:b9c8:2815",
            "224.0.0.251",
        ] {
            assert!(is_local(local.parse().unwrap()), "{local}");
        }
        for global in [
            "172.32.0.1",
            "100.128.0.1",
            "8.8.8.8",
            "2001:4860::1",
            "1234::",
            "224.2.127.254",
            "ff02::fb",
        ] {
            assert!(!is_local(global.parse().unwrap()), "{global}");
        }
    }
}
