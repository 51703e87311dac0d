use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampNanosecondArray,
};

use super::*;

fn table() -> Dataset {
    Dataset::new(vec![
        ("a", Values::numbers([1.0, f64::INFINITY, 3.0, 4.0])),
        ("b", Values::F32(vec![0.5, 1.5, 2.5, 3.5].into())),
        (
            "c",
            Values::categories([Some("x"), None, Some("a"), Some("x")]),
        ),
    ])
    .unwrap()
    .with_classes(["10", "9", "9", "10"])
    .unwrap()
    .with_groups(["h2", "h1", "h1", "h2"])
    .unwrap()
    .with_times(vec![Some(5), None, Some(1), Some(9)])
    .unwrap()
    .with_weights(vec![1.0, 2.0, 3.0, 4.0])
    .unwrap()
}

#[test]
fn rows_are_seen_without_a_copy() {
    let table = table();
    let view = table.select(&[3, 1, 1]).select(&[0, 2]);
    assert!(Arc::ptr_eq(&view.table, &table.table));
    assert_eq!(view.rows(), 2);
    let a = view.column("a").unwrap().numbers();
    assert_eq!(a[0], 4.0);
    assert!(a[1].is_nan(), "infinite is missing");
    assert_eq!(*view.column("b").unwrap().numbers(), [3.5, 1.5]);
    assert_eq!(view.column("c").unwrap().text(0).as_deref(), Some("x"));
    assert_eq!(view.column("c").unwrap().text(1), None);
    assert_eq!(*view.class_codes().unwrap(), [1, 0]);
    assert_eq!(view.class_names(), ["9", "10"], "as numbers");
    assert_eq!(*view.group_codes().unwrap(), [1, 0]);
    assert_eq!(*view.times().unwrap(), [Some(9), None]);
    assert_eq!(*view.weights().unwrap(), [4.0, 2.0]);
    assert_eq!(table.window(), Some((1, 9)));
    // All rows in their order: the numbers themselves.
    assert!(matches!(
        table.column("a").unwrap().numbers(),
        Cow::Borrowed(_)
    ));
    let own = view.compacted();
    assert_eq!(*own.class_codes().unwrap(), [1, 0]);
    assert_eq!(*own.column("b").unwrap().numbers(), [3.5, 1.5]);
}

#[test]
fn columns_by_name() {
    let table = table();
    let view = table.with_columns(&["c", "a"]).unwrap();
    let names: Vec<_> = view.columns().map(|column| column.name()).collect();
    assert_eq!(names, ["c", "a"]);
    assert_eq!(
        table.with_columns(&["c", "zz"]).unwrap_err().to_string(),
        "the table lacks column `zz`"
    );
    let other = view
        .select(&[2, 3])
        .with_values("a", Values::numbers([7.0, 8.0]))
        .unwrap();
    assert_eq!(*other.column("a").unwrap().numbers(), [7.0, 8.0]);
    assert_eq!(*table.column("a").unwrap().numbers().first().unwrap(), 1.0);
}

#[test]
fn what_does_not_fit_is_refused() {
    assert_eq!(
        Dataset::new(vec![
            ("a", Values::numbers([1.0])),
            ("a", Values::numbers([1.0]))
        ])
        .unwrap_err(),
        Error::DuplicateColumn { column: "a".into() }
    );
    assert!(matches!(
        table().with_classes(["1"]).unwrap_err(),
        Error::Length { rows: 4, .. }
    ));
    assert!(matches!(
        table().with_weights(vec![1.0, -1.0, 1.0, 1.0]).unwrap_err(),
        Error::Weight { row: 1, .. }
    ));
    assert_eq!(
        table().numbers().unwrap_err(),
        Error::TargetKind { wanted: "numbers" }
    );
}

#[test]
fn categories_leave_no_trace_of_the_order_of_rows() {
    let one = Values::categories([Some("b"), Some("a")]);
    let other = Values::categories([Some("a"), Some("b")]);
    assert_eq!(one.names(), other.names());
    assert_eq!(*one.codes(None).unwrap(), [1, 0]);
}

