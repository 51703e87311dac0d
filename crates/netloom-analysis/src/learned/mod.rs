//! What was learnt without labels, shown: rows that stand out, groups of rows, and what comes
//! next; in a terminal, as a page, as JSON.
//!
//! [`Anomalies`], [`Clusters`] and [`Forecasts`] hold the facts; nothing here computes any. Names
//! come from the user's data and are made harmless for where they are shown.

pub mod anomalies;
pub mod clusters;
pub mod forecast;
mod parts;
#[cfg(test)]
mod tests;

pub use anomalies::Anomalies;
pub use clusters::Clusters;
pub use forecast::Forecasts;
pub use netloom_ml::card::Source;

/// Version of the meaning of the facts in JSON.
pub const SCHEMA_VERSION: u32 = 1;

/// Facts as JSON, a line for each.
///
/// # Errors
///
/// None that facts can cause; those of the JSON writer.
pub fn json<T: serde::Serialize>(facts: &T) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(facts)?;
    text.push('\n');
    Ok(crate::report::text::plain_json(&text))
}
