//! `--to envoy`.

use super::*;
use std::collections::BTreeSet;

struct Shop {
    envoy: Envoy,
    web: [Upstream; 2],
    next: Upstream,
    admin: Upstream,
    login: Upstream,
}

impl Shop {
    fn start() -> Self {
        let migration = migrated(&shop(), Target::Envoy);
        assert!(migration.report.is_complete(), "{}", migration.report);
        let bootstrap = file(&migration, "envoy.yaml").remove(0);
        let (web, next) = ([Upstream::start("web-1"), Upstream::start("web-2")], Upstream::start("next"));
        let (admin, login) = (Upstream::start("admin"), Upstream::start("login"));
        let mut config = Config::from_bootstrap(bootstrap)
            // What the DNS of a headless Service answers.
            .edit(|bootstrap| {
                let clusters = bootstrap["static_resources"]["clusters"].as_array_mut().unwrap();
                let web = clusters.iter_mut().find(|cluster| cluster["name"] == "shop-web-80").unwrap();
                let endpoints =
                    web["load_assignment"]["endpoints"][0]["lb_endpoints"].as_array_mut().unwrap();
                endpoints.push(endpoints[0].clone());
            })
            .upstreams("shop-web-80", &web)
            .upstreams("shop-web-next-80", [&next])
            .upstreams("shop-admin-8080", [&admin])
            .upstreams("auth-login-auth-svc-cluster-local-4180", [&login])
            .env("AFFINITY_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
        let variables = migration.files.iter().find(|file| file.name == "portcullis.env").unwrap();
        for line in variables.content.lines().filter(|line| line.starts_with("HTPASSWD")) {
            let (name, value) = line.split_once('=').unwrap();
            config = config.env(name, value.trim_matches('\''));
        }
        Self { envoy: config.start(), web, next, admin, login }
    }

    fn send(&self, request: Request) -> Response {
        self.envoy
            .send(request.authority("shop.example.com").header("user-agent", "test").header("accept", "*/*"))
    }
}

fn get(path: &str) -> Request {
    Request::get(path)
}

const ADMIN: &str = "Basic YWRtaW46b2ZmaWNl";

#[test]
fn a_shop_with_all_four_features() {
    let shop = Shop::start();
    canary(&shop);
    sessions(&shop);
    rules(&shop);
    passwords(&shop);
    login(&shop);
    ranges(&shop);
    routes(&shop);
    shop.envoy.assert_no_vm_failure();
}

fn canary(shop: &Shop) {
    let at = |request| shop.send(request).upstream().unwrap();
    assert_eq!(at(get("/").header("x-canary", "always")), "next");
    assert!(at(get("/").header("x-canary", "never")).starts_with("web"));
    assert_eq!(at(get("/").header("cookie", "canary=always")), "next");
    assert!(at(get("/").header("x-canary", "never").header("cookie", "canary=always")).starts_with("web"));
    let taken = (0..200).filter(|_| at(get("/")) == "next").count();
    // 20 % of 200, and four standard deviations of 5.7.
    assert!((18..=62).contains(&taken), "{taken}");
    // No client forges the decision, or a session's cluster.
    assert!(
        at(get("/").header("x-canary", "never").header("x-portcullis-cluster", "shop-web-next-80"))
            .starts_with("web")
    );
}

fn sessions(shop: &Shop) {
    let first = shop.send(get("/").header("x-canary", "never"));
    let cookie = first.header("set-cookie").unwrap();
    for part in ["SHOPSESSION=", "Path=/", "Max-Age=172800", "SameSite=Lax", "HttpOnly"] {
        assert!(cookie.contains(part), "{part} is not in {cookie}");
    }
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let home = first.upstream().unwrap();
    for _ in 0..20 {
        let answer = shop.send(get("/x").header("cookie", &cookie));
        assert_eq!(answer.upstream().as_deref(), Some(home.as_str()));
        assert_eq!(answer.header("set-cookie"), None);
    }
    // Sticky, as in ingress-nginx: a session beats the headers of the canary, on either side.
    assert_eq!(
        shop.send(get("/").header("cookie", &cookie).header("x-canary", "always")).upstream(),
        Some(home)
    );
    let tester = shop.send(get("/").header("x-canary", "always"));
    let cookie = tester.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    for _ in 0..20 {
        assert_eq!(shop.send(get("/").header("cookie", &cookie)).upstream().as_deref(), Some("next"));
    }
    // Both endpoints get sessions.
    let homes: BTreeSet<_> =
        (0..20).map(|_| shop.send(get("/").header("x-canary", "never")).upstream().unwrap()).collect();
    assert_eq!(homes.len(), shop.web.len(), "{homes:?}");
    assert!(!shop.next.all_seen().is_empty());
}

fn rules(shop: &Shop) {
    let attack = shop.send(
        get("/search?q=1%27%20OR%20%271%27=%271%27%20UNION%20SELECT%20password%20FROM%20users--").id("sqli"),
    );
    assert_eq!(attack.status, 403);
    let line = shop.envoy.access_log("sqli");
    assert!(line.field("wasm.waf").unwrap_or_default().contains("942100"), "{line:?}");
    assert_eq!(shop.send(get("/search?q=select+a+chair")).status, 200);
    assert_eq!(shop.send(get("/?coupon=stolen")).status, 418);
    let posted = Request::post("/form", "comment=<script>alert(document.cookie)</script>")
        .header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(shop.send(posted).status, 403);
    // The other Ingresses of the host have no rules.
    let elsewhere = get("/admin?coupon=stolen").header("authorization", ADMIN);
    assert_eq!(shop.send(elsewhere).status, 200);
}

fn passwords(shop: &Shop) {
    for path in ["/admin", "/admin/users", "/x/../admin/", "//admin"] {
        let answer = shop.send(get(path).id(&format!("no password {path}")));
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(
            answer.header("www-authenticate").as_deref(),
            Some("Basic realm=\"Back office\", charset=\"UTF-8\"")
        );
        shop.admin.assert_untouched(&format!("no password {path}"));
    }
    assert_eq!(shop.send(get("/admin").header("authorization", "Basic YWRtaW46d3Jvbmc=")).status, 401);
    let right = shop.send(get("/admin").header("authorization", ADMIN).id("right"));
    assert_eq!((right.status, right.upstream().as_deref()), (200, Some("admin")));
    assert_eq!(shop.admin.only("right").header("authorization").as_deref(), Some(ADMIN), "as from nginx");
    // /administrator is the shop's.
    assert_ne!(shop.send(get("/administrator")).upstream().as_deref(), Some("admin"));
}

fn login(shop: &Shop) {
    shop.login.answer_with(|asked| match asked.header("cookie").as_deref() {
        // As oauth2-proxy does.
        Some("_oauth2=ada") => {
            Reply::new(202).header("x-auth-request-user", "ada").header("set-cookie", "_oauth2=fresh")
        }
        Some("_oauth2=eve") => Reply::new(403),
        Some("_oauth2=broken") => Reply::new(500),
        _ => Reply::new(401),
    });
    let account = || get("/account/orders?page=2");
    let anonymous = shop.send(account().id("anonymous"));
    assert_eq!(anonymous.status, 302);
    assert_eq!(
        anonymous.header("location").as_deref(),
        Some("https://login.example.com/start?rd=http://shop.example.com%2Faccount%2Forders%3Fpage%3D2")
    );
    shop.admin.assert_untouched("anonymous");
    let known = account().header("cookie", "_oauth2=ada").header("x-auth-request-user", "forged").id("known");
    let known = shop.send(known);
    assert_eq!((known.status, known.header("set-cookie").as_deref()), (200, Some("_oauth2=fresh")));
    assert_eq!(shop.admin.only("known").header_values("x-auth-request-user"), ["ada"]);
    assert_eq!(shop.send(account().header("cookie", "_oauth2=eve")).status, 403);
    assert_eq!(shop.send(account().header("cookie", "_oauth2=broken")).status, 500);
    let asked = shop.login.all_seen();
    let asked = asked.last().unwrap();
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", "/oauth2/auth"));
    assert_eq!(asked.authority, "login.auth.svc.cluster.local");
    assert_eq!(
        asked.header("x-original-url").as_deref(),
        Some("http://shop.example.com/account/orders?page=2")
    );
    assert_eq!(asked.header("x-tenant").as_deref(), Some("shop of shop.example.com"));
}

fn ranges(shop: &Shop) {
    // Tests come from 127.0.0.1, and x-forwarded-for says nothing without a trusted proxy.
    assert_eq!(shop.send(get("/internal")).status, 403);
    assert_eq!(shop.send(get("/internal").header("x-forwarded-for", "10.1.2.3")).status, 403);
    assert_eq!(shop.send(get("/either")).status, 401, "who is not in the range may log in");
    assert_eq!(shop.send(get("/either").header("authorization", ADMIN)).status, 200);
    // Exact.
    assert_eq!(shop.send(get("/internal/x")).status, 200);
}

fn routes(shop: &Shop) {
    let at = |host: &str, path: &str| shop.envoy.send(get(path).authority(host));
    for host in ["api.example.com", "api2.example.com:8443"] {
        let answer = at(host, "/V1/items/7?a=b");
        assert_eq!(answer.json()["path"], "/items/7?a=b", "{host}");
    }
    assert_eq!(at("api.example.com", "/v1").json()["path"], "/");
    assert_eq!(at("api.example.com", "/v2").status, 404);
    assert_eq!(at("other.example.com", "/").status, 404);
}

/// The same from inside and outside of the ranges, behind a proxy that is trusted.
#[test]
fn source_ranges_follow_forwarded_headers_where_the_controller_did() {
    let controller = "\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: ingress-nginx-controller, namespace: ingress-nginx}\n\
                      data: {use-forwarded-headers: \"true\"}\n";
    let migration = migrated(&(shop() + controller), Target::Envoy);
    let app = Upstream::start("app");
    let envoy = Config::from_bootstrap(file(&migration, "envoy.yaml").remove(0))
        .other_upstreams(&app)
        .env("AFFINITY_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
        .env("HTPASSWD_SHOP_ADMINS", USERS)
        .start();
    let send = |path: &str, client: &str| {
        let request = get(path).authority("shop.example.com").header("x-forwarded-for", client);
        envoy.send(request.header("user-agent", "test").header("accept", "*/*")).status
    };
    let cases = [
        ("/internal", "10.1.2.3", 200),
        ("/internal", "192.168.1.1", 200),
        ("/internal", "192.168.1.2", 403),
        ("/internal", "10.1.2.3, 198.51.100.7", 403),
        ("/either", "10.1.2.3", 200),
        ("/either", "198.51.100.7", 401),
        ("/", "198.51.100.7", 200),
        ("/", "203.0.113.9", 403),
    ];
    for (path, client, expected) in cases {
        assert_eq!(send(path, client), expected, "{path} from {client}");
    }
}
