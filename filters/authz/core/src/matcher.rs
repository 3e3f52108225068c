use crate::address::CidrSet;
use crate::attributes::PeerAddress;
use crate::claims::{Claim, RequestPrincipal};
use crate::expressions;
use crate::facts::Facts;
use crate::identity::{Namespace, Principals, ServiceAccount, is_workload, trust_domain};
use crate::metadata::Metadata;
use crate::pattern::PatternSet;
use crate::template::Template;
use portcullis_cel::Expression;
use std::rc::Rc;

/// A list of values, compiled, and what it is compared with.
#[derive(Debug)]
pub(crate) enum Matcher {
    Host(PatternSet),
    Method(PatternSet),
    Path {
        patterns: PatternSet,
        templates: Vec<Template>,
    },
    Header {
        name: Box<[u8]>,
        values: PatternSet,
    },
    Consumer(PatternSet),
    Groups(PatternSet),
    PeerIp(CidrSet),
    RemoteIp(CidrSet),
    LocalIp(CidrSet),
    LocalPort(Vec<u16>),
    Principal(Principals),
    Namespace(Vec<Namespace>),
    ServiceAccount(Vec<ServiceAccount>),
    /// Namespaces or service accounts of identities of Istio's own form only.
    OfWorkload(Box<Matcher>),
    TrustDomain(PatternSet),
    ServerName(PatternSet),
    RequestPrincipal(Vec<RequestPrincipal>),
    Claim(Claim),
    Metadata(Box<Metadata>),
    Expression(Box<Expression>),
}

/// A list of values that must match, or must not.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) matcher: Rc<Matcher>,
    pub(crate) negated: bool,
}

impl Condition {
    /// Whether the condition holds. `unknown` is the answer where an attribute cannot be told, negated or not.
    pub(crate) fn holds(&self, facts: &mut Facts<'_>, unknown: bool) -> bool {
        self.matcher.matches(facts).map_or(unknown, |matches| matches != self.negated)
    }

    /// Conditions in ascending order of what they cost: those that need a call to the host come last.
    pub(crate) fn cost(&self) -> u8 {
        match *self.matcher {
            Matcher::Method(_)
            | Matcher::Path { .. }
            | Matcher::Host(_)
            | Matcher::Consumer(_)
            | Matcher::Groups(_) => 0,
            Matcher::Header { .. } | Matcher::RequestPrincipal(_) | Matcher::Claim(_) => 1,
            _ => 2,
        }
    }
}

impl Matcher {
    /// The reading that takes less, or more, where Istio's documentation and code differ.
    pub(crate) fn strict(self, narrow: bool, wide: bool) -> Self {
        match self {
            Self::Host(values) if narrow => Self::Host(values.strict()),
            Self::Method(values) if narrow => Self::Method(values.strict()),
            Self::Header { name, values } if narrow => Self::Header { name, values: values.strict() },
            Self::Namespace(_) | Self::ServiceAccount(_) if narrow => Self::OfWorkload(self.into()),
            Self::Path { patterns, mut templates } if wide => {
                let more: Vec<Template> = templates.iter().filter_map(Template::without_last_slash).collect();
                templates.extend(more);
                Self::Path { patterns, templates }
            }
            other => other,
        }
    }

    /// `None` where the attribute cannot be told.
    fn matches(&self, facts: &mut Facts<'_>) -> Option<bool> {
        Some(match self {
            Self::Host(hosts) => facts.host.is_some_and(|host| hosts.matches_present(host)),
            Self::Method(methods) => facts.method.is_some_and(|method| methods.matches_present(method)),
            Self::Path { patterns, templates } => facts.path.is_some_and(|path| {
                patterns.matches_text(path) || templates.iter().any(|template| template.matches(path))
            }),
            // Each value by itself, as Envoy has done since a fix of 2026 (rbac_match_headers_individually): values that
            // are joined let a client hide one behind another.
            Self::Header { name, values } => {
                facts.headers.get_all(name).any(|value| values.matches_present(value))
            }
            Self::Consumer(consumers) => {
                consumers.matches_text(facts.caller.consumer.unwrap_or_default().as_bytes())
            }
            Self::Groups(groups) => {
                facts.caller.groups.iter().any(|group| groups.matches_text(group.as_bytes()))
            }
            Self::PeerIp(blocks) => match facts.peer_address() {
                PeerAddress::Ip(address) => blocks.contains(address),
                PeerAddress::NotIp => false,
                PeerAddress::Unknown => return None,
            },
            Self::RemoteIp(blocks) => facts.remote_address().is_some_and(|address| blocks.contains(address)),
            Self::LocalIp(blocks) => {
                facts.local_address().is_some_and(|address| blocks.contains(address.ip()))
            }
            Self::LocalPort(ports) => {
                facts.local_address().is_some_and(|address| ports.binary_search(&address.port()).is_ok())
            }
            Self::Principal(principals) => principals.matches(facts.principal()),
            Self::Namespace(namespaces) => {
                let principal = facts.principal();
                namespaces.iter().any(|namespace| namespace.matches(principal))
            }
            Self::ServiceAccount(accounts) => {
                let principal = facts.principal();
                accounts.iter().any(|account| account.matches(principal))
            }
            Self::OfWorkload(matcher) => {
                return if is_workload(facts.principal()) { matcher.matches(facts) } else { Some(false) };
            }
            Self::TrustDomain(domains) => {
                trust_domain(facts.principal()).is_some_and(|domain| domains.matches_text(domain))
            }
            Self::ServerName(names) => names.matches_text(facts.server_name()),
            Self::RequestPrincipal(principals) => facts
                .identity
                .is_some_and(|identity| principals.iter().any(|principal| principal.matches(identity))),
            // Without a value it is not known whether the request fits.
            Self::Expression(expression) => return expressions::holds(expression, facts).ok(),
            Self::Metadata(metadata) => metadata.matches(facts),
            Self::Claim(claim) => facts.identity.is_some_and(|identity| claim.matches(identity)),
        })
    }
}
