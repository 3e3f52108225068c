//! What a decision says of itself to tools, with the feature `trace` only.

use crate::authentication::Refusal;
use crate::authz::{Authz, Outcome};
use crate::config::CredentialKind;
use crate::credentials::{Answer, Presented};
use crate::decision_log::shown;
use crate::facts::Facts;
use crate::matcher::{Condition, Matcher};
use crate::policies::Policies;
use portcullis_trace::{PolicyStep, PolicyVerdict, Step, is_heard, note};
use std::collections::BTreeMap;

/// A credential was looked for.
pub(crate) fn credential(kind: CredentialKind, found: &Presented<&str>) {
    note(|| {
        let (result, consumer) = match found {
            Ok(None) => ("absent", None),
            Ok(Some(consumer)) => ("accepted", Some((*consumer).to_owned())),
            Err(problem) => (problem.text(), None),
        };
        let credential = match kind {
            CredentialKind::ApiKey => "api_key",
            CredentialKind::Basic => "basic",
            CredentialKind::Hmac => "hmac",
            CredentialKind::Jwt => "jwt",
        };
        Step::Credential { credential: credential.to_owned(), result: result.to_owned(), consumer }
    });
}

/// The tokens of a request were looked at, by the rule for this issuer.
pub(crate) fn token(issuer: &str, result: Result<Option<&str>, &Refusal>) {
    note(|| {
        let (text, subject) = match result {
            Ok(None) => ("absent".to_owned(), None),
            Ok(Some(subject)) => ("accepted".to_owned(), Some(shown(subject.as_bytes()))),
            Err(Refusal::Token(denial)) => (denial.text().to_owned(), None),
            Err(Refusal::AwaitKeys(_)) => ("waits for the keys to be fetched".to_owned(), None),
        };
        Step::Token { issuer: issuer.to_owned(), result: text, subject }
    });
}

/// What is required of the request was compared with what it shows.
pub(crate) fn requirement(route: Option<&str>, is_empty: bool, answer: Answer) {
    if is_empty && route.is_none() {
        return;
    }
    note(|| {
        let result = match answer {
            Answer::Yes => "met",
            Answer::Unauthenticated => "credentials missing",
            Answer::Forbidden => "not met",
        };
        Step::Requirement { route: route.map(str::to_owned), result: result.to_owned() }
    });
}

impl Authz {
    /// The policies that had a say, in the order of their evaluation.
    pub(crate) fn trace_policies(&self, outcome: Outcome, dry_run: Option<Outcome>, facts: &mut Facts<'_>) {
        if !is_heard() {
            return;
        }
        let decider = |outcome| match outcome {
            Outcome::DenyPolicy(policy) | Outcome::Allow(Some(policy)) => Some(policy),
            _ => None,
        };
        let groups = &self.policies;
        self.trace_group("AUDIT", false, &groups.audit, None, facts);
        self.trace_group("DENY", false, &groups.deny, decider(outcome), facts);
        if !matches!(outcome, Outcome::DenyPolicy(_)) {
            self.trace_group("ALLOW", false, &groups.allow, decider(outcome), facts);
        }
        if let Some(tried) = &groups.dry_run {
            let decider = dry_run.and_then(decider);
            self.trace_group("DENY", true, &tried.deny, decider, facts);
            self.trace_group("ALLOW", true, &tried.allow, decider, facts);
        }
    }

    /// The CUSTOM policies, which ask for external checks.
    pub(crate) fn trace_checks(&self, facts: &mut Facts<'_>) {
        if is_heard() {
            self.trace_group("CUSTOM", false, &self.policies.custom, None, facts);
        }
    }

