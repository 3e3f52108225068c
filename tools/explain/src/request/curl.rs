//! The command line of curl, as far as it says what is sent. curl manual, "Options".

use super::raw::split_target;
use super::{Files, Parts, Request, is_token};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Reads a request from curl's arguments, without the name `curl` itself.
///
/// # Errors
/// An option that is unknown or lacks its value, and a missing URL.
pub fn from_arguments(arguments: &[String], files: &Files<'_>) -> Result<Request, String> {
    let mut command = Command::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = |name: &str, inline: Option<&str>| {
            let found = inline.map(str::to_owned).or_else(|| rest.next().cloned());
            found.ok_or_else(|| {
                format!("found {name} at the end of the curl command, expected its value behind it")
            })
        };
        if let Some(name) = argument.strip_prefix("--") {
            let (name, inline) = match name.split_once('=') {
                Some((name, inline)) => (name, Some(inline)),
                None => (name, None),
            };
            match long(name) {
                Some(Takes::Nothing) => command.set(name, "", files)?,
                Some(Takes::Value) => {
                    let value = value(&format!("--{name}"), inline)?;
                    command.set(name, &value, files)?;
                }
                None => return Err(format!("found --{name}, expected an option of curl that is known here")),
            }
        } else if let Some(letters) = argument.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            for (at, letter) in letters.char_indices() {
                let name = short(letter).ok_or_else(|| {
                    format!("found -{letter}, expected an option of curl that is known here")
                })?;
                if long(name) == Some(Takes::Value) {
                    let inline = letters.get(at + letter.len_utf8()..).filter(|inline| !inline.is_empty());
                    let value = value(&format!("-{letter}"), inline)?;
                    command.set(name, &value, files)?;
                    break;
                }
                command.set(name, "", files)?;
            }
        } else {
            command.set("url", argument, files)?;
        }
    }
    command.build()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Value,
}

/// Options that say nothing about the request take their value and are passed over.
fn long(name: &str) -> Option<Takes> {
    const VALUES: [&str; 36] = [
        "request",
        "header",
        "data",
        "data-raw",
        "data-ascii",
        "data-binary",
        "data-urlencode",
        "json",
        "cookie",
        "user",
        "user-agent",
        "referer",
        "form",
        "form-string",
        "url",
        "request-target",
        "oauth2-bearer",
        "output",
        "max-time",
        "connect-timeout",
        "resolve",
        "connect-to",
        "cacert",
        "cert",
        "key",
        "proxy",
        "write-out",
        "retry",
        "interface",
        "dump-header",
        "cookie-jar",
        "max-redirs",
        "tls-max",
        "ciphers",
        "retry-delay",
        "limit-rate",
    ];
    const FLAGS: [&str; 27] = [
        "get",
        "head",
        "compressed",
        "insecure",
        "silent",
        "show-error",
        "verbose",
        "include",
        "location",
        "fail",
        "http1.0",
        "http1.1",
        "http2",
        "http2-prior-knowledge",
        "http3",
        "path-as-is",
        "globoff",
        "no-progress-meter",
        "ipv4",
        "ipv6",
        "tlsv1.2",
        "tlsv1.3",
        "no-buffer",
        "progress-bar",
        "remote-name",
        "fail-with-body",
        "raw",
    ];
    if VALUES.contains(&name) { Some(Takes::Value) } else { FLAGS.contains(&name).then_some(Takes::Nothing) }
}

fn short(letter: char) -> Option<&'static str> {
    const LETTERS: [(char, &str); 30] = [
        ('X', "request"),
        ('H', "header"),
        ('d', "data"),
        ('b', "cookie"),
        ('u', "user"),
        ('A', "user-agent"),
        ('e', "referer"),
        ('F', "form"),
        ('G', "get"),
        ('I', "head"),
        ('k', "insecure"),
        ('s', "silent"),
        ('S', "show-error"),
        ('v', "verbose"),
        ('i', "include"),
        ('L', "location"),
        ('f', "fail"),
        ('o', "output"),
        ('m', "max-time"),
        ('x', "proxy"),
        ('w', "write-out"),
        ('c', "cookie-jar"),
        ('D', "dump-header"),
        ('E', "cert"),
        ('g', "globoff"),
        ('N', "no-buffer"),
        ('4', "ipv4"),
        ('6', "ipv6"),
        ('#', "progress-bar"),
        ('O', "remote-name"),
    ];
    LETTERS.into_iter().find(|(known, _)| *known == letter).map(|(_, name)| name)
}

#[derive(Default)]
struct Command {
    method: Option<String>,
    url: Option<String>,
    target: Option<String>,
    headers: Vec<(String, Vec<u8>)>,
    /// Headers that curl is told not to send.
    removed: Vec<String>,
    data: Option<Vec<u8>>,
    form: Vec<Vec<u8>>,
    in_query: bool,
    head: bool,
    json: bool,
    as_is: bool,
    protocol: Option<&'static str>,
    remarks: Vec<String>,
}

