//! What people write who know SQL from elsewhere, where the engine takes it for something else.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    DuplicateTreatment, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Select,
    SelectFlavor, SelectItem, Statement as Sql, VisitMut, VisitorMut, WildcardAdditionalOptions,
};

use crate::error::QueryError;

/// The tables that are there: those that say what is there come last in the engine's own list, or first.
const TABLES: &str = "SELECT table_schema, table_name, table_type FROM information_schema.tables \
    WHERE table_schema <> 'information_schema' ORDER BY table_schema, table_name";

/// Makes a statement say what was meant.
pub(crate) fn understood(statement: &mut Statement) -> Result<(), QueryError> {
    let mut statement = statement;
    while let Statement::Explain(explain) = statement {
        statement = &mut explain.statement;
    }
    let Statement::Statement(sql) = statement else {
        return Ok(());
    };
    if matches!(**sql, Sql::ShowTables { .. }) {
        let mut tables = crate::session::parsed(TABLES)?;
        if let Some(tables) = tables.pop_front() {
            *statement = tables;
        }
        return Ok(());
    }
    match sql.visit(&mut Understand) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Understand;

impl VisitorMut for Understand {
    type Break = QueryError;

    /// `FROM flows` alone means all columns; the engine gives none.
    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<QueryError> {
        if select.flavor == SelectFlavor::FromFirstNoSelect && select.projection.is_empty() {
            let all = WildcardAdditionalOptions::default();
            select.projection.push(SelectItem::Wildcard(all));
            select.flavor = SelectFlavor::Standard;
        }
        ControlFlow::Continue(())
    }

    /// `count(DISTINCT *)` means rows that differ; the engine counts a constant.
    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<QueryError> {
        if let Expr::Function(function) = expr
            && let FunctionArguments::List(list) = &function.args
            && list.duplicate_treatment == Some(DuplicateTreatment::Distinct)
            && let [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] = &list.args[..]
        {
            let error = QueryError::query("DISTINCT in a sum is of columns, not of *");
            return ControlFlow::Break(error.hint(
                "count(DISTINCT src_ip), or SELECT count(*) FROM (SELECT DISTINCT * FROM flows)",
            ));
        }
        ControlFlow::Continue(())
    }
}
