//! What parsers say: events, to whom, and the words for risks and categories.

use std::net::IpAddr;

use netloom_packet::MacAddr;

use super::Protocol;

/// Takes what a parser understood.
pub trait Events {
    /// Whether anybody wants events of this kind; what nobody wants need not be made.
    fn wants(&self, interest: Interest) -> bool;

    /// An event of the flow that is being read.
    fn event(&mut self, event: Event<'_>);
}

impl dyn Events + '_ {
    /// Tells what the messages of a flow carry, beyond doubt.
    pub(super) fn carries(&mut self, protocol: &'static Protocol) {
        self.event(Event::Carries {
            protocol,
            early: false,
        });
    }
}

/// Kinds of events that cost something to make, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interest(u16);

impl Interest {
    /// Nothing but names and risks of flows, which are always made.
    pub const NONE: Self = Self(0);
    /// DNS messages in full ([`Event::Dns`]).
    pub const DNS: Self = Self(1);
    /// TLS handshakes in full ([`Event::Tls`]).
    pub const TLS: Self = Self(2);
    /// HTTP requests and responses in full ([`Event::Http`]).
    pub const HTTP: Self = Self(4);
    /// Messages of all other protocols ([`Event::Message`]).
    pub const MESSAGES: Self = Self(8);
    /// What devices say of themselves ([`Event::Device`]).
    pub const DEVICES: Self = Self(16);
    /// JA4 of clients.
    pub const JA4: Self = Self(32);
    /// The other fingerprints: JA3, JA3S, HASSH, and the hashes of certificates.
    pub const HASHES: Self = Self(64);
    /// What only whole tables show of DNS, TLS and HTTP, beside what sums are made of.
    pub const DETAILS: Self = Self(128);
    /// All bytes of HTTP bodies ([`Exchange::Content`](super::http::Exchange::Content)).
    pub const CONTENT: Self = Self(256);
    /// DNS records in full, in the rows of flows.
    pub const RECORDS: Self = Self(512);
    /// No kind of its own: what nDPI makes in a way of its own is made in that way (JA4).
    pub const AS_NDPI: Self = Self(1024);
    /// Every kind.
    pub const ALL: Self = Self(1023);

