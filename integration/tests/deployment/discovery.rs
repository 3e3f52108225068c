//! Filters that a control plane delivers and changes while traffic flows: by Envoy's extension configuration discovery (ECDS), with
//! the module from an HTTP server. Istio's agent fetches the module itself and gives Envoy a file; other control planes
//! have Envoy fetch it.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use integration::prelude::*;
use integration::{paths, request::unique_id, runtime::poll};

use super::sha256;

/// How many requests the updates below must not lose.
const REQUESTS: usize = 10_000;
const CONNECTIONS: usize = 4;

#[test]
fn updates_as_istio_delivers_them_lose_no_request() {
    Site::start().update_under_load();
}

/// What Envoy gets is not what was to be had: cut short, or something else. It must not run it, nor let requests pass.
#[test]
fn a_module_that_is_not_the_one_asked_for_is_never_run() {
    let whole = fs::read(paths::module("examples/deny")).unwrap();
    let checksum = sha256(&whole);
    let cut = whole[..whole.len() / 2].to_vec();
    let cut_checksum = sha256(&cut);
    let cases: [(&str, Reply, &str); 4] = [
        ("another", Reply::new(200).body("no module at all"), &checksum),
        ("cut short", Reply::new(200).body(cut.clone()), &checksum),
        ("cut short, and the checksum is of that", Reply::new(200).body(cut), &cut_checksum),
        ("not there", Reply::new(404), &checksum),
    ];
    for (name, reply, checksum) in cases {
        let (app, server) = (Upstream::start("app"), Upstream::start("modules"));
        server.answer(reply);
        let envoy = fetching(&app, &server, "5s", checksum, json!({"num_retries": 0}));
        let answer = envoy.send(Request::get("/"));
        assert_eq!(answer.status, 503, "{name}: {}", answer.text());
        app.assert_untouched(&answer.id);
    }
}

/// Nobody listens where the module should come from: the listener comes up, and lets nothing through.
#[test]
fn without_its_module_a_filter_lets_nothing_through() {
    let (app, server) = (Upstream::start("app"), Upstream::start("modules"));
    server.stop();
    let retries =
        json!({"num_retries": 1, "retry_back_off": {"base_interval": "0.05s", "max_interval": "0.1s"}});
    let envoy = fetching(&app, &server, "1s", &"0".repeat(64), retries);
    let answer = envoy.send(Request::get("/"));
    assert_eq!(answer.status, 503);
    app.assert_untouched(&answer.id);
    envoy.wait_for_log("Retry limit exceeded for fetching data from remote data source");
}

