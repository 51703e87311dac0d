//! Chance that can be had again.

/// SplitMix64 (Steele, Lea, Flood 2014): small, and good enough to choose places in files.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// A sequence of its own for each seed, name and number.
    pub(super) fn new(seed: u64, name: &str, number: u64) -> Self {
        // FNV-1a: the same on every machine and in every version of Rust.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut random = Self(seed);
        let start = random.next() ^ hash.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut random = Self(start);
        random.next();
        random
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound` (0 where that is 0).
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from 0 up to, not including, 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_others_do_not() {
        let draw = |seed, name, number| {
            let mut random = Random::new(seed, name, number);
            [random.next(), random.next()]
        };
        assert_eq!(draw(1, "a", 2), draw(1, "a", 2));
        for other in [draw(2, "a", 2), draw(1, "b", 2), draw(1, "a", 3)] {
            assert_ne!(draw(1, "a", 2), other);
        }
        let mut random = Random::new(0, "", 0);
        assert!((0..1000).all(|_| random.below(7) < 7));
        assert!((0..1000).all(|_| (0.0..1.0).contains(&random.unit())));
        assert_eq!(random.below(0), 0);
    }
}
