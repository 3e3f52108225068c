//! A matched rule as ModSecurity v3 writes it into the web server's error log, so that tools that read its log read ours.

use portcullis_engine::{MatchedRule, write_escaped};
use sdk_shim::Headers;

/// The line of a rule. What comes from the request can't forge a field or a line: outside the quotes that belong to the form,
/// a quote, a backslash and what is not printable ASCII are written `\xhh`, as ModSecurity v3 does
/// (`utils::string::toHexIfNeeded`).
pub(crate) fn of(rule: &MatchedRule, blocks: bool, request: &Headers) -> String {
    let denied = rule.disruptive && blocks;
    let mut text = if denied { b"Access denied. ".to_vec() } else { b"Warning. ".to_vec() };
    let (form, details) = match rule.details.strip_prefix(MATCHED) {
        Some(details) => (MATCHED, details),
        None => (&b""[..], rule.details.as_slice()),
    };
    text.extend_from_slice(form);
    // The value in it is escaped already, but for quotes.
    write_escaped(details, b"\"", &mut text);
    rule.write_details(QUOTE_AND_BACKSLASH, &mut text);
    let header = |name: &str| request.get(name).unwrap_or_default();
    let path = header(":path").split(|byte| *byte == b'?').next().unwrap_or_default();
    let path = path.get(..LONGEST_URI).unwrap_or(path);
    for (name, value) in
        [("hostname", header(":authority")), ("uri", path), ("unique_id", header("x-request-id"))]
    {
        text.extend_from_slice(format!(" [{name} \"").as_bytes());
        write_escaped(value, QUOTE_AND_BACKSLASH, &mut text);
        text.extend_from_slice(b"\"]");
    }
    text.extend_from_slice(b" [ref \"");
    text.extend_from_slice(&rule.reference);
    text.extend_from_slice(b"\"]");
    String::from_utf8_lossy(&text).into_owned()
}

/// What came of a transaction in which rules matched, in one line of `name=value`. If it was stopped: with this status, by this
/// rule or limit, in this phase.
pub(crate) fn decision(
    stopped: Option<(u16, &str, &str)>,
    score: Option<&[u8]>,
    rules: &str,
    request: &Headers,
) -> String {
    let mut line = match stopped {
        None => "decision=detected".to_owned(),
        Some((status, why, phase)) => format!("decision=deny status={status} cause={why} phase={phase}"),
    };
    if let Some(score) = score {
        line.push_str(&format!(" score={}", String::from_utf8_lossy(score)));
    }
    line.push_str(&format!(" rules={rules}"));
    let names =
        [("method", ":method"), ("host", ":authority"), ("path", ":path"), ("request_id", "x-request-id")];
    for (name, header) in names {
        let value = request.get(header).unwrap_or_default();
        let mut text = Vec::new();
        write_escaped(value.get(..LONGEST_URI).unwrap_or(value), QUOTE_AND_BACKSLASH, &mut text);
        line.push_str(&format!(" {name}=\"{}\"", String::from_utf8_lossy(&text)));
    }
    line
}

/// How the sentence about a match begins, with a quote that nothing closes.
const MATCHED: &[u8] = b"Matched \"";

const QUOTE_AND_BACKSLASH: &[u8] = b"\"\\";

/// Bytes of the path, which is written without its query.
const LONGEST_URI: usize = 512;