    /// Both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What a parser understood. Texts are bytes as they were sent: whoever shows them makes them
/// safe ([`text::display`](super::text::display)).
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A more exact protocol than the detector's (HTTP that turned out to be SSDP, a VPN inside
    /// TLS); what the `service` column will say.
    Service(&'static Protocol),
    /// A further protocol that the flow's messages carry: the authentication in LDAP and SMB, what
    /// is spoken over a WebSocket.
    Carries {
        /// What.
        protocol: &'static Protocol,
        /// Whether it was told before the flow's own protocol is beyond doubt for Zeek, whose
        /// list of services is in the order in which each was.
        early: bool,
    },
    /// A product recognised by its own signs rather than by a name or an address (`app` column;
    /// a title as people write it).
    App(&'static str),
    /// The server's name as this flow itself told it (TLS SNI, QUIC SNI, HTTP Host, …). The first of the best
    /// source stands. `source` as in the `server_name_source` column: `tls_sni`, `quic_sni`, `http_host`, `certificate`, ….
    ServerName {
        /// The name, without port.
        name: &'a [u8],
        /// Where it stood.
        source: &'static str,
    },
    /// A fingerprint of the client or the server: the columns `ja3`, `ja3s`, `ja4`, `hassh`, `hassh_server`.
    Fingerprint {
        /// Name of the column.
        kind: &'static str,
        /// The fingerprint, ASCII.
        value: &'a str,
    },
    /// A program that named itself (User-Agent, SSH banner, Server header).
    Software {
        /// Whether the client's.
        of_client: bool,
        /// Its words.
        text: &'a [u8],
    },
    /// A name that DNS was asked for.
    Asked {
        /// The name, in text form.
        name: &'a [u8],
        /// Whether this is the answer that it does not exist (NXDOMAIN).
        missing: bool,
    },
    /// Something a person should know about the flow, beside what others can tell from its record.
    Risk {
        /// What.
        risk: Risk,
        /// Evidence in a few words (already safe to show, at most 200 bytes).
        detail: &'a str,
    },
    /// Credentials that crossed the network.
    Login(Login<'a>),
    /// Another flow that this one announced.
    Expect(Expect),
    /// What a device said of itself or of another.
    Device(Device<'a>),
    /// A DNS, mDNS, LLMNR or NBNS message.
    Dns(&'a super::dns::Message<'a>),
    /// A part of a TLS, DTLS or QUIC handshake.
    Tls(super::tls::Handshake<'a>),
    /// A part of an HTTP exchange.
    Http(super::http::Exchange<'a>),
    /// A message of any other protocol.
    Message(Message<'a>),
}

/// A message of a protocol that has no table of its own: a row of `messages`.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// What it is, in the protocol's words (`CONNECT`, `tree_connect`, `read_coils`).
    pub kind: &'a str,
    /// What it says: names in snake_case (Zeek's or Suricata's where they have one) and values.
    pub fields: &'a [(&'static str, Value<'a>)],
}

/// A value of a [`Message`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Text as sent.
    Text(&'a [u8]),
    /// A word of ours.
    Word(&'a str),
    /// A number.
    Number(u64),
    /// Yes or no.
    Flag(bool),
    /// An address.
    Address(IpAddr),
    /// Bytes that are no text: shown as hex.
    Bytes(&'a [u8]),
    /// Several texts.
    List(&'a [&'a [u8]]),
}

/// Credentials in clear. Passwords are never part of it.
#[derive(Debug, Clone, Copy)]
pub struct Login<'a> {
    /// The user; empty where only a password was sent.
    pub user: &'a [u8],
    /// How (`basic`, `USER/PASS`, `LOGIN`, `community`, …).
    pub method: &'static str,
    /// Whether the server accepted, where it said.
    pub success: Option<bool>,
    /// Whether a password (or what serves as one) crossed readably.
    pub cleartext: bool,
}

/// A flow that was announced: an FTP data channel, TFTP's transfer, RTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expect {
    /// What it will speak.
    pub protocol: &'static Protocol,
    /// Who will open it, where that is known.
    pub from: Option<IpAddr>,
    /// To which address.
    pub to: IpAddr,
    /// And port.
    pub port: u16,
    /// Whether TCP (else UDP).
    pub tcp: bool,
}

/// Facts about a device on the network, for the `hosts` table.
#[derive(Debug, Clone, Copy, Hash)]
#[non_exhaustive]
pub struct Device<'a> {
    /// Its address, where the message says which; else the packet's source.
    pub address: Option<IpAddr>,
    /// The address that it asks for and does not have yet (DHCP option 50).
    pub requested: Option<IpAddr>,
    /// Its hardware address, where the message carries it.
    pub mac: Option<MacAddr>,
    /// How it is known.
    pub source: DeviceSource,
    /// Its name.
    pub hostname: Option<&'a [u8]>,
    /// Its maker or vendor class (DHCP option 60, SSDP SERVER, …).
    pub vendor: Option<&'a [u8]>,
    /// Its model, or what it says it is.
    pub model: Option<&'a [u8]>,
    /// Its operating system, or what points to one.
    pub os: Option<&'a [u8]>,
    /// DHCP fingerprint: the parameter request list, numbers joined by commas.
    pub fingerprint: Option<&'a str>,
    /// A service it offers (an mDNS or SSDP service type).
    pub service: Option<&'a [u8]>,
}

impl Device<'_> {
    /// A device of which nothing is known yet.
    pub const fn new(source: DeviceSource) -> Self {
        Self {
            address: None,
            requested: None,
            mac: None,
            source,
            hostname: None,
            vendor: None,
            model: None,
            os: None,
            fingerprint: None,
            service: None,
        }
    }
}

/// Where a fact about a device comes from, best source of a host name first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DeviceSource {
    /// DHCPv4 or DHCPv6.
    Dhcp,
    /// Multicast DNS.
    Mdns,
    /// NetBIOS name service.
    Nbns,
    /// LLMNR.
    Llmnr,
    /// SSDP.
    Ssdp,
    /// A DNS answer.
    Dns,
    /// SMB, NTLMSSP.
    Smb,
    /// A User-Agent.
    UserAgent,
    /// Another protocol, by its name.
    Protocol(&'static str),
}

impl DeviceSource {
    /// Name as it stands in the `hostname_source` column.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dhcp => "dhcp",
            Self::Mdns => "mdns",
            Self::Nbns => "nbns",
            Self::Llmnr => "llmnr",
            Self::Ssdp => "ssdp",
            Self::Dns => "dns",
            Self::Smb => "smb",
            Self::UserAgent => "user_agent",
            Self::Protocol(name) => name,
        }
    }
}

/// How bad a risk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// A weakness.
    Low,
    /// Should be looked at.
    Medium,
    /// Must be looked at.
    High,
}

