//! Hellos of SSL 2, and those in its form that offer newer versions (RFC 5246, appendix E.2).

use crate::app::wire::Reader;

use super::hello::plausible_version;
use super::{Carrier, ClientHello, ServerHello};

/// A record of SSL 2 that begins a handshake, and the bytes it takes.
#[derive(Debug)]
pub(super) enum Hello<'a> {
    /// From the client.
    Client(ClientHello<'a>),
    /// From the server, with its certificate.
    Server(ServerHello<'a>, &'a [u8]),
}

/// Where a record of SSL 2 with a hello ends: its length, from its head of two bytes.
pub(super) fn record_len(data: &[u8]) -> Option<usize> {
    let &[high, low, kind, ..] = data else {
        return None;
    };
    // Only the form without padding begins a connection: the highest bit is set.
    (high & 0x80 != 0 && matches!(kind, 1 | 4))
        .then(|| (usize::from(high & 0x7f) << 8 | usize::from(low)) + 2)
}

/// Reads the hello in a whole record.
pub(super) fn parse(record: &[u8]) -> Option<Hello<'_>> {
    let mut reader = Reader::new(record.get(2..)?);
    match reader.u8()? {
        1 => {
            let version = reader.u16()?;
            let suites = usize::from(reader.u16()?);
            let session_id = usize::from(reader.u16()?);
            let challenge = usize::from(reader.u16()?);
            let sound = matches!(version, 0x0002 | 0x0300..=0x0303)
                && suites > 0
                && suites % 3 == 0
                && matches!(session_id, 0 | 16 | 32)
                && (16..=32).contains(&challenge)
                && suites + session_id + challenge == reader.len();
            if !sound {
                return None;
            }
            let suites = reader.take(suites)?.chunks_exact(3).filter_map(|suite| {
                let &[kind, high, low] = suite else {
                    return None;
                };
                // Those of SSL 2 itself need all three bytes and have no number in newer versions.
                (kind == 0).then(|| u16::from_be_bytes([high, low]))
            });
            Some(Hello::Client(ClientHello {
                carrier: Carrier::Tcp,
                record_version: 0x0002,
                version,
                cipher_suites: suites.collect(),
                session_id: reader.take(session_id)?,
                random: reader.take(challenge)?,
                ..ClientHello::default()
            }))
        }
        4 => {
            let _session_id_hit = reader.u8()?;
            let certificate_type = reader.u8()?;
            let version = reader.u16()?;
            let certificate = usize::from(reader.u16()?);
            let suites = usize::from(reader.u16()?);
            let connection_id = usize::from(reader.u16()?);
            let sound = version == 0x0002
                && plausible_version(version)
                && certificate_type <= 1
                && suites % 3 == 0
                && certificate + suites + connection_id == reader.len();
            if !sound {
                return None;
            }
            let certificate = reader.take(certificate)?;
            let hello = ServerHello {
                carrier: Carrier::Tcp,
                legacy_version: version,
                version,
                ..ServerHello::default()
            };
            Some(Hello::Server(hello, certificate))
        }
        _ => None,
    }
}
