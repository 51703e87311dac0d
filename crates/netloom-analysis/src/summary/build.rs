//! From sums to facts.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use netloom_pipeline::flow::name::{is_local, vendor};
use netloom_pipeline::packet::{CaptureInfo, MacAddr, Timestamp};

use super::Summary;
use super::findings;
use super::hosts::{AddressCounts, Pair};
use super::protocols::ProtocolCounter;
use crate::report::model::{
    Address as AddressRow, Capture, CaptureInterface, Conversation, FlowTableFacts, Host, Mac,
    Quality, Report, Unique,
};
use netloom_pipeline::bounded::Counts;
use netloom_pipeline::compact::Address;
use netloom_pipeline::hosts::is_local_host;

/// Comments of a capture that a report shows.
const COMMENTS_MAX: usize = 20;

/// What a report says about the run besides the traffic.
#[derive(Debug, Clone, Default)]
pub struct ReportContext {
    /// What the sources said about themselves.
    pub captures: Vec<CaptureInfo>,
    /// `--flow-rules`.
    pub flow_rules: String,
    /// More options of the run that say which flows there are, word by word.
    pub options: Vec<String>,
    /// What packets had to match, where that was asked for.
    pub filter: Option<String>,
    /// `--max-memory` in bytes.
    pub max_memory: u64,
    /// The user ended it early.
    pub interrupted: bool,
}

impl Summary {
    /// The facts of a report.
    pub fn report(self, context: &ReportContext) -> Report {
        let top = self.top;
        let names = names(&context.captures);
        let first = context
            .captures
            .iter()
            .filter_map(|capture| capture.first_ts)
            .min();
        let last = context
            .captures
            .iter()
            .filter_map(|capture| capture.last_ts)
            .max();
        let duration = match (first, last) {
            (Some(first), Some(last)) => last.nanos_since(first) as f64 / 1e9,
            _ => 0.0,
        };
        let per_second = |count: u64| (duration > 0.0).then(|| count as f64 / duration);
        let packets = self.quality.packets;
        let bytes = self.quality.bytes;
        let address = |(key, counts): (&Address, &AddressCounts)| address(key.ip(), counts, &names);
        let mut report = Report {
            schema_version: 1,
            netloom_version: env!("CARGO_PKG_VERSION").to_owned(),
            interrupted: context.interrupted,
            flow_rules: context.flow_rules.clone(),
            options: context.options.clone(),
            filter: context.filter.clone(),
            packets,
            bytes,
            captured_bytes: self.quality.captured_bytes,
            flows: self.flows,
            first_ts: first.map(|ts| ts.to_string()),
            last_ts: last.map(|ts| ts.to_string()),
            duration,
            packets_per_second: per_second(packets),
            bits_per_second: per_second(bytes.saturating_mul(8)),
            mean_packet_len: (packets > 0).then(|| bytes as f64 / packets as f64),
            capture: context.captures.iter().map(capture).collect(),
            quality: self.quality(context),
            services: self.services.finish(),
            top_addresses: self
                .addresses
                .top(top, AddressCounts::bytes)
                .into_iter()
                .map(address)
                .collect(),
            top_addresses_by_packets: self
                .addresses
                .top(top, AddressCounts::packets)
                .into_iter()
                .map(address)
                .collect(),
            top_destinations: self
                .addresses
                .top(top, AddressCounts::bytes_as_responder)
                .into_iter()
                .filter(|(_, counts)| counts.bytes_as_responder() > 0)
                .map(address)
                .collect(),
            top_conversations: self.conversations(),
            unique: self.unique(),
            approximate: self.addresses.forgot() || self.conversations.forgot(),
            packet_sizes: self.quality.sizes(),
            anomalies: self.quality.anomalies(),
            flow_table: FlowTableFacts {
                peak_live: self.facts.peak_live,
                evicted: self.facts.evicted,
                max_memory: context.max_memory,
                fragments_incomplete: self.facts.fragments.incomplete,
            },
            ..Report::default()
        };
        let mut to = self.to_groups;
        for ((_, dst), frames) in self.stations.iter() {
            to.add(*dst, *frames);
        }
        let (hosts, host_count) = self.local_hosts();
        report.local = self.arp.finish(top);
        (report.local.broadcast_packets, report.local.broadcast_bytes) =
            (to.broadcast.packets, to.broadcast.bytes);
        (report.local.multicast_packets, report.local.multicast_bytes) =
            (to.multicast.packets, to.multicast.bytes);
        report.protocols = ProtocolCounter::tree(self.protocols);
        report.timeline = self.timeline.finish(first, last);
        report.performance = self.performance.finish();
        report.risky = self.risks.finish(top);
        report.approximate |= self.names.forgot();
        self.groups.finish(&mut report, top);
        report.risks = self.flow_risks.finish(top);
        self.names.finish(&mut report);
        report.hosts = hosts;
        report.host_count = host_count;
        report.findings = findings::findings(&report);
        report
    }

