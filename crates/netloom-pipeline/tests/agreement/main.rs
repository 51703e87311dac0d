//! What netloom says of the shared captures, against what others say of them: Zeek, nDPI, Suricata
//! and JA4's authors in the results they published, tshark as it is installed.
//!
//! Each peer is a test, prints a table (past the harness, so that it is always seen) and has a page
//! in `docs/`, written with `NETLOOM_BLESS=1`. Rates are pooled over all values, and means over
//! captures. Every difference is listed by name, and is a miss, explained or not.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod ndpi;
mod seen;
mod services;
mod support;
mod suricata;
mod tshark;
mod zeek;
