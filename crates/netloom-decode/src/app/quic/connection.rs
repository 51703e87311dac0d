//! A QUIC connection as far as it can be seen.

use crate::app::tls::{Assembly, Carrier, ClientHello, Handshake, Session, cyu};
use crate::app::{Context, Event, Events, Interest, Next, Parser};

use super::frames::{Frame, Frames};
use super::google::{self, Chlo};
use super::keys::Keys;
use super::packet::{Kind, Long};
use super::version::Version;

/// Most letters of the history (Zeek's limit, too).
const HISTORY_MAX: usize = 100;
/// Most packets of a datagram that are looked at.
const COALESCED_MAX: usize = 16;
/// Most times keys are derived for a flow: who sends nonsense must not cost more.
const DERIVATIONS_MAX: u8 = 24;
/// Most hellos of Google's that are told.
const CHLOS_MAX: u8 = 8;
/// Datagrams after which a flow that told nothing new has no more to tell.
const QUIET_MAX: u32 = 64;

/// What one side sent.
#[derive(Debug, Default)]
struct Side {
    crypto: Assembly,
    /// Bytes of the handshake that were read.
    read: usize,
    /// Whether its hello (the last, where there is a retry) was read.
    done: bool,
    /// Whether it was a hello of Google's, or of no sense: nothing further of it is read.
    google: bool,
    /// Packets with a short header, and how many make the next letter.
    short: u64,
    next_letter: u64,
    scid: Vec<u8>,
}

/// A QUIC connection.
#[derive(Debug)]
pub(super) struct Quic {
    session: Session,
    version: Version,
    keys: Option<(Version, Keys)>,
    derivations: u8,
    /// Destination of the client's first packet, from which keys follow, and the one that is told.
    key_dcid: Vec<u8>,
    initial_dcid: Vec<u8>,
    /// What the first Retry gave the client to begin anew with. A client heeds no other
    /// (RFC 9000, section 17.2.5.2).
    retry_scid: Vec<u8>,
    /// Whether the client is the flow's responder.
    flipped: bool,
    client: Side,
    server: Side,
    history: String,
    /// Whether the protection of a packet came off.
    opened: bool,
    /// Hellos of Google's that were told.
    chlos: u8,
    /// Datagrams since something new was learnt.
    quiet: u32,
    /// Whether what is known has been told.
    told: bool,
}

impl Default for Quic {
    fn default() -> Self {
        Self {
            session: Session::new(Carrier::Quic),
            version: Version::default(),
            keys: None,
            derivations: 0,
            key_dcid: Vec::new(),
            initial_dcid: Vec::new(),
            retry_scid: Vec::new(),
            flipped: false,
            client: Side::default(),
            server: Side::default(),
            history: String::new(),
            opened: false,
            chlos: 0,
            quiet: 0,
            told: false,
        }
    }
}

impl Quic {
    fn letter(&mut self, by_client: bool, letter: char) {
        if self.history.len() < HISTORY_MAX {
            self.history.push(if by_client {
                letter
            } else {
                letter.to_ascii_lowercase()
            });
        }
    }

    fn side(&mut self, by_client: bool) -> &mut Side {
        if by_client {
            &mut self.client
        } else {
            &mut self.server
        }
    }

    /// A packet with a long header.
    fn long(&mut self, context: &Context, packet: &Long<'_>, events: &mut dyn Events) {
        let by_client = context.from_client != self.flipped;
        let letter = match packet.kind {
            Kind::Initial => 'I',
            Kind::ZeroRtt => 'Z',
            Kind::Handshake => 'H',
            Kind::Retry => 'R',
            Kind::Negotiation | Kind::Unknown => 'U',
        };
        // What an Initial packet holds may tell who is the client.
        let payload = match packet.kind {
            Kind::Initial => self.open(context, packet),
            _ => None,
        };
        let by_client = if payload.is_some() {
            context.from_client != self.flipped
        } else {
            by_client
        };
        if self.version == Version::default() && packet.kind != Kind::Negotiation {
            self.version = packet.version;
        }
        if matches!(packet.kind, Kind::Initial | Kind::ZeroRtt | Kind::Handshake) {
            if by_client && self.initial_dcid.is_empty() {
                self.initial_dcid = packet.dcid.to_vec();
            }
            let scid = packet.scid.to_vec();
            self.side(by_client).scid = scid;
        }
        self.letter(by_client, letter);
        if packet.kind == Kind::Retry && !by_client && self.retry_scid.is_empty() {
            // The client begins anew, with keys from the connection ID that it was given.
            self.keys = None;
            self.key_dcid = packet.scid.to_vec();
            self.retry_scid = packet.scid.to_vec();
        }
        self.opened |= payload.is_some();
        if let Some(payload) = payload {
            self.frames(context, by_client, &payload, events);
        }
    }

