//! Limits of Zeek's analyzers: whether what a connection carries exceeds one, which its `history`
//! tells by an `X`.
//!
//! This is apart from what payloads say (`app`), for it asks for little of each protocol, goes on
//! where a parser has seen enough, and must say so with the packet that exceeds a limit. It keeps
//! counts and no more than the start of a line, and only of connections that Zeek would look at.

mod dns;
mod ftp;
mod gnutella;
mod http;
mod lines;
mod login;
mod mime;
mod ncp;
mod settings;
mod smb;
mod smtp;
mod ssh;

use netloom_decode::app::text::starts_with_ignore_case;

use self::settings::OwnAnalyzer;
pub(crate) use self::settings::Watch;
pub use self::settings::{AnalyzerLimits, PortAnalyzer};
use crate::app::TcpData;
use crate::ports;
use crate::tcp::{Delivered, StreamAssembler};

/// Bytes that came too early and wait for a hole to be filled.
const EARLY_MAX: usize = 64 * 1024;

/// What bytes have shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing yet.
    Nothing,
    /// A limit was exceeded.
    Limit,
    /// No limit can be exceeded any more.
    Over,
}

/// Looks at a datagram of UDP between these ports.
pub(crate) fn datagram(watch: &Watch, between: [u16; 2], payload: &[u8]) -> Found {
    let is_dns = between.iter().any(|port| ports::DNS.contains(port));
    if is_dns && watch.runs(OwnAnalyzer::Dns) {
        dns::message(payload, between.contains(&137), &watch.limits)
    } else {
        Found::Nothing
    }
}

/// What is followed of a connection.
#[derive(Debug)]
enum Analyzer {
    Dns(dns::Dns),
    Ftp(ftp::Ftp),
    Gnutella(gnutella::Gnutella),
    Http(Box<http::Http>),
    Ncp(ncp::Ncp),
    Remote(login::Remote),
    Smb(smb::Smb),
    Smtp(Box<smtp::Smtp>),
    Ssh(Box<ssh::Ssh>),
    Telnet(login::Telnet),
    /// A server greeted: the client's first words tell how it goes on.
    Greeted,
}

/// A connection of TCP whose bytes are looked at.
#[derive(Debug)]
pub(crate) struct Watched {
    analyzer: Analyzer,
    /// Client's and server's stream.
    streams: [StreamAssembler; 2],
}

impl Watched {
    /// A connection with a server's port, and whose streams begin at these sequence numbers.
    /// `partial`: it was not seen from its start. `None` where Zeek has nothing that looks at it,
    /// by its port or by what a side says first.
    pub(crate) fn new(
        watch: &Watch,
        port: u16,
        from_client: bool,
        payload: &[u8],
        partial: bool,
        first: [u32; 2],
    ) -> Option<Box<Self>> {
        let analyzer = match watch.made_known(port) {
            Some(PortAnalyzer::Gnutella) => Analyzer::Gnutella(gnutella::Gnutella::default()),
            Some(PortAnalyzer::Ncp) => Analyzer::Ncp(ncp::Ncp::new(partial)),
            Some(PortAnalyzer::Rlogin) => Analyzer::Remote(login::Remote::new(true, partial)),
            Some(PortAnalyzer::Rsh) => Analyzer::Remote(login::Remote::new(false, partial)),
            Some(PortAnalyzer::Telnet) => Analyzer::Telnet(login::Telnet::default()),
            None => match by_content(payload, from_client).filter(|known| watch.runs(*known)) {
                Some(known) => Analyzer::of(known, partial)?,
                None => match watch.on_port(port) {
                    Some(known) => Analyzer::of(known, partial)?,
                    None if greets(payload) && !from_client && !partial => Analyzer::Greeted,
                    None => return None,
                },
            },
        };
        Some(Box::new(Self {
            analyzer,
            streams: first.map(|first| StreamAssembler::new(first, EARLY_MAX)),
        }))
    }

    /// A segment.
    pub(crate) fn segment(
        &mut self,
        watch: &Watch,
        from_client: bool,
        data: &TcpData<'_>,
    ) -> Found {
        let side = usize::from(!from_client);
        let Self { analyzer, streams } = self;
        let mut found = Found::Nothing;
        let mut take = |side: usize, delivered: Delivered<'_>| {
            if found == Found::Nothing {
                found = analyzer.take(watch, side, delivered);
            }
        };
        let [client, server] = streams;
        let (stream, other) = if from_client {
            (client, server)
        } else {
            (server, client)
        };
        if data.wire_len > 0 {
            let seq = data.seq.wrapping_add(u32::from(data.syn));
            stream.ingest(seq, data.payload, |delivered| take(side, delivered));
            if (data.payload.len() as u32) < data.wire_len {
                // What the snap length cut off will not come.
                let end = seq.wrapping_add(data.wire_len);
                stream.skip_to(end, |delivered| take(side, delivered));
            }
        }
        // What the other side acknowledged will not come again.
        if let Some(ack) = data.ack
            && other.lacks(ack)
        {
            other.skip_to(ack, |delivered| take(1 - side, delivered));
        }
        found
    }

    /// Whether acknowledgments matter: bytes wait behind a hole.
    pub(crate) fn has_hole(&self) -> bool {
        self.streams.iter().any(StreamAssembler::has_hole)
    }

    /// Bytes on the heap, with itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        let early: usize = self.streams.iter().map(StreamAssembler::buffered).sum();
        size_of::<Self>() + early + self.analyzer.heap_bytes()
    }
}

