//! Texts that stand for other texts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hmac::Mac as _;
use netloom_flow::name::registrable_domain;
use netloom_packet::MacAddr;

use super::Anonymizer;
use super::pan::Stream;

/// Letters and digits that names may have, five bits each.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Digits of flow identifiers.
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Letters of a label or a piece of a path: 50 bits.
const LABEL: usize = 10;
/// Letters of a text: 80 bits.
const TEXT: usize = 16;
/// Which permutation: of a few bytes, by their number.
const BYTES: u32 = 0xff00_0004;
/// Of the capital letters of a label.
const CAPITALS: u32 = 0xff00_0005;
/// Members of `messages.fields` whose numbers are a device's own.
const SERIALS: [&str; 1] = ["serial"];

impl Anonymizer {
    /// The hash of a text, for a purpose.
    fn hash(&self, purpose: &str, parts: &[&str]) -> [u8; 32] {
        let mut mac = self.texts.clone();
        mac.update(purpose.as_bytes());
        for part in parts {
            // A zero byte is in no text of ours: no two lists of parts look the same.
            mac.update(&[0]);
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }

    /// The first letters of a hash.
    fn letters(&self, count: usize, purpose: &str, parts: &[&str], out: &mut String) {
        let hash = self.hash(purpose, parts);
        let (mut bits, mut held) = (0_u32, 0);
        let mut bytes = hash.iter();
        for _ in 0..count {
            if held < 5 {
                bits = bits << 8 | u32::from(bytes.next().copied().unwrap_or(0));
                held += 8;
            }
            held -= 5;
            out.push(char::from(BASE32[(bits >> held & 31) as usize]));
        }
    }

    /// Any text, as a whole. The empty one says nothing and stays.
    pub(super) fn text(&self, text: &str) -> String {
        let mut out = String::new();
        if !text.is_empty() {
            self.letters(TEXT, "text", &[text], &mut out);
        }
        out
    }

    /// As many other bytes, as hexadecimal digits: up to eight by a permutation, since there are
    /// few enough of them for two hashes to meet.
    pub(super) fn bytes(&self, digits: &str) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if (1..=16).contains(&digits.len())
            && digits.bytes().all(is_digit)
            && let Ok(number) = u64::from_str_radix(digits, 16)
        {
            let other = self
                .permutation
                .permute(number, 4 * digits.len() as u32, BYTES);
            return format!("{other:0width$x}", width = digits.len());
        }
        // What is equal stays equal: a stream of its own for each.
        let hash = self.hash("bytes", &[digits]);
        let mut key = [0; 16];
        key.copy_from_slice(&hash[..16]);
        let mut stream = Stream::new(&key);
        (0..digits.len())
            .map(|_| char::from(DIGITS[usize::from(stream.next_nibble())]))
            .collect()
    }

    /// An address as text; what is none is a text.
    pub(super) fn address(&self, text: &str) -> String {
        self.known_address(text).unwrap_or_else(|| self.text(text))
    }

    /// What stands for a text that is an address.
    fn known_address(&self, text: &str) -> Option<String> {
        // Only as it is usually written: two texts must not become one.
        if let Ok(address) = text.parse::<IpAddr>()
            && address.to_string() == text
        {
            return Some(self.ip(address).to_string());
        }
        let mac: MacAddr = text.parse().ok()?;
        if mac.to_string() == text {
            return Some(self.mac(mac).to_string());
        }
        // Elastic writes them as RFC 7042 does: `00-00-5E-00-53-23`.
        let dashes = |mac: MacAddr| mac.to_string().replace(':', "-").to_uppercase();
        (dashes(mac) == text).then(|| dashes(self.mac(mac)))
    }

