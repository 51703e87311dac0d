//! Stratum, what miners of cryptocurrencies speak with their pools: JSON in lines, over TCP
//! (version 1, and the dialects of Ethereum and Monero). Says who mines, and with what.

use super::support::{json_text, login, risk, say, software};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Risk, Step,
    Value, text,
};

/// Stratum.
pub static PROTOCOL: Protocol = Protocol {
    name: "mining",
    title: "Stratum (mining)",
    category: Category::Mining,
};

/// Recognised by the methods that only pools know.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Tcp,
    ports: &[3333, 4444, 5555, 7777, 14_444, 45_700],
    probe,
    parser: Some(|| Box::<Stratum>::default()),
};

/// Bytes of a first line that are searched.
const SEARCHED: usize = 1024;
/// Lines that are read of a flow.
const LINES_MAX: u8 = 16;
/// Longest line that is waited for.
const LINE_MAX: usize = 4096;

fn probe(probe: &Probe<'_>) -> Guess {
    let data = probe.data.trim_ascii_start();
    match data.first() {
        None => return Guess::More,
        Some(b'{') => {}
        Some(_) => return Guess::No,
    }
    let line = data.get(..SEARCHED).unwrap_or(data);
    let has = |what: &[u8]| line.windows(what.len()).any(|window| window == what);
    let method = has(b"\"mining.subscribe\"")
        || has(b"\"mining.authorize\"")
        || has(b"\"mining.notify\"")
        || has(b"\"mining.set_difficulty\"")
        || has(b"\"mining.configure\"")
        || has(b"\"eth_submitLogin\"")
        || has(b"\"eth_getWork\"")
        // Monero's: a login with a password, an algorithm or an agent.
        || has(b"\"login\"") && has(b"\"pass\"") && (has(b"\"agent\"") || has(b"\"algo\""))
        || has(b"\"job_id\"") && has(b"\"seed_hash\"");
    if method {
        Guess::Certain
    } else if line.len() < SEARCHED && !line.contains(&b'\n') {
        Guess::More
    } else {
        Guess::No
    }
}

#[derive(Debug, Default)]
struct Stratum {
    lines: u8,
    warned: bool,
}

/// The text behind a key: `"key":"text"`, or the first of a list.
fn text_of<'a>(line: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let at = line.windows(key.len()).position(|window| window == key)?;
    let rest = line.get(at + key.len()..)?.trim_ascii_start();
    let rest = rest.strip_prefix(b":")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"[").unwrap_or(rest).trim_ascii_start();
    let rest = rest.strip_prefix(b"\"")?;
    rest.get(..rest.iter().position(|&byte| byte == b'"')?)
}

impl Stratum {
    fn line(&mut self, context: &Context, line: &[u8], events: &mut dyn Events) {
        if !self.warned {
            self.warned = true;
            risk(events, Risk::Mining, "Stratum");
        }
        let Some(method) = text_of(line, b"\"method\"") else {
            return;
        };
        let mut user = None;
        match method {
            b"mining.authorize" | b"eth_submitLogin" => user = text_of(line, b"\"params\""),
            b"login" => {
                user = json_text(line, b"login");
                if let Some(agent) = json_text(line, b"agent") {
                    software(events, context.from_client, agent);
                }
            }
            b"mining.subscribe" => {
                if let Some(agent) = text_of(line, b"\"params\"") {
                    software(events, context.from_client, agent);
                }
            }
            _ => {}
        }
        say(
            events,
            "request",
            &[
                ("method", Value::Text(method)),
                ("user", Value::Text(user.unwrap_or_default())),
            ],
        );
        if let Some(user) = user {
            login(events, user, "stratum", None, true);
        }
    }
}

impl Parser for Stratum {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        let mut consumed = 0;
        while let Some((line, length)) = text::line(data.get(consumed..).unwrap_or_default()) {
            consumed += length;
            if context.from_client {
                self.line(context, line, events);
            }
            self.lines = self.lines.saturating_add(1);
            if self.lines >= LINES_MAX {
                return Step::DONE;
            }
        }
        if data.len() - consumed > LINE_MAX {
            return Step::then(consumed, Next::Quiet);
        }
        Step::consumed(consumed)
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::app::trial::{Said, conversation, guess, streams};

    const SUBSCRIBE: &[u8] =
        b"{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[\"cgminer/4.9\"]}\n";
    const AUTHORIZE: &[u8] =
        b"{\"id\": 2, \"method\": \"mining.authorize\", \"params\": [\"wallet.rig\", \"x\"]}\n";
    const LOGIN: &[u8] = b"{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"login\":\"4abc\",\"pass\":\"x\",\"agent\":\"XMRig/6\"}}\n";

    #[test]
    fn miners_are_known() {
        for line in [SUBSCRIBE, AUTHORIZE, LOGIN] {
            assert_eq!(guess(&DETECTOR, line), Guess::Certain);
            assert_eq!(guess(&DETECTOR, &line[..9]), Guess::More);
        }
        assert_eq!(
            guess(&DETECTOR, b"{\"jsonrpc\":\"2.0\",\"method\":\"x\"}\n"),
            Guess::No
        );
    }

    #[test]
    fn who_mines() {
        let said = conversation(
            &DETECTOR,
            &[
                (true, SUBSCRIBE),
                (false, b"{\"id\":1,\"result\":[]}\n"),
                (true, AUTHORIZE),
            ],
        );
        assert!(said.has("software: client cgminer/4.9"));
        assert!(said.has("risk: mining"));
        assert!(said.has("login: wallet.rig stratum"));
        let said = conversation(&DETECTOR, &[(true, LOGIN)]);
        assert!(said.has("login: 4abc stratum"));
        assert!(said.has("software: client XMRig/6"));
    }

    proptest! {
        #[test]
        fn any_bytes(data: Vec<u8>, cut: usize) {
            guess(&DETECTOR, &data);
            let cut = cut % (data.len() + 1);
            let mut parser = Stratum::default();
            streams(&mut parser, [(true, &data[..cut]), (false, &data[..]), (true, &data[cut..])], &mut Said::default());
            prop_assert!(parser.heap_bytes() < 64);
        }
    }
}
