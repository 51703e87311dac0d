//! TLS handshakes: rows of `tls`.

use std::borrow::Cow;
use std::net::IpAddr;

use netloom_decode::app::quic;
use netloom_decode::app::text::{display, hex};
use netloom_decode::app::tls::x509::{self, Certificate};
use netloom_decode::app::tls::{Carrier, ClientHello, Fingerprints, Handshake, ServerHello, names};
use netloom_decode::app::{Context, Interest};
use netloom_packet::Timestamp;

use super::AppInfo;

/// A handshake: a row of `tls`, in the terms of Zeek's ssl.log, x509.log and quic.log.
///
/// Without [`Interest::DETAILS`] only the fields are filled that sums are made of: version,
/// cipher, server's name, whether it was established, JA4, ECH, and of the server's certificate
/// whose it is, who signed it and from when to when it holds.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct TlsRecord {
    /// Time of the first packet of the handshake.
    pub ts: Timestamp,
    /// What carried it.
    pub carrier: Carrier,
    /// Version that the server chose (`TLSv12`); `None` where it did not answer.
    pub version: Option<Cow<'static, str>>,
    /// Cipher suite that the server chose, IANA's name.
    pub cipher: Option<Cow<'static, str>>,
    /// Group of the key exchange, IANA's name.
    pub curve: Option<Box<str>>,
    /// Name that the client asked for (SNI).
    pub server_name: Option<Box<str>>,
    /// Whether an earlier session went on.
    pub resumed: bool,
    /// Whether the handshake was seen to its end.
    pub established: bool,
    /// The last alert in clear.
    pub last_alert: Option<Box<str>>,
    /// Application protocol that the server chose, where that is in clear.
    pub next_protocol: Option<Box<str>>,
    /// Application protocols that the client offered.
    pub client_alpns: Vec<Box<str>>,
    /// Extensions of the client's first hello in their order, IANA's names.
    pub client_extensions: Vec<Box<str>>,
    /// Signature algorithms of the client's first hello in their order (IANA's numbers).
    pub client_signature_algorithms: Vec<u16>,
    /// Extensions of the server's hello in their order, IANA's names.
    pub server_extensions: Vec<Box<str>>,
    /// Letters of the messages in Zeek's `ssl_history`, the client's in upper case.
    pub ssl_history: String,
    /// JA3 of the first hello of the client.
    pub ja3: Option<Box<str>>,
    /// What `ja3` is the hash of.
    pub ja3_text: Option<Box<str>>,
    /// JA3S of the server's hello.
    pub ja3s: Option<Box<str>>,
    /// What `ja3s` is the hash of.
    pub ja3s_text: Option<Box<str>>,
    /// CYU of each `CHLO` of Google's QUIC, at most 8.
    pub cyu: Vec<Box<str>>,
    /// What they are the hashes of.
    pub cyu_text: Vec<Box<str>>,
    /// JA4 of the first hello of the client.
    pub ja4: Option<Box<str>>,
    /// Whether the client's hello has an encrypted one, or pretends to.
    pub ech: bool,
    /// The server's certificate.
    pub certificate: Option<Box<CertificateRecord>>,
    /// The client's certificate.
    pub client_certificate: Option<Box<CertificateRecord>>,
    /// Whether the server's certificate is for the name asked for; `None` unless both are known.
    pub sni_matches_cert: Option<bool>,
    /// QUIC's own part.
    pub quic: Option<Box<QuicRecord>>,
}

/// The leaf of a certificate chain.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct CertificateRecord {
    /// SHA-256 of each certificate of the chain, leaf first, hexadecimal.
    pub fingerprints: Vec<Box<str>>,
    /// SHA-1 of the leaf, hexadecimal.
    pub sha1: Box<str>,
    /// Whose it is, as Zeek writes it.
    pub subject: Box<str>,
    /// Who signed it.
    pub issuer: Box<str>,
    /// Serial number, hexadecimal, upper case.
    pub serial: Box<str>,
    /// Valid from.
    pub not_before: Option<Timestamp>,
    /// Valid to.
    pub not_after: Option<Timestamp>,
    /// Kind of key, OpenSSL's name.
    pub key_alg: Box<str>,
    /// Bits of the key.
    pub key_length: Option<u32>,
    /// Curve of the key.
    pub key_curve: Option<Box<str>>,
    /// How it was signed, OpenSSL's name.
    pub sig_alg: Box<str>,
    /// Names of hosts it is for.
    pub san_dns: Vec<Box<str>>,
    /// Addresses it is for.
    pub san_ip: Vec<IpAddr>,
    /// Basic constraints: whether it may sign others.
    pub ca: Option<bool>,
}

/// QUIC's own part of a handshake.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct QuicRecord {
    /// Version (`1`, `quicv2`, `draft-29`).
    pub version: Box<str>,
    /// Destination connection ID of the client's first packet, hexadecimal.
    pub client_initial_dcid: Box<str>,
    /// Connection ID of the client, hexadecimal.
    pub client_scid: Box<str>,
    /// Connection ID of the server, hexadecimal.
    pub server_scid: Box<str>,
    /// Connection ID that a Retry gave the client to begin anew with, hexadecimal
    /// (`retry_source_connection_id` of RFC 9000, section 18.2); empty where there was none.
    pub retry_scid: Box<str>,
    /// Letters of the packets in Zeek's `history`.
    pub history: Box<str>,
}

