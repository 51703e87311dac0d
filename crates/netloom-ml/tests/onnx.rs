//! What onnxruntime says of a model that was written as ONNX, beside what the model says itself.
//!
//! Skipped, with a reason, where there is no Python with onnxruntime: `.ci/run tools` installs one in
//! `target/tools/onnxruntime`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use netloom_ml::calibration::{Calibration, CalibrationMethod};
use netloom_ml::experiment::Calibrated;
use netloom_ml::{
    Classifier, Dataset, OnnxImportError, Run, Values, classifier, from_onnx, to_onnx,
};

/// Reads a table of `name:kind` and values, and prints the probabilities of each row.
const PROGRAM: &str = r#"
import csv, sys
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
rows = list(csv.reader(open(sys.argv[2])))
inputs = {}
for place, head in enumerate(rows[0]):
    name, kind = head.rsplit(":", 1)
    values = [row[place] for row in rows[1:]]
    if kind == "number":
        inputs[name] = np.array([float(v) if v else np.nan for v in values], np.float64).reshape(-1, 1)
    else:
        inputs[name] = np.array(values, dtype=object).reshape(-1, 1)
wanted = {i.name for i in session.get_inputs()}
label, told = session.run(None, {k: v for k, v in inputs.items() if k in wanted})
for name, row in zip(label, told):
    print(name, *[repr(float(p)) for p in row], sep=",")
"#;

fn python() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let installed = target?.join("tools/onnxruntime/bin/python");
    [installed, PathBuf::from("python3")]
        .into_iter()
        .find(|python| {
            Command::new(python)
                .args(["-c", "import onnxruntime, numpy"])
                .output()
                .is_ok_and(|output| output.status.success())
        })
}

fn table(rows: usize, classes: usize) -> Dataset {
    let mut state = 11_u64;
    let mut unit = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let names = ["benign", "flood", "scan", "c2"];
    let (mut bytes, mut rate, mut service, mut told) = (vec![], vec![], vec![], vec![]);
    for _ in 0..rows {
        let class = (unit() * classes as f64) as usize;
        bytes.push((unit() * 4.0 + class as f64 * 2.0).exp());
        rate.push(if unit() < 0.2 {
            f64::NAN
        } else {
            unit() * 1.5 + class as f64
        });
        service.push(match unit() {
            x if x < 0.1 => None,
            x if x < 0.5 => Some("other"),
            _ => Some(["dns", "http", "ssh", "irc"][class]),
        });
        told.push(names[class]);
    }
    Dataset::new(vec![
        ("bytes", Values::numbers(bytes)),
        ("rate", Values::numbers(rate)),
        ("constant", Values::numbers(vec![2.0; rows])),
        ("service", Values::categories(service)),
    ])
    .unwrap()
    .with_classes(told)
    .unwrap()
}

/// Rows as the program reads them, with values that training never had.
fn write_table(path: &Path, data: &Dataset) {
    let kinds = ["number", "number", "number", "text"];
    let mut text = String::new();
    for (place, (view, kind)) in data.columns().zip(kinds).enumerate() {
        write!(
            text,
            "{}{}:{kind}",
            if place > 0 { "," } else { "" },
            view.name()
        )
        .unwrap();
    }
    text.push('\n');
    for row in 0..data.rows() {
        let cells: Vec<String> = data
            .columns()
            .map(|view| view.text(row).unwrap_or_default())
            .collect();
        text += &cells.join(",");
        text.push('\n');
    }
    std::fs::write(path, text).unwrap();
}

fn agrees(python: &Path, model: &dyn Classifier, data: &Dataset, what: &str) {
    let folder = tempfile::tempdir().unwrap();
    let onnx = folder.path().join("model.onnx");
    let csv = folder.path().join("rows.csv");
    std::fs::write(&onnx, to_onnx(model).unwrap()).unwrap();
    write_table(&csv, data);
    let output = Command::new(python)
        .args(["-c", PROGRAM])
        .args([&onnx, &csv])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{what}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let told = model.predict_proba(data, 1).unwrap();
    let predicted = told.predicted();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut worst = 0.0_f64;
    for (row, line) in text.lines().enumerate() {
        let mut parts = line.split(',');
        let label = parts.next().unwrap();
        let theirs: Vec<f64> = parts.map(|part| part.parse().unwrap()).collect();
        let mut sorted = told.row(row).to_vec();
        sorted.sort_by(f64::total_cmp);
        let clear = sorted.len() < 2 || sorted[sorted.len() - 1] - sorted[sorted.len() - 2] > 1e-4;
        if clear {
            assert_eq!(
                label,
                model.classes()[predicted[row] as usize],
                "{what}, row {row}"
            );
        }
        for (ours, theirs) in told.row(row).iter().zip(&theirs) {
            worst = worst.max((ours - theirs).abs());
        }
    }
    assert_eq!(text.lines().count(), data.rows());
    assert!(worst <= 1e-5, "{what}: {worst}");
}

