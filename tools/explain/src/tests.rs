use crate::*;
use sdk_shim::load;
use sdk_shim_testing::{Settings, TestHost, run};
use serde_json::json;

fn explainer(kind: FilterKind, config: &serde_json::Value) -> Explainer {
    Explainer::load(kind, config.to_string().as_bytes(), &|_| None)
        .unwrap_or_else(|errors| panic!("{kind}: {errors}"))
}

fn curl(command: &str) -> Message {
    request::parse(command.as_bytes(), &|_| Err("no files".into())).unwrap().message
}

fn titles(explanation: &Explanation) -> Vec<&str> {
    explanation.timeline.iter().map(|entry| entry.title.as_str()).collect()
}

fn detail<'a>(explanation: &'a Explanation, title: &str, label: &str) -> &'a str {
    let entry = explanation.timeline.iter().find(|entry| entry.title.contains(title));
    let entry = entry.unwrap_or_else(|| panic!("no {title:?} in {:#?}", explanation.timeline));
    let found = entry.details.iter().find(|(known, _)| known.contains(label));
    found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("no {label:?} in {entry:#?}"))
}

fn rules(lines: &[&str]) -> serde_json::Value {
    json!({"directives_map": {"default": lines}})
}

#[test]
fn a_rule_tells_what_it_saw() {
    let config = rules(&[
        "SecRuleEngine On",
        "SecAction \"id:1,phase:1,nolog,pass,setvar:tx.score=0\"",
        "SecRule ARGS \"@contains attack\" \"id:2,phase:2,pass,log,t:urlDecodeUni,t:lowercase,msg:'An attack',severity:CRITICAL,setvar:tx.score=+5\"",
        "SecRule TX:score \"@ge 5\" \"id:3,phase:2,deny,status:406,msg:'Score %{tx.score}'\"",
    ]);
    let explanation =
        explainer(FilterKind::Waf, &config).explain(&Exchange::of(curl("curl 'h/?q=an%2541TTACK'")));
    assert_eq!(explanation.decision.summary, "blocked with 406: by rule 3 in phase 2, score 5");
    assert_eq!(explanation.decision.details.as_deref(), Some("waf_3"));
    assert_eq!(detail(&explanation, "rule 2 in phase 2: An attack", "ARGS:q"), "an%41TTACK");
    assert_eq!(detail(&explanation, "rule 2", "as urlDecodeUni, lowercase"), "anattack");
    assert_eq!(detail(&explanation, "rule 2", "matches"), "@contains attack");
    assert_eq!(detail(&explanation, "rule 2", "tx.score"), "0 → 5");
    assert_eq!(detail(&explanation, "rule 3 in phase 2: Score 5", "action"), "deny");
    let tones: Vec<(u64, Tone)> = [1, 2, 3]
        .into_iter()
        .map(|id| {
            let entry = explanation.timeline.iter().find(|it| it.title.starts_with(&format!("rule {id} ")));
            (id, entry.unwrap().tone)
        })
        .collect();
    assert_eq!(tones, [(1, Tone::Quiet), (2, Tone::Warn), (3, Tone::Deny)]);
}

#[test]
fn detection_only_says_what_would_block() {
    let config =
        rules(&["SecRuleEngine DetectionOnly", "SecRule ARGS \"@contains x\" \"id:7,phase:2,deny,msg:'X'\""]);
    let explanation = explainer(FilterKind::Waf, &config).explain(&Exchange::of(curl("curl 'h/?q=x'")));
    assert!(explanation.decision.passes);
    assert_eq!(explanation.decision.summary, "let through: rule 7 would have blocked it, but only detects");
    assert!(detail(&explanation, "rule 7", "action").contains("not taken"));
}

#[test]
fn a_response_is_judged_too() {
    let config = rules(&[
        "SecRuleEngine On",
        "SecResponseBodyAccess On",
        "SecResponseBodyMimeType text/html",
        "SecRule RESPONSE_BODY \"@contains secret\" \"id:9,phase:4,deny,status:502,msg:'A leak'\"",
    ]);
    let mut exchange = Exchange::of(curl("curl h"));
    exchange.response = Message::response(200).with_header("content-type", "text/html").with_body("a secret");
    let explanation = explainer(FilterKind::Waf, &config).explain(&exchange);
    assert!(explanation.decision.at_response);
    assert_eq!(explanation.decision.summary, "the response is blocked with 502: by rule 9 in phase 4");
}

