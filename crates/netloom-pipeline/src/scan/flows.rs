//! Which flow each packet belongs to, kept from the pass that finds out to the one that tells.
//!
//! A flow is told by the number of its first packet, which only flows that begin in the same
//! packet share (the datagrams of an 802.11 aggregate): [`FlowNames`] tells those apart by what
//! is in a packet.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;
use netloom_decode::Decoded;
use netloom_flow::name::registrable_domain;
use netloom_flow::{FlowId, FlowKey, FlowRecord, FlowRules, flow_id};
use netloom_packet::Timestamp;

use crate::block::BlockView;

/// Bytes in memory before the rest goes to a temporary file.
const IN_MEMORY: usize = 64 << 20;

/// A block's packets: for each number from its first to its last, how far back the first packet
/// of its flow is, plus [`BACK`]; [`NO_FLOW`], or [`NO_PACKET`] where there is none of that number.
/// Behind that, where they are wanted, the service that a packet's ports stand for.
#[derive(Debug)]
pub(super) struct PackedFlows {
    first_number: u64,
    numbers: u64,
    packets: usize,
    bytes: Vec<u8>,
    services: Option<Services>,
}

const NO_PACKET: u64 = 0;
const NO_FLOW: u64 = 1;
const BACK: u64 = 2;

/// Services by their places from 1.
type Services = Vec<&'static str>;

impl PackedFlows {
    /// Those of a block; with `services` what the packets' ports stand for, too.
    pub(super) fn new(block: &BlockView<'_>, services: bool) -> Self {
        let len = block.len();
        let first_number = block.number(0);
        let mut bytes = Vec::with_capacity(3 * len);
        let mut expected = first_number;
        let mut known = services.then(Services::new);
        for (index, (_, decoded, _)) in block.packets().enumerate() {
            let number = block.number(index);
            // Numbers that a filter took away.
            bytes.resize(bytes.len() + (number - expected) as usize, NO_PACKET as u8);
            let back = block
                .flow_first(index)
                .map_or(NO_FLOW, |first| number.saturating_sub(first) + BACK);
            push(back, &mut bytes);
            if let Some(known) = &mut known {
                push(place(decoded.service_by_port(), known), &mut bytes);
            }
            expected = number + 1;
        }
        Self {
            first_number,
            numbers: expected - first_number,
            packets: len,
            bytes,
            services: known,
        }
    }
}

/// The place of a service among those that are known, from 1; 0: none.
#[inline]
fn place(service: Option<&'static str>, known: &mut Services) -> u64 {
    let Some(service) = service else {
        return 0;
    };
    // There are few in a block, and each has one text.
    let place = known.iter().position(|&known| std::ptr::eq(known, service));
    let place = place.unwrap_or_else(|| {
        known.push(service);
        known.len() - 1
    });
    place as u64 + 1
}

