//! Packets made by hand, a stage that writes everything down, ways to run the engine.

use std::io;
use std::net::IpAddr;

use netloom_capture::file::{OpenOptions, open, open_reader};
use netloom_decode::{Decoded, Network};
use netloom_flow::{FlowConfig, FlowId, FlowRecord, FlowRules};
use netloom_packet::{PacketSource, Timestamp};
use netloom_pipeline::{
    BlockView, Control, Needs, Outcome, PipelineOptions, ShardFacts, Stage, StagePacket, run,
};

pub(crate) const SECOND: i64 = 1_000_000_000;

/// xorshift64*: chance that is the same every time.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}

/// A classic pcap file of raw IP packets (nanoseconds, LINKTYPE_RAW).
pub(crate) struct Pcap(Vec<u8>);

impl Pcap {
    pub(crate) fn new() -> Self {
        let mut file = Vec::new();
        for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 262_144, 101] {
            file.extend(word.to_le_bytes());
        }
        Self(file)
    }

    pub(crate) fn push(&mut self, at: i64, packet: &[u8]) {
        let (seconds, nanos) = (at / SECOND, at % SECOND);
        for word in [
            seconds as u32,
            nanos as u32,
            packet.len() as u32,
            packet.len() as u32,
        ] {
            self.0.extend(word.to_le_bytes());
        }
        self.0.extend(packet);
    }

    pub(crate) fn of<'a>(packets: impl IntoIterator<Item = (i64, &'a [u8])>) -> Vec<u8> {
        let mut file = Self::new();
        for (at, packet) in packets {
            file.push(at, packet);
        }
        file.finish()
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// An IPv4 packet from 10.0.`src` to 10.0.`dst`; `field` is flags and fragment offset.
pub(crate) fn ipv4(
    src: u16,
    dst: u16,
    protocol: u8,
    id: u16,
    field: u16,
    payload: &[u8],
) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((20 + payload.len() as u16).to_be_bytes());
    packet.extend(id.to_be_bytes());
    packet.extend(field.to_be_bytes());
    packet.extend([64, protocol, 0, 0, 10, 0]);
    packet.extend(src.to_be_bytes());
    packet.extend([10, 0]);
    packet.extend(dst.to_be_bytes());
    packet.extend(payload);
    packet
}

/// A UDP datagram without its IP header.
pub(crate) fn udp(src_port: u16, dst_port: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::new();
    datagram.extend(src_port.to_be_bytes());
    datagram.extend(dst_port.to_be_bytes());
    datagram.extend((8 + payload.len() as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    datagram
}

/// A TCP segment without its IP header.
pub(crate) fn tcp(
    src_port: u16,
    dst_port: u16,
    sequence: u32,
    flags: u8,
    payload: &[u8],
) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend(src_port.to_be_bytes());
    segment.extend(dst_port.to_be_bytes());
    segment.extend(sequence.to_be_bytes());
    segment.extend([0, 0, 0, 1, 0x50, flags, 0x20, 0, 0, 0, 0, 0]);
    segment.extend(payload);
    segment
}

/// A datagram cut into fragments of `size` bytes (a multiple of 8).
pub(crate) fn fragments(src: u16, dst: u16, id: u16, datagram: &[u8], size: usize) -> Vec<Vec<u8>> {
    let count = datagram.len().div_ceil(size);
    datagram
        .chunks(size)
        .enumerate()
        .map(|(index, chunk)| {
            let more = if index + 1 < count { 0x2000 } else { 0 };
            ipv4(src, dst, 17, id, more | (index * size / 8) as u16, chunk)
        })
        .collect()
}

/// Traffic of every kind the engine treats in its own way: connections, datagrams, fragments in
/// any order, some never complete, tunnels, what has no IP header, times that jump and go back.
pub(crate) fn traffic(seed: u64, packets: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut file = Pcap::new();
    let mut waiting: Vec<Vec<u8>> = Vec::new();
    let mut at = 1_700_000_000 * SECOND;
    for number in 0..packets {
        at += match random.below(50) {
            0 => 40 * SECOND,
            1 => -(random.below(3 * SECOND as u64) as i64),
            _ => random.below(300_000_000) as i64,
        };
        if !waiting.is_empty() && random.below(3) == 0 {
            let index = random.below(waiting.len() as u64) as usize;
            file.push(at, &waiting.swap_remove(index));
            continue;
        }
        let (src, dst) = (random.below(12) as u16, 100 + random.below(5) as u16);
        let port = 40_000 + random.below(4) as u16;
        let payload = vec![number as u8; random.below(60) as usize];
        match random.below(10) {
            0..4 => {
                let flags = [0x02, 0x10, 0x18, 0x18, 0x11, 0x04][random.below(6) as usize];
                let segment = tcp(port, 80, number as u32, flags, &payload);
                file.push(at, &ipv4(src, dst, 6, 0, 0, &segment));
            }
            4 => {
                let segment = tcp(80, port, number as u32, 0x12, &payload);
                file.push(at, &ipv4(dst, src, 6, 0, 0, &segment));
            }
            5 | 6 => file.push(at, &ipv4(src, dst, 17, 0, 0, &udp(port, 53, &payload))),
            7 => {
                let datagram = udp(port, 5000, &[number as u8; 100]);
                let mut pieces = fragments(src, dst, number as u16, &datagram, 32);
                if random.below(4) == 0 {
                    pieces.swap_remove(random.below(pieces.len() as u64) as usize);
                }
                file.push(
                    at,
                    &pieces.swap_remove(random.below(pieces.len() as u64) as usize),
                );
                waiting.append(&mut pieces);
            }
            8 => {
                // VXLAN: under Zeek's rules its outer flow counts too.
                let mut frame = vec![0x08, 0, 0, 0, 0, 0, 7, 0];
                frame.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
                frame.extend(ipv4(dst, src, 17, 0, 0, &udp(port, 123, &payload)));
                file.push(at, &ipv4(src, dst, 17, 0, 0, &udp(port, 4789, &frame)));
            }
            _ => file.push(at, &payload),
        }
    }
    file.finish()
}

/// Something that happened in a shard.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// A packet: its number, its ports, the first packet of its flow.
    Packet(u64, u16, u16, Option<u64>),
    /// A flow ended.
    Flow(Box<FlowRecord>),
}

