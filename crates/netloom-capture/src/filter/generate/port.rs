//! Ports of TCP, UDP and SCTP.

use std::ops::Range;

use super::super::condition::Condition;
use super::super::names::{Service, Transport};
use super::super::syntax::{Direction, Id, IdKind, Join, Protocol, Qualifiers, Relation};
use super::super::value::Size;
use super::link::Place;
use super::link_type::{IP, IP6};
use super::{Generator, Made, compare};

/// The transports that have ports, as they are tested.
const TRANSPORTS: [Transport; 3] = [Transport::Tcp, Transport::Udp, Transport::Sctp];

impl Generator<'_> {
    /// A port, or a range of them.
    pub(super) fn ports(&mut self, qualifiers: Qualifiers, id: &Id) -> Made {
        let (low, high, named) = match id {
            Id::Number(number) => (*number, *number, None),
            Id::Name(name) if qualifiers.kind == IdKind::Port => {
                let service = self.service(name)?;
                (service.port, service.port, service.transport)
            }
            Id::Name(name) => self.port_range(name)?,
            Id::Dotted(_)
            | Id::DottedPrefix(..)
            | Id::DottedMask(..)
            | Id::V6(..)
            | Id::Mac(_)
            | Id::Arcnet(_) => {
                return Err(self.fault("this is an address, not a port"));
            }
        };
        let transport = match qualifiers.protocol {
            None => named,
            Some(protocol) => {
                let asked = match protocol {
                    Protocol::Tcp => Transport::Tcp,
                    Protocol::Udp => Transport::Udp,
                    Protocol::Sctp => Transport::Sctp,
                    other => {
                        return Err(self.fault(format!("`{}` has no ports", other.name())));
                    }
                };
                if let Some(named) = named
                    && named != asked
                {
                    let named = name_of(named);
                    return Err(self.fault(format!("the port of this name is one of {named}")));
                }
                Some(asked)
            }
        };
        if low.max(high) > u32::from(u16::MAX) {
            return Err(self.fault("a port is at most 65535"));
        }
        let ports = low.min(high)..high.max(low);
        let is_range = qualifiers.kind == IdKind::PortRange;
        let v6 = self.ports_in(true, &ports, is_range, transport, qualifiers.direction)?;
        let v4 = self.ports_in(false, &ports, is_range, transport, qualifiers.direction)?;
        Ok(v6.or(v4))
    }

    fn service(&self, name: &str) -> Result<Service, super::Fault> {
        self.names.service(name).ok_or_else(|| {
            let fault = self.fault(format!("no service has the name `{name}`"));
            if name.contains('-') {
                fault.hint("several ports are written as `portrange FIRST-LAST`")
            } else {
                fault.hint("a port can be given by its number")
            }
        })
    }

    fn port_range(&self, name: &str) -> Result<(u32, u32, Option<Transport>), super::Fault> {
        let Some((first, last)) = name.split_once('-') else {
            return Err(self
                .fault("this is no range of ports")
                .hint("a range is written as 6000-6008"));
        };
        let (first, last) = (self.service(first)?, self.service(last)?);
        let same = first.transport == last.transport;
        Ok((
            first.port,
            last.port,
            if same { first.transport } else { None },
        ))
    }

    /// One port of UDP's destination, as tunnels have.
    pub(super) fn udp_to(&mut self, v6: bool, port: u32) -> Made {
        let direction = Some(Direction::Dst);
        self.ports_in(v6, &(port..port), false, Some(Transport::Udp), direction)
    }

    /// Ports in IPv4 or IPv6. Of a fragmented datagram only the first fragment has them; behind
    /// extension headers of IPv6 they are not looked for, as libpcap does not.
    fn ports_in(
        &mut self,
        v6: bool,
        ports: &Range<u32>,
        is_range: bool,
        transport: Option<Transport>,
        direction: Option<Direction>,
    ) -> Made {
        let (protocol, place, number_at) = if v6 {
            (IP6, Place::Ipv6Payload, 6)
        } else {
            (IP, Place::Ipv4Payload, 9)
        };
        let carries = self.link_protocol(protocol)?;
        let mut links = Vec::new();
        for candidate in TRANSPORTS {
            if transport.is_some_and(|wanted| wanted != candidate) {
                continue;
            }
            let number = number_of(candidate);
            let mut condition = self.equal(Place::Network, number_at, Size::Byte, number);
            if !v6 {
                condition = condition.and(self.is_first_fragment());
            }
            let sides = self.sides(direction, |this, is_src| {
                let offset = if is_src { 0 } else { 2 };
                let value = this.load(place, offset, Size::Half);
                Ok(if is_range {
                    let from = compare(value, Relation::GreaterEqual, ports.start);
                    from.and(compare(value, Relation::LessEqual, ports.end))
                } else {
                    compare(value, Relation::Equal, ports.start)
                })
            })?;
            links.push((Join::Or, condition.and(sides)));
        }
        Ok(carries.and(Condition::Chain(links)))
    }

    /// Whether an IPv4 packet is no fragment, or the first one.
    pub(super) fn is_first_fragment(&mut self) -> Condition {
        let value = self.load(Place::Network, 6, Size::Half);
        super::any_bit(value, 0x1fff).negate()
    }
}

fn number_of(transport: Transport) -> u32 {
    match transport {
        Transport::Tcp => 6,
        Transport::Udp => 17,
        Transport::Sctp => 132,
    }
}

fn name_of(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "TCP",
        Transport::Udp => "UDP",
        Transport::Sctp => "SCTP",
    }
}
