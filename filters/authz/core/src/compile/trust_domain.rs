use super::attribute::Attribute;
use std::borrow::Cow;

/// The values of a list with those for each trust domain of the mesh that they stand for (Istio,
/// pilot/pkg/security/trustdomain/bundle.go: `ReplaceTrustDomainAliases`, `ExpandTrustDomainAliases`).
pub(super) fn expand<'v>(
    attribute: &Attribute,
    values: &'v [String],
    domains: &[String],
) -> Cow<'v, [String]> {
    let one: fn(&str, &[String]) -> Vec<String> = match attribute {
        Attribute::Principal => principal,
        Attribute::TrustDomain => trust_domain,
        _ => return Cow::Borrowed(values),
    };
    if domains.is_empty() {
        return Cow::Borrowed(values);
    }
    Cow::Owned(values.iter().flat_map(|value| one(value, domains)).collect())
}

fn trust_domain(value: &str, domains: &[String]) -> Vec<String> {
    if domains.iter().any(|domain| domain == value) { domains.to_vec() } else { vec![value.to_owned()] }
}

fn principal(value: &str, domains: &[String]) -> Vec<String> {
    let (domain, rest) = value.split_once('/').unwrap_or((value, ""));
    // `*-td` names every domain with that end.
    let is_suffix = |suffix: &str, domain: &str| domain.ends_with(suffix);
    let is_of = |own: &String| match domain.strip_prefix('*') {
        Some(suffix) => is_suffix(suffix, own),
        None => own == domain,
    };
    let names_domain = value.split('/').count() == 5 && domain != "*";
    if !names_domain || !(domain == "cluster.local" || domains.iter().any(is_of)) {
        return vec![value.to_owned()];
    }
    let mut all: Vec<String> = Vec::new();
    for own in domains {
        let replaced =
            if domain.starts_with('*') && is_of(own) { value.to_owned() } else { format!("{own}/{rest}") };
        if !all.contains(&replaced) {
            all.push(replaced);
        }
    }
    all
}
