//! Addresses compare and sort as addresses, though columns of them are text.
//!
//! Equal addresses are equal texts (docs/decisions/0006), so that grouping, joins and `=` need
//! nothing. Order does: a field's metadata says that it holds addresses, and [`AddressOrder`]
//! rewrites a plan where such a field is compared or sorted:
//!
//! | in the query | in the plan |
//! |---|---|
//! | `ORDER BY src_ip`, also within `OVER (…)` and aggregates | `ORDER BY ip_key(src_ip)` |
//! | `src_ip < x`, `<=`, `>`, `>=`, `BETWEEN` | `ip_key(src_ip) < ip_key(x)` … |
//! | `min(src_ip)`, `max(src_ip)` | functions that compare addresses |
//! | `least(src_ip, dst_ip)`, `greatest(…)` | `key_ip(least(ip_key(src_ip), ip_key(dst_ip)))` |
//! | `src_ip = '2001:DB8::1'`, `<>`, `IN (…)`, `nullif`, `CASE src_ip WHEN …` | `src_ip = '2001:db8::1'` |
//! | `src_ip = t.x`, `IN (SELECT x …)`, `< ANY (SELECT x …)` | `src_ip = canonical_ip(t.x)` … |
//! | `coalesce(src_ip, dst_ip)`, `nvl`, `CASE WHEN … THEN src_ip …` | `canonical_ip(coalesce(…))`: an address again |
//!
//! Elements of a list are texts: `array_agg(src_ip ORDER BY src_ip)` has them in order, `array_sort` does
//! not know it.
//!
//! A constant that is no address is an error there. Hardware addresses are lower-case pairs of
//! digits, whose order as text is their order; what is compared with them is brought to that form.
//!
//! The rule comes before the one that makes the types of both sides the same: columns of Parquet
//! are texts of another type than constants, and a constant in a cast looks like none. Only what
//! windows are ordered by is replaced after it, which does not know how to go through keys.

mod extreme;
mod form;

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result, ScalarValue, plan_err};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr::{ScalarFunction, Sort};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    AggregateUDF, Between, BinaryExpr, Distinct, Expr, ExprSchemable, LogicalPlan,
    LogicalPlanBuilder, Operator, Subquery, WindowFunctionDefinition,
};
use datafusion::optimizer::AnalyzerRule;

use crate::functions::{ip_key, is_text};

/// The key of a field's metadata that says what kind of address its texts are.
pub(crate) const METADATA: &str = "netloom.address";

/// The rule, in its two parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddressOrder {
    /// Before types are made the same: all but the order of windows.
    Untyped,
    /// After it: that order.
    Typed,
}

impl AnalyzerRule for AddressOrder {
    fn name(&self) -> &'static str {
        match self {
            Self::Untyped => "address_order",
            Self::Typed => "address_order_of_windows",
        }
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| rewrite(plan, *self))
            .map(|plan| plan.data)
    }
}

fn rewrite(plan: LogicalPlan, part: AddressOrder) -> Result<Transformed<LogicalPlan>> {
    let mut schema = merge_schema(&plan.inputs());
    if let LogicalPlan::TableScan(scan) = &plan {
        schema.merge(&DFSchema::try_from_qualified_schema(
            scan.table_name.clone(),
            &scan.source.schema(),
        )?);
    }
    let has_addresses = schema.fields().iter().any(|field| kind(field).is_some());
    if !has_addresses && !plan.expressions().iter().any(asks_for_rows) {
        return Ok(Transformed::no(plan));
    }
    let names = NamePreserver::new(&plan);
    let rewritten = plan.map_expressions(|expr| {
        let name = names.save(&expr);
        expr.transform_up(|expr| match part {
            AddressOrder::Untyped => rewrite_expr(expr, &schema),
            AddressOrder::Typed => Ok(order_window(expr, &schema)),
        })
        .map(|expr| expr.update_data(|expr| name.restore(expr)))
    })?;
    rewritten
        .transform_data(|plan| match plan {
            LogicalPlan::Sort(mut sort) if part == AddressOrder::Untyped => {
                let changed = order_by_keys(&mut sort.expr, &schema);
                Ok(Transformed::new_transformed(
                    LogicalPlan::Sort(sort),
                    changed,
                ))
            }
            LogicalPlan::Distinct(Distinct::On(mut on)) if part == AddressOrder::Untyped => {
                let sorts = on.sort_expr.as_deref_mut().unwrap_or_default();
                let changed = order_by_keys(sorts, &schema);
                let plan = LogicalPlan::Distinct(Distinct::On(on));
                Ok(Transformed::new_transformed(plan, changed))
            }
            other => Ok(Transformed::no(other)),
        })?
        .map_data(LogicalPlan::recompute_schema)
}