    /// Takes protection off an Initial packet.
    fn open(&mut self, context: &Context, packet: &Long<'_>) -> Option<Vec<u8>> {
        let by_client = context.from_client != self.flipped;
        let both_done = self.client.done && self.server.done;
        if both_done {
            // Only acknowledgments are left.
            return None;
        }
        if let Some((version, keys)) = &mut self.keys
            && *version == packet.version
            && let Some(payload) = keys.open(packet, by_client)
        {
            return Some(payload);
        }
        // The other version of a pair that is negotiated within one flight (RFC 9368): keys from
        // the same connection ID.
        if let Some((version, _)) = &self.keys
            && *version != packet.version
        {
            let dcid = self.key_dcid.clone();
            if let Some((keys, payload)) = self.derive(packet, &dcid, by_client) {
                self.keys = Some((packet.version, keys));
                self.version = packet.version;
                return Some(payload);
            }
        }
        // A client's first packet: the keys follow from its destination. Which end of the flow is
        // the client, the packet tells.
        if self.client.done && !by_client {
            return None;
        }
        let (keys, payload) = self.derive(packet, packet.dcid, true)?;
        if self.keys.is_some() || self.client.read > 0 {
            // Another connection on the same addresses, or one that begins anew.
            self.client.crypto = Assembly::default();
            self.server.crypto = Assembly::default();
            (self.client.read, self.server.read) = (0, 0);
            self.client.google = false;
        }
        self.flipped = !context.from_client;
        // What was refused before is not the connection's version.
        self.version = packet.version;
        self.keys = Some((packet.version, keys));
        self.key_dcid = packet.dcid.to_vec();
        Some(payload)
    }

    fn derive(
        &mut self,
        packet: &Long<'_>,
        dcid: &[u8],
        by_client: bool,
    ) -> Option<(Keys, Vec<u8>)> {
        for salt in packet.version.salts() {
            if self.derivations >= DERIVATIONS_MAX {
                return None;
            }
            self.derivations += 1;
            let mut keys = Keys::new(packet.version, salt, dcid);
            if let Some(payload) = keys.open(packet, by_client) {
                let cut = packet.whole.len() < packet.wire_len;
                // Without a tag that fits, frames must at least make sense.
                if !cut || makes_sense(&payload, packet.version) {
                    return Some((keys, payload));
                }
            }
        }
        None
    }

    fn frames(
        &mut self,
        context: &Context,
        by_client: bool,
        payload: &[u8],
        events: &mut dyn Events,
    ) {
        for frame in Frames::new(payload, self.version.is_google()) {
            match frame {
                Frame::Crypto { offset, data } => {
                    let side = self.side(by_client);
                    if !side.done && !side.google {
                        side.crypto.insert(offset, data);
                        self.read_crypto(context, by_client, events);
                    }
                }
                Frame::Close => self.letter(by_client, 'C'),
            }
        }
    }

    /// Reads the handshake messages that are whole by now.
    fn read_crypto(&mut self, context: &Context, by_client: bool, events: &mut dyn Events) {
        /// What stands for the version of the record that QUIC does not have.
        const RECORD_VERSION: u16 = 0;
        const HEAD: usize = 4;
        loop {
            let side = if by_client {
                &mut self.client
            } else {
                &mut self.server
            };
            let prefix = side.crypto.prefix().get(side.read..).unwrap_or_default();
            if prefix.starts_with(google::TAG) && by_client {
                // What it says is in its head, which is waited for: most hellos come at once, but
                // frames may be of a byte each.
                if prefix.len() >= google::head_len(prefix) {
                    side.google = true;
                    let (crypto, read) = (std::mem::take(&mut side.crypto), side.read);
                    if let Some(chlo) = crypto.prefix().get(read..).and_then(Chlo::parse) {
                        self.chlo(context, &chlo, events);
                    }
                }
                return;
            }
            let &[kind, a, b, c, ref rest @ ..] = prefix else {
                return;
            };
            let len = u32::from_be_bytes([0, a, b, c]) as usize;
            let Some(body) = rest.get(..len) else { return };
            let body = body.to_vec();
            side.read += HEAD + len;
            let hellos = (
                self.session.has_client_hello(),
                self.session.has_server_hello(),
            );
            self.session
                .message(context, RECORD_VERSION, kind, &body, events);
            let now = (
                self.session.has_client_hello(),
                self.session.has_server_hello(),
            );
            self.quiet = 0;
            if matches!(kind, 1 | 2) {
                self.letter(by_client, 'S');
            }
            // A server that asks to try again makes the client say hello once more.
            if now.1 && !hellos.1 {
                for side in [&mut self.client, &mut self.server] {
                    side.done = true;
                    side.crypto = Assembly::default();
                }
                return;
            }
        }
    }

