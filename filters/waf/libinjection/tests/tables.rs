//! Generates the keyword and fingerprint tables from libinjection's `sqlparse_data.json`, and fails if the ones in
//! `src/sqli` differ from it. To write them instead: `UPDATE_TABLES=1 cargo test -p portcullis-libinjection --test
//! tables`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use serde::Deserialize;

#[derive(Deserialize)]
struct Upstream {
    keywords: BTreeMap<String, String>,
    fingerprints: Vec<String>,
}

#[test]
fn tables_are_current() {
    let Some(path) = suites::data("libinjection/sqlparse_data.json") else { return };
    let upstream: Upstream = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    check("keyword_list.rs", &keyword_list(&upstream.keywords));
    check("fingerprint_automaton.rs", &fingerprint_automaton(&upstream.fingerprints));
}

fn check(name: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sqli").join(name);
    if std::env::var_os("UPDATE_TABLES").is_some() {
        fs::write(&path, generated).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap_or_default() == generated, "{name} is out of date");
}

/// Words and phrases by kind. Operators of two characters are a `match` in `keywords.rs`.
fn keyword_list(keywords: &BTreeMap<String, String>) -> String {
    let kinds = [
        ("t", "SqlType"),
        ("f", "Function"),
        ("k", "Keyword"),
        ("n", "Bareword"),
        ("v", "Variable"),
        ("1", "Number"),
        ("o", "Operator"),
        ("&", "LogicOperator"),
        ("E", "Expression"),
        ("U", "Union"),
        ("B", "Group"),
        ("T", "Tsql"),
        ("A", "Collate"),
    ];
    let words = |letter: &str| -> Vec<&str> {
        let words = keywords.iter().filter(|(word, kind)| {
            *kind == letter && !word.starts_with(|c: char| c.is_ascii_punctuation() && c != '_')
        });
        words.map(|(word, _)| word.as_str()).collect()
    };
    let length: usize = kinds.iter().flat_map(|(letter, _)| words(letter)).map(str::len).sum();
    let mut file = header("libinjection's words, by kind, separated by commas.");
    file += &format!(
        "use super::token::Kind;\n\n/// Bytes of all words together.\npub(super) const TEXT_LENGTH: usize = {length};\n\n"
    );
    file += &format!("#[rustfmt::skip]\npub(super) const GROUPS: [(Kind, &str); {}] = [\n", kinds.len());
    for (letter, kind) in kinds {
        let lines =
            wrapped(words(letter).iter().map(|word| (*word).to_owned()), ",", 100).join(",\\\n        ");
        file += &format!("    (Kind::{kind}, \"\\\n        {lines}\"),\n");
    }
    file + "];\n"
}

/// The minimal deterministic automaton of the listed fingerprints.
///
/// A node is a set of letters, in the lower bits, and above them the index of the first of its edges, of which it has
/// one for each letter of its set. An edge is the index of a node, with the highest bit set if a fingerprint may end
/// there. The first node is where all begin.
fn fingerprint_automaton(fingerprints: &[String]) -> String {
    const ALPHABET: &str = "&(),1:;ABCEFKNOSTUVX";
    const ACCEPTS: u16 = 1 << 15;

    type Node = Vec<(usize, u16)>;
    fn number(words: &[&str], numbers: &mut HashMap<Node, u16>, nodes: &mut Vec<Node>) -> u16 {
        let mut edges = Node::new();
        for (letter, character) in ALPHABET.chars().enumerate() {
            let rest: Vec<&str> = words.iter().filter_map(|word| word.strip_prefix(character)).collect();
            if !rest.is_empty() {
                let accepts = if rest.contains(&"") { ACCEPTS } else { 0 };
                edges.push((letter, accepts | number(&rest, numbers, nodes)));
            }
        }
        *numbers.entry(edges.clone()).or_insert_with(|| {
            nodes.push(edges);
            u16::try_from(nodes.len() - 1).unwrap()
        })
    }

    let upper: Vec<String> = fingerprints.iter().map(|fingerprint| fingerprint.to_uppercase()).collect();
    let words: Vec<&str> = upper.iter().map(String::as_str).collect();
    assert!(words.iter().all(|word| word.chars().all(|character| ALPHABET.contains(character))));
    let mut nodes = Vec::new();
    number(&words, &mut HashMap::new(), &mut nodes);
    // Children are numbered before their parents, so that the root is the last.
    nodes.reverse();
    let renumber = |edge: u16| edge & ACCEPTS | (nodes.len() as u16 - 1 - (edge & !ACCEPTS));

    let edges: Vec<u16> = nodes.iter().flatten().map(|(_, edge)| renumber(*edge)).collect();
    let mut first = 0;
    let sets = nodes.iter().map(|node| {
        let set = node.iter().fold(0_u32, |set, (letter, _)| set | 1 << letter);
        let packed = set | first << ALPHABET.len();
        first += u32::try_from(node.len()).unwrap();
        packed
    });
    let sets: Vec<u32> = sets.collect();
    assert!(edges.len() < 1 << (32 - ALPHABET.len()));

    let mut file = header("libinjection's attack fingerprints, as the automaton that accepts them.");
    file +=
        "/// Each the set of letters that lead on, and in the upper 12 bits the index of their first edge.\n";
    file += &array("NODES", "u32", sets.iter().map(|node| format!("{node:#x}")).collect());
    file += "\n/// Each the index of a node, with the highest bit set where a fingerprint may end.\n";
    file += &array("EDGES", "u16", edges.iter().map(|edge| format!("{edge:#x}")).collect());
    file
}

fn header(title: &str) -> String {
    format!(
        "//! {title}\n//!\n//! Generated by `tests/tables.rs`. BSD-3-Clause, see `LICENSE-libinjection`.\n\n"
    )
}

fn array(name: &str, of: &str, items: Vec<String>) -> String {
    let length = items.len();
    let lines = wrapped(items.into_iter(), ", ", 104).join(",\n    ");
    format!("#[rustfmt::skip]\npub(super) static {name}: [{of}; {length}] = [\n    {lines},\n];\n")
}

fn wrapped(items: impl Iterator<Item = String>, separator: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for item in items {
        match lines.last_mut() {
            Some(line) if line.len() + separator.len() + item.len() <= width => {
                *line += separator;
                *line += &item;
            }
            _ => lines.push(item),
        }
    }
    lines
}
