//! What happens with rows between the scan and the file, on all threads.

use netloom::pipeline::scan::Prepare;
use netloom::tables::{RecordBatch, TableFormat};

use super::output::Rows;

/// How a table's rows are made ready.
pub(super) struct Shape {
    format: TableFormat,
}

impl Shape {
    /// Written as they are.
    pub(super) fn new(format: TableFormat) -> Self {
        Self { format }
    }

    fn rows(&self, batch: RecordBatch) -> Rows {
        Rows::new(self.format, batch)
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
