use crate::config::{Compatibility, WishConfig};
use crate::inputs::Inputs;
use crate::loading::Loading;
use crate::names::quote;
use crate::patterns::{Anchoring, PatternId, Subject};
use crate::token::Tokens;
use sdk_shim_config::{ConfigErrors, Path};

/// What the value of a header or cookie asks for.
#[derive(Debug)]
pub(crate) struct Wish {
    subject: Subject,
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
    Token,
}

#[derive(Debug)]
enum AsksFor {
    Always,
    Value(String),
    Pattern(PatternId),
    /// A signed token for the release.
    Token,
    /// A pattern that does not compile, which ingress-nginx finds out with the first request.
    Broken,
}

impl Wish {
    pub(crate) fn new(config: &WishConfig, subject: Subject, path: &Path, loading: &mut Loading) -> Self {
        let Compatibility { never_only_without_value, broken_pattern_keeps_out, .. } = loading.compatibility;
        let mut heeds_never = !never_only_without_value;
        let asks_for = match (&config.value, &config.pattern, config.signed) {
            (None, None, false) => {
                heeds_never = true;
                AsksFor::Always
            }
            (None, None, true) => {
                if !loading.has_tokens {
                    let expected = "the top level's `token` beside it";
                    loading.errors.add(&path.field("signed"), "true", expected);
                }
                heeds_never = true;
                AsksFor::Token
            }
            (Some(value), None, false) => {
                check_value(value, heeds_never, &path.field("value"), &mut loading.errors);
                AsksFor::Value(value.clone())
            }
            (None, Some(pattern), false) => {
                let path = path.field("pattern");
                match loading.patterns.add(pattern, Anchoring::Anywhere, subject) {
                    Ok(id) => AsksFor::Pattern(id),
                    Err((found, expected)) => {
                        let Loading { errors, warnings, .. } = loading;
                        let report = if broken_pattern_keeps_out { warnings } else { errors };
                        report.add(&path, found, expected);
                        AsksFor::Broken
                    }
                }
            }
            (Some(_), Some(_), _) => {
                loading.errors.add(path, "both `value` and `pattern`", "one of them");
                AsksFor::Broken
            }
            (_, _, true) => {
                let expected = "`signed` without `value` and `pattern`";
                loading.errors.add(path, "`signed` beside a value", expected);
                AsksFor::Broken
            }
        };
        Self { subject, asks_for, heeds_never }
    }

    /// What it reads.
    pub(crate) fn subject(&self) -> Subject {
        self.subject
    }

    /// What the request asks for; `None` where it decides nothing.
    pub(crate) fn read(
        &self,
        inputs: &mut Inputs<'_>,
        release: &str,
        tokens: &Tokens,
    ) -> Option<(Verdict, By)> {
        let value = inputs.value(self.subject)?;
        if value == b"never" && self.heeds_never {
            return Some((Verdict::Out, By::Never));
        }
        match &self.asks_for {
            AsksFor::Always => (value == b"always").then_some((Verdict::In, By::Always)),
            AsksFor::Value(wanted) => (value == wanted.as_bytes()).then_some((Verdict::In, By::Value)),
            AsksFor::Pattern(id) => inputs.matches(*id).then_some((Verdict::In, By::Pattern)),
            AsksFor::Token => {
                let now = inputs.now();
                let value = inputs.value(self.subject)?;
                tokens.allow(value, release, now).then_some((Verdict::In, By::Token))
            }
            AsksFor::Broken => Some((Verdict::Out, By::Pattern)),
        }
    }

    /// All that [`Wish::read`] can return.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = (Verdict, By)> + use<> {
        let asked = match &self.asks_for {
            AsksFor::Always => (Verdict::In, By::Always),
            AsksFor::Value(_) => (Verdict::In, By::Value),
            AsksFor::Pattern(_) => (Verdict::In, By::Pattern),
            AsksFor::Token => (Verdict::In, By::Token),
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
