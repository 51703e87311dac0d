//! Passwords in URIs: where they stand, and URIs without them.
//!
//! A password stands in the user information (`user:password@host`, RFC 3986, section 3.2.1; in SIP,
//! RFC 3261, section 19.1.1), or in a parameter of the query or fragment whose name says so. Percent
//! codes hide neither: a URI within a parameter of another one is read as well, down to
//! a few codings.

use std::borrow::Cow;
use std::ops::Range;

use super::http::percent_decoded;

/// What stands in place of a password, however long that is.
const MASK: &[u8] = b"***";
/// Most codings, one upon the other, that are seen through.
const LEVELS_MAX: u8 = 3;
/// Longest name of a user that is told.
const USER_MAX: usize = 128;

/// Names of parameters that hold a password.
const PASSWORDS: &[&[u8]] = &[
    b"password",
    b"passwd",
    b"passwort",
    b"pwd",
    b"pass",
    b"userpassword",
    b"user_password",
    b"login_password",
    b"j_password",
];
/// Words that the name of a password ends with, whatever stands before them (`newPassword`).
const PASSWORD_ENDS: &[&[u8]] = &[
    b"password",
    b"passwd",
    b"passwort",
    b"passphrase",
    b"passcode",
    b"pwd",
];
/// Names of passwords where they are the whole last word (`client_secret`, not `nosecret`).
const PASSWORD_WORDS: &[&[u8]] = &[
    b"pass",
    b"pw",
    b"psw",
    b"pword",
    b"secret",
    b"kennwort",
    b"userpass",
    b"loginpass",
];
/// Names of parameters that hold a user.
const USERS: &[&[u8]] = &[
    b"username",
    b"user",
    b"login",
    b"email",
    b"uname",
    b"userid",
    b"user_name",
    b"user_id",
    b"j_username",
    b"usr",
    b"log",
];

/// What a parameter holds, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    User,
    /// A password; whether that is sure without a user beside it.
    Password(bool),
    Other,
}

