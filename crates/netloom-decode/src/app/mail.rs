//! A mail as its lines pass (RFC 5322): fields of its header, and the names of the files in its parts
//! (RFC 2046, RFC 2183). Its text is not kept.

use super::parameters::{boundary, file_name, parameter};
use super::support::keep;
use super::{Value, text};

/// Longest text that is kept.
pub(super) const TEXT_MAX: usize = 512;
/// Longest header field that is looked at, its further lines included.
const FIELD_MAX: usize = 2048;
/// Most files that are named.
const FILES_MAX: usize = 32;
/// Parts in one another that are followed.
const DEPTH_MAX: usize = 8;
/// Longest boundary between parts (RFC 2046, section 5.1.1).
const BOUNDARY_MAX: usize = 70;

/// Fields that are kept, what they are called, and where they stand.
const FIELDS: [(&[u8], &str, usize); 7] = [
    (b"from", "from", 0),
    (b"to", "to", 1),
    (b"subject", "subject", 2),
    (b"date", "date", 3),
    (b"message-id", "msg_id", 4),
    (b"user-agent", "user_agent", 5),
    (b"x-mailer", "user_agent", 5),
];

/// Where its next line belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Header,
    PartHeader,
    Text,
}

/// A mail that is coming.
#[derive(Debug, Default)]
pub(super) struct Mail {
    place: Place,
    /// The header field that is coming, its lines put together.
    field: Vec<u8>,
    fields: [Option<Box<[u8]>>; 6],
    /// What stands between the parts that are open, each in the one before.
    boundaries: Vec<Box<[u8]>>,
    /// The file in the part whose header is coming.
    file: Option<Box<[u8]>>,
    files: Vec<Box<[u8]>>,
}

impl Mail {
    /// Takes its next line.
    pub(super) fn line(&mut self, line: &[u8]) {
        match (self.place, line.first()) {
            (Place::Text, _) => self.text(line),
            (_, None) => {
                self.end_field();
                self.files.extend(self.file.take());
                self.place = Place::Text;
            }
            (_, Some(b' ' | b'\t')) if !self.field.is_empty() => self.add(line),
            (_, Some(_)) => {
                self.end_field();
                self.add(line);
            }
        }
    }

    /// Bytes of it are lost.
    pub(super) fn gap(&mut self) {
        self.field.clear();
        self.file = None;
        self.place = Place::Text;
    }

    /// Whether anything may come that is kept.
    pub(super) fn is_of_interest(&self) -> bool {
        self.place != Place::Text || !self.boundaries.is_empty()
    }

    /// Names of files in it.
    pub(super) fn files(&self) -> Vec<&[u8]> {
        self.files.iter().map(|file| &**file).collect()
    }

