//! Who is on the network: what flows, names and devices say about each address.

mod host;
mod pairs;
mod tally;

use std::net::IpAddr;

use netloom_decode::{Decoded, Network, TcpFlags, Transport};
use netloom_flow::FlowRecord;
use netloom_flow::app::{Confidence, DeviceRecord};
use netloom_flow::name::{is_address, is_local};
use netloom_tables::HostRow;

pub use pairs::PairSet;
pub use tally::{Tally, Traffic, Weight};

use host::{Host, Offer, rank};

use crate::bounded::BoundedTable;
use crate::compact::Address;
use crate::stage::StagePacket;

/// Channels that a conversation on another port has arranged, even where the capture lacks that
/// conversation: nothing that anybody could ask for.
const ARRANGED: [&str; 3] = ["ftp-data", "rtp", "rtcp"];
/// Pairs of addresses that are remembered, to count peers.
const PAIRS_MAX: usize = 524_288;

/// What is known about addresses, fed in packet order.
#[derive(Debug)]
pub struct HostTable<T = Traffic> {
    hosts: BoundedTable<Address, Host<T>>,
    pairs: PairSet,
}

/// Hosts of the local network, by what is known of them besides their traffic.
pub type LocalHosts = HostTable<Weight>;

impl<T: Tally + Default> HostTable<T> {
    fn with_pairs(max: usize, pairs_max: usize) -> Self {
        Self {
            hosts: BoundedTable::new(max),
            pairs: PairSet::new(pairs_max),
        }
    }

    /// The entry of an address, where it is of interest.
    fn host(&mut self, address: IpAddr) -> Option<&mut Host<T>> {
        if address.is_unspecified() || !T::OF_ALL && !is_local_host(address) {
            return None;
        }
        Some(self.hosts.entry_ref(&address))
    }

    /// A flow that has ended; in the order of the packets that closed them.
    pub fn flow(&mut self, flow: &FlowRecord) {
        if flow.outer {
            return;
        }
        for (originator, address, mac, sent) in [
            (true, flow.src_ip, flow.src_mac, flow.fwd.packets),
            (false, flow.dst_ip, flow.dst_mac, flow.bwd.packets),
        ] {
            // Behind a router it would be the router's.
            let mac = mac.filter(|_| sent > 0 && is_local_host(address));
            let host = if T::OF_ALL || mac.is_some() {
                self.host(address)
            } else {
                self.hosts.get_mut(&address)
            };
            if let Some(host) = host {
                host.traffic.flow(flow, originator);
                host.mac = host.mac.or(mac);
            }
        }
        if T::OF_ALL && flow.src_ip != flow.dst_ip {
            self.pairs.insert(flow.src_ip, flow.dst_ip);
        }
        self.server(flow);
    }

    /// What a flow says about the host that was asked.
    fn server(&mut self, flow: &FlowRecord) {
        let name = flow.app.as_ref().and_then(|app| {
            let source = app.server_name_source;
            let name = app.server_name.as_deref()?;
            // A name that is an address is none.
            (!is_address(name)).then_some((source, name))
        });
        let announced = flow.app.as_ref().is_some_and(|app| app.announced);
        let service = flow
            .service()
            .filter(|_| {
                !announced && flow.bwd.packets > 0 && flow.confidence() >= Some(Confidence::Port)
            })
            .filter(|service| !ARRANGED.contains(service));
        if name.is_none() && service.is_none() {
            return;
        }
        let port = flow.dst_port;
        let tcp = flow.protocol == 6;
        let Some(host) = self.host(flow.dst_ip) else {
            return;
        };
        if let Some((source, name)) = name {
            let rank = match source {
                "mdns" => 19,
                "dns" => 14,
                _ => 8,
            };
            host.told().name(rank, source, name);
        }
        if let (Some(service), Some(port)) = (service, port) {
            host.offer(Offer { service, port, tcp });
        }
    }

    /// What a device said of itself or of another.
    pub fn device(&mut self, device: &DeviceRecord) {
        let Some(address) = device.address.filter(|address| is_a_host(*address)) else {
            return;
        };
        let Some(host) = self.host(address) else {
            return;
        };
        if device.mac.is_some() && is_local(address) {
            host.mac = device.mac;
        }
        let (rank, source) = (rank(device.source), device.source.name());
        let told = host.told();
        if let Some(name) = &device.hostname {
            told.name(rank, source, name);
        }
        if let Some(os) = &device.os {
            told.os(rank, source, os);
        }
        let model = device.model.as_deref().or(device.vendor.as_deref());
        if let Some(model) = model.filter(|model| !model.is_empty()) {
            let rank = rank + u8::from(device.model.is_some());
            if told.device.as_ref().is_none_or(|known| rank > known.0) {
                told.device = Some((rank, model.into()));
            }
        }
        if told.dhcp_fingerprint.is_none() {
            told.dhcp_fingerprint.clone_from(&device.fingerprint);
        }
        if let Some(service) = &device.service {
            host.service(service);
        }
    }

