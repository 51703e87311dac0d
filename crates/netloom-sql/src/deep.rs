//! Statements of thousands of parts, as programs write them.
//!
//! A chain (`a OR b OR c …`) is parsed into a tree that is as deep as the chain is long, and much of
//! what follows walks trees by recursion. Long chains of `AND`, `OR` and `UNION` are made into trees
//! of little depth that mean the same; what is deeper than [`MOST`] after that is an error. The rest
//! is done on threads with much [stack](STACK).

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Query, Select, SetExpr, SetOperator, SetQuantifier, Values, VisitMut,
    VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::QueryError;

/// Bytes of stack of threads that plan and run queries; the system gives only what is used.
pub(crate) const STACK: usize = 64 << 20;

/// Parentheses, functions, `CASE` and queries within one another, at most.
pub(crate) const NESTED: usize = 200;

/// Members of a chain that is no `AND`, `OR` or `UNION`, at most.
const MOST: usize = 500;

/// Conditions in a chain of `AND` or `OR`, at most: planning takes more than in proportion to them.
const MOST_CONDITIONS: usize = 20_000;

/// Queries in a chain of `UNION`, at most, for the same reason.
const MOST_QUERIES: usize = 2000;

/// Queries that `WITH` names, and tables that are joined, at most: each stands on those before it.
const MOST_TABLES: usize = 500;

/// Members of a chain from which on it is made into a tree of little depth.
const LONG: usize = 64;

/// Operators and words of SQL in a text, at most: a parser that gives up drops what it has, as deep as
/// they have made it.
const MOST_OPERATORS: usize = 150_000;

/// Says if a text is too large to be parsed. Values in lists do not count.
pub(crate) fn check(sql: &str) -> Result<(), QueryError> {
    if sql.len() <= MOST_OPERATORS {
        return Ok(());
    }
    let mut tokens = Vec::new();
    // What cannot be taken apart is told by the parser.
    _ = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location_into_buf(&mut tokens);
    let operators = tokens.iter().filter(|token| match &token.token {
        Token::Word(word) => word.keyword != Keyword::NoKeyword,
        Token::Whitespace(_)
        | Token::Comma
        | Token::LParen
        | Token::RParen
        | Token::Number(..)
        | Token::SingleQuotedString(_) => false,
        _ => true,
    });
    match operators.count() {
        count if count > MOST_OPERATORS => Err(too_much(&format!(
            "{count} operators and words of SQL, and at most {MOST_OPERATORS} can be"
        ))),
        _ => Ok(()),
    }
}

/// Makes a statement one of little depth.
pub(crate) fn flatten(statement: &mut Statement) -> Result<(), QueryError> {
    let mut statement = statement;
    while let Statement::Explain(explain) = statement {
        statement = &mut explain.statement;
    }
    match statement {
        Statement::Statement(statement) => flattened(&mut **statement),
        // They hold no expressions, or are refused.
        _ => Ok(()),
    }
}

/// Makes a part of a statement one of little depth.
pub(crate) fn flattened(part: &mut impl VisitMut) -> Result<(), QueryError> {
    let mut flatten = Flatten::default();
    _ = part.visit(&mut flatten);
    match flatten.failed {
        Some(what) => Err(too_much(&what)),
        None => Ok(()),
    }
}

fn too_much(what: &str) -> QueryError {
    QueryError::query(format!("the query is too large: {what}"))
        .hint("put values into a list, column IN (1, 2, …), or into a file that is a table of its own and joined")
}

/// Walks a statement from the outside to the inside. It goes on after an error: what is too deep is
/// taken apart, for it must not be dropped as it is.
#[derive(Default)]
struct Flatten {
    failed: Option<String>,
}

impl Flatten {
    fn fail(&mut self, what: String) {
        self.failed.get_or_insert(what);
    }
}

