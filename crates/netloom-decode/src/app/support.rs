//! What parsers of framed protocols share: cutting a stream into messages, and saying events.

use super::{Event, Events, Interest, Login, Message, Next, Risk, Step, Value, text};

/// What the first bytes of a message say about its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    /// The length cannot be told yet.
    More,
    /// The whole message has so many bytes, its header included.
    Of(u64),
    /// It is no message of this protocol.
    Wrong,
}

/// Hands out the messages at the start of `data`, as long as there are whole ones.
///
/// `length` says how long the message at the start of its argument is; `each` is given the
/// message's first `keep` bytes (all of them where it is shorter). What is longer is passed over
/// unseen, so that no message can make the flow hold more than `keep` bytes. A message of no
/// length ends the flow's reading, as does a wrong one.
pub(crate) fn frames(
    data: &[u8],
    keep: usize,
    length: impl Fn(&[u8]) -> Frame,
    mut each: impl FnMut(&[u8]) -> Next,
) -> Step {
    let mut consumed = 0;
    loop {
        let rest = data.get(consumed..).unwrap_or_default();
        if rest.is_empty() {
            return Step::consumed(consumed);
        }
        let total = match length(rest) {
            Frame::More => return Step::consumed(consumed),
            Frame::Wrong | Frame::Of(0) => return Step::then(consumed, Next::Done),
            Frame::Of(total) => total,
        };
        let wanted = usize::try_from(total).unwrap_or(usize::MAX).min(keep);
        let Some(message) = rest.get(..wanted) else {
            return Step::consumed(consumed);
        };
        let next = each(message);
        if rest.len() as u64 >= total {
            consumed += total as usize;
        }
        match next {
            Next::Continue if rest.len() as u64 >= total => {}
            Next::Continue => {
                return Step::then(data.len(), Next::Skip(total - rest.len() as u64));
            }
            // What is not here yet of a long message goes by first.
            Next::Skip(count) if (rest.len() as u64) < total => {
                let missing = total - rest.len() as u64;
                return Step::then(data.len(), Next::Skip(missing.saturating_add(count)));
            }
            other => return Step::then(consumed, other),
        }
    }
}

/// A length of a fixed number of bytes at the front: `Frame::Of(extra + length)`.
pub(crate) fn frame_u32(data: &[u8], at: usize, extra: u64) -> Frame {
    super::wire::u32_at(data, at).map_or(Frame::More, |len| Frame::Of(extra + u64::from(len)))
}

/// A message, where somebody wants it.
pub(crate) fn say(events: &mut dyn Events, kind: &str, fields: &[(&'static str, Value<'_>)]) {
    if events.wants(Interest::MESSAGES) {
        events.event(Event::Message(Message { kind, fields }));
    }
}

/// A program that named itself; nothing where it gave no name.
pub(crate) fn software(events: &mut dyn Events, of_client: bool, text: &[u8]) {
    let text = text.trim_ascii();
    if !text.is_empty() {
        events.event(Event::Software { of_client, text });
    }
}

/// A login.
pub(crate) fn login(
    events: &mut dyn Events,
    user: &[u8],
    method: &'static str,
    success: Option<bool>,
    cleartext: bool,
) {
    events.event(Event::Login(Login {
        user,
        method,
        success,
        cleartext,
    }));
}

/// Most bytes of evidence for a risk.
const DETAIL_MAX: usize = 200;

/// A risk, with its evidence cut to what [`Event::Risk`] promises.
pub(crate) fn risk(events: &mut dyn Events, risk: Risk, detail: &str) {
    let detail = text::start(detail, DETAIL_MAX);
    events.event(Event::Risk { risk, detail });
}

