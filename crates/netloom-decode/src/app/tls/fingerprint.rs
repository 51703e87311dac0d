//! JA3, JA3S (Salesforce, 2017) and JA4 (FoxIO, the TLS client's only).

use md5::{Digest, Md5};
use sha2::Sha256;
use smallvec::SmallVec;

use crate::app::text::{hex, push_decimal, push_digits};

use super::names::is_grease;
use super::{Carrier, ClientHello, ServerHello};

/// Length of a JA4: `a_b_c`.
const JA4_LEN: usize = 10 + 2 * (1 + JA4_HASH);
/// Length of each hash in JA4, in hexadecimal digits.
const JA4_HASH: usize = 12;
/// Extension types that JA4 counts and does not hash: they say where to, not who.
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;

/// JA3 of a client: MD5 over version, cipher suites, extensions, groups and point formats as
/// decimal numbers, without GREASE.
///
/// <https://github.com/salesforce/ja3>
pub fn ja3(hello: &ClientHello<'_>) -> String {
    ja3_of(&ja3_text(hello))
}

/// The hash of [`ja3_text`], of [`ja3s_text`] and of what CYU is made from.
pub(crate) fn ja3_of(text: &str) -> String {
    hex(&Md5::digest(text))
}

/// What [`ja3`] is the hash of.
pub fn ja3_text(hello: &ClientHello<'_>) -> String {
    let mut text = String::with_capacity(256);
    push_decimal(&mut text, hello.version);
    text.push(',');
    join(&mut text, &hello.cipher_suites);
    text.push(',');
    join(&mut text, &hello.extensions);
    text.push(',');
    join(&mut text, &hello.groups);
    text.push(',');
    for (place, format) in hello.point_formats.iter().enumerate() {
        if place > 0 {
            text.push('-');
        }
        push_decimal(&mut text, (*format).into());
    }
    text
}

/// JA3S of a server: MD5 over version, cipher suite and extensions.
pub fn ja3s(hello: &ServerHello<'_>) -> String {
    ja3_of(&ja3s_text(hello))
}

/// What [`ja3s`] is the hash of.
pub fn ja3s_text(hello: &ServerHello<'_>) -> String {
    let mut text = format!("{},{},", hello.legacy_version, hello.cipher_suite);
    join(&mut text, &hello.extensions);
    text
}

/// CYU of a client of Google's QUIC: MD5 of its text, which is the version and the tags of a `CHLO`.
///
/// <https://github.com/salesforce/GQUIC_Protocol_Analyzer>
pub fn cyu(text: &str) -> String {
    ja3_of(text)
}

/// JA4 of a client.
///
/// `a_b_c`: carrier, version, whether to a name, how many cipher suites and extensions, first
/// and last character of the first ALPN; a hash over the sorted cipher suites; one over the
/// sorted extensions and the signature algorithms as they came. GREASE is left out everywhere.
///
/// <https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4.md>
pub fn ja4(hello: &ClientHello<'_>) -> String {
    let version = offered(hello)
        .max_by_key(|&version| age(version))
        .unwrap_or(hello.version);
    let name = if hello.extensions.contains(&SERVER_NAME) {
        'd'
    } else {
        'i'
    };
    let (suites, extensions) = (known(&hello.cipher_suites), known(&hello.extensions));
    let mut text = start(hello, version, name);
    push_count(&mut text, suites.len().min(99));
    push_count(&mut text, extensions.len().min(99));
    push_alpn(&mut text, hello.alpn.first().copied().unwrap_or_default());
    let (suites, mut hashed) = hashed_texts(suites, extensions);
    text.push('_');
    hash_or_zeros(&suites, &mut text);
    let signatures = known(&hello.signature_algorithms);
    if !signatures.is_empty() && !hashed.is_empty() {
        hashed.push(b'_');
        hexadecimal(&signatures, &mut hashed);
    }
    text.push('_');
    hash_or_zeros(&hashed, &mut text);
    text
}

/// JA4 of a client as nDPI makes it, which is not what JA4's authors publish:
///
/// - `i` stands for a server's name that is an address, `d` for all else;
/// - the version is the highest number, DTLS's too, of the hello's own and those offered;
/// - the first two characters of all ALPNs behind one another, `-` between them and the last one
///   cut off, stand for the ALPN (`ht` for `http/1.1`, `h0` where `h2` is all there is);
/// - GREASE stays among the signature algorithms, and these are hashed without extensions, too;
/// - the hash of nothing is that of an empty text.
pub fn ja4_of_ndpi(hello: &ClientHello<'_>) -> String {
    let version = offered(hello).fold(hello.version, u16::max);
    let name = hello
        .server_name
        .and_then(|name| std::str::from_utf8(name).ok());
    let is_address = name.is_some_and(|name| name.parse::<std::net::IpAddr>().is_ok());
    let (suites, extensions) = (known(&hello.cipher_suites), known(&hello.extensions));
    let mut text = start(hello, version, if is_address { 'i' } else { 'd' });
    push_count(&mut text, suites.len());
    push_count(&mut text, extensions.len());
    text.push_str(&alpn_start(&hello.alpn));
    let (suites, mut hashed) = hashed_texts(suites, extensions);
    text.push('_');
    hash(&suites, &mut text);
    if !hello.signature_algorithms.is_empty() {
        hashed.push(b'_');
        hexadecimal(&hello.signature_algorithms, &mut hashed);
    }
    text.push('_');
    hash(&hashed, &mut text);
    text
}

