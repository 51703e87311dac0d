//! The same figures as other programs give, where they are installed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::common::{example, netloom, root};

/// Standard output of another program; none if it is not installed.
#[expect(clippy::print_stdout, reason = "a test that compares nothing says why")]
fn peer(program: &str, arguments: &[&str], file: &Path) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .arg(file)
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .output();
    match output {
        Ok(output) => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Err(reason) => {
            println!("not compared: {program} cannot be run: {reason}");
            None
        }
    }
}

fn facts(file: &Path, more: &[&str]) -> Option<Value> {
    let output = netloom()
        .arg("report")
        .arg(file)
        .args(["--json", "-", "-q"])
        .args(more)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).ok()
}

/// Seconds since 1970 with nine decimals, as text, of an RFC 3339 time: exact, unlike a float.
fn epoch(time: &Value) -> Option<String> {
    let time = time.as_str()?.strip_suffix('Z')?;
    let (date, clock) = time.split_once('T')?;
    let mut parts = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let (clock, nanos) = clock.split_once('.').unwrap_or((clock, "000000000"));
    let mut parts = clock.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    // Days since 1970-01-01 in the Gregorian calendar, years beginning in March.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days =
        365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day
            - 1
            - 719_468;
    Some(format!(
        "{}.{nanos:0<9}",
        days * 86_400 + hour * 3_600 + minute * 60 + second
    ))
}

#[test]
fn times_are_converted_right() {
    let is = |text: &str| epoch(&Value::from(text)).unwrap();
    assert_eq!(is("1970-01-01T00:00:00Z"), "0.000000000");
    assert_eq!(is("2000-02-29T12:00:00.5Z"), "951825600.500000000");
    assert_eq!(is("2026-11-20T11:41:48.555373118Z"), "1795174908.555373118");
}

/// What `capinfos` counts in a capture: packets, bytes, first and last time.
fn capinfos(file: &Path) -> Option<[String; 4]> {
    let text = peer(
        "capinfos",
        &["-T", "-M", "-r", "-N", "-c", "-d", "-a", "-e", "-S"],
        file,
    )?;
    let row = text.lines().next()?;
    let mut cells = row.rsplit('\t').map(str::to_owned);
    let (last, first, bytes, packets) =
        (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
    Some([packets, bytes, first, last])
}

fn compare(file: &Path) -> Option<Result<(), String>> {
    let theirs = capinfos(file)?;
    let ours = facts(file, &[])?;
    // With this many decimals capinfos tells times; it has none for a capture without packets.
    let time = |name: &str, theirs: &str| {
        let digits = theirs.split_once('.').map_or(0, |(_, digits)| digits.len());
        epoch(&ours[name]).map_or_else(
            || "n/a".to_owned(),
            |time| {
                let (seconds, nanos) = time.split_once('.').unwrap_or((&time, ""));
                match digits {
                    0 => seconds.to_owned(),
                    digits => format!("{seconds}.{}", nanos.get(..digits).unwrap_or(nanos)),
                }
            },
        )
    };
    let ours = [
        ours["packets"].to_string(),
        ours["bytes"].to_string(),
        time("first_ts", &theirs[2]),
        time("last_ts", &theirs[3]),
    ];
    Some(if ours == theirs {
        Ok(())
    } else {
        Err(format!(
            "{}: {ours:?}, capinfos: {theirs:?}",
            file.display()
        ))
    })
}

#[test]
fn capinfos_counts_the_same_in_the_example() {
    if let Some(result) = compare(&example()) {
        result.unwrap();
    }
}

#[test]
fn capinfos_counts_the_same_in_many_captures() {
    let data = root().join("../shared/data");
    let Ok(list) = std::fs::read_to_string(data.join("CAPTURES.tsv")) else {
        println!("not compared: the shared captures are not there");
        return;
    };
    let captures: Vec<PathBuf> = list
        .lines()
        .skip(1)
        .filter_map(|row| row.split('\t').next())
        .map(|name| data.join(name))
        .filter(|path| path.is_file())
        .collect();
    // A sample that is the same each time: a linear congruential generator (Knuth, MMIX).
    let mut state = 2_026_u64;
    let mut compared = 0;
    let mut different = Vec::new();
    for _ in 0..40 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let Some(path) = captures.get((state >> 33) as usize % captures.len().max(1)) else {
            break;
        };
        match compare(path) {
            Some(Ok(())) => compared += 1,
            Some(Err(difference)) => different.push(difference),
            None => println!("not compared: {}", path.display()),
        }
    }
    println!("{compared} captures are the same");
    assert!(different.is_empty(), "{different:#?}");
}

