//! The harness itself, on an Envoy without Wasm: what it says must be true before a filter is judged by it.

use std::borrow::Borrow;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use bytes::Bytes;
use integration::config::native;
use integration::paths;
use integration::prelude::*;
use integration::raw::Failure;
use integration::request::unique_id;
use integration::runtime::poll;

struct Site {
    app: Upstream,
    envoy: Envoy,
}

impl Borrow<Envoy> for Site {
    fn borrow(&self) -> &Envoy {
        &self.envoy
    }
}

static SITE: Shared<Site> = Shared::new(|| {
    let app = Upstream::start("v1-a");
    let listener = Listener::new("main")
        .with_manager("http_protocol_options", json!({"enable_trailers": true}))
        .filter(deny_private())
        .route(json!({"match": {"path": "/direct"}, "direct_response": {"status": 418, "body": {"inline_string": "tea"}}}))
        .route_to("app");
    let cluster = Cluster::new("app", [&app]);
    let envoy = Config::new().cluster(cluster).listener(listener).start();
    Site { app, envoy }
});

fn deny_private() -> Value {
    let rule = json!({
        "permissions": [{"url_path": {"path": {"prefix": "/private"}}}],
        "principals": [{"any": true}],
    });
    native("rbac", "rbac.v3.RBAC", json!({"rules": {"action": "DENY", "policies": {"no-private": rule}}}))
}

#[test]
fn a_request_arrives_as_it_was_sent() {
    let site = SITE.get();
    let request = Request::new("PUT", "/a/b?c=<script>&d=%20")
        .authority("shop.example")
        .header("x-one", "1")
        .header("x-one", "2")
        .header("X-Bytes", b"\xff\xfe\x80")
        .body("hello");
    let answer = site.envoy.send(request);
    assert_eq!((answer.status, answer.upstream().as_deref()), (200, Some("v1-a")));

    let seen = site.app.only(&answer.id);
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("PUT", "/a/b?c=<script>&d=%20"));
    assert_eq!((seen.authority.as_str(), seen.http2), ("shop.example", false));
    assert_eq!(seen.header_values("x-one"), ["1", "2"]);
    assert_eq!(seen.header_bytes("x-bytes"), Some(&b"\xff\xfe\x80"[..]));
    assert_eq!((seen.body.as_slice(), seen.complete), (&b"hello"[..], true));
    assert_eq!(answer.json()["body"], "hello");

    let line = site.envoy.access_log(&answer.id);
    assert_eq!((line.status(), line.details().as_str()), (200, "via_upstream"));
    assert_eq!((line.cluster().as_deref(), line.flags().as_str()), (Some("app"), ""));
    assert_eq!(line.field("path").as_deref(), Some("/a/b?c=<script>&d=%20"));
}

#[test]
fn http2_from_end_to_end_with_trailers() {
    let site = SITE.get();
    let id = unique_id();
    let chunk = |text: &'static str| (Duration::from_millis(5), Bytes::from(text));
    let body = Body::Chunked(vec![chunk("one "), chunk("two")], vec![("x-sum".to_owned(), b"7".to_vec())]);
    site.app.answer_id(&id, Reply::new(201).chunk(Duration::ZERO, "three").trailer("x-end", "yes"));
    let request = Request::post("/h2", body).header("x-bytes", b"\xff").authority("shop.example").id(&id);
    let answer = site.envoy.client().http2().send(request);
    assert_eq!((answer.status, answer.text().as_str()), (201, "three"));
    assert_eq!(answer.trailers, [("x-end".to_owned(), b"yes".to_vec())]);

    let seen = site.app.only(&id);
    assert!(seen.http2);
    assert_eq!((seen.body.as_slice(), seen.authority.as_str()), (&b"one two"[..], "shop.example"));
    assert_eq!(seen.header_bytes("x-bytes"), Some(&b"\xff"[..]));
    assert_eq!(seen.trailers, [("x-sum".to_owned(), b"7".to_vec())]);
    assert_eq!(site.envoy.access_log(&id).field("protocol").as_deref(), Some("HTTP/2"));
}

#[test]
fn a_large_body_passes_in_every_form() {
    let site = SITE.get();
    let body: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
    for client in [site.envoy.client(), site.envoy.client().http2()] {
        for form in [Body::from(body.as_slice()), Body::chunks(&body, 9973)] {
            let answer = client.send(Request::post("/", form));
            assert_eq!(answer.status, 200);
            assert!(site.app.only(&answer.id).body == body, "the body arrived changed");
        }
    }
}

