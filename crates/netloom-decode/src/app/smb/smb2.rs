//! Messages of SMB 2 and 3.

use super::names::{command_1, command_2, dialect, disposition, status};
use super::{
    NAME_MAX, Request, Smb, file_text, guid_text, ntlm_fields, share_field, status_fields,
    unix_seconds,
};
use crate::app::dce_rpc::{self, LISTS, Texts};
use crate::app::ntlmssp::{self, Ntlm};
use crate::app::security_token::SecurityToken;
use crate::app::support::{say, utf16_le};
use crate::app::wire::{u16_le_at, u32_le_at};
use crate::app::{Events, Interest, Value};

const HEADER: usize = 64;
const RESPONSE: u32 = 1;
const ASYNC: u32 = 2;
const PENDING: u32 = 0x103;
const MORE_PROCESSING: u32 = 0xc000_0016;
/// FSCTL_PIPE_TRANSCEIVE: a call and its answer over a pipe in one go.
const TRANSCEIVE: u32 = 0x0011_c017;
/// FILE_DELETE_ON_CLOSE among the options of CREATE.
const DELETE_ON_CLOSE: u32 = 0x1000;
/// Most messages that one frame may chain.
const CHAIN_MAX: usize = 32;

mod command {
    pub(super) const NEGOTIATE: u16 = 0;
    pub(super) const SESSION_SETUP: u16 = 1;
    pub(super) const TREE_CONNECT: u16 = 3;
    pub(super) const CREATE: u16 = 5;
    pub(super) const CLOSE: u16 = 6;
    pub(super) const READ: u16 = 8;
    pub(super) const WRITE: u16 = 9;
    pub(super) const IOCTL: u16 = 11;
    pub(super) const CANCEL: u16 = 12;
    pub(super) const GET_INFO: u16 = 16;
    pub(super) const SET_INFO: u16 = 17;
}

/// 64 bits at a place, least significant byte first.
fn u64_at(data: &[u8], at: usize) -> Option<u64> {
    let bytes = data.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}

/// 16 bytes at a place.
fn guid_at(data: &[u8], at: usize) -> Option<[u8; 16]> {
    data.get(at..)?.first_chunk().copied()
}

/// What an offset (from the header) and a length of 16 bits point to.
fn buffer(message: &[u8], offset_at: usize) -> Option<&[u8]> {
    let offset = usize::from(u16_le_at(message, offset_at)?);
    let length = usize::from(u16_le_at(message, offset_at + 2)?);
    message.get(offset..offset.checked_add(length)?)
}

/// The same with 32 bits each; what is cut off is left away.
fn long_buffer(message: &[u8], offset_at: usize) -> Option<&[u8]> {
    let offset = u32_le_at(message, offset_at)? as usize;
    let length = u32_le_at(message, offset_at + 4)? as usize;
    let rest = message.get(offset..)?;
    Some(rest.get(..length).unwrap_or(rest))
}

/// The file's number; all ones stand for the one that the message before in a chain named.
fn file_2(message: &[u8], at: usize, related: &mut [u8; 16]) -> [u8; 16] {
    let file = guid_at(message, at).unwrap_or_default();
    if file == [0xff; 16] {
        return *related;
    }
    *related = file;
    file
}

impl Smb {
    /// The messages of a frame, chained by NextCommand.
    pub(super) fn version_2(&mut self, mut frame: &[u8], events: &mut dyn Events) {
        let mut file = [0; 16];
        for _ in 0..CHAIN_MAX {
            let next = u32_le_at(frame, 20).unwrap_or_default() as usize;
            let message = if next == 0 {
                frame
            } else {
                frame.get(..next).unwrap_or(frame)
            };
            self.message_2(message, &mut file, events);
            match frame.get(next..) {
                Some(rest) if next >= HEADER && rest.starts_with(b"\xfeSMB") => frame = rest,
                _ => break,
            }
        }
    }

