//! A line for each packet.

use std::fmt::Write as _;
use std::io::{self, Write};

use netloom::decode::{DecodeOptions, Decoded, Network, decode_into};
use netloom::pipeline::packet::MacAddr;
use netloom::tables::{PacketRow, info, protocol_name};
use netloom::{Packet, Timestamp};

use crate::clock;

/// Prints packets as they come: time, from, to, what.
///
/// Nothing of a packet's own text gets into a line, only numbers and our own names for them.
pub(crate) struct Lines {
    names: Vec<String>,
    decoded: Decoded,
    text: String,
    /// The second that the time of day was last told for, and what it was.
    second: i64,
    time: String,
}

impl Lines {
    /// `names` are those of the interfaces, shown where there are several.
    pub(crate) fn new(names: Vec<String>) -> Self {
        Self {
            names,
            decoded: Decoded::default(),
            text: String::new(),
            second: i64::MIN,
            time: String::new(),
        }
    }

    /// Adds the line of a packet.
    pub(crate) fn packet(&mut self, packet: &Packet<'_>) {
        decode_into(packet, DecodeOptions::default(), &mut self.decoded);
        let row = PacketRow::new(packet, &self.decoded);
        let what = info(&row);
        self.tell_time(packet.timestamp);
        let micros = packet.timestamp.as_nanos().rem_euclid(1_000_000_000) / 1000;
        let text = &mut self.text;
        // Writing to a string does not fail.
        _ = write!(text, "{}.{micros:06} ", self.time);
        if self.names.len() > 1
            && let Some(name) = self.names.get(packet.interface as usize)
        {
            _ = write!(text, "{name} ");
        }
        let decoded = &self.decoded;
        if let Some(ip) = &decoded.ip {
            let ports = decoded.src_port != 0 || decoded.dst_port != 0;
            endpoint(text, ip.src, ports.then_some(decoded.src_port));
            text.push_str(" > ");
            endpoint(text, ip.dst, ports.then_some(decoded.dst_port));
            text.push_str(": ");
            match protocol_name(ip.protocol) {
                Some(name) => text.push_str(name),
                None => _ = write!(text, "protocol {}", ip.protocol),
            }
            text.push(' ');
        } else {
            station(text, decoded.src_mac);
            text.push_str(" > ");
            station(text, decoded.dst_mac);
            text.push_str(": ");
            if matches!(decoded.network, Network::Arp | Network::Rarp) {
                text.push_str("ARP ");
            }
        }
        if let Some(what) = what {
            // The ports stand in front already.
            let rest = what.split_once(" → ").map_or(what.as_str(), |(_, rest)| {
                rest.split_once(' ').map_or(rest, |(_, rest)| rest)
            });
            text.push_str(if decoded.src_port != 0 || decoded.dst_port != 0 {
                rest
            } else {
                &what
            });
        }
        if let Some(stop) = decoded.stopped {
            _ = write!(text, " [{stop}]");
        }
        _ = writeln!(text, ", length {}", packet.wire_len);
    }

    /// Prints what was added.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        let done = stdout
            .write_all(self.text.as_bytes())
            .and_then(|()| stdout.flush());
        self.text.clear();
        done
    }

    /// Whether there is much to print.
    pub(crate) fn is_full(&self) -> bool {
        self.text.len() >= 64 * 1024
    }

    fn tell_time(&mut self, at: Timestamp) {
        let second = at.as_secs();
        if second != self.second {
            self.second = second;
            let local = at.plus_nanos(clock::utc_offset(at) * 1_000_000_000);
            let (_, _, _, hour, minute, second, _) = local.to_civil();
            self.time = format!("{hour:02}:{minute:02}:{second:02}");
        }
    }
}

fn endpoint(text: &mut String, address: std::net::IpAddr, port: Option<u16>) {
    _ = match (address, port) {
        (std::net::IpAddr::V6(address), Some(port)) => write!(text, "[{address}]:{port}"),
        (address, Some(port)) => write!(text, "{address}:{port}"),
        (address, None) => write!(text, "{address}"),
    };
}

fn station(text: &mut String, address: Option<MacAddr>) {
    _ = match address {
        Some(address) => write!(text, "{address}"),
        None => write!(text, "?"),
    };
}
