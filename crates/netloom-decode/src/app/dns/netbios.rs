//! NetBIOS names: first-level encoding (RFC 1001, section 14.1) and how they are written.

/// A NetBIOS name, decoded: 15 characters, and the suffix that says what it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetbiosName([u8; 16]);

impl NetbiosName {
    /// Reads the 32 letters of the first-level encoding: two of A to P for each byte.
    pub fn decode(label: &[u8]) -> Option<Self> {
        let label: &[u8; 32] = label.try_into().ok()?;
        let mut name = [0; 16];
        for (byte, pair) in name.iter_mut().zip(label.chunks_exact(2)) {
            let &[high, low] = pair else { return None };
            *byte = nibble(high)? << 4 | nibble(low)?;
        }
        Some(Self(name))
    }

    /// A name of 16 bytes as node status responses carry it.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// What it names: 0x00 a workstation or a group, 0x20 a file server, 0x1d a master browser.
    pub const fn suffix(&self) -> u8 {
        let [.., suffix] = self.0;
        suffix
    }

    /// The name without padding (spaces or zeros) and suffix.
    pub fn base(&self) -> &[u8] {
        let [name @ .., _] = &self.0;
        let end = name.iter().rposition(|byte| !matches!(byte, b' ' | 0));
        end.map_or(&[], |end| name.get(..=end).unwrap_or(name))
    }

    /// The name as Wireshark writes it: padding spaces off, bytes that are no printable ASCII and
    /// the suffix in hexadecimal (`WORKGROUP<1d>`).
    pub fn write(&self, out: &mut Vec<u8>) {
        let [name @ .., suffix] = &self.0;
        let end = name.iter().rposition(|&byte| byte != b' ');
        let name = end.map_or(&[][..], |end| name.get(..=end).unwrap_or(name));
        for &byte in name {
            if byte.is_ascii_graphic() || byte == b' ' {
                out.push(byte);
            } else {
                write_hex(out, byte);
            }
        }
        write_hex(out, *suffix);
    }

    /// The name, where it is the host's own (suffix 0x00 or 0x20) and can be one.
    pub fn host(&self) -> Option<&[u8]> {
        let base = self.base();
        (matches!(self.suffix(), 0x00 | 0x20)
            && !base.is_empty()
            && base
                .iter()
                .all(|&byte| byte.is_ascii_graphic() || byte >= 0x80 || byte == b' ')
            && base != b"*")
            .then_some(base)
    }
}

fn nibble(letter: u8) -> Option<u8> {
    match letter {
        b'A'..=b'P' => Some(letter - b'A'),
        b'a'..=b'p' => Some(letter - b'a'),
        _ => None,
    }
}

fn write_hex(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(&[
        b'<',
        DIGITS[usize::from(byte >> 4)],
        DIGITS[usize::from(byte & 15)],
        b'>',
    ]);
}

/// A name of NBNS in text form: its first label decoded where it is a NetBIOS name, the scope
/// behind it as it is. `None`: it is as it stands.
pub(super) fn decode_name(name: &[u8]) -> Option<Vec<u8>> {
    let (label, scope) = match name.iter().position(|&byte| byte == b'.') {
        Some(dot) => name.split_at(dot),
        None => (name, &[][..]),
    };
    let mut text = Vec::with_capacity(20 + scope.len());
    if let Some(decoded) = NetbiosName::decode(label) {
        decoded.write(&mut text);
        text.extend_from_slice(scope);
    } else if label.len() == 32 {
        // Damaged: what can be read of it, without a suffix.
        let pairs = label.chunks_exact(2).map_while(|pair| match pair {
            &[high, low] => Some(nibble(high)? << 4 | nibble(low)?),
            _ => None,
        });
        text.extend(pairs);
        text.truncate(text.trim_ascii_end().len());
    }
    (!text.is_empty()).then_some(text)
}

/// The name without the suffix in angle brackets and the scope, as Zeek writes it.
///
/// ```
/// use netloom_decode::app::dns::netbios_base;
/// assert_eq!(netbios_base(b"WORKGROUP<1d>"), b"WORKGROUP");
/// assert_eq!(netbios_base(b"plain"), b"plain");
/// ```
pub fn netbios_base(name: &[u8]) -> &[u8] {
    let suffix = |window: &[u8]| matches!(window, [b'<', high, low, b'>'] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit());
    let Some(mut end) = name.windows(4).rposition(suffix) else {
        return name;
    };
    // Padding of zeros in front of it.
    while let Some(before) = end.checked_sub(4)
        && name.get(before..end) == Some(b"<00>")
    {
        end = before;
    }
    name.get(..end).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First-level encoding of 15 characters and a suffix.
    fn encode(name: &[u8], suffix: u8) -> Vec<u8> {
        let mut bytes = [b' '; 16];
        bytes[..name.len()].copy_from_slice(name);
        bytes[15] = suffix;
        bytes
            .iter()
            .flat_map(|byte| [b'A' + (byte >> 4), b'A' + (byte & 15)])
            .collect()
    }

    fn text(name: &[u8], suffix: u8) -> String {
        let wire = encode(name, suffix);
        String::from_utf8(decode_name(&wire).unwrap_or(wire)).unwrap()
    }

    #[test]
    fn the_name_of_rfc_1001() {
        // The example of RFC 1001, section 14.1: "FRED" padded with spaces.
        assert_eq!(
            NetbiosName::decode(b"EGFCEFEECACACACACACACACACACACACA").map(|name| name.0),
            Some(*b"FRED            ")
        );
    }

    #[test]
    fn names_are_written() {
        assert_eq!(text(b"WORKGROUP", 0x1d), "WORKGROUP<1d>");
        assert_eq!(
            text(b"\x01\x02__MSBROWSE__\x02", 1),
            "<01><02>__MSBROWSE__<02><01>"
        );
        assert_eq!(text(b"MARTIN ROSENAU", 3), "MARTIN ROSENAU<03>");
        let mut all = b"*".to_vec();
        all.resize(15, 0);
        assert_eq!(text(&all, 0), format!("*{}", "<00>".repeat(15)));
        let mut scoped = encode(b"A", 0);
        scoped.extend_from_slice(b".scope");
        assert_eq!(decode_name(&scoped).as_deref(), Some(&b"A<00>.scope"[..]));
        let mut damaged = encode(b"WORKGROUP", 0x1d);
        damaged[10] = b'%';
        assert_eq!(decode_name(&damaged).as_deref(), Some(&b"WORKG"[..]));
        assert_eq!(decode_name(b"www.example.org"), None);
    }

    #[test]
    fn hosts() {
        let host = |name: &[u8], suffix| {
            NetbiosName::decode(&encode(name, suffix))
                .and_then(|name| name.host().map(<[u8]>::to_vec))
        };
        assert_eq!(host(b"PC", 0x20), Some(b"PC".to_vec()));
        assert_eq!(host(b"PC", 0x1d), None);
        assert_eq!(host(b"*\0\0", 0), None);
        assert_eq!(netbios_base(b"A<00>.scope"), b"A");
        assert_eq!(netbios_base(b"*<00><00><00>"), b"*");
    }
}
