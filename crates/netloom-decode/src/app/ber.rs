//! Elements of ASN.1's basic encoding rules (X.690), as far as LDAP, Kerberos and others of
//! their kind need them.

/// A tag and its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    /// First byte of the tag (all that is needed: no tag here is longer).
    pub(crate) tag: u8,
    /// The content.
    pub(crate) data: &'a [u8],
}

/// The length that the element at the start of `data` states for its content, and the bytes of
/// tag and length; `None` where it is cut, indefinite or beyond 32 bits.
pub(crate) fn length(data: &[u8]) -> Option<(usize, usize)> {
    let first = *data.get(1)?;
    if first < 0x80 {
        return Some((first.into(), 2));
    }
    let count = usize::from(first & 0x7f);
    if !(1..=4).contains(&count) {
        return None;
    }
    let bytes = data.get(2..2 + count)?;
    let length = bytes
        .iter()
        .fold(0_usize, |sum, &byte| sum << 8 | usize::from(byte));
    Some((length, 2 + count))
}

/// The element at the start of `data`, and what follows it; `None` where it is not whole.
pub(crate) fn element(data: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (length, header) = length(data)?;
    let tag = *data.first()?;
    let (content, rest) = data.get(header..)?.split_at_checked(length)?;
    Some((Element { tag, data: content }, rest))
}

/// A whole number of at most eight bytes; negative ones count as their bits.
pub(crate) fn number(data: &[u8]) -> u64 {
    data.iter()
        .take(8)
        .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements() {
        let (first, rest) = element(b"\x02\x01\x05\x04\x81\x02ab").unwrap();
        assert_eq!((first.tag, number(first.data)), (2, 5));
        assert_eq!(element(rest).unwrap().0.data, b"ab");
        assert_eq!(element(b"\x04\x05ab"), None);
        assert_eq!(length(b"\x04\x80"), None);
        assert_eq!(length(b"\x04\x85\0\0\0\0\0"), None);
    }
}
