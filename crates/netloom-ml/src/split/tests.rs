use proptest::prelude::*;

use super::*;

#[test]
fn time_decides_and_equal_times_stay_together() {
    let times = [5, 1, 2, 2, 2, 9, 7].map(Some);
    let split = by_time(&times, None, 0.5).unwrap();
    // 1 2 2 2 | 5 7 9: the cut after 3.5 rows is moved past the twos.
    assert_eq!(
        (&split.train[..], &split.test[..]),
        (&[1, 2, 3, 4][..], &[0, 5, 6][..])
    );
    // A share that lies within the twos goes to their nearer end.
    let split = by_time(&times, None, 0.8).unwrap();
    assert_eq!(split.train, [1]);
}

#[test]
fn rows_without_a_time_are_left_out() {
    let split = by_time(&[Some(1), None, Some(2)], None, 0.5).unwrap();
    assert_eq!(
        (split.train, split.test, split.left_out),
        (vec![0], vec![2], vec![1])
    );
    let error = by_time(&[None, None], None, 0.5).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the rows cannot be split by time: none of them has one"
    );
    assert!(by_time(&[Some(3), Some(3)], None, 0.5).is_err());
    assert_eq!(
        by_time(&[Some(1), Some(2)], None, 1.0),
        Err(SplitError::Share(1.0))
    );
    assert!(by_time(&[Some(1), Some(2)], None, f64::NAN).is_err());
}

/// Monday's rows are of class 0, Tuesday's of class 1: time alone puts each on a side of its own.
#[test]
fn each_class_can_have_its_own_cut() {
    let times: Vec<_> = (0..20).map(Some).collect();
    let classes: Vec<u32> = (0..20).map(|row| row / 10).collect();
    let split = by_time(&times, None, 0.5).unwrap();
    assert_eq!(
        one_sided(&split, &classes),
        [
            OneSided {
                class: 0,
                train: 10,
                test: 0
            },
            OneSided {
                class: 1,
                train: 0,
                test: 10
            }
        ]
    );
    let split = by_time(&times, Some(&classes), 0.3).unwrap();
    assert_eq!(split.test, [7, 8, 9, 17, 18, 19]);
    assert!(one_sided(&split, &classes).is_empty());
    // A class of a single moment is learned only, and said to be.
    let split = by_time(&[1, 2, 3, 3].map(Some), Some(&[0, 0, 1, 1]), 0.5).unwrap();
    assert_eq!(
        one_sided(&split, &[0, 0, 1, 1]),
        [OneSided {
            class: 1,
            train: 2,
            test: 0
        }]
    );
    assert!(by_time(&[Some(3), Some(3)], Some(&[0, 1]), 0.5).is_err());
}

#[test]
fn groups_are_chosen_for_their_classes() {
    // Ten groups of ten rows; class 1 is in the first two only.
    let groups: Vec<u32> = (0..100).map(|row| row / 10).collect();
    let classes: Vec<u32> = groups.iter().map(|&group| u32::from(group < 2)).collect();
    for seed in 0..20 {
        let split = by_group(&groups, &classes, 0.5, seed).unwrap();
        assert_eq!(split.test.len(), 50, "{seed}");
        assert!(one_sided(&split, &classes).is_empty(), "{seed}");
    }
    let chosen = |seed| by_group(&groups, &classes, 0.5, seed).unwrap();
    assert_eq!(chosen(1), chosen(1));
    assert!((2..20).any(|seed| chosen(seed) != chosen(1)));
    assert_eq!(
        by_group(&[4, 4], &[0, 1], 0.5, 0),
        Err(SplitError::TooFewGroups {
            groups: 1,
            parts: 2
        })
    );
    // One group that is nearly everything.
    let split = by_group(&[0, 1, 1, 1, 1, 1, 1, 1, 1, 1], &[0; 10], 0.3, 0).unwrap();
    assert_eq!(split.test, [0]);
}

#[test]
fn random_rows_keep_the_classes() {
    let classes: Vec<u32> = (0..1000).map(|row| u32::from(row % 10 == 0)).collect();
    let split = at_random(&classes, 0.3, 5).unwrap();
    assert_eq!(split.test.len(), 300);
    let positives = split.test.iter().filter(|&&row| classes[row] == 1).count();
    assert!(positives.abs_diff(30) <= 1, "{positives}");
    assert_ne!(split, at_random(&classes, 0.3, 6).unwrap());
    assert!(at_random(&[1], 0.3, 5).is_err());
    assert_eq!(at_random(&[1, 1], 0.01, 5).unwrap().test.len(), 1);
}

fn lcg(seed: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(seed), |x| {
        Some((x * 1_103_515_245 + 12_345) % (1 << 31))
    })
    .skip(1)
    .map(|x| x >> 16)
}

