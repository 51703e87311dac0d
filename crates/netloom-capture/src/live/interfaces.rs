//! The network interfaces of this machine, from the kernel's tables (rtnetlink(7)).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use netloom_packet::{LinkType, MacAddr, SourceError};

use super::interface::{InterfaceAddress, NetworkInterface, Traffic};
use super::link_kind;
use super::netlink::{Netlink, attributes};

/// `RTM_GETLINK`, `RTM_GETADDR`
const GET_LINKS: u16 = 18;
const GET_ADDRESSES: u16 = 22;

/// Bytes of `ifinfomsg` and `ifaddrmsg`.
const LINK_HEADER: usize = 16;
const ADDRESS_HEADER: usize = 8;

/// Attributes of links (`IFLA_`) and addresses (`IFA_`).
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_OPERSTATE: u16 = 16;
const IFLA_LINKINFO: u16 = 18;
const IFLA_STATS64: u16 = 23;
const IFLA_INFO_KIND: u16 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;

/// Lists the interfaces of this machine (of this network namespace): the one that a person most
/// likely means comes first.
///
/// # Errors
///
/// When the kernel does not tell.
pub fn interfaces() -> Result<Vec<NetworkInterface>, SourceError> {
    list().map_err(|error| {
        SourceError::new("interfaces", "the kernel does not tell them").caused_by(error)
    })
}

fn list() -> io::Result<Vec<NetworkInterface>> {
    let mut netlink = Netlink::connect(libc::NETLINK_ROUTE)?;
    let mut found = BTreeMap::new();
    // All families.
    netlink.dump(GET_LINKS, &[0; LINK_HEADER], |_, message| {
        if let Some(interface) = link(message) {
            found.insert(interface.index, interface);
        }
    })?;
    netlink.dump(GET_ADDRESSES, &[0; ADDRESS_HEADER], |_, message| {
        if let Some((index, address)) = address(message)
            && let Some(interface) = found.get_mut(&index)
        {
            interface.addresses.push(address);
        }
    })?;
    let mut all: Vec<NetworkInterface> = found.into_values().collect();
    for interface in &mut all {
        interface
            .addresses
            .sort_by_key(|address| address.address.is_ipv6());
        complete(interface);
    }
    all.sort_by_key(NetworkInterface::rank);
    Ok(all)
}

/// An entry of the table of links.
fn link(message: &[u8]) -> Option<NetworkInterface> {
    let (header, rest) = message.split_first_chunk::<LINK_HEADER>()?;
    let [_, _, k0, k1, i0, i1, i2, i3, f0, f1, f2, f3, ..] = *header;
    let kind = u16::from_ne_bytes([k0, k1]);
    let flags = u32::from_ne_bytes([f0, f1, f2, f3]) as i32;
    let mut interface = NetworkInterface {
        index: u32::from_ne_bytes([i0, i1, i2, i3]),
        name: String::new(),
        kind: link_kind::kind_name(kind).to_owned(),
        link_type: link_kind::link_type(kind).unwrap_or(LinkType::LINUX_SLL2),
        loopback: flags & libc::IFF_LOOPBACK != 0,
        up: flags & libc::IFF_UP != 0,
        carrier: flags & libc::IFF_RUNNING != 0,
        speed: None,
        mtu: 0,
        mac: None,
        addresses: Vec::new(),
        traffic: Traffic::default(),
    };
    for (name, value) in attributes(rest) {
        match name {
            IFLA_IFNAME => interface.name = text(value),
            IFLA_MTU => interface.mtu = number(value).unwrap_or(0),
            IFLA_ADDRESS => {
                interface.mac = <[u8; 6]>::try_from(value)
                    .ok()
                    .filter(|mac| *mac != [0; 6])
                    .map(MacAddr);
            }
            // IF_OPER_DOWN and what is below it; what does not know (0) is as its flags say.
            IFLA_OPERSTATE if matches!(value.first(), Some(1..=3)) => interface.carrier = false,
            IFLA_LINKINFO => {
                let kind = attributes(value).find(|&(name, _)| name == IFLA_INFO_KIND);
                if let Some((_, kind)) = kind {
                    interface.kind = text(kind);
                }
            }
            IFLA_STATS64 => interface.traffic = traffic(value),
            _ => {}
        }
    }
    (!interface.name.is_empty()).then_some(interface)
}

