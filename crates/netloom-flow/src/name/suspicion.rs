//! Names that are not what they seem: made by machines, written in several alphabets, or below
//! top-level domains of ill repute.

use netloom_decode::app::tls::made_up_label;

use super::apps::is_known;
use super::registrable_domain;

/// How surprising a letter is behind another, in bits, at most 9: row by the first letter, column
/// by the second. Counted over this program's own documents and its table of products (about
/// 13,000 words), half a count added to each pair.
#[rustfmt::skip]
const SURPRISE: [[u8; 26]; 26] = [
    *b"85449658596443849343667856",
    *b"37683978369386369457497849",
    *b"39643893594478269454699979",
    *b"46652658387663469537578969",
    *b"46435679698563758234757579",
    *b"47674499299388389463597869",
    *b"48682975499356289445589988",
    *b"27762999399768278565598969",
    *b"56355658997442459543859697",
    *b"38752888388886357837485888",
    *b"37562767399684669635577859",
    *b"38752789397488389956589859",
    *b"25672869399657449846589869",
    *b"48433638596685479833678969",
    *b"66557549796543459344464799",
    *b"37563886497376339344579979",
    *b"97599999599365764965176997",
    *b"37552769496756379644568959",
    *b"49572784495666447742477969",
    *b"37572783399678469445486959",
    *b"54645869599443759333999877",
    *b"39781987297676559767799789",
    *b"38763883399674379537787889",
    *b"35464895399557639952567659",
    *b"36474687499554438733686897",
    *b"49862988498775278848478974",
];

/// Whether a name looks made by a machine: its registered label is long and its letters follow
/// each other as in no language and in no common name.
///
/// Conservative: a known product's name never is, nor what has a hyphen (generated names have
/// none, and words run together there), nor anything shorter than ten letters and digits.
///
/// ```
/// use netloom_flow::name::dga_score;
/// assert!(dga_score("www.q4cyamnc6mtokjurvdclt.com"));
/// assert!(!dga_score("www.worldofwarcraft.com"));
/// ```
pub fn dga_score(name: &str) -> bool {
    let Some(domain) = registrable_domain(name) else {
        return false;
    };
    let Some((label, _)) = domain.split_once('.') else {
        return false;
    };
    looks_random(label) && !is_known(name)
}

fn looks_random(label: &str) -> bool {
    let label = label.as_bytes();
    if !(10..=63).contains(&label.len()) || !label.iter().all(u8::is_ascii_alphanumeric) {
        return false;
    }
    let (mut pairs, mut sum, mut changes) = (0_u32, 0_u32, 0);
    for pair in label.windows(2) {
        let (first, second) = (pair[0], pair[1]);
        if first.is_ascii_digit() != second.is_ascii_digit() {
            changes += 1;
        }
        if let (Some(row), Some(column)) = (letter(first), letter(second)) {
            pairs += 1;
            sum += u32::from(SURPRISE[row][column] - b'0');
        }
    }
    let digits = label.iter().filter(|byte| byte.is_ascii_digit()).count();
    if pairs < 5 || digits * 2 > label.len() {
        return false;
    }
    // Tenths of a bit for a pair. Words and names have 2 to 4.5; random letters about 6.
    let mean = sum * 10 / pairs;
    match label.len() {
        10 | 11 => mean >= 60,
        _ if changes >= 4 => mean >= 48,
        // Polish names reach 54.
        _ if changes == 0 => mean >= 60,
        _ => mean >= 54,
    }
}

fn letter(byte: u8) -> Option<usize> {
    byte.is_ascii_alphabetic()
        .then(|| usize::from(byte.to_ascii_lowercase() - b'a'))
}