/// An Envoy that has to fetch its filter's module by itself.
fn fetching(app: &Upstream, server: &Upstream, timeout: &str, checksum: &str, retries: Value) -> Envoy {
    let code = json!({"remote": {
        "http_uri": {"uri": "http://modules/deny.wasm", "cluster": "modules", "timeout": timeout},
        "sha256": checksum,
        "retry_policy": retries,
    }});
    Config::new()
        .cluster(Cluster::new("app", [app]))
        .cluster(Cluster::new("modules", [server]).http1())
        .listener(Listener::new("main").filter(plugin(code, r#"{"header": "x-a"}"#)).route_to("app"))
        .start()
}

/// Two versions of a module, the server that has them, and an Envoy whose filter is discovered.
struct Site {
    versions: [Module; 2],
    envoy: Envoy,
    _upstreams: [Upstream; 2],
}

/// A module on an HTTP server.
struct Module {
    path: &'static str,
    checksum: String,
    server: Client,
}

impl Module {
    fn fetched(&self) -> Vec<u8> {
        let answer = self.server.send(Request::get(self.path));
        assert_eq!((answer.status, sha256(&answer.body)), (200, self.checksum.clone()));
        answer.body
    }
}

impl Site {
    fn start() -> Self {
        let (app, server) = (Upstream::start("app"), Upstream::start("modules"));
        let first = fs::read(paths::module("examples/deny")).unwrap();
        // Another module that does the same: with a custom section more.
        let second = [first.clone(), b"\x00\x08\x07version".to_vec()].concat();
        let publish = |path: &'static str, bytes: &[u8]| {
            server.answer_path(path, Reply::new(200).body(bytes.to_vec()));
            Module { path, checksum: sha256(bytes), server: Client::new(server.address()) }
        };
        let versions = [publish("/deny-1.wasm", &first), publish("/deny-2.wasm", &second)];
        let source = json!({
            "config_source": {"path_config_source": {"path": "./filter.json"}},
            "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"],
        });
        let envoy = Config::new()
            .file("filter.json", delivered(&versions[0], r#"{"header": "x-a"}"#))
            .cluster(Cluster::new("app", [&app]))
            .cluster(Cluster::new("modules", [&server]).http1())
            .listener(
                Listener::new("main")
                    .filter(json!({"name": "deny", "config_discovery": source}))
                    .route_to("app"),
            )
            .start();
        let site = Self { versions, envoy, _upstreams: [app, server] };
        poll(Duration::from_secs(60), || site.denies("x-a").then_some(())).expect("the first version serves");
        site
    }

    fn put(&self, version: usize, config: &str) {
        self.envoy.replace_file("filter.json", delivered(&self.versions[version], config));
    }

    fn updates(&self, outcome: &str) -> usize {
        let count =
            self.envoy.admin().stat(&format!("extension_config_discovery.http_filter.deny.{outcome}"));
        usize::try_from(count).unwrap()
    }

    fn denies(&self, header: &str) -> bool {
        self.envoy.send(Request::get("/").header(header, "1")).status == 403
    }

    /// New configurations, a new module, a broken configuration, and back, while requests run on kept connections.
    fn update_under_load(&self) {
        let load = Load::default();
        let mut rounds = 0;
        std::thread::scope(|scope| {
            // Also when a round fails: the scope waits for its threads.
            let _end = End(&load.over);
            let clients: Vec<_> =
                (0..CONNECTIONS).map(|_| scope.spawn(|| load.run(self.envoy.client().raw()))).collect();
            while rounds < 2 || load.answered() < REQUESTS {
                assert!(clients.iter().all(|client| !client.is_finished()), "a request was lost");
                self.round();
                rounds += 1;
            }
        });
        let denied = load.denied.load(Ordering::Relaxed);
        println!(
            "{} requests during {rounds} rounds of updates, {denied} denied by one of the versions",
            load.answered()
        );
        assert!(denied > 0 && denied < load.answered());
        self.envoy.assert_no_vm_failure();
    }

    fn round(&self) {
        let becomes = |header: &str| {
            poll(Duration::from_secs(30), || self.denies(header).then_some(()))
                .unwrap_or_else(|| panic!("{header} is never in force"));
        };
        self.put(0, r#"{"header": "x-b"}"#);
        becomes("x-b");
        // A broken one changes nothing.
        let failed = self.updates("config_fail");
        self.put(0, r#"{"headr": "x-c"}"#);
        poll(Duration::from_secs(30), || (self.updates("config_fail") > failed).then_some(()))
            .expect("it is refused");
        assert!(self.denies("x-b"));
        self.put(1, r#"{"header": "x-c"}"#);
        becomes("x-c");
        // Back to the first version.
        self.put(0, r#"{"header": "x-a"}"#);
        becomes("x-a");
        assert!(!self.denies("x-b"));
    }
}

/// Requests that are sent one after the other on each of several connections.
#[derive(Default)]
struct Load {
    passed: AtomicUsize,
    denied: AtomicUsize,
    over: AtomicBool,
}

impl Load {
    fn answered(&self) -> usize {
        self.passed.load(Ordering::Relaxed) + self.denied.load(Ordering::Relaxed)
    }

    fn run(&self, mut connection: raw::Connection) {
        let request = Request::get("/").header("x-b", "1").without_id();
        while !self.over.load(Ordering::Relaxed) {
            connection.send_request(&request);
            let answer = connection.response().expect("no request is lost");
            match answer.status {
                200 => _ = self.passed.fetch_add(1, Ordering::Relaxed),
                403 => _ = self.denied.fetch_add(1, Ordering::Relaxed),
                other => panic!("a request was answered {other}: {}", answer.text()),
            }
            // The updates are what is tested, and they need the processor, too.
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

struct End<'l>(&'l AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What Istio's agent makes of a filter that istiod delivers: it fetches and checks the module before Envoy hears of it, and
/// names it as a file of its cache.
fn delivered(module: &Module, config: &str) -> String {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.wasm", module.checksum));
    let part = file.with_extension(unique_id());
    fs::write(&part, module.fetched()).and_then(|()| fs::rename(&part, &file)).unwrap();
    let mut filter = plugin(json!({"local": {"filename": file}}), config);
    filter["@type"] = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig".into();
    json!({"resources": [filter]}).to_string()
}

fn plugin(code: Value, config: &str) -> Value {
    let mut filter = Value::from(Wasm::module("examples/deny").config_text(config));
    filter["typed_config"]["config"]["vm_config"]["code"] = code;
    filter
}
