//! The forms that chains make of values, scanned.

use crate::plan::{CheckId, Group, GroupId, Plan};
use crate::transaction::{ValueId, Values};

/// Calls `on` with what scans find in the forms, other than the value itself, that a group makes of a value which its chain may
/// change. Whether the value itself is among the forms that are to be asked about.
pub(in crate::transaction) fn scan_forms(
    values: &mut Values,
    plan: &Plan,
    number: GroupId,
    value: ValueId,
    mut on: impl FnMut(&[u64]),
) -> bool {
    let (words, prefilter) = (plan.prefilter.words(), &plan.prefilter);
    let Some(group) = plan.groups.get(number as usize) else { return true };
    let chain = plan.chains.get(group.chain);
    let checks = plan.group_checks.get(number as usize).map_or(&[][..], Vec::as_slice);
    let can_match = |values: &mut Values, id, as_it_is: bool| {
        checks.is_empty() || {
            let (profile, len) = (values.profile(id, prefilter), values.len(id));
            prefilter.can_fulfil(checks, profile, len, Some(0))
                || !as_it_is && prefilter.can_fulfil(checks, profile, len, chain.longest(profile.summary))
        }
    };
    if !can_match(values, value, false) {
        return group.multi_match;
    }
    let may_probe = chain.is_rare && checks.len().wrapping_sub(1) < MOST_PROBES;
    if may_probe && checks.iter().all(|check| prefilter.has_probe(*check, values.len(value))) {
        return probe_forms(values, plan, group, checks, value, &mut on);
    }
    let mut form = value;
    if group.multi_match {
        for step in chain.scan_steps() {
            let next = values.step(form, step, prefilter);
            if next != form {
                form = next;
                if can_match(values, form, true) {
                    values.ensure_scan(form, prefilter);
                    on(values.scan(form, words).unwrap_or(&[]));
                }
            }
        }
        return true;
    }
    form = values.after(form, chain.scan_steps(), prefilter);
    if form != value && can_match(values, form, true) {
        values.ensure_scan(form, prefilter);
        on(values.scan(form, words).unwrap_or(&[]));
    }
    form == value
}

/// So few checks are asked about one after the other.
const MOST_PROBES: usize = 3;

/// The same for forms that no other group has, and that only the operators of `checks` are asked about: they are searched for
/// these operators' literals, without a profile.
#[inline(never)]
fn probe_forms(
    values: &mut Values,
    plan: &Plan,
    group: &Group,
    checks: &[CheckId],
    value: ValueId,
    on: &mut dyn FnMut(&[u64]),
) -> bool {
    let (words, prefilter) = (plan.prefilter.words(), &plan.prefilter);
    let mut ask = |values: &mut Values, form| {
        let bytes = values.bytes(form);
        if values.scan(form, words).is_none()
            && checks.iter().all(|check| prefilter.probe(*check, bytes) == Some(false))
        {
            return;
        }
        values.ensure_scan(form, prefilter);
        on(values.scan(form, words).unwrap_or(&[]));
    };
    let mut form = value;
    for step in plan.chains.get(group.chain).scan_steps() {
        let next = values.step_unprofiled(form, step);
        if next != form {
            form = next;
            if group.multi_match {
                ask(values, form);
            }
        }
    }
    if group.multi_match {
        return true;
    }
    if form != value {
        ask(values, form);
    }
    form == value
}