/// Whether a name has the form of those that Tor's clients and relays put into their TLS
/// handshakes: `www.`, then 4 to 25 letters and digits of base 32, then `.com` or `.net`, and
/// looks random.
///
/// ```
/// use netloom_flow::name::is_tor_name;
/// assert!(is_tor_name("www.q4cyamnc6mtokjurvdclt.com"));
/// assert!(!is_tor_name("www.wikipedia.com"));
/// ```
pub fn is_tor_name(name: &str) -> bool {
    let label = [".com", ".net"].into_iter().find_map(|suffix| {
        made_up_label(name.as_bytes(), suffix.as_bytes())
            .and_then(|label| str::from_utf8(label).ok())
    });
    label.is_some_and(|label| {
        (4..=25).contains(&label.len()) && looks_random(label) && !is_known(name)
    })
}

/// Whether a label in punycode mixes alphabets, or is written in letters of another one that all
/// look Latin: what imitates a name in Latin letters.
///
/// ```
/// use netloom_flow::name::is_homograph;
/// assert!(is_homograph("xn--pple-43d.com")); // a Cyrillic a before pple
/// assert!(!is_homograph("xn--mnchen-3ya.de")); // with an umlaut
/// ```
pub fn is_homograph(name: &str) -> bool {
    // Most names have no hyphen at all.
    if !name.as_bytes().contains(&b'-') {
        return false;
    }
    name.split('.').take(16).any(|label| {
        label
            .get(..4)
            .is_some_and(|prefix| prefix.eq_ignore_ascii_case("xn--"))
            && label
                .get(4..)
                .and_then(punycode)
                .is_some_and(|letters| imitates(&letters))
    })
}

#[derive(PartialEq, Clone, Copy)]
enum Script {
    Latin,
    Greek,
    Cyrillic,
    Other,
}

fn script(letter: char) -> Option<Script> {
    Some(match letter {
        'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => Script::Latin,
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Script::Greek,
        '\u{400}'..='\u{52f}' => Script::Cyrillic,
        _ if letter.is_alphabetic() => Script::Other,
        _ => return None,
    })
}

/// Cyrillic and Greek letters that cannot be told from Latin ones.
const LATIN_LOOKS: &str = "аеорсухіјѕһԁԛԝӏαονικρτυχ";

fn imitates(letters: &[char]) -> bool {
    let scripts: Vec<Script> = letters.iter().copied().filter_map(script).collect();
    let has = |script| scripts.contains(&script);
    let foreign = has(Script::Cyrillic) || has(Script::Greek);
    foreign
        && (has(Script::Latin)
            || has(Script::Cyrillic) && has(Script::Greek)
            || letters
                .iter()
                .filter(|letter| letter.is_alphabetic())
                .all(|letter| LATIN_LOOKS.contains(*letter)))
}

/// The letters of a label in punycode without its prefix (RFC 3492); `None` where it is none.
fn punycode(label: &str) -> Option<Vec<char>> {
    if label.len() > 59 || !label.is_ascii() {
        return None;
    }
    let (basic, extended) = label.rsplit_once('-').unwrap_or(("", label));
    let mut out: Vec<char> = basic.chars().collect();
    let (mut code, mut at, mut bias) = (128_u32, 0_u32, 72_u32);
    let mut digits = extended.bytes().peekable();
    while digits.peek().is_some() {
        let before = at;
        let mut weight = 1_u32;
        for base in (36..).step_by(36) {
            let digit = match digits.next()? {
                byte @ b'a'..=b'z' => u32::from(byte - b'a'),
                byte @ b'A'..=b'Z' => u32::from(byte - b'A'),
                byte @ b'0'..=b'9' => u32::from(byte - b'0') + 26,
                _ => return None,
            };
            at = at.checked_add(digit.checked_mul(weight)?)?;
            let threshold = u32::saturating_sub(base, bias).clamp(1, 26);
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(36 - threshold)?;
        }
        let length = out.len() as u32 + 1;
        bias = adapt(at - before, length, before == 0);
        code = code.checked_add(at / length)?;
        at %= length;
        out.insert(at as usize, char::from_u32(code)?);
        at += 1;
    }
    Some(out)
}

/// How the bias moves (RFC 3492, section 6.1).
fn adapt(delta: u32, length: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / length;
    let mut bias = 0;
    while delta > 455 {
        delta /= 35;
        bias += 36;
    }
    bias + 36 * delta / (delta + 38)
}

