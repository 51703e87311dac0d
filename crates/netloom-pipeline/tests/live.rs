//! What the engine promises of a source that is live: what has come is handed out before more
//! comes, and flows end by the clock when no packet does.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use netloom_flow::{EndReason, FlowConfig, FlowRecord, FlowRules};
use netloom_packet::{CaptureInfo, LinkType, PacketBatch, PacketSource, SourceError, Timestamp};
use netloom_pipeline::{BlockView, Control, Needs, PipelineOptions, ShardFacts, Stage, run};

const SECOND: i64 = 1_000_000_000;
const START: i64 = 1_700_000_000 * SECOND;

/// Something that was handed out.
#[derive(Debug, PartialEq)]
enum Out {
    /// Packets as rows.
    Rows(usize),
    /// A flow: its packets, why it ended, and by which packet's number.
    Flow(u64, EndReason, u64),
}

/// Hands everything out through a channel at the end of each round.
struct Watched(Mutex<Sender<Out>>);

impl Stage for Watched {
    type Worker = ();
    type Shard = Vec<FlowRecord>;
    type Serial = ();
    type Rows = usize;
    type Output = ();

    fn needs(&self) -> Needs {
        Needs {
            flows: true,
            rows: true,
            ..Needs::default()
        }
    }

    fn new_worker(&self) {}

    fn new_shard(&self) -> Vec<FlowRecord> {
        Vec::new()
    }

    fn new_serial(&self) {}

    fn flow_end(&self, (): &mut (), shard: &mut Vec<FlowRecord>, flow: FlowRecord) {
        shard.push(flow);
    }

    fn block(&self, block: &BlockView<'_>) -> Option<usize> {
        Some(block.packets().count())
    }

    fn round_end(
        &self,
        (): &mut (),
        shards: &mut [&mut Vec<FlowRecord>],
        rows: Vec<usize>,
    ) -> io::Result<()> {
        let out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for count in rows {
            out.send(Out::Rows(count)).unwrap();
        }
        for flow in shards.iter_mut().flat_map(|shard| shard.drain(..)) {
            let flow = Out::Flow(flow.packets(), flow.end_reason, flow.closed_by);
            out.send(flow).unwrap();
        }
        Ok(())
    }

    fn merge(&self, (): (), _: Vec<Vec<FlowRecord>>, _: Vec<()>, _: &ShardFacts) {}
}

/// What a scripted live source does next.
enum Step {
    /// A batch with a packet of each of these flows (by port), at so many seconds.
    Packets(i64, &'static [u16]),
    /// A batch with a packet, and another one is there already.
    More(i64, u16),
    /// No packet, and it is so many seconds now.
    Silence(i64),
    /// Goes on only when this was handed out.
    Expect(Out),
}

struct Script {
    steps: std::vec::IntoIter<Step>,
    out: Receiver<Out>,
    ready: bool,
    clock: Timestamp,
}

/// An IPv4 UDP datagram.
fn datagram(port: u16) -> Vec<u8> {
    let mut packet = vec![
        0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ];
    packet.extend(port.to_be_bytes());
    packet.extend([0x13, 0x88, 0, 8, 0, 0]);
    packet
}

impl PacketSource for Script {
    fn next_batch(&mut self, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        batch.clear();
        for step in self.steps.by_ref() {
            let (seconds, ports): (i64, &[u16]) = match &step {
                Step::Packets(seconds, ports) => (*seconds, ports),
                Step::More(seconds, port) => (*seconds, std::slice::from_ref(port)),
                Step::Silence(seconds) => (*seconds, &[]),
                Step::Expect(wanted) => match self.out.recv_timeout(Duration::from_secs(20)) {
                    Ok(out) => {
                        assert_eq!(out, *wanted);
                        continue;
                    }
                    Err(RecvTimeoutError::Timeout) => panic!("never handed out: {wanted:?}"),
                    Err(RecvTimeoutError::Disconnected) => panic!("nobody hands out {wanted:?}"),
                },
            };
            self.clock = Timestamp::from_nanos(START + seconds * SECOND);
            for &port in ports {
                batch.push(self.clock, LinkType::RAW, 0, 28, &datagram(port));
            }
            self.ready = matches!(step, Step::More(..));
            return Ok(true);
        }
        Ok(false)
    }

    fn info(&self) -> Vec<CaptureInfo> {
        Vec::new()
    }

    fn is_ready(&self) -> bool {
        self.ready
    }

    fn clock(&self) -> Option<Timestamp> {
        Some(self.clock)
    }
}

fn play(threads: usize, steps: Vec<Step>) {
    let (sender, out) = channel();
    let source = Script {
        steps: steps.into_iter(),
        out,
        ready: false,
        clock: Timestamp::from_nanos(START),
    };
    let mut options = PipelineOptions::new(FlowConfig::new(FlowRules::Native));
    options.threads = threads;
    let stage = Watched(Mutex::new(sender));
    run(Box::new(source), &stage, &options, &Control::default()).unwrap();
}

#[test]
fn rows_are_handed_out_before_more_comes() {
    for threads in [1, 2, 5] {
        play(
            threads,
            vec![
                Step::Packets(0, &[1, 2]),
                Step::Expect(Out::Rows(2)),
                // What is there already goes into the same round.
                Step::More(1, 3),
                Step::Packets(1, &[4, 5, 6]),
                Step::Expect(Out::Rows(1)),
                Step::Expect(Out::Rows(3)),
                Step::Silence(2),
                Step::Packets(3, &[7]),
                Step::Expect(Out::Rows(1)),
            ],
        );
    }
}

#[test]
fn flows_end_by_the_clock_when_no_packet_comes() {
    for threads in [1, 2, 5] {
        play(
            threads,
            vec![
                Step::Silence(-5),
                Step::Packets(0, &[1, 1, 1]),
                Step::Expect(Out::Rows(3)),
                Step::Silence(60),
                Step::Packets(61, &[2]),
                Step::Expect(Out::Rows(1)),
                // 120 seconds after the last packet, native rules.
                Step::Silence(119),
                Step::Silence(122),
                Step::Expect(Out::Flow(3, EndReason::Idle, 5)),
                Step::Packets(130, &[1]),
                Step::Expect(Out::Rows(1)),
                Step::Silence(1000),
                Step::Silence(1001),
                Step::Expect(Out::Flow(1, EndReason::Idle, 6)),
                Step::Expect(Out::Flow(1, EndReason::Idle, 6)),
            ],
        );
    }
}
