//! What a rule becomes in the plan: its links, their conditions and targets.

use portcullis_seclang::ast::{AllowScope, OperatorName, Phase, Severity, VariableName};

use super::{
    ChainId, Chains, CheckId, KeyName, Listed, Part, Quick, Quiet, Scope, Scopes, SourceId, Sources, Text,
    TxNames, TxSlot, scope_of,
};
use crate::actions::Action;
use crate::operators::Operator;

/// A rule with its whole chain, as an index into [`super::Plan::rules`].
pub(crate) type RuleId = u32;

/// A rule and the links of its chain.
#[derive(Debug)]
pub(crate) struct Rule {
    /// 0 for a rule without an id, which only tests of ModSecurity have.
    pub(crate) id: u64,
    pub(crate) phase: Phase,
    pub(crate) disruptive: Option<Disruptive>,
    /// The chain has no end: the rule never matches.
    pub(crate) open: bool,
    /// It has `nolog`, and stops nothing: no match is logged.
    pub(crate) silent: bool,
    /// A test that tells at once whether the first link can match.
    pub(crate) quick: Option<Quick>,
    pub(crate) quiet: Option<Quiet>,
    pub(crate) listed: Option<Box<Listed>>,
    /// It begins rules that are run as one: which of [`super::Plan::prepared`].
    pub(crate) prepared: Option<u32>,
    pub(crate) links: Vec<Link>,
}

/// One condition of a rule and what happens when it is met.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) file: u32,
    pub(crate) line: u32,
    /// `None`: `SecAction`.
    pub(crate) condition: Option<Condition>,
    pub(crate) multi_match: bool,
    pub(crate) capture: bool,
    /// Of several values that match, only what the last one captures can be read.
    pub(crate) captures_last: bool,
    /// Of several values that match, what `set_vars` change can only be seen when all have been asked.
    pub(crate) sets_last: bool,
    pub(crate) block: bool,
    /// Run for each value that matches, before `set_vars`: `initcol`, `setsid`, `setuid` and `setrsc` choose the record that those
    /// may mean; `sanitiseMatched` and `sanitiseMatchedBytes` look at the value.
    pub(crate) for_each_match: Vec<Action>,
    /// Run for each value that matches, whatever the rest of the chain says.
    pub(crate) set_vars: Vec<crate::actions::SetVar>,
    /// Run once the whole chain has matched.
    pub(crate) actions: Vec<Action>,
    /// Looked at only where the rule matches.
    pub(crate) meta: Box<Meta>,
}

impl Link {
    /// The actions other than `set_vars`, those for each match first.
    pub(super) fn all_actions(&self) -> impl Iterator<Item = &Action> {
        self.for_each_match.iter().chain(&self.actions)
    }

    /// Whether nothing reads or sets `TX:0` to `TX:9` while the values of the link are gone through.
    pub(super) fn is_apart_from_captures(&self, sources: &Sources) -> bool {
        let no_capture = |slot: &TxSlot| slot.0 >= 10;
        let is_apart = |part: &Part| match part {
            Part::Literal(_) => true,
            Part::Tx(slot) => no_capture(slot),
            Part::Rule(_) => false,
            Part::Variable(source) => {
                sources.get(*source).is_some_and(|source| source.variable != VariableName::Tx)
            }
        };
        let text = |text: &Text| match text {
            Text::Literal(_) => true,
            Text::Macro(parts) => parts.iter().all(is_apart),
        };
        let key = |key: &KeyName| match key {
            KeyName::Slot(slot) => no_capture(slot),
            // A name that begins with a letter is none of theirs.
            KeyName::Text(Text::Macro(parts)) => {
                matches!(parts.first(), Some(Part::Literal(start)) if start.first().is_some_and(u8::is_ascii_alphabetic))
            }
            KeyName::Text(Text::Literal(_)) => true,
        };
        let targets = self.condition.iter().flat_map(|condition| &condition.targets);
        self.for_each_match.is_empty()
            && self.set_vars.iter().all(|set_var| key(&set_var.key) && set_var.texts().all(text))
            && targets
                .filter_map(|target| sources.get(target.source))
                .all(|source| source.variable != VariableName::Tx)
    }

    /// Notes whether captures of all values but the last need not be made. Of `@rx` they are a search of their own.
    pub(crate) fn find_captures(&mut self, sources: &Sources) {
        let is_pattern = self.condition.as_ref().is_some_and(|condition| {
            condition.operator_name == "Rx"
                && !condition.negated
                && matches!(condition.operation, Operation::Fixed(_))
        });
        self.captures_last = self.capture && is_pattern && self.is_apart_from_captures(sources);
    }

