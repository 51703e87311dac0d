//! DNS and its relatives, DHCP, and what else names hosts.

use crate::app::{
    Detector, bjnp, dhcp, dhcpv6, dns, dnscrypt, dropbox, meraki, netbios, ntp, snmp, ssdp, syslog,
    tivo_connect, tplink_shp, tuya_lp, ws_discovery,
};

/// In the order in which they are asked.
pub(super) const DETECTORS: &[&Detector] = &[
    &dns::NBNS_DETECTOR,
    &dns::MDNS_DETECTOR,
    &dns::LLMNR_DETECTOR,
    &dns::DETECTOR,
    &dhcp::DETECTOR,
    &dhcpv6::DETECTOR,
    &ssdp::DETECTOR,
    &ntp::DETECTOR,
    &netbios::DATAGRAM_DETECTOR,
    &netbios::SESSION_DETECTOR,
    &snmp::DETECTOR,
    &syslog::DETECTOR,
    &ws_discovery::DETECTOR,
    &dnscrypt::DETECTOR,
    &dropbox::DETECTOR,
    &bjnp::DETECTOR,
    &tplink_shp::DETECTOR,
    &tuya_lp::DETECTOR,
    &tivo_connect::DETECTOR,
    &meraki::DETECTOR,
];
