use arrow_array::cast::AsArray as _;
use arrow_array::types::Float64Type;
use arrow_array::{
    Array as _, ArrayRef, Float64Array, StringArray, TimestampMicrosecondArray, UInt16Array,
    UInt64Array,
};

use super::*;

const SECOND: i64 = 1_000_000;

/// Host a opens flows to b: port 80 at 0 s, 81 at 10 s, 82 at 20 s (none answered but the last, which
/// is of HTTP); c opens one to a at 61 s.
fn flows() -> RecordBatch {
    let column = |values: Vec<u64>| Arc::new(UInt64Array::from(values)) as ArrayRef;
    RecordBatch::try_from_iter([
        (
            "start",
            Arc::new(TimestampMicrosecondArray::from(vec![
                Some(20 * SECOND),
                Some(0),
                Some(10 * SECOND),
                Some(61 * SECOND),
                None,
            ])) as ArrayRef,
        ),
        (
            "src_ip",
            Arc::new(StringArray::from(vec!["a", "a", "a", "c", "a"])) as ArrayRef,
        ),
        (
            "dst_ip",
            Arc::new(StringArray::from(vec!["b", "b", "b", "a", "b"])) as ArrayRef,
        ),
        (
            "dst_port",
            Arc::new(UInt16Array::from(vec![82, 80, 81, 53, 1])) as ArrayRef,
        ),
        (
            "transport",
            Arc::new(StringArray::from(vec!["tcp", "tcp", "tcp", "udp", "tcp"])) as ArrayRef,
        ),
        (
            "service",
            Arc::new(StringArray::from(vec![
                Some("http"),
                None,
                None,
                Some("dns"),
                None,
            ])) as ArrayRef,
        ),
        (
            "conn_state",
            Arc::new(StringArray::from(vec![
                Some("SF"),
                Some("S0"),
                Some("REJ"),
                None,
                None,
            ])) as ArrayRef,
        ),
        ("fwd_packets", column(vec![5, 1, 1, 1, 1])),
        ("bwd_packets", column(vec![4, 0, 1, 1, 1])),
        ("fwd_bytes", column(vec![500, 60, 60, 80, 1])),
        ("bwd_bytes", column(vec![4000, 0, 40, 120, 1])),
        (
            "label",
            Arc::new(StringArray::from(vec![
                "benign", "scan", "scan", "benign", "scan",
            ])) as ArrayRef,
        ),
    ])
    .unwrap()
}

fn number(table: &RecordBatch, column: &str, row: usize) -> Option<f64> {
    let array = table
        .column_by_name(column)
        .unwrap()
        .as_primitive::<Float64Type>();
    array.is_valid(row).then(|| array.value(row))
}

fn text(table: &RecordBatch, column: &str) -> Vec<String> {
    let array = table.column_by_name(column).unwrap().as_string::<i32>();
    array
        .iter()
        .map(|value| value.unwrap_or("-").to_owned())
        .collect()
}

#[test]
fn windows_of_a_host() {
    let options = WindowOptions {
        label: Some("label".to_owned()),
        harmless: Some("benign".to_owned()),
        ..WindowOptions::default()
    };
    let made = windows(&[flows()], &options).unwrap();
    assert_eq!(made.left_out, 1);
    let table = &made.table;
    assert_eq!(text(table, "host"), ["a", "b", "a", "c"]);
    assert_eq!(text(table, "label"), ["scan", "scan", "benign", "benign"]);
    let first = |column| number(table, column, 0);
    for (column, expected) in [
        ("flows", 3.0),
        ("flows_opened", 3.0),
        ("flows_accepted", 0.0),
        ("peers", 1.0),
        ("peer_entropy", 0.0),
        ("ports", 3.0),
        ("port_entropy", 3.0_f64.log2()),
        ("services", 1.0),
        ("packets_out", 7.0),
        ("packets_in", 5.0),
        ("bytes_out", 620.0),
        ("bytes_in", 4040.0),
        ("bytes_out_share", 620.0 / 4660.0),
        ("bytes_mean", 4660.0 / 3.0),
        ("bytes_max", 4500.0),
        ("gap_mean", 10.0),
        ("gap_std", 0.0),
        ("gap_cv", 0.0),
        ("failed", 2.0),
        ("failed_share", 2.0 / 3.0),
        ("one_way", 1.0),
        ("tcp", 3.0),
        ("http", 1.0),
    ] {
        let ours = first(column).unwrap();
        assert!((ours - expected).abs() < 1e-9, "{column}: {ours}");
    }
    // What the table of flows lacks is unknown, not zero.
    assert_eq!(first("duration_mean"), None);
    assert_eq!(first("retransmissions"), None);
    assert_eq!(first("names"), None);
    // b saw the same from the other side.
    assert_eq!(number(table, "flows_opened", 1), Some(0.0));
    assert_eq!(number(table, "bytes_out", 1), Some(4040.0));
    // A single flow has no gap, and one over UDP no TCP flow that could fail.
    assert_eq!(number(table, "gap_mean", 2), None);
    assert_eq!(number(table, "failed_share", 2), None);
}