/// Everything a stage gets to see.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Recording {
    /// Shard by shard, in order.
    pub(crate) shards: Vec<Vec<Event>>,
    /// Flows in the order they are handed out.
    pub(crate) flows: Vec<FlowRecord>,
    /// Packets and their flows, in the order rows are handed out.
    pub(crate) rows: Vec<(u64, Option<FlowId>)>,
    /// Packets seen in order.
    pub(crate) cross: Vec<u64>,
    /// Sum over threads.
    pub(crate) packets: u64,
    pub(crate) ip_packets: u64,
    pub(crate) facts: ShardFacts,
}

impl Recording {
    pub(crate) fn flow_packets(&self) -> u64 {
        self.flows.iter().map(FlowRecord::packets).sum()
    }

    /// The only flow of UDP or TCP with these ports, in either direction.
    pub(crate) fn flow(&self, src_port: u16, dst_port: u16) -> &FlowRecord {
        let mut found = self.flows.iter().filter(|flow| {
            let ports = (flow.src_port, flow.dst_port);
            ports == (Some(src_port), Some(dst_port)) || ports == (Some(dst_port), Some(src_port))
        });
        let flow = found
            .next()
            .unwrap_or_else(|| panic!("no flow {src_port} {dst_port}: {self:#?}"));
        assert!(
            found.next().is_none(),
            "more than one flow {src_port} {dst_port}"
        );
        flow
    }
}

/// Events of a shard: those of the whole run, flows of this round.
#[derive(Debug, Default)]
pub(crate) struct RecordingShard {
    events: Vec<Event>,
    closed: Vec<FlowRecord>,
}

/// Writes down everything.
pub(crate) struct RecordingStage;

impl Stage for RecordingStage {
    type Worker = (u64, u64);
    type Shard = RecordingShard;
    type Serial = Recording;
    type Rows = Vec<(u64, Option<FlowId>)>;
    type Output = Recording;

    fn needs(&self) -> Needs {
        Needs {
            flows: true,
            packets: true,
            rows: true,
            flow_ids: true,
            applications: None,
            ..Needs::default()
        }
    }

    fn new_worker(&self) -> (u64, u64) {
        (0, 0)
    }

    fn new_shard(&self) -> RecordingShard {
        RecordingShard::default()
    }

    fn new_serial(&self) -> Recording {
        Recording::default()
    }

    fn packet(&self, sums: &mut (u64, u64), shard: &mut RecordingShard, packet: &StagePacket<'_>) {
        sums.0 += 1;
        sums.1 += u64::from(packet.decoded.ip.is_some());
        shard.events.push(Event::Packet(
            packet.packet.number,
            packet.decoded.src_port,
            packet.decoded.dst_port,
            packet.flow.map(|(_, flow)| flow.first_number),
        ));
    }

    fn flow_end(&self, _: &mut (u64, u64), shard: &mut RecordingShard, flow: FlowRecord) {
        shard.events.push(Event::Flow(Box::new(flow.clone())));
        shard.closed.push(flow);
    }

    fn wants_cross(&self, decoded: &Decoded) -> bool {
        decoded.network != Network::Ipv4 || decoded.dst_port == 53
    }

