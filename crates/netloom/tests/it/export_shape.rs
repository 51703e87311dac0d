//! `netloom export` with other addresses and names, and in another order.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use netloom::tables::anonymize::{AnonymizeKey, Anonymizer, Identity};
use netloom::tables::read::{ReadOptions, read_table};
use netloom::tables::{TableName, format_csv};

use crate::common::{example, run, stderr, stdout};

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Rows as JSON: the names of the columns are those of the table.
fn rows(arguments: &[&str]) -> Vec<serde_json::Map<String, serde_json::Value>> {
    let mut all = vec!["export"];
    all.extend(arguments);
    all.extend(["--format", "jsonl"]);
    stdout(&all)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// All columns of a table, those too that are made only when they are named.
fn all_columns(table: TableName) -> String {
    let names = table.definition().columns.iter().map(|column| column.name);
    names.collect::<Vec<_>>().join(",")
}

/// What stays is the same in every row; what is replaced is so one for one, the same in all tables.
#[test]
fn anonymised_tables_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, KEY).unwrap();
    // What is of one kind is one name for the same thing everywhere.
    let mut forth: HashMap<(Identity, String), String> = HashMap::new();
    let mut back: HashMap<(Identity, String), String> = HashMap::new();
    let mut replaced = BTreeSet::new();
    for table in TableName::ALL {
        let example = example();
        let columns = all_columns(table);
        // Hosts stand in the order of the addresses that are written.
        let order: &[&str] = match table {
            TableName::Hosts => &["--sort", "bytes_sent,bytes_received,first_seen,last_seen"],
            _ => &[],
        };
        let mut arguments = vec![table.name(), text(&example), "--columns", &columns];
        arguments.extend(order);
        let original = rows(&arguments);
        arguments.extend(["--anonymize-key", text(&key)]);
        let anonymised = rows(&arguments);
        assert_eq!(original.len(), anonymised.len(), "{table}");
        for column in &table.definition().columns {
            let identity = Identity::of(column);
            let mut one = original.iter().map(|row| &row[column.name]);
            let mut other = anonymised.iter().map(|row| &row[column.name]);
            if identity == Identity::Nothing {
                assert!(one.eq(other), "{table}.{}", column.name);
                continue;
            }
            for (one, other) in one.by_ref().zip(other.by_ref()) {
                let cells = |value: &serde_json::Value| -> Vec<String> {
                    match value {
                        serde_json::Value::Null => Vec::new(),
                        serde_json::Value::Array(cells) => {
                            cells.iter().map(ToString::to_string).collect()
                        }
                        value => vec![value.to_string()],
                    }
                };
                assert_eq!(one.is_null(), other.is_null(), "{table}.{}", column.name);
                let (one, other) = (cells(one), cells(other));
                assert_eq!(one.len(), other.len(), "{table}.{}", column.name);
                for (one, other) in one.into_iter().zip(other) {
                    if one != other {
                        replaced.insert(format!("{table}.{}", column.name));
                    }
                    let place = forth.entry((identity, one.clone()));
                    assert_eq!(*place.or_insert_with(|| other.clone()), other);
                    let place = back.entry((identity, other));
                    assert_eq!(*place.or_insert_with(|| one.clone()), one);
                }
            }
        }
        // No name is left of those that the original has.
        for row in &anonymised {
            if let Some(name) = row.get("server_name").and_then(|name| name.as_str()) {
                let known = original.iter().any(|row| row["server_name"] == *name);
                assert!(!known, "{table}: {name}");
            }
            if let Some(domain) = row.get("domain").and_then(|domain| domain.as_str()) {
                let name = row["server_name"].as_str().unwrap();
                assert!(name.ends_with(domain), "{name} {domain}");
            }
        }
    }
    for column in [
        "packets.src_ip",
        "packets.src_mac",
        "packets.payload",
        "packets.info",
        "flows.dst_ip",
        "flows.flow_id",
        "flows.community_id",
        "flows.server_name",
        "dns.query",
        "dns.answers",
        "tls.server_name",
        "http.host",
        "http.uri",
        "hosts.hostname",
        "hosts.ip",
    ] {
        assert!(replaced.contains(column), "{column}: {replaced:?}");
    }
    let anonymizer = Anonymizer::new(&AnonymizeKey::parse(KEY.as_bytes()).unwrap());
    let address = anonymizer.ip("10.77.20.6".parse().unwrap()).to_string();
    let mapped = &forth[&(Identity::Address, "\"10.77.20.6\"".to_owned())];
    assert_eq!(*mapped, format!("{address:?}"));
}

