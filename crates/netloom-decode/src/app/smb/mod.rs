//! SMB 1, 2 and 3 ([MS-CIFS], [MS-SMB], [MS-SMB2]) over TCP and NetBIOS sessions: dialects,
//! logins, shares, names of files, calls over pipes.
//!
//! A request and its answer make one message, said when the answer comes; fields are named as
//! Suricata's EVE has them below `smb.`. What is only bulk (reads of files, queries of
//! attributes) is not said.

mod names;
mod smb1;
mod smb2;

use super::ntlmssp::{Ntlm, account};
use super::security_token::SecurityToken;
use super::support::{Frame, frames, login, risk, software};
use super::wire::u32_at;
use super::{
    Category, Context, Detector, Device, DeviceSource, Event, Events, Guess, Interest, Next, Over,
    Parser, Probe, Protocol, Risk, Step, Value, dce_rpc,
};

/// SMB.
pub static PROTOCOL: Protocol = Protocol {
    name: "smb",
    title: "SMB",
    category: Category::FileTransfer,
};

/// SMB over TCP, directly or in a NetBIOS session.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[445, 139],
    probe,
    parser: Some(|| Box::<Smb>::default()),
};

/// Bytes of a message that are looked at.
const KEPT: usize = 16 * 1024;
/// Requests that wait for their answers; the oldest is forgotten beyond that.
const PENDING_MAX: usize = 64;
/// Names of open files that are kept.
const FILES_MAX: usize = 64;
/// Longest name kept, in bytes.
const NAME_MAX: usize = 512;

fn probe(probe: &Probe<'_>) -> Guess {
    let mut data = probe.data;
    // NetBIOS session request (RFC 1002, 4.3.2) before it, and the answer, which is four bytes.
    if let [0x81, 0, 0, 68, ..] = data {
        return match data.get(72..) {
            None | Some([]) => Guess::More,
            Some(rest) => message(rest),
        };
    }
    if let [0x82, 0, 0, 0, rest @ ..] = data {
        data = rest;
        if data.is_empty() {
            return Guess::More;
        }
    }
    message(data)
}

fn message(data: &[u8]) -> Guess {
    match data {
        [0, 0 | 1, _, _, 0xfc..=0xff, b'S', b'M', b'B', ..] => Guess::Certain,
        [0] | [0, _] | [0, _, _] | [0, _, _, _] => Guess::More,
        [0, _, _, _, 0xfc..=0xff, ..] if data.len() < 8 => Guess::More,
        _ => Guess::No,
    }
}

/// A NetBIOS or direct-TCP header; what stands there otherwise ends the reading.
fn frame(data: &[u8]) -> Frame {
    match data {
        [0x00 | 0x81..=0x85, ..] => u32_at(data, 0).map_or(Frame::More, |word| {
            Frame::Of(4 + u64::from(word & 0x00ff_ffff))
        }),
        _ => Frame::Wrong,
    }
}

/// A request that waits for its answer.
#[derive(Debug, Default)]
struct Request {
    /// Number of the exchange within the connection, from 1.
    number: u64,
    id: u64,
    command: u16,
    tree: u32,
    session: u64,
    file: [u8; 16],
    /// Name of file or share.
    name: String,
    /// Second name (rename), native OS.
    second: String,
    /// Native LAN manager.
    third: String,
    /// Disposition, access, level: what the command has.
    disposition: u32,
    /// `access` of Suricata: whether the file goes away when it is closed.
    delete: bool,
    dialects: Vec<String>,
    rpc: Option<dce_rpc::Pdu>,
    /// The interface that is called.
    interface: Option<Interface>,
    ntlm: Option<Ntlm>,
    token: SecurityToken,
}

/// Presentation context, UUID and version of an interface.
type Interface = (u16, String, String);

/// State of a connection.
#[derive(Debug, Default)]
struct Smb {
    pending: Vec<Request>,
    files: Vec<([u8; 16], Box<str>)>,
    dialect: &'static str,
    /// Trees that are pipes (IPC$), newest last.
    pipes: Vec<u32>,
    /// Who logs in, until the server has answered.
    user: Option<String>,
    old_said: bool,
    server_said: bool,
    /// Requests seen.
    requests: u64,
    /// A bind written to a pipe, and the status of the write: its answer will be read.
    bind: Option<(Request, u32)>,
    /// Interfaces that pipes were bound to.
    bound: Vec<([u8; 16], Interface)>,
    /// Messages seen, up to [`DOUBTFUL`] and one.
    messages: u8,
}

