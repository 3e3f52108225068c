//! Feeds random, truncated and large inputs to every transformation, operator and body processor: none may panic, and
//! each must keep its promises. The seed is fixed; `PORTCULLIS_SEED` sets another one.

// Helpers of tests may panic as tests do; clippy exempts only the test functions themselves.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

use std::ops::ControlFlow;

use portcullis_engine::body::{
    self, ArgumentSink, File, Limits, MultipartFlags, MultipartNote, MultipartSink, XmlSink,
};
use portcullis_engine::operators::{Captures, Operator};
use portcullis_engine::transformations::{Transformation, UnicodeMap};

#[test]
fn transformations() {
    let mut random = Random::new();
    let mut out = Vec::new();
    for round in 0..400 {
        let input = random.input(round);
        for (name, transformation) in Transformation::all() {
            for transformation in [transformation, transformation.with_unicode_map(UnicodeMap::None)] {
                out.clear();
                out.extend_from_slice(b"kept");
                let changed = transformation.apply(&input, &mut out);
                let result = out.strip_prefix(b"kept").expect("what was there stays");
                assert_eq!(changed || !result.is_empty(), changed, "{name} on {}", input.escape_ascii());
                let most = 60 + 6 * input.len();
                assert!(result.len() <= most, "{name} on {}: {}", input.escape_ascii(), result.len());
                // A digest or a Base64 text changes even where it happens to be equal.
                if changed && !matches!(name, "md5" | "sha1") {
                    assert_ne!(result, input, "{name} says that this changed");
                }
            }
        }
    }
}

#[test]
fn operators() {
    const OPERATORS: &[(&str, &[u8])] = &[
        ("beginsWith", b"a%"),
        ("contains", b"--"),
        ("containsWord", b"ab"),
        ("detectSQLi", b""),
        ("detectXSS", b""),
        ("endsWith", b"\0"),
        ("eq", b"1"),
        ("ge", b"-1"),
        ("ipMatch", b"10.0.0.0/8,fe80::/10"),
        ("pm", b"select <script |00 ff| %u"),
        ("rx", br"(?i)(?:union\s+(?:all\s+)?select|[<%][a-z]+\b.*?>|^\W+$)"),
        ("rx", br"(?=(\w+))\1\W(?<!a)[^\x00]*+"),
        ("rx", br"(?:^|[^a])(a|b\d?)*$"),
        ("rxGlobal", br"(\w)(\W)?"),
        ("streq", b""),
        ("strmatch", b"%"),
        ("validateByteRange", b"1-255"),
        ("validateUrlEncoding", b""),
        ("validateUtf8Encoding", b""),
        ("verifyCC", br"\d{13,16}"),
        ("verifyCPF", br"[\d.-]{11,14}"),
        ("verifySSN", br"\b\d{3}-?\d{2}-?\d{4}"),
        ("verifySVNR", br"^\d{10}"),
        ("within", b"abc 10.0.0.1 %41"),
    ];
    let compile = |&(name, argument)| Operator::compile(name, argument, &()).expect(name);
    let operators: Vec<_> = OPERATORS.iter().map(compile).collect();
    let mut random = Random::new();
    let mut captures = Captures::default();
    for round in 0..400 {
        let input = random.input(round);
        for ((name, argument), operator) in OPERATORS.iter().zip(&operators) {
            let text = || format!("@{name} {} on {}", argument.escape_ascii(), input.escape_ascii());
            let alone = operator.try_evaluate(&input, None);
            assert_eq!(alone, operator.try_evaluate(&input, Some(&mut captures)), "{}", text());
            if alone == Ok(true) {
                assert!(operator.requirement().is_satisfied_by(&input), "{}", text());
            }
        }
    }
}

