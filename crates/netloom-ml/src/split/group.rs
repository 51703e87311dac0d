//! Whole groups to one side or the other.

use super::{Split, SplitError, check_share};
use crate::chance::Chance;

/// Whole groups to learn from and whole groups to test on: hosts, captures, scenarios. Groups are
/// chosen by the seed, then exchanged as long as that brings the share of test rows nearer to
/// `test` in each class.
///
/// # Errors
///
/// If `test` is no share or there are fewer than two groups.
///
/// # Panics
///
/// If the slices differ in length.
pub fn by_group(
    groups: &[u32],
    classes: &[u32],
    test: f64,
    seed: u64,
) -> Result<Split, SplitError> {
    check_share(test)?;
    let contents = contents(groups, classes);
    let present: Vec<usize> = (0..contents.len())
        .filter(|&g| !contents[g].is_empty())
        .collect();
    if present.len() < 2 {
        return Err(SplitError::TooFewGroups {
            groups: present.len(),
            parts: 2,
        });
    }
    let class_rows = sums(contents.iter().flatten());
    let mut chosen = Choice {
        wanted: class_rows.iter().map(|&rows| rows as f64 * test).collect(),
        have: vec![0.0; class_rows.len()],
        in_test: vec![false; contents.len()],
        class_rows: class_rows.iter().map(|&rows| rows as f64).collect(),
    };
    let mut order = present.clone();
    Chance::new(seed).shuffle(&mut order);
    // Each pass only makes it better, so it comes to an end; most do after two or three.
    for _ in 0..50 {
        let mut moved = false;
        for &group in &order {
            moved |= chosen.move_if_better(group, &contents[group]);
        }
        if !moved {
            break;
        }
    }
    // Both sides need a group: the smallest goes where there is none.
    let in_test = present
        .iter()
        .filter(|&&group| chosen.in_test[group])
        .count();
    if in_test == 0 || in_test == present.len() {
        let rows = |group: &usize| contents[*group].iter().map(|(_, rows)| rows).sum::<usize>();
        if let Some(&smallest) = order.iter().min_by_key(|group| rows(group)) {
            chosen.in_test[smallest] = in_test == 0;
        }
    }
    let mut split = Split::default();
    for (row, &group) in groups.iter().enumerate() {
        if chosen.in_test[group as usize] {
            split.test.push(row);
        } else {
            split.train.push(row);
        }
    }
    Ok(split)
}

/// Which groups are tested on, and how far that is from what is wanted.
struct Choice {
    wanted: Vec<f64>,
    have: Vec<f64>,
    in_test: Vec<bool>,
    class_rows: Vec<f64>,
}

impl Choice {
    /// Moves a group to the other side if that is nearer to what is wanted.
    fn move_if_better(&mut self, group: usize, contents: &[(usize, usize)]) -> bool {
        let sign = if self.in_test[group] { -1.0 } else { 1.0 };
        // Distance as a share of the class, so that rare ones count as much as common ones.
        let change: f64 = contents
            .iter()
            .map(|&(class, rows)| {
                let before = (self.have[class] - self.wanted[class]).abs();
                let after = (self.have[class] + sign * rows as f64 - self.wanted[class]).abs();
                (after - before) / self.class_rows[class]
            })
            .sum();
        // Not for rounding errors: it would go on for ever.
        if change > -1e-9 {
            return false;
        }
        for &(class, rows) in contents {
            self.have[class] += sign * rows as f64;
        }
        self.in_test[group] = !self.in_test[group];
        true
    }
}

/// How many rows of each class a group has; groups and classes are numbers.
pub(super) fn contents(groups: &[u32], classes: &[u32]) -> Vec<Vec<(usize, usize)>> {
    assert_eq!(groups.len(), classes.len(), "a class for each row");
    let mut pairs: Vec<(u32, u32)> = groups
        .iter()
        .copied()
        .zip(classes.iter().copied())
        .collect();
    pairs.sort_unstable();
    let count = groups.iter().max().map_or(0, |last| *last as usize + 1);
    let mut contents = vec![Vec::new(); count];
    for rows in pairs.chunk_by(|a, b| a == b) {
        let (group, class) = rows[0];
        contents[group as usize].push((class as usize, rows.len()));
    }
    contents
}

/// Rows of each class.
pub(super) fn sums<'a>(contents: impl Iterator<Item = &'a (usize, usize)>) -> Vec<usize> {
    let mut sums = Vec::new();
    for &(class, rows) in contents {
        if sums.len() <= class {
            sums.resize(class + 1, 0);
        }
        sums[class] += rows;
    }
    sums
}