    /// Whether [`packet`](Self::packet) has anything to learn from a packet.
    #[inline]
    pub fn wants(decoded: &Decoded) -> bool {
        match &decoded.transport {
            Transport::Tcp(header) => {
                header.flags.contains(TcpFlags::SYN) && !header.flags.contains(TcpFlags::ACK)
            }
            _ => decoded.network == Network::Arp,
        }
    }

    /// A packet: ARP says who has which hardware address, a SYN how its system opens connections.
    pub fn packet(&mut self, packet: &StagePacket<'_>) {
        let decoded = packet.decoded;
        if decoded.network == Network::Arp {
            let Some(message) = decoded.arp(packet.packet.data) else {
                return;
            };
            let (address, mac) = (IpAddr::from(message.sender_ip), message.sender_mac);
            if let Some(host) = self.host(address) {
                host.traffic.seen(packet.packet.timestamp);
                host.mac = Some(mac);
            }
            return;
        }
        if let (Some(ip), Some(os)) = (&decoded.ip, system(decoded))
            && let Some(host) = self.host(ip.src)
        {
            host.told().os(0, "tcp", os);
        }
    }

    /// Adds what another table knows, without a bound: for the merge at the end. Of names and the
    /// like that are as good, this table's stand.
    pub fn absorb(&mut self, other: Self) {
        self.hosts.absorb(other.hosts);
        self.pairs.absorb(other.pairs);
    }

    /// Whether addresses were forgotten for lack of room.
    pub fn forgot(&self) -> bool {
        self.hosts.forgot()
    }
}

impl LocalHosts {
    /// A table of at most `max` addresses of the local network; with more, those with the least
    /// traffic are forgotten.
    pub fn local(max: usize) -> Self {
        Self::with_pairs(max, 0)
    }

    /// All addresses, in no order.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.hosts.iter().map(|(address, _)| address.ip())
    }

    /// What is known of an address besides its traffic.
    pub fn row(&self, address: IpAddr) -> HostRow {
        let mut row = HostRow::new(address);
        if let Some(host) = self.hosts.get(&address) {
            host.tell(&mut row);
        }
        row
    }
}

impl HostTable {
    /// A table of at most `max` addresses; with more, those with the least traffic are forgotten.
    pub fn new(max: usize) -> Self {
        Self::with_pairs(max, PAIRS_MAX)
    }

    /// Rows, in the order of the addresses.
    pub fn rows(&self) -> Vec<HostRow> {
        let mut peers: hashbrown::HashMap<IpAddr, u64, foldhash::fast::RandomState> =
            hashbrown::HashMap::default();
        for address in self.pairs.iter().flatten() {
            *peers.entry(address).or_default() += 1;
        }
        let mut rows: Vec<HostRow> = self
            .hosts
            .iter()
            .map(|(address, host)| {
                let address = address.ip();
                let mut row = HostRow::new(address);
                row.first_seen = host.traffic.first;
                row.last_seen = host.traffic.last;
                row.packets = host.traffic.packets;
                row.bytes = host.traffic.bytes;
                row.flows = host.traffic.flows;
                row.peers = peers.get(&address).copied().unwrap_or(0);
                host.tell(&mut row);
                row
            })
            .collect();
        // IPv4 before IPv6, each by number.
        rows.sort_by_key(|row| row.address);
        rows
    }
}

/// Whether an address is a single machine's of the local network.
pub fn is_local_host(address: IpAddr) -> bool {
    is_local(address) && is_a_host(address)
}

/// Whether an address can be a single machine's.
fn is_a_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_multicast() && !v4.is_broadcast() && !v4.is_unspecified(),
        IpAddr::V6(v6) => !v6.is_multicast() && !v6.is_unspecified(),
    }
}

