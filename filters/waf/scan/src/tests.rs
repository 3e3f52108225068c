use portcullis_patterns::{ByteSet, Requirement};
use suites::Random;

use super::{PrefilterBuilder, Scopes, Seen};

/// What a long value is told to have by a pass of its own is what is told byte by byte.
#[test]
fn long_values_have_the_same_profile() {
    let mut builder = PrefilterBuilder::default();
    for bytes in [&b"<>;"[..], b"0123456789", b"/*", b" \t"] {
        let requirement = Requirement { bytes: Some(ByteSet::of(bytes)), ..Requirement::default() };
        builder.add(&requirement, Scopes::default());
    }
    let prefilter = builder.build().unwrap();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut next = |bound| random.below(bound);
    for _ in 0..4_000 {
        // Of two or three bytes that pairs are of, and others.
        const BYTES: &[u8] = b" \n\t\x0b\x0c\r\xa0/.(*-0xX#aZ9";
        let few = [(); 3].map(|()| BYTES[next(BYTES.len())]);
        let any = next(3) == 0;
        let value: Vec<u8> =
            (0..next(60)).map(|_| if any { next(256) as u8 } else { few[next(3)] }).collect();
        let [by_byte, at_once] =
            [prefilter.look(Seen::default(), &value), prefilter.look_at_long::<true>(&value)]
                .map(|seen| seen.profile(&value));
        assert_eq!(by_byte, at_once, "{value:?}");
    }
}
