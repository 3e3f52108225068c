use portcullis_seclang::ast::Transformation as T;

use super::super::values::Values;
use super::SHORTEST;
use crate::operators::Operator;
use crate::plan::{Chains, Prefilter, PrefilterBuilder, Scope, Scopes};
use crate::random::Random;
use crate::transformations::UnicodeMap;

const OPERATORS: &[(&str, &str)] = &[
    ("rx", "(?i)union.+select"),
    ("rx", "^[a-z.]+$"),
    ("rx", "s[\"'^]*e[\"'^]*t"),
    ("rx", "[<>;]"),
    ("rx", "\\bor\\b.*="),
    ("pm", "union <script a/../b or jsonaunion a-phrase-that-is-longer-than-most"),
    ("contains", "AbC"),
    ("contains", "union select name from members"),
    ("validateByteRange", "32-126"),
    ("detectSQLi", ""),
];

const CHAINS: &[&[T]] = &[
    &[],
    &[T::UrlDecodeUni],
    &[T::UrlDecodeUni, T::HtmlEntityDecode],
    &[T::UrlDecodeUni, T::HtmlEntityDecode, T::JsDecode, T::CssDecode],
    &[T::EscapeSeqDecode, T::CmdLine],
    &[T::Utf8ToUnicode, T::UrlDecodeUni],
    &[T::RemoveNulls, T::RemoveWhitespace],
    &[T::CompressWhitespace, T::RemoveCommentsChar],
    &[T::ReplaceComments],
    &[T::NormalizePathWin],
    &[T::Base64Decode],
    &[T::Lowercase, T::Base64DecodeExt],
];

const PIECES: &[&[u8]] = &[
    b"union",
    b" ",
    b"select",
    b"select name from",
    b" members",
    b"\n",
    b"1",
    b".",
    b"ab",
    b"X",
    b"s",
    b"'",
    b"<",
    b"=",
    b"or",
    b"<scr",
    b"ipt",
    b"a/../",
    b"/b",
    b"\0",
    b"\xc3\xa9",
    b"\xe2\x82",
    b"\xac",
    b"--",
    b"#",
    b";",
    b"%",
    b"%u00",
    b"41",
    b"&#x",
    b"&lt",
    b"\\",
    b"\\u00",
    b"a-phrase-that-is-",
    b"longer-than-most",
    b"dW5pb24g",
    b"/*",
    b"*/",
    b"  ",
];

/// What is found in values that begin alike, and what is made of them, is what is found and made of each by itself.
#[test]
fn what_is_shared_is_what_each_value_has_by_itself() {
    let prefilter = prefilter();
    let words = prefilter.words();
    let mut chains = Chains::new();
    let ids: Vec<_> =
        CHAINS.iter().map(|names| chains.intern(names, UnicodeMap::default()).unwrap()).collect();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut shared, mut whole) = (0, 0);
    for _ in 0..300 {
        let mut values = Values::new();
        let mut path: Vec<Vec<u8>> = vec![text(&mut random, 60)];
        for _ in 0..12 {
            // As the names of nested objects and arrays come: deeper, back up, beside each other, the same once more.
            match random.below(4) {
                0 => path.truncate(1 + random.below(path.len())),
                1 => path.push(text(&mut random, 30)),
                2 => path.push(text(&mut random, 3)),
                _ => {}
            }
            let text = path.concat();
            let scope = if random.below(8) == 0 { Scope::Response } else { Scope::Request };
            let [one, other] = [&mut values, &mut Values::new()].map(|values| {
                let id = values.push(&text);
                values.set_scope(id, scope);
                let forms = ids.iter().map(|chain| {
                    let form = values.after(id, &chains.get(*chain).steps, &prefilter);
                    let profile = values.profile(form, &prefilter);
                    values.ensure_scan(form, &prefilter);
                    let bits = values.scan(form, words).unwrap().to_vec();
                    (values.bytes(form).to_vec(), profile, bits)
                });
                forms.collect::<Vec<_>>()
            });
            for ((one, other), chain) in one.iter().zip(&other).zip(CHAINS) {
                let what = || format!("{chain:?} of {}", text.escape_ascii());
                assert_eq!(
                    one.0.escape_ascii().to_string(),
                    other.0.escape_ascii().to_string(),
                    "{}",
                    what()
                );
                assert_eq!(one.1, other.1, "{}", what());
                assert_eq!(one.2, other.2, "{}", what());
                whole += one.0.len() as u64;
            }
        }
        shared += values.work.scan_bytes;
    }
    assert!(shared < whole / 2, "{shared} of {whole} bytes were scanned");
}

/// A literal that begins in what two values have in common and ends behind it, in values of which one is the beginning of the other, and
/// of which all are equal.
#[test]
fn literals_straddle_the_place_where_values_part() {
    let prefilter = prefilter();
    let found = |texts: &[String]| {
        let mut values = Values::new();
        let bits = texts.iter().map(|text| {
            let id = values.push(text.as_bytes());
            values.ensure_scan(id, &prefilter);
            values.scan(id, prefilter.words()).unwrap().to_vec()
        });
        bits.collect::<Vec<_>>()
    };
    let literal = "union select name from members";
    let beginning = "x".repeat(SHORTEST * 2);
    for at in 0..=literal.len() {
        let (known, rest) = literal.split_at(at);
        let begin = |end: &str| format!("{beginning}{known}{end}");
        let texts =
            [begin("-"), begin("+"), begin(""), begin(rest), begin(rest), begin(""), begin("/"), begin(rest)];
        let alone: Vec<_> = texts.iter().flat_map(|text| found(std::slice::from_ref(text))).collect();
        assert_eq!(found(&texts), alone, "cut at {at}");
        assert_eq!(alone[3] != alone[0], at < literal.len(), "the literal is found, cut at {at}");
    }
}

fn prefilter() -> Prefilter {
    let mut builder = PrefilterBuilder::default();
    let mut scopes = Scopes::default();
    [Scope::Request, Scope::Derived].into_iter().for_each(|scope| scopes.insert(scope));
    for (name, argument) in OPERATORS {
        let operator = Operator::compile(name, argument.as_bytes(), &()).unwrap();
        builder.add(&operator.requirement(), scopes).unwrap();
    }
    builder.build().unwrap()
}

/// Up to so many pieces, and one.
fn text(random: &mut Random, most: usize) -> Vec<u8> {
    (0..=random.below(most)).flat_map(|_| PIECES[random.below(PIECES.len())]).copied().collect()
}
