//! Who is on the network: what flows, names and devices say about each address.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use netloom_decode::app::DeviceSource;
use netloom_decode::{Decoded, Network, TcpFlags, Transport};
use netloom_flow::FlowRecord;
use netloom_flow::app::{Confidence, DeviceRecord};
use netloom_flow::name::{is_address, is_local};
use netloom_packet::{MacAddr, Timestamp};
use netloom_tables::HostRow;

use crate::bounded::{BoundedTable, Counts};
use crate::compact::Address;
use crate::stage::StagePacket;

/// Services of a host that are kept.
const SERVICES_MAX: usize = 32;
/// Channels that a conversation on another port has arranged, even where the capture lacks that
/// conversation: nothing that anybody could ask for.
const ARRANGED: [&str; 3] = ["ftp-data", "rtp", "rtcp"];
/// Pairs of addresses that are remembered, to count peers.
const PAIRS_MAX: usize = 524_288;

/// What is counted of a host's flows.
pub trait Tally: Counts + std::fmt::Debug {
    /// Whether all addresses are kept, or only those of which something else is known.
    const OF_ALL: bool;
    /// A flow that the host began, or not.
    fn flow(&mut self, flow: &FlowRecord, originator: bool);
    /// It was seen outside of a flow.
    fn seen(&mut self, at: Timestamp);
}

/// All that a table of hosts shows.
#[derive(Debug)]
pub struct Traffic {
    first: Timestamp,
    last: Timestamp,
    packets: [u64; 2],
    bytes: [u64; 2],
    flows: u64,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            first: Timestamp::MAX,
            last: Timestamp::MIN,
            packets: [0; 2],
            bytes: [0; 2],
            flows: 0,
        }
    }
}

impl Counts for Traffic {
    fn weight(&self) -> u64 {
        self.bytes[0].saturating_add(self.bytes[1])
    }

    fn absorb(&mut self, other: Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        for side in 0..2 {
            self.packets[side] += other.packets[side];
            self.bytes[side] += other.bytes[side];
        }
        self.flows += other.flows;
    }
}

impl Tally for Traffic {
    const OF_ALL: bool = true;

    fn flow(&mut self, flow: &FlowRecord, originator: bool) {
        let sides = [flow.fwd, flow.bwd];
        let (sent, received) = if originator { (0, 1) } else { (1, 0) };
        self.first = self.first.min(flow.start);
        self.last = self.last.max(flow.end);
        self.packets[0] += sides[sent].packets;
        self.packets[1] += sides[received].packets;
        self.bytes[0] += sides[sent].bytes;
        self.bytes[1] += sides[received].bytes;
        self.flows += 1;
    }

    fn seen(&mut self, at: Timestamp) {
        self.first = self.first.min(at);
        self.last = self.last.max(at);
    }
}

/// Bytes alone, to tell which hosts matter: where somebody else counts the traffic.
#[derive(Debug, Default)]
pub struct Weight(u64);

impl Counts for Weight {
    fn weight(&self) -> u64 {
        self.0
    }

    fn absorb(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }
}

impl Tally for Weight {
    const OF_ALL: bool = false;

    fn flow(&mut self, flow: &FlowRecord, _originator: bool) {
        self.0 = self.0.saturating_add(flow.bytes());
    }

    fn seen(&mut self, _at: Timestamp) {}
}

/// Pairs of addresses, up to a number of them.
#[derive(Debug)]
pub struct PairSet {
    /// Most are IPv4's: a quarter of the room.
    v4: hashbrown::HashSet<[Ipv4Addr; 2], foldhash::fast::RandomState>,
    others: hashbrown::HashSet<[IpAddr; 2], foldhash::fast::RandomState>,
    max: usize,
}

impl PairSet {
    /// A set of at most `max` pairs; what comes beyond them is left out.
    pub fn new(max: usize) -> Self {
        Self {
            v4: hashbrown::HashSet::default(),
            others: hashbrown::HashSet::default(),
            max,
        }
    }

    /// Adds a pair, in whichever order.
    pub fn insert(&mut self, a: IpAddr, b: IpAddr) {
        if self.v4.len() + self.others.len() >= self.max {
            return;
        }
        let pair = if a <= b { [a, b] } else { [b, a] };
        if let [IpAddr::V4(a), IpAddr::V4(b)] = pair {
            self.v4.insert([a, b]);
        } else {
            self.others.insert(pair);
        }
    }

