//! A handshake as it goes, whatever carries its messages: TLS records, DTLS, QUIC.

use crate::app::wire::Reader;
use crate::app::{Context, Event, Events, Interest};

use super::check::{self, Said};
use super::x509::Certificate;
use super::{Carrier, ClientHello, Fingerprints, Handshake, ServerHello, fingerprint, names, tor};

/// Handshake messages (RFC 8446, section 4, and before).
pub(crate) mod message {
    pub(crate) const CLIENT_HELLO: u8 = 1;
    pub(crate) const SERVER_HELLO: u8 = 2;
    pub(crate) const HELLO_RETRY_REQUEST: u8 = 6;
    pub(crate) const CERTIFICATE: u8 = 11;
    pub(crate) const SERVER_KEY_EXCHANGE: u8 = 12;
    pub(crate) const CLIENT_KEY_EXCHANGE: u8 = 16;
}

/// Most certificates of a chain that are passed on.
const CHAIN_MAX: usize = 10;
/// Longest server name that is kept, in bytes: a DNS name has no more (RFC 1035, section 2.3.4).
const NAME_MAX: usize = 255;

/// The extension with which DTLS arranges keys for media (RFC 5764, section 4.1.1).
const USE_SRTP: u16 = 14;

/// What is known of a handshake.
#[derive(Debug, Default)]
pub(crate) struct Session {
    carrier: Carrier,
    /// Whether the fingerprints of certificates were agreed on beforehand, in the signalling.
    signalled: bool,
    /// Whether the client is the flow's responder; known from the first hello on.
    flipped: bool,
    client_hello: bool,
    server_hello: bool,
    server_name: Option<Box<[u8]>>,
    /// Session identifier that the client offered; empty for none.
    offered_id: Box<[u8]>,
    ticket: bool,
    offers_alpn: bool,
    offers_pre_shared_key: bool,
    key_exchange: bool,
    resumed: bool,
    /// Negotiated version; 0 while unknown.
    version: u16,
    cipher_suite: u16,
    /// Changes of cipher, client's and server's.
    changed: [bool; 2],
    /// Whether encrypted records were seen, client's and server's.
    encrypted: [bool; 2],
    established: bool,
    said: Said,
}

impl Session {
    pub(crate) fn new(carrier: Carrier) -> Self {
        Self {
            carrier,
            ..Self::default()
        }
    }

    /// A handshake on a path that was agreed on beforehand (ICE), certificates' fingerprints
    /// along with it.
    pub(crate) fn signalled(carrier: Carrier) -> Self {
        Self {
            signalled: true,
            ..Self::new(carrier)
        }
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.server_name.as_deref().map_or(0, <[u8]>::len) + self.offered_id.len()
    }

    /// Whether a hello was seen.
    pub(crate) fn has_hello(&self) -> bool {
        self.client_hello || self.server_hello
    }

    /// Whether the server's hello was seen, and it was no request to try again.
    pub(crate) fn has_server_hello(&self) -> bool {
        self.server_hello
    }

    /// Whether the client's hello was seen.
    pub(crate) fn has_client_hello(&self) -> bool {
        self.client_hello
    }

    pub(crate) fn is_established(&self) -> bool {
        self.established
    }

    /// TLS 1.3 and its drafts, DTLS 1.3: what follows the server's hello is encrypted.
    fn is_1_3(&self) -> bool {
        matches!(self.version, 0x0304 | 0x7f00..=0x7fff | 0xfefc)
    }

    /// Whether handshake records of this side are encrypted by now.
    pub(crate) fn is_encrypted(&self, from_client: bool) -> bool {
        let side = usize::from(!self.of_client(from_client));
        self.changed.get(side).copied().unwrap_or(false) && !self.is_1_3()
    }

    fn of_client(&self, from_client: bool) -> bool {
        from_client != self.flipped
    }

    fn tell(events: &mut dyn Events, part: Handshake<'_>) {
        if events.wants(Interest::TLS) {
            events.event(Event::Tls(part));
        }
    }

    /// A message, for the history.
    pub(crate) fn step(of_client: bool, letter: u8, events: &mut dyn Events) {
        Self::tell(events, Handshake::Step { of_client, letter });
    }

