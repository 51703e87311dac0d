//! When flows end by time.

use crate::config::{FlowConfig, FlowRules};
use crate::flow::Flow;
use crate::lists::Class;
use crate::ports::{self, ServerPorts};
use crate::record::EndReason;

/// A millisecond in nanoseconds.
const MILLISECOND: i64 = 1_000_000;
/// A second in nanoseconds.
const SECOND: i64 = 1_000_000_000;
/// How long a flow lives on after its end (native), or after its close, and how long an
/// attempt may go unanswered (Zeek's `tcp_close_delay`, `tcp_attempt_delay`).
const LINGER: i64 = 5 * SECOND;
/// Ports whose TCP connections Zeek lets idle for an hour: FTP, SSH, Telnet, rlogin.
const INTERACTIVE: [u16; 4] = [21, 22, 23, 513];

/// How often Zeek looks whether a flow of DNS is over (`dns_session_timeout`), and how long it must
/// have been idle by then.
const DNS_SESSION: i64 = 10 * SECOND;
const DNS_IDLE: i64 = 9 * SECOND;

/// The timeouts of a table; `i64::MAX` is never.
#[derive(Debug, Clone)]
pub(crate) struct Timeouts {
    rules: FlowRules,
    tcp: i64,
    udp: i64,
    other: i64,
    interactive: i64,
    active: i64,
    /// Those of [`ports::DNS`] whose flows end as Zeek's do.
    dns: Vec<u16>,
}

impl Timeouts {
    pub(crate) fn new(config: &FlowConfig, servers: &ServerPorts) -> Self {
        let never = |nanos: i64| if nanos <= 0 { i64::MAX } else { nanos };
        let minute = 60 * SECOND;
        let (tcp, udp, interactive, active) = match config.rules {
            FlowRules::Native | FlowRules::Nfstream => {
                (2 * minute, 2 * minute, 2 * minute, 30 * minute)
            }
            FlowRules::Zeek => (5 * minute, minute, 60 * minute, 0),
            FlowRules::Ndpi => (0, 0, 0, 0),
        };
        let idle = |own: i64| never(config.idle_timeout.unwrap_or(own));
        Self {
            rules: config.rules,
            tcp: idle(tcp),
            udp: idle(udp),
            other: idle(udp),
            interactive: idle(interactive),
            active: never(config.active_timeout.unwrap_or(active)),
            dns: if config.rules == FlowRules::Zeek && config.idle_timeout.is_none() {
                let known = |port: &u16| servers.contains(false, *port);
                ports::DNS.into_iter().filter(known).collect()
            } else {
                Vec::new()
            },
        }
    }

    /// See [`FlowConfig::longest`].
    pub(crate) fn longest(&self) -> Option<i64> {
        let idle = [self.tcp, self.udp, self.other, self.interactive];
        let idle = idle.into_iter().fold(0, i64::max);
        (idle < i64::MAX && self.active < i64::MAX).then(|| self.active.saturating_add(idle))
    }

    /// The list a flow belongs in now.
    pub(crate) fn class(&self, flow: &Flow) -> Class {
        let Some(tcp) = flow.tcp() else {
            return if flow.key.protocol() == 17 {
                Class::Udp
            } else {
                Class::Other
            };
        };
        match self.rules {
            FlowRules::Native if tcp.has_ended() => Class::Short,
            FlowRules::Zeek if tcp.closed_at().is_some() || tcp.unanswered_since().is_some() => {
                Class::Short
            }
            FlowRules::Zeek if tcp.is_under_way() && INTERACTIVE.contains(&flow.dst_port()) => {
                Class::Interactive
            }
            _ => Class::Tcp,
        }
    }

    /// Whether a flow of a class is over at `clock` by idleness (or because it had ended, or where
    /// only the active timeout is in force by that).
    pub(crate) fn expired(&self, flow: &Flow, class: Class, clock: i64) -> Option<EndReason> {
        let Some(idle) = self.idle(class) else {
            return self.short_expired(flow, clock);
        };
        if idle == i64::MAX {
            return self.too_long(flow, clock);
        }
        (self.unit(clock) >= self.idle_end(flow, idle)).then_some(EndReason::Idle)
    }

    /// A time before which [`expired`](Self::expired) does not say that a flow is over, whatever
    /// packets of it are still to come.
    pub(crate) fn due(&self, flow: &Flow, class: Class) -> i64 {
        match self.idle(class) {
            Some(i64::MAX) => self.active_end(flow),
            Some(idle) => self.idle_end(flow, idle),
            None if self.rules == FlowRules::Zeek => i64::MIN,
            None => flow.last.saturating_add(LINGER),
        }
    }

    /// How long a flow of a class may be idle; `None` where it is soon to go in any case.
    #[inline]
    fn idle(&self, class: Class) -> Option<i64> {
        match class {
            Class::Short => None,
            Class::Tcp => Some(self.tcp),
            Class::Udp => Some(self.udp),
            Class::Other => Some(self.other),
            Class::Interactive => Some(self.interactive),
        }
    }

    /// A time in whole milliseconds for NFStream, which has no others.
    fn unit(&self, nanos: i64) -> i64 {
        match self.rules {
            FlowRules::Nfstream => nanos.saturating_sub(nanos.rem_euclid(MILLISECOND)),
            _ => nanos,
        }
    }

    /// Whether a flow was over before a packet of its own at `at`.
    pub(crate) fn ended_before(&self, flow: &Flow, at: i64) -> Option<EndReason> {
        let class = self.class(flow);
        self.expired(flow, class, at)
            .or_else(|| self.too_long(flow, at))
            .or_else(|| self.dns_session_over(flow, class, at))
    }

    /// Whether Zeek had looked at a flow of DNS by `at`, every ten seconds since its start, and
    /// found it idle. (Zeek looks when the next packet of any flow comes: here packets are taken to
    /// come all the time.)
    fn dns_session_over(&self, flow: &Flow, class: Class, at: i64) -> Option<EndReason> {
        if class != Class::Udp || !self.dns.contains(&flow.dst_port()) {
            return None;
        }
        let idle = flow
            .last
            .saturating_add(DNS_IDLE)
            .saturating_sub(flow.start);
        let looks = idle.saturating_add(DNS_SESSION - 1) / DNS_SESSION;
        let end = flow.start.saturating_add(looks.saturating_mul(DNS_SESSION));
        (at >= end).then_some(EndReason::Idle)
    }

    fn too_long(&self, flow: &Flow, at: i64) -> Option<EndReason> {
        (self.unit(at) >= self.active_end(flow)).then_some(EndReason::Active)
    }

    /// When the active timeout ends a flow.
    fn active_end(&self, flow: &Flow) -> i64 {
        self.unit(flow.start).saturating_add(self.active)
    }

    /// When a flow that may be idle for so long ends, if no packet of it comes.
    fn idle_end(&self, flow: &Flow, idle: i64) -> i64 {
        self.unit(flow.last).saturating_add(idle)
    }

    fn short_expired(&self, flow: &Flow, clock: i64) -> Option<EndReason> {
        let tcp = flow.tcp()?;
        let since = match self.rules {
            FlowRules::Zeek => tcp.closed_at().or_else(|| tcp.unanswered_since())?,
            _ => flow.last,
        };
        (clock >= since.saturating_add(LINGER)).then(|| flow.tcp_end().unwrap_or(EndReason::Idle))
    }
}
