//! What the engine promises: the same results for any number of threads and any size of block,
//! no packet lost, fragments in the flow of their datagram, an end in every case.

mod parts;
#[path = "../support/mod.rs"]
mod support;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use netloom_flow::{ConnState, EndReason, FlowRecord, FlowRules};
use netloom_packet::{CaptureInfo, PacketBatch, PacketSource, Progress, SourceError};
use netloom_pipeline::{
    BlockView, Control, Needs, RoundError, ShardFacts, Stage, StagePacket, run,
};

use support::{
    Pcap, Random, Recording, SECOND, Setup, address, assert_same, at, fragments, ipv4, tcp,
    traffic, udp,
};

const RULES: [FlowRules; 4] = [
    FlowRules::Native,
    FlowRules::Zeek,
    FlowRules::Nfstream,
    FlowRules::Ndpi,
];

/// What holds for every recording.
fn assert_sound(recording: &Recording, rules: FlowRules, what: &str) {
    let numbers: Vec<u64> = recording.rows.iter().map(|row| row.0).collect();
    assert_eq!(
        numbers,
        (1..=recording.packets).collect::<Vec<u64>>(),
        "rows: {what}"
    );
    assert!(recording.cross.is_sorted(), "packets out of order: {what}");
    let order = |flow: &FlowRecord| (flow.closed_by, flow.flow_id());
    assert!(
        recording.flows.is_sorted_by_key(order),
        "flows out of order: {what}"
    );
    assert_eq!(
        recording.facts.flows,
        recording.flows.len() as u64,
        "flows begun: {what}"
    );
    if rules == FlowRules::Native {
        assert_eq!(
            recording.flow_packets(),
            recording.ip_packets,
            "packets of flows: {what}"
        );
    }
}

#[test]
fn threads_blocks_and_rounds_do_not_matter() {
    let file = traffic(1, 1000);
    for rules in RULES {
        for max_memory in [1 << 30, 1 << 18] {
            let plain = Setup {
                max_memory,
                ..Setup::plain(rules)
            };
            let expected = plain.record(&file);
            assert_eq!(expected.packets, 1000);
            assert_sound(&expected, rules, rules.name());
            assert!(
                expected.facts.fragments.completed > 10,
                "{:?}",
                expected.facts
            );
            assert_eq!(
                expected.facts.evicted > 0,
                max_memory < 1 << 20,
                "{:?}",
                expected.facts
            );
            for setup in plain.variants() {
                assert_same(&expected, &setup.record(&file), &format!("{setup:?}"));
            }
        }
    }
}

#[test]
fn real_captures_give_the_same_for_any_number_of_threads() {
    let data = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    let Ok(list) = std::fs::read_to_string(data.join("CAPTURES.tsv")) else {
        println!("left out: no {}", data.display());
        return;
    };
    let small = |line: &&str| {
        line.split('\t')
            .nth(1)
            .is_some_and(|bytes| bytes.parse::<u64>().is_ok_and(|bytes| bytes < 200_000))
    };
    let lines: Vec<&str> = list.lines().skip(1).filter(small).collect();
    let mut random = Random::new(20);
    let mut packets = 0;
    for sample in 0..60 {
        let line = lines[random.below(lines.len() as u64) as usize];
        let name = line.split('\t').next().unwrap_or_default();
        let file = std::fs::read(data.join(name)).unwrap();
        let plain = Setup::plain(RULES[sample % 4]);
        let expected = plain.record(&file);
        packets += expected.packets;
        assert_sound(&expected, plain.rules, name);
        // Two of the variants for each file: all of them take minutes.
        let variants = plain.variants();
        for _ in 0..2 {
            let setup = variants[random.below(variants.len() as u64) as usize];
            assert_same(
                &expected,
                &setup.record(&file),
                &format!("{name}: {setup:?}"),
            );
        }
    }
    assert!(packets > 1000, "{packets}");
}

/// All orders of `0..count`.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    for _ in 0..count {
        orders = orders
            .into_iter()
            .flat_map(|order| {
                (0..count)
                    .filter(|next| !order.contains(next))
                    .map(|next| [order.as_slice(), &[next]].concat())
                    .collect::<Vec<_>>()
            })
            .collect();
    }
    orders
}

