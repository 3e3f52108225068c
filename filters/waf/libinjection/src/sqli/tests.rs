use std::iter::successors;

use super::fingerprint::Fingerprint;
use super::fold::Folded;
use super::tokenizer::{Dialect, Quote, Tokenizer};
use super::{bytes, in_any_context, is_joined, is_one_name, is_words, keywords, sqli};
use crate::tokens::{Kind, Token};

#[test]
fn fingerprints() {
    let cases: &[(&[u8], &str)] = &[
        (b"1 UNION SELECT 1", "1UE1"),
        (b"1/**/UNION/**/ALL/**/SELECT 1", "1UE1"),
        (b"x' OR '1'='1", "s&sos"),
        (b"x\" OR \"1\"=\"1", "s&sos"),
        (b"1 OR 1=1", "1&1"),
        (b"1; DROP TABLE users", "1;Tnn"),
        (b"1 AND sleep(5)", "1&f(1"),
        (b"1'; EXEC xp_cmdshell('dir')", "s;Tn("),
        (b"foo' + 'bar", "sos"),
        // Comments that databases read differently.
        (b"1 /*! OR 1=1 */", "X"),
        (b"1 /* /* */ OR 1=1", "X"),
        (b"{`` 1}", "X"),
        // `#` is a comment only to MySQL.
        (b"x' OR 1=1#", "s&1c"),
        // Two tokens are an attack only in some forms.
        (b"1--", "1c"),
        (b"1 --", "1c"),
        (b"1/**/union", "1U"),
        (b"x/*", "nc"),
        (b"x--sp_password", "nc"),
        (b"1 INTO OUTFILE 'x'", "1ks"),
    ];
    for (input, fingerprint) in cases {
        assert_eq!(
            sqli(input).map(|found| found.to_string()).as_deref(),
            Some(*fingerprint),
            "{}",
            input.escape_ascii()
        );
    }
}

#[test]
fn ordinary_input() {
    let cases: &[&[u8]] = &[
        b"",
        b"hello",
        b"select",
        b"1234",
        b"1union",
        b"1 union",
        b"O'Neil",
        b"Jane O'Neil and Tom O'Brien",
        b"rock 'n' roll",
        b"1234ABC--",
        b"some text -- with dashes",
        b"1 and 2",
        b"a -- b",
        b"C# and F#",
        b"2024-05-17T09:30:00Z",
        b"https://www.example.com/search?q=running+shoes&page=2&sort=price",
        b"\0\0\0",
        b"\xFF\xFE",
        b"'",
        b"\"",
        b"((((",
    ];
    for input in cases {
        assert_eq!(sqli(input), None, "{}", input.escape_ascii());
    }
}

