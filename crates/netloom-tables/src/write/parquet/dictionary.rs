//! Cells whose values repeat: a dictionary of the values, and pages of places in it.
//!
//! The writer of the `parquet` crate looks each cell up by a hash of its bytes, and compares it
//! with the least and the largest so far. Here cells like the one before cost a comparison, small
//! numbers stand in a table, and the least and the largest of a page are sought among the values
//! that it has, each once. Where all cells are alike, they are looked at once.
//!
//! Source: Apache Parquet, Encodings.md, "Dictionary Encoding".

use std::ops::Range;

use parquet::basic::Encoding;

use super::chunk::Cells;
use super::hybrid;
use super::intern::Interned;
use super::value::Value;

/// Cells as places in a dictionary.
pub(super) struct Dictionary<V> {
    interned: Interned<V>,
    /// Bits of a place.
    width: u32,
    extremes: Extremes,
}

impl<V: Value> Dictionary<V> {
    pub(super) fn new(interned: Interned<V>) -> Self {
        Self {
            width: hybrid::width(interned.values.len().saturating_sub(1)),
            interned,
            extremes: Extremes::default(),
        }
    }
}

impl<V: Value> Cells for Dictionary<V> {
    type Value = V;

    const ENCODING: Encoding = Encoding::RLE_DICTIONARY;

    fn dictionary(&self) -> Option<&[V]> {
        Some(&self.interned.values)
    }

    fn size(&self, cells: Range<usize>) -> usize {
        cells.len() * self.width as usize / 8
    }

    fn write(&self, cells: Range<usize>, page: &mut Vec<u8>) -> Option<()> {
        page.push(self.width as u8);
        if self.width == 0 {
            hybrid::repeat(0, cells.len(), 0, page);
        } else {
            hybrid::encode(self.interned.keys.get(cells)?, self.width, page);
        }
        Some(())
    }

    fn extremes(&mut self, cells: Range<usize>) -> Option<(V, V)> {
        let Interned { keys, values } = &self.interned;
        let keys = if self.width == 0 {
            // The only value is that of all cells.
            &[0; 1][..cells.len().min(values.len())]
        } else {
            keys.get(cells)?
        };
        self.extremes.of_page(keys, values)
    }
}

/// The least and the largest values of pages.
#[derive(Debug, Default)]
struct Extremes {
    /// By place in the dictionary: the last page that has it, from 1.
    seen: Vec<u32>,
    page: u32,
}

impl Extremes {
    /// Those of a page, where it has any.
    fn of_page<V: Value>(&mut self, keys: &[u32], values: &[V]) -> Option<(V, V)> {
        self.page += 1;
        self.seen.resize(values.len(), 0);
        let mut extremes: Option<(V, V)> = None;
        for &key in keys {
            let seen = &mut self.seen[key as usize];
            if *seen == self.page {
                continue;
            }
            *seen = self.page;
            values[key as usize].widen(&mut extremes);
        }
        extremes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::parquet::value::Float;

    #[test]
    fn extremes_are_those_of_each_page() {
        let nan = f64::NAN.to_bits();
        let values = [nan, 2_f64.to_bits(), (-0.5_f64).to_bits(), 0_f64.to_bits()].map(Float);
        let mut extremes = Extremes::default();
        assert_eq!(
            extremes.of_page(&[0, 1, 2, 3, 3], &values),
            Some((values[2], values[1]))
        );
        assert_eq!(
            extremes.of_page(&[3, 1], &values),
            Some((values[3], values[1]))
        );
        assert_eq!(extremes.of_page(&[0, 0], &values), None);
    }
}