fn is_one_of(names: &[&[u8]], name: &[u8]) -> bool {
    names.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// What follows the last of these bytes.
fn behind(name: &[u8], marks: &[u8]) -> usize {
    let last = name.iter().rposition(|byte| marks.contains(byte));
    last.map_or(0, |at| at + 1)
}

/// By a name without percent codes. Forms give names of several parts, of which the last one
/// counts: `user[password]`, `login.password`, `ctl00$password`.
fn holds(name: &[u8]) -> Holds {
    let name = name.strip_suffix(b"[]").unwrap_or(name);
    let name = name.strip_suffix(b"]").unwrap_or(name);
    let name = name.get(behind(name, b"[.:$")..).unwrap_or(name);
    if is_one_of(USERS, name) {
        return Holds::User;
    }
    if is_one_of(PASSWORDS, name) {
        return Holds::Password(true);
    }
    // `password2`
    let end = name.iter().rposition(|byte| !byte.is_ascii_digit());
    let name = name.get(..end.map_or(0, |end| end + 1)).unwrap_or(name);
    let ends = PASSWORD_ENDS.iter().any(|end| {
        let start = name.len().checked_sub(end.len());
        let tail = start.and_then(|start| name.get(start..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    });
    let word = name.get(behind(name, b"_-")..).unwrap_or(name);
    if ends || is_one_of(PASSWORD_WORDS, word) {
        Holds::Password(false)
    } else {
        Holds::Other
    }
}

/// A byte of a text with percent codes: what it means, how many bytes it takes, and how many
/// codings it is in.
fn unit(data: &[u8], at: usize) -> Option<(u8, usize, u8)> {
    let digit = |at: usize| {
        let byte = *data.get(at)?;
        char::from(byte).to_digit(16)
    };
    let (mut byte, mut len, mut level) = (*data.get(at)?, 1, 0);
    while byte == b'%' && level < LEVELS_MAX {
        // Behind the first percent sign, each coding is two digits: `%253D` is `%3D` is `=`.
        let (Some(high), Some(low)) = (digit(at + len), digit(at + len + 1)) else {
            break;
        };
        byte = (high << 4 | low) as u8;
        len += 2;
        level += 1;
    }
    Some((byte, len, level))
}

/// A text without percent codes.
fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let (mut out, mut at) = (Vec::with_capacity(text.len()), 0);
    while let Some((byte, len, _)) = unit(text, at) {
        out.push(byte);
        at += len;
    }
    Cow::Owned(out)
}

/// How a text begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As a URI, or a part of one.
    Uri,
    /// With an authority: the target of CONNECT.
    Authority,
    /// With the name of a parameter: a form, a query without its question mark.
    Form,
}

/// Where something was found.
#[derive(Debug)]
enum Found {
    /// Whether in user information.
    User(Range<usize>, bool),
    /// Whether it is surely one; whether in user information.
    Password(Range<usize>, bool, bool),
}

/// What separates parts of a URI, and what may stand for it.
const SIGNS: [u8; 7] = *b"%?&;#=:";

/// Looks for users (the first one of the parameters) and passwords, in their order. Takes time
/// in proportion to the text's length.
fn scan(data: &[u8], kind: Kind, found: &mut dyn FnMut(Found)) {
    // A user stands before `@` or behind `=`, a password too, coded or not: most texts have neither.
    if memchr::memchr3(b'=', b'@', b'%', data).is_none() {
        return;
    }
    let scheme = |name: &[u8]| {
        let start = data.get(..name.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    let mut authority = Authority {
        data,
        last_sign: memchr::memrchr(b'@', data),
    };
    let mut query = kind == Kind::Form;
    // Where a parameter's name begins.
    let mut name = (kind == Kind::Form).then_some(0);
    let mut user = false;
    let mut at = if kind == Kind::Authority {
        authority.read(0, Within::Target, found)
    } else if scheme(b"sip:") {
        authority.read(4, Within::Sip, found)
    } else if scheme(b"sips:") {
        authority.read(5, Within::Sip, found)
    } else if data.starts_with(b"//") {
        authority.read(2, Within::Path(0), found)
    } else {
        0
    };
    loop {
        // Nearly all bytes mean nothing here.
        let rest = data.get(at..).unwrap_or_default();
        let Some(next) = rest.iter().position(|byte| SIGNS.contains(byte)) else {
            return;
        };
        at += next;
        let Some((byte, len, level)) = unit(data, at) else {
            return;
        };
        let after = at + len;
        match byte {
            b'?' | b'&' | b';' | b'#' => {
                query |= byte != b';';
                name = Some(after);
            }
            b'=' => {
                let told = name.replace(after).and_then(|start| data.get(start..at));
                match told.map_or(Holds::Other, |name| holds(&decoded(name))) {
                    Holds::Password(sure) => {
                        let end = value_end(data, after, level);
                        if end > after {
                            found(Found::Password(after..end, sure, false));
                        }
                        at = end;
                        continue;
                    }
                    Holds::User if !user => {
                        user = true;
                        found(Found::User(after..value_end(data, after, level), false));
                    }
                    _ => {}
                }
            }
            b':' => {
                let slash = |at: usize| unit(data, at).filter(|(byte, ..)| *byte == b'/');
                if let Some((_, one, _)) = slash(after)
                    && let Some((_, two, _)) = slash(after + one)
                {
                    let within = if query {
                        Within::Query(level)
                    } else {
                        Within::Path(level)
                    };
                    at = authority.read(after + one + two, within, found);
                    continue;
                }
            }
            _ => {}
        }
        at = after;
    }
}

/// Where the value of a parameter ends whose equals sign is in so many codings: at the next `&` or
/// `#` that is in no more. A `;` separates only where another name follows: it may be a part of a
/// password.
fn value_end(data: &[u8], from: usize, level: u8) -> usize {
    let mut at = from;
    while let Some((byte, len, coded)) = unit(data, at) {
        if coded <= level
            && (matches!(byte, b'&' | b'#') || byte == b';' && is_named(data, at + len))
        {
            break;
        }
        at += len;
    }
    at.min(data.len())
}

/// Whether a name and an equals sign stand here.
fn is_named(data: &[u8], mut at: usize) -> bool {
    while let Some((byte, len, _)) = unit(data, at) {
        match byte {
            b'=' => return true,
            b'&' | b';' | b'#' => return false,
            _ => at += len,
        }
    }
    false
}

/// Where an authority stands; those of URIs, in how many codings.
#[derive(Debug, Clone, Copy)]
enum Within {
    Path(u8),
    Query(u8),
    Target,
    Sip,
}

/// Reads authorities.
struct Authority<'a> {
    data: &'a [u8],
    last_sign: Option<usize>,
}

impl Authority<'_> {
    /// The authority from here on; where it ends.
    fn read(&mut self, from: usize, within: Within, found: &mut dyn FnMut(Found)) -> usize {
        let (mut at, mut colon, mut sign) = (from, None, None);
        while let Some((byte, len, coded)) = unit(self.data, at) {
            let ends = match within {
                Within::Path(level) => coded <= level && matches!(byte, b'/' | b'?' | b'#'),
                Within::Query(level) => coded <= level && matches!(byte, b'/' | b'?' | b'#' | b'&'),
                Within::Target => matches!(byte, b'/' | b'?' | b'#'),
                // In the user's name all of them may stand.
                Within::Sip => sign.is_some() && matches!(byte, b'/' | b'?' | b';' | b'>'),
            };
            if ends {
                break;
            }
            match byte {
                b':' if colon.is_none() => colon = Some((at, at + len)),
                b'@' => sign = Some(at),
                _ => {}
            }
            at += len;
        }
        let Some((user_end, password)) = colon else {
            return at;
        };
        if sign.is_none()
            && self.last_sign.is_some_and(|last| last >= at)
            && !self
                .data
                .get(from..)
                .is_some_and(|rest| rest.starts_with(b"["))
            && let Some(port) = self.data.get(password..at)
            && !port.iter().all(u8::is_ascii_digit)
        {
            // No port: a password with a slash or the like, which should have been coded.
            sign = memchr::memchr(b'@', self.data.get(at..).unwrap_or_default())
                .map(|behind| at + behind);
            at = sign.unwrap_or(at);
        }
        if let Some(sign) = sign.filter(|&sign| password < sign) {
            found(Found::User(from..user_end, true));
            found(Found::Password(password..sign, true, true));
        }
        at
    }
}

/// A text with `***` in place of each password.
fn without_passwords(data: &[u8], kind: Kind) -> Cow<'_, [u8]> {
    let (mut out, mut done) = (Vec::new(), 0);
    scan(data, kind, &mut |what| {
        if let Found::Password(place, ..) = what {
            out.extend_from_slice(data.get(done..place.start).unwrap_or_default());
            out.extend_from_slice(MASK);
            done = place.end;
        }
    });
    if done == 0 {
        return Cow::Borrowed(data);
    }
    out.extend_from_slice(data.get(done..).unwrap_or_default());
    Cow::Owned(out)
}

