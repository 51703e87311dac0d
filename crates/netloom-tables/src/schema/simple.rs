//! The seven columns of `--profile simple`.

use std::fmt::Write as _;

use netloom_decode::app::by_name;
use netloom_decode::{Network, Transport};

use super::PacketRow;
use super::text;
use crate::anonymize::Identity;
use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;
use crate::protocol::protocol_name;

/// The `simple` profile of `packets`: seven columns for people and spreadsheets.
#[derive(Debug)]
pub enum Simple {}

impl Table for Simple {
    type Row<'a> = PacketRow<'a>;

    const NAME: &'static str = "packets";
    const DOC: &'static str = "A packet in seven columns, for people and spreadsheets.";

    fn columns() -> &'static [Column<Self>] {
        COLUMNS
    }
}

const fn column(name: &'static str, make: Make<Simple>) -> Column<Simple> {
    column::column(name, make).requires(Requires::HEADERS.with(Requires::FLOW_NAME))
}

static COLUMNS: &[Column<Simple>] = &[
    column("Timestamp", Make::Time(|row| Some(row.packet.timestamp)))
        .required()
        .doc("When the packet was captured.")
        .unit("ns since 1970, UTC"),
    column(
        "Source IP",
        Make::Ip(|row| match row.decoded.ip {
            Some(ip) => Some(ip.src),
            None => Some(row.decoded.arp(row.data)?.sender_ip.into()),
        }),
    )
    .identity(Identity::Address)
    .doc("Address that it is from; of ARP the sender's; null for packets without one."),
    column(
        "Destination IP",
        Make::Ip(|row| match row.decoded.ip {
            Some(ip) => Some(ip.dst),
            None => Some(row.decoded.arp(row.data)?.target_ip.into()),
        }),
    )
    .identity(Identity::Address)
    .doc("Address that it goes to; of ARP the one asked for; null for packets without one."),
    column("Protocol", Make::Text(|row, out| protocol(row, out)))
        .required()
        .of_nobody()
        .doc("Name of the protocol: that of the application where it is known, else of the layer below."),
    column(
        "Website Name",
        Make::Text(|row, out| text::some(row.server_name, out)),
    )
    .identity(Identity::Name)
    .doc("Name of the server of its flow, on every packet of the flow."),
    column(
        "Domain Name",
        Make::Text(|row, out| text::some(row.domain, out)),
    )
    .identity(Identity::Name)
    .doc("Registrable domain of that name."),
    column("Length", Make::U32(|row| Some(row.packet.wire_len)))
        .required()
        .doc("Length of the frame on the wire.")
        .unit("bytes"),
];

/// The protocol's name, never an address.
fn protocol(row: &PacketRow<'_>, out: &mut String) -> Option<()> {
    if let Some(service) = row.service {
        match by_name(service) {
            Some(protocol) => out.push_str(protocol.title),
            None => out.push_str(&service.to_ascii_uppercase()),
        }
        return Some(());
    }
    let name = match row.decoded.transport {
        Transport::Tcp(_) => "TCP",
        Transport::Udp | Transport::UdpLite => "UDP",
        Transport::Icmpv4(_) => "ICMP",
        Transport::Icmpv6(_) => "ICMPv6",
        Transport::Igmp(_) => "IGMP",
        Transport::Sctp(_) => "SCTP",
        Transport::Dccp(_) => "DCCP",
        Transport::Esp(_) => "ESP",
        _ => match (row.decoded.ip, row.decoded.network) {
            (Some(ip), _) => {
                match protocol_name(ip.protocol) {
                    Some(name) => out.push_str(&name.to_ascii_uppercase()),
                    None => write!(out, "IP protocol {}", ip.protocol).ok()?,
                }
                return Some(());
            }
            (None, Network::Arp) => "ARP",
            (None, Network::Rarp) => "RARP",
            (None, Network::Lldp) => "LLDP",
            (None, Network::Cdp) => "CDP",
            (None, Network::Stp) => "STP",
            (None, Network::Eapol) => "EAPOL",
            (None, Network::Ipx) => "IPX",
            _ => match row.decoded.ethertype {
                Some(ethertype) => {
                    write!(out, "EtherType 0x{ethertype:04x}").ok()?;
                    return Some(());
                }
                None => "Other",
            },
        },
    };
    out.push_str(name);
    Some(())
}
