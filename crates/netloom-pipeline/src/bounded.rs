//! A table of counts with a bound on its memory.

use std::cmp::Ordering;
use std::hash::{BuildHasher, Hash, Hasher};

use foldhash::fast::RandomState;
use hashbrown::{Equivalent, HashTable};

/// Counts that can be added up and compared.
pub trait Counts: Default {
    /// How much an entry matters: the light ones go first when room is short.
    fn weight(&self) -> u64;
    /// Adds another's counts.
    fn absorb(&mut self, other: Self);
}

/// Entries of a chunk: what is added never moves those before it, and never needs twice the memory.
const CHUNK: usize = 256;
/// Entries by which a chunk grows once it is as long.
const STEP: usize = 64;

/// Counts by key, exact up to a number of keys; beyond it the lighter half is forgotten.
///
/// What is forgotten depends only on what was added, in which order: not on the hash seed
/// (which is random, as keys come from hostile packets).
#[derive(Debug)]
pub struct BoundedTable<K, V> {
    /// Where entries are.
    index: HashTable<u32>,
    /// All chunks but the last are full.
    chunks: Vec<Vec<(K, V)>>,
    hasher: RandomState,
    max: usize,
    /// How often the lighter half was forgotten.
    forgets: u32,
}

impl<K: Hash + Eq + Ord, V: Counts> BoundedTable<K, V> {
    /// A table of at most `max` keys.
    pub fn new(max: usize) -> Self {
        Self {
            index: HashTable::new(),
            chunks: Vec::new(),
            hasher: RandomState::default(),
            max: max.max(2),
            forgets: 0,
        }
    }

    /// The counts of a key.
    #[inline]
    pub fn entry(&mut self, key: K) -> &mut V {
        self.find_or_add(key, |key| key, |_, _| ())
    }

    /// The counts of a key of the table's own; whatever has to be forgotten for it is handed over.
    #[inline]
    pub fn entry_or(&mut self, key: K, forgotten: impl FnMut(K, V)) -> &mut V {
        self.find_or_add(key, |key| key, forgotten)
    }

    /// The counts of a key; whatever has to be forgotten for it is handed over.
    #[inline]
    pub fn entry_for<Q>(&mut self, key: &Q, forgotten: impl FnMut(K, V)) -> &mut V
    where
        Q: Hash + Equivalent<K> + ?Sized,
        K: for<'q> From<&'q Q>,
    {
        self.find_or_add(Asked(key), |key| K::from(key.0), forgotten)
    }