#[test]
fn tokens() {
    use Kind::{Bareword, Colon, Comment, Dot, Evil, Function, Keyword, Number, Operator, Union, Variable};
    type Case<'a> = (&'a [u8], &'a [(Kind, &'a str)]);
    let cases: &[Case<'_>] = &[
        (b"select.1", &[(Kind::Expression, "select"), (Number, ".1")]),
        (b"a.b.c", &[(Bareword, "a.b.c")]),
        (b"union`x`", &[(Union, "union"), (Bareword, "x")]),
        (b"`sleep`(", &[(Function, "sleep"), (Kind::LeftParenthesis, "(")]),
        (
            b"x'0F' b'01' x'0g'",
            &[(Number, "x'0F'"), (Number, "b'01'"), (Bareword, "x"), (Kind::String, "0g")],
        ),
        (b"0x1F 0x 0b2", &[(Number, "0x1F"), (Bareword, "0x"), (Bareword, "0b"), (Number, "2")]),
        (b"1.5e+3d 1.e .", &[(Number, "1.5e+3d"), (Bareword, "1.e"), (Dot, ".")]),
        (b"1fUNION 1from", &[(Number, "1f"), (Union, "UNION"), (Number, "1"), (Keyword, "from")]),
        (
            b"$1,000.5 $$a$$ $t$b$t$ $x",
            &[
                (Number, "$1,000.5"),
                (Kind::String, "a"),
                (Kind::String, "b"),
                (Bareword, "$"),
                (Bareword, "x"),
            ],
        ),
        (b"@a @@b @`c` @", &[(Variable, "a"), (Variable, "b"), (Variable, "c"), (Variable, "")]),
        (
            b"q'[a'b]' nq'xcx' q'",
            &[(Kind::String, "a'b"), (Kind::String, "c"), (Bareword, "q"), (Kind::String, "")],
        ),
        (b"u&'a' n'b' e'c\\'d' ", &[(Kind::String, "a"), (Kind::String, "b"), (Kind::String, "c\\'d")]),
        (b"'a''b' 'c\\\\'", &[(Kind::String, "a''b"), (Kind::String, "c\\\\")]),
        (
            b"a<=>b!=c:d",
            &[
                (Bareword, "a"),
                (Operator, "<=>"),
                (Bareword, "b"),
                (Operator, "!="),
                (Bareword, "c"),
                (Colon, ":"),
                (Bareword, "d"),
            ],
        ),
        (b"/**//*!x*/", &[(Comment, "/**/"), (Evil, "/*!x*/")]),
        (b"[a b] c", &[(Bareword, "[a b]"), (Bareword, "c")]),
        (b"\\N \\x", &[(Number, "\\N"), (Kind::Backslash, "\\"), (Bareword, "x")]),
        (b"aaaaaaaaaabbbbbbbbbbccccccccccdddd", &[(Bareword, "aaaaaaaaaabbbbbbbbbbccccccccccd")]),
    ];
    for (input, expected) in cases {
        let found = Tokenizer::new(input, Quote::None, Dialect::Ansi).map(|token| (token.kind, token.text));
        let expected = expected.iter().map(|(kind, text)| (*kind, text.as_bytes()));
        assert!(found.clone().eq(expected), "{}: {:?}", input.escape_ascii(), found.collect::<Vec<_>>());
    }
}

#[test]
fn comments_by_dialect() {
    let kinds = |input, dialect| {
        Tokenizer::new(input, Quote::None, dialect)
            .map(|token| token.kind.letter())
            .map(char::from)
            .collect::<String>()
    };
    let cases: &[(&[u8], &str, &str)] = &[
        (b"1 # 2", "1o1", "1c"),
        (b"1 --2", "1c", "1oo1"),
        (b"1 -- 2", "1c", "1c"),
        (b"1 --", "1c", "1c"),
        (b"1 --\xA02", "1c", "1c"),
        (b"1 - -2", "1oo1", "1oo1"),
    ];
    for (input, ansi, mysql) in cases {
        assert_eq!(kinds(input, Dialect::Ansi), *ansi, "{}", input.escape_ascii());
        assert_eq!(kinds(input, Dialect::MySql), *mysql, "{}", input.escape_ascii());
    }
}

#[test]
fn quotes() {
    let first = |input, quote| Tokenizer::new(input, quote, Dialect::Ansi).next();
    let string = |text, open: u8, close: u8| {
        let (open, close) = (std::num::NonZeroU8::new(open), std::num::NonZeroU8::new(close));
        Some(Token { kind: Kind::String, text, open, close, sigils: 0 })
    };
    assert_eq!(first(b"'a'", Quote::None), string(b"a", b'\'', b'\''));
    assert_eq!(first(b"'a", Quote::None), string(b"a", b'\'', 0));
    assert_eq!(first(b"a'b", Quote::Single), string(b"a", 0, b'\''));
    assert_eq!(first(b"a'b", Quote::Double), string(b"a'b", 0, 0));
    assert_eq!(first(b"", Quote::Single), None);
}

