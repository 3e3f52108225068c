use super::Compiler;
use super::attribute::Attribute;
use crate::claims::{Claim, RequestPrincipal};
use crate::identity::{Namespace, Principals, ServiceAccount};
use crate::matcher::Matcher;
use crate::metadata::Metadata;
use crate::pattern::{Pattern, PatternSet};
use crate::sorted;
use crate::template::Template;
use sdk_shim_config::Path;

impl Compiler<'_> {
    /// The values of a list, compiled for what they are compared with.
    pub(super) fn matcher(&mut self, attribute: &Attribute, values: &[String], path: &Path) -> Matcher {
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
                let known = self.known.consumers.iter();
                self.check_known(&patterns, values, known, "a consumer that a credential names", path);
                Matcher::Consumer(PatternSet::new(&patterns))
            }
            Attribute::Groups => {
                let known = self.known.groups.iter();
                self.check_known(&patterns, values, known, "a group of one of `consumers`", path);
                Matcher::Groups(PatternSet::new(&patterns))
            }
            Attribute::PeerIp => Matcher::PeerIp(self.known.blocks.read(values, path, self.errors)),
            Attribute::RemoteIp => Matcher::RemoteIp(self.known.blocks.read(values, path, self.errors)),
            Attribute::LocalIp => Matcher::LocalIp(self.known.blocks.read(values, path, self.errors)),
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
            Attribute::Metadata(filter, key) => Matcher::Metadata(Metadata::new(filter, key, values).into()),
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

    fn ports(&mut self, values: &[String], path: &Path) -> Vec<u16> {
        let mut ports = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            let digits = value.bytes().all(|byte| byte.is_ascii_digit());
            match value.parse() {
                Ok(port) if digits => sorted::insert(&mut ports, port),
                _ => self.errors.add(&path.index(index), format!("`{value}`"), "a port from 0 to 65535"),
            }
        }
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

    /// A consumer or group that no credential gives is a typing error: such a condition would never hold.
    fn check_known<'k>(
        &mut self,
        patterns: &[Pattern],
        values: &[String],
        known: impl Iterator<Item = &'k str> + Clone,
        expected: &'static str,
        path: &Path,
    ) {
        for (index, (pattern, value)) in patterns.iter().zip(values).enumerate() {
            let set = PatternSet::new([pattern]);
            if known.clone().next().is_some() && !known.clone().any(|name| set.matches_text(name.as_bytes()))
            {
                self.errors.add(&path.index(index), format!("`{value}`"), expected);
            }
        }
    }
}

/// Istio's own limit on a list of service accounts.
const MAX_SERVICE_ACCOUNTS: usize = 16;
