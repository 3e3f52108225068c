use std::fs;

use super::{data, fail};
use crate::{
    Limits, ParseOptions,
    ast::{Condition, Directive, Ruleset},
    lint,
    loader::{FileSystem, NoFiles},
    parse, print,
    source::FileId,
};

const KEEP: ParseOptions = ParseOptions {
    keep_trivia: true,
    limits: Limits { include_depth: 16, files: 1000, total_bytes: 32 << 20, errors: 100 },
};

/// The files of the CRS with rules: name and text.
fn files() -> Vec<(String, Vec<u8>)> {
    let Some(dir) = data("crs") else { return Vec::new() };
    let rules = fs::read_dir(dir.join("rules")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = rules.filter(|path| path.extension().is_some_and(|e| e == "conf")).collect();
    paths.push(dir.join("crs-setup.conf.example"));
    paths.sort();
    paths.iter().map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect()
}

fn parsed(name: &str, text: &[u8]) -> Ruleset {
    parse(name, text, &NoFiles, KEEP).unwrap_or_else(|errors| fail(&errors))
}

/// Joins continued lines with plain text operations, so that the lexer is not its own judge.
fn joined(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut continued = false;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let line = if continued { line.trim_ascii_start() } else { line };
        continued = !line.starts_with(b"#") && line.ends_with(b"\\\n");
        out.extend_from_slice(if continued { &line[..line.len() - 2] } else { line });
    }
    out
}

/// The only change: the CRS indents the links of a chain, and the printer does not.
fn unindented(text: &[u8]) -> Vec<u8> {
    let lines = text.split_inclusive(|&byte| byte == b'\n');
    lines
        .flat_map(|line| if line.starts_with(b" ") { line.trim_ascii_start() } else { line })
        .copied()
        .collect()
}

#[test]
fn every_file_prints_back_byte_for_byte() {
    for (name, text) in files() {
        let printed = print::file(&parsed(&name, &text), FileId(0));
        let expected = unindented(&joined(&text));
        let lines =
            |text: &[u8]| String::from_utf8_lossy(text).lines().map(str::to_owned).collect::<Vec<_>>();
        for (number, (printed, expected)) in lines(&printed).iter().zip(lines(&expected)).enumerate() {
            assert_eq!(*printed, expected, "{name}, joined line {}", number + 1);
        }
        assert_eq!(printed, expected, "{name}");
    }
}

#[test]
fn what_is_printed_parses_to_the_same_tree() {
    for (name, text) in files() {
        let first = parsed(&name, &text);
        let second = parsed(&name, &print::file(&first, FileId(0)));
        assert_eq!(first.directives, second.directives, "{name}");
        assert_eq!(first.trivia, second.trivia, "{name}");
    }
}

#[test]
fn spans_lead_back_to_the_text() {
    for (name, text) in files() {
        let set = parsed(&name, &text);
        for (rule, span) in set.rules() {
            assert!(set.sources.slice(span).starts_with(rule.directive_name().as_bytes()));
            for action in rule.links.iter().flat_map(|link| &link.actions).chain(&rule.actions) {
                let written = String::from_utf8_lossy(set.sources.slice(action.span)).into_owned();
                assert!(written.starts_with(action.kind.name()), "{name}: {written}");
            }
            let Condition::Match { variables, operator, .. } = &rule.condition else { continue };
            for variable in variables {
                let written = String::from_utf8_lossy(set.sources.slice(variable.span)).into_owned();
                let bare = written.trim_start_matches(['!', '&']);
                assert!(bare.starts_with(variable.name.as_str()), "{name}: {written}");
            }
            let written = String::from_utf8_lossy(set.sources.slice(operator.span)).into_owned();
            assert!(written.contains(operator.name.as_str()), "{name}: {written}");
        }
    }
}

#[test]
fn includes_bring_all_rules_in_order() {
    let Some(dir) = data("crs") else { return };
    let text = b"Include crs-setup.conf.example\nInclude rules/*.conf\n";
    let set = parse("main", text, &FileSystem::new(&dir), KEEP).unwrap_or_else(|errors| fail(&errors));
    let alone: usize = files().iter().map(|(name, text)| parsed(name, text).rules().count()).sum();
    assert_eq!(set.rules().count(), alone);
    let ids: Vec<u64> =
        set.rules().filter_map(|(rule, _)| rule.id()).filter(|id| (901000..=949999).contains(id)).collect();
    let families: Vec<u64> = ids.iter().map(|id| id / 1000).collect();
    assert!(families.is_sorted());
    let includes = set.directives.iter().filter(|directive| matches!(directive.node, Directive::Include(_)));
    assert_eq!(includes.count(), 2);
}

/// Any bytes must be parsed or refused, never panic, and what is parsed must print and parse to the same tree.
#[test]
fn mutated_rules_never_panic() {
    let files = files();
    let text: Vec<u8> = match files.is_empty() {
        true => b"SecRule ARGS|!ARGS:/x,y/ \"@rx ^a\\\"%{tx.0}\" \"id:1,t:none,msg:'a',setvar:'tx.a=+%{tx.b}',chain\"\n".repeat(400),
        false => files.into_iter().flat_map(|(_, text)| text).collect(),
    };
    let lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let interesting = b"\"'\\,:|!&/%{}=+-;@# \t\n\r\0\xff`.t1";
    for _ in 0..4000 {
        let start = random.below(lines.len());
        let count = 1 + random.below(24);
        let mut input = lines[start..(start + count).min(lines.len())].concat();
        for _ in 0..1 + random.below(6) {
            let at = random.below(input.len());
            let byte = interesting[random.below(interesting.len())];
            match random.below(4) {
                0 => input[at] = byte,
                1 => input.insert(at, byte),
                2 => drop(input.drain(at..(at + 1 + random.below(8)).min(input.len()))),
                _ => input.truncate(at),
            }
            if input.is_empty() {
                input.push(byte);
            }
        }
        let first = match parse("fuzz", &input, &NoFiles, KEEP) {
            Ok(set) => set,
            Err(errors) => {
                assert!(errors.0.iter().all(|error| !error.with_source().to_string().is_empty()));
                continue;
            }
        };
        lint::check(&first);
        let printed = print::file(&first, FileId(0));
        let shown = || String::from_utf8_lossy(&input).into_owned();
        match parse("printed", &printed, &NoFiles, KEEP) {
            Ok(second) => assert_eq!(first.directives, second.directives, "{}", shown()),
            Err(errors) => {
                println!("{}\nprinted as\n{}", shown(), String::from_utf8_lossy(&printed));
                fail(&errors);
            }
        }
    }
}

/// splitmix64: seeded, so that a failure repeats.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit.max(1) as u64) as usize
    }
}

#[test]
fn the_crs_has_no_lints() {
    let Some(dir) = data("crs") else { return };
    let text = b"Include crs-setup.conf.example\nInclude rules/*.conf\n";
    let set = parse("main", text, &FileSystem::new(&dir), KEEP).unwrap_or_else(|errors| fail(&errors));
    let lints: Vec<String> = lint::check(&set).iter().map(|lint| lint.with_source().to_string()).collect();
    assert!(lints.is_empty(), "{}", lints.join("\n"));
}
