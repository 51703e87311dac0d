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
use netloom_ml::{Classifier, Dataset, Run, Values, classifier, to_onnx};

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

#[test]
fn what_has_no_operators_says_so() {
    let train = table(100, 2);
    let model = classifier("k-neighbors", &[]).unwrap();
    let model = model.fit(&train, Run::default()).unwrap();
    let error = to_onnx(&*model).unwrap_err();
    assert!(error.to_string().contains("k-neighbors"), "{error}");
}