#[test]
fn keys() {
    let folder = tempfile::tempdir().unwrap();
    let (example, key) = (example(), folder.path().join("key"));
    let arguments = ["export", "flows", text(&example), "--columns", "src_ip"];
    let with = |more: &[&str]| -> String { stdout(&[arguments.as_slice(), more].concat()) };
    // A key of the run: another one each time.
    let (one, other) = (with(&["--anonymize"]), with(&["--anonymize"]));
    assert_ne!(one, other);
    // One that is kept is made once.
    let one = with(&["--anonymize-key", text(&key)]);
    let made = fs::read_to_string(&key).unwrap();
    AnonymizeKey::parse(made.as_bytes()).unwrap();
    assert_eq!(with(&["--anonymize", "--anonymize-key", text(&key)]), one);
    assert_eq!(fs::read_to_string(&key).unwrap(), made);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // What is no key is not taken for one, and stays.
    fs::write(&key, "secret\n").unwrap();
    let mut wrong = arguments.to_vec();
    wrong.extend(["--anonymize-key", text(&key)]);
    let said = stderr(&wrong, 2);
    assert!(
        said.contains("key: a key is 32 bytes, or 64 hexadecimal digits; this has 6 characters"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(&key).unwrap(), "secret\n");
    let mut nowhere = arguments.to_vec();
    nowhere.extend(["--anonymize-key", text(folder.path())]);
    assert!(stderr(&nowhere, 3).contains("cannot be read"));
}

/// The values of a row, each with where it stands.
fn leaves(place: &str, value: &serde_json::Value, out: &mut Vec<(String, serde_json::Value)>) {
    match value {
        serde_json::Value::Object(members) => {
            for (key, value) in members {
                leaves(&format!("{place}.{key}"), value, out);
            }
        }
        serde_json::Value::Array(items) => {
            for item in items {
                leaves(&format!("{place}[]"), item, out);
            }
        }
        value => out.push((place.to_owned(), value.clone())),
    }
}

#[test]
fn profiles_are_anonymised_as_tables_are() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, KEY).unwrap();
    let anonymizer = Anonymizer::new(&AnonymizeKey::parse(KEY.as_bytes()).unwrap());
    let example = example();
    let mut addresses = BTreeSet::new();
    for (profile, tables) in [
        ("simple", &["packets"][..]),
        ("nfstream", &["flows"]),
        ("cic", &["flows"]),
        ("zeek", &["flows", "dns", "http", "tls"]),
        ("eve", &["flows", "dns", "http", "tls"]),
        ("ecs", &["flows", "dns", "http", "tls"]),
    ] {
        for table in tables {
            let mut arguments = vec![*table, text(&example), "--profile", profile];
            let original = rows(&arguments);
            arguments.extend(["--anonymize-key", text(&key)]);
            let anonymised = rows(&arguments);
            assert_eq!(original.len(), anonymised.len(), "{profile} {table}");
            // One for one, at each place.
            let mut forth: HashMap<(String, String), String> = HashMap::new();
            let mut back: HashMap<(String, String), String> = HashMap::new();
            for (one, other) in original.iter().zip(&anonymised) {
                let (mut ones, mut others) = (Vec::new(), Vec::new());
                for (row, leaves_of_row) in [(one, &mut ones), (other, &mut others)] {
                    let row = serde_json::Value::Object(row.clone());
                    leaves("", &row, leaves_of_row);
                }
                assert_eq!(ones.len(), others.len(), "{one:?} {other:?}");
                for ((place, one), (other_place, other)) in ones.into_iter().zip(others) {
                    assert_eq!(place, other_place);
                    if !one.is_string() && place != ".flow_id" {
                        assert_eq!(one, other, "{profile} {table} {place}");
                    }
                    let address = one.as_str().and_then(|text| text.parse::<IpAddr>().ok());
                    if let Some(address) = address {
                        assert_eq!(other.as_str(), Some(&*anonymizer.ip(address).to_string()));
                        addresses.insert(format!("{profile} {table} {place}"));
                    }
                    let (one, other) = (one.to_string(), other.to_string());
                    let stood = forth.entry((place.clone(), one.clone()));
                    assert_eq!(*stood.or_insert_with(|| other.clone()), other, "{place}");
                    let stood = back.entry((place, other));
                    assert_eq!(*stood.or_insert_with(|| one.clone()), one);
                }
            }
            for row in &anonymised {
                let row = serde_json::to_string(row).unwrap();
                for said in ["office.example", "\"10.77.0.", "\"fd77::1", "\"ben\""] {
                    assert!(!row.contains(said), "{profile} {table}: {said} in {row}");
                }
            }
        }
    }
    for place in [
        "simple packets .Source IP",
        "nfstream flows .src_ip",
        "cic flows .Dst IP",
        "zeek flows .id.orig_h",
        "zeek dns .answers[]",
        "eve dns .dns.answers[].rdata",
        "ecs dns .dns.resolved_ip[]",
        "ecs tls .destination.ip",
    ] {
        assert!(addresses.contains(place), "{place}: {addresses:?}");
    }
}

