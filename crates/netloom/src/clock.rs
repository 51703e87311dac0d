//! The clock: the only place in the binary where one is read.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Local, Offset as _};
use netloom::Timestamp;

/// What time it is.
#[expect(clippy::disallowed_methods, reason = "this is where a clock is read")]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_secs_nanos(since.as_secs() as i64, i64::from(since.subsec_nanos()))
}

/// Seconds by which the clocks on the wall here are ahead of UTC at a time.
pub(crate) fn utc_offset(at: Timestamp) -> i64 {
    DateTime::from_timestamp(at.as_secs(), 0).map_or(0, |time| {
        i64::from(time.with_timezone(&Local).offset().fix().local_minus_utc())
    })
}

/// Time that passes, whatever is done to the clock meanwhile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins now.
    #[expect(clippy::disallowed_methods, reason = "this is where a clock is read")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// How long ago it began.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
