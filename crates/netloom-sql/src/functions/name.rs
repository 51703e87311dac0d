//! Names.

use netloom_pipeline::flow::name::registrable_domain;

use super::scalar::{Help, Make, TextDef};

pub(crate) static REGISTERED_DOMAIN: TextDef = TextDef {
    help: Help {
        name: "registered_domain",
        call: "registered_domain(name)",
        doc: "The part of a name that somebody registered, by the Public Suffix List: bbc.co.uk of www.bbc.co.uk. In lower case. Null for addresses, public suffixes themselves and names below no known top-level domain.",
    },
    make: Make::Text(registrable_domain),
    check: None,
};
