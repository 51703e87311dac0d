//! How mixed the letters of a text are.

use std::collections::BTreeMap;

use super::scalar::{Help, Make, TextDef};

pub(crate) static ENTROPY: TextDef = TextDef {
    help: Help {
        name: "entropy",
        call: "entropy(text)",
        doc: "Shannon's entropy of a text's characters in bits per character: 0 where all are the same, about 4 for random letters. Names made by programs stand out.",
    },
    make: Make::Number(|text| Some(entropy(text))),
    check: None,
};

/// Shannon, A Mathematical Theory of Communication (1948), section 6.
fn entropy(text: &str) -> f64 {
    // An ordered map: sums of floats depend on the order of the terms.
    let mut counts: BTreeMap<char, u32> = BTreeMap::new();
    let mut all = 0_u32;
    for letter in text.chars() {
        *counts.entry(letter).or_default() += 1;
        all += 1;
    }
    counts
        .values()
        .map(|&count| {
            let share = f64::from(count) / f64::from(all);
            -share * share.log2()
        })
        .sum::<f64>()
        // -0.0 of one letter alone.
        .max(0.0)
}

#[cfg(test)]
mod tests {
    use super::entropy;

    #[test]
    fn by_hand() {
        for (text, bits) in [
            ("", 0.0),
            ("aaaa", 0.0),
            ("abab", 1.0),
            ("abcd", 2.0),
            ("aab", 0.918_295_834_054_489_6),
            ("ää€€", 1.0),
        ] {
            assert!((entropy(text) - bits).abs() < 1e-12, "{text}");
            assert!(entropy(text).is_sign_positive());
        }
    }

    proptest::proptest! {
        #[test]
        fn within_bounds(text in ".{1,200}") {
            let letters = text.chars().count() as f64;
            assert!((0.0..=letters.log2() + 1e-9).contains(&entropy(&text)));
        }
    }
}
