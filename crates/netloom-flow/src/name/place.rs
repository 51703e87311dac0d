//! Where an address is registered.

use std::net::IpAddr;

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
}
