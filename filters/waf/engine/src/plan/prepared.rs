//! What rules that always match set one after the other, in one step: the first forty of the Core Rule Set are such.

use super::reach::{Known, Supposed};
use super::{ConstantId, Constants, Rule, RuleId, TxSlot};

/// Rules that all match, quietly, and what they come to together. Where that depends on what came before, it is for transactions
/// in which no rule that looks for attacks has matched.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    /// In order; the visit of the first stands for all.
    pub(crate) rules: Vec<RuleId>,
    /// What must hold when the first of them is visited, and that no rule or target was taken out.
    pub(crate) supposed: Vec<Supposed>,
    /// What is set to which text. `None`: it is unset.
    pub(crate) sets: Vec<(TxSlot, Option<ConstantId>)>,
    /// Where the phase goes on.
    pub(crate) next: usize,
    /// A rule that does not match came after the last that matched by a condition, so `MATCHED_VARS` is empty.
    pub(crate) clears_matched: bool,
    /// The last rule had no condition, so what has matched before is not its own.
    pub(crate) stale: bool,
}

/// Gathers rules, as far as they are known to match.
#[derive(Debug, Default)]
pub(super) struct Building {
    rules: Vec<RuleId>,
    /// Those that don't match.
    passed: Vec<RuleId>,
    sets: Vec<(TxSlot, Known)>,
    matched: Matched,
    stale: bool,
    /// Where the phase goes on after the last of them.
    next: usize,
    /// How much of it can be done at once: rules, sets, the place after them, and what is then known of what matched.
    good: Option<(usize, usize, usize, Matched, bool)>,
}

/// What is in `MATCHED_VARS`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Matched {
    #[default]
    AsBefore,
    Nothing,
    /// What a condition has matched, which is for a visit of the rule itself to note.
    Something,
}

/// Fewer are visited one by one.
pub(super) const FEWEST: usize = 3;

impl Building {
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether a rule at this place, which can be come to, is the one that comes next.
    pub(super) fn goes_on_at(&self, place: usize) -> bool {
        self.rules.is_empty() || self.next <= place
    }

    /// A rule that does not match.
    pub(super) fn passes_over(&mut self, id: RuleId, place: usize) {
        if !self.rules.is_empty() {
            self.passed.push(id);
            self.matched = Matched::Nothing;
            self.keep(place + 1);
        }
    }

    /// A rule that matches and sets this, and after which the phase goes on at that place.
    pub(super) fn add(&mut self, id: RuleId, rule: &Rule, sets: Vec<(TxSlot, Known)>, next: usize) {
        self.rules.push(id);
        self.sets.extend(sets);
        self.stale = rule.quick.is_none();
        if !self.stale {
            self.matched = Matched::Something;
        }
        self.keep(next);
    }

    fn keep(&mut self, next: usize) {
        self.next = next;
        if self.matched != Matched::Something {
            self.good = Some((self.rules.len(), self.sets.len(), next, self.matched, self.stale));
        }
    }

    /// What can be done at once, if there are so many rules, and the rules on the way that don't match.
    pub(super) fn finish(
        mut self,
        fewest: usize,
        constants: &mut Constants,
    ) -> Option<(Prepared, Vec<RuleId>)> {
        let (rules, sets, next, matched, stale) = self.good.filter(|(rules, ..)| *rules >= fewest)?;
        self.rules.truncate(rules);
        self.sets.truncate(sets);
        // Without a variable that is set there is nothing to do at once.
        if self.sets.is_empty() {
            return None;
        }
        let clears_matched = matched == Matched::Nothing;
        let set = |(slot, value)| match value {
            Known::Is(value) => (slot, Some(constants.intern(&value))),
            Known::Unset | Known::Open => (slot, None),
        };
        let sets = self.sets.into_iter().map(set).collect();
        let prepared =
            Prepared { rules: self.rules, sets, next, clears_matched, stale, ..Prepared::default() };
        Some((prepared, self.passed))
    }
}
