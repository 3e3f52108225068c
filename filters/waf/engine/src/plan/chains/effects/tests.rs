use portcullis_seclang::ast::Transformation as Name;

use super::super::{ChainId, Chains};
use super::longest;
use crate::plan::{PrefilterBuilder, Scope};
use crate::random::Random;
use crate::transformations::UnicodeMap;

/// A form of a value has no byte that the value has not, unless a writer says so, and is no longer than these say.
#[test]
fn no_form_has_more() {
    let prefilter = PrefilterBuilder::default().build().unwrap();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut next = |bound| random.below(bound);
    const PIECES: &[&str] = &[
        "a", "Zm9v", "YmFy", "x", "0", "0x41", "1", " ", "\t", "\n", "\x0b", "%", "%41", "%u0041", "+", "&",
        "&lt;", "&#x41;", "\\", "\\x41", "\\u0041", "\0", "/", "/*", "*/", "--", "#", ".", "..", "'", "\"",
        "^", ",", ";", "(", "=", "\u{e9}",
    ];
    let (mut kept, mut bounded) = (0, 0);
    for _ in 0..3000 {
        let names: Vec<Name> = (0..1 + next(4)).map(|_| Name::ALL[next(Name::ALL.len())]).collect();
        let mut chains = Chains::new();
        let ChainId(_) = chains.intern(&names, UnicodeMap::default()).unwrap();
        let chain = chains.get(ChainId(0));
        for _ in 0..60 {
            let mut value: Vec<u8> = (0..next(8)).flat_map(|_| PIECES[next(PIECES.len())].bytes()).collect();
            if next(8) == 0 {
                value.push(0xa0);
            }
            let quarters = longest(&chain.writers, prefilter.profile(&value, Scope::Request).summary);
            let longest = quarters.map_or(usize::MAX, |quarters| value.len().div_ceil(4) * quarters);
            let lower = value.to_ascii_lowercase();
            let mut form = value.clone();
            for step in &chain.steps {
                let mut out = Vec::new();
                if step.transformation.apply(&form, &mut out) {
                    form = out;
                }
                let has_others =
                    form.iter().any(|byte| *byte != b' ' && !lower.contains(&byte.to_ascii_lowercase()));
                let is_long = form.len() > value.len();
                assert!(
                    !(has_others || is_long) || form.len() <= longest,
                    "{names:?} makes {form:?} of {value:?}, {longest} at the most"
                );
            }
            kept += usize::from(longest == 0 && form != value);
            bounded += usize::from(longest != 0 && longest != usize::MAX);
        }
    }
    assert!(kept > 5_000 && bounded > 5_000, "the test looks at too few: {kept}, {bounded}");
}
