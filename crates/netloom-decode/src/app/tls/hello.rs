//! ClientHello and ServerHello (RFC 8446, section 4.1; RFC 5246, section 7.4.1) from the body of
//! their handshake message, whatever carried it.

use crate::app::wire::Reader;

use super::{Carrier, ClientHello, ServerHello};

/// Random of a ServerHello that is a HelloRetryRequest (RFC 8446, section 4.1.3).
const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Extension types that are looked into.
mod extension {
    pub(super) const SERVER_NAME: u16 = 0;
    pub(super) const SUPPORTED_GROUPS: u16 = 10;
    pub(super) const EC_POINT_FORMATS: u16 = 11;
    pub(super) const SIGNATURE_ALGORITHMS: u16 = 13;
    pub(super) const ALPN: u16 = 16;
    pub(super) const SESSION_TICKET: u16 = 35;
    pub(super) const PRE_SHARED_KEY: u16 = 41;
    pub(super) const SUPPORTED_VERSIONS: u16 = 43;
    /// Drafts 5 to 22 of TLS 1.3 had the key share here.
    pub(super) const KEY_SHARE_DRAFT: u16 = 40;
    pub(super) const KEY_SHARE: u16 = 51;
    /// ESNI, from before it was ECH.
    pub(super) const ENCRYPTED_SERVER_NAME: u16 = 0xffce;
    pub(super) const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
}

impl<'a> ClientHello<'a> {
    /// Reads the body of a ClientHello (what follows type and length of the handshake message).
    ///
    /// `None` where the fixed fields make no sense. A body that ends early gives what there is,
    /// with [`truncated`](Self::truncated) set.
    pub fn parse(body: &'a [u8], carrier: Carrier, record_version: u16) -> Option<Self> {
        let mut reader = Reader::new(body);
        let mut hello = Self {
            carrier,
            record_version,
            version: reader.u16()?,
            random: reader.take(32)?,
            truncated: true,
            ..Self::default()
        };
        if !plausible_version(hello.version) {
            return None;
        }
        let session_id = reader.bytes8();
        if session_id.is_some_and(|id| id.len() > 32) {
            return None;
        }
        hello.session_id = session_id.unwrap_or_default();
        if carrier == Carrier::Dtls && session_id.is_some() && reader.bytes8().is_none() {
            return Some(hello);
        }
        hello.truncated = hello.rest(&mut reader).is_none();
        Some(hello)
    }

    /// Everything behind the session identifier (and DTLS's cookie).
    fn rest(&mut self, reader: &mut Reader<'a>) -> Option<()> {
        let count = usize::from(reader.u16()?);
        let complete = reader.len() >= count;
        let suites = reader.take_up_to(count);
        self.cipher_suites = pairs(suites);
        if !complete {
            return None;
        }
        self.compression = reader.bytes8()?;
        if reader.is_empty() {
            // No extensions at all: allowed before TLS 1.3.
            return Some(());
        }
        let count = usize::from(reader.u16()?);
        let complete = reader.len() >= count;
        let mut extensions = Reader::new(reader.take_up_to(count));
        // Each takes four bytes at least, and most clients have some sixteen.
        self.extensions.reserve((extensions.len() / 4).min(24));
        while !extensions.is_empty() {
            let kind = extensions.u16()?;
            let len = usize::from(extensions.u16()?);
            self.extensions.push(kind);
            let whole = extensions.len() >= len;
            self.extension(kind, extensions.take_up_to(len));
            if !whole {
                return None;
            }
        }
        complete.then_some(())
    }

    /// An extension; one whose content makes no sense is only known by its type.
    fn extension(&mut self, kind: u16, content: &'a [u8]) -> Option<()> {
        let mut reader = Reader::new(content);
        match kind {
            extension::SERVER_NAME => {
                let mut list = Reader::new(reader.bytes16()?);
                while !list.is_empty() {
                    let of_host = list.u8()? == 0;
                    let name = list.bytes16()?;
                    if of_host && self.server_name.is_none() && !name.is_empty() {
                        self.server_name = Some(name);
                    }
                }
            }
            extension::SUPPORTED_GROUPS => self.groups = pairs(reader.bytes16()?),
            extension::EC_POINT_FORMATS => self.point_formats = reader.bytes8()?,
            extension::SIGNATURE_ALGORITHMS => {
                self.signature_algorithms = pairs(reader.bytes16()?);
            }
            extension::ALPN => {
                let mut list = Reader::new(reader.bytes16()?);
                while !list.is_empty() {
                    self.alpn.push(list.bytes8()?);
                }
            }
            extension::SESSION_TICKET if !content.is_empty() => {
                self.resumption = true;
                self.session_ticket = true;
            }
            extension::PRE_SHARED_KEY => {
                self.resumption = true;
                self.pre_shared_key = true;
            }
            extension::SUPPORTED_VERSIONS => self.supported_versions = pairs(reader.bytes8()?),
            extension::ENCRYPTED_CLIENT_HELLO | extension::ENCRYPTED_SERVER_NAME => {
                self.ech = true;
            }
            _ => (),
        }
        Some(())
    }
}

