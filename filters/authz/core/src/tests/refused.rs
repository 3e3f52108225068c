use super::*;

/// A policy's spec, and the error it is refused with.
const SPECS: &[(&str, &str)] = &[
    (
        "{action: CUSTOM}",
        "policies[0].spec.provider: found nothing, expected the name of one of external_checks\npolicies[0].spec.rules: found no rule, expected at least one rule, or the check is never made",
    ),
    (
        "{action: allow}",
        "policies[0].spec.action: found unknown variant `allow`, expected one of `ALLOW`, `DENY`, `AUDIT`, `CUSTOM`",
    ),
    (
        "{provider: {name: x}}",
        "policies[0].spec.provider: found a provider, expected no provider: it belongs to the action CUSTOM",
    ),
    (
        "{rule: []}",
        "policies[0].spec.rule: found unknown field `rule`, expected one of `action`, `rules`, `provider`, `selector`, `targetRef`, `targetRefs`",
    ),
    (
        "{rules: [{from: []}]}",
        "policies[0].spec.rules[0].from: found an empty list, expected at least one item, or no such field",
    ),
    (
        "{rules: [{to: []}]}",
        "policies[0].spec.rules[0].to: found an empty list, expected at least one item, or no such field",
    ),
    (
        "{rules: [{when: []}]}",
        "policies[0].spec.rules[0].when: found an empty list, expected at least one item, or no such field",
    ),
    (
        "{rules: [{from: [{}]}]}",
        "policies[0].spec.rules[0].from[0].source: found nothing, expected a value: the field is required",
    ),
    (
        "{rules: [{from: [{source: {}}]}]}",
        "policies[0].spec.rules[0].from[0].source: found no field, expected at least one",
    ),
    (
        "{rules: [{to: [{operation: {}}]}]}",
        "policies[0].spec.rules[0].to[0].operation: found no field, expected at least one",
    ),
    (
        "{rules: [{to: [{operation: {paths: []}}]}]}",
        "policies[0].spec.rules[0].to[0].operation.paths: found an empty list, expected at least one value, or no such field",
    ),
    (
        "{rules: [{to: [{operation: {paths: [/a, '']}}]}]}",
        "policies[0].spec.rules[0].to[0].operation.paths[1]: found an empty value, expected a value",
    ),
    (
        "{rules: [{to: [{operation: {ports: [80]}}]}]}",
        "policies[0].spec.rules[0].to[0].operation.ports[0]: found integer `80`, expected a string",
    ),
    (
        "{rules: [{to: [{operation: {ports: ['65536']}}]}]}",
        "policies[0].spec.rules[0].to[0].operation.ports[0]: found `65536`, expected a port from 0 to 65535",
    ),
    (
        "{rules: [{to: [{operation: {ports: ['+80']}}]}]}",
        "policies[0].spec.rules[0].to[0].operation.ports[0]: found `+80`, expected a port from 0 to 65535",
    ),
    (
        "{rules: [{to: [{operation: {paths: ['/a?b']}}]}]}",
        "policies[0].spec.rules[0].to[0].operation.paths[0]: found `/a?b`, expected a path without query and fragment: they are cut off before the comparison",
    ),
    (
        "{rules: [{to: [{operation: {paths: ['/{a}']}}]}]}",
        "policies[0].spec.rules[0].to[0].operation.paths[0]: found `/{a}`, expected `{` and `}` only as `{*}` and `{**}`, each a whole segment",
    ),
    (
        "{rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}",
        "policies[0].spec.rules[0].from[0].source.requestPrincipals: found requestPrincipals, expected another field, as request_authentication is not configured",
    ),
    (
        "{rules: [{from: [{source: {principals: ['spiffe://td/x']}}]}]}",
        "policies[0].spec.rules[0].from[0].source.principals[0]: found `spiffe://td/x`, expected the identity without `spiffe://`, which is put before it",
    ),
    (
        "{rules: [{from: [{source: {serviceAccounts: ['x']}}]}]}",
        "policies[0].spec.rules[0].from[0].source.serviceAccounts[0]: found `x`, expected namespace/account, as the policy has no namespace",
    ),
    (
        "{rules: [{from: [{source: {serviceAccounts: ['a/b/c']}}]}]}",
        "policies[0].spec.rules[0].from[0].source.serviceAccounts[0]: found `a/b/c`, expected namespace/account or account, without wildcards",
    ),
    (
        "{rules: [{from: [{source: {serviceAccounts: ['a/b*']}}]}]}",
        "policies[0].spec.rules[0].from[0].source.serviceAccounts[0]: found `a/b*`, expected namespace/account or account, without wildcards",
    ),
    (
        "{rules: [{from: [{source: {serviceAccounts: ['a/b'], notNamespaces: [c]}}]}]}",
        "policies[0].spec.rules[0].from[0].source: found serviceAccounts together with principals or namespaces, expected only one of these",
    ),
    (
        "{rules: [{from: [{source: {trustDomains: ['a/b']}}]}]}",
        "policies[0].spec.rules[0].from[0].source.trustDomains[0]: found `a/b`, expected a trust domain without `/`",
    ),
    (
        "{rules: [{from: [{source: {ipBlocks: ['10.0.0.0/33']}}]}]}",
        "policies[0].spec.rules[0].from[0].source.ipBlocks[0]: found `10.0.0.0/33`, no prefix length from 0 to 32 (IPv4) or 128 (IPv6), expected an IP address or a block in CIDR notation, as 10.0.0.0/8",
    ),
    (
        "{rules: [{from: [{source: {remoteIpBlocks: ['10.0.0']}}]}]}",
        "policies[0].spec.rules[0].from[0].source.remoteIpBlocks[0]: found `10.0.0`, no IP address, expected an IP address or a block in CIDR notation, as 10.0.0.0/8",
    ),
    (
        "{rules: [{when: [{key: source.ip}]}]}",
        "policies[0].spec.rules[0].when[0]: found neither values nor notValues, expected at least one of them",
    ),
    (
        "{rules: [{when: [{key: source.ip, values: []}]}]}",
        "policies[0].spec.rules[0].when[0].values: found an empty list, expected at least one value, or no such field",
    ),
    (
        "{rules: [{when: [{key: 'request.headers', values: [x]}]}]}",
        "policies[0].spec.rules[0].when[0].key: found `request.headers`, expected request.headers[name] with the name of a header",
    ),
    (
        "{rules: [{when: [{key: 'request.headers[]', values: [x]}]}]}",
        "policies[0].spec.rules[0].when[0].key: found `request.headers[]`, expected request.headers[name] with the name of a header",
    ),
    (
        "{rules: [{when: [{key: 'request.headers[a b]', values: [x]}]}]}",
        "policies[0].spec.rules[0].when[0].key: found `request.headers[a b]`, expected request.headers[name] with the name of a header",
    ),
    (
        "{rules: [{when: [{key: portcullis.consumer, values: [x]}]}]}",
        "policies[0].spec.rules[0].when[0].key: found portcullis.consumer, expected another attribute, as no credentials are configured",
    ),
];

