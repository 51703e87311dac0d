//! The table of products: which names belong to which.
//!
//! Made by hand for this program from general knowledge of the services and from what the names
//! say themselves; no list of another project was taken over, and the services' own documents were
//! not read for it. A name belongs to the product with the longest suffix of whole labels; what belongs to a
//! company but to no product of its own, to the company. A title is as people write it, and is
//! what the `app` column shows.

mod media;
mod network;
mod work;

use netloom_decode::app::Category;

/// A product and the ends of the names it uses.
#[derive(Debug)]
pub(super) struct Product {
    /// As people write it.
    pub(super) title: &'static str,
    pub(super) category: Category,
    /// Suffixes of whole labels, in lower case.
    pub(super) suffixes: &'static [&'static str],
}

/// A line of a table.
const fn product(
    title: &'static str,
    category: Category,
    suffixes: &'static [&'static str],
) -> Product {
    Product {
        title,
        category,
        suffixes,
    }
}

/// All tables.
pub(super) const TABLES: [&[Product]; 3] = [media::PRODUCTS, network::PRODUCTS, work::PRODUCTS];
