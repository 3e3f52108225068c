use crate::authentication::Identity;
use crate::pattern::{Pattern, PatternSet};
use serde_json::Value;

/// A value of `requestPrincipals`: Istio splits it at its last `/` into issuer and subject
/// (pilot/pkg/security/authz/model/generator.go, `requestPrincipalGenerator`).
#[derive(Debug)]
pub(crate) struct RequestPrincipal {
    issuer: PatternSet,
    subject: PatternSet,
}

impl RequestPrincipal {
    pub(crate) fn new(value: &str) -> Self {
        let exact = |text: &str| Pattern::Exact(text.as_bytes().into());
        let prefix = |text: &str| Pattern::Prefix(text.as_bytes().into());
        let suffix = |text: &str| Pattern::Suffix(text.as_bytes().into());
        let (issuer, subject) =
            match (value.rsplit_once('/'), value.strip_prefix('*'), value.strip_suffix('*')) {
                _ if value == "*" => (Pattern::Any, Pattern::Any),
                (Some(("*", subject)), ..) => (Pattern::Any, exact(subject)),
                (Some((issuer, subject)), Some(_), _) => {
                    (suffix(issuer.strip_prefix('*').unwrap_or(issuer)), exact(subject))
                }
                (Some((issuer, "*")), None, _) => (exact(issuer), Pattern::Any),
                (Some((issuer, subject)), None, Some(_)) => {
                    (exact(issuer), prefix(subject.strip_suffix('*').unwrap_or(subject)))
                }
                (Some((issuer, subject)), None, None) => (exact(issuer), exact(subject)),
                (None, Some(rest), _) => (Pattern::Any, suffix(rest)),
                (None, None, Some(rest)) => (prefix(rest), Pattern::Any),
                (None, None, None) => (exact(value), exact("")),
            };
        Self { issuer: PatternSet::new([&issuer]), subject: PatternSet::new([&subject]) }
    }

    pub(crate) fn matches(&self, identity: &Identity) -> bool {
        let holds = |values: &PatternSet, name: &str| {
            let claim = identity.claims().members.get(name).and_then(Value::as_str);
            claim.is_some_and(|text| values.matches_text(text.as_bytes()))
        };
        holds(&self.issuer, "iss") && holds(&self.subject, "sub")
    }
}

/// A claim and the values that it may have.
#[derive(Debug)]
pub(crate) struct Claim {
    /// The names from the outermost object on.
    pub(crate) path: Vec<String>,
    pub(crate) values: PatternSet,
}

impl Claim {
    /// Whether the claim is a text that matches, or a list with such a text. Numbers and booleans never match (Istio,
    /// `MetadataListValueMatcherForJWTClaims`).
    pub(crate) fn matches(&self, identity: &Identity) -> bool {
        match identity.claim(&self.path) {
            Some(Value::String(text)) if identity.is_space_delimited(&self.path) => text
                .split(' ')
                .filter(|word| !word.is_empty())
                .any(|word| self.values.matches_text(word.as_bytes())),
            Some(Value::String(text)) => self.values.matches_text(text.as_bytes()),
            Some(Value::Array(list)) => {
                list.iter().filter_map(Value::as_str).any(|text| self.values.matches_text(text.as_bytes()))
            }
            _ => false,
        }
    }
}

/// The names in `[a][b]`. Istio takes any text without brackets for a name.
pub(crate) fn bracketed_names(text: &str) -> Option<Vec<String>> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    let names: Vec<String> = inner.split("][").map(str::to_owned).collect();
    let is_name = |name: &String| !name.is_empty() && !name.contains(['[', ']']);
    names.iter().all(is_name).then_some(names)
}
