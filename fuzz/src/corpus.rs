//! Inputs to start from, made of the data that other people wrote (`PORTCULLIS_DATA`). They are never kept in the
//! repository.

use std::fs;
use std::path::{Path, PathBuf};

use crate::request::Request;
use serde::Deserialize;
use suites::{data, ftw, root};

/// The files below a folder of the data, in order; none where it is absent.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    if let Some(folder) = data(folder) {
        collect(&folder, &mut files);
    }
    files.sort();
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

/// Directives of the CRS, a few at a time, and ModSecurity's test rules.
pub(crate) fn seclang() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let sources =
        [files("crs"), files("crs-tests"), vec![root().join("filters/waf/wasm/rules/recommended.conf")]];
    for file in sources.concat() {
        if file.extension().is_some_and(|extension| extension == "conf" || extension == "example") {
            let text = fs::read(&file).unwrap();
            seeds.extend(text.split(|byte| *byte == b'\n').fold(Vec::<Vec<u8>>::new(), |mut parts, line| {
                match parts.last_mut() {
                    Some(part) if !(line.is_empty() && part.len() > 200) => {
                        part.extend_from_slice(line);
                        part.push(b'\n');
                    }
                    _ => parts.push(line.to_vec()),
                }
                parts
            }));
        }
    }
    for file in files("modsecurity-regression") {
        let Ok(tests) = serde_json::from_slice::<Vec<serde_json::Value>>(&fs::read(&file).unwrap()) else {
            continue;
        };
        for test in tests {
            let rules = test.get("rules").and_then(|rules| rules.as_array()).cloned().unwrap_or_default();
            let lines: Vec<&str> = rules.iter().filter_map(|rule| rule.as_str()).collect();
            seeds.push(lines.join("\n").into_bytes());
        }
    }
    seeds
}

/// The inputs of the language tests and of the CRS's requests, one for each transformation in turn.
pub(crate) fn transformations() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for file in files("secrules-language-tests") {
        let Ok(tests) = serde_json::from_slice::<Vec<serde_json::Value>>(&fs::read(&file).unwrap()) else {
            continue;
        };
        seeds.extend(tests.iter().filter_map(|test| Some(test.get("input")?.as_str()?.as_bytes().to_vec())));
    }
    for request in requests_of() {
        seeds.push(request.target);
        seeds.push(request.body);
    }
    number(seeds)
}

/// Bodies of the CRS's tests, for the processor of their kind.
pub(crate) fn bodies() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = BODIES.iter().map(|body| body.to_vec()).collect();
    for request in requests_of() {
        let kind = String::from_utf8_lossy(request.header("content-type").unwrap_or_default()).into_owned();
        let (kind, head): (u8, &[u8]) = match kind.as_str() {
            kind if kind.contains("json") => (2, b""),
            kind if kind.contains("xml") => (3, b""),
            kind if kind.starts_with("multipart") => {
                let length = (kind.len() - kind.find(';').map_or(kind.len(), |at| at + 1)).min(63) as u8;
                let parameter = kind.split_once(';').map_or("", |(_, parameter)| parameter);
                let parameter = parameter.as_bytes().get(..usize::from(length)).unwrap_or_default();
                seeds.push([&[1, 255, 128 | length], parameter, &request.body].concat());
                continue;
            }
            _ => (0, b""),
        };
        if !request.body.is_empty() {
            seeds.push([&[kind, 255], head, &request.body].concat());
        }
    }
    seeds
}

/// Choices for a few rules, then a request of the CRS's tests.
pub(crate) fn transactions() -> Vec<Vec<u8>> {
    let mut seeds = number(requests_of().map(|request| request.to_bytes()).collect());
    // Any numbers will do as choices, as long as they differ.
    for (index, seed) in seeds.iter_mut().enumerate() {
        let choices =
            (0..24_usize).map(|at| (index.wrapping_mul(2_654_435_761).rotate_left(at as u32) >> 7) as u8);
        seed.splice(0..0, choices);
    }
    seeds
}

/// Attacks in each of the shapes that a request can have.
pub fn expensive() -> Vec<Vec<u8>> {
    let attacks = attacks();
    let chosen = attacks.iter().step_by((attacks.len() / 1000).max(1));
    chosen.enumerate().map(|(index, attack)| [&[index as u8, 0, 0], attack.as_slice()].concat()).collect()
}

/// The requests of the CRS's tests and of the attack lists.
pub(crate) fn requests() -> Vec<Vec<u8>> {
    let attacks = attacks().into_iter().map(|attack| Request {
        method: b"GET".to_vec(),
        target: [b"/?a=".to_vec(), percent_encode(&attack)].concat(),
        version: b"HTTP/1.1".to_vec(),
        headers: vec![(b"Host".to_vec(), b"a".to_vec())],
        body: Vec::new(),
    });
    requests_of().chain(attacks).map(|request| request.to_bytes()).collect()
}

/// What the oracle was asked, and the attack lists.
pub(crate) fn libinjection() -> Vec<Vec<u8>> {
    #[derive(Deserialize)]
    struct Answer {
        input_hex: String,
    }
    let oracle =
        data("libinjection/oracle.jsonl").map_or_else(String::new, |path| fs::read_to_string(path).unwrap());
    let inputs = oracle.lines().map(|line| {
        let answer: Answer = serde_json::from_str(line).unwrap();
        let pairs = answer.input_hex.as_bytes().chunks(2);
        pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    });
    inputs.chain(attacks()).collect()
}

