//! Columns that say who or when, not what.

/// Why a column is left out by default: it names someone or a moment, and a model that learns it
/// knows this network by heart and no other. None for what may be learned.
///
/// The names are compared without case and punctuation, so `Src IP`, `src_ip` and `srcIp` are one.
/// They are those of netloom's own tables, Zeek, NFStream, CICFlowMeter, Argus, NetFlow and tshark.
///
/// ```
/// use netloom_ml::identity;
///
/// assert_eq!(identity("Src IP"), Some("an address"));
/// assert_eq!(identity("id.resp_p"), Some("a port"));
/// assert_eq!(identity("fwd_bytes"), None);
/// ```
pub fn identity(column: &str) -> Option<&'static str> {
    let name: String = column
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    REASONS
        .iter()
        .find(|(_, names)| names.contains(&name.as_str()))
        .map(|(reason, _)| *reason)
}

/// Names without case and punctuation, by what they are.
const REASONS: &[(&str, &[&str])] = &[
    (
        "an address",
        &[
            "srcip",
            "dstip",
            "ipsrc",
            "ipdst",
            "sourceip",
            "destinationip",
            "srcaddr",
            "dstaddr",
            "saddr",
            "daddr",
            "sourceaddress",
            "destinationaddress",
            "idorigh",
            "idresph",
            "origh",
            "resph",
            "ip",
            "ipaddress",
            "ipaddr",
            "address",
            "clientip",
            "serverip",
            "localip",
            "remoteip",
            "ipv4srcaddr",
            "ipv4dstaddr",
            "ipv6srcaddr",
            "ipv6dstaddr",
            "sourceipaddress",
            "destinationipaddress",
            "src",
            "dst",
            "srchost",
            "dsthost",
            "source",
            "destination",
            "sourceipv4address",
            "destinationipv4address",
            "sourceipv6address",
            "destinationipv6address",
            "host",
            "peer",
        ],
    ),
    (
        "a hardware address",
        &[
            "srcmac",
            "dstmac",
            "mac",
            "macaddress",
            "ethsrc",
            "ethdst",
            "macsrc",
            "macdst",
            "origl2addr",
            "respl2addr",
            "srcoui",
            "dstoui",
            "srcvendor",
            "dstvendor",
            "vendor",
            "sourcemac",
            "destinationmac",
            "sourcemacaddress",
            "destinationmacaddress",
        ],
    ),
    (
        "a port",
        &[
            "srcport",
            "dstport",
            "sport",
            "dport",
            "sourceport",
            "destinationport",
            "idorigp",
            "idrespp",
            "origp",
            "respp",
            "tcpsrcport",
            "tcpdstport",
            "udpsrcport",
            "udpdstport",
            "l4srcport",
            "l4dstport",
            "sourcetransportport",
            "destinationtransportport",
            "port",
            "clientport",
            "serverport",
            "tcpport",
            "udpport",
        ],
    ),
    (
        "a number of the row",
        &[
            "id",
            "flowid",
            "uid",
            "communityid",
            "sessionid",
            "connectionid",
            "rowid",
            "recordid",
            "index",
            "number",
            "no",
            "packetnumber",
            "framenumber",
            "unnamed0",
            "alertid",
            "rownumber",
            "packetid",
            "tcpstream",
            "udpstream",
            "fuid",
            "tunnelparents",
            "flownumber",
            "flownum",
            "firstpacketnumber",
            "closedbypacket",
        ],
    ),
    (
        "a time",
        &[
            "ts",
            "time",
            "timestamp",
            "start",
            "end",
            "starttime",
            "endtime",
            "stime",
            "ltime",
            "flowstart",
            "flowend",
            "firstseen",
            "lastseen",
            "date",
            "datetime",
            "frametime",
            "frametimeepoch",
            "flowstarttime",
            "flowendtime",
            "bidirectionalfirstseenms",
            "bidirectionallastseenms",
            "src2dstfirstseenms",
            "src2dstlastseenms",
            "dst2srcfirstseenms",
            "dst2srclastseenms",
            "flowstartmilliseconds",
            "flowendmilliseconds",
            "epoch",
            "windowstart",
            "windowend",
            "idtime",
        ],
    ),
    (
        "a name",
        &[
            "servername",
            "domain",
            "hostname",
            "sni",
            "requestedservername",
            "query",
            "uri",
            "url",
            "username",
            "user",
            "process",
            "pid",
            "processname",
            "websitename",
            "domainname",
            "issuer",
            "subject",
            "applicationname",
            "referrer",
        ],
    ),
    (
        "a place of the sensor",
        &[
            "interface",
            "sensor",
            "vlan",
            "vlanid",
            "exporter",
            "expid",
            "sensorname",
            "file",
            "srccountry",
            "dstcountry",
        ],
    ),
    (
        "it may tell the label",
        &[
            "label",
            "labels",
            "class",
            "detailedlabel",
            "attack",
            "attackcat",
            "attackcategory",
            "attacktype",
            "attemptedcategory",
            "target",
            "groundtruth",
            "malicious",
            "ismalicious",
            "isattack",
            "isanomaly",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_tools() {
        for name in [
            "id.orig_h",
            "Source IP",
            "ip.src",
            "IPV4_SRC_ADDR",
            "sourceIPv4Address",
        ] {
            assert_eq!(identity(name), Some("an address"), "{name}");
        }
        for name in ["Timestamp", "ts", "frame.time_epoch", "start"] {
            assert_eq!(identity(name), Some("a time"), "{name}");
        }
        assert_eq!(identity("Unnamed: 0"), Some("a number of the row"));
        for name in [
            "duration",
            "proto",
            "service",
            "Flow Duration",
            "dst_host_count",
            "ttl",
            "",
        ] {
            assert_eq!(identity(name), None, "{name}");
        }
    }
}
