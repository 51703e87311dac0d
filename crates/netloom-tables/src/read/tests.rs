use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampNanosecondType};
use arrow_array::{Array, ArrayRef, Int64Array, StringArray};
use arrow_schema::DataType;
use std::io::Write;
use std::sync::Arc;

use super::*;

fn csv(text: &str) -> TableData {
    read_csv(text.as_bytes(), "a.csv", &ReadOptions::default()).unwrap()
}

fn names(table: &TableData) -> Vec<&str> {
    table
        .schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect()
}

fn kinds(table: &TableData) -> Vec<String> {
    table
        .schema
        .fields()
        .iter()
        .map(|field| match field.data_type() {
            DataType::Timestamp(..) => "time".to_owned(),
            other => other.to_string(),
        })
        .collect()
}

#[test]
fn types_of_columns() {
    let table = csv("i,f,b,t,s,none,huge\n\
         1,1.5,true,2017-07-06 12:39:06.818901,x,,99999999999999999999\n\
         ?,-2e3,FALSE,2017-07-06T12:39:06Z,NaN,,1\n\
         3,Infinity,,,y,-,2\n");
    assert_eq!(
        kinds(&table),
        [
            "Int64", "Float64", "Boolean", "time", "Utf8", "Float64", "Float64"
        ]
    );
    let batch = &table.batches[0];
    let whole = batch.column(0).as_primitive::<Int64Type>();
    assert_eq!(whole.iter().collect::<Vec<_>>(), [Some(1), None, Some(3)]);
    let float = batch.column(1).as_primitive::<Float64Type>();
    assert_eq!(
        float.iter().collect::<Vec<_>>(),
        [Some(1.5), Some(-2000.0), None]
    );
    let time = batch.column(3).as_primitive::<TimestampNanosecondType>();
    assert_eq!(
        time.iter().collect::<Vec<_>>(),
        [
            Some(1_499_344_746_818_901_000),
            Some(1_499_344_746_000_000_000),
            None
        ]
    );
    assert_eq!(
        batch.column(4).null_count(),
        1,
        "NaN is missing in text too"
    );
    assert_eq!(batch.column(5).null_count(), 3);
    assert_eq!(
        table.notes,
        ["column `f`: 1 infinite values are taken as missing"]
    );
}

#[test]
fn header_or_none() {
    let table = csv("0,tcp,SF\n1,udp,S0\n");
    assert_eq!(names(&table), ["column_1", "column_2", "column_3"]);
    assert_eq!(table.rows(), 2);
    let table = csv("\u{FEFF} a , b,a,,a.1\nx,y,z,w,v\na,b,a,,a.1\n");
    assert_eq!(names(&table), ["a", "b", "a.2", "column_4", "a.1"]);
    assert_eq!(table.rows(), 2);
    let mut options = ReadOptions {
        header: Header::Absent,
        ..ReadOptions::default()
    };
    let table = read_csv(&b"a,b\na,b\n"[..], "a.csv", &options).unwrap();
    assert_eq!(table.rows(), 2, "no header, so none is repeated");
    options.header = Header::Present;
    let table = read_csv(&b"1,2\n3,4\n"[..], "a.csv", &options).unwrap();
    assert_eq!(names(&table), ["1", "2"]);
}

#[test]
fn headers_in_the_middle_are_skipped() {
    let table = csv("a,b\n1,2\na,b\n3,4\n");
    assert_eq!(table.rows(), 2);
    assert_eq!(kinds(&table), ["Int64", "Int64"]);
    assert_eq!(table.notes, ["1 rows repeat the header and are skipped"]);
}

#[test]
fn delimiters_and_quotes() {
    assert_eq!(names(&csv("a;b;c,d\n1;2;3\n")), ["a", "b", "c,d"]);
    assert_eq!(names(&csv("a\tb\n1\t2\n")), ["a", "b"]);
    let table = csv("a,b\n\"x, \"\"y\"\"\nz\",1\nw,2\n");
    let text = table.batches[0].column(0).as_string::<i32>();
    assert_eq!(text.value(0), "x, \"y\"\nz");
    assert_eq!(text.value(1), "w");
}

