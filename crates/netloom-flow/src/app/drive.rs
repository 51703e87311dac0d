//! Packets of a flow table into what their flows' payloads say.

use std::net::IpAddr;
use std::sync::Arc;

use netloom_decode::app::{Context, Interest, service_of_sctp};
use netloom_decode::{TcpFlags, Transport};
use netloom_packet::Timestamp;

use super::{AppFlow, AppRecord, AppRow, HttpRecord, Payload, RowOrigin, TcpData, Wish};
use crate::config::{FlowConfig, FlowRules};
use crate::flow::Flow;
use crate::table::FlowPacket;

/// What a flow table needs to look at payloads.
#[derive(Debug)]
pub(crate) struct Applications {
    interest: Interest,
    /// Whether rows are to be Zeek's.
    as_zeek: bool,
    /// Whether rows are asked for their flows' identifiers.
    ids: bool,
    /// Rows of the call that is under way.
    rows: Vec<AppRow>,
    /// Rows that wait to be taken.
    pub(crate) records: Vec<AppRecord>,
}

impl Applications {
    pub(crate) fn new(interest: Interest, config: &FlowConfig) -> Self {
        Self {
            interest: if config.rules.is_ndpi_like() {
                interest.with(Interest::AS_NDPI)
            } else {
                interest
            },
            as_zeek: config.rules == FlowRules::Zeek,
            ids: config.row_flow_ids,
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
        sensor: Option<&Arc<str>>,
    ) {
        // Of many packets there is nothing left to learn: these cost no call.
        if !matches!(flow.payload, Payload::Held { .. } | Payload::Over { .. }) {
            self.ingest_open(flow, packet, from_src, flipped, sensor);
        }
    }

    /// A packet of a flow of which something may still be learned. Inlined, it would keep
    /// [`Self::ingest`] from being so.
    #[inline(never)]
    fn ingest_open(
        &mut self,
        flow: &mut Flow,
        packet: &FlowPacket<'_>,
        from_src: bool,
        flipped: bool,
        sensor: Option<&Arc<str>>,
    ) {
        let decoded = packet.decoded;
        match flow.key.protocol() {
            6 => {
                let wanted = flow.note_segment(decoded, from_src, flipped);
                if wanted {
                    self.look(flow, packet, from_src, flipped, sensor);
                }
            }
            17 | 136 if decoded.payload_len > 0 => {
                self.look(flow, packet, from_src, flipped, sensor);
            }
            // An association speaks one protocol, and one chunk of data says which: until then nothing is kept.
            132 => {
                if let Some(service) = service_of_sctp(decoded.payload(packet.data)) {
                    flow.keep_payload(Box::new(AppFlow::told(service)).kept());
                }
            }
            _ => {}
        }
    }

    fn look(
        &mut self,
        flow: &mut Flow,
        packet: &FlowPacket<'_>,
        from_src: bool,
        flipped: bool,
        sensor: Option<&Arc<str>>,
    ) {
        let decoded = packet.decoded;
        let payload = decoded.payload(packet.data);
        let mut context = context(flow, packet.timestamp, packet.number);
        context.from_client = from_src;
        let mut wish = Wish {
            interest: self.interest,
            rows: &mut self.rows,
        };
        let mut app = match std::mem::take(&mut flow.payload) {
            Payload::Read { app, .. } => app,
            _ => Box::default(),
        };
        if flipped {
            app.flip();
        }
        if let Transport::Tcp(header) = &decoded.transport {
            let padding = is_padding(header.flags, payload);
            let data = TcpData {
                seq: header.seq,
                ack: header.flags.contains(TcpFlags::ACK).then_some(header.ack),
                syn: header.flags.contains(TcpFlags::SYN),
                payload: if padding { &[] } else { payload },
                wire_len: if padding { 0 } else { decoded.payload_wire_len },
            };
            app.segment(
                &context,
                flow.stream_starts(&data, from_src),
                &data,
                &mut wish,
            );
        } else if !payload.is_empty() {
            context.wire_len = decoded.payload_wire_len as usize;
            app.datagram(&context, payload, &mut wish);
        }
        flow.keep_payload(app.kept());
        self.hand_out(flow, packet.timestamp, packet.number, sensor);
    }

    /// The flow has ended.
    pub(crate) fn finish(&mut self, flow: &mut Flow, number: u64, sensor: Option<&Arc<str>>) {
        let (mut app, heap) = match std::mem::take(&mut flow.payload) {
            Payload::Read { app, heap, .. } | Payload::Held { app, heap } => (app, heap),
            other => {
                flow.payload = other;
                return;
            }
        };
        let at = Timestamp::from_nanos(flow.last);
        let mut wish = Wish {
            interest: self.interest,
            rows: &mut self.rows,
        };
        app.finish(&context(flow, at, number), &mut wish);
        // What is accounted for stays what it was: the flow is about to be taken out.
        flow.payload = Payload::Over {
            info: app.into_info(),
            heap,
        };
        self.hand_out(flow, at, number, sensor);
    }

    /// Hands out the rows of a call; most bring none.
    #[inline]
    fn hand_out(&mut self, flow: &mut Flow, ts: Timestamp, number: u64, sensor: Option<&Arc<str>>) {
        if !self.rows.is_empty() {
            self.give_rows(flow, ts, number, sensor);
        }
    }

    /// Gives rows their flow.
    fn give_rows(
        &mut self,
        flow: &mut Flow,
        ts: Timestamp,
        number: u64,
        sensor: Option<&Arc<str>>,
    ) {
        if self.as_zeek {
            add_empty_exchanges(&mut self.rows);
        }
        if self.ids {
            flow.id(sensor);
        }
        let (src, dst) = ends(flow);
        let origin = Arc::new(RowOrigin {
            flow: flow.identity(sensor),
            ts,
            src,
            dst,
            protocol: flow.key.protocol(),
        });
        self.records
            .extend(self.rows.drain(..).map(|row| AppRecord {
                origin: Arc::clone(&origin),
                number,
                row,
            }));
    }
}

/// Zeek's http.log has an empty exchange behind each one of version 0.9.
fn add_empty_exchanges(rows: &mut Vec<AppRow>) {
    let mut at = 0;
    while let Some(row) = rows.get(at) {
        at += 1;
        let AppRow::Http(record) = row else { continue };
        if record.version.as_deref() == Some("0.9") && record.status_code.is_some() {
            let empty = HttpRecord {
                ts: record.ts,
                trans_depth: record.trans_depth.saturating_add(1),
                ..HttpRecord::default()
            };
            rows.insert(at, AppRow::Http(Box::new(empty)));
            at += 1;
        }
    }
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

/// Whether the payload of an acknowledgement, or of a SYN with one, is what an Ethernet frame was
/// filled up with (46 bytes are the least, headers have 40): some devices count it into the IP
/// datagram. The data behind it has the same sequence number, and would be overlaid. One byte may
/// be a probe of a closed window.
fn is_padding(flags: TcpFlags, payload: &[u8]) -> bool {
    (2..=6).contains(&payload.len())
        && (flags == TcpFlags::ACK || flags.0 == TcpFlags::ACK.0 | TcpFlags::SYN.0)
        && payload.iter().all(|&byte| byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fills_a_frame_up_is_no_data() {
        let ack = TcpFlags::ACK;
        assert!(is_padding(ack, &[0; 6]));
        assert!(is_padding(TcpFlags(ack.0 | TcpFlags::SYN.0), &[0; 2]));
        assert!(!is_padding(TcpFlags(ack.0 | TcpFlags::PSH.0), &[0; 6]));
        assert!(!is_padding(ack, &[0, 0, 1]));
        for length in [0, 1, 7] {
            assert!(!is_padding(ack, &[0; 8][..length]), "{length}");
        }
    }
}
