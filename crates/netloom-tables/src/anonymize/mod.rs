//! Tables that do not say who it was: addresses, names and other texts replaced under a key.
//!
//! What is equal stays equal and what differs stays different (texts: as far as 50 bits of
//! HMAC-SHA-256 tell), so that every count, sum and group size is that of the original, as long
//! as nothing is asked about an address or a name itself. How a column is treated stands with the
//! column ([`Identity`]):
//!
//! - **Addresses** by [`CryptoPan`], prefix-preserving. What is no host's stays: unspecified,
//!   loopback, broadcast, masks (`255.255.255.0`), multicast (of IPv6 groups that networks make up, what follows the first
//!   16 bits is replaced; of solicited-node groups the host's 24 bits). Link-local addresses stay
//!   link-local, IPv4-mapped ones IPv4-mapped. An address whose image would be one of those is
//!   mapped again until it is not: prefixes of 16 bits and more (IPv6: 64) are preserved for those,
//!   too, but for the few that would be `0.0.0.0`, a mask, `::`, `::1` or IPv4-mapped: these go alone.
//! - **Hardware addresses** keep their maker's first half; the second is permuted. Group
//!   addresses stay; of addresses that a machine made up (random ones) everything but the two
//!   flags is permuted.
//! - **Names** label by label, each together with what follows it, so that `domain` is still the
//!   end of `server_name`. Names that differ in capital and small letters alone differ in those alone. Public suffixes stay (`co.uk`), labels that begin with `_` (kinds of
//!   service), and `local`. A name that is an address is one; in `in-addr.arpa` and `ip6.arpa`,
//!   too.
//! - **Paths and URLs** piece by piece, with their separators.
//! - **Other texts** as a whole: sixteen letters for each; of payloads, other bytes, as many.
//! - **Serial numbers** of devices in JSON, by a permutation of numbers.
//! - **Flow and community identifiers** as keyed hashes, since addresses can be guessed from them.
//!
//! Times, ports, lengths, protocols, states, fingerprints of software, countries and makers stay.

mod pan;
mod text;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{UInt32Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, ListArray, RecordBatch, RecordBatchOptions, StringArray, new_null_array,
};
use arrow_schema::DataType;
use hmac::{Hmac, Mac as _};
use netloom_packet::MacAddr;
use sha2::Sha256;

pub use pan::CryptoPan;

use self::pan::Permutation;
use crate::column::{ColumnDef, Kind};

/// What a column says of who it was, and so how it is anonymised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Identity {
    /// Nobody has said: numbers say nothing of anybody, addresses are known as such, and any
    /// other text is replaced as a whole.
    #[default]
    Unsaid,
    /// Nothing: it stays.
    Nothing,
    /// A name of a host or domain.
    Name,
    /// An address, as text.
    Address,
    /// What a DNS record holds: an address, a name, or a kind and a text.
    Answer,
    /// DNS records as JSON: names (`rrname`, `name`), data (`rdata`, `data`), types (`rrtype`, `type`).
    Records,
    /// A path or URL.
    Uri,
    /// A distinguished name.
    DistinguishedName,
    /// A title that stays and, behind a colon, a text.
    Evidence,
    /// A JSON object, of which all texts are replaced.
    Json,
    /// A service (`tls:443/tcp`) that stays, or a text.
    Service,
    /// An identifier that is made from addresses: 16 base62 digits.
    FlowId,
    /// Another one: `1:` and 20 bytes in base64.
    CommunityId,
    /// A number that stands for somebody.
    Number,
    /// Any text.
    Text,
    /// Bytes that were sent, as hexadecimal digits.
    Bytes,
}

/// A secret of 32 bytes. Who has it can tell which original an address or name stands for by
/// trying.
#[derive(Clone, PartialEq, Eq)]
pub struct AnonymizeKey([u8; 32]);

impl std::fmt::Debug for AnonymizeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnonymizeKey").finish_non_exhaustive()
    }
}

/// Something is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a key is 32 bytes, or 64 hexadecimal digits; this has {length} {}", if *.text { "characters" } else { "bytes" })]
pub struct BadKey {
    length: usize,
    text: bool,
}