#[test]
fn patterns_are_compiled_or_refused() {
    const PIECES: &[&str] = &[
        "a",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "*",
        "+",
        "?",
        "|",
        "^",
        "$",
        ".",
        "\\",
        "\\x",
        "\\x{",
        "41",
        "}",
        "(?",
        "(?:",
        "(?i)",
        "(?=",
        "(?<!",
        "(?>",
        "(?P<n>",
        "\\1",
        "\\k<n>",
        "{2,3}",
        "{9}",
        "[^",
        "[:alpha:]",
        "-",
        "\\d",
        "\\Q",
        "\\E",
        "\\b",
        "\\Z",
        "\\R",
        "++",
        "*?",
        "ÿ",
        "\n",
        "#",
        " ",
        ":",
        "=",
        "!",
        "<",
        ">",
        ",",
        "1",
    ];
    let mut random = Random::new();
    for _ in 0..1500 {
        let pattern: String = (0..random.below(12)).map(|_| PIECES[random.below(PIECES.len())]).collect();
        let Ok(operator) = Operator::compile("rx", pattern.as_bytes(), &()) else { continue };
        // An empty look-ahead changes nothing but that the pattern runs on the backtracking matcher.
        let forced = Operator::compile("rx", format!("(?:{pattern})(?=)").as_bytes(), &());
        for input in ["", "a", "aa\n", "Aa1-41", "ab:=!<>,()", "\n\na", "\u{ff}a a\n"] {
            let (mut captures, mut forced_captures) = (Captures::default(), Captures::default());
            let matched = operator.try_evaluate(input.as_bytes(), Some(&mut captures));
            if matched == Ok(true) {
                let requirement = operator.requirement();
                assert!(
                    requirement.is_satisfied_by(input.as_bytes()),
                    "/{pattern}/ on {input:?}: {requirement:?}"
                );
            }
            if let Ok(forced) = &forced
                && let Ok(other) = forced.try_evaluate(input.as_bytes(), Some(&mut forced_captures))
                && !pattern.is_empty()
            {
                assert_eq!(matched, Ok(other), "/{pattern}/ on {input:?}");
                assert_eq!(captures.get(0), forced_captures.get(0), "/{pattern}/ on {input:?}");
            }
        }
    }
}

#[test]
fn body_processors() {
    const SEEDS: &[&[u8]] = &[
        b"a=1&b=%41+%zz&&c",
        br#"{"a":[1,-2.5e3,{"b":"\u00e9\ud83d\ude00","":null}],"c":true}"#,
        b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY e 'x'>]><a b='1&lt;'>t&e;<![CDATA[<x>]]><c/></a>",
        b"--0000\r\nContent-Disposition: form-data; name=\"a\"; filename*=utf-8''b%20c\r\nX: y\r\n z\r\n\r\nd\r\n--0000--\r\n",
    ];
    let mut random = Random::new();
    let limits = Limits::default();
    let mut scratch = Vec::new();
    for round in 0..1500 {
        let mut input = match round % 4 {
            0 => random.input(round),
            _ => SEEDS[random.below(SEEDS.len())].to_vec(),
        };
        for _ in 0..random.below(4) {
            random.mutate(&mut input);
        }
        let mut sink = Counter::default();
        let _ = body::urlencoded(&input, b'&', &limits, &mut scratch, &mut sink);
        let _ = body::json(&input, &limits, &mut sink);
        let _ = body::xml(&input, &limits, &mut sink);
        let mut flags = MultipartFlags::default();
        let _ =
            body::multipart(b"multipart/form-data; boundary=0000", &input, &limits, &mut flags, &mut sink);
        let content_type = [b"multipart/form-data;".as_slice(), &input].concat();
        let _ = body::multipart(&content_type, &input, &limits, &mut flags, &mut sink);
        assert!(sink.bytes <= 5 * (limits.bytes + 2 * input.len()));
    }
}

