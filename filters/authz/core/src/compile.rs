//! Policies as they are written, checked and compiled. What Istio would skip, widen or narrow silently (an unknown
//! attribute, a bad block, an empty list) is refused here with its path.

use crate::address::CidrSet;
use crate::claims::{Claim, RequestPrincipal, bracketed_names};
use crate::config::{Action, Condition as When, Operation, Policy, Rule as RuleConfig, Source};
use crate::identity::{Namespace, Principals, ServiceAccount};
use crate::matcher::{Condition, Matcher};
use crate::pattern::{Pattern, PatternSet};
use crate::policies::{Builder, IndexKey, Policies, Rule};
use crate::template::Template;
use sdk_shim_config::{ConfigErrors, Path};
use sdk_shim_http::Cidr;
use std::collections::BTreeSet;

/// The compiled policies by action.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) audit: Policies,
    pub(crate) deny: Policies,
    pub(crate) allow: Policies,
    /// Whether there is an ALLOW policy, one without rules included.
    pub(crate) has_allow: bool,
    /// What is legal and has no effect.
    pub(crate) warnings: Vec<String>,
}

/// Compiles `policies`. `consumers` are the names that API keys may give to a request, `None` without API keys;
/// `has_tokens` says whether tokens are looked at.
pub(crate) fn compile(
    policies: &[Policy],
    consumers: Option<&BTreeSet<&str>>,
    has_tokens: bool,
    errors: &mut ConfigErrors,
) -> Compiled {
    let (mut audit, mut deny, mut allow) = (Builder::default(), Builder::default(), Builder::default());
    let mut names = BTreeSet::new();
    let mut warnings = Vec::new();
    for (index, policy) in policies.iter().enumerate() {
        let path = Path::root().field("policies").index(index);
        check_name(policy, &mut names, &path, errors);
        let path = path.field("spec");
        let spec = &policy.spec;
        for (name, value) in
            [("selector", &spec.selector), ("targetRef", &spec.target_ref), ("targetRefs", &spec.target_refs)]
        {
            if value.is_some() {
                let path = path.field(name);
                warnings.push(format!("{path} has no effect: the policy applies wherever this filter does"));
            }
        }
        let builder = match policy.spec.action {
            Action::Allow => &mut allow,
            Action::Deny => &mut deny,
            Action::Audit => &mut audit,
            Action::Custom => {
                let expected = "ALLOW, DENY or AUDIT (external checks are not implemented)";
                errors.add(&path.field("action"), "CUSTOM", expected);
                continue;
            }
        };
        if policy.spec.provider.is_some() {
            let expected = "no provider: it belongs to the action CUSTOM, which is not implemented";
            errors.add(&path.field("provider"), "a provider", expected);
        }
        let mut compiler = Compiler { namespace: policy.namespace.as_deref(), consumers, has_tokens, errors };
        for (at, rule) in policy.spec.rules.iter().flatten().enumerate() {
            let (rule, operations) = compiler.rule(index, rule, &path.field("rules").index(at));
            builder.add(rule, operations);
        }
    }
    Compiled {
        // What cannot be told makes a request denied.
        audit: audit.build(true),
        deny: deny.build(true),
        allow: allow.build(false),
        has_allow: policies.iter().any(|policy| policy.spec.action == Action::Allow),
        warnings,
    }
}

/// What a list of values is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Attribute {
    Host,
    Method,
    Path,
    Header(String),
    Consumer,
    PeerIp,
    RemoteIp,
    LocalIp,
    LocalPort,
    Principal,
    Namespace,
    ServiceAccount,
    TrustDomain,
    ServerName,
    RequestPrincipal,
    Claim(Vec<String>),
}

struct Compiler<'a> {
    namespace: Option<&'a str>,
    consumers: Option<&'a BTreeSet<&'a str>>,
    has_tokens: bool,
    errors: &'a mut ConfigErrors,
}

type Operations = Vec<(Vec<Condition>, IndexKey)>;

