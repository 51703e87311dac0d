//! SMTP (RFC 5321): who writes to whom, and logins.

use super::lines::{contains, is_command, is_host_name, lines, opens_with, reply};
use super::mail::{Mail, TEXT_MAX};
use super::sasl::Exchange;
use super::support::{keep, say, software};
use super::{
    Category, Context, Detector, Event, Events, Guess, Next, Over, Parser, Probe, Protocol, Room,
    Step, Value, text, tls,
};

/// SMTP.
pub static PROTOCOL: Protocol = Protocol {
    name: "smtp",
    title: "SMTP",
    category: Category::Mail,
};

/// SMTP on TCP.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[25, 587, 2525],
    probe,
    parser: Some(|| Box::new(Session::default())),
};

/// Commands that begin a session.
const FIRST: &[&[u8]] = &[b"EHLO", b"HELO", b"LHLO"];

fn probe(probe: &Probe<'_>) -> Guess {
    let (data, other) = (probe.data, probe.other);
    if data.starts_with(b"220") {
        let Some((line, _)) = text::line(data) else {
            return Guess::More;
        };
        if reply(line).is_none() {
            return Guess::No;
        }
        return if contains(line, b"SMTP") || opens_with(other, FIRST) {
            Guess::Certain
        } else if other.is_empty() || text::line(other).is_none() {
            if probe.has_port(25) || probe.has_port(587) {
                Guess::Unsure
            } else {
                Guess::More
            }
        } else {
            Guess::No
        };
    }
    if opens_with(data, FIRST) {
        return Guess::Certain;
    }
    let early = FIRST.iter().any(|word| {
        let known = data.len().min(word.len());
        data.get(..known) == word.get(..known)
    });
    if data.is_empty() || b"220".starts_with(data) || early && data.len() < 300 {
        Guess::More
    } else {
        Guess::No
    }
}

/// Most recipients that are kept.
const RECIPIENTS_MAX: usize = 64;

/// Bytes of the client's name (`EHLO`) that mails of a connection tell in all: so many, and so many times
/// what the client says. A mail of six bytes may follow a name of 512.
const HELO_FREE: usize = 4096;
const HELO_RATIO: usize = 8;

/// What the client's next lines are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Commands,
    /// `DATA` was sent: a message follows once the server agrees.
    Asked,
    /// Lines of a mail, until one with a dot.
    Mail,
    /// A login, until the server says what became of it.
    Auth,
}

/// A mail and its envelope, as far as they are known.
#[derive(Debug, Default)]
struct Transfer {
    from: Option<Box<[u8]>>,
    to: Vec<Box<[u8]>>,
    mail: Mail,
}

/// Reads a connection.
#[derive(Debug, Default)]
struct Session {
    state: State,
    greeted: bool,
    starttls: bool,
    helo: Option<Box<[u8]>>,
    /// For it in what is told, by the client's lines.
    helo_room: Room<HELO_FREE, HELO_RATIO>,
    transfer: Transfer,
    /// A mail was sent and its fate is not known.
    sent: bool,
    auth: Exchange,
    /// Bytes of a chunk of a mail (`BDAT`, RFC 3030) that follow.
    chunk: u64,
}

/// The address in `FROM:<a@b> SIZE=1`.
fn address(data: &[u8]) -> Box<[u8]> {
    let rest = match data.iter().position(|&byte| byte == b':') {
        Some(colon) => data.get(colon + 1..).unwrap_or_default().trim_ascii(),
        None => data,
    };
    let inner = match rest.strip_prefix(b"<") {
        Some(inner) => inner.split(|&byte| byte == b'>').next().unwrap_or(inner),
        None => text::word(rest).0,
    };
    keep(inner, TEXT_MAX)
}

impl Session {
    fn client(&mut self, line: &[u8], events: &mut dyn Events) -> Next {
        self.helo_room.earn(line.len());
        match self.state {
            State::Mail if line == b"." => {
                self.state = State::Commands;
                self.sent = true;
            }
            // A dot in front is doubled (RFC 5321, section 4.5.2).
            State::Mail => self
                .transfer
                .mail
                .line(line.strip_prefix(b".").unwrap_or(line)),
            State::Auth => self.auth.response(line),
            State::Commands | State::Asked => return self.command(line, events),
        }
        Next::Continue
    }

