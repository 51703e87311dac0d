//! Tables that are queried together.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use datafusion::catalog::MemorySchemaProvider;
use datafusion::common::config::ConfigNonZeroUsize;
use datafusion::common::{ResolvedTableReference, TableReference};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::{MemTable, TableProvider};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{DdlStatement, LogicalPlan, Statement as Setting};
use datafusion::optimizer::{Analyzer, AnalyzerRule};
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use netloom_pipeline::Control;
use netloom_tables::TableName;
use netloom_tables::output::TemporaryFolder;
use netloom_tables::read::ReadOptions;

use crate::address::AddressOrder;
use crate::any::NameComparedRows;
use crate::capture::{CaptureTable, Captures, ShareCaptures};
use crate::deep;
use crate::error::{QueryError, no_table};
use crate::files;
use crate::functions;
use crate::idioms;
use crate::order::{InformationInOrder, UnionInOrder};
use crate::rows::Rows;
use crate::runner::Runner;
use crate::time::TimesToTheMinute;

/// How queries run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SessionOptions {
    /// Bytes that the rows of a query may take in memory, apart from what captures take while
    /// they are read. Sorting and grouping go on on disk beyond it; a join that needs more is an
    /// error.
    pub memory: usize,
    /// Its `stop` ends the query that runs, at once: [`QueryError::Stopped`].
    pub control: Arc<Control>,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            memory: 1 << 30,
            control: Arc::default(),
        }
    }
}

/// Tables that are queried together: those of captures, and files.
///
/// Queries run one at a time and have one partition: rows come in the same order each time, for
/// any number of threads. Threads are for captures, which are decoded on all of them.
///
/// ```
/// use std::path::PathBuf;
/// use netloom_pipeline::flow::FlowConfig;
/// use netloom_pipeline::PipelineOptions;
/// use netloom_pipeline::scan::ScanOptions;
/// use netloom_sql::{Captures, OpenError, Session, SessionOptions};
///
/// # let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/small-office.pcapng");
/// let open = |files: &[PathBuf]| {
///     netloom_capture::file::open(files, &Default::default()).map_err(OpenError::from)
/// };
/// let options = ScanOptions::new(PipelineOptions::new(FlowConfig::default()));
/// let captures = Captures::new(vec![example.into()], open, options).into();
/// let session = Session::new(&SessionOptions::default())?;
/// session.add_captures(&captures, None)?;
/// let rows = session.query("SELECT count(*) FROM packets WHERE len > 100")?;
/// let batches = rows.collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(batches[0].num_rows(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Session {
    context: SessionContext,
    runner: Arc<Runner>,
    /// The tables of captures and files, which statements leave as they are.
    given: Given,
    _spilled: Option<TemporaryFolder>,
}

type Given = Arc<Mutex<HashSet<ResolvedTableReference>>>;

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

/// A table or view as a shell lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableEntry {
    /// Its schema; `None` for tables that need none.
    pub schema: Option<String>,
    /// Its name.
    pub name: String,
    /// What a row is, where it is one of netloom's tables.
    pub doc: Option<&'static str>,
    /// Its columns: name, type and meaning.
    pub columns: Vec<ColumnEntry>,
}

impl TableEntry {
    /// The name as a query says it.
    pub fn full_name(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.name),
            None => self.name.clone(),
        }
    }
}

/// A column as a shell lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnEntry {
    /// Its name.
    pub name: String,
    /// Its type, in short.
    pub data_type: String,
    /// What it means, where that is known.
    pub doc: Option<&'static str>,
}

const CATALOG: &str = "netloom";
const SCHEMA: &str = "main";

