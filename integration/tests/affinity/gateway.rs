//! GEP-1619 (session persistence in Gateway API): its conformance tests, and weight 0 from its "Traffic Splitting". What an
//! HTTPRoute would say is said in Envoy's routes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

const CLUSTER: &str = "x-portcullis-cluster";

/// A name, and what is to hold.
type Scenario = (&'static str, fn(&Site));

#[test]
fn gep_1619() {
    let scenarios: [Scenario; 6] = [
        ("simple cookie session persistence", simple),
        ("session cookie lifetime (default)", session_lifetime),
        ("multiple weighted backends: initial distribution honored", weighted),
        ("weight 0 keeps its sessions", weight_zero),
        ("lifetimeType Permanent and absoluteTimeout 5m", permanent),
        ("session persistence scoped to the route rule", scoped),
    ];
    let site = Site::start();
    let mut failed = 0;
    for (name, scenario) in scenarios {
        let passed = catch_unwind(AssertUnwindSafe(|| scenario(&site))).is_ok();
        println!("{} {name}", if passed { "ok    " } else { "FAILED" });
        failed += usize::from(!passed);
    }
    println!("GEP-1619: {} passed, {failed} failed, 0 skipped", scenarios.len() - failed);
    assert_eq!(failed, 0);
    site.envoy.assert_no_vm_failure();
}

fn simple(site: &Site) {
    let mut browser = site.browser("simple");
    let first = browser.get();
    assert!(first.header("set-cookie").is_some());
    for _ in 0..50 {
        assert_eq!(browser.get().upstream(), first.upstream());
    }
}

fn session_lifetime(site: &Site) {
    let set = site.browser("simple").get().header("set-cookie").unwrap().to_ascii_lowercase();
    assert!(!set.contains("expires") && !set.contains("max-age"), "{set}");
}

fn weighted(site: &Site) {
    let mut second = 0;
    for _ in 0..400 {
        let mut browser = site.browser("weighted");
        let first = browser.get().upstream();
        second += u32::from(first.as_ref().unwrap().starts_with("v2"));
        let next = browser.get();
        assert_eq!((next.upstream(), next.header("set-cookie")), (first, None));
    }
    assert!((88..152).contains(&second), "{second} of 400 are not 30 %");
}

fn weight_zero(site: &Site) {
    let mut kept = 0;
    for _ in 0..40 {
        let mut browser = site.browser("weighted");
        let first = browser.get().upstream();
        browser.client = site.envoy.client_of("weight zero");
        assert_eq!(browser.get().upstream(), first);
        kept += u32::from(first.unwrap().starts_with("v2"));
        assert!(site.browser("weight zero").get().upstream().unwrap().starts_with("v1"), "no new ones");
    }
    assert!(kept > 0, "none of 40 was at v2");
}

fn permanent(site: &Site) {
    let mut browser = site.browser("permanent");
    let first = browser.get();
    assert!(
        first.header("set-cookie").unwrap().contains("; Max-Age=300"),
        "{:?}",
        first.header("set-cookie")
    );
    for _ in 0..12 {
        assert_eq!(browser.get().upstream(), first.upstream());
    }
}

fn scoped(site: &Site) {
    let client = site.envoy.client_of("scoped");
    let send =
        |path: &str, cookies: &[String]| client.send(Request::get(path).header("cookie", cookies.join("; ")));
    let pair = |answer: &Response| answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let mut differ = false;
    for _ in 0..6 {
        let a = send("/a", &[]);
        let b = send("/b", &[pair(&a)]);
        differ |= a.upstream() != b.upstream();
        let cookies = [pair(&a), pair(&b)];
        for _ in 0..6 {
            for (path, first) in [("/a", &a), ("/b", &b)] {
                let answer = send(path, &cookies);
                assert_eq!(
                    (answer.upstream(), answer.header("set-cookie")),
                    (first.upstream(), None),
                    "{path}"
                );
            }
        }
    }
    assert!(differ, "six times the same pod for both rules");
}

struct Site {
    #[expect(dead_code, reason = "they serve")]
    upstreams: [Upstream; 6],
    envoy: Envoy,
}

impl Site {
    fn start() -> Self {
        let with = |changes: Value| {
            let mut config = config();
            config.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            Wasm::module("affinity").config(config)
        };
        let weights = |name: &str, v1: u32, v2: u32| {
            let wasm = with(json!({"clusters": ["v1", "v2"], "cluster_header": CLUSTER}));
            let session = |cluster: &str| {
                let header = json!([{"name": CLUSTER, "string_match": {"exact": cluster}}]);
                json!({"match": {"prefix": "/", "headers": header}, "route": {"cluster": cluster}})
            };
            let clusters = json!([{"name": "v1", "weight": v1}, {"name": "v2", "weight": v2}]);
            let split =
                json!({"match": {"prefix": "/"}, "route": {"weighted_clusters": {"clusters": clusters}}});
            let listener = Listener::new(name).filter(wasm).filter(stateful_session());
            listener.route(session("v1")).route(session("v2")).route(split)
        };
        let rule = |path: &str| json!({"name": path, "match": {"prefix": path}, "route": {"cluster": "v1"}});
        let lasting = json!({"absolute_timeout": "5m", "cookie": {"lifetime": "permanent"}});
        let upstreams = ["v1-a", "v1-b", "v1-c", "v2-a", "v2-b", "v2-c"].map(Upstream::start);
        let envoy = Config::new()
            .cluster(Cluster::new("v1", &upstreams[..3]))
            .cluster(Cluster::new("v2", &upstreams[3..]))
            .listener(listener("simple", with(json!({})), "v1"))
            .listener(listener("permanent", with(lasting), "v1"))
            .listener(weights("weighted", 70, 30))
            .listener(weights("weight zero", 100, 0))
            .listener(
                Listener::new("scoped")
                    .filter(with(json!({"scope": "route"})))
                    .filter(stateful_session())
                    .route(rule("/a"))
                    .route(rule("/b")),
            )
            .start();
        Self { upstreams, envoy }
    }

    fn browser(&self, listener: &str) -> Browser {
        Browser { client: self.envoy.client_of(listener), cookie: None }
    }
}
