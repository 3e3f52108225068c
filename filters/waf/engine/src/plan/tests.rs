use super::{PrefilterBuilder, Scanned, Scope, Scopes, Settled};
use crate::operators::Operator;
use crate::random::Random;

const OPERATORS: &[(&str, &str)] = &[
    ("rx", "(?i)union.+select"),
    ("rx", "^$"),
    ("rx", "^[\\d.]+(?::\\d+)?$"),
    ("rx", "(?i)^(?:[a-f0-9]{2}|x)$|^$"),
    ("rx", "s[\"'^]*e[\"'^]*t"),
    ("rx", "[<>;]"),
    ("rx", "^[A-Z]+$"),
    ("rx", "\\bor\\b.*="),
    ("pm", "union <script a/../b or"),
    ("contains", "AbC"),
    ("streq", "get"),
    ("beginsWith", "/a"),
    ("validateByteRange", "32-126"),
    ("detectSQLi", ""),
    ("detectXSS", ""),
];

/// A value that an operator matches has its bit, whatever the value's case; and where it looks at responses alone, if the value
/// is of one.
#[test]
fn no_match_is_lost() {
    let operators: Vec<Operator> = OPERATORS
        .iter()
        .map(|(name, argument)| Operator::compile(name, argument.as_bytes(), &()).unwrap())
        .collect();
    let mut builder = PrefilterBuilder::default();
    // By turns one for both, one for requests, one for responses.
    let looks_at = |number: usize, scope| number % 3 != if scope == Scope::Request { 2 } else { 1 };
    let add = |(number, operator): (usize, &Operator)| {
        let mut scopes = Scopes::default();
        [Scope::Request, Scope::Response]
            .into_iter()
            .filter(|scope| looks_at(number, *scope))
            .for_each(|scope| scopes.insert(scope));
        builder.add(&operator.requirement(), scopes)
    };
    let checks: Vec<_> = operators.iter().enumerate().map(add).collect();
    let prefilter = builder.build().unwrap();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut next = |bound| random.below(bound);
    const PIECES: &[&[u8]] = &[
        b"union", b" ", b"select", b"\n", b"1", b".", b":80", b"ab", b"X", b"s", b"e", b"t", b"'", b"\"",
        b"<", b"=", b"or", b"<script", b"a/../b", b"abc", b"get", b"/a", b"\0", b"\xff", b"0b1", b"--", b"#",
        b"f0", b"^", b";", b"(", b")",
    ];
    let (mut matches, mut ruled_out) = (0, 0);
    let mut settled = Settled::default();
    for _ in 0..40_000 {
        let mut value: Vec<u8> = (0..next(6)).flat_map(|_| PIECES[next(PIECES.len())]).copied().collect();
        for byte in &mut value {
            if next(4) == 0 {
                byte.make_ascii_uppercase();
            }
        }
        let scope = if next(2) == 0 { Scope::Response } else { Scope::Request };
        let scan = |value: &[u8], settled: Option<&mut Settled>| {
            let mut words = Vec::new();
            let scanned = Scanned::Whole { bytes: value, start: 0, hits: &mut Vec::new() };
            prefilter.scan(scanned, scope, prefilter.profile(value, scope), settled, &mut words);
            words
        };
        let words = scan(&value, None);
        // What others have told, and what is told then.
        assert_eq!(words, scan(&value, Some(&mut settled)), "{value:?}");
        assert_eq!(words, scan(&value, Some(&mut settled)), "{value:?}");
        assert_eq!(words, scan(&value.to_ascii_lowercase(), None), "case matters in {value:?}");
        for (number, ((operator, check), (name, argument))) in
            operators.iter().zip(&checks).zip(OPERATORS).enumerate()
        {
            let Some(check) = check else { continue };
            if !looks_at(number, scope) {
                continue;
            }
            if operator.evaluate(&value, None) {
                matches += 1;
                assert!(check.is_in(&words), "@{name} {argument} matches {value:?}");
            } else if !check.is_in(&words) {
                ruled_out += 1;
            }
        }
    }
    assert!(checks.iter().all(Option::is_some), "nothing is looked at by the scan: {checks:?}");
    assert!(matches > 15_000 && ruled_out > 130_000, "{matches} matches, {ruled_out} ruled out");
}
