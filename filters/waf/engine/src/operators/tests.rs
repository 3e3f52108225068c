use std::borrow::Cow;

use super::{ByteSet, Captures, Operator, OperatorError, Resources};

struct Files;

impl Resources for Files {
    fn read(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        match name {
            "words" => Some(Cow::Borrowed(b"# comment\n\n  # another\r\nFoo bar\r\n baz\nqu#x")),
            "nets" => Some(Cow::Borrowed(b"# office\n10.0.0.0/8, 192.0.2.1\r\n\n2001:db8::/32\n")),
            _ => None,
        }
    }
}

fn compile(name: &str, argument: &[u8]) -> Result<Operator, OperatorError> {
    Operator::compile(name, argument, &Files)
}

#[test]
fn cases_beyond_the_language_tests() {
    const CASES: &[(&str, &[u8], &[u8], bool)] = &[
        ("beginsWith", b"", b"", true),
        ("contains", b"", b"x", true),
        ("containsWord", b"select", b"xselect select1", true),
        ("containsWord", b"select", b"selected", false),
        ("containsWord", b"a", b"xa", false),
        ("containsWord", b"a", b"-a", true),
        ("endsWith", b"longer", b"er", false),
        ("eq", b"0", b"abc", true),
        ("eq", b"12", b" 12abc", true),
        ("eq", b"0", b"4294967296", true),
        ("eq", b"-5", b"-5", true),
        ("gt", b"9223372036854775807", b"99999999999999999999", false),
        ("lt", b"-9223372036854775807", b"-99999999999999999999", true),
        ("ge", b"10", b"9", false),
        ("le", b"", b"", true),
        ("ipMatch", b"10.0.0.0/8,::1", b"10.255.0.1", true),
        ("ipMatch", b"10.0.0.0/8,::1", b"11.0.0.0", false),
        ("ipMatch", b"10.0.0.0/8,::1", b"::1", true),
        ("ipMatch", b"2001:db8::/33", b"2001:db8:8000::", false),
        ("ipMatch", b"0.0.0.0/0", b"203.0.113.9", true),
        ("ipMatch", b"10.0.0.1", b"10.0.0.1 ", false),
        ("ipMatch", b"10.0.0.1", b"\xff", false),
        ("ipMatchFromFile", b"nets", b"192.0.2.1", true),
        ("ipMatchF", b"nets", b"2001:db8:1::", true),
        ("pm", b"a ` b", b"A", true),
        ("pm", b"\"foo bar\"", b"xBARx", true),
        ("pm", b"|41 42| x|y", b"zabz", true),
        ("pm", b"x|y", b"x|y", true),
        ("pm", b"a\\;b", b"a;b", true),
        ("pm", b"a\\qb", b"a\\qb", true),
        ("pm", "größe".as_bytes(), "GRöSSE größe".as_bytes(), true),
        ("pmFromFile", b"words", b"xfoo BARx", true),
        ("pmf", b"words", b"baz", false),
        ("pmf", b"words", b" baz", true),
        ("pmf", b"words", b"comment", false),
        ("pmf", b"words", b"qu#x", true),
        ("streq", b"a", b"A", false),
        ("within", b"GET POST", b"GET", true),
        ("within", b"GET POST", b"", true),
        ("within", b"GET POST", b"PUT", false),
        ("validateByteRange", b"9,10,13,32-126", b"plain\r\n", false),
        ("validateByteRange", b"32-126", b"nul\0", true),
        ("validateUrlEncoding", b"", b"%4", true),
        ("validateUrlEncoding", b"", b"%41%zz", true),
        ("validateUtf8Encoding", b"", b"\xc0\xaf", true),
        ("validateUtf8Encoding", b"", "ä€😀".as_bytes(), false),
        ("verifyCC", b"\\d{13,16}", b"no. 4012888888881881.", true),
        ("verifyCC", b"\\d{13,16}", b"4012888888881882", false),
        ("verifySSN", b"\\d{3}-\\d{2}-\\d{4}", b"078-05-1120", true),
        ("verifySSN", b"\\d{3}-\\d{2}-\\d{4}", b"666-05-1120", false),
    ];
    for (name, argument, input, expected) in CASES {
        let operator = compile(name, argument).unwrap_or_else(|error| panic!("{name}: {error}"));
        let shown = format!("@{name} {} on {}", argument.escape_ascii(), input.escape_ascii());
        assert_eq!(operator.evaluate(input, None), *expected, "{shown}");
        assert_eq!(operator.evaluate(input, Some(&mut Captures::default())), *expected, "{shown}, capturing");
        if *expected {
            assert!(operator.requirement().is_satisfied_by(input), "{shown}: {:?}", operator.requirement());
        }
        if Operator::takes_macro(name) {
            let other = compile(name, b"%{tx.x}").expect("a macro is no error");
            assert_eq!(other.evaluate_with(argument, input, None), *expected, "{shown}, at run time");
        }
    }
}