    /// The counts of a key; where it is new, what makes it one of its own.
    #[inline]
    pub fn entry_with<Q>(&mut self, key: &Q, own: impl FnOnce(&Q) -> K) -> &mut V
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.find_or_add(Asked(key), |key| own(key.0), |_, _| ())
    }

    /// The counts of a key that is known.
    pub fn get<Q: Hash + Equivalent<K>>(&self, key: &Q) -> Option<&V> {
        let place = self.find(self.hash(key), key)?;
        Some(&at(&self.chunks, place).1)
    }

    /// The counts of a key that is known, to change them.
    pub fn get_mut<Q: Hash + Equivalent<K>>(&mut self, key: &Q) -> Option<&mut V> {
        let place = self.find(self.hash(key), key)?;
        Some(self.value(place))
    }

    /// The counts of a key that is made into one of its own only where it is new.
    #[inline]
    pub fn entry_ref<Q>(&mut self, key: &Q) -> &mut V
    where
        Q: Hash + Equivalent<K> + ?Sized,
        K: for<'q> From<&'q Q>,
    {
        self.find_or_add(Asked(key), |key| K::from(key.0), |_, _| ())
    }

    #[inline]
    fn find_or_add<Q: Hash + Equivalent<K>>(
        &mut self,
        key: Q,
        own: impl FnOnce(Q) -> K,
        forgotten: impl FnMut(K, V),
    ) -> &mut V {
        let hash = self.hash(&key);
        let place = if let Some(place) = self.find(hash, &key) {
            place
        } else {
            if self.index.len() >= self.max {
                self.forget_half(forgotten);
            }
            self.add(hash, own(key), V::default())
        };
        self.value(place)
    }

    #[inline]
    fn find<Q: Equivalent<K>>(&self, hash: u64, key: &Q) -> Option<u32> {
        let chunks = &self.chunks;
        let known = self
            .index
            .find(hash, |&place| key.equivalent(&at(chunks, place).0));
        known.copied()
    }

    fn hash(&self, key: &impl Hash) -> u64 {
        self.hasher.hash_one(key)
    }

    fn value(&mut self, place: u32) -> &mut V {
        &mut self.chunks[place as usize / CHUNK][place as usize % CHUNK].1
    }

    /// Adds a key that is not there.
    fn add(&mut self, hash: u64, key: K, value: V) -> u32 {
        if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
            self.chunks.push(Vec::new());
        }
        let last = self.chunks.len() - 1;
        let chunk = &mut self.chunks[last];
        if chunk.len() == chunk.capacity() {
            // Most tables stay small, and there are many of them.
            chunk.reserve_exact(chunk.len().clamp(1, STEP));
        }
        let place = (CHUNK * last + chunk.len()) as u32;
        chunk.push((key, value));
        let (hasher, chunks) = (&self.hasher, &self.chunks);
        self.index
            .insert_unique(hash, place, |&place| hasher.hash_one(&at(chunks, place).0));
        place
    }

    /// Whether keys were forgotten: counts are lower bounds then.
    pub fn forgot(&self) -> bool {
        self.forgets > 0
    }

    /// How often keys were forgotten: whoever keeps books of the entries has to look again.
    pub fn forgets(&self) -> u32 {
        self.forgets
    }

    /// Adds another table's entries, without a bound: for the merge at the end.
    pub fn absorb(&mut self, other: Self) {
        let max = self.max;
        let forgets = self.forgets.saturating_add(other.forgets);
        if self.chunks.is_empty() {
            *self = Self {
                max,
                forgets,
                ..other
            };
            return;
        }
        self.forgets = forgets;
        self.max = usize::MAX;
        drop(other.index);
        // Each chunk goes as soon as it is taken over.
        for chunk in other.chunks {
            for (key, value) in chunk {
                self.entry(key).absorb(value);
            }
        }
        self.max = max;
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let entries = self.chunks.iter().flatten();
        entries.map(|(key, value)| (key, value))
    }

    /// The `count` entries with the largest `rank`, largest first, the smaller key first on a
    /// tie.
    pub fn top<R: Ord>(&self, count: usize, rank: impl Fn(&V) -> R) -> Vec<(&K, &V)> {
        let mut all: Vec<(&K, &V)> = self.iter().collect();
        let order =
            |a: &(&K, &V), b: &(&K, &V)| rank(b.1).cmp(&rank(a.1)).then_with(|| a.0.cmp(b.0));
        if all.len() > count && count > 0 {
            all.select_nth_unstable_by(count - 1, order);
        }
        all.truncate(count);
        all.sort_unstable_by(order);
        all
    }

    /// Keeps the heaviest of those that take no more than `most` bytes together; how many they take.
    #[cold]
    pub fn forget_beyond(&mut self, most: usize, bytes: impl Fn(&V) -> usize) -> usize {
        let chunks = &self.chunks;
        let mut places: Vec<u32> = (0..self.index.len() as u32).collect();
        places.sort_unstable_by(|&a, &b| self.heavier_first(a, b));
        let mut taken = 0;
        places.retain(|&place| {
            let more = bytes(&at(chunks, place).1);
            let fits = taken + more <= most;
            taken += if fits { more } else { 0 };
            fits
        });
        if places.len() < self.index.len() {
            self.keep(places, |_, _| ());
        }
        taken
    }

    #[cold]
    fn forget_half(&mut self, forgotten: impl FnMut(K, V)) {
        let len = self.index.len();
        let keep = (self.max / 2).min(len);
        let mut places: Vec<u32> = (0..len as u32).collect();
        if keep < len {
            places.select_nth_unstable_by(keep, |&a, &b| self.heavier_first(a, b));
        }
        places.truncate(keep);
        self.keep(places, forgotten);
    }

    /// Which of two entries stays longer: the heavier one, of equals that of the smaller key.
    fn heavier_first(&self, a: u32, b: u32) -> Ordering {
        let (a, b) = (at(&self.chunks, a), at(&self.chunks, b));
        let by_weight = b.1.weight().cmp(&a.1.weight());
        by_weight.then_with(|| a.0.cmp(&b.0))
    }

    /// Keeps these, and forgets the others.
    fn keep(&mut self, mut places: Vec<u32>, mut forgotten: impl FnMut(K, V)) {
        self.forgets = self.forgets.saturating_add(1);
        self.index.clear();
        let chunks = std::mem::take(&mut self.chunks);
        places.sort_unstable();
        let mut kept = places.into_iter().peekable();
        // Chunk by chunk: never two copies of all.
        let entries = chunks.into_iter().flatten();
        for (place, (key, value)) in (0_u32..).zip(entries) {
            if kept.next_if_eq(&place).is_some() {
                self.add(self.hash(&key), key, value);
            } else {
                forgotten(key, value);
            }
        }
    }
}