impl Command {
    fn set(&mut self, name: &str, value: &str, files: &Files<'_>) -> Result<(), String> {
        match name {
            "request" => self.method = Some(value.to_owned()),
            "url" if self.url.is_none() => self.url = Some(value.to_owned()),
            "url" => self.remarks.push(format!("only the first URL is looked at, not {value}")),
            "request-target" => self.target = Some(value.to_owned()),
            "header" => self.header(value)?,
            "user-agent" => self.add("user-agent", value),
            "referer" => self.add("referer", value.split(";auto").next().unwrap_or_default()),
            "cookie" if !value.contains('=') => {
                return Err(format!("found --cookie {value}, the name of a file, expected `name=value`"));
            }
            "cookie" => self.add("cookie", value),
            "user" => self.add("authorization", &format!("Basic {}", STANDARD.encode(value))),
            "oauth2-bearer" => self.add("authorization", &format!("Bearer {value}")),
            "data" | "data-ascii" => {
                let mut bytes = read(value, files)?;
                if value.starts_with('@') {
                    bytes.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
                }
                self.append(&bytes);
            }
            "data-raw" => self.append(value.as_bytes()),
            "data-binary" => self.append(&read(value, files)?),
            "data-urlencode" => self.append(&urlencoded(value, files)?),
            "json" => {
                self.json = true;
                let bytes = read(value, files)?;
                self.data.get_or_insert_default().extend_from_slice(&bytes);
            }
            "form" | "form-string" => self.form.push(part(value, name == "form", files)?),
            "get" => self.in_query = true,
            "head" => self.head = true,
            "path-as-is" => self.as_is = true,
            "compressed" => self.add("accept-encoding", "deflate, gzip, br, zstd"),
            "http1.0" => self.protocol = Some("HTTP/1.0"),
            "http2" | "http2-prior-knowledge" => self.protocol = Some("HTTP/2"),
            "http3" => self.protocol = Some("HTTP/3"),
            _ => {}
        }
        Ok(())
    }

    fn add(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
    }

    fn header(&mut self, text: &str) -> Result<(), String> {
        let (name, value, empty) = match (text.split_once(':'), text.strip_suffix(';')) {
            (Some((name, value)), _) => (name, value.trim(), false),
            // `Name;` is a header without a value.
            (None, Some(name)) => (name, "", true),
            (None, None) => (text, "", false),
        };
        let name = name.trim().to_ascii_lowercase();
        // As browsers copy requests of HTTP/2.
        if name.starts_with(':') || (name.is_empty() && text.starts_with(':')) {
            return Ok(());
        }
        if !is_token(name.as_bytes()) || !text.contains([':', ';']) {
            return Err(format!("found the header {text:?}, expected `name: value`"));
        }
        if value.is_empty() && !empty {
            self.removed.push(name);
        } else {
            self.add(&name, value);
        }
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) {
        match &mut self.data {
            Some(data) => {
                data.push(b'&');
                data.extend_from_slice(bytes);
            }
            None => self.data = Some(bytes.to_vec()),
        }
    }

