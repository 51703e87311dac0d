//! Names of hosts, networks, ports and protocols, and where they are looked up: in the
//! system's own files, then in the tables built in here. Nothing is ever asked over the
//! network.

mod tables;

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

pub(super) use tables::{
    LLC_RNR, WLAN_SUBTYPE_MASK, WLAN_TYPE_MASK, ether_protocol, llc, pf_action, pf_reason,
    wlan_any_subtype, wlan_subtype, wlan_type,
};

/// Bytes of a system file that are read; larger ones are cut.
const MAX_FILE: usize = 4 << 20;

/// A transport protocol that has ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp,
    Udp,
    Sctp,
}

/// A port that has a name: its number, and its protocol where only one has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) port: u32,
    pub(super) transport: Option<Transport>,
}

/// Where names are looked up.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    services: String,
    protocols: String,
    hosts: String,
    networks: String,
    ethers: String,
}

impl Names {
    /// The system's files; those that are not there are taken as empty.
    pub(super) fn of_the_system() -> Self {
        let read = |path: &str| {
            let mut bytes = fs::read(Path::new(path)).unwrap_or_default();
            bytes.truncate(MAX_FILE);
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Self {
            services: read("/etc/services"),
            protocols: read("/etc/protocols"),
            hosts: read("/etc/hosts"),
            networks: read("/etc/networks"),
            ethers: read("/etc/ethers"),
        }
    }

    /// A port by its name, or its number as text.
    pub(super) fn service(&self, name: &str) -> Option<Service> {
        if let Ok(port) = name.parse() {
            let transport = None;
            return Some(Service { port, transport });
        }
        let tcp = self.service_of(name, "tcp");
        let udp = self.service_of(name, "udp");
        match (tcp, udp) {
            // Two ports of one name: the one of TCP, as libpcap takes it.
            (Some(port), other) => Some(Service {
                port,
                transport: if other == Some(port) {
                    None
                } else {
                    Some(Transport::Tcp)
                },
            }),
            (None, Some(port)) => Some(Service {
                port,
                transport: Some(Transport::Udp),
            }),
            (None, None) => tables::service(name),
        }
    }

    fn service_of(&self, name: &str, transport: &str) -> Option<u32> {
        lines(&self.services).find_map(|fields| {
            let (first, rest) = fields.split_first()?;
            let (place, aliases) = rest.split_first()?;
            let (port, of) = place.split_once('/')?;
            let named = *first == name || aliases.contains(&name);
            (named && of == transport)
                .then(|| port.parse::<u16>().ok().map(u32::from))
                .flatten()
        })
    }

    /// A protocol over IP by its name.
    pub(super) fn ip_protocol(&self, name: &str) -> Option<u32> {
        let listed = lines(&self.protocols).find_map(|fields| {
            let (first, rest) = fields.split_first()?;
            let (number, aliases) = rest.split_first()?;
            let named = *first == name || aliases.contains(&name);
            named.then(|| number.parse().ok()).flatten()
        });
        listed.or_else(|| tables::ip_protocol(name))
    }

    /// The addresses of a host, in the order of the file.
    pub(super) fn host(&self, name: &str) -> Vec<IpAddr> {
        if let Ok(address) = name.parse() {
            return vec![address];
        }
        let mut addresses = Vec::new();
        for fields in lines(&self.hosts) {
            let Some((address, names)) = fields.split_first() else {
                continue;
            };
            if let (true, Ok(address)) = (
                names.iter().any(|known| known.eq_ignore_ascii_case(name)),
                address.parse::<IpAddr>(),
            ) && !addresses.contains(&address)
            {
                addresses.push(address);
            }
        }
        addresses
    }

    /// A network by its name, as the number that is written with dots, without zeros at the
    /// end: 127 for 127.0.0.0.
    pub(super) fn network(&self, name: &str) -> Option<u32> {
        let number = lines(&self.networks).find_map(|fields| {
            let (first, rest) = fields.split_first()?;
            let (address, aliases) = rest.split_first()?;
            let named = first.eq_ignore_ascii_case(name)
                || aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name));
            named.then(|| network_number(address)).flatten()
        });
        number.filter(|number| *number != 0)
    }

    /// The Ethernet address of a host.
    pub(super) fn ether(&self, name: &str) -> Option<[u8; 6]> {
        lines(&self.ethers).find_map(|fields| {
            let [address, known, ..] = fields.as_slice() else {
                return None;
            };
            if !known.eq_ignore_ascii_case(name) {
                return None;
            }
            let mut bytes = [0; 6];
            let mut groups = address.split(':');
            for byte in &mut bytes {
                *byte = u8::from_str_radix(groups.next()?, 16).ok()?;
            }
            groups.next().is_none().then_some(bytes)
        })
    }
}

/// The number of a network as networks(5) writes it: `10`, `192.168.1` or `127.0.0.0`.
fn network_number(text: &str) -> Option<u32> {
    let parts: Vec<u8> = text
        .split('.')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let mut octets = [0; 4];
    let start = 4_usize.checked_sub(parts.len())?;
    octets.get_mut(start..)?.copy_from_slice(&parts);
    Some(Ipv4Addr::from(octets).to_bits())
}

/// The fields of each line, without comments.
fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        line.split_whitespace().collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names {
            services: "ssh 22/tcp\ndomain 53/tcp\ndomain 53/udp dns # names\nsyslog 514/udp\n\
                       shell 514/tcp cmd\n"
                .into(),
            protocols: "ip 0 IP\nicmp 1 ICMP\n".into(),
            hosts: "127.0.0.1 localhost\n::1 localhost ip6-localhost\n# 10.0.0.1 gone\n".into(),
            networks: "loopback 127.0.0.0\noffice 192.168.1\ndefault 0.0.0.0\n".into(),
            ethers: "0:1:2:3:4:a printer\nbroken x\n".into(),
        }
    }

    #[test]
    fn a_port_of_both_protocols_has_none() {
        let names = names();
        let service = |name| names.service(name).unwrap();
        assert_eq!(
            (service("domain").port, service("domain").transport),
            (53, None)
        );
        assert_eq!(service("ssh").transport, Some(Transport::Tcp));
        assert_eq!(service("cmd").port, 514);
        assert_eq!(service("syslog").transport, Some(Transport::Udp));
        assert_eq!(service("8080").port, 8080);
        assert_eq!(names.service("nothing"), None);
    }

    #[test]
    fn without_the_systems_files_common_names_are_known() {
        let names = Names::default();
        assert_eq!(names.service("https").unwrap().port, 443);
        assert_eq!(names.ip_protocol("tcp"), Some(6));
        assert!(names.host("localhost").is_empty());
    }

    #[test]
    fn hosts_networks_and_ethers() {
        let names = names();
        assert_eq!(names.host("LOCALHOST").len(), 2);
        assert!(names.host("gone").is_empty());
        assert_eq!(names.network("loopback"), Some(0x7f00_0000));
        assert_eq!(names.network("office"), Some(0x00c0_a801));
        assert_eq!(names.network("default"), None);
        assert_eq!(names.ether("printer"), Some([0, 1, 2, 3, 4, 10]));
        assert_eq!(names.ether("broken"), None);
        assert_eq!(names.ip_protocol("ICMP"), Some(1));
    }
}
