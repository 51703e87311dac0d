//! Tests of the table of hosts.

use super::*;
use netloom_decode::app::{Protocol, ftp, http, socks, ssh, tftp, tls};
use netloom_decode::{DecodeOptions, decode_ip};
use netloom_flow::app::AppInfo;
use netloom_flow::{FlowId, FlowKey, FlowRules, flow_id};
use netloom_packet::Timestamp;

/// Some flow's identifier.
fn id() -> FlowId {
    let datagram = [
        0x45, 0, 0, 20, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ];
    let decoded = decode_ip(&datagram, 20, DecodeOptions::default());
    let (key, _) = FlowKey::new(&decoded, FlowRules::Native).unwrap();
    flow_id(&key, Timestamp::from_nanos(0), 1, "")
}

fn flow(src: &str, dst: &str, bytes: u64) -> FlowRecord {
    let (src, dst) = (src.parse().unwrap(), dst.parse().unwrap());
    let mut flow = FlowRecord::new(id(), src, dst, 6);
    flow.dst_port = Some(443);
    flow.fwd.packets = 1;
    flow.fwd.bytes = bytes;
    flow.bwd.packets = 2;
    flow.bwd.bytes = 2 * bytes;
    flow.src_mac = Some(MacAddr([0, 0, 0x0c, 0, 0, 1]));
    flow.dst_mac = Some(MacAddr([0, 0, 0x0c, 0, 0, 2]));
    flow
}

#[test]
fn both_ends_count() {
    let mut table = HostTable::new(100);
    table.flow(&flow("10.0.0.1", "198.51.100.1", 100));
    table.flow(&flow("10.0.0.1", "198.51.100.2", 10));
    let rows = table.rows();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0].address.to_string(), "10.0.0.1");
    assert_eq!(
        (rows[0].bytes, rows[0].peers, rows[0].flows),
        ([110, 220], 2, 2)
    );
    assert!(
        rows[0].mac.is_some() && rows[1].mac.is_none(),
        "the router's is not the server's"
    );
    assert_eq!(*rows[1].services, ["tls:443/tcp".into()]);
}

#[test]
fn services_are_what_can_be_asked_for() {
    let mut table = HostTable::new(100);
    let channels = [
        (443, None, false),
        (22, None, false),
        (50_069, Some(&ftp::DATA), false),
        (50_070, Some(&tftp::PROTOCOL), true),
    ];
    for (port, service, announced) in channels {
        let mut flow = flow("10.0.0.1", "198.51.100.1", 100);
        flow.dst_port = Some(port);
        if let Some(service) = service {
            let mut app = AppInfo::default();
            (app.service, app.confidence) = (Some(service), Some(Confidence::Content));
            app.announced = announced;
            flow.app = Some(Box::new(app));
        }
        table.flow(&flow);
    }
    let rows = table.rows();
    let offered: Vec<&str> = rows[1].services.iter().map(|text| &**text).collect();
    assert_eq!(offered, ["ssh:22/tcp", "tls:443/tcp"]);
}

/// What was recognised, and what for.
fn recognised(service: &'static Protocol) -> AppInfo {
    let mut app = AppInfo::default();
    (app.service, app.confidence) = (Some(service), Some(Confidence::Content));
    app
}

/// A name belongs to the one that is meant, not to a proxy that was asked for it.
#[test]
fn proxies_are_not_what_they_are_asked_for() {
    for (service, source, carried, named) in [
        (&http::PROTOCOL, "http_host", None, true),
        (&http::PROTOCOL, "http_host", Some(&tls::PROTOCOL), true),
        (&http::PROTOCOL, "http_proxy", None, false),
        (&http::PROTOCOL, "tls_sni", Some(&tls::PROTOCOL), false),
        (&socks::PROTOCOL, "socks", None, false),
        (&socks::PROTOCOL, "tls_sni", Some(&tls::PROTOCOL), false),
        (&socks::PROTOCOL, "dns", None, true),
        (&tls::PROTOCOL, "tls_sni", None, true),
    ] {
        let mut flow = flow("10.0.0.1", "10.0.0.3", 100);
        let mut app = recognised(service);
        app.carried.extend(carried);
        app.server_name = Some("www.example.org".into());
        app.server_name_source = source;
        flow.app = Some(Box::new(app));
        let mut table = HostTable::new(100);
        table.flow(&flow);
        let rows = table.rows();
        let name = rows[1].hostname.as_deref();
        assert_eq!(name.is_some(), named, "{service:?} {source}");
    }
}

