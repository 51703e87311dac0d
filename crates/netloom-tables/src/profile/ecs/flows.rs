//! Documents about flows.

use std::fmt::Write as _;
use std::sync::LazyLock;

use netloom_flow::name::country;
use netloom_packet::MacAddr;

use super::super::said;
use super::{VERSION, constants};
use crate::column::{self, Column, Make, Requires};
use crate::columns::Table;
use crate::protocol::protocol_name;
use crate::schema::{FlowRow, community_id, text};

/// Flows as documents.
#[derive(Debug)]
pub enum EcsFlows {}

impl Table for EcsFlows {
    type Row<'a> = FlowRow<'a>;

    const NAME: &'static str = "flows";
    const DOC: &'static str = "A document about a row of flows.";

    fn columns() -> &'static [Column<Self>] {
        static ALL: LazyLock<Vec<Column<EcsFlows>>> = LazyLock::new(|| said(columns()));
        &ALL
    }
}

/// A column of this table; see [`column::column`].
const fn app(name: &'static str, make: Make<EcsFlows>, doc: &'static str) -> Column<EcsFlows> {
    column::column(name, make).ecs(name).doc(doc)
}

/// A column that comes out of payloads.
const fn payload(name: &'static str, make: Make<EcsFlows>, doc: &'static str) -> Column<EcsFlows> {
    app(name, make, doc).requires(Requires::APPLICATIONS)
}

fn columns() -> Vec<Column<EcsFlows>> {
    let mut columns = vec![
        app(
            "@timestamp",
            Make::Time(|row| Some(row.record.start)),
            "Time of the first packet.",
        )
        .required(),
    ];
    columns.extend(constants!("netloom.flows", "connection" "end"));
    columns.extend([
        app(
            "event.id",
            Make::Text(|row, out| text::some(row.record.flow_id().as_str(), out)),
            "netloom's `flow_id`.",
        )
        .required(),
        app(
            "event.start",
            Make::Time(|row| Some(row.record.start)),
            "Time of the first packet.",
        )
        .required(),
        app(
            "event.end",
            Make::Time(|row| Some(row.record.end)),
            "Time of the last packet.",
        )
        .required(),
        app(
            "event.duration",
            Make::U64(|row| Some(row.record.duration().unsigned_abs())),
            "From the first packet to the last.",
        )
        .required()
        .unit("ns"),
        app(
            "event.reason",
            Make::Text(|row, out| text::some(row.record.end_reason.name(), out)),
            "Why the flow ended.",
        )
        .required(),
        app(
            "network.type",
            Make::Text(|row, out| {
                text::some(
                    if row.record.src_ip.is_ipv6() {
                        "ipv6"
                    } else {
                        "ipv4"
                    },
                    out,
                )
            }),
            "ipv4 or ipv6.",
        )
        .required(),
        app(
            "network.iana_number",
            Make::Text(|row, out| write!(out, "{}", row.record.protocol).ok()),
            "Number of the protocol above IP.",
        )
        .required(),
        app(
            "network.transport",
            Make::Text(|row, out| text::some(protocol_name(row.record.protocol), out)),
            "Its name.",
        ),
        payload(
            "network.protocol",
            Make::Text(|row, out| text::some(row.record.recognised()?.name, out)),
            "Protocol that was recognised.",
        ),
        payload(
            "network.application",
            Make::Text(|row, out| {
                out.push_str(&row.record.product()?.to_lowercase());
                Some(())
            }),
            "The product behind the flow.",
        ),
        app(
            "network.community_id",
            Make::Text(|row, out| {
                out.push_str(&community_id(row.record));
                Some(())
            }),
            "Community ID v1 with seed 0.",
        )
        .required(),
        app(
            "network.bytes",
            Make::U64(|row| Some(row.record.fwd.bytes.saturating_add(row.record.bwd.bytes))),
            "Frame lengths, both ways.",
        )
        .required()
        .unit("bytes"),
        app(
            "network.packets",
            Make::U64(|row| {
                Some(
                    row.record
                        .fwd
                        .packets
                        .saturating_add(row.record.bwd.packets),
                )
            }),
            "Packets, both ways.",
        )
        .required()
        .unit("packets"),
        app(
            "network.vlan.id",
            Make::Text(|row, out| write!(out, "{}", row.record.vlans.as_slice().first()?).ok()),
            "Outer VLAN.",
        ),
        app(
            "network.inner.vlan.id",
            Make::Text(|row, out| write!(out, "{}", row.record.vlans.as_slice().get(1)?).ok()),
            "Inner VLAN.",
        ),
    ]);
    columns.extend(flow_ends());
    columns.extend([
        payload(
            "user_agent.original",
            Make::Text(|row, out| {
                text::some(row.record.app.as_ref()?.client_software.as_deref()?, out)
            }),
            "Program of the client in its own words.",
        ),
        payload(
            "tls.client.ja3",
            Make::Text(|row, out| text::some(row.record.app.as_ref()?.fingerprint("ja3")?, out)),
            "JA3 of the TLS client.",
        )
        .requires(Requires::HASHES),
        payload(
            "tls.server.ja3s",
            Make::Text(|row, out| text::some(row.record.app.as_ref()?.fingerprint("ja3s")?, out)),
            "JA3S of the TLS server.",
        )
        .requires(Requires::HASHES),
    ]);
    columns
}

