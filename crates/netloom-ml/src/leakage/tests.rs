use super::*;
use crate::card::Duplicates;
use crate::dataset::{Dataset, Values};
use crate::split::Split;

fn split(train: std::ops::Range<usize>, test: std::ops::Range<usize>) -> Split {
    Split {
        train: train.collect(),
        test: test.collect(),
        left_out: Vec::new(),
    }
}

/// Rows 0 to 3 are learned, 4 to 8 are tested: 4 is the same as 0, 5 as 1 but of another class, 6
/// nearly as 2, 7 differs in its category only, 8 is missing where 3 is.
fn few() -> Dataset {
    Dataset::new(vec![
        (
            "bytes",
            Values::numbers([0.0, 100.0, 50.0, f64::NAN, 0.0, 100.0, 50.4, 50.0, f64::NAN]),
        ),
        (
            "service",
            Values::categories(
                [
                    "dns", "tls", "tls", "dns", "dns", "tls", "tls", "http", "dns",
                ]
                .map(Some),
            ),
        ),
        ("same", Values::numbers([7.0; 9])),
    ])
    .unwrap()
    .with_classes(["a", "b", "a", "b", "a", "a", "a", "a", "b"])
    .unwrap()
}

#[test]
fn twins_are_found() {
    let found = row_leakage(&few(), &split(0..4, 4..9), LeakageOptions::default()).unwrap();
    assert_eq!(
        found.exact,
        Duplicates {
            rows: 5,
            twins: 3,
            other_class: 1
        }
    );
    assert_eq!(
        found.near,
        Duplicates {
            rows: 5,
            twins: 4,
            other_class: 1
        }
    );
    // Rows 1 and 5 are the same but of different classes: one of nine is wrong in any case.
    assert!((found.ceiling.unwrap() - 8.0 / 9.0).abs() < 1e-12);
}

#[test]
fn nothing_is_like_nothing() {
    let data = few().select(&[]);
    let found = row_leakage(&data, &Split::default(), LeakageOptions::default()).unwrap();
    assert_eq!(found, RowLeakage::default());
    assert!(
        single_columns(&data, &Split::default(), None, 1)
            .unwrap()
            .len()
            == 3
    );
    assert!(
        row_leakage(
            &Dataset::new::<&str>(vec![]).unwrap(),
            &Split::default(),
            LeakageOptions::default()
        )
        .is_err()
    );
}

/// Of many rows a part is looked at, whatever the threads.
#[test]
fn many_rows() {
    let rows = 20_000;
    let values = |seed: u64| {
        let mut chance = crate::chance::Chance::new(seed);
        (0..rows).map(|_| chance.unit()).collect::<Vec<_>>()
    };
    let mut columns: Vec<Vec<f64>> = (0..6).map(values).collect();
    // A fifth of the test rows are training rows with a little noise.
    for column in &mut columns {
        for row in 0..2000 {
            column[10_000 + row * 5] = column[row] + 0.001;
        }
    }
    let columns = columns.into_iter().enumerate();
    let data = Dataset::new(
        columns
            .map(|(n, column)| (format!("c{n}"), Values::numbers(column)))
            .collect(),
    )
    .unwrap()
    .with_classes((0..rows).map(|row| if row % 2 == 0 { "a" } else { "b" }))
    .unwrap();
    let split = split(0..10_000, 10_000..20_000);
    let of = |threads| row_leakage(&data, &split, LeakageOptions { seed: 3, threads }).unwrap();
    let found = of(1);
    assert_eq!(found.exact.twins, 0);
    assert_eq!(found.near.rows, 2000);
    assert!((found.near.share() - 0.2).abs() < 0.03, "{:?}", found.near);
    assert_eq!(found, of(3));
}

#[test]
fn a_column_that_is_the_label() {
    let data = Dataset::new(vec![
        (
            "useless",
            Values::numbers((0..200).map(|row| f64::from(row * 37 % 101))),
        ),
        (
            "twin",
            Values::numbers((0..200).map(|row| f64::from(row % 4) * 10.0 + 5.0)),
        ),
        (
            "name",
            Values::categories((0..200).map(|row| Some(["x", "y", "z", "x"][row % 4]))),
        ),
    ])
    .unwrap()
    .with_classes((0..200).map(|row| ["n", "n", "attack", "n"][row % 4]))
    .unwrap();
    let scores = single_columns(&data, &split(0..100, 100..200), Some(1), 2).unwrap();
    let names: Vec<_> = scores.iter().map(|score| score.column.as_str()).collect();
    assert_eq!(names, ["useless", "twin", "name"]);
    for exact in &scores[1..] {
        assert_eq!(exact.balanced_accuracy, Some(1.0), "{exact:?}");
        assert_eq!(exact.f1_macro, Some(1.0));
        assert_eq!(exact.pr_auc, Some(1.0));
    }
    assert!(
        scores[0].balanced_accuracy.unwrap() < 0.75,
        "{:?}",
        scores[0]
    );
    // The first class in the alphabet is the positive one, as `negative` is the second.
    assert_eq!(data.class_names(), ["attack", "n"]);
}

/// Nine of ten rows are of one class: telling it always is right in nine of ten, and no better
/// than chance.
#[test]
fn rare_classes_count() {
    let data = Dataset::new(vec![("same", Values::numbers([1.0; 100]))])
        .unwrap()
        .with_classes((0..100).map(|row| if row % 10 == 0 { "rare" } else { "common" }))
        .unwrap();
    let scores = single_columns(&data, &split(0..50, 50..100), None, 1).unwrap();
    assert_eq!(scores[0].accuracy, Some(0.9));
    assert_eq!(scores[0].balanced_accuracy, Some(0.5));
    assert!(
        (scores[0].pr_auc.unwrap() - 0.1).abs() < 1e-12,
        "{scores:?}"
    );
}
