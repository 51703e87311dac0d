use std::sync::Arc;

use super::*;
use crate::calibration::CalibrationMethod;
use crate::card::Weight;
use crate::dataset::Values;
use crate::model::{Input, Probabilities};

/// Knows all rows by heart and tells the class of the nearest one.
#[derive(Debug)]
struct ByHeart;

#[derive(Debug)]
struct Remembered {
    classes: Arc<[String]>,
    inputs: Vec<Input>,
    rows: Vec<(Vec<f64>, u32)>,
}

fn table(data: &Dataset, inputs: &[Input]) -> Result<Vec<Vec<f64>>, Error> {
    let mut rows = vec![Vec::new(); data.rows()];
    for input in inputs {
        let column = data
            .column(&input.name)
            .ok_or_else(|| Error::MissingColumns {
                columns: vec![input.name.clone()],
            })?;
        for (row, value) in rows.iter_mut().zip(column.numbers().iter()) {
            row.push(*value);
        }
    }
    Ok(rows)
}

impl ClassifierParams for ByHeart {
    fn algorithm(&self) -> &'static str {
        "by_heart"
    }

    fn parameters(&self) -> Vec<(String, String)> {
        vec![("neighbours".to_owned(), "1".to_owned())]
    }

    fn fit(&self, data: &Dataset, _: Run) -> Result<Box<dyn Classifier>, Error> {
        let inputs: Vec<Input> = data
            .columns()
            .map(|column| Input {
                name: column.name().to_owned(),
                kind: column.kind(),
            })
            .collect();
        let codes = data.class_codes()?;
        let mut present: Vec<u32> = codes.to_vec();
        present.sort_unstable();
        present.dedup();
        let rows = table(data, &inputs)?
            .into_iter()
            .zip(
                codes
                    .iter()
                    .map(|code| present.binary_search(code).unwrap() as u32),
            )
            .collect();
        Ok(Box::new(Remembered {
            classes: present
                .iter()
                .map(|&code| data.class_names()[code as usize].clone())
                .collect(),
            inputs,
            rows,
        }))
    }
}

impl Classifier for Remembered {
    fn algorithm(&self) -> &'static str {
        "by_heart"
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    fn predict_proba(&self, data: &Dataset, _: usize) -> Result<Probabilities, Error> {
        let distance =
            |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum() };
        let mut values = Vec::new();
        for row in table(data, &self.inputs)? {
            let nearest = self
                .rows
                .iter()
                .min_by(|a, b| distance(&a.0, &row).total_cmp(&distance(&b.0, &row)))
                .unwrap();
            values.extend((0..self.classes.len() as u32).map(|c| {
                if c == nearest.1 {
                    0.9
                } else {
                    0.1 / (self.classes.len() as f64 - 1.0)
                }
            }));
        }
        Probabilities::new(Arc::clone(&self.classes), values)
    }
}

/// 20 hosts with 30 rows each. What a row looks like is mostly its host's (`where`), and a little
/// its class (`what`); hosts that look alike are not of one class.
fn hosts() -> Dataset {
    let mut chance = crate::chance::Chance::new(5);
    let (mut place, mut what, mut classes, mut groups, mut times) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for host in 0..20_u32 {
        for row in 0..30 {
            let attack = ((host * 13) % 20).count_ones() % 2 == 0;
            place.push(f64::from((host * 13) % 20) * 10.0 + chance.unit());
            what.push(if attack { 1.0 } else { 0.0 } + 3.0 * (chance.unit() - 0.5));
            classes.push(if attack { "attack" } else { "benign" });
            groups.push(format!("host {host:02}"));
            times.push(Some(i64::from(row) * 60_000_000_000 + i64::from(host)));
        }
    }
    Dataset::new(vec![
        ("where", Values::numbers(place)),
        ("what", Values::numbers(what)),
    ])
    .unwrap()
    .with_classes(classes)
    .unwrap()
    .with_groups(groups)
    .unwrap()
    .with_times(times)
    .unwrap()
}

fn by_group() -> ExperimentOptions {
    ExperimentOptions {
        method: Method::Group("host".to_owned()),
        ..ExperimentOptions::default()
    }
}