    fn quality(&self, context: &ReportContext) -> Quality {
        let dropped = context
            .captures
            .iter()
            .flat_map(|capture| [capture.dropped_kernel, capture.dropped_interface])
            .flatten()
            .reduce(u64::saturating_add);
        let (tcp, one_way) = self.performance.two_way;
        Quality {
            truncated: self.quality.truncated,
            dropped,
            duplicates: self.duplicates,
            out_of_order: context
                .captures
                .iter()
                .map(|capture| capture.out_of_order)
                .sum(),
            oversized: self.quality.oversized,
            decode_stopped: self.quality.stopped,
            one_way_tcp_share: (tcp > 0).then(|| one_way as f64 / tcp as f64),
            missed_bytes: self.performance.missed_bytes,
        }
    }

    fn conversations(&self) -> Vec<Conversation> {
        let ranked = self.conversations.top(self.top, Counts::weight);
        ranked
            .into_iter()
            .map(|(pair, counts)| {
                // `a` is the end that began most flows.
                let a = usize::from(counts.begun(1) > counts.begun(0));
                let pair = pair.pair();
                let ends = [pair.0, pair.1];
                Conversation {
                    a: ends[a].to_string(),
                    b: ends[1 - a].to_string(),
                    packets: counts.packets(0) + counts.packets(1),
                    bytes: counts.bytes(0) + counts.bytes(1),
                    packets_a_to_b: counts.packets(a),
                    bytes_a_to_b: counts.bytes(a),
                    packets_b_to_a: counts.packets(1 - a),
                    bytes_b_to_a: counts.bytes(1 - a),
                    flows: counts.begun(0) + counts.begun(1),
                    services: counts.services(&self.services.numbers),
                    duration: counts.duration() as f64 / 1e9,
                }
            })
            .collect()
    }

