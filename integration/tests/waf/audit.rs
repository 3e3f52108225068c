//! The audit log on its way to a collector.

use integration::prelude::*;
use std::time::{Duration, Instant};

use super::holding;

/// An Envoy that audits everything, into the cluster `audit`, with these fields of the collector.
fn auditing(app: &Upstream, collector: &Upstream, fields: Value) -> Envoy {
    let mut collector_config = json!({"cluster": "audit", "path": "/in", "interval_ms": 20});
    for (name, value) in fields.as_object().unwrap() {
        collector_config[name] = value.clone();
    }
    let config = json!({
        "directives_map": {"default": [
            "SecRuleEngine On",
            "SecRequestBodyAccess On",
            "SecAuditEngine On",
            "SecAuditLogParts ABCHZ",
            "SecRule ARGS:a \"@eq 1\" \"id:5,phase:2,deny,msg:'No'\"",
        ]},
        "audit_log": {"to_envoy_log": false, "collector": collector_config},
    });
    let wasm = holding(Wasm::module("waf").env("AUDIT_KEY", "Bearer k").config(config));
    Config::new()
        .cluster(Cluster::new("app", [app]))
        .cluster(Cluster::new("audit", [collector]))
        .listener(Listener::new("main").filter(wasm).route_to("app"))
        .start()
}

/// Waits until the collector has these transactions' entries, each at least once.
fn wait_for_entries(collector: &Upstream, wanted: &[String]) -> Vec<Value> {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let batches = collector.all_seen();
        let lines = batches.iter().flat_map(|batch| batch.body.split(|byte| *byte == b'\n'));
        let entries: Vec<Value> =
            lines.filter(|line| !line.is_empty()).map(|line| serde_json::from_slice(line).unwrap()).collect();
        let has = |id: &String| {
            entries.iter().any(|entry| entry["transaction"]["request"]["headers"]["x-test-id"] == id.as_str())
        };
        if wanted.iter().all(has) {
            return entries;
        }
        assert!(Instant::now() < until, "the collector has {entries:#?}, not all of {wanted:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn entries_reach_the_collector_in_batches() {
    let (app, collector) = (Upstream::start("app"), Upstream::start("audit"));
    let fields = json!({"authority": "audit.test", "headers": {"authorization": "${AUDIT_KEY}"}});
    let envoy = auditing(&app, &collector, fields);
    let form =
        |body: &str| Request::post("/", body).header("content-type", "application/x-www-form-urlencoded");
    let ids: Vec<String> = [form("a=1&token=hunter2"), form("b=2"), Request::get("/c")]
        .map(|request| envoy.send(request).id)
        .into();
    let entries = wait_for_entries(&collector, &ids);
    let of = |id: &String| {
        entries
            .iter()
            .map(|entry| &entry["transaction"])
            .find(|entry| entry["request"]["headers"]["x-test-id"] == id.as_str())
            .unwrap()
    };
    assert_eq!(of(&ids[0])["intercepted"], json!({"cause": "5", "phase": "2"}));
    assert_eq!(of(&ids[0])["request"]["body"], "a=1&token=[redacted]");
    assert_eq!(of(&ids[0])["messages"][0]["message"], "No");
    assert_eq!(of(&ids[1])["response"]["http_code"], 200);
    assert_eq!(of(&ids[2])["request"]["uri"], "/c");
    for batch in collector.all_seen() {
        assert_eq!((batch.method.as_str(), batch.path.as_str()), ("POST", "/in"));
        assert_eq!(batch.authority, "audit.test");
        assert_eq!(batch.header("authorization").as_deref(), Some("Bearer k"));
        assert_eq!(batch.header("content-type").as_deref(), Some("application/x-ndjson"));
    }
    assert!(!envoy.log().contains("audit {"), "to_envoy_log is off");
    envoy.assert_no_vm_failure();
}

#[test]
fn nothing_is_lost_while_the_collector_is_down() {
    let (app, collector) = (Upstream::start("app"), Upstream::start("audit"));
    collector.stop();
    let envoy = auditing(&app, &collector, json!({"max_batch_entries": 2}));
    let ids: Vec<String> = (0..5).map(|_| envoy.send(Request::get("/")).id).collect();
    envoy.wait_for_log("the audit log's collector does not take entries");
    collector.restart();
    collector.answer_with({
        let first = std::sync::atomic::AtomicBool::new(true);
        // An error of the service is no reason to forget either.
        move |_| Reply::new(if first.swap(false, std::sync::atomic::Ordering::Relaxed) { 500 } else { 200 })
    });
    wait_for_entries(&collector, &ids);
    assert!(
        collector
            .all_seen()
            .iter()
            .all(|batch| batch.body.iter().filter(|byte| **byte == b'\n').count() <= 2)
    );
}

#[test]
fn what_does_not_fit_or_is_refused_is_counted() {
    let (app, collector) = (Upstream::start("app"), Upstream::start("audit"));
    collector.answer(Reply::new(400));
    let envoy = auditing(&app, &collector, json!({"max_buffer_bytes": 3000, "interval_ms": 300}));
    let stat =
        |outcome: &str| envoy.admin().stat(&format!("wasmcustom.waf_audit_entries_total;outcome={outcome}"));
    for _ in 0..20 {
        envoy.send(Request::get("/").header("x-long", "x".repeat(1000)));
    }
    envoy.wait_for_log("the audit log's collector refused");
    let until = Instant::now() + Duration::from_secs(10);
    while stat("dropped") + stat("refused") < 20 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(stat("dropped") > 0, "3000 bytes hold two of them");
    assert_eq!(stat("dropped") + stat("refused"), 20);
    assert_eq!(stat("sent"), 0);
}
