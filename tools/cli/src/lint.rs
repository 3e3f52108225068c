use crate::error::Error;
use crate::filter::FilterName;
use crate::{Outcome, Output, files};
use portcullis_lint::{Diagnostic, MAX_FILE_BYTES, ReadOptions, Severity, Source, render, seclang};
use portcullis_seclang::Loader;
use portcullis_seclang::loader::FileSystem;
use serde::Serialize;
use std::io::{IsTerminal, Write};

/// Check configurations, as the filters check them when they load
///
/// Finds them in a filter's own JSON or YAML, in manifests (Istio's WasmPlugin, TrafficExtension and EnvoyFilter, Envoy
/// Gateway's EnvoyExtensionPolicy, Consul's builtin/wasm), in Envoy's configuration, in values for the Helm chart, and in
/// files of SecLang rules. Says everything at once. Exit status 1 if there are errors.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Files of at most 16 MiB, directories (their *.yaml, *.yml, *.json and *.conf), or - for standard input
    #[arg(required = true, value_name = "CONFIG")]
    configs: Vec<String>,
    /// For which filter a file is that says nothing of it
    #[arg(long)]
    filter: Option<FilterName>,
    /// Exit with 1 if there are warnings, too
    #[arg(long)]
    deny_warnings: bool,
}

/// The result, for programs.
#[derive(Debug, Serialize)]
struct Report {
    files: usize,
    configurations: Vec<Checked>,
    errors: usize,
    warnings: usize,
    diagnostics: Vec<Diagnostic>,
    /// Files that cannot be read, and why.
    unreadable: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Checked {
    file: String,
    filter: &'static str,
    owner: String,
}

pub(crate) fn run(arguments: &Arguments, output: &mut Output) -> Result<Outcome, Error> {
    let names = files::in_directories(&arguments.configs, &["yaml", "yml", "json", "conf", "hcl"])?;
    let options = ReadOptions { filter: arguments.filter.map(Into::into) };
    let loader = FileSystem::new(".");
    let progress = progress(names.len());
    let mut report = Report {
        files: names.len(),
        configurations: Vec::new(),
        errors: 0,
        warnings: 0,
        diagnostics: Vec::new(),
        unreadable: Vec::new(),
    };
    let mut texts = Vec::new();
    for name in &names {
        progress.set_message(name.clone());
        let bytes = match files::read(name, MAX_FILE_BYTES) {
            Ok(bytes) => bytes,
            // With nothing else to say, that is all there is.
            Err(error) if names.len() == 1 => return Err(error),
            Err(error) => {
                texts.push(format!("\u{1b}[1;31merror\u{1b}[0m: {error}"));
                report.unreadable.push(error.to_string());
                continue;
            }
        };
        let source = Source::read(files::display(name), &bytes, &options);
        let checked = source.configs.iter().map(|found| Checked {
            file: source.name.clone(),
            filter: found.filter.name(),
            owner: found.owner.clone(),
        });
        report.configurations.extend(checked);
        for diagnostic in source.check(&loader) {
            match diagnostic.severity {
                Severity::Error => report.errors += 1,
                Severity::Warning => report.warnings += 1,
                Severity::Note => {}
            }
            if !output.is_json() {
                texts.push(shown(&diagnostic, &source, &loader));
            }
            report.diagnostics.push(diagnostic);
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    let is_silent = report.diagnostics.is_empty() && report.unreadable.is_empty();
    if report.configurations.is_empty() && is_silent {
        let names: Vec<&str> = arguments.configs.iter().map(|name| files::display(name)).collect();
        let problem = "no configuration of a filter is in there: neither a filter's own, nor a manifest, \
                       nor Envoy's configuration with one, nor rules; --filter says what a file is";
        return Err(Error::unusable(names.join(", "), problem));
    }
    if output.is_json() {
        output.json(&report)?;
    } else {
        texts.iter().try_for_each(|text| output.line(format_args!("{text}\n")))?;
        output.line(summary(&report))?;
    }
    if !report.unreadable.is_empty() {
        return Ok(Outcome::Unreadable);
    }
    let is_refused = report.errors > 0 || arguments.deny_warnings && report.warnings > 0;
    Ok(if is_refused { Outcome::Findings } else { Outcome::Fine })
}

/// The diagnostic with its excerpt, which may be of a file that rules include.
fn shown(diagnostic: &Diagnostic, source: &Source, loader: &FileSystem) -> String {
    if diagnostic.file == source.name {
        return render(diagnostic, source.text.as_str(), true);
    }
    let files = seclang::Files::new(b"", loader);
    let text = files.read(&diagnostic.file).unwrap_or_default();
    render(diagnostic, &String::from_utf8_lossy(&text), true)
}

fn summary(report: &Report) -> String {
    let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    format!(
        "{} in {}: {}, {}",
        count(report.configurations.len(), "configuration"),
        count(report.files, "file"),
        count(report.errors, "error"),
        count(report.warnings, "warning")
    )
}

/// A bar on a terminal, for more than a few files.
fn progress(files: usize) -> indicatif::ProgressBar {
    if files < 8 || !std::io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let _ = std::io::stderr().flush();
    indicatif::ProgressBar::new(files as u64).with_message("")
}
