//! Cross-validation: each part is tested on once.

use super::group::{contents, sums};
use super::{Split, SplitError, cut, dated, shuffled_by_class, without_time};

/// Whole groups in `folds` parts, each tested on once while the others are learned from: the parts
/// are alike in their classes as far as the groups allow (`StratifiedGroupKFold`, its algorithm).
/// As many folds as groups leave one group out at a time (`LeaveOneGroupOut`).
///
/// # Errors
///
/// If there are fewer than two folds, or fewer groups than folds.
///
/// # Panics
///
/// If the slices differ in length.
pub fn group_folds(
    groups: &[u32],
    classes: &[u32],
    folds: usize,
) -> Result<Vec<Split>, SplitError> {
    let contents = contents(groups, classes);
    let present = contents.iter().filter(|group| !group.is_empty()).count();
    if folds < 2 || present < folds {
        return Err(SplitError::TooFewGroups {
            groups: present,
            parts: folds,
        });
    }
    let fold_of = if present == folds {
        // Nothing to weigh up: each group is a part of its own, in their order.
        let mut next = 0..;
        let fold = |group: &Vec<_>| {
            if group.is_empty() {
                0
            } else {
                next.next().unwrap_or(0)
            }
        };
        contents.iter().map(fold).collect()
    } else {
        stratified(&contents, folds)
    };
    let fold_of_row: Vec<usize> = groups
        .iter()
        .map(|&group| fold_of[group as usize])
        .collect();
    Ok(of_folds(&fold_of_row, folds))
}

/// Rows at random in `folds` parts, each class spread evenly over them (`StratifiedKFold`).
///
/// # Errors
///
/// If there are fewer than two folds, or fewer rows than folds.
pub fn random_folds(classes: &[u32], folds: usize, seed: u64) -> Result<Vec<Split>, SplitError> {
    if folds < 2 || classes.len() < folds {
        return Err(SplitError::TooFewRows {
            rows: classes.len(),
            parts: folds,
        });
    }
    let mut fold_of = vec![0; classes.len()];
    for (place, row) in shuffled_by_class(classes, seed).into_iter().enumerate() {
        fold_of[row] = place % folds;
    }
    Ok(of_folds(&fold_of, folds))
}

/// What came before is learned from, what comes next is tested on, again and again with more to
/// learn from: time is cut in `folds + 1` parts of about the same number of rows
/// (`TimeSeriesSplit`). Rows of the same time stay together.
///
/// # Errors
///
/// If there are no folds or not enough different times.
pub fn time_folds(times: &[Option<i64>], folds: usize) -> Result<Vec<Split>, SplitError> {
    let rows = dated(times);
    let parts = folds + 1;
    let mut cuts = Vec::with_capacity(parts + 1);
    for part in 1..parts {
        let share = 1.0 - part as f64 / parts as f64;
        cuts.push(cut(&rows, share).ok_or(SplitError::Time("all of them have the same"))?);
    }
    cuts.push(rows.len());
    if folds == 0 || cuts.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(SplitError::Time(
            "there are not enough different times for the folds",
        ));
    }
    let left_out = without_time(times);
    let side = |rows: &[(i64, usize)]| {
        let mut side: Vec<usize> = rows.iter().map(|(_, row)| *row).collect();
        side.sort_unstable();
        side
    };
    Ok(cuts
        .windows(2)
        .map(|pair| Split {
            train: side(&rows[..pair[0]]),
            test: side(&rows[pair[0]..pair[1]]),
            left_out: left_out.clone(),
        })
        .collect())
}

fn of_folds(fold_of: &[usize], folds: usize) -> Vec<Split> {
    (0..folds)
        .map(|fold| {
            let (test, train) = (0..fold_of.len()).partition(|&row| fold_of[row] == fold);
            Split {
                train,
                test,
                left_out: Vec::new(),
            }
        })
        .collect()
}

/// The fold of each group: those whose classes are most uneven first, each to the fold where the
/// classes' spread over the folds is then the smallest.
fn stratified(contents: &[Vec<(usize, usize)>], folds: usize) -> Vec<usize> {
    let class_rows = sums(contents.iter().flatten());
    let classes = class_rows.len();
    let mut order: Vec<usize> = (0..contents.len())
        .filter(|&g| !contents[g].is_empty())
        .collect();
    let unevenness = |group: usize| {
        let mut counts = vec![0.0; classes];
        for &(class, rows) in &contents[group] {
            counts[class] = rows as f64;
        }
        deviation(counts.iter().copied())
    };
    let uneven: Vec<f64> = (0..contents.len()).map(unevenness).collect();
    order.sort_by(|&a, &b| uneven[b].total_cmp(&uneven[a]));
    let mut have = vec![vec![0.0; classes]; folds];
    let mut fold_of = vec![0; contents.len()];
    for group in order {
        let mut best: Option<(f64, f64, usize)> = None;
        for fold in 0..folds {
            for &(class, rows) in &contents[group] {
                have[fold][class] += rows as f64;
            }
            let spread = (0..classes)
                .filter(|&class| class_rows[class] > 0)
                .map(|class| {
                    let all = class_rows[class] as f64;
                    deviation(have.iter().map(|counts| counts[class] / all))
                })
                .sum::<f64>()
                / classes as f64;
            let rows: f64 = have[fold].iter().sum();
            for &(class, rows) in &contents[group] {
                have[fold][class] -= rows as f64;
            }
            let better = best.is_none_or(|(least, fewest, _)| {
                // As numpy's isclose: a difference of rounding alone is none.
                let same = (spread - least).abs() <= 1e-8 + 1e-5 * least.abs();
                (!same && spread < least) || (same && rows < fewest)
            });
            if better {
                best = Some((spread, rows, fold));
            }
        }
        let fold = best.map_or(0, |(_, _, fold)| fold);
        fold_of[group] = fold;
        for &(class, rows) in &contents[group] {
            have[fold][class] += rows as f64;
        }
    }
    fold_of
}

/// Standard deviation of a population.
fn deviation(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let (sum, count) = values
        .clone()
        .fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
    let mean = sum / count;
    (values.map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt()
}
