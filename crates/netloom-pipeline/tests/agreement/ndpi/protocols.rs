//! The protocol of every flow.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use netloom_decode::app::service_of_protocol;
use netloom_flow::FlowRecord;
use netloom_flow::app::Confidence;

use super::line::Line;
use crate::support::Tally;

/// nDPI's name and netloom's names, where they are not the same but for case and `_`: nDPI's is
/// left out of the table then. Several where netloom tells apart what nDPI does not; `a+b` is a
/// flow of `a` that carries `b` as well.
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
    ("RESP", &["redis"]),
    ("Thrift", &["apache_thrift"]),
    ("Usenet", &["nntp"]),
    ("Whois-DAS", &["whois"]),
    // Version 10 of NetFlow is IPFIX.
    ("NetFlow", &["netflow", "ipfix"]),
    // netloom has one name for both generations of the controllers' protocol.
    ("S7CommPlus", &["s7comm"]),
    // Remote desktop's transport over UDP has a name of its own.
    ("RDP", &["rdp", "rdpeudp"]),
    // SOAP is what the body of HTTP holds: netloom says what carries it.
    ("SOAP", &["soap", "http"]),
    // A WebSocket begins as HTTP: netloom says what it became.
    ("HTTP", &["http", "websocket"]),
    ("HTTP_Proxy", &["http", "http_proxy", "http_connect"]),
    ("HTTP_Connect", &["http", "http_connect"]),
    // TLS of a protocol with a port of its own: netloom says what the bytes are. Where TLS was
    // agreed on within the protocol (STARTTLS), netloom says what the flow began as, and that it
    // carries TLS.
    ("FTPS", &["tls", "ftps", "ftp+tls"]),
    ("IMAPS", &["tls", "imaps", "imap+tls"]),
    ("POPS", &["tls", "pops", "pop3+tls"]),
    ("SMTPS", &["tls", "smtps", "smtp+tls"]),
    ("TLS", &["tls", "rdp+tls"]),
    // SRTP is RTP whose payload cannot be read; the header is the same.
    ("SRTP", &["srtp", "rtp"]),
    // nDPI names the game; the bytes are Photon, which many games speak.
    ("TocaBoca", &["photon"]),
    // nDPI names the hoster; the bytes are Discord's discovery of the own address.
    ("i3D", &["discord"]),
    // nDPI names the maker; the bytes of its games' connections are ENet.
    ("GaijinEntertainment", &["gaijinentertainment", "enet"]),
    // nDPI names the firm by the address; the bytes are TLS on Apple's port for push messages.
    ("ApplePush", &["applepush", "tls"]),
    // nDPI names the product by the name that is asked for; the bytes are DNS.
    ("AVASTSecureDNS", &["dns"]),
    // nDPI names the firm that made the engine; the bytes are Unreal Engine's handshake.
    ("EpicGames", &["unreal_engine"]),
    // nDPI names the game that the engine was made for first; the bytes are Source Engine's.
    ("HalfLife2", &["source_engine"]),
    // PPStream is iQIYI's older name, and stands in the bytes.
    ("iQIYI", &["ppstream"]),
    // nDPI names the product by the address; the bytes are RTCP and RTP, encrypted.
    ("KakaoTalk_Voice", &["rtcp", "rtp"]),
    // nDPI names what the connection is for; the bytes are Weave.
    ("NestLogSink", &["weave"]),
    // OICQ is QQ's older name; nDPI knows both.
    ("OICQ", &["qq"]),
    // nDPI names the firm by the name of its server; the bytes are XMPP.
    ("TruPhone", &["xmpp"]),
    // Xiaomi's devices and its push messages.
    ("Xiaomi", &["xiaomi", "xiaomi_push"]),
    // yojimbo is the library above netcode, whose bytes these are.
    ("Yojimbo", &["netcode"]),
    ("ETHEREUM", &["ethereum", "ethereum_discovery"]),
    ("GTP", &["gtp", "gtp_prime"]),
    ("IPSec", &["ipsec"]),
    ("IP_PIM", &["pim"]),
];

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

/// Whether one of the flow's names, or with what it carries, is nDPI's.
fn agrees(theirs: &str, flow: &FlowRecord) -> bool {
    let Some(ours) = service(flow) else {
        return false;
    };
    let carried = flow.app.iter().flat_map(|app| &app.carried);
    same(theirs, ours)
        // nDPI names what carries them: SCTP.
        || service_of_protocol(flow.protocol).is_some_and(|carrier| same(theirs, carrier.name))
        || carried
            .map(|carried| format!("{ours}+{}", carried.name))
            .any(|both| same(theirs, &both))
}

fn same(theirs: &str, ours: &str) -> bool {
    let plain = |name: &str| name.to_lowercase().replace(['_', '-'], "");
    NAMES.iter().find(|(name, _)| *name == theirs).map_or_else(
        || plain(theirs) == plain(ours),
        |(_, names)| names.contains(&ours),
    )
}

#[derive(Default)]
pub(super) struct Protocols {
    /// Flows that nDPI knows.
    pub(super) theirs: Tally,
    /// Flows that netloom knows.
    pub(super) ours: Tally,
    /// By nDPI's name and by netloom's: flows, and those that agree.
    by_theirs: BTreeMap<String, (u32, u32)>,
    by_ours: BTreeMap<String, (u32, u32)>,
}

fn count(all: &mut BTreeMap<String, (u32, u32)>, name: &str, is: bool) {
    let counts = all.entry(name.to_owned()).or_default();
    counts.0 += 1;
    counts.1 += u32::from(is);
}

impl Protocols {
    pub(super) fn line(&mut self, capture: &str, line: &Line, found: &[&FlowRecord]) {
        if !line.by_content {
            return;
        }
        let master = line.master();
        let ours: Vec<Option<&str>> = found.iter().map(|flow| service(flow)).collect();
        let is = found.iter().any(|flow| agrees(master, flow));
        count(&mut self.by_theirs, master, is);
        self.theirs.add(capture, is, || {
            let said = match ours.as_slice() {
                [] => "no such flow".to_owned(),
                [first, ..] => first.map_or("nothing".to_owned(), |name| format!("`{name}`")),
            };
            format!("{}: nDPI `{}`, netloom {said}", line.key, line.protocol)
        });
        let Some(service) = ours.iter().copied().flatten().next() else {
            return;
        };
        let is = is || line.protocol.split('.').any(|theirs| same(theirs, service));
        count(&mut self.by_ours, service, is);
        self.ours.add(capture, is, || {
            format!(
                "{}: netloom `{service}`, nDPI `{}`",
                line.key, line.protocol
            )
        });
    }

    /// Both tables.
    pub(super) fn page(&self) -> String {
        let mut page = String::new();
        for (title, column, all) in [
            ("By nDPI's protocol", "nDPI", &self.by_theirs),
            (
                "By netloom's service, where nDPI knows the flow by DPI",
                "netloom",
                &self.by_ours,
            ),
        ] {
            let _ = write!(
                page,
                "## {title}\n\n| {column} | flows | agree |\n|---|---:|---:|\n"
            );
            for (name, (flows, agree)) in all {
                let _ = writeln!(page, "| {name} | {flows} | {agree} |");
            }
            page.push('\n');
        }
        page
    }
}
