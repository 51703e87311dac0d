//! What the engine says of values that do not fit, in words of who wrote the query.

use super::QueryError;

/// What a message of the engine means; `None` where its own words will do.
pub(super) fn told(said: &str) -> Option<QueryError> {
    value(said)
        .or_else(|| comparison(said))
        .or_else(|| other(said))
}

/// A constant that is no number, or no time.
fn value(said: &str) -> Option<QueryError> {
    if let Some((_, rest)) = said.split_once("Cannot cast string '") {
        let (text, rest) = rest.rsplit_once("' to value of ")?;
        let kind = kind(rest.strip_suffix(" type")?);
        return Some(
            QueryError::query(format!("'{text}' is not {kind}, as the other side is")).hint(
                match kind {
                    "a number" => "numbers stand without quotes and are written out: 443, 1000000",
                    _ => {
                        "a value must be what the column is: netloom tables shows what columns hold"
                    }
                },
            ),
        );
    }
    let (_, rest) = said.split_once("Error parsing timestamp from '")?;
    let (text, _) = rest.rsplit_once("': ")?;
    Some(QueryError::query(format!("'{text}' is no time")).hint(
        "times are written '2024-01-31', '2024-01-31 10:00' or '2024-01-31T10:00:00.5Z', in UTC",
    ))
}

/// Two values of kinds that have nothing in common.
fn comparison(said: &str) -> Option<QueryError> {
    let types = [
        "Cannot infer common argument type for comparison operation ",
        "Cannot coerce arithmetic expression ",
    ];
    if let Some(rest) = types.iter().find_map(|start| said.strip_prefix(start)) {
        let rest = rest.strip_suffix(" to valid types").unwrap_or(rest);
        let operators = [
            " = ", " != ", " <> ", " <= ", " >= ", " < ", " > ", " + ", " - ", " * ", " / ", " % ",
        ];
        let (left, operator, right) = operators.iter().find_map(|operator| {
            let (left, right) = rest.split_once(operator)?;
            Some((left, operator.trim(), right))
        })?;
        let kinds = [kind(left), kind(right)];
        let error = QueryError::query(format!(
            "{} {operator} {} makes no sense",
            kinds[0], kinds[1]
        ));
        let has = |kind: &str| kinds.contains(&kind);
        return Some(match () {
            () if has("a list") => error.hint(LIST),
            () if has("a time") && has("a number") => error.hint(
                "to_timestamp_seconds(1700000000) makes a time of a number; INTERVAL '1 hour' is an hour",
            ),
            () if has("a time") && has("a text") => {
                error.hint("TIMESTAMP '2024-01-31 10:00:00' is a time, INTERVAL '1 hour' an hour")
            }
            () if has("a span of time") && has("a number") => {
                error.hint("durations are numbers of seconds: duration > 1.5")
            }
            () => error,
        });
    }
    let (_, rest) = said.split_once("There isn't a common type to coerce ")?;
    let (types, operator) = rest.split_once(" in ")?;
    let operator = operator.split(' ').next().unwrap_or_default();
    let first = kind(types.split_once(" and ").map_or(types, |(first, _)| first));
    let error = QueryError::query(format!("{operator} is for texts, and this is {first}"));
    Some(match first {
        "a list" => error.hint(LIST),
        _ => error.hint("CAST(column AS VARCHAR) is its text"),
    })
}

const LIST: &str =
    "array_has(risks, 'x') looks into a list, array_to_string(risks, ',') makes a text of one";

