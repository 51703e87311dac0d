//! Where an address is registered, who made a network card.

use std::net::IpAddr;

use netloom_packet::MacAddr;

/// Country that an address is registered in: ISO 3166-1 alpha-2, by the tables of the regional
/// registries. That is who holds the address, not where it is used. `None` for addresses that
/// are nobody's (private, link-local, multicast).
///
/// ```
/// use netloom_flow::name::country;
/// assert_eq!(country([8, 8, 8, 8].into()), Some("US"));
/// assert_eq!(country([192, 168, 1, 1].into()), None);
/// ```
pub fn country(address: IpAddr) -> Option<&'static str> {
    if is_local(address) {
        return None;
    }
    iptocc::country_code(address).filter(|code| *code != "ZZ")
}

/// Maker of a network card by the IEEE's registries (MA-L, MA-M, MA-S, IAB, CID); `None` for
/// addresses that are made up (locally administered) or stand for groups.
///
/// ```
/// use netloom_flow::name::vendor;
/// use netloom_packet::MacAddr;
/// let vendor = vendor(MacAddr([0, 0, 0x0c, 1, 2, 3]));
/// assert_eq!(vendor, Some("Cisco Systems, Inc"));
/// ```
pub fn vendor(mac: MacAddr) -> Option<&'static str> {
    // Group or locally administered (IEEE 802, section 8.2.2).
    if mac.0[0] & 3 != 0 {
        return None;
    }
    // As the registries have it: text without separators needs no copy of its own.
    let mut text = [0; 12];
    for (digits, byte) in text.chunks_exact_mut(2).zip(mac.0) {
        for (digit, bits) in digits.iter_mut().zip([byte >> 4, byte & 0xf]) {
            *digit = b"0123456789ABCDEF"[usize::from(bits)];
        }
    }
    let text = std::str::from_utf8(&text).ok()?;
    oui_data::lookup(text).map(oui_data::OuiData::organization)
}

/// Whether an address has no meaning outside of a network of its own: private (RFC 1918), shared
/// (RFC 6598), unique local (RFC 4193), link-local, loopback, unspecified, multicast, broadcast.
pub fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_multicast()
                || v4.is_broadcast()
                || a == 100 && b & 0xc0 == 64
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_addresses() {
        for local in [
            "10.1.2.3",
            "100.64.0.1",
            "169.254.1.1",
            "fe80::1",
            "fd00::1",
            "ff02::fb",
            "224.0.0.251",
            "::ffff:192.168.0.1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_local(local.parse().unwrap()), "{local}");
        }
        for global in ["100.128.0.1", "172.32.0.1", "2001:4860:4860::8888"] {
            assert!(!is_local(global.parse().unwrap()), "{global}");
        }
    }

    #[test]
    fn made_up_cards_have_no_vendor() {
        assert_eq!(vendor(MacAddr([2, 0, 0x0c, 1, 2, 3])), None);
        assert_eq!(vendor(MacAddr([0xff; 6])), None);
    }
}
