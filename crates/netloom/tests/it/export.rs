//! `netloom export` into files of every format, and read back.

use std::fs;
use std::path::{Path, PathBuf};

use netloom::capture::file::{PcapResolution, PcapWriter};
use netloom::tables::read::{ReadOptions, read_table};
use netloom::tables::{TableName, csv_header, format_csv};
use netloom::{OpenOptions, Packet, PacketBatch, PacketSource as _, Timestamp};
use netloom_packet::{LinkType, PacketSink as _};

use crate::common::{example, run, stderr, stdout};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A file's rows as CSV, as netloom's own reader has them.
fn rows(file: &Path) -> String {
    let table = read_table(file, &ReadOptions::default()).unwrap();
    let mut csv = Vec::new();
    csv_header(&table.schema, &mut csv);
    for batch in &table.batches {
        format_csv(batch, &mut csv);
    }
    String::from_utf8(csv).unwrap()
}

/// Columns that are known when flows have ended are written behind the others where rows are
/// written as they are made, and with them where there is a condition.
#[test]
fn late_columns_are_those_of_whole_rows() {
    let folder = tempfile::tempdir().unwrap();
    let example = example();
    for columns in [
        "number,service,len,server_name,flow_id,domain,src_ip,dst_ip,dst_mac,link_type,decode_error",
        "ts,domain",
        "flow_id,number",
        "flow_id,service",
        "number,service,info",
    ] {
        let export = |name: &str, more: &[&str]| {
            let file = folder.path().join(name);
            let words = ["export", "packets", text(&example), "--columns", columns];
            run(&[&words[..], &["-o", text(&file)], more].concat(), 0);
            fs::read(file).unwrap()
        };
        let apart = export("apart.parquet", &[]);
        assert!(
            apart == export("one.parquet", &["--threads", "1"]),
            "{columns}"
        );
        assert!(
            apart == export("whole.parquet", &["--where", "number > 0"]),
            "{columns}"
        );
        let csv = stdout(&["export", "packets", text(&example), "--columns", columns]);
        assert_eq!(rows(&folder.path().join("apart.parquet")), csv);
    }
}

/// Texts are made as places in a dictionary where rows are written as they are made.
#[test]
fn flows_as_they_are_made_are_those_with_a_condition() {
    let folder = tempfile::tempdir().unwrap();
    let example = example();
    let export = |name: &str, more: &[&str]| {
        let file = folder.path().join(name);
        let words = ["export", "flows", text(&example), "-o", text(&file)];
        run(&[&words[..], more].concat(), 0);
        fs::read(file).unwrap()
    };
    let as_made = export("as-made.parquet", &[]);
    let condition = ["--where", "first_packet_number > 0"];
    assert!(as_made == export("condition.parquet", &condition));
    assert!(as_made == export("one.parquet", &["--threads", "1"]));
}

#[test]
fn every_format_has_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let example = example();
    for table in TableName::ALL {
        let csv = stdout(&["export", table.name(), text(&example)]);
        for extension in ["parquet", "arrow"] {
            let file = folder.path().join(format!("{table}.{extension}"));
            run(
                &["export", table.name(), text(&example), "-o", text(&file)],
                0,
            );
            assert_eq!(rows(&file), csv, "{table} {extension}");
            // The same bytes on standard output: a stream for Arrow.
            let piped = run(
                &[
                    "export",
                    table.name(),
                    text(&example),
                    "--format",
                    extension,
                ],
                0,
            );
            let again = folder.path().join("piped");
            fs::write(&again, &piped.stdout).unwrap();
            assert_eq!(rows(&again), csv, "{table} {extension} piped");
            if extension == "parquet" {
                assert!(piped.stdout == fs::read(&file).unwrap());
            }
        }
    }
}

#[test]
fn files_are_the_same_for_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    for extension in ["parquet", "arrow"] {
        let mut files = Vec::new();
        for threads in ["1", "2", "5"] {
            let pattern = folder
                .path()
                .join(format!("{threads}-{{table}}.{extension}"));
            run(
                &[
                    "export",
                    "packets,flows,dns",
                    text(&example()),
                    "--threads",
                    threads,
                    "-o",
                    text(&pattern),
                ],
                0,
            );
            files.push(["packets", "flows", "dns"].map(|table| {
                fs::read(folder.path().join(format!("{threads}-{table}.{extension}"))).unwrap()
            }));
        }
        assert!(
            files.windows(2).all(|pair| pair[0] == pair[1]),
            "{extension}"
        );
    }
}