/// An entry of the table of addresses: index of its interface, and the address.
fn address(message: &[u8]) -> Option<(u32, InterfaceAddress)> {
    let (header, rest) = message.split_first_chunk::<ADDRESS_HEADER>()?;
    let [_, prefix_len, _, _, index @ ..] = *header;
    let mut address = None;
    for (name, value) in attributes(rest) {
        // Where both are given, the first is that of the other end of the line.
        if name == IFA_LOCAL || name == IFA_ADDRESS && address.is_none() {
            address = ip(value);
        }
    }
    let address = InterfaceAddress {
        address: address?,
        prefix_len,
    };
    Some((u32::from_ne_bytes(index), address))
}

/// What only the driver's folder says.
fn complete(interface: &mut NetworkInterface) {
    let folder = Path::new("/sys/class/net").join(&interface.name);
    interface.speed = fs::read_to_string(folder.join("speed"))
        .ok()
        .and_then(|speed| speed.trim().parse::<u64>().ok())
        // Mbit/s; -1 and 2^32-1 stand for not known.
        .filter(|&speed| speed > 0 && speed < u64::from(u32::MAX))
        .map(|speed| speed * 1_000_000);
    if interface.kind == "ethernet" && folder.join("phy80211").exists() {
        "wireless".clone_into(&mut interface.kind);
    }
}

/// `rtnl_link_stats64`
fn traffic(value: &[u8]) -> Traffic {
    let counter = |index: usize| {
        value
            .get(index * 8..)
            .and_then(|rest| rest.first_chunk())
            .map_or(0, |counter| u64::from_ne_bytes(*counter))
    };
    Traffic {
        received_packets: counter(0),
        sent_packets: counter(1),
        received_bytes: counter(2),
        sent_bytes: counter(3),
        received_errors: counter(4),
        sent_errors: counter(5),
        received_dropped: counter(6),
        sent_dropped: counter(7),
    }
}

fn ip(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => Some(Ipv4Addr::from(*value.first_chunk::<4>()?).into()),
        16 => Some(Ipv6Addr::from(*value.first_chunk::<16>()?).into()),
        _ => None,
    }
}

fn number(value: &[u8]) -> Option<u32> {
    value.first_chunk().map(|value| u32::from_ne_bytes(*value))
}

/// Text that ends with a zero.
fn text(value: &[u8]) -> String {
    let end = value.iter().position(|&byte| byte == 0);
    String::from_utf8_lossy(value.get(..end.unwrap_or(value.len())).unwrap_or_default())
        .into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn loopback_is_there() {
        let all = interfaces().unwrap();
        let lo = all.iter().find(|interface| interface.loopback).unwrap();
        assert_eq!(lo.name, "lo");
        assert_eq!(lo.kind, "loopback");
        assert_eq!(lo.link_type, LinkType::ETHERNET);
        assert_eq!(lo.mac, None);
        if lo.up {
            let local = "127.0.0.1".parse::<IpAddr>().unwrap();
            assert!(lo.addresses.iter().any(|address| address.address == local));
        }
        assert!(all.is_sorted_by_key(NetworkInterface::rank));
    }

    #[test]
    fn an_address_of_a_line_with_two_ends() {
        let mut message = vec![2, 32, 0, 0];
        message.extend(5_u32.to_ne_bytes());
        for (name, last) in [(IFA_ADDRESS, 9), (IFA_LOCAL, 8)] {
            message.extend(8_u16.to_ne_bytes());
            message.extend(name.to_ne_bytes());
            message.extend([10, 0, 0, last]);
        }
        let (index, found) = address(&message).unwrap();
        assert_eq!((index, found.to_string()), (5, "10.0.0.8/32".to_owned()));
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(interface) = link(&bytes) {
                prop_assert!(!interface.name.is_empty());
            }
            let _ = address(&bytes);
        }
    }
}
