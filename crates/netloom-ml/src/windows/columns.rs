//! What is summed up.

use super::Per;

/// A column of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowColumn {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// Its unit; empty for shares and entropies.
    pub unit: &'static str,
    /// Column of the table `flows` that it is made of; empty where it needs none but `start`.
    pub of: &'static str,
    /// Only windows of hosts have it.
    pub host_only: bool,
}

const fn column(
    name: &'static str,
    unit: &'static str,
    of: &'static str,
    doc: &'static str,
) -> WindowColumn {
    WindowColumn {
        name,
        doc,
        unit,
        of,
        host_only: false,
    }
}

const fn host(column: WindowColumn) -> WindowColumn {
    WindowColumn {
        host_only: true,
        ..column
    }
}

/// The columns of a window, in their order; null where the table of flows lacks what they are made
/// of. For a host `out` is what it sent and `in` what it received; else `out` is from originator to
/// responder.
pub const COLUMNS: &[WindowColumn] = &[
    column("flows", "flows", "", "Flows that began in the window."),
    host(column(
        "flows_opened",
        "flows",
        "",
        "Flows that the host opened (it is the originator).",
    )),
    host(column(
        "flows_accepted",
        "flows",
        "",
        "Flows that others opened to it.",
    )),
    column(
        "peers",
        "addresses",
        "",
        "Distinct addresses at the other end (of a service: its clients; of a pair: 1).",
    ),
    column(
        "peer_entropy",
        "bits",
        "",
        "Entropy of the flows over those addresses: 0 if all are with one.",
    ),
    column(
        "ports",
        "ports",
        "dst_port",
        "Distinct ports of responders.",
    ),
    column(
        "port_entropy",
        "bits",
        "dst_port",
        "Entropy of the flows over those ports: high for a scan of ports.",
    ),
    column(
        "services",
        "services",
        "service",
        "Distinct application protocols.",
    ),
    column(
        "names",
        "names",
        "server_name",
        "Distinct names of servers.",
    ),
    column("packets_out", "packets", "fwd_packets", "Packets out."),
    column("packets_in", "packets", "bwd_packets", "Packets in."),
    column("bytes_out", "bytes", "fwd_bytes", "Bytes out, on the wire."),
    column("bytes_in", "bytes", "bwd_bytes", "Bytes in, on the wire."),
    column(
        "bytes_out_share",
        "",
        "fwd_bytes",
        "Bytes out as a share of all bytes.",
    ),
    column(
        "bytes_mean",
        "bytes",
        "fwd_bytes",
        "Mean bytes of a flow, both ways.",
    ),
    column(
        "bytes_std",
        "bytes",
        "fwd_bytes",
        "Standard deviation (population) of the bytes of a flow.",
    ),
    column(
        "bytes_max",
        "bytes",
        "fwd_bytes",
        "Bytes of the largest flow.",
    ),
    column("duration_mean", "s", "duration", "Mean duration of a flow."),
    column(
        "duration_std",
        "s",
        "duration",
        "Standard deviation (population) of the duration.",
    ),
    column(
        "duration_max",
        "s",
        "duration",
        "Duration of the longest flow.",
    ),
    column(
        "gap_mean",
        "s",
        "",
        "Mean time between the starts of flows that follow each other; null for a single flow.",
    ),
    column(
        "gap_std",
        "s",
        "",
        "Standard deviation (population) of that time: near 0 for a beacon.",
    ),
    column(
        "gap_cv",
        "",
        "",
        "That deviation over the mean; null where the mean is 0.",
    ),
    column(
        "failed",
        "flows",
        "conn_state",
        "TCP flows that were not answered or refused: S0, REJ, RSTOS0, RSTRH, SH, SHR.",
    ),
    column(
        "failed_share",
        "",
        "conn_state",
        "The same as a share of the TCP flows; null without any.",
    ),
    column(
        "one_way",
        "flows",
        "bwd_packets",
        "Flows without a packet back.",
    ),
    column("tcp", "flows", "transport", "Flows over TCP."),
    column("udp", "flows", "transport", "Flows over UDP."),
    column("icmp", "flows", "transport", "Flows of ICMP and ICMPv6."),
    column("dns", "flows", "service", "Flows of DNS."),
    column("tls", "flows", "service", "Flows of TLS and QUIC."),
    column("http", "flows", "service", "Flows of HTTP."),
    column(
        "retransmissions",
        "packets",
        "fwd_retransmissions",
        "Retransmissions, both ways.",
    ),
];

/// The columns that windows of this kind have.
pub(super) fn all(per: Per) -> impl Iterator<Item = &'static WindowColumn> {
    COLUMNS
        .iter()
        .filter(move |column| per == Per::Host || !column.host_only)
}
