//! Events of parsers become what a flow knows, and rows.

use std::hash::BuildHasher;
use std::net::IpAddr;

use netloom_decode::app::{Context, Device, Event, Events, Interest, Protocol, text};

use super::record::{AppRow, DeviceRecord, MessageRecord};
use super::{AppInfo, Confidence, Trackers, Wish};
use crate::name::asked;

/// Takes the events of one call of a parser.
pub(super) struct Sink<'a> {
    context: &'a Context,
    interest: Interest,
    info: &'a mut AppInfo,
    /// What is spoken by now, where the flow began in another protocol.
    spoken: &'a mut Option<&'static Protocol>,
    trackers: &'a mut Option<Box<Trackers>>,
    said: &'a mut Said,
    news: &'a mut bool,
    rows: &'a mut Vec<AppRow>,
}

/// What a flow's payload told.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) info: Option<Box<AppInfo>>,
    pub(super) trackers: Option<Box<Trackers>>,
    /// What is spoken by now, where the flow began in another protocol: SMB in a NetBIOS session.
    pub(super) spoken: Option<&'static Protocol>,
    said: Said,
    /// Whether there is more than was counted.
    pub(super) news: bool,
    /// Bytes on the heap, when they were counted last.
    bytes: u32,
}

impl Told {
    /// What takes the events of a call.
    pub(super) fn sink<'a>(&'a mut self, context: &'a Context, wish: &'a mut Wish<'_>) -> Sink<'a> {
        Sink {
            context,
            interest: wish.interest,
            info: self.info.get_or_insert_default(),
            spoken: &mut self.spoken,
            trackers: &mut self.trackers,
            said: &mut self.said,
            news: &mut self.news,
            rows: wish.rows,
        }
    }

    /// Forgets what is done with; the bytes that are left on the heap. Most packets of a long flow
    /// tell nothing: then they are what they were.
    pub(super) fn settle(&mut self) -> u32 {
        if std::mem::take(&mut self.news) {
            if self.trackers.as_deref().is_some_and(Trackers::is_empty) {
                self.trackers = None;
            }
            self.bytes = self.count();
        }
        debug_assert_eq!(self.bytes, self.count(), "something was told without news");
        self.bytes
    }

    fn count(&self) -> u32 {
        let of_info = self
            .info
            .as_ref()
            .map_or(0, |info| size_of::<AppInfo>() + info.heap_bytes());
        let held_back = self
            .trackers
            .as_ref()
            .map_or(0, |trackers| trackers.heap_bytes());
        u32::try_from(of_info + held_back).unwrap_or(u32::MAX)
    }
}

/// What a flow said of devices last: DHCP, mDNS and SSDP repeat themselves again and again.
#[derive(Debug, Default)]
struct Said {
    recent: [u64; 4],
    next: u8,
}

impl Said {
    /// Whether this is none of the last few things that were said. Of two with the same hash (which
    /// somebody may have sought) the second is taken for a repetition: no more than it could leave
    /// out.
    fn is_new(&mut self, device: &Device<'_>, sender: IpAddr) -> bool {
        let hash = foldhash::fast::FixedState::default().hash_one((device, sender));
        let is_new = !self.recent.contains(&hash);
        if is_new {
            let place = usize::from(self.next) % self.recent.len();
            self.recent[place] = hash;
            self.next = self.next.wrapping_add(1);
        }
        is_new
    }
}

/// Text of a packet, boxed.
fn boxed(bytes: &[u8]) -> Box<str> {
    text::display(bytes.get(..512).unwrap_or(bytes)).into()
}

/// How good a source of a server's name is; the best stands.
fn rank(source: &str) -> u8 {
    match source {
        "tls_sni" | "quic_sni" | "dtls_sni" => 5,
        "http_host" | "http_proxy" => 4,
        "" => 0,
        "certificate" => 1,
        "dns" => 2,
        _ => 3,
    }
}

impl AppInfo {
    /// Takes a name of the server, if it has none from a source as good.
    pub(crate) fn name_server(&mut self, name: &[u8], source: &'static str) {
        let name = name.strip_suffix(b".").unwrap_or(name);
        if !name.is_empty() && rank(source) > rank(self.server_name_source) {
            self.server_name = Some(boxed(name));
            self.server_name_source = source;
        }
    }
}

