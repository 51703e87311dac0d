//! `netloom train`, `evaluate` and `predict`, as people use them.

mod captures;
mod errors;
mod labels;
mod onnx;
mod splits;
mod tables;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::common::{run, stdout};

/// A folder with what a test reads and writes.
pub(super) struct Folder(tempfile::TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    pub(super) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = PathBuf::from(self.path(name));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        self.path(name)
    }
}

/// Rows of two classes that are told apart by their bytes, but for one in twenty, with all that
/// tables of people hold: addresses, times, words, missing values.
pub(super) fn rows(count: usize, seed: u64) -> String {
    let mut state = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut next = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let mut text = "start,src_ip,proto,bytes,packets,Label\n".to_owned();
    for row in 0..count {
        let attack = next() % 3 == 0;
        let bytes = if attack ^ (next() % 20 == 0) {
            5000 + next() % 3000
        } else {
            100 + next() % 3000
        };
        let packets = if row % 11 == 0 {
            "?".to_owned()
        } else {
            (1 + bytes / 700).to_string()
        };
        writeln!(
            text,
            "2026-03-01T{:02}:{:02}:{:02}Z,10.0.0.{},{},{bytes},{packets},{}",
            row / 3600 % 24,
            row / 60 % 60,
            row % 60,
            next() % 40,
            if next() % 2 == 0 { "tcp" } else { "udp" },
            if attack { "attack" } else { "benign" },
        )
        .unwrap();
    }
    text
}

/// The card as JSON that `train` makes of these arguments; the model is written to a path.
pub(super) fn train(model: &str, arguments: &[&str]) -> serde_json::Value {
    let mut all = vec!["train", "-q", "-o", model, "--json", "-"];
    all.extend(arguments);
    serde_json::from_str(&stdout(&all)).unwrap()
}

/// The macro F1 of a card.
pub(super) fn f1(card: &serde_json::Value) -> f64 {
    card["evaluation"]["scores"]["f1_macro"]["value"]
        .as_f64()
        .unwrap()
}

/// The rows of a CSV below its head, which is the first of them.
pub(super) fn cells(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split(',').collect()).collect()
}

#[test]
fn from_a_table_to_predictions() {
    let folder = Folder::new();
    let data = folder.write("rows.csv", rows(2000, 1));
    let (model, page) = (folder.path("m.netloom"), folder.path("card.html"));
    let shown = stdout(&[
        "train", &data, "--label", "Label", "-o", &model, "--report", &page,
    ]);
    for words in ["macro F1", "attack", "benign", "src_ip", "Majority"] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("</html>") && !html.contains("http://"));
    // The model knows its own card, and is written for other programs beside it.
    let onnx = folder.path("m.onnx");
    assert_eq!(stdout(&["evaluate", &model, "--onnx", &onnx]), shown);
    let onnx = std::fs::read(onnx).unwrap();
    for part in ["probabilities", "TreeEnsemble", "attack"] {
        let found = onnx.windows(part.len()).any(|at| at == part.as_bytes());
        assert!(found, "{part}");
    }

    let new = folder.write("new.csv", rows(500, 2));
    let told = stdout(&[
        "predict",
        "-q",
        &model,
        &new,
        "--probabilities",
        "--explain=1",
    ]);
    let told = cells(&told);
    assert_eq!(
        told[0],
        [
            "start",
            "src_ip",
            "Label",
            "prediction",
            "probability",
            "p_attack",
            "p_benign",
            "explanation"
        ]
    );
    assert_eq!(told.len(), 501);
    let right = told[1..].iter().filter(|row| row[2] == row[3]).count();
    assert!(right > 440, "{right} of 500 are right");
    for row in &told[1..] {
        let (sure, a, b): (f64, f64, f64) = (
            row[4].parse().unwrap(),
            row[5].parse().unwrap(),
            row[6].parse().unwrap(),
        );
        assert!((a + b - 1.0).abs() < 1e-9 && (sure - a.max(b)).abs() < 1e-12);
    }
    let bytes = told[1..]
        .iter()
        .filter(|row| row[7].starts_with("bytes "))
        .count();
    assert!(bytes > 250, "bytes tell most, in {bytes} rows of 500");

    // What it is worth there is what was just told.
    let card = stdout(&["evaluate", "-q", &model, &new, "--json", "-"]);
    let card: serde_json::Value = serde_json::from_str(&card).unwrap();
    let accuracy = card["evaluation"]["scores"]["accuracy"]["value"]
        .as_f64()
        .unwrap();
    assert!((accuracy - right as f64 / 500.0).abs() < 1e-12);

    // Only one class, in another format, the columns that are asked for.
    let some = stdout(&[
        "predict",
        "-q",
        &model,
        &new,
        "--only",
        "attack",
        "--show",
        "src_ip,bytes",
        "--format",
        "jsonl",
    ]);
    assert_eq!(
        some.lines().count(),
        told[1..].iter().filter(|row| row[3] == "attack").count()
    );
    assert!(some.lines().all(|line| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        row["prediction"] == "attack" && row["bytes"].is_number() && row.get("start").is_none()
    }));
}

#[test]
fn the_same_bytes_for_any_number_of_threads() {
    let folder = Folder::new();
    let data = folder.write("rows.csv", rows(900, 3));
    for model in ["random-forest", "gradient-boosting", "mlp"] {
        let made: Vec<(Vec<u8>, Vec<u8>)> = ["1", "2"]
            .iter()
            .map(|threads| {
                let path = folder.path(&format!("{model}-{threads}.netloom"));
                let card = run(
                    &[
                        "train",
                        &data,
                        "--label",
                        "Label",
                        "--model",
                        model,
                        "--seed",
                        "7",
                        "--threads",
                        threads,
                        "-o",
                        &path,
                        "--json",
                        "-",
                    ],
                    0,
                );
                (card.stdout, std::fs::read(Path::new(&path)).unwrap())
            })
            .collect();
        assert_eq!(made[0].0, made[1].0, "{model}: the cards differ");
        assert!(made[0].1 == made[1].1, "{model}: the files differ");
    }
    // Another seed, another forest.
    let other = folder.path("other.netloom");
    train(&other, &[&data, "--label", "Label", "--seed", "8"]);
    assert!(
        std::fs::read(other).unwrap()
            != std::fs::read(folder.path("random-forest-1.netloom")).unwrap()
    );
}

#[test]
fn every_model_by_name_with_parameters() {
    let folder = Folder::new();
    let data = folder.write("rows.csv", rows(600, 4));
    let model = folder.path("m.netloom");
    for name in netloom::ml::CLASSIFIERS {
        let card = train(
            &model,
            &[&data, "--label", "Label", "--model", name, "--no-gap"],
        );
        assert_eq!(card["model"]["algorithm"], *name);
        assert!(f1(&card) > 0.8, "{name}: {}", f1(&card));
    }
    let card = train(
        &model,
        &[
            &data,
            "--label",
            "Label",
            "--model",
            "decision-tree",
            "--param",
            "max_depth=2",
            "--calibrate",
            "sigmoid",
            "--no-gap",
        ],
    );
    assert_eq!(card["model"]["calibration"]["method"], "sigmoid");
    assert!(
        card["model"]["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .any(|parameter| parameter[0] == "max_depth" && parameter[1] == "2")
    );
    // A tree that small is drawn.
    train(
        &model,
        &[
            &data,
            "--label",
            "Label",
            "--model",
            "decision-tree",
            "--param",
            "max_depth=2",
        ],
    );
    let shown = stdout(&["evaluate", &model]);
    assert!(
        shown.contains("The tree") && shown.contains("bytes ≤ "),
        "{shown}"
    );
}