#[test]
fn fragments_in_any_order_are_in_the_flow_of_their_datagram() {
    let pieces = fragments(1, 2, 77, &udp(1234, 5678, &[0; 100]), 32);
    assert_eq!(pieces.len(), 4);
    // The same flow without fragments, before and after.
    let whole = ipv4(1, 2, 17, 0, 0, &udp(1234, 5678, b"whole"));
    for order in orders(4) {
        let mut packets = vec![whole.as_slice()];
        packets.extend(order.iter().map(|&index| pieces[index].as_slice()));
        packets.push(&whole);
        let file = Pcap::of(
            packets
                .iter()
                .enumerate()
                .map(|(index, packet)| (index as i64, *packet)),
        );
        for block_size in [64, 1 << 16] {
            let recording = Setup {
                block_size,
                round_blocks: 1,
                ..Setup::plain(FlowRules::Native)
            }
            .record(&file);
            assert_eq!(recording.flows.len(), 1, "{order:?}");
            let flow = recording.flow(1234, 5678);
            assert_eq!(
                (flow.fwd.packets, flow.fwd.fragments, flow.bwd.packets),
                (6, 3, 0),
                "{order:?}"
            );
            let bytes: usize = packets.iter().map(|packet| packet.len()).sum();
            assert_eq!(flow.fwd.bytes, bytes as u64, "{order:?}");
            assert_eq!(
                (flow.start.as_nanos(), flow.end.as_nanos()),
                (0, 5),
                "{order:?}"
            );
            assert_eq!(recording.facts.fragments.completed, 1);

            // Zeek counts the datagram; nDPI and NFStream its first fragment.
            for rules in [FlowRules::Zeek, FlowRules::Nfstream, FlowRules::Ndpi] {
                let recording = Setup {
                    block_size,
                    ..Setup::plain(rules)
                }
                .record(&file);
                assert_eq!(recording.flows.len(), 1, "{order:?} {rules:?}");
                assert_eq!(
                    recording.flow(1234, 5678).fwd.packets,
                    3,
                    "{order:?} {rules:?}"
                );
            }
        }
    }
}

#[test]
fn zeek_sees_the_payload_of_whole_datagrams() {
    let datagram = udp(1234, 5678, &[0; 100]);
    let pieces = fragments(1, 2, 77, &datagram, 32);
    let file = Pcap::of(pieces.iter().map(|piece| (0, piece.as_slice())));
    let recording = Setup::plain(FlowRules::Zeek).record(&file);
    let flow = recording.flow(1234, 5678);
    assert_eq!((flow.fwd.packets, flow.fwd.payload_bytes), (1, 100));
    assert_eq!(flow.fwd.ip_bytes, 20 + datagram.len() as u64);

    // A datagram of which a part is missing is none.
    let file = Pcap::of(pieces[1..].iter().map(|piece| (0, piece.as_slice())));
    let recording = Setup::plain(FlowRules::Zeek).record(&file);
    assert_eq!(recording.flows, []);
    assert_eq!(recording.facts.fragments.completed, 0);
}

#[test]
fn fragments_without_a_first_one_count_without_ports() {
    let pieces = fragments(1, 2, 77, &udp(1234, 5678, &[0; 100]), 32);
    let other = ipv4(3, 4, 17, 0, 0, &udp(1, 2, b""));
    for after in [0, 1, 40] {
        let mut packets: Vec<&[u8]> = pieces[1..].iter().map(Vec::as_slice).collect();
        packets.extend(std::iter::repeat_n(other.as_slice(), after));
        let file = Pcap::of(packets.iter().map(|packet| (0, *packet)));
        for setup in Setup::plain(FlowRules::Native).variants() {
            let recording = setup.record(&file);
            assert_sound(&recording, FlowRules::Native, &format!("{setup:?}"));
            let flow = recording
                .flows
                .iter()
                .find(|flow| flow.src_ip == address(1))
                .unwrap();
            assert_eq!((flow.fwd.packets, flow.fwd.fragments), (3, 3), "{setup:?}");
            assert_eq!(flow.dst_ip, address(2));
        }
    }
}

