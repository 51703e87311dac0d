//! Flows of messages.

use super::number::{rcode_name, rtype};
use super::{CERTIFICATES, DNSCRYPT, Data, Message, devices, is_message, name, qtype_name};
use crate::app::text::display;
use crate::app::wire::u16_at;
use crate::app::{Context, Event, Events, Interest, Next, Parser, Risk, STREAM_MAX, Step, support};

pub(super) fn dns() -> Box<dyn Parser> {
    Box::new(Flow::new("dns"))
}

pub(super) fn mdns() -> Box<dyn Parser> {
    Box::new(Flow::new("mdns"))
}

pub(super) fn llmnr() -> Box<dyn Parser> {
    Box::new(Flow::new("llmnr"))
}

pub(super) fn nbns() -> Box<dyn Parser> {
    Box::new(Flow::new("nbns"))
}

/// Longest message over UDP without EDNS (RFC 1035, section 4.2.1).
const PLAIN_UDP_MAX: usize = 512;
/// Labels and names as long as these are rarely chosen by people; tunnels fill them.
const LONG_LABEL: usize = 52;
const LONG_NAME: usize = 180;
/// Bytes of names in a message: so many, and so many times its own, are not looked into.
const NAMES_FREE: usize = 1024;
const NAMES_RATIO: usize = 8;
/// Most questions of a message whose names are looked at; nearly all have one.
const QUESTIONS_MAX: usize = 4;

/// Reads a flow of messages; all it keeps is what it has said already.
#[derive(Debug)]
struct Flow {
    service: &'static str,
    /// Messages that made sense.
    understood: u32,
    said_dnscrypt: bool,
    large: bool,
    suspicious: bool,
    error: bool,
    malformed: bool,
    /// Directions (of the responder, of the originator) whose messages cannot be told apart since a
    /// gap.
    lost: [bool; 2],
}

impl Flow {
    const fn new(service: &'static str) -> Self {
        Self {
            service,
            understood: 0,
            said_dnscrypt: false,
            large: false,
            suspicious: false,
            error: false,
            malformed: false,
            lost: [false; 2],
        }
    }

    /// Whether the message could be read at all.
    fn message(
        &mut self,
        context: &Context,
        data: &[u8],
        len: usize,
        events: &mut dyn Events,
    ) -> bool {
        let Some(message) = Message::parse(data, len, self.service) else {
            return false;
        };
        if events.wants(Interest::DNS) {
            events.event(Event::Dns(&message));
        }
        if events.wants(Interest::DEVICES) {
            devices::say(&message, events);
        }
        self.risks(context, &message, events);
        if !self.said_dnscrypt
            && message.questions.iter().any(|question| {
                crate::app::text::starts_with_ignore_case(&question.name, CERTIFICATES)
            })
        {
            self.said_dnscrypt = true;
            events.event(Event::Service(&DNSCRYPT));
        }
        self.understood = self.understood.saturating_add(1);
        true
    }

    fn risks(&mut self, context: &Context, message: &Message<'_>, events: &mut dyn Events) {
        let mut say = |risk, detail: &str| support::risk(events, risk, detail);
        if !self.error && message.is_response() && message.extended_rcode() != 0 {
            self.error = true;
            say(Risk::ErrorCode, &rcode_name(message.extended_rcode()));
        }
        if !self.malformed && message.malformed {
            self.malformed = true;
            say(Risk::MalformedPacket, "name that cannot be read");
        }
        if !self.malformed
            && let Some(bytes) = blown_up(message)
        {
            self.malformed = true;
            let captured = message.captured;
            say(
                Risk::MalformedPacket,
                &format!("names of {bytes} bytes in a message of {captured}"),
            );
        }
        if self.service != "dns" {
            return;
        }
        if !self.large
            && !context.tcp
            && message.len > PLAIN_UDP_MAX
            && (message.edns.is_none() || !message.is_response())
        {
            self.large = true;
            say(Risk::LargeDns, &format!("{} bytes over UDP", message.len));
        }
        if !self.suspicious
            && let Some(reason) = suspicious(message)
        {
            self.suspicious = true;
            say(Risk::SuspiciousDns, &reason);
        }
        if message.opcode() == 0 {
            const NXDOMAIN: u16 = 3;
            let missing = message.is_response() && message.extended_rcode() == NXDOMAIN;
            for question in message.questions.iter().take(QUESTIONS_MAX) {
                let name: &[u8] = &question.name;
                events.event(Event::Asked { name, missing });
            }
        }
    }
}