#[test]
fn one_cell_that_is_no_number_is_told() {
    let numbers: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    let table = csv(&format!("n\n{}\nten\n", numbers.join("\n")));
    assert_eq!(kinds(&table), ["Utf8"]);
    assert_eq!(
        table.notes,
        ["column `n` is taken as text: 20 of 21 cells are numbers, but line 22 has \"ten\""]
    );
}

#[test]
fn rows_of_another_length_are_refused() {
    let error = read_csv(&b"a,b\n1,2\n3\n"[..], "x.csv", &ReadOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "x.csv, line 3: 1 cells, but the first row has 2"
    );
    assert!(error.hint.unwrap().contains("cut off"));
    let error = read_csv(&b"a,b\n1,2,3\n"[..], "x.csv", &ReadOptions::default()).unwrap_err();
    assert!(error.hint.unwrap().contains("quotes"));
    assert!(read_csv(&b""[..], "x.csv", &ReadOptions::default()).is_err());
}

#[test]
fn bytes_that_are_no_text_do_not_stop_it() {
    let table = read_csv(
        &b"label\nWeb Attack \x96 XSS\n"[..],
        "a.csv",
        &ReadOptions::default(),
    )
    .unwrap();
    let text = table.batches[0].column(0).as_string::<i32>();
    assert_eq!(text.value(0), "Web Attack \u{FFFD} XSS");
}

#[test]
fn guards_of_our_own_are_taken_away() {
    let column = |table: &TableData, column: usize| -> Vec<Option<String>> {
        let texts = table.batches[0].column(column).as_string::<i32>();
        texts.iter().map(|text| text.map(str::to_owned)).collect()
    };
    let some = |text: &str| Some(text.to_owned());
    let texts = ["=cmd|calc", "'quoted'", "plain", "-", "it's"];
    let written = RecordBatch::try_from_iter([
        ("s", Arc::new(StringArray::from(texts.to_vec())) as ArrayRef),
        (
            "n",
            Arc::new(Int64Array::from(vec![-1, 2, 3, 4, 5])) as ArrayRef,
        ),
    ])
    .unwrap();
    let mut text = Vec::new();
    crate::csv_header(&written.schema(), &mut text);
    crate::format_csv(&written, &mut text);
    let table = csv(std::str::from_utf8(&text).unwrap());
    assert_eq!(table.batches[0].columns(), written.columns());
    // Batches that are full, and one that is not.
    let options = ReadOptions {
        batch_rows: 2,
        ..ReadOptions::default()
    };
    let table = read_csv(&text[..], "a.csv", &options).unwrap();
    assert_eq!(column(&table, 0), [some("=cmd|calc"), some("'quoted'")]);
    assert_eq!(
        table.batches[2].column(0).as_string::<i32>().value(0),
        "it's"
    );
    // Somebody else's: apostrophes that say something else.
    for other in ["s\n'=1\n=2\n", "s\n'=1\n'word'\n", "s,t\n'=1,x\n'-2,+3 a\n"] {
        assert_eq!(column(&csv(other), 0)[0], some("'=1"), "{other}");
    }
}

#[test]
fn logs_of_zeek() {
    let table = csv("#separator \\x09\n#set_separator\t,\n#path\tconn\n\
         #fields\tts\tproto\tlocal_orig\tnote\n#types\ttime\tenum\tbool\tstring\n\
         1540469303.5\tudp\t-\tsay \"x\n1540469304.5\ttcp\t-\t(empty)\n#close\t2018\n");
    assert_eq!(names(&table), ["ts", "proto", "local_orig", "note"]);
    assert_eq!(table.rows(), 2);
    let text = table.batches[0].column(3).as_string::<i32>();
    assert_eq!(text.value(0), "say \"x");
    assert!(text.is_null(1));
}

#[test]
fn batches_of_bounded_size() {
    let lines: Vec<String> = (0..10)
        .map(|number| format!("{number},x{number}"))
        .collect();
    let text = format!("n,s\n{}\n", lines.join("\n"));
    let options = ReadOptions {
        batch_rows: 4,
        ..ReadOptions::default()
    };
    let table = read_csv(text.as_bytes(), "a.csv", &options).unwrap();
    let rows: Vec<_> = table.batches.iter().map(RecordBatch::num_rows).collect();
    assert_eq!(rows, [4, 4, 2]);
    let last = table.batches[2].column(0).as_primitive::<Int64Type>();
    assert_eq!(last.values(), &[8, 9]);
}

