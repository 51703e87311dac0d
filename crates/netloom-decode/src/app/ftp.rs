//! FTP (RFC 959), its data channels announced, its users named.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use super::http::base64_whole;
use super::lines::{contains, converse, is_command, lines_up_to, opens_with, reply};
use super::nested::Nested;
use super::support::{keep, login, say, software};
use super::{
    Category, Context, Detector, Event, Events, Expect, Guess, Interest, Next, Over, Parser, Probe,
    Protocol, Step, Value, text, tls,
};

/// The control connection.
pub static PROTOCOL: Protocol = Protocol {
    name: "ftp",
    title: "FTP",
    category: Category::FileTransfer,
};

/// A data connection; known by the control connection that announced it.
pub static DATA: Protocol = Protocol {
    name: "ftp-data",
    title: "FTP data",
    category: Category::FileTransfer,
};

/// The control connection of GridFTP (GFD.20): FTP whose users prove who they are by TLS inside of
/// GSS-API.
pub static GRIDFTP: Protocol = Protocol {
    name: "gridftp",
    title: "GridFTP",
    category: Category::FileTransfer,
};

/// FTP on TCP.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[21, 2121],
    probe,
    parser: Some(|| Box::new(Session::default())),
};

/// Commands that begin a session and that mail has not.
const FIRST: &[&[u8]] = &[
    b"USER", b"AUTH", b"FEAT", b"SYST", b"CLNT", b"HOST", b"OPTS",
];

/// Commands of somebody who is logged in, that no other protocol of such replies has.
const LATER: &[&[u8]] = &[
    b"CWD", b"XCWD", b"CDUP", b"PWD", b"XPWD", b"TYPE", b"PASV", b"EPSV", b"PORT", b"EPRT",
    b"RETR", b"STOR", b"STOU", b"APPE", b"MLSD", b"MLST", b"SIZE", b"MDTM", b"NLST", b"LIST",
    b"REST", b"RNFR", b"RNTO", b"DELE", b"RMD", b"XRMD", b"MKD", b"XMKD", b"ABOR", b"ALLO",
    b"STRU", b"PROT", b"PBSZ", b"PASS", b"ACCT",
];

/// What systems call themselves in answer to `SYST`.
const SYSTEMS: &[&[u8]] = &[b"UNIX", b"Windows", b"Type", b"VMS", b"MVS", b"OS/"];

fn is_later_command(line: &[u8]) -> bool {
    let mut commands = FIRST.iter().chain(LATER);
    // Mail has it, too, and may refuse it with the same codes.
    commands.any(|command| is_command(line, command)) && !is_command(line, b"AUTH")
}

/// A reply of RFC 959, section 4.2, that NNTP does not have for a command of the same name.
fn is_later_reply(line: &[u8]) -> bool {
    reply(line).is_some_and(|(code, _, text)| {
        // The system's name; of news it is the begin of a list.
        let is_system = || SYSTEMS.iter().any(|system| contains(text, system));
        code == 215 && is_system() || !text.is_empty()
            && matches!(
                code,
                110 | 120 | 125 | 150 | 200 | 202 | 211..=214 | 225..=227 | 229..=234 | 250 | 257 | 331
                    | 332 | 350 | 421 | 425 | 426 | 450..=452 | 500..=504 | 530 | 532 | 534 | 536
                    | 550..=553
            )
    })
}

fn probe(probe: &Probe<'_>) -> Guess {
    let midway = converse(probe, 21, is_later_command, is_later_reply);
    if midway != Guess::No {
        return midway;
    }
    let (data, other) = (probe.data, probe.other);
    if data.starts_with(b"220") {
        let Some((line, _)) = text::line(data) else {
            return Guess::More;
        };
        if reply(line).is_none() || contains(line, b"SMTP") {
            return Guess::No;
        }
        return if contains(line, b"FTP") || opens_with(other, FIRST) {
            Guess::Certain
        } else if other.is_empty() || text::line(other).is_none() {
            if probe.has_port(21) {
                Guess::Unsure
            } else {
                Guess::More
            }
        } else {
            Guess::No
        };
    }
    if FIRST
        .iter()
        .any(|word| data.starts_with(&word[..data.len().min(4)]))
    {
        return if !opens_with(data, FIRST) {
            if data.len() < 64 {
                Guess::More
            } else {
                Guess::No
            }
        } else if other.starts_with(b"220") {
            Guess::Certain
        } else if other.is_empty() && probe.has_port(21) {
            Guess::Unsure
        } else if other.is_empty() {
            Guess::More
        } else {
            Guess::No
        };
    }
    if data.is_empty() || b"220".starts_with(data) {
        Guess::More
    } else {
        Guess::No
    }
}

