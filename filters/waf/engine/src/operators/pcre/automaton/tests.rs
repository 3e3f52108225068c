//! Stages against whole automata.

use super::super::vm::Backtrack;
use super::*;
use portcullis_collections::beginnings::common;

/// Cut wherever they can be, these say what they say as a whole.
const PATTERNS: [&str; 9] = [
    r"a(?:b|bb)(?:a|ab)*c",
    r"(?:^|b).*(?:ab|ba)\b",
    r"\ba+\b[^a]*\b(?:ab|c){2}",
    r"(?:a|^)b?(?:c|\B)a?$",
    r"(?:b.*|a)c*(?:ab|ba|ca){1,3}c",
    r"(?:a[bc]*){2}(?:a[ab]{1,4}\b)",
    r"\Aab?.?(?:\nc|b)\z",
    r"a*b*c*",
    r"(?:a.{3}|b.{4})(?:.a.{5}|b)(?:.c.{6}|a)a",
];

#[test]
fn stages_match_what_the_whole_matches() {
    let mut random = 1;
    let mut matches = 0;
    for text in PATTERNS {
        let ast = parse::parse(text.as_bytes()).expect(text);
        let mut whole = Searcher::whole(&ast.root).expect(text);
        let parts = parts(&ast.root, 1).expect(text);
        assert!(parts.len() > 1, "{text}");
        // The least that a table can have room for; it has to be cleared all the time.
        let mut small = Stages::new(&parts, 0).expect(text);
        let mut stages = Stages::new(&parts, CACHE_LIMIT).expect(text);
        let program = program::compile(&ast).expect(text);
        let mut kept_up = 0;
        for round in 0..2_000 {
            let mut input = Vec::new();
            for _ in 0..round % 40 {
                input.push(b"aaabbbcc \n"[next(&mut random) % 10]);
            }
            let expected = whole.end(&Input::new(&input).earliest(true)).expect(text).is_some();
            let shown = input.escape_ascii();
            assert_eq!(stages.is_match(&input, None).expect(text), expected, "{text} in {shown}");
            if let Ok(found) = small.is_match(&input, None) {
                assert_eq!(found, expected, "{text} in {shown}, with a small table");
                kept_up += 1;
            }
            matches += u32::from(expected);
            // Where `^` could match, which the program alone knows.
            if input.ends_with(b"\n") {
                continue;
            }
            let start = next(&mut random) % (input.len() + 1);
            let shown = input.escape_ascii();
            let expected = program.search(&input, start).expect("few steps").and_then(|groups| groups[0]);
            let expected = expected.map(|(start, _)| start);
            assert_eq!(
                stages.start_of(&input, start).expect(text),
                expected,
                "{text} in {shown} from {start}"
            );
            if let Ok(found) = small.start_of(&input, start) {
                assert_eq!(found, expected, "{text} in {shown} from {start}, with a small table");
            }
        }
        assert!(kept_up > 300, "{text}: {kept_up}");
    }
    assert!((4_000..14_000).contains(&matches), "{matches}");
}

