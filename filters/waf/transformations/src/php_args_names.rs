//! `phpArgsNames`: a parameter's name as PHP registers it.
//!
//! Leading spaces go; spaces and dots before the first `[` become `_`; an index that is never closed makes its `[` an
//! `_` and ends the rewriting; what follows the last index is dropped; a name that starts with `[` is ignored.
//! Source: the SecRules language tests, and PHP's `php_register_variable_ex`.

use super::scan::{is_space, keep_if_changed};

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    if !input.iter().any(|byte| matches!(byte, b' ' | b'.' | b'[')) {
        return false;
    }
    let start = out.len();
    let spaces = input.iter().take_while(|&&byte| byte == b' ').count();
    let name = input.get(spaces..).unwrap_or_default();
    let bracket = crate::find::byte(b'[', name);
    if bracket == Some(0) {
        return true;
    }
    let (plain, mut rest) = name.split_at_checked(bracket.unwrap_or(name.len())).unwrap_or((name, &[]));
    out.extend(plain.iter().map(|&byte| if matches!(byte, b' ' | b'.') { b'_' } else { byte }));
    let mut first = true;
    while let [b'[', index @ ..] = rest {
        let blanks = index.iter().take_while(|&&byte| is_space(byte)).count();
        let Some(end) = crate::find::byte(b']', index) else {
            if first {
                out.push(b'_');
                out.extend_from_slice(index);
            }
            break;
        };
        out.push(b'[');
        if blanks != end {
            out.extend_from_slice(index.get(..end).unwrap_or_default());
        }
        out.push(b']');
        rest = index.get(end + 1..).unwrap_or_default();
        first = false;
    }
    keep_if_changed(input, out, start)
}
