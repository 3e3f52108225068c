//! Raw HTTP/1.x, as Burp and ZAP show it, and the request in what `curl -v` prints.

use super::{MAX_HEADERS, Parts, Request, is_token};
use sdk_shim_testing::Message;

pub(super) fn parse(text: &[u8]) -> Result<Request, String> {
    let sent = sent_by_curl(text);
    let text = sent.as_deref().unwrap_or(text);
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let start = text.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let text = text.get(start..).unwrap_or_default();
    if text.is_empty() {
        return Err("found nothing, expected a request: raw HTTP, or a curl command".to_owned());
    }
    let (head, mut body) = split_head(text);
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let (method, target, protocol) = request_line(lines.next().unwrap_or_default())?;
    let mut headers = headers(lines)?;
    let take = |headers: &mut Vec<(String, Vec<u8>)>, wanted: &str| {
        let at = headers.iter().position(|(name, _)| name == wanted)?;
        Some(headers.remove(at).1)
    };
    let mut remarks = Vec::new();
    let (scheme, authority_of_target, target) = split_target(&target);
    let pseudo_authority = take(&mut headers, ":authority");
    let scheme = take(&mut headers, ":scheme").map(|it| String::from_utf8_lossy(&it).into_owned()).or(scheme);
    headers.retain(|(name, _)| !name.starts_with(':'));
    let host = headers.iter().find(|(name, _)| name == "host").map(|(_, value)| value.clone());
    let authority = authority_of_target.or(pseudo_authority).or(host);
    if authority.is_none() {
        remarks.push("the request has no host: Envoy answers it 400 before any filter".to_owned());
    }
    let chunked = headers
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value.to_ascii_lowercase().ends_with(b"chunked"));
    let decoded = if chunked { unchunk(body) } else { None };
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse::<usize>().ok());
    match length {
        _ if decoded.is_some() => {}
        Some(length) if length < body.len() => {
            // Editors end files with a line break.
            if body.get(length..).is_some_and(|rest| !rest.trim_ascii().is_empty()) {
                remarks.push(format!("the body is cut at its content-length, {length} bytes"));
            }
            body = body.get(..length).unwrap_or(body);
        }
        Some(length) if length > body.len() => {
            remarks.push(format!("the content-length is {length}, but the body has {} bytes", body.len()));
        }
        _ => {}
    }
    let body = decoded.unwrap_or_else(|| body.to_vec());
    let parts = Parts {
        method,
        scheme: scheme.unwrap_or_else(|| "http".to_owned()),
        authority: authority.unwrap_or_default(),
        target,
        headers,
        body,
        protocol,
        remarks,
    };
    Ok(parts.build())
}

/// The headers on the lines behind the first.
fn headers<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
    for (number, line) in lines.enumerate() {
        let number = number + 2;
        if let [b' ' | b'\t', ..] = line
            && let Some((_, value)) = headers.last_mut()
        {
            // Obsolete folding (RFC 9112 5.2).
            value.push(b' ');
            value.extend_from_slice(line.trim_ascii());
            continue;
        }
        let colon = line.iter().skip(1).position(|byte| *byte == b':').map(|at| at + 1);
        let (name, value) = colon.and_then(|at| line.split_at_checked(at)).unwrap_or((line, b""));
        // As Burp and browsers show HTTP/2.
        let is_pseudo = name.first() == Some(&b':');
        if value.is_empty() || !is_token(name.get(usize::from(is_pseudo)..).unwrap_or_default()) {
            let found = String::from_utf8_lossy(line.get(..60).unwrap_or(line)).into_owned();
            return Err(format!("line {number}: found {found:?}, expected a header, `name: value`"));
        }
        if headers.len() == MAX_HEADERS {
            return Err(format!("line {number}: found another header, expected at most {MAX_HEADERS}"));
        }
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        headers.push((name, value.get(1..).unwrap_or_default().trim_ascii().to_vec()));
    }
    Ok(headers)
}

/// A response, from `HTTP/1.1 200 OK` on.
pub(super) fn response(text: &[u8]) -> Result<Message, String> {
    let (head, body) = split_head(text);
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let line = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let status =
        line.strip_prefix("HTTP/").and_then(|rest| rest.split_ascii_whitespace().nth(1)?.parse().ok());
    let status: u16 = status.filter(|status| (100..600).contains(status)).ok_or_else(|| {
        format!("line 1: found {}, expected a status line such as `HTTP/1.1 200 OK`", shown(line.as_bytes()))
    })?;
    let mut message = Message::response(status).with_body(body);
    message.headers.extend(headers(lines)?);
    Ok(message)
}

