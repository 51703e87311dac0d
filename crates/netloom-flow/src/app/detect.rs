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
        let refused = &mut self.refused[direction];
        let mut left = BY_TRANSPORT[usize::from(probe.tcp)];
        for (left, refused) in left.iter_mut().zip(&*refused) {
            *left &= !refused;
        }
        let mut unsure = None;
        let mut certain = |index: u16| {
            let detector = *all.get(usize::from(index))?;
            match (detector.probe)(probe) {
                Guess::Certain => return Some(detector),
                Guess::Unsure => unsure = unsure.or(Some(index)),
                // A stream only grows; the next datagram is another one.
                Guess::No if probe.tcp => add(refused, index),
                Guess::More | Guess::No => {}
            }
            None
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
        if let Some(index) = unsure {
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
    use super::*;

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
