//! Which protocol a flow speaks, from its first payloads.

use std::collections::HashMap;
use std::sync::LazyLock;

use netloom_decode::app::{Detector, Guess, Probe, detectors};

/// Payload packets after which a flow that nothing recognised stays unknown.
pub(super) const PACKETS_MAX: u32 = 12;
/// Payload packets after which an unsure guess is taken.
const UNSURE_AFTER: u32 = 6;
/// Most detectors that refusals are remembered of.
const REFUSALS: usize = 512;

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
    /// Detectors that said no, by direction (TCP).
    refused: [[u64; REFUSALS / 64]; 2],
    /// Detectors whose parsers gave up.
    excluded: Vec<u16>,
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
            refused: [[0; REFUSALS / 64]; 2],
            excluded: Vec::new(),
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
            self.excluded.push(index as u16);
        }
    }

    /// Asks all detectors about a payload.
    pub(super) fn ask(&mut self, probe: &Probe<'_>) -> Verdict {
        let all = detectors();
        let direction = usize::from(!probe.from_client);
        let mut unsure = None;
        let ports = [probe.server.1, probe.client.1];
        let preferred = ports
            .iter()
            .filter_map(|&port| BY_PORT.get(&(probe.tcp, port)))
            .flatten()
            .copied();
        for index in preferred.chain(0..all.len() as u16) {
            let Some(detector) = all.get(usize::from(index)) else {
                continue;
            };
            if !detector.over.contains(probe.tcp)
                || probe.tcp && self.has_refused(direction, index)
                || self.excluded.contains(&index)
            {
                continue;
            }
            match (detector.probe)(probe) {
                Guess::Certain => return Verdict::Is(detector),
                Guess::Unsure => {
                    if unsure.is_none() {
                        unsure = Some(index);
                    }
                }
                Guess::More => {}
                Guess::No => self.refuse(direction, index),
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

    fn has_refused(&self, direction: usize, index: u16) -> bool {
        let (word, bit) = (usize::from(index) / 64, usize::from(index) % 64);
        self.refused[direction]
            .get(word)
            .is_some_and(|bits| bits >> bit & 1 == 1)
    }

    fn refuse(&mut self, direction: usize, index: u16) {
        let (word, bit) = (usize::from(index) / 64, usize::from(index) % 64);
        if let Some(bits) = self.refused[direction].get_mut(word) {
            *bits |= 1 << bit;
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of::<Self>()
            + self.excluded.capacity() * 2
            + self.kept[0].capacity()
            + self.kept[1].capacity()
    }
}
