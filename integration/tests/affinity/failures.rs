//! Endpoints that fail, and are gone.

use super::*;

#[test]
fn a_retry_that_another_endpoint_answers_moves_the_session() {
    let site = SITE.get();
    let mut browser = site.browser("retrying");
    let first = browser.get().upstream().unwrap();
    let id = unique_id();
    site.upstream(&first).answer_id(&id, Reply::new(503));
    let answer = browser.send(Request::get("/").id(&id));
    let second = answer.upstream().unwrap();
    assert_ne!(second, first);
    assert_eq!(answer.header_values("set-cookie").len(), 1);
    let next = browser.get();
    assert_eq!((next.upstream(), next.header("set-cookie")), (Some(second), None));
}

#[test]
fn a_failing_endpoint_keeps_its_session_where_nothing_retries() {
    let site = SITE.get();
    let mut browser = site.browser("shop");
    let first = browser.get().upstream().unwrap();
    let id = unique_id();
    site.upstream(&first).answer_id(&id, Reply::new(500));
    let failed = browser.send(Request::get("/").id(&id));
    assert_eq!((failed.status, failed.header("set-cookie")), (500, None));
    assert_eq!(browser.get().upstream().unwrap(), first);
}

#[test]
fn replies_of_envoy_set_no_cookie() {
    let site = SITE.get();
    let answer = site.envoy.send(Request::get("/direct"));
    assert_eq!((answer.status, answer.header("set-cookie")), (404, None));
}

#[test]
fn the_session_moves_when_its_endpoint_is_gone() {
    let upstreams = ["a", "b", "c"].map(Upstream::start);
    let envoy = Config::bootstrap("affinity.yaml").upstreams("app", &upstreams).start();
    let site = Site { upstreams, envoy };
    let mut browser = site.browser("main");
    let first = browser.get().upstream().unwrap();
    assert_eq!(browser.get().upstream().as_deref(), Some(first.as_str()));
    site.upstream(&first).stop();
    let moved = browser.get();
    let second = moved.upstream().unwrap();
    assert_eq!((moved.status, moved.header_values("set-cookie").len()), (200, 1));
    assert_ne!(second, first);
    for _ in 0..20 {
        let answer = browser.get();
        assert_eq!(
            (answer.upstream().as_deref(), answer.header("set-cookie")),
            (Some(second.as_str()), None)
        );
    }
    site.upstream(&first).restart();
    assert_eq!(browser.get().upstream().as_deref(), Some(second.as_str()), "it does not move back");
    browser.client.send(Request::get("/").header("cookie", format!("{NAME}=forged")));

    let stats = site.envoy.admin().prometheus();
    for expected in [
        "affinity_sessions_total{outcome=\"new\"} 2",
        "affinity_sessions_total{outcome=\"moved\"} 1",
        "affinity_sessions_total{outcome=\"kept\"} 22",
        "affinity_rejected_total{reason=\"malformed\"} 1",
    ] {
        assert!(stats.lines().any(|line| line == expected), "{expected} is not among the metrics:\n{stats}");
    }
    site.envoy.assert_no_vm_failure();
}

#[test]
fn an_endpoint_that_did_not_answer_is_not_sealed() {
    let upstreams = ["a", "b", "c"].map(Upstream::start);
    let strict = Listener::new("strict")
        .filter(Wasm::module("affinity").config(config()))
        .filter(native("stateful_session", "stateful_session.v3.StatefulSession", session_state(true)))
        .route_to("app");
    let envoy = Config::new()
        .cluster(Cluster::new("app", &upstreams))
        .listener(listener("lax", Wasm::module("affinity").config(config()), "app"))
        .listener(strict)
        .start();
    let site = Site { upstreams, envoy };
    let bound = ["lax", "strict"].map(|listener| {
        let mut browser = site.browser(listener);
        browser.get();
        browser
    });
    site.upstreams.iter().for_each(Upstream::stop);
    for mut browser in bound.into_iter().chain([site.browser("lax")]) {
        for _ in 0..6 {
            let answer = browser.get();
            assert_eq!((answer.status, answer.header("set-cookie")), (503, None));
        }
    }
    site.envoy.assert_no_vm_failure();
}
