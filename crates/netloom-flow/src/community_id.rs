//! Community ID v1: a flow identifier that many tools agree on.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use crate::icmp;

/// The Community ID v1 of a flow with seed 0, as `1:` and base64 of a SHA-1.
///
/// Either direction gives the same. For ICMP (1) and ICMPv6 (58), `src_port` is the type and
/// `dst_port` the code of the message. Ports count for TCP, UDP, SCTP and the two ICMPs
/// alone; pass 0 for others.
///
/// ```
/// let id = netloom_flow::community_id(
///     "128.232.110.120".parse().unwrap(), "66.35.250.204".parse().unwrap(), 34855, 80, 6);
/// assert_eq!(id, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
/// ```
pub fn community_id(
    src: IpAddr,
    dst: IpAddr,
    src_port: u16,
    dst_port: u16,
    protocol: u8,
) -> String {
    let (mut src_port, mut dst_port, mut one_way) = (src_port, dst_port, false);
    if let 1 | 58 = protocol {
        let ports = icmp::ports(protocol == 58, src_port as u8, dst_port as u8);
        (src_port, dst_port, one_way) = (ports.src, ports.dst, ports.one_way);
    }
    let has_ports = matches!(protocol, 1 | 6 | 17 | 58 | 132);
    if !has_ports {
        (src_port, dst_port) = (0, 0);
    }
    let (mut a, mut b) = ((src, src_port), (dst, dst_port));
    if !one_way && a > b {
        std::mem::swap(&mut a, &mut b);
    }

    let mut hash = Sha1::new();
    hash.update(0_u16.to_be_bytes());
    for (address, _) in [a, b] {
        match address {
            IpAddr::V4(address) => hash.update(address.octets()),
            IpAddr::V6(address) => hash.update(address.octets()),
        }
    }
    hash.update([protocol, 0]);
    if has_ports {
        hash.update(a.1.to_be_bytes());
        hash.update(b.1.to_be_bytes());
    }
    // Base64 of the hash's 20 bytes.
    let mut text = [0; 28];
    let len = STANDARD.encode_slice(hash.finalize(), &mut text);
    debug_assert_eq!(len, Ok(text.len()));
    let text = std::str::from_utf8(&text).unwrap_or_default();
    ["1:", text].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors from the specification's reference output.
    #[test]
    fn vectors() {
        for (src, dst, sport, dport, protocol, expected) in [
            (
                "66.35.250.204",
                "128.232.110.120",
                80,
                34855,
                6,
                "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
            ),
            (
                "192.168.1.52",
                "8.8.8.8",
                54585,
                53,
                17,
                "1:d/FP5EW3wiY1vCndhwleRRKHowQ=",
            ),
            (
                "192.168.0.89",
                "192.168.0.1",
                8,
                0,
                1,
                "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=",
            ),
            (
                "192.168.0.1",
                "192.168.0.89",
                0,
                0,
                1,
                "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=",
            ),
        ] {
            let id = community_id(
                src.parse().unwrap(),
                dst.parse().unwrap(),
                sport,
                dport,
                protocol,
            );
            assert_eq!(id, expected, "{src}");
        }
    }
}
