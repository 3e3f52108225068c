use super::*;
use sdk_shim_http::Headers;
use serde_json::json;
use std::collections::BTreeMap;

const VARIABLES: &[(&str, Type)] = &[
    ("request.path", Type::String),
    ("request.headers", Type::Map),
    ("request.time", Type::Timestamp),
    ("request.size", Type::Int),
    ("claims", Type::Map),
    ("absent", Type::Any),
];

struct Request {
    headers: Headers,
    claims: serde_json::Value,
}

impl Default for Request {
    fn default() -> Self {
        let headers = [("x-tenant", "acme"), ("x-list", "a"), ("x-list", "b"), ("x-empty", "")];
        let mut headers: Headers = headers.into_iter().collect();
        headers.push(b"x-raw", b"\xff\xfe");
        let claims = json!({
            "admin": true, "level": 3, "iat": 1700000000, "exp": 1700003600, "ratio": 0.5, "tenant": "acme", "groups": ["staff", "ops"], "nothing": null,
            "address": {"country": "NL", "lines": ["a", "b"]}, "big": 18_446_744_073_709_551_615_u64,
            "roles": [{"name": "reader", "tenant": "acme"}, {"name": "admin", "tenant": "other"}],
        });
        Self { headers, claims }
    }
}

impl<'a> Scope<'a> for &'a Request {
    fn variable(&mut self, place: usize) -> Option<Value<'a>> {
        Some(match VARIABLES[place].0 {
            "request.path" => Value::text(&b"/tenants/acme/items"[..]),
            "request.headers" => Value::Headers(&self.headers),
            // Friday 2026-02-13, 09:30:15 UTC.
            "request.time" => Value::Timestamp(1_770_975_015),
            "request.size" => Value::Int(17),
            "claims" => Value::json(&self.claims),
            _ => return None,
        })
    }
}

fn evaluate(text: &str) -> Result<bool, EvalError> {
    let request = Request::default();
    let expression = Expression::new(text, VARIABLES).unwrap_or_else(|error| panic!("{error} in {text}"));
    expression.evaluate(&mut &request)
}

