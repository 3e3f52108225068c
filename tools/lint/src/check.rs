//! Loads what was found as the modules do, and gives each complaint its place in the file.

use crate::diagnostic::{Diagnostic, Severity, position};
use crate::source::{Config, Found, Source};
use crate::text::Text;
use crate::tree::{Node, Style, Value};
use crate::{Filter, doubts, seclang};
use portcullis_seclang::Loader;
use sdk_shim::{ConfigError, ConfigErrors, Filter as FilterModule};
use serde_json::Value as Json;
use std::ops::Range;

impl Source {
    /// All that is wrong or doubtful with the file, in the order of the places. `files` has what rules include.
    pub fn check(&self, files: &dyn Loader) -> Vec<Diagnostic> {
        let mut all = self.problems.clone();
        for found in &self.configs {
            let mut report = Report { source: self, found, diagnostics: Vec::new() };
            match &found.config {
                Config::Json(json) => report.json(json),
                Config::SecLang(text) => seclang::check(text, files, &mut report),
            }
            all.extend(report.diagnostics);
        }
        all.sort_by(|a, b| {
            let key = |it: &Diagnostic| (it.file != self.name, it.line, it.column);
            key(a).cmp(&key(b)).then_with(|| b.severity.cmp(&a.severity))
        });
        all.dedup();
        all
    }
}

/// How many unknown members, and such of the wrong type, are said at once.
const MAX_WRONG_MEMBERS: usize = 50;

/// The most bytes of a name for which a similar one is looked for.
const MAX_MISSPELT: usize = 64;

/// The most characters of a message.
const MAX_MESSAGE: usize = 1000;

/// What is said of one configuration.
pub(crate) struct Report<'a> {
    pub(crate) source: &'a Source,
    pub(crate) found: &'a Found,
    diagnostics: Vec<Diagnostic>,
}

/// Which part of a member is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Name,
    Value,
}

