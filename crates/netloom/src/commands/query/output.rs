//! Rows of a query on their way out.

use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use netloom::sql::{Rows, as_text, cells, text_schema, unique_names};
use netloom::tables::{RecordBatch, SchemaRef, TableFormat, table_writer};

pub(super) use super::table::Layout;
use super::table::Table;
use super::{Data, is_terminal};
use crate::arguments::{QueryFormat, QueryOptions};
use crate::failure::Failure;
use crate::files::Files;
use crate::output::{Printer, is_pipe, is_standard, visible};

/// Bytes gathered before they are written.
const BUFFER: usize = 1 << 18;

/// Where rows go, and as what.
#[derive(Clone, Copy)]
pub(super) struct How<'a> {
    pub(super) format: Option<QueryFormat>,
    pub(super) output: &'a Path,
    /// Rows that a table shows at most; 0 is all.
    pub(super) rows: usize,
    pub(super) layout: Layout,
    files: &'a Files,
}

impl<'a> How<'a> {
    pub(super) fn new(options: &'a QueryOptions, files: &'a Files) -> Self {
        Self {
            format: options.format,
            output: &options.output,
            rows: options.rows,
            layout: Layout::Auto,
            files,
        }
    }

    /// Whether rows go to standard output.
    pub(super) fn is_stdout(&self) -> bool {
        is_standard(self.output)
    }
}

/// Writes rows where and how somebody wants them. Of what has no columns (a view was made)
/// nothing is written.
pub(super) fn write(
    rows: Rows,
    how: &How<'_>,
    data: &mut Data<'_>,
    printer: &Printer,
) -> Result<(), Failure> {
    let path = how.output;
    if rows.schema().fields().is_empty() && !rows.is_plan() {
        for batch in rows {
            batch.map_err(|error| data.failure(error))?;
        }
        return data.finish();
    }
    let format = match how.format {
        Some(format) => format.of_files(),
        None if how.is_stdout() && is_terminal() => None,
        None => TableFormat::by_extension(path).or(Some(TableFormat::Csv)),
    };
    // A plan is for people, unless somebody says otherwise.
    let format = if rows.is_plan() && how.format.is_none() && how.is_stdout() {
        None
    } else {
        format
    };
    match format {
        Some(format) => to_file(rows, format, how, data, printer),
        None => for_people(rows, how, data, printer),
    }
}

fn to_file(
    rows: Rows,
    format: TableFormat,
    how: &How<'_>,
    data: &mut Data<'_>,
    printer: &Printer,
) -> Result<(), Failure> {
    let path = how.output;
    if !format.is_text() && is_standard(path) && is_terminal() {
        return Err(Failure::usage(format!(
            "a terminal cannot show {format}, and there is no -o"
        ))
        .hint(format!("name a file: -o out.{format}")));
    }
    let failed = |cause: io::Error| Failure::writing(path, &cause);
    let in_place = is_pipe(path);
    let schema = if format.is_text() {
        text_schema(&rows.schema())
    } else {
        rows.schema()
    };
    let (schema, renamed) = unique_names(&schema);
    for (name, other) in &renamed {
        printer.note(&format!(
            "a further column '{name}' is called '{other}'; AS gives it another name"
        ));
    }
    let mut file = BufWriter::with_capacity(BUFFER, how.files.create(path)?);
    let mut writer = table_writer(format, &mut file, &schema, in_place).map_err(failed)?;
    for batch in rows {
        let batch = batch.map_err(|error| data.failure(error))?;
        let batch = if format.is_text() {
            as_text(&batch).map_err(|error| Failure::input(error, None))?
        } else {
            batch
        };
        let batch = if renamed.is_empty() {
            batch
        } else {
            with_schema(&batch, &schema)?
        };
        writer.write(&batch).map_err(failed)?;
    }
    data.finish()?;
    writer.finish().map_err(failed)?;
    drop(writer);
    let file = file
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    Ok(file.commit()?)
}

/// The batch with columns of other names.
fn with_schema(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, Failure> {
    RecordBatch::try_new(Arc::clone(schema), batch.columns().to_vec())
        .map_err(|error| Failure::input(error, None))
}

fn for_people(
    rows: Rows,
    how: &How<'_>,
    data: &mut Data<'_>,
    printer: &Printer,
) -> Result<(), Failure> {
    let (path, most) = (how.output, how.rows);
    let is_plan = rows.is_plan();
    let schema = rows.schema();
    let most = if most == 0 { usize::MAX } else { most };
    let mut table = Table::new(&schema);
    let mut more = false;
    for batch in rows {
        let batch = batch.map_err(|error| data.failure(error))?;
        let left = most - table.len();
        // What is not shown need not be read.
        more = batch.num_rows() > left;
        let batch = batch.slice(0, batch.num_rows().min(left));
        let cells = cells(&batch).map_err(|error| Failure::input(error, None))?;
        table.extend(cells, batch.num_rows());
        if more {
            break;
        }
    }
    data.finish()?;
    let text = if is_plan {
        table.last_column_as_lines(visible)
    } else {
        table.text(
            how.layout,
            crate::output::width(),
            crate::output::unicode(),
            more,
        )
    };
    let mut file = how.files.create(path)?;
    file.write_all(text.as_bytes())
        .map_err(|cause| Failure::writing(path, &cause))?;
    file.commit()?;
    if more {
        printer.note(&format!(
            "the first {most} rows are shown; --rows 0 (\\rows 0 in the shell) shows all, --format csv and -o FILE write all"
        ));
    }
    Ok(())
}