#[test]
fn more_fragments_wait_than_there_is_room_for() {
    let mut file = Pcap::new();
    let count = 6000;
    for index in 0..count {
        let piece = ipv4(index as u16 & 0xff, 2, 17, index as u16, 0x2004, &[0; 32]);
        file.push(index, &piece);
    }
    let file = file.finish();
    let expected = Setup::plain(FlowRules::Native).record(&file);
    assert_sound(&expected, FlowRules::Native, "a flood of fragments");
    assert_eq!(expected.flow_packets(), count as u64);
    let variants = Setup::plain(FlowRules::Native).variants();
    for setup in variants
        .into_iter()
        .filter(|setup| setup.block_size >= 1000)
    {
        assert_same(&expected, &setup.record(&file), &format!("{setup:?}"));
    }
}

#[test]
fn a_flow_is_closed_by_the_same_packet_whatever_the_block() {
    // One flow falls silent while another goes on: packet 1 is at 0 s, packet n at 10 (n-1) s.
    let silent = ipv4(1, 2, 17, 0, 0, &udp(1000, 2000, b"once"));
    let busy = ipv4(3, 4, 17, 0, 0, &udp(3000, 4000, b"again"));
    let times: Vec<i64> = (0..30).map(|index| index * 10 * SECOND).collect();
    let file = Pcap::of(
        times
            .iter()
            .map(|&at| (at, if at == 0 { silent.as_slice() } else { &busy })),
    );
    // (rules, the packet at which the flow is seen to be over)
    for (rules, closed_by, reason) in [
        (FlowRules::Native, 13, EndReason::Idle),
        (FlowRules::Zeek, 7, EndReason::Idle),
        (FlowRules::Nfstream, 13, EndReason::Idle),
        (FlowRules::Ndpi, 31, EndReason::CaptureEnd),
    ] {
        for setup in Setup::plain(rules).variants() {
            let recording = setup.record(&file);
            let flow = recording.flow(1000, 2000);
            assert_eq!(
                (flow.closed_by, flow.end_reason),
                (closed_by, reason),
                "{setup:?}"
            );
            let flow = recording.flow(3000, 4000);
            assert_eq!(
                (flow.closed_by, flow.end_reason),
                (31, EndReason::CaptureEnd),
                "{setup:?}"
            );
        }
    }
}

#[test]
fn a_clock_that_goes_back_ends_nothing() {
    let first = ipv4(1, 2, 17, 0, 0, &udp(1000, 2000, b"a"));
    let second = ipv4(3, 4, 17, 0, 0, &udp(3000, 4000, b"b"));
    // The second flow is an hour earlier than the first, and both go on.
    let file = Pcap::of((0..10).map(|index| {
        let at = index * SECOND;
        if index % 2 == 0 {
            (at + 3600 * SECOND, first.as_slice())
        } else {
            (at, second.as_slice())
        }
    }));
    let recording = Setup::plain(FlowRules::Native).record(&file);
    assert_sound(&recording, FlowRules::Native, "two clocks");
    assert_eq!(recording.flow(1000, 2000).packets(), 5);
    for setup in Setup::plain(FlowRules::Native).variants() {
        assert_same(&recording, &setup.record(&file), &format!("{setup:?}"));
    }
}

#[test]
fn a_connection_is_put_together_over_blocks() {
    let there =
        |flags, sequence, data: &[u8]| ipv4(1, 2, 6, 0, 0, &tcp(40_000, 80, sequence, flags, data));
    let back =
        |flags, sequence, data: &[u8]| ipv4(2, 1, 6, 0, 0, &tcp(80, 40_000, sequence, flags, data));
    let packets = [
        there(0x02, 0, b""),
        back(0x12, 0, b""),
        there(0x10, 1, b""),
        there(0x18, 1, b"request"),
        back(0x18, 1, b"answer"),
        there(0x11, 8, b""),
        back(0x11, 7, b""),
    ];
    let file = Pcap::of(
        packets
            .iter()
            .enumerate()
            .map(|(index, packet)| (index as i64 * SECOND, packet.as_slice())),
    );
    for setup in Setup::plain(FlowRules::Native).variants() {
        let recording = setup.record(&file);
        let flow = recording.flow(40_000, 80);
        assert_eq!(flow.conn_state, ConnState::SF, "{setup:?}");
        assert_eq!((flow.fwd.packets, flow.bwd.packets), (4, 3), "{setup:?}");
        assert_eq!((flow.start, flow.end), (at(0), at(6)), "{setup:?}");
    }
}

