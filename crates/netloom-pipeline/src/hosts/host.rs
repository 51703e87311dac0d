//! What is known about one address.

use std::collections::BTreeSet;

use netloom_decode::app::{DeviceSource, text};
use netloom_flow::app::DeviceRecord;
use netloom_packet::MacAddr;
use netloom_tables::HostRow;

use super::tally::Tally;
use crate::bounded::Counts;

/// Services of a host that are kept.
const SERVICES_MAX: usize = 32;
/// Bytes of a service's text that are kept: a name of DNS-SD has 15 (RFC 6335, section 5.1) and its
/// transport.
const SERVICE_MAX: usize = 128;
/// Bytes of any other text that are kept: names of DNS have 255 at the most (RFC 1035, section 2.3.4).
const TEXT_MAX: usize = 256;
/// What a text takes besides its bytes.
const TEXT_ROOM: usize = 32;

/// Room that a text takes.
fn room(text: &str) -> usize {
    text.len() + TEXT_ROOM
}

/// What is known about an address.
#[derive(Debug, Default)]
pub(super) struct Host<T> {
    pub(super) traffic: T,
    pub(super) mac: Option<MacAddr>,
    /// Services that its flows show; those that devices tell of are among what was told.
    offers: Box<[Offer]>,
    /// Few have any of it.
    told: Option<Box<Told>>,
}

/// A service, its port, whether over TCP: `service:port/transport` once it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) service: &'static str,
    pub(super) port: u16,
    pub(super) tcp: bool,
}

impl Offer {
    fn text(self) -> Box<str> {
        let transport = if self.tcp { "tcp" } else { "udp" };
        format!("{}:{}/{transport}", self.service, self.port).into()
    }
}

/// What was said about a host.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    hostname: Option<(u8, &'static str, Box<str>)>,
    os: Option<(u8, &'static str, Box<str>)>,
    device: Option<(u8, Box<str>)>,
    dhcp_fingerprint: Option<Box<str>>,
    services: BTreeSet<Box<str>>,
    /// The card that DHCP says has this address.
    pub(super) lease: Option<MacAddr>,
}

impl<T: Tally> Counts for Host<T> {
    fn weight(&self) -> u64 {
        // What is known by name matters more than what is only seen.
        let known = u64::from(self.told.is_some() || !self.offers.is_empty()) << 40;
        self.traffic.weight().saturating_add(known)
    }

    fn absorb(&mut self, mut other: Self) {
        self.traffic.absorb(std::mem::take(&mut other.traffic));
        self.mac = self.mac.or(other.mac);
        if self.service_count() + other.service_count() <= SERVICES_MAX {
            for &offer in &other.offers {
                self.offer(offer);
            }
        } else {
            // Which of them are kept is told by their texts, however they were learned.
            let mut offers: Vec<(Box<str>, Offer)> = Vec::new();
            offers.extend(other.offers.iter().map(|offer| (offer.text(), *offer)));
            offers.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            let mut offers = offers.into_iter().peekable();
            let texts = other.told.iter_mut();
            for text in texts.flat_map(|told| std::mem::take(&mut told.services)) {
                while let Some((_, offer)) = offers.next_if(|(before, _)| *before < text) {
                    self.offer(offer);
                }
                self.service(&text);
            }
            for (_, offer) in offers {
                self.offer(offer);
            }
        }
        if let Some(told) = other.told {
            for text in &told.services {
                self.service(text);
            }
            self.told().absorb(*told);
        }
    }
}

impl<T> Host<T> {
    /// The card that DHCP says has the address.
    pub(super) fn lease(&self) -> Option<MacAddr> {
        self.told.as_ref()?.lease
    }

    /// Room that texts take.
    pub(super) fn text_bytes(&self) -> usize {
        self.told.as_ref().map_or(0, |told| told.bytes())
    }

    /// Forgets the texts, for lack of room.
    pub(super) fn drop_texts(&mut self) {
        if let Some(told) = &mut self.told {
            **told = Told {
                lease: told.lease,
                ..Told::default()
            };
        }
    }

    pub(super) fn told(&mut self) -> &mut Told {
        self.told.get_or_insert_default()
    }

    fn told_services(&self) -> Option<&BTreeSet<Box<str>>> {
        self.told.as_ref().map(|told| &told.services)
    }

    fn service_count(&self) -> usize {
        self.offers.len() + self.told_services().map_or(0, BTreeSet::len)
    }

    /// A flow shows that it offers a service.
    pub(super) fn offer(&mut self, offer: Offer) {
        let is_told = |services: &BTreeSet<Box<str>>| {
            !services.is_empty() && services.contains(&*offer.text())
        };
        if !self.offers.contains(&offer)
            && self.service_count() < SERVICES_MAX
            && !self.told_services().is_some_and(is_told)
        {
            // Most hosts offer one or none.
            let mut offers = std::mem::take(&mut self.offers).into_vec();
            offers.reserve_exact(1);
            offers.push(offer);
            self.offers = offers.into_boxed_slice();
        }
    }

    /// A device tells that it offers a service; the room that one more takes.
    pub(super) fn service(&mut self, service: &str) -> usize {
        let service = text::start(service, SERVICE_MAX);
        if self.service_count() < SERVICES_MAX
            && !self.offers.iter().any(|offer| *offer.text() == *service)
            && !self
                .told_services()
                .is_some_and(|services| services.contains(service))
        {
            self.told().services.insert(service.into());
            return room(service);
        }
        0
    }

