//! Reads annotations as ingress-nginx does (internal/ingress/annotations/parser): what it would not understand is reported, and
//! counts as absent.

use crate::manifest::Ingress;
use crate::report::Report;

/// The annotations of an Ingress.
pub(crate) struct Reader<'a> {
    pub(crate) ingress: &'a Ingress,
    pub(crate) prefix: &'a str,
    pub(crate) report: &'a mut Report,
}

impl<'a> Reader<'a> {
    /// The value, without the blanks around it. An empty one counts as none.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        let value = self.ingress.annotations.get(&format!("{}/{name}", self.prefix))?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// As Go's strconv.ParseBool.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        let value = self.text(name)?;
        match value {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
            _ => self.refused(name, format!("found {value:?}, expected \"true\" or \"false\"")),
        }
    }

    pub(crate) fn number(&mut self, name: &str) -> Option<i64> {
        let value = self.text(name)?;
        match value.parse() {
            Ok(number) => Some(number),
            Err(_) => self.refused(name, format!("found {value:?}, expected a whole number")),
        }
    }

    /// One of these, in any case.
    pub(crate) fn one_of(&mut self, name: &str, known: &[&'static str]) -> Option<&'static str> {
        let value = self.text(name)?;
        match known.iter().find(|known| known.eq_ignore_ascii_case(value)) {
            Some(known) => Some(known),
            None => self.refused(name, format!("found {value:?}, expected {}", known.join(" or "))),
        }
    }

    pub(crate) fn note(&mut self, name: &str, text: impl Into<String>) {
        if self.text(name).is_some() {
            self.report.note(self.ingress, name, text);
        }
    }

    pub(crate) fn not_carried(&mut self, name: &str, text: impl Into<String>) {
        self.report.not_carried(self.ingress, name, text);
    }

    fn refused<T>(&mut self, name: &str, text: String) -> Option<T> {
        self.report.not_carried(self.ingress, name, text);
        None
    }
}