    /// A name of a host or domain, label by label.
    pub(super) fn name(&self, name: &str) -> String {
        if let Some(address) = self.known_address(name) {
            return address;
        }
        // An IPv6 address in a URL, and a port behind a name.
        if let Some(inside) = name.strip_prefix('[')
            && let Some((address, rest)) = inside.split_once(']')
        {
            return format!("[{}]{}", self.name(address), self.port(rest));
        }
        if let Some((host, port)) = name.rsplit_once(':') {
            return format!("{}{}", self.name(host), self.port(&format!(":{port}")));
        }
        if let Some(reverse) = self.reverse(name) {
            return reverse;
        }
        // In DNS capital and small letters are the same: names that differ in them alone do so
        // afterwards, and in nothing else.
        let lower = name.to_lowercase();
        let mut kept = kept_labels(&lower);
        let mut out = String::new();
        let labels: Vec<&str> = name.split('.').collect();
        if labels.last().is_some_and(|label| label.is_empty()) {
            kept += 1;
        }
        let mut rest = lower.as_str();
        for (place, label) in labels.iter().enumerate() {
            if place > 0 {
                out.push('.');
            }
            let (lower, after) = rest.split_once('.').unwrap_or((rest, ""));
            rest = after;
            let stays = labels.len() - place <= kept
                || label.is_empty()
                || label.starts_with('_')
                || *label == "*";
            if stays {
                out.push_str(label);
            } else {
                // A dot at the end makes no other name.
                let rest = rest.strip_suffix('.').unwrap_or(rest);
                let mut letters = String::new();
                self.letters(LABEL, "label", &[lower, rest], &mut letters);
                out.push_str(&self.capitals(label, &letters));
            }
        }
        out
    }

    /// Makes letters capital where a label has capitals, so that labels that differ in them still
    /// do. Which letters it are does not show which ones they were; where a label has more letters
    /// than stand for it, two ways of writing it can become one.
    fn capitals(&self, label: &str, letters: &str) -> String {
        let count = letters.bytes().filter(u8::is_ascii_alphabetic).count();
        if count == 0 || !label.contains(char::is_uppercase) {
            return letters.to_owned();
        }
        let mut pattern = 0_u64;
        for (place, letter) in label.chars().filter(|c| c.is_alphabetic()).enumerate() {
            pattern ^= u64::from(letter.is_uppercase()) << (place % count);
        }
        // Small letters alone are to stay small: zero is not permuted.
        let permuted = |pattern| self.permutation.permute(pattern, count as u32, CAPITALS);
        let pattern = permuted(pattern) ^ permuted(0);
        let mut place = 0;
        letters
            .chars()
            .map(|letter| {
                if !letter.is_ascii_alphabetic() {
                    return letter;
                }
                let is_capital = pattern >> place & 1 == 1;
                place += 1;
                if is_capital {
                    letter.to_ascii_uppercase()
                } else {
                    letter
                }
            })
            .collect()
    }

    /// `:443` stays; anything else is a text.
    fn port(&self, rest: &str) -> String {
        match rest.strip_prefix(':') {
            None if rest.is_empty() => String::new(),
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => rest.to_owned(),
            _ => format!(":{}", self.text(rest)),
        }
    }

    /// A name of the reverse tree is an address, or the beginning of one: Crypto-PAn makes the
    /// beginning of what it makes of the whole.
    fn reverse(&self, name: &str) -> Option<String> {
        let bare = name.strip_suffix('.').unwrap_or(name);
        let dot = &name[bare.len()..];
        let split = |suffix: &str| -> Option<(Vec<&str>, &str)> {
            let at = bare.len().checked_sub(suffix.len())?;
            let (labels, end) = (bare.get(..at)?, bare.get(at..)?);
            end.eq_ignore_ascii_case(suffix)
                .then(|| (labels.split('.').rev().collect(), end))
        };
        let mut out: Vec<String> = Vec::new();
        if let Some((labels, end)) = split(".in-addr.arpa") {
            let mut octets = [0; 4];
            for (octet, label) in octets.iter_mut().zip(&labels) {
                *octet = label.parse().ok()?;
                if octet.to_string() != **label {
                    return None;
                }
            }
            if labels.len() > octets.len() {
                return None;
            }
            let IpAddr::V4(v4) = self.prefix(Ipv4Addr::from(octets).into()) else {
                return None;
            };
            for octet in v4.octets().iter().take(labels.len()).rev() {
                out.push(octet.to_string());
            }
            return Some(format!("{}{end}{dot}", out.join(".")));
        }
        let (labels, end) = split(".ip6.arpa")?;
        if labels.len() > 32 {
            return None;
        }
        let mut bits = 0_u128;
        for (place, label) in labels.iter().enumerate() {
            if label.len() != 1 {
                return None;
            }
            let nibble = u128::from_str_radix(label, 16).ok()?;
            bits |= nibble << (124 - 4 * place);
        }
        let IpAddr::V6(v6) = self.prefix(Ipv6Addr::from_bits(bits).into()) else {
            return None;
        };
        for place in (0..labels.len()).rev() {
            let nibble = v6.to_bits() >> (124 - 4 * place) & 15;
            let capital = labels
                .get(place)
                .is_some_and(|label| label.contains(char::is_uppercase));
            out.push(if capital {
                format!("{nibble:X}")
            } else {
                format!("{nibble:x}")
            });
        }
        Some(format!("{}{end}{dot}", out.join(".")))
    }