/// Longest text that is kept of a reply, and longest name of a user.
const TEXT_MAX: usize = 512;
/// Longest command that is kept, its word included: the longest path of Linux, and of many a server
/// the longest line.
const COMMAND_MAX: usize = 4096;
/// Longest line: a certificate chain in `ADAT`.
const LINE_MAX: usize = 32 * 1024;
/// Most lines of a reply that are told.
const REPLY_MAX: usize = 16;

/// A command that waits for its reply.
#[derive(Debug)]
struct Pending {
    command: Box<[u8]>,
    data: Box<[u8]>,
    /// What was sent as a password, until the replies to it are told: some repeat it.
    password: Box<[u8]>,
    /// Whether more was sent than is kept: of the command, of its replies.
    cut: [bool; 2],
    codes: Vec<Box<[u8]>>,
    replies: Vec<Box<[u8]>>,
}

impl Pending {
    /// Keeps a line of a reply; whether there was room.
    fn reply(&mut self, words: &[u8]) -> bool {
        let room = self.replies.len() < REPLY_MAX;
        self.cut[1] |= !room || words.len() > TEXT_MAX;
        if room {
            let words = masked(words, &self.password);
            self.replies.push(keep(&words, TEXT_MAX));
        }
        room
    }
}

/// Reads a control connection.
#[derive(Debug, Default)]
struct Session {
    user: Option<Box<[u8]>>,
    pending: Option<Pending>,
    greeted: bool,
    /// TLS in the tokens of `ADAT`, as GSI has it.
    inner: Option<Box<Nested>>,
    /// Whether there was any.
    secured: bool,
}

/// The port of a data connection, and whether the server opens it.
type Channel = (IpAddr, u16, bool);

/// The shortest password that is looked for within words, too.
const PASSWORD_MIN: usize = 4;

/// A line with `***` for each time that it repeats a password. A short one counts where it is a word
/// of its own: it might be a part of any.
fn masked<'a>(words: &'a [u8], password: &[u8]) -> Cow<'a, [u8]> {
    let mut out = Vec::new();
    let mut done = 0;
    if !password.is_empty() {
        let within = |at: Option<usize>| {
            let byte = at.and_then(|at| words.get(at));
            byte.is_some_and(u8::is_ascii_alphanumeric)
        };
        for at in memchr::memmem::find_iter(words, password) {
            let end = at + password.len();
            if password.len() >= PASSWORD_MIN || !within(at.checked_sub(1)) && !within(Some(end)) {
                out.extend_from_slice(words.get(done..at).unwrap_or_default());
                out.extend_from_slice(b"***");
                done = end;
            }
        }
    }
    if done == 0 {
        return Cow::Borrowed(words);
    }
    out.extend_from_slice(words.get(done..).unwrap_or_default());
    Cow::Owned(out)
}

/// What may be shown of a command of the server's own (`SITE`): of those that set a password, by
/// their names, nothing but the name.
fn without_password(data: &[u8]) -> &[u8] {
    let (name, _) = text::word(data);
    let signs: [&[u8]; 5] = [b"PASS", b"PSW", b"PSWD", b"PWD", b"ADDUSER"];
    if signs.iter().any(|sign| contains(name, sign)) {
        name
    } else {
        data
    }
}

impl Session {
    /// Whether the user is the one whose password is none (RFC 1635).
    fn is_anonymous(&self) -> bool {
        self.user.as_ref().is_some_and(|user| {
            user.eq_ignore_ascii_case(b"anonymous") || user.eq_ignore_ascii_case(b"ftp")
        })
    }

    /// A token of the security exchange (RFC 2228, section 3). Where it is TLS, its handshake is
    /// read as any other.
    fn token(&mut self, context: &Context, encoded: &[u8], events: &mut dyn Events) {
        let token = base64_whole(encoded);
        if self.inner.is_none() {
            let hello = context.from_client && matches!(*token, [22, 3, _, _, _, 1, ..]);
            let parser = tls::DETECTOR.parser.filter(|_| hello);
            self.inner = parser.map(|parser| Box::new(Nested::new(parser())));
            if self.inner.is_some() && !std::mem::replace(&mut self.secured, true) {
                events.carries(&tls::PROTOCOL);
            }
        }
        if let Some(inner) = &mut self.inner
            && !inner.push(context, &token, events)
        {
            self.inner = None;
        }
    }

