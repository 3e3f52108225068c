//! The other ways to tell Envoy: each with the configuration that is shipped for it.

use super::*;

fn site(bootstrap: &str) -> Site {
    let upstreams = ["a", "b", "c"].map(Upstream::start);
    let envoy = Config::bootstrap(bootstrap).upstreams("app", &upstreams).start();
    Site { upstreams, envoy }
}

/// What holds in every mode: a session stays, moves when its endpoint is down, and a client has no say.
fn assert_pins(site: &Site, header: &str, moves_back: bool) {
    for http2 in [false, true] {
        let mut browser = site.browser("main");
        if http2 {
            browser.client = browser.client.http2();
        }
        let first = browser.get().upstream();
        for _ in 0..12 {
            let answer = browser.send(Request::get("/").header(header, "127.0.0.1:1"));
            assert_eq!((answer.upstream(), answer.header("set-cookie")), (first.clone(), None));
            assert_eq!(answer.header(header), None);
        }
    }
    let spread: BTreeSet<_> = (0..24).filter_map(|_| site.browser("main").get().upstream()).collect();
    assert_eq!(spread.len(), 3, "{spread:?}");
    let forged = (0..24).filter_map(|_| {
        let forged = Request::get("/").header("cookie", format!("{NAME}=x")).header(header, "x");
        site.envoy.send(forged).upstream()
    });
    assert_eq!(forged.collect::<BTreeSet<_>>().len(), 3, "a client chooses nothing");

    let mut browser = site.browser("main");
    let first = browser.get().upstream().unwrap();
    site.upstream(&first).stop();
    let moved = browser.get();
    let second = moved.upstream().unwrap();
    assert_eq!(moved.status, 200);
    assert_ne!(second, first);
    assert_eq!(browser.get().status, 200);
    site.upstream(&first).restart();
    if !moves_back {
        assert_eq!(browser.get().upstream().as_deref(), Some(second.as_str()), "it does not move back");
    }
    site.envoy.assert_no_vm_failure();
}

#[test]
fn override_host_pins() {
    let site = site("affinity-override-host.yaml");
    assert_pins(&site, HEADER, false);
    let mut browser = site.browser("main");
    browser.get();
    let answer = browser.get();
    let seen = site.upstream(&answer.upstream().unwrap()).only(&answer.id);
    assert_eq!(seen.header_values(HEADER), [""; 0], "the endpoint does not see it");
    assert_eq!(seen.header_values("cookie"), [""; 0]);
}

#[test]
fn hash_pins() {
    assert_pins(&site("affinity-hash.yaml"), "x-session-key", true);
}

#[test]
fn a_dry_run_changes_no_balancing() {
    let upstreams = ["a", "b", "c"].map(Upstream::start);
    let mut config = config();
    config["dry_run"] = true.into();
    let envoy = Config::new()
        .cluster(Cluster::new("app", &upstreams))
        .listener(listener("main", Wasm::module("affinity").config(config), "app"))
        .start();
    let site = Site { upstreams, envoy };
    let mut browser = site.browser("main");
    let first = browser.get();
    assert_eq!(first.header_values("set-cookie").len(), 1);
    let answers: Vec<_> = (0..12).map(|_| browser.get()).collect();
    assert!(answers.iter().all(|answer| answer.header("set-cookie").is_none()));
    let spread: BTreeSet<_> = answers.iter().filter_map(Response::upstream).collect();
    assert_eq!(spread.len(), 3);
    let count =
        |outcome| site.envoy.admin().stat(&format!("wasmcustom.affinity_sessions_total;outcome={outcome}"));
    assert_eq!((count("new"), count("kept"), count("moved")), (1, 4, 8));
}