/// Whether something is compared with rows, which may be addresses.
fn asks_for_rows(expr: &Expr) -> bool {
    let is_one = |expr: &Expr| Ok(matches!(expr, Expr::InSubquery(_) | Expr::SetComparison(_)));
    expr.exists(is_one).is_ok_and(|found| found)
}

fn rewrite_expr(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) => {
            let Some(compared) = Comparison::of([&*left, &*right], schema) else {
                let same = Expr::BinaryExpr(BinaryExpr { left, op, right });
                return Ok(Transformed::no(same));
            };
            let side = |side: Expr| {
                if is_order(op) {
                    compared.ordered(side)
                } else {
                    compared.canonical(side)
                }
            };
            let (left, right) = (Box::new(side(*left)?), Box::new(side(*right)?));
            Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr {
                left,
                op,
                right,
            })))
        }
        Expr::Between(between) => {
            let sides = [&*between.expr, &*between.low, &*between.high];
            let Some(compared) = Comparison::of(sides, schema) else {
                return Ok(Transformed::no(Expr::Between(between)));
            };
            Ok(Transformed::yes(Expr::Between(Between {
                expr: Box::new(compared.ordered(*between.expr)?),
                negated: between.negated,
                low: Box::new(compared.ordered(*between.low)?),
                high: Box::new(compared.ordered(*between.high)?),
            })))
        }
        Expr::InList(mut list) => {
            let sides = std::iter::once(&*list.expr).chain(&list.list);
            let Some(compared) = Comparison::of(sides, schema) else {
                return Ok(Transformed::no(Expr::InList(list)));
            };
            list.expr = Box::new(compared.canonical(*list.expr)?);
            let items = list.list.into_iter();
            list.list = items
                .map(|item| compared.canonical(item))
                .collect::<Result<_>>()?;
            Ok(Transformed::yes(Expr::InList(list)))
        }
        Expr::InSubquery(mut of) => {
            let Some(compared) = Comparison::with_rows(&of.expr, &of.subquery, schema) else {
                return Ok(Transformed::no(Expr::InSubquery(of)));
            };
            of.expr = Box::new(compared.canonical(*of.expr)?);
            of.subquery = compared.rows(&of.subquery, false)?;
            Ok(Transformed::yes(Expr::InSubquery(of)))
        }
        Expr::SetComparison(mut of) if is_comparison(of.op) => {
            let Some(compared) = Comparison::with_rows(&of.expr, &of.subquery, schema) else {
                return Ok(Transformed::no(Expr::SetComparison(of)));
            };
            let ordered = is_order(of.op);
            of.expr = Box::new(if ordered {
                compared.ordered(*of.expr)?
            } else {
                compared.canonical(*of.expr)?
            });
            of.subquery = compared.rows(&of.subquery, ordered)?;
            Ok(Transformed::yes(Expr::SetComparison(of)))
        }
        Expr::Case(mut case) => {
            let Some(expr) = case.expr.take() else {
                return Ok(chosen(Expr::Case(case), schema));
            };
            let whens = case.when_then_expr.iter().map(|(when, _)| &**when);
            let Some(compared) = Comparison::of(std::iter::once(&*expr).chain(whens), schema)
            else {
                case.expr = Some(expr);
                return Ok(chosen(Expr::Case(case), schema));
            };
            case.expr = Some(Box::new(compared.canonical(*expr)?));
            let whens = case.when_then_expr.into_iter();
            case.when_then_expr = whens
                .map(|(when, then)| Ok((Box::new(compared.canonical(*when)?), then)))
                .collect::<Result<_>>()?;
            Ok(Transformed::yes(chosen(Expr::Case(case), schema).data))
        }
        Expr::ScalarFunction(function) => compared_arguments(function, schema),
        Expr::AggregateFunction(mut function) => {
            let params = &mut function.params;
            let mut changed = order_by_keys(&mut params.order_by, schema);
            if let Some(extreme) = extreme(function.func.name(), &params.args, schema) {
                function.func = extreme;
                changed = true;
            }
            let function = Expr::AggregateFunction(function);
            Ok(Transformed::new_transformed(function, changed))
        }
        Expr::WindowFunction(mut function) => {
            let params = &function.params;
            let mut changed = false;
            if let WindowFunctionDefinition::AggregateUDF(aggregate) = &function.fun
                && let Some(extreme) = extreme(aggregate.name(), &params.args, schema)
            {
                function.fun = WindowFunctionDefinition::AggregateUDF(extreme);
                changed = true;
            }
            let function = Expr::WindowFunction(function);
            Ok(Transformed::new_transformed(function, changed))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Orders a window by keys.
fn order_window(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let Expr::WindowFunction(mut function) = expr else {
        return Transformed::no(expr);
    };
    let changed = order_by_keys(&mut function.params.order_by, schema);
    Transformed::new_transformed(Expr::WindowFunction(function), changed)
}

/// Functions that compare their arguments.
fn compared_arguments(
    mut function: ScalarFunction,
    schema: &DFSchema,
) -> Result<Transformed<Expr>> {
    let is_order = match function.func.name() {
        "least" | "greatest" => true,
        "nullif" => false,
        "coalesce" | "ifnull" | "nvl" | "nvl2" => {
            return Ok(chosen(Expr::ScalarFunction(function), schema));
        }
        _ => return Ok(Transformed::no(Expr::ScalarFunction(function))),
    };
    let Some(compared) = Comparison::of(&function.args, schema) else {
        return Ok(Transformed::no(Expr::ScalarFunction(function)));
    };
    let by_key = is_order && compared.kind == Kind::Ip;
    let args = function.args.into_iter();
    function.args = args
        .map(|argument| {
            if by_key {
                compared.ordered(argument)
            } else {
                compared.canonical(argument)
            }
        })
        .collect::<Result<_>>()?;
    let function = Expr::ScalarFunction(function);
    Ok(Transformed::yes(if by_key {
        form::key_ip().call(vec![function])
    } else {
        chosen(function, schema).data
    }))
}

/// One of several expressions, of which the engine forgets that they are addresses: marked as one, if
/// all of them are.
fn chosen(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let kind = match &expr {
        Expr::Case(case) => {
            let thens = case.when_then_expr.iter().map(|(_, then)| &**then);
            kind_of_all(thens.chain(case.else_expr.as_deref()), schema)
        }
        Expr::ScalarFunction(function) => {
            let args = function.args.as_slice();
            match function.func.name() {
                "nvl2" => kind_of_all(args.iter().skip(1), schema),
                "nullif" => kind_of_all(args.first(), schema),
                _ => kind_of_all(args, schema),
            }
        }
        _ => None,
    };
    match kind {
        Some(kind) => Transformed::yes(form::canonical(kind).call(vec![expr])),
        None => Transformed::no(expr),
    }
}

/// What kind of address all of these are; a constant may be one, or null.
fn kind_of_all<'a>(exprs: impl IntoIterator<Item = &'a Expr>, schema: &DFSchema) -> Option<Kind> {
    let (mut known, mut constants) = (None, Vec::new());
    for expr in exprs {
        match (kind_of(expr, schema), expr) {
            (Some(kind), _) if known.is_none_or(|known| known == kind) => known = Some(kind),
            (None, Expr::Literal(value, _)) => match value.try_as_str() {
                Some(text) => constants.extend(text),
                None if value.is_null() => {}
                None => return None,
            },
            _ => return None,
        }
    }
    let is_one = |text: &str| form::canonical_form(known?, text);
    (constants.into_iter())
        .all(|text| is_one(text).is_some())
        .then_some(known)?
}