/// Lines of libinjection's lists.
pub fn attacks() -> Vec<Vec<u8>> {
    let mut attacks = Vec::new();
    for file in files("libinjection/data") {
        let text = fs::read(&file).unwrap();
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && line[0] != b'#');
        attacks.extend(lines.map(<[u8]>::to_vec));
    }
    attacks
}

/// The requests of the CRS's tests (go-ftw YAML).
pub fn requests_of() -> impl Iterator<Item = Request> {
    let tests = data("crs-tests").map(|folder| ftw::load(&folder)).unwrap_or_default();
    let stages = tests.into_iter().flat_map(|test| test.stages);
    stages.map(|stage| Request::parse(&stage.input.request()))
}

/// All but letters and digits as `%hh`.
pub fn percent_encode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in text {
        if byte.is_ascii_alphanumeric() {
            out.push(*byte);
        } else {
            out.extend(format!("%{byte:02X}").bytes());
        }
    }
    out
}

/// The blocks of JSON in the documentation, and in the Envoy configurations to start from, for each filter.
pub(crate) fn configurations() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let mut files = Vec::new();
    collect(&root().join("docs"), &mut files);
    collect(&root().join("filters"), &mut files);
    files.push(root().join("README.md"));
    for file in files {
        if !file.extension().is_some_and(|end| end == "md" || end == "toml") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let starts = ["```json\n", "config = \"\"\"", "config = '''", "configuration = '''"];
        for (start, end) in starts.iter().zip(["```", "\"\"\"", "'''", "'''"]) {
            for block in text.split(start).skip(1).filter_map(|rest| rest.split(end).next()) {
                seeds.extend((0..3).map(|filter| [&[filter], block.as_bytes()].concat()));
            }
        }
    }
    seeds
}

/// Cookies, paths and addresses.
pub(crate) fn http() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for file in files("http-state") {
        for line in fs::read_to_string(&file).unwrap_or_default().lines() {
            if let Some((_, value)) = line.split_once(": ") {
                seeds.push(value.as_bytes().to_vec());
            }
        }
    }
    for text in ["10.0.0.0/8", "::ffff:192.0.2.1/120", "[2001:db8::1]:443", "/a?b=c&d#e", "a=b; c=\"d\";;=e"]
    {
        seeds.push(text.as_bytes().to_vec());
    }
    number(seeds)
}

/// Tokens and key sets.
pub(crate) fn tokens() -> Vec<Vec<u8>> {
    let mut seeds =
        vec![b"\x00{\"alg\":\"HS256\",\"kid\":\"a\"}\0{\"iss\":\"me\",\"aud\":[\"a\"],\"exp\":1}".to_vec()];
    for file in [files("derived"), files("istio/tests/common/jwt"), files("rfc7520-jose-cookbook")].concat() {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        for word in text.split(['"', ' ', '\n']).filter(|word| word.starts_with("eyJ")) {
            seeds.push([b"\x01", word.as_bytes()].concat());
        }
        seeds.push([b"\x02", text.as_bytes()].concat());
    }
    seeds
}

/// Templates and paths.
pub(crate) fn paths() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for file in ["derived/envoy-uri-template.json", "derived/istio-path-normalization.json"] {
        let Some(file) = data(file) else { continue };
        let text = fs::read_to_string(file).unwrap();
        let texts: Vec<&str> = text.split('"').filter(|text| text.starts_with('/')).collect();
        seeds.extend(texts.windows(2).map(|pair| pair.join("\n").into_bytes()));
    }
    number(seeds)
}

/// Requests with what releases are chosen by.
pub(crate) fn releases() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = RELEASES.iter().map(|text| text.as_bytes().to_vec()).collect();
    seeds.extend(http());
    number(seeds)
}

/// Puts 0, 1, 2… before the seeds, whatever that chooses.
fn number(seeds: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let numbered = seeds.into_iter().enumerate();
    numbered.map(|(index, seed)| [&[(index % 256) as u8], seed.as_slice()].concat()).collect()
}

const RELEASES: &[&str] = &[
    "cookie: canary=always; user=alice; pins=v2.v3\n:path: /shop?beta=1",
    "x-canary: always\nbaggage: release=v2;p=1,a=b\ntracestate: a=b\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "x-user: 7\naccept-language: de-DE,de;q=0.8\nuser-agent: Mozilla/5.0\nx-forwarded-for: 192.0.2.1, 10.0.0.1",
];

const BODIES: &[&[u8]] = &[
    b"\x00\xffa=1&b=%41+%zz&&c",
    b"\x02\xff{\"a\":[1,-2.5e3,{\"b\":\"\\u00e9\\ud83d\\ude00\",\"\":null}],\"c\":true}",
    b"\x03\xff<?xml version='1.0'?><!DOCTYPE a [<!ENTITY e 'x'>]><a b='1&lt;' xmlns:p='urn:a'>t&e;<![CDATA[<x>]]><p:c/></a>",
    b"\x01\xff\x00--0\r\nContent-Disposition: form-data; name=\"a\"; filename*=utf-8''b%20c\r\nX: y\r\n z\r\n\r\nd\r\n--0--\r\n",
];
