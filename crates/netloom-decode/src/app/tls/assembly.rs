//! A stream that comes in pieces with their places, in any order, more than once.

/// Puts pieces together up to a bound.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    data: Vec<u8>,
    /// What has come, as ranges that neither touch nor overlap, in order.
    ranges: Vec<(usize, usize)>,
}

impl Assembly {
    /// Most bytes that are held.
    pub(crate) const MAX: usize = 64 * 1024;
    /// Most separate pieces.
    const RANGES_MAX: usize = 64;

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.data.capacity() + self.ranges.capacity() * size_of::<(usize, usize)>()
    }

    /// A piece. What lies beyond the bound, or makes too many holes, is left out; where two
    /// pieces overlap, the first stands.
    pub(crate) fn insert(&mut self, offset: usize, piece: &[u8]) {
        let Some(end) = offset.checked_add(piece.len()) else {
            return;
        };
        if piece.is_empty() || end > Self::MAX {
            return;
        }
        // Ranges that touch the new one become one with it.
        let first = self.ranges.partition_point(|range| range.1 < offset);
        let last = self.ranges.partition_point(|range| range.0 <= end);
        let known = self.ranges.get(first..last).unwrap_or_default();
        if known.is_empty() && self.ranges.len() >= Self::RANGES_MAX {
            return;
        }
        if self.data.len() < end {
            self.data.resize(end, 0);
        }
        let merged = (
            known.first().map_or(offset, |range| range.0.min(offset)),
            known.last().map_or(end, |range| range.1.max(end)),
        );
        // Only the holes are filled.
        let mut at = offset;
        for &(start, stop) in known.iter().chain([&(end, end)]) {
            if start > at {
                let from = piece.get(at - offset..start.min(end) - offset);
                let to = self.data.get_mut(at..start.min(end));
                if let (Some(from), Some(to)) = (from, to) {
                    to.copy_from_slice(from);
                }
            }
            at = at.max(stop);
        }
        self.ranges.splice(first..last, [merged]);
    }

    /// What is there from the start on, without a hole.
    pub(crate) fn prefix(&self) -> &[u8] {
        match self.ranges.first() {
            Some(&(0, end)) => self.data.get(..end).unwrap_or_default(),
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pieces_in_any_order() {
        let mut assembly = Assembly::default();
        assembly.insert(4, b"efgh");
        assert_eq!(assembly.prefix(), b"");
        assembly.insert(10, b"kl");
        assembly.insert(0, b"abcdXX");
        assert_eq!(assembly.prefix(), b"abcdefgh");
        assembly.insert(6, b"XXij");
        assert_eq!(assembly.prefix(), b"abcdefghijkl");
        assembly.insert(Assembly::MAX, b"x");
        assembly.insert(usize::MAX, b"x");
        assert_eq!(assembly.prefix().len(), 12);
    }

    proptest! {
        #[test]
        fn the_first_byte_of_each_place_stands(pieces in proptest::collection::vec((0_usize..300, proptest::collection::vec(any::<u8>(), 0..60)), 0..40)) {
            let mut assembly = Assembly::default();
            let mut model: Vec<Option<u8>> = vec![None; 400];
            for (offset, piece) in &pieces {
                assembly.insert(*offset, piece);
                for (place, byte) in piece.iter().enumerate() {
                    model[offset + place].get_or_insert(*byte);
                }
            }
            let prefix: Vec<u8> = model.iter().map_while(|byte| *byte).collect();
            prop_assert_eq!(assembly.prefix(), &prefix[..]);
        }
    }
}