/// Most interfaces kept of the pipes of a connection.
const BOUND_MAX: usize = 64;

/// Messages until Zeek takes a connection for SMB.
const DOUBTFUL: u8 = 3;

impl Parser for Smb {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(data, KEPT, frame, |message| {
            self.session_message(context.from_client, message, events);
            Next::Continue
        })
    }

    fn gap(&mut self, _: &Context, _: u64, _: &mut dyn Events) -> Next {
        Next::Done
    }

    fn finish(&mut self, _: &Context, events: &mut dyn Events) {
        if let Some((request, code)) = self.bind.take() {
            self.say_2(&request, code, None, Vec::new(), events);
        }
        for request in std::mem::take(&mut self.pending) {
            self.unanswered(&request, events);
        }
        self.logged_in(None, events);
    }

    fn heap_bytes(&self) -> usize {
        let requests: usize = self.pending.iter().map(Request::heap_bytes).sum();
        let names: usize = self.files.iter().map(|(_, name)| name.len() + 32).sum();
        let bind = self
            .bind
            .as_ref()
            .map_or(0, |(request, _)| request.heap_bytes());
        let interface = |(_, uuid, version): &Interface| uuid.len() + version.len();
        let bound = self.bound.capacity() * size_of::<([u8; 16], Interface)>()
            + self
                .bound
                .iter()
                .map(|(_, of)| interface(of))
                .sum::<usize>();
        size_of::<Self>() + requests + names + bind + bound + self.pipes.capacity() * 4
    }
}

impl Request {
    fn heap_bytes(&self) -> usize {
        let dialects: usize = self.dialects.iter().map(|text| text.len() + 24).sum();
        let rpc = self
            .rpc
            .as_ref()
            .map_or(0, |pdu| pdu.interfaces.len() * 128);
        size_of::<Self>() + self.name.len() + self.second.len() + self.third.len() + dialects + rpc
    }
}

impl Smb {
    fn session_message(&mut self, from_client: bool, message: &[u8], events: &mut dyn Events) {
        if message.first() != Some(&0) {
            return;
        }
        let Some(body) = message.get(4..) else { return };
        self.messages = self.messages.saturating_add(1).min(DOUBTFUL + 1);
        match body {
            [0xff, b'S', b'M', b'B', ..] => {
                let spoken = self.version_1(body, from_client, events);
                if spoken && !std::mem::replace(&mut self.old_said, true) {
                    risk(events, Risk::ObsoleteSmb, "SMB 1 spoken");
                }
            }
            [0xfe, b'S', b'M', b'B', ..] => self.version_2(body, events),
            _ => {}
        }
    }

    fn remember(&mut self, mut request: Request) {
        self.requests += 1;
        request.number = self.requests;
        if self.pending.len() >= PENDING_MAX {
            self.pending.remove(0);
        }
        self.pending.push(request);
    }

    fn recall(&mut self, id: u64, command: u16) -> Option<Request> {
        let place = self
            .pending
            .iter()
            .position(|request| request.id == id && request.command == command)?;
        Some(self.pending.remove(place))
    }

    fn name_file(&mut self, file: [u8; 16], name: &str) {
        if name.is_empty() {
            return;
        }
        self.files.retain(|(known, _)| *known != file);
        if self.files.len() >= FILES_MAX {
            self.files.remove(0);
        }
        self.files.push((file, name.into()));
    }

    fn file_name(&self, file: &[u8; 16]) -> &str {
        self.files
            .iter()
            .find(|(known, _)| known == file)
            .map_or("", |(_, name)| name)
    }

    fn pipe(&mut self, tree: u32) {
        self.pipes.retain(|known| *known != tree);
        if self.pipes.len() >= 16 {
            self.pipes.remove(0);
        }
        self.pipes.push(tree);
    }

    /// Tells what a security blob carries.
    fn token(&self, token: SecurityToken, events: &mut dyn Events) {
        token.tell(self.messages <= DOUBTFUL, events);
    }