#[test]
fn deep_and_large_bodies() {
    let limits = Limits::default();
    let mut sink = Counter::default();
    let mut scratch = Vec::new();
    for unit in
        ["[", "{\"a\":", "<a>", "<a b='c'>", "--0000\r\n", "\r\n", "&", "=", "%", "\"", "\\", "a", "\0"]
    {
        let input = unit.repeat(200_000 / unit.len());
        let _ = body::urlencoded(input.as_bytes(), b'&', &limits, &mut scratch, &mut sink);
        let _ = body::json(input.as_bytes(), &limits, &mut sink);
        let _ = body::xml(input.as_bytes(), &limits, &mut sink);
        let mut flags = MultipartFlags::default();
        let _ = body::multipart(
            b"multipart/form-data; boundary=0000",
            input.as_bytes(),
            &limits,
            &mut flags,
            &mut sink,
        );
    }
}

#[derive(Default)]
struct Counter {
    bytes: usize,
}

impl Counter {
    fn add(&mut self, parts: &[&[u8]]) -> ControlFlow<()> {
        self.bytes += parts.iter().map(|part| part.len()).sum::<usize>();
        ControlFlow::Continue(())
    }
}

impl ArgumentSink for Counter {
    fn argument(&mut self, name: &[u8], value: &[u8]) -> ControlFlow<()> {
        self.add(&[name, value])
    }
}

impl MultipartSink for Counter {
    fn note(&mut self, _: MultipartNote) {}

    fn file(&mut self, file: File<'_>) -> ControlFlow<()> {
        self.add(&[file.name, file.filename])
    }

    fn part_header(&mut self, _part: &[u8], line: &[u8]) -> ControlFlow<()> {
        self.add(&[line])
    }

    fn part_name(&mut self, name: &[u8], _: Option<usize>) -> ControlFlow<()> {
        self.add(&[name])
    }

    fn part_filename(&mut self, filename: &[u8], _: Option<usize>) -> ControlFlow<()> {
        self.add(&[filename])
    }
}

impl XmlSink for Counter {
    fn text(&mut self, text: &[u8]) -> ControlFlow<()> {
        self.add(&[text])
    }

    fn attribute(&mut self, name: &[u8], value: &[u8]) -> ControlFlow<()> {
        self.add(&[name, value])
    }
}

/// xorshift64*: enough to vary inputs, and the same on every machine.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let seed = std::env::var("PORTCULLIS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
        Self(seed | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound.max(1)
    }

    /// Bytes that the decoders care about, words, and any bytes; now and then a long run of one.
    fn input(&mut self, round: usize) -> Vec<u8> {
        const PIECES: &[&str] = &[
            "%",
            "%41",
            "%u",
            "%u0041",
            "%uff1c",
            "+",
            "\\",
            "\\x4",
            "\\u00",
            "\\u0041",
            "\\12",
            "\\ff01 ",
            "&",
            "&#",
            "&#x4",
            "&lt;",
            "&amp",
            "/*",
            "*/",
            "<!--",
            "-->",
            "--",
            "#",
            "0x",
            "0x41",
            "/",
            "./",
            "../",
            "..",
            "//",
            "\0",
            " ",
            "\t",
            "\n",
            "A",
            "abc",
            "select",
            "union all select",
            "<script>",
            "'",
            "\"",
            "é",
            "€",
            "😀",
            "=",
            "==",
            "VGVzd",
            "[",
            "]",
            ".",
            "10.0.0.1",
            "::1",
            "4012888888881881",
            "1234",
            "^",
            "(",
            ";",
            ",",
        ];
        if round % 50 == 49 {
            return PIECES[self.below(PIECES.len())].repeat(2000).into_bytes();
        }
        let mut input = Vec::new();
        for _ in 0..self.below(24) {
            match self.below(4) {
                0 => input.push(self.below(256) as u8),
                _ => input.extend_from_slice(PIECES[self.below(PIECES.len())].as_bytes()),
            }
        }
        input.truncate(input.len().saturating_sub(self.below(3)));
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        match self.below(4) {
            0 => input.truncate(at),
            1 => input.insert(at, self.below(256) as u8),
            2 if at < input.len() => {
                input.remove(at);
            }
            _ => {
                let tail = input.split_off(at);
                input.extend_from_slice(&tail);
                input.extend_from_slice(&tail);
            }
        }
    }
}
