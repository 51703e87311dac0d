//! Packets of a flow table into what their flows' payloads say.

use std::net::IpAddr;

use netloom_decode::app::{Context, Interest};
use netloom_decode::{TcpFlags, Transport};
use netloom_packet::Timestamp;

use super::{AppFlow, AppRecord, AppRow, TcpData, Wish};
use crate::flow::Flow;
use crate::table::FlowPacket;

/// What a flow table needs to look at payloads.
#[derive(Debug)]
pub(crate) struct Applications {
    interest: Interest,
    /// Rows of the call that is under way.
    rows: Vec<AppRow>,
    /// Rows that wait to be taken.
    pub(crate) records: Vec<AppRecord>,
}

impl Applications {
    pub(crate) fn new(interest: Interest) -> Self {
        Self {
            interest,
            rows: Vec::new(),
            records: Vec::new(),
        }
    }

    /// A packet of a flow, after it was counted. `flipped`: originator and responder changed
    /// places with it.
    #[inline]
    pub(crate) fn ingest(
        &mut self,
        flow: &mut Flow,
        packet: &FlowPacket<'_>,
        from_src: bool,
        flipped: bool,
        sensor: &str,
    ) {
        let is_tcp = flow.key.protocol() == 6;
        if !is_tcp && !matches!(flow.key.protocol(), 17 | 136)
            || flow.app.as_ref().is_some_and(|app| app.is_over())
        {
            return;
        }
        if packet.decoded.payload_len == 0 && (!is_tcp || flow.app.is_none()) && !is_syn(packet) {
            return;
        }
        self.look(flow, packet, from_src, flipped, sensor);
    }

    fn look(
        &mut self,
        flow: &mut Flow,
        packet: &FlowPacket<'_>,
        from_src: bool,
        flipped: bool,
        sensor: &str,
    ) {
        let decoded = packet.decoded;
        let from = decoded.payload_offset as usize;
        let payload = packet
            .data
            .get(from..from + decoded.payload_len as usize)
            .unwrap_or_default();
        let mut context = context(flow, packet.timestamp, packet.number);
        context.from_client = from_src;
        let mut wish = Wish {
            interest: self.interest,
            rows: &mut self.rows,
        };
        let mut app = flow.app.take().unwrap_or_default();
        if flipped {
            app.flip();
        }
        if let Transport::Tcp(header) = &decoded.transport {
            let data = TcpData {
                seq: header.seq,
                ack: header.flags.contains(TcpFlags::ACK).then_some(header.ack),
                syn: header.flags.contains(TcpFlags::SYN),
                payload,
                wire_len: decoded.payload_wire_len,
            };
            app.segment(&context, &data, &mut wish);
        } else if !payload.is_empty() {
            context.wire_len = decoded.payload_wire_len as usize;
            app.datagram(&context, payload, &mut wish);
        }
        app.weigh();
        flow.app = Some(app);
        self.hand_out(flow, packet.timestamp, packet.number, sensor);
    }

    /// The flow has ended.
    pub(crate) fn finish(&mut self, flow: &mut Flow, number: u64, sensor: &str) {
        let Some(mut app) = flow.app.take() else {
            return;
        };
        let at = Timestamp::from_nanos(flow.last);
        let mut wish = Wish {
            interest: self.interest,
            rows: &mut self.rows,
        };
        app.finish(&context(flow, at, number), &mut wish);
        // What is accounted for stays what it was: the flow is about to be taken out.
        flow.app = Some(app);
        self.hand_out(flow, at, number, sensor);
    }

    /// Gives rows their flow.
    fn hand_out(&mut self, flow: &mut Flow, ts: Timestamp, number: u64, sensor: &str) {
        if self.rows.is_empty() {
            return;
        }
        let flow_id = flow.id(sensor);
        let (src, dst) = ends(flow);
        let protocol = flow.key.protocol();
        self.records
            .extend(self.rows.drain(..).map(|row| AppRecord {
                flow_id,
                number,
                ts,
                src,
                dst,
                protocol,
                row,
            }));
    }
}

/// Whether the packet opens a connection: sequence numbers count from it.
fn is_syn(packet: &FlowPacket<'_>) -> bool {
    matches!(&packet.decoded.transport, Transport::Tcp(header) if header.flags.contains(TcpFlags::SYN))
}

fn context(flow: &Flow, timestamp: Timestamp, number: u64) -> Context {
    let (client, server) = ends(flow);
    Context {
        timestamp,
        number,
        from_client: true,
        tcp: flow.key.protocol() == 6,
        client,
        server,
        wire_len: 0,
    }
}

/// Originator and responder.
fn ends(flow: &Flow) -> ((IpAddr, u16), (IpAddr, u16)) {
    let (first, second) = (flow.key.first(), flow.key.second());
    if flow.is_from_src(true) {
        (first, second)
    } else {
        (second, first)
    }
}

impl AppFlow {
    /// Whether anything was learned.
    pub(crate) fn is_empty(&self) -> bool {
        self.info == super::AppInfo::default()
    }
}
