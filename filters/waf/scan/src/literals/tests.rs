use std::collections::BTreeSet;

use super::Literals;
use suites::Random;

/// Finds what a search for each literal by itself finds.
#[test]
fn finds_what_is_there() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut next = |bound| random.below(bound);
    // `[` is `{` to what takes no notice of case by a bit.
    let alphabet = b"ab/\0[{2";
    let mut word = |longest: usize| (0..2 + next(longest)).map(|_| alphabet[next(7)]).collect::<Vec<u8>>();
    for _ in 0..300 {
        let literals: BTreeSet<Vec<u8>> = (0..40).map(|_| word(6)).collect();
        let literals: Vec<Vec<u8>> = literals.into_iter().collect();
        let filed = Literals::new(&literals.iter().map(Vec::as_slice).collect::<Vec<_>>());
        for _ in 0..20 {
            let mut text = word(40);
            text.iter_mut().step_by(2).for_each(u8::make_ascii_uppercase);
            let lower = text.to_ascii_lowercase();
            let mut found = BTreeSet::new();
            let [from, to] = [(); 2].map(|()| word(40).len() % text.len());
            let part = from.min(to)..to.max(from);
            let mut in_part = BTreeSet::new();
            filed.scan(&text, 0, true, |literal, place| {
                found.extend((place.end <= text.len()).then_some(literal));
                in_part.extend((place.start >= part.start && place.end <= part.end).then_some(literal));
            });
            let mut found_in_part = BTreeSet::new();
            filed.scan(&text[part.clone()], 0, false, |literal, place| {
                found_in_part.extend((place.end <= part.len()).then_some(literal));
            });
            // In two steps, the second of which begins where the first one says.
            let mut found_in_steps = BTreeSet::new();
            let mut from = 0;
            for end in [part.start, text.len()] {
                let mut next = end;
                filed.scan(&text[..end], from, true, |literal, place| {
                    if place.end > end {
                        next = next.min(place.start);
                    } else {
                        found_in_steps.insert(literal);
                    }
                });
                from = next;
            }
            assert_eq!(found_in_steps, found, "{literals:?} in {text:?}, cut at {}", part.start);
            assert_eq!(in_part, found_in_part, "{literals:?} in a part of {text:?}");
            let wanted = literals
                .iter()
                .enumerate()
                .filter(|(_, literal)| memchr::memmem::find(&lower, literal).is_some());
            assert_eq!(found, wanted.map(|(index, _)| index).collect(), "{literals:?} in {text:?}");
        }
    }
}

#[test]
fn nothing_is_found_in_nothing() {
    let filed = Literals::new(&[b"union", b"or"]);
    filed.scan(b"", 0, true, |literal, _| panic!("{literal}"));
    filed.scan(b"o", 0, true, |literal, _| panic!("{literal}"));
    Literals::new(&[]).scan(b"anything", 0, true, |literal, _| panic!("{literal}"));
}
