//! TLS (RFC 8446, RFC 5246 and before), DTLS (RFC 9147, RFC 6347) and the handshake inside QUIC.
//!
//! What of a handshake is in clear is read: hellos, certificates up to TLS 1.2, alerts. Nothing is
//! decrypted here.

mod assembly;
mod check;
mod cipher_suites;
mod fingerprint;
mod hello;
pub mod names;
mod record;
mod session;
mod sslv2;
mod stream;
mod tor;
pub mod x509;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use assembly::Assembly;
pub use fingerprint::{cyu, ja3, ja3_text, ja3s, ja3s_text, ja4, ja4_of_ndpi};
pub(crate) use record::content;
pub(crate) use session::{HandshakeBuffer, Session};
pub use stream::{DETECTOR, PROTOCOL};
pub use tor::made_up_label;

/// A part of a handshake.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Handshake<'a> {
    /// What the client offers.
    ClientHello {
        /// All of it.
        hello: &'a ClientHello<'a>,
        /// Its fingerprints, as far as they are wanted.
        fingerprints: &'a Fingerprints,
    },
    /// What the server chose.
    ServerHello {
        /// All of it.
        hello: &'a ServerHello<'a>,
        /// JA3S and what it is the hash of, where it is wanted
        /// ([`Interest::HASHES`](crate::app::Interest::HASHES)); the request to try again has none.
        ja3s: Option<(&'a str, &'a str)>,
    },
    /// A certificate chain (visible up to TLS 1.2).
    Certificates {
        /// Whether the client's.
        of_client: bool,
        /// DER, leaf first, at most 10.
        chain: &'a [&'a [u8]],
        /// The first of them, where it can be read.
        leaf: Option<&'a x509::Certificate<'a>>,
    },
    /// The handshake is over as far as it can be seen: both sides have changed to encryption and sent.
    Established,
    /// An alert in clear: level, description.
    Alert {
        /// Whether the client's.
        of_client: bool,
        /// 1 warning, 2 fatal.
        level: u8,
        /// RFC 8446, section 6.
        description: u8,
    },
    /// The group the server chose for the key exchange (ServerKeyExchange, up to TLS 1.2).
    KeyExchange {
        /// IANA number.
        group: u16,
    },
    /// An earlier session goes on.
    Resumed,
    /// The client is the flow's responder; comes before the hello it is about.
    Flipped,
    /// A message, as a letter of Zeek's `ssl_history`, in lower case; comes after the event about
    /// what is in it.
    Step {
        /// Whether the client's.
        of_client: bool,
        /// `c` client hello, `s` server hello, `j` hello retry request, `x` certificate, `i` change
        /// of cipher, `l` alert, …
        letter: u8,
    },
    /// A `CHLO` of Google's QUIC, where [`Interest::HASHES`](crate::app::Interest::HASHES) are
    /// wanted: a client that was refused says another.
    Google {
        /// CYU.
        cyu: &'a str,
        /// What it is the hash of: version and tags (`46,PAD-SNI-VER`).
        text: &'a str,
    },
    /// QUIC's own part of a connection.
    Quic {
        /// QUIC version as on the wire.
        version: u32,
        /// Destination connection ID of the first Initial.
        client_initial_dcid: &'a [u8],
        /// Source connection ID of the client.
        client_scid: &'a [u8],
        /// Source connection ID of the server; empty while unknown.
        server_scid: &'a [u8],
        /// Source connection ID of the first Retry, with which the client began anew; empty where
        /// there was none.
        retry_scid: &'a [u8],
        /// A letter for each thing seen, as in Zeek's quic.log `history`.
        history: &'a str,
    },
}

/// Fingerprints of a ClientHello; the lists of one that was cut, or of SSL 2, are not what they
/// are made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Fingerprints {
    /// JA3, where [`Interest::HASHES`](crate::app::Interest::HASHES) are wanted.
    pub ja3: Option<Box<str>>,
    /// What `ja3` is the hash of.
    pub ja3_text: Option<Box<str>>,
    /// JA4, where [`Interest::JA4`](crate::app::Interest::JA4) is wanted; nDPI's, where
    /// [`Interest::AS_NDPI`](crate::app::Interest::AS_NDPI) is.
    pub ja4: Option<Box<str>>,
}

/// What a TLS handshake runs over; the first letter of JA4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Carrier {
    /// TCP (`t`).
    #[default]
    Tcp,
    /// QUIC (`q`).
    Quic,
    /// DTLS (`d`).
    Dtls,
}

/// A ClientHello. GREASE values (RFC 8701) are kept in the lists; who reads them leaves them out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ClientHello<'a> {
    /// What it runs over.
    pub carrier: Carrier,
    /// Version of the record that carried it; 0 for QUIC.
    pub record_version: u16,
    /// `legacy_version`.
    pub version: u16,
    /// Random, 32 bytes.
    pub random: &'a [u8],
    /// Session identifier.
    pub session_id: &'a [u8],
    /// Cipher suites in their order.
    pub cipher_suites: Vec<u16>,
    /// Compression methods.
    pub compression: &'a [u8],
    /// Extension types in their order.
    pub extensions: Vec<u16>,
    /// `server_name` (0), host_name.
    pub server_name: Option<&'a [u8]>,
    /// `application_layer_protocol_negotiation` (16).
    pub alpn: Vec<&'a [u8]>,
    /// `supported_versions` (43).
    pub supported_versions: Vec<u16>,
    /// `supported_groups` (10).
    pub groups: Vec<u16>,
    /// `ec_point_formats` (11).
    pub point_formats: &'a [u8],
    /// `signature_algorithms` (13) in their order.
    pub signature_algorithms: Vec<u16>,
    /// Whether a session ticket with content (35) or a pre-shared key (41) was offered.
    pub resumption: bool,
    /// Whether a session ticket with content (35) was offered.
    pub session_ticket: bool,
    /// Whether a pre-shared key (41) was offered.
    pub pre_shared_key: bool,
    /// Whether the end of the message is not in the capture: lists may be shorter than they were.
    pub truncated: bool,
    /// Whether `encrypted_client_hello` (0xfe0d) is there (real or GREASE).
    pub ech: bool,
}

/// A ServerHello.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ServerHello<'a> {
    /// What it runs over.
    pub carrier: Carrier,
    /// `legacy_version`.
    pub legacy_version: u16,
    /// The version that was negotiated (`supported_versions`, else `legacy_version`).
    pub version: u16,
    /// Session identifier.
    pub session_id: &'a [u8],
    /// Cipher suite.
    pub cipher_suite: u16,
    /// Extension types in their order.
    pub extensions: Vec<u16>,
    /// The protocol chosen by ALPN (16), where it is in clear.
    pub alpn: Option<&'a [u8]>,
    /// The group of the key share, where told.
    pub group: Option<u16>,
    /// Whether it is a HelloRetryRequest.
    pub retry: bool,
    /// Whether a pre-shared key was accepted (41).
    pub pre_shared_key: bool,
}