#[test]
fn specs() {
    for (spec, expected) in SPECS {
        let errors = refusal(&format!("policies: [{{name: p, spec: {spec}}}]"));
        assert_eq!(&errors.to_string(), expected, "for {spec}");
    }
    for key in ["source.up", "request.auth.claim[iss]", "request.auth", "experimental.nope", ""] {
        let errors = refusal(&format!(
            "policies: [{{name: p, spec: {{rules: [{{when: [{{key: '{key}', values: [x]}}]}}]}}}}]"
        ));
        let text = errors.to_string();
        assert!(
            text.starts_with(&format!(
                "policies[0].spec.rules[0].when[0].key: found `{key}`, expected request"
            )),
            "{text}"
        );
    }
}

#[test]
fn templates() {
    let cases = [
        ("{*}", "a template that begins with `/`"),
        ("/{**}/{*}", "no operator behind `{**}`"),
        ("/{**}/{**}", "no operator behind `{**}`"),
        ("/a//{*}", "a template without empty segments"),
        ("//{*}", "a template without empty segments"),
        ("/{*}//", "a template without empty segments"),
        ("/{*}x", "`{` and `}` only as `{*}` and `{**}`, each a whole segment"),
        ("/x{**}", "`{` and `}` only as `{*}` and `{**}`, each a whole segment"),
        ("/{*}/{a}", "`{` and `}` only as `{*}` and `{**}`, each a whole segment"),
        ("/{*}/a*", "segments of letters, digits and -._~%!$&'()+,;:@= beside `{*}` and `{**}`"),
        ("/{*}/ä", "segments of letters, digits and -._~%!$&'()+,;:@= beside `{*}` and `{**}`"),
        ("/{*}?x", "`{` and `}` only as `{*}` and `{**}`, each a whole segment"),
    ];
    for (template, expected) in cases {
        let errors = refusal(&format!(
            "policies: [{{name: p, spec: {{rules: [{{to: [{{operation: {{paths: ['{template}']}}}}]}}]}}}}]"
        ));
        let path = "policies[0].spec.rules[0].to[0].operation.paths[0]";
        assert_eq!(errors.to_string(), format!("{path}: found `{template}`, expected {expected}"));
    }
}

