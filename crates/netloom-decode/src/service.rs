//! Services by port number, named as Zeek names its analyzers where it has one.
//!
//! A port is a hint, not a proof: what a flow really speaks is for the application parsers.
//! Numbers are from IANA's service name and port number registry; those marked there for
//! somebody else but used in practice by a well-known program are what that program uses.

use crate::decoded::Decoded;
use crate::net::extension::number;

/// The service that the ports of a TCP, UDP, UDP-Lite, SCTP or DCCP packet stand for.
///
/// `protocol` is the IANA number of the transport. Where both ports are known, a system port
/// (below 1024) wins over a higher one, the lower of two system ports over the other; between
/// two higher ones the destination's does.
///
/// ```
/// use netloom_decode::service::service_by_port;
/// assert_eq!(service_by_port(6, 49_152, 443), Some("tls"));
/// assert_eq!(service_by_port(17, 443, 49_152), Some("quic"));
/// assert_eq!(service_by_port(6, 40_000, 60_001), None);
/// ```
#[inline]
pub fn service_by_port(protocol: u8, src_port: u16, dst_port: u16) -> Option<&'static str> {
    let (table, index) = match protocol {
        number::TCP => (TCP, &TCP_INDEX),
        number::UDP | number::UDP_LITE => (UDP, &UDP_INDEX),
        number::SCTP => (SCTP, &SCTP_INDEX),
        _ => return None,
    };
    let (src, dst) = (find(table, index, src_port), find(table, index, dst_port));
    match (src, dst) {
        (Some(_), Some(_)) if src_port < 1024 && src_port < dst_port => src,
        (_, Some(_)) => dst,
        (_, None) => src,
    }
}

impl Decoded {
    /// The service that the ports of its innermost IP header stand for; see
    /// [`service_by_port`].
    #[inline]
    pub fn service_by_port(&self) -> Option<&'static str> {
        let ip = self.ip.as_ref()?;
        service_by_port(ip.protocol, self.src_port, self.dst_port)
    }
}

/// Whether a port is one of Zeek's `likely_server_ports`: where only one end of a flow has
/// such a port, that end is the responder, whoever was seen first.
pub fn is_known_port(protocol: u8, port: u16) -> bool {
    match protocol {
        number::TCP => matches!(
            port,
            21 | 22 | 25 | 53 | 79..=81 | 88 | 110 | 135 | 139 | 143 | 389 | 443 | 445 | 502 | 563
                | 585 | 587 | 614 | 631 | 636 | 989 | 990 | 992 | 993 | 995 | 1080 | 1434 | 1883
                | 2811 | 3128 | 3268 | 3306 | 3389 | 5222 | 5223 | 5269 | 5432 | 6379
                | 6666..=6669 | 8000 | 8080 | 8888 | 20_000
        ),
        number::UDP => matches!(
            port,
            53 | 67
                | 88
                | 123
                | 137
                | 161
                | 162
                | 389
                | 443
                | 514
                | 1812
                | 2123
                | 2152
                | 3268
                | 3544
                | 4789
                | 5060
                | 5072
                | 5353
                | 5355
                | 6081
                | 20_000
        ),
        _ => false,
    }
}

type Table = &'static [(u16, &'static str)];

/// For every port, one more than the index of its entry; 0: none. Every packet looks up two
/// ports, and a search among some 250 takes longer than decoding the packet.
type Index = [u16; 1 << 16];

static TCP_INDEX: Index = index(TCP);
static UDP_INDEX: Index = index(UDP);
static SCTP_INDEX: Index = index(SCTP);

/// A bit for every port of any table: most ports are ephemeral ones, and this is small enough to stay
/// in the cache next to the packets.
type Known = [u64; 1 << 10];

static KNOWN: Known = known();

const fn known() -> Known {
    let mut known = [0; 1 << 10];
    let mut port = 0;
    while port < 1 << 16 {
        if TCP_INDEX[port] | UDP_INDEX[port] | SCTP_INDEX[port] != 0 {
            known[port / 64] |= 1 << (port % 64);
        }
        port += 1;
    }
    known
}

