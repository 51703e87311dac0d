//! Reassembly of fragmented datagrams.
