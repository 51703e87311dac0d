//! Any bytes as a model file, and any changes of a model whose checksum is right all the same: it is
//! refused, or it works. What is read tells something of every row, and can be drawn, explained,
//! continued and written as ONNX.
//!
//! The first byte chooses a family; then four bytes each: a place, in two bytes from the front or
//! three from anywhere, and what stands there.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use netloom_ml::{CLASSIFIERS, Dataset, ModelFile, Run, Values, classifier, to_onnx};

struct Models {
    data: Dataset,
    files: Vec<(ModelFile, Vec<u8>)>,
}

static MODELS: LazyLock<Models> = LazyLock::new(|| {
    let rows = 60;
    let data = Dataset::new(vec![
        ("bytes", Values::numbers((0..rows).map(|row| f64::from(row * 37 % 60)))),
        (
            "rate",
            Values::numbers((0..rows).map(|row| if row % 5 == 0 { f64::NAN } else { f64::from(row) })),
        ),
        (
            "service",
            Values::categories((0..rows).map(|row| Some(["dns", "http", "ssh"][row as usize % 3]))),
        ),
    ])
    .and_then(|data| data.with_classes((0..rows).map(|row| ["a", "b", "c"][row as usize / 20])))
    .expect("a table");
    let files = CLASSIFIERS
        .iter()
        .map(|name| {
            let few = match *name {
                "random-forest" | "extra-trees" => &[("n_estimators", "3")][..],
                "gradient-boosting" | "mlp" => &[("max_iter", "3")],
                _ => &[],
            };
            let model = classifier(name, few)
                .and_then(|params| params.fit(&data, Run::default()))
                .expect("a model");
            let file = ModelFile::of_classifier(&*model).expect("a file");
            let section = file.section("classifier").expect("its model").to_vec();
            (file, section)
        })
        .collect();
    Models { data, files }
});

fuzz_target!(|bytes: &[u8]| {
    if let Ok(file) = ModelFile::parse(bytes) {
        _ = file.classifier();
        _ = file.regressor();
    }
    let Some((&family, changes)) = bytes.split_first() else {
        return;
    };
    let Models { data, files } = &*MODELS;
    let (file, section) = &files[usize::from(family) % files.len()];
    let mut section = section.clone();
    for change in changes.chunks_exact(4) {
        let near = usize::from(u16::from_le_bytes([change[0], change[1]]));
        let place = if change[2] & 1 == 0 {
            near
        } else {
            near << 7 | usize::from(change[2] >> 1)
        };
        let length = section.len();
        section[place % length] = change[3];
    }
    let mut file = file.clone();
    file.set_section("classifier", section);
    let mut written = Vec::new();
    file.write(&mut written).expect("into memory");
    let read = ModelFile::parse(&written).expect("what was written");
    let Ok(model) = read.classifier() else {
        return;
    };
    if let Ok(told) = model.predict_proba(data, 1) {
        assert_eq!(told.rows(), data.rows());
    }
    _ = model.contributions(data, 1);
    _ = model.draw(4);
    _ = model.feature_importances();
    _ = model.partial_fit(data, Run::default());
    _ = to_onnx(&*model);
    assert!(ModelFile::of_classifier(&*model).is_ok());
});
