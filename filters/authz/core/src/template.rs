use std::fmt;

/// A path template: `{*}` stands for one segment, `{**}` for any text that may span segments, also none (Istio
/// AuthorizationPolicy, Operation.paths; Envoy `envoy.path.match.uri_template.uri_template_matcher`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    /// The texts around the `{*}`s: one more than there are of them.
    texts: Vec<Box<[u8]>>,
    /// What must stand behind a `{**}`, where there is one.
    rest: Option<Box<[u8]>>,
}

impl Template {
    /// Whether `path` is a template at all.
    pub(crate) fn is_template(path: &str) -> bool {
        path.contains(ONE) || path.contains(MANY)
    }

    /// Reads a template under the rules of both Istio (`CheckValidPathTemplate`) and Envoy (`parsePathPatternSyntax`).
    pub(crate) fn new(path: &str) -> Result<Self, TemplateError> {
        let segments = path.strip_prefix('/').ok_or(TemplateError::NotAbsolute)?;
        let (head, rest) = match segments.split_once(MANY) {
            Some((_, rest)) if rest.contains(MANY) || rest.contains(ONE) => {
                return Err(TemplateError::OperatorAfterRest);
            }
            Some((head, rest)) => (head, Some(rest)),
            None => (segments, None),
        };
        let count = segments.split('/').count();
        for (index, segment) in segments.split('/').enumerate() {
            let is_last = index + 1 == count;
            match segment {
                ONE | MANY => {}
                "" if is_last => {}
                "" => return Err(TemplateError::EmptySegment),
                text if text.contains(['{', '}']) => return Err(TemplateError::Brace),
                text if !text.bytes().all(is_literal) => return Err(TemplateError::Character),
                _ => {}
            }
        }
        let mut texts: Vec<Box<[u8]>> = head.split(ONE).map(|text| text.as_bytes().into()).collect();
        if let Some(first) = texts.first_mut() {
            *first = [b"/", &**first].concat().into();
        }
        Ok(Self { texts, rest: rest.map(|rest| rest.as_bytes().into()) })
    }

    /// The template that takes what this one does without a slash at the end, where that stands behind `{**}`: Istio documents
    /// `/foo/{**}/` so, and compiles it otherwise.
    pub(crate) fn without_last_slash(&self) -> Option<Self> {
        let rest = self.rest.as_deref()?.strip_suffix(b"/")?;
        Some(Self { texts: self.texts.clone(), rest: Some(rest.into()) })
    }

    /// The text that every match begins with.
    pub(crate) fn prefix(&self) -> &[u8] {
        self.texts.first().map_or(b"", |text| text)
    }

    /// Whether `path`, without query and fragment, matches. A wildcard takes only the characters that RFC 3986 allows in
    /// a segment: not `|`, `[`, `"` and their like, which Envoy forwards all the same.
    pub(crate) fn matches(&self, path: &[u8]) -> bool {
        let Some(mut left) = path.strip_prefix(self.prefix()) else { return false };
        for text in self.texts.iter().skip(1) {
            let end = left.iter().position(|byte| *byte == b'/').unwrap_or(left.len());
            let Some((segment, behind)) = left.split_at_checked(end) else { return false };
            if segment.is_empty() || !segment.iter().copied().all(is_wild) {
                return false;
            }
            let Some(behind) = behind.strip_prefix(&**text) else { return false };
            left = behind;
        }
        match &self.rest {
            None => left.is_empty(),
            Some(rest) => left
                .strip_suffix(&**rest)
                .is_some_and(|text| text.iter().all(|byte| *byte == b'/' || is_wild(*byte))),
        }
    }
}

/// Why a path is no template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TemplateError {
    /// It does not begin with a slash.
    NotAbsolute,
    /// Behind `{**}` stands another operator.
    OperatorAfterRest,
    /// Two slashes follow each other.
    EmptySegment,
    /// A brace outside `{*}` and `{**}`, or beside one of them in the same segment.
    Brace,
    /// A character that no segment may have, `*` among them.
    Character,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAbsolute => "a template that begins with `/`",
            Self::OperatorAfterRest => "no operator behind `{**}`",
            Self::EmptySegment => "a template without empty segments",
            Self::Brace => "`{` and `}` only as `{*}` and `{**}`, each a whole segment",
            Self::Character => "segments of letters, digits and -._~%!$&'()+,;:@= beside `{*}` and `{**}`",
        })
    }
}

const ONE: &str = "{*}";
const MANY: &str = "{**}";

/// What a segment of a template may have beside operators (Istio, `IsValidLiteral`).
fn is_literal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()+,;:@=".contains(&byte)
}

/// What a wildcard takes, `{**}` the slash as well: RFC 3986 `pchar`. Envoy did not take `*` in early versions; 1.40 does.
fn is_wild(byte: u8) -> bool {
    byte == b'*' || is_literal(byte)
}
