//! Parameters of header fields, `name=value` with quotes, as HTTP (RFC 9110, section 5.6.6), its
//! authentication and mail (RFC 2045, section 5.1) write them.

/// A parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// Its name, as it is written.
    pub name: &'a [u8],
    /// Its value without quotes; what a backslash hides stands as it is written.
    pub value: &'a [u8],
    /// Whether it stood in quotes.
    pub is_quoted: bool,
}

/// The parameters of a list; what has no `=` is passed over. A quote that does not end goes to the list's
/// end.
///
/// ```
/// use netloom_decode::app::parameters::parameters;
/// let values: Vec<_> = parameters(br#"attachment; filename="a;b.zip"; size=7"#, b';')
///     .map(|parameter| (parameter.name, parameter.value))
///     .collect();
/// assert_eq!(values, [(&b"filename"[..], &b"a;b.zip"[..]), (b"size", b"7")]);
/// ```
pub fn parameters(list: &[u8], separator: u8) -> impl Iterator<Item = Parameter<'_>> {
    let mut rest = list;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = rest
                .iter()
                .position(|&byte| byte == b'=' || byte == separator);
            let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
            let Some((&mark, after)) = after.split_first() else {
                break;
            };
            if mark != b'=' {
                rest = after;
                continue;
            }
            let name = name.trim_ascii();
            let after = after.trim_ascii_start();
            let (value, is_quoted, left) = match after.strip_prefix(b"\"") {
                Some(text) => {
                    let (value, left) = text.split_at(quote(text));
                    (value, true, left)
                }
                None => (after, false, after),
            };
            let end = left.iter().position(|&byte| byte == separator);
            let (bare, behind) = left.split_at(end.unwrap_or(left.len()));
            rest = behind.get(1..).unwrap_or_default();
            let value = if is_quoted { value } else { bare.trim_ascii() };
            return Some(Parameter {
                name,
                value,
                is_quoted,
            });
        }
        None
    })
}

/// The value of the first parameter of that name, in any case.
pub fn parameter<'a>(list: &'a [u8], separator: u8, name: &[u8]) -> Option<&'a [u8]> {
    parameters(list, separator)
        .find(|parameter| parameter.name.eq_ignore_ascii_case(name))
        .map(|parameter| parameter.value)
}

/// The name of a file in a `Content-Disposition` (RFC 6266, RFC 2183): of `filename` or, where that
/// stands first, of `filename*`, as it is encoded.
pub fn file_name(disposition: &[u8]) -> Option<&[u8]> {
    parameters(disposition, b';').find_map(|parameter| {
        let value = if parameter.name.eq_ignore_ascii_case(b"filename") {
            parameter.value
        } else if parameter.name.eq_ignore_ascii_case(b"filename*") {
            // charset'language'name
            parameter
                .value
                .splitn(3, |&byte| byte == b'\'')
                .nth(2)
                .unwrap_or_default()
        } else {
            return None;
        };
        (!value.is_empty()).then_some(value)
    })
}

/// The boundary that the content type of several parts names (RFC 2046, section 5.1.1).
pub fn boundary(content_type: &[u8]) -> Option<&[u8]> {
    let found = parameters(content_type, b';')
        .find(|parameter| parameter.name.eq_ignore_ascii_case(b"boundary"))?;
    let is_end = |byte: &u8| !found.is_quoted && (!byte.is_ascii_graphic() || *byte == b'"');
    let end = found.value.iter().position(is_end);
    let boundary = found.value.get(..end.unwrap_or(found.value.len()))?;
    (!boundary.is_empty()).then_some(boundary)
}

/// Where a quoted text ends.
fn quote(text: &[u8]) -> usize {
    let mut is_hidden = false;
    let end = text.iter().position(|&byte| {
        let ends = byte == b'"' && !is_hidden;
        is_hidden = byte == b'\\' && !is_hidden;
        ends
    });
    end.unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn credentials() {
        let list = br#"username="Mufasa", realm="a, b", nc=1"#;
        assert_eq!(parameter(list, b',', b"USERNAME"), Some(&b"Mufasa"[..]));
        assert_eq!(parameter(list, b',', b"realm"), Some(&b"a, b"[..]));
        assert_eq!(parameter(list, b',', b"nc"), Some(&b"1"[..]));
        assert_eq!(parameter(list, b',', b"uri"), None);
    }

    #[test]
    fn names_of_files() {
        for (value, expected) in [
            (&b"attachment; filename=a.zip"[..], Some(&b"a.zip"[..])),
            (
                b"attachment; filename=\"a b;c.zip\"; x=1",
                Some(b"a b;c.zip"),
            ),
            (b"form-data; name=\"f=g\"; FileName = \"x\"", Some(b"x")),
            (
                b"attachment; filename*=UTF-8''%e2%82%ac",
                Some(b"%e2%82%ac"),
            ),
            (b"attachment; filename=\"not closed", Some(b"not closed")),
            (b"attachment; filename=\"a\\\"b\"", Some(b"a\\\"b")),
            (b"attachment; filename=", None),
            (b"attachment; filename", None),
            (b"", None),
        ] {
            assert_eq!(file_name(value), expected, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn boundaries() {
        for (value, expected) in [
            (&b"multipart/mixed; boundary=abc"[..], Some(&b"abc"[..])),
            (
                b"multipart/mixed; charset=\"a;b\" ; Boundary = \"a b\"; x=y",
                Some(b"a b"),
            ),
            (b"multipart/mixed; boundary=a_b?c x", Some(b"a_b?c")),
            (b"multipart/mixed; boundary=", None),
            (b"multipart/mixed; boundary", None),
            (b"multipart/mixed", None),
        ] {
            assert_eq!(boundary(value), expected, "{}", value.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn any_list_ends(list in "[a=;,\"\\\\ ]{0,60}", separator in prop::sample::select(vec![b';', b','])) {
            prop_assert!(parameters(list.as_bytes(), separator).count() <= list.len());
        }
    }
}
