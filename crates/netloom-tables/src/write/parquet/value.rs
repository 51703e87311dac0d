//! Values of columns: as pages have them, and as statistics do.

use std::cmp::Ordering;

use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};

/// Bytes of a text in statistics.
const MAX_STATISTIC: usize = 64;

/// A value of a column.
pub(super) trait Value: Copy {
    /// Appends it as PLAIN has it.
    fn plain(self, out: &mut Vec<u8>);
    /// How it compares; `None`: it counts in no statistics.
    fn order(self, other: Self) -> Option<Ordering>;
    /// The least and the largest as statistics have them.
    fn bounds(least: Self, largest: Self) -> (Bound, Bound);
    /// Statistics of a chunk.
    fn statistics(bounds: Option<(Bound, Bound)>, nulls: u64) -> Statistics;

    /// Takes it into the least and the largest of some, where it compares.
    fn widen(self, extremes: &mut Option<(Self, Self)>) {
        match extremes {
            None if self.order(self).is_some() => *extremes = Some((self, self)),
            None => {}
            Some((least, largest)) => {
                if self.order(*least) == Some(Ordering::Less) {
                    *least = self;
                } else if self.order(*largest) == Some(Ordering::Greater) {
                    *largest = self;
                }
            }
        }
    }

    /// The least and the largest of some, where they compare.
    fn extremes(values: &[Self]) -> Option<(Self, Self)> {
        let mut extremes: Option<(Self, Self)> = None;
        for &value in values {
            value.widen(&mut extremes);
        }
        extremes
    }
}

/// The least or the largest of something.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bound {
    /// As PLAIN has it; of texts the text alone.
    pub(super) bytes: Vec<u8>,
    /// Whether it is a value that is there.
    exact: bool,
}

impl Bound {
    fn exact(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            exact: true,
        }
    }
}

/// Whole numbers, and what they are in files: those of as many bits with a sign.
macro_rules! whole {
    ($($number:ty => $signed:ty, $statistics:ident;)*) => {$(
        impl Value for $number {
            fn plain(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn order(self, other: Self) -> Option<Ordering> {
                Some(self.cmp(&other))
            }

            fn bounds(least: Self, largest: Self) -> (Bound, Bound) {
                let bound = |number: Self| Bound::exact(number.to_le_bytes());
                (bound(least), bound(largest))
            }

            fn statistics(bounds: Option<(Bound, Bound)>, nulls: u64) -> Statistics {
                let number = |bound: Bound| Some(<$signed>::from_le_bytes(*bound.bytes.first_chunk()?));
                let (least, largest) = bounds.unzip();
                let (least, largest) = (least.and_then(number), largest.and_then(number));
                Statistics::$statistics(least, largest, None, Some(nulls), false)
            }
        }
    )*};
}

whole! {
    u32 => i32, int32;
    i64 => i64, int64;
    u64 => i64, int64;
}

/// A float by its bits: all that is not a number is told apart, and the two zeros are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Float(pub(super) u64);

impl Value for Float {
    fn plain(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_le_bytes());
    }

    fn order(self, other: Self) -> Option<Ordering> {
        f64::from_bits(self.0).partial_cmp(&f64::from_bits(other.0))
    }

    fn bounds(least: Self, largest: Self) -> (Bound, Bound) {
        // Readers may take the two zeros for different.
        let zero = |Self(bits): Self, sign: f64| {
            let float = f64::from_bits(bits);
            Bound::exact(
                if float == 0.0 {
                    0_f64.copysign(sign)
                } else {
                    float
                }
                .to_le_bytes(),
            )
        };
        (zero(least, -1.0), zero(largest, 1.0))
    }

    fn statistics(bounds: Option<(Bound, Bound)>, nulls: u64) -> Statistics {
        let float = |bound: Bound| Some(f64::from_le_bytes(*bound.bytes.first_chunk()?));
        let (least, largest) = bounds.unzip();
        let (least, largest) = (least.and_then(float), largest.and_then(float));
        ValueStatistics::new(least, largest, None, Some(nulls), false)
            .with_backwards_compatible_min_max(true)
            .into()
    }
}

impl Value for bool {
    fn plain(self, out: &mut Vec<u8>) {
        // Of several, eight share a byte: they are never written one by one.
        out.push(self.into());
    }

    fn order(self, other: Self) -> Option<Ordering> {
        Some(self.cmp(&other))
    }

    fn bounds(least: Self, largest: Self) -> (Bound, Bound) {
        (Bound::exact([least.into()]), Bound::exact([largest.into()]))
    }