fn f1(experiment: &Experiment) -> f64 {
    experiment
        .card
        .evaluation
        .as_ref()
        .unwrap()
        .scores
        .f1_macro
        .value
        .unwrap()
}

fn warned<'a>(card: &'a ModelCard, words: &str) -> Option<&'a crate::card::CardWarning> {
    card.warnings
        .iter()
        .find(|warning| warning.title.contains(words))
}

/// A random split shows a model that knows hosts by heart as nearly perfect; on other hosts it is
/// hardly better than chance.
#[test]
fn a_random_split_flatters_and_says_so() {
    let data = hosts();
    let random = ExperimentOptions {
        method: Method::Random,
        ..ExperimentOptions::default()
    };
    let flattered = experiment(&data, &ByHeart, &random).unwrap();
    let honest = experiment(&data, &ByHeart, &by_group()).unwrap();
    assert!(f1(&flattered) > 0.95, "{}", f1(&flattered));
    assert!(f1(&honest) < 0.75, "{}", f1(&honest));
    let warning = warned(&flattered.card, "the split is random").unwrap();
    assert_eq!(warning.weight, Weight::High);
    let gap = honest.card.leakage.gap.as_ref().unwrap();
    assert!(
        gap.random > 0.95 && (gap.split - f1(&honest)).abs() < 1e-12,
        "{gap:?}"
    );
    assert_eq!(
        warned(&honest.card, "a random split would show")
            .unwrap()
            .weight,
        Weight::Low
    );
    assert_eq!(
        honest.card.split.train_groups.unwrap() + honest.card.split.test_groups.unwrap(),
        20
    );
    // The harmless class is known by its name.
    let detection = honest
        .card
        .evaluation
        .as_ref()
        .unwrap()
        .detection
        .as_ref()
        .unwrap();
    assert_eq!(detection.negative, "benign");
}

#[test]
fn nothing_is_learned_from_what_is_tested() {
    let data = hosts();
    for (method, folds) in [
        (Method::Group("host".to_owned()), None),
        (Method::Time { per_class: false }, None),
        (Method::Time { per_class: true }, None),
        (Method::Random, None),
        (
            Method::Given((500..600).collect(), "the last hosts".to_owned()),
            None,
        ),
        (Method::Group("host".to_owned()), Some(20)),
        (Method::Group("host".to_owned()), Some(4)),
        (Method::Random, Some(3)),
        (Method::Time { per_class: false }, Some(3)),
    ] {
        for calibrate in [None, Some(CalibrationMethod::Isotonic)] {
            let options = ExperimentOptions {
                method: method.clone(),
                folds,
                calibrate,
                gap: false,
                ..ExperimentOptions::default()
            };
            let made = experiment(&data, &ByHeart, &options).unwrap();
            let card = &made.card;
            assert_eq!(card.folds.len(), folds.unwrap_or(0));
            if folds.is_none() {
                let seen = made.test.iter().find(|row| made.learned.contains(row));
                assert_eq!(seen, None, "{method:?}");
                assert_eq!(made.test.len() as u64, card.split.test_rows);
            }
            assert_eq!(card.model.calibration.is_some(), calibrate.is_some());
            assert_eq!(
                card.evaluation.as_ref().unwrap().rows,
                made.test.len() as u64
            );
            assert_eq!(card.data.columns.len(), 2);
            let json = serde_json::to_string(card).unwrap();
            assert!(serde_json::from_str::<ModelCard>(&json).unwrap() == *card);
        }
    }
}

#[test]
fn the_same_for_any_number_of_threads() {
    let data = hosts();
    let of = |threads| {
        let options = ExperimentOptions {
            calibrate: Some(CalibrationMethod::Sigmoid),
            run: Run { seed: 9, threads },
            ..by_group()
        };
        serde_json::to_string(&experiment(&data, &ByHeart, &options).unwrap().card).unwrap()
    };
    assert!(of(1) == of(3));
}

