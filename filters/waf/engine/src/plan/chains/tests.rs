use portcullis_seclang::ast::Transformation as Name;

use super::triggers_of;
use super::words::keeps_words;
use crate::plan::{PrefilterBuilder, Scope};
use crate::random::Random;
use crate::transformations::Transformation;

/// No transformation changes a value in which none of its trigger classes occurs.
#[test]
fn triggers_are_sound() {
    let prefilter = PrefilterBuilder::default().build().unwrap();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut next = |bound| random.below(bound);
    let special = b"%+&\\/.-#*\"'^,;<>!() \t\n\x0b\x0c\r\0\xa0\xc3\xbc0xX1aZ";
    let mut untouched = 0;
    for _ in 0..200_000 {
        let len = next(12);
        let value: Vec<u8> = (0..len)
            .map(|_| match next(3) {
                0 => special[next(special.len())],
                1 => next(256) as u8,
                _ => b"abcdefghijklmnopqrstuvwxyz0123456789"[next(36)],
            })
            .collect();
        for name in Name::ALL {
            if prefilter.profile(&value, Scope::Request).summary & triggers_of(*name) != 0 {
                continue;
            }
            untouched += 1;
            let transformation = Transformation::by_name(name.as_str().as_bytes()).unwrap();
            let mut out = Vec::new();
            assert!(!transformation.apply(&value, &mut out), "{name} changes {value:?} to {out:?}");
        }
    }
    assert!(untouched > 100_000, "the test looks at too few values: {untouched}");
}

/// What transformations make of two values that differ in a word differs in that word, wherever it is then, or not at all.
#[test]
fn words_are_kept() {
    const PIECES: &[&[u8]] = &[
        b"%",
        b"%u",
        b"%u00",
        b"%4",
        b"+",
        b"&",
        b"&#",
        b"&#x",
        b"&l",
        b"&lt",
        b";",
        b"\\",
        b"\\x",
        b"\\u00",
        b"\\4",
        b"0x",
        b"0x4",
        b"0",
        b"x",
        b"a",
        b"F",
        b"41",
        b" ",
        b"\t",
        b"\n",
        b"\xa0",
        b"\0",
        b"/",
        b"//",
        b"./",
        b"../",
        b".",
        b"/*",
        b"*/",
        b"<!--",
        b"-->",
        b"--",
        b"#",
        b"'",
        b"^",
        b",",
        b"(",
        b"\xc3",
        b"\xe2\x82",
        b"\xf0",
        b"=",
        b"dW5p",
        b"_",
        b"]",
    ];
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut next = |bound| random.below(bound);
    let borders: Vec<u8> = (0..=u8::MAX).filter(|byte| portcullis_scan::is_border(*byte)).collect();
    let (mut kept, mut lost) = ([0; 64], 0);
    for _ in 0..60_000 {
        let mut text = |most: usize| {
            (0..next(most)).flat_map(|_| PIECES[next(PIECES.len())]).copied().collect::<Vec<u8>>()
        };
        let (mut before, mut after) = (text(8), text(5));
        before.push(borders[next(borders.len())]);
        if next(3) == 0 {
            after.clear();
        } else {
            after.insert(0, borders[next(borders.len())]);
        }
        let len = 1 + next(5);
        let mut word = || (0..len).map(|_| b"0123456789abcdefghltunvzABCFZ"[next(29)]).collect::<Vec<u8>>();
        let words = [word(), word()];
        let values = [0, 1].map(|at: usize| [before.as_slice(), &words[at], &after].concat());
        let from = before.len() - 1;
        let places = [0, 1].map(|at: usize| {
            let place = &values[at][from..(from + 1 + len + usize::from(!after.is_empty()))];
            place.to_ascii_lowercase()
        });
        for (number, name) in Name::ALL.iter().enumerate().filter(|(_, name)| keeps_words(**name)) {
            let transformation = Transformation::by_name(name.as_str().as_bytes()).unwrap();
            let [one, other] = [0, 1].map(|at: usize| {
                let mut out = Vec::new();
                let changed = transformation.apply(&values[at], &mut out);
                if changed { out } else { values[at].clone() }.to_ascii_lowercase()
            });
            let is_there = |at: usize| {
                let end = at + places[0].len();
                one[at..].starts_with(&places[0])
                    && other.get(at..).is_some_and(|rest| rest.starts_with(&places[1]))
                    && one[..at] == other[..at]
                    && one[end..] == other[end..]
                    && (!after.is_empty() || end == one.len())
            };
            let is_kept = (0..one.len()).any(is_there);
            let show = |value: &[u8]| value.escape_ascii().to_string();
            assert!(
                is_kept || one == other,
                "{name} of {} is {}, and of {} {}",
                show(&values[0]),
                show(&one),
                show(&values[1]),
                show(&other)
            );
            kept[number] += usize::from(is_kept);
            lost += usize::from(!is_kept);
        }
    }
    let of_all = Name::ALL.iter().zip(kept).filter(|(name, _)| keeps_words(**name));
    assert!(
        of_all.clone().all(|(_, kept)| kept > 20_000) && lost > 10_000,
        "{lost} {:?}",
        of_all.collect::<Vec<_>>()
    );
}
