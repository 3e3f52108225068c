//! `--to istio` and `--to envoy-gateway`: resources that fit their definitions, with configurations that the modules take and that
//! do what the annotations promised.

use super::*;
use crate::deployment::manifests::{assert_envoy_takes, plugins, secret};
use integration::manifest::Schemas;
use integration::paths;

/// Kinds without a definition at hand.
const OTHERS: [&str; 7] = [
    "VirtualService",
    "ServiceEntry",
    "HTTPRoute",
    "HTTPRouteFilter",
    "BackendTrafficPolicy",
    "EnvoyPatchPolicy",
    "Backend",
];

fn fits(documents: &[Value], definitions: &str) {
    let Some(definitions) = paths::data(definitions) else { return };
    let schemas = Schemas::read([definitions]).unwrap();
    let known = documents.iter().filter(|document| !OTHERS.contains(&document["kind"].as_str().unwrap()));
    let wrong: Vec<_> = known.flat_map(|document| schemas.check(document)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn of_kind<'a>(documents: &'a [Value], kind: &str) -> Vec<&'a Value> {
    documents.iter().filter(|document| document["kind"] == kind).collect()
}

#[test]
fn the_resources_for_istio_do_what_the_annotations_promised() {
    let migration = migrated(&shop(), Target::Istio);
    assert!(migration.report.is_complete(), "{}", migration.report);
    let documents = file(&migration, "istio.yaml");
    fits(&documents, "crds/istio.yaml");
    let plugins: Vec<_> = documents.iter().flat_map(|document| plugins("istio.yaml", document)).collect();
    assert_envoy_takes(&plugins);
    // As istiod would put them on one listener; every request meets all of them.
    let [app, login] = ["app", "login"].map(Upstream::start);
    login.answer_with(|asked| Reply::new(if asked.header("cookie").is_some() { 202 } else { 401 }));
    let mut listener = Listener::new("main");
    for (index, plugin) in plugins.iter().enumerate() {
        let mut filter = Wasm::module(&plugin.module)
            .named(&format!("{}-{index}", plugin.module))
            .config(plugin.config.clone());
        for name in &plugin.environment {
            filter = filter.env(name, secret(name));
        }
        if plugin.module == "waf" {
            filter = filter.with("allow_on_headers_stop_iteration", true);
        }
        listener = listener.filter(filter);
    }
    let listener = listener.with_manager("normalize_path", true).route_to("app");
    let envoy = Config::new()
        .cluster(Cluster::new("app", [&app]))
        .cluster(Cluster::new("outbound|4180||login.auth.svc.cluster.local", [&login]))
        .listener(listener)
        .start();
    let attack = "?q=1%27%20OR%20%271%27=%271%27%20UNION%20SELECT%20password%20FROM%20users--";
    let password = "Basic YWRtaW46b2ZmaWNl";
    let cases = [
        ("/", "shop.example.com", "", 200),
        (attack, "shop.example.com", "", 403),
        (attack, "other.example.com", "", 200),
        ("/admin", "shop.example.com", "", 401),
        ("/admin", "shop.example.com:8080", "", 401),
        ("/admin", "SHOP.example.com", "", 401),
        ("/admin/x", "shop.example.com", password, 200),
        ("/admin", "other.example.com", "", 200),
        ("/administrator", "shop.example.com", "", 200),
        // A password of the application's own, where the Ingress asks for none.
        ("/", "shop.example.com", "Basic bm9ib2R5Ong=", 200),
        ("/internal", "shop.example.com", "", 403),
        ("/internal/x", "shop.example.com", "", 200),
        ("/either", "shop.example.com", "", 401),
        ("/either", "shop.example.com", password, 200),
        ("/account", "shop.example.com", "", 302),
        ("/account/x", "shop.example.com", "", 302),
        ("/accounts", "shop.example.com", "", 200),
    ];
    for (path, host, authorization, expected) in cases {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/search{path}") };
        let mut request =
            Request::get(&path).authority(host).header("user-agent", "test").header("accept", "*/*");
        if !authorization.is_empty() {
            request = request.header("authorization", authorization);
        }
        assert_eq!(envoy.send(request).status, expected, "{host}{path} {authorization}");
    }
    let decided = |request: Request| {
        let request =
            request.authority("shop.example.com").header("user-agent", "test").header("accept", "*/*");
        let id = envoy.send(request).id;
        app.only(&id).header("x-portcullis-release")
    };
    assert_eq!(decided(Request::get("/").header("x-canary", "always")).as_deref(), Some("shop-web-next-80"));
    let forged =
        Request::get("/").header("x-canary", "never").header("x-portcullis-release", "shop-web-next-80");
    assert_eq!(decided(forged).as_deref(), Some("stable"));
    envoy.assert_no_vm_failure();
}

