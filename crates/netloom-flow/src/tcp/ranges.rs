//! Which bytes of a stream have been seen, without keeping them.

/// Islands beyond the first hole that are kept apart; more are taken together.
const MAX_ISLANDS: usize = 32;

/// What was seen of one direction of a TCP stream, in positions relative to its SYN.
///
/// Everything before [`next`](Self::next) has been seen or given up; islands lie beyond it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ranges {
    /// The first position not seen yet.
    pub(crate) next: i64,
    /// Seen beyond `next`: (start, end), ascending, with holes between.
    #[expect(
        clippy::box_collection,
        reason = "most streams have no hole: a pointer less to carry"
    )]
    islands: Option<Box<Vec<(i64, i64)>>>,
}

impl Ranges {
    /// Begins at a position.
    pub(crate) fn start_at(next: i64) -> Self {
        Self {
            next,
            islands: None,
        }
    }

    /// The end of the last island.
    pub(crate) fn last_island_end(&self) -> Option<i64> {
        self.islands.as_ref()?.last().map(|&(_, end)| end)
    }

    /// Whether anything was seen beyond a hole.
    pub(crate) fn has_islands(&self) -> bool {
        self.islands.is_some()
    }

    /// Whether some of `start..end` has not been seen.
    pub(crate) fn has_new(&self, start: i64, end: i64) -> bool {
        let mut at = start.max(self.next);
        for &(from, to) in self.islands.as_deref().into_iter().flatten() {
            if at < from {
                break;
            }
            at = at.max(to);
        }
        at < end
    }

    /// Notes that `start..end` was seen.
    pub(crate) fn insert(&mut self, start: i64, end: i64) {
        if end <= self.next || end <= start {
            return;
        }
        if start <= self.next {
            self.next = end;
            self.absorb();
            return;
        }
        let islands = self.islands.get_or_insert_default();
        let first = islands.partition_point(|&(_, to)| to < start);
        let last = islands.partition_point(|&(from, _)| from <= end);
        if first == last {
            islands.insert(first, (start, end));
            if islands.len() > MAX_ISLANDS {
                // The narrowest hole is taken for seen.
                let at = (1..islands.len())
                    .min_by_key(|&at| islands[at].0 - islands[at - 1].1)
                    .unwrap_or(1);
                let (_, end) = islands.remove(at);
                islands[at - 1].1 = end;
            }
        } else {
            let merged = (islands[first].0.min(start), islands[last - 1].1.max(end));
            islands.drain(first..last - 1);
            islands[first] = merged;
        }
    }

    /// Gives up what is missing before `position`; returns how many bytes that were, in how
    /// many holes.
    pub(crate) fn skip_to(&mut self, position: i64) -> (u64, u32) {
        let (mut missing, mut holes) = (0, 0);
        while self.next < position {
            let hole_end = self
                .islands
                .as_ref()
                .and_then(|islands| islands.first())
                .map_or(position, |&(from, _)| from.min(position));
            if hole_end > self.next {
                missing += hole_end.abs_diff(self.next);
                holes += 1;
            }
            self.next = hole_end;
            self.absorb();
        }
        (missing, holes)
    }

    /// Forgets the islands.
    pub(crate) fn clear_islands(&mut self) {
        self.islands = None;
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.islands.as_ref().map_or(0, |islands| {
            size_of::<Vec<(i64, i64)>>() + islands.capacity() * size_of::<(i64, i64)>()
        })
    }

    /// Moves `next` over the islands it has reached.
    fn absorb(&mut self) {
        let Some(islands) = &mut self.islands else {
            return;
        };
        let reached = islands
            .iter()
            .take_while(|&&(from, _)| from <= self.next)
            .count();
        if let Some(&(_, end)) = islands[..reached].last() {
            self.next = self.next.max(end);
            islands.drain(..reached);
        }
        if islands.is_empty() {
            self.islands = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn holes_are_filled_or_given_up() {
        let mut ranges = Ranges::start_at(1);
        ranges.insert(1, 11);
        ranges.insert(21, 31);
        ranges.insert(41, 51);
        assert_eq!(ranges.next, 11);
        assert!(ranges.has_new(5, 12));
        assert!(!ranges.has_new(22, 31));
        ranges.insert(11, 21);
        assert_eq!(ranges.next, 31);
        assert_eq!(ranges.skip_to(46), (10, 1));
        assert_eq!(ranges.next, 51);
        assert_eq!(ranges.heap_bytes(), 0);
    }

    proptest! {
        /// The same as a plain set of positions.
        #[test]
        fn like_a_set(segments in prop::collection::vec((0_i64..100, 1_i64..12), 0..40)) {
            let mut ranges = Ranges::start_at(0);
            let mut seen = [false; 128];
            for (start, len) in segments {
                let new = seen[start as usize..(start + len) as usize].contains(&false);
                prop_assert_eq!(ranges.has_new(start, start + len), new);
                ranges.insert(start, start + len);
                seen[start as usize..(start + len) as usize].fill(true);
                let next = seen.iter().position(|&seen| !seen).unwrap();
                prop_assert_eq!(ranges.next, next as i64);
            }
            let missing = seen[..100].iter().filter(|&&seen| !seen).count();
            prop_assert_eq!(ranges.skip_to(100).0, missing as u64);
        }

        /// Memory stays bounded, positions never panic.
        #[test]
        fn bounded(segments in prop::collection::vec((any::<i32>(), any::<u16>()), 0..200)) {
            let mut ranges = Ranges::start_at(0);
            for (start, len) in segments {
                ranges.insert(i64::from(start), i64::from(start) + i64::from(len));
                prop_assert!(ranges.heap_bytes() <= 24 + 64 * 16);
            }
        }
    }
}