/// What a JA4 begins with, and room for the rest.
fn start(hello: &ClientHello<'_>, version: u16, name: char) -> String {
    let mut text = String::with_capacity(JA4_LEN);
    text.push(carrier(hello));
    text.push_str(version_characters(version));
    text.push(name);
    text
}

/// Appends a number of at least two digits.
fn push_count(text: &mut String, count: usize) {
    if count < 10 {
        text.push('0');
    }
    push_decimal(text, u16::try_from(count).unwrap_or(u16::MAX));
}

/// JA4's letter of what carries the handshake.
const fn carrier(hello: &ClientHello<'_>) -> char {
    match hello.carrier {
        Carrier::Tcp => 't',
        Carrier::Quic => 'q',
        Carrier::Dtls => 'd',
    }
}

/// The versions that are offered in the extension for them.
fn offered(hello: &ClientHello<'_>) -> impl Iterator<Item = u16> {
    let versions = hello.supported_versions.iter().copied();
    versions.filter(|&version| !is_grease(version))
}

/// JA4's two characters of a version.
const fn version_characters(version: u16) -> &'static str {
    match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        0xfeff => "d1",
        0xfefd => "d2",
        0xfefc => "d3",
        _ => "00",
    }
}

/// Cipher suites, extensions: seldom more.
type Numbers = SmallVec<[u16; 64]>;

/// Numbers that are no GREASE.
fn known(list: &[u16]) -> Numbers {
    let known = list.iter().copied().filter(|&number| !is_grease(number));
    known.collect()
}

/// What is hashed of cipher suites and of extensions: sorted, without where to.
fn hashed_texts(mut suites: Numbers, mut extensions: Numbers) -> (Vec<u8>, Vec<u8>) {
    // Room for the signature algorithms, too.
    let (mut of_suites, mut of_extensions) = (Vec::new(), Vec::with_capacity(256));
    suites.sort_unstable();
    hexadecimal(&suites, &mut of_suites);
    extensions.retain(|kind| *kind != SERVER_NAME && *kind != ALPN);
    extensions.sort_unstable();
    hexadecimal(&extensions, &mut of_extensions);
    (of_suites, of_extensions)
}

/// Order of versions: DTLS counts down; a draft of TLS 1.3, which has no name in JA4, is above
/// what is settled, as its number is.
const fn age(version: u16) -> u16 {
    match version {
        0xfe00..=0xfeff => 0x0400 - (version & 0xff),
        _ => version,
    }
}

/// Appends first and last character of an ALPN; where one of them is neither letter nor digit, those
/// of its hexadecimal form; `00` where there is none.
fn push_alpn(out: &mut String, alpn: &[u8]) {
    let (Some(&first), Some(&last)) = (alpn.first(), alpn.last()) else {
        out.push_str("00");
        return;
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        out.extend([first, last].map(char::from));
        return;
    }
    let text = hex(alpn);
    out.extend(text.chars().next().into_iter().chain(text.chars().last()));
}

/// The first two characters of the ALPNs as nDPI has them; `0` for one that is not there, and `?`
/// for one that nobody could print.
fn alpn_start(alpns: &[&[u8]]) -> String {
    let whole = alpns.join(&b'-');
    let kept = whole.split_last().map_or(&[][..], |(_, kept)| kept);
    let mut kept = kept.iter().take_while(|&&byte| byte != 0);
    let mut character = || match kept.next() {
        Some(b',') => '-',
        Some(&byte) if byte.is_ascii_graphic() => char::from(byte),
        Some(_) => '?',
        None => '0',
    };
    [character(), character()].iter().collect()
}

/// Appends the first digits of SHA-256; zeros for nothing.
fn hash_or_zeros(text: &[u8], out: &mut String) {
    if text.is_empty() {
        out.extend(std::iter::repeat_n('0', JA4_HASH));
    } else {
        hash(text, out);
    }
}

/// Appends the first digits of SHA-256.
fn hash(text: &[u8], out: &mut String) {
    for &byte in Sha256::digest(text).iter().take(JA4_HASH / 2) {
        push_digits(out, byte);
    }
}

fn join(text: &mut String, numbers: &[u16]) {
    let mut first = true;
    for number in numbers.iter().filter(|&&number| !is_grease(number)) {
        if !first {
            text.push('-');
        }
        first = false;
        push_decimal(text, *number);
    }
}

/// Appends numbers of four digits.
fn hexadecimal(numbers: &[u16], text: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let start = text.len();
    text.resize(start + numbers.len() * 5, b',');
    let (places, _) = text.get_mut(start..).unwrap_or_default().as_chunks_mut();
    for (place, &number) in places.iter_mut().zip(numbers) {
        let digit = |shift: u16| DIGITS[usize::from(number >> shift & 15)];
        *place = [digit(12), digit(8), digit(4), digit(0), b','];
    }
    // There is none behind the last one.
    if !numbers.is_empty() {
        text.pop();
    }
}
