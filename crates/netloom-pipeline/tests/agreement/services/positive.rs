//! A capture of every protocol.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use netloom_decode::app::detectors;
use netloom_flow::FlowRules;
use tempfile::TempDir;

use super::services;
use crate::seen::read;
use crate::support::{captures, in_parallel};

/// Protocols and captures in which they are spoken.
const CAPTURES: &[(&str, &str)] = &[
    ("aerospike", "arkime/tests/pcap/aerospike.pcap"),
    ("alicloud", "ndpi/pcap/alicloud.pcap"),
    ("amqp", "ndpi/pcap/amqp.pcap"),
    ("atg", "ndpi/pcap/atg.pcap"),
    ("avast", "ndpi/pcap/avast.pcap"),
    ("babel", "tcpdump/tests/babel_auth.pcap"),
    ("bacnet", "arkime/tests/pcap/bacnet-stack-services.pcap"),
    ("beckhoffads", "ndpi/pcap/beckhoff_ads.pcapng"),
    ("bfd", "tcpdump/tests/bfd-multihop.pcap"),
    ("bgp", "arkime/tests/pcap/y2038-bgp.pcap"),
    ("bitcoin", "arkime/tests/pcap/arkime_synthetic.pcap"),
    ("bittorrent", "ndpi/pcap/bittorrent.pcap"),
    ("bjnp", "ndpi/pcap/bjnp.pcap"),
    ("ceph", "ndpi/pcap/ceph.pcap"),
    ("checkmk", "ndpi/pcap/check_mk_new.pcap"),
    ("cnp_ip", "ndpi/pcap/cnp_ip.pcapng"),
    ("cod_mobile", "ndpi/pcap/codm.pcap"),
    ("collectd", "ndpi/pcap/collectd.pcap"),
    ("cpha", "ndpi/pcap/cpha.pcap"),
    ("dce_rpc", "zeek/Traces/dce-rpc/mapi.pcap"),
    ("dhcp", "zeek/Traces/dhcp/dhcp_flood.pcap"),
    ("dhcpv6", "arkime/tests/pcap/wireshark-dhcpv6.pcap"),
    ("diameter", "arkime/tests/pcap/diameter_synthetic.pcap"),
    ("discord", "ndpi/pcap/discord_mid_flow.pcap"),
    ("dlep", "ndpi/pcap/dlep.pcapng"),
    ("dnp3", "zeek/Traces/dnp3/dnp3.pcap"),
    ("dns", "ndpi/pcap/dns_ambiguous_names.pcap"),
    ("dnscrypt", "ndpi/pcap/dnscrypt-v1-and-resolver-pings.pcap"),
    ("doip", "scapy/test/pcaps/doip_ack.pcap"),
    ("dropbox", "ndpi/pcap/tor.pcap"),
    ("dtls", "zeek/Traces/tls/dtls13-cid.pcap"),
    ("enet", "ndpi/pcap/gaijin_warthunder.pcap"),
    ("enip", "suricata-verify/tests/enip-alert/enip_test1.pcap"),
    ("ethereum", "ndpi/pcap/ethereum.pcap"),
    ("ethereum_discovery", "ndpi/pcap/ethereum.pcap"),
    ("fix", "ndpi/pcap/fix.pcap"),
    ("ftp", "zeek/Traces/ftp/ftp-password-pass-command.pcap"),
    ("gaijinentertainment", "ndpi/pcap/gaijin_warthunder.pcap"),
    ("gearman", "ndpi/pcap/gearman.pcap"),
    ("geneve", "zeek/Traces/tunnels/geneve-truncated.pcapng"),
    ("giop", "ndpi/pcap/corba.pcap"),
    ("git", "ndpi/pcap/git.pcap"),
    ("gnutella", "zeek/Traces/gnutella/max-line.pcapng"),
    ("gtp", "ndpi/pcap/gtp_false_positive.pcapng"),
    ("gtp_prime", "ndpi/pcap/gtp_prime.pcapng"),
    ("haproxy", "ndpi/pcap/haproxy.pcap"),
    ("heroes_of_the_storm", "ndpi/pcap/hots.pcapng"),
    ("hislip", "ndpi/pcap/hislip.pcap"),
    ("hp_virtgrp", "ndpi/pcap/hpvirtgrp.pcap"),
    ("http", "zeek/Traces/http/http_09.pcap"),
    (
        "http2",
        "suricata-verify/tests/http2-range/http2-range.pcap",
    ),
    ("iax2", "ndpi/pcap/iax.pcap"),
    ("ieee_c37118", "arkime/tests/pcap/arkime_synthetic.pcap"),
    ("imap", "ndpi/pcap/imap.pcap"),
    ("ipfix", "scapy/test/pcaps/ipfix.pcap"),
    ("ipsec", "arkime/tests/pcap/IKEv1.pcap"),
    ("irc", "zeek/Traces/irc-whitespace.pcap"),
    ("kerberos", "ndpi/pcap/kerberos-login.pcap"),
    ("knx", "ndpi/pcap/knxip.pcapng"),
    ("ldap", "zeek/Traces/ldap/missing_ldap_logs.pcapng"),
    ("lisp", "ndpi/pcap/lisp_registration.pcap"),
    (
        "llmnr",
        "suricata-verify/tests/llmnr/llmnr-invalid-opcode/input.pcap",
    ),
    ("lolwildrift", "ndpi/pcap/lol_wild_rift_udp.pcap"),
    ("lustre", "ndpi/pcap/lustre.pcapng"),
    ("mdns", "zeek/Traces/dns/mdns-no-assoc.pcap"),
    ("merakicloud", "ndpi/pcap/merakicloud.pcapng"),
    ("mgcp", "ndpi/pcap/mgcp.pcap"),
    ("modbus", "zeek/Traces/modbus/modbusSmall.pcap"),
    ("mongodb", "ndpi/pcap/mongodb.pcap"),
    ("mqtt", "arkime/tests/pcap/mqtt_big.pcap"),
    ("mssql", "arkime/tests/pcap/ntlm_synthetic.pcap"),
    ("munin", "ndpi/pcap/munin.pcap"),
    ("mysql", "zeek/Traces/mysql/mysql.pcap"),
    ("nano", "ndpi/pcap/nano.pcapng"),
    ("nats", "ndpi/pcap/nats.pcap"),
    ("nbdgm", "ndpi/pcap/netbios.pcap"),
    ("nbns", "arkime/tests/pcap/nbns.pcap"),
    ("nbss", "ndpi/pcap/netbios.pcap"),
    ("netflow", "scapy/test/pcaps/netflowv9.pcap"),
    ("nfs", "ndpi/pcap/nfsv3.pcap"),
    ("nintendo", "ndpi/pcap/nintendo.pcap"),
    ("nntp", "ndpi/pcap/nntp.pcap"),
    ("nomachine", "ndpi/pcap/nomachine.pcapng"),
    ("ntp", "zeek/Traces/ntp.pcap"),
    ("opcua", "ndpi/pcap/opc-ua.pcap"),
    ("openflow", "ndpi/pcap/openflow.pcap"),
    ("openvpn", "ndpi/pcap/openvpn.pcap"),
    ("oracle", "arkime/tests/pcap/oracle.pcap"),
    ("oscar", "ndpi/pcap/Oscar.pcap"),
    ("pfcp", "ndpi/pcap/pfcp.pcapng"),
    ("photon", "ndpi/pcap/toca-boca.pcap"),
    ("pop3", "zeek/Traces/pop3/pop3.pcap"),
    ("postgresql", "zeek/Traces/postgresql/greenhouse-app.pcap"),
    ("ptp", "ndpi/pcap/ptpv2.pcap"),
    ("quic", "ndpi/pcap/quic_interop_V.pcapng"),
    ("radius", "zeek/Traces/radius/radius_localhost.pcap"),
    ("radmin", "ndpi/pcap/radmin3.pcapng"),
    ("raft", "ndpi/pcap/raft.pcap"),
    ("raknet", "ndpi/pcap/roblox.pcapng"),
    ("rdp", "ndpi/pcap/rdp.pcap"),
    ("redis", "zeek/Traces/redis/stream.pcap"),
    ("rip", "zeek/Traces/tunnels/gre-within-gre.pcap"),
    ("rpc", "zeek/Traces/rpc-portmap-sadmind.pcap"),
    ("rsh", "ndpi/pcap/rsh.pcap"),
    (
        "rtcp",
        "ndpi/pcap/rtcp_multiple_pkts_in_the_same_datagram.pcap",
    ),
    ("rtp", "ndpi/pcap/rtp.pcapng"),
    ("rtps", "ndpi/pcap/rtps.pcap"),
    ("rx", "ndpi/pcap/rx.pcap"),
    ("s7comm", "arkime/tests/pcap/s7comm_synthetic.pcap"),
    ("sap", "zeek/Traces/q-in-q.pcap"),
    ("sccp", "ndpi/pcap/sccp_hw_conf_register.pcapng"),
    ("service_location_protocol", "ndpi/pcap/srvloc-v1.pcapng"),
    ("sflow", "ndpi/pcap/sflow.pcap"),
    (
        "sip",
        "zeek/Traces/sip/sip-long-request-response-paths.pcap",
    ),
    ("smb", "zeek/Traces/smb/smb1-logoff-andx-no-advance.pcap"),
    (
        "smtp",
        "zeek/Traces/smtp/smtp-bdat-cmd-negative-chunk-size.pcap",
    ),
    ("snmp", "zeek/Traces/snmp/snmpv1_set.pcap"),
    ("socks", "zeek/Traces/socks-auth.pcap"),
    ("someip", "ndpi/pcap/someip_sd_sample.pcap"),
    ("source_engine", "ndpi/pcap/source_engine.pcap"),
    ("spotify", "ndpi/pcap/android.pcap"),
    ("ssdp", "ndpi/pcap/anyconnect-vpn.pcap"),
    ("ssh", "zeek/Traces/ssh/sshguess.pcap"),
    ("stun", "ndpi/pcap/stun.pcap"),
    ("syslog", "ndpi/pcap/syslog.pcap"),
    ("teamspeak", "ndpi/pcap/teamspeak3.pcap"),
    ("telnet", "ndpi/pcap/telnet.pcap"),
    ("tftp", "ndpi/pcap/tftp.pcap"),
    ("tinc", "ndpi/pcap/tinc.pcap"),
    ("tivoconnect", "ndpi/pcap/TivoDVR.pcap"),
    ("tls", "ndpi/pcap/tls_cipher_lens.pcap"),
    ("tplink_shp", "ndpi/pcap/tplink_shp.pcap"),
    ("tuyalp", "ndpi/pcap/tuya_lp.pcap"),
    ("viber", "ndpi/pcap/viber.pcap"),
    ("vnc", "zeek/Traces/rfb/vnc-mac-to-linux.pcap"),
    ("vxlan", "zeek/Traces/tunnels/vxlan.pcap"),
    ("websocket", "zeek/Traces/http/websocket.pcap"),
    ("whatsapp", "ndpi/pcap/whatsapp_voice_and_message.pcap"),
    ("wireguard", "ndpi/pcap/mullvad_wireguard.pcap"),
    ("worldofwarcraft", "ndpi/pcap/wow.pcap"),
    ("xdmcp", "ndpi/pcap/xdmcp.pcap"),
    ("xmpp", "ndpi/pcap/jabber.pcap"),
    ("zoom", "ndpi/pcap/zoom_p2p.pcapng"),
    ("iec104", "mercury/unit_tests/pcaps/emix.pcap"),
    ("tacacs", "mercury/unit_tests/pcaps/emix.pcap"),
    ("wsd", "mercury/unit_tests/pcaps/emix.pcap"),
];

