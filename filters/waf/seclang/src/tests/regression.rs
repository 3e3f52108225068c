//! ModSecurity v3's own engine tests: their rules parse, except those that it refuses itself.

use std::{collections::BTreeMap, fs, path::Path};

use super::data;
use crate::{
    Loader, ParseOptions,
    lint::{self, Level},
    loader::{FileSystem, LoadError},
    parse, print,
    source::FileId,
};

/// Tests that come out otherwise than ModSecurity says, each with its reason: `file | title | outcome | reason`. One that
/// comes out as ModSecurity says is an error, so that the list can only shrink.
const EXCEPTIONS: &str = include_str!("regression-exceptions.txt");

#[test]
fn rules_of_modsecurity_parse_as_it_says() {
    let Some(dir) = data("modsecurity-regression") else { return };
    let mut exceptions: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for line in EXCEPTIONS.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let fields: Vec<&str> = line.split(" | ").collect();
        let [file, title, outcome, _reason] = fields[..] else { panic!("not four fields: {line}") };
        exceptions.insert((file, title), outcome);
    }
    let mut wrong = 0;
    let tests = tests(&dir);
    for test in &tests {
        let found = outcome(test, &dir);
        let expected = if test.refused { "refused" } else { "parsed" };
        let excepted = exceptions.remove(&(&test.file, &test.title));
        if found != excepted.unwrap_or(expected) || excepted == Some(expected) {
            wrong += 1;
            println!("{} | {} | {found}, expected {expected}, excepted {excepted:?}", test.file, test.title);
        }
    }
    for (file, title) in exceptions.keys() {
        println!("not in this data: {file} | {title}");
    }
    assert_eq!(wrong, 0, "of {} tests", tests.len());
}

struct Test {
    file: String,
    title: String,
    rules: String,
    refused: bool,
}

fn tests(dir: &Path) -> Vec<Test> {
    let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let mut tests = Vec::new();
    for path in paths {
        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
        let content: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for test in content.as_array().unwrap() {
            let rules: Vec<&str> =
                test["rules"].as_array().unwrap().iter().filter_map(|rule| rule.as_str()).collect();
            tests.push(Test {
                file: file.clone(),
                title: test["title"].as_str().unwrap_or_default().to_owned(),
                rules: rules.join("\n"),
                refused: test["expected"].get("parser_error").is_some(),
            });
        }
    }
    tests
}

/// Parses the rules; what is parsed must print and parse to the same tree.
fn outcome(test: &Test, dir: &Path) -> &'static str {
    let loader = TestCases(FileSystem::new(dir));
    let parse = |text: &[u8]| parse(&test.file, text, &loader, ParseOptions::default());
    let first = match parse(test.rules.as_bytes()) {
        Ok(set) => set,
        Err(errors) => {
            for error in errors.0.iter().filter(|_| !test.refused) {
                println!("{}", error.with_source());
            }
            return "refused";
        }
    };
    let printed = print::file(&first, FileId(0));
    match parse(&printed) {
        Ok(second) => assert_eq!(first.directives, second.directives, "{}", test.rules),
        Err(errors) => panic!("{errors}\n{}", String::from_utf8_lossy(&printed)),
    }
    match lint::check(&first).iter().find(|lint| lint.kind.level() == Level::Error) {
        Some(lint) => {
            println!("{}", lint.with_source());
            "linted"
        }
        None => "parsed",
    }
}

/// The paths in the tests start at another directory than those of the data.
struct TestCases(FileSystem);

impl Loader for TestCases {
    fn resolve(&self, path: &str, from: &str) -> Result<Vec<String>, LoadError> {
        self.0.resolve(path.trim_start_matches("test-cases/"), from)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, LoadError> {
        self.0.read(name)
    }
}