/// A search that goes on from where an input parts from the one before it finds what one from the start finds.
#[test]
fn what_begins_alike_is_searched_from_there() {
    let mut random = 1;
    let mut matches = 0;
    for text in PATTERNS {
        let ast = parse::parse(text.as_bytes()).expect(text);
        let mut fresh = Searcher::whole(&ast.root).expect(text);
        let parts = parts(&ast.root, 1).expect(text);
        let wholes = &mut [CACHE_LIMIT, 0].map(|cache| with_table(&ast.root, cache));
        let stages = &mut [CACHE_LIMIT, 0].map(|cache| Stages::new(&parts, cache).expect(text));
        let mut last: Vec<u8> = Vec::new();
        for _ in 0..1_500 {
            // As names come: longer, back, beside each other, the same again.
            let mut input = last.clone();
            if next(&mut random).is_multiple_of(3) {
                input.truncate(next(&mut random) % (input.len() + 1));
            }
            for _ in 0..next(&mut random) % 4 {
                input.push(b"aaabbbcc \n"[next(&mut random) % 10]);
            }
            if input.len() > 50 {
                input.clear();
            }
            let shared = common(&last, &input);
            let expected = fresh.end(&Input::new(&input).earliest(true)).expect(text).is_some();
            let what = || format!("{text} in {} after {}", input.escape_ascii(), last.escape_ascii());
            for whole in &mut *wholes {
                assert_eq!(whole.is_match(&input, Some(shared)).expect(text), expected, "{}", what());
            }
            for stages in &mut *stages {
                if next(&mut random).is_multiple_of(50) {
                    let _ = stages.start_of(&input, 0);
                }
                if let Ok(found) = stages.is_match(&input, Some(shared)) {
                    assert_eq!(found, expected, "{}", what());
                }
            }
            matches += u32::from(expected);
            last = input;
        }
    }
    assert!((3_000..10_500).contains(&matches), "{matches}");
}

fn with_table(root: &Node, cache: usize) -> Searcher {
    let nfa = nfa::build(std::slice::from_ref(root), Purpose::End).expect("a regular pattern");
    let config = DFA::config().cache_capacity(cache).skip_cache_capacity_check(true);
    let dfa = DFA::builder().configure(config).build_from_nfa(nfa).expect("an automaton");
    let cache = dfa.create_cache();
    Searcher { dfa, cache, start: None, marks: Marks::NONE, growth: Growth::default(), fixed_memory: 0 }
}

/// What the patterns of shell commands look for, and what stands around it.
const PIECES: [&str; 28] = [
    "env ",
    "=",
    ";",
    "cat",
    "wget ",
    "time ",
    "$(",
    "python3",
    "pip x",
    "'",
    "\\",
    "a/b/",
    "x=1 ",
    "gcc",
    "{",
    " ",
    "-",
    "c$a",
    "o$",
    "m",
    "\n",
    "bu\"sy\"box",
    "sh",
    ")",
    "ls,",
    "/bin/",
    "e",
    "who",
];

#[test]
fn stages_match_what_the_whole_matches_in_the_core_rule_set() {
    let Some(rules) = suites::data("crs/rules") else { return };
    let text =
        std::fs::read_to_string(rules.join("REQUEST-932-APPLICATION-ATTACK-RCE.conf")).expect("a file");
    let mut random = 1;
    let (mut patterns, mut matches) = (0, 0);
    for line in text.lines() {
        let Some((_, rest)) = line.split_once("\"@rx ") else { continue };
        let pattern = rest.trim_end_matches(['"', ' ', '\\']).replace("\\\"", "\"");
        let ast = parse::parse(pattern.as_bytes()).expect("a pattern");
        let automaton = Automaton::new(&ast).expect("a regular pattern");
        let Some(mut stages) = automaton.stages else { continue };
        patterns += 1;
        let program = program::compile(&ast).expect("a regular pattern");
        let mut whole = Searcher::whole(&ast.root).expect("a regular pattern");
        for round in 0..300 {
            let input: String = (0..round % 20).map(|_| PIECES[next(&mut random) % PIECES.len()]).collect();
            let expected = whole.end(&Input::new(&input).earliest(true)).expect("no limit").is_some();
            assert_eq!(
                stages.is_match(input.as_bytes(), None).expect("few steps"),
                expected,
                "{line} in {input}"
            );
            matches += u32::from(expected);
            let found = program.search(input.as_bytes(), 0).expect("few steps").and_then(|groups| groups[0]);
            let start = stages.start_of(input.as_bytes(), 0).expect("few steps");
            assert_eq!(start, found.map(|(start, _)| start), "{line} in {input}");
        }
    }
    assert!(patterns >= 5, "{patterns}");
    assert!((patterns * 30..patterns * 250).contains(&matches), "{matches} with {patterns} patterns");
}

fn next(random: &mut u64) -> usize {
    *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*random >> 33) as usize
}