/// The function that takes the place of `min` and `max` of addresses.
fn extreme(function: &str, args: &[Expr], schema: &DFSchema) -> Option<Arc<AggregateUDF>> {
    let [argument] = args else {
        return None;
    };
    if kind_of(argument, schema) == Some(Kind::Ip) {
        extreme::instead_of(function)
    } else {
        None
    }
}

/// Sorts addresses by their keys; whether there were any.
fn order_by_keys(sorts: &mut [Sort], schema: &DFSchema) -> bool {
    let mut changed = false;
    for sort in sorts {
        if kind_of(&sort.expr, schema) == Some(Kind::Ip) {
            sort.expr = ip_key().call(vec![std::mem::take(&mut sort.expr)]);
            changed = true;
        }
    }
    changed
}

fn is_order(op: Operator) -> bool {
    use Operator::{Gt, GtEq, Lt, LtEq};
    matches!(op, Lt | LtEq | Gt | GtEq)
}

fn is_comparison(op: Operator) -> bool {
    use Operator::{Eq, IsDistinctFrom, IsNotDistinctFrom, NotEq};
    is_order(op) || matches!(op, Eq | NotEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// What kind of address a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Ip,
    Mac,
}

fn kind(field: &Field) -> Option<Kind> {
    if !is_text(field.data_type()) {
        return None;
    }
    match field.metadata().get(METADATA)?.as_str() {
        "ip" => Some(Kind::Ip),
        "mac" => Some(Kind::Mac),
        _ => None,
    }
}

/// What kind of address an expression gives. One whose field cannot be told gives none: the
/// planner will say what is wrong with it.
fn kind_of(expr: &Expr, schema: &DFSchema) -> Option<Kind> {
    kind(&expr.to_field(schema).ok()?.1)
}

/// A comparison of addresses.
#[derive(Debug)]
struct Comparison<'s> {
    kind: Kind,
    /// What is known to be an address, for messages.
    known: String,
    /// The columns that the sides are made of.
    schema: &'s DFSchema,
}