    fn statistics(bounds: Option<(Bound, Bound)>, nulls: u64) -> Statistics {
        let is = |bound: Bound| bound.bytes == [1];
        let (least, largest) = bounds.unzip();
        Statistics::boolean(least.map(is), largest.map(is), None, Some(nulls), false)
    }
}

/// Texts.
impl Value for &[u8] {
    fn plain(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.len() as u32).to_le_bytes());
        out.extend_from_slice(self);
    }

    fn order(self, other: Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    fn bounds(least: Self, largest: Self) -> (Bound, Bound) {
        (lower(least), upper(largest))
    }

    /// Most texts differ in their first bytes, which compare as a number.
    fn extremes(values: &[Self]) -> Option<(Self, Self)> {
        let first = values.first()?;
        let (mut least, mut largest) = ((first_bytes(first), *first), (first_bytes(first), *first));
        for value in values {
            let value = (first_bytes(value), *value);
            if value < least {
                least = value;
            } else if value > largest {
                largest = value;
            }
        }
        Some((least.1, largest.1))
    }

    fn statistics(bounds: Option<(Bound, Bound)>, nulls: u64) -> Statistics {
        let (least, largest) = bounds.unzip();
        let exact = |bound: &Option<Bound>| bound.as_ref().is_none_or(|bound| bound.exact);
        let (least_exact, largest_exact) = (exact(&least), exact(&largest));
        let text = |bound: Bound| ByteArray::from(bound.bytes);
        ValueStatistics::new(least.map(text), largest.map(text), None, Some(nulls), false)
            .with_min_is_exact(least_exact)
            .with_max_is_exact(largest_exact)
            .into()
    }
}

/// The first bytes of a text, in the order of texts; what is missing is 0.
fn first_bytes(text: &[u8]) -> u64 {
    let first = text.first_chunk().copied().unwrap_or_else(|| {
        let mut bytes = [0; 8];
        bytes[..text.len()].copy_from_slice(text);
        bytes
    });
    u64::from_be_bytes(first)
}

/// A text of few bytes that is not above another.
fn lower(text: &[u8]) -> Bound {
    match head(text) {
        Some(head) => Bound {
            bytes: head.into(),
            exact: false,
        },
        None => Bound::exact(text),
    }
}

/// A text of few bytes that is not below another; where there is none, the other.
fn upper(text: &[u8]) -> Bound {
    let Some(head) = head(text) else {
        return Bound::exact(text);
    };
    let mut chars = head.chars();
    while let Some(last) = chars.next_back() {
        let next =
            char::from_u32(last as u32 + 1).filter(|next| next.len_utf8() == last.len_utf8());
        if let Some(next) = next {
            let mut bytes = chars.as_str().to_owned();
            bytes.push(next);
            return Bound {
                bytes: bytes.into_bytes(),
                exact: false,
            };
        }
    }
    Bound::exact(text)
}

/// The characters that are counted in statistics of a text that is too long for them.
fn head(text: &[u8]) -> Option<&str> {
    if text.len() <= MAX_STATISTIC {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    text.get(..text.floor_char_boundary(MAX_STATISTIC))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_long_texts() {
        let long = |end: &str| format!("{}{end}", "a".repeat(63));
        for (text, least, largest) in [
            ("short", "short", "short"),
            (&long("bc"), &long("b"), &long("c")),
            // The character that is cut is left out; the one before it is the next.
            (
                &long("éx"),
                &"a".repeat(63),
                &format!("{}b", "a".repeat(62)),
            ),
            // There is no next character of one byte.
            (
                &long("\u{7f}x"),
                &long("\u{7f}"),
                &format!("{}b", "a".repeat(62)),
            ),
        ] {
            let (lower, upper) = <&[u8]>::bounds(text.as_bytes(), text.as_bytes());
            assert_eq!((lower.bytes, upper.bytes), (least.into(), largest.into()));
            assert_eq!(lower.exact && upper.exact, text.len() <= 64);
        }
        let last = "\u{10ffff}".repeat(20);
        assert_eq!(upper(last.as_bytes()), Bound::exact(last.as_bytes()));
    }

    #[test]
    fn zeros_are_one() {
        let zero = Float(0_f64.to_bits());
        let (least, largest) = Float::bounds(zero, zero);
        assert_eq!(least.bytes, (-0.0_f64).to_le_bytes());
        assert_eq!(largest.bytes, 0.0_f64.to_le_bytes());
    }
}
