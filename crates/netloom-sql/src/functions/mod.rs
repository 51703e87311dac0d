//! Functions for traffic.
//!
//! All of them give null for null. A constant that makes no sense (a subnet that is none, say) is
//! an error, because whoever wrote the query can mend it; what stands in rows is data, and where
//! it makes no sense the result is null.

mod address;
mod bucket;
mod community;
mod entropy;
mod key;
mod name;
mod scalar;
mod service;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

pub(crate) use address::Subnet;
#[cfg(test)]
pub(crate) use key::key;
pub(crate) use key::{address as address_of_key, ip_key};
pub(crate) use scalar::{Help, Texts, is_text, result};

use scalar::TextFunction;

/// Every function, in the order of the documentation.
pub(crate) fn all() -> Vec<Arc<ScalarUDF>> {
    let functions: [ScalarUDF; 8] = [
        address::InSubnet::default().into(),
        TextFunction::new(&address::IS_PRIVATE).into(),
        TextFunction::new(&address::COUNTRY).into(),
        TextFunction::new(&name::REGISTERED_DOMAIN).into(),
        community::CommunityId::default().into(),
        service::ServiceName::default().into(),
        bucket::TimeBucket::default().into(),
        TextFunction::new(&entropy::ENTROPY).into(),
    ];
    functions
        .map(Arc::new)
        .into_iter()
        .chain([ip_key()])
        .collect()
}

/// What is told of them in a shell and in the documentation.
pub(crate) const HELP: [&Help; 9] = [
    &address::IN_SUBNET_HELP,
    &address::IS_PRIVATE.help,
    &address::COUNTRY.help,
    &name::REGISTERED_DOMAIN.help,
    &community::HELP,
    &service::HELP,
    &bucket::HELP,
    &entropy::ENTROPY.help,
    &key::HELP,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_help() {
        let names: Vec<_> = all().iter().map(|f| f.name().to_owned()).collect();
        let told: Vec<_> = HELP.iter().map(|help| help.name).collect();
        assert_eq!(names, told);
        for help in HELP {
            assert!(help.call.starts_with(help.name), "{}", help.call);
            assert!(help.doc.ends_with('.'), "{}", help.doc);
        }
    }
}
