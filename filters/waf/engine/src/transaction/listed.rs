//! Looking values up that a rule puts into variables' names, without setting the variables. See [`Listed`].

use super::{Found, Transaction, ValueId};
use crate::plan::{Condition, Listed, Plan, Rule, RuleId, TxSlot};

impl Transaction {
    /// Whether none of the values is in the list. What else such a rule leaves behind is done then. If not, it is to be run.
    pub(super) fn is_unlisted(&mut self, plan: &Plan, id: RuleId, rule: &Rule, listed: &Listed) -> bool {
        let mut links = rule.links.iter().map(|link| link.condition.as_ref());
        let (Some(Some(each)), Some(Some(list))) = (links.next(), links.next()) else { return false };
        // Tools are told of each variable. Such as others have set could belong to the list's source.
        if crate::is_traced() || !self.memory.removed_targets.is_empty() || !self.memory.tx.named().is_empty()
        {
            return false;
        }
        let mut last = None;
        for target in &each.targets {
            let values = self.static_values(plan, target.source);
            for place in values.clone() {
                let Some(found) = self.static_value(place) else { return false };
                let known = self.known_member(place);
                if listed.number.is_some_and(|number| self.memory.candidates.known.rules_out(known, number)) {
                    continue;
                }
                if !self.look_up(plan, each, list, listed, found) {
                    return false;
                }
                if let Some(number) = listed.number {
                    self.note_not_met(plan, found, known, number);
                }
            }
            last = values.last().and_then(|place| self.static_value(place)).or(last);
        }
        let Some(last) = last else { return false };
        let form = self.form(plan, each, last);
        for capture in 0..10 {
            self.memory.tx.set_slot(TxSlot(capture), Some(form).filter(|_| capture == 0));
        }
        self.current = Some((id, 1));
        self.memory.dynamic.forget_argument();
        self.matched_vars_stale = false;
        self.memory.matched_vars.clear();
        true
    }

    /// Whether a value is not in the list, and nothing else looks at its variable.
    fn look_up(
        &mut self,
        plan: &Plan,
        each: &Condition,
        list: &Condition,
        listed: &Listed,
        found: Found,
    ) -> bool {
        let Some(operator) = list.known_operator() else { return false };
        let form = self.form(plan, each, found);
        let [mut name, mut text] = self.take_texts();
        let form = self.memory.values.bytes(form);
        let [before, after] = &listed.around;
        for part in [before, form, after] {
            text.extend_from_slice(part);
        }
        text.truncate(plan.limits.tx_value);
        name.extend_from_slice(&listed.name);
        name.extend_from_slice(form);
        name.make_ascii_lowercase();
        let is_seen = |id| plan.sources.get(id).is_none_or(|source| source.contains(&name));
        let is_unlisted = matches!(operator.try_evaluate(&text, None), Ok(false))
            && !listed.seen_by.iter().copied().any(is_seen);
        self.memory.values.work.operators += 1;
        self.memory.values.work.operator_bytes += text.len() as u64;
        self.give_texts([name, text]);
        is_unlisted
    }

    fn form(&mut self, plan: &Plan, condition: &Condition, found: Found) -> ValueId {
        self.memory.values.transform(found.value, plan.chains.get(condition.chain), &plan.prefilter)
    }
}
