use crate::config::{Compatibility, WishConfig};
use crate::loading::Loading;
use crate::names::quote;
use regex::bytes::{Regex, RegexBuilder};
use sdk_shim_config::{ConfigErrors, Path};

/// The longest pattern, in bytes.
pub const MAX_PATTERN_BYTES: usize = 4096;

/// The most memory that a compiled pattern may take, in bytes.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// The most memory that the automaton of a pattern may take, which is built while it matches, in bytes. What needs more
/// is matched more slowly, in the same number of steps for each byte.
const MAX_AUTOMATON_BYTES: usize = 256 << 10;

/// What the value of a header or cookie asks for.
#[derive(Debug)]
pub(crate) struct Wish {
    asks_for: AsksFor,
    /// Whether `never` keeps out; if not, it is a value like any other.
    heeds_never: bool,
}

/// Whether a rule takes a request into its release or keeps it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verdict {
    In,
    Out,
}

/// What in a value decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Always,
    Never,
    Value,
    Pattern,
}

#[derive(Debug)]
enum AsksFor {
    Always,
    Value(String),
    Pattern(Regex),
    /// A pattern that does not compile, which ingress-nginx finds out with the first request.
    Broken,
}

impl Wish {
    pub(crate) fn new(config: &WishConfig, path: &Path, loading: &mut Loading) -> Self {
        let Compatibility { never_only_without_value, broken_pattern_keeps_out, .. } = loading.compatibility;
        let heeds_never = !never_only_without_value;
        let asks_for = match (&config.value, &config.pattern) {
            (None, None) => return Self { asks_for: AsksFor::Always, heeds_never: true },
            (Some(_), Some(_)) => {
                loading.errors.add(path, "both `value` and `pattern`", "one of them");
                AsksFor::Broken
            }
            (Some(value), None) => {
                check_value(value, heeds_never, &path.field("value"), &mut loading.errors);
                AsksFor::Value(value.clone())
            }
            (None, Some(pattern)) => {
                let path = path.field("pattern");
                compile(pattern).map(AsksFor::Pattern).unwrap_or_else(|(found, expected)| {
                    let Loading { errors, warnings, .. } = loading;
                    let report = if broken_pattern_keeps_out { warnings } else { errors };
                    report.add(&path, found, expected);
                    AsksFor::Broken
                })
            }
        };
        Self { asks_for, heeds_never }
    }

    /// What `value` asks for; `None` where it decides nothing.
    pub(crate) fn read(&self, value: &[u8]) -> Option<(Verdict, By)> {
        if value == b"never" && self.heeds_never {
            return Some((Verdict::Out, By::Never));
        }
        match &self.asks_for {
            AsksFor::Always => (value == b"always").then_some((Verdict::In, By::Always)),
            AsksFor::Value(wanted) => (value == wanted.as_bytes()).then_some((Verdict::In, By::Value)),
            AsksFor::Pattern(pattern) => pattern.is_match(value).then_some((Verdict::In, By::Pattern)),
            AsksFor::Broken => Some((Verdict::Out, By::Pattern)),
        }
    }

    /// All that [`Wish::read`] can return.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = (Verdict, By)> + use<> {
        let asked = match &self.asks_for {
            AsksFor::Always => (Verdict::In, By::Always),
            AsksFor::Value(_) => (Verdict::In, By::Value),
            AsksFor::Pattern(_) => (Verdict::In, By::Pattern),
            AsksFor::Broken => (Verdict::Out, By::Pattern),
        };
        std::iter::once(asked).chain(self.heeds_never.then_some((Verdict::Out, By::Never)))
    }
}

fn check_value(value: &str, heeds_never: bool, path: &Path, errors: &mut ConfigErrors) {
    let is_possible = !value.is_empty()
        && value.trim_ascii().len() == value.len()
        && !value.bytes().any(|byte| byte.is_ascii_control());
    if !is_possible {
        let expected =
            "a value that a request can have: not empty, no blanks around it, no control characters";
        errors.add(path, quote(value), expected);
    } else if value == "never" && heeds_never {
        errors.add(path, quote(value), "another value: `never` keeps a request out of the release");
    }
}

fn compile(pattern: &str) -> Result<Regex, (String, String)> {
    if pattern.is_empty() || pattern.len() > MAX_PATTERN_BYTES {
        return Err((
            format!("a pattern of {} bytes", pattern.len()),
            format!("1 to {MAX_PATTERN_BYTES} bytes"),
        ));
    }
    RegexBuilder::new(pattern)
        .unicode(false)
        .size_limit(MAX_COMPILED_BYTES)
        .dfa_size_limit(MAX_AUTOMATON_BYTES)
        .build()
        .map_err(|error| {
            let text = error.to_string();
            // A syntax error shows the pattern over several lines; the last one says what is wrong.
            let what =
                text.lines().next_back().map(|line| line.trim_start_matches("error: ")).unwrap_or_default();
            (format!("{} ({what})", quote(pattern)), "a regular expression".to_owned())
        })
}
