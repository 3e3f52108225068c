//! Spares listed fingerprints that ordinary input has too (`libinjection_sqli_not_whitelist`).

use memchr::memchr_iter;

use super::fingerprint::Fingerprint;
use super::fold::Folded;
use super::token::Kind;

/// Whether an input whose fingerprint is listed is an attack.
pub(super) fn is_attack(folded: &Folded<'_>, fingerprint: Fingerprint) -> bool {
    let input = folded.source().input();
    let fingerprint = fingerprint.as_ref();
    // SQL Server leaves a statement out of its log that has this in a comment.
    if matches!(fingerprint, [_, .., b'c']) && has_sp_password(input) {
        return true;
    }
    match fingerprint.len() {
        2 => is_short_attack(folded, fingerprint),
        3 => is_medium_attack(folded, fingerprint),
        _ => true,
    }
}

fn has_sp_password(input: &[u8]) -> bool {
    let is_name = |part: &[u8]| part.starts_with(b"sp_password");
    memchr_iter(b'_', input).any(|at| at.checked_sub(2).and_then(|at| input.get(at..)).is_some_and(is_name))
}

fn is_short_attack(folded: &Folded<'_>, fingerprint: &[u8]) -> bool {
    let mut tokens = folded.tokens();
    let (Some(first), Some(second)) = (tokens.next(), tokens.next()) else { return true };
    let count = folded.source().count();
    if fingerprint.ends_with(b"U") {
        // A number before `union` is ordinary text, unless something was folded or commented away.
        return count != 2;
    }
    match (first.kind, second.kind, second.text.first()) {
        (_, _, Some(b'#')) => false,
        (Kind::Bareword, Kind::Comment, opening) if opening != Some(&b'/') => false,
        (Kind::Number, Kind::Comment, Some(b'/')) => true,
        // `1234-ABCDEF--` looks like base64, `1234--` does not.
        (Kind::Number, Kind::Comment, _) => count > 2 || ends_number(folded, first.text.len()),
        // `--` is common in text, though not at its end.
        (_, _, Some(b'-')) => second.text.len() <= 2,
        _ => true,
    }
}

/// Whether white space or a comment stands after the number that is as long as this.
///
/// Like libinjection's, this supposes that the number begins the input.
fn ends_number(folded: &Folded<'_>, length: usize) -> bool {
    match folded.source().input().get(length..) {
        // What is above 127 is below 32 as a signed char.
        Some([0..=32 | 128.., ..] | [b'/', b'*', ..] | [b'-', b'-', ..]) => true,
        _ => false,
    }
}

fn is_medium_attack(folded: &Folded<'_>, fingerprint: &[u8]) -> bool {
    let mut tokens = folded.tokens();
    let (Some(first), Some(second), Some(third)) = (tokens.next(), tokens.next(), tokens.next()) else {
        return true;
    };
    match fingerprint {
        // `foo' + 'bar`: the quotes around it are in the query.
        b"sos" | b"s&s" => first.open.is_none() && third.close.is_none() && first.close == third.open,
        // `sexy and 17` is ordinary text, `sexy and 17<18` is not.
        b"s&n" | b"n&1" | b"1&1" | b"1&v" | b"1&s" => folded.source().count() != 3,
        // INTO OUTFILE and INTO DUMPFILE.
        _ if second.kind == Kind::Keyword => {
            second.text.len() >= 5
                && second.text.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"INTO"))
        }
        _ => true,
    }
}
