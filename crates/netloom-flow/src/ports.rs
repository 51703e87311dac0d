//! Ports that servers are likely to listen on, for guessing who began a conversation that
//! was not seen from its start.
//!
//! The set is that of Zeek's default scripts (`likely_server_ports`), so that directions
//! agree with Zeek's.

/// TCP, ascending.
const TCP: &[u16] = &[
    21, 22, 25, 53, 79, 80, 81, 88, 135, 139, 143, 389, 443, 445, 465, 502, 514, 563, 585, 587,
    614, 631, 636, 989, 990, 992, 993, 995, 1080, 1434, 1883, 2811, 3128, 3268, 3306, 3389, 5222,
    5223, 5269, 5432, 6379, 6666, 6667, 6668, 6669, 8000, 8080, 8888, 20000,
];

/// UDP, ascending.
const UDP: &[u16] = &[
    53, 67, 88, 123, 137, 161, 162, 389, 443, 514, 1812, 2123, 2152, 3389, 3544, 4011, 4754, 4789,
    5060, 5072, 5353, 5355, 6081, 20000,
];

/// Whether a server of this TCP (else UDP) port is likely.
pub(crate) fn is_likely_server(tcp: bool, port: u16) -> bool {
    let ports = if tcp { TCP } else { UDP };
    ports.binary_search(&port).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted() {
        for ports in [TCP, UDP] {
            assert!(ports.is_sorted_by(|a, b| a < b));
        }
        assert!(is_likely_server(true, 80));
        assert!(!is_likely_server(false, 80));
        assert!(is_likely_server(false, 53));
    }
}
