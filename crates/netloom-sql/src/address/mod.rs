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
//! | `src_ip = '2001:DB8::1'`, `<>`, `IN (…)` | `src_ip = '2001:db8::1'` |
//!
//! A constant that is no address is an error there. Hardware addresses are lower-case pairs of
//! digits, whose order as text is their order; only constants are brought to that form.

mod extreme;

use std::net::IpAddr;
use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    AggregateUDF, Between, BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator,
    WindowFunctionDefinition,
};
use datafusion::optimizer::AnalyzerRule;

use crate::functions::ip_key;

/// The key of a field's metadata that says what kind of address its texts are.
pub(crate) const METADATA: &str = "netloom.address";

/// The rule.
#[derive(Debug)]
pub(crate) struct AddressOrder;

impl AnalyzerRule for AddressOrder {
    fn name(&self) -> &'static str {
        "address_order"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(rewrite)
            .map(|plan| plan.data)
    }
}

fn rewrite(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let mut schema = merge_schema(&plan.inputs());
    if let LogicalPlan::TableScan(scan) = &plan {
        schema.merge(&DFSchema::try_from_qualified_schema(
            scan.table_name.clone(),
            &scan.source.schema(),
        )?);
    }
    if !schema.fields().iter().any(|field| kind(field).is_some()) {
        return Ok(Transformed::no(plan));
    }
    let names = NamePreserver::new(&plan);
    let rewritten = plan.map_expressions(|expr| {
        let name = names.save(&expr);
        expr.transform_up(|expr| rewrite_expr(expr, &schema))
            .map(|expr| expr.update_data(|expr| name.restore(expr)))
    })?;
    rewritten
        .transform_data(|plan| match plan {
            LogicalPlan::Sort(mut sort) => {
                let changed = order_by_keys(&mut sort.expr, &schema);
                Ok(Transformed::new_transformed(
                    LogicalPlan::Sort(sort),
                    changed,
                ))
            }
            other => Ok(Transformed::no(other)),
        })?
        .map_data(LogicalPlan::recompute_schema)
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
            let Some(compared) = Comparison::of([&*list.expr], schema) else {
                return Ok(Transformed::no(Expr::InList(list)));
            };
            let items = list.list.into_iter();
            list.list = items
                .map(|item| compared.canonical(item))
                .collect::<Result<_>>()?;
            Ok(Transformed::yes(Expr::InList(list)))
        }
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
            let params = &mut function.params;
            let mut changed = order_by_keys(&mut params.order_by, schema);
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ip,
    Mac,
}

fn kind(field: &Field) -> Option<Kind> {
    if !field.data_type().is_string() {
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
struct Comparison {
    kind: Kind,
    /// What is known to be an address, for messages.
    known: String,
}

impl Comparison {
    /// Of these sides; `None` where none of them is known to be an address.
    fn of<'a>(sides: impl IntoIterator<Item = &'a Expr>, schema: &DFSchema) -> Option<Self> {
        sides.into_iter().find_map(|side| {
            Some(Self {
                kind: kind_of(side, schema)?,
                known: side.schema_name().to_string(),
            })
        })
    }

    /// A side of `<` and the like.
    fn ordered(&self, side: Expr) -> Result<Expr> {
        let side = self.canonical(side)?;
        Ok(match self.kind {
            Kind::Ip => ip_key().call(vec![side]),
            Kind::Mac => side,
        })
    }

    /// A side of `=` and the like: constants as addresses are written in tables.
    fn canonical(&self, side: Expr) -> Result<Expr> {
        let Expr::Literal(value, metadata) = side else {
            return Ok(side);
        };
        let (ScalarValue::Utf8(Some(text))
        | ScalarValue::LargeUtf8(Some(text))
        | ScalarValue::Utf8View(Some(text))) = &value
        else {
            return Ok(Expr::Literal(value, metadata));
        };
        let (canonical, what, example) = match self.kind {
            Kind::Ip => (
                text.parse::<IpAddr>().ok().map(|ip| ip.to_string()),
                "IP addresses",
                "in_subnet(…, '10.0.0.0/8') compares with a subnet, LIKE with a pattern",
            ),
            Kind::Mac => (
                canonical_mac(text),
                "hardware addresses",
                "write 00:1b:44:11:3a:b7",
            ),
        };
        let Some(canonical) = canonical else {
            return plan_err!(
                "{} holds {what}, and '{text}' is none; {example}",
                self.known
            );
        };
        let value = match value {
            ScalarValue::LargeUtf8(_) => ScalarValue::LargeUtf8(Some(canonical)),
            ScalarValue::Utf8View(_) => ScalarValue::Utf8View(Some(canonical)),
            _ => ScalarValue::Utf8(Some(canonical)),
        };
        Ok(Expr::Literal(value, metadata))
    }
}

/// Pairs of hexadecimal digits with colons or dashes between them, as `aa:bb:cc:dd:ee:ff`.
fn canonical_mac(text: &str) -> Option<String> {
    let pairs: Vec<&str> = text.split([':', '-']).collect();
    let is_pair = |pair: &&str| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
    (pairs.len() > 1 && pairs.iter().all(is_pair)).then(|| pairs.join(":").to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::canonical_mac;

    #[test]
    fn hardware_addresses() {
        let canonical = Some("00:1b:44:11:3a:b7".to_owned());
        for same in ["00:1b:44:11:3a:b7", "00-1B-44-11-3A-B7"] {
            assert_eq!(canonical_mac(same), canonical);
        }
        for none in ["", "00", "00:1", "00:1b:44:11:3a:zz", "10.0.0.1"] {
            assert_eq!(canonical_mac(none), None, "{none}");
        }
    }
}