    /// A whole handshake message.
    pub(crate) fn message(
        &mut self,
        context: &Context,
        record_version: u16,
        kind: u8,
        body: &[u8],
        events: &mut dyn Events,
    ) {
        let from_client = context.from_client;
        let mut letter = letter(kind);
        match kind {
            message::CLIENT_HELLO => {
                let Some(hello) = ClientHello::parse(body, self.carrier, record_version) else {
                    return;
                };
                self.take_client_hello(context, &hello, events);
            }
            message::SERVER_HELLO | message::HELLO_RETRY_REQUEST => {
                let hello = if kind == message::SERVER_HELLO {
                    ServerHello::parse(body, self.carrier)
                } else {
                    ServerHello::parse_draft_retry(body, self.carrier)
                };
                let Some(hello) = hello else { return };
                if hello.retry {
                    letter = b'j';
                }
                self.take_server_hello(context, &hello, events);
            }
            message::CERTIFICATE => self.certificates(context, body, events),
            message::SERVER_KEY_EXCHANGE => {
                if let Some(group) = self.group_of_key_exchange(body) {
                    Self::tell(events, Handshake::KeyExchange { group });
                }
            }
            message::CLIENT_KEY_EXCHANGE => self.key_exchange = true,
            _ => (),
        }
        let of_client = self.of_client(from_client);
        Self::tell(events, Handshake::Step { of_client, letter });
    }

    /// The start of a message whose end the capture lacks: a name in it is still one.
    pub(crate) fn partial_message(
        &mut self,
        context: &Context,
        record_version: u16,
        kind: u8,
        body: &[u8],
        events: &mut dyn Events,
    ) {
        if kind == message::CLIENT_HELLO
            && !self.client_hello
            && let Some(hello) = ClientHello::parse(body, self.carrier, record_version)
            && !hello.cipher_suites.is_empty()
        {
            self.take_client_hello(context, &hello, events);
            let step = Handshake::Step {
                of_client: true,
                letter: b'c',
            };
            Self::tell(events, step);
        }
    }

    /// A ClientHello, from wherever.
    pub(crate) fn take_client_hello(
        &mut self,
        context: &Context,
        hello: &ClientHello<'_>,
        events: &mut dyn Events,
    ) {
        let flipped = !context.from_client;
        if flipped && !self.flipped && !self.has_hello() {
            Self::tell(events, Handshake::Flipped);
        }
        self.flipped = flipped;
        let first = !self.client_hello;
        self.client_hello = true;
        // All zeros is no identifier either.
        self.offered_id = match hello.session_id {
            id if id.iter().any(|&byte| byte != 0) => id.into(),
            _ => Box::default(),
        };
        self.ticket = hello.session_ticket && self.offered_id.is_empty();
        self.offers_alpn = !hello.alpn.is_empty();
        self.offers_pre_shared_key = hello.pre_shared_key;
        // Media are agreed on beforehand, too (RFC 5763, section 5).
        self.signalled |= self.carrier == Carrier::Dtls && hello.extensions.contains(&USE_SRTP);
        if let Some(name) = hello.server_name {
            self.server_name = Some(name.get(..NAME_MAX).unwrap_or(name).into());
        }
        let fingerprints = Self::fingerprints(hello, events);
        let part = Handshake::ClientHello {
            hello,
            fingerprints: &fingerprints,
        };
        Self::tell(events, part);
        if first {
            if let Some(name) = hello.server_name {
                let source = match self.carrier {
                    Carrier::Tcp => "tls_sni",
                    Carrier::Quic => "quic_sni",
                    Carrier::Dtls => "dtls_sni",
                };
                events.event(Event::ServerName { name, source });
            }
            for (kind, value) in [("ja3", &fingerprints.ja3), ("ja4", &fingerprints.ja4)] {
                if let Some(value) = value {
                    events.event(Event::Fingerprint { kind, value });
                }
            }
        }
        check::client_hello(&mut self.said, context, hello, events);
    }

    /// Fingerprints of a hello, as far as somebody wants them.
    fn fingerprints(hello: &ClientHello<'_>, events: &dyn Events) -> Fingerprints {
        let mut made = Fingerprints::default();
        if hello.truncated || hello.record_version == 0x0002 {
            return made;
        }
        if events.wants(Interest::HASHES) {
            let text = fingerprint::ja3_text(hello);
            made.ja3 = Some(fingerprint::ja3_of(&text).into());
            made.ja3_text = Some(text.into());
        }
        if events.wants(Interest::JA4) {
            let text = if events.wants(Interest::AS_NDPI) {
                fingerprint::ja4_of_ndpi(hello)
            } else {
                fingerprint::ja4(hello)
            };
            made.ja4 = Some(text.into());
        }
        made
    }

