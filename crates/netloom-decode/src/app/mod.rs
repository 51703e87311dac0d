//! Application protocols: recognised by content on any port, and parsed.
//!
//! A protocol is a file with a [`Detector`]: a *probe* that looks at the first bytes of a flow
//! ([`Probe`]) and says whether they are this protocol ([`Guess`]), and, where there is more to
//! learn than the name, a [`Parser`] with its own bounded state. Parsers see the bytes of TCP
//! streams in order, the payloads of datagrams whole, and say what they understood as
//! [`Event`]s. They never copy what they only pass on, and never fail: bytes that make no sense
//! end the parser ([`Next::NotThis`], [`Next::Done`]).
//!
//! Nothing here knows of flows: who holds a flow's streams and state, and what becomes of the
//! events, is `netloom-flow`'s part.

pub mod amqp;
pub mod bacnet;
mod ber;
pub mod bittorrent;
pub mod bjnp;
pub mod cassandra;
pub mod coap;
pub mod dce_rpc;
pub mod dhcp;
pub mod dhcpv6;
pub mod diameter;
pub mod dlep;
pub mod dnp3;
pub mod dns;
pub mod dnscrypt;
pub mod dropbox;
pub mod dtls;
pub mod enip;
mod event;
pub mod first_words;
pub mod ftp;
pub mod giop;
pub mod h2;
pub mod h323;
pub mod hislip;
pub mod http;
pub mod iax2;
pub mod iec104;
pub mod ike;
pub mod imap;
mod ip_protocols;
pub mod irc;
pub mod kafka;
pub mod kerberos;
pub mod knx;
pub mod ldap;
mod lines;
pub mod lisp;
mod mail;
pub mod memcached;
pub mod meraki;
pub mod mgcp;
pub mod mining;
pub mod modbus;
pub mod mongodb;
pub mod mqtt;
pub mod mssql;
pub mod mysql;
pub mod nats;
mod nested;
pub mod netbios;
pub mod nntp;
pub mod ntlmssp;
pub mod ntp;
pub mod opcua;
pub mod openvpn;
pub mod oracle;
pub mod parameters;
pub mod pfcp;
pub mod pop3;
pub mod postgresql;
pub mod ptp;
pub mod quic;
pub mod radius;
pub mod rdp;
pub mod redis;
mod registry;
pub mod rlogin;
mod room;
pub mod rpc;
pub mod rtcp;
pub mod rtp;
pub mod rtps;
pub mod rtsp;
pub mod s7comm;
mod sasl;
pub mod sccp;
mod sctp;
pub mod sdp;
pub mod security_token;
#[cfg(test)]
mod services_tests;
pub mod signatures;
pub mod sip;
pub mod smb;
pub mod smtp;
pub mod snmp;
pub mod socks;
pub mod someip;
pub mod ssdp;
pub mod ssh;
pub mod stun;
mod support;
pub mod syslog;
pub mod tacacs;
pub mod telnet;
pub mod text;
pub mod tftp;
pub mod tivo_connect;
pub mod tls;
pub mod tplink_shp;
#[cfg(test)]
mod trial;
pub mod tuya_lp;
pub mod uri;
pub mod vnc;
pub mod websocket;
pub mod wire;
pub mod ws_discovery;
pub mod xmpp;

use std::fmt;
use std::net::IpAddr;

use netloom_packet::Timestamp;

pub use event::{
    Category, Device, DeviceSource, Event, Events, Expect, Interest, Login, Message, Risk,
    Severity, Value,
};
pub use ip_protocols::service_of_protocol;
pub use registry::{by_name, detectors, ports};
pub use room::Room;
pub use sctp::service_of_sctp;

/// An application protocol: what the `service` column says.
#[derive(Debug)]
pub struct Protocol {
    /// Name as Zeek has it, else nDPI's in lower case with `_` (`dns`, `tls`, `ssh`).
    pub name: &'static str,
    /// Name as people write it (`DNS`, `TLS`, `SSH`).
    pub title: &'static str,
    /// What it is for.
    pub category: Category,
}

impl PartialEq for Protocol {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Protocol {}

/// How a protocol is recognised and read.
pub struct Detector {
    /// What is recognised.
    pub protocol: &'static Protocol,
    /// Where it runs.
    pub over: Over,
    /// Ports (of the server, of either end for UDP) at which it is tried first; at others it is
    /// tried too.
    pub ports: &'static [u16],
    /// Looks at the first bytes.
    pub probe: fn(&Probe<'_>) -> Guess,
    /// Makes a parser for a flow; `None` where there is nothing but the name.
    pub parser: Option<fn() -> Box<dyn Parser>>,
}

impl fmt::Debug for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Detector")
            .field(&self.protocol.name)
            .finish()
    }
}

/// The transports that a protocol runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// TCP streams.
    Tcp,
    /// UDP datagrams (UDP-Lite too).
    Udp,
    /// Both.
    Both,
}

impl Over {
    /// Whether TCP (else UDP) is one of them.
    pub const fn contains(self, tcp: bool) -> bool {
        match self {
            Self::Tcp => tcp,
            Self::Udp => !tcp,
            Self::Both => true,
        }
    }
}

