//! The protocol of every flow against nDPI's results.
//!
//! Of each flow line whose confidence is DPI, the master protocol is compared with netloom's
//! service, as far as netloom knows it by content. Names differ: [`NAMES`] says which of ours
//! stand for which of theirs. What differs is listed in `docs/agreement-applications.md` (written
//! with `NETLOOM_BLESS=1`) and counts as a miss.

mod support;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use netloom_decode::app::{Interest, service_of_protocol};
use netloom_flow::app::Confidence;
use netloom_flow::{FlowConfig, FlowRecord, FlowRules};

/// nDPI's name and netloom's names, where they are not the same but for case and `_`: nDPI's is
/// left out of the table then. Several where netloom tells apart what nDPI does not.
const NAMES: &[(&str, &[&str])] = &[
    // The same under another name.
    ("BJNP", &["bjnp"]),
    ("CiscoSkinny", &["sccp"]),
    ("CNP-IP", &["cnp_ip"]),
    ("Corba", &["giop"]),
    ("DCERPC", &["dce_rpc"]),
    ("EthernetIP", &["enip"]),
    ("FTP_CONTROL", &["ftp"]),
    ("FTP_DATA", &["ftp_data", "ftp-data"]),
    ("H323", &["h323"]),
    ("IAX", &["iax2"]),
    ("IEC60870", &["iec104"]),
    ("Jabber", &["xmpp"]),
    ("KNXnet_IP", &["knx"]),
    ("Kafka", &["kafka"]),
    ("MsSQL-TDS", &["mssql"]),
    ("NAT-PMP", &["nat_pmp"]),
    ("NFS", &["nfs", "rpc"]),
    ("NetBIOS", &["nbns", "nbdgm", "nbss", "smb"]),
    ("OPC-UA", &["opcua"]),
    ("PTPv2", &["ptp"]),
    ("SMBv1", &["smb"]),
    ("SMBv23", &["smb"]),
    ("Usenet", &["nntp"]),
    // A WebSocket begins as HTTP: netloom says what it became.
    ("HTTP", &["http", "websocket"]),
    ("HTTP_Proxy", &["http", "http_proxy", "http_connect"]),
    ("HTTP_Connect", &["http", "http_connect"]),
    // TLS of a protocol with a port of its own: netloom says what the bytes are.
    ("IMAPS", &["tls", "imaps"]),
    ("POPS", &["tls", "pops"]),
    ("SMTPS", &["tls", "smtps"]),
    // SRTP is RTP whose payload cannot be read; the header is the same.
    ("SRTP", &["srtp", "rtp"]),
    // nDPI names the game; the bytes are Photon, which many games speak.
    ("TocaBoca", &["photon"]),
    // nDPI names the hoster; the bytes are Discord's discovery of the own address.
    ("i3D", &["discord"]),
    // nDPI names the maker; the bytes of its games' connections are ENet.
    ("GaijinEntertainment", &["gaijinentertainment", "enet"]),
    ("ETHEREUM", &["ethereum", "ethereum_discovery"]),
    ("GTP", &["gtp", "gtp_prime"]),
    ("IPSec", &["ipsec"]),
];

fn flows(path: &Path) -> Vec<FlowRecord> {
    let mut config = FlowConfig::new(FlowRules::Ndpi);
    config.applications = Some(Interest::NONE);
    support::flows(path, &config)
}

/// A flow line: its ends, and nDPI's protocol.
struct Line {
    key: String,
    protocol: String,
}

/// Transport and both ends, the smaller first.
fn key(transport: &str, one: &str, other: &str) -> String {
    let (first, second) = if one < other {
        (one, other)
    } else {
        (other, one)
    };
    format!("{transport} {first} {second}")
}

fn part<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let start = line.find(&format!("[{name}: "))? + name.len() + 3;
    line.get(start..)?.split(']').next()
}

/// `address:port` without the brackets of IPv6.
fn endpoint(text: &str) -> String {
    text.replace(['[', ']'], "")
}

fn parse(line: &str) -> Option<Line> {
    let rest = line.strip_prefix('\t')?;
    let (number, rest) = rest.split_once('\t')?;
    number.trim().parse::<u32>().ok()?;
    if !part(line, "Confidence")?.starts_with("DPI") {
        return None;
    }
    let mut words = rest.split(' ');
    let transport = words.next()?;
    let one = endpoint(words.next()?);
    words.next()?;
    let other = endpoint(words.next()?);
    let protocol = part(line, "proto")?.split_once('/')?.1;
    Some(Line {
        key: key(transport, &one, &other),
        protocol: protocol.to_owned(),
    })
}

fn transport(protocol: u8) -> String {
    match protocol {
        1 => "ICMP".to_owned(),
        2 => "IGMP".to_owned(),
        6 => "TCP".to_owned(),
        17 => "UDP".to_owned(),
        47 => "GRE".to_owned(),
        50 => "ESP".to_owned(),
        51 => "AH".to_owned(),
        58 => "ICMPV6".to_owned(),
        89 => "OSPF".to_owned(),
        112 => "VRRP".to_owned(),
        113 => "PGM".to_owned(),
        132 => "SCTP".to_owned(),
        other => other.to_string(),
    }
}

