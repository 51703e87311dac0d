//! Packets into the model of `netloom top`, as a stage of the engine.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use netloom::decode::app::Interest;
use netloom::pipeline::flow::app::{AppRecord, AppRow};
use netloom::pipeline::{Needs, RoundError, ShardFacts, Stage, StagePacket};
use netloom::tables::protocol_name;
use netloom::{FlowRecord, Timestamp};

use super::model::{FlowDelta, FlowKey, Interval, Model};

/// Says who owns a flow.
pub(super) type Owner = Box<dyn Fn(&FlowKey) -> Option<String> + Sync>;

/// Sums up each round into a model that the screen reads.
pub(super) struct TopStage {
    pub(super) model: Arc<Mutex<Model>>,
    /// Who owns a flow on this machine, where that is known.
    pub(super) owner: Owner,
}

/// The model, whoever panicked with it.
pub(super) fn lock(model: &Mutex<Model>) -> MutexGuard<'_, Model> {
    model.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a shard saw in a round.
#[derive(Debug, Default)]
pub(super) struct Delta {
    flows: HashMap<FlowKey, FlowDelta>,
    /// What has no IP header, by what it is.
    frames: HashMap<&'static str, (u64, u64)>,
    seconds: Vec<Interval>,
    /// Names of servers that became known.
    names: Vec<(FlowKey, Box<str>)>,
    ended: Vec<FlowKey>,
    span: Option<(Timestamp, Timestamp)>,
}

impl Stage for TopStage {
    type Worker = ();
    type Shard = Delta;
    type Serial = ();
    type Rows = ();
    type Output = ();

    fn needs(&self) -> Needs {
        Needs {
            flows: true,
            packets: true,
            applications: Some(Interest::TLS.with(Interest::HTTP)),
            ..Needs::default()
        }
    }

    fn new_worker(&self) {}

    fn new_shard(&self) -> Delta {
        Delta::default()
    }

    fn new_serial(&self) {}

    fn packet(&self, _worker: &mut (), shard: &mut Delta, packet: &StagePacket<'_>) {
        let bytes = u64::from(packet.packet.wire_len);
        let at = packet.packet.timestamp;
        let (first, last) = shard.span.get_or_insert((at, at));
        *first = at.min(*first);
        *last = at.max(*last);
        let second = at.as_secs();
        let known = shard
            .seconds
            .iter_mut()
            .rfind(|known| known.second == second);
        match known {
            Some(known) => {
                known.bytes += bytes;
                known.packets += 1;
            }
            None => shard.seconds.push(Interval {
                second,
                bytes,
                packets: 1,
            }),
        }
        let Some(ip) = &packet.decoded.ip else {
            let (sum, packets) = shard.frames.entry(frame(packet)).or_default();
            *sum += bytes;
            *packets += 1;
            return;
        };
        let src = (ip.src, packet.decoded.src_port);
        let dst = (ip.dst, packet.decoded.dst_port);
        let from_a = src <= dst;
        let key = key(src, dst, ip.protocol);
        let delta = shard.flows.entry(key).or_insert_with(|| FlowDelta {
            service: packet
                .service()
                .or_else(|| protocol_name(ip.protocol))
                .unwrap_or("other"),
            a_bytes: 0,
            b_bytes: 0,
            packets: 0,
        });
        if from_a {
            delta.a_bytes += bytes;
        } else {
            delta.b_bytes += bytes;
        }
        delta.packets += 1;
    }

    fn app(&self, _worker: &mut (), shard: &mut Delta, record: AppRecord) {
        let name = match record.row {
            AppRow::Tls(tls) => tls.server_name,
            AppRow::Http(http) => http.host,
            _ => None,
        };
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            let key = key(record.origin.src, record.origin.dst, record.origin.protocol);
            shard.names.push((key, name));
        }
    }

    fn flow_end(&self, _worker: &mut (), shard: &mut Delta, flow: FlowRecord) {
        let src = (flow.src_ip, flow.src_port.unwrap_or(0));
        let dst = (flow.dst_ip, flow.dst_port.unwrap_or(0));
        let key = key(src, dst, flow.protocol);
        if let Some(name) = flow.server_name() {
            shard.names.push((key, Box::from(name)));
        }
        shard.ended.push(key);
    }

    fn round_end(
        &self,
        _serial: &mut (),
        shards: &mut [&mut Delta],
        _rows: Vec<()>,
    ) -> Result<(), RoundError> {
        let mut model = lock(&self.model);
        for shard in shards.iter_mut() {
            if let Some((first, last)) = shard.span.take() {
                model.see(first, last);
            }
            for second in shard.seconds.drain(..) {
                model.time(second);
            }
        }
        let second = model.clock.map_or(0, Timestamp::as_secs);
        for shard in shards.iter_mut() {
            for (key, delta) in shard.flows.drain() {
                let process = (self.owner)(&key);
                model.flow(&key, &delta, process.as_deref(), second);
            }
            for (key, name) in shard.names.drain(..) {
                model.name(&key, &name, second);
            }
            for key in shard.ended.drain(..) {
                model.end(&key);
            }
            for (name, (bytes, packets)) in shard.frames.drain() {
                model.services.add(name, second, bytes, 0, packets);
            }
        }
        Ok(())
    }

    fn merge(&self, (): (), _shards: Vec<Delta>, _workers: Vec<()>, _facts: &ShardFacts) {}
}

/// A flow by its ends, whichever sent.
fn key(src: (IpAddr, u16), dst: (IpAddr, u16), protocol: u8) -> FlowKey {
    let (a, b) = if src <= dst { (src, dst) } else { (dst, src) };
    FlowKey { a, b, protocol }
}

/// What a packet without an IP header is.
fn frame(packet: &StagePacket<'_>) -> &'static str {
    use netloom::decode::Network;
    match packet.decoded.network {
        Network::Arp | Network::Rarp => "arp",
        Network::Lldp => "lldp",
        Network::Cdp => "cdp",
        Network::Stp => "stp",
        Network::Eapol => "eapol",
        Network::WlanControl | Network::WlanEncrypted => "802.11",
        _ => "other frames",
    }
}
