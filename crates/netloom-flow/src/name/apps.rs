//! Products: who is behind a flow, from its name, its certificate or its address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::LazyLock;

use netloom_decode::app::{Category, Protocol};

use super::owners::owner;
use super::products::{Product, TABLES};

/// A product, for the columns `app` and `category`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct App {
    /// As people write it.
    pub title: &'static str,
    /// What it is for.
    pub category: Category,
    /// How it was told.
    pub by: AppBy,
}

/// How a product was told, surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AppBy {
    /// From the server's name.
    Name,
    /// From the organisation in the server's certificate.
    Certificate,
    /// From the owner of the server's address.
    Address,
}

impl AppBy {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Certificate => "certificate",
            Self::Address => "address",
        }
    }
}

/// Longest name that is looked up (RFC 1035).
const NAME_MAX: usize = 253;
/// Most labels at the end of a name that are looked at.
const LABELS_MAX: usize = 8;

type Suffixes = HashMap<&'static [u8], &'static Product, foldhash::fast::FixedState>;

static SUFFIXES: LazyLock<Suffixes> = LazyLock::new(|| {
    let products = TABLES.iter().flat_map(|table| table.iter());
    products
        .flat_map(|product| {
            let suffixes = product.suffixes.iter();
            suffixes.map(move |suffix| (suffix.as_bytes(), product))
        })
        .collect()
});

/// Organisations as they stand in certificates (field O of the subject), and their products.
/// Sorted by the first.
const ORGANISATIONS: &[(&str, &str)] = &[
    ("adobe inc.", "Adobe"),
    ("akamai technologies, inc.", "Akamai"),
    ("amazon.com, inc.", "Amazon"),
    ("apple inc.", "Apple"),
    ("avast software s.r.o.", "Avast"),
    ("beijing baidu netcom science technology co., ltd", "Baidu"),
    ("blizzard entertainment, inc.", "Battle.net"),
    ("cisco systems, inc.", "Cisco"),
    ("cisco webex llc", "Webex"),
    ("cloudflare, inc.", "Cloudflare"),
    ("dropbox, inc", "Dropbox"),
    ("dropbox, inc.", "Dropbox"),
    ("facebook, inc.", "Facebook"),
    ("fastly, inc.", "Fastly"),
    ("github, inc.", "GitHub"),
    ("google inc", "Google"),
    ("google llc", "Google"),
    ("huawei technologies co., ltd.", "Huawei"),
    ("international business machines corporation", "IBM Cloud"),
    ("kakao corp.", "KakaoTalk"),
    ("line corporation", "LINE"),
    ("linkedin corporation", "LinkedIn"),
    ("meta platforms, inc.", "Facebook"),
    ("microsoft corporation", "Microsoft"),
    ("mozilla corporation", "Firefox"),
    ("netflix, inc.", "Netflix"),
    ("nintendo co., ltd.", "Nintendo"),
    ("openai, llc", "OpenAI"),
    ("oracle corporation", "Oracle Cloud"),
    ("paypal, inc.", "PayPal"),
    ("roblox corporation", "Roblox"),
    ("salesforce, inc.", "Salesforce"),
    ("samsung electronics co., ltd.", "Samsung"),
    ("signal messenger, llc", "Signal"),
    ("skype communications sarl", "Skype"),
    ("slack technologies, inc.", "Slack"),
    ("snap inc.", "Snapchat"),
    ("sony interactive entertainment llc", "PlayStation"),
    ("spotify ab", "Spotify"),
    ("teamviewer germany gmbh", "TeamViewer"),
    ("teamviewer gmbh", "TeamViewer"),
    ("telegram fz-llc", "Telegram"),
    ("twitch interactive, inc.", "Twitch"),
    ("twitter, inc.", "X (Twitter)"),
    ("valve corp.", "Steam"),
    ("viber media s.à r.l.", "Viber"),
    ("whatsapp inc.", "WhatsApp"),
    ("whatsapp llc", "WhatsApp"),
    ("wikimedia foundation, inc.", "Wikipedia"),
    ("yahoo holdings, inc.", "Yahoo"),
    ("yahoo inc.", "Yahoo"),
    ("yandex llc", "Yandex"),
    ("zoom video communications, inc.", "Zoom"),
];

static BY_TITLE: LazyLock<HashMap<&'static str, Category, foldhash::fast::FixedState>> =
    LazyLock::new(|| {
        let products = TABLES.iter().flat_map(|table| table.iter());
        products
            .map(|product| (product.title, product.category))
            .collect()
    });

/// The product behind a server: from its name, else from the organisation of its certificate,
/// else from who owns its address.
///
/// An address says nothing where the flow's service is a matter of its own (DNS, NTP, a private
/// network): then only a name counts.
///
/// ```
/// use netloom_flow::name::product;
/// let app = product(Some("i.ytimg.com"), None, [192, 0, 2, 1].into(), None).unwrap();
/// assert_eq!((app.title, app.by.name()), ("YouTube", "name"));
/// ```
pub fn product(
    server_name: Option<&str>,
    certificate_org: Option<&str>,
    server: IpAddr,
    service: Option<&Protocol>,
) -> Option<App> {
    if let Some(product) = server_name.and_then(by_name) {
        return Some(App {
            title: product.title,
            category: product.category,
            by: AppBy::Name,
        });
    }
    if let Some((title, category)) = certificate_org.and_then(by_organisation) {
        return Some(App {
            title,
            category,
            by: AppBy::Certificate,
        });
    }
    if service.is_some_and(|service| {
        matches!(
            service.category,
            Category::P2p | Category::Mining | Category::Authentication
        )
    }) {
        return None;
    }
    let (title, category) = owner(server)?;
    Some(App {
        title,
        category,
        by: AppBy::Address,
    })
}