#[test]
fn nothing_at_all_is_fine() {
    for setup in Setup::plain(FlowRules::Native).variants() {
        let recording = setup.record(&Pcap::new().finish());
        assert_eq!((recording.packets, recording.flows.len()), (0, 0));
        assert_eq!(recording.facts, ShardFacts::default());
    }
}

// ------------------------------------------------------------------ ends that are none of the capture's

/// A source that counts its batches and does something at one of them.
struct Watched<F> {
    source: Box<dyn PacketSource + Send>,
    batches: Arc<AtomicUsize>,
    at_batch: F,
}

impl<F: FnMut(usize) -> Result<(), SourceError>> PacketSource for Watched<F> {
    fn next_batch(&mut self, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        (self.at_batch)(self.batches.fetch_add(1, Ordering::Relaxed) + 1)?;
        self.source.next_batch(batch)
    }

    fn info(&self) -> Vec<CaptureInfo> {
        self.source.info()
    }

    fn progress(&self) -> Progress {
        Progress {
            done: 7,
            total: Some(9),
        }
    }
}

fn watched(
    source: Box<dyn PacketSource + Send>,
    batches: &Arc<AtomicUsize>,
    at_batch: impl FnMut(usize) -> Result<(), SourceError> + Send + 'static,
) -> Box<dyn PacketSource + Send> {
    Box::new(Watched {
        source,
        batches: Arc::clone(batches),
        at_batch,
    })
}

/// Small blocks, so that there are many rounds.
fn many_rounds(threads: usize) -> Setup {
    Setup {
        threads,
        round_blocks: 2,
        block_size: 256,
        ..Setup::plain(FlowRules::Native)
    }
}

#[test]
fn stop_ends_early_with_the_flows_of_what_was_read() {
    let file = traffic(3, 2000);
    for threads in [1, 2, 3, 8] {
        let setup = many_rounds(threads);
        let control = Arc::new(Control::default());
        let stops = Arc::clone(&control);
        let source = watched(setup.source(&file), &Arc::default(), move |batch| {
            if batch == 40 {
                stops.stop.store(true, Ordering::Relaxed);
            }
            Ok(())
        });
        let outcome = run(source, &support::RecordingStage, &setup.options(), &control).unwrap();
        assert!(outcome.interrupted);
        assert!(outcome.failed.is_none());
        let recording = outcome.output;
        assert_sound(&recording, FlowRules::Native, "stopped");
        assert!(
            (40..2000).contains(&recording.packets),
            "{}",
            recording.packets
        );
        assert_eq!(control.packets.load(Ordering::Relaxed), recording.packets);
        assert_eq!(control.bytes_done.load(Ordering::Relaxed), 7);
        assert_eq!(control.bytes_total.load(Ordering::Relaxed), 9);
        assert_eq!(recording.packets, outcome.captures[0].packets);
    }
}

#[test]
fn a_source_that_fails_gives_all_that_came_before() {
    let file = traffic(4, 2000);
    let mut expected = None;
    for threads in [1, 2, 3, 8] {
        let setup = many_rounds(threads);
        let source = watched(setup.source(&file), &Arc::default(), |batch| {
            if batch == 31 {
                Err(SourceError::new("test", "the cable was pulled"))
            } else {
                Ok(())
            }
        });
        let outcome = run(
            source,
            &support::RecordingStage,
            &setup.options(),
            &Control::default(),
        )
        .unwrap();
        assert_eq!(outcome.failed.unwrap().message, "the cable was pulled");
        assert!(!outcome.interrupted);
        let recording = outcome.output;
        assert_sound(&recording, FlowRules::Native, "failed");
        assert!(recording.packets >= 30);
        assert_same(
            expected
                .get_or_insert_with(|| many_rounds(1).record(&file_of(&file, recording.packets))),
            &recording,
            "up to there",
        );
    }
}

/// The first packets of a file of [`Pcap`].
fn file_of(file: &[u8], packets: u64) -> Vec<u8> {
    let mut end = 24;
    for _ in 0..packets {
        let length = file[end + 8..end + 12]
            .try_into()
            .map_or(0, u32::from_le_bytes);
        end += 16 + length as usize;
    }
    file[..end].to_vec()
}

/// Where a stage goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Worker,
    WantsCross,
    Cross,
    Packet,
    FlowEnd,
    Block,
    RoundEnd,
    ShardEnd,
}

