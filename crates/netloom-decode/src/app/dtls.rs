//! DTLS 1.0 to 1.3 (RFC 4347, RFC 6347, RFC 9147).

use super::tls::{Assembly, Carrier, Session, content};
use super::wire::Reader;
use super::{Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol};

/// DTLS.
pub static PROTOCOL: Protocol = Protocol {
    name: "dtls",
    title: "DTLS",
    category: Category::Web,
};

/// Recognises DTLS by its records.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Udp,
    ports: &[443, 853, 2083, 4433, 4740, 5061, 5349, 5684, 10_161, 10_162],
    probe,
    parser: Some(|| Box::new(Dtls::default())),
};

/// Most messages whose fragments are put together at a time, each way.
const MESSAGES_MAX: usize = 8;
/// Encrypted records after which a flow without a hello has no more to tell.
const ENCRYPTED_MAX: u32 = 4;
/// The same for one with a hello whose other side was not seen to finish.
const ONE_SIDED_MAX: u32 = 64;

/// A record in clear form (RFC 6347, section 4.1).
#[derive(Debug, Clone, Copy)]
struct Record<'a> {
    content: u8,
    version: u16,
    epoch: u16,
    body: &'a [u8],
    /// Bytes of the body on the wire.
    len: usize,
}

impl<'a> Record<'a> {
    const HEADER: usize = 13;

    /// Reads a record; its body may be cut by the snap length.
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let content = reader.u8()?;
        let version = reader.u16()?;
        let epoch = reader.u16()?;
        reader.skip(6)?;
        let len = usize::from(reader.u16()?);
        let sound = matches!(content, 20..=26)
            && matches!(version, 0xfeff | 0xfefd | 0x0100)
            && (1..=(1 << 14) + 2048).contains(&len);
        sound.then(|| Self {
            content,
            version,
            epoch,
            body: reader.take_up_to(len),
            len,
        })
    }
}

/// A fragment of a handshake message (RFC 6347, section 4.2.2).
#[derive(Debug, Clone, Copy)]
struct Fragment<'a> {
    kind: u8,
    /// Bytes of the whole message.
    len: usize,
    sequence: u16,
    offset: usize,
    body: &'a [u8],
    /// Bytes that the fragment should have.
    body_len: usize,
}

impl<'a> Fragment<'a> {
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let kind = reader.u8()?;
        let len = reader.u24()? as usize;
        let sequence = reader.u16()?;
        let offset = reader.u24()? as usize;
        let body_len = reader.u24()? as usize;
        (offset + body_len <= len).then(|| Self {
            kind,
            len,
            sequence,
            offset,
            body: reader.take_up_to(body_len),
            body_len,
        })
    }
}

/// Recognises DTLS; also asked by what shares its port (STUN, RFC 7983).
pub(crate) fn probe(probe: &Probe<'_>) -> Guess {
    let mut reader = Reader::new(probe.data);
    let Some(record) = Record::read(&mut reader) else {
        return Guess::No;
    };
    let rest = probe.wire_len.checked_sub(Record::HEADER + record.len);
    let Some(rest) = rest else { return Guess::No };
    if record.content == content::HANDSHAKE && record.epoch == 0 {
        let fragment = Fragment::read(&mut Reader::new(record.body));
        return match fragment {
            Some(fragment) if fragment.body_len + 12 <= record.len => Guess::Certain,
            _ => Guess::No,
        };
    }
    // Records must fill the datagram, as far as it can be seen.
    match rest {
        0 => Guess::Certain,
        _ if reader.is_empty() => Guess::Unsure,
        _ if Record::read(&mut reader).is_some() => Guess::Certain,
        // DTLS 1.3 puts its own form of records behind those in clear.
        _ if reader
            .rest()
            .first()
            .is_some_and(|&first| is_unified(first)) =>
        {
            Guess::Certain
        }
        _ => Guess::No,
    }
}

/// Whether a record has the header of DTLS 1.3 for what is encrypted (RFC 9147, section 4).
const fn is_unified(first: u8) -> bool {
    first & 0xe0 == 0x20
}

/// A DTLS association.
#[derive(Debug)]
struct Dtls {
    session: Session,
    /// Messages that are put together, client's and server's.
    messages: [Vec<Partial>; 2],
    encrypted: u32,
}

/// A message of which fragments are missing.
#[derive(Debug)]
struct Partial {
    kind: u8,
    sequence: u16,
    len: usize,
    version: u16,
    assembly: Assembly,
}

