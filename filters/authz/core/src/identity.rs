use crate::pattern::{Pattern, PatternSet};
use crate::search::{find, find_all};

/// The scheme that Istio puts before every principal of a policy.
const SCHEME: &[u8] = b"spiffe://";

/// Values of `principals`: exact, prefix and suffix of what stands behind `spiffe://`, or any identity.
#[derive(Debug)]
pub(crate) struct Principals {
    any: bool,
    names: PatternSet,
}

impl Principals {
    pub(crate) fn new(patterns: &[Pattern]) -> Self {
        let names = patterns.iter().filter(|pattern| **pattern != Pattern::Any);
        Self { any: patterns.contains(&Pattern::Any), names: PatternSet::new(names) }
    }

    /// Whether `identity`, empty for none, is one of them. `*` takes any identity, also one that is no SPIFFE ID.
    pub(crate) fn matches(&self, identity: &[u8]) -> bool {
        (self.any && !identity.is_empty())
            || identity.strip_prefix(SCHEME).is_some_and(|name| self.names.matches_present(name))
    }
}

/// A value of `namespaces`. Istio makes the regular expression `.*/ns/<namespace>/.*` of it, with `.*` for each `*`:
/// texts that must stand in this order.
#[derive(Debug)]
pub(crate) struct Namespace(Vec<Box<[u8]>>);

impl Namespace {
    pub(crate) fn new(value: &str) -> Self {
        Self(format!("/ns/{value}/").split('*').map(|text| text.as_bytes().into()).collect())
    }

    /// Whether a SPIFFE ID names this namespace. Istio's expression would also take another name of a certificate with
    /// such a text in it; here only a SPIFFE ID counts.
    pub(crate) fn matches(&self, identity: &[u8]) -> bool {
        let Some(mut left) = identity.strip_prefix(SCHEME) else { return false };
        self.0.iter().all(|text| {
            let Some(at) = find(left, text) else { return false };
            left = left.get(at + text.len()..).unwrap_or_default();
            true
        })
    }
}

/// A value of `serviceAccounts`. Istio makes `spiffe://.+/ns/<namespace>/(.+/|)sa/<account>(/.+)?` of it.
#[derive(Debug)]
pub(crate) struct ServiceAccount {
    namespace: Box<[u8]>,
    account: Box<[u8]>,
}

impl ServiceAccount {
    pub(crate) fn new(namespace: &str, account: &str) -> Self {
        Self {
            namespace: format!("/ns/{namespace}/").into_bytes().into(),
            account: format!("sa/{account}").into_bytes().into(),
        }
    }

    pub(crate) fn matches(&self, identity: &[u8]) -> bool {
        // A trust domain of at least one byte stands before the namespace.
        let Some(behind) = identity.strip_prefix(SCHEME).and_then(|name| name.get(1..)) else { return false };
        let Some(at) = find(behind, &self.namespace) else { return false };
        // The first occurrence will do: what stands behind a later one is found behind this one as well.
        let path = behind.get(at + self.namespace.len()..).unwrap_or_default();
        find_all(path, &self.account).any(|at| {
            let (before, from) = path.split_at_checked(at).unwrap_or_default();
            let after = from.get(self.account.len()..).unwrap_or_default();
            // `(.+/|)` takes nothing, or a text of at least one byte and a slash.
            let starts = at == 0 || (at > 1 && before.ends_with(b"/"));
            let ends = after.is_empty() || (after.len() > 1 && after.starts_with(b"/"));
            starts && ends
        })
    }
}

/// Whether this is a SPIFFE ID as Istio issues them: `<trust domain>/ns/<namespace>/sa/<account>`, and nothing more.
pub(crate) fn is_workload(identity: &[u8]) -> bool {
    let parts: Vec<&[u8]> =
        identity.strip_prefix(SCHEME).unwrap_or_default().split(|byte| *byte == b'/').collect();
    matches!(parts.as_slice(), [domain, b"ns", namespace, b"sa", account]
        if ![domain, namespace, account].iter().any(|part| part.is_empty()))
}

/// The trust domain of a SPIFFE ID: what stands between the scheme and the next slash, which must be there.
pub(crate) fn trust_domain(identity: &[u8]) -> Option<&[u8]> {
    let name = identity.strip_prefix(SCHEME)?;
    name.get(..memchr::memchr(b'/', name)?)
}