impl Session {
    /// No tables yet.
    ///
    /// # Errors
    ///
    /// When the system gives no threads.
    pub fn new(options: &SessionOptions) -> Result<Self, QueryError> {
        let mut config = SessionConfig::new()
            .with_target_partitions(1)
            .with_information_schema(true)
            .with_default_catalog_and_schema(CATALOG, SCHEMA);
        let settings = config.options_mut();
        settings.sql_parser.recursion_limit =
            ConfigNonZeroUsize::try_new(deep::NESTED).map_err(|error| QueryError::of(error, ""))?;
        // What kind of address a column holds stands there.
        settings.execution.parquet.skip_metadata = false;
        settings.explain.physical_plan_only = true;
        let failed = |error| QueryError::of(error, "");
        // Without one, what must spill says why it cannot.
        let spilled = TemporaryFolder::new().ok();
        let disk = DiskManagerBuilder::default().with_mode(match &spilled {
            Some(folder) => DiskManagerMode::Directories(vec![folder.path().to_owned()]),
            None => DiskManagerMode::OsTmpDirectory,
        });
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(options.memory)))
            .with_disk_manager_builder(disk)
            .build_arc()
            .map_err(failed)?;
        // The planner's rules, ours before and after them.
        let mut rules: Vec<
            Arc<dyn datafusion::physical_optimizer::PhysicalOptimizerRule + Send + Sync>,
        > = vec![Arc::new(UnionInOrder)];
        rules.extend(PhysicalOptimizer::default().rules);
        rules.push(Arc::new(ShareCaptures));
        rules.push(Arc::new(InformationInOrder));
        // The analyzer's rules make types the same; ours come before and after them.
        let mut analysis: Vec<Arc<dyn AnalyzerRule + Send + Sync>> =
            vec![Arc::new(AddressOrder::Untyped), Arc::new(NameComparedRows)];
        analysis.extend(Analyzer::default().rules);
        analysis.push(Arc::new(AddressOrder::Typed));
        analysis.push(Arc::new(TimesToTheMinute));
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_default_features()
            .with_physical_optimizer_rules(rules)
            .with_analyzer_rules(analysis)
            .build();
        let context = SessionContext::new_with_state(state);
        for function in functions::all() {
            context.register_udf(Arc::unwrap_or_clone(function));
        }
        Ok(Self {
            context,
            runner: Arc::new(Runner::new(Arc::clone(&options.control))?),
            given: Arc::default(),
            _spilled: spilled,
        })
    }

    /// How expressions are planned here.
    pub(crate) fn state(&self) -> SessionState {
        self.context.state()
    }

    /// Plans something where there is stack enough.
    pub(crate) fn plan<T: Send + 'static>(
        &self,
        plan: impl FnOnce() -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        self.runner.wait(async move { plan() })?
    }

    /// Adds the tables of captures: `flows`, `packets` and so on, or `name.flows` and so on.
    ///
    /// # Errors
    ///
    /// When a table of that name is there already.
    pub fn add_captures(
        &self,
        captures: &Arc<Captures>,
        name: Option<&str>,
    ) -> Result<(), QueryError> {
        for table in TableName::ALL {
            let provider = Arc::new(CaptureTable::new(Arc::clone(captures), table));
            self.add(name, table.name(), provider)?;
        }
        Ok(())
    }

    /// Adds a table whose rows are those of files, one after the other: CSV, JSON, JSON lines,
    /// Parquet or Arrow, as their content says. What their owner should know comes back.
    ///
    /// # Errors
    ///
    /// When one cannot be read or has other columns than the first, or the name is there already.
    pub fn add_files(
        &self,
        name: &str,
        paths: &[PathBuf],
        options: &ReadOptions,
    ) -> Result<Vec<String>, QueryError> {
        let state = self.context.state();
        let runtime = self.runner.runtime()?;
        let (provider, notes) = runtime.block_on(files::table(&state, paths, options))?;
        self.add(None, name, provider)?;
        Ok(notes)
    }

    /// Adds a table of one column of numbers.
    ///
    /// # Errors
    ///
    /// When a table of that name is there already.
    pub fn add_numbers(
        &self,
        table: &str,
        column: &str,
        numbers: Vec<u64>,
    ) -> Result<(), QueryError> {
        let failed = |error| QueryError::of(error, "");
        let numbers: ArrayRef = Arc::new(UInt64Array::from(numbers));
        let batch = RecordBatch::try_from_iter([(column, numbers)])
            .map_err(|error| QueryError::Failed(error.to_string()))?;
        let provider = MemTable::try_new(batch.schema(), vec![vec![batch]]).map_err(failed)?;
        self.add(None, table, Arc::new(provider))
    }

    fn add(
        &self,
        schema: Option<&str>,
        name: &str,
        provider: Arc<dyn TableProvider>,
    ) -> Result<(), QueryError> {
        let failed = |error| QueryError::of(error, "");
        if let Some(schema) = schema {
            let catalog = self.context.catalog(CATALOG);
            let catalog = catalog.ok_or_else(|| QueryError::Failed("no catalog".to_owned()))?;
            if catalog.schema(schema).is_none() {
                catalog
                    .register_schema(schema, Arc::new(MemorySchemaProvider::new()))
                    .map_err(failed)?;
            }
        }
        let reference = match schema {
            Some(schema) => TableReference::partial(schema, name),
            None => TableReference::bare(name),
        };
        if self
            .context
            .table_exist(reference.clone())
            .map_err(failed)?
        {
            return Err(
                QueryError::query(format!("there are two tables '{reference}'"))
                    .hint("give one of them another name: other=FILE"),
            );
        }
        self.given
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(resolved(reference.clone()));
        self.context
            .register_table(reference, provider)
            .map_err(failed)?;
        Ok(())
    }

    /// Runs statements; the rows are those of the last one.
    ///
    /// Statements read: tables and views are made for this session alone, and no file is written.
    ///
    /// # Errors
    ///
    /// When a statement makes no sense, names what is not there, or would write. What goes wrong
    /// later is among the [`Rows`].
    pub fn query(&self, sql: &str) -> Result<Rows, QueryError> {
        let failed = |error| QueryError::of(error, sql);
        let text = sql.to_owned();
        let mut statements = self.plan(move || parsed(&text))?;
        let Some(last) = statements.pop_back() else {
            return Err(
                QueryError::query("there is no query").hint("SELECT * FROM flows LIMIT 10 is one")
            );
        };
        for statement in statements {
            let frame = self.frame(statement, sql)?;
            self.runner.wait(frame.collect())?.map_err(failed)?;
        }
        let frame = self.frame(last, sql)?;
        let is_plan = matches!(
            frame.logical_plan(),
            LogicalPlan::Explain(_) | LogicalPlan::Analyze(_)
        );
        let task = Arc::new(frame.task_ctx());
        let begun = self.runner.wait(async move {
            let plan = frame.create_physical_plan().await?;
            execute_stream(plan, task)
        })?;
        let stream = begun.map_err(failed)?;
        Ok(Rows::new(stream, Arc::clone(&self.runner), sql, is_plan))
    }

    /// A statement, planned; one that makes a table has made it then.
    fn frame(&self, statement: Statement, sql: &str) -> Result<DataFrame, QueryError> {
        let (context, given) = (self.context.clone(), Arc::clone(&self.given));
        let sql = sql.to_owned();
        self.runner.wait(async move {
            let failed = |error| QueryError::of(error, &sql);
            check_reads(&statement)?;
            let state = context.state();
            for table in state.resolve_table_references(&statement).map_err(failed)? {
                check_table(&context, &table, &statement)?;
            }
            let plan = state.statement_to_plan(statement).await.map_err(failed)?;
            check(&plan, &given)?;
            context.execute_logical_plan(plan).await.map_err(failed)
        })?
    }

    /// All tables and views, by name.
    pub fn tables(&self) -> Vec<TableEntry> {
        let entry = |(reference, _): (TableReference, String)| {
            let runtime = self.runner.runtime().ok()?;
            let provider = runtime
                .block_on(self.context.table_provider(reference.clone()))
                .ok()?;
            let captured = provider.downcast_ref::<CaptureTable>();
            let def = captured.map(|table| table.name().definition());
            let columns = provider.schema();
            let columns = columns.fields().iter().map(|field| ColumnEntry {
                name: field.name().clone(),
                data_type: crate::rows::type_name(field.data_type()),
                doc: def.and_then(|def| {
                    let column = def.columns.iter().find(|c| c.name == field.name());
                    column.map(|column| column.doc)
                }),
            });
            Some(TableEntry {
                schema: reference
                    .schema()
                    .filter(|&schema| schema != SCHEMA)
                    .map(str::to_owned),
                name: reference.table().to_owned(),
                doc: def.map(|def| def.doc),
                columns: columns.collect(),
            })
        };
        names(&self.context).into_iter().filter_map(entry).collect()
    }

    /// Every function: name, how it is called, and what it does, where that is known.
    pub fn functions(&self) -> Vec<(String, Option<(&'static str, &'static str)>)> {
        let state = self.context.state();
        let mut names: Vec<String> = state.scalar_functions().keys().cloned().collect();
        names.extend(state.aggregate_functions().keys().cloned());
        names.extend(state.window_functions().keys().cloned());
        names.sort();
        names.dedup();
        let help = |name: &str| {
            let help = functions::HELP.iter().find(|help| help.name == name)?;
            Some((help.call, help.doc))
        };
        names
            .into_iter()
            .map(|name| {
                let help = help(&name);
                (name, help)
            })
            .collect()
    }
}

