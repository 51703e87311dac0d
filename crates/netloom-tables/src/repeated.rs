//! Columns of texts that repeat.

use std::sync::Arc;

use arrow_array::types::UInt32Type;
use arrow_array::{ArrayRef, DictionaryArray, PrimitiveArray, RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};

use crate::builder::{Numbers, TextBuilder, dictionary};

/// Builds a column of texts as places among few different ones: a cell costs four bytes, however
/// long its text is.
///
/// ```
/// use netloom_tables::{Columns, Packets, RepeatedTexts, repeated_texts};
///
/// let mut services = RepeatedTexts::default();
/// let dns = services.text("dns");
/// services.extend([Some(dns), None, Some(dns)]);
/// let schema = Columns::<Packets>::parse("service").unwrap().schema();
/// let batch = repeated_texts(&schema, vec![services]);
/// assert_eq!((batch.num_rows(), batch.column(0).null_count()), (3, 1));
/// ```
#[derive(Debug, Default)]
pub struct RepeatedTexts {
    texts: TextBuilder,
    cells: Numbers<u32>,
}

impl RepeatedTexts {
    /// A further text; gives its place. It is not looked for among those that are there.
    pub fn text(&mut self, text: &str) -> u32 {
        let place = self.texts.len() as u32;
        self.texts.append_with(|out| {
            out.push_str(text);
            Some(())
        });
        place
    }

    /// Appends cells: places of texts, or nulls.
    pub fn extend(&mut self, cells: impl IntoIterator<Item = Option<u32>>) {
        for cell in cells {
            self.cells.push(cell);
        }
    }

    fn finish(mut self) -> ArrayRef {
        let cells: PrimitiveArray<UInt32Type> = self.cells.finish();
        let texts = Arc::new(self.texts.finish());
        Arc::new(DictionaryArray::new(cells, texts))
    }
}

/// A batch of such columns: named as in `schema`, but of type `Dictionary(UInt32, Utf8)`.
///
/// # Panics
///
/// When there are more or fewer columns than `schema` has, of different lengths, or a cell is no
/// text's place.
pub fn repeated_texts(schema: &SchemaRef, columns: Vec<RepeatedTexts>) -> RecordBatch {
    let rows = columns.first().map_or(0, |column| column.cells.len());
    let fields: Vec<_> = (schema.fields().iter())
        .map(|field| field.as_ref().clone().with_data_type(dictionary()))
        .collect();
    let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
    let columns = columns.into_iter().map(RepeatedTexts::finish).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(schema), columns, &options)
        .expect("columns are those of the schema, and as long as each other")
}
