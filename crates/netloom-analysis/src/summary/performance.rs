//! Slow and lossy connections: who suffers, by how much.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use netloom_pipeline::flow::{ConnState, FlowRecord};

use crate::report::model::{Performance, SlowFlow};
use crate::summary::histogram::Histogram;

/// What a retransmission costs at least: the smallest retransmission timeout in common use
/// (200 ms; RFC 6298 asks for a second).
const TIMEOUT_MS: u64 = 200;
/// Below these, nobody suffers.
const SLOW_RTT_MS: f64 = 250.0;
const SLOW_SERVER_MS: f64 = 500.0;
const LOSSY_SHARE: f64 = 0.01;
const TCP: u8 = 6;

/// A connection and how much it suffered.
#[derive(Debug)]
struct Sufferer {
    /// Estimated waiting time in milliseconds.
    waited: u64,
    facts: SlowFlow,
}

impl Ord for Sufferer {
    /// The one that suffered most is the greatest; flow ids decide ties.
    fn cmp(&self, other: &Self) -> Ordering {
        self.waited
            .cmp(&other.waited)
            .then_with(|| other.facts.flow_id.cmp(&self.facts.flow_id))
    }
}

impl PartialOrd for Sufferer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Sufferer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Sufferer {}

/// Measures TCP flows. Sums, and the worst by an order of their own: any split of the flows
/// gives the same.
#[derive(Debug, Default)]
pub(crate) struct PerformanceCounter {
    tcp_flows: u64,
    rtt: Histogram,
    server_delay: Histogram,
    retransmissions: u64,
    data_retransmissions: u64,
    data_packets: u64,
    out_of_order: u64,
    zero_windows: u64,
    failed: u64,
    /// TCP flows (unanswered attempts left out), and those seen in one direction only.
    pub(crate) two_way: (u64, u64),
    pub(crate) missed_bytes: u64,
    /// The worst, with the least bad on top.
    worst: BinaryHeap<std::cmp::Reverse<Sufferer>>,
}

impl PerformanceCounter {
    /// Measures a flow that ended.
    pub(crate) fn flow(&mut self, flow: &FlowRecord, service: Option<&'static str>, top: usize) {
        if flow.protocol != TCP {
            return;
        }
        self.tcp_flows += 1;
        if let Some(rtt) = flow.tcp_rtt {
            self.rtt.add(rtt);
        }
        if let Some(delay) = flow.server_delay {
            self.server_delay.add(delay);
        }
        let retransmissions = flow.fwd.retransmissions + flow.bwd.retransmissions;
        // What is no data can be sent again too: a SYN that nobody answers.
        let sent_again = flow.fwd.data_retransmissions + flow.bwd.data_retransmissions;
        let data_packets = flow.fwd.data_packets + flow.bwd.data_packets;
        self.retransmissions += retransmissions;
        self.data_retransmissions += sent_again;
        self.data_packets += data_packets;
        self.out_of_order += flow.out_of_order;
        self.zero_windows += flow.zero_windows;
        self.missed_bytes += flow.missed_bytes;
        if matches!(flow.conn_state, ConnState::S0 | ConnState::Rej) {
            self.failed += 1;
        } else {
            self.two_way.0 += 1;
            self.two_way.1 += u64::from(flow.fwd.packets == 0 || flow.bwd.packets == 0);
        }

        let ms = |nanos: i64| (nanos as f64 / 1e3).round() / 1e3;
        let (rtt_ms, server_ms) = (flow.tcp_rtt.map(ms), flow.server_delay.map(ms));
        let share = if data_packets == 0 {
            0.0
        } else {
            (sent_again as f64 / data_packets as f64).min(1.0)
        };
        let lossy = sent_again > 1 && share >= LOSSY_SHARE;
        let slow_way = rtt_ms.filter(|&rtt| rtt >= SLOW_RTT_MS);
        let slow_server = server_ms.filter(|&delay| delay >= SLOW_SERVER_MS);
        let suffers = lossy || flow.zero_windows > 0 || slow_way.is_some() || slow_server.is_some();
        if !suffers || top == 0 {
            return;
        }
        let waited = (retransmissions + flow.zero_windows) * TIMEOUT_MS
            + rtt_ms.unwrap_or(0.0) as u64
            + server_ms.unwrap_or(0.0) as u64;
        if self.worst.len() >= top
            && self
                .worst
                .peek()
                .is_some_and(|least| least.0.waited > waited)
        {
            return;
        }
        let mut why = Vec::new();
        if lossy {
            why.push(format!(
                "{:.0} % of its data packets were sent again",
                share * 100.0
            ));
        }
        if flow.zero_windows > 0 {
            why.push(match flow.zero_windows {
                1 => "the receiver was full once".to_owned(),
                times => format!("the receiver was full {times} times"),
            });
        }
        if let Some(rtt) = slow_way {
            why.push(format!("the way there and back took {rtt:.0} ms"));
        }
        if let Some(delay) = slow_server {
            why.push(format!("the server took {:.1} s to answer", delay / 1e3));
        }
        self.keep(
            Sufferer {
                waited,
                facts: SlowFlow {
                    flow_id: flow.flow_id().to_string(),
                    src: endpoint(flow.src_ip, flow.src_port),
                    dst: endpoint(flow.dst_ip, flow.dst_port),
                    service: service.map(str::to_owned),
                    packets: flow.packets(),
                    tcp_rtt_ms: rtt_ms,
                    server_delay_ms: server_ms,
                    retransmissions,
                    data_retransmissions: sent_again,
                    retransmission_share: share,
                    zero_windows: flow.zero_windows,
                    missed_bytes: flow.missed_bytes,
                    why: why.join("; "),
                },
            },
            top,
        );
    }

    fn keep(&mut self, sufferer: Sufferer, top: usize) {
        self.worst.push(std::cmp::Reverse(sufferer));
        if self.worst.len() > top {
            self.worst.pop();
        }
    }

    /// Adds another's measurements.
    pub(crate) fn absorb(&mut self, other: Self, top: usize) {
        self.tcp_flows += other.tcp_flows;
        self.rtt.absorb(&other.rtt);
        self.server_delay.absorb(&other.server_delay);
        self.retransmissions += other.retransmissions;
        self.data_retransmissions += other.data_retransmissions;
        self.data_packets += other.data_packets;
        self.out_of_order += other.out_of_order;
        self.zero_windows += other.zero_windows;
        self.failed += other.failed;
        self.two_way.0 += other.two_way.0;
        self.two_way.1 += other.two_way.1;
        self.missed_bytes += other.missed_bytes;
        for sufferer in other.worst {
            self.keep(sufferer.0, top);
        }
    }

    /// The facts.
    pub(crate) fn finish(self) -> Performance {
        Performance {
            tcp_flows: self.tcp_flows,
            rtt_ms: self.rtt.distribution(),
            server_delay_ms: self.server_delay.distribution(),
            retransmissions: self.retransmissions,
            data_retransmissions: self.data_retransmissions,
            data_packets: self.data_packets,
            out_of_order: self.out_of_order,
            zero_windows: self.zero_windows,
            failed_connections: self.failed,
            // Ascending by `Reverse`: the worst first.
            worst: self
                .worst
                .into_sorted_vec()
                .into_iter()
                .map(|worst| worst.0.facts)
                .collect(),
        }
    }
}

/// `address:port`, with brackets around IPv6 addresses (RFC 3986).
pub(crate) fn endpoint(address: std::net::IpAddr, port: Option<u16>) -> String {
    match port {
        Some(port) => std::net::SocketAddr::new(address, port).to_string(),
        None => address.to_string(),
    }
}
