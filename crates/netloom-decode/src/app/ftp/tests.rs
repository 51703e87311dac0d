use proptest::prelude::*;

use super::super::trial::{
    Said, conversation, guess, guess_midway, is_told_midway, probe as make, streams,
};
use super::*;

#[test]
fn what_is_cut_is_said_to_be() {
    let said = |name: usize, lines: usize| {
        let command = [&b"RETR "[..], &b"x".repeat(name), b"\r\n"].concat();
        let reply = [&b"150-a\r\n".repeat(lines)[..], b"150 b\r\n"].concat();
        let all = [(true, &command[..]), (false, &reply), (true, b"QUIT\r\n")];
        conversation(&DETECTOR, &all)
    };
    assert!(said(9, 1).has("command_truncated=false reply_truncated=false"));
    assert!(said(4091, 1).has("command_truncated=false reply_truncated=false"));
    assert!(said(4092, 1).has("command_truncated=true reply_truncated=false"));
    assert!(said(9, 20).has("command_truncated=false reply_truncated=true"));
}

#[test]
fn from_the_middle_on() {
    let told = |command: &str, reply: &str| is_told_midway(&DETECTOR, command, reply);
    for (command, reply) in [
        ("TYPE I\r\n", "200 Switching to Binary mode.\r\n"),
        (
            "PASV\r\n",
            "227 Entering Passive Mode (192,0,2,1,200,3).\r\n",
        ),
        (
            "RETR a b.txt\r\nPASV\r\n",
            "150-Here it comes\r\n150 now\r\n",
        ),
        ("cwd /pub\r\n", "550 no such file\r\n"),
        ("SYST\r\n", "215 UNIX Type: L8\r\n"),
        ("USER bob\r\n", "331 Password required\r\n"),
    ] {
        assert!(told(command, reply), "{command}");
    }
    // Mail, news, and what is a number by chance.
    for (command, reply) in [
        ("MAIL FROM:<a@example.org>\r\n", "250 ok\r\n"),
        ("AUTH PLAIN\r\n", "504 not here\r\n"),
        ("LIST\r\n", "215 list follows\r\n"),
        ("LIST\r\n", "+OK\r\n"),
        ("RETR a\r\n", "150\r\n"),
        ("RETR a\r\n", "999 x\r\n"),
    ] {
        assert!(!told(command, reply), "{command}");
    }
    assert_eq!(
        guess_midway(&DETECTOR, (true, b"PASV\r\n"), b""),
        Guess::More
    );
    assert_eq!(guess(&DETECTOR, b"PASV\r\n"), Guess::No);
}

#[test]
fn a_session() {
    let said = conversation(
        &DETECTOR,
        &[
            (false, b"220 ProFTPD 1.3.5 Server\r\n"),
            (true, b"USER bob\r\n"),
            (false, b"331 Password required\r\n"),
            (true, b"PASS secret\r\n"),
            (false, b"230 User logged in\r\n"),
            (true, b"PASV\r\n"),
            (false, b"227 Entering Passive Mode (192,0,2,9,195,149).\r\n"),
            (true, b"EPSV\r\n"),
            (false, b"229 Entering Extended Passive Mode (|||6446|)\r\n"),
            (true, b"PORT 192,0,2,1,4,1\r\n"),
            (false, b"200 OK\r\n"),
            (true, b"EPRT |2|2001:db8::1|5282|\r\n"),
            (false, b"200 OK\r\n"),
            (true, b"RETR x\r\n"),
            (false, b"150-Opening\r\n150 Go\r\n226 Done\r\n"),
        ],
    );
    assert!(said.has("software: server ProFTPD"), "{said:#?}");
    assert!(said.has("login: bob USER/PASS Some(true) true"));
    assert!(!said.has("secret"));
    assert!(said.has("expect: ftp-data 192.0.2.9:50069 tcp"));
    assert!(said.has("expect: ftp-data 192.0.2.2:6446 tcp"));
    assert!(said.has("expect: ftp-data 192.0.2.1:1025 tcp"));
    assert!(said.has("expect: ftp-data 2001:db8::1:5282 tcp"));
    assert!(said.has("command=PASV completion_code=[227]"));
    assert!(said.has("dynamic_port=50069 mode=passive"));
    assert!(
        said.has(
            "command=RETR command_data=x completion_code=[150,150,226] reply=[Opening,Go,Done]"
        )
    );
}