    fn command(&mut self, context: &Context, line: &[u8], events: &mut dyn Events) {
        self.flush(context, events);
        let (command, data) = text::word(line);
        if command.is_empty() || !command.iter().all(u8::is_ascii_alphabetic) {
            return;
        }
        if command.eq_ignore_ascii_case(b"ADAT") {
            self.token(context, data, events);
        }
        let is_password = command.eq_ignore_ascii_case(b"PASS");
        let shown = if is_password || command.eq_ignore_ascii_case(b"ACCT") {
            &data[..0]
        } else if command.eq_ignore_ascii_case(b"SITE") {
            without_password(data)
        } else {
            data
        };
        if command.eq_ignore_ascii_case(b"USER") {
            self.user = Some(keep(data, TEXT_MAX));
        }
        let room = COMMAND_MAX.saturating_sub(line.len() - data.len());
        self.pending = Some(Pending {
            command: keep(command, 16),
            data: keep(shown, room),
            password: if is_password && !self.is_anonymous() {
                keep(data.trim_ascii(), TEXT_MAX)
            } else {
                Box::default()
            },
            cut: [data.len() > room, false],
            codes: Vec::new(),
            replies: Vec::new(),
        });
        if let Some((to, port, _)) = active(context, command, data) {
            events.event(Event::Expect(Expect {
                protocol: &DATA,
                from: Some(context.server.0),
                to,
                port,
                tcp: true,
            }));
        }
    }

    fn reply(&mut self, context: &Context, line: &[u8], events: &mut dyn Events) -> Next {
        let Some((code, last, words)) = reply(line) else {
            // A line within a reply of several.
            if let Some(pending) = &mut self.pending {
                pending.reply(line.trim_ascii());
            }
            return Next::Continue;
        };
        if !self.greeted {
            self.greeted = true;
            if code == 220 {
                software(events, false, words);
                if self.pending.is_none() {
                    let text: &[&[u8]] = &[words];
                    say(
                        events,
                        "greeting",
                        &[
                            ("completion_code", Value::Number(code.into())),
                            ("reply", Value::List(text)),
                        ],
                    );
                    return Next::Continue;
                }
            }
        }
        let Some(pending) = &mut self.pending else {
            return Next::Continue;
        };
        if pending.reply(words) {
            pending.codes.push(keep(line, 3));
        }
        if matches!(code, 235 | 335)
            && let Some(token) = words.strip_prefix(b"ADAT=")
        {
            self.token(context, token, events);
        }
        // The exchange has come to a good end (RFC 2228, section 5).
        if code == 235 && self.secured {
            events.carries(&GRIDFTP);
        }
        self.reply_end(context, code, last, words, events)
    }

    /// What a reply means, once it is noted.
    fn reply_end(
        &mut self,
        context: &Context,
        code: u16,
        last: bool,
        words: &[u8],
        events: &mut dyn Events,
    ) -> Next {
        let Some(pending) = &self.pending else {
            return Next::Continue;
        };
        if !last || code < 200 {
            return Next::Continue;
        }
        if pending.command.eq_ignore_ascii_case(b"AUTH") && code == 234 {
            self.flush(context, events);
            return Next::Become(Some(&tls::DETECTOR));
        }
        let passive = match code {
            227 => numbers(words).map(|(to, port)| (IpAddr::V4(to), port)),
            229 => extended(words).map(|port| (context.server.0, port)),
            _ => None,
        };
        if let Some((to, port)) = passive {
            let to = if to.is_unspecified() {
                context.server.0
            } else {
                to
            };
            events.event(Event::Expect(Expect {
                protocol: &DATA,
                from: Some(context.client.0),
                to,
                port,
                tcp: true,
            }));
        }
        let logged_in = match code {
            230 | 232 => Some(true),
            530 => Some(false),
            _ => None,
        };
        if let (Some(success), Some(user)) = (logged_in, &self.user)
            && (pending.command.eq_ignore_ascii_case(b"PASS")
                || pending.command.eq_ignore_ascii_case(b"USER"))
        {
            let open = self.is_anonymous();
            let sent = pending.command.eq_ignore_ascii_case(b"PASS");
            login(events, user, "USER/PASS", Some(success), sent && !open);
        }
        self.flush(context, events);
        Next::Continue
    }

    /// Tells of a command and what came back.
    fn flush(&mut self, context: &Context, events: &mut dyn Events) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        if !events.wants(Interest::MESSAGES) {
            return;
        }
        let command = pending.command.to_ascii_uppercase();
        let mut fields = vec![("command", Value::Text(&command))];
        if !pending.data.is_empty() {
            fields.push(("command_data", Value::Text(&pending.data)));
        }
        let codes: Vec<&[u8]> = pending.codes.iter().map(|code| &**code).collect();
        let replies: Vec<&[u8]> = pending.replies.iter().map(|reply| &**reply).collect();
        if !replies.is_empty() {
            fields.push(("completion_code", Value::List(&codes)));
            fields.push(("reply", Value::List(&replies)));
        }
        fields.push(("reply_received", Value::Flag(!replies.is_empty())));
        let [command_cut, reply_cut] = pending.cut;
        fields.push(("command_truncated", Value::Flag(command_cut)));
        fields.push(("reply_truncated", Value::Flag(reply_cut)));
        let last = pending
            .replies
            .last()
            .map(|reply| &**reply)
            .unwrap_or_default();
        let channel = channel(context, &command, &pending.data, last);
        if let Some((_, port, by_server)) = channel {
            fields.push(("dynamic_port", Value::Number(port.into())));
            fields.push((
                "mode",
                Value::Word(if by_server { "active" } else { "passive" }),
            ));
        }
        say(events, "command", &fields);
    }
}

