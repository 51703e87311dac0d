//! Times without their seconds, as people write them: `ts > '2024-01-31 10:00'`.
//!
//! The engine takes texts to the second, and none to the minute. Where it has found out that a constant
//! is compared with a time, or was given as one, the seconds are added.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

/// The rule, behind the one that makes types the same.
#[derive(Debug)]
pub(crate) struct TimesToTheMinute;

impl AnalyzerRule for TimesToTheMinute {
    fn name(&self) -> &'static str {
        "times_to_the_minute"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expr| {
                let name = names.save(&expr);
                expr.transform_up(|expr| Ok(with_seconds(expr)))
                    .map(|expr| expr.update_data(|expr| name.restore(expr)))
            })
        })
        .map(|plan| plan.data)
    }
}

/// A constant that becomes a time, with seconds.
fn with_seconds(expr: Expr) -> Transformed<Expr> {
    let Expr::Cast(mut cast) = expr else {
        return Transformed::no(expr);
    };
    if matches!(cast.field.data_type(), DataType::Timestamp(..))
        && let Expr::Literal(value, _) = &mut *cast.expr
        && let ScalarValue::Utf8(Some(text))
        | ScalarValue::LargeUtf8(Some(text))
        | ScalarValue::Utf8View(Some(text)) = value
        && let Some(whole) = to_the_second(text)
    {
        *text = whole;
        return Transformed::yes(Expr::Cast(cast));
    }
    Transformed::no(Expr::Cast(cast))
}

/// `2024-01-31 10:00`, also with a zone behind it, with its seconds; `None` for anything else.
fn to_the_second(text: &str) -> Option<String> {
    const FORM: &[u8] = b"0000-00-00 00:00";
    let (minute, zone) = text.split_at_checked(FORM.len())?;
    let fits = minute.bytes().zip(FORM).all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        b' ' => matches!(byte, b' ' | b'T' | b't'),
        form => byte == *form,
    });
    let ends = zone.is_empty() || zone.starts_with(['Z', 'z', '+', '-', ' ']);
    (fits && ends).then(|| format!("{minute}:00{zone}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_added_where_there_are_none() {
        for (text, whole) in [
            ("2024-01-31 10:00", Some("2024-01-31 10:00:00")),
            ("2024-01-31T10:00Z", Some("2024-01-31T10:00:00Z")),
            ("2024-01-31 10:00+02:00", Some("2024-01-31 10:00:00+02:00")),
            ("2024-01-31 10:00:05", None),
            ("2024-01-31", None),
            ("2024-01-31 10", None),
            ("2024-1-31 10:00:00", None),
            ("täglich um 10:00", None),
        ] {
            assert_eq!(to_the_second(text).as_deref(), whole, "{text}");
        }
    }
}
