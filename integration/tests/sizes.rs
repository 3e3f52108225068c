//! The modules don't grow unnoticed.

use integration::paths;
use integration::sizes::{Baseline, Sizes, compiler, crate_of};

#[test]
fn modules_are_as_small_as_they_were() {
    let baseline = Baseline::read(include_str!("../sizes.txt")).expect("integration/sizes.txt");
    assert!(baseline.modules.contains_key("waf"), "{baseline:?}");
    if baseline.compiler != compiler() {
        println!("skipped: integration/sizes.txt is of {}", baseline.compiler);
        return;
    }
    let grown = baseline.modules.keys().filter_map(|name| {
        let module = std::fs::read(paths::module(name)).unwrap();
        baseline.too_much(name, &Sizes::of(&module).unwrap())
    });
    let grown: Vec<String> = grown.collect();
    assert!(grown.is_empty(), "{}", grown.join("\n"));
}

#[test]
fn growth_is_noticed() {
    let baseline = Baseline::read("# sizes\nrustc 1\nwaf 1000 100\n").unwrap();
    assert_eq!(Baseline::read(&baseline.write()), Ok(baseline.clone()));
    let sizes = |code, largest| Sizes { code, largest, data: 0, module: 0, compressed: 0 };
    assert_eq!(baseline.too_much("waf", &sizes(1100, 130)), None);
    assert!(baseline.too_much("waf", &sizes(1101, 100)).unwrap().contains("1101"));
    assert!(baseline.too_much("waf", &sizes(1000, 131)).unwrap().contains("131"));
    assert!(Baseline::read("rustc 1\nwaf many 1\n").is_err());
    assert!(Baseline::read("rustc 1\nwaf 1\n").is_err());
}

#[test]
fn functions_are_counted_for_their_crate() {
    let cases = [
        ("regex_automata::dfa::search", "regex_automata"),
        ("<regex_automata::DFA as core::fmt::Debug>::fmt", "regex_automata"),
        ("<&mut serde_json::de::Deserializer<R> as serde::de::Deserializer>::deserialize_any", "serde_json"),
        ("dlmalloc", "dlmalloc"),
    ];
    for (function, expected) in cases {
        assert_eq!(crate_of(function), expected, "{function}");
    }
}