#[test]
fn hosts_do_not_tell_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, KEY).unwrap();
    let example = example();
    let hosts = stdout(&[
        "export",
        "hosts",
        text(&example),
        "--columns",
        "ip",
        "--anonymize-key",
        text(&key),
    ]);
    let addresses: Vec<IpAddr> = (hosts.lines().skip(1))
        .map(|line| line.parse().unwrap())
        .collect();
    assert!(addresses.len() > 10 && addresses.is_sorted());
}

#[test]
fn sorted_rows() {
    let example = example();
    let plain = rows(&["packets", text(&example), "--columns", "number,len,src_ip"]);
    let sorted = |sort: &str| {
        rows(&[
            "packets",
            text(&example),
            "--columns",
            "number,len,src_ip",
            "--sort",
            sort,
        ])
    };
    let mut wanted = plain.clone();
    // Ties keep their order.
    wanted.sort_by_key(|row| std::cmp::Reverse(row["len"].as_u64()));
    assert_eq!(sorted("len:desc"), wanted);
    let mut wanted = plain.clone();
    let address = |row: &serde_json::Map<String, serde_json::Value>| {
        let address: Option<IpAddr> = row["src_ip"].as_str().map(|ip| ip.parse().unwrap());
        // Nulls are last.
        (address.is_none(), address)
    };
    wanted.sort_by_key(|row| (address(row), std::cmp::Reverse(row["number"].as_u64())));
    assert_eq!(sorted("src_ip,number:desc"), wanted);
    // By a column that is not written, in a profile, too.
    let by_number = rows(&[
        "packets",
        text(&example),
        "--columns",
        "len",
        "--sort",
        "number:desc",
    ]);
    let lengths = plain.iter().rev().map(|row| &row["len"]);
    assert!(by_number.iter().map(|row| &row["len"]).eq(lengths));
    assert_eq!(by_number[0].len(), 1);
    let simple = rows(&[
        "packets",
        text(&example),
        "--profile",
        "simple",
        "--sort",
        "number:desc",
    ]);
    let mut forward = rows(&["packets", text(&example), "--profile", "simple"]);
    forward.reverse();
    assert_eq!(simple, forward);
    for (sort, said) in [
        ("strat", "did you mean 'start'?"),
        ("start:up", "'up' is neither asc nor desc"),
        ("start,start", "named twice"),
    ] {
        let said_so = stderr(&["export", "flows", text(&example), "--sort", sort], 2);
        assert!(said_so.contains(said), "{said_so}");
    }
}