/// Packets, bytes, packets sent, bytes sent, packets received, bytes received.
type Traffic = [u64; 6];

/// What tshark counts for each address.
fn endpoints(version: &str, file: &Path) -> Option<HashMap<String, Traffic>> {
    let statistic = format!("endpoints,{version}");
    let text = peer("tshark", &["-q", "-z", &statistic, "-r"], file)?;
    let rows = text.lines().filter_map(|row| {
        let mut cells = row.split_whitespace();
        let address: std::net::IpAddr = cells.next()?.parse().ok()?;
        let mut traffic = Traffic::default();
        for place in &mut traffic {
            *place = cells.next()?.parse().ok()?;
        }
        Some((address.to_string(), traffic))
    });
    Some(rows.collect())
}

/// Adds packets of the `packets` table that tshark counts for other addresses than we do.
fn add(counts: &mut HashMap<String, Traffic>, src: &str, dst: &str, packets: u64, bytes: u64) {
    for (address, direction) in [(src, 2), (dst, 4)] {
        let traffic = counts.entry(address.to_owned()).or_default();
        for (place, more) in [
            (0, packets),
            (1, bytes),
            (direction, packets),
            (direction + 1, bytes),
        ] {
            traffic[place] += more;
        }
    }
}

#[test]
fn tshark_counts_the_same_for_each_address_of_the_example() {
    let file = example();
    let (Some(mut theirs), Some(six)) = (endpoints("ip", &file), endpoints("ipv6", &file)) else {
        return;
    };
    theirs.extend(six);
    if theirs.is_empty() {
        println!("not compared: this tshark has no such statistic");
        return;
    }
    let facts = facts(&file, &["--top", "1000"]).unwrap();
    let mut ours: HashMap<String, Traffic> = facts["top_addresses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|address| {
            let fields = [
                "packets",
                "bytes",
                "packets_sent",
                "bytes_sent",
                "packets_received",
                "bytes_received",
            ];
            let traffic = fields.map(|field| address[field].as_u64().unwrap());
            (address["address"].as_str().unwrap().to_owned(), traffic)
        })
        .collect();

    // Two differences are meant. A packet in a tunnel counts for its inner addresses here; tshark
    // counts it for the outer ones, too. And tshark leaves out fragments of IPv6 but the one
    // that completes the datagram, while those of IPv4 all count.
    let rows = netloom()
        .args(["export", "packets"])
        .arg(&file)
        .args(["--columns", "number,src_ip,dst_ip,len,tunnel,fragment"])
        .args(["--format", "jsonl"])
        .output()
        .unwrap();
    let rows = String::from_utf8(rows.stdout).unwrap();
    let mut tunnelled = 0;
    let mut fragments: Vec<(String, String, u64)> = Vec::new();
    for row in rows.lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let len = row["len"].as_u64().unwrap();
        if row["tunnel"]
            .as_array()
            .is_some_and(|tunnel| !tunnel.is_empty())
        {
            tunnelled += 1;
        }
        if row["fragment"] == true && text("src_ip").contains(':') {
            fragments.push((text("src_ip"), text("dst_ip"), len));
        }
    }
    let (gateway, branch) = ("10.77.0.1", "10.77.0.200");
    let more = |ours: &HashMap<String, Traffic>, address: &str| {
        let (theirs, ours) = (theirs[address], ours[address]);
        std::array::from_fn::<u64, 6, _>(|place| theirs[place] - ours[place])
    };
    let (of_gateway, of_branch) = (more(&ours, gateway), more(&ours, branch));
    assert_eq!(of_gateway[0], tunnelled);
    assert_eq!(of_gateway[..2], of_branch[..2]);
    assert_eq!(of_gateway[2..4], of_branch[4..]);
    assert_eq!(of_gateway[4..], of_branch[2..4]);
    add(&mut ours, gateway, branch, of_gateway[2], of_gateway[3]);
    add(&mut ours, branch, gateway, of_gateway[4], of_gateway[5]);
    // Three fragments a datagram of 4,000 bytes, the last of which is the shortest.
    assert_eq!(fragments.len(), 12);
    let longest = fragments.iter().map(|fragment| fragment.2).max();
    for (src, dst, len) in &fragments {
        if Some(*len) == longest {
            add(&mut theirs, src, dst, 1, *len);
        }
    }
    let different: Vec<_> = theirs
        .iter()
        .filter(|(address, traffic)| ours.get(*address) != Some(*traffic))
        .map(|(address, traffic)| (address, traffic, ours.get(address)))
        .collect();
    assert!(different.is_empty(), "{different:#?}");
    assert_eq!(ours.len(), theirs.len());
}
