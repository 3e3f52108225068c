use super::*;
use crate::{Limits, ParseErrorKind, ParseErrors, ParseOptions, Ruleset, ast::Directive, parse};

/// A glob, names that it matches, names that it does not.
const GLOBS: &[(&str, &[&str], &[&str])] = &[
    ("*.conf", &["a.conf", ".conf"], &["a.conf.example", "x/a.conf", "conf"]),
    ("@owasp_crs/*.conf", &["@owasp_crs/REQUEST-901.conf"], &["@owasp_crs/x/y.conf"]),
    ("a?c", &["abc"], &["ac", "a/c", "abbc"]),
    ("[a-c][!x]", &["ay", "c."], &["dy", "ax", "a/"]),
    ("a*b*c", &["abc", "aXbYc", "abbcc"], &["ab", "aXc", "abcd"]),
    ("[a", &["[a"], &["a"]),
    ("[]]", &["]"], &["["]),
    ("*", &["", "a"], &["a/b"]),
];

#[test]
fn globs() {
    for (glob, matching, other) in GLOBS {
        for name in *matching {
            assert!(glob::matches(glob.as_bytes(), name.as_bytes()), "{glob} {name}");
        }
        for name in *other {
            assert!(!glob::matches(glob.as_bytes(), name.as_bytes()), "{glob} {name}");
        }
    }
}

fn files(files: &[(&str, &'static str)]) -> MemoryFiles<'static> {
    let mut memory = MemoryFiles::default();
    for &(name, text) in files {
        memory.insert(name, text.as_bytes());
    }
    memory
}

fn markers(set: &Ruleset) -> Vec<String> {
    let names = set.directives.iter().filter_map(|directive| match &directive.node {
        Directive::Marker(name) => Some(String::from_utf8(name.value.clone()).unwrap()),
        _ => None,
    });
    names.collect()
}

fn first(result: Result<Ruleset, ParseErrors>) -> String {
    result.unwrap_err().0[0].to_string()
}

#[test]
fn includes_come_where_they_are_named() {
    let loader = files(&[
        ("@crs/b.conf", "SecMarker b"),
        ("@crs/a.conf", "SecMarker a1\nInclude sub/x.conf\nSecMarker a2"),
        ("@crs/sub/x.conf", "SecMarker x"),
        ("@setup", "SecMarker setup"),
    ]);
    let text = b"SecMarker 1\nInclude @setup\nInclude @crs/*.conf\nIncludeOptional gone\nInclude none/*.conf\nSecMarker 2";
    let set = parse("main", text, &loader, ParseOptions::default()).unwrap();
    assert_eq!(markers(&set), ["1", "setup", "a1", "x", "a2", "b", "2"]);
    let named: Vec<_> = set.sources.iter().map(|(_, source)| source.name.as_str()).collect();
    assert_eq!(named, ["main", "@setup", "@crs/a.conf", "@crs/sub/x.conf", "@crs/b.conf"]);
}

#[test]
fn a_chain_goes_on_in_an_included_file() {
    let loader = files(&[("b", "SecRule ARGS b t:none")]);
    let set =
        parse("main", b"SecRule ARGS a id:1,chain\nInclude b", &loader, ParseOptions::default()).unwrap();
    assert_eq!(set.rules().map(|(rule, _)| rule.links.len()).collect::<Vec<_>>(), [1]);
}

#[test]
fn errors_name_the_included_file() {
    let loader = files(&[("b", "\nSecRule ARGZ a\nFoo")]);
    let errors = parse("main", b"Include b\nBar", &loader, ParseOptions::default()).unwrap_err();
    let places: Vec<_> = errors.0.iter().map(|error| (error.place.file.as_str(), error.place.line)).collect();
    assert_eq!(places, [("b", 2), ("b", 3), ("main", 2)]);
}

#[test]
fn includes_are_bounded() {
    let loader = files(&[("a", "Include b"), ("b", "Include a"), ("c", "SecMarker c")]);
    let limits = |limits| ParseOptions { limits, ..ParseOptions::default() };
    let run = |text: &str, options| first(parse("main", text.as_bytes(), &loader, options));
    assert_eq!(run("Include a", ParseOptions::default()), "b:1:1: Include: `a` includes itself");
    assert_eq!(
        run("Include gone", ParseOptions::default()),
        "main:1:1: Include: can not include `gone`: there is no such file"
    );
    assert_eq!(
        run("Include a", limits(Limits { include_depth: 1, ..Limits::default() })),
        "a:1:1: Include: includes are nested more than 1 deep"
    );
    assert_eq!(
        run("Include c\nInclude c\nInclude c", limits(Limits { files: 2, ..Limits::default() })),
        "main:2:1: Include: more than 2 files are included"
    );
    assert_eq!(
        run("Include c\nInclude c", limits(Limits { total_bytes: 25, ..Limits::default() })),
        "c:1:1: Include: the files have more than 25 bytes together"
    );
}

#[test]
fn errors_are_bounded() {
    let options =
        ParseOptions { limits: Limits { errors: 3, ..Limits::default() }, ..ParseOptions::default() };
    let errors = parse("main", "Foo\n".repeat(9).as_bytes(), &NoFiles, options).unwrap_err();
    assert_eq!(errors.0.len(), 4);
    assert_eq!(errors.0[3].kind, ParseErrorKind::TooManyErrors { limit: 3 });
}