    /// What is known besides the traffic.
    pub(super) fn tell(&self, row: &mut HostRow) {
        row.mac = self.mac;
        if let Some(told) = &self.told {
            if let Some((_, source, name)) = &told.hostname {
                row.hostname = Some(name.clone());
                row.hostname_source = source;
            }
            if let Some((_, source, os)) = &told.os {
                row.os = Some(os.clone());
                row.os_source = source;
            }
            row.device = told.device.as_ref().map(|(_, device)| device.clone());
            row.dhcp_fingerprint.clone_from(&told.dhcp_fingerprint);
        }
        row.services = self.services();
    }

    /// Services by their ports, those without one last.
    fn services(&self) -> Vec<Box<str>> {
        let mut services: Vec<Box<str>> = self.offers.iter().map(|offer| offer.text()).collect();
        services.extend(self.told_services().into_iter().flatten().cloned());
        services.sort_unstable();
        services.sort_by_key(|service| {
            let (_, rest) = service.split_once(':').unwrap_or_default();
            let port = rest.split('/').next().unwrap_or_default();
            port.parse::<u16>().map_or(u32::MAX, u32::from)
        });
        services
    }
}

impl Told {
    /// Room that the texts take.
    pub(super) fn bytes(&self) -> usize {
        let texts = [
            self.hostname.as_ref().map(|(_, _, name)| name),
            self.os.as_ref().map(|(_, _, os)| os),
            self.device.as_ref().map(|(_, device)| device),
            self.dhcp_fingerprint.as_ref(),
        ];
        let texts = texts.into_iter().flatten().chain(&self.services);
        texts.map(|text| room(text)).sum()
    }

    /// A name, if it is better than what is known; the room that it takes, whatever it replaces. The
    /// same goes for all others.
    pub(super) fn name(&mut self, rank: u8, source: &'static str, name: &str) -> usize {
        if name.is_empty() || self.hostname.as_ref().is_some_and(|known| rank <= known.0) {
            return 0;
        }
        let name = text::start(name, TEXT_MAX);
        self.hostname = Some((rank, source, name.into()));
        room(name)
    }

    pub(super) fn os(&mut self, rank: u8, source: &'static str, os: &str) -> usize {
        if os.is_empty() || self.os.as_ref().is_some_and(|known| rank <= known.0) {
            return 0;
        }
        let os = text::start(os, TEXT_MAX);
        self.os = Some((rank, source, os.into()));
        room(os)
    }

    fn model(&mut self, rank: u8, model: &str) -> usize {
        if self.device.as_ref().is_some_and(|known| rank <= known.0) {
            return 0;
        }
        let model = text::start(model, TEXT_MAX);
        self.device = Some((rank, model.into()));
        room(model)
    }

    fn fingerprint(&mut self, fingerprint: Option<&str>) -> usize {
        let (None, Some(fingerprint)) = (&self.dhcp_fingerprint, fingerprint) else {
            return 0;
        };
        let fingerprint = text::start(fingerprint, TEXT_MAX);
        self.dhcp_fingerprint = Some(fingerprint.into());
        room(fingerprint)
    }

    /// Takes what a device says of itself, but for its services and addresses.
    pub(super) fn device(&mut self, device: &DeviceRecord) -> usize {
        let (rank, source) = (rank(device.source), device.source.name());
        let mut more = 0;
        if let Some(name) = &device.hostname {
            more += self.name(rank, source, name);
        }
        if let Some(os) = &device.os {
            more += self.os(rank, source, os);
        }
        let model = device.model.as_deref().or(device.vendor.as_deref());
        if let Some(model) = model.filter(|model| !model.is_empty()) {
            more += self.model(rank + u8::from(device.model.is_some()), model);
        }
        more + self.fingerprint(device.fingerprint.as_deref())
    }

    /// Takes what is known beside it, but for services: of what is as good, its own stands.
    pub(super) fn absorb(&mut self, other: Self) {
        if let Some((rank, source, name)) = other.hostname {
            self.name(rank, source, &name);
        }
        if let Some((rank, source, os)) = other.os {
            self.os(rank, source, &os);
        }
        if let Some((rank, device)) = other.device {
            self.model(rank, &device);
        }
        self.fingerprint(other.dhcp_fingerprint.as_deref());
        self.lease = self.lease.or(other.lease);
    }
}

/// How good a device's own words about its name are.
fn rank(source: DeviceSource) -> u8 {
    match source {
        DeviceSource::Dhcp => 20,
        DeviceSource::Mdns => 19,
        DeviceSource::Nbns => 18,
        DeviceSource::Smb => 17,
        DeviceSource::Llmnr => 16,
        DeviceSource::Ssdp => 15,
        DeviceSource::Dns => 14,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::Weight;

    /// What flows show and devices tell is one list: each once, and of too many the first.
    #[test]
    fn services_of_both_kinds_are_one_list() {
        let offer = |port| Offer {
            service: "http",
            port,
            tcp: true,
        };
        let (mut one, mut other) = (Host::<Weight>::default(), Host::<Weight>::default());
        one.service("http:80/tcp");
        one.offer(offer(80));
        one.offer(offer(8080));
        one.service("http:8080/tcp");
        one.service("printer");
        let shown = |host: &Host<Weight>| host.services().join(" ");
        assert_eq!(shown(&one), "http:80/tcp http:8080/tcp printer");
        for port in (1000..1030).rev() {
            other.offer(offer(port));
        }
        other.service("http:1004/tcp");
        other.service("_ipp._tcp");
        one.absorb(other);
        // "_ipp" stands before all "http", those from 1000 on before what is left out.
        assert_eq!(one.service_count(), SERVICES_MAX);
        assert_eq!(one.services().len(), SERVICES_MAX);
        assert!(shown(&one).ends_with("http:1027/tcp http:8080/tcp _ipp._tcp printer"));
        one.offer(offer(1));
        assert!(!one.offers.contains(&offer(1)));
    }
}