    fn message_2(&mut self, message: &[u8], file: &mut [u8; 16], events: &mut dyn Events) {
        let (Some(code), Some(command), Some(flags), Some(id), Some(session)) = (
            u32_le_at(message, 8),
            u16_le_at(message, 12),
            u32_le_at(message, 16),
            u64_at(message, 24),
            u64_at(message, 40),
        ) else {
            return;
        };
        let tree = if flags & ASYNC == 0 {
            u32_le_at(message, 36).unwrap_or_default()
        } else {
            0
        };
        if flags & RESPONSE == 0 {
            if command == command::CANCEL {
                return;
            }
            let mut request = Request {
                id,
                command,
                tree,
                session,
                ..Request::default()
            };
            self.request_2(message, &mut request, file);
            self.bound(&mut request);
            self.token(request.token, events);
            self.spoken_in_pipe(&request, events);
            if let Some(ntlm) = request.ntlm.take() {
                self.ntlm(&ntlm, events);
                request.ntlm = Some(ntlm);
            }
            self.remember(request);
        } else {
            if code == PENDING && flags & ASYNC != 0 {
                return;
            }
            if command == command::NEGOTIATE {
                if let Some(blob) = buffer(message, HEADER + 56) {
                    self.token(SecurityToken::read(blob), events);
                }
                let chosen = u16_le_at(message, HEADER + 4).unwrap_or_default();
                self.dialect = dialect(chosen);
                // A client of SMB 1 that offers SMB 2 is answered in SMB 2.
                if let Some(request) = self.recall(0, super::smb1::NEGOTIATE) {
                    self.negotiated_by_old(&request, code, events);
                    return;
                }
            }
            let Some(request) = self.recall(id, command) else {
                return;
            };
            self.response_2(message, request, code, session, events);
        }
    }

    fn request_2(&mut self, message: &[u8], request: &mut Request, file: &mut [u8; 16]) {
        match request.command {
            command::NEGOTIATE => {
                let count = usize::from(u16_le_at(message, HEADER + 2).unwrap_or_default());
                for index in 0..count.min(16) {
                    if let Some(number) = u16_le_at(message, HEADER + 36 + 2 * index) {
                        request.dialects.push(dialect(number).to_owned());
                    }
                }
                request.file = guid_at(message, HEADER + 12).unwrap_or_default();
            }
            command::SESSION_SETUP => {
                if let Some(blob) = buffer(message, HEADER + 12) {
                    request.ntlm = ntlmssp::find(blob);
                    request.token = SecurityToken::read(blob);
                }
            }
            command::TREE_CONNECT => {
                let path = buffer(message, HEADER + 4).unwrap_or_default();
                request.name = utf16_le(path, NAME_MAX);
            }
            command::CREATE => {
                let name = buffer(message, HEADER + 44).unwrap_or_default();
                request.name = utf16_le(name, NAME_MAX);
                request.disposition = u32_le_at(message, HEADER + 36).unwrap_or_default();
                let options = u32_le_at(message, HEADER + 40).unwrap_or_default();
                request.delete = options & DELETE_ON_CLOSE != 0;
            }
            command::CLOSE => {
                request.file = file_2(message, HEADER + 8, file);
                request.name = self.file_name(&request.file).to_owned();
            }
            command::READ => {
                request.file = file_2(message, HEADER + 16, file);
                request.name = self.file_name(&request.file).to_owned();
            }
            command::WRITE => {
                request.file = file_2(message, HEADER + 16, file);
                request.name = self.file_name(&request.file).to_owned();
                let offset = usize::from(u16_le_at(message, HEADER + 2).unwrap_or_default());
                request.rpc = message.get(offset..).and_then(dce_rpc::parse);
            }
            command::IOCTL => {
                request.disposition = u32_le_at(message, HEADER + 4).unwrap_or_default();
                request.file = file_2(message, HEADER + 8, file);
                if request.disposition == TRANSCEIVE {
                    request.rpc = long_buffer(message, HEADER + 24).and_then(dce_rpc::parse);
                }
            }
            command::SET_INFO => self.set_info(message, request, file),
            _ => {}
        }
    }

    fn set_info(&self, message: &[u8], request: &mut Request, file: &mut [u8; 16]) {
        request.file = file_2(message, HEADER + 16, file);
        let name = self.file_name(&request.file).to_owned();
        let offset = usize::from(u16_le_at(message, HEADER + 8).unwrap_or_default());
        let data = message.get(offset..).unwrap_or_default();
        match (message.get(HEADER + 2), message.get(HEADER + 3)) {
            // FileRenameInformation.
            (Some(1), Some(10)) => {
                let length = u32_le_at(data, 16).unwrap_or_default() as usize;
                let rest = data.get(20..).unwrap_or_default();
                request.second = utf16_le(rest.get(..length).unwrap_or(rest), NAME_MAX);
                request.name = name;
            }
            // FileDispositionInformation: to be deleted when closed.
            (Some(1), Some(13)) if data.first() == Some(&1) => {
                request.delete = true;
                request.name = name;
            }
            _ => {}
        }
    }

