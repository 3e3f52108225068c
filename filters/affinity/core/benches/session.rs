//! What opening and sealing a cookie costs: `cargo bench -p portcullis-affinity-core`.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use portcullis_affinity_core::{Affinity, Client, Config, Endpoint, Outcome, Session};
use std::hint::black_box;
use std::time::{Duration, Instant};

fn main() {
    let config = br#"{"keys": ["0123456789abcdef0123456789abcdef"], "audience": "shop"}"#;
    let config: Config = sdk_shim_config::parse(config).unwrap();
    let affinity = Affinity::new(config, &|_| None).unwrap();
    let now = Duration::from_secs(1_800_000_000);
    let endpoint = Endpoint::parse(b"10.1.2.3:8080").unwrap();
    let Outcome::New(pin) = affinity.answered(&Session::Absent, endpoint, now) else { panic!("not new") };
    let set_cookie = affinity.seal(&pin, [7; 24], now, &Client { https: true, ..Client::default() }).unwrap();
    let cookie =
        [b"theme=dark; consent=1; ", set_cookie.split(|byte| *byte == b';').next().unwrap()].concat();
    let forged = [cookie.get(..cookie.len() - 1).unwrap(), b"-"].concat();
    let crowded = "portcullis_affinity=x; ".repeat(2600).into_bytes();

    measure("open, valid", || matches!(affinity.open([black_box(&cookie[..])], now), Session::Pinned(_)));
    measure("open, tampered", || {
        matches!(affinity.open([black_box(&forged[..])], now), Session::Rejected(_))
    });
    measure("open, absent", || {
        affinity.open([black_box(&b"theme=dark; consent=1"[..])], now) == Session::Absent
    });
    measure("open, 60 KB of our name", || {
        matches!(affinity.open([black_box(&crowded[..])], now), Session::Rejected(_))
    });
    measure("for_upstream", || affinity.for_upstream(black_box(&cookie)).is_some());
    measure("for_upstream, 60 KB of our name", || affinity.for_upstream(black_box(&crowded)).is_some());
    measure("header_value", || !black_box(endpoint).header_value().is_empty());
    measure("seal", || {
        affinity.seal(black_box(&pin), [7; 24], now, &Client { https: true, ..Client::default() }).is_some()
    });
}

/// The best of five rounds: the machine's other work only ever adds.
fn measure(name: &str, mut run: impl FnMut() -> bool) {
    const RUNS: u32 = 2_000;
    let round = |run: &mut dyn FnMut() -> bool| {
        let start = Instant::now();
        for _ in 0..RUNS {
            assert!(black_box(run()), "{name}");
        }
        start.elapsed() / RUNS
    };
    let best = (0..5).map(|_| round(&mut run)).min().unwrap();
    println!("{name:34} {best:?}");
}
