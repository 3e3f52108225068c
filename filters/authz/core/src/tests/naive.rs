//! Policies as Istio writes them down for Envoy, evaluated one rule after another: regular expressions where Istio makes
//! some, no index, no order, nothing compiled. Shares nothing with the crate but the configuration's types.

use super::Client;
use crate::config::{Action, Config, List, Operation, Policy, Rule, Source};
use crate::{Outcome, PeerAddress};
use regex::bytes::Regex;
use sdk_shim_http::{Cidr, Headers};

pub(super) fn check(config: &Config, headers: &Headers, client: &Client) -> (Outcome, Option<usize>) {
    let matching = |action: Action| {
        config.policies.iter().position(|policy| {
            policy.spec.action == action
                && policy_matches(policy, &Request { headers, client, deny: action != Action::Allow })
        })
    };
    let has_allow = config.policies.iter().any(|policy| policy.spec.action == Action::Allow);
    let outcome = match (matching(Action::Deny), has_allow, matching(Action::Allow)) {
        (Some(policy), _, _) => Outcome::DenyPolicy(policy),
        (None, false, _) => Outcome::Allow(None),
        (None, true, Some(policy)) => Outcome::Allow(Some(policy)),
        (None, true, None) => Outcome::DenyNoMatch,
    };
    (outcome, matching(Action::Audit))
}

struct Request<'a> {
    headers: &'a Headers,
    client: &'a Client,
    deny: bool,
}

fn policy_matches(policy: &Policy, request: &Request<'_>) -> bool {
    policy.spec.rules.iter().flatten().any(|rule| rule_matches(rule, policy, request))
}

fn rule_matches(rule: &Rule, policy: &Policy, request: &Request<'_>) -> bool {
    let from =
        rule.from.as_ref().is_none_or(|from| from.iter().any(|from| source(&from.source, policy, request)));
    let to = rule.to.as_ref().is_none_or(|to| to.iter().any(|to| operation(&to.operation, policy, request)));
    let when = rule
        .when
        .iter()
        .flatten()
        .all(|when| both(when.key.as_deref().unwrap(), &when.values, &when.not_values, policy, request));
    from && to && when
}

fn source(source: &Source, policy: &Policy, request: &Request<'_>) -> bool {
    [
        ("source.principal", &source.principals, &source.not_principals),
        ("source.namespace", &source.namespaces, &source.not_namespaces),
        ("source.serviceAccount", &source.service_accounts, &source.not_service_accounts),
        ("source.trustDomain", &source.trust_domains, &source.not_trust_domains),
        ("source.ip", &source.ip_blocks, &source.not_ip_blocks),
        ("remote.ip", &source.remote_ip_blocks, &source.not_remote_ip_blocks),
    ]
    .into_iter()
    .all(|(key, values, not_values)| both(key, values, not_values, policy, request))
}

fn operation(operation: &Operation, policy: &Policy, request: &Request<'_>) -> bool {
    [
        ("host", &operation.hosts, &operation.not_hosts),
        ("method", &operation.methods, &operation.not_methods),
        ("path", &operation.paths, &operation.not_paths),
        ("destination.port", &operation.ports, &operation.not_ports),
    ]
    .into_iter()
    .all(|(key, values, not_values)| both(key, values, not_values, policy, request))
}

fn both(
    key: &str,
    values: &List<String>,
    not_values: &List<String>,
    policy: &Policy,
    request: &Request<'_>,
) -> bool {
    let any = |values: &[String]| values.iter().any(|value| one(key, value, policy, request));
    if key == "source.ip"
        && request.client.peer == PeerAddress::Unknown
        && (values.is_some() || not_values.is_some())
    {
        return request.deny;
    }
    values.as_deref().is_none_or(any) && !not_values.as_deref().is_some_and(any)
}

fn one(key: &str, value: &str, policy: &Policy, request: &Request<'_>) -> bool {
    let client = request.client;
    let principal = client.principal.clone().unwrap_or_default();
    let in_block = |address: Option<std::net::IpAddr>| {
        address.is_some_and(|address| value.parse::<Cidr>().unwrap().contains(address))
    };
    // Envoy's header matchers: `*` is presence, all else needs the header; each value by itself.
    let header = |name: &str, ignore_case: bool| {
        let mut values = request.headers.get_all(name.as_bytes());
        values.any(|found| value == "*" || full(&string(value, ""), found, ignore_case))
    };
    match key {
        "host" => header(":authority", true),
        "method" => header(":method", false),
        "path" => {
            let Some(target) = request.headers.get(":path") else { return false };
            let path = target.split(|byte| b"?#".contains(byte)).next().unwrap();
            full(&path_pattern(value), path, false)
        }
        "source.ip" => match client.peer {
            PeerAddress::Ip(address) => in_block(Some(address)),
            _ => false,
        },
        "remote.ip" => in_block(client.remote),
        "destination.ip" => in_block(client.local.map(|address| address.ip())),
        "destination.port" => client.local.is_some_and(|address| address.port().to_string() == value),
        "connection.sni" => {
            full(&string(value, ""), client.server_name.as_deref().unwrap_or_default(), false)
        }
        "source.principal" => full(&string(value, "spiffe://"), &principal, false),
        "source.namespace" => {
            let namespace = regex::escape(value).replace("\\*", ".*");
            full(&format!("spiffe://.*/ns/{namespace}/.*"), &principal, false)
        }
        "source.serviceAccount" => {
            let (namespace, account) =
                value.split_once('/').unwrap_or((policy.namespace.as_deref().unwrap_or_default(), value));
            let (namespace, account) = (regex::escape(namespace), regex::escape(account));
            full(&format!("spiffe://.+/ns/{namespace}/(.+/|)sa/{account}(/.+)?"), &principal, false)
        }
        "source.trustDomain" => {
            let domain = match value.strip_prefix('*') {
                Some("") => "[^/]+".to_owned(),
                Some(suffix) => format!("[^/]*{}", regex::escape(suffix)),
                None => match value.strip_suffix('*') {
                    Some(prefix) => format!("{}[^/]*", regex::escape(prefix)),
                    None => regex::escape(value),
                },
            };
            full(&format!("spiffe://{domain}/.*"), &principal, false)
        }
        _ => {
            let name = key.strip_prefix("request.headers[").and_then(|rest| rest.strip_suffix(']'));
            header(name.unwrap_or_else(|| panic!("no attribute {key}")), false)
        }
    }
}

/// The expression for a value of a policy, with a text before it.
fn string(value: &str, prefix: &str) -> String {
    if value == "*" {
        return ".+".to_owned();
    }
    match (value.strip_prefix('*'), value.strip_suffix('*')) {
        (Some(suffix), _) => format!("{prefix}.*{}", regex::escape(suffix)),
        (None, Some(start)) => format!("{prefix}{}.*", regex::escape(start)),
        (None, None) => format!("{prefix}{}", regex::escape(value)),
    }
}

/// Envoy's expression for a template, or that of a plain value.
fn path_pattern(value: &str) -> String {
    if !value.contains("{*}") && !value.contains("{**}") {
        return string(value, "");
    }
    let literal = "a-zA-Z0-9._~%!$&'()*+,;:@=\\-";
    regex::escape(value)
        .replace("\\{\\*\\*\\}", &format!("[{literal}/]*"))
        .replace("\\{\\*\\}", &format!("[{literal}]+"))
}

fn full(pattern: &str, text: &[u8], ignore_case: bool) -> bool {
    let flags = if ignore_case { "(?is-u)" } else { "(?s-u)" };
    Regex::new(&format!("{flags}^(?:{pattern})$")).unwrap().is_match(text)
}
