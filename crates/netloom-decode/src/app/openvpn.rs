//! OpenVPN: the TLS with which its sides agree on keys, in control packets that are sent again and put in
//! order (openvpn.net, "OpenVPN network protocol"). Where those are encrypted (tls-crypt), and of the data
//! packets, nothing can be read.

use super::nested::Nested;
use super::signatures::contains;
use super::wire::{u16_at, u32_at, zeros};
use super::{
    Category, Context, Detector, Event, Events, Guess, Interest, Next, Over, Parser, Probe,
    Protocol, Risk, Step, tls,
};

/// OpenVPN.
pub static PROTOCOL: Protocol = Protocol {
    name: "openvpn",
    title: "OpenVPN",
    category: Category::Vpn,
};

/// OpenVPN over UDP, and over TCP with a length in front of each packet.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[1194],
    probe,
    parser: Some(|| Box::<OpenVpn>::default()),
};

/// Opcode and key, and the sender's session.
const HEADER: usize = 9;
/// Check sums (HMAC) that there may be behind it; behind one come a number and a time.
const CHECK_SUMS: [usize; 6] = [16, 20, 28, 32, 48, 64];
/// Most acknowledgements in a packet.
const ACKS_MAX: usize = 8;
/// Control packets that are looked at.
const PACKETS_MAX: u32 = 256;
/// Control packets after which there should have been TLS.
const PATIENCE: u32 = 24;
/// Packets of a side that wait for one before them, and the largest that may.
const EARLY_MAX: usize = 16;
const PAYLOAD_MAX: usize = 2048;

/// Opcodes.
const CONTROL: u8 = 4;
const DATA: [u8; 2] = [6, 9];
const RESETS: [u8; 5] = [1, 2, 7, 8, 10];

/// The first packet of an OpenVPN stream, without the length in front of it; nothing where it is
/// not whole.
fn first_packet(stream: &[u8]) -> &[u8] {
    let length = u16_at(stream, 0).map_or(0, usize::from);
    stream.get(2..2 + length).unwrap_or_default()
}

/// Opcode and key number, session; over TCP a length in front of each packet.
fn probe(probe: &Probe<'_>) -> Guess {
    let (data, other) = if probe.tcp {
        let Some(length) = u16_at(probe.data, 0).map(usize::from) else {
            return Guess::More;
        };
        if !(14..1500).contains(&length) {
            return Guess::No;
        }
        let first = first_packet(probe.data);
        if first.is_empty() {
            return match probe.data.get(2) {
                None | Some(0x38 | 0x40 | 0x50 | 0x08 | 0x10) => Guess::More,
                _ => Guess::No,
            };
        }
        (first, first_packet(probe.other))
    } else {
        (probe.data, probe.other)
    };
    let reset = |data: &[u8]| matches!(data.first(), Some(0x08 | 0x10 | 0x38 | 0x40 | 0x50));
    let control = |data: &[u8]| {
        matches!(
            data.first(),
            Some(0x08 | 0x10 | 0x20 | 0x28 | 0x38 | 0x40 | 0x50)
        )
    };
    if !control(data) || data.len() < 14 {
        return Guess::No;
    }
    let session = data.get(1..9).unwrap_or_default();
    // An answer carries the asker's session behind its own acknowledged numbers, unencrypted but
    // for tls-crypt.
    let asked = other.get(1..9).unwrap_or_default();
    if !asked.is_empty()
        && !zeros(asked)
        && control(other)
        && contains(data.get(9..).unwrap_or_default(), asked, 120)
    {
        return Guess::Certain;
    }
    if !reset(data) || zeros(session) {
        return Guess::No;
    }
    let plain = data.len() == 14 && zeros(&data[9..]);
    // With a check sum (HMAC of 16, 20, 32 or 64 bytes): packet number 1, a time, no
    // acknowledgements, message 0.
    let signed = [16, 20, 28, 32, 48, 64].iter().any(|size| {
        u32_at(data, 9 + size).is_some_and(|number| (1..=16).contains(&number))
            && u32_at(data, 13 + size)
                .is_some_and(|time| time > 1_000_000_000 && time < 4_000_000_000)
            && data.get(17 + size) == Some(&0)
            && data.get(18 + size..22 + size).is_some_and(zeros)
            && data.len() == 22 + size
    });
    // tls-crypt: number and time stand before the check sum; packet 0x0f000001 with cookies.
    let crypt = matches!(u32_at(data, 9), Some(1..=16 | 0x0a01_0000..=0x0fff_ffff))
        && u32_at(data, 13).is_some_and(|time| {
            time > 1_000_000_000 && time < 4_000_000_000
                || u32_at(data, 9).is_some_and(|number| number > 16)
        });
    let answered = control(other) && !asked.is_empty() && other.first() != data.first();
    if signed
        || plain && (answered || probe.has_port(1194))
        || crypt && (answered || probe.has_port(1194))
    {
        return Guess::Certain;
    }
    if plain || crypt {
        Guess::Unsure
    } else {
        Guess::No
    }
}

/// Reads a flow.
#[derive(Debug, Default)]
struct OpenVpn {
    tls: Option<Box<Nested>>,
    sides: [Side; 2],
    /// Bytes between a packet's header and its acknowledgements, once they are known.
    between: Option<usize>,
    packets: u32,
}

/// What a side has sent.
#[derive(Debug, Default)]
struct Side {
    /// Number of the packet that comes next; `None`: not known yet.
    next: Option<u32>,
    /// Packets that came before it.
    early: Vec<(u32, Box<[u8]>)>,
}

