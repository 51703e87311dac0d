//! What protocols of text lines share.

use super::{Guess, Next, Probe, Step, text};

/// Longest line that is waited for; what is longer is cut there.
pub(crate) const LINE_MAX: usize = 4096;

/// Hands out the lines at the start of `data` without their ends.
pub(crate) fn lines(data: &[u8], each: impl FnMut(&[u8]) -> Next) -> Step {
    lines_up_to(LINE_MAX, data, each)
}

/// The same with another length at which lines are cut.
pub(crate) fn lines_up_to(max: usize, data: &[u8], mut each: impl FnMut(&[u8]) -> Next) -> Step {
    let mut consumed = 0;
    loop {
        let rest = data.get(consumed..).unwrap_or_default();
        let window = rest.get(..max).unwrap_or(rest);
        let (line, taken) = match text::line(window) {
            Some(found) => found,
            None if rest.len() >= max => (window, window.len()),
            None => return Step::consumed(consumed),
        };
        consumed += taken;
        match each(line) {
            Next::Continue => {}
            other => return Step::then(consumed, other),
        }
    }
}

/// The code of a reply such as `220 ready` or `220-more follows`: the number, whether it is the
/// last line of the reply, and its text.
pub(crate) fn reply(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (code, rest) = line.split_at_checked(3)?;
    let code = text::number(code)? as u16;
    if !(100..700).contains(&code) {
        return None;
    }
    match rest {
        [] => Some((code, true, rest)),
        [b' ', words @ ..] => Some((code, true, words)),
        [b'-', words @ ..] => Some((code, false, words)),
        _ => None,
    }
}

/// Whether a line's first word is this command, in any case.
pub(crate) fn is_command(line: &[u8], command: &[u8]) -> bool {
    text::word(line.trim_ascii_end())
        .0
        .eq_ignore_ascii_case(command)
}

/// Whether the first line of a stream is whole and its first word one of these commands.
pub(crate) fn opens_with(data: &[u8], commands: &[&[u8]]) -> bool {
    text::line(data).is_some_and(|(line, _)| {
        commands.iter().any(|command| is_command(line, command))
            && line.iter().all(|&byte| byte >= b' ' || byte == b'\t')
    })
}

/// Whether a conversation that is seen from its middle is one of commands and replies: the first line
/// of each side that the capture has. Of one side alone its `port` makes a guess.
pub(crate) fn converse(
    probe: &Probe<'_>,
    port: u16,
    is_command: impl Fn(&[u8]) -> bool,
    is_reply: impl Fn(&[u8]) -> bool,
) -> Guess {
    if probe.from_start {
        return Guess::No;
    }
    let fits = |data: &[u8], from_client: bool| {
        text::line(data).is_some_and(|(line, _)| {
            let is_text = line.iter().all(|&byte| byte >= b' ' || byte == b'\t');
            is_text
                && if from_client {
                    is_command(line)
                } else {
                    is_reply(line)
                }
        })
    };
    if !fits(probe.data, probe.from_client) {
        return Guess::No;
    }
    match probe.other {
        [] if probe.has_port(port) => Guess::Unsure,
        [] => Guess::More,
        other if fits(other, !probe.from_client) => Guess::Certain,
        _ => Guess::No,
    }
}

/// Whether `data` holds `word` in any case.
pub(crate) fn contains(data: &[u8], word: &[u8]) -> bool {
    data.windows(word.len())
        .any(|window| window.eq_ignore_ascii_case(word))
}

/// Whether it looks like a host's name: labels of letters, digits and hyphens, and a dot.
pub(crate) fn is_host_name(name: &[u8]) -> bool {
    name.len() <= 253
        && name.contains(&b'.')
        && !name.starts_with(b".")
        && name
            .iter()
            .all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        && name.iter().any(u8::is_ascii_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies() {
        assert_eq!(reply(b"220 hello"), Some((220, true, &b"hello"[..])));
        assert_eq!(reply(b"220-hello"), Some((220, false, &b"hello"[..])));
        assert_eq!(reply(b"220"), Some((220, true, &b""[..])));
        assert_eq!(reply(b"220x"), None);
        assert_eq!(reply(b"22"), None);
        assert_eq!(reply(b"999 x"), None);
    }

    #[test]
    fn long_lines_are_cut() {
        let mut seen = Vec::new();
        let step = lines(&[b'a'; LINE_MAX + 3], |line| {
            seen.push(line.len());
            Next::Continue
        });
        assert_eq!((step.consumed, seen), (LINE_MAX, vec![LINE_MAX]));
    }

    #[test]
    fn names() {
        assert!(is_host_name(b"mail.example.org"));
        assert!(!is_host_name(b"192.0.2.1"));
        assert!(!is_host_name(b"localhost"));
        assert!(!is_host_name(b"a.b/c"));
    }
}