#[test]
fn json_in_lines_and_arrays() {
    let lines = "{\"a\": 1, \"o\": {\"p\": true}, \"t\": \"2020-01-01T00:00:00Z\"}\n\n\
                 {\"a\": 2.5, \"n\": \"12\", \"l\": [1, 2], \"t\": null}\n";
    let options = ReadOptions {
        batch_rows: 1,
        ..ReadOptions::default()
    };
    let table = read_json(lines.as_bytes(), "a.jsonl", &options).unwrap();
    assert_eq!(table.format, Format::JsonLines);
    assert_eq!(names(&table), ["a", "o.p", "t", "n", "l"]);
    assert_eq!(
        kinds(&table),
        ["Float64", "Boolean", "time", "Utf8", "Utf8"]
    );
    assert_eq!(table.batches.len(), 2);
    assert_eq!(table.batches[0].column(3).null_count(), 1);
    assert!(
        table
            .schema
            .field(4)
            .metadata()
            .contains_key("netloom.list")
    );
    let array = "[{\"a\": 1}, {\"a\": null}, {}]";
    let table = read_json(array.as_bytes(), "a.json", &ReadOptions::default()).unwrap();
    assert_eq!((table.format, table.rows()), (Format::Json, 3));
    assert_eq!(table.batches[0].column(0).null_count(), 2);
}

#[test]
fn json_that_is_none() {
    for (text, place) in [
        ("{\"a\": 1}\n{\"a\": }\n", ", line 2, column 7"),
        ("[{\"a\": 1},\n 3]", ", line 2, column 3"),
        ("{\"a\": 1, \"a\": 2}", ", line 1"),
        ("{} {}", ", line 1"),
    ] {
        let error = read_json(text.as_bytes(), "x", &ReadOptions::default()).unwrap_err();
        assert!(error.to_string().contains(place), "{error}");
    }
}

#[test]
fn formats_by_content() {
    let folder = tempfile::tempdir().unwrap();
    let batch = RecordBatch::try_from_iter([
        (
            "n",
            Arc::new(Int64Array::from(vec![Some(1), None])) as ArrayRef,
        ),
        ("s", Arc::new(StringArray::from(vec!["x", "y"])) as ArrayRef),
    ])
    .unwrap();
    let path = folder.path().join("a.txt");
    let read = || read_table(&path, &ReadOptions::default());

    let mut writer =
        arrow_ipc::writer::FileWriter::try_new(File::create(&path).unwrap(), &batch.schema())
            .unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    assert_eq!(read().unwrap().batches, std::slice::from_ref(&batch));

    let mut writer =
        arrow_ipc::writer::StreamWriter::try_new(File::create(&path).unwrap(), &batch.schema())
            .unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    assert_eq!(read().unwrap().batches, std::slice::from_ref(&batch));

    let mut writer =
        parquet::arrow::ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None)
            .unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let table = read().unwrap();
    assert_eq!(table.format, Format::Parquet);
    assert_eq!(table.batches, [batch]);
    // Cut off: an error that says so.
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(read().unwrap_err().to_string().contains("damaged"));

    std::fs::write(&path, b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00").unwrap();
    assert!(read().unwrap_err().to_string().contains("no table"));
    File::create(&path)
        .unwrap()
        .write_all(b"a,b\n1,2\n")
        .unwrap();
    assert_eq!(read().unwrap().format, Format::Csv);
    std::fs::remove_file(&path).unwrap();
    assert!(read().unwrap_err().cause.is_some());
}

#[test]
fn any_bytes_are_a_table_or_an_error() {
    use proptest::prelude::*;
    proptest!(|(bytes in proptest::collection::vec(any::<u8>(), 0..200))| {
        if let Ok(table) = read_csv(&bytes[..], "x", &ReadOptions::default()) {
            for batch in &table.batches {
                prop_assert_eq!(batch.num_columns(), table.schema.fields().len());
            }
        }
        _ = read_json(&bytes[..], "x", &ReadOptions::default());
    });
}
