//! Any bytes as an ONNX model: it is refused, or it tells classes of rows, within its bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netloom_ml::{Dataset, Values, from_onnx};

/// Names of columns for a model whose rows are one wide input.
const COLUMNS: [&str; 4] = ["a", "b", "c", "d"];

fuzz_target!(|bytes: &[u8]| {
    let names = COLUMNS.map(str::to_owned);
    for columns in [&[][..], &names[..2], &names[..3], &names[..]] {
        let Ok(model) = from_onnx(bytes, columns) else {
            continue;
        };
        let wanted: Vec<String> = model.inputs().iter().map(|input| input.name.clone()).collect();
        let numbers = || Values::numbers([0.0, f64::NAN, -1e300]);
        let words = || Values::categories([Some("tcp"), None, Some("")]);
        for texts in [false, true] {
            let values = |name: &String| (name.clone(), if texts { words() } else { numbers() });
            let Ok(data) = Dataset::new(wanted.iter().map(values).collect()) else {
                continue;
            };
            if let Ok(told) = model.predict_proba(&data, 1) {
                assert_eq!(told.rows(), data.rows());
                for row in 0..told.rows() {
                    assert_eq!(told.row(row).len(), model.classes().len());
                    assert!(told.row(row).iter().all(|share| (0.0..=1.0).contains(share)));
                }
            }
        }
    }
});
