use super::*;
use crate::dataset::Values;

fn target() -> (Vec<u32>, Vec<String>) {
    (vec![0, 0, 0, 1, 1, 1], vec!["a".to_owned(), "b".to_owned()])
}

fn table() -> Dataset {
    Dataset::new(vec![
        ("z", Values::numbers([1.0, 2.0, f64::NAN, 4.0, 5.0, 100.0])),
        (
            "s",
            Values::categories(["x", "x", "y", "y", "y", "w"].map(Some)),
        ),
    ])
    .unwrap()
}

fn fit(params: &Preprocessing) -> (Preprocessor, Features) {
    let (codes, names) = target();
    let target = Target::Classes {
        codes: &codes,
        names: &names,
        seed: 1,
    };
    Preprocessor::fit(params, &table(), &target, 1).unwrap()
}

#[test]
fn trees_get_columns_as_they_are() {
    let (fitted, features) = fit(&Preprocessing::TREES);
    assert_eq!(**features.names(), ["s".to_owned(), "z".to_owned()]);
    assert_eq!(features.column(0), [1.0, 1.0, 2.0, 2.0, 2.0, 0.0]);
    assert!(features.column(1)[2].is_nan());
    assert!(fitted.is_sound());
    // What was never seen is missing; columns may stand in any order, and there may be more.
    let other = Dataset::new(vec![
        ("more", Values::numbers([0.0])),
        ("s", Values::categories([Some("new")])),
        ("z", Values::numbers([3.0])),
    ])
    .unwrap();
    let features = fitted.transform(&other, 2).unwrap();
    assert!(features.column(0)[0].is_nan());
    assert_eq!(features.column(1), [3.0]);
}

#[test]
fn scaled_and_one_hot_as_scikit_learn() {
    let (_, features) = fit(&Preprocessing::SCALED);
    assert_eq!(
        **features.names(),
        ["s = w", "s = x", "s = y", "z"].map(str::to_owned)
    );
    assert_eq!(features.column(1), [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    // SimpleImputer() and StandardScaler() of scikit-learn 1.9 on the same column.
    let expected = [
        -0.603_787_862_973_386_7,
        -0.575_573_476_853_135,
        0.0,
        -0.519_144_704_612_631_5,
        -0.490_930_318_492_379_84,
        2.189_436_362_931_532_5,
    ];
    for (value, expected) in features.column(3).iter().zip(expected) {
        assert!((value - expected).abs() < 1e-12, "{value} {expected}");
    }
}

#[test]
fn rare_categories_are_one() {
    let params = Preprocessing {
        min_frequency: 2,
        ..Preprocessing::SCALED
    };
    let (fitted, features) = fit(&params);
    assert_eq!(
        **features.names(),
        ["s = x", "s = y", "s is rare", "z"].map(str::to_owned)
    );
    assert_eq!(features.column(2), [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    assert_eq!(fitted.sources(), [0, 0, 0, 1]);
    let params = Preprocessing {
        max_categories: 1,
        ..Preprocessing::TREES
    };
    let (_, features) = fit(&params);
    assert_eq!(features.column(0), [1.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
}

#[test]
fn clipped_with_an_indicator() {
    let params = Preprocessing {
        clip: Some((0.0, 0.75)),
        indicator: true,
        missing: Missing::Median,
        scaling: Scaling::MinMax,
        ..Preprocessing::TREES
    };
    let (_, features) = fit(&params);
    assert_eq!(features.column(1), [0.0, 0.25, 0.75, 0.75, 1.0, 1.0]);
    assert_eq!(features.column(2), [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    let params = Preprocessing {
        clip: Some((0.9, 0.1)),
        ..Preprocessing::TREES
    };
    let (codes, names) = target();
    let target = Target::Classes {
        codes: &codes,
        names: &names,
        seed: 1,
    };
    assert!(matches!(
        Preprocessor::fit(&params, &table(), &target, 1),
        Err(Error::Parameter { name: "clip", .. })
    ));
}

#[test]
fn target_means_do_not_know_their_own_row() {
    // A category a row, each label at random: an encoding that looked at the row's own label
    // would tell it.
    let names: Vec<String> = (0..200).map(|row| format!("n{}", row % 40)).collect();
    let data = Dataset::new(vec![(
        "n",
        Values::categories(names.iter().map(|name| Some(name.as_str()))),
    )])
    .unwrap();
    let mut chance = crate::chance::Chance::new(3);
    let codes: Vec<u32> = (0..200).map(|_| chance.below(2) as u32).collect();
    let classes = ["a".to_owned(), "b".to_owned()];
    let target = Target::Classes {
        codes: &codes,
        names: &classes,
        seed: 1,
    };
    let params = Preprocessing {
        encoding: Encoding::Target,
        ..Preprocessing::TREES
    };
    let (fitted, trained) = Preprocessor::fit(&params, &data, &target, 1).unwrap();
    let told = |features: &Features| {
        let mean = |class: u32| {
            let of = features
                .column(0)
                .iter()
                .zip(&codes)
                .filter(|(_, code)| **code == class);
            of.clone().map(|(value, _)| value).sum::<f64>() / of.count() as f64
        };
        mean(1) - mean(0)
    };
    let later = fitted.transform(&data, 1).unwrap();
    assert!(
        told(&later) > 0.1,
        "all rows' labels are in the later encoding"
    );
    assert!(told(&trained) < 0.05, "{}", told(&trained));
}

#[test]
fn texts_that_number_the_rows_are_left_out() {
    let names: Vec<String> = (0..200).map(|row| format!("row {row}")).collect();
    let data = table_of(&names);
    let codes = vec![0; 200];
    let target = Target::Classes {
        codes: &codes,
        names: &["a".to_owned()],
        seed: 1,
    };
    let (fitted, features) = Preprocessor::fit(&Preprocessing::TREES, &data, &target, 1).unwrap();
    assert_eq!(features.len(), 1);
    assert_eq!(fitted.left_out()[0].column, "n");
}

fn table_of(names: &[String]) -> Dataset {
    Dataset::new(vec![
        (
            "n",
            Values::categories(names.iter().map(|name| Some(name.as_str()))),
        ),
        ("v", Values::numbers(vec![1.0; names.len()])),
    ])
    .unwrap()
}

#[test]
fn other_types_than_learned() {
    let (fitted, _) = fit(&Preprocessing::TREES);
    let text = Dataset::new(vec![
        ("s", Values::categories([Some("x")])),
        ("z", Values::categories([Some("many")])),
    ])
    .unwrap();
    assert!(matches!(
        fitted.transform(&text, 1),
        Err(Error::ColumnKind { .. })
    ));
    let lacking = Dataset::new(vec![("s", Values::categories([Some("x")]))]).unwrap();
    assert_eq!(
        fitted.transform(&lacking, 1).unwrap_err(),
        Error::MissingColumns {
            columns: vec!["z".into()]
        }
    );
    // Numbers where names were learned are taken as names.
    let numbers = Dataset::new(vec![
        ("s", Values::numbers([1.0])),
        ("z", Values::numbers([1.0])),
    ])
    .unwrap();
    assert!(fitted.transform(&numbers, 1).unwrap().column(0)[0].is_nan());
}
