//! What application protocols carried, and on which ports.

use std::cmp::Reverse;

use hashbrown::HashMap;
use netloom_pipeline::bounded::{BoundedTable, Counts};
use netloom_pipeline::flow::app::Confidence;
use netloom_tables::header_name;

use super::groups::{Sum, Word};
use super::hosts::EndedFlow;
use crate::report::model::Service;

/// Ports of a service that are told apart: with more, those that carried little are forgotten.
const PORTS_MAX: usize = 1_024;

/// Numbers of services, for tables that hold many of them.
#[derive(Debug, Default)]
pub(crate) struct ServiceNumbers {
    names: Vec<&'static str>,
    numbers: HashMap<Word, u16, foldhash::fast::RandomState>,
}

impl ServiceNumbers {
    /// The number of a service; there are far fewer than 65,535.
    pub(crate) fn number(&mut self, name: &'static str) -> u16 {
        *self.numbers.entry(Word(name)).or_insert_with(|| {
            self.names.push(name);
            (self.names.len() - 1) as u16
        })
    }

    /// The name of a service.
    pub(crate) fn name(&self, number: u16) -> &'static str {
        self.names.get(usize::from(number)).copied().unwrap_or("")
    }
}

/// Bytes of a port.
#[derive(Debug, Default)]
struct Bytes(u64);

impl Counts for Bytes {
    fn weight(&self) -> u64 {
        self.0
    }

    fn absorb(&mut self, other: Self) {
        self.0 += other.0;
    }
}

/// The server's port, and how sure it is what it speaks.
type PortKey = (Option<u16>, Option<Confidence>);

/// A service over one transport.
#[derive(Debug)]
struct Counted {
    protocol: u8,
    sum: Sum,
    ports: BoundedTable<PortKey, Bytes>,
}

impl Counted {
    fn new(protocol: u8) -> Self {
        Self {
            protocol,
            sum: Sum::default(),
            ports: BoundedTable::new(PORTS_MAX),
        }
    }

    /// The port that carried most speaks for the rest.
    fn service(&self, name: &str) -> Service {
        let best = self.ports.iter().max_by_key(|((port, confidence), bytes)| {
            (port.is_some(), bytes.0, Reverse(*port), *confidence)
        });
        let (port, confidence) = best.map_or((None, None), |(key, _)| *key);
        Service {
            name: name.to_owned(),
            transport: header_name(self.protocol).into_owned(),
            port,
            source: confidence.map_or("port", Confidence::name).to_owned(),
            flows: self.sum.count,
            packets: self.sum.packets,
            bytes: self.sum.bytes,
        }
    }
}

/// Counts flows by service and transport: exactly, as this program knows only so many. Fed in the
/// order of the packets that closed them, so that which ports are forgotten depends on nothing else.
#[derive(Debug, Default)]
pub(crate) struct ServiceCounter {
    pub(crate) numbers: ServiceNumbers,
    /// By number; hardly any has more than one transport.
    counted: Vec<Vec<Counted>>,
}

impl ServiceCounter {
    /// A flow that has ended; the number of its service.
    pub(crate) fn flow(&mut self, flow: &EndedFlow) -> Option<u16> {
        let number = self.numbers.number(flow.service?);
        let place = usize::from(number);
        if self.counted.len() <= place {
            self.counted.resize_with(place + 1, Vec::new);
        }
        let transports = self.counted.get_mut(place)?;
        let known = transports
            .iter()
            .position(|of| of.protocol == flow.protocol);
        let at = known.unwrap_or_else(|| {
            transports.push(Counted::new(flow.protocol));
            transports.len() - 1
        });
        if let Some(counted) = transports.get_mut(at) {
            let bytes = flow.bytes.iter().sum();
            counted.sum.absorb(Sum {
                count: 1,
                packets: flow.packets.iter().sum(),
                bytes,
            });
            let key = (flow.dst_port, flow.confidence);
            counted.ports.entry(key).0 += bytes;
        }
        Some(number)
    }

    /// The services, most bytes first.
    pub(crate) fn finish(&self) -> Vec<Service> {
        let names = self.numbers.names.iter().zip(&self.counted);
        let mut services: Vec<Service> = names
            .flat_map(|(name, transports)| transports.iter().map(|of| of.service(name)))
            .collect();
        services.sort_by(|a, b| {
            b.bytes
                .cmp(&a.bytes)
                .then_with(|| (&a.name, &a.transport).cmp(&(&b.name, &b.transport)))
        });
        services
    }
}

#[cfg(test)]
mod tests {
    use netloom_pipeline::packet::Timestamp;

    use super::*;

    fn flow(service: &'static str, protocol: u8, port: u16, bytes: u64) -> EndedFlow {
        EndedFlow {
            closed_by: 1,
            first_number: 1,
            src: [10, 0, 0, 1].into(),
            dst: [10, 0, 0, 2].into(),
            start: Timestamp::from_nanos(0),
            end: Timestamp::from_nanos(1),
            packets: [1, 1],
            bytes: [bytes, 0],
            service: Some(service),
            protocol,
            dst_port: Some(port),
            confidence: Some(Confidence::Content),
        }
    }

    /// However many ports there are, nothing is missing from what a service carried, and another
    /// service keeps its port.
    #[test]
    fn many_ports_cost_nothing_but_ports() {
        let mut counter = ServiceCounter::default();
        counter.flow(&flow("telnet", 6, 23, 1));
        for port in 1024..60_000 {
            counter.flow(&flow("dns", 17, port, 100));
            counter.flow(&flow("dns", 17, 53, 10));
        }
        counter.flow(&flow("dns", 6, 5353, 7));
        let services = counter.finish();
        let told: Vec<_> = services
            .iter()
            .map(|s| (&*s.name, &*s.transport, s.port, s.flows, s.bytes))
            .collect();
        let flows = 2 * (60_000 - 1024);
        assert_eq!(
            told,
            [
                ("dns", "udp", Some(53), flows, flows / 2 * 110),
                ("dns", "tcp", Some(5353), 1, 7),
                ("telnet", "tcp", Some(23), 1, 1),
            ]
        );
    }
}
