use super::*;
use crate::sqli;
use crate::sqli::tests::numbers;

/// What tokens begin and end with, and what is looked at behind them.
const PIECES: [&[u8]; 64] = [
    b"'",
    b"\"",
    b"`",
    b"\\",
    b"--",
    b"#",
    b"/*",
    b"*/",
    b"/*!",
    b"(",
    b")",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b";",
    b"@",
    b"@@",
    b"$",
    b"$$",
    b"$a$",
    b"$a\0b",
    b"0x",
    b"0b",
    b"1.e",
    b".",
    b"q'",
    b"nq'(",
    b"u&'",
    b"x'0",
    b"b'01",
    b"e'",
    b"union",
    b"select ",
    b" or ",
    b" all ",
    b"not in",
    b"like",
    b"collate",
    b"user",
    b" as ",
    b"int",
    b"\0",
    b"\xA0",
    b"\xFF",
    b"1",
    b"2d",
    b"3f",
    b"a",
    b"word",
    b"/",
    b"~",
    b"*",
    b"+",
    b"-",
    b"=",
    b"::",
    b"<=",
    b"|",
    b"a_b",
    b" ",
    b"\n",
    b"sp_password",
];

/// The answer is that to the input alone.
#[test]
fn what_was_asked_before_changes_nothing() {
    let mut random = numbers(5).map(|number| number as usize);
    let mut below = |limit: usize| random.next().unwrap_or(0) % limit;
    let (mut recent, mut attacks, mut resumed) = (Recent::new(), 0, 0);
    for _ in 0..3_000 {
        // Few pieces that come again and again are read further than many.
        let few: Vec<&[u8]> = (0..1 + below(6)).map(|_| PIECES[below(PIECES.len())]).collect();
        let mut input: Vec<u8> = (0..10 + below(60)).flat_map(|_| few[below(few.len())]).copied().collect();
        for _ in 0..1 + below(12) {
            input.truncate(below(input.len() + 1).max(below(input.len() + 1)));
            for _ in 0..below(8) {
                let piece = if below(3) == 0 { PIECES[below(PIECES.len())] } else { few[below(few.len())] };
                input.extend_from_slice(piece);
            }
            assert_eq!(recent.sqli(&input), sqli(&input), "{}", input.escape_ascii());
            attacks += usize::from(sqli(&input).is_some());
            let (known, shared) = recent.most_alike(&input).unwrap();
            known.keep(&input, shared);
            known.answer = sqli(&input);
            let places = &mut known.places;
            for source in contexts(&input) {
                resumed += usize::from(!places[context(&source)].is_empty());
                let other = fold(source.clone(), shared, places);
                assert_same(&Folded::new(source), &other, &input);
            }
        }
    }
    assert!(attacks > 1_000 && resumed > 1_000, "{attacks} attacks, {resumed} resumed");
}

/// A place depends on as many bytes as it says, in any context: whatever stands behind these.
#[test]
fn a_place_depends_on_no_other_bytes() {
    let mut random = numbers(6).map(|number| number as usize);
    let mut below = |limit: usize| random.next().unwrap_or(0) % limit;
    for _ in 0..4_000 {
        let input: Vec<u8> = (0..1 + below(6)).flat_map(|_| PIECES[below(PIECES.len())]).copied().collect();
        for source in contexts(&input) {
            let mut folded = Folded::start(source.clone());
            for until in 1..=input.len() {
                if folded.go_on(until) {
                    break;
                }
                let place = folded.place();
                let Some(beginning) = input.get(..place.depends_on()) else { break };
                for tail in [b"", PIECES[below(PIECES.len())], PIECES[below(PIECES.len())]] {
                    let other = [beginning, tail].concat();
                    let (quote, dialect) = source.context();
                    let source = Tokenizer::new(&other, quote, dialect);
                    let mut resumed = Folded::resume(source.clone(), &place);
                    assert!(resumed.go_on(usize::MAX));
                    assert_same(&Folded::new(source), &resumed, &other);
                }
            }
        }
    }
}

fn contexts(input: &[u8]) -> [Tokenizer<'_>; CONTEXTS] {
    let all = [
        (Quote::None, Dialect::Ansi),
        (Quote::None, Dialect::MySql),
        (Quote::Single, Dialect::Ansi),
        (Quote::Single, Dialect::MySql),
        (Quote::Double, Dialect::MySql),
    ];
    all.map(|(quote, dialect)| Tokenizer::new(input, quote, dialect))
}

fn assert_same(one: &Folded<'_>, other: &Folded<'_>, input: &[u8]) {
    let what = || format!("{:?} {}", one.source().context(), input.escape_ascii());
    assert!(one.tokens().eq(other.tokens()), "{}", what());
    assert_eq!(one.source().count(), other.source().count(), "{}", what());
    assert_eq!(one.source().mysql_differs(), other.source().mysql_differs(), "{}", what());
}

/// What is long is folded once, and others in between change nothing.
#[test]
fn a_beginning_is_folded_once() {
    let key = b"1/a~".repeat(1_000);
    let mut recent = Recent::new();
    for number in 0..10 {
        for form in [&b"x/"[..], b"y/", b"z/"] {
            let input = [form, &key, number.to_string().as_bytes()].concat();
            assert_eq!(recent.sqli(&input), None);
            let places = |known: &Known| known.places[0].last().map_or(0, Place::position);
            let furthest = recent.inputs.iter().filter(|known| known.text == input).map(places).max();
            assert!(number == 0 || furthest > Some(input.len() - 50), "{furthest:?}");
        }
    }
    assert!(recent.inputs.iter().all(|known| known.places.iter().all(|places| places.len() <= MOST_PLACES)));
}

#[test]
fn what_is_forgotten_is_folded_anew() {
    let input = b"1/a~".repeat(100);
    let mut recent = Recent::new();
    let shared = |recent: &mut Recent| recent.most_alike(&input).map(|(_, shared)| shared);
    assert_eq!(recent.sqli(&input), None);
    assert_eq!(shared(&mut recent), Some(input.len()));
    recent.forget();
    assert_eq!(shared(&mut recent), Some(0));
    assert_eq!(recent.sqli(&input), None);
}
