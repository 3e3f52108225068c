//! The compiled rule set: what a transaction needs, with every name resolved to a number.

mod chains;
mod client;
mod constants;
mod idle;
mod listed;
mod literals;
mod names;
mod prefilter;
mod prepared;
pub(crate) mod preset;
mod quick;
mod reach;
mod recall;
mod recurring;
mod segments;
mod sources;
mod text;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use portcullis_seclang::ast::{
    AllowScope, AuditEngine, EngineMode, LimitAction, OperatorName, ParseXml, Phase, Severity, VariableName,
};

use crate::actions::Action;
use crate::body::XPath;
use crate::error::CompileError;
use crate::operators::Operator;
use crate::options::Limits;
use crate::persistent::Persistent;

pub(crate) use chains::{Chain, ChainId, Chains, Step};
pub(crate) use client::ClientUse;
pub(crate) use constants::{ConstantId, Constants};
pub(crate) use listed::Listed;
pub(crate) use names::{NameKind, NameKinds};
pub(crate) use prefilter::{
    CheckId, Hit, Prefilter, PrefilterBuilder, Profile, Scanned, Scope, Scopes, Seen, Settled,
};
pub(crate) use prepared::Prepared;
pub(crate) use quick::{Of, Quick, Quiet};
pub(crate) use reach::Supposed;
use reach::{Fate, KnownArgument, Reach};
pub(crate) use recall::{Recall, Recurring};
pub(crate) use recurring::{Recurrence, SourceUse, recurs};
pub(crate) use segments::{Bits, Segment, SegmentSource, place_of};
pub(crate) use sources::{Select, Source, SourceId, Sources, is_fixed_xpath};
pub(crate) use text::{KeyName, Part, Text, TxNames, TxSlot};

/// Everything that does not change between transactions.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) warnings: Vec<CompileError>,
    pub(crate) settings: Settings,
    pub(crate) phases: [PhasePlan; 5],
    pub(crate) rules: Vec<Rule>,
    pub(crate) files: Vec<Arc<str>>,
    pub(crate) sources: Sources,
    pub(crate) chains: Chains,
    pub(crate) groups: Vec<Group>,
    /// For each group the checks that are looked up for it. None where there are many.
    pub(crate) group_checks: Vec<Vec<CheckId>>,
    /// XPath expressions but the fixed ones, each with its text, by which rules find what it found.
    pub(crate) xpaths: Vec<(Vec<u8>, XPath)>,
    /// What the debug log says of the namespaces that `xmlns` binds, by expression.
    pub(crate) namespaces: Vec<(Vec<u8>, String)>,
    /// A rule validates XML bodies, so they are kept as they are.
    pub(crate) validates_xml: bool,
    /// Whether a rule looks at `ARGS_RAW` or its kin.
    pub(crate) uses_raw_arguments: bool,
    pub(crate) tx: TxNames,
    pub(crate) prefilter: Prefilter,
    pub(crate) recurrence: Recurrence,
    pub(crate) recall: Recall,
    pub(crate) prepared: Vec<Prepared>,
    pub(crate) constants: Constants,
    /// The rules that always run, as bits: if one is taken out, all rules have to be visited.
    pub(crate) relied: Vec<u64>,
    /// When a transaction needs the client's address.
    pub(crate) client: ClientUse,
    /// The variables that a transaction starts with, empty.
    pub(crate) preset: Vec<VariableName>,
    /// For each check, or condition by its number, that has a rule visited, the rule's place in its phase.
    pub(crate) check_places: Vec<u32>,
    pub(crate) limits: Limits,
    pub(crate) persistent: Persistent,
    pub(crate) clock: fn() -> std::time::Duration,
    /// Transactions so far, for `UNIQUE_ID`.
    pub(crate) transactions: AtomicU64,
}