/// The ends of a flow.
fn flow_ends() -> Vec<Column<EcsFlows>> {
    macro_rules! end {
        ($end:literal, $ip:ident $port:ident $mac:ident $side:ident, $doc:literal) => {
            [
                app(
                    concat!($end, ".ip"),
                    Make::Ip(|row| Some(row.record.$ip)),
                    $doc,
                )
                .required()
                .address("ip"),
                app(
                    concat!($end, ".port"),
                    Make::U16(|row| row.record.$port),
                    "Its port.",
                ),
                app(
                    concat!($end, ".mac"),
                    Make::Text(|row, out| mac(row.record.$mac?, out)),
                    "Its hardware address.",
                ),
                app(
                    concat!($end, ".bytes"),
                    Make::U64(|row| Some(row.record.$side.bytes)),
                    "Frame lengths that it sent.",
                )
                .required()
                .unit("bytes"),
                app(
                    concat!($end, ".packets"),
                    Make::U64(|row| Some(row.record.$side.packets)),
                    "Packets that it sent.",
                )
                .required()
                .unit("packets"),
                app(
                    concat!($end, ".geo.country_iso_code"),
                    Make::Text(|row, out| text::some(country(row.record.$ip)?, out)),
                    "Country that its address is registered in.",
                ),
            ]
        };
    }
    let mut columns = Vec::new();
    columns.extend(end!("source", src_ip src_port src_mac fwd, "Originator."));
    columns.extend(end!("destination", dst_ip dst_port dst_mac bwd, "Responder."));
    columns.extend([
        payload(
            "destination.domain",
            Make::Text(|row, out| text::some(row.record.server_name()?, out)),
            "Name of the server.",
        ),
        payload(
            "destination.registered_domain",
            Make::Text(|row, out| text::some(&*row.record.domain()?, out)),
            "Its registrable domain.",
        ),
    ]);
    columns
}

/// `00-00-5E-00-53-23`, as RFC 7042 writes it.
fn mac(address: MacAddr, out: &mut String) -> Option<()> {
    for (index, byte) in address.0.into_iter().enumerate() {
        let dash = if index == 0 { "" } else { "-" };
        write!(out, "{dash}{byte:02X}").ok()?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses_have_dashes() {
        let mut out = String::new();
        mac(MacAddr([0, 0, 0x5e, 0, 0x53, 0x23]), &mut out).unwrap();
        assert_eq!(out, "00-00-5E-00-53-23");
    }
}
