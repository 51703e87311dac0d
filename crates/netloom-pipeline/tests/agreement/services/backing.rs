//! Who else says that a flow is what netloom says it is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::Path;

use netloom_flow::FlowRecord;
use serde_json::Value;

use super::by_content;
use crate::ndpi::{Flows, Line};
use crate::seen::Seen;
use crate::support::{Capture, Part, Tally};
use crate::suricata::kinds_of;
use crate::tshark::Streams;

/// netloom's names, and those that others have for the same (in lower case, without `-` and `_`),
/// where they are not the same.
const NAMES: &[(&str, &[&str])] = &[
    ("bittorrent", &["lsd", "btdht"]),
    ("discord", &["i3d"]),
    ("dropbox", &["dblspdisc"]),
    ("enet", &["gaijinentertainment"]),
    ("ethereum_discovery", &["ethereum"]),
    ("giop", &["corba", "ziop", "miop"]),
    ("iec104", &["iec60870104"]),
    ("ipsec", &["isakmp", "esp", "udpencap"]),
    ("knx", &["kip"]),
    ("ldap", &["cldap"]),
    ("mongodb", &["mongo"]),
    ("mssql", &["tds"]),
    ("netflow", &["cflow"]),
    ("nfs", &["rpc"]),
    ("photon", &["tocaboca"]),
    ("postgresql", &["pgsql"]),
    ("quic", &["gquic"]),
    ("redis", &["resp"]),
    ("rip", &["ripng"]),
    ("sccp", &["skinny"]),
    ("smb", &["smb2"]),
    ("stun", &["classicstun"]),
    ("tacacs", &["tacplus"]),
    ("wireguard", &["wg"]),
];

const HTTP: &str = "a request or status line and its fields; Wireshark waits for an end that the \
                    capture lacks, or goes by the port";
const TLS: &str = "records of TLS and a hello; the capture lacks the end, or Wireshark goes by \
                   the port";

