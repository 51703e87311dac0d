//! Flows in chunks of memory that are given back when they are empty.

/// Slots of a chunk: the bits of the mask that says which are free.
const CHUNK: usize = 64;

/// Values under small numbers. The lowest free number is taken first, so chunks at the end
/// empty themselves and are freed.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    chunks: Vec<Chunk<T>>,
    /// No chunk before this one has a free slot.
    first_free: usize,
    len: usize,
    allocated: usize,
}

#[derive(Debug)]
struct Chunk<T> {
    /// Empty when no slot is taken.
    slots: Vec<Option<T>>,
    free: u64,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            first_free: 0,
            len: 0,
            allocated: 0,
        }
    }
}

impl<T> Slab<T> {
    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of memory in use.
    pub(crate) fn memory(&self) -> usize {
        self.allocated * CHUNK * size_of::<Option<T>>()
            + self.chunks.capacity() * size_of::<Chunk<T>>()
    }

    /// Bytes that the next insertion will take, beyond a slot that is free already.
    pub(crate) fn growth(&self) -> usize {
        let next = self.chunks.get(self.first_free..).unwrap_or_default();
        match next.iter().find(|chunk| chunk.free != 0) {
            Some(chunk) if !chunk.slots.is_empty() => 0,
            _ => CHUNK * size_of::<Option<T>>(),
        }
    }

    /// Puts a value in and returns its number.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        while self
            .chunks
            .get(self.first_free)
            .is_some_and(|chunk| chunk.free == 0)
        {
            self.first_free += 1;
        }
        if self.first_free == self.chunks.len() {
            self.chunks.push(Chunk {
                slots: Vec::new(),
                free: u64::MAX,
            });
        }
        let at = self.first_free;
        let chunk = &mut self.chunks[at];
        if chunk.slots.is_empty() {
            chunk.slots.reserve_exact(CHUNK);
            chunk.slots.resize_with(CHUNK, || None);
            self.allocated += 1;
        }
        let slot = chunk.free.trailing_zeros() as usize;
        chunk.free &= !(1 << slot);
        chunk.slots[slot] = Some(value);
        self.len += 1;
        (at * CHUNK + slot) as u32
    }

    /// Drops a value where it lies: it may be large.
    pub(crate) fn discard(&mut self, number: u32) {
        let (at, slot) = split(number);
        let Some(chunk) = self.chunks.get_mut(at) else {
            return;
        };
        let Some(place) = chunk.slots.get_mut(slot).filter(|place| place.is_some()) else {
            return;
        };
        *place = None;
        chunk.free |= 1 << slot;
        self.len -= 1;
        if chunk.free == u64::MAX {
            chunk.slots = Vec::new();
            self.allocated -= 1;
        }
        self.first_free = self.first_free.min(at);
        while self
            .chunks
            .last()
            .is_some_and(|chunk| chunk.slots.is_empty())
        {
            self.chunks.pop();
        }
        if self.chunks.capacity() > 64 && self.chunks.len() * 4 < self.chunks.capacity() {
            self.chunks.shrink_to(self.chunks.len() * 2);
        }
        self.first_free = self.first_free.min(self.chunks.len());
    }

    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        let (at, slot) = split(number);
        self.chunks.get(at)?.slots.get(slot)?.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        let (at, slot) = split(number);
        self.chunks.get_mut(at)?.slots.get_mut(slot)?.as_mut()
    }

    /// All values with their numbers, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.chunks.iter().enumerate().flat_map(|(at, chunk)| {
            chunk
                .slots
                .iter()
                .enumerate()
                .filter_map(move |(slot, value)| {
                    value
                        .as_ref()
                        .map(|value| ((at * CHUNK + slot) as u32, value))
                })
        })
    }
}

#[inline]
fn split(number: u32) -> (usize, usize) {
    (number as usize / CHUNK, number as usize % CHUNK)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn memory_is_given_back() {
        let mut slab = Slab::default();
        let numbers: Vec<u32> = (0..10_000_u64).map(|value| slab.insert(value)).collect();
        let full = slab.memory();
        for &number in &numbers[100..] {
            slab.discard(number);
        }
        assert!(slab.memory() < full / 20);
        assert_eq!(slab.len(), 100);
        assert_eq!(slab.insert(7), 100);
    }

    proptest! {
        #[test]
        fn like_a_map(steps in prop::collection::vec(any::<Option<prop::sample::Index>>(), 0..600)) {
            let mut slab = Slab::default();
            let mut map = std::collections::BTreeMap::new();
            for (value, step) in steps.into_iter().enumerate() {
                match step {
                    Some(index) if !map.is_empty() => {
                        let number = *map.keys().nth(index.index(map.len())).unwrap();
                        prop_assert_eq!(slab.get(number).copied(), map.remove(&number));
                        slab.discard(number);
                        slab.discard(number);
                        prop_assert_eq!(slab.get(number), None);
                    }
                    _ => {
                        let number = slab.insert(value);
                        prop_assert!(map.insert(number, value).is_none());
                    }
                }
            }
            prop_assert_eq!(slab.len(), map.len());
            prop_assert!(slab.iter().map(|(number, &value)| (number, value)).eq(map));
        }
    }
}
