//! Giving up what was needed to open the sockets.

use std::fs;

use netloom_packet::SourceError;

use super::{Privileges, sys};

/// `CAP_NET_RAW` (linux/capability.h): what opening a packet socket takes.
const CAP_NET_RAW: u32 = 13;

/// The user and group that root becomes where nobody else is named.
const NOBODY: (u32, u32) = (65534, 65534);

/// Gives up all privileges, once the sockets are open; capturing goes on.
///
/// Root becomes `user` (a name of /etc/passwd or a number); where none is given the one who
/// called sudo, else nobody. Everybody else stays who they are. All capabilities are given up,
/// and nothing that is executed later can gain any (`no_new_privs`). Call it before starting
/// threads: capabilities are each thread's own.
///
/// Files that are opened afterwards, such as the next one of a rotation, are opened as that user,
/// who needs to be allowed to: as with `tcpdump -Z`.
///
/// # Errors
///
/// When there is no such user, or the kernel refuses: going on with privileges that were to be
/// given up is not what was asked for.
pub fn drop_privileges(user: Option<&str>) -> Result<Privileges, SourceError> {
    let failed = |what: &'static str| {
        move |error: std::io::Error| SourceError::new("privileges", what).caused_by(error)
    };
    let mut became = None;
    if sys::effective_uid() == 0 {
        let (uid, gid) = match user {
            Some(name) => find_user(name).ok_or_else(|| {
                SourceError::new("privileges", format!("there is no user {name}"))
                    .hint("name one of /etc/passwd, or a number")
            })?,
            None => called_sudo().unwrap_or(NOBODY),
        };
        if uid != 0 {
            sys::become_user(uid, gid).map_err(failed("cannot become another user"))?;
            became = Some((uid, gid));
        }
    }
    // Root who stays root keeps a use for them.
    if became.is_some() || sys::effective_uid() != 0 {
        sys::clear_capabilities().map_err(failed("capabilities cannot be given up"))?;
    }
    sys::no_new_privileges().map_err(failed("privileges cannot be given up for good"))?;
    Ok(Privileges { user: became })
}

/// Whether this process may open a packet socket.
pub fn may_capture() -> bool {
    fs::read_to_string("/proc/thread-self/status").map_or_else(
        |_| sys::effective_uid() == 0,
        |status| effective_capabilities(&status) & (1 << CAP_NET_RAW) != 0,
    )
}

/// The line `CapEff:` of /proc/PID/status.
fn effective_capabilities(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|value| u64::from_str_radix(value.trim(), 16).ok())
        .unwrap_or(0)
}

/// The user and group who called sudo.
fn called_sudo() -> Option<(u32, u32)> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
    Some((number("SUDO_UID")?, number("SUDO_GID")?)).filter(|&(uid, _)| uid != 0)
}

/// User and group by name or number.
fn find_user(name: &str) -> Option<(u32, u32)> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    user_in(&passwd, name)
}

fn user_in(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let number = name.parse::<u32>().ok();
    let mut lines = passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid = fields.nth(1)?.parse::<u32>().ok()?;
        let gid = fields.next()?.parse::<u32>().ok()?;
        Some((name, uid, gid))
    });
    let found = lines.find(|&(known, uid, _)| known == name || Some(uid) == number);
    match found {
        Some((_, uid, gid)) => Some((uid, gid)),
        // A number needs no entry; its group is the one of the same number, as is usual.
        None => number.map(|uid| (uid, uid)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nodd line\nkim:x:1000:100::/home/kim:/bin/sh\n";
        assert_eq!(user_in(passwd, "kim"), Some((1000, 100)));
        assert_eq!(user_in(passwd, "1000"), Some((1000, 100)));
        assert_eq!(user_in(passwd, "77"), Some((77, 77)));
        assert_eq!(user_in(passwd, "nobody-here"), None);
    }

    #[test]
    fn capabilities() {
        let status = "Name:\tnetloom\nCapEff:\t0000000000003000\n";
        assert_eq!(effective_capabilities(status), 0x3000);
        assert_ne!(effective_capabilities(status) & (1 << CAP_NET_RAW), 0);
        assert_eq!(effective_capabilities(""), 0);
    }
}
