//! Which protocol a flow speaks, from its first payloads.

use std::collections::HashMap;
use std::sync::LazyLock;

use netloom_decode::app::{Detector, Guess, Probe, detectors};

/// Payload packets after which a flow that nothing recognised stays unknown.
pub(super) const PACKETS_MAX: u32 = 12;
/// Payload packets after which an unsure guess is taken.
const UNSURE_AFTER: u32 = 6;
/// Most detectors there can be.
const DETECTORS_MAX: usize = 512;

/// A set of detectors, by their numbers.
type Set = [u64; DETECTORS_MAX / 64];

/// Detectors over UDP and over TCP.
static BY_TRANSPORT: LazyLock<[Set; 2]> = LazyLock::new(|| {
    [false, true].map(|tcp| {
        let mut set = Set::default();
        for (index, detector) in detectors().iter().enumerate() {
            if detector.over.contains(tcp) {
                add(&mut set, index as u16);
            }
        }
        set
    })
});

fn add(set: &mut Set, index: u16) {
    if let Some(bits) = set.get_mut(usize::from(index) / 64) {
        *bits |= 1 << (index % 64);
    }
}

fn contains(set: &Set, index: u16) -> bool {
    set.get(usize::from(index) / 64)
        .is_some_and(|bits| bits >> (index % 64) & 1 == 1)
}

/// Detectors by transport and port.
static BY_PORT: LazyLock<HashMap<(bool, u16), Vec<u16>, foldhash::fast::FixedState>> =
    LazyLock::new(|| {
        let mut map: HashMap<(bool, u16), Vec<u16>, _> = HashMap::default();
        for (index, detector) in detectors().iter().enumerate() {
            for &port in detector.ports {
                for tcp in [false, true] {
                    if detector.over.contains(tcp) {
                        map.entry((tcp, port)).or_default().push(index as u16);
                    }
                }
            }
        }
        map
    });

/// A flow that is not recognised yet.
#[derive(Debug)]
pub(super) struct Detecting {
    /// Detectors that are not asked again, by direction: those that said no (TCP), and those whose
    /// parsers gave up.
    refused: [Set; 2],
    /// What may be it, and how often it said so.
    unsure: Option<(u16, u32)>,
    /// The direction that said so last.
    unsure_of: usize,
    /// UDP: the start of the last datagram of each direction.
    pub(super) kept: [Vec<u8>; 2],
    /// Payload packets so far.
    pub(super) packets: u32,
}

/// What came of asking.
pub(super) enum Verdict {
    /// Found.
    Is(&'static Detector),
    /// Not yet.
    NotYet,
    /// Nothing will be found.
    Unknown,
}

impl Detecting {
    pub(super) fn new() -> Self {
        Self {
            refused: [Set::default(); 2],
            unsure: None,
            unsure_of: 0,
            kept: [Vec::new(), Vec::new()],
            packets: 0,
        }
    }

    /// Never asks this detector again.
    pub(super) fn exclude(&mut self, detector: &'static Detector) {
        let known = detectors()
            .iter()
            .position(|other| std::ptr::eq(*other, detector));
        if let Some(index) = known {
            for refused in &mut self.refused {
                add(refused, index as u16);
            }
        }
    }

