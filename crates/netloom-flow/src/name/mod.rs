//! Who is behind an address: names learned from packets.

mod apps;
mod asked;
mod book;
mod domain;
mod lesson;
mod owners;
mod place;
mod products;
mod settle;
mod suspicion;
mod vendor;

pub use apps::{App, AppBy, product};
pub(crate) use asked::asked;
pub use book::{Fact, GRACE_NANOS, Hint, LESSONS_MAX, Lesson, NameBook};
pub use domain::{is_address, registrable_domain};
pub use lesson::observe;
pub use place::{country, is_local};
pub(crate) use settle::settle;
pub use suspicion::{dga_score, is_homograph, is_risky_domain, is_tor_name};
pub use vendor::vendor;