/// Flows that nobody else names as netloom does, and why netloom's name stands.
const EXPLAINED: &[(&str, &str, &str)] = &[
    (
        "bittorrent",
        "mercury/unit_tests/pcaps/",
        "local service discovery (BEP 14), `BT-SEARCH` in full, from a port that Wireshark does not know",
    ),
    (
        "dhcp",
        "pcapng-test-generator/",
        "Wireshark numbers the packets of a file whose sections begin anew otherwise",
    ),
    (
        "dns",
        "zeek/Traces/dns-edns-ecs.pcap",
        "whole DNS messages; Wireshark shows no stream for them",
    ),
    (
        "dns",
        "markofu/",
        "a query for `version.bind` over TCP to a port of another protocol, sent by nmap",
    ),
    (
        "ftp",
        "zeek/Traces/globus-url-copy-bad-encoding.pcap",
        "the greeting and the commands of FTP, on GridFTP's port",
    ),
    (
        "hp_virtgrp",
        "ndpi/pcap/",
        "the same messages as in `hpvirtgrp.pcap`, types 25 and 26 for 16 and 17; nDPI says Jabber, which is XML, and these are not",
    ),
    ("http", "markofu/", HTTP),
    ("http", "mercury/test/afl_data/corner-cases.pcap", HTTP),
    ("http", "mercury/test/afl_data/multi_packet_http_", HTTP),
    (
        "http",
        "mercury/unit_tests/pcaps/multi_packet_http_request.pcap",
        HTTP,
    ),
    ("http", "scapy/test/pcaps/http_compressed-zstd.pcap", HTTP),
    ("http", "suricata-verify/tests/output-eve-anomaly-02/", HTTP),
    (
        "http",
        "suricata-verify/tests/detect-pcre/detect-pcre-05/",
        HTTP,
    ),
    ("http", "suricata-verify/tests/alert-max/", HTTP),
    ("http", "suricata-verify/tests/http-request-line/", HTTP),
    (
        "http",
        "suricata-verify/tests/tcp-rst-unacked-stream-0",
        HTTP,
    ),
    ("http", "zeek/Traces/http/http-to-ssh.pcap", HTTP),
    ("http", "zeek/Traces/ipv6-http-atomic-frag.pcap", HTTP),
    (
        "http",
        "zeek/Traces/postgresql/http-on-port-5432.pcap",
        HTTP,
    ),
    (
        "http2",
        "suricata-verify/tests/http2-",
        "the preface of HTTP/2 or its SETTINGS; Suricata counts it as HTTP",
    ),
    (
        "ieee_c37118",
        "arkime/tests/pcap/arkime_synthetic.pcap",
        "a command frame of C37.118 with its checksum",
    ),
    (
        "ipfix",
        "scapy/test/pcaps/ipfix.pcap",
        "version 10, lengths that add up, on a port of its own",
    ),
    (
        "dropbox",
        "pcapng-test-generator/",
        "Wireshark numbers the packets of a file whose sections begin anew otherwise",
    ),
    (
        "postgresql",
        "arkime/tests/pcap/arkime_synthetic.pcap",
        "a startup message of version 3.0, on PostgreSQL's port",
    ),
    (
        "s7comm",
        "arkime/tests/pcap/s7comm_synthetic.pcap",
        "COTP data with S7's header of a type that Wireshark does not know",
    ),
    (
        "ldap",
        "suricata-verify/tests/output-multi-eve/",
        "a bind and its answer, on port 1389 (Log4Shell)",
    ),
    (
        "nfs",
        "tcpdump/tests/nfs-write-verf-cookie.pcapng",
        "a call of program 100003; Wireshark goes by port 993",
    ),
    (
        "nintendo",
        "ndpi/pcap/nintendo.pcap",
        "the magic number of its peer-to-peer packets; nDPI says who owns the address",
    ),
    (
        "oscar",
        "ndpi/pcap/Oscar.pcap",
        "FLAP frames; Wireshark and nDPI go by port 443",
    ),
    ("photon", "ndpi/pcap/toca-boca.pcap", "nDPI names the game"),
    (
        "radius",
        "ndpi/pcap/fuzz-2020-02-16-11740.pcap",
        "fuzzed RADIUS whose code, length and attributes still add up",
    ),
    (
        "rdp",
        "zeek/Traces/modbus/modbus-and-non-modbus-p502.pcap",
        "a connection request with `Cookie: mstshash=`, on port 502",
    ),
    (
        "s7comm",
        "zeek/Traces/modbus/modbusBig.pcap",
        "COTP data with S7's header (0x32), a job each",
    ),
    (
        "smb",
        "markofu/",
        "an SMB negotiation to a port of another protocol, sent by nmap",
    ),
    (
        "smtp",
        "arkime/tests/pcap/smtp-html.pcap",
        "HELO and DATA with bare line feeds, on port 8000",
    ),
    (
        "socks",
        "ja4/pcap/socks4-https.pcap",
        "a SOCKS 4a request and its grant; Wireshark shows the TLS inside",
    ),
    (
        "someip",
        "arkime/tests/pcap/arkime_synthetic.pcap",
        "a header of SOME/IP, version 1",
    ),
    (
        "spotify",
        "zeek/Traces/ssh/ssh.pcap",
        "`SpotUdp0` on port 57621",
    ),
    (
        "ssh",
        "zeek/Traces/ssh/ssh1-ssh2-fingerprints.pcap",
        "the identification of SSH 1.5, on port 2222",
    ),
    (
        "tls",
        "iot-sentinel/captures_IoT-Sentinel/TP-LinkPlugHS1",
        TLS,
    ),
    (
        "tls",
        "iot-sentinel/captures_IoT-Sentinel/WeMoInsightSwitch",
        TLS,
    ),
    (
        "ripe_atlas",
        "zeek/Traces/modbus/modbus-and-non-modbus-p502.pcap",
        "a probe that begins with MGLNDD_, which nDPI calls so in other captures",
    ),
    ("tls", "mercury/test/afl_data/", TLS),
    ("tls", "zeek/Traces/tls/https-to-http.pcap", TLS),
    (
        "websocket",
        "ndpi/pcap/",
        "an upgrade that was accepted; what follows is inside GTP for Wireshark",
    ),
    (
        "wsd",
        "mercury/unit_tests/pcaps/emix.pcap",
        "SOAP of WS-Discovery on port 3702; Wireshark has no dissector for it",
    ),
];

/// Flows of a capture that netloom says it knows by content.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    /// By service: how many, those that somebody else says so of, and the first packet of one
    /// that nobody does.
    services: BTreeMap<&'static str, (u64, u64, u64)>,
}