#[test]
fn names() {
    let expected = "expected 1 to 253 letters, digits, `.`, `_`, `-` and `/`, but not `none`";
    for name in ["", "none", "a b", "a]", "ä"] {
        let errors = refusal(&format!("policies: [{{name: '{name}'}}]"));
        assert_eq!(errors.to_string(), format!("policies[0].name: found `{name}`, {expected}"));
    }
    assert!(refusal(&format!("policies: [{{name: '{}'}}]", "a".repeat(254))).to_string().ends_with(expected));
    let errors = refusal("policies: [{name: ns/a}, {name: ns/a}]");
    assert_eq!(
        errors.to_string(),
        "policies[1].name: found `ns/a` for a second time, expected a different name for each policy"
    );
}

#[test]
fn peer_addresses() {
    let cases = [
        (
            "{filter_state: ''}",
            "peer_address.filter_state: found \"\", expected the name of a filter state object",
        ),
        ("socket", "peer_address: found unknown variant `socket`, expected `connection` or `filter_state`"),
    ];
    for (source, expected) in cases {
        assert_eq!(refusal(&format!("peer_address: {source}")).to_string(), expected);
    }
}

#[test]
fn all_errors_at_once() {
    let errors = refusal(
        "policies:
        - {name: a, spec: {action: CUSTOM}}
        - {name: a, spec: {rules: [{when: [{key: x}]}, {from: [{source: {ipBlocks: [y, 1.1.1.1, z]}}]}]}}
api_keys: {keys: []}",
    );
    let paths: Vec<&str> = errors.iter().map(|error| error.path().as_str()).collect();
    let expected = [
        "api_keys.keys",
        "policies[0].spec.provider",
        "policies[0].spec.rules",
        "policies[1].name",
        "policies[1].spec.rules[0].when[0].key",
        "policies[1].spec.rules[1].from[0].source.ipBlocks[0]",
        "policies[1].spec.rules[1].from[0].source.ipBlocks[2]",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn warns_of_what_does_not_apply_here() {
    let authz = authz(
        "policies: [{name: p, spec: {selector: {matchLabels: {app: x}}, targetRef: {kind: Gateway, name: g},
            targetRefs: [{kind: Gateway, name: g}], action: ALLOW, rules: null}}]",
    );
    let expected = ["selector", "targetRef", "targetRefs"]
        .map(|field| format!("policies[0].spec.{field} has no effect: it applies wherever this filter does"));
    assert_eq!(authz.warnings(), expected);
}
