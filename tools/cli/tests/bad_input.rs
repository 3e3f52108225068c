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

fn refused(directory: &std::path::Path, name: &str, said: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let output = command.args(["lint", name]).current_dir(directory).output().unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let shown: String = text.chars().take(4000).collect();
    assert!(matches!(output.status.code(), Some(1 | 2)), "{name}: {:?}\n{shown}", output.status);
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