#[test]
fn folding() {
    let cases: &[(&[u8], &str)] = &[
        (b"1+2-3*4", "1"),
        (b"a,b,c", "n"),
        (b"SELECT -1", "E1"),
        (b"((1))", "1)"),
        (b"user(1)", "n(1)"),
        (b"user()", "f()"),
        (b"1 IN (2)", "1"),
        (b"a' IN (2", "ns"),
        (b"'a' NOT IN (2) -- x", "so(1)"),
        (b"'a'::int", "s"),
        (b"db . `table`", "n"),
        (b"select . `a`", "En"),
        (b"x; IF (1)", "n;T(1"),
        (b"COLLATE a_b 1", "A1"),
        (b"1,-sin(1)", "1,f(1"),
        (b"\\%1", "1"),
        (b"{`` 1}", "{X"),
    ];
    for (input, expected) in cases {
        let folded = Folded::new(Tokenizer::new(input, Quote::None, Dialect::Ansi));
        let found: String = folded.tokens().map(|token| char::from(token.kind.letter())).collect();
        assert_eq!(found, *expected, "{}", input.escape_ascii());
    }
    let folded = Folded::new(Tokenizer::new(b"union/**/all Distinct", Quote::None, Dialect::Ansi));
    assert_eq!(folded.tokens().map(|token| token.text.to_vec()).collect::<Vec<_>>(), [b"union all Distinct"]);
}

#[test]
fn keywords_are_found_in_any_case() {
    let cases = [
        ("SELECT", Some(Kind::Expression)),
        ("sElEcT", Some(Kind::Expression)),
        ("group by", Some(Kind::Group)),
        ("IS NOT DISTINCT FROM", Some(Kind::Operator)),
        ("or", Some(Kind::LogicOperator)),
        ("_latin1", Some(Kind::SqlType)),
        ("utl_inaddr.get_host_address", Some(Kind::Function)),
        ("selec", None),
        ("selects", None),
        ("SELECT\0", None),
        ("group  by", None),
        ("@elect", None),
        ("s", None),
        ("", None),
    ];
    for (word, kind) in cases {
        assert_eq!(keywords::lookup(word.as_bytes()), kind, "{word}");
    }
}

#[test]
fn words_of_phrases_are_not_too_short() {
    let listed = super::keyword_list::GROUPS.iter().flat_map(|(_, words)| words.split(','));
    for phrase in listed.filter(|words| words.contains(' ')) {
        let shortest = phrase.split(' ').map(str::len).min();
        assert!(shortest >= Some(usize::from(keywords::SHORTEST_OF_PHRASE)), "{phrase}");
    }
}

#[test]
fn one_word_is_never_an_attack() {
    let pieces = [
        "select",
        "union",
        "or",
        "1",
        "23",
        "0x",
        "0X1f",
        "1e",
        "1e5",
        "f",
        "d",
        "u",
        "b",
        "_",
        "\u{e9}",
        "sleep",
        ".",
        ".",
        "json",
        "array_",
        "e",
        "n",
        "q",
        "x",
        "int",
        "utl_inaddr.get_host_address",
        "`",
        "$",
    ];
    let mut random = numbers(1);
    let mut names = 0;
    for _ in 0..20_000 {
        let count = random.next().unwrap_or(0) % 7;
        let word: String =
            (0..count).map(|_| pieces[random.next().unwrap_or(0) as usize % pieces.len()]).collect();
        let is_name = is_one_name(word.as_bytes());
        names += usize::from(is_name && word.contains('.'));
        if is_name || bytes::is_one_word(word.as_bytes()) {
            assert_eq!(in_any_context(word.as_bytes(), &mut Folded::new), None, "{word}");
        }
    }
    assert!(names > 500, "{names} names");
}

/// What is taken for operands with dashes between them is no attack the long way, either: all that can be made of a few
/// pieces, and some that are longer.
#[test]
fn joined_operands_are_no_attack() {
    let pieces = [
        "a", "SKU", "1", "0", "12", ".", "-", "_", "e", "x", "b", "d", "f", "n", "q", "u", "select", "or",
        "union", "in", "is", "not", "user", "like", "int", "group", "b1", "x41", "1e5", "0x1",
    ];
    let mut joined = 0;
    let mut check = |input: &str| {
        if is_joined(input.as_bytes()) {
            joined += usize::from(input.contains(['-', '.']));
            assert_eq!(in_any_context(input.as_bytes(), &mut Folded::new), None, "{input}");
        }
    };
    for a in pieces {
        for b in pieces {
            for c in pieces {
                check(&[a, b, c].concat());
                for d in ["", "-", "1", "a", "or", "."] {
                    check(&[a, "-", b, d, c].concat());
                }
            }
        }
    }
    let mut random = numbers(3);
    let mut piece = || pieces[random.next().unwrap_or(0) as usize % pieces.len()];
    for _ in 0..60_000 {
        check(&[piece(), "-", piece(), piece(), "-", piece(), "-", piece(), "-", piece(), piece()].concat());
    }
    assert!(joined > 20_000, "{joined}");
}