/// An end as ndpiReader writes it: the first zero group of an IPv6 address loses its zero.
fn end(address: IpAddr, port: Option<u16>) -> String {
    let address = address.to_string().replacen(":0:", "::", 1);
    format!("{address}:{}", port.unwrap_or(0))
}

/// What netloom knows by content.
fn service(flow: &FlowRecord) -> Option<&'static str> {
    let by_content = flow
        .app
        .as_ref()
        .filter(|app| app.confidence == Some(Confidence::Content));
    by_content
        .and_then(|app| app.service)
        .or_else(|| service_of_protocol(flow.protocol))
        .map(|service| service.name)
}

fn same(theirs: &str, ours: &str) -> bool {
    let plain = |name: &str| name.to_lowercase().replace(['_', '-'], "");
    NAMES.iter().find(|(name, _)| *name == theirs).map_or_else(
        || plain(theirs) == plain(ours),
        |(_, names)| names.contains(&ours),
    )
}

#[derive(Default)]
struct Tally {
    /// Compared and the same, by capture.
    captures: BTreeMap<String, (u32, u32)>,
    /// And by nDPI's name.
    masters: BTreeMap<String, (u32, u32)>,
    differences: Vec<String>,
}

impl Tally {
    fn count(&mut self, capture: &str, master: &str, is: bool) {
        for (all, name) in [(&mut self.captures, capture), (&mut self.masters, master)] {
            let counts = all.entry(name.to_owned()).or_default();
            counts.0 += 1;
            counts.1 += u32::from(is);
        }
    }

    fn pooled(&self) -> f64 {
        let (compared, agree) = self
            .captures
            .values()
            .fold((0, 0), |sum, counts| (sum.0 + counts.0, sum.1 + counts.1));
        100.0 * f64::from(agree) / f64::from(compared.max(1))
    }

    fn mean(&self) -> f64 {
        let rates = self
            .captures
            .values()
            .map(|&(compared, agree)| f64::from(agree) / f64::from(compared));
        100.0 * rates.sum::<f64>() / self.captures.len().max(1) as f64
    }
}

#[test]
fn protocols_agree_with_ndpi() {
    let Some(data) = support::data() else { return };
    let mut tally = Tally::default();
    for capture in support::captures(&data, "ndpi") {
        let path = &capture.path;
        let is_output =
            |name: &&String| Path::new(name).extension().is_some_and(|ext| ext == "out");
        let Some(result) = capture.expected.iter().find(is_output) else {
            continue;
        };
        let text = std::fs::read(data.join(result)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<Line> = text.lines().filter_map(parse).collect();
        if lines.is_empty() {
            continue;
        }
        let capture = path.rsplit('/').next().unwrap_or_default();
        let mut ours: HashMap<String, Vec<Option<&str>>> = HashMap::new();
        for flow in flows(&data.join(path)) {
            let key = key(
                &transport(flow.protocol),
                &end(flow.src_ip, flow.src_port),
                &end(flow.dst_ip, flow.dst_port),
            );
            ours.entry(key).or_default().push(service(&flow));
        }
        for line in lines {
            let master = line.protocol.split('.').next().unwrap_or_default();
            let found = ours.get(&line.key).map(Vec::as_slice).unwrap_or_default();
            let is = found.iter().flatten().any(|ours| same(master, ours));
            tally.count(capture, master, is);
            if !is {
                let said = match found {
                    [] => "no such flow".to_owned(),
                    [first, ..] => first.map_or("nothing".to_owned(), |name| format!("`{name}`")),
                };
                tally.differences.push(format!(
                    "{capture}: {}: nDPI `{}`, netloom {said}",
                    line.key, line.protocol
                ));
            }
        }
    }
    let page = page(&tally);
    println!("{page}");
    support::bless("agreement-applications.md", &page);
    assert!(tally.pooled() >= 92.0, "pooled {:.2} %", tally.pooled());
    assert!(tally.mean() >= 92.0, "mean {:.2} %", tally.mean());
}

fn page(tally: &Tally) -> String {
    let mut page = String::from(
        "# Agreement with nDPI: protocols\n\n\
         Written by the test `applications` of `netloom-flow` (`NETLOOM_BLESS=1`). Flows under\n\
         `--flow-rules ndpi` are compared with the flow lines of nDPI's own tests whose confidence\n\
         is DPI: the master protocol (what stands before the dot) and netloom's service, only as far\n\
         as netloom knows it by content. Names are mapped by the table in the test. Each line below\n\
         is a miss.\n\n",
    );
    let compared: u32 = tally.captures.values().map(|counts| counts.0).sum();
    let agree: u32 = tally.captures.values().map(|counts| counts.1).sum();
    let _ = writeln!(
        page,
        "| captures | flows | agree | % pooled | % mean over captures |\n|---:|---:|---:|---:|---:|\n\
         | {} | {compared} | {agree} | {:.2} | {:.2} |\n",
        tally.captures.len(),
        tally.pooled(),
        tally.mean()
    );
    page += "## By nDPI's name\n\n| nDPI | flows | agree |\n|---|---:|---:|\n";
    for (name, (compared, agree)) in &tally.masters {
        let _ = writeln!(page, "| {name} | {compared} | {agree} |");
    }
    page += "\n## Differences\n\n";
    let mut differences: Vec<_> = tally.differences.iter().collect();
    differences.sort();
    for difference in differences {
        let _ = writeln!(page, "- {difference}");
    }
    page
}
