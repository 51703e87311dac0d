//! Rows that come out of a flow's payload while it lives.

use std::net::IpAddr;
use std::sync::Arc;

use netloom_decode::app::{DeviceSource, Message, Protocol, Value, text};
use netloom_packet::{MacAddr, Timestamp};

use super::dns::DnsRecord;
use super::http::HttpRecord;
use super::tls::TlsRecord;
use crate::key::{FlowId, FlowIdentity};

/// A row of `dns`, `tls`, `http` or `messages`, or a fact about a device; and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct AppRecord {
    /// The flow and the packet: one for all rows that a packet completes, for a packet of a few hundred
    /// bytes may hold as many messages.
    pub origin: Arc<RowOrigin>,
    /// Number of the packet that completed the record; rows are ordered by it.
    pub number: u64,
    /// The row.
    pub row: AppRow,
}

/// What rows have in common that one packet of a flow completed.
#[derive(Debug, Clone, PartialEq)]
pub struct RowOrigin {
    /// The flow.
    pub flow: FlowIdentity,
    /// Time of the packet.
    pub ts: Timestamp,
    /// Originator of the flow.
    pub src: (IpAddr, u16),
    /// Its responder.
    pub dst: (IpAddr, u16),
    /// Its IP protocol number.
    pub protocol: u8,
}

impl AppRecord {
    /// See [`flow_id`](crate::flow_id).
    pub fn flow_id(&self) -> FlowId {
        self.origin.flow.id()
    }
}

/// A row, by its table.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum AppRow {
    /// A row of `dns`.
    Dns(Box<DnsRecord>),
    /// A row of `tls`.
    Tls(Box<TlsRecord>),
    /// A row of `http`.
    Http(Box<HttpRecord>),
    /// A row of `messages`.
    Message(Box<MessageRecord>),
    /// For `hosts`.
    Device(Box<DeviceRecord>),
}

/// A message of a protocol without a table of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageRecord {
    /// The protocol.
    pub service: &'static Protocol,
    /// Whether the originator sent it.
    pub from_src: bool,
    /// What it is.
    pub kind: Box<str>,
    /// What it says.
    pub fields: Vec<(&'static str, FieldValue)>,
}

/// A value of a message, safe to show.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum FieldValue {
    /// Text; bytes that are no text as `\xNN`, or all as hex.
    Text(Box<str>),
    /// A number.
    Number(u64),
    /// Yes or no.
    Flag(bool),
    /// Several texts.
    List(Vec<Box<str>>),
}

/// Most fields of a message, and most items of a list.
const FIELDS_MAX: usize = 64;

impl MessageRecord {
    /// A copy of a parser's message.
    pub(crate) fn new(service: &'static Protocol, from_src: bool, message: &Message<'_>) -> Self {
        Self {
            service,
            from_src,
            kind: text::display(message.kind.as_bytes()).into(),
            fields: message
                .fields
                .iter()
                .take(FIELDS_MAX)
                .map(|(name, value)| (*name, FieldValue::new(value)))
                .collect(),
        }
    }
}

impl FieldValue {
    fn new(value: &Value<'_>) -> Self {
        match value {
            Value::Text(bytes) => Self::Text(text::display(bytes).into()),
            Value::Word(word) => Self::Text(text::display(word.as_bytes()).into()),
            Value::Number(number) => Self::Number(*number),
            Value::Flag(flag) => Self::Flag(*flag),
            Value::Address(address) => Self::Text(address.to_string().into()),
            Value::Bytes(bytes) => Self::Text(text::hex(bytes.get(..1024).unwrap_or(bytes)).into()),
            Value::List(texts) => Self::List(
                texts
                    .iter()
                    .take(FIELDS_MAX)
                    .map(|bytes| text::display(bytes).into())
                    .collect(),
            ),
            other => Self::Text(format!("{other:?}").into()),
        }
    }
}

/// What a device said of itself or of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRecord {
    /// The device.
    pub address: Option<IpAddr>,
    /// The address that it asks for and does not have yet (DHCP).
    pub requested: Option<IpAddr>,
    /// Its hardware address.
    pub mac: Option<MacAddr>,
    /// How it is known.
    pub source: DeviceSource,
    /// Its name.
    pub hostname: Option<Box<str>>,
    /// Its maker or vendor class.
    pub vendor: Option<Box<str>>,
    /// Its model.
    pub model: Option<Box<str>>,
    /// Its operating system.
    pub os: Option<Box<str>>,
    /// Its DHCP fingerprint.
    pub fingerprint: Option<Box<str>>,
    /// A service it offers.
    pub service: Option<Box<str>>,
}