#[test]
fn values() {
    use EvalError::{Missing, Range, Type};
    let cases: &[(&str, Result<bool, EvalError>)] = &[
        ("true", Ok(true)),
        ("1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && 7 / 2 == 3 && -7 % 3 == -1 && 0x10 == 16u", Ok(true)),
        ("1.5 + 1.5 == 3 && 1 < 1.5 && 2.0 == 2 && 1e3 == 1000", Ok(true)),
        ("1 - 1 - 1 == -1", Ok(true)),
        ("9223372036854775807 + 1 == 0", Err(Range)),
        ("1 / 0 == 0", Err(Range)),
        ("'a' + \"b\" == r'ab' && 'it\\'s \\u00e4' == \"it's \u{e4}\" && r'\\d' == '\\\\d'", Ok(true)),
        ("1 in [1, 2.0] && 2 in [1, 2.0] && !('x' in ['a'])", Ok(true)),
        ("[1, 2][1] == 2 && [1] + [2] == [1, 2] && size([1, 2]) == 2", Ok(true)),
        ("[1][1] == 1", Err(Missing)),
        ("[1][-1] == 1", Err(Missing)),
        ("'abc'.size() == 3 && size('\u{e4}') == 1 && request.headers['x-raw'].size() == 2", Ok(true)),
        ("true ? 1 == 1 : 1 / 0 == 0", Ok(true)),
        ("null == null && claims.nothing == null && claims.tenant != null", Ok(true)),
        // The request.
        (
            "request.path.startsWith('/tenants/') && request.path.endsWith('items') && request.path.contains('/acme/')",
            Ok(true),
        ),
        ("request.path.matches('^/tenants/[a-z]+/items$')", Ok(true)),
        ("matches(request.path, '^/items')", Ok(false)),
        ("request.path.split('/')[2] == claims.tenant", Ok(true)),
        ("request.headers['x-tenant'] == claims.tenant && request.headers['X-Tenant'] == 'acme'", Ok(true)),
        ("request.headers['x-list'] == 'a,b'", Ok(true)),
        (
            "!('x-absent' in request.headers) && 'x-empty' in request.headers && !has(request.headers.absent)",
            Ok(true),
        ),
        ("request.headers['x-absent'] == ''", Err(Missing)),
        ("request.headers['x-raw'].matches('^..$')", Ok(true)),
        (
            "request.headers['x-tenant'].upperAscii() == 'ACME' && ' a '.trim() == 'a' && 'Ab'.lowerAscii() == 'ab'",
            Ok(true),
        ),
        ("request.size > 16 && request.size <= 17", Ok(true)),
        // Claims of all types, nested.
        ("claims.admin && claims.admin == true", Ok(true)),
        ("claims.level >= 3 && claims.level < 3.5 && claims.ratio == 0.5", Ok(true)),
        ("has(claims.exp) && has(claims.iat) && claims.exp - claims.iat <= 3600", Ok(true)),
        ("claims.address.country in ['NL', 'BE'] && claims['address']['lines'][1] == 'b'", Ok(true)),
        ("'ops' in claims.groups && size(claims.groups) == 2 && 'country' in claims.address", Ok(true)),
        ("claims.roles.exists(role, role.name == 'admin' && role.tenant == claims.tenant)", Ok(false)),
        (
            "claims.roles.exists(r, r.name == 'reader') && claims.roles.all(r, has(r.name)) && claims.roles.exists_one(r, r.name == 'admin')",
            Ok(true),
        ),
        ("claims.big > 9223372036854775807", Ok(true)),
        ("has(claims.level) && !has(claims.nope) && has(claims.address.country)", Ok(true)),
        ("claims.nope == 1", Err(Missing)),
        ("has(claims.nope.nope)", Err(Missing)),
        ("claims.level == 'x'", Ok(false)),
        ("claims.level < 'x'", Err(Type)),
        ("claims.tenant", Err(Type)),
        ("claims.level.startsWith('3')", Err(Type)),
        ("absent == 1", Err(Missing)),
        // What decides, decides from either side.
        ("false && claims.nope == 1", Ok(false)),
        ("claims.nope == 1 && false", Ok(false)),
        ("claims.nope == 1 || true", Ok(true)),
        ("claims.nope == 1 || false", Err(Missing)),
        ("[1, 2].exists(x, claims.nope == x || x == 2)", Ok(true)),
        ("[1, 2].all(x, claims.nope == x && x == 1)", Ok(false)),
        ("[].all(x, false) && ![].exists(x, true)", Ok(true)),
        // Times.
        (
            "request.time.getHours() == 9 && request.time.getMinutes() == 30 && request.time.getSeconds() == 15",
            Ok(true),
        ),
        (
            "request.time.getHours('+02:00') == 11 && request.time.getHours('-10:30') == 23 && request.time.getDate('-10:30') == 12",
            Ok(true),
        ),
        (
            "request.time.getDayOfWeek() == 5 && request.time.getMonth() == 1 && request.time.getFullYear('UTC') == 2026",
            Ok(true),
        ),
        ("request.time.getDayOfMonth() == 12 && request.time.getDayOfYear() == 43", Ok(true)),
        (
            "request.time > timestamp('2026-02-13T09:30:00Z') && request.time < timestamp('2026-02-13T11:30:16+02:00')",
            Ok(true),
        ),
        ("request.time - timestamp('2026-02-13T09:00:00Z') == duration('30m15s')", Ok(true)),
        ("request.time + duration('1h') > request.time && duration('90s') == duration('1m30s')", Ok(true)),
        (
            "int('17') == 17 && double('1.5') == 1.5 && string(17) == '17' && int(3.9) == 3 && int(request.time) > 0",
            Ok(true),
        ),
        ("int('x') == 1", Err(Range)),
        ("int(1e300) == 1", Err(Range)),
        ("'a,b'.split(',') == ['a', 'b'] // a comment", Ok(true)),
    ];
    for (text, expected) in cases {
        assert_eq!(evaluate(text), *expected, "{text}");
    }
}

