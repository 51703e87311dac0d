//! Parquet and Arrow IPC read back.

use std::io::Cursor;
use std::sync::Arc;

use arrow_array::Array as _;
use arrow_array::builder::{ListBuilder, StringBuilder, UInt16Builder};
use arrow_array::cast::AsArray as _;
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, RecordBatch, StringArray,
    TimestampNanosecondArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use arrow_schema::{Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::{PageIndexPolicy, RowGroupMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use proptest::prelude::*;

use super::{ArrowWriter, FileMetadata, ParquetWriter, RowWriter as _, TableFormat, table_writer};
use crate::TableName;

/// A row of every type that tables have.
#[derive(Debug, Clone)]
struct Row {
    text: Option<String>,
    small: Option<u8>,
    port: Option<u16>,
    wide: u32,
    count: Option<u64>,
    float: Option<f64>,
    time: Option<i64>,
    flag: Option<bool>,
    list: Option<Vec<u16>>,
    texts: Option<Vec<String>>,
}

fn row() -> impl Strategy<Value = Row> {
    let text = prop_oneof![any::<String>(), "[ab]{0,3}"];
    (
        proptest::option::of(text),
        any::<(
            Option<u8>,
            Option<u16>,
            u32,
            Option<u64>,
            Option<f64>,
            Option<i64>,
            Option<bool>,
        )>(),
        proptest::option::of(proptest::collection::vec(any::<u16>(), 0..4)),
        proptest::option::of(proptest::collection::vec("[a-z]{0,3}", 0..3)),
    )
        .prop_map(
            |(text, (small, port, wide, count, float, time, flag), list, texts)| Row {
                text,
                small,
                port,
                wide,
                count,
                float,
                time,
                flag,
                list,
                texts,
            },
        )
}

fn batch(rows: &[Row]) -> RecordBatch {
    let mut lists = ListBuilder::new(UInt16Builder::new());
    let mut texts = ListBuilder::new(StringBuilder::new());
    for row in rows {
        match &row.list {
            Some(items) => lists.append_value(items.iter().copied().map(Some)),
            None => lists.append_null(),
        }
        match &row.texts {
            Some(items) => texts.append_value(items.iter().map(Some)),
            None => texts.append_null(),
        }
    }
    let column = |cells: &dyn Fn() -> ArrayRef| cells();
    let text: StringArray = rows.iter().map(|row| row.text.as_deref()).collect();
    let time: TimestampNanosecondArray = rows.iter().map(|row| row.time).collect();
    RecordBatch::try_from_iter([
        ("text", Arc::new(text) as ArrayRef),
        (
            "small",
            column(&|| Arc::new(rows.iter().map(|row| row.small).collect::<UInt8Array>())),
        ),
        (
            "port",
            column(&|| Arc::new(rows.iter().map(|row| row.port).collect::<UInt16Array>())),
        ),
        (
            "wide",
            column(&|| {
                Arc::new(
                    rows.iter()
                        .map(|row| Some(row.wide))
                        .collect::<UInt32Array>(),
                )
            }),
        ),
        (
            "count",
            column(&|| Arc::new(rows.iter().map(|row| row.count).collect::<UInt64Array>())),
        ),
        (
            "float",
            column(&|| Arc::new(rows.iter().map(|row| row.float).collect::<Float64Array>())),
        ),
        ("time", Arc::new(time.with_timezone("UTC"))),
        (
            "flag",
            column(&|| Arc::new(rows.iter().map(|row| row.flag).collect::<BooleanArray>())),
        ),
        ("list", Arc::new(lists.finish())),
        ("texts", Arc::new(texts.finish())),
    ])
    .unwrap()
}

/// Bytes of a file in a format, of these batches.
fn written(format: TableFormat, schema: &SchemaRef, batches: &[RecordBatch]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = table_writer(format, &mut out, schema, false).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    drop(writer);
    out
}

fn read_parquet(bytes: Vec<u8>) -> RecordBatch {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
    // What the file says of itself is metadata of the schema, too.
    let schema = Arc::new(Schema::new(builder.schema().fields().clone()));
    let batches: Vec<_> = builder
        .build()
        .unwrap()
        .map(|batch| batch.unwrap().with_schema(Arc::clone(&schema)).unwrap())
        .collect();
    concat_batches(&schema, &batches).unwrap()
}

/// The batch in two parts, and all of it again.
fn cut(batch: &RecordBatch, at: usize) -> [RecordBatch; 2] {
    let at = at.min(batch.num_rows());
    [batch.slice(0, at), batch.slice(at, batch.num_rows() - at)]
}

/// Many rows, of which some columns repeat and some do not.
fn many(rows: usize) -> RecordBatch {
    let rows: Vec<Row> = (0..rows as u64)
        .map(|number| Row {
            text: (number % 5 > 0).then(|| format!("10.0.{}.{}", number % 7, number % 251)),
            small: Some((number % 3) as u8),
            port: (number % 2 == 0).then_some((number % 50_000) as u16),
            wide: (number as u32).wrapping_mul(0x9e37_79b9),
            count: Some(number),
            float: Some(number as f64 / 7.0),
            time: Some(1_700_000_000_000_000_000 + number as i64 * 1_001),
            flag: Some(number % 11 == 0),
            list: (number % 100 == 0).then(|| vec![number as u16]),
            texts: None,
        })
        .collect();
    batch(&rows)
}

#[test]
fn row_groups_do_not_depend_on_how_rows_come() {
    let rows = many(150_000);
    let schema = rows.schema();
    let whole = written(TableFormat::Parquet, &schema, std::slice::from_ref(&rows));
    let arrow = written(TableFormat::Arrow, &schema, std::slice::from_ref(&rows));
    for step in [977, 8192, 140_000] {
        let parts: Vec<RecordBatch> = (0..rows.num_rows())
            .step_by(step)
            .map(|start| rows.slice(start, step.min(rows.num_rows() - start)))
            .collect();
        assert!(
            written(TableFormat::Parquet, &schema, &parts) == whole,
            "{step}"
        );
        assert!(
            written(TableFormat::Arrow, &schema, &parts) == arrow,
            "{step}"
        );
    }
    assert!(read_parquet(whole.clone()) == rows);
    let file = SerializedFileReader::new(bytes::Bytes::from(whole)).unwrap();
    let metadata = file.metadata();
    let groups: Vec<i64> = metadata
        .row_groups()
        .iter()
        .map(RowGroupMetaData::num_rows)
        .collect();
    assert_eq!(groups, [131_072, 18_928]);
    for group in metadata.row_groups() {
        for column in group.columns() {
            let name = column.column_path().string();
            // Texts that never were have no smallest one.
            assert!(
                column.statistics().is_some() || name.starts_with("texts"),
                "{name}"
            );
            assert!(
                column.column_index_offset().is_some(),
                "{name} has a page index"
            );
            assert!(
                column.offset_index_offset().is_some(),
                "{name} has a page index"
            );
        }
    }
}

/// What readers skip by: the least and the largest of each page are those of its rows.
#[test]
fn pages_say_what_is_in_them() {
    let rows = many(40_000);
    let bytes = written(
        TableFormat::Parquet,
        &rows.schema(),
        std::slice::from_ref(&rows),
    );
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    let builder =
        ParquetRecordBatchReaderBuilder::try_new_with_options(bytes::Bytes::from(bytes), options)
            .unwrap();
    let metadata = builder.metadata();
    let group = metadata.row_group(0);
    let (columns, offsets) = (
        metadata.column_index().unwrap(),
        metadata.offset_index().unwrap(),
    );
    let mut seen = 0;
    for (place, column) in group.columns().iter().enumerate() {
        let pages = offsets[0][place].page_locations();
        let first_rows: Vec<usize> = pages.iter().map(|p| p.first_row_index as usize).collect();
        let end = |page: usize| first_rows.get(page + 1).copied().unwrap_or(40_000);
        let page = |page: usize| first_rows[page]..end(page);
        match (column.column_path().string().as_str(), &columns[0][place]) {
            ("text", ColumnIndexMetaData::BYTE_ARRAY(index)) => {
                let texts: &StringArray = rows.column(0).as_string();
                for number in 0..pages.len() {
                    let texts = page(number)
                        .filter(|&row| texts.is_valid(row))
                        .map(|row| texts.value(row).as_bytes());
                    assert_eq!(index.min_value(number), texts.clone().min());
                    assert_eq!(index.max_value(number), texts.max());
                    seen += 1;
                }
            }
            ("small", ColumnIndexMetaData::INT32(index)) => {
                let numbers: &UInt8Array = rows.column(1).as_primitive();
                for number in 0..pages.len() {
                    let numbers = page(number)
                        .filter(|&row| numbers.is_valid(row))
                        .map(|row| i32::from(numbers.value(row)));
                    let nulls = page(number).count() - numbers.clone().count();
                    assert_eq!(index.min_value(number).copied(), numbers.clone().min());
                    assert_eq!(index.max_value(number).copied(), numbers.max());
                    assert_eq!(index.null_count(number), Some(nulls as i64));
                    seen += 1;
                }
            }
            ("count", ColumnIndexMetaData::INT64(index)) => {
                let numbers: &UInt64Array = rows.column(4).as_primitive();
                for number in 0..pages.len() {
                    let numbers = page(number).map(|row| numbers.value(row) as i64);
                    assert_eq!(index.min_value(number).copied(), numbers.clone().min());
                    assert_eq!(index.max_value(number).copied(), numbers.max());
                    seen += 1;
                }
            }
            _ => {}
        }
    }
    assert_eq!(seen, 3 * 40_000_usize.div_ceil(16_384));
}

#[test]
fn large_rows_make_small_row_groups() {
    let text = "x".repeat(16_000);
    let texts: StringArray = (0..8192).map(|_| Some(text.as_str())).collect();
    let rows = RecordBatch::try_from_iter([("text", Arc::new(texts) as ArrayRef)]).unwrap();
    let mut writer =
        ParquetWriter::new(Vec::new(), rows.schema(), &FileMetadata::default()).unwrap();
    // 131 MB: more than is kept of a row group.
    let jobs = writer.push(&rows).unwrap();
    assert_eq!((jobs.len(), writer.unsettled()), (1, 1));
    jobs.into_iter().for_each(super::EncodeJob::run);
    writer.settle().unwrap();
    assert_eq!(writer.unsettled(), 0);
    assert_eq!(read_parquet(writer.into_inner().unwrap()).num_rows(), 8192);
}

#[test]
fn jobs_may_run_in_any_order() {
    let rows = many(300_000);
    let one = written(
        TableFormat::Parquet,
        &rows.schema(),
        std::slice::from_ref(&rows),
    );
    let mut writer =
        ParquetWriter::new(Vec::new(), rows.schema(), &FileMetadata::default()).unwrap();
    let mut jobs = writer.push(&rows).unwrap();
    jobs.extend(writer.finish_rows().unwrap());
    assert_eq!(jobs.len(), 3 * rows.num_columns());
    writer.settle().unwrap();
    assert_eq!(
        writer.unsettled(),
        3,
        "nothing is written before it is encoded"
    );
    for job in jobs.into_iter().rev() {
        job.run();
    }
    writer.settle().unwrap();
    assert!(writer.into_inner().unwrap() == one);
}

/// The same texts as places in a dictionary; one text is there twice, one is no cell's.
fn as_dictionary(texts: &StringArray) -> ArrayRef {
    let mut values: Vec<&str> = texts.iter().flatten().collect();
    values.sort_unstable();
    values.dedup();
    values.splice(0..0, ["nobody's", values[0]]);
    let mut at = 0_u32;
    let keys = texts.iter().map(|text| {
        let place = values.iter().rposition(|&value| Some(value) == text)? as u32;
        at += 1;
        // The first text's two places in turns.
        Some(if place == 2 && at.is_multiple_of(2) {
            1
        } else {
            place
        })
    });
    let keys: UInt32Array = keys.collect();
    let values = StringArray::from(values);
    Arc::new(DictionaryArray::new(keys, Arc::new(values)))
}

#[test]
fn texts_may_be_dictionaries() {
    for texts in [
        (0..20_000)
            .map(|i| (i % 7 > 0).then(|| format!("{}", i % 11)))
            .collect::<StringArray>(),
        // Too many for a dictionary in the file.
        (0..20_000)
            .map(|i| Some(format!("{}", i % 9_000)))
            .collect(),
    ] {
        let texts: ArrayRef = Arc::new(texts);
        let rows = |texts: &ArrayRef| {
            let fields = [("text", Arc::clone(texts))];
            RecordBatch::try_from_iter_with_nullable(fields.map(|(n, a)| (n, a, true))).unwrap()
        };
        let plain = rows(&texts);
        let schema = plain.schema();
        let whole = written(TableFormat::Parquet, &schema, std::slice::from_ref(&plain));
        let places = rows(&as_dictionary(texts.as_string()));
        for batches in [
            vec![places.clone()],
            vec![places.slice(0, 77), plain.slice(77, 19_923)],
        ] {
            let mut writer =
                ParquetWriter::new(Vec::new(), Arc::clone(&schema), &FileMetadata::default())
                    .unwrap();
            for batch in &batches {
                writer.write(batch).unwrap();
            }
            assert!(writer.into_inner().unwrap() == whole);
        }
    }
}

#[test]
fn columns_may_come_late() {
    let rows = many(300_000);
    let whole = written(
        TableFormat::Parquet,
        &rows.schema(),
        std::slice::from_ref(&rows),
    );
    let places: Vec<usize> = (0..rows.num_columns()).collect();
    for (late, in_file) in [(&[0][..], false), (&[0, 2], true), (&[1], true)] {
        let others: Vec<usize> = (places.iter().copied())
            .filter(|place| !late.contains(place))
            .collect();
        let [others, of_late] = [&others, late].map(|of| rows.project(of).unwrap());
        let mut writer =
            ParquetWriter::new(Vec::new(), rows.schema(), &FileMetadata::default()).unwrap();
        writer.late_columns(late);
        if in_file {
            writer.hold_nothing();
        }
        let run = |jobs: Vec<super::EncodeJob>| jobs.into_iter().for_each(super::EncodeJob::run);
        assert!(
            writer.push_late(&of_late.slice(0, 1)).is_err(),
            "no row is there"
        );
        run(writer.push(&others).unwrap());
        run(writer.finish_rows().unwrap());
        writer.settle().unwrap();
        assert_eq!(writer.unsettled(), 3, "they wait");
        let mut begin = 0;
        for rows in [5, 200_000, 99_995] {
            run(writer.push_late(&of_late.slice(begin, rows)).unwrap());
            writer.settle().unwrap();
            begin += rows;
        }
        assert_eq!(writer.unsettled(), 0);
        assert!(
            writer.push_late(&of_late.slice(0, 1)).is_err(),
            "a row too many"
        );
        assert!(writer.into_inner().unwrap() == whole);
    }
    let mut writer =
        ParquetWriter::new(Vec::new(), rows.schema(), &FileMetadata::default()).unwrap();
    writer.late_columns(&places[1..]);
    let first = rows.project(&[0]).unwrap();
    for job in writer.push(&first).unwrap() {
        job.run();
    }
    assert!(writer.into_inner().is_err(), "columns are missing");
}

#[test]
fn files_say_what_their_columns_are() {
    let columns = TableName::Packets.columns(Some(&["ts", "src_ip"])).unwrap();
    let metadata = FileMetadata {
        table: Some(TableName::Packets),
        pairs: vec![("netloom.note".to_owned(), "more".to_owned())],
    };
    let writer = ParquetWriter::new(Vec::new(), columns.schema(), &metadata).unwrap();
    let bytes = writer.into_inner().unwrap();
    let file = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
    let metadata = file.metadata().file_metadata();
    assert!(
        metadata
            .created_by()
            .unwrap()
            .starts_with("netloom version ")
    );
    let pairs = metadata.key_value_metadata().unwrap();
    let value = |key: &str| {
        let pair = pairs.iter().find(|pair| pair.key == key).unwrap();
        pair.value.as_deref().unwrap()
    };
    assert_eq!(value("netloom.table"), "packets");
    assert_eq!(value("netloom.note"), "more");
    let columns: serde_json::Value = serde_json::from_str(value("netloom.columns")).unwrap();
    assert_eq!(columns["ts"]["unit"], "ns since 1970, UTC");
    assert_eq!(columns["ts"]["doc"], "When the packet was captured.");
    assert_eq!(columns["src_ip"]["address"], "ip");
}

#[test]
fn every_table_has_a_schema_that_can_be_written() {
    for table in TableName::ALL {
        let schema = table.columns(None).unwrap().schema();
        let empty = RecordBatch::new_empty(Arc::clone(&schema));
        for format in TableFormat::ALL {
            let bytes = written(format, &schema, std::slice::from_ref(&empty));
            assert!(!bytes.is_empty() || format == TableFormat::JsonLines);
        }
        let read = read_parquet(written(TableFormat::Parquet, &schema, &[empty]));
        assert_eq!(read.schema(), schema, "{table}");
    }
}

proptest! {
    #[test]
    fn rows_are_read_as_they_were_written(
        rows in proptest::collection::vec(row(), 1..40),
        at in 0_usize..40,
    ) {
        let rows = batch(&rows);
        let schema = rows.schema();
        let parts = cut(&rows, at);
        // NaN is no equal: text tells.
        let show = |batch: &RecordBatch| format!("{batch:?}");

        let read = read_parquet(written(TableFormat::Parquet, &schema, &parts));
        prop_assert_eq!(show(&read), show(&concat_batches(&schema, &parts).unwrap()));

        let bytes = written(TableFormat::Arrow, &schema, &parts);
        let reader = arrow_ipc::reader::FileReader::try_new(Cursor::new(bytes), None).unwrap();
        let read: Vec<_> = reader.map(Result::unwrap).collect();
        prop_assert_eq!(show(&concat_batches(&schema, &read).unwrap()), show(&rows));

        let mut writer = ArrowWriter::stream(Vec::new(), Arc::clone(&schema)).unwrap();
        for part in &parts {
            writer.write(part).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let reader = arrow_ipc::reader::StreamReader::try_new(Cursor::new(bytes), None).unwrap();
        let read: Vec<_> = reader.map(Result::unwrap).collect();
        prop_assert_eq!(show(&concat_batches(&schema, &read).unwrap()), show(&rows));
    }
}
