//! Cells whose values repeat too little for a dictionary.

use std::ops::Range;

use arrow_array::cast::AsArray as _;
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use parquet::basic::Encoding;

use super::chunk::Cells;
use super::delta;
use super::intern::{places_of, text};
use super::value::Value;

/// Numbers as they are (PLAIN).
pub(super) struct Plain<V>(pub(super) Vec<V>);

impl<V: Value> Cells for Plain<V> {
    type Value = V;

    const ENCODING: Encoding = Encoding::PLAIN;

    fn size(&self, cells: Range<usize>) -> usize {
        cells.len() * size_of::<V>()
    }

    fn write(&self, cells: Range<usize>, page: &mut Vec<u8>) -> Option<()> {
        let cells = self.0.get(cells)?;
        page.reserve(size_of_val(cells));
        for value in cells {
            value.plain(page);
        }
        Some(())
    }

    fn extremes(&mut self, cells: Range<usize>) -> Option<(V, V)> {
        V::extremes(self.0.get(cells)?)
    }
}

/// Truth values, eight a byte (PLAIN).
pub(super) struct Bits(BooleanBuffer);

impl Bits {
    /// Those of arrays.
    pub(super) fn new(arrays: &[ArrayRef]) -> Option<Self> {
        let mut bits = BooleanBufferBuilder::new(arrays.iter().map(Array::len).sum());
        for array in arrays {
            let array = array.as_boolean_opt()?;
            match array.nulls().filter(|nulls| nulls.null_count() > 0) {
                Some(nulls) => nulls
                    .valid_indices()
                    .for_each(|at| bits.append(array.value(at))),
                None => bits.append_buffer(array.values()),
            }
        }
        Some(Self(bits.finish()))
    }

    fn part(&self, cells: Range<usize>) -> Option<BooleanBuffer> {
        (cells.end <= self.0.len()).then(|| self.0.slice(cells.start, cells.len()))
    }
}

impl Cells for Bits {
    type Value = bool;

    const ENCODING: Encoding = Encoding::PLAIN;

    fn size(&self, cells: Range<usize>) -> usize {
        cells.len() / 8
    }

    fn write(&self, cells: Range<usize>, page: &mut Vec<u8>) -> Option<()> {
        let part = self.part(cells)?;
        let begin = page.len();
        page.extend(part.bit_chunks().iter_padded().flat_map(u64::to_le_bytes));
        page.truncate(begin + part.len().div_ceil(8));
        Some(())
    }

    fn extremes(&mut self, cells: Range<usize>) -> Option<(bool, bool)> {
        let part = self.part(cells)?;
        let (count, ones) = (part.len(), part.count_set_bits());
        (count > 0).then_some((ones == count, ones > 0))
    }
}

/// Whole numbers as what is between one and the next (DELTA_BINARY_PACKED).
pub(super) struct Delta<V>(pub(super) Vec<V>);

/// Numbers of 64 bits, as the bits of one with a sign.
pub(super) trait Whole: Value {
    /// The same bits.
    fn bits(self) -> i64;
}

impl Whole for i64 {
    fn bits(self) -> i64 {
        self
    }
}

impl Whole for u64 {
    fn bits(self) -> i64 {
        self.cast_signed()
    }
}

impl<V: Whole> Cells for Delta<V> {
    type Value = V;

    const ENCODING: Encoding = Encoding::DELTA_BINARY_PACKED;

    fn size(&self, cells: Range<usize>) -> usize {
        cells.len() * size_of::<V>()
    }

    fn write(&self, cells: Range<usize>, page: &mut Vec<u8>) -> Option<()> {
        let cells = self.0.get(cells)?;
        delta::encode(cells.iter().map(|cell| cell.bits()), page);
        Some(())
    }

    fn extremes(&mut self, cells: Range<usize>) -> Option<(V, V)> {
        V::extremes(self.0.get(cells)?)
    }
}

/// Texts one after the other, behind their lengths (DELTA_LENGTH_BYTE_ARRAY).
pub(super) struct Texts<'a>(Vec<&'a [u8]>);

impl<'a> Texts<'a> {
    /// Those of arrays of texts.
    pub(super) fn new(arrays: &'a [ArrayRef]) -> Option<Self> {
        let mut texts = Vec::with_capacity(arrays.iter().map(Array::len).sum());
        for array in arrays {
            if let Some((keys, values)) = places_of(array) {
                texts.extend(keys.iter().flatten().map(|key| text(values, key as usize)));
                continue;
            }
            let array = array.as_string_opt::<i32>()?;
            match array.nulls() {
                Some(nulls) => texts.extend(nulls.valid_indices().map(|at| text(array, at))),
                None => texts.extend((0..array.len()).map(|at| text(array, at))),
            }
        }
        Some(Self(texts))
    }
}

impl<'a> Cells for Texts<'a> {
    type Value = &'a [u8];

    const ENCODING: Encoding = Encoding::DELTA_LENGTH_BYTE_ARRAY;

    fn size(&self, cells: Range<usize>) -> usize {
        let texts = self.0.get(cells).unwrap_or_default();
        texts.iter().map(|text| 1 + text.len()).sum()
    }

    fn write(&self, cells: Range<usize>, page: &mut Vec<u8>) -> Option<()> {
        let texts = self.0.get(cells)?;
        delta::encode(texts.iter().map(|text| text.len() as i64), page);
        page.reserve(texts.iter().map(|text| text.len()).sum());
        for text in texts {
            page.extend_from_slice(text);
        }
        Some(())
    }

    fn extremes(&mut self, cells: Range<usize>) -> Option<(&'a [u8], &'a [u8])> {
        Value::extremes(self.0.get(cells)?)
    }
}

/// The numbers of arrays that are not null.
pub(super) fn numbers<T: ArrowPrimitiveType, V>(
    arrays: &[ArrayRef],
    value: impl Fn(T::Native) -> V,
) -> Option<Vec<V>> {
    let mut numbers = Vec::with_capacity(arrays.iter().map(Array::len).sum());
    for array in arrays {
        let array = array.as_primitive_opt::<T>()?;
        let values = array.values();
        match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            Some(nulls) => numbers.extend(nulls.valid_indices().map(|at| value(values[at]))),
            None => numbers.extend(values.iter().map(|&number| value(number))),
        }
    }
    Some(numbers)
}