/// Protocols of which there is no capture: over TCP or not, the port, what a client says and what
/// it is answered, after the protocols' descriptions.
type Talk = (&'static str, bool, u16, &'static [u8], &'static [u8]);

const TALKS: &[Talk] = &[
    // Native protocol, version 4: STARTUP, READY.
    (
        "cassandra",
        true,
        40_002,
        b"\x04\0\0\0\x01\0\0\0\x16\0\x01\0\x0bCQL_VERSION\0\x053.0.0",
        b"\x84\0\0\0\x02\0\0\0\0",
    ),
    // RFC 7252: a confirmable GET of /.well-known/core, and 2.05 Content.
    (
        "coap",
        false,
        5683,
        b"\x40\x01\x12\x34\xbb.well-known\x04core",
        b"\x60\x45\x12\x34\xc1\x28\xff</a>",
    ),
    // Q.931 in TPKT: SETUP, CALL PROCEEDING.
    (
        "h323",
        true,
        1720,
        b"\x03\0\0\x0b\x08\x02\0\x07\x05\x04\x03",
        b"\x03\0\0\x0b\x08\x02\x80\x07\x02\x04\x03",
    ),
    // ApiVersions, version 0.
    (
        "kafka",
        true,
        40_002,
        b"\0\0\0\x11\0\x12\0\0\0\0\0\x01\0\x07rdkafka",
        b"\0\0\0\x0a\0\0\0\x01\0\0\0\0\0\0",
    ),
    (
        "memcached",
        true,
        40_002,
        b"get key\r\n",
        b"VALUE key 0 3\r\nabc\r\nEND\r\n",
    ),
    (
        "mining",
        true,
        40_002,
        b"{\"id\": 1, \"method\": \"mining.subscribe\", \"params\": []}\n",
        b"{\"id\": 1, \"result\": [], \"error\": null}\n",
    ),
    // A port for errors, the user, the password, the command.
    ("rexec", true, 512, b"0\0user\0secret\0ls -l\0", b"\0"),
    // RFC 1282, the same on the port of its own.
    ("rlogin", true, 513, b"\0ben\0ben\0xterm/38400\0", b"\0"),
    // RFC 2326, section 10.1.
    (
        "rtsp",
        true,
        40_002,
        b"OPTIONS rtsp://example.com/a RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: DESCRIBE, SETUP\r\n\r\n",
    ),
    (
        "gopher",
        true,
        70,
        b"\r\n",
        b"0About\t/about\tgopher.example\t70\r\n.\r\n",
    ),
    (
        "finger",
        true,
        79,
        b"ben\r\n",
        b"Login: ben\t\tName: Ben\r\nNo Plan.\r\n",
    ),
    (
        "whois",
        true,
        43,
        b"example.com\r\n",
        b"   Domain Name: EXAMPLE.COM\r\n",
    ),
    (
        "rsync",
        true,
        40_002,
        b"@RSYNCD: 31.0\n",
        b"@RSYNCD: 31.0\n",
    ),
    (
        "svn",
        true,
        40_002,
        b"( 2 ( edit-pipeline svndiff1 ) 20:svn://svn.example/a/ )",
        b"( success ( ( ANONYMOUS ) 0: ) )",
    ),
    // X Window System Protocol, chapter 8: little-endian, version 11.0, no authorization.
    (
        "x11",
        true,
        6000,
        b"l\0\x0b\0\0\0\0\0\0\0\0\0",
        b"\x01\0\x0b\0\0\0\x02\0\0\0\0\0\0\0\0\0",
    ),
];

/// What only the conversation on another port tells, or what another protocol becomes.
const FOUND_OTHERWISE: &[(&str, &str)] = &[(
    "ftp-data",
    "bytes of files: known because FTP announced the channel",
)];

/// A raw IPv4 packet; checksums are not looked at.
fn packet(
    tcp: bool,
    from_client: bool,
    port: u16,
    flags: u8,
    at: [u32; 2],
    data: &[u8],
) -> Vec<u8> {
    let (client, server) = ([192, 0, 2, 1], [192, 0, 2, 2]);
    let ends = [(client, 40_000_u16), (server, port)];
    let [src, dst] = if from_client {
        ends
    } else {
        [ends[1], ends[0]]
    };
    let mut transport = [src.1.to_be_bytes(), dst.1.to_be_bytes()].concat();
    if tcp {
        transport.extend(at[0].to_be_bytes());
        transport.extend(at[1].to_be_bytes());
        transport.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    } else {
        transport.extend((data.len() as u16 + 8).to_be_bytes());
        transport.extend([0, 0]);
    }
    transport.extend(data);
    let mut bytes = vec![0x45, 0];
    bytes.extend((transport.len() as u16 + 20).to_be_bytes());
    bytes.extend([0, 0, 0, 0, 64, if tcp { 6 } else { 17 }, 0, 0]);
    bytes.extend(src.0);
    bytes.extend(dst.0);
    bytes.extend(transport);
    bytes
}

/// A capture of a conversation: one question, one answer.
fn conversation(&(_, tcp, port, question, answer): &Talk) -> Vec<u8> {
    const SYN: u8 = 2;
    const ACK: u8 = 16;
    let (asked, answered) = (1 + question.len() as u32, 1 + answer.len() as u32);
    let packets = if tcp {
        vec![
            packet(tcp, true, port, SYN, [0, 0], b""),
            packet(tcp, false, port, SYN | ACK, [0, 1], b""),
            packet(tcp, true, port, ACK, [1, 1], b""),
            packet(tcp, true, port, ACK, [1, 1], question),
            packet(tcp, false, port, ACK, [1, asked], answer),
            packet(tcp, true, port, ACK, [asked, answered], b""),
        ]
    } else {
        vec![
            packet(tcp, true, port, 0, [0, 0], question),
            packet(tcp, false, port, 0, [0, 0], answer),
        ]
    };
    // pcap, little-endian, raw IP (LINKTYPE_RAW).
    let mut file = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
    file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 101, 0, 0, 0]);
    for (at, packet) in (0_u32..).zip(packets) {
        let length = (packet.len() as u32).to_le_bytes();
        file.extend(1_u32.to_le_bytes());
        file.extend(at.to_le_bytes());
        file.extend(length);
        file.extend(length);
        file.extend(packet);
    }
    file
}

