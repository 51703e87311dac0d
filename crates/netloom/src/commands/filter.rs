//! Filters as they stand on the command line, put before what is read.

use std::sync::{Arc, Mutex, PoisonError};

use netloom::PacketSource;
use netloom::capture::filter::{Filter, FilterError, FilterOpenError, FilterTally, Filtered};

use crate::arguments::Global;
use crate::failure::Failure;

/// What a filter does while others read.
pub(super) type Tally = Arc<Mutex<FilterTally>>;

/// The filter of a command: that of `--filter`, or the words that stand on their own. Empty
/// where neither is given.
pub(super) fn given(global: &Global, words: &[String]) -> Result<String, Failure> {
    match (&global.filter, words.is_empty()) {
        (Some(_), false) => Err(Failure::usage("the filter is given twice")
            .hint("it is either --filter's or stands after --; `and` joins two")),
        (Some(expression), true) => Ok(expression.clone()),
        (None, _) => Ok(words.join(" ")),
    }
}

/// The filter of a command, parsed; `None` where all packets are wanted.
pub(crate) fn parsed(global: &Global, words: &[String]) -> Result<Option<Filter>, Failure> {
    let expression = given(global, words)?;
    if expression.trim().is_empty() {
        return Ok(None);
    }
    Ok(Some(Filter::new(&expression)?))
}

/// Puts a filter before a source.
pub(super) fn put_before(
    source: Box<dyn PacketSource + Send>,
    filter: Option<&Filter>,
) -> Result<(Box<dyn PacketSource + Send>, Option<Tally>), Failure> {
    let Some(filter) = filter else {
        return Ok((source, None));
    };
    match Filtered::open(source, filter.clone()) {
        Ok(filtered) => {
            let tally = filtered.tally_handle();
            Ok((Box::new(filtered), Some(tally)))
        }
        Err(FilterOpenError::Source(error)) => Err(error.into()),
        Err(FilterOpenError::Filter(error)) => Err(error.into()),
        Err(other) => Err(Failure::usage(netloom_packet::SourceError::from(other))),
    }
}

/// Puts a filter before a source, for those who count nothing.
pub(super) fn filtered(
    source: Box<dyn PacketSource + Send>,
    filter: &Filter,
) -> Result<Box<dyn PacketSource + Send>, netloom_packet::SourceError> {
    Ok(Box::new(Filtered::open(source, filter.clone())?))
}

/// How many packets matched, in words.
pub(super) fn matched(tally: &Tally) -> String {
    let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    format!(
        "{} of {} packets match the filter",
        tally.matched, tally.seen
    )
}

/// A filter that makes no sense is a mistake on the command line.
impl From<FilterError> for Failure {
    fn from(error: FilterError) -> Self {
        let hint = error.hint.clone();
        let failure = Self::usage(error);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
