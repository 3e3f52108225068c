//! libinjection's own unit files, and what the C library answers to 20,000 inputs.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use portcullis_libinjection::tokens::{
    Context, Dialect, Folded, HtmlKind, HtmlTokens, Kind, Quote, Token, Tokenizer,
};
use portcullis_libinjection::{sqli, xss};
use serde::Deserialize;
use suites::{Known, Outcome};

#[test]
fn unit_files() {
    let Some(directory) = suites::data("libinjection/tests") else { return };
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut outcome = Outcome::default();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy();
        let Some(print) = printer(&name) else {
            println!("skipped: {name}: not a kind of test that libinjection's driver knows");
            outcome.skip(1);
            continue;
        };
        let (input, expected) = parse(&path);
        let found = print(&input);
        let (expected, found) =
            (String::from_utf8_lossy(&expected), String::from_utf8_lossy(trim_end(&found)));
        outcome.add(name, equal(&expected, &found));
    }
    outcome.finish("unit files", &Known::default());
}

#[test]
fn oracle() {
    #[derive(Deserialize)]
    struct Answer {
        input_hex: String,
        sqli: bool,
        fingerprint: String,
        xss: bool,
    }
    let Some(path) = suites::data("libinjection/oracle.jsonl") else { return };
    let mut outcome = Outcome::default();
    for line in fs::read_to_string(path).unwrap().lines() {
        let answer: Answer = serde_json::from_str(line).unwrap();
        let input = unhex(&answer.input_hex);
        let expected = format!("sqli {} {:?} xss {}", answer.sqli, answer.fingerprint, answer.xss);
        let fingerprint = sqli(&input).map(|found| found.to_string());
        let found = format!(
            "sqli {} {:?} xss {}",
            fingerprint.is_some(),
            fingerprint.as_deref().unwrap_or_default(),
            xss(&input)
        );
        outcome.add(input.escape_ascii().to_string(), equal(&expected, &found));
    }
    outcome.finish("oracle", &Known::default());
}

/// The lists, with as many exceptions as libinjection's `test-samples-*.sh` allow it.
#[test]
fn lists() {
    let Some(directory) = suites::data("libinjection/data") else { return };
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut outcome = Outcome::default();
    let kinds: [(&str, Detector, bool, usize); 3] = [
        ("sqli-", |line| sqli(line).is_some(), true, 18),
        ("false_", |line| sqli(line).is_some(), false, 21),
        ("xss", xss, true, 18),
    ];
    for (prefix, is_attack, expected, allowed) in kinds {
        let of_kind = |path: &&PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(prefix);
        let text: Vec<u8> = files.iter().filter(of_kind).flat_map(|path| fs::read(path).unwrap()).collect();
        let lines =
            text.split(|byte| *byte == b'\n').map(trim_end).filter(|line| !matches!(line, [] | [b'#', ..]));
        let (right, wrong): (Vec<_>, Vec<_>) =
            lines.partition(|line| is_attack(&url_decode(line)) == expected);
        let (all, wrong) = (right.len() + wrong.len(), wrong.len());
        let what = format!("{all} lines, {wrong} not as named, {allowed} allowed");
        println!("{prefix}*: {what}");
        match wrong > allowed {
            true => outcome.add(prefix, Err(what)),
            false if right.is_empty() => outcome.skip(1),
            false => outcome.add(prefix, Ok::<_, String>(())),
        }
    }
    outcome.finish("lists", &Known::default());
}

type Detector = fn(&[u8]) -> bool;
type Printer = fn(&[u8]) -> Vec<u8>;

/// What libinjection's `testdriver.c` prints for a kind of test.
fn printer(name: &str) -> Option<Printer> {
    let kinds: [(&str, Printer); 5] = [
        ("test-tokens-", |input| {
            Tokenizer::new(input, Quote::None, Dialect::Ansi).flat_map(|token| line(&token)).collect()
        }),
        ("test-folding-", |input| {
            Folded::new(Tokenizer::new(input, Quote::None, Dialect::Ansi))
                .tokens()
                .flat_map(|token| line(&token))
                .collect()
        }),
        ("test-sqli-", |input| {
            sqli(input).map(|fingerprint| fingerprint.as_ref().to_vec()).unwrap_or_default()
        }),
        ("test-html5-", |input| {
            let tokens = HtmlTokens::new(input, Context::Data);
            tokens.flat_map(|token| [html_line(token.kind, token.text), b"\n".to_vec()].concat()).collect()
        }),
        ("test-xss-", |input| u8::from(xss(input)).to_string().into_bytes()),
    ];
    kinds.into_iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, printer)| printer)
}

fn line(token: &Token<'_>) -> Vec<u8> {
    let mut line = vec![token.kind.letter(), b' '];
    let in_quotes = matches!(token.kind, Kind::String | Kind::Variable);
    line.extend((0..token.sigils).map(|_| b'@'));
    line.extend(token.open.filter(|_| in_quotes).map(u8::from));
    line.extend(token.text.iter().take_while(|byte| **byte != 0));
    line.extend(token.close.filter(|_| in_quotes).map(u8::from));
    line.push(b'\n');
    line
}

fn html_line(kind: HtmlKind, text: &[u8]) -> Vec<u8> {
    let kind = match kind {
        HtmlKind::DataText => "DATA_TEXT",
        HtmlKind::TagNameOpen => "TAG_NAME_OPEN",
        HtmlKind::TagNameClose => "TAG_NAME_CLOSE",
        HtmlKind::TagNameSelfClose => "TAG_NAME_SELFCLOSE",
        HtmlKind::TagClose => "TAG_CLOSE",
        HtmlKind::AttributeName => "ATTR_NAME",
        HtmlKind::AttributeValue => "ATTR_VALUE",
        HtmlKind::TagComment => "TAG_COMMENT",
        HtmlKind::Doctype => "DOCTYPE",
    };
    [format!("{kind},{},", text.len()).as_bytes(), text].concat()
}

/// The input and the expectation of a unit file, without trailing white space.
fn parse(path: &Path) -> (Vec<u8>, Vec<u8>) {
    let (mut section, mut sections) = (0, [Vec::new(), Vec::new(), Vec::new(), Vec::new()]);
    for line in fs::read(path).unwrap().split_inclusive(|byte| *byte == b'\n') {
        match (section, line) {
            (0, b"--TEST--\n") | (1, b"--INPUT--\n") | (2, b"--EXPECTED--\n") => section += 1,
            _ => sections[section].extend_from_slice(line),
        }
    }
    assert_eq!(section, 3, "{}: not a test", path.display());
    let [_, _, input, expected] = sections;
    (trim_end(&input).to_vec(), trim_end(&expected).to_vec())
}

fn trim_end(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| !b" \n\t\r".contains(byte)).map_or(0, |last| last + 1);
    &text[..end]
}

fn unhex(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// `%41` and `+`, as the lists have them.
fn url_decode(line: &[u8]) -> Vec<u8> {
    let (mut decoded, mut rest) = (Vec::new(), line);
    while let [first, after @ ..] = rest {
        let byte = after.get(..2).filter(|_| *first == b'%').and_then(|pair| std::str::from_utf8(pair).ok());
        match byte.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                rest = &after[2..];
            }
            None => {
                decoded.push(if *first == b'+' { b' ' } else { *first });
                rest = after;
            }
        }
    }
    decoded
}

fn equal(expected: &str, found: &str) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("expected:\n{expected}\nfound:\n{found}")) }
}