/// Bytes of a text up to its first NUL.
pub(crate) fn until_nul(data: &[u8]) -> &[u8] {
    data.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// A text that ends with a NUL, and what follows it; `None` where no NUL is in sight.
pub(crate) fn nul_text(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = data.iter().position(|&byte| byte == 0)?;
    Some((data.get(..end)?, data.get(end + 1..)?))
}

/// UTF-16, least significant byte first, as UTF-8; at most `max` units of it, a NUL ends it.
pub(crate) fn utf16_le(data: &[u8], max: usize) -> String {
    let units = data
        .chunks_exact(2)
        .take(max)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .take_while(|&unit| unit != 0);
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// A copy of at most `max` bytes, for what a parser must remember.
pub(crate) fn keep(text: &[u8], max: usize) -> Box<[u8]> {
    text.get(..max).unwrap_or(text).into()
}

/// The text of the first member of this name in JSON, escapes as they are; `None` where there is
/// none or it is empty. Reads no structure: enough for what devices announce.
pub(crate) fn json_text<'a>(data: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = data;
    loop {
        let at = memchr::memmem::find(rest, name)?;
        let quoted = at.checked_sub(1).and_then(|before| rest.get(before)) == Some(&b'"');
        rest = rest.get(at + name.len()..)?;
        let value = quoted
            .then_some(rest)
            .and_then(|rest| rest.strip_prefix(b"\""))
            .and_then(|rest| rest.trim_ascii_start().strip_prefix(b":"))
            .and_then(|rest| rest.trim_ascii_start().strip_prefix(b"\""));
        if let Some(value) = value {
            let end = value.iter().position(|&byte| byte == b'"')?;
            return value.get(..end).filter(|value| !value.is_empty());
        }
    }
}

/// Whether `data` is printable ASCII, and not empty.
pub(crate) fn printable(data: &[u8]) -> bool {
    !data.is_empty() && text::is_printable(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_at_their_lengths() {
        let length = |data: &[u8]| frame_u32(data, 0, 4);
        let mut seen = Vec::new();
        let data = [0, 0, 0, 1, 9, 0, 0, 0, 100, 1, 2, 3];
        let step = frames(&data, 6, length, |message| {
            seen.push(message.to_vec());
            Next::Continue
        });
        assert_eq!(seen, [vec![0, 0, 0, 1, 9], vec![0, 0, 0, 100, 1, 2]]);
        assert_eq!(step.consumed, 12);
        assert!(matches!(step.next, Next::Skip(97)));
        let step = frames(&data[..3], 6, length, |_| Next::Continue);
        assert_eq!(step.consumed, 0);
        let step = frames(&[0; 8], 8, |_| Frame::Of(0), |_| Next::Continue);
        assert!(matches!(step.next, Next::Done));
    }

    #[test]
    fn members_of_json() {
        let json = br#"{"a":1, "ab" : "x y", "b":""}"#;
        assert_eq!(json_text(json, b"ab"), Some(&b"x y"[..]));
        assert_eq!(json_text(json, b"b"), None);
        assert_eq!(json_text(json, b"a"), None);
        assert_eq!(json_text(b"\"a\":\"cut", b"a"), None);
    }

    #[test]
    fn texts() {
        assert_eq!(utf16_le(b"a\0\xe9\0\0\0x\0", 9), "a\u{e9}");
        assert_eq!(nul_text(b"ab\0c"), Some((&b"ab"[..], &b"c"[..])));
        assert_eq!(until_nul(b"ab"), b"ab");
    }

    #[test]
    fn evidence_is_cut_between_characters() {
        struct Lengths(Vec<usize>);
        impl Events for Lengths {
            fn wants(&self, _: Interest) -> bool {
                false
            }
            fn event(&mut self, event: Event<'_>) {
                if let Event::Risk { detail, .. } = event {
                    self.0.push(detail.len());
                }
            }
        }
        let mut lengths = Lengths(Vec::new());
        risk(&mut lengths, Risk::SuspiciousUrl, &"\u{20ac}".repeat(100));
        risk(&mut lengths, Risk::SuspiciousUrl, "short");
        assert_eq!(lengths.0, [198, 5]);
    }
}
