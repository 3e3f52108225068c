use std::fmt;

/// What is wrong with an expression, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The byte at which it was found, from 0.
    pub at: usize,
    /// What was found, or what is wrong.
    pub message: String,
}

impl SyntaxError {
    pub(crate) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: {}", self.at + 1, self.message)
    }
}

impl std::error::Error for SyntaxError {}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Int(i64),
    Double(f64),
    String(Vec<u8>),
    Name(String),
    /// An operator or a bracket.
    Symbol(&'static str),
    End,
}

/// Longer ones first.
const SYMBOLS: [&str; 24] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "?", ":", "+", "-", "*", "/", "%", "(", ")", "[", "]",
    ".", ",", "{", "}",
];

/// The tokens of an expression, each with its place. Comments begin with `//`.
pub(crate) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, SyntaxError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let at = text.len() - rest.len();
        if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.split_once('\n').map_or("", |(_, behind)| behind);
            continue;
        }
        let Some(first) = rest.chars().next() else {
            tokens.push((at, Token::End));
            return Ok(tokens);
        };
        let (token, behind) = if first.is_ascii_digit() {
            number(rest, at)?
        } else if let Some(raw) = rest.strip_prefix(['r', 'R']).filter(|raw| raw.starts_with(['"', '\''])) {
            string(raw, at, true)?
        } else if first == '"' || first == '\'' {
            string(rest, at, false)?
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (name, behind) = rest.split_at(end);
            (Token::Name(name.to_owned()), behind)
        } else {
            let symbol = SYMBOLS.into_iter().find_map(|symbol| Some((symbol, rest.strip_prefix(symbol)?)));
            let (symbol, behind) =
                symbol.ok_or_else(|| SyntaxError::new(at, format!("`{first}` has no meaning here")))?;
            (Token::Symbol(symbol), behind)
        };
        tokens.push((at, token));
        rest = behind;
    }
}

fn number(text: &str, at: usize) -> Result<(Token, &str), SyntaxError> {
    let bad = |what: &str| SyntaxError::new(at, format!("{what} is no number of 64 bits"));
    if let Some(hex) = text.strip_prefix("0x") {
        let end = hex.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(hex.len());
        let (digits, behind) = hex.split_at(end);
        let value = i64::from_str_radix(digits, 16).map_err(|_| bad(digits))?;
        return Ok((Token::Int(value), behind.strip_prefix(['u', 'U']).unwrap_or(behind)));
    }
    let mut end = 0;
    let mut is_double = false;
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'0'..=b'9' => {}
            // `1.size()` is no double.
            b'.' if !is_double && digit(end + 1) => is_double = true,
            b'e' | b'E' if digit(end + 1) => is_double = true,
            b'e' | b'E' if matches!(bytes.get(end + 1), Some(b'+' | b'-')) && digit(end + 2) => {
                is_double = true;
                end += 1;
            }
            _ => break,
        }
        end += 1;
    }
    let (digits, behind) = text.split_at(end);
    if is_double {
        return Ok((Token::Double(serde_json::from_str(digits).map_err(|_| bad(digits))?), behind));
    }
    let value = digits.parse().map_err(|_| bad(digits))?;
    Ok((Token::Int(value), behind.strip_prefix(['u', 'U']).unwrap_or(behind)))
}

fn string(text: &str, at: usize, is_raw: bool) -> Result<(Token, &str), SyntaxError> {
    let mut chars = text.char_indices();
    let quote = chars.next().map(|(_, quote)| quote);
    let mut value = String::new();
    while let Some((index, c)) = chars.next() {
        if Some(c) == quote {
            let behind = text.get(index + 1..).unwrap_or_default();
            return Ok((Token::String(value.into_bytes()), behind));
        }
        if c != '\\' || is_raw {
            value.push(c);
            continue;
        }
        let escape = chars.next().map(|(_, c)| c);
        value.push(match escape {
            Some(c @ ('\\' | '\'' | '"' | '`' | '?')) => c,
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some(kind @ ('u' | 'x')) => {
                let count = if kind == 'u' { 4 } else { 2 };
                let digits: String = chars.by_ref().take(count).map(|(_, c)| c).collect();
                let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == count);
                code.and_then(char::from_u32)
                    .ok_or_else(|| SyntaxError::new(at, format!("`\\{kind}{digits}` is no character")))?
            }
            _ => return Err(SyntaxError::new(at, "an escape that is none: write `\\\\`, or r'…'")),
        });
    }
    Err(SyntaxError::new(at, "a text without its closing quote"))
}