/// A stage that fails or panics at one place, when it has been there some times.
struct Faulty {
    place: Place,
    panics: bool,
    left: AtomicUsize,
}

impl Faulty {
    fn new(place: Place, panics: bool, after: usize) -> Self {
        Self {
            place,
            panics,
            left: AtomicUsize::new(after),
        }
    }

    fn pass(&self, place: Place) -> Result<(), RoundError> {
        if place != self.place || self.left.fetch_sub(1, Ordering::Relaxed) != 1 {
            return Ok(());
        }
        assert!(!self.panics, "on purpose at {place:?}");
        Err(io::Error::new(io::ErrorKind::StorageFull, "no room left"))
    }

    fn panic_at(&self, place: Place) {
        assert!(self.pass(place).is_ok(), "only round_end can fail");
    }
}

impl Stage for Faulty {
    type Worker = ();
    type Shard = ();
    type Serial = ();
    type Rows = ();
    type Output = ();

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

    fn new_worker(&self) {
        self.panic_at(Place::Worker);
    }

    fn new_shard(&self) {}

    fn new_serial(&self) {}

    fn packet(&self, (): &mut (), (): &mut (), _: &StagePacket<'_>) {
        self.panic_at(Place::Packet);
    }

    fn flow_end(&self, (): &mut (), (): &mut (), _: FlowRecord) {
        self.panic_at(Place::FlowEnd);
    }

    fn wants_cross(&self, _: &netloom_decode::Decoded) -> bool {
        self.panic_at(Place::WantsCross);
        true
    }

    fn cross(&self, (): &mut (), _: &StagePacket<'_>) {
        self.panic_at(Place::Cross);
    }

    fn block(&self, _: &BlockView<'_>) -> Option<()> {
        self.panic_at(Place::Block);
        Some(())
    }

    fn round_end(&self, (): &mut (), _: &mut [&mut ()], _: Vec<()>) -> Result<(), RoundError> {
        self.pass(Place::RoundEnd)
    }

    fn shard_end(&self, (): &mut (), (): &mut ()) {
        self.panic_at(Place::ShardEnd);
    }

    fn merge(&self, (): (), _: Vec<()>, _: Vec<()>, _: &ShardFacts) {}
}

#[test]
fn a_stage_that_cannot_write_stops_the_engine() {
    let file = traffic(5, 2000);
    for threads in [1, 2, 3, 8] {
        let setup = many_rounds(threads);
        let batches = Arc::default();
        let source = watched(setup.source(&file), &batches, |_| Ok(()));
        let stage = Faulty::new(Place::RoundEnd, false, 5);
        let error = run(source, &stage, &setup.options(), &Control::default()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        // Five rounds of two blocks, and at most the two rounds that others read on meanwhile.
        let read = batches.load(Ordering::Relaxed);
        let ahead = if threads == 1 { 0 } else { 4 };
        assert!(
            (10..=10 + ahead).contains(&read),
            "{threads} threads: {read}"
        );
    }
}

#[test]
fn a_panic_in_a_stage_is_passed_on_and_nobody_waits_forever() {
    let file = traffic(6, 500);
    let (done, ends) = mpsc::channel();
    std::thread::spawn(move || {
        for threads in [1, 2, 3, 8] {
            for place in [
                Place::Worker,
                Place::WantsCross,
                Place::Cross,
                Place::Packet,
                Place::FlowEnd,
                Place::Block,
                Place::RoundEnd,
                Place::ShardEnd,
            ] {
                // The last of the workers to start, or somewhere in the middle.
                let after = if place == Place::Worker { threads } else { 20 };
                let stage = Faulty::new(place, true, after);
                let setup = many_rounds(threads);
                let ran = catch_unwind(AssertUnwindSafe(|| {
                    run(
                        setup.source(&file),
                        &stage,
                        &setup.options(),
                        &Control::default(),
                    )
                    .map(|_| ())
                }));
                done.send((threads, place, ran.is_err())).unwrap();
            }
        }
    });
    for _ in 0..32 {
        let (threads, place, panicked) = ends
            .recv_timeout(Duration::from_mins(1))
            .expect("a run that does not end");
        assert!(
            panicked,
            "{place:?} on {threads} threads: the panic was lost"
        );
    }
}