/// What stands behind `> ` in the output of `curl -v`.
fn sent_by_curl(text: &[u8]) -> Option<Vec<u8>> {
    let is_sent = |line: &[u8]| line.starts_with(b"> ") || line.trim_ascii_end() == b">";
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let first = lines.iter().position(|line| is_sent(line))?;
    let is_output = |line: &&[u8]| line.starts_with(b"* ") || is_sent(line) || line.trim_ascii().is_empty();
    // Otherwise it is a body that has such lines.
    lines.iter().take(first).all(is_output).then_some(())?;
    let sent = lines.iter().skip(first).take_while(|line| is_sent(line));
    let sent: Vec<&[u8]> = sent.map(|line| line.strip_prefix(b"> ").unwrap_or_default()).collect();
    Some(sent.join(&b'\n'))
}

fn split_head(text: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if line.trim_ascii().is_empty() {
            let head = text.get(..at).unwrap_or_default();
            let head = head.strip_suffix(b"\n").unwrap_or(head);
            return (head, text.get(at + line.len()..).unwrap_or_default());
        }
        at += line.len();
    }
    (text.strip_suffix(b"\n").unwrap_or(text), b"")
}

fn request_line(line: &[u8]) -> Result<(String, Vec<u8>, String), String> {
    let line = line.trim_ascii_end();
    let wrong = || {
        let expected = "expected a request line such as `GET /path HTTP/1.1`, or a curl command";
        format!("line 1: found {}, {expected}", shown(line))
    };
    let (method, rest) = line
        .split_at_checked(line.iter().position(|byte| *byte == b' ').ok_or_else(wrong)?)
        .ok_or_else(wrong)?;
    let rest = rest.trim_ascii_start();
    let last = rest.iter().rposition(|byte| *byte == b' ');
    let (target, protocol) = match last.and_then(|at| rest.split_at_checked(at)) {
        Some((target, protocol)) if protocol.starts_with(b" HTTP/") => (target, protocol.trim_ascii()),
        _ => (rest, &b"HTTP/1.1"[..]),
    };
    // RFC 9112 3.2; CONNECT has an authority there.
    let (scheme, _, path) = split_target(target);
    let is_target = scheme.is_some() || path.starts_with(b"/") || path == b"*" || method == b"CONNECT";
    if !is_token(method) || !is_target || is_binary(line) {
        return Err(wrong());
    }
    let protocol = match protocol {
        b"HTTP/2.0" => "HTTP/2".to_owned(),
        other => String::from_utf8_lossy(other).into_owned(),
    };
    Ok((String::from_utf8_lossy(method).into_owned(), target.to_vec(), protocol))
}

/// What a line is called in messages.
fn shown(line: &[u8]) -> String {
    match is_binary(line) {
        true => "a binary, and no text".to_owned(),
        false => format!("{:?}", String::from_utf8_lossy(line.get(..60).unwrap_or(line))),
    }
}

fn is_binary(line: &[u8]) -> bool {
    line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t' && *byte != b'\r')
}

/// Scheme, authority and path of a target in absolute form.
pub(crate) fn split_target(target: &[u8]) -> (Option<String>, Option<Vec<u8>>, Vec<u8>) {
    for scheme in ["http", "https"] {
        let prefix = format!("{scheme}://");
        let Some((start, rest)) = target.split_at_checked(prefix.len()) else { continue };
        if start.eq_ignore_ascii_case(prefix.as_bytes()) {
            let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
            let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, b""));
            let mut path: Vec<u8> = path.split(|byte| *byte == b'#').next().unwrap_or_default().to_vec();
            if path.first() != Some(&b'/') {
                path.insert(0, b'/');
            }
            return (Some(scheme.to_owned()), Some(authority.to_vec()), path);
        }
    }
    (None, None, target.to_vec())
}

/// The body behind its chunks; `None` where it is not in chunks: many tools show it without.
fn unchunk(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = text.iter().position(|byte| *byte == b'\n')?;
        let (line, rest) = text.split_at_checked(end + 1)?;
        let size = std::str::from_utf8(line).ok()?.trim().split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        let rest = rest.get(size..)?;
        text = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n"))?;
    }
}