#[test]
fn onnxruntime_says_the_same() {
    let Some(python) = python() else {
        println!("skipped: no Python with onnxruntime; .ci/run tools installs one");
        return;
    };
    let run = Run {
        seed: 3,
        threads: 2,
    };
    for classes in [2, 4] {
        let train = table(500, classes);
        let test = table(700, classes).select(&(500..700).collect::<Vec<_>>());
        // What was never there.
        let odd = test
            .with_values(
                "bytes",
                Values::numbers((0..200).map(|row| match row % 4 {
                    0 => f64::NAN,
                    1 => 1e300,
                    2 => -1e30,
                    _ => f64::from(row),
                })),
            )
            .unwrap()
            .with_values(
                "service",
                Values::categories((0..200).map(|_| Some("gopher"))),
            )
            .unwrap();
        for name in [
            "decision-tree",
            "random-forest",
            "extra-trees",
            "gradient-boosting",
            "logistic-regression",
            "mlp",
            "sgd",
        ] {
            let model = classifier(name, &[]).unwrap().fit(&train, run).unwrap();
            agrees(&python, &*model, &test, name);
            agrees(&python, &*model, &odd, name);
        }
        // Other preprocessing.
        for parameters in [
            &[("encoding", "target"), ("indicator", "true")][..],
            &[
                ("encoding", "one-hot"),
                ("min_frequency", "60"),
                ("scaling", "robust"),
            ],
            &[
                ("clip", "[0.05,0.95]"),
                ("missing", "median"),
                ("scaling", "min-max"),
            ],
        ] {
            let params = classifier("random-forest", parameters).unwrap();
            let model = params.fit(&train, run).unwrap();
            agrees(&python, &*model, &test, &format!("{parameters:?}"));
        }
        for method in [CalibrationMethod::Sigmoid, CalibrationMethod::Isotonic] {
            let params = classifier("random-forest", &[("n_estimators", "20")]).unwrap();
            let model = params.fit(&train, run).unwrap();
            let said = model.predict_proba(&test, 1).unwrap();
            let truth = test.class_codes().unwrap();
            let calibration = Calibration::fit(method, &truth, said.values(), classes);
            let model = Calibrated::new(model, calibration);
            agrees(&python, &model, &test, &format!("{method:?}"));
        }
    }
    let one = table(200, 1);
    let model = classifier("random-forest", &[])
        .unwrap()
        .fit(&one, run)
        .unwrap();
    agrees(&python, &*model, &one, "one class");
}

/// The columns of `tests/onnx/rows.csv`.
fn rows_of_others() -> Dataset {
    let text = std::fs::read_to_string(folder_of_others().join("rows.csv")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    let (names, rows) = rows.split_first().unwrap();
    let columns = names.iter().enumerate().map(|(place, name)| {
        let cells = rows
            .iter()
            .map(|row| Some(row[place]).filter(|cell| !cell.is_empty()));
        let values = if *name == "service" {
            Values::categories(cells)
        } else {
            Values::numbers(cells.map(|cell| cell.map_or(f64::NAN, |cell| cell.parse().unwrap())))
        };
        (*name, values)
    });
    Dataset::new(columns.collect()).unwrap()
}

fn folder_of_others() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnx")
}

/// Models that skl2onnx wrote, and graphs as PyTorch writes them, give the scores that onnxruntime
/// gave when `tests/onnx/make.py` made them.
#[test]
fn what_others_wrote() {
    let rows = rows_of_others();
    let mut models: Vec<PathBuf> = std::fs::read_dir(folder_of_others())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "onnx")
        })
        .collect();
    models.sort();
    assert!(models.len() >= 20, "{models:?}");
    for path in models {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let model = from_onnx(&std::fs::read(&path).unwrap(), &[])
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = std::fs::read_to_string(path.with_extension("csv")).unwrap();
        let expected: Vec<Vec<f64>> = expected
            .lines()
            .map(|line| {
                line.split(',')
                    .map(|score| score.parse().unwrap())
                    .collect()
            })
            .collect();
        assert_eq!(expected.len(), rows.rows());
        let classes: Vec<&str> = model.classes().iter().map(String::as_str).collect();
        match (name, expected[0].len()) {
            ("torch-logits", _) => assert_eq!(classes, ["0", "1", "2", "3"]),
            (_, 2) => assert_eq!(classes, ["0", "1"], "{name}"),
            _ => assert_eq!(classes, ["benign", "flood", "scan"], "{name}"),
        }
        let told = model
            .predict_proba(&rows, 2)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(told, model.predict_proba(&rows, 1).unwrap());
        for (row, expected) in expected.iter().enumerate() {
            for (ours, theirs) in told.row(row).iter().zip(expected) {
                let apart = (ours - theirs).abs();
                assert!(
                    apart <= 1e-5,
                    "{name}, row {row}: {:?} {expected:?}",
                    told.row(row)
                );
            }
        }
    }
}

