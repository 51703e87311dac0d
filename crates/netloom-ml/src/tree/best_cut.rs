//! The best cut of a column.

use super::bins::{MISSING_BIN, between};
use super::grow::Grower;
use super::scan::{Looked, Scanner, Upto};

impl Grower<'_> {
    /// By a histogram of bins: for many rows.
    pub(super) fn cut_by_bin(&mut self, feature: usize) -> Looked {
        let column = &self.sample.binned[feature];
        let classes = self.sample.classes;
        let node = &self.node;
        let mut used = [0_u64; 4];
        for ((&row, &code), &weight) in node.ids.iter().zip(&node.codes).zip(&node.weights) {
            let bin = usize::from(column.bins[row as usize]);
            self.histogram[bin * classes + code as usize] += weight;
            self.counts[bin] += 1;
            used[bin >> 6] |= 1 << (bin & 63);
        }
        if used.iter().map(|word| word.count_ones()).sum::<u32>() < 2 {
            self.clear(used);
            return Looked::Constant;
        }
        let mut scanner = Scanner::new(&mut self.scan, node.ids.len(), feature);
        let missing = usize::from(MISSING_BIN);
        if self.counts[missing] > 0 {
            scanner.set_missing(
                &self.histogram[missing * classes..(missing + 1) * classes],
                self.counts[missing] as usize,
            );
        }
        let mut bins = bits(used).filter(|&bin| bin != missing).peekable();
        while let Some(bin) = bins.next() {
            scanner.group(
                &self.histogram[bin * classes..(bin + 1) * classes],
                self.counts[bin] as usize,
            );
            let upto = Upto::Bin(bin as u8);
            match bins.peek() {
                Some(&next) => scanner.cut(upto, || between(column.high[bin], column.low[next])),
                None => scanner.cut_off_missing(upto),
            }
        }
        let best = scanner.best;
        self.clear(used);
        Looked::Cut(best)
    }

    fn clear(&mut self, used: [u64; 4]) {
        let classes = self.sample.classes;
        for bin in bits(used) {
            self.counts[bin] = 0;
            self.histogram[bin * classes..(bin + 1) * classes].fill(0.0);
        }
    }

    /// By the order of the values: for few rows.
    pub(super) fn cut_by_value(&mut self, rows: &[u32], feature: usize) -> Looked {
        let mut keys = std::mem::take(&mut self.keys);
        keys.clear();
        let table = self.table();
        keys.extend(
            rows.iter()
                .enumerate()
                .map(|(place, &row)| key(table.of(row)[feature]) << 32 | place as u64),
        );
        let looked = self.cut_by_key(&mut keys, feature);
        self.keys = keys;
        looked
    }

    fn cut_by_key(&mut self, keys: &mut [u64], feature: usize) -> Looked {
        let first = keys.first().map_or(0, |key| key >> 32);
        if keys.iter().all(|key| key >> 32 == first) {
            return Looked::Constant;
        }
        keys.sort_unstable();
        let there = keys.partition_point(|key| key >> 32 < MISSING_KEY);
        let mut scanner = Scanner::new(&mut self.scan, keys.len(), feature);
        let (there, missing) = keys.split_at(there);
        for key in missing {
            let place = (key & 0xFFFF_FFFF) as usize;
            scanner.add_missing(self.node.codes[place] as usize, self.node.weights[place]);
        }
        for (at, key) in there.iter().enumerate() {
            let place = (key & 0xFFFF_FFFF) as usize;
            scanner.row(self.node.codes[place] as usize, self.node.weights[place]);
            let value = key >> 32;
            let upto = Upto::Value(value_of(value));
            match there.get(at + 1).map(|next| next >> 32) {
                Some(next) if next == value => {}
                Some(next) => scanner.cut(upto, || between(value_of(value), value_of(next))),
                None => scanner.cut_off_missing(upto),
            }
        }
        Looked::Cut(scanner.best)
    }
}

/// A whole number in the order of the values; what is missing comes last.
#[inline]
fn key(value: f32) -> u64 {
    if value.is_nan() {
        return MISSING_KEY;
    }
    // +0 is 0: the two are one value.
    let bits = (value + 0.0).to_bits();
    u64::from(if bits >> 31 == 0 {
        bits | 1 << 31
    } else {
        !bits
    })
}

const MISSING_KEY: u64 = 0xFFFF_FFFF;

#[inline]
fn value_of(key: u64) -> f32 {
    let key = key as u32;
    f32::from_bits(if key >> 31 == 1 {
        key & !(1 << 31)
    } else {
        !key
    })
}

fn bits(words: [u64; 4]) -> impl Iterator<Item = usize> {
    words.into_iter().enumerate().flat_map(|(place, word)| {
        let mut word = word;
        std::iter::from_fn(move || {
            (word != 0).then(|| {
                let bit = word.trailing_zeros() as usize;
                word &= word - 1;
                place * 64 + bit
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_the_order() {
        let values = [f32::MIN, -1.5, -1e-40, 0.0, 1e-40, 2.0, 2.5, f32::MAX];
        let keys: Vec<u64> = values.iter().map(|value| key(*value)).collect();
        assert!(keys.is_sorted());
        assert_eq!(
            keys.iter().map(|key| value_of(*key)).collect::<Vec<_>>(),
            values
        );
        assert_eq!(key(-0.0), key(0.0));
        assert!(key(f32::NAN) > key(f32::MAX));
    }
}