    /// An address whose end may be missing: the unspecified one is then any network's.
    fn prefix(&self, address: IpAddr) -> IpAddr {
        if address.is_unspecified() {
            self.pan.ip(address)
        } else {
            self.ip(address)
        }
    }

    /// What a DNS record holds.
    pub(super) fn answer(&self, answer: &str) -> String {
        match answer.split_once(' ') {
            None => self.name(answer),
            Some((kind, rest)) if kind.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                format!("{kind} {}", self.text(rest))
            }
            Some(_) => self.text(answer),
        }
    }

    /// A path or URL, piece by piece.
    pub(super) fn uri(&self, uri: &str) -> String {
        let mut out = String::new();
        let mut rest = uri;
        if let Some((scheme, after)) = uri.split_once("://")
            && !scheme.is_empty()
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            let end = after.find(['/', '?', '#']).unwrap_or(after.len());
            let (authority, path) = after.split_at(end);
            out.push_str(scheme);
            out.push_str("://");
            let host = match authority.rsplit_once('@') {
                Some((user, host)) => {
                    out.push_str(&self.text(user));
                    out.push('@');
                    host
                }
                None => authority,
            };
            out.push_str(&self.name(host));
            rest = path;
        }
        let mut piece = 0;
        for (at, separator) in rest.match_indices(|c: char| "/?&=;#.:,+@!".contains(c)) {
            self.piece(&rest[piece..at], &mut out);
            out.push_str(separator);
            piece = at + separator.len();
        }
        self.piece(&rest[piece..], &mut out);
        out
    }

    fn piece(&self, piece: &str, out: &mut String) {
        if !piece.is_empty() {
            self.letters(LABEL, "piece", &[piece], out);
        }
    }

    /// `CN=…,O=…`: common names as names, countries as they are, the rest as texts.
    pub(super) fn distinguished_name(&self, name: &str) -> String {
        let mut out = String::new();
        for (place, part) in split_unescaped(name).into_iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            match part.split_once('=') {
                Some((key, value)) => {
                    out.push_str(key);
                    out.push('=');
                    match key {
                        "C" => out.push_str(value),
                        "CN" => out.push_str(&self.name(value)),
                        _ => out.push_str(&self.text(value)),
                    }
                }
                None => out.push_str(&self.text(part)),
            }
        }
        out
    }

    /// `Title: what was seen`.
    pub(super) fn evidence(&self, text: &str) -> String {
        match text.split_once(": ") {
            Some((title, seen)) => format!("{title}: {}", self.text(seen)),
            None => text.to_owned(),
        }
    }

    /// A service by name and port, or whatever a device calls one.
    pub(super) fn service(&self, text: &str) -> String {
        let known = text
            .split_once(':')
            .and_then(|(name, port)| Some((name, port.split_once('/')?)))
            .is_some_and(|(name, (port, transport))| {
                let word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
                name.bytes().all(word)
                    && port.bytes().all(|byte| byte.is_ascii_digit())
                    && ["tcp", "udp"].contains(&transport)
            });
        if known || text.starts_with('_') && text.len() <= 40 {
            text.to_owned()
        } else {
            self.text(text)
        }
    }

    /// A JSON object as `messages` has it: names stay, texts are replaced, and of numbers those
    /// that a device has for itself.
    pub(super) fn json(&self, object: &str) -> String {
        members(
            object,
            |_, text| self.address(text),
            |key, digits| {
                let number: u64 = digits.parse().ok()?;
                let other = match u32::try_from(number) {
                    _ if !SERIALS.contains(&key) => return None,
                    Ok(number) => self.number(number).into(),
                    Err(_) => self.wide_number(number),
                };
                Some(other.to_string())
            },
        )
    }

    /// DNS records as EVE and the Elastic Common Schema have them, in JSON.
    pub(super) fn records(&self, records: &str) -> String {
        members(
            records,
            |key, text| match key {
                // What had to be escaped is no name of a host.
                _ if text.contains('\\') => self.text(text),
                "rrname" | "name" => self.name(text),
                "rdata" | "data" => self.answer(text),
                "rrtype" | "type" => text.to_owned(),
                _ => self.text(text),
            },
            |_, _| None,
        )
    }

    /// A flow's identifier: as many digits of another hash.
    pub(super) fn flow_id(&self, id: &str) -> String {
        let hash = self.hash("flow", &[id]);
        let mut number = u128::from_be_bytes(std::array::from_fn(|place| hash[place]));
        (0..id.len().min(20))
            .map(|_| {
                let digit = BASE62[(number % 62) as usize];
                number /= 62;
                char::from(digit)
            })
            .collect()
    }

    /// A community identifier: its form, and the bytes of another hash.
    pub(super) fn community_id(&self, id: &str) -> String {
        const BASE64: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let hash = self.hash("community", &[id]);
        let mut out = String::from("1:");
        // Twenty bytes: six times three, and two.
        for group in hash[..20].chunks(3) {
            let mut bits = 0_u32;
            for place in 0..3 {
                bits = bits << 8 | u32::from(group.get(place).copied().unwrap_or(0));
            }
            for place in 0..4 {
                if place > group.len() {
                    out.push('=');
                } else {
                    out.push(char::from(BASE64[(bits >> (18 - 6 * place) & 63) as usize]));
                }
            }
        }
        out
    }
}

