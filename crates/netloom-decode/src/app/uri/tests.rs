//! Passwords that are found and masked, and what is none.

use proptest::prelude::*;

use super::*;

fn shown(uri: &str) -> String {
    String::from_utf8(masked(uri.as_bytes()).into_owned()).unwrap()
}

#[test]
fn passwords_are_masked() {
    for (sent, expected) in [
        (
            "http://bob:Hunter2@h.example:80/a",
            "http://bob:***@h.example:80/a",
        ),
        ("rtsp://bob:Hunter2@192.0.2.1", "rtsp://bob:***@192.0.2.1"),
        (
            "http://bob@example.org:Hunter2@h/",
            "http://bob@example.org:***@h/",
        ),
        ("http://bob:Hun@ter2@h/", "http://bob:***@h/"),
        ("rtsp://bob:Hunter2#x@h/", "rtsp://bob:***@h/"),
        ("rtsp://bob:Hunter2%2fx@h/", "rtsp://bob:***@h/"),
        ("http://bob%3AHunter2@h/", "http://bob%3A***@h/"),
        ("//bob:Hunter2@h/", "//bob:***@h/"),
        ("sip:bob:Hunter2@h;x=y", "sip:bob:***@h;x=y"),
        ("SIPS:bob;a?b:Hunter2@h", "SIPS:bob;a?b:***@h"),
        ("/?password=Hunter2", "/?password=***"),
        ("/?PassWd=Hunter2&a=b", "/?PassWd=***&a=b"),
        ("/?a=b;pwd=Hunter2;c=d", "/?a=b;pwd=***;c=d"),
        ("/?pwd=Hun;ter2&c=d", "/?pwd=***&c=d"),
        ("/?pwd=Hun%26ter2&c=d", "/?pwd=***&c=d"),
        ("/?pwd=Hun=ter2", "/?pwd=***"),
        ("/?pass%77ord=Hunter2", "/?pass%77ord=***"),
        ("/?pass%2577ord%3dHunter2", "/?pass%2577ord%3d***"),
        ("/?user%5Bpassword%5D=Hunter2", "/?user%5Bpassword%5D=***"),
        ("/?ctl00$newPassword2=Hunter2", "/?ctl00$newPassword2=***"),
        ("/?client_secret=Hunter2", "/?client_secret=***"),
        ("/#pass=Hunter2", "/#pass=***"),
        ("/a;password=Hunter2?x", "/a;password=***"),
        ("/a&password=Hunter2", "/a&password=***"),
        ("/?a=b&amp;password=Hunter2", "/?a=b&amp;password=***"),
        (
            "/?next=%2Fin%3Fpassword%3DHunter2%26x%3D1&y=2",
            "/?next=%2Fin%3Fpassword%3D***%26x%3D1&y=2",
        ),
        ("/?u=ftp://bob:Hunter2@h&x=a@b", "/?u=ftp://bob:***@h&x=a@b"),
        (
            "/?u=ftp%253A%252F%252Fbob%253AHunter2%2540h%252F",
            "/?u=ftp%253A%252F%252Fbob%253A***%2540h%252F",
        ),
    ] {
        assert_eq!(shown(sent), expected);
    }
    assert_eq!(*masked_target(b"CONNECT", b"a:b@h:443"), *b"a:***@h:443");
    assert_eq!(
        *masked_line(b"GET http://a:b@h/c d HTTP/1.1"),
        *b"GET http://a:***@h/c d HTTP/1.1"
    );
}

#[test]
fn the_rest_stays_as_it_is() {
    for uri in [
        "",
        "*",
        "/",
        "/a?b=c&password=&d=e",
        "/?bypass=1&compass=2&nosecret=3&passing=4",
        "http://h:8080/a@b:c",
        "http://bob@h:80/",
        "http://[2001:db8::1]:80/a@b",
        "http://h/%",
        "sip:bob@h:5060",
        "/?pass",
        "/?u=a://b:9/c@d",
    ] {
        assert_eq!(shown(uri), uri);
    }
    for line in [&b"HTTP/1.1 200 OK"[..], b"GET", b"GET /", b""] {
        assert_eq!(*masked_line(line), *line);
    }
}

#[test]
fn who_logs_in() {
    let user = |uri: &str| {
        login_in_target(b"GET", uri.as_bytes()).map(|user| String::from_utf8(user).unwrap())
    };
    assert_eq!(user("ftp://b%6fb:x@h/").as_deref(), Some("bob"));
    assert_eq!(user("/?user=bob&pw=x").as_deref(), Some("bob"));
    assert_eq!(user("/?password=x").as_deref(), Some(""));
    // Who knows what these are.
    assert_eq!(user("/?pw=x"), None);
    assert_eq!(user("/?secret=x"), None);
    assert_eq!(user("/?user=bob"), None);
    assert_eq!(user("/?user=bob&password="), None);
    let form = |body: &[u8]| login_in(body, Kind::Form);
    assert_eq!(
        form(b"a=b&u[email]=a%40b&u[password]=x"),
        Some(b"a@b".to_vec())
    );
    assert_eq!(form(b"link=ftp://bob:x@h/"), None);
    let json = login_in_json;
    assert_eq!(
        json(br#"{"username":"bob","password":"x"}"#),
        Some(&b"bob"[..])
    );
    assert_eq!(json(br#"{"username":"bob","password":""}"#), None);
}

/// A megabyte of what is looked at most takes a moment.
#[test]
fn long_ones_take_no_longer() {
    for piece in [
        "a://b:c/",
        "?user=",
        "password=;",
        ";",
        "://",
        "%25",
        "a:b@",
        "?pwd=x",
        "%3A%2F%2F",
    ] {
        let mut uri = piece.repeat((1 << 20) / piece.len());
        let _ = shown(&uri);
        uri.push('@');
        let _ = shown(&uri);
        let _ = login_in(uri.as_bytes(), Kind::Form);
    }
}

proptest! {
    // Without what is coded twice, which may stand for the end of another password once the first is gone.
    #[test]
    fn masked_once_is_masked(uri in "([?&;#=:/@]|%3[aAdD]|%26|://|user|pass|password|[a-z0-9.]){0,24}") {
        let once = shown(&uri);
        prop_assert_eq!(shown(&once), once);
    }

    #[test]
    fn bytes_never_panic(uri in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = masked(&uri);
        let _ = masked_line(&uri);
        let _ = login_in_target(b"CONNECT", &uri);
    }
}
