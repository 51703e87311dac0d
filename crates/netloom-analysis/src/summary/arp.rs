//! ARP: who asks for whom, and who claims to be whom.

use std::net::{IpAddr, Ipv4Addr};

use hashbrown::HashSet;
use netloom_pipeline::bounded::{BoundedTable, Counts};
use netloom_pipeline::decode::net::arp::Arp;
use netloom_pipeline::packet::MacAddr;

use crate::report::model::{ArpAsker, ArpConflict, LocalTraffic};

/// Addresses whose claimants are kept: with more, those that one station claimed, and longest ago, are
/// forgotten.
const ADDRESSES_MAX: usize = 8_192;
/// Claimants kept of an address.
const CLAIMANTS_MAX: usize = 8;
/// Stations whose questions are counted: with more, those that asked least are forgotten.
const ASKERS_MAX: usize = 4_096;
/// Targets of a station that are told apart, and those of all stations.
const TARGETS_MAX: usize = 4_096;
const TARGETS_OF_ALL: usize = 16 * TARGETS_MAX;

/// A station that asks, from when it asked first.
#[derive(Debug, Default)]
struct Asker {
    address: Option<Ipv4Addr>,
    requests: u64,
    targets: HashSet<Ipv4Addr, foldhash::fast::RandomState>,
}

impl Counts for Asker {
    fn weight(&self) -> u64 {
        self.requests
    }

    fn absorb(&mut self, other: Self) {
        self.address = self.address.or(other.address);
        self.requests += other.requests;
        self.targets.extend(other.targets);
    }
}

/// Who claims an address.
#[derive(Debug, Default)]
struct Claim {
    macs: Vec<MacAddr>,
    /// How many claims there were up to its last one.
    last: u64,
}

impl Counts for Claim {
    /// What several claim stays; of the rest, what was claimed last.
    fn weight(&self) -> u64 {
        u64::from(self.macs.len() > 1) << 63 | self.last
    }

    fn absorb(&mut self, other: Self) {
        for mac in other.macs {
            self.mac(mac);
        }
        self.last = self.last.max(other.last);
    }
}

impl Claim {
    fn mac(&mut self, mac: MacAddr) {
        if self.macs.len() < CLAIMANTS_MAX && !self.macs.contains(&mac) {
            // Most addresses have one.
            self.macs.reserve_exact(1);
            self.macs.push(mac);
        }
    }
}

/// Counts ARP, in packet order.
#[derive(Debug)]
pub(crate) struct ArpCounter {
    requests: u64,
    replies: u64,
    gratuitous: u64,
    claims: BoundedTable<Ipv4Addr, Claim>,
    claims_seen: u64,
    askers: BoundedTable<MacAddr, Asker>,
    /// Targets of all askers, at the most.
    targets: usize,
}

impl Default for ArpCounter {
    fn default() -> Self {
        Self {
            requests: 0,
            replies: 0,
            gratuitous: 0,
            claims: BoundedTable::new(ADDRESSES_MAX),
            claims_seen: 0,
            askers: BoundedTable::new(ASKERS_MAX),
            targets: 0,
        }
    }
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
        let asker = self.askers.entry(mac);
        asker.address.get_or_insert(address);
        asker.requests += 1;
        if asker.targets.len() < TARGETS_MAX && asker.targets.insert(target) {
            self.targets += 1;
        }
        if self.targets > TARGETS_OF_ALL {
            let targets = |asker: &Asker| asker.targets.len();
            self.targets = self.askers.forget_beyond(TARGETS_OF_ALL / 2, targets);
        }
    }

    fn claim(&mut self, address: Ipv4Addr, mac: MacAddr) {
        self.claims_seen += 1;
        let claim = self.claims.entry(address);
        claim.last = self.claims_seen;
        claim.mac(mac);
    }

    /// The facts; broadcast and multicast are filled in by others.
    pub(crate) fn finish(self, top: usize) -> LocalTraffic {
        let mut conflicts: Vec<_> = self
            .claims
            .iter()
            .filter(|(_, claim)| claim.macs.len() > 1)
            .collect();
        conflicts.sort_unstable_by_key(|(address, _)| **address);
        let arp_conflicts = conflicts
            .into_iter()
            .map(|(&address, claim)| ArpConflict {
                address: IpAddr::V4(address).to_string(),
                macs: claim.macs.iter().map(MacAddr::to_string).collect(),
            })
            .collect();
        let askers = self.askers.top(top, |asker| asker.requests);
        LocalTraffic {
            arp_requests: self.requests,
            arp_replies: self.replies,
            arp_gratuitous: self.gratuitous,
            arp_conflicts,
            arp_top: askers
                .into_iter()
                .map(|(mac, asker)| ArpAsker {
                    mac: mac.to_string(),
                    address: asker.address.unwrap_or(Ipv4Addr::UNSPECIFIED).to_string(),
                    requests: asker.requests,
                    targets: asker.targets.len() as u64,
                })
                .collect(),
            arp_approximate: self.claims.forgot() || self.askers.forgot(),
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

    /// However many claims and questions there are: what matters stays, and what was forgotten is
    /// said.
    #[test]
    fn floods_hide_nobody() {
        let mut counter = ArpCounter::default();
        let of = |mac: u32, sender: u32, target: u32| {
            let [a, b, c, d] = mac.to_be_bytes();
            Arp {
                sender_mac: MacAddr([2, 0, a, b, c, d]),
                sender_ip: Ipv4Addr::from(0x0a00_0000 + sender),
                target_ip: Ipv4Addr::from(0x0a00_0000 + target),
                ..arp(1, 1, 1, 1)
            }
        };
        counter.packet(&of(1, 1, 2));
        counter.packet(&of(2, 1, 2));
        for target in 0..200 {
            counter.packet(&of(3, 2, 1_000 + target));
        }
        for station in 0..40_000 {
            counter.packet(&of(1_000 + station, 1_000 + station, 7));
            counter.packet(&of(1_000 + station, 1_000 + station, 8));
        }
        assert!(counter.targets <= TARGETS_OF_ALL);
        let facts = counter.finish(1);
        assert_eq!(facts.arp_requests, 2 + 200 + 80_000);
        assert_eq!(facts.arp_conflicts.len(), 1);
        assert_eq!(facts.arp_conflicts[0].address, "10.0.0.1");
        assert_eq!(
            (facts.arp_top[0].requests, facts.arp_top[0].targets),
            (200, 200)
        );
        assert!(facts.arp_approximate);
    }
}
