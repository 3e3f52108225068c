//! Compiles every pattern and phrase list of the CRS and checks on a corpus that what an operator requires of its
//! input holds for every input that it matches: what a prefilter rules out must never match.

// Helpers of tests may panic as tests do; clippy exempts only the test functions themselves.
#![allow(clippy::expect_used, clippy::panic)]

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use portcullis_engine::operators::{Operator, Resources};
use portcullis_engine::transformations::{Transformation, UnicodeMap};

/// How many inputs the test looks at, spread over the corpus; `PORTCULLIS_FULL=1` takes all.
const SAMPLE: usize = 300;

#[test]
fn requirements_hold_for_every_match() {
    let Some(rules) = suites::data("crs/rules") else { return };
    let operators = operators(&rules);
    assert!(operators.len() > 250, "only {} operators were found", operators.len());
    let corpus = corpus();
    let step =
        if std::env::var_os("PORTCULLIS_FULL").is_some() { 1 } else { corpus.len().div_ceil(SAMPLE).max(1) };
    let mut matches = 0;
    for input in corpus.iter().step_by(step) {
        for (text, operator) in &operators {
            if operator.evaluate(input, None) {
                matches += 1;
                let requirement = operator.requirement();
                assert!(
                    requirement.is_satisfied_by(input),
                    "{text}\nmatches {}\nbut requires {requirement:?}",
                    input.escape_ascii()
                );
            }
        }
    }
    assert!(matches > 100, "only {matches} matches");
    let literal = |length| {
        move |(_, operator): &&(String, Operator)| {
            operator.requirement().literals.iter().map(Vec::len).min().unwrap_or(0) >= length
        }
    };
    println!(
        "{} operators, {} with literals, {} of them of two bytes or more; {matches} matches on {} inputs",
        operators.len(),
        operators.iter().filter(literal(1)).count(),
        operators.iter().filter(literal(2)).count(),
        corpus.len().div_ceil(step),
    );
}

/// The `@rx`, `@pm` and `@pmFromFile` operators of the rules, each once.
fn operators(rules: &Path) -> Vec<(String, Operator)> {
    let mut found = BTreeSet::new();
    for file in files(rules, "conf") {
        let text = std::fs::read_to_string(file).expect("a rule file");
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            for start in ["\"@rx ", "\"!@rx ", "\"@pm ", "\"!@pm ", "\"@pmFromFile ", "\"!@pmFromFile "] {
                if let Some((_, rest)) = line.split_once(start) {
                    let name = start.trim_matches(['"', '!', '@', ' ']);
                    found.insert((name, argument(rest)));
                }
            }
        }
    }
    let compile = |(name, argument): (&str, String)| {
        let text = format!("@{name} {argument}");
        match Operator::compile(name, argument.as_bytes(), &Files(rules)) {
            Ok(operator) => (text, operator),
            Err(error) => panic!("{text}: {error}"),
        }
    };
    found.into_iter().map(compile).collect()
}

/// Up to the closing quote, with `\"` read as a quote.
fn argument(rest: &str) -> String {
    let mut argument = String::new();
    let mut characters = rest.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('\\', Some('"')) => argument.extend(characters.next()),
            // Any other escape is the pattern's own; the backslash that it escapes is none itself.
            ('\\', Some(_)) => {
                argument.push(character);
                argument.extend(characters.next());
            }
            ('"', _) => break,
            _ => argument.push(character),
        }
    }
    argument
}

/// Attacks, harmless texts that look like attacks, and the lines of the CRS tests, raw and decoded.
fn corpus() -> Vec<Vec<u8>> {
    let mut inputs = BTreeSet::new();
    let decode = Transformation::UrlDecodeUni(UnicodeMap::UsAscii);
    let mut add = |line: &[u8]| {
        let line = line.trim_ascii();
        let mut decoded = Vec::new();
        if decode.apply(line, &mut decoded) {
            inputs.insert(decoded);
        }
        inputs.insert(line.to_vec());
    };
    for folder in ["libinjection/data", "crs-tests", "secrules-language-tests/operators"] {
        for file in suites::data(folder).map(|folder| files(&folder, "")).into_iter().flatten() {
            let content = std::fs::read(file).expect("a corpus file");
            content.split(|&byte| byte == b'\n').filter(|line| line.len() < 2000).for_each(&mut add);
        }
    }
    inputs.into_iter().collect()
}

/// The files below a folder whose names end so; none if there is no such folder.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.expect("a folder entry").path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.to_string_lossy().ends_with(extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

struct Files<'a>(&'a Path);

impl Resources for Files<'_> {
    fn read(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        std::fs::read(self.0.join(name)).ok().map(Cow::Owned)
    }
}
