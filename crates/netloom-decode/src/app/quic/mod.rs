//! QUIC (RFC 9000, RFC 9001; version 2, RFC 9369; drafts 21 to 34; mvfst; Google's from before).
//!
//! Initial packets are protected with keys that follow from a connection ID in clear: the
//! handshake's hellos can be read, and with them the server's name. Nothing behind them can.

mod connection;
mod frames;
mod google;
mod keys;
mod packet;
mod version;

#[cfg(test)]
mod tests;

use super::{Category, Detector, Guess, Over, Probe, Protocol};

use packet::{Kind, Long};

pub use version::Version;

/// QUIC.
pub static PROTOCOL: Protocol = Protocol {
    name: "quic",
    title: "QUIC",
    category: Category::Web,
};

/// Recognises QUIC by its long headers.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Udp,
    ports: &[443, 80, 784, 853, 4433, 8443, 8853],
    probe,
    parser: Some(|| Box::<connection::Quic>::default()),
};

/// Least datagram with a client's Initial packet (RFC 9000, section 14.1).
const INITIAL_DATAGRAM: usize = 1200;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data;
    let Some(&first) = data.first() else {
        return Guess::No;
    };
    if let Some((version, _)) = google::header(data)
        && !version.is_known()
    {
        return Guess::Certain;
    }
    if first & 0x80 == 0 {
        return if google::refused(data) {
            Guess::Certain
        } else {
            Guess::No
        };
    }
    let Some(packet) = Long::read(data, probe.wire_len) else {
        return Guess::No;
    };
    match packet.kind {
        // A version meant to be refused is only half of four known bytes.
        Kind::Initial if packet.version.is_grease() => {
            if first & 0x40 != 0 && probe.wire_len >= INITIAL_DATAGRAM && packet.dcid.len() >= 8 {
                Guess::Certain
            } else {
                Guess::No
            }
        }
        Kind::ZeroRtt | Kind::Handshake | Kind::Retry if packet.version.is_grease() => Guess::No,
        // The fixed bit (RFC 9000, section 17.2) beside a version of four known bytes.
        Kind::Initial | Kind::ZeroRtt | Kind::Handshake if first & 0x40 != 0 => Guess::Certain,
        Kind::Retry if first & 0x40 != 0 && !packet.scid.is_empty() => Guess::Certain,
        Kind::Negotiation => {
            let list = data
                .len()
                .saturating_sub(7 + packet.dcid.len() + packet.scid.len());
            let known =
                |version: Version| version.is_known() || version.is_grease() || version.is_google();
            if list >= 4 && list.is_multiple_of(4) && packet.versions().any(known) {
                Guess::Certain
            } else {
                Guess::No
            }
        }
        // A draft of the future, or of long ago.
        Kind::Unknown
            if first & 0x40 != 0
                && probe.wire_len >= INITIAL_DATAGRAM
                && (8..=packet::CID_MAX).contains(&packet.dcid.len())
                && packet.scid.len() <= packet::CID_MAX
                && packet.version.0 >> 8 == 0x00ff_0000 =>
        {
            Guess::Unsure
        }
        _ => Guess::No,
    }
}