#[test]
fn routes_for_istio_follow_the_decisions() {
    let documents = file(&migrated(&shop(), Target::Istio), "istio.yaml");
    let services = of_kind(&documents, "VirtualService");
    let shop =
        services.iter().find(|service| service["spec"]["hosts"] == json!(["shop.example.com"])).unwrap();
    let to = |route: &Value| route["route"][0]["destination"]["host"].clone();
    let routes = shop["spec"]["http"].as_array().unwrap();
    let root: Vec<_> = routes.iter().filter(|route| route["match"][0]["uri"]["prefix"] == "/").collect();
    let (stable, next) = ("web.shop.svc.cluster.local", "web-next.shop.svc.cluster.local");
    assert_eq!(
        root.iter().map(|route| to(route)).collect::<Vec<_>>(),
        [stable, next, next, stable],
        "{root:#?}"
    );
    assert_eq!(root[2]["match"][0]["headers"]["x-portcullis-release"]["exact"], "shop-web-next-80");
    // The longest first, and exact ones before all.
    assert_eq!(routes[0]["match"][0]["uri"]["exact"], "/internal");
    let api = services.iter().find(|service| service["spec"]["hosts"][0] == "api.example.com").unwrap();
    assert_eq!(api["spec"]["http"][0]["rewrite"]["uriRegexRewrite"]["rewrite"], "/\\2");
    assert_eq!(of_kind(&documents, "DestinationRule").len(), 1, "upstream-hash-by");
}

#[test]
fn the_resources_for_envoy_gateway_fit_and_are_taken() {
    let migration = migrated(&shop(), Target::EnvoyGateway);
    let lost: Vec<_> = migration
        .report
        .findings
        .iter()
        .filter(|finding| finding.outcome == portcullis_migrate::Outcome::NotCarried)
        .collect();
    assert_eq!(
        lost.iter().map(|finding| finding.name.as_str()).collect::<Vec<_>>(),
        ["affinity-mode"],
        "{lost:?}"
    );
    let documents = file(&migration, "envoy-gateway.yaml");
    fits(&documents, "crds/envoy-gateway.yaml");
    let plugins: Vec<_> =
        documents.iter().flat_map(|document| plugins("envoy-gateway.yaml", document)).collect();
    assert_envoy_takes(&plugins);
    // Each policy is that of a route that is there.
    let routes = of_kind(&documents, "HTTPRoute");
    for policy in of_kind(&documents, "EnvoyExtensionPolicy") {
        let target = &policy["spec"]["targetRefs"][0]["name"];
        let route = routes.iter().find(|route| route["metadata"]["name"] == *target).unwrap();
        assert_eq!(route["metadata"]["namespace"], policy["metadata"]["namespace"]);
    }
    let web = routes.iter().find(|route| route["metadata"]["name"] == "shop-web").unwrap();
    let rules = web["spec"]["rules"].as_array().unwrap();
    assert_eq!(
        rules[0]["matches"][0]["headers"][0],
        json!({"name": "x-portcullis-release", "value": "shop-web-next-80"})
    );
    assert_eq!(rules[1]["backendRefs"], json!([{"name": "web", "port": 80}]));
    let admin = of_kind(&documents, "EnvoyExtensionPolicy")
        .into_iter()
        .find(|policy| policy["metadata"]["name"] == "shop-admin")
        .unwrap();
    assert_eq!(admin["spec"]["wasm"].as_array().unwrap().len(), 1, "{admin}");
}