/// Appends a number, seven bits a byte, the lowest first.
#[inline]
fn push(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a number off the front.
#[inline]
fn pull(bytes: &mut std::slice::Iter<'_, u8>) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.next()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(number)
}

/// The flows of all packets, in the order of the stream.
#[derive(Debug, Default)]
pub(super) struct PacketFlows {
    chunks: Vec<Chunk>,
    /// Bytes of the chunks that are in memory, the last ones.
    bytes: Vec<u8>,
    spilled: Option<Mutex<File>>,
    /// Bytes in the file.
    in_file: u64,
    /// Flows of packets that were known only after them, by the packets' numbers.
    late: Vec<(u64, u64)>,
}

#[derive(Debug)]
struct Chunk {
    first_number: u64,
    numbers: u64,
    packets: usize,
    start: u64,
    len: usize,
    services: Option<Box<[&'static str]>>,
}

/// A packet's flow by the number of its first packet (0: none), and the service that its ports
/// stand for.
pub(super) type PacketFlow = (u64, Option<&'static str>);

impl Chunk {
    /// Hands out the packets, each by its number.
    fn packets(&self, bytes: &[u8], mut packet: impl FnMut(u64, PacketFlow)) {
        let mut bytes = bytes.iter();
        for number in self.first_number..self.first_number + self.numbers {
            let Some(back) = pull(&mut bytes) else { break };
            if back == NO_PACKET {
                continue;
            }
            let service = self.services.as_ref().and_then(|services| {
                let place = pull(&mut bytes)?.checked_sub(1)?;
                services.get(place as usize).copied()
            });
            let first = match back {
                NO_FLOW => 0,
                back => number.saturating_sub(back - BACK),
            };
            packet(number, (first, service));
        }
    }
}

impl PacketFlows {
    /// Takes the flows of packets that were known only after them.
    pub(super) fn correct(&mut self, late: HashMap<u64, u64>) {
        self.late = late.into_iter().collect();
        self.late.sort_unstable();
    }

    /// Takes the next block's.
    pub(super) fn append(&mut self, packed: PackedFlows) -> io::Result<()> {
        if self.bytes.len() + packed.bytes.len() > IN_MEMORY {
            self.spill()?;
        }
        self.chunks.push(Chunk {
            first_number: packed.first_number,
            numbers: packed.numbers,
            packets: packed.packets,
            start: self.in_file + self.bytes.len() as u64,
            len: packed.bytes.len(),
            services: packed.services.map(Vec::into_boxed_slice),
        });
        self.bytes.extend_from_slice(&packed.bytes);
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        let mut file = match self.spilled.take() {
            Some(file) => file.into_inner().unwrap_or_else(PoisonError::into_inner),
            None => tempfile::tempfile()?,
        };
        file.write_all(&self.bytes)?;
        self.in_file += self.bytes.len() as u64;
        self.bytes.clear();
        self.spilled = Some(Mutex::new(file));
        Ok(())
    }

    /// The numbers of the first packets of the flows of a block's packets; 0: none.
    pub(super) fn of(&self, block: &BlockView<'_>) -> io::Result<Vec<u64>> {
        let len = block.len();
        let mut firsts = vec![0; len];
        let Some(end) = len.checked_sub(1).map(|last| block.number(last) + 1) else {
            return Ok(firsts);
        };
        let begin = block.number(0);
        let mut index = 0;
        let from = self
            .chunks
            .partition_point(|chunk| chunk.first_number + chunk.numbers <= begin);
        for chunk in self.chunks[from..]
            .iter()
            .take_while(|chunk| chunk.first_number < end)
        {
            chunk.packets(&self.bytes_of(chunk)?, |number, (first, _)| {
                while index < len && block.number(index) < number {
                    index += 1;
                }
                if index < len && first > 0 && block.number(index) == number {
                    firsts[index] = first;
                }
            });
        }
        let late = self.late.partition_point(|&(number, _)| number < begin);
        for &(number, first) in self.late[late..]
            .iter()
            .take_while(|&&(number, _)| number < end)
        {
            // Numbers rise from packet to packet; some may be left out.
            let (mut low, mut high) = (0, len);
            while low < high {
                let middle = usize::midpoint(low, high);
                if block.number(middle) < number {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            if low < len && block.number(low) == number {
                firsts[low] = first;
            }
        }
        Ok(firsts)
    }

    /// Cuts what there is into parts of at least so many packets, as far as there are as many.
    pub(super) fn parts(&self, packets: usize) -> Vec<Range<usize>> {
        let (mut parts, mut begin, mut count) = (Vec::new(), 0, 0);
        for (place, chunk) in self.chunks.iter().enumerate() {
            count += chunk.packets;
            if count >= packets {
                parts.push(begin..place + 1);
                (begin, count) = (place + 1, 0);
            }
        }
        if count > 0 {
            parts.push(begin..self.chunks.len());
        }
        parts
    }

    /// The packets of a part in their order.
    pub(super) fn packets_of(&self, part: Range<usize>) -> io::Result<Vec<PacketFlow>> {
        let chunks = self.chunks.get(part).unwrap_or_default();
        let mut flows = Vec::with_capacity(chunks.iter().map(|chunk| chunk.packets).sum());
        let begin = chunks.first().map_or(0, |chunk| chunk.first_number);
        let late = self.late.partition_point(|&(number, _)| number < begin);
        let mut late = self.late[late..].iter().peekable();
        for chunk in chunks {
            chunk.packets(&self.bytes_of(chunk)?, |number, (first, service)| {
                while late.next_if(|&&(late, _)| late < number).is_some() {}
                let later = late.next_if(|&&(late, _)| late == number);
                flows.push((later.map_or(first, |&(_, first)| first), service));
            });
        }
        Ok(flows)
    }

    /// The bytes of a chunk, wherever they are.
    fn bytes_of(&self, chunk: &Chunk) -> io::Result<Cow<'_, [u8]>> {
        let Some(start) = chunk.start.checked_sub(self.in_file) else {
            return self.read(chunk).map(Cow::Owned);
        };
        let bytes = self.bytes.get(start as usize..).unwrap_or_default();
        Ok(Cow::Borrowed(bytes.get(..chunk.len).unwrap_or_default()))
    }

    fn read(&self, chunk: &Chunk) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; chunk.len];
        if let Some(file) = &self.spilled {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(chunk.start))?;
            file.read_exact(&mut bytes)?;
        }
        Ok(bytes)
    }
}

/// A server's name, and its registrable domain, looked up once.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) name: Box<str>,
    domain: Domain,
}