/// Most letters of the history (Zeek's limit, too).
const HISTORY_MAX: usize = 100;
/// Most names of a certificate, and protocols of a hello, that a row holds.
const LIST_MAX: usize = 100;
/// Longest text of a row, in bytes, certificate names apart.
const TEXT_MAX: usize = 512;

impl CertificateRecord {
    fn new(chain: &[&[u8]], leaf: Option<&Certificate<'_>>, interest: Interest) -> Self {
        let mut record = Self::default();
        if interest.contains(Interest::HASHES) {
            // What cannot be read is known by its fingerprint.
            record.fingerprints = chain.iter().map(|der| x509::sha256(der).into()).collect();
            record.sha1 = chain
                .first()
                .map_or_else(Box::default, |leaf| x509::sha1(leaf).into());
        }
        if let Some(leaf) = leaf {
            let text = |text: String| Box::from(display(text.as_bytes()));
            record.subject = text(leaf.subject.to_text());
            record.issuer = text(leaf.issuer.to_text());
            record.not_before = leaf.not_before;
            record.not_after = leaf.not_after;
            if !interest.contains(Interest::DETAILS) {
                return record;
            }
            record.serial = leaf.serial_text().into();
            record.key_alg = leaf.key_algorithm().into();
            record.key_length = leaf.key_bits;
            record.key_curve = leaf.key_curve().map(Into::into);
            record.sig_alg = leaf.signature_algorithm().into();
            record.san_dns = texts(leaf.dns_names.iter().copied());
            record.san_ip = leaf.addresses.iter().copied().take(LIST_MAX).collect();
            record.ca = leaf.ca;
        }
        record
    }

    fn heap_bytes(&self) -> usize {
        let names = self.fingerprints.iter().chain(&self.san_dns);
        size_of::<Self>()
            + self.subject.len()
            + self.issuer.len()
            + names.map(|name| name.len() + 16).sum::<usize>()
            + self.san_ip.len() * size_of::<IpAddr>()
            // Short texts: fingerprint, serial, algorithms.
            + 128
    }
}

/// The handshake of a flow as far as it is known.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    record: Option<Box<TlsRecord>>,
}

impl Tracker {
    /// A part of the handshake. What the flow itself should know goes to `info` in any case,
    /// records are made where somebody is interested.
    pub(crate) fn handshake(
        &mut self,
        context: &Context,
        part: &Handshake<'_>,
        interest: Interest,
        info: &mut AppInfo,
        out: &mut dyn FnMut(Box<TlsRecord>),
    ) {
        if let Handshake::Certificates {
            of_client: false,
            leaf: Some(leaf),
            ..
        } = part
            && info.certificate_organization.is_none()
        {
            let organization = leaf.subject.organization();
            info.certificate_organization = organization.map(|name| boxed(&name));
        }
        if !interest.contains(Interest::TLS) {
            return;
        }
        let record = self.record.get_or_insert_with(|| {
            Box::new(TlsRecord {
                ts: context.timestamp,
                ..TlsRecord::default()
            })
        });
        let done = record.take(part, interest);
        if done && let Some(record) = self.record.take() {
            out(record);
        }
    }

    /// The flow has ended: what is held back goes out.
    pub(crate) fn finish(&mut self, out: &mut dyn FnMut(Box<TlsRecord>)) {
        if let Some(record) = self.record.take() {
            out(record);
        }
    }

    /// Whether nothing is held back.
    pub(crate) fn is_empty(&self) -> bool {
        self.record.is_none()
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.record.as_ref().map_or(0, |record| record.heap_bytes())
    }
}

impl TlsRecord {
    /// Takes a part of the handshake; whether it was the last.
    fn take(&mut self, part: &Handshake<'_>, interest: Interest) -> bool {
        let details = interest.contains(Interest::DETAILS);
        match *part {
            Handshake::ClientHello {
                hello,
                fingerprints,
            } => self.client_hello(hello, fingerprints, details),
            Handshake::ServerHello { hello, ja3s } => self.server_hello(hello, ja3s, details),
            Handshake::Certificates {
                of_client,
                chain,
                leaf,
            } => self.certificates(of_client, chain, leaf, interest),
            Handshake::Established => {
                self.established = true;
                return true;
            }
            Handshake::Quic { .. } if !details => {
                self.carrier = Carrier::Quic;
                return true;
            }
            _ if !details => {}
            Handshake::Google { cyu, text } => {
                self.cyu.push(cyu.into());
                self.cyu_text.push(text.into());
            }
            Handshake::KeyExchange { group } => self.curve = Some(names::group(group).into()),
            Handshake::Resumed => self.resumed = true,
            Handshake::Flipped => self.letter('^'),
            Handshake::Step { of_client, letter } => {
                let letter = char::from(letter);
                self.letter(if of_client {
                    letter.to_ascii_uppercase()
                } else {
                    letter
                });
            }
            Handshake::Alert { description, .. } => {
                self.last_alert = Some(names::alert(description).into());
            }
            Handshake::Quic {
                version,
                client_initial_dcid,
                client_scid,
                server_scid,
                retry_scid,
                history,
            } => {
                self.carrier = Carrier::Quic;
                self.quic = Some(Box::new(QuicRecord {
                    version: quic::Version(version).name().into(),
                    client_initial_dcid: hex(client_initial_dcid).into(),
                    client_scid: hex(client_scid).into(),
                    server_scid: hex(server_scid).into(),
                    retry_scid: hex(retry_scid).into(),
                    history: history.into(),
                }));
                return true;
            }
            _ => (),
        }
        false
    }

