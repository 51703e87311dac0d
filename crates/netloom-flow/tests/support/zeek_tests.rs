//! How Zeek's own tests ran it.

use netloom_flow::{AnalyzerLimits, PortAnalyzer};

/// Whether a test ran with `-C`: checksums ignored.
pub(crate) fn ignores_checksums(test: &str) -> bool {
    IGNORES_CHECKSUMS.contains(&test)
}

/// Tests that ran with `-C`: checksums ignored. All others verified them, Zeek's default.
const IGNORES_CHECKSUMS: [&str; 21] = [
    "core.local-flip",
    "core.pcapng-pktsrc",
    "core.radiotap",
    "core.tcp-padding",
    "core.tcp.rxmit-history",
    "core.tunnels.geneve-truncated",
    "core.wlanmon",
    "scripts.base.protocols.ftp.ftp-password-pass-command",
    "scripts.base.protocols.ftp.ftp-password-pass-command-hidden",
    "scripts.base.protocols.http.http-connect-with-header",
    "scripts.base.protocols.ldap.modify-request",
    "scripts.base.protocols.ldap.sasl-signed-clear",
    "scripts.base.protocols.ncp.frame_size_tuning",
    "scripts.base.protocols.ntp.misordered-ntp",
    "scripts.base.protocols.postgresql.greenhouse-app",
    "scripts.base.protocols.rdp.rdpeudp2-handshake-success",
    "scripts.base.protocols.syslog.tcp-framing",
    "scripts.base.protocols.syslog.tcp-framing-nontransparent",
    "scripts.policy.frameworks.analyzer.detect-protocols",
    "scripts.policy.protocols.conn.mac-logging",
    "scripts.policy.protocols.conn.speculative-service",
];

/// Tests that ran in bare mode (`-b`), with the scripts they load, directly or not, that make
/// ports known as those of servers; from the tests under `testing/btest` and the scripts in
/// Zeek's repository. `+` and a number: a TCP port that the test itself makes known.
const BARE: [(&str, &[&str]); 53] = [
    ("core.erspanI", &[]),
    ("core.erspanII", &[]),
    ("core.local-flip", &["http"]),
    ("core.q-in-q", &[]),
    ("core.radiotap", &["dns"]),
    ("core.tcp.bad-checksum-syn", &[]),
    ("core.tcp.miss-end-data", &["http"]),
    ("core.tunnels.count-default-tunnel-changes", &[]),
    ("core.tunnels.geneve", &[]),
    ("core.tunnels.geneve-arp", &[]),
    ("core.tunnels.geneve-ipv6", &[]),
    ("core.tunnels.geneve-truncated", &[]),
    ("core.tunnels.geneve-vxlan-truncated", &["dns"]),
    ("core.tunnels.gre-aruba-amsdu", &[]),
    ("core.tunnels.gre-in-gre", &[]),
    ("core.tunnels.gre-over-udp", &["dns", "http"]),
    ("core.tunnels.teredo_bubble_with_payload", &["http"]),
    ("core.tunnels.vxlan", &[]),
    ("core.unknown-ip-protocol", &[]),
    ("core.wlanmon", &["dns"]),
    (
        "scripts.base.protocols.ftp.ftp-password-pass-command",
        &["ftp", "ssl"],
    ),
    (
        "scripts.base.protocols.ftp.ftp-password-pass-command-hidden",
        &["ftp", "ssl"],
    ),
    (
        "scripts.base.protocols.gnutella.max-header-length",
        &["+6346"],
    ),
    (
        "scripts.base.protocols.gnutella.max-line-length",
        &["+6346"],
    ),
    ("scripts.base.protocols.http.261.chunked-rest", &["http"]),
    ("scripts.base.protocols.http.261.cl-0-expect-100", &["http"]),
    (
        "scripts.base.protocols.http.261.cl-leading-zeros",
        &["http"],
    ),
    ("scripts.base.protocols.http.261.cl-uint64max", &["http"]),
    (
        "scripts.base.protocols.http.concurrent-range-requests",
        &["http"],
    ),
    (
        "scripts.base.protocols.http.content-length-overflow",
        &["http"],
    ),
    (
        "scripts.base.protocols.http.http-connect",
        &["http", "smtp"],
    ),
    (
        "scripts.base.protocols.http.http-connect-with-header",
        &["http", "ssl"],
    ),
    (
        "scripts.base.protocols.http.query-method-non-standard-port",
        &["http"],
    ),
    ("scripts.base.protocols.krb.krb-service-name", &["krb"]),
    ("scripts.base.protocols.ncp.frame_size_tuning", &["+524"]),
    ("scripts.base.protocols.ntp.misordered-ntp", &["ntp"]),
    ("scripts.base.protocols.pop3.basic", &[]),
    (
        "scripts.base.protocols.postgresql.greenhouse-app",
        &["postgresql"],
    ),
    (
        "scripts.base.protocols.rdp.rdpeudp2-handshake-success",
        &["rdp"],
    ),
    (
        "scripts.base.protocols.redis.django-cloud",
        &["redis", "+10625"],
    ),
    ("scripts.base.protocols.ssh.dh_group18_kex", &["ssh"]),
    ("scripts.base.protocols.ssh.max-lengths", &["ssh"]),
    ("scripts.base.protocols.syslog.tcp-framing", &["syslog"]),
    (
        "scripts.base.protocols.syslog.tcp-framing-nontransparent",
        &["syslog"],
    ),
    (
        "scripts.base.protocols.websocket.jupyter-websocket",
        &["http"],
    ),
    (
        "scripts.base.protocols.websocket.wstunnel-ssh",
        &["http", "ssh"],
    ),
    (
        "scripts.base.protocols.websocket.wstunnel-ssh-configure",
        &["http", "ssh"],
    ),
    (
        "scripts.base.protocols.websocket.wstunnel-ssh-configure-break",
        &["http", "ssh"],
    ),
    (
        "scripts.base.protocols.websocket.wstunnel-ssh-configure-wrong",
        &["http", "ssh"],
    ),
    (
        "scripts.base.protocols.websocket.wstunnel-ssh-disabled",
        &["http", "ssh"],
    ),
    ("scripts.policy.protocols.conn.mac-logging", &[]),
    (
        "scripts.policy.protocols.conn.speculative-service",
        &["dns", "http"],
    ),
    ("scripts.policy.protocols.conn.vlan-logging", &[]),
];

