//! Secrets: from the environment, and from a file that changes while Envoy runs.

use super::*;

use integration::runtime::poll;

/// The filter with these keys, as Envoy reads it from a file: mounted from a secret of the control plane, for one.
fn delivered(keys: &Value) -> String {
    let mut filter = Value::from(Wasm::module("affinity").config(json!({"keys": keys, "audience": "shop"})));
    filter["@type"] = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig".into();
    json!({"resources": [filter]}).to_string()
}

#[test]
fn keys_in_a_file_rotate_while_envoy_runs_and_no_session_is_lost() {
    let upstreams = ["a", "b", "c"].map(Upstream::start);
    let source = json!({
        "config_source": {"path_config_source": {"path": "./affinity.json"}},
        "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"],
    });
    let envoy = Config::new()
        .file("affinity.json", delivered(&json!([OLD_KEY])))
        .cluster(Cluster::new("app", &upstreams))
        .listener(
            Listener::new("main")
                .filter(json!({"name": "affinity", "config_discovery": source}))
                .filter(stateful_session())
                .route(route("app")),
        )
        .start();
    let site = Site { upstreams, envoy };
    let serves = || {
        site.envoy
            .client()
            .try_send(Request::get("/"))
            .is_ok_and(|answer| answer.header("set-cookie").is_some())
    };
    poll(Duration::from_secs(60), || serves().then_some(())).expect("the filter serves");
    let stat = |name: &str| {
        site.envoy.admin().stat(&format!("extension_config_discovery.http_filter.affinity.{name}"))
    };
    let put = |keys: Value, outcome: &str| {
        let before = stat(outcome);
        site.envoy.replace_file("affinity.json", delivered(&keys));
        poll(Duration::from_secs(60), || (stat(outcome) > before).then_some(())).expect(outcome);
        // The worker is told after the main thread.
        std::thread::sleep(Duration::from_millis(200));
    };
    let mut browser = site.browser("main");
    let bound = browser.get().upstream();
    let mut renewed = 0;
    for keys in [json!([OLD_KEY, KEY]), json!([KEY, OLD_KEY]), json!([KEY])] {
        put(keys.clone(), "config_reload");
        for _ in 0..6 {
            let answer = browser.get();
            assert_eq!(answer.upstream(), bound, "{keys}");
            renewed += answer.header_values("set-cookie").len();
        }
    }
    assert_eq!(renewed, 1, "sealed anew once, when the other key came first");
    // What is refused changes nothing: Envoy keeps what it has.
    put(json!(["short"]), "config_fail");
    assert_eq!((browser.get().upstream(), browser.get().header("set-cookie")), (bound, None));
    site.envoy.assert_no_vm_failure();
}

#[test]
fn keys_come_from_envoys_own_environment() {
    let upstreams = ["a", "b", "c"].map(Upstream::start);
    let mut filter = Value::from(
        Wasm::module("affinity").config(json!({"keys": ["${AFFINITY_KEY}"], "audience": "shop"})),
    );
    filter["typed_config"]["config"]["vm_config"]["environment_variables"] =
        json!({"host_env_keys": ["AFFINITY_KEY"]});
    let config = |filter: &Value| {
        Config::new().cluster(Cluster::new("app", &upstreams)).listener(
            Listener::new("main").filter(filter.clone()).filter(stateful_session()).route(route("app")),
        )
    };
    let site = |envoy| Site { upstreams: ["d", "e", "f"].map(Upstream::start), envoy };
    let one = site(config(&filter).env("AFFINITY_KEY", KEY).start());
    let mut browser = one.browser("main");
    let bound = browser.get().upstream();
    assert_eq!((browser.get().upstream(), browser.get().header("set-cookie")), (bound, None));
    let log = Envoy::expect_refused(config(&filter));
    let refusal = "keys[0]: found a reference to the environment variable AFFINITY_KEY, which is not set";
    assert!(log.contains(refusal), "{log}");
}