    /// A hello of Google's.
    fn chlo(&mut self, context: &Context, chlo: &Chlo<'_>, events: &mut dyn Events) {
        let hello = ClientHello {
            carrier: Carrier::Quic,
            server_name: chlo.server_name.filter(|name| !name.is_empty()),
            truncated: true,
            ..ClientHello::default()
        };
        let interest = Interest::TLS.with(Interest::HASHES).with(Interest::DETAILS);
        if self.chlos < CHLOS_MAX && self.version.is_google() && events.wants(interest) {
            self.chlos += 1;
            let text = &chlo.cyu_text(self.version);
            let cyu = &cyu(text);
            events.event(Event::Tls(Handshake::Google { cyu, text }));
        }
        if self.session.has_client_hello() {
            return;
        }
        self.session.take_client_hello(context, &hello, events);
        self.letter(true, 'S');
        self.client.done = true;
        self.client.crypto = Assembly::default();
        if let Some(text) = chlo.user_agent {
            let of_client = true;
            events.event(Event::Software { of_client, text });
        }
    }

    /// A packet with a short header: letters for the first, second, fourth, eighth …
    fn short(&mut self, by_client: bool) {
        let side = self.side(by_client);
        side.short += 1;
        if side.short == side.next_letter.max(1) {
            side.next_letter = side.next_letter.max(1) * 2;
            self.letter(by_client, 'O');
        }
    }

    /// Says what is known of the connection.
    fn tell(&mut self, events: &mut dyn Events) {
        if self.told || self.version == Version::default() {
            return;
        }
        self.told = true;
        if events.wants(Interest::TLS) {
            events.event(Event::Tls(Handshake::Quic {
                version: self.version.0,
                client_initial_dcid: &self.initial_dcid,
                client_scid: &self.client.scid,
                server_scid: &self.server.scid,
                retry_scid: &self.retry_scid,
                history: &self.history,
            }));
        }
    }

    /// Whether nothing more is to be learnt. The history goes on where somebody wants it.
    fn is_over(&self, events: &dyn Events) -> bool {
        let complete = self.client.done && self.server.done;
        if events.wants(Interest::TLS.with(Interest::DETAILS)) {
            return self.history.len() >= HISTORY_MAX;
        }
        complete || self.quiet >= QUIET_MAX
    }
}

/// Whether what was deciphered looks like the payload of an Initial packet.
fn makes_sense(payload: &[u8], version: Version) -> bool {
    let mut frames = Frames::new(payload, version.is_google());
    let first = frames.next();
    !frames.broken && matches!(first, Some(Frame::Crypto { offset, .. }) if offset < Assembly::MAX)
}

impl Parser for Quic {
    fn datagram(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        self.quiet = self.quiet.saturating_add(1);
        if let Some((version, _)) = google::header(data)
            && !version.is_known()
        {
            // Google's, in clear.
            if self.version == Version::default() {
                self.version = version;
                let cid = data.get(1..9).unwrap_or_default();
                if data.first().is_some_and(|first| first & 0x88 == 8) {
                    self.initial_dcid = cid.to_vec();
                }
            }
            if self.history.is_empty() {
                self.letter(context.from_client, 'I');
            }
            if let Some(chlo) = google::find(data) {
                self.chlo(context, &chlo, events);
            }
            return self.next(events);
        }
        let mut rest = data;
        let mut wire_len = context.wire_len.max(data.len());
        for _ in 0..COALESCED_MAX {
            let Some(&first) = rest.first() else { break };
            if first & 0x80 == 0 {
                // Takes the rest of the datagram; what is padded with zeros is none.
                let by_client = context.from_client != self.flipped;
                if first & 0x40 != 0 {
                    self.short(by_client);
                } else if self.opened {
                    self.letter(by_client, 'X');
                }
                break;
            }
            let Some(packet) = Long::read(rest, wire_len) else {
                break;
            };
            self.long(context, &packet, events);
            wire_len -= packet.wire_len.min(wire_len);
            rest = rest.get(packet.wire_len..).unwrap_or_default();
        }
        self.next(events)
    }

    fn finish(&mut self, context: &Context, events: &mut dyn Events) {
        if !self.session.has_client_hello() {
            let context = Context {
                from_client: !self.flipped,
                ..*context
            };
            // The start of a hello may be all there is.
            if let &[kind, _, _, _, ref body @ ..] = self.client.crypto.prefix() {
                let body = body.to_vec();
                self.session
                    .partial_message(&context, 0, kind, &body, events);
            }
        }
        self.tell(events);
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
            + self.session.heap_bytes()
            + self.client.crypto.heap_bytes()
            + self.server.crypto.heap_bytes()
            + self.history.capacity()
            + self.key_dcid.capacity()
            + self.initial_dcid.capacity()
            + self.retry_scid.capacity()
            + self.client.scid.capacity()
            + self.server.scid.capacity()
    }
}

impl Quic {
    fn next(&mut self, events: &mut dyn Events) -> Next {
        if self.is_over(events) {
            self.tell(events);
            return Next::Done;
        }
        Next::Continue
    }
}
