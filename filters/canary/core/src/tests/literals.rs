use crate::fields::FieldId;
use crate::patterns::{Anchoring, PatternSet, Patterns, Subject};
use sdk_shim_config::ConfigErrors;

const LISTS: [&[&str]; 8] = [
    &["iPhone", "iPad|Android", "(?i)googlebot", "Tester/7\\."],
    &["(?i)mobile|android", "wOrD.*(?:alpha|beta)+"],
    &["abcd", "bcda", "dcba", "aaaa"],
    &["a{4}", "(?:abab)+c?"],
    &["^Mozilla.*Safari/5", "Chrome/[0-9]+"],
    &["\\xff\\xfe\\xfd\\xfc", "[@`]abcd"],
    &["the longest of these literals, far longer than sixteen bytes"],
    &["[a-z]{9}", "x?y?z?"],
];

/// Patterns with literals are not asked where a value has none of these. That must not change what matches: here the same
/// patterns are asked beside one without a literal.
#[test]
fn literals_change_nothing_but_the_work() {
    let mut random = 1_u32;
    let mut next = move |below: usize| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) as usize % below
    };
    let (mut some, mut none) = (0, 0);
    for patterns in LISTS {
        let with = set(patterns);
        let without = set(&[patterns, &["(?s)."]].concat());
        let of_these = (1_u64 << patterns.len()) - 1;
        let pieces: Vec<Vec<u8>> = patterns
            .iter()
            .flat_map(|pattern| pattern.split(['|', '(', ')', '*', '+', '.', '\\', '/', '^']))
            .map(|piece| piece.as_bytes().to_vec())
            .chain([b"\xff\xfe\xfd\xfc".to_vec(), b"a".to_vec(), b"@ABCD".to_vec(), b"Safari/537".to_vec()])
            .collect();
        for _ in 0..4_000 {
            let mut value = Vec::new();
            for _ in 0..next(6) {
                let piece = &pieces[next(pieces.len())];
                let piece = &piece[..piece.len() - next(3).min(piece.len())];
                match next(4) {
                    0 => value.extend(piece.to_ascii_uppercase()),
                    1 => value.extend((0..next(9)).map(|_| b'a' + next(4) as u8)),
                    _ => value.extend(piece),
                }
            }
            let expected = without.matches(&value) & of_these;
            assert_eq!(
                with.matches(&value),
                expected,
                "{patterns:?} on {:?}",
                value.escape_ascii().to_string()
            );
            if expected == 0 { none += 1 } else { some += 1 }
        }
    }
    assert!(some > 5_000 && none > 5_000, "{some} with a match, {none} without");
}

fn set(patterns: &[&str]) -> PatternSet {
    let mut collected = Patterns::default();
    for pattern in patterns {
        collected.add(pattern, Anchoring::Anywhere, Subject::Header(FieldId(0))).unwrap();
    }
    collected.build(&mut ConfigErrors::default()).remove(0)
}

/// A set that has literals has one for each of its patterns.
#[test]
fn finds_the_literals_of_patterns() {
    let cases: &[(&[&str], &str, bool)] = &[
        (&["iPhone|iPad"], "an IPAD", true),
        (&["iPhone|iPad"], "an iPod", false),
        (&["(?i)googlebot"], "GoogleBot/2", true),
        (&["(?i)googlebot"], "goo-glebot", false),
        (&["v[0-9]+-canary"], "v7-canary", true),
        (&["v[0-9]+-canary"], "v7-stable", false),
        (&["(?:beta)+"], "alpha", false),
        // What may be missing counts for nothing, and two letters are everywhere.
        (&["(?:beta)?x"], "alpha", true),
        (&["beta", "v2"], "alpha", true),
        (&["beta", ".*"], "alpha", true),
    ];
    for (patterns, value, may_be_in) in cases {
        let hirs: Vec<_> = patterns.iter().map(|pattern| parse(pattern)).collect();
        let literals = crate::literals::Literals::of(&hirs.iter().collect::<Vec<_>>());
        let found = literals.is_none_or(|literals| literals.may_be_in(value.as_bytes()));
        assert_eq!(found, *may_be_in, "{patterns:?} in {value}");
    }
}

fn parse(pattern: &str) -> regex_syntax::hir::Hir {
    regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern).unwrap()
}