    /// Tells of what is spoken over a pipe.
    fn spoken_in_pipe(&self, request: &Request, events: &mut dyn Events) {
        if let Some(pdu) = &request.rpc
            && self.pipes.contains(&request.tree)
        {
            self.token(pdu.token, events);
            events.event(Event::Carries {
                protocol: &dce_rpc::PROTOCOL,
                early: self.messages <= DOUBTFUL,
            });
        }
    }

    /// Keeps what a pipe is bound to, and finds it again for a call.
    fn bound(&mut self, request: &mut Request) {
        let Some(pdu) = &request.rpc else { return };
        for interface in &pdu.interfaces {
            if self.bound.len() >= BOUND_MAX {
                self.bound.remove(0);
            }
            self.bound.push((request.file, interface.clone()));
        }
        if pdu.opnum.is_some() {
            let mut bound = self.bound.iter().rev();
            let found = bound
                .find(|(file, (context, ..))| (file, context) == (&request.file, &pdu.context));
            request.interface = found.map(|(_, interface)| interface.clone());
        }
    }

    /// What a security blob says.
    fn ntlm(&mut self, ntlm: &Ntlm, events: &mut dyn Events) {
        match ntlm {
            Ntlm::Authenticate(client) => {
                self.user = Some(account(&client.domain, &client.user));
                if let Some(version) = &client.version {
                    software(events, true, format!("Windows {version}").as_bytes());
                }
            }
            Ntlm::Challenge(server) => {
                if self.server_said {
                    return;
                }
                self.server_said = true;
                if let Some(version) = &server.version {
                    software(events, false, format!("Windows {version}").as_bytes());
                }
                if events.wants(Interest::DEVICES) && !server.computer.is_empty() {
                    let mut device = Device::new(DeviceSource::Smb);
                    device.hostname = Some(server.computer.as_bytes());
                    events.event(Event::Device(device));
                }
            }
            Ntlm::Negotiate { .. } => {}
        }
    }

    fn logged_in(&mut self, success: Option<bool>, events: &mut dyn Events) {
        if let Some(account) = self.user.take() {
            login(events, account.as_bytes(), "NTLM", success, false);
        }
    }
}

/// The status as Suricata writes it.
fn status_fields<'a>(name: &'a str, code: &'a str) -> [(&'static str, Value<'a>); 2] {
    [
        ("status", Value::Word(name)),
        ("status_code", Value::Word(code)),
    ]
}

/// Fields of a login's blob.
fn ntlm_fields<'a>(ntlm: &'a Ntlm, version: &'a mut String) -> Vec<(&'static str, Value<'a>)> {
    let mut fields = Vec::new();
    if let Ntlm::Authenticate(client) = ntlm {
        fields.push(("ntlmssp.domain", Value::Word(&client.domain)));
        fields.push(("ntlmssp.user", Value::Word(&client.user)));
        fields.push(("ntlmssp.host", Value::Word(&client.host)));
        if let Some(windows) = &client.version {
            *version = format!("{windows} rev {}", client.revision);
            fields.push(("ntlmssp.version", Value::Word(version)));
        }
    }
    fields
}

/// A share's name goes to `share`, the pipes' to `named_pipe`.
fn share_field(pipe: bool) -> &'static str {
    if pipe { "named_pipe" } else { "share" }
}

/// A file's number as Suricata writes it: two numbers of 64 bits ([MS-SMB2] 2.2.14.1) in groups, each
/// least significant byte first.
fn file_text(file: &[u8; 16]) -> String {
    let mut swapped = *file;
    swapped.swap(8, 9);
    swapped.swap(10, 11);
    if let Some(last) = swapped.get_mut(12..) {
        last.reverse();
    }
    dce_rpc::uuid_text(&swapped, true)
}

/// A server's number of 16 bytes, as Suricata writes it (all fields but the last least significant
/// byte first).
fn guid_text(guid: &[u8; 16]) -> String {
    let mut swapped = *guid;
    swapped.swap(8, 9);
    dce_rpc::uuid_text(&swapped, true)
}

/// Seconds since 1970 of a time in units of 100 ns since 1601; 0 where it is not set.
fn unix_seconds(filetime: u64) -> u64 {
    (filetime / 10_000_000).saturating_sub(11_644_473_600)
}

#[cfg(test)]
mod tests;
