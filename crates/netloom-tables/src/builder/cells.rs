//! Cells of a column, one after the other.

use std::net::IpAddr;
use std::sync::Arc;

use arrow_array::types::UInt32Type;
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, DictionaryArray, ListArray, PrimitiveArray, StringArray,
};
use arrow_buffer::{
    ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer,
};
use arrow_schema::DataType;
use netloom_packet::MacAddr;

use crate::column::list_item;
use crate::schema::text;

/// Addresses whose texts are remembered.
const ADDRESSES: usize = 256;

/// Offsets of a text column are 32 bits wide; a cell that would reach beyond is left null.
const MAX_TEXT: usize = i32::MAX as usize;

/// Which cells are not null.
#[derive(Debug, Default)]
pub(super) struct Validity {
    words: Vec<u64>,
    cells: usize,
}

impl Validity {
    #[inline]
    pub(super) fn push(&mut self, valid: bool) {
        let bit = self.cells % 64;
        if bit == 0 {
            self.words.push(0);
        }
        if let Some(word) = self.words.last_mut() {
            *word |= u64::from(valid) << bit;
        }
        self.cells += 1;
    }

    /// How many cells the last word still takes.
    pub(super) fn room(&self) -> usize {
        self.cells.next_multiple_of(64) - self.cells
    }

    /// Takes up to 64 cells at once, where the last word is full.
    #[inline]
    pub(super) fn push_word(&mut self, word: u64, cells: usize) {
        self.words.push(word);
        self.cells += cells;
    }

    /// `None` where no cell is null.
    pub(super) fn take(&mut self) -> Option<NullBuffer> {
        let words = std::mem::take(&mut self.words);
        let cells = std::mem::take(&mut self.cells);
        // Arrow's bits begin with the lowest of the first byte.
        let words: Vec<u64> = words.into_iter().map(u64::to_le).collect();
        let bits = BooleanBuffer::new(Buffer::from_vec(words), 0, cells);
        Some(NullBuffer::new(bits)).filter(|nulls| nulls.null_count() > 0)
    }
}

/// A column of numbers.
#[derive(Debug, Default)]
pub(crate) struct Numbers<N> {
    values: Vec<N>,
    valid: Validity,
}

impl<N: ArrowNativeType + Default> Numbers<N> {
    #[inline]
    pub(crate) fn push(&mut self, value: Option<N>) {
        self.valid.push(value.is_some());
        self.values.push(value.unwrap_or_default());
    }

    pub(super) fn reserve(&mut self, rows: usize) {
        self.values.reserve(rows);
        self.valid.words.reserve(rows.div_ceil(64));
    }

