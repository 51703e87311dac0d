//! Where packets come from and go to.
//!
//! [`file`](mod@file) reads captures: pcap and pcapng, plain or compressed, one file or many merged by
//! time; and writes them. [`filter`] picks packets by tcpdump's filter language. Nothing else here
//! looks inside a packet; that is `netloom-decode`.
//!
//! ```no_run
//! use netloom_capture::file::{self, OpenOptions};
//! use netloom_packet::{PacketBatch, PacketSource};
//!
//! # fn main() -> Result<(), netloom_packet::SourceError> {
//! let mut source = file::open(&["monday.pcap.gz", "tuesday.pcapng"], &OpenOptions::default())?;
//! let mut batch = PacketBatch::default();
//! let mut bytes = 0;
//! while source.next_batch(&mut batch)? {
//!     bytes += batch.iter().map(|packet| u64::from(packet.wire_len)).sum::<u64>();
//! }
//! # Ok(())
//! # }
//! ```

pub mod dedupe;
pub mod file;
pub mod filter;
pub mod live;