impl Claims {
    /// What others say of the flows: Wireshark of each stream, nDPI and Arkime of each flow, and
    /// the results of Zeek's and Suricata's tests of the capture.
    pub(crate) fn of(capture: &Capture, seen: &Seen, streams: &Streams) -> Self {
        let of_capture = published(capture);
        let mut of_flows: HashMap<u64, BTreeSet<String>> = HashMap::new();
        let lines = capture.result(".out").map(Line::all).unwrap_or_default();
        let flows = Flows::of(seen);
        for line in &lines {
            for flow in flows.get(line) {
                let names = of_flows.entry(flow.first_number).or_default();
                names.extend(line.protocol.split('.').map(plain));
            }
        }
        let arkime = capture
            .result(".test")
            .filter(|_| capture.source == "arkime");
        let sessions = arkime.map(sessions).unwrap_or_default();
        let mut claims = Self::default();
        for flow in &seen.flows {
            let Some(service) = by_content(flow) else {
                continue;
            };
            let shown = streams.layers(flow.first_number);
            let shown = shown.iter().map(|layer| plain(layer));
            let of_flow = of_flows.get(&flow.first_number).into_iter().flatten();
            let session = sessions.get(&ends(flow)).into_iter().flatten();
            let mut named = shown
                .chain(of_flow.cloned())
                .chain(session.cloned())
                .chain(of_capture.iter().cloned());
            let backed = named.any(|name| is_named(service, &name));
            let claim = claims.services.entry(service).or_default();
            claim.0 += 1;
            claim.1 += u64::from(backed);
            if !backed && claim.2 == 0 {
                claim.2 = flow.first_number;
            }
        }
        claims
    }

    /// The comparison, a section of the page, and the flows that nobody else names so and of which
    /// nothing is said.
    pub(crate) fn part<'a>(
        all: impl Iterator<Item = (&'a Capture, &'a Self)>,
    ) -> (Part, String, Vec<String>) {
        let mut tally = Tally::default();
        let mut unexplained = Vec::new();
        for (capture, claims) in all {
            for (service, &(flows, backed, first)) in &claims.services {
                let counts = tally.captures.entry(capture.name.clone()).or_default();
                *counts = (counts.0 + backed, counts.1 + flows);
                if backed == flows {
                    continue;
                }
                let alone = flows - backed;
                let reason = EXPLAINED
                    .iter()
                    .find(|(known, place, _)| known == service && capture.name.starts_with(place));
                let what = format!(
                    "`{}`: {alone} flows of `{service}`, the first at packet {first}",
                    capture.name
                );
                if let Some((.., reason)) = reason {
                    tally.differences.push(format!("{what}: {reason}"));
                } else {
                    tally.differences.push(what.clone());
                    unexplained.push(what);
                }
            }
        }
        let mut page = String::from("## Flows known by content\n\n");
        let _ = writeln!(
            page,
            "A flow whose `service` has the confidence `content` counts as agreed where Wireshark \
             shows that protocol in its stream, or where the results that nDPI, Arkime, Zeek or \
             Suricata published name it. Every other one has its reason among the differences.\n"
        );
        (
            Part::new("Services known by content", 96.0, tally),
            page,
            unexplained,
        )
    }
}

fn plain(name: &str) -> String {
    name.to_lowercase().replace(['-', '_'], "")
}

/// Whether another's name (in its plain form) is that of a service.
fn is_named(service: &str, theirs: &str) -> bool {
    theirs == plain(service)
        || NAMES
            .iter()
            .any(|(known, names)| *known == service && names.contains(&theirs))
}

/// What the results of Zeek's and Suricata's tests speak of: logs and services, kinds of events
/// and protocols.
fn published(capture: &Capture) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for path in &capture.expected {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(log) = name.strip_suffix(".log") {
            all.insert(plain(log.split(['.', '-']).next().unwrap_or_default()));
            for row in crate::zeek::log(path) {
                let services = row.get("service").map(String::as_str).unwrap_or_default();
                all.extend(services.split(',').map(plain));
            }
        } else if &*name == "test.yaml" {
            all.extend(kinds_of(path).iter().map(|kind| plain(kind)));
        }
    }
    all
}

/// Both ends of a flow, the smaller first.
type Ends = [(String, u64); 2];

fn ends(flow: &FlowRecord) -> Ends {
    let mut ends = [
        (flow.src_ip.to_string(), flow.src_port.unwrap_or(0).into()),
        (flow.dst_ip.to_string(), flow.dst_port.unwrap_or(0).into()),
    ];
    ends.sort();
    ends
}

/// The protocols of Arkime's sessions.
fn sessions(path: &Path) -> HashMap<Ends, BTreeSet<String>> {
    let text = std::fs::read(path).unwrap_or_default();
    let json: Value = serde_json::from_slice(&text).unwrap_or_default();
    let mut all: HashMap<Ends, BTreeSet<String>> = HashMap::new();
    for session in json["sessions3"].as_array().into_iter().flatten() {
        let body = &session["body"];
        let mut ends = ["source", "destination"].map(|end| {
            let address = body[end]["ip"].as_str().unwrap_or_default();
            (address.to_owned(), body[end]["port"].as_u64().unwrap_or(0))
        });
        ends.sort();
        let protocols = body["protocol"].as_array().into_iter().flatten();
        let names = protocols.filter_map(Value::as_str).map(plain);
        all.entry(ends).or_default().extend(names);
    }
    all
}
