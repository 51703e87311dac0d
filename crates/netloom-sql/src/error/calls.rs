//! Functions that are not there, and those that do not take what they were given.
//!
//! The engine has only a text for these, of every way it tried to understand a call; what a person
//! needs of it is what was given and what would be taken.

use super::{QueryError, nearest};

/// Ways to call a function that are shown.
const SHOWN: usize = 6;

/// What a message says about a call; `None` where it is about anything else.
pub(super) fn call_error(message: &str) -> Option<QueryError> {
    no_function(message).or_else(|| wrong_arguments(message))
}

fn no_function(message: &str) -> Option<QueryError> {
    let (name, rest) = message
        .strip_prefix("Invalid function '")?
        .split_once('\'')?;
    let error = QueryError::query(format!("there is no function '{name}'"));
    if let Some(call) = super::words::elsewhere(name) {
        return Some(error.hint(format!("the same here: {call}")));
    }
    let suggested = rest
        .split_once("Did you mean '")
        .and_then(|(_, rest)| rest.split_once('\''))
        .map(|(name, _)| [name.to_owned()]);
    // The engine always has one, however little it is like it.
    Some(
        match suggested.as_ref().and_then(|one| nearest(name, one)) {
            Some(name) => error.hint(format!("did you mean {name}?")),
            None => error,
        },
    )
}

fn wrong_arguments(message: &str) -> Option<QueryError> {
    let (why, rest) =
        message.split_once("No function matches the given name and argument types '")?;
    let (call, rest) = rest.split_once("'. You might need to add explicit type casts.")?;
    // Functions of our own say what they want.
    if let Some((_, said)) = why.split_once("user-defined coercion failed with: ") {
        let said = said.trim().trim_end_matches('.');
        return Some(QueryError::query(
            said.strip_prefix("Error during planning: ").unwrap_or(said),
        ));
    }
    let (name, arguments) = call.split_once('(')?;
    let error = QueryError::query(format!(
        "{name} does not take ({}",
        in_sql(arguments).trim_start()
    ));
    let ways: Vec<String> = rest
        .lines()
        .map(str::trim)
        .filter(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('('))
        })
        .map(in_sql)
        .collect();
    Some(match ways.get(..SHOWN).unwrap_or(&ways) {
        [] => error,
        [last] => error.hint(format!("there is {last}")),
        [all @ .., last] => error.hint(format!("there are {} and {last}", all.join(", "))),
    })
}

/// Types as people write them in SQL, where the engine has its own words.
fn in_sql(types: &str) -> String {
    let word = |word: &str| match word {
        "Utf8" | "LargeUtf8" | "Utf8View" | "String" => "text".to_owned(),
        "Int64" => "bigint".to_owned(),
        "Float64" => "double".to_owned(),
        other => other.to_owned(),
    };
    let mut out = String::with_capacity(types.len());
    let mut rest = types;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        let (before, from) = rest.split_at(start);
        let end = from
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(from.len());
        let (this, after) = from.split_at(end);
        out.push_str(before);
        out.push_str(&word(this));
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(message: &str) -> (String, Option<String>) {
        match call_error(message) {
            Some(QueryError::Query { message, hint }) => (message, hint),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn functions_that_are_not_there() {
        assert_eq!(
            told("Invalid function 'entrpy'.\nDid you mean 'entropy'?"),
            (
                "there is no function 'entrpy'".to_owned(),
                Some("did you mean entropy?".to_owned())
            )
        );
        assert_eq!(
            told("Invalid function 'foo'.\nDid you mean 'cot'?"),
            ("there is no function 'foo'".to_owned(), None)
        );
        assert!(call_error("Divide by zero error").is_none());
    }

    #[test]
    fn arguments_that_are_not_taken() {
        let why = "Internal error: Function 'sum' failed to match any signature, errors: many.\n\
            This issue was likely caused by a bug. ";
        let tail = "No function matches the given name and argument types 'sum(Utf8)'. \
            You might need to add explicit type casts.\n\tCandidate functions:\n\tsum(UInt64)\n\tsum(Float64)";
        assert_eq!(
            told(&format!("{why}{tail}")),
            (
                "sum does not take (text)".to_owned(),
                Some("there are sum(UInt64) and sum(double)".to_owned())
            )
        );
        assert_eq!(
            told(
                "Execution error: Function 'entropy' user-defined coercion failed with: \
                 Error during planning: argument 1 of entropy is Int64, not a text: entropy(text). \
                 No function matches the given name and argument types 'entropy(Int64)'. \
                 You might need to add explicit type casts.\n\tCandidate functions:\n\tentropy(UserDefined)"
            ),
            (
                "argument 1 of entropy is Int64, not a text: entropy(text)".to_owned(),
                None
            )
        );
    }
}