#[test]
fn refused() {
    let deep = format!("{}true{}", "(".repeat(40), ")".repeat(40));
    let long = format!("'{}' == ''", "x".repeat(5000));
    let chain = vec!["true"; 40].join(" && ");
    let costly = "[1].all(a, [1].all(b, [1].all(c, a + b + c == 3)))".to_owned();
    let cases: &[(&str, &str)] = &[
        ("", "at character 1: the end, where a value is expected"),
        ("1 +", "at character 4: the end, where a value is expected"),
        ("true true", "at character 6: `true`, where an operator, or the end is expected"),
        ("(true", "at character 6: the end, where `)` is expected"),
        ("'a", "at character 1: a text without its closing quote"),
        ("'\\d'", "at character 1: an escape that is none: write `\\\\`, or r'…'"),
        ("a # b", "at character 3: `#` has no meaning here"),
        ("99999999999999999999 == 1", "at character 1: 99999999999999999999 is no number of 64 bits"),
        ("1 + 1", "at character 3: a whole number, where a boolean is expected"),
        (
            "request.pth == ''",
            "at character 8: `request.pth` is no variable; there are request.path, request.headers, request.time, request.size, claims, absent",
        ),
        (
            "nope",
            "at character 1: `nope` is no variable; there are request.path, request.headers, request.time, request.size, claims, absent",
        ),
        ("request.path == 1", "at character 8: `==` of a string and a whole number"),
        ("request.path < 1", "at character 8: `<` of a string and a whole number"),
        ("request.path + 1 == ''", "at character 8: `+` of a string and a whole number"),
        ("!request.path", "at character 9: a string, where a boolean is expected"),
        ("request.path.nope == ''", "at character 8: a string, where a map is expected"),
        ("'a' in 'abc'", "at character 1: `in` of a string and a string"),
        (
            "request.path.matches(request.path)",
            "at character 29: the pattern has to be a literal, compiled at load",
        ),
        ("request.path.nope()", "at character 13: there is no `nope` with these arguments"),
        ("size(1) == 1", "at character 6: a whole number, where a string or a list or a map is expected"),
        ("has(claims)", "at character 5: `has` is asked for a field: has(a.b)"),
        (
            "request.time.getHours('Europe/Amsterdam') == 1",
            "at character 13: the zone has to be 'UTC' or an offset such as '+02:00'",
        ),
        (
            "request.time > timestamp('2026-02-30T00:00:00Z')",
            "at character 26: `2026-02-30T00:00:00Z`, where a date as 2025-01-31T12:00:00Z is expected",
        ),
        (
            "duration('1d') > duration('1h')",
            "at character 10: `1d`, where a time as 1h30m or 90s is expected",
        ),
        (&deep, "at character 33: nested deeper than 32"),
        (&long, "at character 1: longer than 4096 bytes"),
        (&chain, "at character 262: more than 32 of `&&` in a row: use brackets"),
        (&costly, "at character 1: it costs 57263, and may cost 2000"),
    ];
    for (text, expected) in cases {
        let error = Expression::new(text, VARIABLES).map(drop).unwrap_err();
        assert_eq!(error.to_string(), *expected, "{text}");
    }
    let pattern = Expression::new("request.path.matches('(')", VARIABLES).map(drop).unwrap_err();
    assert_eq!(pattern.to_string(), "at character 22: the pattern: found open group without closing ')'");
    let large = Expression::new("request.path.matches('(a{50}){50}')", VARIABLES).map(drop).unwrap_err();
    assert!(large.message.contains("size"), "{large}");
}

#[test]
fn evaluation_is_bounded() {
    struct Long(String);
    impl<'a> Scope<'a> for &'a Long {
        fn variable(&mut self, place: usize) -> Option<Value<'a>> {
            (VARIABLES[place].0 == "request.path").then(|| Value::text(self.0.as_bytes()))
        }
    }
    let subject = Long("a".repeat(9000));
    let expression = Expression::new("request.path.matches('a*b')", VARIABLES).unwrap();
    assert_eq!(expression.evaluate(&mut &subject), Err(EvalError::Cost));
    let many = Long("/".repeat(100_000));
    let expression = Expression::new("request.path.split('/').size() > 1", VARIABLES).unwrap();
    assert_eq!(expression.evaluate(&mut &many), Err(EvalError::Cost));
    let items = Long(vec!["x"; 900].join("/"));
    let text = "request.path.split('/').all(x, request.path.split('/').all(y, x == y))";
    let expression = Expression::new(text, VARIABLES).unwrap();
    assert_eq!(expression.evaluate(&mut &items), Err(EvalError::Cost));
}

/// Whatever is written, it compiles or is refused.
#[test]
fn nothing_panics() {
    let words = [
        "claims",
        ".",
        "a",
        "(",
        ")",
        "[",
        "]",
        "1",
        "2.5",
        "'x'",
        "&&",
        "||",
        "!",
        "-",
        "+",
        "==",
        "in",
        "?",
        ":",
        ",",
        "has",
        "exists",
        "matches",
        "request.path",
        "size",
        " ",
        "\u{e4}",
        "\\",
        "\"",
        "0x",
        "1e",
        "//",
    ];
    let mut state = 5_u64;
    let mut next = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % limit
    };
    let mut counts: BTreeMap<bool, u32> = BTreeMap::new();
    let request = Request::default();
    const SEEDS: [&str; 4] = [
        "claims.level >= 3 && request.path.matches('^/a') ? true : 'ops' in claims.groups",
        "claims.roles.exists(r, r.name == 'admin') || request.headers['x-tenant'] == claims.tenant",
        "request.time.getHours('+02:00') < 18 && -1 + 2 * 3 == 5 && [1, 2.5][0] == 1",
        "!has(claims.nope) && int('17') % 2 == 1 && request.path.split('/')[2] == claims.tenant",
    ];
    for _ in 0..20_000 {
        let mut text = SEEDS[next(SEEDS.len())].to_owned();
        for _ in 0..=next(3) {
            let at = next(text.len());
            let end = (at + next(4)).min(text.len());
            if text.is_char_boundary(at) && text.is_char_boundary(end) {
                text.replace_range(at..end, words[next(words.len())]);
            }
        }
        let compiled = Expression::new(&text, VARIABLES);
        if let Ok(expression) = &compiled {
            let _ = expression.evaluate(&mut &request);
        }
        *counts.entry(compiled.is_ok()).or_default() += 1;
    }
    assert!(counts[&true] > 200 && counts[&false] > 1000, "{counts:?}");
}
