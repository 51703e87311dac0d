//! DNS queries and their answers: rows of `dns`.

use netloom_decode::app::Context;
use netloom_decode::app::dns::Message;

/// A query with its answer: a row of `dns`, in the terms of Zeek's dns.log.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct DnsRecord {}

/// Queries of a flow that wait for their answers.
#[derive(Debug, Default)]
pub(crate) struct Pairing {}

impl Pairing {
    /// A message; what is complete goes to `out`.
    pub(crate) fn message(
        &mut self,
        _context: &Context,
        _message: &Message<'_>,
        _out: &mut dyn FnMut(DnsRecord),
    ) {
    }

    /// The flow has ended: what waits goes out.
    pub(crate) fn finish(&mut self, _out: &mut dyn FnMut(DnsRecord)) {}

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        0
    }
}
