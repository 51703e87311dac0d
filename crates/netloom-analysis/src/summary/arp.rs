//! ARP: who asks for whom, and who claims to be whom.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use hashbrown::{HashMap, HashSet};
use netloom_pipeline::decode::net::arp::Arp;
use netloom_pipeline::packet::MacAddr;

use crate::report::model::{ArpAsker, ArpConflict, LocalTraffic};

/// Addresses whose claimants are kept.
const ADDRESSES_MAX: usize = 8_192;
/// Claimants kept of an address.
const CLAIMANTS_MAX: usize = 8;
/// Stations whose questions are counted.
const ASKERS_MAX: usize = 4_096;
/// Targets of a station that are told apart.
const TARGETS_MAX: usize = 4_096;

#[derive(Debug)]
struct Asker {
    address: Ipv4Addr,
    requests: u64,
    targets: HashSet<Ipv4Addr, foldhash::fast::RandomState>,
}

/// Counts ARP, in packet order.
#[derive(Debug, Default)]
pub(crate) struct ArpCounter {
    requests: u64,
    replies: u64,
    gratuitous: u64,
    claims: BTreeMap<Ipv4Addr, Vec<MacAddr>>,
    askers: HashMap<MacAddr, Asker, foldhash::fast::RandomState>,
}

impl ArpCounter {
    /// Counts an ARP packet.
    pub(crate) fn packet(&mut self, arp: &Arp) {
        let (mac, address, target) = (arp.sender_mac, arp.sender_ip, arp.target_ip);
        let gratuitous = arp.is_gratuitous() && !address.is_unspecified();
        self.gratuitous += u64::from(gratuitous);
        match arp.operation {
            Arp::REQUEST => {
                self.requests += 1;
                if !gratuitous {
                    self.ask(mac, address, target);
                }
            }
            Arp::REPLY => self.replies += 1,
            _ => return,
        }
        // A probe (RFC 5227) has no sender address: it claims nothing.
        if !address.is_unspecified() {
            self.claim(address, mac);
        }
    }

    fn ask(&mut self, mac: MacAddr, address: Ipv4Addr, target: Ipv4Addr) {
        if self.askers.len() >= ASKERS_MAX && !self.askers.contains_key(&mac) {
            return;
        }
        let asker = self.askers.entry(mac).or_insert_with(|| Asker {
            address,
            requests: 0,
            targets: HashSet::default(),
        });
        asker.requests += 1;
        if asker.targets.len() < TARGETS_MAX {
            asker.targets.insert(target);
        }
    }

    fn claim(&mut self, address: Ipv4Addr, mac: MacAddr) {
        if self.claims.len() >= ADDRESSES_MAX && !self.claims.contains_key(&address) {
            return;
        }
        let claimants = self.claims.entry(address).or_default();
        if claimants.len() < CLAIMANTS_MAX && !claimants.contains(&mac) {
            claimants.push(mac);
        }
    }

    /// The facts; broadcast and multicast are filled in by others.
    pub(crate) fn finish(self, top: usize) -> LocalTraffic {
        let arp_conflicts = self
            .claims
            .iter()
            .filter(|(_, macs)| macs.len() > 1)
            .map(|(&address, macs)| ArpConflict {
                address: IpAddr::V4(address).to_string(),
                macs: macs.iter().map(MacAddr::to_string).collect(),
            })
            .collect();
        let mut askers: Vec<_> = self.askers.into_iter().collect();
        askers.sort_by(|a, b| b.1.requests.cmp(&a.1.requests).then_with(|| a.0.cmp(&b.0)));
        askers.truncate(top);
        LocalTraffic {
            arp_requests: self.requests,
            arp_replies: self.replies,
            arp_gratuitous: self.gratuitous,
            arp_conflicts,
            arp_top: askers
                .into_iter()
                .map(|(mac, asker)| ArpAsker {
                    mac: mac.to_string(),
                    address: asker.address.to_string(),
                    requests: asker.requests,
                    targets: asker.targets.len() as u64,
                })
                .collect(),
            ..LocalTraffic::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arp(operation: u16, mac: u8, sender: u8, target: u8) -> Arp {
        Arp {
            operation,
            sender_mac: MacAddr([2, 0, 0, 0, 0, mac]),
            sender_ip: if sender == 0 {
                Ipv4Addr::UNSPECIFIED
            } else {
                Ipv4Addr::new(10, 0, 0, sender)
            },
            target_mac: MacAddr::default(),
            target_ip: Ipv4Addr::new(10, 0, 0, target),
        }
    }

    #[test]
    fn two_stations_claim_one_address() {
        let mut counter = ArpCounter::default();
        counter.packet(&arp(1, 1, 1, 9));
        counter.packet(&arp(2, 9, 9, 1));
        counter.packet(&arp(2, 6, 9, 1));
        // A probe claims nothing.
        counter.packet(&arp(1, 7, 0, 9));
        // An announcement is no question.
        counter.packet(&arp(1, 1, 1, 1));
        let facts = counter.finish(10);
        assert_eq!(
            (facts.arp_requests, facts.arp_replies, facts.arp_gratuitous),
            (3, 2, 1)
        );
        assert_eq!(facts.arp_conflicts.len(), 1);
        assert_eq!(facts.arp_conflicts[0].address, "10.0.0.9");
        assert_eq!(
            facts.arp_conflicts[0].macs,
            ["02:00:00:00:00:09", "02:00:00:00:00:06"]
        );
        assert_eq!(facts.arp_top[0].requests, 1);
    }
}
