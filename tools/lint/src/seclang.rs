//! Rules in files of their own.

use crate::check::Report;
use crate::{Diagnostic, Severity};
use portcullis_engine::{CompileError, CompileErrorKind, Document, Options, Waf};
use portcullis_seclang::diagnostic::Diagnostic as SecLangDiagnostic;
use portcullis_seclang::loader::LoadError;
use portcullis_seclang::source::{Sources, Span};
use portcullis_seclang::{Loader, ParseOptions, lint};
use portcullis_waf::{BuiltIn, KNOWN_PATTERNS};
use std::fmt::Display;
use std::ops::Range;

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
            let behind = errors_behind(&name, text, &files);
            behind.iter().for_each(|error| add(error, Severity::Error, &files, report));
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

/// What else is wrong with rules that do not parse: what compiling them would say, without the directives that do not parse.
pub(crate) fn errors_behind(name: &str, text: &[u8], files: &dyn Loader) -> Vec<CompileError> {
    let Err(errors) = portcullis_seclang::parse(name, text, files, ParseOptions::default()) else {
        return Vec::new();
    };
    let mut rest = text.to_vec();
    for error in errors.0.iter().filter(|error| error.place.file == name) {
        blank_directive(&mut rest, error.place.span.start as usize);
    }
    let options = Options { known_patterns: KNOWN_PATTERNS, ..Options::default() };
    let found = Waf::compile(&[Document { name, text: &rest }], &files, &options).err().unwrap_or_default();
    // What may be so only for want of what was taken out is not said.
    let is_certain = |error: &CompileError| {
        use CompileErrorKind as K;
        matches!(
            error.kind,
            K::Operator { .. }
                | K::Pattern { .. }
                | K::XPath { .. }
                | K::Unsupported { .. }
                | K::DuplicateId(_)
        )
    };
    found.into_iter().filter(is_certain).collect()
}

/// Puts blanks in place of a directive, over all of its lines, so that everything else stays where it is.
fn blank_directive(text: &mut [u8], at: usize) {
    let lines: Vec<Range<usize>> = text
        .split_inclusive(|byte| *byte == b'\n')
        .scan(0, |start, line| {
            let range = *start..*start + line.len();
            *start = range.end;
            Some(range)
        })
        .collect();
    let goes_on = |line: &Range<usize>| {
        text.get(line.clone()).is_some_and(|line| line.trim_ascii_end().ends_with(b"\\"))
    };
    let own = lines.partition_point(|line| line.end <= at).min(lines.len().saturating_sub(1));
    let before = lines.iter().take(own).rev().take_while(|line| goes_on(line)).count();
    let after = lines.iter().skip(own).take_while(|line| goes_on(line)).count();
    let directive = lines.iter().skip(own - before).take(before + after + 1).cloned().collect::<Vec<_>>();
    for byte in directive.into_iter().flatten() {
        if let Some(byte) = text.get_mut(byte).filter(|byte| **byte != b'\n') {
            *byte = b' ';
        }
    }
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
