//! Limits of Zeek's analyzers, as a flow exceeds them.

use netloom_decode::{TcpFlags, Transport};

use super::{Flow, push_letter};
use crate::app::TcpData;
use crate::limits::{Found, Watch, Watched, datagram};
use crate::table::FlowPacket;

impl Flow {
    /// Looks at a packet that was counted. `flipped`: originator and responder changed places with
    /// it.
    #[inline]
    pub(crate) fn watch(
        &mut self,
        watch: &Watch,
        packet: &FlowPacket<'_>,
        from_src: bool,
        flipped: bool,
    ) {
        let decoded = packet.decoded;
        match &decoded.transport {
            Transport::Tcp(_) => {
                let watched = self.rare.as_ref().and_then(|rare| rare.watched.as_ref());
                let wanted = match watched {
                    Some(watched) => flipped || decoded.payload_wire_len > 0 || watched.has_hole(),
                    // What a side says first tells whether it is of interest.
                    None => {
                        decoded.payload_len > 0
                            && self.counters[usize::from(!from_src)].data_packets == 1
                    }
                };
                if wanted {
                    self.watch_segment(watch, packet, from_src, flipped);
                }
            }
            _ if self.key.protocol() == 17 && decoded.payload_len > 0 => {
                let ports = [decoded.src_port, decoded.dst_port];
                let found = datagram(watch, ports, decoded.payload(packet.data));
                if found == Found::Limit {
                    self.limit_reached();
                }
            }
            _ => {}
        }
    }

    #[inline(never)]
    fn watch_segment(
        &mut self,
        watch: &Watch,
        packet: &FlowPacket<'_>,
        from_src: bool,
        flipped: bool,
    ) {
        let decoded = packet.decoded;
        let (Some(tcp), Transport::Tcp(header)) = (&self.tcp, &decoded.transport) else {
            return;
        };
        let payload = decoded.payload(packet.data);
        let known = self.rare.as_mut().and_then(|rare| rare.watched.take());
        let watched = match known {
            // What it took one side for is the other.
            Some(_) if flipped => None,
            Some(watched) => Some(watched),
            None => Watched::new(
                watch,
                self.dst_port(),
                from_src,
                payload,
                tcp.is_partial(),
                tcp.first_bytes(),
            ),
        };
        self.uncounted = true;
        let Some(mut watched) = watched else { return };
        let data = TcpData {
            seq: header.seq,
            ack: header.flags.contains(TcpFlags::ACK).then_some(header.ack),
            syn: header.flags.contains(TcpFlags::SYN),
            payload,
            wire_len: decoded.payload_wire_len,
        };
        match watched.segment(watch, from_src, &data) {
            Found::Nothing => self.rare.get_or_insert_default().watched = Some(watched),
            Found::Limit => self.limit_reached(),
            Found::Over => {}
        }
    }

    /// Says in `history` that a limit was reached, once.
    pub(super) fn limit_reached(&mut self) {
        match &mut self.tcp {
            Some(tcp) => {
                tcp.history.limit_reached();
                self.uncounted = true;
            }
            None if self.letters.contains(&b'X') => {}
            None => push_letter(&mut self.letters, b'X'),
        }
    }
}
