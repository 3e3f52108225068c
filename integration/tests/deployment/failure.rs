//! What Envoy does with a filter whose VM fails while it serves, by failure policy. Ours do not trap; this is what to expect
//! should they, or run out of memory, and what the advice in docs/install.md rests on.

use std::path::Path;
use std::time::Duration;

use integration::prelude::*;
use integration::{request::unique_id, runtime::poll};

use crate::crash::module_with;

/// Fails on requests with a body. local.get 2; i32.eqz; if; …; end; i32.const 0.
fn failing_on_bodies(failure: &[u8]) -> Vec<u8> {
    module_with(&[&[0x20, 2, 0x45, 0x04, 0x40], failure, &[0x0b, 0x41, 0]].concat())
}

/// unreachable: a panic.
const TRAP: &[u8] = &[0x00];
/// loop; i32.const 1000; memory.grow; i32.const -1; i32.ne; br_if 0; end; unreachable: all memory that there is, then the panic of
/// an allocator.
const OUT_OF_MEMORY: &[u8] = &[0x03, 0x40, 0x41, 0xe8, 0x07, 0x40, 0, 0x41, 0x7f, 0x47, 0x0d, 0, 0x0b, 0x00];

#[test]
fn closed_a_worker_whose_vm_has_failed_answers_503_for_ever() {
    for failure in [TRAP, OUT_OF_MEMORY] {
        let site = Site::start(failure, "FAIL_CLOSED");
        assert_eq!(site.get(), 200);
        assert_eq!(site.post(), 503);
        assert_eq!([site.get(), site.get(), site.post()], [503; 3]);
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(site.get(), 503);
    }
}

#[test]
fn open_a_worker_whose_vm_has_failed_lets_everything_through() {
    for failure in [TRAP, OUT_OF_MEMORY] {
        let site = Site::start(failure, "FAIL_OPEN");
        assert_eq!(site.post(), 503, "the request itself is lost");
        assert_eq!([site.get(), site.get(), site.post()], [200; 3], "the filter is out of the way");
    }
}

#[test]
fn reloading_a_worker_whose_vm_has_failed_has_a_new_one_soon() {
    for failure in [TRAP, OUT_OF_MEMORY] {
        let site = Site::start(failure, "FAIL_RELOAD");
        assert_eq!(site.get(), 200);
        assert_eq!(site.post(), 503);
        let back = poll(Duration::from_secs(20), || (site.get() == 200).then_some(()));
        back.expect("the worker serves again");
        assert_eq!(site.post(), 503, "with the filter in force");
        let stats = site.envoy.admin().stats();
        let reloads: u64 =
            stats.iter().filter(|(name, _)| name.ends_with("vm_reload_success")).map(|(_, n)| n).sum();
        assert!(reloads >= 1, "{stats:?}");
    }
}

/// A module that takes long to start holds up the worker that starts it; the requests of its other listeners wait.
#[test]
fn while_a_module_starts_requests_wait_and_none_is_lost() {
    let app = Upstream::start("app");
    let source = json!({
        "config_source": {"path_config_source": {"path": "./filter.json"}},
        "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"],
    });
    let filter = |words: usize| {
        // Much to read at load.
        let rules = (0..words)
            .map(|id| format!("SecRule ARGS \"@rx [a-z]+{id}[0-9]+\" \"id:{},phase:2,deny\"", id + 1));
        let rules: Vec<_> = std::iter::once("SecRuleEngine On".to_owned()).chain(rules).collect();
        let config = json!({"directives_map": {"default": rules}, "default_directives": "default"});
        let mut filter = Value::from(Wasm::module("waf").config(config));
        filter["@type"] = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig".into();
        json!({"resources": [filter]}).to_string()
    };
    let envoy = Config::new()
        .file("filter.json", filter(1))
        .cluster(Cluster::new("app", [&app]))
        .listener(Listener::new("main").route_to("app"))
        .listener(
            Listener::new("other").filter(json!({"name": "waf", "config_discovery": source})).route_to("app"),
        )
        .start();
    envoy.replace_file("filter.json", filter(2000));
    let reloaded = || envoy.admin().stat("extension_config_discovery.http_filter.waf.config_reload") >= 2;
    while !reloaded() {
        assert_eq!(envoy.send(Request::get("/")).status, 200);
        assert_eq!(envoy.client_of("other").send(Request::get("/?a=b")).status, 200);
    }
    assert_eq!(envoy.client_of("other").send(Request::get("/?a=xyz")).status, 200);
    assert_eq!(envoy.client_of("other").send(Request::get("/?a=xyz771")).status, 403);
}

struct Site {
    envoy: Envoy,
    _app: Upstream,
}

impl Site {
    fn start(failure: &[u8], policy: &str) -> Self {
        let app = Upstream::start("app");
        let module = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.wasm", unique_id()));
        std::fs::write(&module, failing_on_bodies(failure)).unwrap();
        let filter = Wasm::file("failing", &module)
            .with("failure_policy", policy)
            .with("reload_config", json!({"backoff": {"base_interval": "0.1s"}}));
        let envoy = Config::new()
            .cluster(Cluster::new("app", [&app]))
            .listener(Listener::new("main").filter(filter).route_to("app"))
            .start();
        std::fs::remove_file(&module).unwrap();
        Self { envoy, _app: app }
    }

    fn get(&self) -> u16 {
        self.envoy.send(Request::get("/")).status
    }

    fn post(&self) -> u16 {
        self.envoy.send(Request::post("/", "body")).status
    }
}