/// A guess at the system that sends a SYN: initial TTL (64, 128, 255: the next power above what
/// is left of it), window, and whether it offers timestamps. What systems do is common knowledge;
/// where it fits several nothing is said.
fn system(decoded: &Decoded) -> Option<&'static str> {
    let Transport::Tcp(header) = &decoded.transport else {
        return None;
    };
    let ttl = decoded.ip?.ttl;
    let initial = match ttl {
        0..=32 => return None,
        33..=64 => 64,
        65..=128 => 128,
        129..=255 => 255,
    };
    let timestamps = header.timestamps.is_some();
    match (initial, header.window, timestamps, header.window_scale) {
        (128, 8192 | 64240 | 65535 | 65520 | 62720, false, Some(8)) => Some("Windows"),
        (64, 65535, true, Some(5..=6)) => Some("macOS or iOS"),
        (64, 65535, true, Some(8..=9)) => Some("Android"),
        (64, 29200 | 64240 | 14600 | 5840 | 43690 | 42340 | 32120 | 65495, true, Some(6..=10)) => {
            Some("Linux")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_decode::app::{DeviceSource, ftp, tftp};
    use netloom_decode::{DecodeOptions, decode_ip};
    use netloom_flow::app::AppInfo;
    use netloom_flow::{FlowId, FlowKey, FlowRules, flow_id};
    use netloom_packet::{MacAddr, Timestamp};

    /// Some flow's identifier.
    fn id() -> FlowId {
        let datagram = [
            0x45, 0, 0, 20, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        ];
        let decoded = decode_ip(&datagram, 20, DecodeOptions::default());
        let (key, _) = FlowKey::new(&decoded, FlowRules::Native).unwrap();
        flow_id(&key, Timestamp::from_nanos(0), 1, "")
    }

    fn flow(src: &str, dst: &str, bytes: u64) -> FlowRecord {
        let (src, dst) = (src.parse().unwrap(), dst.parse().unwrap());
        let mut flow = FlowRecord::new(id(), src, dst, 6);
        flow.dst_port = Some(443);
        flow.fwd.packets = 1;
        flow.fwd.bytes = bytes;
        flow.bwd.packets = 2;
        flow.bwd.bytes = 2 * bytes;
        flow.src_mac = Some(MacAddr([0, 0, 0x0c, 0, 0, 1]));
        flow.dst_mac = Some(MacAddr([0, 0, 0x0c, 0, 0, 2]));
        flow
    }

    #[test]
    fn both_ends_count() {
        let mut table = HostTable::new(100);
        table.flow(&flow("10.0.0.1", "198.51.100.1", 100));
        table.flow(&flow("10.0.0.1", "198.51.100.2", 10));
        let rows = table.rows();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0].address.to_string(), "10.0.0.1");
        assert_eq!(
            (rows[0].bytes, rows[0].peers, rows[0].flows),
            ([110, 220], 2, 2)
        );
        assert!(
            rows[0].mac.is_some() && rows[1].mac.is_none(),
            "the router's is not the server's"
        );
        assert_eq!(*rows[1].services, ["tls:443/tcp".into()]);
    }

    #[test]
    fn services_are_what_can_be_asked_for() {
        let mut table = HostTable::new(100);
        let channels = [
            (443, None, false),
            (22, None, false),
            (50_069, Some(&ftp::DATA), false),
            (50_070, Some(&tftp::PROTOCOL), true),
        ];
        for (port, service, announced) in channels {
            let mut flow = flow("10.0.0.1", "198.51.100.1", 100);
            flow.dst_port = Some(port);
            if let Some(service) = service {
                let mut app = AppInfo::default();
                (app.service, app.confidence) = (Some(service), Some(Confidence::Content));
                app.announced = announced;
                flow.app = Some(Box::new(app));
            }
            table.flow(&flow);
        }
        let rows = table.rows();
        let offered: Vec<&str> = rows[1].services.iter().map(|text| &**text).collect();
        assert_eq!(offered, ["ssh:22/tcp", "tls:443/tcp"]);
    }

    #[test]
    fn the_best_source_names_a_host() {
        let mut table = LocalHosts::local(100);
        let device = |source, name: &str| DeviceRecord {
            address: Some("10.0.0.7".parse().unwrap()),
            mac: None,
            source,
            hostname: Some(name.into()),
            vendor: None,
            model: None,
            os: None,
            fingerprint: None,
            service: None,
        };
        for (source, name) in [
            (DeviceSource::Nbns, "PRINTER"),
            (DeviceSource::Dhcp, "printer-2"),
            (DeviceSource::Mdns, "printer.local"),
        ] {
            table.device(&device(source, name));
        }
        table.flow(&flow("203.0.113.1", "198.51.100.1", 1));
        let addresses: Vec<IpAddr> = table.addresses().collect();
        assert_eq!(addresses.len(), 1, "only local ones");
        let row = table.row(addresses[0]);
        assert_eq!(row.hostname.as_deref(), Some("printer-2"));
        assert_eq!(row.hostname_source, "dhcp");
    }
}
