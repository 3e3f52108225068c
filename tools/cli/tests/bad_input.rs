//! Whatever a file holds, the tool says what is wrong with it and ends with 1 or 2: it neither crashes nor hangs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// A name, what the file holds, and what is said of it.
fn files() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let alias_bomb: String = (1..30).fold("a0: &a0 [x, x]\n".to_owned(), |text, index| {
        let before = index - 1;
        format!("{text}a{index}: &a{index} [*a{before}, *a{before}]\n")
    });
    let binary: Vec<u8> = (0..4096_u32).map(|byte| (byte.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    vec![
        ("binary.yaml", binary.clone(), "binary file"),
        ("binary.conf", binary, "binary file"),
        ("latin1.yaml", b"releases: []\nname: caf\xe9\n".to_vec(), "no UTF-8"),
        ("nul.yaml", b"releases: []\n\0".to_vec(), "NUL"),
        ("deep.json", "[".repeat(100_000).into_bytes(), "cut off"),
        (
            "deep-whole.json",
            ["[".repeat(100_000), "]".repeat(100_000)].concat().into_bytes(),
            "error[syntax]",
        ),
        ("deep-objects.json", "{\"a\":".repeat(100_000).into_bytes(), "cut off"),
        ("deep.yaml", "- ".repeat(100_000).into_bytes(), "nested more than 127 deep"),
        ("deep-flow.yaml", format!("releases: {}", "[".repeat(100_000)).into_bytes(), "error[syntax]"),
        ("deep-maps.yaml", "a: {".repeat(300).into_bytes(), "error[syntax]"),
        ("alias-bomb.yaml", format!("{alias_bomb}releases: *a29\n").into_bytes(), "more than 1000000 values"),
        ("self-alias.yaml", b"releases: &a [*a]\n".to_vec(), "error[syntax]"),
        ("half.yaml", b"kind: WasmPlugin\napiVersion: x\nspec: {pluginConfig: {".to_vec(), "cut off"),
        ("half.json", br#"{"releases": [{"name": "#.to_vec(), "cut off"),
        ("cycle.conf", b"Include cycle.conf\n".to_vec(), "includes itself"),
        ("many-errors.conf", b"Foo\n".repeat(50_000), "more than 100 errors"),
        (
            "one-long-line.json",
            format!("{{\"releases\": [], \"x{}\": 1}}", "y".repeat(1 << 20)).into_bytes(),
            "unknown field",
        ),
        ("empty.yaml", Vec::new(), "no configuration of a filter"),
        ("text.txt", b"Dear Sir or Madam,\n".to_vec(), "no configuration of a filter"),
    ]
}

#[test]
fn bad_files_are_refused_with_a_message() {
    let directory = directory("bad");
    for (name, bytes, said) in files() {
        fs::write(directory.join(name), bytes).unwrap();
        refused(&directory, name, said);
    }
    let large = fs::File::create(directory.join("large.yaml")).unwrap();
    large.set_len(100 << 20).unwrap();
    refused(&directory, "large.yaml", "too long, at most 16 MiB are read");
    refused(&directory, "nowhere.yaml", "No such file");
    refused(&directory, "/proc/self/mem", "/proc/self/mem: ");
    fs::remove_dir_all(directory).unwrap();
}

/// What takes a file, which stands where `FILE` does, and whether it has to be a text that means something.
const SUBCOMMANDS: &[(&str, bool)] = &[
    ("lint FILE", true),
    ("explain --url h FILE", true),
    ("explain --request FILE good.json", true),
    ("explain --url h --response FILE good.json", true),
    ("explain --url h --data @FILE good.json", false),
    ("explain --url h --answer x=200:FILE good.json", false),
    ("explain --url h --crs FILE good.json", true),
    ("replay FILE good.json", true),
    ("replay good.json FILE", true),
    ("crs info FILE", true),
    ("crs info crs", true),
    ("crs exclude --rule 942100 --crs FILE", true),
    ("cookie open --config FILE x", true),
    ("jwt check @FILE", true),
    ("jwt check --jwks FILE @token.jwt", true),
    ("jwt check --config FILE @token.jwt", true),
    ("migrate ingress-nginx FILE", true),
    ("--json lint FILE", true),
    ("--json migrate ingress-nginx FILE", true),
];

#[test]
fn every_subcommand_refuses_what_it_cannot_read() {
    let directory = directory("every");
    let binary: Vec<u8> = (0..4096_u32).map(|byte| (byte.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let half = b"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a, annotations: {b: c";
    let files: &[(&str, &[u8])] =
        &[("binary", &binary), ("half.yaml", half), ("cycle.conf", b"Include cycle.conf\n"), ("empty", b"")];
    for (name, bytes) in files {
        fs::write(directory.join(name), bytes).unwrap();
    }
    fs::File::create(directory.join("large")).unwrap().set_len(100 << 20).unwrap();
    fs::write(directory.join("good.json"), br#"{"releases": []}"#).unwrap();
    fs::create_dir_all(directory.join("crs/rules")).unwrap();
    fs::write(directory.join("crs/rules/cycle.conf"), b"Include cycle.conf\n").unwrap();
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhIn0.c2lnbmF0dXJl";
    fs::write(directory.join("token.jwt"), token).unwrap();
    for (subcommand, is_read) in SUBCOMMANDS {
        for name in ["large", "binary", "half.yaml", "cycle.conf", "empty", "nowhere"] {
            let is_taken = !is_read && !matches!(name, "large" | "nowhere");
            let statuses: &[i32] = if is_taken { &[0] } else { &[1, 2] };
            let line = subcommand.replace("FILE", name);
            let said = if is_taken || !subcommand.contains("FILE") { "" } else { about(subcommand, name) };
            ended(&directory, &line.split(' ').collect::<Vec<_>>(), statuses, said);
        }
    }
    fs::remove_dir_all(directory).unwrap();
}

/// What is said at least: which file it is, unless that is about a token.
fn about<'a>(subcommand: &str, name: &'a str) -> &'a str {
    let is_token = subcommand.ends_with("@FILE");
    if is_token && !matches!(name, "large" | "nowhere") { "FAILED" } else { name }
}

fn refused(directory: &std::path::Path, name: &str, said: &str) {
    ended(directory, &["lint", name], &[1, 2], said);
}

fn ended(directory: &std::path::Path, arguments: &[&str], statuses: &[i32], said: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let output = command.args(arguments).current_dir(directory).output().unwrap();
    let name = arguments.join(" ");
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let shown: String = text.chars().take(4000).collect();
    let is_expected = output.status.code().is_some_and(|status| statuses.contains(&status));
    assert!(is_expected, "{name}: {:?}\n{shown}", output.status);
    assert!(!text.contains("panicked"), "{name}: {shown}");
    assert!(text.contains(said), "{name}: {shown}");
    assert!(text.len() < 100_000, "{name}: {} bytes of output", text.len());
}

fn directory(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    directory
}