impl Compiler<'_> {
    fn rule(&mut self, policy: usize, rule: &RuleConfig, path: &Path) -> (Rule, Operations) {
        let mut when = Vec::new();
        for (index, condition) in self.items(&rule.when, &path.field("when")).iter().enumerate() {
            self.when(condition, &path.field("when").index(index), &mut when);
        }
        let mut from = Vec::new();
        for (index, item) in self.items(&rule.from, &path.field("from")).iter().enumerate() {
            from.push(self.source(&item.source, &path.field("from").index(index).field("source")));
        }
        let mut to = Vec::new();
        for (index, item) in self.items(&rule.to, &path.field("to")).iter().enumerate() {
            to.push(self.operation(&item.operation, &path.field("to").index(index).field("operation")));
        }
        if rule.to.is_none() {
            to.push((Vec::new(), IndexKey::None));
        }
        (Rule { policy, when, from }, to)
    }

    fn source(&mut self, source: &Source, path: &Path) -> Vec<Condition> {
        for (name, values) in [
            ("requestPrincipals", &source.request_principals),
            ("notRequestPrincipals", &source.not_request_principals),
        ] {
            if values.is_some() {
                self.check_tokens(name, &path.field(name));
            }
        }
        let by_account = source.service_accounts.is_some() || source.not_service_accounts.is_some();
        let by_name =
            [&source.principals, &source.not_principals, &source.namespaces, &source.not_namespaces];
        if by_account && by_name.iter().any(|values| values.is_some()) {
            let found = "serviceAccounts together with principals or namespaces";
            self.errors.add(path, found, "only one of these");
        }
        self.lists(
            [
                (Attribute::Principal, "principals", &source.principals, false),
                (Attribute::Principal, "notPrincipals", &source.not_principals, true),
                (Attribute::RequestPrincipal, "requestPrincipals", &source.request_principals, false),
                (Attribute::RequestPrincipal, "notRequestPrincipals", &source.not_request_principals, true),
                (Attribute::Namespace, "namespaces", &source.namespaces, false),
                (Attribute::Namespace, "notNamespaces", &source.not_namespaces, true),
                (Attribute::ServiceAccount, "serviceAccounts", &source.service_accounts, false),
                (Attribute::ServiceAccount, "notServiceAccounts", &source.not_service_accounts, true),
                (Attribute::TrustDomain, "trustDomains", &source.trust_domains, false),
                (Attribute::TrustDomain, "notTrustDomains", &source.not_trust_domains, true),
                (Attribute::PeerIp, "ipBlocks", &source.ip_blocks, false),
                (Attribute::PeerIp, "notIpBlocks", &source.not_ip_blocks, true),
                (Attribute::RemoteIp, "remoteIpBlocks", &source.remote_ip_blocks, false),
                (Attribute::RemoteIp, "notRemoteIpBlocks", &source.not_remote_ip_blocks, true),
            ],
            path,
        )
    }

    fn operation(&mut self, operation: &Operation, path: &Path) -> (Vec<Condition>, IndexKey) {
        let conditions = self.lists(
            [
                (Attribute::Host, "hosts", &operation.hosts, false),
                (Attribute::Host, "notHosts", &operation.not_hosts, true),
                (Attribute::Method, "methods", &operation.methods, false),
                (Attribute::Method, "notMethods", &operation.not_methods, true),
                (Attribute::Path, "paths", &operation.paths, false),
                (Attribute::Path, "notPaths", &operation.not_paths, true),
                (Attribute::LocalPort, "ports", &operation.ports, false),
                (Attribute::LocalPort, "notPorts", &operation.not_ports, true),
            ],
            path,
        );
        let key = match (&operation.paths, &operation.hosts) {
            (Some(paths), _) => IndexKey::Paths(paths.iter().map(|path| index_pattern(path)).collect()),
            (None, Some(hosts)) => {
                IndexKey::Hosts(hosts.iter().map(|host| Pattern::new(host).to_ascii_lowercase()).collect())
            }
            (None, None) => IndexKey::None,
        };
        (conditions, key)
    }

    /// The lists of one source or operation. One must be there: what has none matches everything, and Istio refuses it too.
    fn lists<const N: usize>(
        &mut self,
        lists: [(Attribute, &str, &Option<Vec<String>>, bool); N],
        path: &Path,
    ) -> Vec<Condition> {
        if lists.iter().all(|(_, _, values, _)| values.is_none()) {
            self.errors.add(path, "no field", "at least one");
        }
        let mut conditions = Vec::new();
        for (attribute, name, values, negated) in lists {
            if let Some(values) = values {
                self.condition(&attribute, values, negated, &path.field(name), &mut conditions);
            }
        }
        conditions
    }

    fn when(&mut self, when: &When, path: &Path, conditions: &mut Vec<Condition>) {
        let Some(attribute) = self.attribute(&when.key, &path.field("key")) else { return };
        if when.values.is_none() && when.not_values.is_none() {
            self.errors.add(path, "neither values nor notValues", "at least one of them");
        }
        if let Some(values) = &when.values {
            self.condition(&attribute, values, false, &path.field("values"), conditions);
        }
        if let Some(values) = &when.not_values {
            self.condition(&attribute, values, true, &path.field("notValues"), conditions);
        }
    }

    fn attribute(&mut self, key: &str, path: &Path) -> Option<Attribute> {
        Some(match key {
            "source.ip" => Attribute::PeerIp,
            "remote.ip" => Attribute::RemoteIp,
            "source.namespace" => Attribute::Namespace,
            "source.principal" => Attribute::Principal,
            "source.serviceAccount" => Attribute::ServiceAccount,
            "source.trustDomain" => Attribute::TrustDomain,
            "destination.ip" => Attribute::LocalIp,
            "destination.port" => Attribute::LocalPort,
            "connection.sni" => Attribute::ServerName,
            "portcullis.consumer" => {
                if self.consumers.is_none() {
                    self.errors.add(path, key, "another attribute, as api_keys is not configured");
                }
                Attribute::Consumer
            }
            "request.auth.principal" => {
                self.check_tokens(key, path);
                Attribute::RequestPrincipal
            }
            "request.auth.audiences" => {
                self.check_tokens(key, path);
                Attribute::Claim(vec!["aud".to_owned()])
            }
            "request.auth.presenter" => {
                self.check_tokens(key, path);
                Attribute::Claim(vec!["azp".to_owned()])
            }
            _ if key.starts_with("request.auth.claims") => {
                self.check_tokens(key, path);
                let names = key.strip_prefix("request.auth.claims").and_then(bracketed_names);
                if names.is_none() {
                    let expected = "request.auth.claims[name], or [name][name] for a claim within another";
                    self.errors.add(path, format!("`{key}`"), expected);
                }
                return names.map(Attribute::Claim);
            }
            _ if key.starts_with("request.headers") => return self.header(key, path),
            _ => {
                let expected = "request.headers[name], request.auth.principal, request.auth.audiences, \
                    request.auth.presenter, request.auth.claims[name], source.ip, remote.ip, \
                    source.namespace, source.principal, source.serviceAccount, source.trustDomain, \
                    destination.ip, destination.port, connection.sni or portcullis.consumer \
                    (experimental.* is not implemented)";
                self.errors.add(path, format!("`{key}`"), expected);
                return None;
            }
        })
    }

    fn header(&mut self, key: &str, path: &Path) -> Option<Attribute> {
        let name = key.strip_prefix("request.headers[").and_then(|rest| rest.strip_suffix(']'));
        let name = name
            .map(str::to_ascii_lowercase)
            .filter(|name| is_header_name(name.strip_prefix(':').unwrap_or(name)));
        match name.as_deref() {
            None => {
                self.errors.add(path, format!("`{key}`"), "request.headers[name] with the name of a header");
                None
            }
            // Envoy keeps the Host header as `:authority`.
            Some("host") => Some(Attribute::Header(":authority".to_owned())),
            Some(name) => Some(Attribute::Header(name.to_owned())),
        }
    }

    fn condition(
        &mut self,
        attribute: &Attribute,
        values: &[String],
        negated: bool,
        path: &Path,
        conditions: &mut Vec<Condition>,
    ) {
        if values.is_empty() {
            self.errors.add(path, "an empty list", "at least one value, or no such field");
            return;
        }
        for (index, value) in values.iter().enumerate() {
            if value.is_empty() {
                self.errors.add(&path.index(index), "an empty value", "a value");
            }
        }
        conditions.push(Condition { matcher: self.matcher(attribute, values, path), negated });
    }

    fn matcher(&mut self, attribute: &Attribute, values: &[String], path: &Path) -> Matcher {
        let patterns: Vec<Pattern> = values.iter().map(|value| Pattern::new(value)).collect();
        match attribute {
            Attribute::Host => {
                let patterns: Vec<Pattern> = patterns.iter().map(Pattern::to_ascii_lowercase).collect();
                Matcher::Host(PatternSet::new(&patterns))
            }
            Attribute::Method => Matcher::Method(PatternSet::new(&patterns)),
            Attribute::Path => self.paths(values, path),
            Attribute::Header(name) => {
                Matcher::Header { name: name.as_bytes().into(), values: PatternSet::new(&patterns) }
            }
            Attribute::Consumer => {
                self.check_consumers(&patterns, values, path);
                Matcher::Consumer(PatternSet::new(&patterns))
            }
            Attribute::PeerIp => Matcher::PeerIp(self.blocks(values, path)),
            Attribute::RemoteIp => Matcher::RemoteIp(self.blocks(values, path)),
            Attribute::LocalIp => Matcher::LocalIp(self.blocks(values, path)),
            Attribute::LocalPort => Matcher::LocalPort(self.ports(values, path)),
            Attribute::Principal => {
                for (index, value) in values.iter().enumerate() {
                    if value.starts_with("spiffe://") {
                        let expected = "the identity without `spiffe://`, which is put before it";
                        self.errors.add(&path.index(index), format!("`{value}`"), expected);
                    }
                }
                Matcher::Principal(Principals::new(&patterns))
            }
            Attribute::Namespace => {
                Matcher::Namespace(values.iter().map(|value| Namespace::new(value)).collect())
            }
            Attribute::ServiceAccount => Matcher::ServiceAccount(self.service_accounts(values, path)),
            Attribute::TrustDomain => {
                for (index, value) in values.iter().enumerate() {
                    if value.contains('/') {
                        self.errors.add(
                            &path.index(index),
                            format!("`{value}`"),
                            "a trust domain without `/`",
                        );
                    }
                }
                Matcher::TrustDomain(PatternSet::new(&patterns))
            }
            Attribute::ServerName => Matcher::ServerName(PatternSet::new(&patterns)),
            Attribute::RequestPrincipal => {
                Matcher::RequestPrincipal(values.iter().map(|value| RequestPrincipal::new(value)).collect())
            }
            Attribute::Claim(path) => {
                Matcher::Claim(Claim { path: path.clone(), values: PatternSet::new(&patterns) })
            }
        }
    }

    fn paths(&mut self, values: &[String], path: &Path) -> Matcher {
        let mut patterns = Vec::new();
        let mut templates = Vec::new();
        for (index, value) in values.iter().enumerate() {
            if Template::is_template(value) {
                match Template::new(value) {
                    Ok(template) => templates.push(template),
                    Err(error) => {
                        self.errors.add(&path.index(index), format!("`{value}`"), error.to_string());
                    }
                }
            } else if value.contains(['{', '}']) {
                let expected = "`{` and `}` only as `{*}` and `{**}`, each a whole segment";
                self.errors.add(&path.index(index), format!("`{value}`"), expected);
            } else if value.contains(['?', '#']) {
                let expected = "a path without query and fragment: they are cut off before the comparison";
                self.errors.add(&path.index(index), format!("`{value}`"), expected);
            } else {
                patterns.push(Pattern::new(value));
            }
        }
        Matcher::Path { patterns: PatternSet::new(&patterns), templates }
    }

    fn blocks(&mut self, values: &[String], path: &Path) -> CidrSet {
        let mut blocks = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            match value.parse::<Cidr>() {
                Ok(block) => blocks.push(block),
                Err(error) => {
                    let expected = "an IP address or a block in CIDR notation, as 10.0.0.0/8";
                    self.errors.add(&path.index(index), format!("`{value}`, {error}"), expected);
                }
            }
        }
        CidrSet::new(blocks)
    }

    fn ports(&mut self, values: &[String], path: &Path) -> Vec<u16> {
        let mut ports = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            let digits = value.bytes().all(|byte| byte.is_ascii_digit());
            match value.parse() {
                Ok(port) if digits => ports.push(port),
                _ => self.errors.add(&path.index(index), format!("`{value}`"), "a port from 0 to 65535"),
            }
        }
        ports.sort_unstable();
        ports
    }

    fn service_accounts(&mut self, values: &[String], path: &Path) -> Vec<ServiceAccount> {
        let mut accounts = Vec::with_capacity(values.len());
        if values.len() > MAX_SERVICE_ACCOUNTS {
            let expected = format!("at most {MAX_SERVICE_ACCOUNTS}");
            self.errors.add(path, format!("{} values", values.len()), expected);
        }
        for (index, value) in values.iter().enumerate() {
            let path = path.index(index);
            let (namespace, account) = match (value.split_once('/'), self.namespace) {
                (Some(parts), _) => parts,
                (None, Some(namespace)) => (namespace, value.as_str()),
                (None, None) => {
                    let expected = "namespace/account, as the policy has no namespace";
                    self.errors.add(&path, format!("`{value}`"), expected);
                    continue;
                }
            };
            if namespace.is_empty() || account.is_empty() || account.contains('/') || value.contains('*') {
                let expected = "namespace/account or account, without wildcards";
                self.errors.add(&path, format!("`{value}`"), expected);
            }
            accounts.push(ServiceAccount::new(namespace, account));
        }
        accounts
    }

    /// Without rules for tokens no request has a principal: such a condition would never hold, or always.
    fn check_tokens(&mut self, found: &str, path: &Path) {
        if !self.has_tokens {
            self.errors.add(path, found, "another field, as request_authentication is not configured");
        }
    }

    /// A consumer that no key has is a typing error: such a condition would never hold.
    fn check_consumers(&mut self, patterns: &[Pattern], values: &[String], path: &Path) {
        let Some(consumers) = self.consumers else { return };
        for (index, (pattern, value)) in patterns.iter().zip(values).enumerate() {
            let set = PatternSet::new([pattern]);
            if !consumers.iter().any(|consumer| set.matches_text(consumer.as_bytes())) {
                self.errors.add(&path.index(index), format!("`{value}`"), "a consumer of api_keys.keys");
            }
        }
    }

    /// The items of a list that may be absent, but not empty: Istio takes an empty list for an absent one, which matches
    /// everything and is hardly what is meant.
    fn items<'c, T>(&mut self, list: &'c Option<Vec<T>>, path: &Path) -> &'c [T] {
        match list {
            None => &[],
            Some(items) => {
                if items.is_empty() {
                    self.errors.add(path, "an empty list", "at least one item, or no such field");
                }
                items
            }
        }
    }
}

/// Istio's own limit on a list of service accounts.
const MAX_SERVICE_ACCOUNTS: usize = 16;

/// The longest name of a policy, in bytes, that of a Kubernetes resource.
const MAX_NAME_BYTES: usize = 253;

/// Whether a text can name a policy.
pub(crate) fn is_name(name: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(valid)
}

fn check_name<'p>(policy: &'p Policy, names: &mut BTreeSet<&'p str>, path: &Path, errors: &mut ConfigErrors) {
    let name = policy.name.as_str();
    let path = path.field("name");
    if name == "none" || !is_name(name) {
        let expected = "1 to 253 letters, digits, `.`, `_`, `-` and `/`, but not `none`";
        errors.add(&path, format!("`{name}`"), expected);
    }
    if !names.insert(name) {
        errors.add(&path, format!("`{name}` for a second time"), "a different name for each policy");
    }
}

/// The pattern under which the index finds a path, a template by the text before its first operator.
fn index_pattern(path: &str) -> Pattern {
    match Template::new(path) {
        Ok(template) if Template::is_template(path) => Pattern::Prefix(template.prefix().into()),
        _ => Pattern::new(path),
    }
}

/// A field name as RFC 9110 5.1 has it.
pub(crate) fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