/// What a probe says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guess {
    /// It is something else. Not asked again for this flow.
    No,
    /// Too early to say: ask again with more bytes or the next datagram.
    More,
    /// It may be: taken when nothing certain is found, and only if it says so for at least two
    /// payloads, or for the only payloads there are on one of its own [`Detector::ports`].
    Unsure,
    /// It is: magic numbers, lengths that add up, fixed words. A certain guess must be wrong less
    /// than once in a million random payloads.
    Certain,
}

/// The first bytes of a flow, for a probe.
///
/// For TCP `data` is the start of one direction's stream, from its first byte on, growing from
/// call to call (at most [`Probe::MAX`]); for UDP it is the newest datagram.
#[derive(Debug, Clone, Copy)]
pub struct Probe<'a> {
    /// The payload.
    pub data: &'a [u8],
    /// The other direction: TCP, the start of its stream; UDP, the start of its last datagram
    /// (at most [`Probe::KEPT`] bytes). Empty where nothing came that way.
    pub other: &'a [u8],
    /// UDP: the start of the datagram before, same direction (at most [`Probe::KEPT`] bytes).
    pub previous: &'a [u8],
    /// Bytes of the datagram on the wire (more than `data` where the snap length cut); TCP:
    /// `data.len()`.
    pub wire_len: usize,
    /// Whether TCP.
    pub tcp: bool,
    /// Whether `data` goes from the originator to the responder.
    pub from_client: bool,
    /// Whether the stream was seen from its SYN (TCP); `data` starts at the very first byte then.
    pub from_start: bool,
    /// How many payload packets the flow has had, this one included.
    pub packets: u32,
    /// Originator.
    pub client: (IpAddr, u16),
    /// Responder.
    pub server: (IpAddr, u16),
}

impl Probe<'_> {
    /// Longest `data` of TCP.
    pub const MAX: usize = 8192;
    /// Longest `other` and `previous` of UDP.
    pub const KEPT: usize = 256;

    /// Whether the client or the server uses this port.
    pub const fn has_port(&self, port: u16) -> bool {
        self.client.1 == port || self.server.1 == port
    }
}

/// What a parser is told with each piece.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// Time of the packet that brought it.
    pub timestamp: Timestamp,
    /// Number of that packet.
    pub number: u64,
    /// Whether it goes from the originator to the responder.
    pub from_client: bool,
    /// Whether TCP.
    pub tcp: bool,
    /// Originator.
    pub client: (IpAddr, u16),
    /// Responder.
    pub server: (IpAddr, u16),
    /// UDP: bytes of the datagram on the wire; TCP: 0.
    pub wire_len: usize,
}

/// Reads a flow of one protocol. Its state is bounded by its own means.
pub trait Parser: fmt::Debug + Send {
    /// The next bytes of a stream, starting where the last call's [`Step::consumed`] ended; what
    /// is not consumed comes again with more behind it. At most [`STREAM_MAX`] bytes are held
    /// back for a direction; a parser that asks for more is told of a [`gap`](Self::gap).
    fn stream(&mut self, _context: &Context, _data: &[u8], _events: &mut dyn Events) -> Step {
        Step::DONE
    }

    /// Bytes of a stream that the capture lacks; `data` of the next call starts behind them.
    fn gap(&mut self, _context: &Context, _missing: u64, _events: &mut dyn Events) -> Next {
        Next::Done
    }

    /// A datagram.
    fn datagram(&mut self, _context: &Context, _data: &[u8], _events: &mut dyn Events) -> Next {
        Next::Done
    }

    /// The flow has ended: what is held back goes out.
    fn finish(&mut self, _context: &Context, _events: &mut dyn Events) {}

    /// Bytes on the heap, the parser itself included; counts in the flow table's cap.
    fn heap_bytes(&self) -> usize;
}

/// Bytes of a stream's direction that wait for more.
pub const STREAM_MAX: usize = 64 * 1024;

/// What became of the bytes given.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Bytes that are not needed again, from the start of `data`.
    pub consumed: usize,
    /// What comes next.
    pub next: Next,
}

impl Step {
    /// Nothing more of interest in the flow.
    pub const DONE: Self = Self {
        consumed: 0,
        next: Next::Done,
    };

    /// Consumed so much; go on.
    pub const fn consumed(consumed: usize) -> Self {
        Self {
            consumed,
            next: Next::Continue,
        }
    }

    /// Consumed so much, then this.
    pub const fn then(consumed: usize, next: Next) -> Self {
        Self { consumed, next }
    }
}

/// What a parser wants next.
#[derive(Debug, Clone, Copy)]
pub enum Next {
    /// More, as it comes.
    Continue,
    /// So many further bytes of this direction are passed over, unseen and not held (a body).
    Skip(u64),
    /// This direction is of no more interest; the other still is.
    Quiet,
    /// Neither direction is of interest any more: nothing is looked at from here on.
    Done,
    /// It is not this protocol after all: recognition goes on without it.
    NotThis,
    /// From the end of what was consumed on, both directions speak another protocol (STARTTLS,
    /// CONNECT, an upgrade): the parser named takes over with what it brings. `None`:
    /// whatever recognition finds (a proxy's payload).
    Become(Option<&'static Detector>),
}