    /// A ServerHello, from wherever.
    pub(crate) fn take_server_hello(
        &mut self,
        context: &Context,
        hello: &ServerHello<'_>,
        events: &mut dyn Events,
    ) {
        if !self.has_hello() && context.from_client {
            self.flipped = true;
            Self::tell(events, Handshake::Flipped);
        }
        self.version = hello.version;
        self.cipher_suite = hello.cipher_suite;
        let ja3s = (!hello.retry && events.wants(Interest::HASHES) && hello.version != 0x0002)
            .then(|| fingerprint::ja3s_text(hello))
            .map(|text| (fingerprint::ja3_of(&text), text));
        let part = Handshake::ServerHello {
            hello,
            ja3s: ja3s.as_ref().map(|(hash, text)| (&**hash, &**text)),
        };
        Self::tell(events, part);
        if hello.retry {
            return;
        }
        let first = !self.server_hello;
        self.server_hello = true;
        let same_id = !self.offered_id.is_empty() && *self.offered_id == *hello.session_id;
        let psk = hello.pre_shared_key && self.offers_pre_shared_key;
        if (same_id && !self.is_1_3()) || psk {
            self.resume(events);
        }
        if let Some((value, _)) = ja3s.as_ref().filter(|_| first) {
            events.event(Event::Fingerprint {
                kind: "ja3s",
                value,
            });
        }
        check::server_hello(&mut self.said, hello, events);
        // The certificate will be hidden: the name has to do, and whoever knows more of the flow
        // looks at it again.
        if first && self.is_1_3() && !self.offers_alpn && self.names_tor() {
            events.event(Event::App(tor::TITLE));
        }
    }

    /// Whether the server's name is one that a client of Tor could have made up.
    fn names_tor(&self) -> bool {
        let name = self.server_name.as_deref();
        self.carrier == Carrier::Tcp && name.is_some_and(tor::is_server_name)
    }

    fn resume(&mut self, events: &mut dyn Events) {
        if !self.resumed {
            self.resumed = true;
            Self::tell(events, Handshake::Resumed);
        }
    }

    fn certificates(&mut self, context: &Context, body: &[u8], events: &mut dyn Events) {
        if self.is_1_3() {
            return;
        }
        let mut reader = Reader::new(body);
        let Some(len) = reader.u24() else { return };
        let mut list = Reader::new(reader.take_up_to(len as usize));
        let mut chain: Vec<&[u8]> = Vec::new();
        while chain.len() < CHAIN_MAX
            && let Some(certificate) = list.bytes24()
        {
            chain.push(certificate);
        }
        self.take_certificates(context, &chain, events);
    }

    /// A chain, leaf first.
    pub(crate) fn take_certificates(
        &mut self,
        context: &Context,
        chain: &[&[u8]],
        events: &mut dyn Events,
    ) {
        let of_client = self.of_client(context.from_client);
        let Some(leaf) = chain.first() else { return };
        let leaf = Certificate::parse(leaf);
        // Told in any case: whose the certificate is says what is behind the flow.
        events.event(Event::Tls(Handshake::Certificates {
            of_client,
            chain,
            leaf: leaf.as_ref(),
        }));
        let Some(leaf) = leaf else { return };
        if of_client {
            return;
        }
        if self.server_name.is_none()
            && let Some(name) = check::host_of(&leaf)
        {
            let source = "certificate";
            events.event(Event::ServerName { name, source });
        }
        let is_tor = self.names_tor() && tor::is_certificate(&leaf);
        if is_tor {
            events.event(Event::App(tor::TITLE));
            check::anonymizer(&mut self.said, tor::TITLE, events);
        }
        // Tor's names do not belong together.
        let host = self.server_name.as_deref().filter(|_| !is_tor);
        let signalled = self.signalled;
        check::certificate(&mut self.said, context, &leaf, host, signalled, events);
    }

    /// ECDHE's named curve (RFC 8422, section 5.4); behind a hint where there is a shared key, too.
    fn group_of_key_exchange(&self, body: &[u8]) -> Option<u16> {
        const NAMED_CURVE: u8 = 3;
        let suite = names::cipher_suite(self.cipher_suite);
        if !suite.contains("_ECDH") {
            return None;
        }
        let mut reader = Reader::new(body);
        if suite.contains("_PSK_") {
            reader.bytes16()?;
        }
        (reader.u8()? == NAMED_CURVE).then(|| reader.u16())?
    }