/// Number and content of a control packet that has so many bytes behind its header.
fn content(packet: &[u8], between: usize) -> Option<(u32, &[u8])> {
    let acks = usize::from(*packet.get(HEADER + between)?);
    if acks > ACKS_MAX {
        return None;
    }
    // With acknowledgements the other side's session is named.
    let session = if acks > 0 { 8 } else { 0 };
    let at = HEADER + between + 1 + 4 * acks + session;
    Some((u32_at(packet, at)?, packet.get(at + 4..)?))
}

/// Whether it begins as a record of TLS.
fn is_tls(data: &[u8]) -> bool {
    matches!(data, [0x14..=0x17, 3, 0..=4, _, _, ..])
}

/// What TLS says of a flow, without what is no risk here: clients of such networks name no server, and
/// certificates of their own authorities are made to last.
struct Inside<'a>(&'a mut dyn Events);

impl Events for Inside<'_> {
    fn wants(&self, interest: Interest) -> bool {
        self.0.wants(interest)
    }

    fn event(&mut self, event: Event<'_>) {
        let is_usual = matches!(
            event,
            Event::Risk {
                risk: Risk::TlsWithoutSni | Risk::CertificateLongValidity,
                ..
            }
        );
        if !is_usual {
            self.0.event(event);
        }
    }
}

impl OpenVpn {
    fn packet(&mut self, context: &Context, packet: &[u8], events: &mut dyn Events) -> Next {
        let Some(&first) = packet.first() else {
            return Next::Continue;
        };
        let opcode = first >> 3;
        if DATA.contains(&opcode) && self.tls.is_some() {
            // The first keys are agreed on.
            return Next::Done;
        }
        // Later keys are agreed on in the same way, of which there is nothing new to learn.
        if first & 7 != 0 || !(opcode == CONTROL || RESETS.contains(&opcode)) {
            return Next::Continue;
        }
        self.packets += 1;
        if self.packets > PACKETS_MAX || self.packets > PATIENCE && self.tls.is_none() {
            return Next::Done;
        }
        let side = &mut self.sides[usize::from(!context.from_client)];
        if RESETS.contains(&opcode) {
            side.next = Some(1);
            side.early.clear();
            return Next::Continue;
        }
        let Some((number, payload)) = self.between.map_or_else(
            || find(packet, &mut self.between),
            |between| content(packet, between),
        ) else {
            return Next::Continue;
        };
        let next = *side.next.get_or_insert(number);
        if number != next {
            let waits = side.early.iter().any(|(early, _)| *early == number);
            if number > next
                && !waits
                && side.early.len() < EARLY_MAX
                && payload.len() <= PAYLOAD_MAX
            {
                side.early.push((number, payload.into()));
            }
            return Next::Continue;
        }
        let mut goes_on = self.give(context, payload, events);
        while goes_on && let Some(payload) = self.next_early(context.from_client) {
            goes_on = self.give(context, &payload, events);
        }
        if goes_on { Next::Continue } else { Next::Done }
    }

    /// The packet that waited for the one before.
    fn next_early(&mut self, from_client: bool) -> Option<Box<[u8]>> {
        let side = &mut self.sides[usize::from(!from_client)];
        let index = side
            .early
            .iter()
            .position(|(number, _)| Some(*number) == side.next)?;
        Some(side.early.swap_remove(index).1)
    }

    /// Hands the next piece of TLS on; whether more is of interest.
    fn give(&mut self, context: &Context, payload: &[u8], events: &mut dyn Events) -> bool {
        let side = &mut self.sides[usize::from(!context.from_client)];
        side.next = side.next.map(|next| next.wrapping_add(1));
        if self.tls.is_none() {
            let Some(parser) = tls::DETECTOR.parser else {
                return false;
            };
            self.tls = Some(Box::new(Nested::new(parser())));
        }
        // Put in order as TCP does.
        let context = Context {
            tcp: true,
            ..*context
        };
        self.tls
            .as_mut()
            .is_some_and(|tls| tls.push(&context, payload, &mut Inside(events)))
    }
}

/// Finds TLS in the first control packet that has some, and so how its packets are made.
fn find<'a>(packet: &'a [u8], between: &mut Option<usize>) -> Option<(u32, &'a [u8])> {
    let sizes = CHECK_SUMS.iter().map(|size| size + 8);
    std::iter::once(0).chain(sizes).find_map(|size| {
        let (number, payload) = content(packet, size)?;
        // Numbers begin at 0 and count packets.
        if number > PACKETS_MAX || !is_tls(payload) {
            return None;
        }
        *between = Some(size);
        Some((number, payload))
    })
}

impl Parser for OpenVpn {
    fn datagram(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        self.packet(context, data, events)
    }

    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        let mut consumed = 0;
        loop {
            let rest = data.get(consumed..).unwrap_or_default();
            let Some(length) = u16_at(rest, 0).map(usize::from) else {
                return Step::consumed(consumed);
            };
            let Some(packet) = rest.get(2..2 + length) else {
                return Step::consumed(consumed);
            };
            consumed += 2 + length;
            match self.packet(context, packet, events) {
                Next::Continue => {}
                other => return Step::then(consumed, other),
            }
        }
    }

    fn finish(&mut self, context: &Context, events: &mut dyn Events) {
        if let Some(tls) = &mut self.tls {
            tls.finish(context, &mut Inside(events));
        }
    }

    fn heap_bytes(&self) -> usize {
        let early = self.sides.iter().flat_map(|side| &side.early);
        size_of::<Self>()
            + self.tls.as_ref().map_or(0, |tls| tls.heap_bytes())
            + early.map(|(_, payload)| payload.len() + 24).sum::<usize>()
    }
}

#[cfg(test)]
mod tests;
