//! Requests as text, and what a rule set says of them.

use std::time::Duration;

use portcullis_engine::{Connection, Intervention, Options, Scratch, Waf};

/// A request, written as HTTP/1.1 writes it. Nothing is refused: what is missing is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Vec<u8>,
    /// The target: path and query.
    pub target: Vec<u8>,
    /// The version, `HTTP/1.1`.
    pub version: Vec<u8>,
    /// Names and values.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The body; not chunked.
    pub body: Vec<u8>,
}

impl Request {
    /// Reads a request line, header lines, an empty line, and a body. Lines end in LF or CRLF.
    pub fn parse(text: &[u8]) -> Self {
        let mut rest = text;
        let mut line = || {
            let end = rest.iter().position(|byte| *byte == b'\n');
            let (line, after) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
            rest = after;
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            line.strip_suffix(b"\r").unwrap_or(line)
        };
        let mut words = line().splitn(3, |byte| *byte == b' ').map(<[u8]>::to_vec);
        let mut word = || words.next().unwrap_or_default();
        let mut request = Self { method: word(), target: word(), version: word(), ..Self::default() };
        loop {
            let line = line();
            if line.is_empty() {
                break;
            }
            let mut halves = line.splitn(2, |byte| *byte == b':');
            let mut half = || halves.next().unwrap_or_default().trim_ascii().to_vec();
            request.headers.push((half(), half()));
        }
        request.body = rest.to_vec();
        request
    }

    /// The text that [`Request::parse`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = [self.method.as_slice(), &self.target, &self.version].join(&b' ');
        for (name, value) in &self.headers {
            text.extend_from_slice(b"\r\n");
            text.extend_from_slice(name);
            text.extend_from_slice(b": ");
            text.extend_from_slice(value);
        }
        text.extend_from_slice(b"\r\n\r\n");
        text.extend_from_slice(&self.body);
        text
    }

    /// The value of a header; the name in any case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let mut found = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes()));
        found.next().map(|(_, value)| value.as_slice())
    }
}

/// All that a transaction said, to compare with another's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What stopped it, in each of phases 1 to 4.
    pub interventions: Vec<Option<Intervention>>,
    /// What each matching rule logged: its id, and its details as text.
    pub matches: Vec<(u64, String)>,
    /// Matching rules that are not among `matches`.
    pub dropped: usize,
    /// Variables that the rules count in.
    pub scores: Vec<Option<Vec<u8>>>,
}

/// Options under which two transactions of the same request say the same.
pub fn options(prefilter: bool) -> Options {
    Options { prefilter, clock: || Duration::from_secs(1_800_000_000), ..Options::default() }
}

/// Runs all five phases, whether or not one stops the request; the response has the request's body. The memory stays between
/// calls, as it does in the filter.
pub fn inspect(waf: &Waf, request: &Request, memory: &mut Option<Scratch>) -> Verdict {
    let mut tx = waf.transaction_in(memory.take().unwrap_or_default());
    tx.connection(Connection {
        client_address: b"192.0.2.7",
        client_port: 50_123,
        server_address: b"192.0.2.80",
        server_port: 443,
    });
    tx.unique_id(b"5c4a3e0e-6e0f-4f5e-9d26-3b0f6f1f0b11");
    tx.request_line(&request.method, &request.target, &request.version);
    for (name, value) in &request.headers {
        tx.request_header(name, value);
    }
    let mut verdict = Verdict::default();
    verdict.interventions.push(tx.process_request_headers());
    verdict.interventions.push(tx.process_request_body(&request.body));
    tx.response_status(200, b"HTTP/1.1");
    tx.response_header(b"content-type", b"text/html; charset=utf-8");
    verdict.interventions.push(tx.process_response_headers());
    verdict.interventions.push(tx.process_response_body(&request.body));
    tx.process_logging();
    for matched in tx.matches() {
        let mut details = matched.details.clone();
        matched.write_details(b"\"", &mut details);
        for part in [&matched.message, &matched.data, &matched.variable, &matched.value] {
            details.push(b'\n');
            details.extend_from_slice(part);
        }
        verdict.matches.push((matched.id, details.escape_ascii().to_string()));
    }
    verdict.dropped = tx.matches_dropped();
    for name in ["blocking_inbound_anomaly_score", "blocking_outbound_anomaly_score", "score", "0", "1"] {
        verdict.scores.push(tx.tx_variable(name.as_bytes()).map(<[u8]>::to_vec));
    }
    *memory = Some(tx.finish());
    verdict
}
