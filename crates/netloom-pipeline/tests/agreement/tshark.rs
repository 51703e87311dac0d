//! What Wireshark shows of every shared capture, in one pass over them.

mod headers;
mod info;
mod names;
mod sharkd;
mod streams;

use netloom_flow::FlowRules;

use crate::seen::read;
use crate::services::Claims;
use crate::support::{captures, conclude, in_parallel};

use self::sharkd::{Frame, Wireshark};
pub(crate) use self::streams::Streams;

/// Columns: the first two are Wireshark's own.
const COLUMNS: [&str; 17] = [
    "%p",
    "%i",
    "frame.protocols",
    "dns.qry.name",
    "nbns.name",
    "dns.resp.name",
    "tls.handshake.extensions_server_name",
    "dtls.handshake.extensions_server_name",
    "gquic.tag.sni",
    "http.host",
    "http2.headers.authority",
    "dhcp.option.hostname",
    "dhcp.fqdn.name",
    "dhcpv6.client_domain",
    "tcp.window_size_value",
    "tcp.stream",
    "udp.stream",
];

/// What Wireshark is told: whole streams however they came; sequence numbers as they were sent,
/// as netloom shows them.
const PREFERENCES: &str = "\
tcp.reassemble_out_of_order: TRUE
tcp.relative_sequence_numbers: FALSE
";

impl Frame {
    /// A column by its name.
    fn get(&self, column: &str) -> &str {
        let at = COLUMNS.iter().position(|known| *known == column).unwrap();
        self.columns.get(at).map_or("", String::as_str)
    }

    /// Whether one of its layers is this.
    fn has(&self, protocol: &str) -> bool {
        self.get("frame.protocols")
            .split(':')
            .any(|layer| layer == protocol)
    }
}

/// How it is compared, and what is known about differences.
const INTRODUCTION: &str = "\
Written by the tests `agreement` of `netloom-pipeline` (`NETLOOM_BLESS=1`): what netloom says of
every shared capture against what Wireshark 4.0 shows. Every difference is a miss, explained or not.

- DNS query names: those of questions (`dns.qry.name`) and of NBNS (`nbns.name`), and the `query`
  column of `dns` (where there was no question, it has the owner of the first record, which is
  looked for in `dns.resp.name`). DNS that travels by itself is compared: not what is inside HTTP/2
  or TLS, and not the packets that ICMP errors quote. Bytes that are no printable ASCII count as one
  unknown character.
- Server names of TLS, DTLS, QUIC, and hosts of HTTP (without port, in lower case, SSDP left out,
  not what is decrypted with keys in the file). Wireshark goes by ports first: where netloom has a
  name and Wireshark has not, tshark is asked again with the flow's port named as TLS, OpenVPN or HTTP; for
  HTTP also with hosts that stand in the target alone, and without waiting for the ends of heads
  that the capture lacks.
- Host names of DHCP: options 12 and 81, and the client's name of DHCPv6.
- Info: facts that Wireshark's Info column has stand in netloom's `info`, for packets whose protocol
  it shows as ARP, ICMP, ICMPv6, TCP, UDP, DNS (also mDNS and LLMNR), TLS and HTTP. The facts are,
  ARP: who asks for whom, who is where; ICMP: what it is, identifier and sequence number; TCP: ports,
  flags, Seq, Ack, Win, Len; UDP: ports and Len; DNS: query or response, identifier, names, types and
  values; TLS: the messages; HTTP: method, target, status, type. Sequence numbers are those on the
  wire, as netloom shows them; so are windows. Of all other packets netloom says the protocol, as far
  as it is known, and the length.
  Wireshark's notes about the stream (`[TCP Retransmission]`) are no facts of the packet; a picture
  that it names by its first bytes (`GIF89a`) is a media type.

Differences that are known:

- `badpackets.pcap` holds first fragments whose others are missing: Wireshark reads the names in
  them, netloom waits for whole datagrams.
- `version_scan.pcap`: DNS over TCP on ports of other protocols, where Wireshark does not look for
  it.
- Wireshark waits for the end of a hello that the capture lacks (`tls_missing_ch_frag.pcap`), and
  looks behind HAProxy's PROXY line (`haproxy.pcap`).
- Info: netloom reads streams in the order of the capture and keeps no payload: behind a gap it begins
  anew with the next message that a segment begins with, where Wireshark waits for what is missing
  and then tells all at once, on the packet that fills the gap.
- Info: netloom goes by content; on ports that are not those of TLS or HTTP, Wireshark may show TCP.
";

#[test]
fn tshark() {
    let Some(captures) = captures("") else {
        return;
    };
    if !Wireshark::is_installed() {
        println!("not compared: tshark cannot be run");
        return;
    }
    let results = in_parallel(
        &captures,
        || Wireshark::new(PREFERENCES, &COLUMNS),
        |wireshark, capture| {
            let frames = wireshark.frames(&capture.path).unwrap_or_default();
            let seen = read(&capture.path, FlowRules::Native);
            (
                names::Sets::of(&capture.path, &frames, &seen),
                info::compare(&capture.path, &frames),
                Claims::of(capture, &seen, &Streams::of(&frames)),
            )
        },
    );
    let mut parts = names::Sets::parts(captures.iter().zip(results.iter().map(|(sets, ..)| sets)));
    let infos = captures.iter().zip(results.iter().map(|(_, info, _)| info));
    let (mut of_info, more) = info::parts(infos);
    parts.append(&mut of_info);
    let claims = captures
        .iter()
        .zip(results.iter().map(|(_, _, claims)| claims));
    let (claims, about, unexplained) = Claims::part(claims);
    parts.push(claims);
    let more = format!("{more}{about}");
    conclude(
        "agreement-tshark-names.md",
        "Agreement with tshark: names and Info",
        INTRODUCTION,
        &parts,
        &more,
    );
    assert!(
        unexplained.is_empty(),
        "nobody else says so: {unexplained:#?}"
    );
}