#[expect(
    clippy::large_stack_arrays,
    reason = "it is only ever run by the compiler"
)]
const fn index(table: Table) -> Index {
    let mut index = [0; 1 << 16];
    let mut entry = 0;
    while entry < table.len() {
        index[table[entry].0 as usize] = entry as u16 + 1;
        entry += 1;
    }
    index
}

#[inline]
fn find(table: Table, index: &'static Index, port: u16) -> Option<&'static str> {
    if KNOWN[usize::from(port) / 64] >> (port % 64) & 1 == 0 {
        return None;
    }
    let entry = index[usize::from(port)].checked_sub(1)?;
    table.get(usize::from(entry)).map(|&(_, name)| name)
}

/// TCP ports, in ascending order.
#[rustfmt::skip]
const TCP: Table = &[
    (7, "echo"), (9, "discard"), (13, "daytime"), (17, "qotd"), (19, "chargen"), (20, "ftp-data"),
    (21, "ftp"), (22, "ssh"), (23, "telnet"), (25, "smtp"), (37, "time"), (42, "wins"),
    (43, "whois"), (49, "tacacs"), (53, "dns"), (70, "gopher"), (79, "finger"), (80, "http"),
    (81, "http"), (88, "kerberos"), (102, "iso-tsap"), (109, "pop2"), (110, "pop3"), (111, "rpc"),
    (113, "ident"), (119, "nntp"), (135, "dce_rpc"), (137, "nbns"), (139, "nbss"), (143, "imap"),
    (179, "bgp"), (194, "irc"), (220, "imap"), (389, "ldap"), (443, "tls"), (444, "snpp"),
    (445, "smb"), (464, "kpasswd"), (465, "smtps"), (502, "modbus"), (512, "rexec"),
    (513, "rlogin"), (514, "rsh"), (515, "lpd"), (540, "uucp"), (543, "klogin"), (544, "kshell"),
    (548, "afp"), (554, "rtsp"), (563, "nntps"), (585, "imaps"), (587, "submission"), (591, "http"),
    (593, "dce_rpc"), (601, "syslog"), (614, "tls"), (623, "ipmi"), (631, "ipp"), (636, "ldaps"),
    (639, "msdp"), (646, "ldp"), (789, "crimson"), (853, "dns-over-tls"), (860, "iscsi"),
    (873, "rsync"), (902, "vmware"), (989, "ftps-data"), (990, "ftps"), (992, "telnets"),
    (993, "imaps"), (994, "ircs"), (995, "pop3s"), (1080, "socks"), (1089, "foundation-fieldbus"),
    (1099, "rmi"), (1194, "openvpn"), (1270, "scom"), (1352, "notes"), (1414, "ibm-mq"),
    (1433, "mssql"), (1434, "mssql-browser"), (1494, "citrix"), (1500, "tsm"), (1521, "oracle"),
    (1526, "oracle"), (1645, "radius"), (1646, "radius"), (1719, "h323-ras"), (1720, "h323"),
    (1723, "pptp"), (1812, "radius"), (1813, "radius"), (1883, "mqtt"), (1911, "fox"),
    (1935, "rtmp"), (1962, "pcworx"), (2000, "sccp"), (2049, "nfs"), (2082, "http"), (2083, "tls"),
    (2181, "zookeeper"), (2222, "ssh"), (2323, "telnet"), (2375, "docker"), (2376, "docker-tls"),
    (2379, "etcd"), (2380, "etcd"), (2401, "cvs"), (2404, "iec104"), (2427, "mgcp"),
    (2455, "codesys"), (2598, "citrix"), (2628, "dict"), (2727, "mgcp"), (2775, "smpp"),
    (2811, "ftp"), (2944, "megaco"), (2947, "gpsd"), (3000, "http"), (3050, "firebird"),
    (3128, "http-proxy"), (3225, "fcip"), (3260, "iscsi"), (3268, "ldap"), (3269, "ldaps"),
    (3283, "apple-remote-desktop"), (3306, "mysql"), (3386, "gtp-prime"), (3389, "rdp"),
    (3478, "stun"), (3632, "distcc"), (3690, "svn"), (3868, "diameter"), (4000, "http"),
    (4190, "sieve"), (4242, "http"), (4369, "epmd"), (4433, "tls"), (4443, "tls"),
    (4444, "metasploit"), (4569, "iax2"), (4739, "ipfix"), (4786, "smart-install"), (4840, "opcua"),
    (4911, "foxs"), (5000, "http"), (5007, "melsec"), (5038, "asterisk"), (5040, "windows-cdp"),
    (5060, "sip"), (5061, "sips"), (5190, "aim"), (5222, "xmpp"), (5223, "xmpps"), (5269, "xmpp"),
    (5280, "xmpp"), (5349, "stuns"), (5432, "postgresql"), (5433, "postgresql"), (5555, "adb"),
    (5601, "kibana"), (5671, "amqps"), (5672, "amqp"), (5683, "coap"), (5684, "coaps"),
    (5800, "vnc-http"), (5900, "vnc"), (5901, "vnc"), (5902, "vnc"), (5903, "vnc"),
    (5938, "teamviewer"), (5984, "couchdb"), (5985, "winrm"), (5986, "winrms"), (6000, "x11"),
    (6001, "x11"), (6002, "x11"), (6003, "x11"), (6379, "redis"), (6432, "postgresql"),
    (6443, "kubernetes"), (6514, "syslog-tls"), (6660, "irc"), (6661, "irc"), (6662, "irc"),
    (6663, "irc"), (6664, "irc"), (6665, "irc"), (6666, "irc"), (6667, "irc"), (6668, "irc"),
    (6669, "irc"), (6697, "ircs"), (6881, "bittorrent"), (6969, "bittorrent"), (7000, "cassandra"),
    (7001, "weblogic"), (7070, "rtsp"), (7680, "delivery-optimization"), (7687, "bolt"),
    (8000, "http"), (8008, "http"), (8009, "ajp"), (8080, "http"), (8081, "http"),
    (8086, "influxdb"), (8088, "http"), (8090, "http"), (8118, "http-proxy"), (8123, "http"),
    (8140, "puppet"), (8181, "http"), (8291, "winbox"), (8333, "bitcoin"), (8443, "tls"),
    (8500, "consul"), (8545, "ethereum"), (8554, "rtsp"), (8728, "routeros"), (8834, "nessus"),
    (8883, "mqtts"), (8888, "http"), (9000, "http"), (9001, "tor"), (9030, "tor"),
    (9042, "cassandra"), (9050, "socks"), (9090, "http"), (9092, "kafka"), (9093, "kafka"),
    (9100, "jetdirect"), (9160, "cassandra"), (9200, "elasticsearch"), (9300, "elasticsearch"),
    (9389, "adws"), (9418, "git"), (9443, "tls"), (9600, "omron-fins"), (10_000, "http"),
    (10_050, "zabbix"), (10_051, "zabbix"), (10_250, "kubelet"), (11_211, "memcached"),
    (15_672, "http"), (17_500, "dropbox"), (18_245, "ge-srtp"), (20_000, "dnp3"),
    (20_547, "proconos"), (25_565, "minecraft"), (26_379, "redis"), (27_015, "steam"),
    (27_017, "mongodb"), (27_018, "mongodb"), (27_019, "mongodb"), (28_017, "http"),
    (30_303, "ethereum"), (32_400, "plex"), (33_060, "mysql"), (34_964, "profinet"),
    (44_818, "enip"), (47_808, "bacnet"), (50_000, "db2"), (50_070, "hadoop"), (61_613, "stomp"),
    (61_616, "activemq"), (62_078, "ios-lockdown"),
];

/// UDP ports, in ascending order.
#[rustfmt::skip]
const UDP: Table = &[
    (7, "echo"), (9, "discard"), (13, "daytime"), (17, "qotd"), (19, "chargen"), (37, "time"),
    (42, "wins"), (53, "dns"), (67, "dhcp"), (68, "dhcp"), (69, "tftp"), (80, "quic"),
    (88, "kerberos"), (111, "rpc"), (123, "ntp"), (135, "dce_rpc"), (137, "nbns"), (138, "nbdgm"),
    (161, "snmp"), (162, "snmp-trap"), (177, "xdmcp"), (319, "ptp"), (320, "ptp"), (389, "ldap"),
    (407, "timbuktu"), (427, "slp"), (443, "quic"), (445, "smb"), (464, "kpasswd"), (500, "ike"),
    (514, "syslog"), (517, "talk"), (518, "ntalk"), (520, "rip"), (521, "ripng"), (525, "timed"),
    (546, "dhcpv6"), (547, "dhcpv6"), (554, "rtsp"), (623, "ipmi"), (631, "ipp"), (646, "ldp"),
    (698, "olsr"), (784, "quic"), (853, "dns-over-tls"), (1194, "openvpn"), (1434, "mssql-browser"),
    (1628, "lontalk"), (1629, "lontalk"), (1645, "radius"), (1646, "radius"), (1701, "l2tp"),
    (1718, "h323-disc"), (1719, "h323-ras"), (1812, "radius"), (1813, "radius"), (1900, "ssdp"),
    (1967, "ip-sla"), (1985, "hsrp"), (2029, "hsrpv6"), (2049, "nfs"), (2055, "netflow"),
    (2056, "netflow"), (2123, "gtpc"), (2152, "gtpu"), (2222, "enip-io"), (2302, "arma"),
    (2427, "mgcp"), (2727, "mgcp"), (2944, "megaco"), (3074, "xbox"), (3222, "glbp"),
    (3268, "ldap"), (3283, "apple-remote-desktop"), (3386, "gtp-prime"), (3389, "rdp"),
    (3456, "vat"), (3478, "stun"), (3479, "stun"), (3503, "mpls-ping"), (3544, "teredo"),
    (3671, "knx"), (3702, "wsd"), (3784, "bfd"), (3785, "bfd"), (3868, "diameter"), (4011, "pxe"),
    (4341, "lisp"), (4342, "lisp"), (4433, "quic"), (4460, "ntske"), (4500, "ike"), (4569, "iax2"),
    (4739, "ipfix"), (4784, "bfd"), (4789, "vxlan"), (4790, "vxlan-gpe"), (4840, "opcua"),
    (5001, "iperf"), (5002, "rtp"), (5004, "rtp"), (5005, "rtcp"), (5050, "mmcc"), (5060, "sip"),
    (5061, "sips"), (5072, "ayiya"), (5201, "iperf3"), (5202, "iperf3"), (5246, "capwap"),
    (5247, "capwap-data"), (5349, "stuns"), (5351, "nat-pmp"), (5353, "mdns"), (5355, "llmnr"),
    (5540, "matter"), (5568, "sacn"), (5632, "pcanywhere"), (5678, "mndp"), (5683, "coap"),
    (5684, "coaps"), (6080, "gue"), (6081, "geneve"), (6343, "sflow"), (6454, "artnet"),
    (6635, "mpls"), (6653, "lwapp"), (6696, "babel"), (6771, "bittorrent"), (6881, "bittorrent"),
    (6969, "bittorrent"), (6999, "bittorrent"), (7777, "unreal"), (7784, "bfd"), (7946, "swarm"),
    (8089, "influxdb"), (8125, "statsd"), (8443, "quic"), (8472, "vxlan"), (8801, "zoom"),
    (8805, "pfcp"), (8853, "dns-over-quic"), (9600, "omron-fins"), (9993, "zerotier"),
    (9995, "netflow"), (9996, "netflow"), (10_001, "ubiquiti-discovery"), (10_161, "snmps"),
    (10_162, "snmps-trap"), (11_211, "memcached"), (12_201, "gelf"), (12_222, "lwapp"),
    (12_223, "lwapp"), (17_500, "dropbox"), (19_132, "minecraft"), (19_302, "stun"),
    (20_000, "dnp3"), (20_561, "mac-telnet"), (21_027, "syncthing"), (22_000, "syncthing"),
    (27_015, "steam"), (27_016, "steam"), (27_017, "steam"), (27_018, "steam"), (27_019, "steam"),
    (27_020, "steam"), (27_036, "steam"), (28_960, "cod"), (30_303, "ethereum"),
    (33_434, "traceroute"), (33_435, "traceroute"), (34_964, "profinet"), (34_980, "ethercat"),
    (37_008, "tzsp"), (41_641, "tailscale"), (44_818, "enip"), (47_808, "bacnet"),
    (51_820, "wireguard"), (64_738, "mumble"),
];

/// SCTP ports (RFC 9260 has its own registry), in ascending order.
#[rustfmt::skip]
const SCTP: Table = &[
    (7, "echo"), (9, "discard"), (22, "ssh"), (80, "http"), (179, "bgp"), (443, "tls"),
    (2904, "m2ua"), (2905, "m3ua"), (2944, "megaco"), (2945, "h248"), (3097, "itu-bicc"),
    (3565, "m2pa"), (3868, "diameter"), (4739, "ipfix"), (5060, "sip"), (5061, "sips"),
    (9900, "iua"), (9901, "enrp"), (14_001, "sua"), (25_471, "rna"), (29_168, "sbcap"),
    (29_169, "iuh"), (36_412, "s1ap"), (36_422, "x2ap"), (36_423, "x2ap"), (36_443, "m2ap"),
    (36_444, "m3ap"), (38_412, "ngap"), (38_422, "xnap"), (38_462, "e1ap"), (38_472, "f1ap"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_ample() {
        for table in [TCP, UDP, SCTP] {
            assert!(table.is_sorted_by(|a, b| a.0 < b.0));
            assert!(table.iter().all(|(_, name)| {
                name.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
            }));
        }
        assert!(TCP.len() + UDP.len() + SCTP.len() > 250);
    }

    #[test]
    fn names_by_port() {
        for (protocol, port, name) in [
            (6, 21, "ftp"),
            (6, 20, "ftp-data"),
            (6, 22, "ssh"),
            (6, 23, "telnet"),
            (6, 80, "http"),
            (6, 443, "tls"),
            (17, 443, "quic"),
            (17, 69, "tftp"),
            (6, 3389, "rdp"),
            (6, 513, "rlogin"),
            (6, 514, "rsh"),
            (17, 514, "syslog"),
            (6, 512, "rexec"),
            (17, 161, "snmp"),
            (17, 162, "snmp-trap"),
            (17, 123, "ntp"),
            (17, 67, "dhcp"),
            (17, 547, "dhcpv6"),
            (17, 5353, "mdns"),
            (17, 5355, "llmnr"),
            (17, 137, "nbns"),
            (6, 139, "nbss"),
            (6, 445, "smb"),
            (6, 389, "ldap"),
            (6, 636, "ldaps"),
            (17, 88, "kerberos"),
            (17, 5060, "sip"),
            (6, 554, "rtsp"),
            (6, 3306, "mysql"),
            (6, 5432, "postgresql"),
            (6, 6379, "redis"),
            (6, 27017, "mongodb"),
            (6, 1883, "mqtt"),
            (6, 8883, "mqtts"),
            (6, 502, "modbus"),
            (6, 20000, "dnp3"),
            (17, 47808, "bacnet"),
            (6, 102, "iso-tsap"),
            (17, 51820, "wireguard"),
            (17, 500, "ike"),
            (17, 1701, "l2tp"),
            (6, 1723, "pptp"),
            (6, 179, "bgp"),
            (17, 520, "rip"),
            (17, 521, "ripng"),
            (17, 3784, "bfd"),
            (17, 2055, "netflow"),
            (17, 4739, "ipfix"),
            (17, 6343, "sflow"),
            (17, 5683, "coap"),
            (132, 38412, "ngap"),
            (136, 5004, "rtp"),
        ] {
            assert_eq!(
                service_by_port(protocol, 60_999, port),
                Some(name),
                "{protocol}/{port}"
            );
            assert_eq!(
                service_by_port(protocol, port, 60_999),
                Some(name),
                "{protocol}/{port}"
            );
        }
        assert_eq!(service_by_port(1, 8, 0), None);
    }

    #[test]
    fn both_ports_known() {
        // A resolver that answers from 53 to a client that happens to use 5353.
        assert_eq!(service_by_port(17, 53, 5353), Some("dns"));
        assert_eq!(service_by_port(17, 5353, 53), Some("dns"));
        assert_eq!(service_by_port(6, 8080, 3306), Some("mysql"));
    }

    #[test]
    fn known_ports_are_zeeks() {
        assert!(is_known_port(6, 443) && is_known_port(17, 443) && is_known_port(17, 53));
        assert!(!is_known_port(6, 49_152) && !is_known_port(17, 80) && !is_known_port(1, 443));
    }
}