impl Report<'_> {
    fn json(&mut self, json: &[u8]) {
        match self.found.filter {
            Filter::Waf => {
                self.load::<portcullis_waf::WafFilter>(json);
                doubts::errors_behind(json, self);
                doubts::rules(json, self);
            }
            Filter::Canary => {
                self.load::<portcullis_canary::CanaryFilter>(json);
                doubts::releases(json, self);
            }
            Filter::Affinity => self.load::<portcullis_affinity::AffinityFilter>(json),
            Filter::Authz => self.load::<portcullis_authz::AuthzFilter>(json),
        }
        self.repeated_members();
        doubts::secrets(self);
    }

    fn load<F: FilterModule>(&mut self, json: &[u8]) {
        let environment = |name: &str| self.found.variables.stand_in(name);
        match sdk_shim::load::<F>(json, &environment) {
            Ok(loaded) => {
                for warning in &loaded.warnings {
                    let path = leading_path(warning);
                    let rest = warning.get(path.len()..).unwrap_or_default();
                    let message =
                        if self.resolves(path) { rest.trim_start_matches([':', ' ']) } else { warning };
                    let (path, message) = (if message == warning { "" } else { path }, message.to_owned());
                    self.at_path(Severity::Warning, "config", path, Part::Value, message, "");
                }
            }
            Err(errors) => {
                errors.iter().for_each(|error| self.refusal(error));
                self.load_without_wrong_members::<F>(json, errors);
            }
        }
    }

    /// Reading ends with the first member that is unknown or of the wrong type. Without that member it goes on: once more for
    /// each, as long as each is another.
    fn load_without_wrong_members<F: FilterModule>(&mut self, json: &[u8], mut errors: ConfigErrors) {
        let Ok(mut value) = serde_json::from_slice::<Json>(json) else { return };
        let environment = |name: &str| self.found.variables.stand_in(name);
        let mut removed = Vec::new();
        while removed.len() < MAX_WRONG_MEMBERS {
            let mut all = errors.iter();
            let (Some(error), None) = (all.next(), all.next()) else { return };
            let path = error.path().as_str().to_owned();
            if !ends_reading(error) || !remove(&mut value, &path) {
                return;
            }
            removed.push(path);
            let Err(found) = sdk_shim::load::<F>(value.to_string().as_bytes(), &environment) else { return };
            // What is wrong for want of what was taken out is not.
            let is_new = |error: &&ConfigError| {
                let path = error.path().as_str();
                !removed.iter().any(|removed| removed.starts_with(path) || path.starts_with(removed.as_str()))
            };
            found.iter().filter(is_new).for_each(|error| self.refusal(error));
            errors = found;
        }
    }

    /// What a module says when it refuses its configuration.
    fn refusal(&mut self, error: &ConfigError) {
        let (path, found, expected) = (error.path().as_str(), error.found(), error.expected());
        if let Some(offset) = self.offset_in(found) {
            // JSON that does not parse: there is no tree to find a path in.
            let message = before_position(found).to_owned();
            return self.at_bytes(Severity::Error, "json", path, offset..offset + 1, message, expected);
        }
        if expected.is_empty() && self.of_rules(path, found) {
            return;
        }
        let is_of_name = found.starts_with("unknown field ") || found.starts_with("field ");
        let part = if is_of_name { Part::Name } else { Part::Value };
        if part == Part::Value && self.is_unknown_here(path) {
            return;
        }
        let message = if expected.is_empty() { found.to_owned() } else { format!("found {found}") };
        let help = match suggestion(found, expected) {
            _ if expected.is_empty() => String::new(),
            Some(name) => format!("did you mean `{name}`? Expected {expected}"),
            None => format!("expected {expected}"),
        };
        let help = match self.plain_boolean(path) {
            Some(word) => format!("{help}: YAML reads the word {word} as a boolean, so write \"{word}\""),
            None => help,
        };
        self.at_path(Severity::Error, "config", path, part, message, &help);
    }

    /// A message about rules that stand in the configuration: `name:line:column: text`, then an excerpt of its own.
    fn of_rules(&mut self, path: &str, text: &str) -> bool {
        let Some((name, texts)) = self.rules_at(path) else { return false };
        let first = text.lines().next().unwrap_or_default();
        let Some(rest) = first.strip_prefix(&format!("{name}:")) else { return false };
        let mut parts = rest.splitn(3, ':');
        let mut number = || parts.next().and_then(|part| part.parse::<usize>().ok());
        let (Some(line), Some(column)) = (number(), number()) else { return false };
        let message = parts.next().unwrap_or_default().trim_start().to_owned();
        let Some(bytes) = place_in(&texts, line, column) else { return false };
        let caret = text.lines().last().map_or(1, |line| line.matches('^').count()).max(1);
        self.in_file(Severity::Error, "seclang", path, bytes..bytes + caret, message, "");
        true
    }

    /// The name of the rule set at a path, and its texts.
    pub(crate) fn rules_at(&self, path: &str) -> Option<(String, Vec<Text>)> {
        let name = path.strip_prefix("directives_map.")?;
        let list = self.found.tree.as_ref()?.at(&["directives_map", name])?;
        let texts = list.elements().iter().filter_map(|element| match &element.value {
            Value::Scalar { text, style, .. } => {
                Some(Text::of_scalar(&self.found.text, element.start, *style, text))
            }
            _ => None,
        });
        Some((name.to_owned(), texts.collect()))
    }

    /// A member twice, which YAML lets stand and whoever delivers the manifest decides. In JSON the filter says it.
    fn repeated_members(&mut self) {
        let Some(tree) = &self.found.tree else { return };
        let mut found = Vec::new();
        repeated(tree, &mut found);
        for (span, name) in found {
            let message = format!("`{name}` is there twice, and only one of them counts");
            let known = self
                .diagnostics
                .iter()
                .any(|it| it.message.contains("twice") && it.span == self.mapped(&span));
            if !known {
                self.at_bytes(Severity::Error, "config", "", span, message, "each member once");
            }
        }
    }

    /// Adds a finding at a place of the configuration. Where the path is not all there, its end is missing.
    pub(crate) fn at_path(
        &mut self,
        severity: Severity,
        code: &'static str,
        path: &str,
        part: Part,
        message: String,
        help: &str,
    ) {
        let bytes = match self.found.tree.as_ref().map(|tree| locate(tree, path)) {
            Some(place) => place.bytes(part),
            None => self.found.start..self.found.start + 1,
        };
        self.at_bytes(severity, code, path, bytes, message, help);
    }

    fn at_bytes(
        &mut self,
        severity: Severity,
        code: &'static str,
        path: &str,
        bytes: Range<usize>,
        message: String,
        help: &str,
    ) {
        let span = self.mapped(&bytes);
        self.in_file(severity, code, path, span, message, help);
    }

    fn mapped(&self, bytes: &Range<usize>) -> Range<usize> {
        let text = &self.found.text;
        let start = text.in_file(bytes.start);
        start..text.in_file(bytes.end.saturating_sub(1).max(bytes.start)) + 1
    }

    /// Adds a finding at bytes of the file.
    pub(crate) fn in_file(
        &mut self,
        severity: Severity,
        code: &'static str,
        path: &str,
        span: Range<usize>,
        message: String,
        help: &str,
    ) {
        let text = self.source.text.as_str();
        let start = span.start.min(text.len());
        let (line, column) = position(text, start);
        self.add(Diagnostic {
            severity,
            code,
            message: shortened(&message),
            help: shortened(help),
            file: self.source.name.clone(),
            line,
            column,
            span: start..span.end.clamp(start, text.len()),
            filter: Some(self.found.filter.name()),
            owner: self.found.owner.clone(),
            path: shortened(path),
        });
    }

    pub(crate) fn add(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Whether everything that was said so far lets the configuration be loaded.
    pub(crate) fn is_without_errors(&self, path: &str) -> bool {
        !self.diagnostics.iter().any(|it| it.severity == Severity::Error && it.path == path)
    }

    fn resolves(&self, path: &str) -> bool {
        !path.is_empty() && self.found.tree.as_ref().is_some_and(|tree| locate(tree, path).is_complete)
    }

    /// Whether a variable of which only the host knows the value stands at the path.
    fn is_unknown_here(&self, path: &str) -> bool {
        let place = self.found.tree.as_ref().map(|tree| locate(tree, path));
        let text = place.filter(|place| place.is_complete).and_then(|place| place.node.as_str());
        text.is_some_and(|text| references(text).any(|name| self.found.variables.is_unknown(name)))
    }

    /// A word at the path that YAML 1.1 reads as a boolean and people do not.
    fn plain_boolean(&self, path: &str) -> Option<&str> {
        let place =
            self.found.tree.as_ref().map(|tree| locate(tree, path)).filter(|place| place.is_complete)?;
        let Value::Scalar { text, style: Style::Plain, is_tagged_text: false } = &place.node.value else {
            return None;
        };
        let is_it = ["on", "off", "yes", "no", "y", "n"].iter().any(|word| text.eq_ignore_ascii_case(word));
        is_it.then_some(text)
    }

    /// The byte that ` at line 3 column 5` in serde_json's messages means.
    fn offset_in(&self, message: &str) -> Option<usize> {
        let (_, position) = message.rsplit_once(" at line ")?;
        let (line, column) = position.split_once(" column ")?;
        // serde_json says behind which byte it stopped.
        let column = column.parse::<usize>().ok()?.max(1);
        Some(self.found.text.offset(line.parse().ok()?, column))
    }
}

