//! The first packets of a flow, one by one.

use smallvec::SmallVec;

/// Packets that are kept without memory of their own: many flows are short. With as many, what is
/// kept of a flow is as large as the blocks that the allocator has for it.
const INLINE: usize = 3;

/// A packet of a [`Sequence`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// Nanoseconds since the packet before it; 0 for the first.
    pub iat: u64,
    /// Frame length on the wire.
    pub len: u32,
    /// Whether the responder sent it.
    pub backward: bool,
}

/// Lengths, directions and times of a flow's first packets (SPLT: sequence of packet lengths and
/// times).
///
/// Source: NFStream's early analysis; McGrew and Anderson: Enhanced telemetry for encrypted
/// threat analytics (ICNP 2016).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sequence {
    steps: SmallVec<[Step; INLINE]>,
    last: i64,
}

impl Sequence {
    /// Packets that are kept.
    pub const MAX: usize = 20;

    /// The packets.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub(super) fn add(&mut self, at: i64, len: u32, backward: bool) {
        if self.steps.len() >= Self::MAX {
            return;
        }
        let iat = if self.steps.is_empty() {
            self.last = at;
            0
        } else {
            at.saturating_sub(self.last).max(0).unsigned_abs()
        };
        self.last = self.last.max(at);
        if self.steps.len() == self.steps.capacity() {
            // A flow that is no short one mostly has more packets than are kept.
            self.steps.reserve_exact(Self::MAX - self.steps.len());
        }
        self.steps.push(Step { iat, len, backward });
    }

    /// Originator and responder were exchanged.
    pub(super) fn flip(&mut self) {
        for step in &mut self.steps {
            step.backward = !step.backward;
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        if self.steps.spilled() {
            self.steps.capacity() * size_of::<Step>()
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_first() {
        let mut sequence = Sequence::default();
        for number in 0..30_u32 {
            // The third comes before the second.
            let at = if number == 2 {
                50
            } else {
                i64::from(number) * 100
            };
            sequence.add(at, 60 + number, number % 3 == 1);
            assert!(sequence.heap_bytes() <= Sequence::MAX * size_of::<Step>());
        }
        let steps = sequence.steps();
        assert_eq!(steps.len(), Sequence::MAX);
        let iats: Vec<_> = steps.iter().take(5).map(|step| step.iat).collect();
        assert_eq!(iats, [0, 100, 0, 200, 100]);
        assert_eq!(
            (steps[1].len, steps[1].backward, steps[2].backward),
            (61, true, false)
        );
        sequence.flip();
        assert!(!sequence.steps()[1].backward && sequence.steps()[0].backward);
    }
}