#[test]
fn words_and_numbers_with_blanks_are_no_attack() {
    let pieces = [
        "a",
        "n",
        "x",
        "q",
        "nq",
        "e1",
        "b01",
        "wooden",
        "Chair",
        "to",
        "the",
        "group",
        "order",
        "by",
        "union",
        "all",
        "select",
        "not",
        "in",
        "like",
        "is",
        "current",
        "date",
        "user",
        "into",
        "outfile",
        "or",
        "and",
        "div",
        "null",
        "create",
        "table",
        "if",
        "exists",
        "character",
        "varying",
        "double",
        "precision",
        "left",
        "join",
        "on",
        "at",
        "time",
        "zone",
        "_utf8",
        "sp_password",
        "1",
        "02",
        "3.25",
        "1.",
        ".5",
        "1e5",
        "0x1f",
        "0b1",
        "1a",
        "1d",
        "",
        "collate",
        "a_bin",
        "sounds",
        "waitfor",
        "delay",
        "lock",
        "mode",
        "a-thirtythreebyteslongwordthatismuch",
    ];
    let mut words = 0;
    let mut check = |input: &str| {
        if is_words(input.as_bytes()) {
            words += usize::from(input.contains(' '));
            assert_eq!(in_any_context(input.as_bytes(), &mut Folded::new), None, "{input}");
        }
    };
    for a in pieces {
        for b in pieces {
            check(&[a, " ", b].concat());
            pieces.iter().for_each(|c| check(&[a, " ", b, " ", c].concat()));
        }
    }
    let mut random = numbers(4);
    for _ in 0..60_000 {
        let count = 4 + random.next().unwrap_or(0) as usize % 5;
        let mut piece = || pieces[random.next().unwrap_or(0) as usize % pieces.len()];
        check(&(0..count).map(|_| piece()).collect::<Vec<_>>().join(" "));
    }
    assert!(words > 5_000, "{words}");
    // What such an input folds to is what it is.
    let long = "wooden chair 2 a 1 ".repeat(20);
    assert!(is_words(long.as_bytes()) && sqli(long.as_bytes()).is_none());
    for length in 1..=5 {
        for bits in 0..1_u8 << length {
            let letters: String = (0..length).map(|at| if bits >> at & 1 == 1 { '1' } else { 'n' }).collect();
            assert!(!Fingerprint::from_letters(letters.as_bytes()).is_listed(), "{letters}");
        }
    }
}

#[test]
fn nothing_panics() {
    let pieces: [&[u8]; 40] = [
        b"'", b"\"", b"`", b"\\", b"--", b"#", b"/*", b"*/", b"/*!", b"(", b")", b"{", b"}", b"[", b"]",
        b",", b";", b"@", b"@@", b"$", b"$$", b"$a$", b"0x", b"0b", b"1.e", b".", b"q'", b"nq'(", b"u&'",
        b"x'", b"union", b"select ", b" or ", b"not in", b"like", b"collate", b"\0", b"\xA0", b"\xFF", b"1",
    ];
    let mut random = numbers(2);
    for _ in 0..20_000 {
        let count = random.next().unwrap_or(0) % 12;
        let input: Vec<u8> = (0..count)
            .flat_map(|_| pieces[random.next().unwrap_or(0) as usize % pieces.len()])
            .copied()
            .collect();
        if let Some(found) = sqli(&input) {
            assert!((1..=5).contains(&found.as_ref().len()), "{}", input.escape_ascii());
        }
        for quote in [Quote::None, Quote::Single, Quote::Double] {
            let tokens = Tokenizer::new(&input, quote, Dialect::Ansi);
            assert!(tokens.count() <= input.len(), "{}", input.escape_ascii());
        }
    }
}

/// Pseudo-random numbers (Knuth's MMIX generator).
pub(super) fn numbers(seed: u64) -> impl Iterator<Item = u32> {
    let next = |state: &u64| {
        Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    };
    successors(Some(seed), next).skip(1).map(|state| (state >> 33) as u32)
}
