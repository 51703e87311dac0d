//! HTTP requests and their responses: rows of `http`.

use netloom_decode::app::Context;
use netloom_decode::app::http::Exchange;

/// A request with its response: a row of `http`, in the terms of Zeek's http.log.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct HttpRecord {}

/// Exchanges of a flow that are not complete.
#[derive(Debug, Default)]
pub(crate) struct Pairing {}

impl Pairing {
    /// A part of an exchange; what is complete goes to `out`.
    pub(crate) fn exchange(
        &mut self,
        _context: &Context,
        _part: &Exchange<'_>,
        _out: &mut dyn FnMut(HttpRecord),
    ) {
    }

    /// The flow has ended: what waits goes out.
    pub(crate) fn finish(&mut self, _out: &mut dyn FnMut(HttpRecord)) {}

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        0
    }
}