/// A name's registrable domain.
#[derive(Debug, PartialEq, Eq)]
enum Domain {
    /// Where in the name it stands; empty: it has none.
    Part(Range<usize>),
    /// In lower case, where the name has it otherwise.
    Lower(Box<str>),
}

impl Server {
    pub(super) fn new(name: &str) -> Self {
        let domain = match registrable_domain(name) {
            Some(Cow::Borrowed(domain)) => {
                let start = name.rfind(domain).unwrap_or(name.len());
                Domain::Part(start..start + domain.len())
            }
            Some(Cow::Owned(domain)) => Domain::Lower(domain.into()),
            None => Domain::Part(0..0),
        };
        Self {
            name: name.into(),
            domain,
        }
    }

    /// Its registrable domain, where it has one.
    pub(super) fn domain(&self) -> Option<&str> {
        let domain = match &self.domain {
            Domain::Part(part) => self.name.get(part.clone())?,
            Domain::Lower(domain) => domain,
        };
        (!domain.is_empty()).then_some(domain)
    }
}

/// What is known of a flow when it has ended.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) flow_id: FlowId,
    start: Timestamp,
    /// Its service, however it is known.
    pub(super) service: Option<&'static str>,
    pub(super) server: Option<Arc<Server>>,
}

/// Most flows of which something is kept for a second pass.
const FLOWS_MAX: usize = 4 << 20;

/// What a shard knows of flows that have ended, by the number of their first packets.
#[derive(Debug, Default)]
pub(super) struct ShardNames {
    flows: Vec<(u64, Named)>,
    servers: HashMap<Box<str>, Arc<Server>, RandomState>,
    overflowed: bool,
}

impl ShardNames {
    /// A flow's end.
    pub(super) fn flow_end(&mut self, flow: &FlowRecord) {
        if flow.outer {
            // No packet is its own.
            return;
        }
        if self.flows.len() >= FLOWS_MAX / crate::SHARDS {
            self.overflowed = true;
            return;
        }
        let server = flow.server_name().map(|name| {
            if let Some(server) = self.servers.get(name) {
                return Arc::clone(server);
            }
            let server = Arc::new(Server::new(name));
            self.servers.insert(name.into(), Arc::clone(&server));
            server
        });
        let named = Named {
            flow_id: flow.flow_id(),
            start: flow.start,
            service: flow.service(),
            server,
        };
        self.flows.push((flow.first_number, named));
    }
}

/// What is known of all flows that have ended, by the number of their first packets.
#[derive(Debug, Default)]
pub(super) struct FlowNames {
    flows: HashMap<u64, Named, RandomState>,
    /// Further flows that began in the same packet.
    others: HashMap<u64, Vec<Named>, RandomState>,
    /// There were more than are kept.
    pub(super) overflowed: bool,
}

impl FlowNames {
    /// Whether packets must be looked at to tell their flow.
    pub(super) fn is_ambiguous(&self) -> bool {
        !self.others.is_empty()
    }