/// The data connection that a command and its reply are about.
fn channel(context: &Context, command: &[u8], data: &[u8], reply: &[u8]) -> Option<Channel> {
    match command {
        b"PASV" => numbers(reply).map(|(to, port)| (IpAddr::V4(to), port, false)),
        b"EPSV" => extended(reply).map(|port| (context.server.0, port, false)),
        _ => active(context, command, data),
    }
}

/// Where the client listens (`PORT`, `EPRT`).
fn active(context: &Context, command: &[u8], data: &[u8]) -> Option<Channel> {
    if command.eq_ignore_ascii_case(b"PORT") {
        let (to, port) = numbers(data)?;
        return Some((IpAddr::V4(to), port, true));
    }
    if !command.eq_ignore_ascii_case(b"EPRT") {
        return None;
    }
    let (to, port) = extended_address(data)?;
    Some((to.unwrap_or(context.client.0), port, true))
}

/// Address, where it is one, and port in the words of `EPRT`: `|1|192.0.2.1|6275|` or
/// `|2|2001:db8::1|5282|`, with any delimiter (RFC 2428, section 2).
pub fn extended_address(words: &[u8]) -> Option<(Option<IpAddr>, u16)> {
    let delimiter = *words.first()?;
    let mut parts = words.split(|&byte| byte == delimiter).skip(2);
    let address = std::str::from_utf8(parts.next()?).ok()?;
    let port = u16::try_from(text::number(parts.next()?)?).ok()?;
    Some((address.parse().ok(), port))
}

/// Address and port of a data connection in the words of `PORT` and of the reply to `PASV`:
/// `h1,h2,h3,h4,p1,p2`, wherever it stands in them (RFC 959, section 4.1.2).
///
/// ```
/// use netloom_decode::app::ftp::numbers;
/// let words = b"Entering Passive Mode (192,0,2,7,195,80).";
/// assert_eq!(numbers(words), Some(([192, 0, 2, 7].into(), 50_000)));
/// ```
pub fn numbers(words: &[u8]) -> Option<(Ipv4Addr, u16)> {
    let from = words.iter().position(u8::is_ascii_digit)?;
    let run = words.get(from..)?;
    let end = run
        .iter()
        .position(|&byte| !byte.is_ascii_digit() && byte != b',')
        .unwrap_or(run.len());
    let mut parts = run.get(..end)?.split(|&byte| byte == b',');
    let mut next = || {
        parts
            .next()
            .and_then(text::number)
            .and_then(|number| u8::try_from(number).ok())
    };
    let address = Ipv4Addr::new(next()?, next()?, next()?, next()?);
    Some((address, u16::from_be_bytes([next()?, next()?])))
}

/// Port of a data connection in the words of the reply to `EPSV`: `(|||6446|)` (RFC 2428,
/// section 3).
pub fn extended(words: &[u8]) -> Option<u16> {
    let open = words.iter().position(|&byte| byte == b'(')?;
    let inside = words.get(open + 1..)?;
    let delimiter = *inside.first()?;
    let port = inside.split(|&byte| byte == delimiter).nth(3)?;
    u16::try_from(text::number(port)?).ok()
}

impl Parser for Session {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        lines_up_to(LINE_MAX, data, |line| {
            if context.from_client {
                self.command(context, line, events);
                Next::Continue
            } else {
                self.reply(context, line, events)
            }
        })
    }

    fn gap(&mut self, _: &Context, _: u64, _: &mut dyn Events) -> Next {
        Next::Continue
    }

    fn finish(&mut self, context: &Context, events: &mut dyn Events) {
        self.flush(context, events);
        if let Some(inner) = &mut self.inner {
            inner.finish(context, events);
        }
    }

    fn heap_bytes(&self) -> usize {
        let pending = self.pending.as_ref().map_or(0, |pending| {
            let texts = |texts: &[Box<[u8]>]| {
                texts
                    .iter()
                    .map(|text| text.len() + size_of::<Box<[u8]>>())
                    .sum::<usize>()
            };
            pending.data.len()
                + pending.password.len()
                + texts(&pending.codes)
                + texts(&pending.replies)
        });
        let inner = self.inner.as_ref().map_or(0, |inner| inner.heap_bytes());
        size_of::<Self>() + pending + inner + self.user.as_ref().map_or(0, |user| user.len())
    }
}

#[cfg(test)]
mod tests;
