//! Models of other programs.

use std::path::Path;

use super::{Folder, cells, rows};
use crate::common::{example, stderr, stdout};

/// A model that scikit-learn made; see the script beside it.
fn of_scikit_learn(name: &str) -> String {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../netloom-ml/tests/onnx");
    let path = models.join(name);
    path.to_str().unwrap().to_owned()
}

#[test]
fn what_is_exported_tells_the_same() {
    let folder = Folder::new();
    let data = folder.write("rows.csv", rows(600, 1));
    let (model, onnx) = (folder.path("m.netloom"), folder.path("m.onnx"));
    stdout(&["train", &data, "--label", "Label", "-o", &model]);
    stdout(&["evaluate", &model, "--onnx", &onnx]);
    let new = folder.write("new.csv", rows(300, 2));
    let told = |model: &str| stdout(&["predict", model, &new, "--show", "none", "--probabilities"]);
    let (ours, again) = (told(&model), told(&onnx));
    assert_eq!(cells(&ours).len(), 301);
    for (one, other) in cells(&ours).iter().zip(cells(&again)).skip(1) {
        assert_eq!(one[0], other[0]);
        for (p, q) in one[1..].iter().zip(&other[1..]) {
            let (p, q): (f64, f64) = (p.parse().unwrap(), q.parse().unwrap());
            assert!((p - q).abs() < 1e-5, "{p} {q}");
        }
    }
    let card = stdout(&["evaluate", &onnx, &new, "--label", "Label"]);
    assert!(
        card.contains("F1") && card.contains("Onnx for Label"),
        "{card}"
    );
}

#[test]
fn scikit_learn_on_the_flows_of_a_capture() {
    let capture = example();
    let capture = capture.to_str().unwrap();
    let model = of_scikit_learn("random-forest.onnx");
    let told = stdout(&[
        "predict",
        &model,
        capture,
        "--show",
        "src_ip",
        "--only",
        "benign,flood,scan",
    ]);
    let told = cells(&told);
    assert_eq!(told[0], ["src_ip", "prediction", "probability"]);
    assert!(told.len() > 10);
    // Named in another order the columns are others, and so is what it tells.
    let other = stdout(&[
        "predict",
        &model,
        capture,
        "--show",
        "src_ip",
        "--columns",
        "fwd_bytes,duration,bwd_packets",
    ]);
    assert_ne!(cells(&other), told);
    let said = stderr(
        &[
            "predict",
            &model,
            capture,
            "--columns",
            "duration,fwd_bytes",
        ],
        3,
    );
    assert!(
        said.contains("takes 3 columns, but 2 are named") && said.contains("hint"),
        "{said}"
    );
    let said = stderr(
        &[
            "predict",
            &model,
            capture,
            "--columns",
            "duration,fwd_bytes,no_such",
        ],
        3,
    );
    assert!(said.contains("no_such"), "{said}");
}

#[test]
fn what_is_no_model_is_refused() {
    let folder = Folder::new();
    let capture = example();
    let capture = capture.to_str().unwrap();
    let text = folder.write("text.onnx", "no model");
    let said = stderr(&["predict", &text, capture], 3);
    assert!(said.contains("is no ONNX model"), "{said}");
    let mut bytes = std::fs::read(of_scikit_learn("torch-logits.onnx")).unwrap();
    let place = bytes.windows(4).position(|part| part == b"Relu").unwrap();
    bytes[place..place + 4].copy_from_slice(b"Loop");
    let path = folder.path("other.onnx");
    std::fs::write(&path, bytes).unwrap();
    let said = stderr(&["predict", &path, capture], 3);
    assert!(
        said.contains("the operator Loop") && said.contains("hint"),
        "{said}"
    );
}
