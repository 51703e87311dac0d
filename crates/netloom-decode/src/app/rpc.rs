//! ONC RPC (RFC 5531) over UDP and TCP: portmapper, NFS, mount and the others by program;
//! procedures, users of AUTH_SYS.

use super::support::{Frame, frames, say};
use super::wire::{Reader, u32_at};
use super::{
    Category, Context, Detector, Event, Events, Guess, Next, Over, Parser, Probe, Protocol, Step,
    Value,
};

/// ONC RPC.
pub static PROTOCOL: Protocol = Protocol {
    name: "rpc",
    title: "ONC RPC",
    category: Category::Rpc,
};

/// The Network File System, with what belongs to it (mount, locks).
pub static NFS: Protocol = Protocol {
    name: "nfs",
    title: "NFS",
    category: Category::FileTransfer,
};

/// Recognised by a call's header, or by an answer to a call that was seen.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[111, 2049],
    probe,
    parser: Some(|| Box::<Rpc>::default()),
};

const KEPT: usize = 1024;
const MESSAGES_MAX: u32 = 1024;
/// Calls that wait for their answers.
const CALLS_MAX: usize = 32;
const NFS_PROGRAM: u32 = 100_003;

/// The call at the start of a message: transaction, program, version, procedure.
fn call(data: &[u8]) -> Option<(u32, u32, u32, u32)> {
    let mut reader = Reader::new(data);
    let (id, kind, rpc) = (reader.u32()?, reader.u32()?, reader.u32()?);
    let (program, version, procedure) = (reader.u32()?, reader.u32()?, reader.u32()?);
    let flavor = reader.u32().unwrap_or_default();
    let known = kind == 0
        && rpc == 2
        && (100_000..0x6000_0000).contains(&program)
        && version <= 16
        && procedure < 256
        && (flavor <= 7 || flavor == 390_003);
    known.then_some((id, program, version, procedure))
}

/// An answer: the call's transaction.
fn answer(data: &[u8]) -> Option<u32> {
    let (id, kind, status) = (u32_at(data, 0)?, u32_at(data, 4)?, u32_at(data, 8)?);
    (kind == 1 && status <= 1).then_some(id)
}

fn probe(probe: &Probe<'_>) -> Guess {
    let mut data = probe.data;
    let mut other = probe.other;
    if probe.tcp {
        // Record marking (11): the last fragment's bit and its length.
        let Some(mark) = u32_at(data, 0) else {
            return if matches!(data, [] | [0x80, ..]) {
                Guess::More
            } else {
                Guess::No
            };
        };
        let length = mark & 0x7fff_ffff;
        if !(24..=1 << 24).contains(&length) {
            return Guess::No;
        }
        data = data.get(4..).unwrap_or_default();
        other = other.get(4..).unwrap_or_default();
        let kind_fits = matches!(u32_at(data, 4), None | Some(0 | 1));
        if data.len() < 28 && kind_fits {
            return Guess::More;
        }
    }
    if call(data).is_some() && data.len() >= 24 {
        return Guess::Certain;
    }
    match (answer(data), call(other)) {
        (Some(id), Some((call, ..))) if id == call => Guess::Certain,
        (Some(_), _) if probe.has_port(111) || probe.has_port(2049) => Guess::Unsure,
        _ => Guess::No,
    }
}

#[derive(Debug, Default)]
struct Rpc {
    messages: u32,
    calls: Vec<(u32, u32, u32)>,
    named: Option<bool>,
}

impl Parser for Rpc {
    fn stream(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        frames(
            data,
            KEPT,
            |data| {
                u32_at(data, 0).map_or(Frame::More, |mark| {
                    Frame::Of(4 + u64::from(mark & 0x7fff_ffff))
                })
            },
            |message| self.message(message.get(4..).unwrap_or_default(), events),
        )
    }

    fn datagram(&mut self, _: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        self.message(data, events)
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.calls.capacity() * 12
    }
}

