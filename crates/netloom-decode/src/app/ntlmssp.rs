//! NTLMSSP messages ([MS-NLMP] 2.2.1) as they stand in SMB, LDAP, DCE/RPC and others: the user,
//! domain and computer of a client, and the names of a server. Never the hashes.

use super::support::utf16_le;
use super::text::display;
use super::wire::{Reader, u16_le_at, u32_le_at};
use super::{Category, Protocol};

/// NTLM, which has no flows of its own.
pub static PROTOCOL: Protocol = Protocol {
    name: "ntlm",
    title: "NTLM",
    category: Category::Authentication,
};

/// Longest name, in characters.
const NAME_MAX: usize = 256;

/// A message that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ntlm {
    /// The client's first one: its computer and domain where it says them.
    Negotiate {
        /// Version of Windows, `10.0 build 19041`.
        version: Option<String>,
    },
    /// The server's answer.
    Challenge(Box<Server>),
    /// The client's login.
    Authenticate(Box<Client>),
}

/// What a server says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Server {
    /// Domain or server that the client is to log in to.
    pub target: String,
    /// NetBIOS name of the computer.
    pub computer: String,
    /// NetBIOS name of the domain.
    pub domain: String,
    /// DNS name of the computer.
    pub dns_computer: String,
    /// DNS name of the domain.
    pub dns_domain: String,
    /// Version of Windows.
    pub version: Option<String>,
}

/// Who logs in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// Domain of the user.
    pub domain: String,
    /// User; empty for an anonymous login.
    pub user: String,
    /// The client's computer.
    pub host: String,
    /// Version of Windows.
    pub version: Option<String>,
    /// Revision of NTLMSSP that stands behind it ([MS-NLMP] 2.2.2.10).
    pub revision: u8,
}

/// An account as Windows writes it: `DOMAIN\user`, the user alone where no domain is said; empty for an
/// anonymous login.
pub fn account(domain: &str, user: &str) -> String {
    if domain.is_empty() || user.is_empty() {
        user.to_owned()
    } else {
        format!("{domain}\\{user}")
    }
}

const UNICODE: u32 = 1;
const VERSION: u32 = 0x0200_0000;

/// The first NTLMSSP message in `blob`, wherever it stands (in SPNEGO, GSS-API, or plain).
pub fn find(blob: &[u8]) -> Option<Ntlm> {
    let blob = blob.get(..4096).unwrap_or(blob);
    let at = blob.windows(8).position(|window| window == b"NTLMSSP\0")?;
    parse(blob.get(at..)?)
}

/// A message from its signature on.
pub fn parse(message: &[u8]) -> Option<Ntlm> {
    match u32_le_at(message, 8)? {
        1 => {
            let flags = u32_le_at(message, 12)?;
            Some(Ntlm::Negotiate {
                version: version(message, flags, 32),
            })
        }
        2 => {
            let flags = u32_le_at(message, 20)?;
            let mut server = Server {
                target: name(message, 12, flags),
                version: version(message, flags, 48),
                ..Server::default()
            };
            let mut pairs = Reader::new(buffer(message, 40).unwrap_or_default());
            // At most one of each of the eleven kinds; more is not an AV_PAIR list.
            for _ in 0..16 {
                let (Some(id), Some(length)) = (pairs.u16_le(), pairs.u16_le()) else {
                    break;
                };
                let Some(value) = pairs.take(length.into()) else {
                    break;
                };
                let place = match id {
                    0 => break,
                    1 => &mut server.computer,
                    2 => &mut server.domain,
                    3 => &mut server.dns_computer,
                    4 => &mut server.dns_domain,
                    _ => continue,
                };
                *place = utf16_le(value, NAME_MAX);
            }
            Some(Ntlm::Challenge(Box::new(server)))
        }
        3 => {
            let flags = u32_le_at(message, 60).unwrap_or(UNICODE);
            Some(Ntlm::Authenticate(Box::new(Client {
                domain: name(message, 28, flags),
                user: name(message, 36, flags),
                host: name(message, 44, flags),
                version: version(message, flags, 64),
                revision: message.get(71).copied().unwrap_or_default(),
            })))
        }
        _ => None,
    }
}

/// What a length, a maximum and an offset at `at` point to.
fn buffer(message: &[u8], at: usize) -> Option<&[u8]> {
    let length = usize::from(u16_le_at(message, at)?);
    let offset = u32_le_at(message, at + 4)? as usize;
    message.get(offset..offset.checked_add(length)?)
}

fn name(message: &[u8], at: usize, flags: u32) -> String {
    let text = buffer(message, at).unwrap_or_default();
    if flags & UNICODE != 0 {
        utf16_le(text, NAME_MAX)
    } else {
        display(text.get(..NAME_MAX).unwrap_or(text)).into_owned()
    }
}

fn version(message: &[u8], flags: u32, at: usize) -> Option<String> {
    if flags & VERSION == 0 {
        return None;
    }
    let mut reader = Reader::new(message.get(at..)?);
    let (major, minor, build) = (reader.u8()?, reader.u8()?, reader.u16_le()?);
    (major != 0).then(|| format!("{major}.{minor} build {build}"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An AUTHENTICATE message of `WG\ann` on `PC`.
    pub(crate) fn authenticate() -> Vec<u8> {
        let mut message = b"NTLMSSP\0\x03\0\0\0".to_vec();
        let mut payload = Vec::new();
        for text in ["", "", "WG", "ann", "PC", ""] {
            let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            message.extend((bytes.len() as u16).to_le_bytes());
            message.extend((bytes.len() as u16).to_le_bytes());
            message.extend((72 + payload.len() as u32).to_le_bytes());
            payload.extend(bytes);
        }
        message.extend((UNICODE | VERSION).to_le_bytes());
        message.extend([10, 0, 0x61, 0x4a, 0, 0, 0, 15]);
        message.extend(payload);
        message
    }

    #[test]
    fn logins() {
        let mut blob = b"\x60\x30spnego".to_vec();
        blob.extend(authenticate());
        let Some(Ntlm::Authenticate(client)) = find(&blob) else {
            panic!("not found");
        };
        assert_eq!(
            (&*client.domain, &*client.user, &*client.host),
            ("WG", "ann", "PC")
        );
        assert_eq!(client.version.as_deref(), Some("10.0 build 19041"));
    }

    #[test]
    fn challenges() {
        let mut message = b"NTLMSSP\0\x02\0\0\0".to_vec();
        message.extend([4, 0, 4, 0, 56, 0, 0, 0]);
        message.extend((UNICODE | VERSION).to_le_bytes());
        message.extend([0; 16]);
        message.extend([12, 0, 12, 0, 60, 0, 0, 0]);
        message.extend([6, 1, 0xb1, 0x1d, 0, 0, 0, 15]);
        message.extend(b"W\0G\0");
        message.extend(b"\x01\0\x04\0P\0C\0\0\0\0\0");
        let Some(Ntlm::Challenge(server)) = parse(&message) else {
            panic!("not a challenge");
        };
        assert_eq!((&*server.target, &*server.computer), ("WG", "PC"));
        assert_eq!(server.version.as_deref(), Some("6.1 build 7601"));
    }

    #[test]
    fn what_points_outside_is_empty() {
        let mut message = authenticate();
        message.truncate(70);
        let Some(Ntlm::Authenticate(client)) = parse(&message) else {
            panic!("header is there");
        };
        assert_eq!(client.user, "");
        assert_eq!(find(b"NTLMSSP\0"), None);
    }
}
