//! What SCTP carries (RFC 9260), by the identifiers that its data chunks have for that.

use super::{Category, Protocol, diameter, h323, ssh};

const DATA: u8 = 0;
/// Data whose messages may be interleaved (RFC 8260).
const I_DATA: u8 = 64;
/// Flag: the first piece of a message.
const BEGINS: u8 = 2;
/// Where the payload protocol identifier stands in a chunk.
const PPID_OF_DATA: usize = 12;
const PPID_OF_I_DATA: usize = 16;

/// The service of an SCTP packet, whose `payload` begins with the first chunk: that of the first data chunk
/// whose payload protocol identifier (IANA's registry) is a protocol's own. `None` where no chunk has one.
///
/// ```
/// use netloom_decode::app::service_of_sctp;
/// let data = b"\0\x03\0\x14\0\0\0\x01\0\0\0\0\0\0\0\x03\x01\0\x03\x01";
/// assert_eq!(service_of_sctp(data).map(|service| service.name), Some("m3ua"));
/// ```
pub fn service_of_sctp(payload: &[u8]) -> Option<&'static Protocol> {
    let mut rest = payload;
    while let [kind, flags, high, low, ..] = *rest {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let at = match kind {
            DATA => Some(PPID_OF_DATA),
            // Later pieces have a number of theirs there.
            I_DATA if flags & BEGINS != 0 => Some(PPID_OF_I_DATA),
            _ => None,
        };
        let found = at
            // An empty message is no data (RFC 9260 section 3.3.1).
            .filter(|at| length > at + 4)
            .and_then(|at| super::wire::u32_at(rest, at))
            .and_then(by_identifier);
        if found.is_some() {
            return found;
        }
        // Chunks shorter than their header are none, and would be walked for ever.
        if length < 4 {
            return None;
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}

/// The protocols that have no detector, as what carries them tells them.
macro_rules! protocols {
    ($($name:literal $title:literal $($id:literal)|+;)*) => {
        fn by_identifier(identifier: u32) -> Option<&'static Protocol> {
            Some(match identifier {
                13 => &h323::PROTOCOL,
                45 => &ssh::PROTOCOL,
                46 | 47 => &diameter::PROTOCOL,
                $($($id)|+ => const {
                    &Protocol {
                        name: $name,
                        title: $title,
                        category: Category::Network,
                    }
                },)*
                _ => return None,
            })
        }

        #[cfg(test)]
        const NAMES: &[&str] = &[$($name),*];
    };
}

protocols! {
    "iua" "IUA" 1;
    "m2ua" "M2UA" 2;
    "m3ua" "M3UA" 3;
    "sua" "SUA" 4;
    "m2pa" "M2PA" 5;
    "v5ua" "V5UA" 6;
    "h248" "H.248" 7;
    "dua" "DUA" 10;
    "asap" "ASAP" 11;
    "enrp" "ENRP" 12;
    "s1ap" "S1AP" 18;
    "rua" "RUA" 19;
    "hnbap" "HNBAP" 20;
    "sbcap" "SBc-AP" 24;
    "nbap" "NBAP" 25;
    "x2ap" "X2AP" 27;
    "lcsap" "LCS-AP" 29;
    "sabp" "SABP" 31;
    "rna" "RNA" 42;
    "m2ap" "M2AP" 43;
    "m3ap" "M3AP" 44;
    "xwap" "XwAP" 58;
    "ngap" "NGAP" 60 | 66;
    "xnap" "XnAP" 61 | 67;
    "f1ap" "F1AP" 62 | 68;
    "e1ap" "E1AP" 64 | 69;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A chunk, padded.
    fn chunk(kind: u8, flags: u8, body: &[u8]) -> Vec<u8> {
        let mut chunk = vec![kind, flags];
        chunk.extend((body.len() as u16 + 4).to_be_bytes());
        chunk.extend(body);
        chunk.resize(chunk.len().next_multiple_of(4), 0);
        chunk
    }

    /// A data chunk with this identifier and three bytes.
    fn data(identifier: u32) -> Vec<u8> {
        let mut body = vec![0, 0, 0, 1, 0, 0, 0, 0];
        body.extend(identifier.to_be_bytes());
        body.extend([1, 2, 3]);
        chunk(DATA, 3, &body)
    }

    fn name(payload: &[u8]) -> Option<&'static str> {
        service_of_sctp(payload).map(|service| service.name)
    }

    #[test]
    fn data_names_its_protocol() {
        assert_eq!(name(&data(18)), Some("s1ap"));
        assert_eq!(name(&data(60)), Some("ngap"));
        assert_eq!(name(&data(46)), Some("diameter"));
        assert_eq!(name(&data(45)), Some("ssh"));
        // Not told, and not known.
        assert_eq!(name(&data(0)), None);
        assert_eq!(name(&data(0x1234_5678)), None);
    }

    #[test]
    fn chunks_before_the_data_are_passed_over() {
        let mut packet = chunk(3, 0, &[0; 12]);
        packet.extend(chunk(4, 0, &[0, 1, 0, 5, 7]));
        packet.extend(data(0));
        packet.extend(data(3));
        assert_eq!(name(&packet), Some("m3ua"));
        // Cut in the identifier.
        assert_eq!(name(&packet[..packet.len() - 5]), None);
    }

    #[test]
    fn later_pieces_of_interleaved_data_have_no_identifier() {
        let mut body = vec![0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
        body.extend(27_u32.to_be_bytes());
        body.push(9);
        assert_eq!(name(&chunk(I_DATA, BEGINS, &body)), Some("x2ap"));
        assert_eq!(name(&chunk(I_DATA, 0, &body)), None);
    }

    #[test]
    fn data_of_no_bytes_tells_nothing() {
        let mut body = vec![0, 0, 0, 1, 0, 0, 0, 0];
        body.extend(3_u32.to_be_bytes());
        assert_eq!(name(&chunk(DATA, 3, &body)), None);
    }

    #[test]
    fn names_are_told_once() {
        let mut names = NAMES.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), NAMES.len());
        assert!(
            names
                .iter()
                .all(|name| crate::app::by_name(name).is_none_or(|known| known.name == *name))
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_walked(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(service) = service_of_sctp(&bytes) {
                prop_assert!(!service.name.is_empty());
            }
        }
    }
}
