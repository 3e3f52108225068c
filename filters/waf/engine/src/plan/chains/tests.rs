use portcullis_seclang::ast::Transformation as Name;

use super::triggers_of;
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
