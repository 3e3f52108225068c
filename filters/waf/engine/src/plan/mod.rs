//! The compiled rule set: what a transaction needs, with every name resolved to a number.

mod chains;
mod client;
mod constants;
mod idle;
mod listed;
mod names;
mod prepared;
pub(crate) mod preset;
mod quick;
mod reach;
mod recall;
mod recurring;
mod rule;
mod scope;
mod segments;
mod sources;
mod text;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use portcullis_seclang::ast::{AuditEngine, EngineMode, LimitAction, ParseXml, Phase, VariableName};

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
pub(crate) use portcullis_scan::{
    CheckId, Hit, Prefilter, PrefilterBuilder, Profile, Scanned, Scope, Scopes, Seen, Settled,
};
pub(crate) use prepared::Prepared;
pub(crate) use quick::{Of, Quick, Quiet};
pub(crate) use reach::Supposed;
use reach::{Fate, KnownArgument, Reach};
pub(crate) use recall::{Places, Recall, Recurring};
pub(crate) use recurring::{Recurrence, Recurs, SourceUse, recurs};
pub(crate) use rule::{
    Condition, Disruptive, Group, GroupId, KnownOperator, Link, Meta, Operation, Rule, RuleId, Target,
};
pub(crate) use scope::scope_of;
pub(crate) use segments::{Bits, Guards, Segment, SegmentSource, place_of};
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
                open.extend((*fate == Fate::Open).then_some(*id));
            }
        }
        for of_bytes in [true, false] {
            for id in &open {
                let links = self.rules.get_mut(*id as usize).into_iter().flat_map(|rule| &mut rule.links);
                for condition in links.filter_map(|link| link.condition.as_mut()) {
                    let scopes = condition.scopes(&self.sources, &self.chains);
                    if let Some(operator) = condition.known_operator()
                        && scopes != Scopes::default()
                    {
                        let requirement = operator.requirement();
                        if PrefilterBuilder::is_of_bytes(&requirement) == of_bytes {
                            condition.check = builder.add(&requirement, scopes);
                        }
                    }
                }
            }
        }
        self.find_listed();
        self.recurrence = Recurrence::number(&mut self.rules, &open, &self.sources, builder.check_count());
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
                    Some(variable) => scopes.insert(scope_of(variable)),
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
    /// What takes their place for most requests.
    pub(crate) guards: Option<Guards>,
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

#[cfg(test)]
mod tests;