    fn cross(&self, recording: &mut Recording, packet: &StagePacket<'_>) {
        recording.cross.push(packet.packet.number);
    }

    fn block(&self, block: &BlockView<'_>) -> Option<Self::Rows> {
        Some(
            block
                .packets()
                .map(|(packet, _, flow)| (packet.number, flow))
                .collect(),
        )
    }

    fn round_end(
        &self,
        recording: &mut Recording,
        shards: &mut [&mut RecordingShard],
        rows: Vec<Self::Rows>,
    ) -> io::Result<()> {
        recording.rows.extend(rows.into_iter().flatten());
        let mut closed: Vec<FlowRecord> = shards
            .iter_mut()
            .flat_map(|shard| shard.closed.drain(..))
            .collect();
        closed.sort_by_key(|flow| (flow.closed_by, flow.flow_id()));
        recording.flows.append(&mut closed);
        Ok(())
    }

    fn merge(
        &self,
        recording: Recording,
        shards: Vec<RecordingShard>,
        workers: Vec<(u64, u64)>,
        facts: &ShardFacts,
    ) -> Recording {
        Recording {
            shards: shards.into_iter().map(|shard| shard.events).collect(),
            packets: workers.iter().map(|sums| sums.0).sum(),
            ip_packets: workers.iter().map(|sums| sums.1).sum(),
            facts: *facts,
            ..recording
        }
    }
}

/// How the engine is run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) rules: FlowRules,
    pub(crate) threads: usize,
    pub(crate) round_blocks: usize,
    pub(crate) block_size: usize,
    pub(crate) max_memory: usize,
}

impl Setup {
    /// One thread, everything in one block.
    pub(crate) fn plain(rules: FlowRules) -> Self {
        Self {
            rules,
            threads: 1,
            round_blocks: 8,
            block_size: 1 << 20,
            max_memory: 1 << 30,
        }
    }

    /// The same with other threads and sizes, none of which is to matter.
    pub(crate) fn variants(self) -> Vec<Self> {
        let sizes = [(1, 256), (3, 64), (8, 1000), (2, 10_000), (8, 1 << 20)];
        let mut variants = Vec::new();
        for threads in [1, 2, 3, 8] {
            for (round_blocks, block_size) in sizes {
                variants.push(Self {
                    threads,
                    round_blocks,
                    block_size,
                    ..self
                });
            }
        }
        variants
    }

    pub(crate) fn options(self) -> PipelineOptions {
        let mut flow = FlowConfig::new(self.rules);
        flow.max_memory = self.max_memory;
        let mut options = PipelineOptions::new(flow);
        options.threads = self.threads;
        options.round_blocks = self.round_blocks;
        options
    }

    /// A stream for one thread; for several a file, of which each reads parts.
    pub(crate) fn source(self, file: &[u8]) -> Box<dyn PacketSource + Send> {
        let options = OpenOptions {
            block_size: self.block_size,
        };
        let source = if self.threads == 1 {
            open_reader("test", io::Cursor::new(file.to_vec()), &options)
        } else {
            // It stays open when its name is gone.
            let copy = tempfile::NamedTempFile::new().expect("there is room for a file");
            std::fs::write(copy.path(), file).expect("there is room for a file");
            open(&[copy.path()], &options)
        };
        source.expect("the tests make captures")
    }

    pub(crate) fn outcome(self, file: &[u8]) -> Outcome<Recording> {
        run(
            self.source(file),
            &RecordingStage,
            &self.options(),
            &Control::default(),
        )
        .expect("the recording cannot fail")
    }

    pub(crate) fn record(self, file: &[u8]) -> Recording {
        let outcome = self.outcome(file);
        assert!(outcome.failed.is_none() && !outcome.interrupted);
        outcome.output
    }
}

/// Fails with the first difference, not with megabytes of both.
pub(crate) fn assert_same(expected: &Recording, got: &Recording, what: &str) {
    for (shard, (expected, got)) in expected.shards.iter().zip(&got.shards).enumerate() {
        for (index, (expected, got)) in expected.iter().zip(got).enumerate() {
            assert_eq!(expected, got, "event {index} of shard {shard}: {what}");
        }
        assert_eq!(expected.len(), got.len(), "events of shard {shard}: {what}");
    }
    for (expected, got) in expected.flows.iter().zip(&got.flows) {
        assert_eq!(expected, got, "flows: {what}");
    }
    assert!(
        expected == got,
        "flows, rows, packets in order or sums: {what}"
    );
}

/// An address that [`ipv4`] makes.
pub(crate) fn address(host: u16) -> IpAddr {
    let [high, low] = host.to_be_bytes();
    IpAddr::from([10, 0, high, low])
}

/// A time in whole seconds.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_nanos(seconds * SECOND)
}