    /// All pairs, the smaller address first, in no order.
    pub fn iter(&self) -> impl Iterator<Item = [IpAddr; 2]> {
        let v4 = self.v4.iter().map(|pair| pair.map(IpAddr::V4));
        v4.chain(self.others.iter().copied())
    }

    fn absorb(&mut self, other: Self) {
        self.v4.extend(other.v4);
        self.others.extend(other.others);
    }
}

/// What is known about addresses, fed in packet order.
#[derive(Debug)]
pub struct HostTable<T = Traffic> {
    hosts: BoundedTable<Address, Host<T>>,
    pairs: PairSet,
}

/// Hosts of the local network, by what is known of them besides their traffic.
pub type LocalHosts = HostTable<Weight>;

/// What is known about an address.
#[derive(Debug, Default)]
struct Host<T> {
    traffic: T,
    mac: Option<MacAddr>,
    /// Services that its flows show; those that devices tell of are among what was told.
    offers: Box<[Offer]>,
    /// Few have any of it.
    told: Option<Box<Told>>,
}

/// A service, its port, whether over TCP: `service:port/transport` once it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offer {
    service: &'static str,
    port: u16,
    tcp: bool,
}

impl Offer {
    fn text(self) -> Box<str> {
        let transport = if self.tcp { "tcp" } else { "udp" };
        format!("{}:{}/{transport}", self.service, self.port).into()
    }
}

/// What was said about a host.
#[derive(Debug, Default)]
struct Told {
    hostname: Option<(u8, &'static str, Box<str>)>,
    os: Option<(u8, &'static str, Box<str>)>,
    device: Option<(u8, Box<str>)>,
    dhcp_fingerprint: Option<Box<str>>,
    services: BTreeSet<Box<str>>,
}

impl<T: Tally> Counts for Host<T> {
    fn weight(&self) -> u64 {
        // What is known by name matters more than what is only seen.
        let known = u64::from(self.told.is_some() || !self.offers.is_empty()) << 40;
        self.traffic.weight().saturating_add(known)
    }

    fn absorb(&mut self, mut other: Self) {
        self.traffic.absorb(std::mem::take(&mut other.traffic));
        self.mac = self.mac.or(other.mac);
        if self.service_count() + other.service_count() <= SERVICES_MAX {
            for &offer in &other.offers {
                self.offer(offer);
            }
        } else {
            // Which of them are kept is told by their texts, however they were learned.
            let mut offers: Vec<(Box<str>, Offer)> = Vec::new();
            offers.extend(other.offers.iter().map(|offer| (offer.text(), *offer)));
            offers.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            let mut offers = offers.into_iter().peekable();
            let texts = other.told.iter_mut();
            for text in texts.flat_map(|told| std::mem::take(&mut told.services)) {
                while let Some((_, offer)) = offers.next_if(|(before, _)| *before < text) {
                    self.offer(offer);
                }
                self.service(&text);
            }
            for (_, offer) in offers {
                self.offer(offer);
            }
        }
        if let Some(told) = other.told {
            for text in &told.services {
                self.service(text);
            }
            self.told().absorb(*told);
        }
    }
}

impl<T> Host<T> {
    fn told(&mut self) -> &mut Told {
        self.told.get_or_insert_default()
    }

    fn told_services(&self) -> Option<&BTreeSet<Box<str>>> {
        self.told.as_ref().map(|told| &told.services)
    }

    fn service_count(&self) -> usize {
        self.offers.len() + self.told_services().map_or(0, BTreeSet::len)
    }

    /// A flow shows that it offers a service.
    fn offer(&mut self, offer: Offer) {
        let is_told = |services: &BTreeSet<Box<str>>| {
            !services.is_empty() && services.contains(&*offer.text())
        };
        if !self.offers.contains(&offer)
            && self.service_count() < SERVICES_MAX
            && !self.told_services().is_some_and(is_told)
        {
            // Most hosts offer one or none.
            let mut offers = std::mem::take(&mut self.offers).into_vec();
            offers.reserve_exact(1);
            offers.push(offer);
            self.offers = offers.into_boxed_slice();
        }
    }

    /// A device tells that it offers a service.
    fn service(&mut self, service: &str) {
        if self.service_count() < SERVICES_MAX
            && !self.offers.iter().any(|offer| *offer.text() == *service)
            && !self
                .told_services()
                .is_some_and(|services| services.contains(service))
        {
            self.told().services.insert(service.into());
        }
    }

    /// What is known besides the traffic.
    fn tell(&self, row: &mut HostRow) {
        row.mac = self.mac;
        if let Some(told) = &self.told {
            if let Some((_, source, name)) = &told.hostname {
                row.hostname = Some(name.clone());
                row.hostname_source = source;
            }
            if let Some((_, source, os)) = &told.os {
                row.os = Some(os.clone());
                row.os_source = source;
            }
            row.device = told.device.as_ref().map(|(_, device)| device.clone());
            row.dhcp_fingerprint.clone_from(&told.dhcp_fingerprint);
        }
        row.services = self.services();
    }

    /// Services by their ports, those without one last.
    fn services(&self) -> Vec<Box<str>> {
        let mut services: Vec<Box<str>> = self.offers.iter().map(|offer| offer.text()).collect();
        services.extend(self.told_services().into_iter().flatten().cloned());
        services.sort_unstable();
        services.sort_by_key(|service| {
            let (_, rest) = service.split_once(':').unwrap_or_default();
            let port = rest.split('/').next().unwrap_or_default();
            port.parse::<u16>().map_or(u32::MAX, u32::from)
        });
        services
    }
}

impl Told {
    fn name(&mut self, rank: u8, source: &'static str, name: &str) {
        if !name.is_empty() && self.hostname.as_ref().is_none_or(|known| rank > known.0) {
            self.hostname = Some((rank, source, name.into()));
        }
    }

    fn os(&mut self, rank: u8, source: &'static str, os: &str) {
        if !os.is_empty() && self.os.as_ref().is_none_or(|known| rank > known.0) {
            self.os = Some((rank, source, os.into()));
        }
    }

    fn absorb(&mut self, other: Self) {
        if let Some((rank, source, name)) = other.hostname {
            self.name(rank, source, &name);
        }
        if let Some((rank, source, os)) = other.os {
            self.os(rank, source, &os);
        }
        if let Some((rank, device)) = other.device
            && self.device.as_ref().is_none_or(|known| rank > known.0)
        {
            self.device = Some((rank, device));
        }
        self.dhcp_fingerprint = self.dhcp_fingerprint.take().or(other.dhcp_fingerprint);
    }
}

/// How good a device's own words about its name are.
fn rank(source: DeviceSource) -> u8 {
    match source {
        DeviceSource::Dhcp => 20,
        DeviceSource::Mdns => 19,
        DeviceSource::Nbns => 18,
        DeviceSource::Smb => 17,
        DeviceSource::Llmnr => 16,
        DeviceSource::Ssdp => 15,
        DeviceSource::Dns => 14,
        _ => 1,
    }
}

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
        rows.sort_by(|a, b| order(a.address, b.address));
        rows
    }
}