/// Top-level domains where abuse is far more common than elsewhere: given away for nothing or
/// nearly so, or confusable with names of files.
const RISKY_TLDS: [&str; 38] = [
    "bar", "beauty", "bid", "bond", "buzz", "cam", "cf", "cfd", "click", "country", "cyou", "date",
    "download", "fit", "ga", "gdn", "gq", "hair", "icu", "kim", "link", "loan", "men", "ml", "mom",
    "monster", "mov", "party", "pw", "quest", "racing", "rest", "sbs", "stream", "tk", "top",
    "work", "zip",
];

/// The same as numbers: every name that DNS is asked for is compared with all of them.
static RISKY_WORDS: [u64; RISKY_TLDS.len()] = {
    let mut words = [0; RISKY_TLDS.len()];
    let mut at = 0;
    while at < words.len() {
        words[at] = word(RISKY_TLDS[at].as_bytes());
        at += 1;
    }
    words
};

/// Up to eight letters as one number, whatever their case.
const fn word(letters: &[u8]) -> u64 {
    let (mut number, mut at) = (0, 0);
    while at < letters.len() {
        number = number << 8 | letters[at].to_ascii_lowercase() as u64;
        at += 1;
    }
    number
}

/// Whether a name stands below a top-level domain of ill repute, and is no product that is known.
///
/// ```
/// use netloom_flow::name::is_risky_domain;
/// assert!(is_risky_domain("login.example.tk"));
/// assert!(!is_risky_domain("example.org"));
/// ```
pub fn is_risky_domain(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let Some(dot) = name.bytes().rposition(|byte| byte == b'.') else {
        return false;
    };
    let top = name.as_bytes().get(dot + 1..).unwrap_or_default();
    dot > 0 && top.len() <= 8 && RISKY_WORDS.contains(&word(top)) && !is_known(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_made_by_machines() {
        for name in [
            "www.gfu7hbxpfpq.com",
            "www.6gyip7tqim7sieb.com",
            "xjqkzvwpfhgtrb.net",
            "kq3v9z7xwp2jfhd.biz",
        ] {
            assert!(dga_score(name), "{name}");
        }
        for name in [
            "www.facebook.com",
            "r3---sn-4g5e6nsk.googlevideo.com",
            "stc.iqiyipic.com",
            "lastfm.freetls.fastly.net",
            "www.donaudampfschifffahrt.de",
            "schwarzwaldmilch.de",
            "d1a2b3c4d5e6f7.cloudfront.net",
            "newyorktimes.com",
            "rechtsschutzversicherung.at",
            "krzysztofszymanski.pl",
            "xn--mnich-kva.com",
            "1234567890123.com",
            "localhost",
        ] {
            assert!(!dga_score(name), "{name}");
        }
    }

    #[test]
    fn alphabets() {
        assert_eq!(
            punycode("mnchen-3ya").map(|letters| letters.into_iter().collect::<String>()),
            Some("münchen".to_owned())
        );
        assert!(is_homograph("www.xn--80ak6aa92e.com")); // apple, all Cyrillic
        assert!(!is_homograph("xn--80aswg.xn--p1ai")); // a site in Russian
        assert!(!is_homograph("xn--fiqs8s"));
        assert!(!is_homograph("xn--"));
        assert!(!is_homograph("example.com"));
    }

    #[test]
    fn top_level_domains() {
        assert!(RISKY_TLDS.is_sorted());
        assert!(is_risky_domain("x.TK."));
        assert!(!is_risky_domain("tk"));
        assert!(!is_risky_domain(".tk"));
    }

    #[test]
    fn anything_goes() {
        proptest::proptest!(|(name in ".{0,100}", label in "xn--[a-z0-9-]{0,60}")| {
            for name in [&name, &label] {
                dga_score(name);
                is_tor_name(name);
                is_homograph(name);
                is_risky_domain(name);
            }
        });
    }
}