/// JSON whose texts are replaced, each by the name it has; escapes stay as they are. So are whole
/// numbers, where there is another for them.
fn members(
    object: &str,
    replaced: impl Fn(&str, &str) -> String,
    other_number: impl Fn(&str, &str) -> Option<String>,
) -> String {
    let mut key = "";
    let mut out = String::with_capacity(object.len());
    let mut rest = object;
    while let Some(start) = rest.find('"') {
        out.push_str(&rest[..start]);
        let inside = &rest[start + 1..];
        let mut end = None;
        let mut escaped = false;
        for (at, character) in inside.char_indices() {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => {
                    end = Some(at);
                    break;
                }
                _ => {}
            }
        }
        let end = end.unwrap_or(inside.len());
        let string = &inside[..end];
        rest = inside.get(end + 1..).unwrap_or_default();
        out.push('"');
        if rest.starts_with(':') {
            key = string;
            out.push_str(string);
            out.push_str("\":");
            rest = rest.get(1..).unwrap_or_default();
            let end = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            let (digits, after) = rest.split_at(end);
            if !after.starts_with(['.', 'e', 'E'])
                && let Some(other) = other_number(key, digits)
            {
                out.push_str(&other);
                rest = after;
            }
        } else {
            out.push_str(&replaced(key, string));
            out.push('"');
        }
    }
    out.push_str(rest);
    out
}

/// How many of a name's last labels stay (not counting the empty one behind a dot at the end).
fn kept_labels(name: &str) -> usize {
    if let Some(domain) = registrable_domain(name) {
        return domain.split('.').count() - 1;
    }
    let bare = name.strip_suffix('.').unwrap_or(name);
    let last = bare.rsplit('.').next().unwrap_or_default();
    let special = [
        "local",
        "localhost",
        "arpa",
        "lan",
        "home",
        "internal",
        "test",
        "invalid",
        "onion",
    ];
    usize::from(special.iter().any(|known| last.eq_ignore_ascii_case(known)))
}

/// Parts between commas that no backslash stands before.
fn split_unescaped(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}
