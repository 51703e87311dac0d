//! Lines of a stream, of which no more than their beginnings are kept.

/// Bytes of a line that are looked at. No more than these are kept of one that has not ended.
pub(super) const KEPT: usize = 512;

/// A line without its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// How it begins.
    pub(super) start: &'a [u8],
    /// How long it is.
    pub(super) len: u64,
}

/// Cuts a stream at each CR, LF or CR LF.
#[derive(Debug, Default)]
pub(super) struct Lines {
    kept: Vec<u8>,
    len: u64,
    /// An LF that comes next belongs to the line before.
    after_cr: bool,
    /// What is kept is of a line that was told.
    told: bool,
}

impl Lines {
    /// Takes bytes up to the end of a line: how many, and the line if it ended.
    pub(super) fn take<'a>(&'a mut self, bytes: &'a [u8]) -> (usize, Option<Line<'a>>) {
        if std::mem::take(&mut self.told) {
            self.kept.clear();
            self.len = 0;
        }
        let from = self.pass_lf(bytes);
        let rest = bytes.get(from..).unwrap_or_default();
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let content = rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest);
        let Some(end) = end else {
            self.keep(content);
            return (bytes.len(), None);
        };
        self.after_cr = rest.get(end) == Some(&b'\r');
        self.told = true;
        let line = if self.len == 0 {
            Line {
                start: content.get(..KEPT).unwrap_or(content),
                len: content.len() as u64,
            }
        } else {
            self.keep(content);
            Line {
                start: &self.kept,
                len: self.len,
            }
        };
        (from + end + 1, Some(line))
    }

    /// Takes an LF that still belongs to the line before; how many bytes that is.
    pub(super) fn pass_lf(&mut self, bytes: &[u8]) -> usize {
        let Some(first) = bytes.first() else { return 0 };
        usize::from(std::mem::take(&mut self.after_cr) && *first == b'\n')
    }

    /// Forgets a line that has not ended.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.kept.capacity()
    }

    fn keep(&mut self, content: &[u8]) {
        let room = KEPT.saturating_sub(self.kept.len());
        self.kept
            .extend_from_slice(content.get(..room).unwrap_or(content));
        self.len = self.len.saturating_add(content.len() as u64);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<(Vec<u8>, u64)> {
        let mut lines = Lines::default();
        let mut out = Vec::new();
        for piece in pieces {
            let mut at = 0;
            while at < piece.len() {
                let (taken, line) = lines.take(&piece[at..]);
                at += taken;
                if let Some(line) = line {
                    out.push((line.start.to_vec(), line.len));
                }
            }
            assert!(lines.heap_bytes() <= 2 * KEPT);
        }
        out
    }

    #[test]
    fn ends_of_all_kinds() {
        let text = |text: &str| (text.as_bytes().to_vec(), text.len() as u64);
        let all = ["one", "two", "", "three", "four"].map(text);
        assert_eq!(lines(&[b"one\r\ntwo\n\nthree\rfour\r\nfive"]), all);
        assert_eq!(
            lines(&[b"on", b"e\r", b"\ntw", b"o\n", b"\nthree\rfour\r"]),
            all
        );
        let long = vec![b'x'; 3 * KEPT];
        let (start, len) = lines(&[&long, &long, b"\n"]).remove(0);
        assert_eq!((start.len(), len), (KEPT, 6 * KEPT as u64));
    }

    proptest! {
        #[test]
        fn any_cut(text in prop::collection::vec(prop::sample::select(b"\r\nab".to_vec()), 0..80), cut in 0_usize..80) {
            let cut = cut.min(text.len());
            prop_assert_eq!(lines(&[&text]), lines(&[&text[..cut], &text[cut..]]));
        }
    }
}
