//! Messages of SMB 1 (CIFS).

use super::names::{command_1, disposition, old_dialect, old_status, status};
use super::{NAME_MAX, Request, Smb, guid_text, ntlm_fields, share_field, status_fields};
use crate::app::dce_rpc;
use crate::app::ntlmssp::{self, Ntlm};
use crate::app::security_token::SecurityToken;
use crate::app::support::{say, until_nul, utf16_le};
use crate::app::text::display;
use crate::app::wire::{u16_le_at, u32_le_at};
use crate::app::{Events, Value};

const HEADER: usize = 32;
const REPLY: u8 = 0x80;
const NT_STATUS: u16 = 0x4000;
const UNICODE: u16 = 0x8000;
const EXTENDED_SECURITY: u16 = 0x0800;
const MORE_PROCESSING: u32 = 0xc000_0016;

/// SMB_COM_NEGOTIATE; commands of SMB 1 are marked by bits of their own among the pending ones.
pub(super) const NEGOTIATE: u16 = OLD | 0x72;
const OLD: u16 = 0x100;

/// The words and the bytes of a message.
struct Body<'a> {
    message: &'a [u8],
    words: &'a [u8],
    bytes: &'a [u8],
    bytes_at: usize,
    unicode: bool,
}

impl<'a> Body<'a> {
    fn new(message: &'a [u8]) -> Option<Self> {
        let count = usize::from(*message.get(HEADER)?) * 2;
        let words = message.get(HEADER + 1..HEADER + 1 + count)?;
        let bytes_at = HEADER + 3 + count;
        let length = usize::from(u16_le_at(message, bytes_at - 2).unwrap_or_default());
        let rest = message.get(bytes_at..).unwrap_or_default();
        Some(Self {
            message,
            words,
            bytes: rest.get(..length).unwrap_or(rest),
            bytes_at,
            unicode: u16_le_at(message, 10)? & UNICODE != 0,
        })
    }

    /// The text at a place among the bytes, and where it ends. UTF-16 stands at even places.
    fn text(&self, at: usize) -> (String, usize) {
        if !self.unicode {
            let text = until_nul(self.bytes.get(at..).unwrap_or_default());
            let shown = display(text.get(..NAME_MAX).unwrap_or(text)).into_owned();
            return (shown, at + text.len() + 1);
        }
        let at = at + (self.bytes_at + at) % 2;
        let rest = self.bytes.get(at..).unwrap_or_default();
        let units = rest
            .chunks_exact(2)
            .position(|unit| unit == [0, 0])
            .map_or(rest.len(), |units| 2 * units);
        (
            utf16_le(rest.get(..units).unwrap_or(rest), NAME_MAX),
            at + units + 2,
        )
    }
}

impl Smb {
    /// A message; says whether SMB 1 is really spoken (and not only offered beside SMB 2).
    pub(super) fn version_1(
        &mut self,
        message: &[u8],
        from_client: bool,
        events: &mut dyn Events,
    ) -> bool {
        let (Some(&command), Some(&flags), Some(flags2)) =
            (message.get(4), message.get(9), u16_le_at(message, 10))
        else {
            return false;
        };
        let (Some(tree), Some(mid)) = (u16_le_at(message, 24), u16_le_at(message, 30)) else {
            return false;
        };
        let reply = flags & REPLY != 0 || !from_client;
        let Some(body) = Body::new(message) else {
            return false;
        };
        // The answer to a negotiation that SMB 2 may follow still has number 0.
        let id = if command == 0x72 { 0 } else { u64::from(mid) };
        if reply {
            if let Some(request) = self.recall(id, OLD | u16::from(command)) {
                self.response_1(&body, &request, flags2, tree, events);
            }
            return true;
        }
        let mut request = Request {
            id,
            command: OLD | u16::from(command),
            tree: tree.into(),
            ..Request::default()
        };
        self.request_1(command, &body, &mut request);
        self.token(request.token, events);
        self.spoken_in_pipe(&request, events);
        if let Some(ntlm) = request.ntlm.take() {
            self.ntlm(&ntlm, events);
            request.ntlm = Some(ntlm);
        }
        self.remember(request);
        command != 0x72
    }