    /// Notes whether `set_vars` can run when all values have been asked, as often as one has matched.
    pub(crate) fn find_sets(&mut self, sources: &Sources, tx: &TxNames) {
        let keys: Vec<_> = self.set_vars.iter().filter_map(|set_var| set_var.counts_in(tx)).collect();
        let reads = |part: &Part| match part {
            Part::Literal(_) => false,
            Part::Tx(slot) => slot.0 < 10 || keys.contains(slot),
            Part::Rule(_) | Part::Variable(_) => true,
        };
        let is_apart = self.set_vars.iter().flat_map(|set_var| set_var.texts()).all(|text| match text {
            Text::Literal(_) => true,
            Text::Macro(parts) => !parts.iter().any(reads),
        });
        let looks_at_others = self.condition.as_ref().is_some_and(|condition| {
            let variables = condition.targets.iter().map(|target| sources.get(target.source));
            matches!(condition.operation, Operation::Fixed(_))
                && variables.flatten().all(|source| source.variable != VariableName::Tx)
        });
        // Few, and the standard library's sorts are 4 KB.
        let is_new = |(at, key)| keys.iter().position(|known| known == key) == Some(at);
        self.sets_last = looks_at_others
            && is_apart
            && keys.len() == self.set_vars.len()
            && keys.iter().enumerate().all(is_new)
            && self.for_each_match.is_empty();
    }

    /// What may have macros, but for the operator's argument.
    pub(super) fn texts(&self) -> impl Iterator<Item = &Text> {
        let meta = self.meta.msg.iter().chain(&self.meta.log_data).chain(&self.meta.tags);
        let set = self.set_vars.iter().flat_map(|set_var| set_var.texts());
        meta.chain(set).chain(self.all_actions().flat_map(Action::texts))
    }
}

/// What a link says about itself.
#[derive(Debug, Default)]
pub(crate) struct Meta {
    pub(crate) msg: Option<Text>,
    pub(crate) log_data: Option<Text>,
    pub(crate) tags: Vec<Text>,
    pub(crate) severity: Option<Severity>,
    pub(crate) rev: Box<[u8]>,
    pub(crate) ver: Box<[u8]>,
    pub(crate) maturity: u8,
    pub(crate) accuracy: u8,
}

/// Which values a link looks at, and for what.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) targets: Vec<Target>,
    pub(crate) chain: ChainId,
    pub(crate) operation: Operation,
    /// Where the operation is [`Operation::Dynamic`] and what its macros stand for is known when rules are loaded.
    pub(crate) known: Option<Box<KnownOperator>>,
    pub(crate) negated: bool,
    /// The operator's name as ModSecurity prints it.
    pub(crate) operator_name: &'static str,
    /// What ModSecurity says of a match instead of operator, parameter and value.
    pub(crate) match_message: Option<&'static str>,
    pub(crate) argument: Text,
    /// The bit that a scan sets where the operator, without its negation, can match. `None`: it must always be asked.
    pub(crate) check: Option<CheckId>,
    /// Its number in what is kept of members that recur; the check's, where a scan tells whether the condition can be met.
    pub(crate) number: Option<CheckId>,
}

/// An operator for what the macros of its argument stand for, as long as a transaction is as its plan supposes.
#[derive(Debug)]
pub(crate) struct KnownOperator {
    pub(crate) argument: Box<[u8]>,
    pub(crate) operator: Operator,
}

impl Condition {
    /// The bit that a scan sets where the condition can be met.
    pub(crate) fn scanned_for(&self) -> Option<CheckId> {
        self.check.filter(|_| !self.negated)
    }

    /// Where values are looked at for it by a scan.
    #[inline(never)]
    pub(super) fn scopes(&self, sources: &Sources, chains: &Chains) -> Scopes {
        let mut scopes = Scopes::default();
        let rarely = chains.get(self.chain).steps.iter().any(|step| step.is_rare);
        for target in self.targets.iter().filter(|target| target.group.is_some()) {
            let Some(source) = sources.get(target.source) else { continue };
            let scope = scope_of(source.variable);
            scopes.insert(scope);
            if rarely && scope != Scope::Response {
                scopes.insert(Scope::Derived);
            }
        }
        scopes
    }

    /// The operator, as far as it is known when rules are loaded.
    pub(crate) fn known_operator(&self) -> Option<&Operator> {
        match (&self.operation, &self.known) {
            (Operation::Fixed(operator), _) => Some(operator),
            (Operation::Dynamic { .. }, known) => known.as_ref().map(|known| &known.operator),
        }
    }
}

/// A variable of a link.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) source: SourceId,
    /// `&`: the number of values, not the values.
    pub(crate) count: bool,
    /// Its group for the scan. `None` where the values can change within a phase, and for counts.
    pub(crate) group: Option<GroupId>,
}

/// An index into [`super::Plan::groups`].
pub(crate) type GroupId = u32;

/// The values of a source after a chain: what many rules share, and so what is scanned as one.
#[derive(Debug, PartialEq, Eq, Hash, Clone, Copy)]
pub(crate) struct Group {
    pub(crate) source: SourceId,
    pub(crate) chain: ChainId,
    pub(crate) multi_match: bool,
}

/// How to compare.
#[derive(Debug)]
pub(crate) enum Operation {
    /// The argument is constant.
    Fixed(Box<Operator>),
    /// The argument has macros: it is compiled when its text is known, and kept until the text changes.
    Dynamic {
        /// Its number among the dynamic operators of the rule set.
        index: u32,
        name: OperatorName,
    },
}

/// A disruptive action.
#[derive(Debug, Clone)]
pub(crate) enum Disruptive {
    Allow(AllowScope),
    Deny,
    Drop,
    Pass,
    Redirect(Text),
}