#[test]
fn no_password_is_told() {
    let session = |user: &[u8], password: &[u8]| {
        let user = [b"USER ", user, b"\r\n"].concat();
        let sent = [b"pass  ", password, b"\r\n"].concat();
        let reply = [
            b"530-No.\r\n the ",
            password,
            b"x\r\n530 In: ",
            password,
            b"\r\n",
        ]
        .concat();
        conversation(
            &DETECTOR,
            &[
                (false, b"220 x FTP\r\n"),
                (true, &user),
                (false, b"331 ok\r\n"),
                (true, &sent),
                (false, &reply),
                (true, b"SITE CHPASS bob Hunter2\r\n"),
                (false, b"200 ok\r\n"),
                (true, b"SITE CHMOD 755 a\r\n"),
                (false, b"200 ok\r\n"),
            ],
        )
    };
    let said = session(b"bob", b"Hunter2");
    assert!(said.has("reply=[No.,the ***x,In: ***]"), "{said:#?}");
    assert!(said.has("command=SITE command_data=CHPASS completion"));
    assert!(said.has("command=SITE command_data=CHMOD 755 a"));
    assert!(!said.has("Hunter2"));
    // `n` may be a part of any word.
    assert!(session(b"bob", b"n").has("reply=[No.,the nx,In: ***]"));
    // What everybody may know.
    assert!(session(b"ftp", b"me@h").has("In: me@h"));
}

#[test]
fn the_change_to_tls() {
    let mut said = Said::default();
    let next = streams(
        &mut Session::default(),
        [(true, &b"AUTH TLS\r\n"[..]), (false, b"234 go\r\n\x16\x03")],
        &mut said,
    );
    assert!(matches!(next, Next::Become(Some(_))));
}

#[test]
fn tls_in_tokens() {
    // A ServerHello of TLS 1.0, TLS_RSA_WITH_AES_128_CBC_SHA, cut over two tokens.
    let client =
        b"ADAT FgMBAC0BAAApAwEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAgAvAQA=\r\n";
    let said = conversation(
        &DETECTOR,
        &[
            (false, b"220 GridFTP Server ready.\r\n"),
            (true, b"AUTH GSSAPI\r\n"),
            (false, b"334 ADAT must follow.\r\n"),
            (true, client),
            (
                false,
                b"335 ADAT=FgMBACoCAAAmAwEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n",
            ),
            (true, b"ADAT =\r\n"),
            (false, b"335 ADAT=AAAAAAAAAAAALwA=\r\n"),
        ],
    );
    assert!(said.has("ClientHello"), "{said:#?}");
    assert!(said.has("ServerHello"), "{said:#?}");
    // Kerberos' tokens are no TLS.
    let said = conversation(
        &DETECTOR,
        &[
            (true, b"AUTH GSSAPI\r\n"),
            (true, b"ADAT YIICbwYJKoZIhvcSAQICAQBu\r\n"),
        ],
    );
    assert!(!said.has("Tls"), "{said:#?}");
}

#[test]
fn recognition() {
    assert_eq!(guess(&DETECTOR, b"220 (vsFTPd 3.0.3)\r\n"), Guess::Certain);
    assert_eq!(guess(&DETECTOR, b"220 mail ESMTP\r\n"), Guess::No);
    assert_eq!(guess(&DETECTOR, b"220 welcome\r\n"), Guess::More);
    let mut asked = make(b"USER me\r\n", true, true, (40_000, 40_001));
    asked.other = b"220 welcome\r\n";
    assert_eq!(probe(&asked), Guess::Certain);
    asked.other = b"+OK pop\r\n";
    assert_eq!(probe(&asked), Guess::No);
    assert_eq!(guess(&DETECTOR, b"GET / HTTP/1.1\r\n"), Guess::No);
}

proptest! {
    #[test]
    fn bytes_never_panic(pieces in proptest::collection::vec((any::<bool>(), "(PASV|PORT|EPRT|AUTH|227|229|230|200-|[ ,|()0-9a-z\r\n]){0,12}\r\n"), 0..30)) {
        let mut session = Session::default();
        streams(&mut session, pieces, &mut Said::default());
        prop_assert!(session.heap_bytes() < 64 * 1024);
    }
}
