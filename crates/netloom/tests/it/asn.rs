//! `export hosts --asn-db`, with databases made here.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use crate::common::{example, stderr, stdout};

/// A text of MaxMind's data format: type 2 and its length above 28 in a byte of its own.
fn text(value: &str) -> Vec<u8> {
    let mut out = match value.len() {
        length @ 0..29 => vec![0x40 | length as u8],
        length => vec![0x40 + 29, (length - 29) as u8],
    };
    out.extend_from_slice(value.as_bytes());
    out
}

/// Unsigned numbers of 16 (5), 32 (6) and 64 bits (an extended type: 9 - 7).
fn number(kind: u8, value: u32) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let bytes = if kind == 5 { &bytes[2..] } else { &bytes[..] };
    let mut out = match kind {
        9 => vec![bytes.len() as u8, 2],
        kind => vec![kind << 5 | bytes.len() as u8],
    };
    out.extend_from_slice(bytes);
    out
}

fn map(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = vec![0xe0 | pairs.len() as u8];
    for (key, value) in pairs {
        out.extend(text(key));
        out.extend_from_slice(value);
    }
    out
}

/// A database of IPv4 in which one network (/24) has an entry.
fn database(kind: &str, network: Ipv4Addr, entry: &[(&str, Vec<u8>)]) -> Vec<u8> {
    const NODES: u32 = 24;
    let mut out = Vec::new();
    for depth in 0..NODES {
        let bit = u32::from(network) >> (31 - depth) & 1;
        // The last record points behind the separator, at the start of the data.
        let next = if depth + 1 < NODES {
            depth + 1
        } else {
            NODES + 16
        };
        let records = if bit == 0 {
            [next, NODES]
        } else {
            [NODES, next]
        };
        for record in records {
            out.extend_from_slice(&record.to_be_bytes()[1..]);
        }
    }
    out.extend_from_slice(&[0; 16]);
    out.extend(map(entry));
    out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    out.extend(map(&[
        ("binary_format_major_version", number(5, 2)),
        ("binary_format_minor_version", number(5, 0)),
        ("build_epoch", number(9, 1_700_000_000)),
        ("database_type", text(kind)),
        ("description", map(&[("en", text("made by a test"))])),
        ("ip_version", number(5, 4)),
        // An array (an extended type: 11 - 7) of nothing.
        ("languages", vec![0, 4]),
        ("node_count", number(6, NODES)),
        ("record_size", number(5, 24)),
    ]));
    out
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// An address of the example that is public, and the systems that the table has for all.
fn systems(database: &Path) -> (Vec<String>, String) {
    let args = [
        "export",
        "hosts",
        path(&example()),
        "--columns",
        "ip,asn,as_name",
    ]
    .map(str::to_owned);
    let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
    args.extend(["--asn-db", path(database)]);
    let csv = stdout(&args);
    let rows = csv.lines().skip(1).map(str::to_owned).collect();
    (rows, csv)
}

#[test]
fn systems_stand_in_hosts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("asn.mmdb");
    let hosts = stdout(&["export", "hosts", path(&example()), "--columns", "ip"]);
    let address: Ipv4Addr = hosts
        .lines()
        .filter_map(|line| line.parse::<Ipv4Addr>().ok())
        .find(|address| !address.is_multicast() && !address.is_broadcast())
        .unwrap();
    let network = Ipv4Addr::from(u32::from(address) & 0xffff_ff00);
    for (kind, entry) in [
        (
            "GeoLite2-ASN",
            vec![
                ("autonomous_system_number", number(6, 64_496)),
                ("autonomous_system_organization", text("Example, Inc.")),
            ],
        ),
        (
            "ipinfo generic_asn_free.mmdb",
            vec![("asn", text("AS64496")), ("name", text("Example, Inc."))],
        ),
    ] {
        fs::write(&file, database(kind, network, &entry)).unwrap();
        let (rows, csv) = systems(&file);
        let expected = format!("{address},64496,\"Example, Inc.\"");
        assert!(rows.contains(&expected), "{kind}: {csv}");
        // Those of other networks have none.
        let named = rows.iter().filter(|row| row.contains("64496")).count();
        assert!(named < rows.len(), "{csv}");
        assert!(rows.iter().any(|row| row.ends_with(",,")), "{csv}");
    }
}

#[test]
fn what_is_no_such_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.mmdb");
    let refused = |data: &[u8]| {
        fs::write(&file, data).unwrap();
        let args =
            ["export", "hosts", path(&example()), "--asn-db", path(&file)].map(str::to_owned);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        stderr(&args, 3)
    };
    let said = refused(&database("GeoLite2-City", Ipv4Addr::new(192, 0, 2, 0), &[]));
    assert!(
        said.contains("other.mmdb") && said.contains("GeoLite2-City"),
        "{said}"
    );
    let said = refused(b"no database");
    assert!(
        said.contains("other.mmdb") && said.contains("GeoLite2-ASN"),
        "{said}"
    );
}
