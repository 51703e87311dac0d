//! Who is on the network: what flows, names and devices say about each address.

mod host;
mod pairs;
mod server;
mod stations;
mod tally;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::net::IpAddr;

use netloom_decode::app::DeviceSource;
use netloom_decode::{Decoded, Network, TcpFlags, Transport};
use netloom_flow::FlowRecord;
use netloom_flow::app::{Confidence, DeviceRecord};
use netloom_flow::name::{is_address, is_local};
use netloom_packet::{MacAddr, Timestamp};
use netloom_tables::HostRow;

pub use pairs::PairSet;
pub use tally::{Tally, Traffic, Weight};

use host::{Host, Offer};
use server::{is_of_another, name_rank};
use stations::Stations;

use crate::bounded::{BoundedTable, Counts};
use crate::compact::Address;
use crate::stage::StagePacket;

/// Channels that a conversation on another port has arranged, even where the capture lacks that
/// conversation: nothing that anybody could ask for.
const ARRANGED: [&str; 3] = ["ftp-data", "rtp", "rtcp"];
/// TCP's number among IP's protocols.
const TCP: u8 = 6;
/// Pairs of addresses that are remembered, to count peers.
const PAIRS_MAX: usize = 524_288;
/// Bytes of texts that a table has room for, for each of the addresses that it has room for.
const TEXTS_OF_EACH: usize = 256;

/// What is known about addresses, fed in packet order.
#[derive(Debug)]
pub struct HostTable<T = Traffic> {
    hosts: BoundedTable<Address, Host<T>>,
    pairs: PairSet,
    /// Devices that spoke of themselves before they had an address.
    stations: Stations,
    /// Room that texts take, at the most, and how much they may.
    text_bytes: usize,
    texts_max: usize,
    /// Whether texts were forgotten.
    texts_forgotten: bool,
}

/// What a packet tells of an address by itself: ARP says who has which hardware address, a SYN how
/// its system opens connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight {
    /// The packet's number.
    pub(crate) number: u64,
    address: IpAddr,
    of: Seen,
}

#[derive(Debug, Clone, Copy)]
enum Seen {
    Card(MacAddr, Timestamp),
    System(&'static str),
}

impl Sight {
    /// What a packet tells; most tell nothing.
    pub(crate) fn of(packet: &StagePacket<'_>) -> Option<Self> {
        let decoded = packet.decoded;
        let (address, of) = if decoded.network == Network::Arp {
            let message = decoded.arp(packet.packet.data)?;
            let seen = Seen::Card(message.sender_mac, packet.packet.timestamp);
            (message.sender_ip.into(), seen)
        } else {
            (decoded.ip?.src, Seen::System(system(decoded)?))
        };
        Some(Self {
            number: packet.packet.number,
            address,
            of,
        })
    }
}

/// Hosts of the local network, by what is known of them besides their traffic.
pub type LocalHosts = HostTable<Weight>;

impl<T: Tally + Default> HostTable<T> {
    fn with_pairs(max: usize, pairs_max: usize) -> Self {
        Self {
            hosts: BoundedTable::new(max),
            pairs: PairSet::new(pairs_max),
            stations: Stations::new(max),
            text_bytes: 0,
            texts_max: max * TEXTS_OF_EACH,
            texts_forgotten: false,
        }
    }

    /// Counts the room that more texts take. Where there is too little, those of the hosts with the
    /// least traffic are forgotten: what hosts may say is bounded, but that of all is too much.
    fn more_texts(&mut self, bytes: usize) {
        self.text_bytes += bytes;
        if self.text_bytes > self.texts_max {
            self.forget_texts();
        }
    }

