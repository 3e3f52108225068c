mod pcre2;

use super::{Groups, LimitExceeded, Pattern, PatternErrorKind, recent};
use crate::Waf;
use crate::random::Random;

fn groups(pattern: &str, input: &[u8]) -> Option<Vec<Option<String>>> {
    let compiled = Pattern::new(pattern.as_bytes()).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    let found: Option<Groups> = compiled.find_at(input, 0).expect("within the limit");
    assert_eq!(compiled.is_match(input), Ok(found.is_some()), "{pattern}");
    if found.is_some() {
        assert!(compiled.requirement().is_satisfied_by(input), "{pattern}: {:?}", compiled.requirement());
    }
    let found = found?;
    let used = found.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    let text = |range: &Option<(usize, usize)>| range.map(|(a, b)| input[a..b].escape_ascii().to_string());
    Some(found[..used].iter().map(text).collect())
}

type Case = (&'static str, &'static [u8], Option<&'static [&'static str]>);

/// Pattern, input, the whole match and its groups (`-`: took no part), or nothing. From `pcrepattern(3)` and PCRE's
/// own behaviour (`pcre2test`, options `dotall,multiline`).
const CASES: &[Case] = &[
    ("a.c", b"a\nc", Some(&["a\\nc"])),
    ("(?-s)a.c", b"a\nc", None),
    (r"a\Nc", b"a\nc", None),
    ("(?i)ABC", b"xabcx", Some(&["abc"])),
    ("(?i)[^k]", b"K", None),
    ("a(?i)b|c", b"C", Some(&["C"])),
    ("a(?i:b)c", b"aBc", Some(&["aBc"])),
    ("a(?i:b)c", b"aBC", None),
    ("^b", b"a\nb", Some(&["b"])),
    ("(?-m)^b", b"a\nb", None),
    ("a$", b"a\nb", Some(&["a"])),
    ("^$", b"a\n", None),
    ("^$", b"a\n\n", Some(&[""])),
    ("^$", b"", Some(&[""])),
    (r"a\Z", b"a\n", Some(&["a"])),
    (r"a\z", b"a\n", None),
    ("(?-m)a$", b"a\n", Some(&["a"])),
    ("(?-m)a$", b"a\nb", None),
    (r"\x{ff}", b"\xff", Some(&["\\xff"])),
    (r"[\x7f-\x{ff}]+", b"a\x80\xff", Some(&["\\x80\\xff"])),
    (r"\x4", b"\x04", Some(&["\\x04"])),
    (r"\0a\01\012", b"\0a\x01\n", Some(&["\\x00a\\x01\\n"])),
    (r"\e\cA\a", b"\x1b\x01\x07", Some(&["\\x1b\\x01\\x07"])),
    (r"\h+\v", b"a \t\xa0\n", Some(&[" \\t\\xa0\\n"])),
    (r"a\Rb", b"a\r\nb", Some(&["a\\r\\nb"])),
    (r"a\R\n", b"a\r\n", None),
    (r"\w+", b"\xe9caf\xe9", Some(&["caf"])),
    (r"\bb\b", b"\xe9b\xe9", Some(&["b"])),
    (r"[]a]+", b"x]a", Some(&["]a"])),
    (r"[^]a]+", b"]ax", Some(&["x"])),
    (r"[a\-z]+", b"b-z", Some(&["-z"])),
    (r"[\d-z]+", b"a1-z", Some(&["1-z"])),
    (r"[[:alpha:]_]+", b"1a_B2", Some(&["a_B"])),
    (r"[[:^digit:]]+", b"1ab2", Some(&["ab"])),
    (r"[\b]", b"\x08", Some(&["\\x08"])),
    (r"[a-f&&e]+", b"x&e", Some(&["&e"])),
    (r"\Qa.b\E+", b"a.bbb", Some(&["a.bbb"])),
    ("a{2,3}", b"aaaa", Some(&["aaa"])),
    ("a{,3}", b"a{,3}", Some(&["a{,3}"])),
    ("a{2", b"a{2", Some(&["a{2"])),
    ("(?x) a b # comment\n c", b"abc", Some(&["abc"])),
    ("(?U)a+", b"aaa", Some(&["a"])),
    ("(?U)a+?", b"aaa", Some(&["aaa"])),
    ("(a)|(b)", b"b", Some(&["b", "-", "b"])),
    ("(?<year>\\d+)-(?P<m>\\d+)", b"2024-05", Some(&["2024-05", "2024", "05"])),
    ("a(?#comment)b", b"ab", Some(&["ab"])),
    ("a(?#comment)+b", b"aab", Some(&["aab"])),
    (r"x\Q\Ea\E+b", b"xaab", Some(&["xaab"])),
    (r"(?:^)?(?:\b)*(?:$)?a", b"a", Some(&["a"])),
    // Backtracking only.
    (r"<\?(?!xml)", b"<?php", Some(&["<?"])),
    (r"<\?(?!xml)", b"<?xml", None),
    (r"\d+(?=px)", b"10em 20px", Some(&["20"])),
    (r"(?<=\$)\d+", b"7 $12", Some(&["12"])),
    (r"(?<!a|bc)d", b"ad bcd xd", Some(&["d"])),
    (r"(?<=a|bc)d", b"d bcd", Some(&["d"])),
    (r#"(['"])[^'"]*\1"#, b"'a\" \"b\"", Some(&["\\\" \\\"", "\\\""])),
    (r"(?i)(ab)\1", b"abAB", Some(&["abAB", "ab"])),
    (r"(a+)\g{-1}b", b"aaaab", Some(&["aaaab", "aa"])),
    (r"(?P<q>x)(?P=q)\k<q>", b"xxx", Some(&["xxx", "x"])),
    (r"(?>a+)ab", b"aaab", None),
    (r"a++b", b"aaab", Some(&["aaab"])),
    (r"a++ab", b"aaab", None),
    (r"\s*+:\s*+(.*)$", b"x : y", Some(&[" : y", "y"])),
    (r"(?:ab?)*+b", b"abab", Some(&["b"])),
    (r"(a*)*(?=b)", b"aab", Some(&["aa", "-"])),
    (r"(?:a|ab)(?=c)c", b"abc", Some(&["abc"])),
    (r"(\w)(?!\1)\w", b"aab", Some(&["ab", "a"])),
    (r"(?=(\w+))\1:", b"abc:", Some(&["abc:", "abc"])),
    (r"((?:x|y){2,}?)(?!x)", b"xyxz", Some(&["xyx", "xyx"])),
];

#[test]
fn matches_like_pcre() {
    for (pattern, input, expected) in CASES {
        let found = groups(pattern, input);
        let found: Option<Vec<&str>> =
            found.as_ref().map(|all| all.iter().map(|group| group.as_deref().unwrap_or("-")).collect());
        // How many empty turns of a loop a group remembers is not part of what is promised.
        if *pattern == r"(a*)*(?=b)" {
            assert_eq!(found.map(|all| all[0].to_owned()), Some("aa".to_owned()));
            continue;
        }
        assert_eq!(found.as_deref(), *expected, "/{pattern}/ on {}", input.escape_ascii());
    }
}

#[test]
fn the_two_engines_agree() {
    // An empty look-ahead changes nothing but forces the backtracking matcher.
    for (pattern, input, _) in CASES {
        if pattern.contains("(?x)") {
            continue;
        }
        let forced = format!("(?:{pattern})(?=)");
        assert_eq!(groups(pattern, input), groups(&forced, input), "/{pattern}/ on {}", input.escape_ascii());
    }
}

/// What a search has tried in vain it does not try again, which changes nothing. An empty look-ahead has it remember nothing.
#[test]
fn what_was_tried_in_vain_is_remembered_rightly() {
    const LOOPS: [&str; 12] = [
        "a*",
        "a*?",
        "[ab]*",
        "[ab]*?",
        ".*",
        ".*?",
        ".+",
        "[ab]{1,4}",
        "[ab]{1,4}?",
        ".{0,3}?",
        "b{2,}",
        "a{2,}?",
    ];
    const OTHERS: [&str; 6] = ["a", "b", "c", r"\b", "^", "$"];
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut matches = 0;
    for _ in 0..4_000 {
        let mut open = 0;
        let mut pattern = String::new();
        for _ in 0..2 + random.below(8) {
            match random.below(9) {
                0 if open < 2 => {
                    open += 1;
                    pattern += ["(", "(?:"][random.below(2)];
                }
                1 if open > 0 => {
                    open -= 1;
                    pattern += [")", ")*", ")*?", ")?", "){1,3}?"][random.below(5)];
                }
                2 if open > 0 => pattern += "|",
                3..6 => pattern += OTHERS[random.below(6)],
                _ => pattern += LOOPS[random.below(12)],
            }
        }
        pattern += &")".repeat(open);
        let [regular, forced] = [pattern.clone(), format!("(?:{pattern})(?=)")]
            .map(|text| Pattern::new(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}")));
        for _ in 0..4 {
            let input: Vec<u8> = (0..random.below(14)).map(|_| b"aaabbc\n "[random.below(8)]).collect();
            // It may take too long without.
            let Ok(expected) = forced.find_at(&input, 0) else { continue };
            assert_eq!(regular.find_at(&input, 0), Ok(expected), "/{pattern}/ on {}", input.escape_ascii());
            matches += u32::from(expected.is_some());
        }
    }
    assert!((4_000..15_000).contains(&matches), "{matches}");
}

/// What a pattern was asked about before another was asked is not what it was asked about last.
#[test]
fn what_another_pattern_was_asked_is_not_shared() {
    let [cat, other] = [r"\bcat\b.*;", "select"].map(|text| Pattern::new(text.as_bytes()).expect(text));
    let text = |start: &str, end: &str| [start, &" a-long-key.".repeat(30), end].concat().into_bytes();
    assert_eq!(cat.is_match(&text("bat", "1")), Ok(false));
    assert_eq!(cat.is_match(&text("bat", "2")), Ok(false));
    assert_eq!(other.is_match(&text("cat", "1")), Ok(false));
    assert_eq!(cat.is_match(&text("cat", ";")), Ok(true));
}

/// Long inputs that begin alike, of which patterns are asked in turn, and of some twice.
#[test]
fn what_was_asked_last_is_not_mistaken() {
    const PATTERNS: [&str; 3] = ["(?i)union.{1,100}?select", r"^[^;]+$", r"\bcat\b.*;"];
    const PIECES: [&str; 7] = ["union", "select", ";", "cat ", "x", "-", "key."];
    let patterns = PATTERNS.map(|pattern| Pattern::new(pattern.as_bytes()).expect(pattern));
    // Only the start of the second one says whether there was a `cat`.
    let beginnings = [("", "a-long-key."), ("cat ", "another-key.")];
    let beginnings = beginnings.map(|(start, text)| [start, &text.repeat(30)].concat());
    let mut random = 1_usize;
    let mut below = |bound: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % bound
    };
    let mut matches = 0;
    for _ in 0..400 {
        let beginning = &beginnings[below(2)];
        let length = beginning.len() - below(2) * below(beginning.len());
        let known: String = beginning.chars().take(length).collect();
        let rest: String = (0..below(8)).map(|_| PIECES[below(PIECES.len())]).collect();
        let input = format!("{known}{rest}");
        for _ in 0..2 {
            let (pattern, text) = patterns.iter().zip(PATTERNS).nth(below(3)).expect("one of three");
            let fresh = Pattern::new(text.as_bytes()).expect(text).is_match(input.as_bytes());
            assert_eq!(pattern.is_match(input.as_bytes()), fresh, "{text} in {input}");
            matches += u32::from(fresh == Ok(true));
        }
    }
    assert!((200..600).contains(&matches), "{matches}");
}

#[test]
fn refuses_with_the_place() {
    const CASES: &[(&str, usize, PatternErrorKind)] = &[
        ("a(b", 3, PatternErrorKind::UnclosedGroup),
        ("ab)", 2, PatternErrorKind::UnopenedGroup),
        ("[ab", 3, PatternErrorKind::UnclosedClass),
        ("[b-a]", 4, PatternErrorKind::RangeOrder),
        ("*a", 0, PatternErrorKind::NothingToRepeat),
        ("a**", 2, PatternErrorKind::NothingToRepeat),
        (r"\b+", 2, PatternErrorKind::NothingToRepeat),
        ("(?i){2}", 4, PatternErrorKind::NothingToRepeat),
        (r"\u0041", 2, PatternErrorKind::BadEscape),
        ("a{3,2}", 1, PatternErrorKind::QuantifierOrder),
        ("a{70000}", 1, PatternErrorKind::QuantifierTooLarge),
        ("a\\", 2, PatternErrorKind::TrailingBackslash),
        (r"\x{100}", 7, PatternErrorKind::BadEscape),
        (r"(a)\2", 5, PatternErrorKind::UnknownGroup),
        ("[[:foo:]]", 1, PatternErrorKind::UnknownPosixClass),
        ("(?y)", 2, PatternErrorKind::UnknownGroupSyntax),
        ("(?<=a+)b", 0, PatternErrorKind::LookBehindLength),
        ("(?R)", 2, PatternErrorKind::Unsupported("a recursive pattern")),
        (r"\p{L}", 1, PatternErrorKind::Unsupported("\\p")),
        ("(*UTF8)a", 1, PatternErrorKind::Unsupported("a verb")),
        ("(?:ab){60000}(?=b)", 0, PatternErrorKind::TooLarge),
    ];
    for (pattern, offset, kind) in CASES {
        let error = Pattern::new(pattern.as_bytes()).map(|_| ()).expect_err(pattern);
        assert_eq!((error.offset, &error.kind), (*offset, kind), "{pattern}");
    }
    assert_eq!(
        Pattern::new("(".repeat(100_000).as_bytes()).map(|_| ()).map_err(|error| error.kind),
        Err(PatternErrorKind::NestedTooDeeply)
    );
}

#[test]
fn runaway_patterns_are_given_up() {
    let pattern = Pattern::new(b"(?=(a+)+$)(a+)+$").expect("a pattern");
    let input = [b"a".repeat(60), b"b".to_vec()].concat();
    assert_eq!(pattern.is_match(&input), Err(LimitExceeded));
    let pattern = Pattern::new(b"(?:.|.)*x(?=y)").expect("a pattern");
    assert_eq!(pattern.is_match(&vec![b'a'; 1 << 20]), Err(LimitExceeded));
}

#[test]
fn a_phase_knows_nothing_of_the_inputs_before_it() {
    let waf = Waf::from_text(b"SecRuleEngine On").expect("a rule set");
    let input = [b'a'; 64];
    let shared = || recent::shared(7, &input, 32);
    assert_eq!([shared(), shared()], [Some(0), Some(64)]);
    assert_eq!(waf.transaction().process_request_headers(), None);
    assert_eq!(shared(), Some(0));
}

#[test]
fn required_literals() {
    const CASES: &[(&str, &[&str], usize)] = &[
        ("union.*select", &["select"], 11),
        ("(?i)UNION|Select", &["select", "union"], 5),
        ("[ab]c", &["ac", "bc"], 2),
        ("ab?c", &["abc", "ac"], 2),
        ("x(?:ab|cd)y", &["xaby", "xcdy"], 4),
        ("a*", &[], 0),
        ("(?:foo)?bar", &["bar", "foobar"], 3),
        ("(?:foo){2,}", &["foofoo"], 6),
        (r"\d+", &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], 1),
        ("(?!evil)good", &["good"], 4),
        (r#"s["^]*e["^]*t"#, &["\\\"", "^", "set"], 3),
        ("(?:j|&#0*74;)(?:a|&#0*65;)", &["#", "ja"], 2),
        ("(?:e|[a-z]+!)x", &["!", "ex"], 2),
        // What is optional is kept, where that is rarer by far.
        (r"x\.?y", &["x.y", "xy"], 2),
        (r"x\\?y", &["\\\\", "xy"], 2),
        ("^$", &[], 0),
    ];
    for (pattern, literals, length) in CASES {
        let requirement = Pattern::new(pattern.as_bytes()).expect(pattern).requirement();
        let found: Vec<_> = requirement.literals.iter().map(|l| l.escape_ascii().to_string()).collect();
        assert_eq!(found, *literals, "{pattern}");
        assert_eq!(requirement.min_length, *length, "{pattern}");
    }
    // More than a sequence is joined of: what stands where two of its parts meet.
    let requirement = Pattern::new(b"x*[!-0][!-0]y*").expect("a pattern").requirement();
    assert_eq!(requirement.literals.len(), 256);
    assert!(requirement.literals.iter().all(|literal| literal.len() == 2));
}
