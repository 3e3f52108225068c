use crate::error::Error;
use serde::Serialize;
use std::fmt::Display;
use std::io::Write;

/// Where results go: standard output, as text or as JSON. Messages go to standard error.
#[derive(Debug)]
pub(crate) struct Output {
    is_json: bool,
}

impl Output {
    pub(crate) fn new(is_json: bool) -> Self {
        Self { is_json }
    }

    /// Whether the result is wanted as JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.is_json
    }

    /// Writes text as it is. ANSI colours in it are taken out where nobody would see them.
    pub(crate) fn text(&mut self, text: impl Display) -> Result<(), Error> {
        let mut stdout = anstream::stdout().lock();
        write!(stdout, "{text}")?;
        Ok(stdout.flush()?)
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, text: impl Display) -> Result<(), Error> {
        self.text(format_args!("{text}\n"))
    }

    /// Writes a value as indented JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(value).map_err(std::io::Error::from)?;
        self.line(text)
    }

    /// Says why there is no result, to standard error; with `--json` also as an object with the member `error`.
    pub(crate) fn error(&mut self, error: &Error) {
        if self.is_json {
            // Nothing is left to do where that fails, too.
            let _ = self.json(&serde_json::json!({ "error": error.to_string() }));
        }
        let _ = writeln!(anstream::stderr(), "\u{1b}[1;31merror\u{1b}[0m: {error}");
    }
}
