//! How well two ways of putting rows into groups agree.

use std::collections::BTreeMap;

/// Agreement of two groupings over all pairs of rows, corrected for chance
/// (`adjusted_rand_score`; Hubert and Arabie 1985): 1 if they are the same, about 0 if they have
/// nothing to do with each other. What the groups are called does not matter.
///
/// # Panics
///
/// If the slices differ in length.
pub fn adjusted_rand_score(a: &[u32], b: &[u32]) -> f64 {
    let table = Contingency::new(a, b);
    // Pairs of rows that both put together, that only one does, and that both keep apart.
    let squares = |counts: &mut dyn Iterator<Item = u64>| -> i128 {
        counts
            .map(|count| i128::from(count) * i128::from(count))
            .sum()
    };
    let rows = i128::from(table.rows);
    let both = squares(&mut table.cells.values().copied());
    let of_a = squares(&mut table.a.values().copied());
    let of_b = squares(&mut table.b.values().copied());
    let together = both - rows;
    let only_a = of_a - both;
    let only_b = of_b - both;
    let apart = rows * rows - of_a - of_b + both;
    if only_a == 0 && only_b == 0 {
        return 1.0;
    }
    let (tp, fp, fn_, tn) = (together as f64, only_b as f64, only_a as f64, apart as f64);
    2.0 * (tp * tn - fn_ * fp) / ((tp + fn_) * (fn_ + tn) + (tp + fp) * (fp + tn))
}

/// Information that two groupings share, over the mean of what each holds
/// (`normalized_mutual_info_score`, arithmetic): between 0 and 1; not corrected for chance.
///
/// # Panics
///
/// If the slices differ in length.
pub fn normalized_mutual_info_score(a: &[u32], b: &[u32]) -> f64 {
    let table = Contingency::new(a, b);
    if table.a.len() == table.b.len() && table.a.len() <= 1 {
        return 1.0;
    }
    let rows = table.rows as f64;
    let mut shared = 0.0;
    for (&(of_a, of_b), &count) in &table.cells {
        let count = count as f64;
        let outer = table.a[&of_a] as f64 * table.b[&of_b] as f64;
        shared += count / rows * (count * rows / outer).ln();
    }
    let entropy = |counts: &BTreeMap<u32, u64>| -> f64 {
        counts
            .values()
            .map(|&count| {
                let share = count as f64 / rows;
                -share * share.ln()
            })
            .sum()
    };
    if shared <= f64::EPSILON {
        return 0.0;
    }
    (shared / f64::midpoint(entropy(&table.a), entropy(&table.b))).clamp(0.0, 1.0)
}

/// How often each pair of groups meets.
struct Contingency {
    rows: u64,
    cells: BTreeMap<(u32, u32), u64>,
    a: BTreeMap<u32, u64>,
    b: BTreeMap<u32, u64>,
}

impl Contingency {
    fn new(a: &[u32], b: &[u32]) -> Self {
        assert_eq!(a.len(), b.len(), "both group the same rows");
        let mut this = Self {
            rows: a.len() as u64,
            cells: BTreeMap::new(),
            a: BTreeMap::new(),
            b: BTreeMap::new(),
        };
        for (&a, &b) in a.iter().zip(b) {
            *this.cells.entry((a, b)).or_default() += 1;
            *this.a.entry(a).or_default() += 1;
            *this.b.entry(b).or_default() += 1;
        }
        this
    }
}