impl<'s> Comparison<'s> {
    /// Of these sides; `None` where none of them is known to be an address.
    fn of<'a>(sides: impl IntoIterator<Item = &'a Expr>, schema: &'s DFSchema) -> Option<Self> {
        sides.into_iter().find_map(|side| {
            Some(Self {
                kind: kind_of(side, schema)?,
                known: side.schema_name().to_string(),
                schema,
            })
        })
    }

    /// Of a side with each row of a query.
    fn with_rows(side: &Expr, query: &Subquery, schema: &'s DFSchema) -> Option<Self> {
        Self::of([side], schema).or_else(|| {
            let column = query.subquery.schema().fields().first()?;
            Some(Self {
                kind: kind(column)?,
                known: column.name().clone(),
                schema,
            })
        })
    }

    /// A side of `<` and the like.
    fn ordered(&self, side: Expr) -> Result<Expr> {
        let side = self.canonical(side)?;
        Ok(self.key(side))
    }

    fn key(&self, side: Expr) -> Expr {
        match self.kind {
            Kind::Ip => ip_key().call(vec![side]),
            Kind::Mac => side,
        }
    }

    /// The rows that the other side is compared with.
    fn rows(&self, query: &Subquery, ordered: bool) -> Result<Subquery> {
        let plan = Arc::clone(&query.subquery);
        let schema = plan.schema();
        // What has more columns is told to be wrong by the planner.
        let [field] = &schema.fields()[..] else {
            return Ok(query.clone());
        };
        let (known, text) = (kind(field) == Some(self.kind), is_text(field.data_type()));
        if !text || known && !ordered {
            return Ok(query.clone());
        }
        let name = field.name().clone();
        let mut side = Expr::Column(Column::from(schema.qualified_field(0)));
        if !known {
            side = form::canonical(self.kind).call(vec![side]);
        }
        if ordered {
            side = self.key(side);
        }
        let plan = LogicalPlanBuilder::from(plan)
            .project([side.alias(name)])?
            .build()?;
        Ok(query.with_plan(Arc::new(plan)))
    }

    /// A side of `=` and the like, as addresses are written in tables: constants here and now,
    /// others for each row, unless they are known to be addresses.
    fn canonical(&self, side: Expr) -> Result<Expr> {
        if let Some(kind) = kind_of(&side, self.schema)
            && kind == self.kind
        {
            return Ok(side);
        }
        let field = side.to_field(self.schema);
        let data_type = field.ok().map(|(_, field)| field.data_type().clone());
        if data_type.as_ref().is_some_and(DataType::is_numeric) {
            // The planner would take the addresses for numbers.
            let number = match side {
                Expr::Literal(value, _) => value.to_string(),
                other => other.to_string(),
            };
            return plan_err!(
                "{} holds {}, and {number} is a number; {}",
                self.known,
                self.what(),
                self.example()
            );
        }
        // Nulls are what they are, and what else is wrong will be told by the planner.
        if !data_type.is_some_and(|data_type| is_text(&data_type) && !data_type.is_null()) {
            return Ok(side);
        }
        match side {
            Expr::Literal(value, metadata) => {
                Ok(Expr::Literal(self.canonical_constant(value)?, metadata))
            }
            Expr::Alias(mut alias) => {
                alias.expr = Box::new(self.canonical(*alias.expr)?);
                Ok(Expr::Alias(alias))
            }
            Expr::Cast(mut cast) if matches!(*cast.expr, Expr::Literal(..) | Expr::Cast(_)) => {
                cast.expr = Box::new(self.canonical(*cast.expr)?);
                Ok(Expr::Cast(cast))
            }
            other => Ok(form::canonical(self.kind).call(vec![other])),
        }
    }

    fn canonical_constant(&self, value: ScalarValue) -> Result<ScalarValue> {
        Ok(match value {
            ScalarValue::Utf8(Some(text)) => ScalarValue::Utf8(Some(self.canonical_text(&text)?)),
            ScalarValue::LargeUtf8(Some(text)) => {
                ScalarValue::LargeUtf8(Some(self.canonical_text(&text)?))
            }
            ScalarValue::Utf8View(Some(text)) => {
                ScalarValue::Utf8View(Some(self.canonical_text(&text)?))
            }
            ScalarValue::Dictionary(key, value) => {
                ScalarValue::Dictionary(key, Box::new(self.canonical_constant(*value)?))
            }
            other => other,
        })
    }

    fn canonical_text(&self, text: &str) -> Result<String> {
        let canonical = form::canonical_form(self.kind, text);
        canonical.map_or_else(
            || {
                plan_err!(
                    "{} holds {}, and '{text}' is none; {}",
                    self.known,
                    self.what(),
                    match self.kind {
                        Kind::Ip => {
                            "in_subnet(…, '10.0.0.0/8') compares with a subnet, LIKE with a pattern"
                        }
                        Kind::Mac => self.example(),
                    }
                )
            },
            Ok,
        )
    }

    fn what(&self) -> &'static str {
        match self.kind {
            Kind::Ip => "IP addresses",
            Kind::Mac => "hardware addresses",
        }
    }

    fn example(&self) -> &'static str {
        match self.kind {
            Kind::Ip => "write '10.0.0.1'",
            Kind::Mac => "write '00:1b:44:11:3a:b7'",
        }
    }
}