    fn command(&mut self, line: &[u8], events: &mut dyn Events) -> Next {
        let (_, data) = text::word(line.trim_ascii_end());
        let is = |word: &[u8]| is_command(line, word);
        if is(b"EHLO") || is(b"HELO") || is(b"LHLO") {
            self.helo = Some(keep(data, TEXT_MAX));
        } else if is(b"MAIL") {
            self.tell(None, events);
            self.transfer = Transfer {
                from: Some(address(data)),
                ..Transfer::default()
            };
        } else if is(b"RCPT") {
            if self.transfer.to.len() < RECIPIENTS_MAX {
                self.transfer.to.push(address(data));
            }
        } else if is(b"DATA") {
            self.state = State::Asked;
        } else if is(b"BDAT") {
            let (size, last) = text::word(data);
            self.chunk = text::number(size).unwrap_or(0);
            self.sent |= last.eq_ignore_ascii_case(b"LAST");
        } else if is(b"STARTTLS") {
            self.starttls = true;
        } else if is(b"AUTH") {
            self.auth = Exchange::begin(data);
            self.state = State::Auth;
        }
        Next::Continue
    }

    /// What there is of a chunk of a mail; how many bytes were taken. A line that goes on in the next
    /// chunk is taken for two.
    fn chunk(&mut self, data: &[u8]) -> usize {
        let end = usize::try_from(self.chunk).unwrap_or(usize::MAX);
        let is_whole = data.len() >= end;
        let data = data.get(..end).unwrap_or(data);
        let mail = &mut self.transfer.mail;
        let mut taken = lines(data, |line| {
            mail.line(line);
            Next::Continue
        })
        .consumed;
        if is_whole && taken < data.len() {
            mail.line(data.get(taken..).unwrap_or_default());
            taken = data.len();
        }
        self.chunk -= taken as u64;
        taken
    }

    fn server(&mut self, line: &[u8], events: &mut dyn Events) -> Next {
        let Some((code, last, words)) = reply(line) else {
            return Next::Continue;
        };
        if !std::mem::replace(&mut self.greeted, true) && code == 220 {
            let (name, rest) = text::word(words);
            if is_host_name(name) {
                events.event(Event::ServerName {
                    name,
                    source: "smtp_banner",
                });
            }
            software(events, false, rest);
            return Next::Continue;
        }
        if !last {
            return Next::Continue;
        }
        if std::mem::take(&mut self.starttls) && code == 220 {
            self.tell(None, events);
            say(events, "starttls", &self.who());
            return Next::Become(Some(&tls::DETECTOR));
        }
        match code {
            354 if self.state == State::Asked => self.state = State::Mail,
            400.. if self.state == State::Asked => self.state = State::Commands,
            235 | 400..=599 if self.state == State::Auth => {
                std::mem::take(&mut self.auth).end(Some(code == 235), events);
                self.state = State::Commands;
            }
            _ if self.sent => self.tell(Some(line), events),
            _ => {}
        }
        Next::Continue
    }

    fn who(&self) -> Vec<(&'static str, Value<'_>)> {
        self.helo
            .iter()
            .map(|helo| ("helo", Value::Text(helo)))
            .collect()
    }

    /// Tells of a mail.
    fn tell(&mut self, last_reply: Option<&[u8]>, events: &mut dyn Events) {
        self.sent = false;
        let transfer = std::mem::take(&mut self.transfer);
        let Some(from) = &transfer.from else {
            return;
        };
        let bytes = self.helo.as_ref().map_or(0, |helo| helo.len());
        let mut fields = if self.helo_room.take(bytes) {
            self.who()
        } else {
            Vec::new()
        };
        fields.push(("mailfrom", Value::Text(from)));
        let to: Vec<&[u8]> = transfer.to.iter().map(|to| &**to).collect();
        fields.push(("rcptto", Value::List(&to)));
        let files = transfer.mail.files();
        transfer.mail.tell(&files, &mut fields);
        if let Some(reply) = last_reply {
            fields.push(("last_reply", Value::Text(reply)));
        }
        say(events, "mail", &fields);
    }
}