#[test]
fn policies_tell_which_decided_and_what_of_the_others_does_not_hold() {
    let config = json!({
        "api_keys": {"required": false, "keys": [{"consumer": "ops", "secret": "0123456789abcdef0123456789abcdef"}]},
        "policies": [
            {"name": "no-admin", "spec": {"action": "DENY", "rules": [{
                "to": [{"operation": {"paths": ["/admin*"]}}],
                "when": [{"key": "portcullis.consumer", "notValues": ["ops"]}]}]}},
            {"name": "get", "spec": {"rules": [{"to": [{"operation": {"methods": ["GET"]}}]}]}},
            {"name": "office", "spec": {"rules": [{"from": [{"source": {"remoteIpBlocks": ["198.51.100.0/24"]}}]}]}},
        ],
    });
    let mut authz = explainer(FilterKind::Authz, &config);
    let denied = authz.explain(&Exchange::of(curl("curl h/admin")));
    assert_eq!(denied.decision.summary, "blocked with 403: the policy no-admin matches");
    assert_eq!(denied.decision.details.as_deref(), Some("authz_denied_policy[no-admin]"));
    assert!(titles(&denied).contains(&"DENY policy no-admin: matches and decides"));
    let allowed =
        authz.explain(&Exchange::of(curl("curl h/admin -H 'x-api-key: 0123456789abcdef0123456789abcdef'")));
    assert_eq!(allowed.decision.summary, "let through: the ALLOW policy get matches");
    assert_eq!(detail(&allowed, "API key: accepted", "consumer"), "ops");
    assert_eq!(
        detail(&allowed, "DENY policy no-admin", "does not hold"),
        "when portcullis.consumer (notValues)"
    );
    assert_eq!(detail(&allowed, "ALLOW policy office", "does not hold"), "remoteIpBlocks");
    let none = authz.explain(&Exchange::of(curl("curl -X DELETE h/")));
    assert_eq!(none.decision.summary, "blocked with 403: there are ALLOW policies, and none matches");
    assert_eq!(detail(&none, "ALLOW policy get", "does not hold"), "methods");
    assert_eq!(detail(&none, "DENY policy no-admin", "does not hold"), "paths or hosts");
    let wrong = authz.explain(&Exchange::of(curl("curl h/ -H 'x-api-key: wrong'")));
    assert_eq!((wrong.decision.status, titles(&wrong)[0]), (401, "API key: invalid"));
}

#[test]
fn a_canary_tells_its_draw() {
    let config = json!({"releases": [
        {"name": "beta", "match": {"header": {"name": "x-beta", "exact": "yes"}}},
        {"name": "v2", "by_header": {"name": "x-canary"}, "weight": 10, "key": [{"header": "x-user"}]},
    ]});
    let mut canary = explainer(FilterKind::Canary, &config);
    let drawn = canary.explain(&Exchange::of(curl("curl h -H 'x-user: user-96'")));
    assert_eq!(detail(&drawn, "drawn by header x-user", "key"), "user-96");
    let (_, share) =
        drawn.timeline.iter().find_map(|it| it.details.iter().find(|(label, _)| label == "share")).unwrap();
    assert_eq!(share, "10 %, buckets below 10000");
    assert_eq!(detail(&drawn, "release beta: its match", "why"), "there is no header x-beta");
    let forced = canary.explain(&Exchange::of(curl("curl h -H 'x-canary: always'")));
    assert_eq!(forced.decision.summary, "goes to v2, by header_always");
    assert_eq!(forced.state["canary"], "v2");
}

#[test]
fn a_session_tells_what_its_cookie_says() {
    let config = json!({"keys": ["c2VjcmV0LXNlY3JldC1zZWNyZXQtMDEyMzQ1Njc4OQ=="], "audience": "shop", "absolute_timeout": "12h",
        "cookie": {"name": "stay", "path": "/"}});
    let mut affinity = explainer(FilterKind::Affinity, &config);
    let first = affinity.explain(&Exchange::of(curl("curl h")));
    assert_eq!(first.decision.summary, "a new session: a cookie is set");
    let cookie = first.response_changes.iter().find(|change| change.name == "set-cookie").unwrap();
    let cookie = cookie.after.as_deref().unwrap().split(';').next().unwrap();
    let again = Exchange::of(curl(&format!("curl h -b '{cookie}'")));
    let kept = affinity.explain(&again);
    assert_eq!(kept.decision.summary, "the session is kept with its endpoint");
    assert_eq!(detail(&kept, "the cookie stay opens", "bound to"), "10.0.0.1:8080");
    assert_eq!(detail(&kept, "the cookie stay opens", "since"), "2026-01-01T12:00:00Z");
    let moved = affinity.explain(&Exchange { endpoint: "10.0.0.9:80".parse().ok(), ..again });
    assert_eq!(moved.decision.summary, "the session moves to another endpoint, with a new cookie");
    let forged = affinity.explain(&Exchange::of(curl("curl h -b 'stay=abc'")));
    assert_eq!(titles(&forged)[0], "the cookie stay is not honoured: malformed");
}