#[test]
fn windows_of_pairs_and_services() {
    let of = |per| {
        let options = WindowOptions {
            per,
            ..WindowOptions::default()
        };
        windows(&[flows()], &options).unwrap().table
    };
    let pairs = of(Per::Pair);
    assert_eq!(text(&pairs, "src_ip"), ["a", "c"]);
    assert_eq!(number(&pairs, "bytes_in", 0), Some(4040.0));
    assert!(pairs.column_by_name("flows_opened").is_none());
    let services = of(Per::Service);
    assert_eq!(text(&services, "dst_ip"), ["b", "b", "b", "a"]);
    assert_eq!(text(&services, "dst_port"), ["80", "81", "82", "53"]);
    assert_eq!(text(&services, "transport"), ["tcp", "tcp", "tcp", "udp"]);
    assert_eq!(number(&services, "peers", 0), Some(1.0));
}

#[test]
fn batches_and_their_order_do_not_matter() {
    let whole = flows();
    let parts = [whole.slice(3, 2), whole.slice(0, 3)];
    let options = WindowOptions::default();
    let one = windows(&[whole], &options).unwrap().table;
    assert_eq!(windows(&parts, &options).unwrap().table, one);
}

#[test]
fn windows_of_different_files_stay_apart() {
    let whole = flows();
    let with_file = |batch: &RecordBatch, file: &str| {
        let names = whole
            .schema()
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .collect::<Vec<_>>();
        let files: ArrayRef = Arc::new(StringArray::from(vec![file; batch.num_rows()]));
        let columns = names
            .iter()
            .map(String::as_str)
            .zip(batch.columns().iter().cloned());
        RecordBatch::try_from_iter(columns.chain([("file", files)])).unwrap()
    };
    let options = WindowOptions {
        per: Per::Pair,
        keep: vec!["file".to_owned()],
        ..WindowOptions::default()
    };
    let parts = [
        with_file(&whole.slice(0, 1), "x"),
        with_file(&whole.slice(1, 2), "y"),
    ];
    let table = windows(&parts, &options).unwrap().table;
    assert_eq!(text(&table, "file"), ["x", "y"]);
    assert_eq!(number(&table, "flows", 1), Some(2.0));
}

#[test]
fn what_is_missing_is_named() {
    let lacking = RecordBatch::try_from_iter([(
        "start",
        Arc::new(Float64Array::from(vec![1.0])) as ArrayRef,
    )])
    .unwrap();
    let error = windows(&[lacking], &WindowOptions::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the table has no column 'src_ip'"),
        "{error}"
    );
    let options = WindowOptions {
        width: 0,
        ..WindowOptions::default()
    };
    assert!(matches!(
        windows(&[flows()], &options),
        Err(WindowError::Width)
    ));
    // No flows are no windows.
    let none = windows(&[flows().slice(0, 0)], &WindowOptions::default()).unwrap();
    assert_eq!(none.table.num_rows(), 0);
}

/// Every column says what it is, and each is filled by some window.
#[test]
fn the_columns_are_documented_and_made() {
    let mut names: Vec<_> = COLUMNS.iter().map(|column| column.name).collect();
    assert!(COLUMNS.iter().all(|column| column.doc.ends_with('.')));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), COLUMNS.len());
    let table = windows(&[flows()], &WindowOptions::default())
        .unwrap()
        .table;
    for column in COLUMNS {
        let array = table.column_by_name(column.name).unwrap();
        let lacking = ["duration", "server_name", "fwd_retransmissions"].contains(&column.of);
        assert_eq!(
            array.null_count() == array.len(),
            lacking,
            "{}",
            column.name
        );
    }
}