    fn request_1(&mut self, command: u8, body: &Body<'_>, request: &mut Request) {
        match command {
            0x72 => {
                let names = body.bytes.split(|&byte| byte == 0).take(16);
                request.dialects = names
                    .filter_map(|name| name.strip_prefix(b"\x02"))
                    .map(|name| display(name.get(..64).unwrap_or(name)).into_owned())
                    .collect();
            }
            0x73 if body.words.len() == 24 => {
                let length = usize::from(u16_le_at(body.words, 14).unwrap_or_default());
                let blob = body.bytes.get(..length).unwrap_or(body.bytes);
                request.ntlm = ntlmssp::find(blob);
                request.token = SecurityToken::read(blob);
                let (os, end) = body.text(length);
                request.second = os;
                request.third = body.text(end).0;
            }
            0x73 if body.words.len() == 26 => {
                let passwords = usize::from(u16_le_at(body.words, 14).unwrap_or_default())
                    + usize::from(u16_le_at(body.words, 16).unwrap_or_default());
                let (user, end) = body.text(passwords);
                let (domain, end) = body.text(end);
                let (os, end) = body.text(end);
                request.second = os;
                request.third = body.text(end).0;
                self.user = Some(ntlmssp::account(&domain, &user));
            }
            0x75 => {
                let password = usize::from(u16_le_at(body.words, 6).unwrap_or_default());
                let (path, end) = body.text(password);
                request.name = path;
                let service = until_nul(body.bytes.get(end..).unwrap_or_default());
                request.second = display(service.get(..16).unwrap_or(service)).into_owned();
            }
            0xa2 => {
                request.name = body.text(0).0;
                request.disposition = u32_le_at(body.words, 35).unwrap_or_default();
                let options = u32_le_at(body.words, 39).unwrap_or_default();
                request.delete = options & 0x1000 != 0;
            }
            0x2d | 0x06 | 0x10 | 0x00 | 0x01 | 0x07 | 0x08 => {
                let skip = usize::from(command != 0x2d);
                request.name = body.text(skip).0;
            }
            0x25 => {
                request.name = body.text(0).0;
                let offset = usize::from(u16_le_at(body.words, 24).unwrap_or_default());
                request.rpc = body.message.get(offset..).and_then(dce_rpc::parse);
            }
            0x2f => {
                let offset = usize::from(u16_le_at(body.words, 22).unwrap_or_default());
                request.rpc = body.message.get(offset..).and_then(dce_rpc::parse);
            }
            _ => {}
        }
    }