fn at<K, V>(chunks: &[Vec<(K, V)>], place: u32) -> &(K, V) {
    &chunks[place as usize / CHUNK][place as usize % CHUNK]
}

/// A key that is borrowed; hashed and compared as what it borrows.
struct Asked<'a, Q: ?Sized>(&'a Q);

impl<Q: Hash + ?Sized> Hash for Asked<'_, Q> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K, Q: Equivalent<K> + ?Sized> Equivalent<K> for Asked<'_, Q> {
    fn equivalent(&self, key: &K) -> bool {
        self.0.equivalent(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Sum(u64);

    impl Counts for Sum {
        fn weight(&self) -> u64 {
            self.0
        }
        fn absorb(&mut self, other: Self) {
            self.0 += other.0;
        }
    }

    #[test]
    fn the_heavy_stay() {
        let mut table: BoundedTable<u32, Sum> = BoundedTable::new(8);
        for key in 0..100_u32 {
            table.entry(key).0 += 1;
            table.entry(7).0 += 10;
        }
        assert!(table.forgot());
        assert!(table.iter().count() <= 8);
        assert_eq!(table.top(1, |sum| sum.0)[0].0, &7);
        assert!(table.top(1, |sum| sum.0)[0].1.0 >= 930);
    }

    /// Of what takes too many bytes the heaviest stay that fit.
    #[test]
    fn bytes_are_a_bound_too() {
        let mut table: BoundedTable<u32, Sum> = BoundedTable::new(100);
        for key in 0..10 {
            table.entry(key).0 = u64::from(10 - key);
        }
        let bytes = |sum: &Sum| if sum.0 == 9 { 1_000 } else { 10 };
        assert_eq!(table.forget_beyond(1_090, bytes), 1_090);
        assert!(!table.forgot());
        assert_eq!(table.forget_beyond(35, bytes), 30);
        assert!(table.forgot());
        let kept: Vec<u32> = table.top(9, |sum| sum.0).iter().map(|(k, _)| **k).collect();
        assert_eq!(kept, [0, 2, 3]);
        assert_eq!(table.get(&3), Some(&Sum(7)));
        assert_eq!(table.get(&1), None);
    }

    #[test]
    fn ties_go_by_key() {
        let mut table: BoundedTable<u32, Sum> = BoundedTable::new(100);
        for key in [5, 3, 9, 1] {
            table.entry(key).0 = 2;
        }
        table.entry(4).0 = 3;
        let keys: Vec<u32> = table
            .top(3, |sum| sum.0)
            .into_iter()
            .map(|(key, _)| *key)
            .collect();
        assert_eq!(keys, [4, 1, 3]);
        assert!(!table.forgot());
    }
}
