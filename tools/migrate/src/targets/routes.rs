//! Paths as regular expressions of RE2, which Envoy, Istio and Envoy Gateway have.

use crate::plan::{Location, Matching};

/// A pattern that has to match the whole path.
pub(crate) fn pattern(location: &Location) -> String {
    format!("(?i){}.*", location.path.trim_start_matches('^'))
}

/// The same with regard to case: where filters compare paths themselves, no other spelling of one may reach its route.
pub(crate) fn pattern_in_case(location: &Location) -> String {
    format!("{}.*", location.path.trim_start_matches('^'))
}

/// What the whole path becomes: nginx's `$1` is `\1`.
pub(crate) fn substitution(target: &str) -> String {
    let escaped = target.replace('\\', "\\\\");
    let mut text = String::with_capacity(escaped.len());
    let mut characters = escaped.chars().peekable();
    while let Some(character) = characters.next() {
        let is_group = character == '$' && characters.peek().is_some_and(char::is_ascii_digit);
        text.push(if is_group { '\\' } else { character });
    }
    text
}

/// The paths of a location as the filters compare them: exact, or with a `*` at the end. Of a regular expression what stands
/// before its first special character, so that more is covered than less.
pub(crate) fn paths(location: &Location) -> Vec<String> {
    let path = &location.path;
    match location.matching {
        Matching::Exact => vec![path.clone()],
        Matching::Segments => vec![path.clone(), format!("{path}/*")],
        Matching::Prefix if path == "/" => vec!["*".to_owned()],
        Matching::Prefix => vec![format!("{path}*")],
        Matching::Regex => {
            let end = path.find(|c: char| "()[]{}.*+?|^$\\".contains(c)).unwrap_or(path.len());
            match path.get(..end) {
                None | Some("" | "/") => vec!["*".to_owned()],
                Some(literal) => vec![format!("{literal}*")],
            }
        }
    }
}
