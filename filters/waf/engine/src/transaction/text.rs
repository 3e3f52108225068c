//! Macro expansion.

use super::{Memory, Transaction};
use crate::plan::{Part, Plan, Text};

/// The memory that buffers of texts keep, in bytes.
const KEPT_TEXT: usize = 4096;

impl Transaction {
    /// Two empty buffers, which keep their memory if they are given back.
    pub(crate) fn take_texts(&mut self) -> [Vec<u8>; 2] {
        std::mem::take(&mut self.memory.texts)
    }

    pub(crate) fn give_texts(&mut self, mut texts: [Vec<u8>; 2]) {
        for text in &mut texts {
            text.clear();
            text.shrink_to(KEPT_TEXT);
        }
        self.memory.texts = texts;
    }

    pub(crate) fn expand(&mut self, plan: &Plan, text: &Text) -> Vec<u8> {
        let mut out = Vec::new();
        self.expand_into(plan, text, &mut out);
        out
    }

    /// Appends the text with its macros replaced by the first value of their variables; by nothing if there is none.
    pub(crate) fn expand_into(&mut self, plan: &Plan, text: &Text, out: &mut Vec<u8>) {
        let parts = match text {
            Text::Literal(text) => return out.extend_from_slice(text),
            Text::Macro(parts) => parts,
        };
        for part in parts {
            match part {
                Part::Literal(text) => out.extend_from_slice(text),
                Part::Tx(slot) => {
                    let Memory { values, tx, .. } = &*self.memory;
                    let text = tx.slot_bytes(*slot, &plan.constants, values);
                    out.extend_from_slice(text.unwrap_or_default());
                }
                Part::Rule(field) => {
                    let value = self.rule_field(plan, field);
                    out.extend_from_slice(&value.unwrap_or_default());
                }
                // A name that is read for each match need not be a value.
                Part::Variable(source) if plan.sources.is_matched_name(*source) && !self.debugs(9) => {
                    if let Some(last) = self.memory.matched_vars.last() {
                        self.write_full_name(last, out);
                    }
                }
                Part::Variable(source) => {
                    let mut found = std::mem::take(&mut self.memory.found);
                    let at = found.len();
                    self.resolve(plan, *source, &mut found);
                    if let Some(first) = found.get(at) {
                        out.extend_from_slice(self.memory.values.bytes(first.value));
                    }
                    found.truncate(at);
                    self.memory.found = found;
                }
            }
        }
    }
}
