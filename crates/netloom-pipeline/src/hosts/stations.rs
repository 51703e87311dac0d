//! Devices that said something of themselves before they had an address: DHCP clients, whose
//! `ciaddr` is zero until they are bound (RFC 2131, table 5).

use std::net::IpAddr;

use netloom_decode::app::DeviceSource;
use netloom_flow::app::DeviceRecord;
use netloom_packet::MacAddr;

use super::host::{Host, Told};
use super::tally::Tally;
use super::{TEXTS_OF_EACH, is_a_card};
use crate::bounded::{BoundedTable, Counts};
use crate::compact::Address;

/// Most devices that are remembered.
const STATIONS_MAX: usize = 16_384;
/// Most addresses that a device asked for that are remembered.
const REQUESTED_MAX: usize = 4;

/// A card and whether over IPv6: what DHCPv6 has to say is not about addresses of IPv4.
type Card = (MacAddr, bool);

/// What devices said, by their cards.
#[derive(Debug)]
pub(super) struct Stations {
    table: BoundedTable<Card, Station>,
    /// Room that texts take, at the most, and how much they may.
    text_bytes: usize,
    texts_max: usize,
}

/// What a device said.
#[derive(Debug, Default)]
struct Station {
    told: Told,
    /// Addresses that it asked for.
    requested: Vec<IpAddr>,
    /// How often it spoke.
    messages: u64,
}

impl Counts for Station {
    fn weight(&self) -> u64 {
        self.messages
    }

    fn absorb(&mut self, other: Self) {
        self.told.absorb(other.told);
        for address in other.requested {
            self.request(address);
        }
        self.messages = self.messages.saturating_add(other.messages);
    }
}

impl Station {
    fn request(&mut self, address: IpAddr) {
        if self.requested.len() < REQUESTED_MAX && !self.requested.contains(&address) {
            self.requested.push(address);
        }
    }
}

/// Which addresses a card has.
#[derive(Debug)]
struct Addresses<'a> {
    station: &'a Station,
    /// As DHCP says.
    leased: Vec<IpAddr>,
    /// Those that no lease tells about and that its device asked for.
    requested: Vec<IpAddr>,
    /// Of those that no lease tells about, the only one, or that there are several.
    others: Others,
}

#[derive(Debug, Default, Clone, Copy)]
enum Others {
    #[default]
    None,
    One(IpAddr),
    Several,
}

impl Default for Stations {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Stations {
    /// What at most `max` devices said; with more, those that said the least are forgotten.
    pub(super) fn new(max: usize) -> Self {
        let max = max.min(STATIONS_MAX);
        Self {
            table: BoundedTable::new(max),
            text_bytes: 0,
            texts_max: max * TEXTS_OF_EACH,
        }
    }

    /// What a device said, if it has no address yet, or may get another.
    pub(super) fn device(&mut self, device: &DeviceRecord) {
        let Some(mac) = device.mac.filter(|mac| is_a_card(*mac)) else {
            return;
        };
        let of_v6 = match device.address {
            None => false,
            // Clients of DHCPv6 ask from their link-local address for another.
            Some(IpAddr::V6(v6)) => {
                if device.source != DeviceSource::Dhcp || !v6.is_unicast_link_local() {
                    return;
                }
                true
            }
            Some(IpAddr::V4(_)) => return,
        };
        let station = self.table.entry((mac, of_v6));
        self.text_bytes += station.told.device(device);
        if let Some(address) = device.requested {
            station.request(address);
        }
        station.messages = station.messages.saturating_add(1);
        if self.text_bytes > self.texts_max {
            let bytes = |station: &Station| station.told.bytes();
            self.text_bytes = self.table.forget_beyond(self.texts_max / 2, bytes);
        }
    }

    pub(super) fn absorb(&mut self, other: Self) {
        self.table.absorb(other.table);
    }

    pub(super) fn forgot(&self) -> bool {
        self.table.forgot()
    }

    /// Gives the addresses what their devices said: those that DHCP says they have. Of IPv4, where
    /// it says none (it may have been said to the device alone), those that the device asked for and
    /// that its packets have then, else the only one that they have. Of several it could be that of
    /// any: a router's card is that of many addresses behind it.
    /// What it takes is at most `room`; whether that was too little.
    pub(super) fn settle<T: Tally>(
        self,
        hosts: &mut BoundedTable<Address, Host<T>>,
        mut room: usize,
    ) -> bool {
        let mut places: hashbrown::HashMap<Card, Addresses<'_>, foldhash::fast::RandomState> =
            hashbrown::HashMap::default();
        for (card, station) in self.table.iter() {
            let addresses = Addresses {
                station,
                leased: Vec::new(),
                requested: Vec::new(),
                others: Others::None,
            };
            places.insert(*card, addresses);
        }
        if places.is_empty() {
            return false;
        }
        for (address, host) in hosts.iter() {
            let address = address.ip();
            if let Some(mac) = host.lease() {
                if let Some(place) = places.get_mut(&(mac, address.is_ipv6())) {
                    place.leased.push(address);
                }
            } else if let (Some(mac), IpAddr::V4(v4)) = (host.mac, address)
                && !v4.is_link_local()
                && let Some(place) = places.get_mut(&(mac, false))
            {
                if place.station.requested.contains(&address) {
                    place.requested.push(address);
                }
                place.others = match place.others {
                    Others::None => Others::One(address),
                    _ => Others::Several,
                };
            }
        }
        // Each address has one card: the order matters only where there is too little room.
        let mut places: Vec<_> = places.into_iter().collect();
        places.sort_unstable_by_key(|(card, _)| *card);
        for (_, place) in places {
            let mut of_card = place.leased;
            if of_card.is_empty() {
                of_card = place.requested;
            }
            if let (true, Others::One(address)) = (of_card.is_empty(), place.others) {
                of_card.push(address);
            }
            of_card.sort_unstable();
            for address in of_card {
                let Some(left) = room.checked_sub(place.station.told.bytes()) else {
                    return true;
                };
                room = left;
                if let Some(host) = hosts.get_mut(&address) {
                    host.told().absorb(place.station.told.clone());
                }
            }
        }
        false
    }
}
