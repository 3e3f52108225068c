//! The debug log, in the words of ModSecurity v3, so that its manuals and tests apply.

use std::fmt;

use super::Transaction;
use crate::plan::{Condition, Plan, Select};

/// Takes the lines of the debug log.
pub trait DebugSink {
    /// One line of the given level, 1 (errors) to 9 (everything).
    fn line(&mut self, level: u8, text: &str);
}

impl<F: FnMut(u8, &str)> DebugSink for F {
    fn line(&mut self, level: u8, text: &str) {
        self(level, text);
    }
}

/// Writes a line if somebody listens. The arguments are not evaluated otherwise.
macro_rules! debug {
    ($tx:expr, $level:expr, $($argument:tt)*) => {
        if $tx.debugs($level) {
            let line = $crate::transaction::Transaction::debug_line(format_args!($($argument)*));
            $tx.write_debug($level, line);
        }
    };
}
pub(crate) use debug;

impl Transaction {
    pub(crate) fn debugs(&self, level: u8) -> bool {
        self.debug.is_some() && level <= self.debug_level
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn write_debug(&mut self, level: u8, line: String) {
        if let Some(sink) = &mut self.debug {
            sink.line(level, &line);
        }
    }

    /// The namespaces that a rule binds for its expressions. ModSecurity v3, `XML::evaluate`.
    #[cold]
    #[inline(never)]
    pub(super) fn debug_namespaces(&mut self, plan: &Plan, condition: &Condition) {
        for target in &condition.targets {
            let select = plan.sources.get(target.source).map(|source| &source.select);
            let Some(Select::XPath(expression)) = select else { continue };
            for (_, line) in plan.namespaces.iter().filter(|(known, _)| **known == **expression) {
                self.write_debug(4, line.clone());
            }
        }
    }

    /// `format!` apart, of which parts are inlined where it stands.
    #[cold]
    #[inline(never)]
    pub(crate) fn debug_line(text: fmt::Arguments<'_>) -> String {
        fmt::format(text)
    }
}

/// Bytes for a log: those that are not printable ASCII as `\xhh`.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for run in self.0.chunk_by(|a, b| is_shown(*a) && is_shown(*b)) {
            match (run, str::from_utf8(run)) {
                ([byte, ..], Ok(text)) if is_shown(*byte) => f.write_str(text)?,
                _ => run.iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?,
            }
        }
        Ok(())
    }
}

impl Hex<'_> {
    /// How long the text is, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|byte| if is_shown(*byte) { 1 } else { 4 }).sum()
    }
}

fn is_shown(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e)
}

#[cfg(test)]
mod tests {
    use super::Hex;

    #[test]
    fn what_is_not_printable_is_shown_by_its_number() {
        for (bytes, shown) in [
            (&b""[..], ""),
            (b"plain", "plain"),
            (b"\x00\xffa b\x7f", r"\x00\xffa b\x7f"),
            (b"\n", r"\x0a"),
            ("é!".as_bytes(), r"\xc3\xa9!"),
        ] {
            assert_eq!(Hex(bytes).to_string(), shown);
            assert_eq!(Hex(bytes).len(), shown.len());
        }
    }
}
