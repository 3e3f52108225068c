//! `@validateDTD` on the body. ModSecurity v3, `validate_dtd.cc`: it matches what is not valid, what is not well formed, and what is no
//! XML body at all. The DTD is a file of the rule set, read when the rules are loaded and refused there if it is none.

use portcullis_seclang::ast::VariableName;
use portcullis_xml::Dtd;
use portcullis_xml::dtd::Validity;

use super::{Found, RuleState, Transaction, debug};
use crate::body::Limits;
use crate::plan::{Condition, Link, Plan};

impl Transaction {
    /// Whether the link matches: the variables that it names do not matter.
    #[inline(never)]
    pub(super) fn validate(
        &mut self,
        plan: &Plan,
        index: usize,
        link: &Link,
        condition: &Condition,
        dtd: &Dtd,
        state: &mut RuleState,
    ) -> bool {
        if self.is_valid(plan, condition, dtd) != condition.negated {
            return false;
        }
        // What ModSecurity has for the value of a whole document.
        let value = self.memory.values.push(b"[XML document tree]");
        let found = Found { variable: VariableName::Xml, key: None, value };
        state.last = Some((index, found));
        self.note_match(plan, found);
        self.run_independent(plan, link, state);
        true
    }

    fn is_valid(&mut self, plan: &Plan, condition: &Condition, dtd: &Dtd) -> bool {
        let Some(document) = self.document else {
            debug!(self, 4, "XML document tree could not be found for DTD validation.");
            return false;
        };
        let limits = Limits { depth: plan.settings.json_depth_limit, ..Limits::default() };
        match dtd.validate(self.memory.values.bytes(document), &limits.of_xml()) {
            Validity::Valid => {
                let name = self.expand(plan, &condition.argument);
                debug!(
                    self,
                    4,
                    "XML: Successfully validated payload against DTD: {}",
                    String::from_utf8_lossy(&name)
                );
                true
            }
            Validity::NotWellFormed => {
                debug!(self, 4, "XML: DTD validation failed because content is not well formed.");
                false
            }
            Validity::Invalid(violations) => {
                for violation in violations {
                    debug!(self, 4, "XML Error: {violation}");
                }
                debug!(self, 4, "XML: DTD validation failed.");
                false
            }
        }
    }
}
