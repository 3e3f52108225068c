use sdk_shim_config::{ConfigErrors, Path};
use sdk_shim_http::{Cidr, is_token};

/// The longest name of a release, and the longest key of filter state, in bytes.
pub const MAX_NAME_BYTES: usize = 63;

const MAX_FIELD_NAME_BYTES: usize = 256;

/// Checks a name that becomes a header's value, a part of a metric's name and a key of filter state.
pub(crate) fn check_label(name: &str, path: &Path, errors: &mut ConfigErrors) {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(is_valid) {
        let expected = format!("1 to {MAX_NAME_BYTES} letters, digits, `-`, `_` or `.`");
        errors.add(path, quote(name), expected);
    }
}

/// Checks the name of a header and returns it in lower case.
pub(crate) fn check_header(name: &str, path: &Path, errors: &mut ConfigErrors) -> String {
    check_token(name, path, "a header name: a token (RFC 9110 5.6.2)", errors);
    name.to_ascii_lowercase()
}

/// Checks the name of a cookie.
pub(crate) fn check_cookie(name: &str, path: &Path, errors: &mut ConfigErrors) {
    check_token(name, path, "a cookie name: a token (RFC 6265 4.1.1)", errors);
}

/// Checks the name of a query parameter, which is compared as it stands in the query.
pub(crate) fn check_query(name: &str, path: &Path, errors: &mut ConfigErrors) {
    let is_valid = |byte: u8| byte.is_ascii_graphic() && !b"&=#".contains(&byte);
    if name.is_empty() || name.len() > MAX_FIELD_NAME_BYTES || !name.bytes().all(is_valid) {
        let expected = format!(
            "a query parameter as it stands in the query, percent-encoded where need be, at most {MAX_FIELD_NAME_BYTES} bytes"
        );
        errors.add(path, quote(name), expected);
    }
}

/// Checks a method.
pub(crate) fn check_method(name: &str, path: &Path, errors: &mut ConfigErrors) {
    check_token(name, path, "a method such as GET (RFC 9110 9.1)", errors);
}

/// Reads blocks of addresses.
pub(crate) fn check_blocks(blocks: &[String], path: &Path, errors: &mut ConfigErrors) -> Vec<Cidr> {
    let mut read = |(index, block): (usize, &String)| {
        let refuse =
            |_| errors.add(&path.index(index), quote(block), "an address, or a block such as 10.0.0.0/8");
        block.parse().map_err(refuse).ok()
    };
    blocks.iter().enumerate().filter_map(&mut read).collect()
}

/// A configured text as an error shows it: cut where it is long.
pub(crate) fn quote(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN).and_then(|(end, _)| text.get(..end)) {
        Some(start) => format!("`{start}…` ({} bytes)", text.len()),
        None => format!("`{text}`"),
    }
}

pub(crate) fn check_token(name: &str, path: &Path, expected: &str, errors: &mut ConfigErrors) {
    if name.len() > MAX_FIELD_NAME_BYTES || !is_token(name.as_bytes()) {
        errors.add(path, quote(name), format!("{expected}, at most {MAX_FIELD_NAME_BYTES} bytes"));
    }
}