#[test]
fn several_tables_in_one_go() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("tables");
    let all = TableName::ALL.map(TableName::name).join(",");
    run(&["export", &all, text(&example()), "-o", text(&target)], 0);
    for table in TableName::ALL {
        let alone = stdout(&["export", table.name(), text(&example())]);
        let file = target.join(format!("{table}.csv"));
        assert_eq!(fs::read_to_string(file).unwrap(), alone, "{table}");
    }
    run(
        &[
            "export",
            "dns,tls",
            text(&example()),
            "-o",
            text(&target),
            "--format",
            "parquet",
        ],
        0,
    );
    assert!(target.join("dns.parquet").exists() && target.join("tls.parquet").exists());
    // A table alone goes where it is said, unless its name is asked for.
    let pattern = folder.path().join("one-{table}.jsonl");
    run(
        &["export", "http", text(&example()), "-o", text(&pattern)],
        0,
    );
    assert!(folder.path().join("one-http.jsonl").exists());
    for (arguments, said) in [
        (vec!["dns,tls"], "one output"),
        (
            vec!["dns,tls", "--columns", "ts", "-o", "x"],
            "--columns is for one table",
        ),
        (vec!["dns,dns", "-o", "x"], "named twice"),
        (vec!["dns,tsl", "-o", "x"], "dns, tls"),
        (
            vec!["dns", "--interval", "1s"],
            "--interval is for the timeline",
        ),
    ] {
        let example = example();
        let mut all = vec!["export", arguments[0], text(&example)];
        all.extend(&arguments[1..]);
        let said_so = stderr(&all, 2);
        assert!(said_so.contains(said), "{said_so}");
    }
}

#[test]
fn a_capture_in_three_files_is_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let parts = thirds(&example(), folder.path());
    let whole = folder.path().join("whole.pcap");
    // Each file has an interface of its own, and a row in `capture`.
    let but_interface: Vec<&str> = (TableName::Packets.definition().columns.iter())
        .map(|column| column.name)
        .filter(|name| *name != "interface")
        .collect();
    let but_interface = but_interface.join(",");
    for table in TableName::ALL {
        let columns: &[&str] = match table {
            TableName::Capture => continue,
            TableName::Packets => &["--columns", &but_interface],
            _ => &[],
        };
        let mut arguments = vec!["export", table.name()];
        arguments.extend(columns);
        arguments.extend(parts.iter().map(|part| text(part)));
        let mut of_whole = vec!["export", table.name(), text(&whole)];
        of_whole.extend(columns);
        assert_eq!(stdout(&arguments), stdout(&of_whole), "{table}");
        let (one, three) = (
            folder.path().join("1.parquet"),
            folder.path().join("3.parquet"),
        );
        of_whole.extend(["-o", text(&one)]);
        run(&of_whole, 0);
        arguments.extend(["-o", text(&three)]);
        run(&arguments, 0);
        assert!(
            fs::read(&one).unwrap() == fs::read(&three).unwrap(),
            "{table}"
        );
    }
}

/// Writes a capture's packets into `whole.pcap`, and as three files one after the other, which
/// come back.
fn thirds(capture: &Path, folder: &Path) -> Vec<PathBuf> {
    let mut source = netloom::open(&[capture], &OpenOptions::default()).unwrap();
    let mut packets = Vec::new();
    let mut batch = PacketBatch::default();
    while source.next_batch(&mut batch).unwrap() {
        for packet in batch.iter() {
            packets.push((
                packet.timestamp,
                packet.wire_len,
                packet.link_type,
                packet.data.to_vec(),
            ));
        }
    }
    let write = |name: &str, packets: &[(Timestamp, u32, LinkType, Vec<u8>)]| {
        let file = fs::File::create(folder.join(name)).unwrap();
        let mut writer = PcapWriter::new(name, file, PcapResolution::Nanoseconds);
        for (timestamp, wire_len, link_type, data) in packets {
            writer
                .write_packet(&Packet {
                    number: 1,
                    timestamp: *timestamp,
                    link_type: *link_type,
                    interface: 0,
                    wire_len: *wire_len,
                    data,
                })
                .unwrap();
        }
        writer.finish().unwrap();
        folder.join(name)
    };
    write("whole.pcap", &packets);
    let third = packets.len() / 3;
    vec![
        // Not in the order of their names.
        write("b.pcap", &packets[..third]),
        write("c.pcap", &packets[third..2 * third]),
        write("a.pcap", &packets[2 * third..]),
    ]
}

#[test]
fn an_interval_can_be_chosen() {
    let rows = stdout(&[
        "export",
        "timeline",
        text(&example()),
        "--interval",
        "10s",
        "--columns",
        "start,interval,packets",
    ]);
    let rows: Vec<&str> = rows.lines().skip(1).collect();
    assert!(rows.len() > 3);
    assert!(rows.iter().all(|row| row.contains(",10.0,")), "{rows:?}");
}
