//! The inputs that a WAF is attacked with itself: nothing panics, the variables that tell of errors are set and the rules of
//! the recommended configuration act on them, and memory is bounded. `--nocapture` prints what each takes. Alone in its
//! binary, since it counts memory for the whole process.

#![allow(unsafe_code, clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use portcullis_engine::{Connection, Document, Intervention, Options, Scratch, Waf};
use portcullis_fuzz::crs;
use portcullis_fuzz::request::Request;
use portcullis_seclang::loader::NoFiles;

/// Bytes that are allocated, and the most that were at a time.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: hands everything through to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(now, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What is to become of a request under the recommended configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It goes on.
    Passes,
    /// This rule stops it.
    Rule(u64),
    /// `SecRequestBodyLimit` stops it.
    TooLarge,
}

const JSON: &str = "application/json";
const XML: &str = "text/xml";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=0";
/// The limit of bodies that the filter's recommended configuration has.
const BODY_LIMIT: usize = 131_072;
/// How much memory one transaction may take beside the request itself. The scan of the values takes most.
const MEMORY: usize = 64 << 20;

fn cases() -> Vec<(&'static str, Request, Fate)> {
    const MALFORMED: u64 = 200_002;
    const NOT_STRICT: u64 = 200_003;
    const TOO_MANY: u64 = 200_007;
    let part = |name: &str, text: &str| {
        format!("--0\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
    let arguments: Vec<String> = (0..20_000).map(|index| format!("{index:x}=")).collect();
    let query: Vec<String> = (0..100_000).map(|index| format!("{index:x}=1")).collect();
    let mut cases = vec![
        ("JSON nested 10,000 deep", body(JSON, deep("[", "]")), Fate::Rule(MALFORMED)),
        ("JSON objects nested 10,000 deep", body(JSON, deep("{\"a\":", "}")), Fate::Rule(MALFORMED)),
        ("JSON that never ends", body(JSON, "[".repeat(100_000)), Fate::Rule(MALFORMED)),
        ("JSON with 50,000 values", body(JSON, format!("[{}1]", "1,".repeat(50_000))), Fate::Rule(MALFORMED)),
        (
            "JSON with 1,000 values under a key of 100 KB",
            body(JSON, format!("{{\"{}\":[{}1]}}", "k".repeat(100_000), "1,".repeat(900))),
            Fate::Rule(MALFORMED),
        ),
        ("XML nested 10,000 deep", body(XML, deep("<a>", "</a>")), Fate::Rule(MALFORMED)),
        ("XML that never ends", body(XML, "<a>".repeat(40_000)), Fate::Rule(MALFORMED)),
        ("XML with a billion laughs", body(XML, laughs()), Fate::Rule(MALFORMED)),
        ("a form of 20,000 arguments", body(FORM, arguments.join("&")), Fate::Rule(MALFORMED)),
        ("a query of 100,000 arguments", get(format!("/?{}", query.join("&"))), Fate::Rule(TOO_MANY)),
        ("multipart without its boundary", body(MULTIPART, "nothing".repeat(10_000)), Fate::Rule(MALFORMED)),
        ("multipart that does not end", body(MULTIPART, part("a", "b")), Fate::Rule(MALFORMED)),
        (
            "multipart that goes on after its end",
            body(MULTIPART, format!("{}--0--\r\nmore", part("a", "b"))),
            Fate::Rule(NOT_STRICT),
        ),
        (
            "multipart with another boundary",
            body(
                MULTIPART,
                part("a", "b").replace("--0", "--1")
                    + "--1--
",
            ),
            Fate::Rule(MALFORMED),
        ),
        (
            "multipart with another boundary after its own",
            body(
                MULTIPART,
                part("a", "b")
                    + "--1
b",
            ),
            Fate::Rule(MALFORMED),
        ),
        (
            "multipart of 1,500 parts",
            body(MULTIPART, format!("{}--0--\r\n", part("a", "").repeat(1_500))),
            Fate::Rule(MALFORMED),
        ),
        ("a body of 100 MB", body(FORM, vec![b'a'; 100 << 20]), Fate::TooLarge),
        ("a header of 60 KB", header("x-long", vec![b'a'; 60 << 10]), Fate::Passes),
        ("a cookie header of 60 KB", header("cookie", b"a=1;".repeat(15 << 10)), Fate::TooLarge),
        ("2,000 headers", many_headers(), Fate::TooLarge),
        ("a target of 60 KB", get(format!("/{}", "a/../".repeat(12 << 10))), Fate::Passes),
    ];
    for (name, byte) in [("invalid UTF-8", 0xff_u8), ("NULs", 0), ("half a character", 0xc3)] {
        let bytes = vec![byte; 4096];
        cases.extend([
            (name, body(FORM, [b"a=", bytes.as_slice(), b"&", &bytes, b"=b"].concat()), Fate::Passes),
            (
                name,
                body(JSON, [b"{\"", bytes.as_slice(), b"\":\"", &bytes, b"\"}"].concat()),
                Fate::Rule(MALFORMED),
            ),
            (name, body(XML, [b"<a>", bytes.as_slice(), b"</a>"].concat()), Fate::Rule(MALFORMED)),
            (name, body("text/plain", bytes.clone()), Fate::Passes),
            (name, everywhere(&bytes), Fate::Passes),
        ]);
    }
    let mut compressed = body(FORM, COMPRESSED);
    compressed.headers.push((b"Content-Encoding".to_vec(), b"gzip".to_vec()));
    cases.push(("a compressed body", compressed, Fate::Passes));
    cases
}

#[test]
fn recommended_configuration() {
    let recommended = std::fs::read(suites::root().join("filters/waf/wasm/rules/recommended.conf")).unwrap();
    let documents = [
        Document { name: "recommended.conf", text: &recommended },
        Document { name: "on.conf", text: b"SecRuleEngine On" },
    ];
    let waf = Waf::compile(&documents, &NoFiles, &Options::default()).unwrap();
    let mut wrong = Vec::new();
    for (name, request, expected) in cases() {
        let (stopped, memory) = measured(name, &waf, &request);
        let fate = match &stopped {
            None => Fate::Passes,
            Some(stopped) => stopped.rule_id().map_or(Fate::TooLarge, Fate::Rule),
        };
        assert!(stopped.is_none_or(|stopped| stopped.status >= 400), "{name}");
        if fate != expected {
            wrong.push(format!("{name}: {fate:?} instead of {expected:?}"));
        }
        assert!(memory <= MEMORY, "{name}: {memory} bytes");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// With the Core Rule Set there is more to do for each value. It stops what is compressed, NULs, and what is malformed.
#[test]
fn core_rule_set() {
    let Some(waf) = crs::load(1, "On", &Options::default()) else {
        return println!("skipped: .tools/crs not present");
    };
    for (name, request, expected) in cases() {
        let (stopped, memory) = measured(name, &waf, &request);
        if expected != Fate::Passes || ["NULs", "a compressed body"].contains(&name) {
            assert!(stopped.is_some(), "{name}");
        }
        assert!(memory <= MEMORY, "{name}: {memory} bytes");
    }
}

/// All phases. What stopped it, and how many bytes were allocated at a time beside the request.
fn measured(name: &str, waf: &Waf, request: &Request) -> (Option<Intervention>, usize) {
    // A second time, because rule sets compile patterns when they are first asked.
    run(waf, request);
    let before = NOW.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let start = Instant::now();
    let stopped = run(waf, request);
    let memory = MOST.load(Ordering::Relaxed).saturating_sub(before);
    println!("{name:48} {:9.2?} {:8} KB  {stopped:?}", start.elapsed(), memory >> 10);
    (stopped, memory)
}

fn run(waf: &Waf, request: &Request) -> Option<Intervention> {
    let mut tx = waf.transaction_in(Scratch::new());
    tx.connection(Connection { client_address: b"192.0.2.7", ..Connection::default() });
    tx.request_line(&request.method, &request.target, &request.version);
    for (name, value) in &request.headers {
        tx.request_header(name, value);
    }
    let stopped = tx.process_request_headers();
    let stopped = stopped.or_else(|| {
        // As the filter does it: no more of a body than the engine asks for.
        let limit = tx.request_body_access().limit;
        tx.process_request_body(request.body.get(..limit + 1).unwrap_or(&request.body))
    });
    tx.response_status(200, b"HTTP/1.1");
    tx.process_response_headers();
    tx.process_response_body(request.body.get(..BODY_LIMIT).unwrap_or(&request.body));
    tx.process_logging();
    stopped
}

fn body(content_type: &str, body: impl Into<Vec<u8>>) -> Request {
    let mut request = header("content-type", content_type);
    request.method = b"POST".to_vec();
    request.body = body.into();
    request.headers.push((b"content-length".to_vec(), request.body.len().to_string().into_bytes()));
    request
}

fn get(target: String) -> Request {
    Request { target: target.into_bytes(), ..header("accept", "*/*") }
}

fn header(name: &str, value: impl Into<Vec<u8>>) -> Request {
    Request {
        method: b"GET".to_vec(),
        target: b"/".to_vec(),
        version: b"HTTP/1.1".to_vec(),
        headers: vec![(b"host".to_vec(), b"a.example".to_vec()), (name.as_bytes().to_vec(), value.into())],
        body: Vec::new(),
    }
}

fn many_headers() -> Request {
    let mut request = header("accept", "*/*");
    request.headers.extend((0..2_000).map(|index| (format!("x-{index}").into_bytes(), b"1".to_vec())));
    request
}

/// Method, target, version, names and values.
fn everywhere(bytes: &[u8]) -> Request {
    let bytes = bytes.to_vec();
    let cookie = [b"a=".as_slice(), &bytes, b"; ", &bytes, b"=b"].concat();
    Request {
        method: bytes.clone(),
        target: [b"/".as_slice(), &bytes, b"?", &bytes, b"=", &bytes].concat(),
        version: bytes.clone(),
        headers: vec![
            (bytes.clone(), bytes.clone()),
            (b"cookie".to_vec(), cookie),
            (b"host".to_vec(), bytes.clone()),
            (b"authorization".to_vec(), [b"Basic ", bytes.as_slice()].concat()),
        ],
        body: Vec::new(),
    }
}

/// Entities that stand for ten of the one before.
fn laughs() -> String {
    let mut text = String::from("<!DOCTYPE a [<!ENTITY e0 \"ha\">");
    for index in 1..10 {
        let ten = format!("&e{};", index - 1).repeat(10);
        text.push_str(&format!("<!ENTITY e{index} \"{ten}\">"));
    }
    text + "]><a>&e9;</a>"
}

/// `a=<script>alert(1)</script>` in gzip's form.
const COMPRESSED: &[u8] = &[
    0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 0x03, 0x4b, 0xb4, 0xb5, 0x29, 0x4e, 0x2e, 0xca, 0x2c, 0x28, 0xb1,
    0x4b, 0xcc, 0x49, 0x2d, 0x2a, 0xd1, 0x30, 0xd4, 0xb4, 0xd1, 0x87, 0x89, 0x01, 0x00,
];