#[test]
fn rows_for_which_a_condition_holds() {
    let example = example();
    let all = rows(&[
        "packets",
        text(&example),
        "--columns",
        "number,len,src_ip,dst_port,server_name",
    ]);
    let of = |condition: &str, more: &[&str]| {
        let arguments = ["packets", text(&example), "--where", condition];
        rows(&[&arguments[..], more].concat())
    };
    let numbers = |rows: &[serde_json::Map<String, serde_json::Value>]| -> Vec<u64> {
        rows.iter()
            .map(|row| row["number"].as_u64().unwrap())
            .collect()
    };
    let wanted = |holds: &dyn Fn(&serde_json::Map<String, serde_json::Value>) -> bool| {
        let rows: Vec<_> = all.iter().filter(|row| holds(row)).cloned().collect();
        assert!(!rows.is_empty() && rows.len() < all.len());
        numbers(&rows)
    };
    // By the scan alone, by what is written, and by what is not.
    let port = |row: &serde_json::Map<String, serde_json::Value>| row["dst_port"] == 53;
    assert_eq!(numbers(&of("dst_port = 53", &[])), wanted(&port));
    let large = wanted(&|row| row["len"].as_u64().unwrap() % 7 == 0);
    assert_eq!(numbers(&of("len % 7 = 0", &[])), large);
    let only_number = of(
        "len % 7 = 0 AND dst_port IS NOT NULL",
        &["--columns", "number"],
    );
    assert_eq!(only_number[0].len(), 1);
    assert_eq!(
        numbers(&only_number),
        wanted(&|row| row["len"].as_u64().unwrap() % 7 == 0 && !row["dst_port"].is_null())
    );
    let named = of(
        "server_name LIKE '%.office.example'",
        &["--columns", "number", "--sort", "number:desc"],
    );
    let mut by_name = wanted(&|row| {
        let name = row["server_name"].as_str();
        name.is_some_and(|name| name.ends_with(".office.example"))
    });
    by_name.reverse();
    assert_eq!(numbers(&named), by_name);
    // Of the original, whatever is written for it, under whatever name.
    let private = of(
        "in_subnet(src_ip, '10.77.0.10/32')",
        &["--columns", "number,src_ip", "--anonymize"],
    );
    assert_eq!(
        numbers(&private),
        wanted(&|row| row["src_ip"] == "10.77.0.10")
    );
    assert!(private.iter().all(|row| row["src_ip"] != "10.77.0.10"));
    let simple = of("dst_port = 53", &["--profile", "simple"]);
    assert_eq!(simple.len(), wanted(&port).len());
    // Hosts and the timeline are made at the end.
    let hosts = rows(&[
        "hosts",
        text(&example),
        "--where",
        "packets_sent > 100",
        "--columns",
        "packets_sent",
    ]);
    assert!(!hosts.is_empty());
    assert!(
        hosts
            .iter()
            .all(|row| row["packets_sent"].as_u64().unwrap() > 100)
    );
    for (condition, said) in [
        ("dst_prot = 53", "did you mean dst_port?"),
        ("dst_port", "true or false"),
        ("count(*) > 1", "--where"),
        ("len = 1; DROP TABLE packets", "--where"),
        ("1 / (len - len) = 1", "--where"),
    ] {
        let said_so = stderr(
            &["export", "packets", text(&example), "--where", condition],
            2,
        );
        assert!(said_so.contains(said), "{condition}: {said_so}");
    }
}

/// More rows than are kept in memory, on one thread and on several.
#[test]
fn sorted_rows_that_do_not_fit_into_memory() {
    const COPIES: usize = 20;
    let folder = tempfile::tempdir().unwrap();
    let example = example();
    let mut bytes = Vec::new();
    for threads in ["1", "3"] {
        let file = folder.path().join(format!("{threads}.parquet"));
        let mut arguments = vec!["export", "packets"];
        arguments.extend([text(&example); COPIES]);
        arguments.extend(["--columns", "len,ts,payload", "--sort", "len,ts"]);
        arguments.extend(["--threads", threads, "-o", text(&file)]);
        run(&arguments, 0);
        bytes.push(fs::read(&file).unwrap());
    }
    assert!(bytes[0] == bytes[1]);
    let table = read_table(&folder.path().join("1.parquet"), &ReadOptions::default()).unwrap();
    let mut csv = Vec::new();
    for batch in &table.batches {
        format_csv(batch, &mut csv);
    }
    assert!(csv.len() > 50 << 20, "{} bytes are no test", csv.len());
    let rows = std::str::from_utf8(&csv).unwrap().lines();
    let rows: Vec<(u32, &str)> = rows
        .map(|row| {
            let mut cells = row.split(',');
            (
                cells.next().unwrap().parse().unwrap(),
                cells.next().unwrap(),
            )
        })
        .collect();
    assert_eq!(rows.len(), COPIES * 2_577);
    assert!(rows.is_sorted());
}