impl Severity {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

macro_rules! risks {
    ($($(#[$doc:meta])* $variant:ident $name:literal $severity:ident $title:literal,)*) => {
        /// What can be wrong with a flow (nDPI calls these flow risks).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Risk {
            $($(#[$doc])* $variant,)*
        }

        impl Risk {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Name as it stands in the `risks` column.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// How bad it is.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// In words, for a person.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

risks! {
    /// Credentials were sent readably.
    CleartextCredentials "cleartext_credentials" High "Credentials sent in clear",
    /// TLS before 1.2, SSL.
    ObsoleteTls "obsolete_tls" Medium "Obsolete TLS version",
    /// A cipher suite that is no longer considered safe, or has no forward secrecy (RFC 9325).
    WeakCipher "weak_cipher" Medium "Weak TLS cipher",
    /// The certificate had expired.
    CertificateExpired "certificate_expired" High "Certificate expired",
    /// The certificate was to expire within 30 days.
    CertificateExpiring "certificate_expiring" Low "Certificate about to expire",
    /// The certificate was not valid yet.
    CertificateNotYetValid "certificate_not_yet_valid" Medium "Certificate not valid yet",
    /// Subject and issuer are the same.
    CertificateSelfSigned "certificate_self_signed" Medium "Self-signed certificate",
    /// The name asked for is not in the certificate.
    CertificateMismatch "certificate_mismatch" High "Certificate does not match the name",
    /// A validity of more than 398 days in a certificate (CA/Browser Forum baseline requirements).
    CertificateLongValidity "certificate_long_validity" Low "Certificate valid for very long",
    /// TLS without a server name.
    TlsWithoutSni "tls_without_sni" Info "TLS without a server name",
    /// A TLS alert of level fatal.
    TlsFatalAlert "tls_fatal_alert" Low "TLS ended by a fatal alert",
    /// A client offers no ALPN where browsers would, or one that is no protocol.
    TlsUncommonAlpn "tls_uncommon_alpn" Low "Uncommon ALPN",
    /// A TLS extension that looks wrong.
    TlsSuspiciousExtension "tls_suspicious_extension" Medium "Suspicious TLS extension",
    /// A known protocol on a port that is not its own.
    NonStandardPort "non_standard_port" Low "Known protocol on an unusual port",
    /// A program or script came over HTTP, or a program was sent by a client.
    BinaryTransfer "binary_transfer" High "Program transferred over HTTP",
    /// An HTTP body does not fit its type.
    SuspiciousContent "suspicious_content" Medium "Content does not fit its type",
    /// A User-Agent of attack tools, or code in it.
    SuspiciousUserAgent "suspicious_user_agent" Medium "Suspicious User-Agent",
    /// An HTTP host that is an address.
    NumericHost "numeric_host" Low "Host is a bare address",
    /// A URL with signs of an attack (traversal, injection).
    SuspiciousUrl "suspicious_url" High "URL looks like an attack",
    /// HTTP headers that no common client sends.
    SuspiciousHeader "suspicious_header" Low "Suspicious HTTP header",
    /// An old server program with known weaknesses.
    ObsoleteServer "obsolete_server" Low "Obsolete server software",
    /// A server that answered with an error (HTTP 4xx/5xx, DNS error, …).
    ErrorCode "error_code" Info "Server answered with an error",
    /// A server's name that looks machine-made, or such a name that DNS was asked for and does not know.
    DgaDomain "dga_domain" Medium "Domain looks machine-made",
    /// A server's name, or one that DNS was asked for, that is not what it looks like (punycode that mixes scripts).
    IdnHomograph "idn_homograph" Medium "Domain mixes alphabets",
    /// A server's name, or one that DNS was asked for, below a top-level domain much used for abuse.
    RiskyDomain "risky_domain" Low "Domain of ill repute",
    /// A DNS query with odd names or types.
    SuspiciousDns "suspicious_dns" Medium "Suspicious DNS traffic",
    /// A DNS message of more than 512 bytes over UDP without EDNS.
    LargeDns "large_dns" Low "DNS message of unusual size",
    /// A DNS message in several IP fragments, which resolvers avoid (RFC 9715).
    FragmentedDns "fragmented_dns" Low "Fragmented DNS message",
    /// SSH software with known weaknesses.
    ObsoleteSsh "obsolete_ssh" Medium "Obsolete SSH version or cipher",
    /// SMB version 1.
    ObsoleteSmb "obsolete_smb" High "SMB version 1",
    /// A protocol that is unsafe by design: all of it can be read (Telnet, rsh, TFTP, FTP, POP3 and
    /// IMAP without TLS).
    UnsafeProtocol "unsafe_protocol" Low "Unsafe protocol",
    /// Desktop or file sharing between a local network and another one, either way.
    RemoteDesktop "remote_desktop" Low "Remote desktop or file sharing",
    /// A packet that its protocol does not allow.
    MalformedPacket "malformed_packet" Low "Malformed message",
    /// Signs of an exploit.
    Exploit "exploit" High "Possible exploit",
    /// Cryptocurrency mining.
    Mining "mining" Medium "Cryptocurrency mining",
    /// A network that hides who speaks with whom: Tor, by the names that its handshakes make up.
    Anonymizer "anonymizer" Medium "Anonymising network",
    /// A connection that the server refused or that had no answer.
    Unidirectional "unidirectional" Info "No answer",
    /// A TCP connection that was refused, or reset before anything was said.
    TcpIssues "tcp_issues" Low "TCP connection problems",
    /// Encrypted client hello.
    EncryptedClientHello "encrypted_client_hello" Info "Encrypted Client Hello",
    /// DNS that is hidden from the network's own resolver (DoH, DoT, DoQ).
    EncryptedDns "encrypted_dns" Info "Encrypted DNS",
    /// A database, a directory or an industrial controller on a local network, used from another one.
    ExposedService "exposed_service" Low "Internal service reached from another network",
}

/// What a protocol or a product is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Category {
    /// Pages and APIs.
    Web,
    /// What keeps a network going: DNS, DHCP, NTP, routing.
    Network,
    /// Mail.
    Mail,
    /// Messages between people.
    Chat,
    /// Calls and conferences.
    Voip,
    /// Sound and pictures.
    Media,
    /// Music alone.
    Music,
    /// Films and television.
    Video,
    /// Social networks.
    SocialNetwork,
    /// Files moved.
    FileTransfer,
    /// Files kept elsewhere, clouds.
    Cloud,
    /// Peer to peer.
    P2p,
    /// Games.
    Game,
    /// Databases.
    Database,
    /// Remote terminals and desktops.
    RemoteAccess,
    /// Tunnels and private networks.
    Vpn,
    /// Calls between programs.
    Rpc,
    /// Who may do what.
    Authentication,
    /// Monitoring and logs.
    Management,
    /// Things, buildings, plants.
    Iot,
    /// Industrial control.
    Industrial,
    /// Updates of programs.
    SoftwareUpdate,
    /// Advertisement, tracking, measuring.
    Advertisement,
    /// Collaboration, office work.
    Productivity,
    /// Shops, banks.
    Shopping,
    /// Money made by computing.
    Mining,
    /// Trading and money.
    Finance,
    /// Artificial intelligence services.
    Ai,
    /// Connectivity checks.
    ConnectivityCheck,
    /// Known to be bad.
    Malware,
    /// For adults.
    Adult,
    /// News.
    News,
    /// Nothing of these.
    Other,
}

impl Category {
    /// Name as it stands in the `category` column.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Network => "network",
            Self::Mail => "mail",
            Self::Chat => "chat",
            Self::Voip => "voip",
            Self::Media => "media",
            Self::Music => "music",
            Self::Video => "video",
            Self::SocialNetwork => "social_network",
            Self::FileTransfer => "file_transfer",
            Self::Cloud => "cloud",
            Self::P2p => "p2p",
            Self::Game => "game",
            Self::Database => "database",
            Self::RemoteAccess => "remote_access",
            Self::Vpn => "vpn",
            Self::Rpc => "rpc",
            Self::Authentication => "authentication",
            Self::Management => "management",
            Self::Iot => "iot",
            Self::Industrial => "industrial",
            Self::SoftwareUpdate => "software_update",
            Self::Advertisement => "advertisement",
            Self::Productivity => "productivity",
            Self::Shopping => "shopping",
            Self::Mining => "mining",
            Self::Finance => "finance",
            Self::Ai => "ai",
            Self::ConnectivityCheck => "connectivity_check",
            Self::Malware => "malware",
            Self::Adult => "adult",
            Self::News => "news",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Risk;

    #[test]
    fn all_risks_are_documented() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/names.md");
        let page = std::fs::read_to_string(page).unwrap();
        for risk in Risk::ALL {
            let severity = format!("{:?}", risk.severity()).to_lowercase();
            let row = format!("| `{}` | {severity} | {} |", risk.name(), risk.title());
            assert!(page.contains(&row), "{row}");
        }
    }
}
