//! What happens with rows between the scan and the file, on all threads.

use netloom::pipeline::scan::Prepare;
use netloom::tables::profile::Style;
use netloom::tables::{RecordBatch, TableFormat};

use super::output::Rows;

/// How a table's rows are made ready.
pub(super) struct Shape {
    format: TableFormat,
    style: Style,
}

impl Shape {
    /// Written as they are.
    pub(super) fn new(format: TableFormat, style: Style) -> Self {
        Self { format, style }
    }

    fn rows(&self, batch: RecordBatch) -> Rows {
        Rows::new(self.format, self.style, batch)
    }
}

/// All tables, in the order of the requests.
pub(super) struct Shapes(pub(super) Vec<Shape>);

impl Prepare for Shapes {
    type Prepared = Rows;

    fn prepare(&self, request: usize, batch: RecordBatch) -> Rows {
        self.0[request].rows(batch)
    }
}