impl Plan {
    /// Works out what follows from the rules: which of them a transaction has to visit, and what values are scanned for. Without
    /// `prefilter` it visits all of them. `None` if the scan would be too large.
    #[inline(never)]
    pub(crate) fn link(&mut self, prefilter: bool) -> Option<()> {
        self.sources.find_tx(&self.tx);
        for rule in &mut self.rules {
            rule.silent =
                self.phases.get(rule.phase as usize).is_some_and(|phase| quick::is_silent(rule, phase));
        }
        self.check_places.clear();
        self.relied.clear();
        self.client = ClientUse::Always;
        self.preset = if prefilter { preset::that_matter(self) } else { preset::VARIABLES.to_vec() };
        let mut reach = Reach::default();
        if prefilter {
            for rule in &mut self.rules {
                rule.quick = Quick::of(rule, &self.sources, &self.chains);
                rule.quiet = self.phases.get(rule.phase as usize).and_then(|phase| Quiet::of(rule, phase));
            }
            reach = Reach::of(self);
            self.know_operators(std::mem::take(&mut reach.arguments));
            self.add_checks(&reach)?;
            self.relied = std::mem::take(&mut reach.relied);
            self.client = ClientUse::of(self, &reach);
            reach = reach.add_likely(self);
        }
        for (index, prepared) in reach.prepared.iter().enumerate() {
            let first = prepared.rules.first().and_then(|rule| self.rules.get_mut(*rule as usize));
            first.into_iter().for_each(|rule| rule.prepared = Some(index as u32));
        }
        let of = segments::Of {
            rules: &self.rules,
            groups: &self.groups,
            chains: &self.chains,
            sources: &self.sources,
            lists_rules: idle::lists_rules(&self.settings.audit_log_parts, &self.rules),
        };
        let mut supposed = reach.supposed.into_iter();
        for (number, phase) in self.phases.iter_mut().enumerate() {
            let fates = reach.fates.get(number).map_or(&[][..], Vec::as_slice);
            segments::cut(phase, &of, prefilter, fates, &mut self.check_places);
            phase.supposed = supposed.next().unwrap_or_default();
        }
        self.prepared = reach.prepared;
        self.constants = reach.constants;
        Some(())
    }

    /// Compiles operators with what their macros are known to stand for.
    #[inline(never)]
    fn know_operators(&mut self, arguments: Vec<KnownArgument>) {
        for KnownArgument { rule, link, argument } in arguments {
            let rule = self.rules.get_mut(rule as usize);
            let Some(link) = rule.and_then(|rule| rule.links.get_mut(link)) else { continue };
            let Some(condition) = &mut link.condition else { continue };
            if let Operation::Dynamic { name, .. } = &condition.operation
                && let Ok(operator) = Operator::compile(name.as_str(), &argument, &())
            {
                condition.known = Some(Box::new(KnownOperator { argument, operator }));
            }
        }
        for rule in self.rules.iter_mut().filter(|rule| rule.quick.is_none()) {
            rule.quick = Quick::of(rule, &self.sources, &self.chains);
        }
    }

    /// Has values scanned for the operators of the rules that can be come to.
    #[inline(never)]
    fn add_checks(&mut self, reach: &Reach) -> Option<()> {
        let mut builder = PrefilterBuilder::default();
        let mut open = Vec::new();
        for (phase, fates) in self.phases.iter().zip(&reach.fates) {
            for (entry, fate) in phase.entries.iter().zip(fates) {
                let Entry::Rule(id) = entry else { continue };
                let rule = self.rules.get_mut(*id as usize).filter(|_| *fate == Fate::Open);
                open.extend(rule.is_some().then_some(*id));
                let links = rule.into_iter().flat_map(|rule| &mut rule.links);
                for condition in links.filter_map(|link| link.condition.as_mut()) {
                    let scopes = condition.scopes(&self.sources, &self.chains);
                    if let Some(operator) = condition.known_operator()
                        && scopes != Scopes::default()
                    {
                        condition.check = builder.add(&operator.requirement(), scopes);
                    }
                }
            }
        }
        self.find_listed();
        self.recurrence = Recurrence::number(&mut self.rules, &open, &self.sources, builder.len());
        self.prefilter = builder.build()?;
        self.prefilter.paired = self.paired_scopes();
        self.group_checks = self.checks_of_groups();
        Some(())
    }

    /// The scopes of values in which some transformation waits for a pair of bytes.
    #[inline(never)]
    fn paired_scopes(&self) -> Scopes {
        use VariableName as V;
        let mut scopes = Scopes::default();
        // What rare transformations make of values, which others follow.
        scopes.insert(Scope::Derived);
        let links = self.rules.iter().flat_map(|rule| &rule.links);
        let conditions = links.filter_map(|link| link.condition.as_ref());
        for condition in conditions.filter(|condition| self.chains.get(condition.chain).waits_for_pairs()) {
            for target in &condition.targets {
                match self.sources.get(target.source).map(|source| source.variable) {
                    // These are values of others.
                    None | Some(V::MatchedVar | V::MatchedVars) => return Scopes::ALL,
                    Some(variable) => scopes.insert(Scope::of(variable)),
                }
            }
        }
        scopes
    }

    #[inline(never)]
    fn find_listed(&mut self) {
        let listed: Vec<_> = self.rules.iter().map(|rule| Listed::of(self, rule)).collect();
        for (rule, listed) in self.rules.iter_mut().zip(listed) {
            rule.listed = listed.map(Box::new);
        }
    }

