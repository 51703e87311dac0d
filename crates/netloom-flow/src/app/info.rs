//! What the payload of a flow told.

use netloom_decode::app::{Category, Protocol, Risk, text};

/// How sure a flow's `service` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Confidence {
    /// By the port alone.
    Port,
    /// By a name, a certificate or another flow that announced this one.
    Name,
    /// By what the flow contains.
    Content,
}

impl Confidence {
    /// Name as it stands in the `confidence` column.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Port => "port",
            Self::Name => "name",
            Self::Content => "content",
        }
    }
}

/// What the payload of a flow told, and what follows from it.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct AppInfo {
    /// The protocol that was recognised.
    pub service: Option<&'static Protocol>,
    /// How it was recognised; `None` where it was not.
    pub confidence: Option<Confidence>,
    /// Whether another flow announced this one: FTP and TFTP their transfers, SIP its media. Nobody
    /// else could ask for what runs here.
    pub announced: bool,
    /// Further protocols that the flow carried, in the order in which they were told, at most
    /// [`AppInfo::CARRIED_MAX`]: what goes through a proxy, follows an upgrade or is spoken over a
    /// WebSocket, TLS that was agreed on within, the authentication in LDAP and SMB.
    pub carried: Vec<&'static Protocol>,
    /// How many of them were told before `service` was beyond doubt for Zeek.
    pub carried_early: u8,
    /// The product behind the flow, as people write it.
    pub app: Option<&'static str>,
    /// What the product, else the protocol, is for.
    pub category: Option<Category>,
    /// Name of the server.
    pub server_name: Option<Box<str>>,
    /// Where it is from: `tls_sni`, `quic_sni`, `http_host`, `dns`, `certificate`, …; empty where there is none.
    pub server_name_source: &'static str,
    /// Fingerprints by column name (`ja3`, `ja4`, `hassh`, …), at most [`AppInfo::FINGERPRINTS_MAX`].
    pub fingerprints: Vec<(&'static str, Box<str>)>,
    /// What is wrong with the flow, with evidence in a few words; each risk once, in the order found.
    pub risks: Vec<(Risk, Box<str>)>,
    /// The user who logged in readably.
    pub user: Option<Box<str>>,
    /// The client's program, in its own words.
    pub client_software: Option<Box<str>>,
    /// The server's program, in its own words.
    pub server_software: Option<Box<str>>,
    /// The organisation in the server's certificate.
    pub certificate_organization: Option<Box<str>>,
}

impl AppInfo {
    /// Most fingerprints kept.
    pub const FINGERPRINTS_MAX: usize = 8;
    /// Most carried protocols kept.
    pub const CARRIED_MAX: usize = 8;

    /// Adds a protocol that the flow carries, once.
    pub(crate) fn carry(&mut self, protocol: &'static Protocol, early: bool) {
        if self.carried.len() < Self::CARRIED_MAX && !self.carried.contains(&protocol) {
            self.carried.push(protocol);
            self.carried_early += u8::from(early);
        }
    }

    /// A fingerprint by its column.
    pub fn fingerprint(&self, kind: &str) -> Option<&str> {
        self.fingerprints
            .iter()
            .find(|(name, _)| *name == kind)
            .map(|(_, value)| &**value)
    }

    /// Whether it is at a risk.
    pub fn has_risk(&self, risk: Risk) -> bool {
        self.risks.iter().any(|(known, _)| *known == risk)
    }

    /// Whether the flow went over to this protocol, or has it inside.
    pub fn carries(&self, protocol: &str) -> bool {
        self.carried.iter().any(|carried| carried.name == protocol)
    }

    /// Adds a risk, once.
    pub fn add_risk(&mut self, risk: Risk, detail: &str) {
        if !self.has_risk(risk) {
            self.risks.push((risk, text::start(detail, 200).into()));
        }
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        text(&self.server_name)
            + text(&self.user)
            + text(&self.client_software)
            + text(&self.server_software)
            + text(&self.certificate_organization)
            + self.carried.capacity() * size_of::<&Protocol>()
            + self.fingerprints.capacity() * size_of::<(&str, Box<str>)>()
            + self
                .fingerprints
                .iter()
                .map(|(_, value)| value.len())
                .sum::<usize>()
            + self.risks.capacity() * size_of::<(Risk, Box<str>)>()
            + self
                .risks
                .iter()
                .map(|(_, detail)| detail.len())
                .sum::<usize>()
    }
}