/// The server may be the one that was seen first.
#[test]
fn ports_tell_who_offers_a_service() {
    // Ports, history, and whether the first one is the server's.
    for (src, dst, history, swapped) in [
        (22, 54_750, "^dA", true),
        (22, 54_750, "ShAd", false),
        (4022, 54_750, "dA", true),
        (40_000, 54_750, "dA", false),
        (4022, 4023, "dA", false),
        (22, 22, "dA", false),
    ] {
        let mut flow = flow("10.0.0.1", "10.0.0.3", 100);
        (flow.src_port, flow.dst_port) = (Some(src), Some(dst));
        flow.history = history.to_owned();
        flow.app = Some(Box::new(recognised(&ssh::PROTOCOL)));
        let mut table = HostTable::new(100);
        table.flow(&flow);
        let rows = table.rows();
        let offered = [0, 1].map(|row: usize| rows[row].services.join(" "));
        let mut expected = [String::new(), format!("ssh:{dst}/tcp")];
        if swapped {
            expected = [format!("ssh:{src}/tcp"), String::new()];
        }
        assert_eq!(offered, expected, "{src} {dst} {history}");
    }
}

/// A scan of ports that are closed shows no service; one that was accepted and given up does.
#[test]
fn what_is_refused_is_not_offered() {
    for (history, offered) in [("Sr", ""), ("Ar", ""), ("ShR", "http:80/tcp")] {
        let mut flow = flow("10.0.0.1", "10.0.0.3", 100);
        (flow.src_port, flow.dst_port) = (Some(40_000), Some(80));
        flow.history = history.to_owned();
        let mut table = HostTable::new(100);
        table.flow(&flow);
        assert_eq!(table.rows()[1].services.join(" "), offered, "{history}");
    }
}

/// What a device that is at an address, or has a card, says its name is.
fn device(source: DeviceSource, address: &str, mac: &str, name: &str) -> DeviceRecord {
    DeviceRecord {
        address: address.parse().ok(),
        requested: None,
        mac: mac.parse().ok(),
        source,
        hostname: (!name.is_empty()).then(|| name.into()),
        vendor: None,
        model: None,
        os: None,
        fingerprint: None,
        service: None,
    }
}

#[test]
fn the_best_source_names_a_host() {
    let mut table = LocalHosts::local(100);
    for (source, name) in [
        (DeviceSource::Nbns, "PRINTER"),
        (DeviceSource::Dhcp, "printer-2"),
        (DeviceSource::Mdns, "printer.local"),
    ] {
        table.device(&device(source, "10.0.0.7", "", name));
    }
    table.flow(&flow("203.0.113.1", "198.51.100.1", 1));
    let addresses: Vec<IpAddr> = table.addresses().collect();
    assert_eq!(addresses.len(), 1, "only local ones");
    let row = table.row(addresses[0]);
    assert_eq!(row.hostname.as_deref(), Some("printer-2"));
    assert_eq!(row.hostname_source, "dhcp");
}

const CLIENT: &str = "00:00:0c:00:00:01";

/// A DHCP client without an address says its name; the answer has no name.
fn asks(name: &str) -> DeviceRecord {
    let mut asks = device(DeviceSource::Dhcp, "", CLIENT, name);
    asks.fingerprint = Some("1,3,6".into());
    asks
}

fn acknowledged(address: &str, mac: &str) -> DeviceRecord {
    device(DeviceSource::Dhcp, address, mac, "")
}

fn names<'r>(rows: impl IntoIterator<Item = &'r HostRow>) -> Vec<(String, &'r str)> {
    let named = rows.into_iter().filter_map(|row| {
        let name = row.hostname.as_deref()?;
        assert_eq!(
            (row.hostname_source, row.dhcp_fingerprint.as_deref()),
            ("dhcp", Some("1,3,6"))
        );
        Some((row.address.to_string(), name))
    });
    named.collect()
}

/// The lease tells whose the name is: whichever comes first, and in whichever shard, whatever
/// other addresses the card has.
#[test]
fn names_of_dhcp_clients_go_with_their_lease() {
    let facts = [asks("laptop"), acknowledged("10.0.0.1", CLIENT)];
    for swapped in [false, true] {
        let mut all = HostTable::new(100);
        let mut shards = [(); 3].map(|()| LocalHosts::local(100));
        for other in ["10.0.0.1", "10.0.0.77", "198.51.100.9"] {
            all.flow(&flow(other, "198.51.100.1", 100));
            shards[2].flow(&flow(other, "198.51.100.1", 100));
        }
        for (at, fact) in facts.iter().enumerate() {
            shards[at ^ usize::from(swapped)].device(fact);
        }
        let mut facts: Vec<_> = facts.iter().collect();
        if swapped {
            facts.reverse();
        }
        for fact in facts {
            all.device(fact);
        }
        all.settle();
        let expected = [("10.0.0.1".to_owned(), "laptop")];
        assert_eq!(names(&all.rows()), expected);
        let [mut one, two, three] = shards;
        one.absorb(two);
        one.absorb(three);
        one.settle();
        let rows: Vec<HostRow> = one.addresses().map(|address| one.row(address)).collect();
        assert_eq!(names(&rows), expected);
    }
}

