//! The SDK's public API, read from its source: a committed list of it, so that a change that breaks users is seen as what it
//! is, and an example on every item.
//!
//! Read from the source and not from rustdoc's JSON, which only nightly compilers write, each in a format of its own: this
//! takes a second, needs no network, and says the same on every machine.

mod items;

use items::Item;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The crates that filter authors see, by their folders.
const CRATES: [&str; 4] = ["sdk-shim", "sdk-shim/config", "sdk-shim/http", "sdk-shim/testing"];

/// The list, from the root.
const LIST: &str = "sdk-shim/public-api.txt";

/// What an example of its own would say nothing about: the macro that the crate's own example ends with; parts of a scenario
/// file, which `File` shows; and what hosts use, not filters.
const WITHOUT_EXAMPLE: [&str; 11] = [
    "export_filter",
    "Callout",
    "Scenario",
    "Request",
    "Response",
    "Expect",
    "Header",
    "Transport",
    "Action",
    "Stream",
    "Background",
];

const HEADER: &str = "\
# What the SDK's crates offer, in the order of the source. A test compares it with the source. `make public-api` writes it anew:
# a line that is gone or changed breaks somebody's filter, so CHANGELOG.md has to say so, and the version has to go up.
";

/// The version of the crates, all of them.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Writes the list, unless filters would break and the version says otherwise. `unreleased`: nobody has this version yet.
pub(crate) fn write(unreleased: bool) -> Result<String, String> {
    let list = list()?;
    let path = crate::root().join(LIST);
    // Where there is no list, nothing can be broken.
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let breaks = breaks(&committed, &list);
    if !unreleased && !breaks.is_empty() && is_compatible(version_of(&committed), VERSION) {
        return Err(format!("{}\n{}", breaks.join("\n"), advice(version_of(&committed))));
    }
    std::fs::write(&path, list).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(format!("wrote {LIST}"))
}

/// Compares the list with the source, and looks for items without an example.
pub(crate) fn check() -> Result<String, String> {
    let path = crate::root().join(LIST);
    let committed = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut problems = differences(&committed, &list()?);
    for krate in CRATES {
        let items = items(krate)?;
        let wanted = |item: &&Item| item.wants_example && !WITHOUT_EXAMPLE.contains(&item.name.as_str());
        let bare = items.iter().filter(wanted).filter(|item| !item.has_example);
        problems.extend(bare.map(|item| format!("{krate}: no example on {}", item.name)));
    }
    if problems.is_empty() {
        Ok("api: as listed, with an example on every item".into())
    } else {
        Err(problems.join("\n"))
    }
}

/// What of the list is not in the source any more, and what is new.
fn differences(committed: &str, found: &str) -> Vec<String> {
    let breaks = breaks(committed, found);
    let harmless = new(committed, found).into_iter().map(|line| format!("new in the public API: {line}"));
    let harmless: Vec<_> = harmless.filter(|line| !breaks.contains(&format!("{line}{LACKING}"))).collect();
    if breaks.is_empty() && harmless.is_empty() {
        return Vec::new();
    }
    let advice = if breaks.is_empty() {
        "nothing breaks by it: `make public-api`".to_owned()
    } else {
        advice(version_of(committed))
    };
    breaks.into_iter().chain(harmless).chain([advice]).collect()
}

const LACKING: &str = " (implementations lack it)";

/// What breaks filters: lines that are gone, and what implementations of a trait come to lack.
fn breaks(committed: &str, found: &str) -> Vec<String> {
    let gone = new(found, committed).into_iter().map(|line| format!("gone from the public API: {line}"));
    let traits: Vec<_> = committed.lines().filter_map(|line| line.strip_prefix("pub trait ")).collect();
    let is_demanded = |line: &&str| {
        let item = line.split_once("::");
        item.is_some_and(|(name, _)| traits.iter().any(|it| it.split([' ', ':', '<']).next() == Some(name)))
            && !line.ends_with("= ...")
    };
    let demanded = new(committed, found).into_iter().filter(is_demanded);
    gone.chain(demanded.map(|line| format!("new in the public API: {line}{LACKING}"))).collect()
}

/// The lines of `after` that are not in `before`, without headings.
fn new<'a>(before: &str, after: &'a str) -> Vec<&'a str> {
    let before: Vec<_> = before.lines().collect();
    let is_content = |line: &&str| !line.starts_with(['#', '[']);
    after.lines().filter(is_content).filter(|line| !before.contains(line)).collect()
}

fn advice(version: &str) -> String {
    format!(
        "what is gone or lacking breaks filters: raise the version in Cargo.toml from {version} to {}, say in CHANGELOG.md what is \
         different, then `make public-api` (`make public-api UNRELEASED=1` where nobody has {version} yet)",
        next_breaking(version)
    )
}

/// The version that the list was written for.
fn version_of(list: &str) -> &str {
    let heading = list.lines().find_map(|line| line.strip_prefix('[')?.strip_suffix(']')?.split_once(' '));
    heading.map_or(VERSION, |(_, version)| version)
}

/// Whether Cargo takes `new` for `old` (The Cargo Book, "SemVer Compatibility": the same first number that is not 0).
fn is_compatible(old: &str, new: &str) -> bool {
    let significant = |version: &str| {
        let mut parts: Vec<_> = version.split('.').map(str::to_owned).collect();
        let first = parts.iter().position(|part| part != "0").unwrap_or(parts.len());
        parts.truncate(first + 1);
        parts
    };
    significant(old) == significant(new)
}

fn next_breaking(version: &str) -> String {
    let mut parts: Vec<u64> = version.split('.').map(|part| part.parse().unwrap_or_default()).collect();
    let last = parts.len().saturating_sub(1);
    let first = parts.iter().position(|part| *part != 0).unwrap_or(last);
    for (place, part) in parts.iter_mut().enumerate() {
        *part = if place == first {
            *part + 1
        } else if place > first {
            0
        } else {
            *part
        };
    }
    parts.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

fn list() -> Result<String, String> {
    let mut list = HEADER.to_owned();
    for krate in CRATES {
        // Writing to a string cannot fail.
        let _ = writeln!(list, "\n[{krate} {VERSION}]");
        for line in items(krate)?.into_iter().flat_map(|item| item.lines) {
            let _ = writeln!(list, "{line}");
        }
    }
    Ok(list)
}

/// The items of a crate: those of its root, and of the modules that it has, in their order.
fn items(krate: &str) -> Result<Vec<Item>, String> {
    let source = crate::root().join(krate).join("src");
    let mut items = Vec::new();
    read(&source.join("lib.rs"), &source, &mut items)?;
    Ok(items)
}

fn read(file: &Path, folder: &Path, items: &mut Vec<Item>) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let parsed = syn::parse_file(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    for item in &parsed.items {
        if items::is_hidden(item) {
            continue;
        }
        if let syn::Item::Mod(module) = item {
            let name = module.ident.to_string();
            let file: PathBuf = folder.join(format!("{name}.rs"));
            read(&file, &folder.join(&name), items)?;
        } else {
            items.extend(items::describe(item));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