/// What this library writes it reads: every kind of model, with every preprocessing.
#[test]
fn what_was_written_is_read() {
    let run = Run {
        seed: 3,
        threads: 2,
    };
    for classes in [1, 2, 4] {
        let train = table(300, classes);
        let odd = train
            .with_values(
                "bytes",
                Values::numbers((0..300).map(|row| match row % 4 {
                    0 => f64::NAN,
                    1 => 1e300,
                    2 => -1e30,
                    _ => f64::from(row),
                })),
            )
            .unwrap();
        for (name, parameters) in [
            ("decision-tree", &[][..]),
            (
                "random-forest",
                &[("n_estimators", "9"), ("encoding", "target")],
            ),
            (
                "gradient-boosting",
                &[("max_iter", "9"), ("indicator", "true")],
            ),
            ("logistic-regression", &[("scaling", "robust")]),
            ("mlp", &[("max_iter", "9"), ("encoding", "one-hot")]),
            ("sgd", &[]),
        ] {
            let model = classifier(name, parameters)
                .unwrap()
                .fit(&train, run)
                .unwrap();
            let read = from_onnx(&to_onnx(&*model).unwrap(), &[]).unwrap();
            assert_eq!(read.classes(), model.classes());
            for data in [&train, &odd] {
                let (ours, again) = (
                    model.predict_proba(data, 1).unwrap(),
                    read.predict_proba(data, 1).unwrap(),
                );
                for (one, other) in ours.values().iter().zip(again.values()) {
                    assert!(
                        (one - other).abs() <= 1e-5,
                        "{name}, {classes} classes: {one} {other}"
                    );
                }
            }
        }
    }
}

fn of_others(name: &str) -> Vec<u8> {
    std::fs::read(folder_of_others().join(name).with_extension("onnx")).unwrap()
}

#[test]
fn columns_are_named() {
    let bytes = of_others("logistic");
    let place = bytes
        .windows(15)
        .position(|part| part == b"netloom.columns")
        .unwrap();
    let mut without = bytes.clone();
    without[place] = b'N';
    let error = from_onnx(&without, &[]).unwrap_err().to_string();
    assert!(error.contains("takes 3 numbers as `X`"), "{error}");
    let two = ["duration".to_owned(), "fwd_bytes".to_owned()];
    let error = from_onnx(&without, &two).unwrap_err().to_string();
    assert_eq!(error, "takes 3 columns, but 2 are named");
    let three: Vec<String> = ["c", "a", "b"].map(str::to_owned).to_vec();
    let model = from_onnx(&without, &three).unwrap();
    let inputs: Vec<&str> = model
        .inputs()
        .iter()
        .map(|input| input.name.as_str())
        .collect();
    assert_eq!(inputs, ["c", "a", "b"]);
    let error = model.predict_proba(&rows_of_others(), 1).unwrap_err();
    assert!(
        error.to_string().contains("lacks columns `c`, `a`, `b`"),
        "{error}"
    );
    // One that takes text is not given numbers.
    let model = from_onnx(&of_others("ordinal"), &[]).unwrap();
    let numbers = rows_of_others()
        .with_values("service", Values::numbers([1.0; 30]))
        .unwrap();
    let error = model.predict_proba(&numbers, 1).unwrap_err().to_string();
    assert!(error.contains("`service` holds numbers"), "{error}");
}

/// Cut off anywhere, or with any byte changed: refused, or it tells something of every row.
#[test]
fn damage_is_an_error() {
    assert_eq!(from_onnx(b"", &[]).unwrap_err(), OnnxImportError::NotOnnx);
    assert_eq!(
        from_onnx(b"netloom model\n", &[]).unwrap_err(),
        OnnxImportError::NotOnnx
    );
    let rows = rows_of_others().select(&[0, 1, 2]);
    for name in ["decision-tree", "ordinal", "torch-logits"] {
        let bytes = of_others(name);
        // What stands at the end is said of the model: it can do without.
        for length in (0..bytes.len() - 200).step_by(37) {
            assert!(
                from_onnx(&bytes[..length], &[]).is_err(),
                "{name}, {length} bytes"
            );
        }
        let mut told = 0;
        for place in (0..bytes.len()).step_by(7) {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1 << (place % 8);
            if let Ok(model) = from_onnx(&bytes, &[])
                && let Ok(said) = model.predict_proba(&rows, 1)
            {
                assert_eq!(said.rows(), 3);
                told += 1;
            }
        }
        assert!(told > 20, "{name}: {told}");
    }
}

/// The operator is named.
#[test]
fn what_is_not_supported_is_named() {
    let bytes = of_others("torch-logits");
    let place = bytes.windows(4).position(|part| part == b"Relu").unwrap();
    let mut other = bytes.clone();
    other[place..place + 4].copy_from_slice(b"Loop");
    let error = from_onnx(&other, &[]).unwrap_err().to_string();
    assert!(error.contains("the operator Loop"), "{error}");
}

#[test]
fn what_has_no_operators_says_so() {
    let train = table(100, 2);
    let model = classifier("k-neighbors", &[]).unwrap();
    let model = model.fit(&train, Run::default()).unwrap();
    let error = to_onnx(&*model).unwrap_err();
    assert!(error.to_string().contains("k-neighbors"), "{error}");
}
