//! Every pattern of the Core Rule Set, on inputs that are made from it, against PCRE2 itself where that is installed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use portcullis_seclang::ast::{Condition, OperatorName, Rule};
use portcullis_seclang::loader::NoFiles;
use portcullis_seclang::{ParseOptions, parse as parse_rules};
use suites::Random;

use super::{CASES, Groups, Pattern};
use crate::operators::pcre::ast::Node;
use crate::operators::pcre::parse;

/// Inputs made from each pattern, and as many from each that differ a little; `PORTCULLIS_FULL=1` takes fifty times as many.
const INPUTS: usize = 4;
/// Patterns that PCRE 1 takes and PCRE2 does not.
const OLDER: [&str; 1] = [r"[\d-z]+"];

#[test]
fn matches_and_groups_are_those_of_pcre2() {
    let mut patterns: Vec<Vec<u8>> = CASES.iter().map(|(pattern, ..)| pattern.as_bytes().to_vec()).collect();
    if let Some(rules) = suites::data("crs/rules") {
        patterns.extend(patterns_of(&rules));
    }
    let inputs = if std::env::var_os("PORTCULLIS_FULL").is_some() { 50 * INPUTS } else { INPUTS };
    let mut random = Random(1);
    let mut asked = Vec::new();
    let mut questions = String::new();
    for pattern in &patterns {
        let ast = parse::parse(pattern).expect("a pattern");
        let compiled = Pattern::new(pattern).expect("a pattern");
        question('P', pattern, &mut questions);
        asked.push((pattern, None));
        for _ in 0..inputs {
            let mut input = Vec::new();
            write_match(&ast.root, &mut input, &mut random);
            for input in [change(&input, &mut random), input] {
                question('I', &input, &mut questions);
                asked.push((pattern, Some((compiled.find_at(&input, 0), input))));
            }
        }
    }
    let Some(answers) = pcre2(questions) else {
        return println!("skipped: PCRE2 is not installed");
    };
    let mut matches = 0;
    assert_eq!(answers.lines().count(), asked.len());
    for (answer, (pattern, found)) in answers.lines().zip(asked) {
        let shown = pattern.escape_ascii();
        if OLDER.iter().any(|older| older.as_bytes() == pattern) {
            continue;
        }
        let Some((found, input)) = found else {
            assert_eq!(answer, "ok", "{shown}");
            continue;
        };
        // Patterns may take too long in either.
        if let (Ok(found), false) = (found, answer == "limit") {
            assert_eq!(places(found), answer, "/{shown}/ on {}", input.escape_ascii());
            matches += usize::from(found.is_some());
        }
    }
    assert!(matches > patterns.len() * inputs / 2, "{matches} matches of {} patterns", patterns.len());
}

/// The patterns of all rules, without those that have macros.
fn patterns_of(rules: &Path) -> Vec<Vec<u8>> {
    let mut patterns = Vec::new();
    let mut add = |rule: &Rule| {
        if let Condition::Match { operator, .. } = &rule.condition
            && operator.name == OperatorName::Rx
            && let Some(pattern) = operator.argument.as_literal()
        {
            patterns.push(pattern.to_vec());
        }
    };
    for entry in std::fs::read_dir(rules).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "conf") {
            let text = std::fs::read(&path).expect("a file");
            let set = parse_rules("rules", &text, &NoFiles, ParseOptions::default()).expect("rules");
            for (rule, _) in set.rules() {
                add(rule);
                rule.links.iter().for_each(|link| add(&link.node));
            }
        }
    }
    patterns.sort();
    patterns.dedup();
    patterns
}

/// Writes a text that the node matches, unless assertions or what stands around it say otherwise.
fn write_match(node: &Node, text: &mut Vec<u8>, random: &mut Random) {
    match node {
        Node::Set(set) => {
            let bytes: Vec<u8> = set.iter().collect();
            let visible: Vec<u8> = bytes.iter().copied().filter(u8::is_ascii_graphic).collect();
            let bytes = if visible.is_empty() || random.one_in(4) { &bytes } else { &visible };
            text.extend((!bytes.is_empty()).then(|| *random.pick(bytes)));
        }
        Node::Concat(nodes) => nodes.iter().for_each(|node| write_match(node, text, random)),
        Node::Alternate(nodes) => write_match(random.pick(nodes), text, random),
        Node::Capture(_, node) | Node::Atomic(node) => write_match(node, text, random),
        Node::Look { negative: false, node, .. } if random.one_in(2) => write_match(node, text, random),
        Node::Repeat { node, min, max, .. } => {
            let most = max.unwrap_or(u32::MAX).min(min + 4);
            let times = min + random.below((most - min + 1) as usize) as u32;
            (0..times).for_each(|_| write_match(node, text, random));
        }
        Node::Empty | Node::Assertion(_) | Node::Look { .. } | Node::BackReference { .. } => {}
    }
}

/// The input with something taken out, put in or changed.
fn change(input: &[u8], random: &mut Random) -> Vec<u8> {
    const PIECES: [&[u8]; 12] =
        [b"\n", b"\r\n", b"\0", b"\xff", b"\xc3\xa9", b" ", b"'", b"<", b"a", b"0", b"_", b"\x0b"];
    let mut changed = input.to_vec();
    let at = random.below(changed.len() + 1);
    match random.below(5) {
        0 if at < changed.len() => drop(changed.remove(at)),
        1 if at < changed.len() => changed[at] ^= 0x20,
        2 => changed.truncate(at),
        3 => changed.push(b'\n'),
        _ => drop(changed.splice(at..at, random.pick(&PIECES).iter().copied())),
    }
    changed
}

fn question(kind: char, bytes: &[u8], questions: &mut String) {
    questions.push(kind);
    bytes.iter().for_each(|byte| write!(questions, "{byte:02x}").expect("memory"));
    questions.push('\n');
}

fn places(groups: Option<Groups>) -> String {
    let Some(groups) = groups else { return "none".to_owned() };
    let place =
        |group: &Option<(usize, usize)>| group.map_or("-".to_owned(), |(from, to)| format!("{from}-{to}"));
    groups.iter().map(place).collect::<Vec<_>>().join(",")
}

/// What the library says, if it and Python are there.
fn pcre2(questions: String) -> Option<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/operators/pcre/tests/pcre2.py");
    let mut child =
        Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let mut input = child.stdin.take().expect("a pipe");
    // A process that has ended reads nothing, and says so by its status.
    let writing = std::thread::spawn(move || input.write_all(questions.as_bytes()).is_ok());
    let output = child.wait_with_output().expect("a process");
    let _ = writing.join();
    if output.status.code() == Some(3) {
        return None;
    }
    assert!(output.status.success(), "{}", output.status);
    Some(String::from_utf8(output.stdout).expect("text"))
}