    /// The hosts of the local network with the most bytes, and how many there are. An address that
    /// sent nothing is no host: somebody may only have tried it. One that sent no more than ARP
    /// has its hardware address.
    fn local_hosts(&self) -> (Vec<Host>, u64) {
        let spoke = |address: IpAddr| self.hosts.mac(address).is_some();
        let traffic = self.addresses.iter();
        let mut ranked: Vec<(u64, IpAddr)> = traffic
            .map(|(key, counts)| (key.ip(), counts))
            .filter(|(address, _)| is_local_host(*address))
            .filter(|(address, counts)| counts.is_source() || spoke(*address))
            .map(|(address, counts)| (counts.bytes(), address))
            .collect();
        let others = self.hosts.addresses();
        ranked.extend(
            others
                .filter(|address| self.addresses.get(address).is_none() && spoke(*address))
                .map(|address| (0, address)),
        );
        let count = ranked.len() as u64;
        ranked.sort_unstable_by_key(|&(bytes, address)| (std::cmp::Reverse(bytes), address));
        ranked.truncate(self.top);
        let mut peers: HashMap<IpAddr, u64, foldhash::fast::RandomState> =
            ranked.iter().map(|&(_, address)| (address, 0)).collect();
        let gone = self.gone.iter().map(|[a, b]| Pair(a, b));
        let gone = gone.filter(|pair| self.conversations.get(pair).is_none());
        let known = self.conversations.iter().map(|(key, _)| key.pair());
        for pair in known.chain(gone).filter(|pair| pair.0 != pair.1) {
            for address in [pair.0, pair.1] {
                if let Some(peers) = peers.get_mut(&address) {
                    *peers += 1;
                }
            }
        }
        let text = |text: Option<Box<str>>| text.map(String::from);
        let source = |source: &str| (!source.is_empty()).then(|| source.to_owned());
        let hosts = ranked.into_iter().map(|(_, address)| {
            let row = self.hosts.row(address);
            let traffic = self.addresses.get(&address);
            Host {
                address: address.to_string(),
                mac: row.mac.map(|mac| mac.to_string()),
                vendor: row.mac.and_then(vendor).map(ToOwned::to_owned),
                name: text(row.hostname),
                name_source: source(row.hostname_source),
                os: text(row.os),
                device: text(row.device),
                services: row.services.into_iter().map(String::from).collect(),
                bytes_sent: traffic.map_or(0, AddressCounts::bytes_sent),
                bytes_received: traffic.map_or(0, AddressCounts::bytes_received),
                peers: peers.get(&address).copied().unwrap_or(0),
            }
        });
        (hosts.collect(), count)
    }

    fn unique(&self) -> Unique {
        let mut macs: HashMap<MacAddr, Mac> = HashMap::new();
        let (mut src, mut dst) = (HashSet::new(), HashSet::new());
        for (&(from, to), traffic) in self.stations.iter() {
            if let Some(from) = from {
                src.insert(from);
                let sender = macs.entry(from).or_default();
                sender.packets_sent += traffic.packets;
                sender.bytes_sent += traffic.bytes;
            }
            if let Some(to) = to {
                dst.insert(to);
                let receiver = macs.entry(to).or_default();
                receiver.packets_received += traffic.packets;
                receiver.bytes_received += traffic.bytes;
            }
        }
        let mut top_macs: Vec<_> = macs
            .into_iter()
            .filter(|(_, mac)| mac.packets_sent > 0)
            .collect();
        top_macs.sort_by(|a, b| {
            b.1.packets_sent
                .cmp(&a.1.packets_sent)
                .then_with(|| a.0.cmp(&b.0))
        });
        top_macs.truncate(self.top);
        let forgot = self.addresses.forgot();
        let exact = |part: fn(&AddressCounts) -> bool| {
            self.addresses
                .iter()
                .filter(|(_, counts)| part(counts))
                .count() as u64
        };
        Unique {
            src_macs: src.len() as u64,
            dst_macs: dst.len() as u64,
            src_ips: if forgot {
                self.senders.round() as u64
            } else {
                exact(AddressCounts::is_source)
            },
            dst_ips: if forgot {
                self.receivers.round() as u64
            } else {
                exact(AddressCounts::is_destination)
            },
            approximate: forgot || self.stations.forgot(),
            top_macs: top_macs
                .into_iter()
                .map(|(address, mac)| Mac {
                    mac: address.to_string(),
                    ..mac
                })
                .collect(),
        }
    }
}

/// Names that came with the captures; the first one given to an address stands.
fn names(captures: &[CaptureInfo]) -> HashMap<IpAddr, String> {
    let mut names = HashMap::new();
    for record in captures.iter().flat_map(|capture| &capture.names) {
        names
            .entry(record.address)
            .or_insert_with(|| record.name.clone());
    }
    names
}

fn address(ip: IpAddr, counts: &AddressCounts, names: &HashMap<IpAddr, String>) -> AddressRow {
    AddressRow {
        address: ip.to_string(),
        name: names.get(&ip).cloned(),
        is_local: is_local(ip),
        packets: counts.packets(),
        bytes: counts.bytes(),
        packets_sent: counts.packets_sent(),
        packets_received: counts.packets_received(),
        bytes_sent: counts.bytes_sent(),
        bytes_received: counts.bytes_received(),
        bytes_received_as_responder: counts.bytes_as_responder(),
        flows: counts.flows(),
    }
}

