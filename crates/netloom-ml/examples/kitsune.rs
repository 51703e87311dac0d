//! Scores packets with Kitsune, for `compare/kitsune.py`.
//!
//! `kitsune MAPPING TRAINING` reads packets on standard input, a line each: nanoseconds, length, source
//! and destination hardware address, source and destination address, source and destination port,
//! protocol, between tabs. A score for each is printed, and on standard error the seconds it took.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "that is what it is for"
)]
#![expect(clippy::disallowed_methods, reason = "it measures")]

use std::error::Error;
use std::fmt::Write as _;
use std::io::Read as _;
use std::time::Instant;

use netloom_ml::anomaly::kitsune::{KitNetParams, KitsuneParams, Observation};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("MAPPING and TRAINING: packets each");
    let net = KitNetParams {
        feature_mapping_grace: next()?.parse()?,
        training_grace: next()?.parse()?,
        ..KitNetParams::default()
    };
    let mut kitsune = KitsuneParams {
        net,
        ..KitsuneParams::default()
    }
    .build()?;
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let packets = text.lines().map(packet).collect::<Result<Vec<_>, _>>()?;
    let begin = Instant::now();
    let scores: Vec<f64> = packets
        .iter()
        .map(|packet| kitsune.update(packet))
        .collect();
    eprintln!("{}", begin.elapsed().as_secs_f64());
    let mut out = String::new();
    for score in scores {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{score}");
    }
    print!("{out}");
    Ok(())
}

fn packet(line: &str) -> Result<Observation, Box<dyn Error>> {
    let cells: Vec<&str> = line.split('\t').collect();
    let [
        ts,
        len,
        src_mac,
        dst_mac,
        src,
        dst,
        src_port,
        dst_port,
        protocol,
    ] = cells[..]
    else {
        return Err(format!("nine cells, not {}: {line}", cells.len()).into());
    };
    let (src_mac, dst_mac) = (mac(src_mac), mac(dst_mac));
    Ok(Observation {
        ts: ts.parse()?,
        len: len.parse()?,
        src_mac,
        src: Observation::address(src.parse().ok(), src_mac),
        dst: Observation::address(dst.parse().ok(), dst_mac),
        src_port: src_port.parse().unwrap_or(0),
        dst_port: dst_port.parse().unwrap_or(0),
        protocol: protocol.parse().unwrap_or(0),
    })
}

fn mac(text: &str) -> [u8; 6] {
    let mut bytes = [0; 6];
    for (byte, digits) in bytes.iter_mut().zip(text.split(':')) {
        *byte = u8::from_str_radix(digits, 16).unwrap_or(0);
    }
    bytes
}
