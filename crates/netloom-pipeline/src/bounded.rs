//! A table of counts with a bound on its memory.

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

/// Counts by key, exact up to a number of keys; beyond it the lighter half is forgotten.
///
/// What is forgotten depends only on what was added, in which order: not on the hash seed
/// (which is random, as keys come from hostile packets).
#[derive(Debug)]
pub struct BoundedTable<K, V> {
    entries: HashTable<(K, V)>,
    hasher: RandomState,
    max: usize,
    forgot: bool,
}

impl<K: Hash + Eq + Ord + Clone, V: Counts> BoundedTable<K, V> {
    /// A table of at most `max` keys.
    pub fn new(max: usize) -> Self {
        Self {
            entries: HashTable::new(),
            hasher: RandomState::default(),
            max: max.max(2),
            forgot: false,
        }
    }

    /// The counts of a key.
    #[inline]
    pub fn entry(&mut self, key: K) -> &mut V {
        self.find_or_add(key, |key| key)
    }

    /// The counts of a key that is made into one of its own only where it is new.
    #[inline]
    pub fn entry_ref<Q>(&mut self, key: &Q) -> &mut V
    where
        Q: Hash + Equivalent<K> + ?Sized,
        K: for<'q> From<&'q Q>,
    {
        self.find_or_add(Asked(key), |key| K::from(key.0))
    }

    fn find_or_add<Q: Hash + Equivalent<K>>(&mut self, key: Q, own: impl FnOnce(Q) -> K) -> &mut V {
        let hash = self.hasher.hash_one(&key);
        if self.entries.len() >= self.max
            && self
                .entries
                .find(hash, |entry| key.equivalent(&entry.0))
                .is_none()
        {
            self.forget_half();
        }
        let hasher = &self.hasher;
        let entry = self
            .entries
            .entry(
                hash,
                |entry| key.equivalent(&entry.0),
                |entry| hasher.hash_one(&entry.0),
            )
            .or_insert_with(|| (own(key), V::default()));
        &mut entry.into_mut().1
    }

    /// Whether keys were forgotten: counts are lower bounds then.
    pub fn forgot(&self) -> bool {
        self.forgot
    }

    /// Adds another table's entries, without a bound: for the merge at the end.
    pub fn absorb(&mut self, other: Self) {
        self.forgot |= other.forgot;
        if self.entries.is_empty() {
            self.entries = other.entries;
            self.hasher = other.hasher;
            return;
        }
        let max = std::mem::replace(&mut self.max, usize::MAX);
        for (key, value) in other.entries {
            self.entry(key).absorb(value);
        }
        self.max = max;
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, value)| (key, value))
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

    #[cold]
    fn forget_half(&mut self) {
        self.forgot = true;
        let mut order: Vec<(u64, K)> = self
            .entries
            .iter()
            .map(|(key, value)| (value.weight(), key.clone()))
            .collect();
        let keep = self.max / 2;
        order.select_nth_unstable_by(keep, |a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        for (_, key) in order.drain(keep..) {
            let hash = self.hasher.hash_one(&key);
            if let Ok(entry) = self.entries.find_entry(hash, |entry| entry.0 == key) {
                entry.remove();
            }
        }
    }
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
