//! Seeded chance: the same draws for the same seed, on every machine.

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). Not for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The draws of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(mix(seed ^ 0x5851_F42D_4C95_7F2D))
    }

    /// The draws of the `part`-th piece of a seed's work, so that pieces can be done in any order.
    pub(crate) fn of(seed: u64, part: u64) -> Self {
        Self::new(mix(seed).wrapping_add(mix(part ^ 0xA076_1D64_78BD_642F)))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// One of `0..below`, each as likely (Lemire's multiplication; its bias is below 2⁻³² here).
    pub(crate) fn below(&mut self, below: usize) -> usize {
        ((u128::from(self.next()) * below as u128) >> 64) as usize
    }

    /// Any order, each as likely (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in [from, to).
    pub(crate) fn between(&mut self, from: f64, to: f64) -> f64 {
        from + self.unit() * (to - from)
    }

    /// Normally distributed, mean 0, variance 1 (Box and Muller).
    #[cfg(test)]
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// `count` different numbers below `of`, in random order; all of them if there are fewer.
    pub(crate) fn sample(&mut self, of: usize, count: usize) -> Vec<usize> {
        let count = count.min(of);
        if count.saturating_mul(8) < of {
            // Few of many: draw until they differ.
            let mut seen = std::collections::HashSet::with_capacity(count);
            let mut drawn = Vec::with_capacity(count);
            while drawn.len() < count {
                let one = self.below(of);
                if seen.insert(one) {
                    drawn.push(one);
                }
            }
            return drawn;
        }
        let mut all: Vec<usize> = (0..of).collect();
        for place in 0..count {
            let other = place + self.below(of - place);
            all.swap(place, other);
        }
        all.truncate(count);
        all
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_and_stay_the_same() {
        let mut counts = [0_u32; 5];
        let mut chance = Chance::new(3);
        for _ in 0..50_000 {
            counts[chance.below(5)] += 1;
        }
        // Five standard deviations of a binomial count around 10,000.
        assert!(
            counts.iter().all(|count| count.abs_diff(10_000) < 450),
            "{counts:?}"
        );
        let shuffled = |part| {
            let mut items: Vec<u8> = (0..20).collect();
            Chance::of(3, part).shuffle(&mut items);
            items
        };
        assert_eq!(shuffled(0), shuffled(0));
        assert_ne!(shuffled(0), shuffled(1));
        let mut sorted = shuffled(0);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn spread_evenly() {
        let mut chance = Chance::new(1);
        let mean = (0..10_000).map(|_| chance.unit()).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
        let squares = (0..10_000).map(|_| chance.normal().powi(2)).sum::<f64>() / 10_000.0;
        assert!((squares - 1.0).abs() < 0.05, "{squares}");
        assert_eq!(chance.below(0), 0);
        let mut sample = chance.sample(10, 20);
        sample.sort_unstable();
        assert_eq!(sample, (0..10).collect::<Vec<_>>());
        let mut few = chance.sample(1000, 20);
        few.sort_unstable();
        few.dedup();
        assert_eq!(few.len(), 20);
    }
}