    /// What is known of it, with its [`files`](Self::files).
    pub(super) fn tell<'a>(
        &'a self,
        files: &'a [&'a [u8]],
        fields: &mut Vec<(&'static str, Value<'a>)>,
    ) {
        for (_, name, place) in FIELDS.iter().take(self.fields.len()) {
            if let Some(Some(value)) = self.fields.get(*place) {
                fields.push((name, Value::Text(value)));
            }
        }
        if !files.is_empty() {
            fields.push(("attachment", Value::List(files)));
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let texts = self.fields.iter().flatten();
        let lists = self.boundaries.iter().chain(&self.files).chain(&self.file);
        self.field.capacity()
            + texts.map(|text| text.len()).sum::<usize>()
            + lists.map(|text| text.len() + 16).sum::<usize>()
    }

    fn add(&mut self, line: &[u8]) {
        let room = FIELD_MAX.saturating_sub(self.field.len());
        self.field
            .extend_from_slice(line.get(..room).unwrap_or(line));
    }

    /// A line that is in no header: the next part may begin with it.
    fn text(&mut self, line: &[u8]) {
        let Some(rest) = line.strip_prefix(b"--") else {
            return;
        };
        // The innermost that it begins with.
        let mut open = self.boundaries.iter();
        let Some(depth) = open.rposition(|boundary| rest.starts_with(boundary)) else {
            return;
        };
        let is_end = self
            .boundaries
            .get(depth)
            .and_then(|boundary| rest.get(boundary.len()..))
            .is_some_and(|after| after.starts_with(b"--"));
        if is_end {
            self.boundaries.truncate(depth);
        } else {
            self.boundaries.truncate(depth + 1);
            self.place = Place::PartHeader;
        }
    }

    fn end_field(&mut self) {
        let mut field = std::mem::take(&mut self.field);
        let colon = field.iter().position(|&byte| byte == b':');
        if let Some((name, [_, value @ ..])) = colon.and_then(|at| field.split_at_checked(at)) {
            self.take_field(name.trim_ascii_end(), value.trim_ascii());
        }
        field.clear();
        self.field = field;
    }

    fn take_field(&mut self, name: &[u8], value: &[u8]) {
        if name.eq_ignore_ascii_case(b"content-type") {
            if text::starts_with_ignore_case(value, b"multipart/") {
                let boundary = boundary(value).filter(|boundary| boundary.len() <= BOUNDARY_MAX);
                if let Some(boundary) = boundary
                    && self.boundaries.len() < DEPTH_MAX
                {
                    self.boundaries.push(boundary.into());
                }
            } else if self.file.is_none() {
                self.note_file(parameter(value, b';', b"name"));
            }
        } else if name.eq_ignore_ascii_case(b"content-disposition") {
            self.note_file(file_name(value));
        }
        if self.place != Place::Header {
            return;
        }
        for (wanted, _, place) in FIELDS {
            if name.eq_ignore_ascii_case(wanted)
                && let Some(slot @ None) = self.fields.get_mut(place)
            {
                *slot = Some(keep(value, TEXT_MAX));
            }
        }
    }

    /// A part's disposition says its file's name rather than its type.
    fn note_file(&mut self, name: Option<&[u8]>) {
        if let Some(name) = name.filter(|name| !name.is_empty())
            && self.files.len() < FILES_MAX
        {
            self.file = Some(keep(name, TEXT_MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(lines: &str) -> Vec<(&'static str, String)> {
        let mut mail = Mail::default();
        for line in lines.split('\n') {
            mail.line(line.as_bytes());
        }
        let files = mail.files();
        let mut fields = Vec::new();
        mail.tell(&files, &mut fields);
        let text = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        fields
            .into_iter()
            .map(|(name, value)| match value {
                Value::Text(value) => (name, text(value)),
                Value::List(values) => {
                    let values: Vec<_> = values.iter().map(|value| text(value)).collect();
                    (name, values.join("|"))
                }
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_header() {
        let fields = told(
            "From: a\nSubject: one\n  two\n\tthree\nTO : b\nX-Mailer: it\nSubject: not this\n\nDate: text",
        );
        assert_eq!(
            fields,
            [
                ("from", "a".to_owned()),
                ("to", "b".to_owned()),
                ("subject", "one  two\tthree".to_owned()),
                ("user_agent", "it".to_owned()),
            ]
        );
    }

    #[test]
    fn files_in_parts() {
        let fields = told(concat!(
            "Content-Type: multipart/mixed;\n boundary=\"a b\"\n\nContent-Disposition: attachment; filename=no\n",
            "--a b\nContent-Type: multipart/alternative; boundary=inner\n\n",
            "--inner\nContent-Type: text/plain\n\nfilename=no\n--inner--\n",
            "--a b\nContent-Type: application/zip; name=\"type.zip\"\n",
            "Content-Disposition: attachment;\n filename=\"dis;position.zip\"\n\nUEs=\n",
            "--a b\nContent-Disposition: inline\nContent-Type: image/png; name=x.png\n\n",
            "--a b--\n--a b\nContent-Disposition: attachment; filename=after\n\n",
        ));
        assert_eq!(
            fields,
            [("attachment", "dis;position.zip|x.png".to_owned())]
        );
    }

    #[test]
    fn what_is_lost_is_no_header() {
        let mut mail = Mail::default();
        mail.line(b"Subject: o");
        mail.gap();
        mail.line(b"From: text");
        assert!(!mail.is_of_interest());
        let mut fields = Vec::new();
        mail.tell(&[], &mut fields);
        assert!(fields.is_empty());
    }

    proptest! {
        #[test]
        fn any_lines_are_bounded(lines in proptest::collection::vec("(--|Content-Type: multipart/|; boundary=|x{0,90}|Content-Disposition: a; filename=y|Subject:| |\\PC{0,9}){0,4}", 0..60)) {
            let mut mail = Mail::default();
            for line in &lines {
                mail.line(line.as_bytes());
            }
            prop_assert!(mail.heap_bytes() < 64 * 1024);
        }
    }
}