/// Ports that a script makes known as those of servers: TCP, UDP. Bare mode has those of
/// `packet-protocols` too.
const PORTS_OF: [(&str, &[u16], &[u16]); 13] = [
    (
        "packet-protocols",
        &[],
        &[2123, 2152, 3544, 4754, 4789, 5072, 6081],
    ),
    ("dns", &[53], &[53, 137, 5353, 5355]),
    ("ftp", &[21, 2811], &[]),
    ("http", &[80, 81, 631, 1080, 3128, 8000, 8080, 8888], &[]),
    ("krb", &[88], &[88]),
    ("ntp", &[], &[123]),
    ("postgresql", &[5432], &[]),
    ("rdp", &[3389], &[3389]),
    ("redis", &[6379], &[]),
    ("smtp", &[25, 587], &[]),
    ("ssh", &[22], &[]),
    (
        "ssl",
        &[443, 465, 563, 585, 614, 636, 989, 990, 992, 993, 995, 5223],
        &[443],
    ),
    ("syslog", &[514], &[514]),
];

/// The ports that Zeek knew as those of servers in a test; `None`: all of its default scripts.
pub(crate) fn server_ports(test: &str) -> Option<Vec<(u8, u16)>> {
    let (_, scripts) = BARE.iter().find(|(bare, _)| *bare == test)?;
    let mut ports = Vec::new();
    for script in ["packet-protocols"].iter().chain(*scripts) {
        if let Some(own) = script.strip_prefix('+') {
            ports.push((6, own.parse().expect("a port")));
            continue;
        }
        let (_, tcp, udp) = PORTS_OF
            .iter()
            .find(|(name, ..)| name == script)
            .expect("the ports of every script");
        ports.extend(tcp.iter().map(|&port| (6, port)));
        ports.extend(udp.iter().map(|&port| (17, port)));
    }
    Some(ports)
}

/// The limits of analyzers that a test set, and the ports on which it had some run.
pub(crate) fn limits(test: &str) -> AnalyzerLimits {
    let mut limits = AnalyzerLimits::default();
    match test.trim_start_matches("scripts.base.protocols.") {
        "dns.max-compression-depth" => limits.dns_pointers = 5,
        "dns.max-queries" => limits.dns_queries = 3,
        "gnutella.max-header-length" => {
            limits.gnutella_line = 100;
            limits.gnutella_head = 200;
            limits.on_ports.push((PortAnalyzer::Gnutella, 6346));
        }
        "gnutella.max-line-length" => {
            limits.gnutella_line = 100;
            limits.gnutella_head = 100;
            limits.on_ports.push((PortAnalyzer::Gnutella, 6346));
        }
        "login.nvt-option-length" => limits.on_ports.push((PortAnalyzer::Telnet, 23)),
        "login.rlogin-line-length" => limits.on_ports.push((PortAnalyzer::Rlogin, 513)),
        "login.rsh-line-length" => limits.on_ports.push((PortAnalyzer::Rsh, 514)),
        "ncp.frame_size_tuning" => {
            limits.ncp_frame = 150;
            limits.on_ports.push((PortAnalyzer::Ncp, 524));
        }
        "ssh.max-kexinit-algorithms" => {
            limits.ssh_key_exchanges = 101;
            limits.ssh_host_keys = 102;
            limits.ssh_ciphers = 103;
            limits.ssh_macs = 104;
            limits.ssh_compressions = 105;
            limits.ssh_languages = 106;
        }
        // The first of four.
        "ssh.max-lengths" => {
            limits.ssh_packet = 0;
            limits.ssh_string = 0;
        }
        _ => {}
    }
    limits
}