/// Statements, none of them deep.
pub(crate) fn parsed(sql: &str) -> Result<VecDeque<Statement>, QueryError> {
    deep::check(sql)?;
    let parsed = DFParserBuilder::new(sql)
        .with_recursion_limit(deep::NESTED)
        .build()
        .and_then(|mut parser| parser.parse_statements());
    let mut statements = parsed.map_err(|error| QueryError::of(error, sql))?;
    // All of them, before any is dropped.
    let flat: Vec<_> = statements.iter_mut().map(deep::flatten).collect();
    flat.into_iter().collect::<Result<(), _>>()?;
    statements.iter_mut().try_for_each(idioms::understood)?;
    Ok(statements)
}

/// Says which table is not there, and which one may be meant.
fn check_table(
    context: &SessionContext,
    table: &TableReference,
    statement: &Statement,
) -> Result<(), QueryError> {
    use datafusion::sql::sqlparser::ast::Statement as Sql;
    // These name tables that are to be made, or may be absent.
    if matches!(statement, Statement::CreateExternalTable(_)) {
        return Ok(());
    }
    if let Statement::Statement(statement) = statement
        && matches!(
            **statement,
            Sql::CreateView { .. } | Sql::CreateTable { .. } | Sql::Drop { .. }
        )
    {
        return Ok(());
    }
    let exists = context
        .table_exist(table.clone())
        .is_ok_and(|exists| exists);
    let state = context.state();
    // `range(10)`, which gives rows.
    if table.schema().is_none() && state.table_functions().contains_key(table.table()) {
        return Ok(());
    }
    let is_information = table.schema() == Some("information_schema");
    if exists || is_information {
        return Ok(());
    }
    let tables: Vec<_> = names(context).into_iter().map(|(_, name)| name).collect();
    Err(no_table(&table.to_string(), &tables))
}

