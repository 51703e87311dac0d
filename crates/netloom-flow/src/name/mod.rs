//! Who is behind an address: names learned from packets.

mod book;
mod domain;
mod lesson;
mod place;
mod settle;

pub use book::{Fact, GRACE_NANOS, Hint, LESSONS_MAX, Lesson, NameBook};
pub use domain::registrable_domain;
pub use lesson::observe;
pub use place::{country, is_local, vendor};
pub(crate) use settle::settle;
