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

/// UDP ports on which Zeek reads DNS.
pub(crate) const DNS: [u16; 4] = [53, 137, 5353, 5355];

/// The ports that direction is guessed from.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerPorts {
    /// In place of the default ones: protocol and port, ascending.
    only: Option<Box<[(u8, u16)]>>,
}

impl ServerPorts {
    /// These ports; `None`: the default ones.
    pub(crate) fn new(only: Option<&[(u8, u16)]>) -> Self {
        Self {
            only: only.map(|ports| {
                let mut ports: Box<[(u8, u16)]> = ports.into();
                ports.sort_unstable();
                ports
            }),
        }
    }

    /// Whether a server of this TCP (else UDP) port is likely.
    pub(crate) fn contains(&self, tcp: bool, port: u16) -> bool {
        if let Some(only) = &self.only {
            let protocol = if tcp { 6 } else { 17 };
            return only.binary_search(&(protocol, port)).is_ok();
        }
        let ports = if tcp { TCP } else { UDP };
        ports.binary_search(&port).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted() {
        for ports in [TCP, UDP] {
            assert!(ports.is_sorted_by(|a, b| a < b));
        }
        let ports = ServerPorts::default();
        assert!(ports.contains(true, 80));
        assert!(!ports.contains(false, 80));
        assert!(ports.contains(false, 53));
    }

    #[test]
    fn other_ones() {
        let none = ServerPorts::new(Some(&[]));
        assert!(!none.contains(true, 80) && !none.contains(false, 53));
        let two = ServerPorts::new(Some(&[(17, 9), (6, 7)]));
        assert!(two.contains(true, 7) && two.contains(false, 9));
        assert!(!two.contains(false, 7) && !two.contains(true, 80));
    }
}