fn capture(info: &CaptureInfo) -> Capture {
    let text = |ts: Option<Timestamp>| ts.map(|ts| ts.to_string());
    Capture {
        name: info.name.clone(),
        format: info.format.clone(),
        packets: info.packets,
        bytes: info.bytes,
        dropped_kernel: info.dropped_kernel,
        dropped_interface: info.dropped_interface,
        truncated: info.truncated,
        out_of_order: info.out_of_order,
        first_ts: text(info.first_ts),
        last_ts: text(info.last_ts),
        interfaces: info
            .interfaces
            .iter()
            .map(|interface| CaptureInterface {
                name: interface.name.clone(),
                link_type: interface.link_type.to_string(),
                snap_len: interface.snap_len,
                packets: interface.packets,
            })
            .collect(),
        application: info.application.clone(),
        os: info.os.clone(),
        hardware: info.hardware.clone(),
        comments: info.comments.iter().take(COMMENTS_MAX).cloned().collect(),
        warnings: info
            .warnings
            .iter()
            .map(|warning| {
                // Files that were left out were not read: there is no place in them.
                if info.format.is_empty() {
                    warning.message.clone()
                } else {
                    format!("{} (at byte {})", warning.message, warning.offset)
                }
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use netloom_pipeline::flow::FlowRecord;
    use netloom_pipeline::{ShardFacts, Stage};

    use super::*;
    use crate::summary::{SummaryStage, flow_of};

    /// A flow of two addresses with so many packets each way, 100 bytes each.
    fn flow(src: [u8; 4], dst: [u8; 4], packets: [u64; 2]) -> FlowRecord {
        let mut flow = flow_of(src, dst);
        (flow.fwd.packets, flow.bwd.packets) = (packets[0], packets[1]);
        (flow.fwd.bytes, flow.bwd.bytes) = (100 * packets[0], 100 * packets[1]);
        flow
    }

    fn report(top: usize, flows: Vec<FlowRecord>) -> Report {
        let stage = SummaryStage::new(top);
        let (mut worker, mut shard) = (stage.new_worker(), stage.new_shard());
        let mut serial = stage.new_serial();
        for flow in flows {
            stage.flow_end(&mut worker, &mut shard, flow);
        }
        stage.capture_end(&mut serial, &mut [&mut shard]);
        let facts = ShardFacts::default();
        let summary = stage.merge(serial, vec![shard], vec![worker], &facts);
        summary.report(&ReportContext::default())
    }

    #[test]
    fn devices_are_those_that_sent() {
        let flows = || {
            vec![
                flow([10, 0, 0, 1], [10, 0, 0, 2], [9, 0]),
                flow([10, 0, 0, 1], [10, 0, 0, 255], [9, 0]),
                flow([10, 0, 0, 1], [10, 0, 0, 3], [2, 1]),
            ]
        };
        let told = report(10, flows());
        let addresses: Vec<&str> = told.hosts.iter().map(|host| &*host.address).collect();
        assert_eq!(addresses, ["10.0.0.1", "10.0.0.3"]);
        assert_eq!(told.host_count, 2);
        let told = report(1, flows());
        assert_eq!((told.hosts.len(), told.host_count), (1, 2));
    }

    #[test]
    fn loopback_counts_once() {
        let told = report(10, vec![flow([127, 0, 0, 1], [127, 0, 0, 1], [10, 8])]);
        let address = &told.top_addresses[0];
        assert_eq!(
            (address.packets, address.bytes, address.flows),
            (18, 1_800, 1)
        );
        let pair = &told.top_conversations[0];
        assert_eq!((pair.packets, pair.bytes, pair.flows), (18, 1_800, 1));
        assert_eq!(
            (told.hosts[0].bytes_sent, told.hosts[0].bytes_received),
            (1_000, 800)
        );
        assert_eq!((told.unique.src_ips, told.unique.dst_ips), (1, 1));
    }
}