    /// ChangeCipherSpec.
    pub(crate) fn change_cipher_spec(&mut self, from_client: bool, events: &mut dyn Events) {
        let of_client = self.of_client(from_client);
        if let Some(changed) = self.changed.get_mut(usize::from(!of_client)) {
            *changed = true;
        }
        if of_client && self.ticket && !self.key_exchange && !self.is_1_3() {
            self.resume(events);
        }
        let letter = b'i';
        Self::tell(events, Handshake::Step { of_client, letter });
    }

    /// An alert in clear.
    pub(crate) fn alert(
        &mut self,
        from_client: bool,
        level: u8,
        description: u8,
        events: &mut dyn Events,
    ) {
        let of_client = self.of_client(from_client);
        let alert = Handshake::Alert {
            of_client,
            level,
            description,
        };
        Self::tell(events, alert);
        let letter = b'l';
        Self::tell(events, Handshake::Step { of_client, letter });
        check::alert(&mut self.said, level, description, events);
    }

    /// A record that is encrypted; whether the handshake is over with it.
    pub(crate) fn encrypted_record(&mut self, from_client: bool, events: &mut dyn Events) {
        let side = usize::from(!self.of_client(from_client));
        if let Some(encrypted) = self.encrypted.get_mut(side) {
            *encrypted = true;
        }
        let over = if self.is_1_3() {
            self.encrypted == [true, true]
        } else {
            self.changed == [true, true]
        };
        if over && self.server_hello && !self.established {
            self.established = true;
            Self::tell(events, Handshake::Established);
        }
    }
}

/// Zeek's letter for a message.
const fn letter(kind: u8) -> u8 {
    match kind {
        0 => b'h',
        1 => b'c',
        2 => b's',
        3 => b'v',
        4 => b't',
        5 => b'e',
        6 => b'j',
        8 => b'o',
        11 => b'x',
        12 => b'k',
        13 => b'r',
        14 => b'n',
        15 => b'y',
        16 => b'g',
        20 => b'f',
        21 => b'w',
        22 => b'u',
        23 => b'a',
        24 => b'p',
        254 => b'm',
        _ => b'z',
    }
}

/// Puts handshake messages together that are split over records.
#[derive(Debug, Default)]
pub(crate) struct HandshakeBuffer {
    held: Vec<u8>,
    /// Bytes to pass over of a message too long to hold.
    skip: usize,
}

impl HandshakeBuffer {
    /// Longest message that is read, in bytes; the longest of all are certificate chains, of which
    /// programs take 100 KB (OpenSSL) to 256 KB (Go), and more where they are told to. What is held
    /// has come: a length alone takes no memory.
    const MAX: usize = 512 * 1024;
    /// Type and length.
    const HEAD: usize = 4;

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.held.capacity()
    }

    /// Forgets what is held.
    pub(crate) fn clear(&mut self) {
        self.held = Vec::new();
        self.skip = 0;
    }

    /// Further bytes; what is whole goes to `take` as type and body.
    pub(crate) fn push(&mut self, mut data: &[u8], take: &mut dyn FnMut(u8, &[u8])) {
        let skipped = self.skip.min(data.len());
        self.skip -= skipped;
        data = data.get(skipped..).unwrap_or_default();
        while self.held.is_empty() && !data.is_empty() {
            let Some((kind, body, rest)) = split(data) else {
                break;
            };
            take(kind, body);
            data = rest;
        }
        if data.is_empty() {
            return;
        }
        self.held.extend_from_slice(data);
        let mut rest = self.held.as_slice();
        while let Some((kind, body, after)) = split(rest) {
            take(kind, body);
            rest = after;
        }
        let done = self.held.len() - rest.len();
        if let Some(len) = announced(rest)
            && len > Self::MAX
        {
            self.skip = len - rest.len();
            self.held = Vec::new();
        } else if done == self.held.len() {
            self.held = Vec::new();
        } else {
            self.held.drain(..done);
        }
    }

    /// Type and start of the body of a message whose end has not come.
    pub(crate) fn partial(&self) -> Option<(u8, &[u8])> {
        Some((*self.held.first()?, self.held.get(Self::HEAD..)?))
    }
}

/// Bytes of the message that `data` begins with, its head included.
fn announced(data: &[u8]) -> Option<usize> {
    let &[_, a, b, c, ..] = data else { return None };
    Some(u32::from_be_bytes([0, a, b, c]) as usize + HandshakeBuffer::HEAD)
}

/// Type, body and what follows of a whole message.
fn split(data: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (message, rest) = data.split_at_checked(announced(data)?)?;
    Some((
        *message.first()?,
        message.get(HandshakeBuffer::HEAD..)?,
        rest,
    ))
}