/// Without a lease the card tells, where it has one address of IPv4: that of several may be a
/// router's, and remote ones have a router's card.
#[test]
fn names_of_dhcp_clients_go_with_their_card() {
    let of = |requested: &[&str], addresses: &[&str]| {
        let mut table = HostTable::new(100);
        for requested in requested {
            let mut asks = asks("laptop");
            asks.requested = requested.parse().ok();
            table.device(&asks);
        }
        for address in addresses {
            table.flow(&flow(address, "198.51.100.1", 100));
        }
        table.settle();
        let rows = table.rows();
        let seen = addresses.len() + 1;
        assert_eq!(rows.len(), seen, "none that was not seen");
        let names = names(&rows).into_iter();
        names.map(|(address, _)| address).collect::<Vec<_>>()
    };
    let addresses = ["10.0.0.1", "169.254.3.4", "fe80::1"];
    assert_eq!(of(&[""], &addresses), ["10.0.0.1"]);
    assert!(of(&[""], &["203.0.113.5"]).is_empty());
    let several = ["10.0.0.1", "10.0.1.1"];
    assert!(of(&[""], &several).is_empty());
    // What it asked for tells which of them is its own, if it has that.
    assert_eq!(of(&["10.0.0.9", "10.0.1.1"], &several), ["10.0.1.1"]);
    assert!(of(&["203.0.113.5"], &["203.0.113.5", "10.0.0.1", "10.0.1.1"]).is_empty());
}

/// A lease of another's is no name for it.
#[test]
fn a_lease_goes_before_a_card() {
    let mut table = HostTable::new(100);
    table.device(&asks("laptop"));
    table.device(&acknowledged("10.0.0.1", "00:00:0c:00:00:09"));
    table.flow(&flow("10.0.0.1", "198.51.100.1", 100));
    table.settle();
    assert!(names(&table.rows()).is_empty());
}

/// DHCPv6 grants another address than the one that is asked from.
#[test]
fn names_of_dhcpv6_clients() {
    let mut table = HostTable::new(100);
    let mut asks = asks("laptop");
    asks.address = Some("fe80::1".parse().unwrap());
    table.device(&asks);
    table.device(&acknowledged("2001:db8::7", CLIENT));
    table.device(&acknowledged("10.0.0.1", CLIENT));
    table.settle();
    let expected = [
        ("2001:db8::7".to_owned(), "laptop"),
        ("fe80::1".to_owned(), "laptop"),
    ];
    assert_eq!(names(&table.rows()), expected);
}

#[test]
fn zeros_are_no_card() {
    let mut table = HostTable::new(100);
    let mut flow = flow("127.0.0.1", "127.0.0.1", 100);
    (flow.src_mac, flow.dst_mac) = (Some(MacAddr([0; 6])), Some(MacAddr([0; 6])));
    table.flow(&flow);
    assert_eq!(table.rows()[0].mac, None);
}

/// What devices say of themselves is bounded together, not only by each.
#[test]
fn what_hosts_say_is_bounded_in_bytes() {
    let hosts = 64;
    let mut table = HostTable::new(hosts + 1);
    for host in 0..hosts {
        let address = format!("10.0.0.{host}");
        let mac = format!("00:00:0c:00:00:{host:02x}");
        for service in 0..32 {
            let mut said = device(DeviceSource::Mdns, &address, &mac, &"n".repeat(2_000));
            said.service = Some(format!("_{service:02}{}", "\u{e4}".repeat(500)).into());
            table.device(&said);
        }
        table.flow(&flow(&address, "198.51.100.1", 1 + host as u64));
    }
    let bytes: usize = table.hosts.iter().map(|(_, host)| host.text_bytes()).sum();
    assert!((1..=table.texts_max).contains(&bytes), "{bytes}");
    assert!(table.forgot());
    table.settle();
    let rows = table.rows();
    assert_eq!(rows.len(), hosts + 1, "no host is missing");
    let named = rows.iter().filter(|row| row.hostname.is_some()).count();
    assert!((2..hosts).contains(&named), "{named}");
    for row in rows {
        assert!(row.hostname.is_none_or(|name| name.len() == 256));
        assert!(row.services.iter().all(|service| service.len() <= 128));
    }
    let mut one = HostTable::new(hosts);
    one.device(&device(DeviceSource::Mdns, "10.0.0.1", CLIENT, "laptop"));
    assert!(!one.forgot() && !one.forgot_pairs());
}