/// Where the byte at a line and column of joined texts stands in the file.
pub(crate) fn place_in(texts: &[Text], line: usize, column: usize) -> Option<usize> {
    let (joined, starts) = Text::joined(texts);
    let offset = Text::of_file(joined).offset(line, column);
    let index = starts.partition_point(|start| *start <= offset).checked_sub(1)?;
    Some(texts.get(index)?.in_file(offset - starts.get(index)?))
}

/// What is said quotes what it found, which may be long.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The names of the variables that a text refers to.
pub(crate) fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

struct Place<'a> {
    name: Option<&'a Node>,
    node: &'a Node,
    is_complete: bool,
}

impl Place<'_> {
    /// A scalar itself; of a list or an object its name, or where it begins.
    fn bytes(&self, part: Part) -> Range<usize> {
        let is_scalar = matches!(self.node.value, Value::Scalar { .. });
        match self.name {
            Some(name) if part == Part::Name || !is_scalar => name.start..name.end,
            _ if is_scalar => self.node.start..self.node.end.max(self.node.start + 1),
            _ => self.node.start..self.node.start + 1,
        }
    }
}

/// The value at a path such as `policies[2].rules[0].to`, or the last one before that is there. Names may hold dots.
fn locate<'a>(tree: &'a Node, path: &str) -> Place<'a> {
    let mut place = Place { name: None, node: tree, is_complete: true };
    let mut rest = path;
    while !rest.is_empty() {
        let next = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((index, after)) => {
                let element = index.parse::<usize>().ok().and_then(|index| place.node.elements().get(index));
                element.map(|element| (None, element, after))
            }
            None => member(place.node, rest.trim_start_matches('.')),
        };
        let Some((name, node, after)) = next else {
            place.is_complete = false;
            break;
        };
        place = Place { name, node, is_complete: true };
        rest = after;
    }
    place
}