/// scikit-learn 1.9.1, `StratifiedGroupKFold(4)`, over `g = lcg(n, 1) % 17; g = where(lcg(n, 2) % 3
/// == 0, g % 4, g); y = where(lcg(n, 3) % 10 < 3 + g % 4, 1, 0) + where(g == 5, 1, 0)` (n = 300; the
/// generator as in the metrics' tests).
#[test]
fn group_folds_are_those_of_scikit_learn() {
    let groups: Vec<u32> = lcg(1)
        .zip(lcg(2))
        .map(|(g, x)| if x % 3 == 0 { g % 17 % 4 } else { g % 17 } as u32)
        .take(300)
        .collect();
    let classes: Vec<u32> = groups
        .iter()
        .zip(lcg(3))
        .map(|(&g, x)| u32::from(x % 10 < 3 + u64::from(g % 4)) + u32::from(g == 5))
        .collect();
    let folds = group_folds(&groups, &classes, 4).unwrap();
    let fold_of = |group: u32| {
        let row = groups.iter().position(|&g| g == group).unwrap();
        folds
            .iter()
            .position(|fold| fold.test.contains(&row))
            .unwrap()
    };
    let ours: Vec<u32> = (0..17).map(|group| fold_of(group) as u32).collect();
    let theirs = [0, 1, 2, 3, 3, 2, 3, 0, 2, 2, 1, 0, 1, 3, 1, 3, 2];
    // Two folds that are still empty are equally good: rounding decides which of them comes first.
    let agreement = crate::metrics::adjusted_rand_score(&ours, &theirs);
    assert!((agreement - 1.0).abs() < 1e-12, "{ours:?}");
}

#[test]
fn folds_leave_one_group_out() {
    let folds = group_folds(&[3, 3, 7, 9], &[0, 1, 0, 1], 3).unwrap();
    let tests: Vec<_> = folds.into_iter().map(|fold| fold.test).collect();
    assert_eq!(tests, [vec![0, 1], vec![2], vec![3]]);
    assert!(group_folds(&[3, 3], &[0, 1], 2).is_err());
    assert!(group_folds(&[3, 4], &[0, 1], 1).is_err());
}

#[test]
fn folds_over_time_never_learn_from_what_comes_later() {
    let times: Vec<_> = (0..40).rev().map(|time| Some(time / 2)).collect();
    let folds = time_folds(&times, 3).unwrap();
    assert_eq!(
        folds.iter().map(|fold| fold.test.len()).collect::<Vec<_>>(),
        [10, 10, 10]
    );
    for fold in &folds {
        let last = fold.train.iter().map(|&row| times[row]).max();
        let first = fold.test.iter().map(|&row| times[row]).min();
        assert!(last < first);
    }
    assert!(time_folds(&[Some(1), Some(1), Some(2)], 2).is_err());
    assert!(time_folds(&times, 0).is_err());
    assert!(time_folds(&[], 2).is_err());
}

proptest! {
    /// Whatever is asked for: each row is in one place only, both sides have rows, and no group is
    /// on both sides.
    #[test]
    fn sides_never_meet(
        rows in prop::collection::vec((0_u32..9, 0_u32..4, prop::option::of(0_i64..9)), 0..60),
        share in 0.01..0.99_f64,
        folds in 2_usize..6,
        seed in any::<u64>(),
    ) {
        let groups: Vec<_> = rows.iter().map(|row| row.0).collect();
        let classes: Vec<_> = rows.iter().map(|row| row.1).collect();
        let times: Vec<_> = rows.iter().map(|row| row.2).collect();
        let mut splits = Vec::new();
        let by_group = by_group(&groups, &classes, share, seed);
        splits.extend(by_group.clone());
        splits.extend(by_time(&times, None, share));
        splits.extend(by_time(&times, Some(&classes), share));
        splits.extend(at_random(&classes, share, seed));
        splits.extend(group_folds(&groups, &classes, folds).unwrap_or_default());
        splits.extend(random_folds(&classes, folds, seed).unwrap_or_default());
        splits.extend(time_folds(&times, folds).unwrap_or_default());
        for split in splits {
            let mut all = [&split.train[..], &split.test, &split.left_out].concat();
            all.sort_unstable();
            all.dedup();
            prop_assert!(split.train.len() + split.test.len() + split.left_out.len() == all.len());
            prop_assert!(split.train.is_sorted() && split.test.is_sorted());
        }
        if let Ok(split) = by_group {
            prop_assert!(!split.train.is_empty() && !split.test.is_empty());
            let shared = split.train.iter().find(|row| split.test.iter().any(|other| groups[**row] == groups[*other]));
            prop_assert_eq!(shared, None);
        }
    }
}