fn batch() -> RecordBatch {
    RecordBatch::try_from_iter([
        (
            "ts",
            Arc::new(TimestampNanosecondArray::from(vec![10, 20, 30])) as ArrayRef,
        ),
        (
            "src_ip",
            Arc::new(StringArray::from(vec!["10.0.0.1"; 3])) as ArrayRef,
        ),
        (
            "bytes",
            Arc::new(Int64Array::from(vec![Some(7), None, Some(9)])) as ArrayRef,
        ),
        (
            "ok",
            Arc::new(BooleanArray::from(vec![true, false, true])) as ArrayRef,
        ),
        (
            "service",
            Arc::new(StringArray::from(vec![Some("dns"), None, Some("http")])) as ArrayRef,
        ),
        (
            "label",
            Arc::new(StringArray::from(vec![Some("good"), Some("bad"), None])) as ArrayRef,
        ),
    ])
    .unwrap()
}

#[test]
fn from_record_batches() {
    let options = DatasetOptions {
        target: Some("label".into()),
        ..DatasetOptions::default()
    };
    let batches = [batch(), batch()];
    let imported = Dataset::from_batches(&batch().schema(), &batches, &options).unwrap();
    let data = &imported.dataset;
    assert_eq!(imported.unlabelled, 2);
    assert_eq!(imported.time.as_deref(), Some("ts"));
    assert_eq!(data.rows(), 4);
    assert_eq!(
        *data.times().unwrap(),
        [Some(10), Some(20), Some(10), Some(20)]
    );
    let names: Vec<_> = data.columns().map(|column| column.name()).collect();
    assert_eq!(names, ["bytes", "ok", "service"]);
    let bytes = data.column("bytes").unwrap().numbers();
    assert!(bytes[0] == 7.0 && bytes[1].is_nan());
    assert_eq!(*data.column("ok").unwrap().numbers(), [1.0, 0.0, 1.0, 0.0]);
    assert_eq!(
        data.column("service").unwrap().categories(),
        ["dns", "http"]
    );
    assert_eq!(data.class_names(), ["bad", "good"]);
    let reasons: Vec<_> = imported
        .left_out
        .iter()
        .map(|out| (out.column.as_str(), out.reason.as_str()))
        .collect();
    assert_eq!(
        reasons,
        [
            ("ts", "a time"),
            ("src_ip", "an address"),
            ("label", "the label")
        ]
    );
}

#[test]
fn roles_and_choices() {
    let options = DatasetOptions {
        target: Some("bytes".into()),
        target_kind: TargetKind::Numbers,
        group: Some("service".into()),
        keep: vec!["src_ip".into()],
        exclude: vec!["ok".into()],
        ..DatasetOptions::default()
    };
    let imported = Dataset::from_batches(&batch().schema(), &[batch()], &options).unwrap();
    assert_eq!(imported.unlabelled, 1);
    assert_eq!(*imported.dataset.numbers().unwrap(), [7.0, 9.0]);
    assert_eq!(imported.dataset.group_names(), ["", "dns", "http"]);
    assert_eq!(*imported.dataset.group_codes().unwrap(), [1, 2]);
    let names: Vec<_> = imported.dataset.columns().map(|c| c.name()).collect();
    assert_eq!(names, ["src_ip"], "`label` may tell the label");
    let missing = DatasetOptions {
        target: Some("nope".into()),
        ..DatasetOptions::default()
    };
    assert_eq!(
        Dataset::from_batches(&batch().schema(), &[batch()], &missing).unwrap_err(),
        Error::MissingColumns {
            columns: vec!["nope".into()]
        }
    );
}

#[test]
fn numbers_as_times() {
    let seconds = RecordBatch::try_from_iter([
        (
            "ts",
            Arc::new(Float64Array::from(vec![Some(1_540_469_303.25), None])) as ArrayRef,
        ),
        (
            "ms",
            Arc::new(Int64Array::from(vec![1_540_469_303_250; 2])) as ArrayRef,
        ),
    ])
    .unwrap();
    for (column, expected) in [
        ("ts", [Some(1_540_469_303_250_000_000), None]),
        ("ms", [Some(1_540_469_303_250_000_000); 2]),
    ] {
        let options = DatasetOptions {
            time: Some(column.into()),
            ..DatasetOptions::default()
        };
        let imported =
            Dataset::from_batches(&seconds.schema(), std::slice::from_ref(&seconds), &options)
                .unwrap();
        assert_eq!(*imported.dataset.times().unwrap(), expected, "{column}");
    }
}
