//! Nanoseconds per input of both detectors: `cargo bench -p portcullis-libinjection`.
//!
//! Ordinary inputs are built in; libinjection's lists and the oracle's inputs are measured where they are present.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may panic")]

use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant};

use portcullis_libinjection::{sqli, xss};

const ORDINARY: [(&str, &str); 14] = [
    ("word", "category"),
    ("number", "1234567"),
    ("uuid", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"),
    ("token", "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9"),
    ("base64", "dGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZw=="),
    ("date", "2024-05-17T09:30:00Z"),
    ("email", "jane.doe@example.com"),
    ("name", "Jane O'Neil"),
    ("sentence", "The quick brown fox jumps over the lazy dog, and then it sleeps until noon."),
    ("path", "/shop/category/42/product-name.html"),
    ("url", "https://www.example.com/search?q=running+shoes&page=2&sort=price"),
    (
        "agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
    ),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    (
        "json",
        r#"{"id": 17, "name": "Jane", "tags": ["a", "b"], "active": true, "address": {"city": "Bern"}}"#,
    ),
];

fn main() {
    println!("{:<40}{:>8}{:>8}{:>10}{:>10}", "", "inputs", "bytes", "sqli ns", "xss ns");
    for (name, input) in ORDINARY {
        report(name, &[input.as_bytes().to_vec()]);
    }
    report("all of these", &ORDINARY.map(|(_, input)| input.as_bytes().to_vec()));
    if let Some(directory) = suites::data("libinjection/data") {
        let mut lists: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        lists.sort();
        for path in lists {
            let list = fs::read(&path).unwrap();
            let lines = list.split(|byte| *byte == b'\n').filter(|line| !matches!(line, [] | [b'#', ..]));
            report(
                &path.file_name().unwrap().to_string_lossy(),
                &lines.map(<[u8]>::to_vec).collect::<Vec<_>>(),
            );
        }
    }
    if let Some(path) = suites::data("libinjection/oracle.jsonl") {
        let answers = fs::read_to_string(path).unwrap();
        let inputs = answers.lines().map(|line| unhex(line.split('"').nth(3).unwrap()));
        report("oracle.jsonl", &inputs.collect::<Vec<_>>());
    }
}

fn report(name: &str, inputs: &[Vec<u8>]) {
    let bytes = inputs.iter().map(Vec::len).sum::<usize>() / inputs.len();
    let sqli = measure(inputs, |input| sqli(input).is_some());
    let xss = measure(inputs, xss);
    println!("{name:<40}{:>8}{bytes:>8}{sqli:>10.1}{xss:>10.1}", inputs.len());
}

/// The best mean time per input of several runs, in nanoseconds.
fn measure(inputs: &[Vec<u8>], detect: impl Fn(&[u8]) -> bool) -> f64 {
    const LEAST: Duration = Duration::from_millis(10);
    let run = |rounds: u32| {
        let start = Instant::now();
        for _ in 0..rounds {
            for input in inputs {
                black_box(detect(black_box(input)));
            }
        }
        start.elapsed()
    };
    let mut rounds = 1;
    while run(rounds) < LEAST {
        rounds *= 2;
    }
    let best = (0..5).map(|_| run(rounds)).min().unwrap();
    best.as_nanos() as f64 / f64::from(rounds) / inputs.len() as f64
}

fn unhex(hex: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