/// The tables: reference, and name as a query says it.
fn names(context: &SessionContext) -> Vec<(TableReference, String)> {
    let mut names = Vec::new();
    let Some(catalog) = context.catalog(CATALOG) else {
        return names;
    };
    let mut schemas = catalog.schema_names();
    schemas.sort();
    for schema in schemas {
        if schema == "information_schema" {
            continue;
        }
        let Some(provider) = catalog.schema(&schema) else {
            continue;
        };
        let mut tables = provider.table_names();
        tables.sort();
        for table in tables {
            let name = if schema == SCHEMA {
                table.clone()
            } else {
                format!("{schema}.{table}")
            };
            let schema = schema.clone();
            names.push((TableReference::partial(schema, table), name));
        }
    }
    names
}

/// Says what changes rows before anything else that may be wrong with it.
fn check_reads(statement: &Statement) -> Result<(), QueryError> {
    use datafusion::sql::sqlparser::ast::Statement as Sql;
    let Statement::Statement(statement) = statement else {
        return Ok(());
    };
    match **statement {
        Sql::Insert(_) | Sql::Update(_) | Sql::Delete(_) => Err(not_reading("changing rows")),
        _ => Ok(()),
    }
}

fn not_reading(what: &str) -> QueryError {
    QueryError::query(format!("queries read, and {what} does something else"))
        .hint("-o OUT writes the rows of a query into a file")
}

/// Statements that only read, and those that are about this session alone.
fn check(plan: &LogicalPlan, given: &Given) -> Result<(), QueryError> {
    let what = match plan {
        LogicalPlan::Ddl(ddl) => match changed(ddl) {
            Some(table) => return check_not_given(table, given),
            None => ddl.name().to_owned(),
        },
        LogicalPlan::Dml(_) => "changing rows".to_owned(),
        LogicalPlan::Copy(_) => "COPY".to_owned(),
        LogicalPlan::Statement(Setting::SetVariable(_)) => "SET".to_owned(),
        LogicalPlan::Statement(statement) => statement.name().to_owned(),
        LogicalPlan::Explain(explain) => return check(&explain.plan, given),
        LogicalPlan::Analyze(analyze) => return check(&analyze.input, given),
        _ => return Ok(()),
    };
    Err(not_reading(&what))
}

/// The table or view of this session that a statement makes, replaces or takes away.
fn changed(ddl: &DdlStatement) -> Option<&TableReference> {
    Some(match ddl {
        DdlStatement::CreateView(view) => &view.name,
        DdlStatement::CreateMemoryTable(table) => &table.name,
        DdlStatement::DropView(view) => &view.name,
        DdlStatement::DropTable(table) => &table.name,
        _ => return None,
    })
}

/// What captures and files gave stays as it is.
fn check_not_given(table: &TableReference, given: &Given) -> Result<(), QueryError> {
    let given = given.lock().unwrap_or_else(PoisonError::into_inner);
    if !given.contains(&resolved(table.clone())) {
        return Ok(());
    }
    Err(QueryError::query(format!(
        "'{table}' is a table of what is read, and stays as it is"
    ))
    .hint("CREATE VIEW gives a query a name of its own"))
}

fn resolved(table: TableReference) -> ResolvedTableReference {
    table.resolve(CATALOG, SCHEMA)
}

/// The name that a file's table gets: its own without the extension, with `_` for what a name
/// in SQL cannot have.
pub fn table_name_of(path: &Path) -> String {
    let stem = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = stem.split('.').find(|part| !part.is_empty());
    let mut name: String = stem
        .unwrap_or("table")
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, 't');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tables() {
        for (path, name) in [
            ("/a/flows.parquet", "flows"),
            ("2024-01.csv.gz", "t2024_01"),
            ("My Table.csv", "my_table"),
            ("conn.log", "conn"),
            (".hidden.csv", "hidden"),
        ] {
            assert_eq!(table_name_of(path.as_ref()), name);
        }
    }
}