#[test]
fn a_chain_hands_on_what_filters_leave() {
    let key = "c2VjcmV0LXNlY3JldC1zZWNyZXQtMDEyMzQ1Njc4OQ==";
    let mut chain = Chain(vec![
        explainer(
            FilterKind::Canary,
            &json!({"releases": [{"name": "v2", "by_header": {"name": "x-canary"}}]}),
        ),
        explainer(FilterKind::Affinity, &json!({"keys": [key], "audience": "shop", "scope": "canary"})),
        explainer(
            FilterKind::Authz,
            &json!({"policies": [{"name": "closed", "spec": {"action": "DENY", "rules": [{}]}}]}),
        ),
        explainer(FilterKind::Waf, &rules(&["SecRuleEngine On"])),
    ]);
    let explanation = chain.explain(&Exchange::of(curl("curl h -H 'x-canary: always'")));
    let filters: Vec<_> =
        explanation.filters.iter().map(|it| (it.filter.as_str(), it.decision.passes)).collect();
    assert_eq!(filters, [("canary", true), ("affinity", true), ("authz", false)]);
    assert_eq!((explanation.passes, explanation.status), (false, 403));
}

#[test]
fn a_wrong_configuration_is_refused_as_the_module_refuses_it() {
    for (kind, config) in [
        (
            FilterKind::Waf,
            r#"{"directives_map": {"default": ["SecRule ARGS \"@rx (\" \"id:1\"", "SecFoo"]}}"#,
        ),
        (FilterKind::Authz, r#"{"policies": [{"nam": 1}]}"#),
        (FilterKind::Canary, r#"{"releases": [{"name": "stable"}]}"#),
        (FilterKind::Affinity, r#"{"keys": ["short"], "audience": ""}"#),
    ] {
        let found =
            Explainer::load(kind, config.as_bytes(), &|_| None).err().map(|errors| errors.to_string());
        let module = match kind {
            FilterKind::Waf => load::<portcullis_waf::WafFilter>(config.as_bytes(), &|_| None).err(),
            FilterKind::Authz => load::<portcullis_authz::AuthzFilter>(config.as_bytes(), &|_| None).err(),
            FilterKind::Canary => load::<portcullis_canary::CanaryFilter>(config.as_bytes(), &|_| None).err(),
            FilterKind::Affinity => {
                load::<portcullis_affinity::AffinityFilter>(config.as_bytes(), &|_| None).err()
            }
        };
        assert_eq!(found, module.map(|errors| errors.to_string()));
        assert!(found.is_some(), "{config}");
    }
}

/// To listen changes nothing of a decision, the log included.
#[test]
fn listening_changes_nothing() {
    let config = rules(&["SecRuleEngine On", "Include @portcullis-starter"]);
    let loaded = load::<portcullis_waf::WafFilter>(config.to_string().as_bytes(), &|_| None).unwrap();
    for command in [
        "curl h/?q=hello",
        "curl 'h/?q=1%27%20or%201=1--'",
        "curl h/a/../../etc/passwd --path-as-is",
        "curl h -d 'a=<script>'",
    ] {
        let exchange = Exchange::of(curl(command));
        let explanation = explainer(FilterKind::Waf, &config).explain(&exchange);
        let mut host = TestHost::new();
        exchange.prepare(&mut host, &Default::default());
        let outcome =
            run(&loaded, host, exchange.request.clone(), exchange.response.clone(), Settings::default());
        assert_eq!(explanation.decision.details, outcome.details, "{command}");
        assert_eq!(explanation.decision.status, outcome.status(), "{command}");
        let state = outcome.host.filter_state.iter();
        let state: Vec<_> =
            state.map(|(key, value)| (key.clone(), String::from_utf8_lossy(value).into_owned())).collect();
        assert_eq!(explanation.state.into_iter().collect::<Vec<_>>(), state, "{command}");
        let log: Vec<String> = outcome
            .host
            .logs
            .into_iter()
            .filter(|(level, _)| *level >= sdk_shim::Level::Info)
            .map(|(_, line)| line)
            .collect();
        assert_eq!(explanation.log, log, "{command}");
    }
}

#[test]
fn two_filters_of_a_kind_each_say_their_own() {
    let config = json!({"policies": [{"name": "a", "spec": {"rules": [{}]}}]});
    let none = json!({"policies": []});
    let mut chain = Chain([&config, &none, &none].map(|config| explainer(FilterKind::Authz, config)).into());
    let explanation = chain.explain(&Exchange::of(curl("curl h/")));
    let summaries: Vec<&str> =
        explanation.filters.iter().map(|filter| filter.decision.summary.as_str()).collect();
    let none = "let through: no policy is against it, and there is no ALLOW policy";
    assert_eq!(summaries, ["let through: the ALLOW policy a matches", none, none]);
}