    #[inline(never)]
    fn checks_of_groups(&self) -> Vec<Vec<CheckId>> {
        /// More than so many mostly have one that can't be ruled out.
        const MOST: usize = 8;
        let mut all = vec![Vec::new(); self.groups.len()];
        let conditions =
            self.rules.iter().flat_map(|rule| &rule.links).filter_map(|link| link.condition.as_ref());
        for condition in conditions {
            let Some(check) = condition.check else { continue };
            for group in condition.targets.iter().filter_map(|target| target.group) {
                all.get_mut(group as usize).into_iter().for_each(|checks: &mut Vec<_>| checks.push(check));
            }
        }
        all.iter_mut().filter(|checks| checks.len() > MOST).for_each(Vec::clear);
        all
    }

    pub(crate) fn phase(&self, phase: Phase) -> &PhasePlan {
        let [headers, body, response_headers, response_body, logging] = &self.phases;
        match phase {
            Phase::RequestHeaders => headers,
            Phase::RequestBody => body,
            Phase::ResponseHeaders => response_headers,
            Phase::ResponseBody => response_body,
            Phase::Logging => logging,
        }
    }
}

/// What the directives other than rules say.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) engine: EngineMode,
    pub(crate) request_body_access: bool,
    pub(crate) request_body_limit: usize,
    /// `None`: no limit of its own.
    pub(crate) request_body_no_files_limit: Option<usize>,
    pub(crate) request_body_limit_action: LimitAction,
    pub(crate) json_depth_limit: usize,
    pub(crate) response_body_access: bool,
    pub(crate) response_body_limit: usize,
    pub(crate) response_body_limit_action: LimitAction,
    /// Lower case. `None`: every type, as ModSecurity v3 does while no `SecResponseBodyMimeType` was seen.
    pub(crate) response_body_types: Option<Vec<Box<[u8]>>>,
    pub(crate) arguments_limit: usize,
    pub(crate) argument_separator: u8,
    pub(crate) upload_file_limit: usize,
    pub(crate) parse_xml_into_args: ParseXml,
    pub(crate) audit_engine: AuditEngine,
    pub(crate) audit_log_parts: Vec<u8>,
    pub(crate) audit_log_relevant_status: Option<Operator>,
    pub(crate) web_app_id: Vec<u8>,
    pub(crate) component_signatures: Vec<Vec<u8>>,
}

/// The rules of one phase, in order.
#[derive(Debug, Default)]
pub(crate) struct PhasePlan {
    pub(crate) entries: Vec<Entry>,
    /// The places of the rules that are visited whatever the values are, as bits.
    pub(crate) always: Vec<u64>,
    pub(crate) segments: Vec<Segment>,
    /// The conditions by which members that recur have rules visited.
    pub(crate) numbers: Vec<Bits>,
    /// What must hold when it begins for its segments to be all that has to be visited.
    pub(crate) supposed: Vec<Supposed>,
    /// The ids of rules that a directive took out, and the directive, for the debug log.
    pub(crate) removed: Vec<(u64, &'static str)>,
    /// Actions of `SecDefaultAction` that run with every rule that matches.
    pub(crate) default_actions: Vec<Action>,
    /// What `block` does.
    pub(crate) default_disruptive: Option<Disruptive>,
}

/// What stands at one place of a phase.
#[derive(Debug)]
pub(crate) enum Entry {
    Rule(RuleId),
    /// `SecMarker`. It is a place to skip to, and counts for `skip`.
    Marker,
}

/// A rule with its whole chain, as an index into [`Plan::rules`].
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
    /// It begins rules that are run as one: which of [`Plan::prepared`].
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
    fn all_actions(&self) -> impl Iterator<Item = &Action> {
        self.for_each_match.iter().chain(&self.actions)
    }

    /// Whether nothing reads or sets `TX:0` to `TX:9` while the values of the link are gone through.
    fn is_apart_from_captures(&self, sources: &Sources) -> bool {
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
        let mut keys: Vec<_> = self.set_vars.iter().filter_map(|set_var| set_var.counts_in(tx)).collect();
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
        let count = keys.len();
        keys.sort_unstable_by_key(|slot| slot.0);
        keys.dedup();
        self.sets_last = looks_at_others
            && is_apart
            && count == self.set_vars.len()
            && keys.len() == count
            && self.for_each_match.is_empty();
    }

    /// What may have macros, but for the operator's argument.
    fn texts(&self) -> impl Iterator<Item = &Text> {
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
    fn scopes(&self, sources: &Sources, chains: &Chains) -> Scopes {
        let mut scopes = Scopes::default();
        let rarely = chains.get(self.chain).steps.iter().any(|step| step.is_rare);
        for target in self.targets.iter().filter(|target| target.group.is_some()) {
            let Some(source) = sources.get(target.source) else { continue };
            let scope = Scope::of(source.variable);
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

/// An index into [`Plan::groups`].
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