#[test]
fn a_column_that_is_the_label_is_found() {
    let data = hosts();
    let twin: Vec<f64> = data
        .class_codes()
        .unwrap()
        .iter()
        .map(|code| f64::from(*code) * 4.0)
        .collect();
    let columns = vec![
        (
            "what",
            Values::numbers(data.column("what").unwrap().numbers().to_vec()),
        ),
        ("twin", Values::numbers(twin)),
    ];
    let with_twin = Dataset::new(columns)
        .unwrap()
        .with_classes(data.class_codes().unwrap().iter().map(ToString::to_string))
        .unwrap()
        .with_groups(data.group_codes().unwrap().iter().map(ToString::to_string))
        .unwrap();
    let made = experiment(&with_twin, &ByHeart, &by_group()).unwrap();
    let warning = warned(&made.card, "column 'twin' alone tells the label").unwrap();
    assert_eq!(warning.weight, Weight::High);
    assert_eq!(made.card.baselines[1].f1_macro, Some(1.0));
    assert!(warned(&made.card, "no better than a single column").is_some());
    assert_eq!(made.card.importances[0].column, "twin");
    assert!(made.card.importances[0].mean > 0.3);
}

#[test]
fn what_cannot_be_split_is_refused() {
    let data = Dataset::new(vec![("a", Values::numbers([1.0, 2.0, 3.0]))]).unwrap();
    let of = |data: &Dataset, options: &ExperimentOptions| {
        experiment(data, &ByHeart, options).unwrap_err().to_string()
    };
    let by_time = ExperimentOptions::default();
    assert!(of(&data, &by_time).contains("no column to learn"));
    let one = data.clone().with_classes(["x", "x", "x"]).unwrap();
    assert_eq!(
        of(&one, &by_time),
        "all rows are of one class (x): there is nothing to tell apart"
    );
    let two = data.with_classes(["x", "y", "x"]).unwrap();
    assert!(of(&two, &by_time).contains("no column says when"));
    assert!(of(&two, &by_group()).contains("by group, but none is named"));
    let unknown = ExperimentOptions {
        method: Method::Random,
        negative: Some("z".to_owned()),
        ..ExperimentOptions::default()
    };
    assert_eq!(of(&two, &unknown), "there is no class 'z'; there are: x, y");
}

#[test]
fn a_class_that_is_there_once_is_named() {
    let classes = (0..60).map(|row| {
        if row >= 50 {
            "late"
        } else if row % 2 == 0 {
            "a"
        } else {
            "b"
        }
    });
    let data = Dataset::new(vec![(
        "n",
        Values::numbers((0..60).map(|row| f64::from(row % 2))),
    )])
    .unwrap()
    .with_classes(classes)
    .unwrap()
    .with_times((0..60).map(Some).collect())
    .unwrap();
    let options = ExperimentOptions {
        gap: false,
        ..ExperimentOptions::default()
    };
    let made = experiment(&data, &ByHeart, &options).unwrap();
    let warning = warned(
        &made.card,
        "'late' has no row to learn from, and 10 to test on",
    )
    .unwrap();
    assert_eq!(warning.weight, Weight::High);
    assert!(warning.detail.contains("--stratify"));
    assert!(
        warned(
            &made.card,
            "of the test rows are the same as a training row"
        )
        .is_some()
    );
}

#[test]
fn times_in_words() {
    for (ns, expected) in [
        (0, "1970-01-01T00:00:00Z"),
        (1_715_000_889_120_000_000, "2024-05-06T13:08:09.12Z"),
        (951_782_400_000_000_001, "2000-02-29T00:00:00.000000001Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
    ] {
        assert_eq!(rfc3339(ns), expected);
    }
}

#[test]
fn worse_is_what_chance_does_not_explain() {
    let of = |value, high| Estimate {
        value: Some(value),
        low: None,
        high,
    };
    assert!(is_worse(of(0.9, None), of(0.7, Some(0.8))));
    assert!(!is_worse(of(0.9, None), of(0.88, Some(0.93))));
    assert!(!is_worse(of(0.9, None), of(0.95, Some(0.97))));
    assert!(!is_worse(Estimate::default(), of(0.1, None)));
}
