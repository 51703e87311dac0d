//! The report as JSON: the facts as they are, in the order of [`super::model`].

use super::{Report, text};

/// The report as indented JSON with a newline at its end.
///
/// Fields come in the order of the structures, so the same facts give the same bytes. Text has
/// the value the packets gave it; control and invisible characters are written as JSON escapes,
/// so that the document can be shown on a terminal.
///
/// # Errors
/// None with the facts of this crate; serde's signature is kept for the caller's error chain.
pub fn to_string(report: &Report) -> Result<String, serde_json::Error> {
    let mut out = text::plain_json(&serde_json::to_string_pretty(report)?);
    out.push('\n');
    Ok(out)
}