/// A URI with `***` in place of each password in it; users stay.
///
/// ```
/// use netloom_decode::app::uri::masked;
/// assert_eq!(*masked(b"ftp://me:secret@h/a"), *b"ftp://me:***@h/a");
/// assert_eq!(*masked(b"/in?user=me&pass%77ord=secret"), *b"/in?user=me&pass%77ord=***");
/// ```
pub fn masked(uri: &[u8]) -> Cow<'_, [u8]> {
    without_passwords(uri, Kind::Uri)
}

/// The target of a request, in the same way.
pub fn masked_target<'a>(method: &[u8], target: &'a [u8]) -> Cow<'a, [u8]> {
    without_passwords(target, kind_of(method))
}

/// A query without its question mark, in the same way.
pub(crate) fn masked_query(query: &[u8]) -> Cow<'_, [u8]> {
    without_passwords(query, Kind::Form)
}

/// The first line of a request (HTTP, SIP), in the same way; other lines as they are.
///
/// ```
/// use netloom_decode::app::uri::masked_line;
/// assert_eq!(*masked_line(b"GET /?pwd=a HTTP/1.1"), *b"GET /?pwd=*** HTTP/1.1");
/// ```
pub fn masked_line(line: &[u8]) -> Cow<'_, [u8]> {
    let parts = || {
        let first = line.iter().position(|&byte| byte == b' ')?;
        let last = line.iter().rposition(|&byte| byte == b' ')?;
        let (method, rest) = line.split_at_checked(first + 1)?;
        let (target, version) = rest.split_at_checked(last.checked_sub(first + 1)?)?;
        Some((method, target, version))
    };
    let Some((method, target, version)) = parts() else {
        return Cow::Borrowed(line);
    };
    match masked_target(method.trim_ascii_end(), target) {
        Cow::Borrowed(_) => Cow::Borrowed(line),
        Cow::Owned(target) => Cow::Owned([method, &target, version].concat()),
    }
}

/// How the target of a request of this method begins (RFC 9112, section 3.2.3).
fn kind_of(method: &[u8]) -> Kind {
    if method == b"CONNECT" {
        Kind::Authority
    } else {
        Kind::Uri
    }
}

/// Who logs in by the target of a request; `None` where no password is in it. Empty where there is
/// only a password.
pub(crate) fn login_in_target(method: &[u8], target: &[u8]) -> Option<Vec<u8>> {
    login_in(target, kind_of(method))
}

/// The same of a form. Names that may mean something else count only beside a user.
pub(crate) fn login_in(data: &[u8], kind: Kind) -> Option<Vec<u8>> {
    let mut user = None;
    let (mut any, mut sure) = (false, false);
    scan(data, kind, &mut |what| match what {
        Found::User(place, in_userinfo) if user.is_none() => user = Some((place, in_userinfo)),
        Found::User(..) => {}
        Found::Password(_, is_sure, in_userinfo) => {
            // An address within a form is no login here.
            let counts = kind != Kind::Form || !in_userinfo;
            any |= counts;
            sure |= counts && is_sure;
        }
    });
    let user = user
        // In parameters a plus sign is a space.
        .and_then(|(place, plain)| Some(percent_decoded(data.get(place)?, USER_MAX, !plain)))
        .unwrap_or_default();
    (sure || any && !user.is_empty()).then_some(user)
}

/// Who logs in by a text of JSON with a password in it, by the names of its members.
pub(crate) fn login_in_json(data: &[u8]) -> Option<&[u8]> {
    let member = |names: &[&[u8]]| {
        names
            .iter()
            .find_map(|name| super::support::json_text(data, name))
    };
    member(PASSWORDS).or_else(|| super::support::json_text(data, b"userPassword"))?;
    let user = member(USERS).or_else(|| super::support::json_text(data, b"userName"));
    Some(user.unwrap_or_default())
}

/// A host without the user information that some send before it. `Host` has none (RFC 9110,
/// section 7.2).
pub(crate) fn without_userinfo(host: &[u8]) -> &[u8] {
    let sign = memchr::memrchr(b'@', host);
    sign.and_then(|sign| host.get(sign + 1..)).unwrap_or(host)
}

#[cfg(test)]
mod tests;
