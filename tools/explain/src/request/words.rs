//! A command line as a shell splits it: quotes, `$'…'` (which browsers write when they copy a request as curl), backslashes.

/// # Errors
/// A quote that nothing closes, or what only a shell can expand.
pub(super) fn split(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            // The end of a command; what follows is another's.
            ';' | '|' | '&' if word.is_none() => break,
            '\\' => match rest.next() {
                Some('\n') | None => {}
                Some('\r') => drop(rest.next_if_eq(&'\n')),
                Some(escaped) => word.get_or_insert_default().push(escaped),
            },
            '\'' => quoted(&mut rest, word.get_or_insert_default())?,
            '$' if rest.peek() == Some(&'\'') => {
                rest.next();
                ansi(&mut rest, word.get_or_insert_default())?;
            }
            '"' => double(&mut rest, word.get_or_insert_default())?,
            space if space.is_whitespace() => words.extend(word.take()),
            // Windows continues lines with it.
            '^' if matches!(rest.peek(), Some('\n' | '\r')) => {}
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

const UNCLOSED: &str = "a quote in the curl command is not closed";

fn quoted(rest: &mut Rest<'_>, word: &mut String) -> Result<(), String> {
    for next in rest {
        match next {
            '\'' => return Ok(()),
            other => word.push(other),
        }
    }
    Err(UNCLOSED.to_owned())
}

fn double(rest: &mut Rest<'_>, word: &mut String) -> Result<(), String> {
    while let Some(next) = rest.next() {
        match next {
            '"' => return Ok(()),
            '\\' => match rest.next() {
                Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                Some('\n') => {}
                Some(other) => word.extend(['\\', other]),
                None => break,
            },
            other => word.push(other),
        }
    }
    Err(UNCLOSED.to_owned())
}

/// Bash manual, "ANSI-C Quoting".
fn ansi(rest: &mut Rest<'_>, word: &mut String) -> Result<(), String> {
    while let Some(next) = rest.next() {
        match next {
            '\'' => return Ok(()),
            '\\' => match rest.next() {
                Some('n') => word.push('\n'),
                Some('r') => word.push('\r'),
                Some('t') => word.push('\t'),
                Some('u') => word.extend(code(rest, 4)),
                Some('U') => word.extend(code(rest, 8)),
                Some('x') => word.extend(code(rest, 2)),
                Some(other) => word.push(other),
                None => break,
            },
            other => word.push(other),
        }
    }
    Err(UNCLOSED.to_owned())
}

fn code(rest: &mut Rest<'_>, most: usize) -> Option<char> {
    let mut digits = String::new();
    while digits.len() < most
        && let Some(digit) = rest.next_if(char::is_ascii_hexdigit)
    {
        digits.push(digit);
    }
    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
}