    fn letter(&mut self, letter: char) {
        if self.ssl_history.len() < HISTORY_MAX {
            self.ssl_history.push(letter);
        }
    }

    fn client_hello(
        &mut self,
        hello: &ClientHello<'_>,
        fingerprints: &Fingerprints,
        details: bool,
    ) {
        self.carrier = hello.carrier;
        self.ech |= hello.ech;
        // Of two hellos the second may lack what the first had, not the other way round.
        if let Some(name) = hello.server_name {
            self.server_name = Some(boxed(name));
        }
        if details && !hello.alpn.is_empty() {
            self.client_alpns = texts(hello.alpn.iter().copied());
        }
        if details && self.client_extensions.is_empty() {
            let names = hello.extensions.iter().take(LIST_MAX);
            self.client_extensions = names.map(|&kind| names::extension(kind).into()).collect();
        }
        if details && self.client_signature_algorithms.is_empty() {
            let numbers = hello.signature_algorithms.iter().take(LIST_MAX);
            self.client_signature_algorithms = numbers.copied().collect();
        }
        let first = |own: &mut Option<Box<str>>, made: &Option<Box<str>>| {
            if own.is_none() {
                own.clone_from(made);
            }
        };
        first(&mut self.ja3, &fingerprints.ja3);
        first(&mut self.ja3_text, &fingerprints.ja3_text);
        first(&mut self.ja4, &fingerprints.ja4);
    }

    fn server_hello(&mut self, hello: &ServerHello<'_>, ja3s: Option<(&str, &str)>, details: bool) {
        self.carrier = hello.carrier;
        self.version = Some(names::version(hello.version));
        if hello.version == 0x0002 {
            // SSL 2: the client has the last word on the cipher.
            return;
        }
        self.cipher = Some(names::cipher_suite(hello.cipher_suite));
        if !details {
            return;
        }
        if let Some(group) = hello.group {
            self.curve = Some(names::group(group).into());
        }
        if let Some(alpn) = hello.alpn {
            self.next_protocol = Some(boxed(alpn));
        }
        if let Some((ja3s, text)) = ja3s {
            self.ja3s = Some(ja3s.into());
            self.ja3s_text = Some(text.into());
        }
        if !hello.retry && self.server_extensions.is_empty() {
            let names = hello.extensions.iter().take(LIST_MAX);
            self.server_extensions = names.map(|&kind| names::extension(kind).into()).collect();
        }
    }

    fn certificates(
        &mut self,
        of_client: bool,
        chain: &[&[u8]],
        leaf: Option<&Certificate<'_>>,
        interest: Interest,
    ) {
        let record = || Some(Box::new(CertificateRecord::new(chain, leaf, interest)));
        if of_client {
            if interest.contains(Interest::DETAILS) {
                self.client_certificate = record();
            }
            return;
        }
        self.certificate = record();
        if let (Some(leaf), Some(name)) = (leaf, &self.server_name) {
            self.sni_matches_cert = Some(leaf.is_for(name.as_bytes()));
        }
    }

    fn heap_bytes(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        let certificates = [&self.certificate, &self.client_certificate];
        size_of::<Self>()
            + text(&self.server_name)
            + text(&self.next_protocol)
            + text(&self.ja3_text)
            + text(&self.ja3s_text)
            + self.client_signature_algorithms.capacity() * size_of::<u16>()
            + self
                .client_alpns
                .iter()
                .chain(&self.client_extensions)
                .chain(&self.server_extensions)
                .chain(&self.cyu)
                .chain(&self.cyu_text)
                .map(|name| name.len() + size_of::<Box<str>>())
                .sum::<usize>()
            + self.ssl_history.capacity()
            + certificates
                .into_iter()
                .flatten()
                .map(|certificate| certificate.heap_bytes())
                .sum::<usize>()
            + self.quic.as_ref().map_or(0, |quic| {
                size_of::<QuicRecord>() + quic.history.len() + 4 * 40
            })
            // Fingerprints and names of few bytes.
            + 160
    }
}

fn boxed(bytes: &[u8]) -> Box<str> {
    display(bytes.get(..TEXT_MAX).unwrap_or(bytes)).into()
}

fn texts<'a>(list: impl Iterator<Item = &'a [u8]>) -> Vec<Box<str>> {
    list.take(LIST_MAX).map(boxed).collect()
}