    #[inline]
    pub(super) fn extend<R>(&mut self, rows: &[R], get: impl Fn(&R) -> Option<N>) {
        let begun = self.valid.room().min(rows.len());
        let (begun, rows) = rows.split_at(begun);
        for row in begun {
            self.push(get(row));
        }
        self.reserve(rows.len());
        for rows in rows.chunks(64) {
            let (mut word, mut bit) = (0, 0);
            self.values.extend(rows.iter().map(|row| {
                let value = get(row);
                word |= u64::from(value.is_some()) << bit;
                bit += 1;
                value.unwrap_or_default()
            }));
            self.valid.push_word(word, rows.len());
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn finish<P: ArrowPrimitiveType<Native = N>>(&mut self) -> PrimitiveArray<P> {
        let values = std::mem::take(&mut self.values);
        PrimitiveArray::new(values.into(), self.valid.take())
    }
}

/// Ends of the cells of a text or list column, and which are null.
#[derive(Debug)]
pub(super) struct Offsets {
    ends: Vec<i32>,
    valid: Validity,
}

impl Default for Offsets {
    fn default() -> Self {
        Self {
            ends: vec![0],
            valid: Validity::default(),
        }
    }
}

impl Offsets {
    pub(super) fn last(&self) -> usize {
        self.ends.last().map_or(0, |&end| end as usize)
    }

    pub(super) fn reserve(&mut self, cells: usize) {
        self.ends.reserve(cells);
        self.valid.words.reserve(cells.div_ceil(64));
    }

    #[inline]
    pub(super) fn push(&mut self, end: usize, valid: bool) {
        self.ends.push(end as i32);
        self.valid.push(valid);
    }

    pub(super) fn take(&mut self) -> (OffsetBuffer<i32>, Option<NullBuffer>) {
        let ends = std::mem::replace(&mut self.ends, vec![0]);
        (
            OffsetBuffer::new(ScalarBuffer::from(ends)),
            self.valid.take(),
        )
    }

    pub(super) fn finish(&mut self, item: DataType, items: Arc<dyn Array>) -> ListArray {
        let (offsets, nulls) = self.take();
        ListArray::try_new(list_item(item), offsets, items, nulls)
            .expect("offsets end at the number of items, and no item is null")
    }
}

/// A text column: cells are appended in place.
#[derive(Debug, Default)]
pub(crate) struct TextBuilder {
    values: String,
    offsets: Offsets,
}

impl TextBuilder {
    /// Bytes of text so far.
    pub(super) fn text_len(&self) -> usize {
        self.values.len()
    }

    #[inline]
    pub(crate) fn append_with(&mut self, write: impl FnOnce(&mut String) -> Option<()>) {
        let start = self.values.len();
        let mut valid = write(&mut self.values).is_some();
        if !valid || self.values.len() > MAX_TEXT {
            self.values.truncate(start);
            valid = false;
        }
        self.offsets.push(self.values.len(), valid);
    }

    pub(crate) fn len(&self) -> usize {
        self.offsets.ends.len() - 1
    }

    /// The last text; nulls are empty.
    pub(super) fn last(&self) -> Option<&str> {
        let [.., begin, end] = self.offsets.ends[..] else {
            return None;
        };
        self.values.get(begin as usize..end as usize)
    }

    pub(crate) fn finish(&mut self) -> StringArray {
        let (offsets, nulls) = self.offsets.take();
        let capacity = self.values.len();
        let values = std::mem::replace(&mut self.values, String::with_capacity(capacity));
        StringArray::try_new(offsets, Buffer::from_vec(values.into_bytes()), nulls)
            .expect("offsets are the ends of texts that were appended whole")
    }
}

/// The type of texts as places among some.
pub(crate) fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8))
}

/// A text column, whose cells may be places among its texts.
#[derive(Debug, Default)]
pub(super) struct CellBuilder {
    texts: TextBuilder,
    /// The cells, where they are places.
    places: Option<Numbers<u32>>,
}

impl CellBuilder {
    /// Bytes of text so far.
    pub(super) fn text_len(&self) -> usize {
        self.texts.text_len()
    }

    /// Makes room for so many bytes of text.
    pub(super) fn reserve_text(&mut self, bytes: usize) {
        self.texts.values.reserve(bytes);
    }

    pub(super) fn repeat(&mut self) {
        self.places = Some(Numbers::default());
    }

    pub(super) fn reserve(&mut self, rows: usize) {
        match &mut self.places {
            Some(places) => places.reserve(rows),
            None => self.texts.offsets.reserve(rows),
        }
    }

    #[inline]
    pub(super) fn append_with(&mut self, write: impl FnOnce(&mut String) -> Option<()>) {
        let Self { texts, places } = self;
        let Some(places) = places else {
            texts.append_with(write);
            return;
        };
        let start = texts.values.len();
        let valid = write(&mut texts.values).is_some() && texts.values.len() <= MAX_TEXT;
        let last = texts.last();
        if valid && last != Some(&texts.values[start..]) {
            texts.offsets.push(texts.values.len(), true);
        } else {
            texts.values.truncate(start);
        }
        places.push(valid.then(|| texts.len() as u32 - 1));
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        let texts = Arc::new(self.texts.finish());
        match &mut self.places {
            Some(places) => {
                let places = places.finish::<UInt32Type>();
                Arc::new(DictionaryArray::new(places, texts))
            }
            None => texts,
        }
    }
}