impl Analyzer {
    /// An analyzer that Zeek runs by itself; some look at nothing that was not seen from its start.
    fn of(known: OwnAnalyzer, partial: bool) -> Option<Self> {
        Some(match known {
            OwnAnalyzer::Dns => Self::Dns(dns::Dns::default()),
            OwnAnalyzer::Ftp => Self::Ftp(ftp::Ftp::default()),
            OwnAnalyzer::Smb => Self::Smb(smb::Smb::default()),
            OwnAnalyzer::Http | OwnAnalyzer::Smtp | OwnAnalyzer::Ssh if partial => return None,
            OwnAnalyzer::Http => Self::Http(Box::default()),
            OwnAnalyzer::Smtp => Self::Smtp(Box::default()),
            OwnAnalyzer::Ssh => Self::Ssh(Box::default()),
        })
    }

    fn take(&mut self, watch: &Watch, side: usize, delivered: Delivered<'_>) -> Found {
        let limits = &watch.limits;
        let bytes = match delivered {
            Delivered::Data(bytes) => bytes,
            Delivered::Gap(missing) => return self.gap(side, missing),
        };
        match self {
            Self::Dns(dns) => dns.data(side, bytes, limits),
            Self::Ftp(ftp) => ftp.data(side, bytes, limits),
            Self::Gnutella(gnutella) => gnutella.data(side, bytes, limits),
            Self::Http(http) => http.data(side, bytes, limits),
            Self::Ncp(ncp) => ncp.data(side, bytes, limits.ncp_frame),
            Self::Remote(remote) => remote.data(side, bytes, limits.login_line),
            Self::Smb(smb) => smb.data(side, bytes, limits),
            Self::Smtp(smtp) => smtp.data(side, bytes, limits),
            Self::Ssh(ssh) => ssh.data(side, bytes, limits),
            Self::Telnet(telnet) => telnet.data(side, bytes, limits.login_line),
            Self::Greeted if side == 0 => {
                let text = bytes.trim_ascii_start();
                let starts = |word| starts_with_ignore_case(text, word);
                let known = if starts(b"HELO") || starts(b"EHLO") {
                    OwnAnalyzer::Smtp
                } else if starts(b"USER ") {
                    OwnAnalyzer::Ftp
                } else {
                    return Found::Over;
                };
                match Self::of(known, false).filter(|_| watch.runs(known)) {
                    Some(analyzer) => *self = analyzer,
                    None => return Found::Over,
                }
                if let Self::Smtp(smtp) = self {
                    // What it greeted with went by.
                    smtp.greeted();
                }
                self.take(watch, side, delivered)
            }
            Self::Greeted => Found::Nothing,
        }
    }

    /// Bytes are missing. What has no lines of its own to lose reads on, as in Zeek.
    fn gap(&mut self, side: usize, missing: u64) -> Found {
        match self {
            Self::Dns(dns) => dns.gap(side),
            Self::Http(http) => http.gap(side, missing),
            Self::Ncp(ncp) => ncp.gap(side),
            Self::Smb(smb) => smb.gap(side),
            Self::Smtp(smtp) => smtp.gap(),
            // Of SSH neither side is read on.
            Self::Greeted | Self::Ssh(_) => return Found::Over,
            Self::Ftp(_) | Self::Gnutella(_) | Self::Remote(_) | Self::Telnet(_) => {}
        }
        Found::Nothing
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Self::Dns(dns) => dns.heap_bytes(),
            Self::Http(http) => size_of::<http::Http>() + http.heap_bytes(),
            Self::Smtp(smtp) => size_of::<smtp::Smtp>() + smtp.heap_bytes(),
            Self::Ssh(_) => size_of::<ssh::Ssh>(),
            _ => 0,
        }
    }
}

/// The protocol that a side's first bytes tell, as Zeek's signatures do.
fn by_content(payload: &[u8], from_client: bool) -> Option<OwnAnalyzer> {
    let starts = |start| starts_with_ignore_case(payload, start);
    if starts(b"SSH-1.") || starts(b"SSH-2.") {
        return Some(OwnAnalyzer::Ssh);
    }
    if payload.get(4..8) == Some(b"\xffSMB") {
        return Some(OwnAnalyzer::Smb);
    }
    let is_http = if from_client {
        let text = payload.trim_ascii_start();
        METHODS.iter().any(|method| text.starts_with(method))
    } else {
        starts(b"HTTP/") && payload.get(5).is_some_and(u8::is_ascii_digit)
    };
    is_http.then_some(OwnAnalyzer::Http)
}

/// Whether a server greets as those of FTP and SMTP do.
fn greets(payload: &[u8]) -> bool {
    let text = payload.trim_ascii_start();
    matches!(
        text,
        [b'2', b'2', b'0', b' ' | b'-', ..] | [b'1', b'2', b'0', b' ', ..]
    )
}

/// Methods by which HTTP is told, each with what follows it.
const METHODS: [&[u8]; 16] = [
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"OPTIONS ",
    b"CONNECT ",
    b"DELETE ",
    b"PATCH ",
    b"PROPFIND ",
    b"PROPPATCH ",
    b"MKCOL ",
    b"REPORT ",
    b"SEARCH ",
    b"NOTIFY ",
    b"SUBSCRIBE ",
    b"RPC_",
];

#[cfg(test)]
mod tests;
