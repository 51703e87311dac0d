//! The report as JSON: the facts as they are, in the order of [`super::model`].

use super::Report;

/// The report as indented JSON with a newline at its end.
///
/// Fields come in the order of the structures, so the same facts give the same bytes. Text is
/// as the packets had it: JSON's own escapes make control characters harmless, what a reader
/// does with the strings is its own matter.
///
/// # Errors
/// None with the facts of this crate; serde's signature is kept for the caller's error chain.
pub fn to_string(report: &Report) -> Result<String, serde_json::Error> {
    let mut out = serde_json::to_string_pretty(report)?;
    out.push('\n');
    Ok(out)
}
