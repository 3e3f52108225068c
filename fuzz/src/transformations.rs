//! All transformations, one after the other on the same text.

use crate::Input;
use portcullis_engine::transformations::{Transformation, UnicodeMap};

/// Each transformation keeps its promises on any text: what stands in the buffer stays, the result is bounded, "unchanged"
/// and "changed" are true, doing it twice is doing it once where that is its nature, and pairs undo each other.
///
/// The first byte chooses one transformation; a fuzzer that has to break one at a time sees more of each.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let all: Vec<_> = Transformation::all().collect();
    let (name, transformation) = all[input.below(all.len())];
    let text = input.rest();
    let result = apply(name, transformation, text);
    let with_map = transformation.with_unicode_map(UnicodeMap::None);
    apply(name, with_map, text);
    if IDEMPOTENT.contains(&name) {
        let twice = apply(name, transformation, &result);
        assert_eq!(show(&result), show(&twice), "{name} twice on {}", show(text));
    }
    if let Some((_, inverse)) = INVERSES.iter().find(|(known, _)| *known == name) {
        let inverse = Transformation::by_name(inverse.as_bytes()).unwrap();
        assert_eq!(show(&apply(name, inverse, &result)), show(text), "{name} undone");
    }
    model(name, text, &result);
}

/// What a second application does not change: filters and normal forms, but no decoder.
const IDEMPOTENT: &[&str] = &[
    "cmdLine",
    "compressWhitespace",
    "lowercase",
    "none",
    "parityZero7bit",
    "removeNulls",
    "removeWhitespace",
    "replaceNulls",
    "trim",
    "trimLeft",
    "trimRight",
    "uppercase",
];

/// Encoders, and what undoes them whatever the text.
const INVERSES: &[(&str, &str)] =
    &[("base64Encode", "base64Decode"), ("hexEncode", "hexDecode"), ("urlEncode", "urlDecode")];

fn apply(name: &str, transformation: Transformation, text: &[u8]) -> Vec<u8> {
    let mut out = b"kept".to_vec();
    let changed = transformation.apply(text, &mut out);
    let result = out.split_off(4);
    assert_eq!(out, b"kept", "{name} touched what was there, on {}", show(text));
    if !changed {
        assert!(result.is_empty(), "{name} wrote though it changed nothing, on {}", show(text));
        return text.to_vec();
    }
    // A digest or an encoding is its own text even where it happens to be equal.
    if !matches!(name, "md5" | "sha1") {
        assert_ne!(result, text, "{name} says that it changed {}", show(text));
    }
    let most = match name {
        "length" => 20,
        "md5" => 16,
        "sha1" => 20,
        "utf8toUnicode" => 6 * text.len(),
        "base64Encode" => text.len().div_ceil(3) * 4,
        "hexEncode" => 2 * text.len(),
        "urlEncode" => 3 * text.len(),
        _ => text.len(),
    };
    assert!(result.len() <= most, "{name} made {} bytes of {}", result.len(), show(text));
    result
}

/// Transformations that one line of another kind can do, too.
fn model(name: &str, text: &[u8], result: &[u8]) {
    let is_blank = |byte: &u8| matches!(byte, b' ' | 0x09..=0x0d);
    let expected: Vec<u8> = match name {
        "lowercase" => text.to_ascii_lowercase(),
        "uppercase" => text.to_ascii_uppercase(),
        "length" => text.len().to_string().into_bytes(),
        "removeNulls" => text.iter().copied().filter(|byte| *byte != 0).collect(),
        "replaceNulls" => text.iter().map(|byte| if *byte == 0 { b' ' } else { *byte }).collect(),
        "removeWhitespace" => text.iter().copied().filter(|byte| !is_blank(byte) && *byte != 0xa0).collect(),
        "trimLeft" => text.iter().copied().skip_while(is_blank).collect(),
        "parityZero7bit" => text.iter().map(|byte| byte & 0x7f).collect(),
        "parityEven7bit" => text.iter().map(|byte| parity(*byte, false)).collect(),
        "parityOdd7bit" => text.iter().map(|byte| parity(*byte, true)).collect(),
        "hexEncode" => text.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect(),
        "none" => text.to_vec(),
        _ => return,
    };
    assert_eq!(show(result), show(&expected), "{name} on {}", show(text));
}

/// ModSecurity counts the top bit, too, so that a second time may clear what the first has set.
fn parity(byte: u8, is_odd: bool) -> u8 {
    if (byte.count_ones() % 2 == 1) == is_odd { byte & 0x7f } else { byte | 0x80 }
}

fn show(text: &[u8]) -> String {
    text.escape_ascii().to_string()
}