    fn response_1(
        &mut self,
        body: &Body<'_>,
        request: &Request,
        flags2: u16,
        tree: u16,
        events: &mut dyn Events,
    ) {
        let code = u32_le_at(body.message, 5).unwrap_or_default();
        // Some servers answer with errors of the old kind, whatever the flag says.
        let class = code & 0xff;
        let old = flags2 & NT_STATUS == 0;
        let (name, number) = if old && code != 0 {
            let error = (code >> 16) as u16;
            (old_status(class as u8, error), format!("0x{error:04x}"))
        } else {
            (status(code), format!("0x{code:x}"))
        };
        let command = (request.command & 0xff) as u8;
        if command == 0x72 {
            let index = usize::from(u16_le_at(body.words, 0).unwrap_or(u16::MAX));
            let chosen = request.dialects.get(index).map_or("", String::as_str);
            self.dialect = old_dialect(chosen.as_bytes());
        }
        let [status_field, code_field] = status_fields(name, &number);
        let mut version = String::new();
        let mut fields = vec![
            ("id", Value::Number(request.number)),
            ("dialect", Value::Word(self.dialect_name())),
            ("command", Value::Word(command_1(command))),
            status_field,
            code_field,
        ];
        if command != 0x72 {
            let session = u16_le_at(body.message, 28).unwrap_or_default();
            fields.push(("session_id", Value::Number(session.into())));
            fields.push(("tree_id", Value::Number(tree.into())));
        }
        let dialects: Vec<&[u8]> = request.dialects.iter().map(String::as_bytes).collect();
        let (os, lm, guid);
        match command {
            0x72 => {
                fields.push(("client_dialects", Value::List(&dialects)));
                if flags2 & EXTENDED_SECURITY != 0
                    && let Some(bytes) = body.bytes.first_chunk::<16>()
                {
                    let blob = body.bytes.get(16..).unwrap_or_default();
                    self.token(SecurityToken::read(blob), events);
                    guid = guid_text(bytes);
                    fields.push(("server_guid", Value::Word(&guid)));
                }
            }
            0x73 => {
                let mut at = 0;
                if body.words.len() == 8 {
                    at = usize::from(u16_le_at(body.words, 6).unwrap_or_default());
                    let blob = body.bytes.get(..at).unwrap_or(body.bytes);
                    self.token(SecurityToken::read(blob), events);
                    if let Some(ntlm) = ntlmssp::find(blob) {
                        self.ntlm(&ntlm, events);
                    }
                }
                if code != MORE_PROCESSING {
                    let wanted = matches!(request.ntlm, Some(Ntlm::Authenticate(_)) | None);
                    if wanted {
                        self.logged_in(Some(code == 0), events);
                    }
                }
                let end;
                (os, end) = body.text(at);
                lm = body.text(end).0;
                for (name, text) in [
                    ("request.native_os", &request.second),
                    ("request.native_lm", &request.third),
                    ("response.native_os", &os),
                    ("response.native_lm", &lm),
                ] {
                    if !text.is_empty() {
                        fields.push((name, Value::Word(text)));
                    }
                }
                if let Some(ntlm) = &request.ntlm {
                    fields.extend(ntlm_fields(ntlm, &mut version));
                }
            }
            0x75 => {
                let service = until_nul(body.bytes);
                let pipe = service == b"IPC" || request.name.ends_with("\\IPC$");
                if pipe && code == 0 {
                    self.pipe(tree.into());
                }
                fields.push((share_field(pipe), Value::Word(&request.name)));
                fields.push(("service.request", Value::Word(&request.second)));
                if service.len() < 16 {
                    fields.push(("service.response", Value::Text(service)));
                }
            }
            0xa2 => {
                fields.push(("filename", Value::Word(&request.name)));
                fields.push(("disposition", Value::Word(disposition(request.disposition))));
                let access = if request.delete {
                    "delete on close"
                } else {
                    "normal"
                };
                fields.push(("access", Value::Word(access)));
            }
            // Bulk.
            0x0a | 0x2e | 0x08 | 0x23 | 0x32 => return,
            _ => {
                if !request.name.is_empty() {
                    fields.push(("filename", Value::Word(&request.name)));
                }
            }
        }
        if let Some(pdu) = &request.rpc {
            fields.push(("dcerpc.request", Value::Word(pdu.kind)));
            fields.push(("dcerpc.call_id", Value::Number(pdu.call_id.into())));
            if let Some(opnum) = pdu.opnum {
                fields.push(("dcerpc.opnum", Value::Number(opnum.into())));
            }
        }
        say(events, command_1(command), &fields);
    }

    /// A negotiation of SMB 1 that the server answered in SMB 2.
    pub(super) fn negotiated_by_old(&self, request: &Request, code: u32, events: &mut dyn Events) {
        let dialects: Vec<&[u8]> = request.dialects.iter().map(String::as_bytes).collect();
        let number = format!("0x{code:x}");
        let [status_field, code_field] = status_fields(status(code), &number);
        say(
            events,
            command_1(0x72),
            &[
                ("id", Value::Number(request.number)),
                ("dialect", Value::Word(self.dialect_name())),
                ("command", Value::Word(command_1(0x72))),
                status_field,
                code_field,
                ("client_dialects", Value::List(&dialects)),
            ],
        );
    }
}