impl Rpc {
    fn message(&mut self, data: &[u8], events: &mut dyn Events) -> Next {
        self.messages += 1;
        if self.messages > MESSAGES_MAX {
            return Next::Done;
        }
        if let Some((id, program, version, procedure)) = call(data) {
            let nfs = matches!(program, NFS_PROGRAM | 100_005 | 100_021 | 100_227);
            if self.named.is_none() {
                self.named = Some(nfs);
                if nfs {
                    events.event(Event::Service(&NFS));
                }
            }
            if self.calls.len() >= CALLS_MAX {
                self.calls.remove(0);
            }
            self.calls.push((id, program, procedure));
            let mut fields = vec![
                ("xid", Value::Number(id.into())),
                ("program", Value::Word(program_name(program))),
                ("program_number", Value::Number(program.into())),
                ("version", Value::Number(version.into())),
                ("procedure", Value::Number(procedure.into())),
            ];
            // AUTH_SYS (appendix A): stamp, machine's name, user, group.
            let mut reader = Reader::new(data.get(24..).unwrap_or_default());
            if let (Some(1), Some(_), Some(_)) = (reader.u32(), reader.u32(), reader.u32())
                && let Some(length) = reader.u32().filter(|&length| length <= 255)
                && let Some(machine) = reader.take(length as usize)
                && let Some(()) = reader.skip((4 - length as usize % 4) % 4)
                && let (Some(user), Some(group)) = (reader.u32(), reader.u32())
            {
                fields.push(("machine", Value::Text(machine)));
                fields.push(("uid", Value::Number(user.into())));
                fields.push(("gid", Value::Number(group.into())));
            }
            say(events, procedure_name(program, version, procedure), &fields);
        } else if let Some(id) = answer(data) {
            let Some(at) = self.calls.iter().position(|&(call, ..)| call == id) else {
                return Next::Continue;
            };
            let (_, program, procedure) = self.calls.remove(at);
            let status = match (u32_at(data, 8), u32_at(data, 20)) {
                (Some(1), _) => "denied",
                (_, Some(0)) => "success",
                (_, Some(1)) => "prog_unavail",
                (_, Some(2)) => "prog_mismatch",
                (_, Some(3)) => "proc_unavail",
                (_, Some(4)) => "garbage_args",
                _ => "unknown",
            };
            say(
                events,
                "reply",
                &[
                    ("xid", Value::Number(id.into())),
                    ("program", Value::Word(program_name(program))),
                    ("procedure", Value::Number(procedure.into())),
                    ("status", Value::Word(status)),
                ],
            );
        }
        Next::Continue
    }
}

/// Programs (IANA's registry).
fn program_name(program: u32) -> &'static str {
    match program {
        100_000 => "portmap",
        100_001 => "rstat",
        100_002 => "rusers",
        NFS_PROGRAM => "nfs",
        100_004 => "ypserv",
        100_005 => "mount",
        100_007 => "ypbind",
        100_009 => "yppasswd",
        100_011 => "rquota",
        100_021 => "nlockmgr",
        100_024 => "status",
        100_026 => "bootparam",
        100_227 => "nfs_acl",
        150_001 => "pcnfsd",
        395_180..=395_183 => "vxi11",
        _ => "program",
    }
}

fn procedure_name(program: u32, version: u32, procedure: u32) -> &'static str {
    const NFS_3: [&str; 22] = [
        "null",
        "getattr",
        "setattr",
        "lookup",
        "access",
        "readlink",
        "read",
        "write",
        "create",
        "mkdir",
        "symlink",
        "mknod",
        "remove",
        "rmdir",
        "rename",
        "link",
        "readdir",
        "readdirplus",
        "fsstat",
        "fsinfo",
        "pathconf",
        "commit",
    ];
    const MAPPER: [&str; 6] = ["null", "set", "unset", "getport", "dump", "callit"];
    const MOUNT: [&str; 6] = ["null", "mnt", "dump", "umnt", "umntall", "export"];
    let at = procedure as usize;
    let names: &[&'static str] = match (program, version) {
        (NFS_PROGRAM, 3) => &NFS_3,
        (NFS_PROGRAM, 4) => &["null", "compound"],
        (100_000, _) => &MAPPER,
        (100_005, _) => &MOUNT,
        _ => &["null"],
    };
    names.get(at).copied().unwrap_or("call")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::{conversation, exchange, probe as first};

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn getattr() -> Vec<u8> {
        let mut call = words(&[7, 0, 2, 100_003, 3, 1, 1, 20, 0, 3]);
        call.extend(b"pc1\0");
        call.extend(words(&[1000, 100, 0, 0]));
        call
    }

    #[test]
    fn calls_and_answers() {
        let reply = words(&[7, 1, 0, 0, 0, 0]);
        let said = exchange(&DETECTOR, &[(true, &getattr()), (false, &reply)]);
        assert_eq!(
            said.0,
            [
                "service: nfs",
                "getattr: xid=7 program=nfs program_number=100003 version=3 procedure=1 \
                 machine=pc1 uid=1000 gid=100",
                "reply: xid=7 program=nfs procedure=1 status=success",
            ]
        );
        let mut framed = (0x8000_0000 | getattr().len() as u32)
            .to_be_bytes()
            .to_vec();
        framed.extend(getattr());
        assert_eq!(conversation(&DETECTOR, &[(true, &framed)]).0.len(), 2);
    }

    #[test]
    fn recognised() {
        let call = getattr();
        let ports = (40_000, 40_001);
        assert_eq!(
            (DETECTOR.probe)(&first(&call, false, true, ports)),
            Guess::Certain
        );
        let mut wrong = call;
        wrong[11] = 3;
        assert_eq!(
            (DETECTOR.probe)(&first(&wrong, false, true, ports)),
            Guess::No
        );
    }
}