/// The member with the longest name that the path begins with, and the rest of the path.
fn member<'a, 'p>(node: &'a Node, path: &'p str) -> Option<(Option<&'a Node>, &'a Node, &'p str)> {
    let fits = node.members().iter().filter_map(|(name, value)| {
        let text = name.as_str()?;
        let after = path.strip_prefix(text)?;
        (after.is_empty() || after.starts_with(['.', '['])).then_some((text.len(), name, value, after))
    });
    // Of members of the same name the last counts.
    fits.max_by_key(|(length, ..)| *length).map(|(_, name, value, after)| (Some(name), value, after))
}

/// Whether it is about what could not be read, in serde's words for that, and not about what it means.
fn ends_reading(error: &ConfigError) -> bool {
    let words = ["unknown", "string", "integer", "floating", "boolean", "map", "sequence", "null", "`"];
    words.iter().any(|word| error.found().starts_with(word))
}

/// Takes a member out of an object. Elements of lists stay, as all behind them would have other paths.
fn remove(value: &mut Json, path: &str) -> bool {
    if let Some(rest) = path.strip_prefix('[') {
        let Some((index, rest)) = rest.split_once(']') else { return false };
        let element = index.parse::<usize>().ok().and_then(|index| value.get_mut(index));
        return element.is_some_and(|element| remove(element, rest.trim_start_matches('.')));
    }
    let Some(members) = value.as_object_mut() else { return false };
    if members.remove(path).is_some() {
        return true;
    }
    let fits =
        |name: &&String| path.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with(['.', '[']));
    let Some(name) = members.keys().filter(fits).max_by_key(|name| name.len()).cloned() else { return false };
    let rest = path.get(name.len()..).unwrap_or_default().trim_start_matches('.');
    members.get_mut(&name).is_some_and(|member| remove(member, rest))
}

fn repeated(node: &Node, found: &mut Vec<(Range<usize>, String)>) {
    match &node.value {
        Value::Scalar { .. } => {}
        Value::List(elements) => elements.iter().for_each(|element| repeated(element, found)),
        Value::Map(members) => {
            let mut seen = std::collections::BTreeSet::new();
            for (name, value) in members {
                if let Some(text) = name.as_str()
                    && !seen.insert(text)
                {
                    found.push((name.start..name.end, text.to_owned()));
                }
                repeated(value, found);
            }
        }
    }
}

/// The path that a message begins with, if it does.
fn leading_path(message: &str) -> &str {
    let word = message.split_ascii_whitespace().next().unwrap_or_default();
    word.trim_end_matches([':', ','])
}

fn before_position(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(text, _)| text)
}

/// The expected name that is most like the one found.
fn suggestion<'a>(found: &str, expected: &'a str) -> Option<&'a str> {
    let kinds = ["unknown field `", "unknown variant `"];
    let written = kinds.iter().find_map(|kind| found.strip_prefix(kind))?.trim_end_matches('`');
    if written.len() > MAX_MISSPELT {
        return None;
    }
    let names = expected.split('`').skip(1).step_by(2);
    let likeness = |name: &str| strsim::normalized_damerau_levenshtein(written, name);
    let best = names.max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= 0.5).then_some(best)
}
