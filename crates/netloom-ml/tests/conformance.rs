//! What every classifier must do, whatever its algorithm: one suite for all of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use netloom_ml::{
    CLASSIFIERS, Classifier, ClassifierParams, Dataset, Error, ModelFile, REGRESSORS, Regressor,
    Run, Values, classifier, regressor,
};

const RUN: Run = Run {
    seed: 7,
    threads: 1,
};

/// Draws that are the same on every machine.
struct Draws(u64);

impl Draws {
    fn unit(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Three classes that can be learned from mixed columns: numbers of all sizes, missing ones, a
/// constant, and names.
fn table(rows: usize) -> Dataset {
    let mut draws = Draws(5);
    let mut bytes = Vec::new();
    let mut rate = Vec::new();
    let mut service = Vec::new();
    let mut classes = Vec::new();
    for _ in 0..rows {
        let class = (draws.unit() * 3.0) as usize;
        bytes.push((draws.unit() * 3.0 + class as f64 * 4.0).exp());
        rate.push(if draws.unit() < 0.2 {
            f64::NAN
        } else {
            draws.unit() + class as f64
        });
        let common = draws.unit() < 0.7;
        service.push(if draws.unit() < 0.1 {
            None
        } else if common {
            Some(["dns", "http", "ssh"][class])
        } else {
            Some("other")
        });
        classes.push(["benign", "flood", "scan"][class]);
    }
    Dataset::new(vec![
        ("bytes", Values::numbers(bytes)),
        ("rate", Values::numbers(rate)),
        ("constant", Values::numbers(vec![4.0; rows])),
        ("nothing", Values::numbers(vec![f64::NAN; rows])),
        ("service", Values::categories(service)),
    ])
    .unwrap()
    .with_classes(classes)
    .unwrap()
}

fn all() -> impl Iterator<Item = Box<dyn ClassifierParams>> {
    CLASSIFIERS
        .iter()
        .map(|name| classifier(name, &[]).unwrap())
}

fn bytes(model: &dyn Classifier) -> Vec<u8> {
    let mut bytes = Vec::new();
    ModelFile::of_classifier(model)
        .unwrap()
        .write(&mut bytes)
        .unwrap();
    bytes
}

fn told(model: &dyn Classifier, data: &Dataset) -> Vec<f64> {
    model.predict_proba(data, 1).unwrap().values().to_vec()
}

fn accuracy(model: &dyn Classifier, data: &Dataset) -> f64 {
    let told = model.predict_proba(data, 2).unwrap();
    let told = told.align(data.class_names()).predicted();
    let truth = data.class_codes().unwrap();
    let right = told.iter().zip(truth.iter()).filter(|(a, b)| a == b);
    right.count() as f64 / told.len() as f64
}

#[test]
fn they_learn() {
    let data = table(1200);
    let train = data.select(&(0..800).collect::<Vec<_>>());
    let test = data.select(&(800..1200).collect::<Vec<_>>());
    for params in all() {
        let model = params.fit(&train, RUN).unwrap();
        let accuracy = accuracy(&*model, &test);
        assert!(accuracy > 0.9, "{}: {accuracy}", params.algorithm());
        assert_eq!(model.algorithm(), params.algorithm());
        assert!(!params.parameters().is_empty() || params.algorithm() == "auto");
    }
}

#[test]
fn probabilities_sum_to_one() {
    let data = table(300);
    for params in all() {
        let model = params.fit(&data, RUN).unwrap();
        let told = model.predict_proba(&data, 1).unwrap();
        assert_eq!(told.rows(), 300);
        for row in 0..300 {
            let sum: f64 = told.row(row).iter().sum();
            assert!((sum - 1.0).abs() < 1e-9, "{}: {sum}", params.algorithm());
            assert!(
                told.row(row)
                    .iter()
                    .all(|p| (0.0..=1.0 + 1e-12).contains(p))
            );
        }
    }
}

#[test]
fn a_second_fit_and_more_threads_give_the_same_model() {
    let data = table(600);
    for params in all() {
        let first = params.fit(&data, RUN).unwrap();
        // Something else in between leaves no trace.
        params.fit(&data.select(&[0, 1, 2, 3, 4, 5]), RUN).unwrap();
        for threads in [1, 2, 3] {
            let again = params.fit(&data, Run { threads, ..RUN }).unwrap();
            assert!(
                bytes(&*first) == bytes(&*again),
                "{} with {threads} threads",
                params.algorithm()
            );
            assert_eq!(
                first.predict_proba(&data, 1).unwrap(),
                again.predict_proba(&data, threads).unwrap()
            );
        }
    }
}

#[test]
fn the_order_of_columns_does_not_matter() {
    let data = table(400);
    let other = data
        .with_columns(&["service", "rate", "nothing", "bytes", "constant"])
        .unwrap();
    for params in all() {
        let model = params.fit(&data, RUN).unwrap();
        assert_eq!(told(&*model, &data), told(&*model, &other));
        let turned = params.fit(&other, RUN).unwrap();
        assert!(bytes(&*model) == bytes(&*turned), "{}", params.algorithm());
    }
}

#[test]
fn views_are_as_good_as_tables() {
    let data = table(400);
    let rows: Vec<usize> = (0..400).step_by(2).rev().collect();
    let view = data.select(&rows);
    let own = view.compacted();
    for params in all() {
        let of_view = params.fit(&view, RUN).unwrap();
        let of_table = params.fit(&own, RUN).unwrap();
        assert!(
            bytes(&*of_view) == bytes(&*of_table),
            "{}",
            params.algorithm()
        );
        assert_eq!(told(&*of_view, &view), told(&*of_view, &own));
    }
}

#[test]
fn missing_columns_are_named_and_others_ignored() {
    let data = table(200);
    let lacking = data
        .with_columns(&["bytes", "constant", "nothing"])
        .unwrap();
    for params in all() {
        let model = params.fit(&data, RUN).unwrap();
        assert_eq!(
            model.predict_proba(&lacking, 1).unwrap_err(),
            Error::MissingColumns {
                columns: vec!["rate".into(), "service".into()]
            }
        );
        let few = params.fit(&lacking, RUN).unwrap();
        assert_eq!(told(&*few, &data), told(&*few, &lacking));
        assert_eq!(few.inputs().len(), 3);
    }
}

#[test]
fn values_that_were_never_there() {
    let data = table(300);
    let odd = Dataset::new(vec![
        ("bytes", Values::numbers([f64::NAN, 1e300, -1e300])),
        ("rate", Values::numbers([f64::INFINITY, f64::NAN, 0.0])),
        ("constant", Values::numbers([f64::NAN, 5.0, -5.0])),
        ("nothing", Values::numbers([1.0, f64::NAN, 2.0])),
        ("service", Values::categories([Some("new"), None, Some("")])),
    ])
    .unwrap();
    for params in all() {
        let model = params.fit(&data, RUN).unwrap();
        let told = told(&*model, &odd);
        assert!(
            told.iter().all(|p| (0.0..=1.0 + 1e-12).contains(p)),
            "{}: {told:?}",
            params.algorithm()
        );
    }
}

#[test]
fn one_class_is_told_of_all() {
    let data = table(60);
    let one: Vec<usize> = (0..60)
        .filter(|&row| data.class_codes().unwrap()[row] == 1)
        .collect();
    for params in all() {
        let model = params.fit(&data.select(&one), RUN).unwrap();
        assert_eq!(model.classes(), ["flood"]);
        assert!(told(&*model, &data).iter().all(|p| (p - 1.0).abs() < 1e-12));
        // Only one row is enough.
        let model = params.fit(&data.select(&one[..1]), RUN).unwrap();
        assert_eq!(told(&*model, &data).len(), 60);
    }
}

#[test]
fn few_rows_are_learned() {
    let data = table(300);
    for rows in 2..12 {
        let few = data.select(&(0..rows).collect::<Vec<_>>());
        for params in all() {
            let model = params.fit(&few, RUN).unwrap();
            let sum: f64 = told(&*model, &data).iter().sum();
            assert!(
                (sum - 300.0).abs() < 1e-6,
                "{} of {rows} rows",
                params.algorithm()
            );
        }
    }
}

#[test]
fn nothing_to_learn_is_an_error() {
    let data = table(20);
    for params in all() {
        assert_eq!(
            params.fit(&data.select(&[]), RUN).unwrap_err(),
            Error::NoRows
        );
        let bare = data.with_columns::<&str>(&[]).unwrap();
        assert_eq!(params.fit(&bare, RUN).unwrap_err(), Error::NoColumns);
        let unlabelled = Dataset::new(vec![("a", Values::numbers([1.0, 2.0]))]).unwrap();
        assert_eq!(params.fit(&unlabelled, RUN).unwrap_err(), Error::NoTarget);
        let numbers = unlabelled.clone().with_numbers(vec![1.0, 2.0]).unwrap();
        assert!(params.fit(&numbers, RUN).is_err());
        let weightless = data.clone().with_weights(vec![0.0; 20]).unwrap();
        assert_eq!(params.fit(&weightless, RUN).unwrap_err(), Error::NoWeight);
        // Nothing to tell is no error.
        let model = params.fit(&data, RUN).unwrap();
        assert_eq!(model.predict_proba(&data.select(&[]), 1).unwrap().rows(), 0);
    }
}

#[test]
fn saved_and_loaded_they_tell_the_same() {
    let data = table(300);
    for params in all() {
        let model = params.fit(&data, RUN).unwrap();
        let bytes = bytes(&*model);
        let file = ModelFile::read(&bytes[..]).unwrap();
        assert_eq!(file.header.algorithm, params.algorithm());
        let loaded = file.classifier().unwrap();
        assert_eq!(
            model.predict_proba(&data, 1).unwrap(),
            loaded.predict_proba(&data, 1).unwrap(),
            "{}",
            params.algorithm()
        );
        assert_eq!(loaded.inputs(), model.inputs());
        assert_eq!(loaded.algorithm(), model.algorithm());
    }
}

#[test]
fn changed_files_are_refused_or_work() {
    let data = table(120);
    let few = data.select(&(0..20).collect::<Vec<_>>());
    let mut draws = Draws(11);
    let (mut refused, mut worked) = (0, 0);
    for params in all() {
        let model = params.fit(&data, RUN).unwrap();
        let mut file = ModelFile::of_classifier(&*model).unwrap();
        let section = file.section("classifier").unwrap().to_vec();
        for _ in 0..150 {
            let mut changed = section.clone();
            for _ in 0..=(draws.unit() * 3.0) as usize {
                let place = (draws.unit() * changed.len() as f64) as usize;
                // Lengths, names and parameters stand in front of the many numbers.
                let place = if draws.unit() < 0.5 {
                    place % 300
                } else {
                    place
                };
                let Some(byte) = changed.get_mut(place) else {
                    continue;
                };
                *byte = match (draws.unit() * 4.0) as usize {
                    0 => 0,
                    1 => 0xFF,
                    2 => *byte ^ 1 << (draws.unit() * 8.0) as u32,
                    _ => (draws.unit() * 256.0) as u8,
                };
            }
            if draws.unit() < 0.1 {
                changed.truncate((draws.unit() * changed.len() as f64) as usize);
            }
            file.set_section("classifier", changed);
            let mut bytes = Vec::new();
            file.write(&mut bytes).unwrap();
            // Its checksum is right: what is in it must be found out.
            let read = ModelFile::parse(&bytes).unwrap();
            match read.classifier() {
                Err(_) => refused += 1,
                Ok(model) => {
                    worked += 1;
                    if let Ok(told) = model.predict_proba(&few, 1) {
                        assert_eq!(told.rows(), 20, "{}", params.algorithm());
                    }
                    _ = model.contributions(&few, 1);
                    _ = model.draw(3);
                    _ = model.feature_importances();
                    _ = model.partial_fit(&few, RUN);
                }
            }
        }
    }
    assert!(refused > 100 && worked > 100, "{refused} {worked}");
}

#[test]
fn those_that_can_go_on_learn_more() {
    let data = table(1500);
    let rows = |rows: std::ops::Range<usize>| data.select(&rows.collect::<Vec<_>>());
    let (first, second, test) = (rows(0..60), rows(60..1100), rows(1100..1500));
    let mut can = Vec::new();
    for params in all() {
        let name = params.algorithm();
        let model = params.fit(&first, RUN).unwrap();
        let Some(more) = model.partial_fit(&second, RUN).unwrap() else {
            continue;
        };
        can.push(name);
        let (before, after) = (accuracy(&*model, &test), accuracy(&*more, &test));
        // A perceptron makes a few steps only, one for each batch; the others learn each row.
        let enough = if name == "mlp" { before } else { 0.8 };
        // Steps of one row each are noisy: sgd's last rows count more, in scikit-learn as well.
        let noise = if name == "sgd" { 0.05 } else { 0.02 };
        assert!(
            after > before - noise && after > enough,
            "{name}: {before} {after}"
        );
        // The same from a file and with more threads.
        let file = ModelFile::read(&bytes(&*model)[..]).unwrap();
        let run = Run { threads: 3, ..RUN };
        let loaded = file.classifier().unwrap();
        let other = loaded.partial_fit(&second, run).unwrap().unwrap();
        assert_eq!(bytes(&*more), bytes(&*other), "{name}");
        // What cannot be learned is an error, and no other model.
        let odd = first.clone().with_classes(vec!["never seen"; 60]).unwrap();
        assert!(matches!(
            model.partial_fit(&odd, RUN).unwrap_err(),
            Error::NewClass { class } if class == "never seen"
        ));
        let bare = second.with_columns(&["bytes"]).unwrap();
        assert!(matches!(
            model.partial_fit(&bare, RUN).unwrap_err(),
            Error::MissingColumns { .. }
        ));
        assert_eq!(
            model.partial_fit(&rows(0..0), RUN).unwrap_err(),
            Error::NoRows
        );
        // Rows of one class only, by other numbers than the model's.
        let scans: Vec<usize> = (0..60)
            .filter(|&row| data.class_codes().unwrap()[row] == 2)
            .collect();
        let scans = data
            .select(&scans)
            .with_classes(vec!["scan"; scans.len()])
            .unwrap();
        let more = model.partial_fit(&scans, RUN).unwrap().unwrap();
        let scan =
            |model: &dyn Classifier| -> f64 { model.predict_proba(&scans, 1).unwrap().of(2).sum() };
        let (before, after) = (scan(&*model), scan(&*more));
        // Sure of them already, it may lose a trace to the price of large weights; taken for another
        // class they would lose far more.
        assert!(
            after > before - 0.01 * scans.rows() as f64,
            "{name}: {before} {after}"
        );
    }
    assert_eq!(can, ["naive-bayes", "mlp", "sgd", "hoeffding-tree"]);
    // Together or one after the other, naive Bayes is the same.
    let params = classifier("naive-bayes", &[("missing", "{\"constant\": 0}")]).unwrap();
    let rate = |data: &Dataset| data.with_columns(&["rate"]).unwrap();
    let whole = params.fit(&rate(&rows(0..1100)), RUN).unwrap();
    let parts = params.fit(&rate(&first), RUN).unwrap();
    let parts = parts.partial_fit(&second, RUN).unwrap().unwrap();
    for (a, b) in told(&*whole, &test).iter().zip(told(&*parts, &test)) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
}

#[test]
fn contributions_sum_to_what_is_told() {
    let data = table(200);
    for params in all() {
        let model = params.fit(&data, RUN).unwrap();
        let Some(parts) = model.contributions(&data, 2).unwrap() else {
            continue;
        };
        let told = model.predict_proba(&data, 1).unwrap();
        assert_eq!(parts.rows(), 200);
        for row in 0..200 {
            let sums: Vec<f64> = (0..3)
                .map(|class| parts.base()[class] + parts.of(row, class).sum::<f64>())
                .collect();
            let sums = if parts.unit() == "log-odds" {
                let all: f64 = sums.iter().map(|sum| sum.exp()).sum();
                sums.iter().map(|sum| sum.exp() / all).collect()
            } else {
                sums
            };
            for (sum, told) in sums.iter().zip(told.row(row)) {
                assert!(
                    (sum - told).abs() < 1e-6,
                    "{}: {sum} {told}",
                    params.algorithm()
                );
            }
        }
        if let Some(importances) = model.feature_importances() {
            let sum: f64 = importances.iter().sum();
            assert!((sum - 1.0).abs() < 1e-9);
            assert_eq!(importances.len(), model.inputs().len());
        }
    }
}

fn numbered(rows: usize) -> Dataset {
    let data = table(rows);
    let codes = data.class_codes().unwrap();
    let numbers = codes
        .iter()
        .map(|&code| f64::from(code) * 10.0 + 5.0)
        .collect();
    drop(codes);
    data.with_numbers(numbers).unwrap()
}

#[test]
fn regressors_hold_what_classifiers_hold() {
    let data = numbered(800);
    let (train, test) = (
        data.select(&(0..600).collect::<Vec<_>>()),
        data.select(&(600..800).collect::<Vec<_>>()),
    );
    let bytes = |model: &dyn Regressor| {
        let mut bytes = Vec::new();
        let file = ModelFile::of_regressor(model).unwrap();
        file.write(&mut bytes).unwrap();
        bytes
    };
    for name in REGRESSORS {
        let params = regressor(name, &[]).unwrap();
        let model = params.fit(&train, RUN).unwrap();
        let told = model.predict(&test, 1).unwrap();
        let truth = test.numbers().unwrap();
        let mean = truth.iter().sum::<f64>() / truth.len() as f64;
        let squares = |of: &dyn Fn(usize) -> f64| -> f64 {
            (0..truth.len())
                .map(|row| (of(row) - truth[row]).powi(2))
                .sum()
        };
        let explained = 1.0 - squares(&|row| told[row]) / squares(&|_| mean);
        assert!(explained > 0.7, "{name}: {explained}");
        // Threads, order of columns, views.
        let turned = train
            .with_columns(&["service", "rate", "nothing", "bytes", "constant"])
            .unwrap();
        for (other, threads) in [(&train, 3), (&turned, 1), (&train.compacted(), 1)] {
            let again = params.fit(other, Run { threads, ..RUN }).unwrap();
            assert!(bytes(&*model) == bytes(&*again), "{name}");
        }
        // Saved and loaded.
        let file = ModelFile::read(&bytes(&*model)[..]).unwrap();
        let loaded = file.regressor().unwrap();
        assert_eq!(loaded.predict(&test, 2).unwrap(), told);
        assert_eq!(loaded.algorithm(), *name);
        assert!(file.classifier().is_err());
        // What cannot be learned.
        assert_eq!(
            params.fit(&data.select(&[]), RUN).unwrap_err(),
            Error::NoRows
        );
        assert!(
            params.fit(&table(20), RUN).is_err(),
            "classes are no numbers"
        );
        assert!(matches!(
            model.predict(&test.with_columns(&["bytes"]).unwrap(), 1),
            Err(Error::MissingColumns { .. })
        ));
        assert!(params.fit(&data.select(&[3]), RUN).is_ok());
    }
}

#[test]
fn parameters_by_name() {
    for name in CLASSIFIERS {
        let params = classifier(name, &[]).unwrap();
        for (parameter, value) in params.parameters() {
            let same = classifier(name, &[(&parameter, &value)]).unwrap();
            assert_eq!(same.parameters(), params.parameters(), "{name} {parameter}");
        }
        assert!(matches!(
            classifier(name, &[("no_such_thing", "1")]),
            Err(Error::UnknownParameter { .. })
        ));
    }
    assert!(matches!(
        classifier("oracle", &[]),
        Err(Error::UnknownModel { .. })
    ));
    let balanced = classifier("random_forest", &[("class_weight", "balanced")]).unwrap();
    assert!(balanced.fit(&table(50), RUN).is_ok());
    let wrong = classifier("decision-tree", &[("max_depth", "0")]).unwrap();
    assert!(matches!(
        wrong.fit(&table(50), RUN),
        Err(Error::Parameter {
            name: "max_depth",
            ..
        })
    ));
}