#[test]
fn the_access_log_says_who_answered() {
    let site = SITE.get();
    let cases = [
        ("/direct", 418, "direct_response"),
        ("/private/x", 403, "rbac_access_denied_matched_policy[no-private]"),
        ("/", 200, "via_upstream"),
    ];
    for (path, status, details) in cases {
        let answer = site.envoy.send(Request::get(path));
        let line = site.envoy.access_log(&answer.id);
        assert_eq!(
            (answer.status, line.status(), line.details().as_str()),
            (status, status, details),
            "{path}"
        );
        if status != 200 {
            site.app.assert_untouched(&answer.id);
            assert_eq!(answer.upstream(), None);
        }
    }
}

#[test]
fn upstreams_answer_as_told() {
    let site = SITE.get();
    let tell = |reply: Reply| {
        let id = unique_id();
        site.app.answer_id(&id, reply);
        (site.envoy.client().try_send(Request::get("/").id(&id)), site.envoy.access_log(&id))
    };
    let (answer, _) = tell(
        Reply::new(503).header("x-raw", b"\xc3\x28").header("set-cookie", "a=1").header("set-cookie", "b=2"),
    );
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.header_bytes("x-raw")), (503, Some(&b"\xc3\x28"[..])));
    assert_eq!(answer.header_values("set-cookie"), ["a=1", "b=2"]);

    let (answer, _) = tell(Reply::new(200).chunk(Duration::ZERO, "a").chunk(Duration::from_millis(20), "b"));
    let answer = answer.unwrap();
    assert_eq!((answer.text().as_str(), answer.header("content-length")), ("ab", None));

    let start = Instant::now();
    assert_eq!(tell(Reply::new(204).delay(Duration::from_millis(300))).0.unwrap().status, 204);
    assert!(start.elapsed() >= Duration::from_millis(300));

    let (answer, line) = tell(Reply::new(200).close_before_headers());
    assert_eq!((answer.unwrap().status, line.flags().as_str()), (503, "UC"));

    let (answer, line) = tell(Reply::new(200).chunk(Duration::ZERO, "half").close_half_way());
    assert!(matches!(answer, Err(Failure::Closed(_))), "{answer:?}");
    assert_eq!((line.status(), line.flags().as_str()), (200, "UPE"));
}

#[test]
fn an_upstream_can_go_and_come_back() {
    let app = Upstream::start("app");
    let direct = Client::new(app.address());
    assert_eq!(direct.send(Request::get("/")).status, 200);
    app.stop();
    assert!(matches!(direct.try_send(Request::get("/")), Err(Failure::Connect(_))));
    app.restart();
    assert_eq!(direct.send(Request::get("/")).status, 200);
    assert_eq!(app.all_seen().len(), 2);
}

#[test]
fn an_upstream_that_has_stopped_has_no_connection_open() {
    let app = Upstream::start("app");
    let mut connections: Vec<std::net::TcpStream> = (0..32)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(app.address()).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
            assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
            stream
        })
        .collect();
    app.stop();
    for stream in &mut connections {
        stream.set_nonblocking(true).unwrap();
        // What is left of the answer, then the end.
        let mut rest = Vec::new();
        let end = stream.read_to_end(&mut rest).map_err(|error| error.kind());
        assert!(!matches!(end, Err(ErrorKind::WouldBlock)), "a connection is open: {end:?}");
    }
}

#[test]
fn a_key_server_can_be_slow_wrong_or_down() {
    let jwks = Jwks::start(&json!({"keys": []}));
    let client = Client::new(jwks.address()).patience(Duration::from_millis(500));
    assert_eq!(client.send(Request::get("/jwks.json")).json(), json!({"keys": []}));
    jwks.slow(&json!({"keys": [1]}), Duration::from_secs(5));
    assert_eq!(client.try_send(Request::get("/")), Err(Failure::Timeout));
    jwks.wrong("<html>");
    assert_eq!(client.send(Request::get("/")).text(), "<html>");
    jwks.down();
    assert!(client.try_send(Request::get("/")).is_err());
    jwks.up();
    jwks.serve(&json!({"keys": [2]}));
    assert_eq!(client.send(Request::get("/")).json(), json!({"keys": [2]}));
    assert_eq!(jwks.fetches(), 4);
}