    fn response_2(
        &mut self,
        message: &[u8],
        mut request: Request,
        code: u32,
        session: u64,
        events: &mut dyn Events,
    ) {
        if request.session == 0 {
            request.session = session;
        }
        let mut fields = Vec::new();
        let dialects: Vec<&[u8]> = request.dialects.iter().map(String::as_bytes).collect();
        let guid;
        let mut version = String::new();
        let mut answer = None;
        match request.command {
            command::NEGOTIATE => {
                fields.push(("client_dialects", Value::List(&dialects)));
                guid = (
                    guid_text(&request.file),
                    guid_text(&guid_at(message, HEADER + 8).unwrap_or_default()),
                );
                fields.push(("client_guid", Value::Word(&guid.0)));
                fields.push(("server_guid", Value::Word(&guid.1)));
            }
            command::SESSION_SETUP => {
                if let Some(blob) = buffer(message, HEADER + 4) {
                    self.token(SecurityToken::read(blob), events);
                    if let Some(ntlm) = ntlmssp::find(blob) {
                        self.ntlm(&ntlm, events);
                    }
                }
                if code != MORE_PROCESSING && matches!(request.ntlm, Some(Ntlm::Authenticate(_))) {
                    self.logged_in(Some(code == 0), events);
                }
                if let Some(ntlm) = &request.ntlm {
                    fields.extend(ntlm_fields(ntlm, &mut version));
                }
            }
            command::TREE_CONNECT => {
                let pipe = if code == 0 {
                    message.get(HEADER + 2) == Some(&2)
                } else {
                    request.name.ends_with("\\IPC$")
                };
                if pipe && let Some(tree) = u32_le_at(message, 36) {
                    self.pipe(tree);
                }
                fields.push((share_field(pipe), Value::Word(&request.name)));
                let kind = match message.get(HEADER + 2) {
                    Some(1) => "FILE",
                    Some(2) => "PIPE",
                    Some(3) => "PRINT",
                    _ => "UNKNOWN",
                };
                fields.push(("share_type", Value::Word(kind)));
                if let (0, Some(tree)) = (code, u32_le_at(message, 36)) {
                    fields.push(("tree_id", Value::Number(tree.into())));
                }
            }
            command::CREATE => {
                guid = (
                    String::new(),
                    self.created(message, &request, code, &mut fields),
                );
                if code == 0 {
                    fields.push(("fuid", Value::Word(&guid.1)));
                }
            }
            // Bulk, unless it is the answer to a call that was written to a pipe.
            command::READ => {
                if code == 0 {
                    let offset = message.get(HEADER + 2).copied().unwrap_or_default();
                    let pdu = message.get(offset.into()..).and_then(dce_rpc::parse);
                    if let (Some(pdu), Some((bind, code))) = (&pdu, self.bind.take()) {
                        self.say_2(&bind, code, Some(pdu), Vec::new(), events);
                    }
                    if pdu.is_some() || self.pipes.contains(&request.tree) {
                        return;
                    }
                } else {
                    return;
                }
                guid = (file_text(&request.file), String::new());
                if !request.name.is_empty() {
                    fields.push(("filename", Value::Word(&request.name)));
                }
                fields.push(("fuid", Value::Word(&guid.0)));
            }
            command::GET_INFO => return,
            command::IOCTL => {
                answer = long_buffer(message, HEADER + 32).and_then(dce_rpc::parse);
            }
            command::CLOSE => self.files.retain(|(known, _)| *known != request.file),
            command::WRITE
                if request
                    .rpc
                    .as_ref()
                    .is_some_and(|pdu| !pdu.interfaces.is_empty()) =>
            {
                if let Some((before, code)) = self.bind.replace((request, code)) {
                    self.say_2(&before, code, None, Vec::new(), events);
                }
                return;
            }
            command::WRITE if !request.name.is_empty() => {
                guid = (file_text(&request.file), String::new());
                fields.push(("filename", Value::Word(&request.name)));
                fields.push(("fuid", Value::Word(&guid.0)));
            }
            command::SET_INFO if !request.second.is_empty() => {
                fields.push(("rename.from", Value::Word(&request.name)));
                fields.push(("rename.to", Value::Word(&request.second)));
            }
            command::SET_INFO if request.delete => {
                fields.push(("filename", Value::Word(&request.name)));
                fields.push(("access", Value::Word("delete on close")));
            }
            _ => {}
        }
        self.say_2(&request, code, answer.as_ref(), fields, events);
    }