impl Events for Sink<'_> {
    fn wants(&self, interest: Interest) -> bool {
        self.interest.contains(interest)
    }

    fn event(&mut self, event: Event<'_>) {
        // Devices and messages are rows of their own, and most names are of no interest.
        *self.news |= !matches!(
            event,
            Event::Device(_) | Event::Message(_) | Event::Asked { .. }
        );
        let info = &mut *self.info;
        match event {
            Event::Service(protocol) => {
                info.service = Some(protocol);
                if let Some(spoken) = self.spoken {
                    *spoken = protocol;
                }
                info.confidence = Some(Confidence::Content);
            }
            Event::Carries { protocol, early } => info.carry(protocol, early),
            Event::App(title) => info.app = Some(title),
            Event::ServerName { name, source } => info.name_server(name, source),
            Event::Fingerprint { kind, value }
                if info.fingerprint(kind).is_none()
                    && info.fingerprints.len() < AppInfo::FINGERPRINTS_MAX =>
            {
                info.fingerprints.push((kind, value.into()));
            }
            Event::Software { of_client, text } => {
                let place = if of_client {
                    &mut info.client_software
                } else {
                    &mut info.server_software
                };
                if place.is_none() && !text.is_empty() {
                    *place = Some(boxed(text));
                }
            }
            Event::Risk { risk, detail } => info.add_risk(risk, detail),
            Event::Asked { name, missing } => {
                *self.news |= asked(info, &text::display(name), missing);
            }
            Event::Login(login) => {
                if info.user.is_none() && !login.user.is_empty() {
                    info.user = Some(boxed(login.user));
                }
                if login.cleartext {
                    let user = text::display(login.user.get(..64).unwrap_or(login.user));
                    let detail = if user.is_empty() {
                        login.method.to_owned()
                    } else {
                        format!("{}, user {user}", login.method)
                    };
                    info.add_risk(netloom_decode::app::Risk::CleartextCredentials, &detail);
                }
            }
            Event::Device(device) if self.interest.contains(Interest::DEVICES) => {
                let sender = sender(self.context);
                if self.said.is_new(&device, sender) {
                    let record = copy_device(&device, sender);
                    self.rows.push(AppRow::Device(Box::new(record)));
                }
            }
            Event::Dns(message) if self.interest.contains(Interest::DNS) => {
                let pairing = &mut self.trackers.get_or_insert_default().dns;
                let rows = &mut *self.rows;
                pairing.message(self.context, message, self.interest, &mut |record| {
                    rows.push(AppRow::Dns(record));
                });
            }
            Event::Tls(part) => {
                let interest = self.interest;
                let tracker = &mut self.trackers.get_or_insert_default().tls;
                let rows = &mut *self.rows;
                tracker.handshake(self.context, &part, interest, info, &mut |record| {
                    rows.push(AppRow::Tls(record));
                });
            }
            Event::Http(part) if self.interest.contains(Interest::HTTP) => {
                let pairing = &mut self.trackers.get_or_insert_default().http;
                let rows = &mut *self.rows;
                pairing.exchange(self.context, &part, self.interest, &mut |record| {
                    rows.push(AppRow::Http(record));
                });
            }
            Event::Message(message) => {
                if self.interest.contains(Interest::MESSAGES)
                    && let Some(service) = self.spoken.or(info.service)
                {
                    let record = MessageRecord::new(service, self.context.from_client, &message);
                    self.rows.push(AppRow::Message(Box::new(record)));
                }
            }
            _ => {}
        }
    }
}

/// Who sent the packet.
fn sender(context: &Context) -> IpAddr {
    if context.from_client {
        context.client.0
    } else {
        context.server.0
    }
}

fn copy_device(device: &Device<'_>, sender: IpAddr) -> DeviceRecord {
    DeviceRecord {
        address: device
            .address
            .or(Some(sender))
            .filter(|address| !address.is_unspecified()),
        requested: device.requested,
        mac: device.mac,
        source: device.source,
        hostname: device.hostname.map(boxed),
        vendor: device.vendor.map(boxed),
        model: device.model.map(boxed),
        os: device.os.map(boxed),
        fingerprint: device.fingerprint.map(Into::into),
        service: device.service.map(boxed),
    }
}