#[test]
fn mutual_tls_names_the_client() {
    let app = Upstream::start("app");
    let authority = Authority::new();
    let server = authority.server(&["shop.example", "127.0.0.1"]);
    let listener = |name: &str, require| {
        Listener::new(name)
            .tls(authority.downstream(&server, require))
            .with_manager("forward_client_cert_details", "SANITIZE_SET")
            .with_manager("set_current_client_cert_details", json!({"uri": true, "subject": true}))
            .route_to("app")
    };
    let cluster = Cluster::new("app", [&app]);
    let envoy = Config::new()
        .cluster(cluster)
        .listener(listener("strict", true))
        .listener(listener("open", false))
        .start();

    let spiffe = "spiffe://cluster.local/ns/foo/sa/bar";
    let client = authority.client(&[spiffe]);
    let stranger = Authority::new().client(&[spiffe]);
    let tls = |identity| Tls::new(authority.certificate(), "shop.example", identity);
    for base in [envoy.client_of("strict"), envoy.client_of("strict").http2()] {
        let answer = base.clone().tls(tls(Some(&client))).send(Request::get("/"));
        let named = app.only(&answer.id).header("x-forwarded-client-cert").unwrap();
        assert!(named.contains(&format!("URI={spiffe}")), "{named}");
        assert!(named.contains("O=Acme"), "{named}");
        for refused in [None, Some(&stranger)] {
            let answer = base.clone().tls(tls(refused)).try_send(Request::get("/"));
            assert!(answer.is_err(), "{answer:?}");
        }
    }
    assert_eq!(envoy.client_of("open").tls(tls(None)).send(Request::get("/")).status, 200);
    let elsewhere = Tls::new(authority.certificate(), "other.example", None);
    assert!(matches!(
        envoy.client_of("open").tls(elsewhere).try_send(Request::get("/")),
        Err(Failure::Connect(_))
    ));
    assert_eq!(app.all_seen().len(), 3);
}

#[test]
fn raw_connections_send_what_no_library_would() {
    let site = SITE.get();
    let mut connection = site.envoy.client().raw();
    connection.send(b"GET / HTTP/1.1\r\nhost: a\r\nbad header\r\n\r\n");
    assert_eq!(connection.response().unwrap().status, 400);
    assert!(connection.closes_within(Duration::from_secs(5)));

    let mut connection = site.envoy.client().raw();
    let first = connection.send_request(&Request::get("/first"));
    let second = connection.send_request(&Request::post("/second", "body"));
    assert_eq!(connection.response().unwrap().json()["path"], "/first");
    assert_eq!(connection.response().unwrap().json()["body"], "body");
    assert_eq!(
        (site.app.only(&first).path.as_str(), site.app.only(&second).path.as_str()),
        ("/first", "/second")
    );
}

#[test]
fn a_client_that_leaves_is_seen_to_leave() {
    let site = SITE.get();
    let id = unique_id();
    let mut connection = site.envoy.client().raw();
    connection.send(format!(
        "POST /gone HTTP/1.1\r\nhost: a\r\nx-test-id: {id}\r\ncontent-length: 1000\r\n\r\nten bytes."
    ));
    site.app.wait_for(1);
    drop(connection);
    let line = site.envoy.access_log(&id);
    assert_eq!((line.status(), line.flags().as_str()), (0, "DC"));
    let seen = site.app.only(&id);
    assert_eq!((seen.complete, seen.body.len() <= 10), (false, true));
    site.envoy.assert_no_vm_failure();
}

#[test]
fn a_bad_configuration_is_refused_with_its_reason() {
    let config = || Config::new().listener(Listener::new("main").with("no_such_field", 1).route_to("app"));
    let log = Envoy::expect_refused(config());
    assert!(log.contains("no_such_field"), "{log}");
    assert!(Envoy::validate(config()).unwrap_err().log.contains("no_such_field"));
    let app = Upstream::start("app");
    let good =
        Config::new().cluster(Cluster::new("app", [&app])).listener(Listener::new("main").route_to("app"));
    Envoy::validate(good.clone()).unwrap();
    let accepted = catch_unwind(|| Envoy::expect_refused(good));
    assert!(accepted.is_err(), "a good configuration counted as refused");
}

const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

