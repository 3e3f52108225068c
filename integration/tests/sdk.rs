//! The SDK's example filters, compiled, in Envoy.

mod probe;

use std::time::Duration;

use integration::prelude::*;
use integration::runtime::poll;
use integration::{paths, scenario};

fn deny() -> Battery {
    Battery::new("examples/deny", json!({"header": "x-deny"}))
        .lets_through(Case::new("a request without the header", Request::get("/a?b=c")).reaches("v1"))
        .lets_through(Case::new("a header that is called almost so", Request::get("/").header("x-den", "1")))
        .steps_in(
            Case::new("the header", Request::get("/").header("x-deny", "1"))
                .stopped(403)
                .details("deny_header"),
        )
        .steps_in(Case::new("without a value", Request::get("/").header("x-deny", "")).stopped(403))
        .steps_in(Case::new("not UTF-8", Request::get("/").header("x-deny", b"\xff")).stopped(403))
        .refuses("", "deny")
        .refuses("{", "deny")
        .refuses(json!({}), "header")
        .refuses(json!({"header": 1}), "header")
        .refuses(json!({"header": "x", "heeder": "y"}), "heeder")
}

integration::battery!(deny);

/// The scenarios of the test host come out the same in Envoy.
mod scenarios {
    use super::*;

    fn run(example: &str) {
        let file = paths::root().join(format!("sdk-shim/examples/{example}.toml"));
        scenario::run(&format!("examples/{example}"), &file);
    }

    #[test]
    fn deny() {
        run("deny");
    }

    #[test]
    fn rewrite() {
        run("rewrite");
    }

    #[test]
    fn counter() {
        run("counter");
    }

    #[test]
    fn fault() {
        run("fault");
    }

    #[test]
    fn two_callouts() {
        run("two_callouts");
    }

    #[test]
    fn groups() {
        run("groups");
    }

    #[test]
    fn template() {
        scenario::run("examples/template", &paths::root().join("sdk-shim/template/scenarios.toml"));
    }

    #[test]
    fn fetch_at_load() {
        run("fetch_at_load");
    }
}

#[test]
fn several_workers_share_a_counter_and_lose_nothing() {
    let app = Upstream::start("app");
    let envoy = Config::new()
        .concurrency(2)
        .cluster(Cluster::new("app", [&app]))
        .listener(
            Listener::new("main")
                .filter(Wasm::module("examples/counter").config(json!({"header": "x-number"})))
                .route_to("app"),
        )
        .start();
    let ids: Vec<String> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let client = envoy.client();
                    (0..25).map(|_| client.send(Request::get("/")).id).collect::<Vec<_>>()
                })
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let mut numbers: Vec<u32> = ids
        .iter()
        .map(|id| app.only(id).header("x-number").and_then(|number| number.parse().ok()).expect("a number"))
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
    envoy.assert_no_vm_failure();
}

#[test]
fn clients_that_leave_while_a_callout_is_awaited_do_no_harm() {
    let app = Upstream::start("app");
    let slow = Upstream::start("slow");
    slow.answer(Reply::new(200).body("7").delay(Duration::from_millis(300)));
    let config = json!({"sessions": "slow", "users": "slow"});
    let envoy = Config::new()
        .cluster(Cluster::new("app", [&app]))
        .cluster(Cluster::new("slow", [&slow]).http1())
        .listener(
            Listener::new("main")
                .filter(Wasm::module("examples/two_callouts").config(config))
                .route_to("app"),
        )
        .start();
    let request = Request::get("/").header("cookie", "session=a1");
    for patience in [50, 400, 50, 400] {
        let impatient = envoy.client().patience(Duration::from_millis(patience));
        assert!(impatient.try_send(&request).is_err(), "the client was to leave before the answers");
    }
    let answer = envoy.send(&request);
    assert_eq!(answer.status, 200);
    assert_eq!(app.only(&answer.id).header("x-plan").as_deref(), Some("7"));
    envoy.assert_no_vm_failure();
}

