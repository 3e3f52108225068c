use super::*;
use sdk_shim_testing::scenario::File;
use sdk_shim_testing::{Message, Outcome, Settings, TestHost, run};

fn play(config: &str, host: TestHost, request: Message) -> Outcome {
    let loaded = sdk_shim::load::<CanaryFilter>(config.as_bytes(), &|_| None).unwrap();
    run(&loaded, host, request, Message::response(200), Settings::default())
}

fn get() -> Message {
    Message::request("GET", "/")
}

#[test]
fn scenarios() {
    let file = File::parse(include_str!("../../scenarios.toml")).unwrap_or_else(|error| panic!("{error}"));
    let failures = file.check::<CanaryFilter>();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn counts_by_release_and_reason() {
    let config =
        r#"{"releases": [{"name": "v2", "by_header": {"name": "x-canary"}, "by_cookie": {"name": "c"}}]}"#;
    let mut host = TestHost::new();
    for value in ["always", "always", "never", "other"] {
        host = play(config, host, get().with_header("x-canary", value)).host;
    }
    let expected = [
        ("v2", "header_always", 2),
        ("stable", "header_never", 1),
        ("stable", "default", 1),
        ("v2", "cookie_always", 0),
    ];
    for (release, reason, count) in expected {
        let name = format!("canary_decisions_total;release={release};reason={reason}");
        assert_eq!(host.metric(&name), count, "{name}");
    }
}

#[test]
fn has_the_route_chosen_again_where_it_may_be_another() {
    let cases = [
        (r#"{"filter_state": {}}"#, "v2", 1),
        (r#"{"filter_state": {}}"#, "stable", 0),
        (r#"{"filter_state": {"match_stable": true}}"#, "v2", 1),
        (r#"{"filter_state": {"match_stable": true}}"#, "stable", 1),
        // The host does by itself, for the header.
        (r#"{"header": {"name": "x-release"}}"#, "v2", 0),
        (r#"{"header": {"name": "x-release"}}"#, "stable", 0),
    ];
    for (act, goes_to, clears) in cases {
        for dry_run in [false, true] {
            let weight = if goes_to == "v2" { 100 } else { 0 };
            let config = format!(
                r#"{{"releases": [{{"name": "v2", "weight": {weight}}}], "act": {act}, "dry_run": {dry_run}}}"#
            );
            // A dry run sends everything to stable.
            let clears = if dry_run && !act.contains("true") { 0 } else { clears };
            assert_eq!(play(&config, TestHost::new(), get()).host.route_cache_clears, clears, "{config}");
        }
    }
}

/// In Envoy each is one to four microseconds, so none may come unnoticed. The message of the decision is none there, but at
/// level debug.
#[test]
fn a_request_makes_these_calls_of_the_host() {
    let releases = (0..20).map(|n| {
        format!(r#"{{"name": "v{n}", "match": {{"header": {{"name": "x-tier", "exact": "{n}"}}}}, "key": ["random"]}}"#)
    });
    let releases = releases.collect::<Vec<_>>().join(",");
    let config = |more: &str| format!(r#"{{"releases": [{releases}]{more}}}"#);
    let common = [("headers", 1), ("increment", 1), ("write_log", 1)];
    let cases: [(&str, &[(&str, usize)]); 4] = [
        ("", &[("set_filter_state", 1), ("write_header", 1)]),
        (r#", "vary": false"#, &[("set_filter_state", 1)]),
        (r#", "act": {"header": {"name": "x-release"}}"#, &[("write_header", 2)]),
        // A rule decided.
        (r#", "enabled": false"#, &[("set_filter_state", 2)]),
    ];
    for (more, others) in cases {
        let host = play(&config(more), TestHost::new(), get()).host;
        let expected = common.iter().chain(others).copied().collect();
        assert_eq!(host.host_calls, expected, "{more}");
    }
}

#[test]
fn warns_and_logs_the_decision() {
    let config = r#"{
        "releases": [{"name": "v2", "by_header": {"name": "x", "pattern": "("}}],
        "compatibility": {"broken_pattern_keeps_out": true}
    }"#;
    let loaded = sdk_shim::load::<CanaryFilter>(config.as_bytes(), &|_| None).unwrap();
    let warning = "releases[0].by_header.pattern: found `(` (unclosed group), expected a regular expression";
    assert_eq!(loaded.warnings, [warning]);
    let host = play(config, TestHost::new(), get().with_header("x", "y")).host;
    assert_eq!(host.logs, [(Level::Debug, "stable by header_pattern".to_owned())]);
}

#[test]
fn draws_for_each_request_where_there_is_no_key() {
    let config = r#"{"releases": [{"name": "v2", "weight": 10}]}"#;
    let loaded = sdk_shim::load::<CanaryFilter>(config.as_bytes(), &|_| None).unwrap();
    let mut host = TestHost::new();
    host.properties.remove("source.address");
    let mut taken = 0;
    for _ in 0..10_000 {
        host = run(&loaded, host, get(), Message::response(200), Settings::default()).host;
        taken += u32::from(host.filter_state["canary"] == b"v2");
    }
    // 10 %, and five standard deviations of 30 on each side.
    assert!((850..=1150).contains(&taken), "{taken}");
}

#[test]
fn the_configurations_of_the_page_load() {
    let page = include_str!("../../../../docs/canary.md");
    let blocks = page.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    // What is not a whole configuration is a part of a release.
    let whole = blocks.map(|block| match block.starts_with('{') {
        true => block.to_owned(),
        false => format!(r#"{{"releases": [{{"name": "v2", {block}}}]}}"#),
    });
    let whole: Vec<String> = whole.collect();
    assert_eq!(whole.len(), 5);
    for config in whole {
        if let Err(errors) = sdk_shim::load::<CanaryFilter>(config.as_bytes(), &|_| None) {
            panic!("{config}\n{errors}");
        }
    }
}
