//! Whose addresses are whose: large networks that have long been their owners'.
//!
//! Written down by hand from what is generally known of these networks; no list of
//! another project was taken over, and the owners' current lists were not read for it. Those who
//! publish theirs, for whoever brings the table up to date: Cloudflare (cloudflare.com/ips),
//! Google (goog.json), GitHub (api.github.com/meta), Telegram
//! (core.telegram.org/resources/cidr.txt), Fastly (api.fastly.com/public-ip-list), Microsoft 365
//! (its endpoints), Zoom. Networks change hands, so an address is the weakest of the reasons for
//! a name ([`AppBy`](super::AppBy)). What a cloud rents out to others says only the cloud's name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netloom_decode::app::Category::{
    self, Chat, Cloud, Game, Management, Network, SocialNetwork, Video, Voip, Web,
};

/// First address, bits of the prefix, title, category.
type V4 = ([u8; 4], u8, &'static str, Category);
type V6 = ([u16; 4], u8, &'static str, Category);

/// By address; of two that contain each other, the longer prefix counts.
#[rustfmt::skip]
static NETWORKS_V4: &[V4] = &[
    ([1, 0, 0, 0], 24, "Cloudflare DNS", Network),
    ([1, 1, 1, 0], 24, "Cloudflare DNS", Network),
    ([8, 8, 4, 0], 24, "Google DNS", Network),
    ([8, 8, 8, 0], 24, "Google DNS", Network),
    ([9, 9, 9, 0], 24, "Quad9", Network),
    ([13, 107, 6, 152], 31, "Microsoft 365", Category::Productivity),
    ([13, 107, 18, 10], 31, "Microsoft 365", Category::Productivity),
    ([13, 107, 64, 0], 18, "Microsoft Teams", Voip),
    ([13, 107, 128, 0], 22, "Microsoft 365", Category::Productivity),
    ([17, 0, 0, 0], 8, "Apple", Web),
    ([17, 57, 144, 0], 22, "Apple Push", Network),
    ([17, 188, 128, 0], 18, "Apple Push", Network),
    ([17, 188, 20, 0], 23, "Apple Push", Network),
    ([17, 249, 0, 0], 16, "Apple Push", Network),
    ([17, 252, 0, 0], 16, "Apple Push", Network),
    ([20, 201, 28, 151], 32, "GitHub", Category::Productivity),
    ([23, 192, 0, 0], 11, "Akamai", Cloud),
    ([23, 32, 0, 0], 11, "Akamai", Cloud),
    ([23, 64, 0, 0], 14, "Akamai", Cloud),
    ([23, 72, 0, 0], 13, "Akamai", Cloud),
    ([23, 246, 0, 0], 18, "Netflix", Video),
    ([23, 235, 32, 0], 20, "Fastly", Cloud),
    ([31, 13, 24, 0], 21, "Facebook", SocialNetwork),
    ([31, 13, 64, 0], 18, "Facebook", SocialNetwork),
    ([35, 186, 224, 0], 25, "Spotify", Category::Music),
    ([37, 77, 184, 0], 21, "Netflix", Video),
    ([40, 96, 0, 0], 13, "Microsoft 365", Category::Productivity),
    ([40, 104, 0, 0], 15, "Microsoft 365", Category::Productivity),
    ([43, 249, 72, 0], 22, "Fastly", Cloud),
    ([45, 57, 0, 0], 17, "Netflix", Video),
    ([45, 113, 128, 0], 22, "Twitch", Video),
    ([45, 121, 184, 0], 22, "Valve", Game),
    ([45, 57, 40, 0], 21, "Netflix", Video),
    ([45, 90, 28, 0], 22, "NextDNS", Network),
    ([52, 96, 0, 0], 14, "Microsoft 365", Category::Productivity),
    ([52, 112, 0, 0], 14, "Microsoft Teams", Voip),
    ([52, 120, 0, 0], 14, "Microsoft Teams", Voip),
    ([52, 122, 0, 0], 15, "Microsoft Teams", Voip),
    ([52, 223, 192, 0], 18, "Twitch", Video),
    ([64, 18, 0, 0], 20, "Google", Web),
    ([64, 120, 128, 0], 17, "Netflix", Video),
    ([64, 233, 160, 0], 19, "Google", Web),
    ([66, 22, 192, 0], 18, "Discord", Chat),
    ([66, 102, 0, 0], 20, "Google", Web),
    ([66, 197, 128, 0], 17, "Netflix", Video),
    ([66, 220, 144, 0], 20, "Facebook", SocialNetwork),
    ([66, 249, 80, 0], 20, "Google", Web),
    ([66, 249, 64, 0], 19, "Google", Web),
    ([69, 53, 224, 0], 19, "Netflix", Video),
    ([69, 63, 176, 0], 20, "Facebook", SocialNetwork),
    ([69, 171, 224, 0], 19, "Facebook", SocialNetwork),
    ([72, 14, 192, 0], 18, "Google", Web),
    ([74, 119, 76, 0], 22, "Facebook", SocialNetwork),
    ([74, 125, 0, 0], 16, "Google", Web),
    ([74, 201, 107, 0], 24, "Valve", Game),
    ([91, 105, 192, 0], 23, "Telegram", Chat),
    ([91, 108, 4, 0], 22, "Telegram", Chat),
    ([91, 108, 8, 0], 22, "Telegram", Chat),
    ([91, 108, 12, 0], 22, "Telegram", Chat),
    ([91, 108, 16, 0], 22, "Telegram", Chat),
    ([91, 108, 20, 0], 22, "Telegram", Chat),
    ([91, 108, 56, 0], 22, "Telegram", Chat),
    ([94, 140, 14, 0], 23, "AdGuard", Network),
    ([95, 161, 64, 0], 20, "Telegram", Chat),
    ([95, 100, 0, 0], 15, "Akamai", Cloud),
    ([96, 16, 0, 0], 15, "Akamai", Cloud),
    ([99, 181, 64, 0], 18, "Twitch", Video),
    ([102, 132, 96, 0], 20, "Facebook", SocialNetwork),
    ([103, 4, 96, 0], 22, "Facebook", SocialNetwork),
    ([103, 10, 124, 0], 23, "Valve", Game),
    ([103, 21, 244, 0], 22, "Cloudflare", Cloud),
    ([103, 22, 200, 0], 22, "Cloudflare", Cloud),
    ([103, 28, 54, 0], 24, "Valve", Game),
    ([103, 31, 4, 0], 22, "Cloudflare", Cloud),
    ([103, 53, 48, 0], 22, "Twitch", Video),
    ([103, 244, 50, 0], 24, "Fastly", Cloud),
    ([103, 245, 222, 0], 23, "Fastly", Cloud),
    ([104, 16, 0, 0], 13, "Cloudflare", Cloud),
    ([104, 24, 0, 0], 14, "Cloudflare", Cloud),
    ([104, 64, 0, 0], 10, "Akamai", Cloud),
    ([104, 156, 80, 0], 20, "Fastly", Cloud),
    ([104, 244, 40, 0], 21, "X (Twitter)", SocialNetwork),
    ([108, 162, 192, 0], 18, "Cloudflare", Cloud),
    ([108, 175, 32, 0], 20, "Netflix", Video),
    ([108, 177, 8, 0], 21, "Google", Web),
    ([108, 177, 96, 0], 19, "Google", Web),
    ([129, 134, 0, 0], 16, "Facebook", SocialNetwork),
    ([131, 0, 72, 0], 22, "Cloudflare", Cloud),
    ([140, 82, 112, 0], 20, "GitHub", Category::Productivity),
    ([140, 248, 64, 0], 18, "Fastly", Cloud),
    ([141, 101, 64, 0], 18, "Cloudflare", Cloud),
    ([142, 250, 0, 0], 15, "Google", Web),
    ([143, 55, 64, 0], 20, "GitHub", Category::Productivity),
    ([144, 195, 0, 0], 16, "Zoom", Voip),
    ([146, 66, 152, 0], 21, "Valve", Game),
    ([146, 75, 0, 0], 17, "Fastly", Cloud),
    ([149, 154, 160, 0], 20, "Telegram", Chat),
    ([149, 112, 112, 0], 24, "Quad9", Network),
    ([151, 101, 0, 0], 16, "Fastly", Cloud),
    ([155, 133, 224, 0], 19, "Valve", Game),
    ([157, 52, 64, 0], 18, "Fastly", Cloud),
    ([157, 240, 0, 0], 16, "Facebook", SocialNetwork),
    ([162, 125, 0, 0], 16, "Dropbox", Cloud),
    ([162, 158, 0, 0], 15, "Cloudflare", Cloud),
    ([162, 159, 192, 0], 24, "Cloudflare WARP", Category::Vpn),
    ([162, 159, 193, 0], 24, "Cloudflare WARP", Category::Vpn),
    ([162, 159, 195, 0], 24, "Cloudflare WARP", Category::Vpn),
    ([162, 254, 192, 0], 21, "Valve", Game),
    ([167, 82, 0, 0], 17, "Fastly", Cloud),
    ([170, 114, 0, 0], 16, "Zoom", Voip),
    ([172, 64, 0, 0], 13, "Cloudflare", Cloud),
    ([172, 217, 0, 0], 16, "Google", Web),
    ([172, 253, 0, 0], 16, "Google", Web),
    ([173, 194, 0, 0], 16, "Google", Web),
    ([173, 245, 48, 0], 20, "Cloudflare", Cloud),
    ([173, 252, 64, 0], 18, "Facebook", SocialNetwork),
    ([179, 60, 192, 0], 22, "Facebook", SocialNetwork),
    ([185, 2, 220, 0], 22, "Netflix", Video),
    ([185, 9, 188, 0], 22, "Netflix", Video),
    ([185, 25, 182, 0], 23, "Valve", Game),
    ([185, 42, 204, 0], 22, "Twitch", Video),
    ([185, 60, 112, 0], 22, "Blizzard", Game),
    ([185, 60, 216, 0], 22, "Facebook", SocialNetwork),
    ([185, 76, 151, 0], 24, "Telegram", Chat),
    ([185, 89, 216, 0], 22, "Facebook", SocialNetwork),
    ([185, 125, 188, 0], 22, "Ubuntu", Category::SoftwareUpdate),
    ([185, 199, 108, 0], 22, "GitHub", Category::Productivity),
    ([185, 228, 168, 0], 23, "CleanBrowsing", Network),
    ([188, 114, 96, 0], 20, "Cloudflare", Cloud),
    ([190, 93, 240, 0], 20, "Cloudflare", Cloud),
    ([190, 217, 33, 0], 24, "Valve", Game),
    ([192, 16, 64, 0], 21, "Twitch", Video),
    ([192, 30, 252, 0], 22, "GitHub", Category::Productivity),
    ([192, 69, 96, 0], 22, "Valve", Game),
    ([192, 108, 239, 0], 24, "Twitch", Video),
    ([192, 173, 64, 0], 18, "Netflix", Video),
    ([192, 178, 0, 0], 15, "Google", Web),
    ([197, 234, 240, 0], 22, "Cloudflare", Cloud),
    ([198, 38, 96, 0], 19, "Netflix", Video),
    ([198, 41, 128, 0], 17, "Cloudflare", Cloud),
    ([198, 45, 48, 0], 20, "Netflix", Video),
    ([199, 9, 248, 0], 21, "Twitch", Video),
    ([199, 16, 156, 0], 22, "X (Twitter)", SocialNetwork),
    ([199, 59, 148, 0], 22, "X (Twitter)", SocialNetwork),
    ([199, 27, 72, 0], 21, "Fastly", Cloud),
    ([199, 232, 0, 0], 16, "Fastly", Cloud),
    ([204, 15, 20, 0], 22, "Facebook", SocialNetwork),
    ([205, 196, 6, 0], 24, "Valve", Game),
    ([207, 45, 72, 0], 22, "Netflix", Video),
    ([207, 126, 144, 0], 20, "Google", Web),
    ([208, 64, 200, 0], 22, "Valve", Game),
    ([208, 67, 216, 0], 21, "OpenDNS", Network),
    ([208, 75, 76, 0], 22, "Netflix", Video),
    ([208, 78, 164, 0], 22, "Valve", Game),
    ([209, 85, 128, 0], 17, "Google", Web),
    ([216, 58, 192, 0], 19, "Google", Web),
    ([216, 239, 32, 0], 19, "Google", Web),
    ([216, 239, 36, 0], 24, "Google", Web),
    ([209, 206, 48, 0], 20, "Cisco Meraki", Management),
];

#[rustfmt::skip]
static NETWORKS_V6: &[V6] = &[
    ([0x2001, 0x4860, 0, 0], 32, "Google", Web),
    ([0x2001, 0x4860, 0x4860, 0], 64, "Google DNS", Network),
    ([0x2001, 0x67c, 0x4e8, 0], 48, "Telegram", Chat),
    ([0x2001, 0xb28, 0xf23d, 0], 48, "Telegram", Chat),
    ([0x2001, 0xb28, 0xf23f, 0], 48, "Telegram", Chat),
    ([0x2400, 0xcb00, 0, 0], 32, "Cloudflare", Cloud),
    ([0x2404, 0x6800, 0, 0], 32, "Google", Web),
    ([0x2405, 0x8100, 0, 0], 32, "Cloudflare", Cloud),
    ([0x2405, 0xb500, 0, 0], 32, "Cloudflare", Cloud),
    ([0x2600, 0x1400, 0, 0], 24, "Akamai", Cloud),
    ([0x2606, 0x4700, 0, 0], 32, "Cloudflare", Cloud),
    ([0x2606, 0x4700, 0x4700, 0], 64, "Cloudflare DNS", Network),
    ([0x2606, 0x4700, 0xd0, 0], 48, "Cloudflare WARP", Category::Vpn),
    ([0x2606, 0x50c0, 0, 0], 32, "GitHub", Category::Productivity),
    ([0x2607, 0xf8b0, 0, 0], 32, "Google", Web),
    ([0x2607, 0xfb10, 0, 0], 32, "Netflix", Video),
    ([0x2620, 0x10c, 0x7000, 0], 44, "Netflix", Video),
    ([0x2620, 0x119, 0x35, 0], 48, "OpenDNS", Network),
    ([0x2620, 0x149, 0, 0], 36, "Apple", Web),
    ([0x2620, 0xfe, 0, 0], 48, "Quad9", Network),
    ([0x2800, 0x3f0, 0, 0], 32, "Google", Web),
    ([0x2803, 0xf800, 0, 0], 32, "Cloudflare", Cloud),
    ([0x2a00, 0x1450, 0, 0], 32, "Google", Web),
    ([0x2a00, 0x86c0, 0, 0], 32, "Netflix", Video),
    ([0x2a03, 0x2880, 0, 0], 32, "Facebook", SocialNetwork),
    ([0x2a04, 0x4e40, 0, 0], 32, "Fastly", Cloud),
    ([0x2a04, 0x4e42, 0, 0], 32, "Fastly", Cloud),
    ([0x2a06, 0x98c0, 0, 0], 29, "Cloudflare", Cloud),
    ([0x2a0a, 0xf280, 0, 0], 32, "Telegram", Chat),
    ([0x2a0a, 0xa440, 0, 0], 29, "GitHub", Category::Productivity),
    ([0x2c0f, 0xf248, 0, 0], 32, "Cloudflare", Cloud),
    ([0x2c0f, 0xfb50, 0, 0], 32, "Google", Web),
    ([0x2a01, 0xb740, 0, 0], 32, "Apple", Web),
    ([0x2403, 0x300, 0, 0], 32, "Apple", Web),
    ([0x2606, 0x2800, 0, 0], 32, "Edgio", Cloud),
    ([0x2a02, 0x26f0, 0, 0], 29, "Akamai", Cloud),
    ([0x2603, 0x1000, 0, 0], 24, "Microsoft", Web),
    ([0x2620, 0x1ec, 0, 0], 36, "Microsoft", Web),
    ([0x2a01, 0x111, 0, 0], 32, "Microsoft", Web),
];

/// Who owns an address.
pub(super) fn owner(address: IpAddr) -> Option<(&'static str, Category)> {
    match address {
        IpAddr::V4(address) => owner_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => owner_v4(address),
            None => owner_v6(address),
        },
    }
}

fn owner_v4(address: Ipv4Addr) -> Option<(&'static str, Category)> {
    let address = address.to_bits();
    let lookup = sorted::v4();
    // From the last network that begins at or before the address, back; those that contain each
    // other are few.
    let end = lookup.partition_point(|network| network.first <= address);
    lookup
        .get(end.saturating_sub(sorted::NESTED)..end)?
        .iter()
        .rev()
        .find(|network| address <= network.last)
        .map(|network| (network.title, network.category))
}

fn owner_v6(address: Ipv6Addr) -> Option<(&'static str, Category)> {
    // The networks are no longer than 64 bits.
    let high = (address.to_bits() >> 64) as u64;
    let lookup = sorted::v6();
    let end = lookup.partition_point(|network| network.first <= high);
    lookup
        .get(end.saturating_sub(sorted::NESTED)..end)?
        .iter()
        .rev()
        .find(|network| high <= network.last)
        .map(|network| (network.title, network.category))
}

mod sorted {
    //! The tables in order.

    use std::sync::LazyLock;

    use super::{Category, NETWORKS_V4, NETWORKS_V6};

    /// Networks looked at behind the place of an address: more than stand inside any other.
    pub(super) const NESTED: usize = 16;

    pub(super) struct Network<T> {
        pub(super) first: T,
        pub(super) last: T,
        pub(super) title: &'static str,
        pub(super) category: Category,
    }

    static V4: LazyLock<Vec<Network<u32>>> = LazyLock::new(|| {
        let mut all: Vec<_> = NETWORKS_V4
            .iter()
            .map(|&(first, bits, title, category)| {
                let first = u32::from_be_bytes(first);
                let last = first | u32::MAX.checked_shr(bits.into()).unwrap_or(0);
                Network {
                    first,
                    last,
                    title,
                    category,
                }
            })
            .collect();
        // Wider ones first, so that the longest prefix is met first from behind.
        all.sort_by_key(|network| (network.first, std::cmp::Reverse(network.last)));
        all
    });

    static V6: LazyLock<Vec<Network<u64>>> = LazyLock::new(|| {
        let mut all: Vec<_> = NETWORKS_V6
            .iter()
            .map(|&([a, b, c, d], bits, title, category)| {
                let first = [a, b, c, d]
                    .iter()
                    .fold(0, |sum, &part| sum << 16 | u64::from(part));
                let last = first | u64::MAX.checked_shr(bits.into()).unwrap_or(0);
                Network {
                    first,
                    last,
                    title,
                    category,
                }
            })
            .collect();
        all.sort_by_key(|network| (network.first, std::cmp::Reverse(network.last)));
        all
    });

    pub(super) fn v4() -> &'static [Network<u32>] {
        &V4
    }

    pub(super) fn v6() -> &'static [Network<u64>] {
        &V6
    }

    #[cfg(test)]
    mod tests {
        #[test]
        fn few_networks_stand_in_each_other() {
            fn deepest<T: PartialOrd + Copy>(all: &[super::Network<T>]) -> usize {
                (0..all.len())
                    .map(|wide| {
                        let within = |at: &usize| all[*at].first <= all[wide].last;
                        (wide..all.len()).filter(within).count()
                    })
                    .max()
                    .unwrap_or(0)
            }
            assert!(deepest(super::v4()) <= super::NESTED);
            assert!(deepest(super::v6()) <= super::NESTED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_begin_where_they_say() {
        for (first, bits, title, _) in NETWORKS_V4 {
            let first = u32::from_be_bytes(*first);
            let host = u32::MAX.checked_shr(u32::from(*bits)).unwrap_or(0);
            assert_eq!(first & host, 0, "{title} {}", Ipv4Addr::from_bits(first));
        }
    }

    #[test]
    fn owners() {
        for (address, title) in [
            ("8.8.8.8", Some("Google DNS")),
            ("1.1.1.1", Some("Cloudflare DNS")),
            ("104.18.2.3", Some("Cloudflare")),
            ("17.57.146.1", Some("Apple Push")),
            ("17.1.2.3", Some("Apple")),
            ("162.159.192.7", Some("Cloudflare WARP")),
            ("162.159.130.1", Some("Cloudflare")),
            ("149.154.167.91", Some("Telegram")),
            ("192.168.1.1", None),
            ("0.0.0.0", None),
            ("255.255.255.255", None),
            ("2001:4860:4860::8888", Some("Google DNS")),
            ("2001:4860:1::1", Some("Google")),
            ("2606:4700:4700::1111", Some("Cloudflare DNS")),
            ("::ffff:8.8.4.4", Some("Google DNS")),
            ("2001:db8::1", None),
        ] {
            let found = owner(address.parse().unwrap()).map(|(title, _)| title);
            assert_eq!(found, title, "{address}");
        }
    }
}