    /// Says an exchange: what all have, what this one has, and the call inside it.
    pub(super) fn say_2(
        &self,
        request: &Request,
        code: u32,
        answer: Option<&dce_rpc::Pdu>,
        own: Vec<(&'static str, Value<'_>)>,
        events: &mut dyn Events,
    ) {
        if !events.wants(Interest::MESSAGES) {
            return;
        }
        let number = format!("0x{code:x}");
        let mut fields = vec![
            ("id", Value::Number(request.number)),
            ("dialect", Value::Word(self.dialect_name())),
            ("command", Value::Word(command_2(request.command))),
        ];
        fields.extend(status_fields(status(code), &number));
        fields.push(("session_id", Value::Number(request.session)));
        if own.iter().all(|(name, _)| *name != "tree_id") {
            fields.push(("tree_id", Value::Number(request.tree.into())));
        }
        fields.extend(own);
        // A call names the interface that its context was bound to.
        let interfaces = match &request.interface {
            Some(called) => std::slice::from_ref(called),
            None => request.rpc.as_ref().map_or(&[][..], |pdu| &pdu.interfaces),
        };
        let results = answer.map_or(&[][..], |pdu| &pdu.results);
        let texts = Texts::new(interfaces, results);
        let lists = texts.lists();
        if let Some(pdu) = &request.rpc {
            fields.push(("dcerpc.request", Value::Word(pdu.kind)));
            fields.push(("dcerpc.call_id", Value::Number(pdu.call_id.into())));
            if let Some(opnum) = pdu.opnum {
                fields.push(("dcerpc.opnum", Value::Number(opnum.into())));
            }
            if let Some(answer) = answer {
                fields.push(("dcerpc.response", Value::Word(answer.kind)));
            }
            for (list, (name, _)) in lists.iter().zip(LISTS) {
                if !list.is_empty() {
                    fields.push((name, Value::List(list)));
                }
            }
        }
        say(events, command_2(request.command), &fields);
    }

    /// Facts of a file that was opened; its number as text.
    fn created<'a>(
        &mut self,
        message: &[u8],
        request: &'a Request,
        code: u32,
        fields: &mut Vec<(&'static str, Value<'a>)>,
    ) -> String {
        let name = if request.name.is_empty() {
            "<share_root>"
        } else {
            &request.name
        };
        fields.push(("filename", Value::Word(name)));
        fields.push(("disposition", Value::Word(disposition(request.disposition))));
        let access = if request.delete {
            "delete on close"
        } else {
            "normal"
        };
        fields.push(("access", Value::Word(access)));
        if code != 0 {
            return String::new();
        }
        for (name, at) in [
            ("created", 8),
            ("accessed", 16),
            ("modified", 24),
            ("changed", 32),
        ] {
            let time = u64_at(message, HEADER + at).unwrap_or_default();
            fields.push((name, Value::Number(unix_seconds(time))));
        }
        let size = u64_at(message, HEADER + 48).unwrap_or_default();
        fields.push(("size", Value::Number(size)));
        let Some(file) = guid_at(message, HEADER + 64) else {
            return String::new();
        };
        self.name_file(file, &request.name);
        file_text(&file)
    }

    /// A request without an answer: lost, or one direction alone was captured.
    pub(super) fn unanswered(&self, request: &Request, events: &mut dyn Events) {
        let old = request.command >= 0x100;
        let command = if old {
            command_1((request.command & 0xff) as u8)
        } else {
            command_2(request.command)
        };
        if !old && matches!(request.command, command::READ | command::GET_INFO) {
            return;
        }
        let mut fields = vec![
            ("id", Value::Number(request.number)),
            ("dialect", Value::Word(self.dialect_name())),
            ("command", Value::Word(command)),
            ("tree_id", Value::Number(request.tree.into())),
        ];
        if !request.name.is_empty() {
            fields.push(("filename", Value::Word(&request.name)));
        }
        say(events, command, &fields);
    }

    /// The dialect agreed on, `unknown` where the capture began later.
    pub(super) fn dialect_name(&self) -> &'static str {
        if self.dialect.is_empty() {
            "unknown"
        } else {
            self.dialect
        }
    }
}
