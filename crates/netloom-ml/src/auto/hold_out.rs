//! Which rows the families are judged on.

use crate::dataset::Dataset;
use crate::split::{Split, by_time, group_folds, random_folds};

/// What is learned from and judged on, and how that was decided.
///
/// Whole groups where there are groups, and else what came later in each class where there are
/// times: 1/2n, 2/2n … to a half of its rows, in `n` folds. Where neither leaves anything to tell
/// apart (each class is in a group of its own), rows at random.
pub(super) fn hold_out(
    data: &Dataset,
    codes: &[u32],
    folds: usize,
    seed: u64,
) -> (Vec<Split>, String) {
    if let Some(groups) = data.group_codes() {
        let mut present = groups.to_vec();
        present.sort_unstable();
        present.dedup();
        let parts = folds.max(2).min(present.len());
        if let Ok(splits) = group_folds(&groups, codes, parts) {
            let splits = telling(splits, codes);
            if !splits.is_empty() {
                let text = format!("whole groups held out, {}", times(&splits));
                return (splits, text);
            }
        }
    }
    if let Some(when) = data.times() {
        let splits: Result<Vec<Split>, _> = (1..=folds)
            .map(|part| by_time(&when, Some(codes), part as f64 / (2 * folds) as f64))
            .collect();
        if let Ok(splits) = splits {
            let splits = telling(splits, codes);
            if !splits.is_empty() {
                let text = format!("what came later in each class, {}", times(&splits));
                return (splits, text);
            }
        }
    }
    let parts = folds.max(2).min(codes.len());
    match random_folds(codes, parts, seed) {
        Ok(splits) => {
            let splits = telling(splits, codes);
            let text = format!("rows held out at random, {}", times(&splits));
            (splits, text)
        }
        Err(_) => (Vec::new(), "there are too few rows to compare".to_owned()),
    }
}

fn times(splits: &[Split]) -> String {
    match splits.len() {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}

/// Those that judge: two classes or more of those that are learned are to be told apart. Rows of
/// one class alone make every model look perfect that tells nothing else.
fn telling(mut splits: Vec<Split>, codes: &[u32]) -> Vec<Split> {
    let classes = codes.iter().max().map_or(0, |most| *most as usize + 1);
    splits.retain(|split| {
        let mut sides = vec![[false; 2]; classes];
        for (side, rows) in [&split.train, &split.test].into_iter().enumerate() {
            for &row in rows {
                sides[codes[row] as usize][side] = true;
            }
        }
        sides.iter().filter(|on| **on == [true, true]).count() >= 2
    });
    splits
}
