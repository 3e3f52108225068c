//! What a decision costs, by the number of policies: `cargo bench -p portcullis-authz-core`.

#![allow(missing_docs, clippy::unwrap_used)]

use portcullis_authz_core::{Attributes, Authz, Config, Outcome, PeerAddress};
use sdk_shim_http::Headers;
use std::hint::black_box;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

struct Client;

impl Attributes for Client {
    fn peer_address(&mut self) -> PeerAddress {
        PeerAddress::Ip([10, 1, 2, 3].into())
    }

    fn remote_address(&mut self) -> Option<IpAddr> {
        Some([10, 1, 2, 3].into())
    }

    fn local_address(&mut self) -> Option<SocketAddr> {
        None
    }

    fn principal(&mut self) -> Option<Vec<u8>> {
        Some(b"spiffe://cluster.local/ns/shop/sa/web".to_vec())
    }

    fn server_name(&mut self) -> Option<Vec<u8>> {
        None
    }

    fn now(&mut self) -> u64 {
        1_750_000_000
    }
}

fn main() {
    for count in [1, 50, 1000] {
        let authz = authz(count);
        let allowed = request(&format!("/service-{}/items/17?page=2", count - 1), "GET");
        let denied = request("/service-0/internal/17", "GET");
        let unknown = request("/elsewhere", "GET");
        measure(&format!("{count} policies of 20 rules, allowed"), || {
            matches!(authz.check(black_box(&allowed), &mut Client).outcome, Outcome::Allow(Some(_)))
        });
        measure(&format!("{count} policies of 20 rules, denied"), || {
            matches!(authz.check(black_box(&denied), &mut Client).outcome, Outcome::DenyPolicy(_))
        });
        measure(&format!("{count} policies of 20 rules, no match"), || {
            authz.check(black_box(&unknown), &mut Client).outcome == Outcome::DenyNoMatch
        });
    }
    let keys: Vec<String> = (0..1000)
        .map(|key| format!(r#"{{"consumer": "c{key}", "hash": "saltsalt:{key:064x}"}}"#))
        .chain([r#"{"consumer": "web", "secret": "key-of-web"}"#.to_owned()])
        .collect();
    let authz = load(&format!(r#"{{"api_keys": {{"keys": [{}]}}}}"#, keys.join(", ")));
    let mut headers = request("/", "GET");
    headers.push(b"x-api-key", b"key-of-web");
    measure("1001 keys with two salts, known", || {
        authz.check(black_box(&headers), &mut Client).consumer == Some("web")
    });
    let decision = authz.check(&headers, &mut Client);
    measure("its edits", || authz.edits(black_box(&headers), &decision).len() == 2);
}

/// Policies as services have them: each allows its own paths to some identities, and denies its internal ones.
fn authz(count: usize) -> Authz {
    let policies: Vec<String> = (0..count)
        .map(|policy| {
            let rules: Vec<String> = (0..20)
                .map(|rule| {
                    let prefix = if rule == 0 { "items".to_owned() } else { format!("r{rule}") };
                    format!(
                        r#"{{"from": [{{"source": {{"namespaces": ["shop"], "notIpBlocks": ["192.0.2.0/24"]}}}}],
                            "to": [{{"operation": {{"methods": ["GET", "POST"], "paths": ["/service-{policy}/{prefix}/*"]}}}}]}}"#
                    )
                })
                .collect();
            format!(
                r#"{{"name": "allow-{policy}", "spec": {{"rules": [{}]}}}},
                   {{"name": "deny-{policy}", "spec": {{"action": "DENY", "rules": [
                       {{"to": [{{"operation": {{"paths": ["/service-{policy}/internal*"]}}}}]}}]}}}}"#,
                rules.join(", ")
            )
        })
        .collect();
    load(&format!(r#"{{"policies": [{}]}}"#, policies.join(", ")))
}

fn load(json: &str) -> Authz {
    let start = Instant::now();
    let config: Config = sdk_shim_config::parse(json.as_bytes()).unwrap();
    let authz = Authz::new(&config, &|_| None).unwrap();
    println!("{:42} {:?}", format!("loading {} KB", json.len() / 1024), start.elapsed());
    authz
}

fn request(path: &str, method: &str) -> Headers {
    let mut headers: Headers =
        [(":method", method), (":path", path), (":authority", "shop.example"), (":scheme", "https")]
            .into_iter()
            .collect();
    for name in
        ["user-agent", "accept", "accept-language", "accept-encoding", "referer", "cookie", "x-request-id"]
    {
        headers.push(name.as_bytes(), b"a value of some length that nobody looks at");
    }
    headers
}

/// The best of five rounds: the machine's other work only ever adds.
fn measure(name: &str, mut run: impl FnMut() -> bool) {
    const RUNS: u32 = 10_000;
    let round = |run: &mut dyn FnMut() -> bool| {
        let start = Instant::now();
        for _ in 0..RUNS {
            assert!(black_box(run()), "{name}");
        }
        start.elapsed() / RUNS
    };
    let best = (0..5).map(|_| round(&mut run)).min().unwrap();
    println!("{name:42} {best:?}");
}