/// Captures by the protocols that must be found in them.
fn expected(data: &Path, made: &Path) -> BTreeMap<PathBuf, BTreeSet<&'static str>> {
    let mut all: BTreeMap<PathBuf, BTreeSet<&str>> = BTreeMap::new();
    for &(service, capture) in CAPTURES {
        all.entry(data.join(capture)).or_default().insert(service);
    }
    for talk in TALKS {
        let path = made.join(format!("{}.pcap", talk.0));
        std::fs::write(&path, conversation(talk)).unwrap();
        all.entry(path).or_default().insert(talk.0);
    }
    all
}

#[test]
fn every_protocol_is_found_where_it_is() {
    // Those that are known by their first bytes alone have a sample each beside their signatures
    // in netloom-decode, which all detectors are asked about.
    let read_further = detectors()
        .iter()
        .filter(|detector| detector.parser.is_some());
    let without: Vec<&str> = read_further
        .map(|detector| detector.protocol.name)
        .filter(|name| {
            !CAPTURES.iter().any(|(known, _)| known == name)
                && !TALKS.iter().any(|talk| talk.0 == *name)
                && !FOUND_OTHERWISE.iter().any(|(known, _)| known == name)
        })
        .collect();
    assert!(without.is_empty(), "no capture of {without:?}");

    let made = TempDir::new().unwrap();
    let shared = captures("").is_some();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let all: Vec<_> = expected(&data, made.path())
        .into_iter()
        .filter(|(path, _)| shared || path.starts_with(made.path()))
        .collect();
    let missing: Vec<String> = in_parallel(
        &all,
        || (),
        |(), (path, wanted)| {
            let found = services(&read(path, FlowRules::Native));
            wanted
                .iter()
                .filter(|service| !found.contains_key(**service))
                .map(|service| format!("{service} in {}: {found:?}", path.display()))
                .collect::<Vec<_>>()
        },
    )
    .into_iter()
    .flatten()
    .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
