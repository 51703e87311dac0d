//! The allocator, and how soon it gives memory back (docs/decisions/0008-allocator.md).

// Options are numbers of mimalloc, which takes any at any time.
#![allow(unsafe_code)]

use std::ffi::c_long;

use libmimalloc_sys::{mi_option_eager_commit_delay, mi_option_set_default, mi_option_t};

/// Many small tables grow at once on several threads: measured against the system's allocator,
/// a report of the benchmark capture takes less time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// After how many milliseconds freed memory goes back to the system (`mi_option_purge_delay`),
/// which the crate has no name for: it is the option behind this one.
const PURGE_DELAY: mi_option_t = mi_option_eager_commit_delay + 1;

/// The same while tables are written.
const KEEP: c_long = 100;

/// Keeps freed memory for a while: for who fills a lot of it again and again, as a writer of row
/// groups does, and would have the system clear each page of it each time. What the environment
/// says (`MIMALLOC_PURGE_DELAY`) stays.
pub(crate) fn keep_freed() {
    // SAFETY: setting an option has no conditions.
    unsafe { mi_option_set_default(PURGE_DELAY, KEEP) };
}

#[cfg(test)]
mod tests {
    use libmimalloc_sys::mi_option_get;

    use super::*;

    /// The number of the option is told by what it is unless set, and by what it was set to.
    #[test]
    fn freed_memory_is_kept() {
        // SAFETY: asking for an option has no conditions.
        let delay = || unsafe { mi_option_get(PURGE_DELAY) };
        let given = std::env::var_os("MIMALLOC_PURGE_DELAY").map(|_| delay());
        assert_eq!(delay(), given.unwrap_or(10));
        keep_freed();
        assert_eq!(delay(), given.unwrap_or(KEEP));
    }
}
