//! The SecLang parser, printer and linter.

use portcullis_seclang::loader::MemoryFiles;
use portcullis_seclang::source::FileId;
use portcullis_seclang::{ParseOptions, lint, parse, print};

/// Any text parses or is refused; every message can be shown; what was read prints to a text that reads and prints the same.
pub fn check(text: &[u8]) {
    let mut files = MemoryFiles::default();
    files.insert("phrases.data", b"one\ntwo # three\n".as_slice());
    files.insert("other.conf", b"SecAction id:1,phase:1,pass\nInclude input.conf\n".as_slice());
    let options = ParseOptions { keep_trivia: true, ..ParseOptions::default() };
    let ruleset = match parse("input.conf", text, &files, options) {
        Ok(ruleset) => ruleset,
        Err(errors) => {
            assert!(!errors.0.is_empty());
            for error in errors.0 {
                assert!(error.place.line >= 1 && error.place.column >= 1);
                let _ = error.with_source().to_string();
            }
            return;
        }
    };
    for finding in lint::check(&ruleset) {
        let _ = finding.with_source().to_string();
    }
    let printed = print::file(&ruleset, FileId::default());
    let again = parse("input.conf", &printed, &files, options)
        .unwrap_or_else(|errors| panic!("{} does not read again: {}", printed.escape_ascii(), errors.0[0]));
    let twice = print::file(&again, FileId::default());
    assert_eq!(printed.escape_ascii().to_string(), twice.escape_ascii().to_string());
    assert_eq!(ruleset.directives.len(), again.directives.len());
}