    /// Asks all detectors about a payload.
    pub(super) fn ask(&mut self, probe: &Probe<'_>) -> Verdict {
        let all = detectors();
        let direction = usize::from(!probe.from_client);
        let before = self.refused[direction];
        let refused = &mut self.refused[direction];
        let mut left = BY_TRANSPORT[usize::from(probe.tcp)];
        for (left, refused) in left.iter_mut().zip(&before) {
            *left &= !refused;
        }
        let mut unsure = None;
        let mut certain = |index: u16| {
            let detector = *all.get(usize::from(index))?;
            let guess = (detector.probe)(probe);
            // What nearly all say.
            if guess == Guess::No {
                // A stream only grows; the next datagram is another one.
                if probe.tcp {
                    add(refused, index);
                }
                return None;
            }
            if guess == Guess::Unsure {
                unsure = unsure.or(Some(index));
            }
            (guess == Guess::Certain).then_some(detector)
        };
        // Those whose port it is first, then all in their order.
        for port in [probe.server.1, probe.client.1] {
            for &index in BY_PORT.get(&(probe.tcp, port)).into_iter().flatten() {
                if !contains(&left, index) {
                    continue;
                }
                if let Some(bits) = left.get_mut(usize::from(index) / 64) {
                    *bits &= !(1 << (index % 64));
                }
                if let Some(detector) = certain(index) {
                    return Verdict::Is(detector);
                }
            }
        }
        for (word, mut bits) in left.into_iter().enumerate() {
            while bits != 0 {
                let index = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if let Some(detector) = certain(index as u16) {
                    return Verdict::Is(detector);
                }
            }
        }
        if let Some((index, _)) = self.unsure
            && self.unsure_of == direction
            && contains(refused, index)
            && !contains(&before, index)
        {
            // What the stream began with looked like it; what followed did not.
            self.unsure = None;
        }
        if let Some(index) = unsure {
            self.unsure_of = direction;
            self.unsure = match self.unsure {
                Some((known, count)) if known == index => Some((known, count + 1)),
                Some((known, count)) if count > 1 => Some((known, count)),
                _ => Some((index, 1)),
            };
        }
        if self.packets >= UNSURE_AFTER
            && let Some((index, count)) = self.unsure
            && count >= 2
            && let Some(detector) = all.get(usize::from(index))
        {
            return Verdict::Is(detector);
        }
        if self.packets >= PACKETS_MAX {
            return Verdict::Unknown;
        }
        Verdict::NotYet
    }

    /// What the flow is taken for when it ends like this.
    pub(super) fn at_end(&self, server_port: u16) -> Option<&'static Detector> {
        let (index, count) = self.unsure?;
        let detector = *detectors().get(usize::from(index))?;
        (count >= 2 || detector.ports.contains(&server_port)).then_some(detector)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.kept[0].capacity() + self.kept[1].capacity()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn ask(detecting: &mut Detecting, from_client: bool, data: &[u8]) -> Option<&'static str> {
        detecting.packets += 1;
        let host = |last| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last));
        let verdict = detecting.ask(&Probe {
            data,
            other: &[],
            previous: &[],
            wire_len: data.len(),
            tcp: true,
            from_client,
            from_start: true,
            packets: detecting.packets,
            client: (host(1), 40_000),
            server: (host(2), 102),
        });
        match verdict {
            Verdict::Is(detector) => Some(detector.protocol.name),
            Verdict::NotYet | Verdict::Unknown => None,
        }
    }

    /// A connection as to a controller's rack (X.224) is none of S7comm's if what it carries is
    /// another protocol.
    #[test]
    fn what_follows_refutes_a_guess() {
        const CONNECT: &[u8] =
            b"\x03\0\0\x16\x11\xe0\0\0\0\x01\0\xc1\x02\x01\0\xc2\x02\x01\x02\xc0\x01\x0a";
        let mut detecting = Detecting::new();
        assert_eq!(ask(&mut detecting, true, CONNECT), None);
        let name = |detecting: &Detecting| Some(detecting.at_end(102)?.protocol.name);
        assert_eq!(name(&detecting), Some("s7comm"));
        let confirm = [&CONNECT[..5], b"\xd0", &CONNECT[6..]].concat();
        assert_eq!(ask(&mut detecting, false, &confirm), None);
        assert_eq!(name(&detecting), Some("s7comm"));

        let other = [CONNECT, b"\x03\0\0\x0b\x02\xf0\x80\xa8\x02\x05\0"].concat();
        assert_eq!(ask(&mut detecting, true, &other), None);
        let answer = [
            confirm.as_slice(),
            b"\x03\0\0\x0b\x02\xf0\x80\xa9\x02\x05\0",
        ]
        .concat();
        assert_eq!(ask(&mut detecting, false, &answer), None);
        assert_eq!(name(&detecting), None);

        let own = [CONNECT, b"\x03\0\0\x0b\x02\xf0\x80\x32\x01\0\0"].concat();
        assert_eq!(ask(&mut Detecting::new(), true, &own), Some("s7comm"));
    }

    #[test]
    fn there_is_room_for_all() {
        let all = detectors().len();
        assert!(all <= DETECTORS_MAX, "{all} detectors");
        let asked: u32 = BY_TRANSPORT
            .iter()
            .flatten()
            .map(|bits| bits.count_ones())
            .sum();
        let both = detectors()
            .iter()
            .filter(|detector| detector.over.contains(true) && detector.over.contains(false));
        assert_eq!(asked as usize, all + both.count());
    }
}
