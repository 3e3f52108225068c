//! Runs the SecRules language tests (operators and transformations) as they are.
//!
//! `secrules-failures.txt` lists the cases that can't pass, each with its reason; a case that is listed and passes is an
//! error too, so the list can only shrink.

// Helpers of tests may panic as tests do; clippy exempts only the test functions themselves.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::string_slice)]

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use portcullis_engine::operators::{Captures, Operator, Resources};
use portcullis_engine::transformations::{Transformation, UnicodeMap};
use serde_json::Value;
use suites::{Known, Outcome};

#[test]
fn secrules_language_tests() {
    let Some(suite) = suites::data("secrules-language-tests") else { return };
    let mut outcome = Outcome::default();
    for folder in ["operators", "transformations"] {
        for file in json_files(&suite.join(folder)) {
            let text = std::fs::read_to_string(&file).expect("readable test file");
            let cases: Vec<Value> = serde_json::from_str(&text).expect("an array of cases");
            for case in &cases {
                // As the suite itself skips what needs a database that it does not bring.
                if case.get("resource").is_some_and(|resource| resource == "geoip") {
                    outcome.skip(1);
                    continue;
                }
                let text =
                    |key: &str| case.get(key).and_then(Value::as_str).unwrap_or_default().escape_default();
                let name = format!("{folder}/{}({}) of \"{}\"", text("name"), text("param"), text("input"));
                // Two spaces end a name in the list.
                let name = name.replace("  ", " \\u{20}");
                outcome.add(name, run(case, &suite).map_err(|reason| format!("{reason}: {case}")));
            }
        }
    }
    let known = Known::parse("secrules-failures.txt", include_str!("secrules-failures.txt"));
    outcome.finish("secrules", &known);
}

fn run(case: &Value, suite: &Path) -> Result<(), String> {
    let text = |key: &str| case.get(key).and_then(Value::as_str).unwrap_or_default();
    let input = unescape(text("input"));
    match text("type") {
        "tfn" => transformation(text("name"), &input, &unescape(text("output"))),
        "op" => operator(case, text("name"), text("param"), &input, suite),
        other => Err(format!("unknown type {other:?}")),
    }
}

fn transformation(name: &str, input: &[u8], expected: &[u8]) -> Result<(), String> {
    let found = Transformation::by_name(name.as_bytes()).ok_or("no such transformation")?;
    // The suite stems from a harness that has no SecUnicodeMapFile.
    let mut out = Vec::new();
    let changed = found.with_unicode_map(UnicodeMap::None).apply(input, &mut out);
    let result = if changed { out.as_slice() } else { input };
    if result != expected {
        return Err(format!("expected {}, got {}", expected.escape_ascii(), result.escape_ascii()));
    }
    if changed != (input != expected) {
        return Err(format!("reported changed = {changed}"));
    }
    Ok(())
}

fn operator(case: &Value, name: &str, argument: &str, input: &[u8], suite: &Path) -> Result<(), String> {
    let operator = Operator::compile(name, argument.as_bytes(), &Files(suite)).map_err(|e| e.to_string())?;
    let mut captures = Captures::default();
    let matched = operator.evaluate(input, Some(&mut captures));
    let expected = case.get("ret").and_then(Value::as_i64) == Some(1);
    if matched != expected {
        return Err(format!("expected {expected}, got {matched}"));
    }
    if matched && !operator.requirement().is_satisfied_by(input) {
        return Err("matches, but its requirement does not hold".to_owned());
    }
    if let Some(groups) = case.get("re_groups").and_then(Value::as_array) {
        let expected: Vec<&[u8]> = groups.iter().filter_map(Value::as_str).map(str::as_bytes).collect();
        let found: Vec<&[u8]> =
            (0..expected.len().max(captures.len())).filter_map(|n| captures.get(n)).collect();
        // The suite's harness looks at the groups that a case lists; cases of @rxGlobal don't list them all.
        let equal = if name == "rxGlobal" { found.starts_with(&expected) } else { found == expected };
        if !equal {
            return Err(format!("expected groups {groups:?}, got {found:?}"));
        }
    }
    Ok(())
}

/// The suite writes bytes that JSON can't hold as `\xHH` or `\uHHHH` in the text itself, and its harness replaces
/// them once the JSON is read: first all `\x`, then all `\u`.
fn unescape(text: &str) -> Vec<u8> {
    let replace = |bytes: &[u8], letter: u8, digits: usize| {
        let mut out = Vec::new();
        let mut rest = bytes;
        while let Some((&first, tail)) = rest.split_first() {
            let code = tail.get(1..=digits).filter(|_| first == b'\\' && tail[0] == letter);
            let code = code.and_then(|code| std::str::from_utf8(code).ok());
            match code.filter(|code| code.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
                // Like sscanf, take the digits up to the first that is none.
                Some(code) => {
                    let end = code.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(code.len());
                    out.push(u32::from_str_radix(&code[..end], 16).unwrap_or(0) as u8);
                    rest = &tail[1 + digits..];
                }
                None => {
                    out.push(first);
                    rest = tail;
                }
            }
        }
        out
    };
    replace(&replace(text.as_bytes(), b'x', 2), b'u', 4)
}

/// The suite's paths start at ModSecurity's test folder.
struct Files<'a>(&'a Path);

impl Resources for Files<'_> {
    fn read(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let inside = name.strip_prefix("test-cases/secrules-language-tests/").unwrap_or(name);
        std::fs::read(self.0.join(inside)).ok().map(Cow::Owned)
    }
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of the suite");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}
