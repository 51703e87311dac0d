//! The `hosts` table.

use std::net::IpAddr;

use netloom_flow::name::{country, is_local, vendor};
use netloom_packet::{MacAddr, Timestamp};

use super::text;
use crate::anonymize::Identity;
use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;

/// The `hosts` table: a row is an address.
#[derive(Debug)]
pub enum Hosts {}

/// What a row of `hosts` is made from.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HostRow {
    /// The address.
    pub address: IpAddr,
    /// Time of its first packet.
    pub first_seen: Timestamp,
    /// Time of its last packet.
    pub last_seen: Timestamp,
    /// Its hardware address, where it is on the captured network.
    pub mac: Option<MacAddr>,
    /// Its name.
    pub hostname: Option<Box<str>>,
    /// Where the name is from; empty without one.
    pub hostname_source: &'static str,
    /// Operating system, as it says or as its packets look.
    pub os: Option<Box<str>>,
    /// Where `os` is from: `dhcp`, `mdns`, `ssdp`, `user_agent`, `tcp`, …; empty without one.
    pub os_source: &'static str,
    /// What it says it is: model, vendor class.
    pub device: Option<Box<str>>,
    /// DHCP parameter request list.
    pub dhcp_fingerprint: Option<Box<str>>,
    /// Packets it sent and received.
    pub packets: [u64; 2],
    /// Bytes it sent and received.
    pub bytes: [u64; 2],
    /// Flows it took part in.
    pub flows: u64,
    /// Addresses it exchanged packets with.
    pub peers: u64,
    /// Services that it offered and somebody got an answer from, and those it announces.
    pub services: Vec<Box<str>>,
    /// Number and name of the autonomous system, where the user gave a database.
    pub asn: Option<(u32, Box<str>)>,
}

impl HostRow {
    /// An address of which nothing else is known yet.
    pub const fn new(address: IpAddr) -> Self {
        Self {
            address,
            first_seen: Timestamp::MAX,
            last_seen: Timestamp::MIN,
            mac: None,
            hostname: None,
            hostname_source: "",
            os: None,
            os_source: "",
            device: None,
            dhcp_fingerprint: None,
            packets: [0; 2],
            bytes: [0; 2],
            flows: 0,
            peers: 0,
            services: Vec::new(),
            asn: None,
        }
    }
}

impl Table for Hosts {
    type Row<'a> = &'a HostRow;

    const NAME: &'static str = "hosts";
    const DOC: &'static str = "An address that sent or received packets, or that a device said \
        was its own; in the order of the addresses.";

    fn columns() -> &'static [Column<Self>] {
        COLUMNS
    }
}

/// A column of this table; see [`column::column`].
const fn column(name: &'static str, make: Make<Hosts>) -> Column<Hosts> {
    column::column(name, make).requires(Requires::APPLICATIONS)
}

