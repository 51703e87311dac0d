//! Interfaces of a section, and the time their packets carry.

use netloom_packet::{Interface, LinkType, Timestamp};

use super::super::link_types;
use super::super::scan::{u16_at, u32_at};
use super::options::{Options, number, text};

const NANOS: u64 = 1_000_000_000;

/// What one packet's timestamp counts (`if_tsresol`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resolution {
    /// Each tick is that many nanoseconds.
    Nanos(u64),
    /// That many ticks are a nanosecond.
    PerNano(u64),
    /// Two to that power ticks are a second.
    Binary(u8),
}

impl Resolution {
    /// From the option's byte: a power of ten, or of two where the upper bit is set.
    pub(super) const fn from_option(value: u8) -> Self {
        let exponent = value & 0x7f;
        if value & 0x80 != 0 {
            Self::Binary(exponent)
        } else if exponent <= 9 {
            Self::Nanos(10_u64.pow(9 - exponent as u32))
        } else {
            Self::PerNano(10_u64.saturating_pow(exponent as u32 - 9))
        }
    }

    /// Nanoseconds that `ticks` are, rounded down.
    #[inline]
    pub(super) fn nanos(self, ticks: u64) -> i64 {
        match self {
            Self::Nanos(each) => i64::try_from(ticks)
                .unwrap_or(i64::MAX)
                .saturating_mul(each as i64),
            Self::PerNano(ticks_per_nano) => {
                i64::try_from(ticks / ticks_per_nano).unwrap_or(i64::MAX)
            }
            Self::Binary(exponent) => {
                // 64 and 30 bits: no overflow.
                let nanos = (u128::from(ticks) * u128::from(NANOS)) >> exponent;
                i64::try_from(nanos).unwrap_or(i64::MAX)
            }
        }
    }

    fn ticks_per_second(self) -> u64 {
        match self {
            Self::Nanos(each) => NANOS / each,
            Self::PerNano(ticks) => ticks.saturating_mul(NANOS),
            Self::Binary(exponent) => 1_u64.checked_shl(exponent.into()).unwrap_or(u64::MAX),
        }
    }
}

/// What a packet's block leaves to its interface's block.
#[derive(Debug, Clone)]
pub(super) struct SectionInterface {
    pub(super) link_type: LinkType,
    pub(super) snap_len: u32,
    pub(super) resolution: Resolution,
    /// Added to every time (`if_tsoffset`), in seconds.
    pub(super) offset_secs: i64,
    /// Its index among the interfaces of the file.
    pub(super) index: u32,
    /// Packets lost, as its packets say (`epb_dropcount`, the obsolete block's drops).
    pub(super) lost: u64,
}

impl SectionInterface {
    /// The time that a packet's timestamp means.
    #[inline]
    pub(super) fn timestamp(&self, ticks: u64) -> Timestamp {
        Timestamp::from_secs_nanos(self.offset_secs, self.resolution.nanos(ticks))
    }
}

/// An Interface Description Block: what its packets need, what a person wants to know, and the
/// comments on it.
pub(super) struct Description {
    pub(super) section: SectionInterface,
    pub(super) interface: Interface,
    pub(super) comments: Vec<String>,
}

impl Description {
    /// Parses the body of the block; `None` when it is too short.
    pub(super) fn parse(body: &[u8], big_endian: bool, index: u32) -> Option<Self> {
        let link_type = link_types::from_file(u16_at(body, 0, big_endian)?);
        let snap_len = u32_at(body, 4, big_endian)?;
        let mut section = SectionInterface {
            link_type,
            snap_len,
            resolution: Resolution::Nanos(1_000),
            offset_secs: 0,
            index,
            lost: 0,
        };
        let mut interface = Interface::default();
        interface.link_type = link_type;
        interface.snap_len = snap_len;
        let mut comments = Vec::new();
        for (code, value) in Options::new(body.get(8..)?, big_endian) {
            match (code, value) {
                (1, _) => comments.push(text(value)),
                // if_name, if_description
                (2, _) => interface.name = Some(text(value)),
                (3, _) => interface.description = Some(text(value)),
                // if_tsresol
                (9, [resolution, ..]) => section.resolution = Resolution::from_option(*resolution),
                // if_filter: in tcpdump's language when its first byte says so.
                (11, [0, filter @ ..]) => interface.filter = Some(text(filter)),
                (11, [1, ..]) => interface.filter = Some("(BPF instructions)".to_owned()),
                // if_tsoffset
                (14, _) => {
                    if let Some(offset) = number(value, big_endian) {
                        section.offset_secs = offset as i64;
                    }
                }
                _ => {}
            }
        }
        interface.ticks_per_second = section.resolution.ticks_per_second();
        Some(Self {
            section,
            interface,
            comments,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolutions() {
        for (option, ticks, nanos, per_second) in [
            (6, 1_234_567, 1_234_567_000, 1_000_000),
            (9, 7, 7, 1_000_000_000),
            (0, 3, 3_000_000_000, 1),
            (12, 1_999, 1, 1_000_000_000_000),
            (0x80, 2, 2_000_000_000, 1),
            (0x8a, 512, 500_000_000, 1_024),
            // Ticks finer than anything: all of them are no time at all.
            (0x7f, u64::MAX - 1, 0, u64::MAX),
            (0xff, u64::MAX, 0, u64::MAX),
            (0, u64::MAX, i64::MAX, 1),
        ] {
            let resolution = Resolution::from_option(option);
            assert_eq!(resolution.nanos(ticks), nanos, "{option}");
            assert_eq!(resolution.ticks_per_second(), per_second, "{option}");
        }
    }

    #[test]
    fn an_offset_is_in_seconds() {
        let body = [
            1, 0, 0, 0, 0, 0, 4, 0, // Ethernet, 256 KiB
            14, 0, 8, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // -1 s
        ];
        let description = Description::parse(&body, false, 0).unwrap();
        assert_eq!(
            description.section.timestamp(1_500_000).as_nanos(),
            500_000_000
        );
    }
}