fn other(said: &str) -> Option<QueryError> {
    if let Some((_, rest)) = said.split_once("Invalid input syntax for type interval: \"") {
        let span = rest.strip_suffix('"').unwrap_or(rest);
        return Some(
            QueryError::query(format!("'{span}' is no span of time"))
                .hint("INTERVAL '90 seconds', '5 minutes' and '1 day' are some"),
        );
    }
    if said.starts_with("Aggregate functions are not allowed in the WHERE clause") {
        return Some(
            QueryError::query("WHERE looks at one row, and a sum is of many")
                .hint("HAVING count(*) > 3 stands behind GROUP BY"),
        );
    }
    if let Some(rest) = said.strip_prefix("Column in SELECT must be in GROUP BY") {
        let (_, rest) = rest.split_once("column \"")?;
        let (column, _) = rest.split_once('"')?;
        let name = column.rsplit('.').next().unwrap_or(column);
        return Some(
            QueryError::query(format!(
                "'{name}' has many values where sums have one: it is neither in GROUP BY nor in a sum"
            ))
            .hint(format!("GROUP BY {name}, or any_value({name})")),
        );
    }
    if said.starts_with("In an aggregate with DISTINCT") {
        return Some(
            QueryError::query("with DISTINCT, an aggregate cannot have its values in this order")
                .hint("take each value once before: … FROM (SELECT DISTINCT column FROM …)"),
        );
    }
    if said == "TOP" {
        return Some(QueryError::query("there is no TOP").hint("LIMIT 10 stands at the end"));
    }
    said.strip_prefix("Unsupported binary operator: PGOverlap")
        .map(|_| QueryError::query("there is no && between conditions").hint("write AND"))
}

/// What a type holds.
fn kind(data_type: &str) -> &'static str {
    let is = |start: &str| data_type.trim_start_matches('(').starts_with(start);
    match data_type {
        _ if is("Timestamp") || is("Date") || is("Time") => "a time",
        _ if is("Int") && !is("Interval") || is("UInt") || is("Float") || is("Decimal") => {
            "a number"
        }
        _ if is("Utf8") || is("LargeUtf8") => "a text",
        _ if is("List") || is("LargeList") || is("FixedSizeList") => "a list",
        _ if is("Interval") || is("Duration") => "a span of time",
        _ if is("Boolean") => "true or false",
        _ => "a value of another kind",
    }
}

/// A function of other databases, and how the same is said here.
pub(super) fn elsewhere(function: &str) -> Option<&'static str> {
    Some(match function.to_lowercase().as_str() {
        "group_concat" | "listagg" => "string_agg(service, ',')",
        "strftime" | "date_format" => "to_char(start, '%H:%M')",
        "year" | "month" | "week" | "day" | "hour" | "minute" | "second" => {
            "date_part('hour', start)"
        }
        "unix_timestamp" | "epoch" => "date_part('epoch', start)",
        "if" | "iif" => "CASE WHEN fwd_bytes > 1000 THEN 'much' ELSE 'little' END",
        "len" => "length(server_name)",
        "isnull" => "coalesce(server_name, '')",
        "instr" | "charindex" => "strpos(server_name, 'x')",
        "percentile" | "quantile" => "approx_percentile_cont(fwd_bytes, 0.95)",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(said: &str) -> String {
        match told(said) {
            Some(QueryError::Query { message, .. }) => message,
            other => panic!("{said}: {other:?}"),
        }
    }

    #[test]
    fn values_that_do_not_fit() {
        for (said, meant) in [
            (
                "Cast error: Cannot cast string 'dns' to value of UInt16 type",
                "'dns' is not a number, as the other side is",
            ),
            (
                "Parser error: Error parsing timestamp from '10:00': timestamp must contain",
                "'10:00' is no time",
            ),
            (
                "Cannot infer common argument type for comparison operation Timestamp(ns, \"UTC\") >= Int64",
                "a time >= a number makes no sense",
            ),
            (
                "Cannot infer common argument type for comparison operation Float64 > Interval(MonthDayNano)",
                "a number > a span of time makes no sense",
            ),
            (
                "Cannot coerce arithmetic expression Utf8 + Int64 to valid types",
                "a text + a number makes no sense",
            ),
            (
                "There isn't a common type to coerce List(non-null Utf8) and Utf8 in LIKE expression",
                "LIKE is for texts, and this is a list",
            ),
            ("TOP", "there is no TOP"),
        ] {
            assert_eq!(message(said), meant);
        }
        let said = "Column in SELECT must be in GROUP BY or an aggregate function: While expanding \
            wildcard, column \"flows.service\" must appear in the GROUP BY clause";
        assert!(message(said).starts_with("'service' has many values"));
        assert!(told("Divide by zero error").is_none());
    }
}
