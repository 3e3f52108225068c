//! Rules that put each value into the name of a TX variable, and look all these variables up in a list: 920450 of the Core Rule
//! Set, which does so with the names of headers.
//!
//! As long as no other rule can see these variables, it is enough to set them where one is in the list. What was looked up in
//! vain is remembered with a value as a condition is that it does not meet.

use super::{CheckId, Condition, KeyName, Link, Operation, Part, Plan, Rule, Select, SourceId, Text, TxSlot};
use crate::actions::{Action, SetVar, SetVarOp};
use portcullis_seclang::ast::{Collection, VariableName};

/// See the module.
#[derive(Debug)]
pub(crate) struct Listed {
    /// A number as conditions have it: set until a value was looked up in vain.
    pub(crate) number: Option<CheckId>,
    /// What stands before the value in the variable's name.
    pub(crate) name: Box<[u8]>,
    /// What stands before and behind the value in the variable.
    pub(crate) around: [Box<[u8]>; 2],
    /// What else looks at TX variables, by patterns for their names: where one of these has the variable, it is set.
    pub(crate) seen_by: Vec<SourceId>,
}

impl Listed {
    /// For a rule of this kind, without a number.
    #[inline(never)]
    pub(super) fn of(plan: &Plan, rule: &Rule) -> Option<Self> {
        let [each, list] = rule.links.as_slice() else { return None };
        let [set_var] = each.set_vars.as_slice() else { return None };
        if rule.open || !takes_each_value(plan, each) || set_var.collection != Collection::Tx {
            return None;
        }
        let (KeyName::Text(name), SetVarOp::Set(value)) = (&set_var.key, &set_var.op) else { return None };
        let [name, nothing] = around_value(name).filter(|[name, _]| !name.is_empty())?;
        let around = around_value(value)?;
        let own = looked_up(plan, list, &name)?;
        if !nothing.is_empty() || others_set(plan, own, set_var) {
            return None;
        }
        let mut seen_by = Vec::new();
        for (id, source) in plan.sources.of(VariableName::Tx).filter(|(id, _)| *id != own) {
            match &source.select {
                Select::All => return None,
                Select::Pattern(..) => seen_by.push(id),
                Select::Key(_) | Select::XPath(_) => {}
            }
        }
        Some(Listed { number: None, name, around, seen_by })
    }
}

/// Whether a link has `TX.0` be each of its values, whatever it is, after a change of case at most.
fn takes_each_value(plan: &Plan, link: &Link) -> bool {
    let Some(Condition { operation: Operation::Fixed(operator), chain, targets, negated, .. }) =
        &link.condition
    else {
        return false;
    };
    operator.is_everything()
        && link.capture
        && !(*negated || link.multi_match)
        && link.for_each_match.is_empty()
        && plan.chains.get(*chain).scan_triggers == 0
        && targets.iter().all(|target| target.group.is_some() && !target.count)
}

/// What stands before and behind `%{TX.0}`.
fn around_value(text: &Text) -> Option<[Box<[u8]>; 2]> {
    const VALUE: TxSlot = TxSlot(0);
    let Text::Macro(parts) = text else { return None };
    match &**parts {
        [Part::Tx(VALUE)] => Some(Default::default()),
        [Part::Literal(before), Part::Tx(VALUE)] => Some([before.clone(), Box::default()]),
        [Part::Tx(VALUE), Part::Literal(after)] => Some([Box::default(), after.clone()]),
        [Part::Literal(before), Part::Tx(VALUE), Part::Literal(after)] => {
            Some([before.clone(), after.clone()])
        }
        _ => None,
    }
}

/// The source of a link that looks variables of this name up, and no variable that rules name, in a list that is known.
fn looked_up(plan: &Plan, link: &Link, name: &[u8]) -> Option<SourceId> {
    let condition = link.condition.as_ref()?;
    let [target] = condition.targets.as_slice() else { return None };
    let source = plan.sources.get(target.source)?;
    let begins_so = source.select.prefix().is_some_and(|prefix| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    });
    let is_plain = begins_so
        && source.variable == VariableName::Tx
        && source.exclude.is_empty()
        && source.slots.is_empty()
        && !(target.count || condition.negated || link.multi_match)
        && plan.chains.get(condition.chain).steps.is_empty()
        && condition.known_operator().is_some();
    is_plain.then_some(target.source)
}

/// Whether another `setvar` may make variables that belong to the source.
fn others_set(plan: &Plan, source: SourceId, own: &SetVar) -> bool {
    let prefix = plan.sources.get(source).and_then(|source| source.select.prefix()).unwrap_or_default();
    let may_make = |set_var: &SetVar| {
        let KeyName::Text(name) = &set_var.key else { return false };
        let start = match name {
            Text::Literal(name) => &**name,
            Text::Macro(parts) => match parts.first() {
                Some(Part::Literal(start)) => start,
                _ => return true,
            },
        };
        let shared = start.len().min(prefix.len());
        let is_alike =
            start.iter().zip(prefix).take(shared).all(|(one, other)| one.eq_ignore_ascii_case(other));
        set_var.collection == Collection::Tx && is_alike
    };
    let of_links = plan
        .rules
        .iter()
        .flat_map(|rule| &rule.links)
        .flat_map(|link| link.set_vars.iter().chain(link.all_actions().filter_map(set_var_of)));
    let of_phases = plan.phases.iter().flat_map(|phase| &phase.default_actions).filter_map(set_var_of);
    of_links.chain(of_phases).any(|set_var| !std::ptr::eq(set_var, own) && may_make(set_var))
}

fn set_var_of(action: &Action) -> Option<&SetVar> {
    match action {
        Action::SetVar(set_var) => Some(set_var),
        _ => None,
    }
}