const BOOTSTRAP: &str = "
admin: {address: {socket_address: {address: 0.0.0.0, port_value: 9901}}}
static_resources:
  listeners:
  - name: edge
    address: {socket_address: {address: 0.0.0.0, port_value: 80}}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: edge
          http_filters:
          - name: router
            typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
          route_config:
            virtual_hosts:
            - {name: all, domains: ['*'], routes: [{match: {prefix: /}, route: {cluster: app}}]}
  clusters:
  - name: app
    type: STRICT_DNS
    load_assignment:
      cluster_name: app
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: app-1.example, port_value: 8080}}}
        - endpoint: {address: {socket_address: {address: app-2.example, port_value: 8080}}}
";

#[test]
fn a_bootstrap_file_runs_with_the_addresses_of_the_test() {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("bootstrap.yaml");
    std::fs::write(&file, BOOTSTRAP).unwrap();
    let (one, two) = (Upstream::start("one"), Upstream::start("two"));
    let envoy = Config::from_file(&file).upstreams("app", [&one, &two]).start();
    let answers: Vec<_> = (0..4).map(|_| envoy.send(Request::get("/"))).collect();
    for upstream in [&one, &two] {
        assert!(
            answers.iter().any(|answer| answer.upstream().as_deref() == Some(upstream.name())),
            "{answers:?}"
        );
    }
    assert_eq!(envoy.access_log(&answers[3].id).cluster().as_deref(), Some("app"));

    let message = |config: fn(Config) -> Config| {
        let failed = catch_unwind(|| config(Config::from_file(&file)).start()).unwrap_err();
        *failed.downcast::<String>().unwrap()
    };
    assert!(message(|config| config).contains("\"app\" has been given no upstreams"));
    assert!(message(|config| config.upstreams("app", [NOWHERE])).contains("endpoints of cluster app"));
    assert!(message(|config| config.upstreams("ap", [NOWHERE])).contains("no cluster is named ap"));
}

#[test]
fn many_envoys_find_free_ports() {
    let app = Upstream::start("app");
    let start = || {
        let listener = |name| Listener::new(name).route_to("app");
        let config = Config::new().cluster(Cluster::new("app", [&app]));
        config.listener(listener("one")).listener(listener("two")).concurrency(2).start()
    };
    let envoys: Vec<Envoy> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let address = |envoy: &Envoy| [envoy.address("one"), envoy.address("two"), envoy.admin().address()];
    let mut addresses: Vec<SocketAddr> = envoys.iter().flat_map(address).collect();
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 12);
    for envoy in &envoys {
        for listener in ["one", "two"] {
            assert_eq!(envoy.client_of(listener).send(Request::get("/")).status, 200);
        }
    }
}

#[test]
fn the_admin_interface_counts_and_shows() {
    let site = SITE.get();
    let admin = site.envoy.admin();
    let before = admin.stat("http.main.downstream_rq_total");
    let answers = site.envoy.client().send_all((0..20).map(|_| Request::get("/direct")));
    assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|answer| answer.status == 418)));
    assert!(admin.stat("http.main.downstream_rq_total") >= before + 20);
    assert!(admin.prometheus().contains("envoy_http_downstream_rq_total"));
    assert!(admin.config_dump().to_string().contains("no-private"));
    assert!(admin.allocated_memory() > 1 << 20);
    assert!(site.envoy.resident_memory() > 10 << 20);
}

#[test]
fn a_shared_envoy_is_one_and_comes_back_when_it_has_ended() {
    static OWN: Shared<Envoy> =
        Shared::new(|| Config::new().listener(Listener::new("main").filter(deny_private())).start());
    let first = OWN.get();
    assert_eq!(OWN.get().id(), first.id());
    first.admin().post("/quitquitquit");
    poll(Duration::from_secs(10), || (!first.running()).then_some(())).expect("Envoy quits");
    let second = OWN.get();
    assert!(second.running() && second.id() != first.id(), "the ended Envoy was handed out");
}

#[test]
fn a_failing_test_keeps_its_log() {
    let failing = std::thread::spawn(|| {
        let envoy = Config::new().listener(Listener::new("main")).start();
        std::panic::panic_any(envoy.directory().to_path_buf());
    });
    let directory = failing.join().unwrap_err().downcast::<std::path::PathBuf>().unwrap();
    let log = std::fs::read_to_string(directory.join("envoy.log")).unwrap();
    assert!(log.contains("all dependencies initialized"), "{log}");
    std::fs::remove_dir_all(*directory).unwrap();
}

#[test]
fn what_is_missing_fails_the_test_and_names_the_remedy() {
    let message = *catch_unwind(|| paths::module("no-such")).unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("no-such.wasm: run `make modules`"), "{message}");
}
