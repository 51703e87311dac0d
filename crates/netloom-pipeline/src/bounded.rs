//! A table of counts with a bound on its memory.

use std::hash::Hash;

use hashbrown::HashMap;

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
    entries: HashMap<K, V, foldhash::fast::RandomState>,
    max: usize,
    forgot: bool,
}

impl<K: Hash + Eq + Ord + Clone, V: Counts> BoundedTable<K, V> {
    /// A table of at most `max` keys.
    pub fn new(max: usize) -> Self {
        Self {
            entries: HashMap::default(),
            max: max.max(2),
            forgot: false,
        }
    }

    /// The counts of a key.
    pub fn entry(&mut self, key: K) -> &mut V {
        if self.entries.len() >= self.max && !self.entries.contains_key(&key) {
            self.forget_half();
        }
        self.entries.entry(key).or_default()
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
            return;
        }
        for (key, value) in other.entries {
            self.entries.entry(key).or_default().absorb(value);
        }
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter()
    }

    /// The `count` entries with the largest `rank`, largest first, the smaller key first on a
    /// tie.
    pub fn top<R: Ord>(&self, count: usize, rank: impl Fn(&V) -> R) -> Vec<(&K, &V)> {
        let mut all: Vec<(&K, &V)> = self.entries.iter().collect();
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
            self.entries.remove(&key);
        }
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