    /// What is known of the flow that began with a packet, where no two did with any.
    pub(super) fn of_first(&self, first_number: u64) -> Option<&Named> {
        self.flows.get(&first_number)
    }

    /// What is known of the flow of a packet.
    #[inline]
    pub(super) fn get(
        &self,
        first_number: u64,
        decoded: &Decoded,
        rules: FlowRules,
        sensor: &str,
    ) -> Option<&Named> {
        let named = self.flows.get(&first_number)?;
        if self.others.is_empty() {
            return Some(named);
        }
        let Some(others) = self.others.get(&first_number) else {
            return Some(named);
        };
        // Its identifier is made from the packet's own key.
        let (key, _) = FlowKey::new(decoded, rules)?;
        std::iter::once(named)
            .chain(others)
            .find(|named| flow_id(&key, named.start, first_number, sensor) == named.flow_id)
    }
}

impl FromIterator<ShardNames> for FlowNames {
    fn from_iter<I: IntoIterator<Item = ShardNames>>(shards: I) -> Self {
        let shards: Vec<ShardNames> = shards.into_iter().collect();
        let mut names = Self::default();
        let flows = shards.iter().map(|shard| shard.flows.len()).sum();
        names.flows.reserve(flows);
        for shard in shards {
            names.overflowed |= shard.overflowed;
            for (first_number, named) in shard.flows {
                match names.flows.entry(first_number) {
                    Entry::Vacant(place) => {
                        place.insert(named);
                    }
                    Entry::Occupied(_) => {
                        names.others.entry(first_number).or_default().push(named);
                    }
                }
            }
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_parts() {
        let mut flows = PacketFlows::default();
        // Numbers 3 to 6, of which 4 is missing; then 7.
        for (first_number, numbers, packets, values) in
            [(3, 4, 3, &[2, 0, 0, 4, 1, 1, 0][..]), (7, 1, 1, &[6, 2])]
        {
            let mut bytes = Vec::new();
            for &value in values {
                push(value, &mut bytes);
            }
            let services = Some(vec!["dns", "tls"]);
            let packed = PackedFlows {
                first_number,
                numbers,
                packets,
                bytes,
                services,
            };
            flows.append(packed).unwrap();
        }
        let first = [(3, None), (3, Some("dns")), (0, None)];
        let all = [&first[..], &[(3, Some("tls"))]].concat();
        assert_eq!(flows.parts(3), [0..1, 1..2]);
        assert_eq!(flows.parts(4).first(), Some(&(0..2)));
        assert_eq!(flows.packets_of(0..2).unwrap(), all);
        flows.spill().unwrap();
        assert_eq!(flows.packets_of(0..1).unwrap(), first);
        flows.correct(HashMap::from([(6, 5), (1, 1), (9, 1)]));
        assert_eq!(flows.packets_of(0..1).unwrap()[2], (5, None));
        assert_eq!(flows.packets_of(1..2).unwrap(), all[3..]);
    }

    #[test]
    fn numbers_are_pulled_as_they_were_pushed() {
        let numbers = [0, 1, 127, 128, 300, 1 << 20, u64::from(u32::MAX), u64::MAX];
        let mut bytes = Vec::new();
        for number in numbers {
            push(number, &mut bytes);
        }
        let mut bytes = bytes.iter();
        for number in numbers {
            assert_eq!(pull(&mut bytes), Some(number));
        }
        assert_eq!(pull(&mut bytes), None);
    }

    #[test]
    fn domains_are_parts_of_names() {
        for (name, domain) in [
            ("www.example.co.uk", Some("example.co.uk")),
            ("example.com", Some("example.com")),
            ("com.example.com.", Some("example.com")),
            ("WWW.example.com", Some("example.com")),
            ("www.eXaMPle.cOM.", Some("example.com")),
            ("10.0.0.1", None),
            ("localhost", None),
            ("", None),
        ] {
            assert_eq!(Server::new(name).domain(), domain, "{name}");
            assert_eq!(registrable_domain(name).as_deref(), domain, "{name}");
        }
    }
}