/// IPv4 before IPv6, each by number.
fn order(a: IpAddr, b: IpAddr) -> Ordering {
    a.cmp(&b)
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
    use netloom_decode::app::{ftp, tftp};
    use netloom_decode::{DecodeOptions, decode_ip};
    use netloom_flow::app::AppInfo;
    use netloom_flow::{FlowId, FlowKey, FlowRules, flow_id};

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

    /// What flows show and devices tell is one list: each once, and of too many the first.
    #[test]
    fn services_of_both_kinds_are_one_list() {
        let offer = |port| Offer {
            service: "http",
            port,
            tcp: true,
        };
        let (mut one, mut other) = (Host::<Weight>::default(), Host::<Weight>::default());
        one.service("http:80/tcp");
        one.offer(offer(80));
        one.offer(offer(8080));
        one.service("http:8080/tcp");
        one.service("printer");
        let shown = |host: &Host<Weight>| host.services().join(" ");
        assert_eq!(shown(&one), "http:80/tcp http:8080/tcp printer");
        for port in (1000..1030).rev() {
            other.offer(offer(port));
        }
        other.service("http:1004/tcp");
        other.service("_ipp._tcp");
        one.absorb(other);
        // "_ipp" stands before all "http", those from 1000 on before what is left out.
        assert_eq!(one.service_count(), SERVICES_MAX);
        assert_eq!(one.services().len(), SERVICES_MAX);
        assert!(shown(&one).ends_with("http:1027/tcp http:8080/tcp _ipp._tcp printer"));
        one.offer(offer(1));
        assert!(!one.offers.contains(&offer(1)));
    }
}