impl VisitorMut for Flatten {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let length = length(expr);
        if length <= LONG {
            return ControlFlow::Continue(());
        }
        if let Some(op) = condition(expr) {
            let conditions = conditions(expr, &op);
            if conditions.len() > MOST_CONDITIONS {
                self.fail(format!(
                    "{} conditions with {op} between them, and at most {MOST_CONDITIONS} can be",
                    conditions.len()
                ));
            } else {
                *expr = balanced(conditions, |left, right| Expr::BinaryOp {
                    left: Box::new(left),
                    op: op.clone(),
                    right: Box::new(right),
                })
                .unwrap_or_else(nothing);
            }
            // The first condition may be a chain of its own, and is visited next.
        } else if length > MOST {
            self.fail(format!(
                "a chain of {length} operators, and at most {MOST} can be"
            ));
            let mut rest = std::mem::replace(expr, nothing());
            while let Some(first) = first(&mut rest) {
                rest = std::mem::replace(first, nothing());
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let tables = query.with.as_ref().map_or(0, |with| with.cte_tables.len());
        if tables > MOST_TABLES {
            self.fail(format!(
                "WITH names {tables} queries, and at most {MOST_TABLES} can be"
            ));
        }
        self.flatten_sets(&mut query.body);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let joins = select.from.iter().map(|table| table.joins.len() + 1);
        let tables: usize = joins.sum();
        if tables > MOST_TABLES {
            self.fail(format!(
                "{tables} tables are joined, and at most {MOST_TABLES} can be"
            ));
        }
        ControlFlow::Continue(())
    }
}

impl Flatten {
    /// `UNION` of many queries.
    fn flatten_sets(&mut self, body: &mut SetExpr) {
        let Some((op, quantifier, length)) = sets(body) else {
            return;
        };
        if length <= LONG {
            return;
        }
        let mut queries = Vec::new();
        let mut rest = std::mem::replace(body, no_rows());
        // Also what is no union all the way down must not be dropped as deep as it is.
        let mut uniform = op == SetOperator::Union;
        while let SetExpr::SetOperation {
            left,
            op: this,
            set_quantifier,
            right,
        } = rest
        {
            uniform &= this == op && set_quantifier == quantifier;
            queries.push(*right);
            rest = *left;
        }
        queries.push(rest);
        queries.reverse();
        if length > MOST_QUERIES {
            self.fail(format!(
                "{length} queries with {op} between them, and at most {MOST_QUERIES} can be"
            ));
        } else if uniform {
            let all = balanced(queries, |left, right| SetExpr::SetOperation {
                left: Box::new(left),
                op,
                set_quantifier: quantifier,
                right: Box::new(right),
            });
            *body = all.unwrap_or_else(no_rows);
        } else {
            self.fail(format!(
                "{length} queries with different set operations between them, and at most {LONG} can be"
            ));
        }
    }
}

/// The operator and the length of a chain of set operations.
fn sets(body: &SetExpr) -> Option<(SetOperator, SetQuantifier, usize)> {
    let SetExpr::SetOperation {
        op, set_quantifier, ..
    } = body
    else {
        return None;
    };
    let (mut length, mut rest) = (1, body);
    while let SetExpr::SetOperation { left, .. } = rest {
        length += 1;
        rest = left;
    }
    Some((*op, *set_quantifier, length))
}

fn no_rows() -> SetExpr {
    SetExpr::Values(Values {
        explicit_row: false,
        value_keyword: false,
        rows: Vec::new(),
    })
}

fn nothing() -> Expr {
    Expr::Wildcard(AttachedToken::empty())
}

/// `AND` or `OR`, where an expression is one.
fn condition(expr: &Expr) -> Option<BinaryOperator> {
    match expr {
        Expr::BinaryOp { op, .. } => {
            matches!(op, BinaryOperator::And | BinaryOperator::Or).then(|| op.clone())
        }
        _ => None,
    }
}

/// The conditions between which an operator stands, in their order.
fn conditions(expr: &mut Expr, operator: &BinaryOperator) -> Vec<Expr> {
    let mut all = Vec::new();
    let mut rest = std::mem::replace(expr, nothing());
    loop {
        match rest {
            Expr::BinaryOp { left, op, right } if op == *operator => {
                all.push(*right);
                rest = *left;
            }
            other => {
                all.push(other);
                break;
            }
        }
    }
    all.reverse();
    all
}

/// Members of a chain as a tree of the least depth, in the same order.
pub(crate) fn balanced<T>(members: Vec<T>, join: impl Fn(T, T) -> T) -> Option<T> {
    let mut members = members;
    while members.len() > 1 {
        let mut pairs = Vec::with_capacity(members.len().div_ceil(2));
        let mut rest = members.into_iter();
        while let Some(left) = rest.next() {
            pairs.push(match rest.next() {
                Some(right) => join(left, right),
                None => left,
            });
        }
        members = pairs;
    }
    members.pop()
}

/// How many operators stand behind one another at the left end of an expression, without
/// parentheses.
fn length(expr: &mut Expr) -> usize {
    let (mut length, mut rest) = (0, expr);
    while let Some(next) = first(rest) {
        length += 1;
        rest = next;
    }
    length
}

/// What stands before the operator of an expression: only there can a parser go deep without
/// anything that it counts.
fn first(expr: &mut Expr) -> Option<&mut Expr> {
    Some(match expr {
        Expr::BinaryOp { left: expr, .. }
        | Expr::AnyOp { left: expr, .. }
        | Expr::AllOp { left: expr, .. }
        | Expr::IsFalse(expr)
        | Expr::IsNotFalse(expr)
        | Expr::IsTrue(expr)
        | Expr::IsNotTrue(expr)
        | Expr::IsNull(expr)
        | Expr::IsNotNull(expr)
        | Expr::IsUnknown(expr)
        | Expr::IsNotUnknown(expr)
        | Expr::IsDistinctFrom(expr, _)
        | Expr::IsNotDistinctFrom(expr, _)
        | Expr::IsNormalized { expr, .. }
        | Expr::InList { expr, .. }
        | Expr::InSubquery { expr, .. }
        | Expr::InUnnest { expr, .. }
        | Expr::Between { expr, .. }
        | Expr::Like { expr, .. }
        | Expr::ILike { expr, .. }
        | Expr::SimilarTo { expr, .. }
        | Expr::RLike { expr, .. }
        | Expr::Cast { expr, .. }
        | Expr::Collate { expr, .. }
        | Expr::AtTimeZone {
            timestamp: expr, ..
        }
        | Expr::CompoundFieldAccess { root: expr, .. }
        | Expr::JsonAccess { value: expr, .. }
        | Expr::OuterJoin(expr) => expr,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    /// An expression of little depth, as SQL; or what is wrong with it.
    fn flat(sql: &str) -> Result<String, String> {
        let mut expr = Parser::new(&GenericDialect {})
            .try_with_sql(sql)
            .and_then(|mut parser| parser.parse_expr())
            .unwrap();
        flattened(&mut expr).map_err(|error| error.to_string())?;
        assert!(length(&mut expr) <= MOST, "{sql}");
        Ok(expr.to_string())
    }

    fn chain(member: &str, operator: &str, length: usize) -> String {
        vec![member; length].join(operator)
    }

    #[test]
    fn chains_of_conditions_mean_the_same() {
        for operator in [" AND ", " OR "] {
            let numbered: Vec<String> = (0..1001).map(|n| format!("a = {n}")).collect();
            let sql = numbered.join(operator);
            assert_eq!(flat(&sql).unwrap(), sql);
        }
        let pairs: Vec<String> = (0..1000).map(|n| format!("a = {n} AND b = {n}")).collect();
        let sql = pairs.join(" OR ");
        assert_eq!(flat(&sql).unwrap(), sql);
        // A short one stays as it is.
        let sql = chain("a", " OR ", 5);
        let parser = Parser::new(&GenericDialect {}).try_with_sql(&sql);
        let mut expr = parser.and_then(|mut parser| parser.parse_expr()).unwrap();
        let before = expr.clone();
        flattened(&mut expr).unwrap();
        assert_eq!(expr, before);
    }

    #[test]
    fn what_is_too_long_is_an_error() {
        for (sql, said) in [
            (chain("1", " + ", 1000), "a chain of 999 operators"),
            (chain("'a'", " || ", 1000), "a chain of 999 operators"),
            (
                format!("a{}", " IS NULL".repeat(1000)),
                "a chain of 1000 operators",
            ),
            (
                format!("f(a, b{})", "::text".repeat(1000)),
                "a chain of 1000 operators",
            ),
            (chain("a", " OR ", 20_001), "20001 conditions with OR"),
        ] {
            let error = flat(&sql).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn what_is_too_large_is_not_parsed() {
        assert!(check(&chain("1", " + ", 200_000)).is_err());
        assert!(check(&format!("a{}", " IS NULL".repeat(100_000))).is_err());
        let rows = format!("VALUES {}", chain("(1, 2)", ", ", 100_000));
        assert!(check(&rows).is_ok());
        let values = format!("a IN ({})", chain("'10.0.0.1'", ", ", 200_000));
        assert!(check(&values).is_ok());
    }
}
