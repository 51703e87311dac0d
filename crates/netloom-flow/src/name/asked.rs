//! Names that DNS was asked for.

use netloom_decode::app::Risk;

use super::{dga_score, is_homograph, is_risky_domain};
use crate::app::AppInfo;

/// Adds the risks of a name that a flow asked DNS for; whether there was a new one.
///
/// Names that imitate others and domains of ill repute count as in the names of servers. A name
/// that looks machine-made counts only where it does not exist (`missing`): programs that make up
/// names try many before one is registered, while those that do exist are mostly telemetry's and
/// content networks'. Names of one label are left out (browsers look with random ones for
/// servers that answer anything), and so is what stands below `arpa`.
pub(crate) fn asked(info: &mut AppInfo, name: &str, missing: bool) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let Some((_, top)) = name.rsplit_once('.') else {
        return false;
    };
    if top.eq_ignore_ascii_case("arpa") {
        return false;
    }
    let before = info.risks.len();
    odd(info, name, missing);
    info.risks.len() > before
}

/// Adds what a name gives away; whether it looks machine-made counts only `if_made`.
pub(super) fn odd(info: &mut AppInfo, name: &str, if_made: bool) {
    // What is known already is not looked for again: a flow asks for many names.
    let mut look = |risk, is_at_it: fn(&str) -> bool| {
        if !info.has_risk(risk) && is_at_it(name) {
            info.add_risk(risk, name);
        }
    };
    if if_made {
        look(Risk::DgaDomain, dga_score);
    }
    look(Risk::IdnHomograph, is_homograph);
    look(Risk::RiskyDomain, is_risky_domain);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn risks(name: &str, missing: bool) -> Vec<Risk> {
        let mut info = AppInfo::default();
        let news = asked(&mut info, name, missing);
        assert_eq!(news, !info.risks.is_empty(), "{name}");
        assert!(!asked(&mut info, name, missing), "{name}");
        info.risks.into_iter().map(|(risk, _)| risk).collect()
    }

    #[test]
    fn names_that_were_asked_for() {
        for name in [
            "xjqkzvwpfhgtrb.net",
            "kq3v9z7xwp2jfhd.biz",
            "wqzxkvjtrplmnb.com",
        ] {
            assert_eq!(risks(name, true), [Risk::DgaDomain], "{name}");
            assert_eq!(risks(name, false), [], "{name}");
        }
        assert_eq!(risks("login.example.tk", false), [Risk::RiskyDomain]);
        assert_eq!(risks("xn--pple-43d.com", false), [Risk::IdnHomograph]);
        for name in [
            "",
            "www.example.org",
            // What browsers ask for at their start, with and without the network's own suffix.
            "xjqkzvwpfhgtrb",
            "xjqkzvwpfhgtrb.lan",
            "xjqkzvwpfhgtrb.office.example.com",
            "xjqkzvwpfhgtrb.in-addr.arpa",
            // A list of addresses that send junk.
            "2.0.0.127.zen.spamhaus.org",
            "d1a2b3c4d5e6f7.cloudfront.net",
        ] {
            assert_eq!(risks(name, true), [], "{name}");
        }
    }
}