/// Where the length of the session identifier stands: behind version and random.
const SESSION_ID_AT: usize = 34;
/// Stands for a draft of TLS 1.3 that had no number on the wire.
const UNNUMBERED_DRAFT: u16 = 0x7f00;

impl<'a> ServerHello<'a> {
    /// Reads the body of a ServerHello, drafts of TLS 1.3 included; `None` where it ends early or
    /// its fixed fields make no sense.
    pub fn parse(body: &'a [u8], carrier: Carrier) -> Option<Self> {
        let mut reader = Reader::new(body);
        let legacy_version = reader.u16()?;
        if !plausible_version(legacy_version) {
            return None;
        }
        let mut hello = Self {
            carrier,
            legacy_version,
            version: legacy_version,
            ..Self::default()
        };
        let random = reader.take(32)?;
        hello.retry = random == RETRY_RANDOM;
        // Drafts before 22 had neither session identifier nor compression method.
        // The first ones said the version of TLS 1.3 itself, which no ServerHello of it has.
        let unnumbered =
            legacy_version == 0x0304 && !matches!(body.get(SESSION_ID_AT), Some(0 | 32));
        if unnumbered {
            hello.version = UNNUMBERED_DRAFT;
        }
        let draft = unnumbered || (0x7f00..0x7f16).contains(&legacy_version);
        if !draft {
            hello.session_id = reader.bytes8()?;
            if hello.session_id.len() > 32 {
                return None;
            }
        }
        hello.cipher_suite = reader.u16()?;
        if !draft {
            reader.u8()?;
        }
        if reader.is_empty() {
            return Some(hello);
        }
        let mut extensions = Reader::new(reader.bytes16()?);
        while !extensions.is_empty() {
            let kind = extensions.u16()?;
            let content = extensions.bytes16()?;
            hello.extensions.push(kind);
            hello.extension(kind, content);
        }
        Some(hello)
    }

    /// A HelloRetryRequest as drafts 16 to 21 of TLS 1.3 had it: a message of its own.
    pub(super) fn parse_draft_retry(body: &'a [u8], carrier: Carrier) -> Option<Self> {
        let mut reader = Reader::new(body);
        let version = reader.u16()?;
        Some(Self {
            carrier,
            legacy_version: version,
            version,
            cipher_suite: reader.u16()?,
            retry: true,
            ..Self::default()
        })
    }

    fn extension(&mut self, kind: u16, content: &'a [u8]) -> Option<()> {
        let mut reader = Reader::new(content);
        match kind {
            extension::ALPN => {
                self.alpn = Reader::new(reader.bytes16()?).bytes8();
            }
            extension::PRE_SHARED_KEY => self.pre_shared_key = true,
            extension::SUPPORTED_VERSIONS if content.len() == 2 => self.version = reader.u16()?,
            extension::KEY_SHARE | extension::KEY_SHARE_DRAFT => self.group = reader.u16(),
            _ => (),
        }
        Some(())
    }
}

/// SSL 2 to TLS 1.3, their drafts, DTLS (and what OpenSSL called DTLS before it was settled).
pub(super) const fn plausible_version(version: u16) -> bool {
    matches!(version, 0x0002 | 0x0100 | 0x0300..=0x03ff | 0x7f00..=0x7fff | 0xfefc..=0xfeff)
}

/// Numbers of 16 bits; an odd byte at the end is left out.
fn pairs(bytes: &[u8]) -> Vec<u16> {
    let (pairs, _) = bytes.as_chunks();
    pairs.iter().copied().map(u16::from_be_bytes).collect()
}
