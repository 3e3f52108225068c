//! What became of every annotation.

use crate::annotations::{self, Handling};
use crate::manifest::Ingress;
use serde::Serialize;
use std::fmt;

/// What became of all annotations: one finding for each annotation of each Ingress, and for settings of the controller that
/// change how Ingresses are served.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// In the order of the Ingresses.
    pub findings: Vec<Finding>,
}

/// What became of an annotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file.
    pub file: String,
    /// Namespace and name of the Ingress, or of the ConfigMap.
    pub object: String,
    /// The annotation without its prefix, or the setting.
    pub name: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What there is to know or to do; empty where it is carried over and that is all.
    pub text: String,
}

/// What became of an annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is carried over.
    Carried,
    /// It is carried over, and there is something to know.
    Note,
    /// It is not carried over; the text says what to do instead.
    NotCarried,
}

impl Outcome {
    /// For tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Carried => "carried",
            Self::Note => "note",
            Self::NotCarried => "NOT CARRIED",
        }
    }
}

impl Report {
    /// Whether everything was carried over.
    pub fn is_complete(&self) -> bool {
        self.findings.iter().all(|finding| finding.outcome != Outcome::NotCarried)
    }

    /// Enters every annotation with ingress-nginx's prefix as what the table says of it.
    pub(crate) fn begin(&mut self, ingress: &Ingress, prefix: &str) {
        for (key, value) in &ingress.annotations {
            let Some(name) = key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')) else {
                continue;
            };
            let (outcome, text) = match annotations::find(name) {
                Some(known) => match known.handling {
                    Handling::Carried | Handling::Partly => (Outcome::Carried, String::new()),
                    Handling::NotNeeded => (Outcome::Note, format!("not needed: {}", known.instead)),
                    Handling::No if value == "false" => (Outcome::Note, "off, as it is here".to_owned()),
                    Handling::No => (Outcome::NotCarried, known.instead.to_owned()),
                },
                None => (Outcome::NotCarried, format!("no annotation of ingress-nginx{}", meant(name))),
            };
            self.findings.push(Finding {
                file: ingress.file.clone(),
                object: ingress.id(),
                name: name.to_owned(),
                outcome,
                text,
            });
        }
    }

    /// There is something to know.
    pub(crate) fn note(&mut self, ingress: &Ingress, name: &str, text: impl Into<String>) {
        self.add(&ingress.file, &ingress.id(), name, Outcome::Note, text.into());
    }

    /// It is not carried over.
    pub(crate) fn not_carried(&mut self, ingress: &Ingress, name: &str, text: impl Into<String>) {
        self.add(&ingress.file, &ingress.id(), name, Outcome::NotCarried, text.into());
    }

    /// Of a setting that is not an Ingress'.
    pub(crate) fn setting(&mut self, object: &str, name: &str, outcome: Outcome, text: impl Into<String>) {
        self.add("", object, name, outcome, text.into());
    }

    fn add(&mut self, file: &str, object: &str, name: &str, outcome: Outcome, text: String) {
        let known = self.findings.iter_mut().find(|finding| finding.object == object && finding.name == name);
        match known {
            Some(finding) => {
                finding.outcome = finding.outcome.max(outcome);
                if !finding.text.contains(&text) {
                    let between = if finding.text.is_empty() { "" } else { "; " };
                    finding.text = format!("{}{between}{text}", finding.text);
                }
            }
            None => self.findings.push(Finding {
                file: file.to_owned(),
                object: object.to_owned(),
                name: name.to_owned(),
                outcome,
                text,
            }),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut object = None;
        for finding in &self.findings {
            if object != Some(&finding.object) {
                object = Some(&finding.object);
                let from =
                    if finding.file.is_empty() { String::new() } else { format!(" ({})", finding.file) };
                writeln!(f, "{}{from}", finding.object)?;
            }
            let Finding { name, outcome, text, .. } = finding;
            let line = format!("  {:<11}  {name:<28}  {text}", outcome.as_str());
            writeln!(f, "{}", line.trim_end())?;
        }
        let count = |wanted| self.findings.iter().filter(|finding| finding.outcome == wanted).count();
        let [carried, notes, not] = [Outcome::Carried, Outcome::Note, Outcome::NotCarried].map(count);
        writeln!(f, "\n{carried} carried, {notes} carried with a note, {not} not carried")
    }
}

/// The known annotation that is nearest, if one is near.
fn meant(name: &str) -> String {
    let near = annotations::ANNOTATIONS.iter().map(|known| (distance(name, known.name), known.name)).min();
    match near {
        Some((distance, known)) if distance <= 3 => format!("; did you mean {known}?"),
        _ => String::new(),
    }
}

/// Levenshtein's.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, left) in one.bytes().take(64).enumerate() {
        let mut before = index;
        let mut last = index + 1;
        let mut next = vec![last];
        for (right, above) in other.bytes().zip(row.iter().skip(1)) {
            let best = (before + usize::from(left != right)).min(above + 1).min(last + 1);
            before = *above;
            last = best;
            next.push(best);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