impl AnonymizeKey {
    /// A key of these bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A key as it stands in a file: its 32 bytes, or as 64 hexadecimal digits.
    ///
    /// # Errors
    ///
    /// When it is neither.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadKey> {
        if let Ok(bytes) = bytes.try_into() {
            return Ok(Self(bytes));
        }
        let text = bytes.trim_ascii();
        let mut key = [0; 32];
        let bad = BadKey {
            length: text.len(),
            text: text.is_ascii(),
        };
        if text.len() != 64 {
            return Err(bad);
        }
        for (byte, digits) in key.iter_mut().zip(text.chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| bad.clone())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| bad.clone())?;
        }
        Ok(Self(key))
    }

    /// The key as 64 hexadecimal digits.
    pub fn to_hex(&self) -> String {
        use std::fmt::Write as _;
        self.0.iter().fold(String::new(), |mut hex, byte| {
            // Writing to a String cannot fail.
            _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

/// Replaces addresses, names and texts under a key. See the [module](self).
pub struct Anonymizer {
    pan: CryptoPan,
    permutation: Permutation,
    texts: Hmac<Sha256>,
}

impl std::fmt::Debug for Anonymizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Anonymizer").finish_non_exhaustive()
    }
}

/// Which permutation of 24 bits: of hosts in solicited-node groups.
const SOLICITED: u32 = 0xff00_0001;
/// Of addresses that a machine made up.
const MADE_UP: u32 = 0xff00_0002;
/// Of numbers that stand for somebody.
const NUMBERS: u32 = 0xff00_0003;

impl Anonymizer {
    /// What this key does.
    ///
    /// # Panics
    ///
    /// Never: HMAC takes keys of any length.
    pub fn new(key: &AnonymizeKey) -> Self {
        let mac = |key: &[u8]| {
            <Hmac<Sha256> as hmac::Mac>::new_from_slice(key).expect("a key of any length will do")
        };
        // Each use has a key of its own.
        let derive = |purpose: &[u8]| -> [u8; 32] {
            let mut derived = mac(&key.0);
            derived.update(purpose);
            derived.finalize().into_bytes().into()
        };
        let mut permutation = [0; 16];
        permutation.copy_from_slice(&derive(b"netloom permutation")[..16]);
        Self {
            pan: CryptoPan::new(&key.0),
            permutation: Permutation::new(&permutation),
            texts: mac(&derive(b"netloom texts")),
        }
    }

    /// The address that stands for another.
    pub fn ip(&self, address: IpAddr) -> IpAddr {
        match address {
            IpAddr::V4(v4) => self.v4(v4).into(),
            IpAddr::V6(v6) => self.v6(v6).into(),
        }
    }

    fn v4(&self, address: Ipv4Addr) -> Ipv4Addr {
        let bits = |address: Ipv4Addr| u128::from(address.to_bits()) << 96;
        match v4_keeps(address) {
            Some(kept) => {
                Ipv4Addr::from_bits((self.pan.bits(bits(address), kept, 32) >> 96) as u32)
            }
            // A permutation of all that follows itself until it is outside a part of them is one
            // of those outside.
            None => until(address, |a| self.pan.v4(a), |a| v4_keeps(a).is_none()),
        }
    }

    fn v6(&self, address: Ipv6Addr) -> Ipv6Addr {
        if let Some(v4) = address.to_ipv4_mapped() {
            return self.v4(v4).to_ipv6_mapped();
        }
        let segments = address.segments();
        if let [0xff02, 0, 0, 0, 0, 1, high, low] = segments
            && high >> 8 == 0xff
        {
            let host = u64::from(high & 0xff) << 16 | u64::from(low);
            let host = u128::from(self.permutation.permute(host, 24, SOLICITED));
            return Ipv6Addr::from_bits(address.to_bits() & !0xff_ffff | host);
        }
        match v6_keeps(address) {
            Some(kept) => Ipv6Addr::from_bits(self.pan.bits(address.to_bits(), kept, 128)),
            None => until(address, |a| self.pan.v6(a), |a| v6_keeps(a).is_none()),
        }
    }

    /// The hardware address that stands for another.
    pub fn mac(&self, address: MacAddr) -> MacAddr {
        const LOW: u64 = 0xff_ffff;
        let bits = (address.0.iter()).fold(0, |bits, &byte| bits << 8 | u64::from(byte));
        let (group, made_up) = (bits >> 40 & 1 == 1, bits >> 41 & 1 == 1);
        let low = |tweak| bits & !LOW | self.permutation.permute(bits & LOW, 24, tweak);
        let mapped = if bits == 0 {
            bits
        } else if group {
            // Solicited-node groups have the end of a host's address.
            if bits >> 24 == 0x33_33ff {
                low(SOLICITED)
            } else {
                bits
            }
        } else if made_up {
            // All but the two flags.
            let rest = bits >> 42 << 40 | bits & 0xff_ffff_ffff;
            let rest = self.permutation.permute(rest, 46, MADE_UP);
            rest >> 40 << 42 | bits & 3 << 40 | rest & 0xff_ffff_ffff
        } else {
            low((bits >> 24) as u32)
        };
        let [_, _, mapped @ ..] = mapped.to_be_bytes();
        MacAddr(mapped)
    }

    /// The number that stands for another.
    fn number(&self, number: u32) -> u32 {
        self.permutation.permute(number.into(), 32, NUMBERS) as u32
    }

    /// As [`number`](Self::number), of those that 32 bits do not hold.
    fn wide_number(&self, number: u64) -> u64 {
        let permuted = |number| self.permutation.permute(number, 64, NUMBERS);
        until(number, permuted, |number| u32::try_from(number).is_err())
    }

    /// As [`number`](Self::number), of at most 48 bits: what programs that have only floats keep.
    fn long_number(&self, number: u64) -> u64 {
        let permuted = |bits| move |number| self.permutation.permute(number, bits, NUMBERS);
        if number >> 48 == 0 {
            permuted(48)(number)
        } else {
            until(number, permuted(64), |number| number >> 48 > 0)
        }
    }

    /// What stands for a cell of a column.
    fn cell(&self, identity: Identity, text: &str) -> String {
        match identity {
            Identity::Nothing => text.to_owned(),
            Identity::Name => self.name(text),
            Identity::Address => self.address(text),
            Identity::Answer => self.answer(text),
            Identity::Records => self.records(text),
            Identity::Uri => self.uri(text),
            Identity::DistinguishedName => self.distinguished_name(text),
            Identity::Evidence => self.evidence(text),
            Identity::Json => self.json(text),
            Identity::Service => self.service(text),
            Identity::FlowId => self.flow_id(text),
            Identity::CommunityId => self.community_id(text),
            Identity::Bytes => self.bytes(text),
            Identity::Unsaid | Identity::Text | Identity::Number => self.text(text),
        }
    }

    fn texts(&self, identity: Identity, texts: &StringArray) -> StringArray {
        // The same texts come again and again.
        let mut known: HashMap<&str, String> = HashMap::new();
        let mut replaced = StringBuilder::with_capacity(texts.len(), texts.value_data().len());
        for text in texts {
            replaced.append_option(text.map(|text| {
                known
                    .entry(text)
                    .or_insert_with(|| self.cell(identity, text))
                    .as_str()
            }));
        }
        replaced.finish()
    }

    /// A column's cells, replaced.
    fn column(&self, identity: Identity, column: &ArrayRef) -> ArrayRef {
        match column.data_type() {
            DataType::Utf8 => Arc::new(self.texts(identity, column.as_string())),
            DataType::List(item) if item.data_type() == &DataType::Utf8 => {
                let lists = column.as_list::<i32>();
                let texts: ArrayRef = Arc::new(self.texts(identity, lists.values().as_string()));
                let offsets = lists.offsets().clone();
                let replaced =
                    ListArray::try_new(Arc::clone(item), offsets, texts, lists.nulls().cloned());
                match replaced {
                    Ok(replaced) => Arc::new(replaced),
                    Err(_) => new_null_array(column.data_type(), column.len()),
                }
            }
            DataType::UInt32 if identity == Identity::Number => {
                let numbers = column.as_primitive::<UInt32Type>();
                Arc::new(numbers.unary::<_, UInt32Type>(|number| self.number(number)))
            }
            DataType::UInt64 if identity == Identity::Number => {
                let numbers = column.as_primitive::<UInt64Type>();
                Arc::new(numbers.unary::<_, UInt64Type>(|number| self.long_number(number)))
            }
            _ => Arc::clone(column),
        }
    }

    /// A batch of these columns, replaced where they say who it was. Of a batch with more columns
    /// than are told, the others are taken for texts of which nobody has said anything.
    pub fn batch(&self, columns: &[Identity], batch: &RecordBatch) -> RecordBatch {
        let arrays = batch
            .columns()
            .iter()
            .enumerate()
            .map(|(place, column)| {
                let identity = columns.get(place).copied().unwrap_or_default();
                if identity == Identity::Nothing {
                    Arc::clone(column)
                } else {
                    self.column(identity, column)
                }
            })
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(batch.schema(), arrays, &options)
            .unwrap_or_else(|_| RecordBatch::new_empty(batch.schema()))
    }
}

impl Identity {
    /// What a column says of who it was: what its definition says, else what its type and its
    /// being an address say.
    pub fn of(column: &ColumnDef) -> Self {
        match (column.identity, column.address, column.kind) {
            (Self::Unsaid, "", Kind::Text | Kind::TextList) => Self::Text,
            (Self::Unsaid, "", _) => Self::Nothing,
            (Self::Unsaid, _, _) => Self::Address,
            (said, _, _) => said,
        }
    }
}

/// How many bits of an address stay because of what it is for; `None`: it is a host's.
fn v4_keeps(address: Ipv4Addr) -> Option<u32> {
    let bits = address.to_bits();
    // Ones before zeros, and more than the first eight: the broadcast address, too.
    let is_mask = bits >> 24 == 0xff && bits.leading_ones() + bits.trailing_zeros() == 32;
    let special =
        address.is_unspecified() || address.is_loopback() || address.is_multicast() || is_mask;
    if special {
        Some(32)
    } else {
        address.is_link_local().then_some(16)
    }
}

fn v6_keeps(address: Ipv6Addr) -> Option<u32> {
    let [first, ..] = address.segments();
    if address.is_unspecified() || address.is_loopback() {
        Some(128)
    } else if address.is_multicast() {
        // Groups that IANA has given numbers to have no flags.
        Some(if first & 0xf0 == 0 { 128 } else { 16 })
    } else if address.is_unicast_link_local() {
        Some(64)
    } else {
        address.to_ipv4_mapped().map(|_| 96)
    }
}

/// Follows a permutation, at least one step, until it comes to where it should.
fn until<A: Copy>(mut address: A, step: impl Fn(A) -> A, there: impl Fn(A) -> bool) -> A {
    loop {
        address = step(address);
        // It does: it comes back to where it began, which is there.
        if there(address) {
            return address;
        }
    }
}

#[cfg(test)]
mod tests;