    #[cold]
    fn forget_texts(&mut self) {
        let hosts = self.hosts.iter().filter(|(_, host)| host.text_bytes() > 0);
        let mut hosts: Vec<_> = hosts
            .map(|(address, host)| (Reverse(host.weight()), address.ip(), host.text_bytes()))
            .collect();
        hosts.sort_unstable();
        self.text_bytes = 0;
        for (_, address, bytes) in hosts {
            if self.text_bytes + bytes <= self.texts_max / 2 {
                self.text_bytes += bytes;
            } else if let Some(host) = self.hosts.get_mut(&address) {
                host.drop_texts();
                self.texts_forgotten = true;
            }
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
            // What an address sends to itself counts once: as sent what went forward, which is where
            // packets of one direction alone are.
            if flow.src_ip == flow.dst_ip && originator != (flow.fwd.packets > 0) {
                continue;
            }
            // Behind a router it would be the router's.
            let mac = mac.filter(|mac| sent > 0 && is_a_card(*mac) && is_local_host(address));
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
            let name = app.server_name.as_deref()?;
            // A name that is an address is none.
            let is_its_own = !is_address(name) && !is_of_another(app);
            is_its_own.then_some((app.server_name_source, name))
        });
        let announced = flow.app.as_ref().is_some_and(|app| app.announced);
        let service = flow
            .service()
            .filter(|_| {
                !announced && flow.bwd.packets > 0 && flow.confidence() >= Some(Confidence::Port)
            })
            .filter(|_| !flow.is_refused())
            .filter(|service| !ARRANGED.contains(service));
        if let Some((source, name)) = name
            && let Some(host) = self.host(flow.dst_ip)
        {
            let more = host.told().name(name_rank(source), source, name);
            self.more_texts(more);
        }
        let Some(service) = service else {
            return;
        };
        let (address, port) = if flow.originator_serves() {
            (flow.src_ip, flow.src_port)
        } else {
            (flow.dst_ip, flow.dst_port)
        };
        if let Some(port) = port
            && let Some(host) = self.host(address)
        {
            let tcp = flow.protocol == TCP;
            host.offer(Offer { service, port, tcp });
        }
    }

    /// What a device said of itself or of another.
    pub fn device(&mut self, device: &DeviceRecord) {
        self.stations.device(device);
        let Some(address) = device.address.filter(|address| is_a_host(*address)) else {
            return;
        };
        let Some(host) = self.host(address) else {
            return;
        };
        let mac = device.mac.filter(|mac| is_a_card(*mac));
        if mac.is_some() && is_local(address) {
            host.mac = mac;
        }
        let told = host.told();
        let mut more = told.device(device);
        if mac.is_some() && device.source == DeviceSource::Dhcp {
            told.lease = mac;
        }
        if let Some(service) = &device.service {
            more += host.service(service);
        }
        self.more_texts(more);
    }

    /// Gives the addresses what their devices said before they had them: once, when all is known.
    pub fn settle(&mut self) {
        let stations = std::mem::take(&mut self.stations);
        self.texts_forgotten |= stations.settle(&mut self.hosts, self.texts_max);
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

    /// A packet, at once: for who has everything else of the same packets in other tables.
    pub fn packet(&mut self, packet: &StagePacket<'_>) {
        if let Some(sight) = Sight::of(packet) {
            self.sight(&sight);
        }
    }

    /// What a packet told.
    pub(crate) fn sight(&mut self, sight: &Sight) {
        let Some(host) = self.host(sight.address) else {
            return;
        };
        match sight.of {
            Seen::Card(mac, at) => {
                host.traffic.seen(at);
                host.mac = Some(mac).filter(|mac| is_a_card(*mac)).or(host.mac);
            }
            Seen::System(os) => {
                let more = host.told().os(0, "tcp", os);
                self.more_texts(more);
            }
        }
    }

    /// Adds what another table knows, without a bound: for the merge at the end. Of names and the
    /// like that are as good, this table's stand.
    pub fn absorb(&mut self, other: Self) {
        self.hosts.absorb(other.hosts);
        self.pairs.absorb(other.pairs);
        self.stations.absorb(other.stations);
        self.texts_forgotten |= other.texts_forgotten;
    }

    /// Whether addresses, devices, or what they said were forgotten for lack of room.
    pub fn forgot(&self) -> bool {
        self.hosts.forgot() || self.stations.forgot() || self.texts_forgotten
    }

    /// Whether there were more pairs of addresses than are remembered: who has how many peers is a
    /// lower bound then.
    pub fn forgot_pairs(&self) -> bool {
        self.pairs.forgot()
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

    /// The hardware address of a host.
    pub fn mac(&self, address: IpAddr) -> Option<MacAddr> {
        self.hosts.get(&address)?.mac
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

/// Whether a hardware address can be a single card's: not that of a group, and not the zeros of the
/// loopback interface.
fn is_a_card(mac: MacAddr) -> bool {
    mac.0[0] & 1 == 0 && mac != MacAddr::default()
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