    fn build(mut self) -> Result<Request, String> {
        let url = self.url.take().ok_or("found no URL, expected one in the curl command")?;
        let url = if url.contains("://") { url } else { format!("http://{url}") };
        let (scheme, authority, target) = split_target(url.as_bytes());
        let (Some(scheme), Some(mut authority)) = (scheme, authority) else {
            return Err(format!("found the URL {url:?}, expected one of http or https"));
        };
        if let Some(at) = authority.iter().rposition(|byte| *byte == b'@') {
            let user: Vec<u8> = authority.drain(..=at).take(at).collect();
            let value = format!("Basic {}", STANDARD.encode(user));
            self.headers.push(("authorization".to_owned(), value.into_bytes()));
        }
        let mut target = self.target.take().map_or(target, String::into_bytes);
        if !self.as_is {
            target = without_dots(&target);
        }
        let mut body = Vec::new();
        let mut content_type = None;
        if !self.form.is_empty() {
            for part in &self.form {
                body.extend_from_slice(format!("--{BOUNDARY}\r\n").as_bytes());
                body.extend_from_slice(part);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
            content_type = Some(format!("multipart/form-data; boundary={BOUNDARY}"));
        } else if let Some(data) = self.data.take() {
            if self.in_query {
                target.push(if target.contains(&b'?') { b'&' } else { b'?' });
                target.extend_from_slice(&data);
            } else {
                body = data;
                let json = "application/json";
                let form = "application/x-www-form-urlencoded";
                content_type = Some(if self.json { json } else { form }.to_owned());
            }
        }
        let sends = content_type.is_some();
        let method = self.method.take().unwrap_or_else(|| {
            if self.head {
                "HEAD"
            } else if sends {
                "POST"
            } else {
                "GET"
            }
            .to_owned()
        });
        let defaults = [
            ("user-agent", Some("curl/8.14.1".to_owned())),
            ("accept", Some(if self.json { "application/json" } else { "*/*" }.to_owned())),
            ("content-type", content_type),
        ];
        for (name, value) in defaults {
            let known = self.removed.iter().chain(self.headers.iter().map(|(name, _)| name));
            if let Some(value) = value.filter(|_| !known.clone().any(|known| known == name)) {
                self.add(name, &value);
            }
        }
        let host = self.headers.iter().find(|(name, _)| name == "host").map(|(_, host)| host.clone());
        let parts = Parts {
            method,
            authority: host.unwrap_or(authority),
            protocol: self.protocol.unwrap_or("HTTP/1.1").to_owned(),
            scheme,
            target,
            headers: self.headers,
            body,
            remarks: self.remarks,
        };
        Ok(parts.build())
    }
}

const BOUNDARY: &str = "------------------------portcullis";

fn read(value: &str, files: &Files<'_>) -> Result<Vec<u8>, String> {
    match value.strip_prefix('@') {
        Some(name) => files(name).map_err(|error| format!("@{name}: {error}")),
        None => Ok(value.as_bytes().to_vec()),
    }
}

/// curl manual, `--data-urlencode`.
fn urlencoded(value: &str, files: &Files<'_>) -> Result<Vec<u8>, String> {
    let (name, content) = match value.find(['=', '@']).and_then(|at| value.split_at_checked(at)) {
        Some((name, rest)) if rest.starts_with('@') => (name, read(rest, files)?),
        Some((name, rest)) => (name, rest.get(1..).unwrap_or_default().as_bytes().to_vec()),
        None => ("", value.as_bytes().to_vec()),
    };
    let mut out = name.as_bytes().to_vec();
    if !name.is_empty() {
        out.push(b'=');
    }
    for byte in content {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    Ok(out)
}

/// A part of a form: `name=value`, `name=@file`, `name=<file`, with `;type=` and `;filename=`.
fn part(value: &str, reads: bool, files: &Files<'_>) -> Result<Vec<u8>, String> {
    let (name, content) =
        value.split_once('=').ok_or_else(|| format!("found the form {value:?}, expected `name=value`"))?;
    let mut pieces = if reads { content.split(';').collect() } else { vec![content] };
    let content = pieces.remove(0);
    let option = |key: &str| pieces.iter().find_map(|piece| piece.trim().strip_prefix(key));
    let (bytes, file) = match content.split_at_checked(1) {
        Some(("@", file)) if reads => (files(file).map_err(|error| format!("@{file}: {error}"))?, Some(file)),
        Some(("<", file)) if reads => (files(file).map_err(|error| format!("<{file}: {error}"))?, None),
        _ => (content.as_bytes().to_vec(), None),
    };
    let base = file.map(|file| file.rsplit('/').next().unwrap_or(file));
    let mut out = format!("Content-Disposition: form-data; name=\"{name}\"");
    if let Some(file) = option("filename=").or(base) {
        out.push_str(&format!("; filename=\"{}\"", file.trim_matches('"')));
    }
    out.push_str("\r\n");
    if let Some(kind) = option("type=").or(file.map(|_| "application/octet-stream")) {
        out.push_str(&format!("Content-Type: {kind}\r\n"));
    }
    out.push_str("\r\n");
    let mut out = out.into_bytes();
    out.extend_from_slice(&bytes);
    Ok(out)
}

/// curl takes `/../` and `/./` out of paths unless it is told `--path-as-is` (RFC 3986 5.2.4).
fn without_dots(target: &[u8]) -> Vec<u8> {
    let end = target.iter().position(|byte| *byte == b'?').unwrap_or(target.len());
    let (path, query) = target.split_at_checked(end).unwrap_or((target, b""));
    let segments: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    if !segments.iter().any(|segment| matches!(*segment, b"." | b"..")) {
        return target.to_vec();
    }
    let mut kept: Vec<&[u8]> = Vec::new();
    for (at, segment) in segments.iter().enumerate() {
        let is_last = at + 1 == segments.len();
        match *segment {
            b"." if is_last => kept.push(b""),
            b"." => {}
            b".." => {
                if kept.len() > 1 {
                    kept.pop();
                }
                if is_last {
                    kept.push(b"");
                }
            }
            other => kept.push(other),
        }
    }
    let mut out = kept.join(&b'/');
    if out.first() != Some(&b'/') {
        out.insert(0, b'/');
    }
    out.extend_from_slice(query);
    out
}