/// The user in `authorization NUL user NUL password`.
pub(crate) fn plain_user(decoded: &[u8]) -> &[u8] {
    decoded.split(|&byte| byte == 0).nth(1).unwrap_or_default()
}

impl Parser for Session {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        let mut consumed = 0;
        loop {
            let rest = data.get(consumed..).unwrap_or_default();
            if !context.from_client {
                return lines(rest, |line| self.server(line, events));
            }
            if self.state == State::Asked {
                // The server's word comes first; only who does not wait for it is read on.
                return Step::consumed(consumed);
            }
            if self.chunk > 0 {
                consumed += self.chunk(rest);
                if self.chunk > 0 {
                    return if self.transfer.mail.is_of_interest() {
                        Step::consumed(consumed)
                    } else {
                        Step::then(consumed, Next::Skip(std::mem::take(&mut self.chunk)))
                    };
                }
                continue;
            }
            let mut is_over = true;
            let step = lines(rest, |line| match self.client(line, events) {
                // Something else than lines comes, or nothing yet.
                Next::Continue if self.state == State::Asked || self.chunk > 0 => {
                    is_over = false;
                    Next::Quiet
                }
                other => other,
            });
            consumed += step.consumed;
            if is_over {
                return Step::then(consumed, step.next);
            }
        }
    }

    fn gap(&mut self, context: &Context, lost: u64, _: &mut dyn Events) -> Next {
        if context.from_client && (self.state == State::Mail || self.chunk > 0) {
            self.transfer.mail.gap();
            self.chunk = self.chunk.saturating_sub(lost);
        }
        Next::Continue
    }

    fn finish(&mut self, _: &Context, events: &mut dyn Events) {
        self.tell(None, events);
        std::mem::take(&mut self.auth).end(None, events);
    }

    fn heap_bytes(&self) -> usize {
        let transfer = &self.transfer;
        let envelope = transfer.to.iter().map(|to| to.len() + 16).sum::<usize>()
            + transfer.from.as_ref().map_or(0, |from| from.len());
        size_of::<Self>()
            + envelope
            + transfer.mail.heap_bytes()
            + self.auth.heap_bytes()
            + self.helo.as_ref().map_or(0, |helo| helo.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::trial::{Said, conversation, guess, streams};
    use super::*;

    #[test]
    fn a_long_name_is_not_told_with_each_short_mail() {
        let hello = [&b"EHLO "[..], &[b'x'; 500], b"\r\n"].concat();
        let mails = b"MAIL\r\n".repeat(1000);
        let pieces: [(bool, &[u8]); 5] = [
            (false, b"220 mail.example.org ESMTP\r\n"),
            (true, &hello),
            (false, b"250 ok\r\n"),
            (true, &mails),
            (true, b"MAIL FROM:<a@b>\r\n"),
        ];
        let said = conversation(&DETECTOR, &pieces);
        let told: Vec<_> = said
            .0
            .iter()
            .filter(|line| line.starts_with("mail:"))
            .collect();
        assert_eq!(told.len(), 1001);
        assert!(told[0].contains("helo=xxx"));
        let bytes: usize = told.iter().map(|line| line.len()).sum();
        assert!(bytes < 64 * (hello.len() + mails.len()), "{bytes}");
        let names = told.iter().filter(|line| line.contains("helo=")).count();
        assert!((20..=100).contains(&names), "{names}");
    }

    #[test]
    fn a_mail() {
        let said = conversation(
            &DETECTOR,
            &[
                (false, b"220 mail.example.org ESMTP Postfix\r\n"),
                (true, b"EHLO me\r\n"),
                (false, b"250-mail.example.org\r\n250 AUTH PLAIN LOGIN\r\n"),
                (true, b"AUTH LOGIN\r\n"),
                (false, b"334 VXNlcm5hbWU6\r\n"),
                (true, b"Ym9i\r\n"),
                (false, b"334 UGFzc3dvcmQ6\r\n"),
                (true, b"c2VjcmV0\r\n"),
                (false, b"235 ok\r\n"),
                (true, b"MAIL FROM:<a@example.org> SIZE=10\r\n"),
                (false, b"250 ok\r\n"),
                (
                    true,
                    b"RCPT TO:<b@example.org>\r\nRCPT TO: c@example.org\r\n",
                ),
                (false, b"250 ok\r\n250 ok\r\n"),
                (true, b"DATA\r\n"),
                (false, b"354 go\r\n"),
                (
                    true,
                    b"Subject: hello\r\nX-Mailer: it\r\n\r\nMAIL FROM:<no>\r\n.\r\nQUIT\r\n",
                ),
                (false, b"250 queued\r\n"),
            ],
        );
        assert!(said.has("login: bob LOGIN Some(true) true"), "{said:#?}");
        assert!(said.has("helo=me mailfrom=a@example.org rcptto=[b@example.org,c@example.org] subject=hello user_agent=it last_reply=250 queued"));
        assert!(said.has("smtp_banner"));
        assert!(!said.has("secret"));
    }

    #[test]
    fn a_mail_in_chunks() {
        let header = b"Subject: long\r\n one\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
        let part = b"--b\r\nContent-Disposition: attachment; filename=a.zip\r\n\r\nMAIL FROM:<no>\r\n.\r\n--b--";
        let mut client = b"EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nBDAT 0\r\n".to_vec();
        client.extend(format!("BDAT {}\r\n", header.len()).as_bytes());
        client.extend(header);
        client.extend(format!("BDAT {} LAST\r\n", part.len()).as_bytes());
        client.extend(part);
        client.extend(b"NOOP\r\n");
        // However it is cut.
        for size in [1, 2, 7, 30, 1000] {
            let mut said = vec![(false, &b"220 x ESMTP\r\n"[..])];
            said.extend(client.chunks(size).map(|piece| (true, piece)));
            said.push((false, b"250 queued\r\n"));
            let said = conversation(&DETECTOR, &said);
            assert!(
                said.has("mailfrom= rcptto=[b@x] subject=long one attachment=[a.zip] last_reply=250 queued"),
                "{size}: {said:#?}"
            );
        }
    }

    #[test]
    fn plain_and_tls() {
        let mut said = Said::default();
        let next = streams(
            &mut Session::default(),
            [
                (false, &b"220 x ESMTP\r\n"[..]),
                (true, b"AUTH PLAIN AGJvYgBzZWNyZXQ=\r\n"),
                (false, b"535 no\r\n"),
                (true, b"STARTTLS\r\n"),
                (false, b"220 go\r\n"),
            ],
            &mut said,
        );
        assert!(matches!(next, Next::Become(Some(_))));
        assert!(said.has("login: bob PLAIN Some(false) true"), "{said:#?}");
    }

    #[test]
    fn recognition() {
        assert_eq!(guess(&DETECTOR, b"220 x ESMTP y\r\n"), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"EHLO me\r\n"), Guess::Certain);
        assert_eq!(guess(&DETECTOR, b"EHL"), Guess::More);
        assert_eq!(guess(&DETECTOR, b"220 x\r\n"), Guess::More);
        assert_eq!(guess(&DETECTOR, b"250 x\r\n"), Guess::No);
        assert_eq!(guess(&DETECTOR, b"HELLO x\r\n"), Guess::No);
    }

    proptest! {
        #[test]
        fn bytes_never_panic(pieces in proptest::collection::vec((any::<bool>(), "(EHLO|MAIL FROM:<|RCPT TO|DATA|AUTH |PLAIN|LOGIN|BDAT 3|STARTTLS|354 |235 |250|[ -~]|\r\n){0,8}\r\n"), 0..40)) {
            let mut session = Session::default();
            streams(&mut session, pieces, &mut Said::default());
            prop_assert!(session.heap_bytes() < 128 * 1024);
        }
    }
}