/// The product with the longest suffix of whole labels.
fn by_name(name: &str) -> Option<&'static Product> {
    let name = name.strip_suffix('.').unwrap_or(name).as_bytes();
    if name.is_empty() || name.len() > NAME_MAX {
        return None;
    }
    let mut lower = [0; NAME_MAX];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    let mut starts = [0; LABELS_MAX];
    let mut labels = 1;
    // Where the last labels begin, from the last one on.
    for at in (0..lower.len()).rev() {
        if lower.get(at) == Some(&b'.') {
            *starts.get_mut(labels - 1)? = at + 1;
            labels += 1;
            if labels > LABELS_MAX {
                break;
            }
        }
    }
    if labels <= LABELS_MAX {
        *starts.get_mut(labels - 1)? = 0;
    }
    starts
        .get(..labels.min(LABELS_MAX))?
        .iter()
        .rev()
        .find_map(|&start| SUFFIXES.get(lower.get(start..)?).copied())
}

/// Whether a name belongs to a product of the table.
pub(super) fn is_known(name: &str) -> bool {
    by_name(name).is_some()
}

fn by_organisation(organisation: &str) -> Option<(&'static str, Category)> {
    let lower = organisation.trim().to_lowercase();
    let at = ORGANISATIONS
        .binary_search_by(|(name, _)| (*name).cmp(lower.as_str()))
        .ok()?;
    let title = ORGANISATIONS.get(at)?.1;
    Some((title, *BY_TITLE.get(title)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn title(name: &str) -> Option<&'static str> {
        product(Some(name), None, NOWHERE, None).map(|app| app.title)
    }

    #[test]
    fn names() {
        for (name, expected) in [
            ("www.youtube.com", Some("YouTube")),
            ("R3---sn-4g5e6nsk.GoogleVideo.com.", Some("YouTube")),
            ("notyoutube.com", None),
            ("youtube.com.evil.example", None),
            (
                "connectivitycheck.gstatic.com",
                Some("Google connectivity check"),
            ),
            ("fonts.gstatic.com", Some("Google Fonts")),
            ("ssl.gstatic.com", Some("Google")),
            ("e1.a.b.c.d.e.f.g.h.i.akamaiedge.net", Some("Akamai")),
            ("teams.microsoft.com", Some("Microsoft Teams")),
            ("contoso.sharepoint.com", Some("SharePoint")),
            ("mtalk.google.com", Some("Google Push (FCM)")),
            ("", None),
            (".", None),
            ("com", None),
        ] {
            assert_eq!(title(name), expected, "{name}");
        }
    }

    #[test]
    fn search_and_reference_are_no_news() {
        let category = |name| product(Some(name), None, NOWHERE, None).unwrap().category;
        for name in [
            "ipv6.google.com",
            "ssl.gstatic.com",
            "fra16s51-in-x0e.1e100.net",
            "www.bing.com",
            "duckduckgo.com",
            "search.yahoo.com",
            "ya.ru",
            "www.baidu.com",
            "en.wikipedia.org",
            "www.imdb.com",
        ] {
            assert_eq!(category(name), Category::Web, "{name}");
        }
        for name in ["news.google.com", "www.heise.de"] {
            assert_eq!(category(name), Category::News, "{name}");
        }
        // The same product by its address is of the same category.
        let by_address = product(None, None, [74, 125, 0, 1].into(), None).unwrap();
        assert_eq!(
            (by_address.title, by_address.category),
            ("Google", Category::Web)
        );
    }

    #[test]
    fn certificates_and_addresses_stand_in() {
        let app = product(None, Some("Google LLC"), NOWHERE, None).unwrap();
        assert_eq!((app.title, app.by), ("Google", AppBy::Certificate));
        let app = product(
            Some("unknown.example"),
            None,
            [149, 154, 167, 91].into(),
            None,
        )
        .unwrap();
        assert_eq!((app.title, app.by), ("Telegram", AppBy::Address));
        assert_eq!(product(None, None, NOWHERE, None), None);
    }

    #[test]
    fn tables_are_in_order() {
        let mut seen = std::collections::HashSet::new();
        let mut titles = std::collections::HashSet::new();
        for product in TABLES.iter().flat_map(|table| table.iter()) {
            assert!(titles.insert(product.title), "{} twice", product.title);
            assert!(!product.suffixes.is_empty());
            for suffix in product.suffixes {
                assert!(seen.insert(*suffix), "{suffix} twice");
                assert!(suffix.len() <= NAME_MAX && !suffix.starts_with('.'));
                assert!(
                    suffix.bytes().all(|byte| byte.is_ascii_lowercase()
                        || byte.is_ascii_digit()
                        || b".-".contains(&byte)),
                    "{suffix}"
                );
            }
        }
        assert!(ORGANISATIONS.is_sorted());
        for (organisation, title) in ORGANISATIONS {
            assert!(BY_TITLE.contains_key(title), "{organisation}: {title}");
        }
    }
}
