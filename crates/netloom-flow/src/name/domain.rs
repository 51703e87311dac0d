//! The registrable domain of a name.

/// The registrable domain of a host name by the public suffix list (`example.co.uk` of
/// `www.example.co.uk`); `None` for addresses, single labels, public suffixes themselves and
/// names under no suffix of the list.
///
/// ```
/// use netloom_flow::name::registrable_domain;
/// assert_eq!(registrable_domain("www.example.co.uk"), Some("example.co.uk"));
/// assert_eq!(registrable_domain("co.uk"), None);
/// assert_eq!(registrable_domain("192.0.2.1"), None);
/// assert_eq!(registrable_domain("printer.local"), None);
/// ```
pub fn registrable_domain(name: &str) -> Option<&str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.parse::<std::net::IpAddr>().is_ok() {
        return None;
    }
    let domain = psl::domain(name.as_bytes())?;
    // The list's default rule takes any last label for a suffix: `local` is none.
    domain.suffix().is_known().then_some(())?;
    std::str::from_utf8(domain.as_bytes()).ok()
}