impl Default for Dtls {
    fn default() -> Self {
        Self::of(Session::new(Carrier::Dtls))
    }
}

/// Reads DTLS on a path that STUN has tried out: what is agreed on in a call's signalling.
pub(crate) fn beside_stun() -> Box<dyn Parser> {
    Box::new(Dtls::of(Session::signalled(Carrier::Dtls)))
}

impl Dtls {
    const fn of(session: Session) -> Self {
        Self {
            session,
            messages: [Vec::new(), Vec::new()],
            encrypted: 0,
        }
    }

    fn handshake(&mut self, context: &Context, record: &Record<'_>, events: &mut dyn Events) {
        let mut reader = Reader::new(record.body);
        while let Some(fragment) = Fragment::read(&mut reader) {
            if fragment.offset == 0 && fragment.body.len() == fragment.len {
                let (version, kind, body) = (record.version, fragment.kind, fragment.body);
                self.session.message(context, version, kind, body, events);
            } else {
                self.fragment(context, record.version, &fragment, events);
            }
        }
    }

    /// A part of a message.
    fn fragment(
        &mut self,
        context: &Context,
        version: u16,
        fragment: &Fragment<'_>,
        events: &mut dyn Events,
    ) {
        if fragment.len > Assembly::MAX {
            return;
        }
        let [client, server] = &mut self.messages;
        let messages = if context.from_client { client } else { server };
        let same = |partial: &Partial| {
            partial.sequence == fragment.sequence
                && partial.kind == fragment.kind
                && partial.len == fragment.len
        };
        let place = messages.iter().position(same).unwrap_or_else(|| {
            if messages.len() >= MESSAGES_MAX {
                messages.remove(0);
            }
            messages.push(Partial {
                kind: fragment.kind,
                sequence: fragment.sequence,
                len: fragment.len,
                version,
                assembly: Assembly::default(),
            });
            messages.len() - 1
        });
        let Some(partial) = messages.get_mut(place) else {
            return;
        };
        partial.assembly.insert(fragment.offset, fragment.body);
        if partial.assembly.prefix().len() == partial.len {
            let whole = messages.remove(place);
            let body = whole.assembly.prefix();
            self.session
                .message(context, whole.version, whole.kind, body, events);
        }
    }

    fn encrypted(&mut self, from_client: bool, events: &mut dyn Events) {
        self.encrypted = self.encrypted.saturating_add(1);
        self.session.encrypted_record(from_client, events);
    }

    /// Whether nothing more is to be learnt.
    fn is_over(&self) -> bool {
        self.session.is_established()
            || self.encrypted >= ONE_SIDED_MAX
            || (!self.session.has_hello() && self.encrypted >= ENCRYPTED_MAX)
    }
}

impl Parser for Dtls {
    fn datagram(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        let mut reader = Reader::new(data);
        while let Some(&first) = reader.rest().first() {
            if is_unified(first) {
                // Its length may be left out: what follows is not looked for.
                if self.session.has_hello() {
                    self.encrypted(context.from_client, events);
                }
                break;
            }
            let Some(record) = Record::read(&mut reader) else {
                break;
            };
            match record.content {
                _ if record.epoch > 0 => self.encrypted(context.from_client, events),
                content::HANDSHAKE => self.handshake(context, &record, events),
                content::CHANGE_CIPHER_SPEC => {
                    self.session.change_cipher_spec(context.from_client, events);
                }
                content::ALERT => {
                    if let &[level, description] = record.body {
                        let from_client = context.from_client;
                        self.session.alert(from_client, level, description, events);
                    }
                }
                _ => (),
            }
        }
        if self.is_over() {
            return Next::Done;
        }
        Next::Continue
    }

    fn finish(&mut self, context: &Context, events: &mut dyn Events) {
        for (side, messages) in std::mem::take(&mut self.messages).iter().enumerate() {
            let context = Context {
                from_client: side == 0,
                ..*context
            };
            for partial in messages {
                let (version, body) = (partial.version, partial.assembly.prefix());
                self.session
                    .partial_message(&context, version, partial.kind, body, events);
            }
        }
    }

    fn heap_bytes(&self) -> usize {
        let messages = self.messages.iter().flatten();
        size_of::<Self>()
            + self.session.heap_bytes()
            + messages
                .map(|partial| size_of::<Partial>() + partial.assembly.heap_bytes())
                .sum::<usize>()
    }
}

#[cfg(test)]
mod tests;
