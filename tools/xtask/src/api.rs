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

/// Writes the list.
pub(crate) fn write() -> Result<String, String> {
    let list = list()?;
    let path = crate::root().join(LIST);
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
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (committed, found) = (lines(committed), lines(found));
    let gone = committed.iter().filter(|line| !found.contains(line));
    let new = found.iter().filter(|line| !committed.contains(line));
    let mut problems: Vec<String> = gone.map(|line| format!("gone from the public API: {line}")).collect();
    problems.extend(new.map(|line| format!("new in the public API: {line}")));
    if !problems.is_empty() {
        problems.push("if that is meant: `make public-api`, and CHANGELOG.md for what is gone".into());
    }
    problems
}

fn list() -> Result<String, String> {
    let mut list = HEADER.to_owned();
    for krate in CRATES {
        // Writing to a string cannot fail.
        let _ = writeln!(list, "\n[{krate} {}]", env!("CARGO_PKG_VERSION"));
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
