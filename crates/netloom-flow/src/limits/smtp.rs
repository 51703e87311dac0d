//! SMTP (RFC 5321): where mail begins and ends, for what [`Mime`] watches.

use super::Found;
use super::lines::{Line, Lines};
use super::mime::Mime;
use super::settings::AnalyzerLimits;

/// Commands that get an answer each.
const COMMANDS: [&[u8]; 19] = [
    b"EHLO",
    b"HELO",
    b"MAIL",
    b"RCPT",
    b"DATA",
    b"BDAT",
    b"RSET",
    b"QUIT",
    b"NOOP",
    b"VRFY",
    b"EXPN",
    b"HELP",
    b"AUTH",
    b"SEND",
    b"SOML",
    b"SAML",
    b"TURN",
    b"STARTTLS",
    b"X-ANONYMOUSTLS",
];

/// What awaits an answer that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Data,
    Tls,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Smtp {
    lines: [Lines; 2],
    /// The mail that is coming.
    mail: Option<Box<Mime>>,
    /// It comes in chunks (RFC 3030): its lines, bytes of the chunk to come, whether it is the last.
    chunked: bool,
    chunk_lines: Lines,
    chunk: u64,
    last_chunk: bool,
    /// Commands that have no answer yet; the greeting counts as one.
    unanswered: u32,
    /// Answers up to one that matters, with its own.
    awaited: Option<(Awaited, u32)>,
    /// The server asked for more: the client's next line is no command.
    in_auth: bool,
    /// An answer goes on.
    continues: bool,
    /// Something is missing: what the client says is not understood before the next answer.
    after_gap: bool,
}

impl Default for Smtp {
    fn default() -> Self {
        Self {
            lines: Default::default(),
            mail: None,
            chunked: false,
            chunk_lines: Lines::default(),
            chunk: 0,
            last_chunk: false,
            unanswered: 1,
            awaited: None,
            in_auth: false,
            continues: false,
            after_gap: false,
        }
    }
}

impl Smtp {
    pub(super) fn data(&mut self, side: usize, bytes: &[u8], limits: &AnalyzerLimits) -> Found {
        let mut lines = std::mem::take(&mut self.lines[side]);
        let mut found = Found::Nothing;
        let mut bytes = bytes;
        while found == Found::Nothing && !bytes.is_empty() {
            let taken = if side == 0 && self.chunk > 0 {
                let lf = lines.pass_lf(bytes);
                let rest = bytes.get(lf..).unwrap_or_default();
                let most = usize::try_from(self.chunk).unwrap_or(usize::MAX);
                let chunk = rest.get(..most).unwrap_or(rest);
                self.chunk -= chunk.len() as u64;
                found = self.chunk(chunk, limits);
                lf + chunk.len()
            } else {
                let (taken, line) = lines.take(bytes);
                found = match line {
                    Some(line) if side == 0 => self.client(line, limits),
                    Some(line) => self.server(line.start),
                    None => Found::Nothing,
                };
                taken
            };
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        self.lines[side] = lines;
        found
    }

    /// The greeting has come.
    pub(super) fn greeted(&mut self) {
        self.unanswered = 0;
    }

    pub(super) fn gap(&mut self) {
        let mut lines = std::mem::take(&mut self.lines);
        for lines in &mut lines {
            lines.clear();
        }
        *self = Self {
            lines,
            unanswered: 0,
            after_gap: true,
            ..Self::default()
        };
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let of_mail = |mail: &Mime| size_of::<Mime>() + mail.heap_bytes();
        self.lines.iter().map(Lines::heap_bytes).sum::<usize>()
            + self.chunk_lines.heap_bytes()
            + self.mail.as_deref().map_or(0, of_mail)
    }

    /// Bytes of a chunk.
    fn chunk(&mut self, chunk: &[u8], limits: &AnalyzerLimits) -> Found {
        let mut bytes = chunk;
        while let Some(mail) = self.mail.as_deref_mut().filter(|_| !bytes.is_empty()) {
            let (taken, line) = self.chunk_lines.take(bytes);
            bytes = bytes.get(taken..).unwrap_or_default();
            if let Some(line) = line {
                let found = mail.line(line, limits, |_| {});
                if found != Found::Nothing {
                    return found;
                }
            }
        }
        if self.chunk == 0 && self.last_chunk {
            self.end_mail();
        }
        Found::Nothing
    }

    fn client(&mut self, line: Line<'_>, limits: &AnalyzerLimits) -> Found {
        if self.after_gap {
            return Found::Nothing;
        }
        if let Some(mail) = self.mail.as_deref_mut().filter(|_| !self.chunked) {
            if line.len == 1 && line.start == b"." {
                self.end_mail();
                self.unanswered = self.unanswered.saturating_add(1);
                return Found::Nothing;
            }
            let start = line.start.strip_prefix(b".").unwrap_or(line.start);
            let len = line.len - u64::from(start.len() < line.start.len());
            return mail.line(Line { start, len }, limits, |_| {});
        }
        self.command(line.start);
        Found::Nothing
    }

    fn command(&mut self, line: &[u8]) {
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let verb = words.next().unwrap_or_default();
        let is = |name: &[u8]| verb.eq_ignore_ascii_case(name);
        let is_known = COMMANDS.iter().any(|name| is(name));
        if !std::mem::take(&mut self.in_auth) && !is_known {
            return;
        }
        self.unanswered = self.unanswered.saturating_add(1);
        if self.chunked && !is(b"BDAT") {
            self.end_mail();
        }
        if is(b"DATA") {
            self.mail = Some(Box::new(Mime::new()));
            self.awaited = Some((Awaited::Data, self.unanswered));
        } else if is(b"STARTTLS") || is(b"X-ANONYMOUSTLS") {
            self.awaited = Some((Awaited::Tls, self.unanswered));
        } else if is(b"BDAT") {
            let size = words.next().and_then(|word| std::str::from_utf8(word).ok());
            self.chunk = size.and_then(|size| size.parse().ok()).unwrap_or(0);
            self.last_chunk = words
                .next()
                .is_some_and(|word| word.eq_ignore_ascii_case(b"LAST"));
            if self.chunk > 0 {
                self.chunked = true;
                self.mail.get_or_insert_with(|| Box::new(Mime::new()));
            }
        }
    }

    fn server(&mut self, line: &[u8]) -> Found {
        let Some(code @ [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9']) = line.first_chunk::<3>() else {
            return Found::Nothing;
        };
        let goes_on = line.get(3) == Some(&b'-');
        if std::mem::replace(&mut self.continues, goes_on) {
            return Found::Nothing;
        }
        self.after_gap = false;
        self.in_auth = code == b"334";
        self.unanswered = self.unanswered.saturating_sub(1);
        let Some((awaited, left)) = self.awaited else {
            return Found::Nothing;
        };
        self.awaited = (left > 1).then(|| (awaited, left - 1));
        match awaited {
            Awaited::Tls if left <= 1 && code == b"220" => return Found::Over,
            Awaited::Data if left <= 1 && code != b"354" => self.end_mail(),
            _ => {}
        }
        Found::Nothing
    }

    fn end_mail(&mut self) {
        self.mail = None;
        self.chunked = false;
        self.last_chunk = false;
        self.chunk_lines.clear();
    }
}
