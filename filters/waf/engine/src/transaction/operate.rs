//! Asking operators.

use std::sync::Arc;

use portcullis_seclang::ast::{OperatorName, VariableName};

use super::{Hex, Memory, RuleState, Transaction, ValueId, debug};
use crate::operators::Operator;
use crate::plan::{Condition, KnownOperator, Operation, Plan, TxSlot};
use crate::profile::measure;

/// Operators whose argument has macros, compiled for the text that the macros gave last. They stay from one
/// transaction to the next, since `%{tx.allowed_methods}` is mostly the same.
#[derive(Debug, Default)]
pub(crate) struct DynamicOperators {
    plan: usize,
    operators: Vec<Option<(Vec<u8>, Option<Operator>)>>,
    /// The one whose macros have been expanded, while nothing can have changed what they stand for.
    current: Option<u32>,
    /// Its argument.
    argument: Vec<u8>,
}

impl DynamicOperators {
    /// Empties the cache if it was made for another rule set.
    pub(crate) fn bind(&mut self, plan: &Arc<Plan>) {
        let plan_at = Arc::as_ptr(plan).addr();
        if self.plan != plan_at {
            self.operators.clear();
            self.plan = plan_at;
        }
    }

    /// Has macros expanded again: another rule runs, or a match has changed what they stand for.
    pub(crate) fn forget_argument(&mut self) {
        self.current = None;
    }

    /// What the macros stood for when an operator was asked last.
    pub(super) fn argument(&self) -> &[u8] {
        &self.argument
    }

    /// The operator for `argument`. `None` if the argument is not valid for it.
    pub(super) fn get(&mut self, index: u32, name: OperatorName, argument: &[u8]) -> Option<&Operator> {
        cached(&mut self.operators, index, name, argument)
    }

    /// The operator for the argument that was expanded last.
    fn get_current(&mut self, index: u32, name: OperatorName) -> Option<&Operator> {
        cached(&mut self.operators, index, name, &self.argument)
    }
}

fn cached<'o>(
    operators: &'o mut Vec<Option<(Vec<u8>, Option<Operator>)>>,
    index: u32,
    name: OperatorName,
    argument: &[u8],
) -> Option<&'o Operator> {
    let index = index as usize;
    if operators.len() <= index {
        operators.resize_with(index + 1, || None);
    }
    let slot = operators.get_mut(index)?;
    if slot.as_ref().is_none_or(|(known, _)| known != argument) {
        let compiled = Operator::compile(name.as_str(), argument, &()).ok();
        *slot = Some((argument.to_vec(), compiled));
    }
    slot.as_ref()?.1.as_ref()
}

impl Transaction {
    /// What the operator itself says, without `!`. Captures go where there are none yet. `unchanged`: the form is the value itself,
    /// which the rule's transformations don't change.
    pub(super) fn ask(
        &mut self,
        plan: &Plan,
        condition: &Condition,
        form: ValueId,
        capture: bool,
        unchanged: bool,
    ) -> bool {
        let supposed = self.supposed_operator(condition);
        if let (Operation::Dynamic { index, .. }, None) = (&condition.operation, supposed)
            && self.memory.dynamic.current != Some(*index)
        {
            let mut argument = std::mem::take(&mut self.memory.dynamic.argument);
            argument.clear();
            self.expand_into(plan, &condition.argument, &mut argument);
            self.memory.dynamic.argument = argument;
            self.memory.dynamic.current = Some(*index);
        }
        let Memory { values, captures, dynamic, .. } = &mut *self.memory;
        let operator = match (&condition.operation, supposed) {
            (Operation::Fixed(operator), _) => operator,
            (Operation::Dynamic { .. }, Some(known)) => &known.operator,
            (Operation::Dynamic { index, name }, None) => match dynamic.get_current(*index, *name) {
                Some(operator) => operator,
                None => return false,
            },
        };
        values.work.operators += 1;
        values.work.operator_bytes += values.len(form) as u64;
        let rule = self.current.and_then(|(rule, _)| plan.rules.get(rule as usize)).map_or(0, |rule| rule.id);
        let what = || format!("rule {rule}, @{}", condition.operator_name);
        match measure(what, || operator.try_evaluate(values.bytes(form), capture.then_some(captures))) {
            Ok(true) => true,
            Ok(false) => {
                // Whatever has these bytes need not be asked about again. If transformations had changed the value, they might do so
                // again, and their result is not known here.
                if let Some(check) = condition.check
                    && unchanged
                    && (supposed.is_some() || condition.known.is_none())
                {
                    values.rule_out(form, check, &plan.prefilter);
                }
                false
            }
            Err(_) => {
                self.note_match_limit(plan, condition);
                false
            }
        }
    }

    /// The operator of a condition whose macros stand for what the plan supposes.
    pub(super) fn supposed_operator<'p>(&self, condition: &'p Condition) -> Option<&'p KnownOperator> {
        condition.known.as_deref().filter(|_| self.as_supposed)
    }

    /// A pattern that can't run on an automaton took too long. ModSecurity v3, `Rx::evaluate`.
    #[inline(never)]
    fn note_match_limit(&mut self, plan: &Plan, condition: &Condition) {
        use VariableName as V;
        let argument: &[u8] = match &condition.operation {
            Operation::Fixed(_) => b"",
            Operation::Dynamic { .. } => &self.memory.dynamic.argument,
        };
        debug!(self, 3, "rx: regex error 'MATCH_LIMIT' for pattern '{}'", String::from_utf8_lossy(argument));
        self.has_doubts = true;
        self.set_flag(V::MscPcreError, true);
        self.set_flag(V::MscPcreLimitsExceeded, true);
        self.memory.dynamic.forget_argument();
        let one = self.memory.values.push(b"1");
        for name in [&b"msc_pcre_error"[..], b"msc_pcre_limits_exceeded"] {
            if let Some(slot) = plan.tx.find(name) {
                self.memory.tx.set_slot(slot, Some(one));
            }
        }
    }

    /// Stores what the operator of a link captures of the value that matched last.
    #[inline(never)]
    pub(super) fn capture(&mut self, condition: &Condition, form: ValueId, state: &mut RuleState) {
        let Operation::Fixed(operator) = &condition.operation else { return };
        let Memory { values, captures, .. } = &mut *self.memory;
        captures.clear();
        operator.capture(values.bytes(form), captures);
        state.note_places(form, captures.places());
        self.store_captures(condition.operator_name);
    }

    /// `TX:0` to `TX:9`. Those that the operator did not capture are unset.
    #[inline(never)]
    pub(super) fn store_captures(&mut self, operator: &str) {
        for index in 0..10 {
            let Memory { values, captures, tx, .. } = &mut *self.memory;
            let value = captures.get(index).map(|bytes| values.push(bytes));
            tx.set_slot(TxSlot(index as u32), value);
            if let Some(value) = value
                && self.debugs(7)
            {
                let text = Hex(self.bytes(value)).to_string();
                match operator {
                    "Rx" | "RxGlobal" => debug!(self, 7, "Added regex subexpression TX.{index}: {text}"),
                    "Pm" | "PmFromFile" => debug!(self, 7, "Added pm match TX.{index}: {text}"),
                    _ => debug!(self, 7, "Added {operator} match TX.{index}: {text}"),
                }
            }
        }
    }
}
