//! The feature mapper: which features go together, learnt as they come.

/// Running correlations of all pairs of features.
#[derive(Debug, Clone)]
pub(super) struct Mapper {
    features: usize,
    rows: f64,
    sum: Vec<f64>,
    residuals: Vec<f64>,
    squares: Vec<f64>,
    /// Sums of products of residuals, lower triangle by rows.
    products: Vec<f64>,
}

impl Mapper {
    pub(super) fn new(features: usize) -> Self {
        Self {
            features,
            rows: 0.0,
            sum: vec![0.0; features],
            residuals: vec![0.0; features],
            squares: vec![0.0; features],
            products: vec![0.0; features * (features + 1) / 2],
        }
    }

    pub(super) fn update(&mut self, row: &[f64]) {
        self.rows += 1.0;
        for feature in 0..self.features {
            let value = row.get(feature).copied().unwrap_or(0.0);
            self.sum[feature] += value;
            self.residuals[feature] = value - self.sum[feature] / self.rows;
            self.squares[feature] += self.residuals[feature].powi(2);
        }
        let mut place = 0;
        for one in 0..self.features {
            let residual = self.residuals[one];
            for (product, other) in self.products[place..=place + one]
                .iter_mut()
                .zip(&self.residuals)
            {
                *product += residual * other;
            }
            place += one + 1;
        }
    }

    /// 1 − correlation: 0 for features that move together. A constant goes with nothing.
    fn distance(&self, one: usize, other: usize) -> f64 {
        let (high, low) = (one.max(other), one.min(other));
        let product = self.products[high * (high + 1) / 2 + low];
        let scale = (self.squares[one] * self.squares[other]).sqrt();
        if scale > 0.0 && scale.is_finite() {
            (1.0 - product / scale).max(0.0)
        } else {
            1.0
        }
    }

    /// Groups of at most `most` features: the features are merged by their nearest members
    /// (single linkage), and the tree of merges is cut from its root until each part is small
    /// enough.
    pub(super) fn groups(&self, most: usize) -> Vec<Vec<usize>> {
        let n = self.features;
        // A minimum spanning tree has the merges of single linkage (Prim's algorithm).
        let mut nearest: Vec<(f64, usize)> = vec![(f64::INFINITY, 0); n];
        let mut joined = vec![false; n];
        let mut edges = Vec::with_capacity(n.saturating_sub(1));
        let mut at = 0;
        for _ in 1..n {
            joined[at] = true;
            let mut next = (f64::INFINITY, usize::MAX);
            for other in 0..n {
                if joined[other] {
                    continue;
                }
                let distance = self.distance(at, other);
                if distance < nearest[other].0 {
                    nearest[other] = (distance, at);
                }
                if next.1 == usize::MAX || nearest[other].0 < next.0 {
                    next = (nearest[other].0, other);
                }
            }
            let (distance, other) = next;
            edges.push((distance, nearest[other].1, other));
            at = other;
        }
        edges.sort_by(|a, b| a.0.total_cmp(&b.0));
        // A group that fits is never looked into: so a merge stands exactly if the whole it
        // gives is small enough, or was made of wholes that already are too large.
        let mut parent: Vec<usize> = (0..n).collect();
        let mut size = vec![1usize; n];
        let mut closed = vec![false; n];
        for (_, one, other) in edges {
            let (one, other) = (root(&mut parent, one), root(&mut parent, other));
            if closed[one] || closed[other] || size[one] + size[other] > most.max(1) {
                // This merge is too large, and so is all that holds it.
                closed[one] = true;
                closed[other] = true;
                continue;
            }
            parent[other] = one;
            size[one] += size[other];
        }
        let mut groups: Vec<Vec<usize>> = vec![Vec::new(); n];
        for feature in 0..n {
            let place = root(&mut parent, feature);
            groups[place].push(feature);
        }
        groups.retain(|group| !group.is_empty());
        groups
    }
}

fn root(parent: &mut [usize], mut of: usize) -> usize {
    while parent[of] != of {
        parent[of] = parent[parent[of]];
        of = parent[of];
    }
    of
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    #[test]
    fn features_that_move_together_meet() {
        let mut random = Chance::new(3);
        let mut mapper = Mapper::new(7);
        for _ in 0..500 {
            let (a, b) = (random.normal(), random.normal());
            let noise = || 0.01;
            mapper.update(&[a, b, 2.0 * a + noise(), 5.0, b - 1.0, 3.0 * a, -b]);
        }
        let groups = mapper.groups(3);
        assert!(groups.contains(&vec![0, 2, 5]), "{groups:?}");
        assert!(groups.contains(&vec![1, 4]), "{groups:?}");
        assert!(groups.iter().all(|group| group.len() <= 3));
        assert_eq!(groups.iter().map(Vec::len).sum::<usize>(), 7);
        assert_eq!(mapper.groups(1).len(), 7);
        assert_eq!(Mapper::new(1).groups(3), [[0]]);
    }
}