/// Bytes of the names in a message whose pointers make far more of them than anybody's do: who shows
/// such a message leaves out most of them.
fn blown_up(message: &Message<'_>) -> Option<usize> {
    let records = [&message.answers, &message.authorities, &message.additionals];
    let count = message.questions.len() + 2 * records.iter().map(|all| all.len()).sum::<usize>();
    let most = NAMES_FREE + NAMES_RATIO * message.captured;
    if count * name::NAME_MAX <= most {
        return None;
    }
    let asked = message.questions.iter().map(|question| question.name.len());
    let owners = records.into_iter().flatten().map(|record| {
        let data = match &record.data {
            Data::Name(name) | Data::Mx(_, name) | Data::Srv(_, _, _, name) => name.len(),
            _ => 0,
        };
        record.name.len() + data
    });
    let bytes = asked.chain(owners).sum();
    (bytes > most).then_some(bytes)
}

/// What is odd about a message of DNS, in words.
fn suspicious(message: &Message<'_>) -> Option<String> {
    if !message.is_response() && !message.answers.is_empty() && message.opcode() == 0 {
        return Some("query with answers".into());
    }
    let obsolete = |number| matches!(number, 3 | 4 | rtype::MB..=rtype::WKS | 14);
    for question in &message.questions {
        if obsolete(question.qtype) {
            let name = qtype_name(question.qtype, false);
            return Some(format!("obsolete type {name}"));
        }
        let name = &question.name;
        if name.len() >= LONG_NAME && super::reverse_address(name).is_none() {
            return Some(format!("name of {} bytes", name.len()));
        }
        // No label is longer than its name.
        if name.len() >= LONG_LABEL
            && let Some(longest) = name.split(|&byte| byte == b'.').map(<[u8]>::len).max()
            && longest >= LONG_LABEL
        {
            return Some(format!("label of {longest} bytes"));
        }
        if let Some(&byte) = name.iter().find(|&&byte| !(0x20..0x7f).contains(&byte)) {
            let shown = display(&[byte]).into_owned();
            return Some(format!("character {shown} in a name"));
        }
    }
    // A time to live of 0 is none of it: it only says that nobody shall keep the answer (RFC 1035,
    // section 3.2.1), as resolvers at home do for local names.
    None
}

impl Parser for Flow {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        if let Some(lost) = self.lost.get_mut(usize::from(context.from_client))
            && *lost
        {
            // A segment that begins with a message up to whose last byte all makes sense.
            let len = u16_at(data, 0).map_or(usize::MAX, usize::from);
            if data.len() < len.saturating_add(2) || !is_message(data, len, true, false) {
                return Step::consumed(data.len());
            }
            *lost = false;
        }
        let mut consumed = 0;
        loop {
            let rest = data.get(consumed..).unwrap_or_default();
            let Some(len) = u16_at(rest, 0).map(usize::from) else {
                return Step::consumed(consumed);
            };
            let body = rest.get(2..).unwrap_or_default();
            let whole = body.get(..len);
            // More than may be held back: what there is has to do.
            let cut = whole.is_none() && len + 2 > STREAM_MAX && rest.len() + 2 >= STREAM_MAX;
            let Some(message) = whole.or_else(|| cut.then_some(body)) else {
                return Step::consumed(consumed);
            };
            if !self.message(context, message, len, events) {
                let next = if self.understood == 0 {
                    Next::NotThis
                } else {
                    Next::Quiet
                };
                return Step::then(consumed, next);
            }
            if cut {
                let missing = len - body.len();
                return Step::then(data.len(), Next::Skip(missing as u64));
            }
            consumed += 2 + len;
        }
    }

    fn gap(&mut self, context: &Context, _missing: u64, _events: &mut dyn Events) -> Next {
        // Where the next message begins cannot be told from what is here.
        if let Some(lost) = self.lost.get_mut(usize::from(context.from_client)) {
            *lost = true;
        }
        Next::Continue
    }

    fn datagram(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        self.message(context, data, context.wire_len.max(data.len()), events);
        Next::Continue
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}