/// A filter that Envoy discovers from a file, with this configuration.
fn discovered(config: &str) -> String {
    let mut filter = Value::from(Wasm::module("examples/deny").config_text(config));
    filter["@type"] = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig".into();
    json!({"resources": [filter]}).to_string()
}

#[test]
fn a_broken_update_leaves_the_old_configuration_in_force() {
    let app = Upstream::start("app");
    let source = json!({
        "config_source": {"path_config_source": {"path": "./filter.json"}},
        "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"],
    });
    let envoy = Config::new()
        .file("filter.json", discovered(r#"{"header": "x-old"}"#))
        .cluster(Cluster::new("app", [&app]))
        .listener(
            Listener::new("main").filter(json!({"name": "deny", "config_discovery": source})).route_to("app"),
        )
        .start();
    let denies = |header: &str| envoy.send(Request::get("/").header(header, "1")).status == 403;
    let updates =
        |outcome: &str| envoy.admin().stat(&format!("extension_config_discovery.http_filter.deny.{outcome}"));
    assert!(denies("x-old") && !denies("x-new"));

    envoy.replace_file("filter.json", discovered(r#"{"headr": "x-new"}"#));
    poll(Duration::from_secs(10), || (updates("config_fail") > 0).then_some(()))
        .expect("the update is rejected");
    assert!(denies("x-old") && !denies("x-new"), "the old configuration is gone");
    envoy.wait_for_log("headr");

    envoy.replace_file("filter.json", discovered(r#"{"header": "x-new"}"#));
    poll(Duration::from_secs(10), || denies("x-new").then_some(())).expect("the next update is taken");
    assert!(!denies("x-old"));
    envoy.assert_no_vm_failure();
}

/// `make new-filter`, in a directory of its own. That the template builds and does what it says is tested above.
#[test]
fn a_new_filter_is_a_member_of_the_workspace_under_its_name() {
    let root =
        std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("new-filter-{}", std::process::id()));
    std::fs::create_dir_all(&root).unwrap();
    std::fs::copy(paths::root().join("Cargo.lock"), root.join("Cargo.lock")).unwrap();
    let make = |name: &str| {
        let script = paths::root().join("tools/new-filter.sh");
        std::process::Command::new(script).arg(name).arg(&root).output().expect("the script runs")
    };
    let made = make("rate-limit");
    assert!(made.status.success(), "{made:?}");
    let manifest = std::fs::read_to_string(paths::root().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("\n    \"custom/*\",\n"), "what is in custom/ is a member");
    for file in ["Cargo.toml", "README.md", "envoy.yaml", "scenarios.toml", "src/lib.rs", "src/tests.rs"] {
        let text = std::fs::read_to_string(root.join("custom/rate-limit").join(file)).unwrap();
        assert!(!text.contains("{{"), "{file}: {text}");
    }
    let lib = std::fs::read_to_string(root.join("custom/rate-limit/src/lib.rs")).unwrap();
    assert!(lib.contains(r#"const NAME: &'static str = "rate-limit";"#), "{lib}");
    let there = "is there already";
    let form = "expected lower-case letters, digits and dashes";
    let (own, known) = ("packages of this repository", "a package that this workspace has already");
    let refusals = [
        ("rate-limit", there),
        ("", form),
        ("Rate", form),
        ("a/b", form),
        ("../x", form),
        ("1st", form),
        ("a-", form),
        ("a b", form),
        ("sdk-shim-x", own),
        ("portcullis-x", own),
        ("integration", known),
        ("suites", known),
        ("serde", known),
        ("match", "which Rust or Cargo has for itself"),
        ("test", "which Rust or Cargo has for itself"),
    ];
    for (name, reason) in refusals {
        let refused = make(name);
        assert_eq!(refused.status.code(), Some(2), "{name}: {refused:?}");
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains(reason), "{name}: {said}");
    }
    std::fs::remove_dir_all(&root).unwrap();
}

/// V8 compiles a module whole before it serves.
#[test]
fn the_smallest_filter_is_small() {
    let size = std::fs::metadata(paths::module("examples/deny")).unwrap().len();
    assert!(size <= 150_000, "{size} bytes");
}
