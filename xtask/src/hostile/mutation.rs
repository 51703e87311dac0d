//! What is done to a file before it is read.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use super::random::Random;

/// Bytes that a flipped variant changes, at the most.
const FLIPS_MAX: u64 = 8;
/// Where captures have their headers: half of the flips go there.
const HEADERS: u64 = 256;

/// A file, cut or changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mutation {
    /// Where it ends; `None`: where the file does.
    pub(super) end: Option<usize>,
    /// (offset, what is xor-ed to the byte there), by offset.
    pub(super) flips: Vec<(usize, u8)>,
}

impl Mutation {
    /// The file cut at a random offset.
    pub(super) fn cut(length: usize, random: &mut Random) -> Self {
        Self {
            end: Some(random.below(length as u64) as usize),
            flips: Vec::new(),
        }
    }

    /// The file with a few random bytes changed: single bits, or the byte as a whole.
    pub(super) fn flipped(length: usize, random: &mut Random) -> Self {
        let count = 1 + random.below(FLIPS_MAX);
        let mut flips: Vec<(usize, u8)> = (0..count)
            .map(|_| {
                let within = if random.below(2) == 0 {
                    HEADERS.min(length as u64)
                } else {
                    length as u64
                };
                let change = if random.below(2) == 0 {
                    1 << random.below(8)
                } else {
                    1 + random.below(255) as u8
                };
                (random.below(within) as usize, change)
            })
            .collect();
        flips.sort_unstable();
        Self { end: None, flips }
    }

    /// The changed file, to be read; nothing is copied but what is asked for.
    pub(super) fn reader(&self, file: Arc<[u8]>) -> Mutated {
        let end = self.end.unwrap_or(file.len()).min(file.len());
        Mutated {
            file,
            end,
            flips: self.flips.clone(),
            at: 0,
        }
    }
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.end, self.flips.as_slice()) {
            (Some(end), _) => write!(f, "cut at byte {end}"),
            (None, []) => write!(f, "whole"),
            (None, flips) => {
                write!(f, "flipped")?;
                flips
                    .iter()
                    .try_for_each(|(at, change)| write!(f, " {at}^{change:#04x}"))
            }
        }
    }
}

/// Reads a changed file.
#[derive(Debug)]
pub(super) struct Mutated {
    file: Arc<[u8]>,
    end: usize,
    flips: Vec<(usize, u8)>,
    at: usize,
}

impl Read for Mutated {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let rest = self.file.get(self.at..self.end).unwrap_or_default();
        let length = rest.len().min(into.len());
        let into = &mut into[..length];
        into.copy_from_slice(&rest[..length]);
        for &(offset, change) in &self.flips {
            if let Some(byte) = offset
                .checked_sub(self.at)
                .and_then(|index| into.get_mut(index))
            {
                *byte ^= change;
            }
        }
        self.at += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mutation: &Mutation, step: usize) -> Vec<u8> {
        let mut reader = mutation.reader((0..10).collect::<Vec<u8>>().into());
        let mut all = Vec::new();
        let mut buffer = vec![0; step];
        loop {
            match reader.read(&mut buffer).unwrap() {
                0 => return all,
                length => all.extend_from_slice(&buffer[..length]),
            }
        }
    }

    #[test]
    fn what_is_read_is_the_changed_file_whatever_the_buffer() {
        let whole = Mutation::default();
        let cut = Mutation {
            end: Some(4),
            ..Mutation::default()
        };
        let flipped = Mutation {
            end: None,
            flips: vec![(0, 1), (9, 0x80), (9, 0x01)],
        };
        for step in [1, 3, 10, 99] {
            assert_eq!(read(&whole, step), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
            assert_eq!(read(&cut, step), [0, 1, 2, 3]);
            assert_eq!(read(&flipped, step), [1, 1, 2, 3, 4, 5, 6, 7, 8, 0x88]);
        }
    }

    #[test]
    fn mutations_stay_inside_the_file_and_change_something() {
        for length in [1, 2, 300, 100_000] {
            let mut random = Random::new(1, "file", length as u64);
            for _ in 0..100 {
                assert!(Mutation::cut(length, &mut random).end.unwrap() < length);
                let flipped = Mutation::flipped(length, &mut random);
                assert!(!flipped.flips.is_empty());
                assert!(
                    flipped
                        .flips
                        .iter()
                        .all(|&(at, change)| at < length && change != 0)
                );
            }
        }
    }
}
