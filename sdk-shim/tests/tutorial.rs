//! The pages in docs/sdk show code that is compiled and tested: what they show is what is.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;

fn read(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The code blocks of a language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("\n```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_tutorial_shows_the_example_whole() {
    let page = read("docs/sdk/tutorial.md");
    let rust = blocks(&page, "rust");
    let [filter @ .., test] = rust.as_slice() else { panic!("no code") };
    assert_eq!(
        filter.join("\n\n"),
        read("sdk-shim/examples/fault.rs").trim_end(),
        "found in the page, expected"
    );
    assert!(test.starts_with("#[cfg(test)]"));
    assert_eq!(blocks(&page, "toml"), [read("sdk-shim/examples/fault.toml").trim_end()]);
    assert!(filter.join("\n\n").lines().count() <= 60);
}

#[test]
fn the_line_that_the_tutorial_changes_is_in_the_template() {
    let page = read("docs/sdk/tutorial.md");
    let [line] = &blocks(&page, "yaml")[..] else { panic!("one line") };
    let key = line.split('\'').next().unwrap();
    let found: Vec<_> = read("sdk-shim/template/envoy.yaml")
        .lines()
        .filter(|line| line.starts_with(key))
        .map(str::to_owned)
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    let config = line.split('\'').nth(1).unwrap();
    assert!(sdk_shim::load::<fault::Fault>(config.as_bytes(), &|_| None).is_ok());
}

#[path = "../examples/fault.rs"]
pub mod fault;