#[test]
fn captures_hold_what_modsecurity_stores() {
    type Case = (&'static str, &'static [u8], &'static [u8], &'static [Option<&'static str>]);
    const CASES: &[Case] = &[
        ("rx", b"(a)(x)?(b)", b"zab", &[Some("ab"), Some("a"), None, Some("b")]),
        ("rx", b"(a)(x)?", b"zab", &[Some("a"), Some("a")]),
        ("rx", b"", b"abc", &[]),
        (
            "rxGlobal",
            b"(\\d)([a-z])",
            b"1a2b",
            &[Some("1a"), Some("1"), Some("a"), Some("2b"), Some("2"), Some("b")],
        ),
        ("pm", b"Foo BAR", b"a bar", &[Some("BAR")]),
        ("verifyCC", b"\\d{16}", b"1111111111111111 4012888888881881", &[Some("4012888888881881")]),
        ("contains", b"a", b"a", &[]),
        ("detectXSS", b"", b"<script>", &[Some("<script>")]),
    ];
    for (name, argument, input, expected) in CASES {
        let mut captures = Captures::default();
        let matched = compile(name, argument).expect(name).evaluate(input, Some(&mut captures));
        assert!(matched, "@{name} on {}", input.escape_ascii());
        let found: Vec<_> = (0..captures.len())
            .map(|index| captures.get(index).map(|value| String::from_utf8_lossy(value).into_owned()))
            .collect();
        let found: Vec<_> = found.iter().map(Option::as_deref).collect();
        assert_eq!(found, *expected, "@{name} on {}", input.escape_ascii());
    }
}

#[test]
fn patterns_with_macros_are_compiled_when_they_are_expanded() {
    let operator = compile("rx", b"^%{tx.word}(x+)$").expect("a macro is no error");
    let mut captures = Captures::default();
    assert!(operator.evaluate_with(b"^a(x+)$", b"axx", Some(&mut captures)));
    assert_eq!(captures.get(1), Some(b"xx".as_slice()));
    assert!(!operator.evaluate_with(b"^b(x+)$", b"axx", None));
    assert!(!operator.evaluate_with(b"^(x+$", b"xx", None));
    assert!(operator.evaluate_with(b"", b"anything", None));
}

#[test]
fn captures_stay_when_nothing_matches() {
    let mut captures = Captures::default();
    assert!(compile("rx", b"a(b)").expect("rx").evaluate(b"ab", Some(&mut captures)));
    assert!(!compile("rx", b"x").expect("rx").evaluate(b"ab", Some(&mut captures)));
    assert_eq!(captures.iter().collect::<Vec<_>>(), [(0, b"ab".as_slice()), (1, b"b".as_slice())]);
}

#[test]
fn refusals_say_why() {
    const CASES: &[(&str, &[u8], &str)] = &[
        ("nope", b"", "there is no operator @nope"),
        (
            "geoLookup",
            b"",
            "@geoLookup is not supported: there is no GeoIP database in a filter; Envoy's geoip filter sets headers that rules can read",
        ),
        ("rbl", b"x", "@rbl is not supported: a filter makes no DNS queries"),
        ("pmFromFile", b"missing", "the file \"missing\" does not exist"),
        ("pm", b"  ", "there is no phrase to look for"),
        ("ipMatch", b"10.0.0.1,nope", "\"nope\" is no IP address and no network such as 10.0.0.0/8"),
        ("ipMatch", b"10.0.0.0/33", "\"10.0.0.0/33\" is no IP address and no network such as 10.0.0.0/8"),
        ("validateByteRange", b"1-300", "\"1-300\" is no byte (0 to 255) and no range of bytes"),
        ("validateByteRange", b"9-1", "\"9-1\" is no byte (0 to 255) and no range of bytes"),
        ("rx", b"a(b", "the group is not closed at offset 3 of the pattern"),
        ("verifyCC", b"[", "the class is not closed at offset 1 of the pattern"),
    ];
    for (name, argument, expected) in CASES {
        let error = compile(name, argument).map(|_| ()).expect_err(name);
        assert_eq!(error.to_string(), *expected);
    }
}

#[test]
fn names_in_any_case() {
    assert!(compile("BEGINSWITH", b"a").is_ok());
    assert!(Operator::takes_macro("Within"));
    assert!(!Operator::takes_macro("pm"));
}

#[test]
fn byte_sets() {
    let set = ByteSet::of(b"aZ\0\xff@[`{");
    assert_eq!(set.iter().collect::<Vec<_>>(), b"\0@Z[`a{\xff");
    assert_eq!(set.ranges(), [(0, 0), (b'@', b'@'), (b'Z', b'['), (b'`', b'a'), (b'{', b'{'), (255, 255)]);
    assert_eq!(set.fold_case(), ByteSet::of(b"aAzZ\0\xff@[`{"));
    assert_eq!(set.to_lowercase(), ByteSet::of(b"az\0\xff@[`{"));
    assert_eq!(set.complement().len(), 256 - set.len());
    assert_eq!(ByteSet::range(0, 255), ByteSet::FULL);
    assert!(ByteSet::range(2, 1).is_empty());
    assert!((0..=255).all(|byte| set.contains(byte) != set.complement().contains(byte)));
}