    fn trace_group(
        &self,
        action: &str,
        dry_run: bool,
        policies: &Policies,
        decider: Option<usize>,
        facts: &mut Facts<'_>,
    ) {
        for (policy, why_not) in policies.trace(facts) {
            let verdict = match why_not {
                _ if decider == Some(policy) => PolicyVerdict::Decides,
                None => PolicyVerdict::Matches,
                Some(_) => PolicyVerdict::DoesNotMatch,
            };
            note(|| {
                Step::Policy(PolicyStep {
                    policy: self.policy_names().get(policy).cloned().unwrap_or_default(),
                    action: action.to_owned(),
                    dry_run,
                    verdict,
                    why_not: why_not.unwrap_or_default(),
                })
            });
        }
    }
}

impl Policies {
    /// Each policy with what of its rules does not hold; `None` for one that matches.
    fn trace(&self, facts: &mut Facts<'_>) -> BTreeMap<usize, Option<Vec<String>>> {
        let candidates: Vec<u32> = self.candidates(facts.path, facts.host).collect();
        let mut found: BTreeMap<usize, Option<Vec<String>>> = BTreeMap::new();
        for (clause, id) in self.clauses.iter().zip(0_u32..) {
            let Some(rule) = self.rules.get(clause.rule) else { continue };
            let entry = found.entry(rule.policy).or_insert_with(|| Some(Vec::new()));
            let why = if candidates.contains(&id) {
                let mut holds = |condition: &Condition| condition.holds(facts, self.unknown);
                let mut failing = |conditions: &[Condition]| {
                    conditions.iter().find(|condition| !holds(condition)).map(name)
                };
                let of_sources = |failing: &mut dyn FnMut(&[Condition]) -> Option<String>| {
                    let whys: Vec<Option<String>> = rule.from.iter().map(|source| failing(source)).collect();
                    let all: Option<Vec<String>> = whys.into_iter().collect();
                    all.filter(|all| !all.is_empty()).map(|all| all.join(", "))
                };
                failing(&clause.to).or_else(|| failing(&rule.when)).or_else(|| of_sources(&mut failing))
            } else {
                Some("paths or hosts".to_owned())
            };
            match (why, entry) {
                (None, entry) => *entry = None,
                (Some(why), Some(whys)) if !whys.contains(&why) => whys.push(why),
                _ => {}
            }
        }
        found
    }
}

/// What a condition is about, in the words of the policy.
fn name(condition: &Condition) -> String {
    let not = |positive: &str, negative: &str| {
        if condition.negated { negative.to_owned() } else { positive.to_owned() }
    };
    let when = |key: &str| format!("when {key}{}", if condition.negated { " (notValues)" } else { "" });
    match &*condition.matcher {
        Matcher::Host(_) => not("hosts", "notHosts"),
        Matcher::Method(_) => not("methods", "notMethods"),
        Matcher::Path { .. } => not("paths", "notPaths"),
        Matcher::Header { name, .. } => when(&format!("request.headers[{}]", name.escape_ascii())),
        Matcher::Consumer(_) => when("portcullis.consumer"),
        Matcher::Groups(_) => when("portcullis.groups"),
        Matcher::PeerIp(_) => not("ipBlocks", "notIpBlocks"),
        Matcher::RemoteIp(_) => not("remoteIpBlocks", "notRemoteIpBlocks"),
        Matcher::LocalIp(_) => when("destination.ip"),
        Matcher::LocalPort(_) => not("ports", "notPorts"),
        Matcher::Principal(_) => not("principals", "notPrincipals"),
        Matcher::Namespace(_) => not("namespaces", "notNamespaces"),
        Matcher::ServiceAccount(_) => not("serviceAccounts", "notServiceAccounts"),
        Matcher::OfWorkload(_) => not("namespaces or serviceAccounts", "notNamespaces or notServiceAccounts"),
        Matcher::TrustDomain(_) => not("trustDomains", "notTrustDomains"),
        Matcher::ServerName(_) => when("connection.sni"),
        Matcher::RequestPrincipal(_) => not("requestPrincipals", "notRequestPrincipals"),
        Matcher::Claim(_) => when("request.auth.claims"),
        Matcher::Metadata(_) => when("metadata"),
        Matcher::Expression(_) => when("expression"),
    }
}
