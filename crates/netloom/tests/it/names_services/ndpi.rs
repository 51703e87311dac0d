//! Protocols on nDPI's lines.

use std::net::SocketAddr;
use std::path::Path;

use netloom::FlowRules;

use super::{Agreement, read};

/// nDPI's names of the protocols that are looked at, and netloom's (several where one of them is
/// told more exactly by netloom).
const NAMES: &[(&str, &[&str])] = &[
    ("AMQP", &["amqp"]),
    ("BACnet", &["bacnet"]),
    ("COAP", &["coap"]),
    ("Cassandra", &["cassandra"]),
    ("CiscoSkinny", &["sccp"]),
    ("Corba", &["giop"]),
    ("DCERPC", &["dce_rpc"]),
    ("DLEP", &["dlep"]),
    ("DNP3", &["dnp3"]),
    ("Diameter", &["diameter"]),
    ("EthernetIP", &["enip"]),
    ("H323", &["h323"]),
    ("HiSLIP", &["hislip"]),
    ("IAX", &["iax2"]),
    ("IEC60870", &["iec104"]),
    ("KNXnet_IP", &["knx"]),
    ("Kafka", &["kafka"]),
    ("Kerberos", &["kerberos"]),
    ("LDAP", &["ldap"]),
    ("LISP", &["lisp"]),
    ("MGCP", &["mgcp"]),
    ("MQTT", &["mqtt"]),
    ("Memcached", &["memcached"]),
    ("Modbus", &["modbus"]),
    ("MongoDB", &["mongodb"]),
    ("MsSQL-TDS", &["mssql"]),
    ("MySQL", &["mysql"]),
    ("NFS", &["nfs", "rpc"]),
    ("Nats", &["nats"]),
    ("OPC-UA", &["opcua"]),
    ("Oracle", &["oracle"]),
    ("PFCP", &["pfcp"]),
    ("PTPv2", &["ptp"]),
    ("PostgreSQL", &["postgresql"]),
    ("RTCP", &["rtcp"]),
    ("RTP", &["rtp"]),
    ("RTPS", &["rtps"]),
    ("Radius", &["radius"]),
    ("Redis", &["redis"]),
    ("S7Comm", &["s7comm"]),
    ("SIP", &["sip"]),
    ("SMBv1", &["smb"]),
    ("SMBv23", &["smb"]),
    ("SOMEIP", &["someip"]),
    ("STUN", &["stun"]),
    ("TACACS", &["tacacs"]),
];

/// The value in `[key: value]`.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let from = line.find(key)? + key.len();
    line.get(from..)?.split(']').next()
}

/// Transport and the two ends of `TCP 192.0.2.1:1024 <-> 192.0.2.2:80 [...`.
fn ends(line: &str) -> Option<(u8, SocketAddr, SocketAddr)> {
    let (protocol, rest) = match line.split_once("TCP ") {
        Some((before, rest)) if before.trim_end().ends_with(|c: char| c.is_ascii_digit()) => {
            (6, rest)
        }
        _ => (17, line.split_once("UDP ")?.1),
    };
    let mut words = rest.split_whitespace();
    let first = words.next()?.parse().ok()?;
    words.next()?;
    let second = words.next()?.parse().ok()?;
    Some((protocol, first, second))
}

/// Flows that nDPI takes for one of these (as its confidence DPI says): netloom does as well; and
/// flows that netloom takes for one of these, where nDPI is sure of something: it is the same.
pub(super) fn services(data: &Path) -> (Agreement, Agreement) {
    let mut agreement = Agreement::default();
    let mut strangers = Agreement::default();
    let list = std::fs::read_to_string(data.join("CAPTURES.tsv")).unwrap();
    for line in list.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [path, _, _, "ndpi", _, expected, ..] = fields.as_slice() else {
            continue;
        };
        let Some(expected) = expected.split(';').next().filter(|name| !name.is_empty()) else {
            continue;
        };
        let text = std::fs::read(data.join(expected)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let short = path.trim_start_matches("ndpi/pcap/");
        let seen = read(&data.join(path), FlowRules::Ndpi).unwrap_or_default();
        let (mut wanted, mut found) = (0, 0);
        let (mut ours, mut same) = (0, 0);
        for line in text.lines() {
            let (Some(proto), Some(ends)) = (value(line, "[proto: "), ends(line)) else {
                continue;
            };
            if value(line, "[Confidence: ").is_none_or(|confidence| !confidence.starts_with("DPI"))
            {
                continue;
            }
            let title = proto.split('/').nth(1).unwrap_or_default();
            let master = title.split('.').next().unwrap_or_default();
            let names = NAMES.iter().find(|(theirs, _)| *theirs == master);
            let mut services = seen
                .flows
                .iter()
                .filter(|flow| {
                    let one_way = |a: SocketAddr, b: SocketAddr| {
                        (flow.src_ip, flow.src_port) == (a.ip(), Some(a.port()))
                            && (flow.dst_ip, flow.dst_port) == (b.ip(), Some(b.port()))
                    };
                    flow.protocol == ends.0 && (one_way(ends.1, ends.2) || one_way(ends.2, ends.1))
                })
                .map(|flow| {
                    let recognised = flow.app.as_ref().filter(|app| app.confidence.is_some());
                    let service = recognised.and_then(|app| app.service);
                    (service.map_or("nothing", |service| service.name), flow)
                });
            let first = services.next().map_or("no flow", |(name, _)| name);
            let all: Vec<&str> = services.map(|(name, _)| name).chain([first]).collect();
            let difference = || {
                format!(
                    "`{short}` {} to {}: nDPI `{title}`, netloom `{first}`",
                    ends.1, ends.2
                )
            };
            if let Some((_, names)) = names {
                wanted += 1;
                if all.iter().any(|name| names.contains(name)) {
                    found += 1;
                } else {
                    agreement.differences.push(difference());
                }
            }
            if NAMES.iter().any(|(_, names)| names.contains(&first)) {
                ours += 1;
                let application = title.split('.').nth(1).unwrap_or_default();
                let fits = [master, application].into_iter().any(|theirs| {
                    NAMES
                        .iter()
                        .any(|(name, names)| *name == theirs && names.contains(&first))
                });
                if fits {
                    same += 1;
                } else {
                    strangers.differences.push(difference());
                }
            }
        }
        agreement.add(short, wanted, found);
        strangers.add(short, ours, same);
    }
    (agreement, strangers)
}
