//! Protocols that are recognised by their first bytes and not read further.
//!
//! A signature is what a protocol itself requires: a magic number, a version with the lengths
//! around it, fixed words at fixed places; never what one implementation or one capture happened
//! to send. Where a single message leaves too few fixed bits, both directions are compared, or
//! the guess stays [`Guess::Unsure`].

pub mod chat;
pub mod databases;
pub mod devices;
pub mod fieldbus;
pub mod games;
pub mod industry;
pub mod media;
pub mod monitoring;
pub mod peers;
pub mod private;
pub mod remote;
pub mod routing;
pub mod rpc;
pub mod storage;
pub mod titles;

use super::{Detector, Guess};

/// Declares protocols with a detector each. The probe is the function of the same name beside it.
macro_rules! signatures {
    ($($(#[$doc:meta])* $id:ident $name:literal $title:literal $category:ident $over:ident [$($port:expr),* $(,)?];)*) => {
        $($(#[$doc])*
        pub mod $id {
            use crate::app::{Category, Detector, Over, Protocol};

            /// What is recognised.
            pub static PROTOCOL: Protocol = Protocol {
                name: $name,
                title: $title,
                category: Category::$category,
            };

            /// How it is recognised.
            pub static DETECTOR: Detector = Detector {
                protocol: &PROTOCOL,
                over: Over::$over,
                ports: &[$($port),*],
                probe: super::$id,
                parser: None,
            };
        })*

        /// All of them.
        pub(crate) const DETECTORS: &[&crate::app::Detector] = &[$(&$id::DETECTOR),*];
    };
}
use signatures;

/// The lists of all kinds; the strictest signatures come first.
const KINDS: [&[&Detector]; 15] = [
    storage::DETECTORS,
    databases::DETECTORS,
    rpc::DETECTORS,
    monitoring::DETECTORS,
    devices::DETECTORS,
    industry::DETECTORS,
    fieldbus::DETECTORS,
    routing::DETECTORS,
    media::DETECTORS,
    remote::DETECTORS,
    peers::DETECTORS,
    private::DETECTORS,
    chat::DETECTORS,
    games::DETECTORS,
    titles::DETECTORS,
];

const COUNT: usize = {
    let mut count = 0;
    let mut kind = 0;
    while kind < KINDS.len() {
        count += KINDS[kind].len();
        kind += 1;
    }
    count
};

/// All detectors of this module.
pub(super) const DETECTORS: [&Detector; COUNT] = {
    let mut all = [KINDS[0][0]; COUNT];
    let (mut at, mut kind) = (0, 0);
    while kind < KINDS.len() {
        let mut index = 0;
        while index < KINDS[kind].len() {
            all[at] = KINDS[kind][index];
            at += 1;
            index += 1;
        }
        kind += 1;
    }
    all
};

/// Certain where the data starts with these bytes; more where it is too short to say.
fn starts(data: &[u8], with: &[u8]) -> Guess {
    // The first byte tells most of what it is not.
    if matches!((data, with), ([first, ..], [wanted, ..]) if first != wanted) {
        Guess::No
    } else if data.starts_with(with) {
        Guess::Certain
    } else if with.starts_with(data) {
        Guess::More
    } else {
        Guess::No
    }
}

/// The best of [`starts`] for several beginnings.
fn starts_any(data: &[u8], with: &[&[u8]]) -> Guess {
    with.iter()
        .map(|with| starts(data, with))
        .max()
        .unwrap_or(Guess::No)
}

/// Certain or not at all.
const fn certain_if(is: bool) -> Guess {
    if is { Guess::Certain } else { Guess::No }
}

/// Whether the bytes stand anywhere in the first `within` bytes.
pub(super) fn contains(data: &[u8], what: &[u8], within: usize) -> bool {
    let data = data.get(..within).unwrap_or(data);
    let Some((&first, rest)) = what.split_first() else {
        return true;
    };
    memchr::memchr_iter(first, data).any(|at| {
        data.get(at + 1..)
            .is_some_and(|data| data.starts_with(rest))
    })
}

/// Fields of a type and a length before each value, to the very end of `data`: how many there
/// are; `None` where they do not add up. `width` is that of type and of length, in bytes (1 or
/// 2); `whole` says whether the length counts the type and the length too.
fn fields(data: &[u8], width: usize, whole: bool, known: impl Fn(u16) -> bool) -> Option<usize> {
    let mut rest = data;
    let mut count = 0;
    while !rest.is_empty() {
        let (kind, length) = match width {
            1 => (u16::from(*rest.first()?), usize::from(*rest.get(1)?)),
            _ => (
                super::wire::u16_at(rest, 0)?,
                usize::from(super::wire::u16_at(rest, 2)?),
            ),
        };
        if !known(kind) {
            return None;
        }
        let length = if whole { length } else { length + 2 * width };
        if length < 2 * width {
            return None;
        }
        rest = rest.get(length..)?;
        count += 1;
        if count > 64 {
            return None;
        }
    }
    Some(count)
}

#[cfg(test)]
mod tests;