/// An address that has a text.
pub(super) trait Address: Copy + Eq + std::fmt::Debug {
    /// Bits that differ from one address to another.
    fn bits(self) -> u32;
    /// Appends its text.
    fn write(self, out: &mut String);
}

impl Address for IpAddr {
    #[inline]
    fn bits(self) -> u32 {
        match self {
            Self::V4(address) => address.to_bits(),
            Self::V6(address) => {
                let bits = address.to_bits();
                (bits ^ bits >> 32 ^ bits >> 64 ^ bits >> 96) as u32
            }
        }
    }

    #[inline]
    fn write(self, out: &mut String) {
        text::ip(self, out);
    }
}

impl Address for MacAddr {
    #[inline]
    fn bits(self) -> u32 {
        // The upper two bytes are the maker's, as most of the third is.
        let low = self
            .0
            .last_chunk()
            .map_or(0, |&low| u32::from_be_bytes(low));
        low ^ u32::from(self.0[0]) << 16 ^ u32::from(self.0[1]) << 24
    }

    #[inline]
    fn write(self, out: &mut String) {
        text::mac(self, out);
    }
}

/// A column of addresses as texts. The same few come again and again: their texts are copied from
/// the rows before.
#[derive(Debug)]
pub(super) struct AddressBuilder<A> {
    cells: CellBuilder,
    /// Addresses, and where in the text one is, or which of the texts; empty before the first row
    /// of a batch.
    known: Vec<Option<(A, u32, u32)>>,
}

impl<A> Default for AddressBuilder<A> {
    fn default() -> Self {
        Self {
            cells: CellBuilder::default(),
            known: Vec::new(),
        }
    }
}

impl<A: Address> AddressBuilder<A> {
    /// Bytes of text so far.
    pub(super) fn text_len(&self) -> usize {
        self.cells.text_len()
    }

    pub(super) fn reserve(&mut self, rows: usize) {
        self.cells.reserve(rows);
    }

    /// See [`CellBuilder::repeat`].
    pub(super) fn repeat(&mut self) {
        self.cells.repeat();
    }

    #[inline]
    pub(super) fn append(&mut self, address: Option<A>) {
        let Self {
            cells: CellBuilder { texts, places },
            known,
        } = self;
        let Some(address) = address else {
            match places {
                Some(places) => places.push(None),
                None => texts.append_with(|_| None),
            }
            return;
        };
        if known.is_empty() {
            known.resize(ADDRESSES, None);
        }
        // Fibonacci hashing: the upper bits of the product are those of all of the address.
        let place = address.bits().wrapping_mul(0x9e37_79b9) >> (u32::BITS - ADDRESSES.ilog2());
        let known = &mut known[place as usize];
        if let Some(places) = places {
            let of_text = match *known {
                Some((of, text, _)) if of == address => text,
                _ => {
                    let text = texts.len() as u32;
                    texts.append_with(|out| {
                        address.write(out);
                        Some(())
                    });
                    *known = Some((address, text, 0));
                    text
                }
            };
            places.push(Some(of_text));
            return;
        }
        texts.append_with(|out| {
            let begin = out.len();
            match *known {
                Some((of, start, end)) if of == address && end as usize <= begin => {
                    out.extend_from_within(start as usize..end as usize);
                }
                _ => {
                    address.write(out);
                    *known = Some((address, begin as u32, out.len() as u32));
                }
            }
            Some(())
        });
    }

    pub(super) fn extend(&mut self, addresses: impl ExactSizeIterator<Item = Option<A>>) {
        self.cells.reserve(addresses.len());
        if self.cells.places.is_none() {
            self.cells.texts.values.reserve(addresses.len() * 16);
        }
        for address in addresses {
            self.append(address);
        }
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        self.known.clear();
        self.cells.finish()
    }
}
