//! nginx's own language, as far as it stands in annotations.

/// A text with nginx's variables, with the placeholders of `auth_request` in their place.
///
/// # Errors
/// The variable that has none, or a brace, which the placeholders leave no room for.
pub(crate) fn placeholders(text: &str) -> Result<String, String> {
    if text.replace("${", "").contains('{') {
        return Err("a brace".to_owned());
    }
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, at)) = rest.split_once('$') {
        filled.push_str(before);
        let (name, behind) = variable(at);
        let placeholder = match name {
            "host" | "http_host" | "best_http_host" => "{host}",
            "scheme" | "pass_access_scheme" => "{scheme}",
            "request_uri" => "{path}",
            "escaped_request_uri" => "{escaped_path}",
            "request_method" => "{method}",
            "remote_addr" | "the_real_ip" => "{address}",
            _ => return Err(format!("${name}")),
        };
        filled.push_str(placeholder);
        rest = behind;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The variables of a text, without their signs.
pub(crate) fn variables(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, at)) = rest.split_once('$') {
        let (name, behind) = variable(at);
        found.push(name);
        rest = behind;
    }
    found
}

/// A variable's name, and what stands behind it: `$name`, `${name}`.
fn variable(at: &str) -> (&str, &str) {
    if let Some((name, behind)) = at.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        return (name, behind);
    }
    let end = at.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(at.len());
    at.split_at(end)
}

/// What nginx makes of a text between single quotes (src/core/ngx_conf_file.c, ngx_conf_read_token): ingress-nginx puts snippets
/// between them.
pub(crate) fn unquoted(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let escaped = match (character, characters.peek()) {
            ('\\', Some('\\')) => '\\',
            ('\\', Some('\'')) => '\'',
            ('\\', Some('"')) => '"',
            ('\\', Some('t')) => '\t',
            ('\\', Some('r')) => '\r',
            ('\\', Some('n')) => '\n',
            _ => {
                plain.push(character);
                continue;
            }
        };
        characters.next();
        plain.push(escaped);
    }
    plain
}

/// A size as nginx writes it, in bytes: `8m`, `512k`, `1g`, `1000`.
pub(crate) fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, unit) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (text.get(..at)?, 1 << 10),
        (at, 'm' | 'M') => (text.get(..at)?, 1 << 20),
        (at, 'g' | 'G') => (text.get(..at)?, 1 << 30),
        _ => (text, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}
