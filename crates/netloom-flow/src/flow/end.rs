//! How a flow ends: its state, its history, its record.

use std::sync::Arc;

use netloom_decode::{Tunnels, Vlans};
use netloom_packet::Timestamp;

use super::{Answer, Counters, Flow};
use crate::config::FlowRules;
use crate::name::settle;
use crate::record::{ConnState, EndReason, FlowRecord, Side};

impl Flow {
    /// Why the flow ended, if TCP itself says so.
    pub(crate) fn tcp_end(&self) -> Option<EndReason> {
        let tcp = self.tcp.as_ref()?;
        if tcp.was_reset() {
            Some(EndReason::Rst)
        } else {
            tcp.has_ended().then_some(EndReason::Fin)
        }
    }

    fn conn_state(&self) -> ConnState {
        if let Some(tcp) = &self.tcp {
            return tcp.conn_state();
        }
        if self.key.protocol() != 17 {
            return ConnState::Oth;
        }
        match (self.letters.contains(&b'D'), self.letters.contains(&b'd')) {
            (true, true) => ConnState::SF,
            (true, false) => ConnState::S0,
            (false, true) => ConnState::Shr,
            (false, false) => ConnState::Oth,
        }
    }

    fn history(&self) -> String {
        if let Some(tcp) = &self.tcp {
            let mut history = String::with_capacity(tcp.history.len());
            history.extend(tcp.history.letters().map(char::from));
            return history;
        }
        let letters = self.letters.iter().take_while(|&&letter| letter != 0);
        letters
            .filter(|&&letter| self.key.protocol() == 17 || letter == b'X')
            .map(|&letter| char::from(letter))
            .collect()
    }

    /// What is known at the end; the flow is of no more use.
    pub(crate) fn take_record(
        &mut self,
        reason: EndReason,
        closed_by: u64,
        rules: FlowRules,
        sensor: Option<&Arc<str>>,
    ) -> FlowRecord {
        let identity = self.identity(sensor);
        let (mut src, mut dst) = (self.key.first(), self.key.second());
        if !self.src_is_first {
            std::mem::swap(&mut src, &mut dst);
        }
        let is_icmp = matches!(self.key.protocol(), 1 | 58);
        let port = |port: u16| match rules {
            FlowRules::Native => (self.key.has_ports() && !is_icmp).then_some(port),
            _ => Some(port),
        };
        let end = match (rules, &self.tcp) {
            (FlowRules::Zeek, Some(tcp)) => tcp.both_closed_at().map_or(self.last, |closed| {
                closed.clamp(self.start, self.last.max(self.start))
            }),
            _ => self.last,
        };
        let timed = self.last > self.start;
        let side = |counters: Counters, tcp_flags, bare: u32| Side {
            packets: counters.packets,
            bytes: counters.bytes,
            ip_bytes: counters.ip_bytes,
            payload_bytes: counters.payload_bytes,
            stream_bytes: timed.then_some(counters.payload_bytes),
            fragments: u64::from(counters.fragments),
            data_packets: u64::from(counters.data_packets),
            retransmissions: u64::from(counters.retransmissions),
            data_retransmissions: u64::from(counters.retransmissions)
                .saturating_sub(u64::from(bare)),
            zero_windows: u64::from(counters.zero_windows),
            tcp_flags,
        };
        let [fwd, bwd] = self.counters;
        let rare = self.rare.as_deref();
        let bare = rare.map_or([0; 2], |rare| rare.bare_retransmissions);
        let fwd = side(fwd, self.tcp_flags[0], bare[0]);
        let bwd = side(bwd, self.tcp_flags[1], bare[1]);
        let mut record = FlowRecord {
            identity,
            first_number: self.first_number,
            closed_by,
            start: Timestamp::from_nanos(self.start),
            end: Timestamp::from_nanos(end),
            src_ip: src.0,
            dst_ip: dst.0,
            src_port: port(src.1),
            dst_port: port(dst.1),
            protocol: self.key.protocol(),
            icmp_type: self.icmp.map(|(icmp_type, _)| icmp_type),
            icmp_code: self.icmp.map(|(_, code)| code),
            vlans: Vlans::default(),
            tunnels: Tunnels::default(),
            src_mac: self.macs[0],
            dst_mac: self.macs[1],
            conn_state: self.conn_state(),
            history: self.history(),
            end_reason: reason,
            fwd,
            bwd,
            missed_bytes: 0,
            tcp_rtt: None,
            server_delay: match self.answer {
                Answer::Took(nanos) => Some(nanos),
                _ => None,
            },
            out_of_order: u64::from(self.out_of_order),
            zero_windows: fwd.zero_windows + bwd.zero_windows,
            outer: false,
            tunnelled_packets: 0,
            app: std::mem::take(&mut self.payload).into_info(),
            owner: None,
            features: std::mem::take(&mut self.features),
        };
        settle(&mut record, self.hint.take().as_deref());
        if let Some(rare) = self.rare.take() {
            record.vlans = rare.vlans;
            record.tunnels = rare.tunnels;
            record.outer = rare.tunnelled > 0;
            record.tunnelled_packets = rare.tunnelled;
        }
        if let Some(tcp) = &self.tcp {
            let (src, dst) = tcp.stream_bytes();
            record.fwd.stream_bytes = timed.then_some(src);
            record.bwd.stream_bytes = timed.then_some(dst);
            record.missed_bytes = tcp.missed_bytes;
            record.tcp_rtt = tcp.handshake_rtt();
        }
        record
    }
}
