//! Rules in files of their own.

use crate::check::Report;
use crate::{Diagnostic, Severity};
use portcullis_engine::{CompileError, Document, Options, Waf};
use portcullis_seclang::diagnostic::Diagnostic as SecLangDiagnostic;
use portcullis_seclang::loader::LoadError;
use portcullis_seclang::source::{Sources, Span};
use portcullis_seclang::{Loader, ParseOptions, lint};
use portcullis_waf::{BuiltIn, KNOWN_PATTERNS};
use std::fmt::Display;

/// Compiles a file of rules as the waf compiles rules of its configuration. Besides the files that the caller's loader has,
/// rules may include those in the module: `@recommended-conf`, `@owasp_crs/*.conf` and so on.
///
/// # Errors
/// All that is wrong, each with its file, line and column.
pub fn compile(name: &str, text: &[u8], files: &dyn Loader) -> Result<Waf, Vec<CompileError>> {
    let documents = [Document { name, text }];
    let options = Options { known_patterns: KNOWN_PATTERNS, ..Options::default() };
    Waf::compile(&documents, &Files::new(text, files), &options)
}

/// The caller's files, and those in the module, whose names begin with `@`.
pub struct Files<'a> {
    own: &'a dyn Loader,
    built_in: BuiltIn,
}

impl<'a> Files<'a> {
    /// For a file of rules with this text.
    pub fn new(text: &[u8], own: &'a dyn Loader) -> Self {
        Self { own, built_in: BuiltIn::new(&String::from_utf8_lossy(text), &[]) }
    }
}

impl Loader for Files<'_> {
    fn resolve(&self, path: &str, from: &str) -> Result<Vec<String>, LoadError> {
        let is_built_in = path.starts_with('@') || from.starts_with('@');
        if is_built_in { self.built_in.resolve(path, from) } else { self.own.resolve(path, from) }
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, LoadError> {
        if name.starts_with('@') { self.built_in.read(name) } else { self.own.read(name) }
    }
}

/// Says what is wrong with a file of rules, and with those that it includes.
pub(crate) fn check(text: &[u8], files: &dyn Loader, report: &mut Report<'_>) {
    let name = report.source.name.clone();
    let files = Files::new(text, files);
    let ruleset = match portcullis_seclang::parse(&name, text, &files, ParseOptions::default()) {
        Ok(ruleset) => ruleset,
        Err(errors) => {
            errors.0.iter().for_each(|error| add(error, Severity::Error, &files, report));
            return;
        }
    };
    let options = Options { known_patterns: KNOWN_PATTERNS, ..Options::default() };
    if let Err(errors) = Waf::from_ruleset(&ruleset, &files, &options) {
        errors.iter().for_each(|error| add(error, Severity::Error, &files, report));
    }
    let findings = lint::check(&ruleset);
    // What is an error the compiler says, too. What is in the module is nobody's business here.
    let findings = findings.iter().filter(|finding| {
        finding.kind.level() == lint::Level::Warning && !finding.place.file.starts_with('@')
    });
    findings.for_each(|finding| add(finding, Severity::Warning, &files, report));
}

/// What is wrong, without its place.
pub(crate) fn sentence<K: Display>(finding: &SecLangDiagnostic<K>) -> String {
    match finding.directive.as_str() {
        "" => finding.kind.to_string(),
        directive => format!("{directive}: {}", finding.kind),
    }
}

/// How many bytes of a span are on its first line.
pub(crate) fn first_line(sources: &Sources, span: Span) -> usize {
    sources.slice(span).iter().position(|byte| *byte == b'\n').unwrap_or(usize::MAX)
}

fn add<K: Display>(
    finding: &SecLangDiagnostic<K>,
    severity: Severity,
    files: &Files<'_>,
    report: &mut Report<'_>,
) {
    let place = &finding.place;
    let (start, end) = (place.span.start as usize, place.span.end as usize);
    let is_own = place.file == report.source.name;
    let included = if is_own { Vec::new() } else { files.read(&place.file).unwrap_or_default() };
    let own = report.source.text.as_str().as_bytes();
    let bytes = if is_own { own } else { included.as_slice() };
    let line = bytes.get(start..).unwrap_or_default().split(|byte| *byte == b'\n').next().unwrap_or_default();
    let before = bytes.get(start.saturating_sub(place.column.saturating_sub(1))..start).unwrap_or_default();
    report.add(Diagnostic {
        severity,
        code: "seclang",
        message: sentence(finding),
        help: String::new(),
        file: place.file.clone(),
        line: place.line,
        column: String::from_utf8_lossy(before).chars().count() + 1,
        span: start..end.min(start + line.len()).max(start),
        filter: Some(report.found.filter.name()),
        owner: report.found.owner.clone(),
        path: String::new(),
    });
}
