//! Sums over the flows of a window.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray, TimestampNanosecondArray};

use super::columns::{self, WindowColumn};
use super::flows::{Flows, NONE};
use super::{Member, Per, Window, WindowOptions};

/// TCP connections that were not answered or were refused.
const FAILED: [&str; 6] = ["S0", "REJ", "RSTOS0", "RSTRH", "SH", "SHR"];

/// Windows so far, a value for each column and window.
pub(super) struct Sums<'a> {
    options: &'a WindowOptions,
    windows: Vec<Window>,
    values: Vec<Vec<Option<f64>>>,
    labels: Vec<Option<u32>>,
}

impl<'a> Sums<'a> {
    pub(super) fn new(options: &'a WindowOptions) -> Self {
        Self {
            options,
            windows: Vec::new(),
            values: columns::all(options.per).map(|_| Vec::new()).collect(),
            labels: Vec::new(),
        }
    }

    /// Adds the flows of a window, in the order of their starts.
    pub(super) fn add(&mut self, flows: &Flows, members: &[Member]) {
        let Some(first) = members.first() else { return };
        self.windows.push(first.window);
        self.labels.push(label(flows, members, self.options));
        let facts = Facts::new(flows, members, self.options.per);
        for (column, values) in columns::all(self.options.per).zip(&mut self.values) {
            values.push(flows.has(column.of).then(|| facts.value(column)).flatten());
        }
    }

    pub(super) fn start_column(&self) -> ArrayRef {
        let starts = self
            .windows
            .iter()
            .map(|w| w.interval.saturating_mul(self.options.width));
        Arc::new(TimestampNanosecondArray::from_iter_values(starts).with_timezone("UTC"))
    }

    pub(super) fn key_columns<'b>(&self, flows: &'b Flows) -> Vec<(&'b str, ArrayRef)> {
        let mut columns: Vec<(&'b str, ArrayRef)> = Vec::new();
        for (place, &name) in self.options.per.keys().iter().enumerate() {
            let values = self.windows.iter().map(|window| {
                let code = window.keys[place];
                match name {
                    "transport" => flows.transport_name(code),
                    "dst_port" => flows.port_name(code),
                    _ => flows.address(code),
                }
            });
            columns.push((name, Arc::new(values.collect::<StringArray>())));
        }
        for (place, name) in flows.kept_names().iter().enumerate() {
            let values = self.windows.iter().map(|window| {
                flows
                    .kept_values(window.keys[3])
                    .get(place)
                    .map(|(_, value)| *value)
            });
            columns.push((name, Arc::new(values.collect::<StringArray>())));
        }
        columns
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = ArrayRef> + '_ {
        self.values
            .iter()
            .map(|values| Arc::new(Float64Array::from(values.clone())) as ArrayRef)
    }

    pub(super) fn label_column<'b>(&self, flows: &'b Flows) -> Option<(&'b str, ArrayRef)> {
        let name = flows.label_column()?;
        let values = self
            .labels
            .iter()
            .map(|code| code.and_then(|code| flows.label_name(code)));
        Some((name, Arc::new(values.collect::<StringArray>())))
    }
}

/// The label of a window.
fn label(flows: &Flows, members: &[Member], options: &WindowOptions) -> Option<u32> {
    let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
    for member in members {
        if let Some(label) = flows.label(member.flow as usize) {
            *counts.entry(label).or_default() += 1;
        }
    }
    let is_harmless = |label: u32| {
        options.harmless.is_some() && flows.label_name(label) == options.harmless.as_deref()
    };
    // Codes are in the order of the alphabet, so the first of the most frequent wins.
    let most = |counts: &mut dyn Iterator<Item = (&u32, &u64)>| {
        counts.fold(
            None,
            |best: Option<(u32, u64)>, (&label, &count)| match best {
                Some((_, most)) if most >= count => best,
                _ => Some((label, count)),
            },
        )
    };
    most(&mut counts.iter().filter(|(label, _)| !is_harmless(**label)))
        .or_else(|| most(&mut counts.iter()))
        .map(|(label, _)| label)
}

/// What is known of the flows of a window.
struct Facts {
    flows: f64,
    opened: f64,
    peers: Counts,
    ports: Counts,
    services: Counts,
    names: Counts,
    packets: [f64; 2],
    bytes: [f64; 2],
    flow_bytes: Spread,
    duration: Spread,
    gap: Spread,
    failed: f64,
    one_way: f64,
    transports: [f64; 3],
    applications: [f64; 3],
    retransmissions: f64,
}

/// How often each value occurred.
#[derive(Default)]
struct Counts(BTreeMap<u32, u64>);

/// Mean, deviation and largest value (Welford 1962).
#[derive(Default)]
struct Spread {
    count: f64,
    mean: f64,
    squares: f64,
    max: f64,
}