static COLUMNS: &[Column<Hosts>] = &[
    column("ip", Make::Ip(|row| Some(row.address)))
    .required()
    .address("ip")
    .doc("The address.")
    .zeek("host")
    .ecs("host.ip"),
    column("first_seen", Make::Time(|row| (row.first_seen <= row.last_seen).then_some(row.first_seen)))
        .doc("Time of the first packet from or to it; null where it was only spoken of.")
        .unit("ns since 1970, UTC")
        .zeek("ts"),
    column("last_seen", Make::Time(|row| (row.first_seen <= row.last_seen).then_some(row.last_seen)))
        .doc("Time of the last packet from or to it.")
        .unit("ns since 1970, UTC"),
    column("mac", Make::Mac(|row| row.mac))
    .address("mac")
    .doc("Its hardware address; null where it is not on the captured network (a router's would stand there).")
    .ecs("host.mac"),
    column("vendor", Make::Text(|row, out| text::some(vendor(row.mac?)?, out)))
        .of_nobody()
        .doc("Maker of its network card by the IEEE's registries; null for made-up hardware addresses."),
    column("hostname", Make::Text(|row, out| text::some(row.hostname.as_deref(), out)))
        .identity(Identity::Name)
        .doc("Its name, from the best source seen.")
        .ecs("host.hostname"),
    column("hostname_source", Make::Text(|row, out| {
        text::some((!row.hostname_source.is_empty()).then_some(row.hostname_source), out)
    }))
    .of_nobody()
    .doc("Where `hostname` is from, best first: `dhcp`, `mdns`, `nbns`, `smb`, `llmnr`, `ssdp`, `dns`; what it was called by those who asked it for something, as in `server_name_source` of `flows` (`tls_sni`, `quic_sni`, `dtls_sni`, `http_host`, then others such as `smtp_banner`, `certificate`; what a proxy was asked for is no name of its own); another protocol's own words, by its name (`snmp`, `tplink_shp`, …)."),
    column("os", Make::Text(|row, out| text::some(row.os.as_deref(), out)))
        .of_nobody()
        .doc("Operating system: what the device says, else a guess from its TCP SYN (initial TTL, window, options).")
        .ecs("host.os.full"),
    column("os_source", Make::Text(|row, out| {
        text::some((!row.os_source.is_empty()).then_some(row.os_source), out)
    }))
    .of_nobody()
    .doc("Where `os` is from: `dhcp`, `mdns`, `ssdp`, `smb`, `user_agent`, or `tcp` for the guess."),
    column("device", Make::Text(|row, out| text::some(row.device.as_deref(), out)))
        .identity(Identity::Text)
        .doc("Model or vendor class that it says it is (DHCP option 60, mDNS, SSDP).")
        .ecs("host.type"),
    column("dhcp_fingerprint", Make::Text(|row, out| text::some(row.dhcp_fingerprint.as_deref(), out)))
        .of_nobody()
        .doc("Its DHCP parameter request list, numbers joined by commas."),
    column("country", Make::Text(|row, out| text::some(country(row.address)?, out)))
        .of_nobody()
        .doc("Country that the address is registered in (ISO 3166-1 alpha-2); null for private ones.")
        .ecs("host.geo.country_iso_code"),
    column("asn", Make::U32(|row| row.asn.as_ref().map(|asn| asn.0)))
        .identity(Identity::Number)
        .doc("Number of its autonomous system, by the database given with `--asn-db`.")
        .ecs("as.number"),
    column("as_name", Make::Text(|row, out| text::some(row.asn.as_ref().map(|asn| &*asn.1), out)))
        .identity(Identity::Text)
        .doc("Name of its autonomous system, by the database given with `--asn-db`.")
        .ecs("as.organization.name"),
    column("is_local", Make::Bool(|row| Some(is_local(row.address))))
        .required()
        .doc("Whether the address has meaning only inside a network: private, link-local, loopback, multicast.")
        .zeek("local_orig"),
    column("flows", Make::U64(|row| Some(row.flows)))
        .required()
        .doc("Flows that it took part in."),
    column("peers", Make::U64(|row| Some(row.peers)))
        .required()
        .doc("Other addresses that it had flows with (a lower bound where there were more than 524,288 pairs in all)."),
    column("packets_sent", Make::U64(|row| Some(row.packets[0])))
        .required()
        .doc("Packets it sent.")
        .unit("packets"),
    column("packets_received", Make::U64(|row| Some(row.packets[1])))
        .required()
        .doc("Packets sent to it.")
        .unit("packets"),
    column("bytes_sent", Make::U64(|row| Some(row.bytes[0])))
        .required()
        .doc("Frame lengths on the wire of what it sent.")
        .unit("bytes"),
    column("bytes_received", Make::U64(|row| Some(row.bytes[1])))
        .required()
        .doc("Frame lengths on the wire of what was sent to it.")
        .unit("bytes"),
    column("services", Make::TextList(|row, item| {
        for service in &row.services {
            item(format_args!("{service}"));
        }
        (!row.services.is_empty()).then_some(())
    }))
    .identity(Identity::Service)
    .doc("Services that it offered and answered (`tls:443/tcp`), but for connections that it refused, and those it announced by mDNS or SSDP, at most 32."),
];