impl Facts {
    fn new(flows: &Flows, members: &[Member], per: Per) -> Self {
        let mut facts = Self {
            flows: members.len() as f64,
            opened: 0.0,
            peers: Counts::default(),
            ports: Counts::default(),
            services: Counts::default(),
            names: Counts::default(),
            packets: [0.0; 2],
            bytes: [0.0; 2],
            flow_bytes: Spread::default(),
            duration: Spread::default(),
            gap: Spread::default(),
            failed: 0.0,
            one_way: 0.0,
            transports: [0.0; 3],
            applications: [0.0; 3],
            retransmissions: 0.0,
        };
        let mut before = None;
        for member in members {
            let flow = member.flow as usize;
            // A host that is the responder sends what the flow calls backward.
            let backward = per == Per::Host && member.responder;
            facts.opened += f64::from(u8::from(!member.responder));
            let other = match (per, member.responder) {
                (Per::Pair, _) | (_, false) => flows.dst(flow),
                (_, true) => flows.src(flow),
            };
            facts.peers.add(other.unwrap_or(NONE));
            facts.ports.add(flows.dst_port(flow));
            facts.services.add(flows.service(flow));
            facts.names.add(flows.server_name(flow));
            let both = |forward: &str, back: &str| {
                let pair = [flows.number(forward, flow), flows.number(back, flow)];
                if backward { [pair[1], pair[0]] } else { pair }
            };
            let packets = both("fwd_packets", "bwd_packets");
            let bytes = both("fwd_bytes", "bwd_bytes");
            for side in 0..2 {
                facts.packets[side] += packets[side];
                facts.bytes[side] += bytes[side];
            }
            facts.flow_bytes.add(bytes[0] + bytes[1]);
            facts.duration.add(flows.number("duration", flow));
            let start = flows.start(flow).unwrap_or_default();
            if let Some(before) = before {
                facts.gap.add(start.saturating_sub(before) as f64 / 1e9);
            }
            before = Some(start);
            let is = |yes: bool| f64::from(u8::from(yes));
            facts.failed += is(flows
                .conn_state(flow)
                .is_some_and(|state| FAILED.contains(&state)));
            facts.one_way += is(flows.number("bwd_packets", flow) == 0.0);
            let transport = flows
                .transport_name(flows.transport(flow))
                .unwrap_or_default();
            let service = flows.service_name(flows.service(flow)).unwrap_or_default();
            for (count, names) in
                facts
                    .transports
                    .iter_mut()
                    .zip([&["tcp"][..], &["udp"], &["icmp", "icmp6"]])
            {
                *count += is(names.contains(&transport));
            }
            for (count, names) in facts.applications.iter_mut().zip([
                &["dns"][..],
                &["tls", "ssl", "quic"],
                &["http"],
            ]) {
                *count += is(names.contains(&service));
            }
            facts.retransmissions += flows.number("fwd_retransmissions", flow)
                + flows.number("bwd_retransmissions", flow);
        }
        facts
    }

    fn value(&self, column: &WindowColumn) -> Option<f64> {
        let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        match column.name {
            "flows" => Some(self.flows),
            "flows_opened" => Some(self.opened),
            "flows_accepted" => Some(self.flows - self.opened),
            "peers" => Some(self.peers.distinct()),
            "peer_entropy" => Some(self.peers.entropy()),
            "ports" => Some(self.ports.distinct()),
            "port_entropy" => Some(self.ports.entropy()),
            "services" => Some(self.services.distinct()),
            "names" => Some(self.names.distinct()),
            "packets_out" => Some(self.packets[0]),
            "packets_in" => Some(self.packets[1]),
            "bytes_out" => Some(self.bytes[0]),
            "bytes_in" => Some(self.bytes[1]),
            "bytes_out_share" => share(self.bytes[0], self.bytes[0] + self.bytes[1]),
            "bytes_mean" => self.flow_bytes.mean(),
            "bytes_std" => self.flow_bytes.deviation(),
            "bytes_max" => Some(self.flow_bytes.max),
            "duration_mean" => self.duration.mean(),
            "duration_std" => self.duration.deviation(),
            "duration_max" => Some(self.duration.max),
            "gap_mean" => self.gap.mean(),
            "gap_std" => self.gap.deviation(),
            "gap_cv" => share(self.gap.deviation()?, self.gap.mean()?),
            "failed" => Some(self.failed),
            "failed_share" => share(self.failed, self.transports[0]),
            "one_way" => Some(self.one_way),
            "tcp" => Some(self.transports[0]),
            "udp" => Some(self.transports[1]),
            "icmp" => Some(self.transports[2]),
            "dns" => Some(self.applications[0]),
            "tls" => Some(self.applications[1]),
            "http" => Some(self.applications[2]),
            "retransmissions" => Some(self.retransmissions),
            _ => None,
        }
    }
}

impl Counts {
    fn add(&mut self, value: u32) {
        if value != NONE {
            *self.0.entry(value).or_default() += 1;
        }
    }

    fn distinct(&self) -> f64 {
        self.0.len() as f64
    }

    /// In bits.
    fn entropy(&self) -> f64 {
        let all = self.0.values().sum::<u64>() as f64;
        let entropy: f64 = self
            .0
            .values()
            .map(|&count| {
                let share = count as f64 / all;
                -share * share.log2()
            })
            .sum();
        // Of one value alone: plain zero, not the negative one.
        entropy + 0.0
    }
}

impl Spread {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let distance = value - self.mean;
        self.mean += distance / self.count;
        self.squares += distance * (value - self.mean);
        self.max = self.max.max(value);
    }

    fn mean(&self) -> Option<f64> {
        (self.count > 0.0).then_some(self.mean)
    }

    fn deviation(&self) -> Option<f64> {
        (self.count > 0.0).then(|| (self.squares / self.count).max(0.0).sqrt())
    }
}
