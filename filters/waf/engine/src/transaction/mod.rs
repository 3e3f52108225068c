//! A transaction: the state of one request and its response, and the phases that rules run in.

mod alike;
mod arguments;
mod audit;
mod body;
mod candidates;
mod collections;
mod debug;
mod decimal;
mod evaluate;
mod known;
mod listed;
mod log;
mod operate;
mod outcome;
mod reference;
mod request;
mod response;
mod text;
#[cfg(feature = "trace")]
mod trace;
mod twins;
mod tx;
mod validate;
mod values;
mod variables;
mod visit;
mod work;
mod xml_arguments;

use std::sync::Arc;
use std::time::Duration;

use portcullis_seclang::ast::{
    AllowScope, AuditEngine, BodyProcessor, Collection, EngineMode, LimitAction, ParseXml, Severity,
    VariableName,
};

use crate::Intervention;
use crate::actions::{Sanitised, TargetRemoval};
use crate::matched::MatchedRule;
use crate::plan::{Plan, RuleId, preset};
use candidates::Candidates;
use collections::{Found, Member};
use tx::TxVariables;

pub(crate) use arguments::RAW_ARGUMENTS;
pub use audit::{FiredRule, UploadedFile};
pub use debug::DebugSink;
pub(crate) use debug::{Hex, debug};
pub(crate) use decimal::decimal;
pub(crate) use evaluate::RuleState;
pub use request::Connection;
pub(crate) use tx::Place;
pub(crate) use values::{ValueId, Values};
pub use work::Work;

/// One request and its response under inspection.
///
/// Feed it in the order of HTTP: [`connection`](Self::connection), [`request_line`](Self::request_line),
/// [`request_header`](Self::request_header) for each, [`process_request_headers`](Self::process_request_headers)
/// (phase 1), [`process_request_body`](Self::process_request_body) (phase 2),
/// [`response_status`](Self::response_status), [`response_header`](Self::response_header),
/// [`process_response_headers`](Self::process_response_headers) (phase 3),
/// [`process_response_body`](Self::process_response_body) (phase 4) and
/// [`process_logging`](Self::process_logging) (phase 5). Each `process_` call runs the rules of its phase and says
/// whether to stop. What is fed is copied into the transaction's own memory, once.
///
/// Phase 2 is to be run for requests without a body too: most rules on arguments stand there.
pub struct Transaction {
    plan: Arc<Plan>,
    memory: Box<Memory>,
    pub(crate) overrides: Overrides,
    body_processor: Option<BodyProcessor>,
    allow: Option<AllowScope>,
    intervention: Option<Intervention>,
    matches: Vec<MatchedRule>,
    /// What to count before [`MatchedRule`]s are dropped, so that the decision stays correct.
    matches_dropped: usize,
    /// How many bytes may still be searched for the places of matches.
    place_bytes: usize,
    audit_relevant: bool,
    sanitised: Vec<Sanitised>,
    highest_severity: Option<Severity>,
    /// If rules ask how long it takes.
    started: Option<Duration>,
    current: Option<(RuleId, usize)>,
    matched_vars_stale: bool,
    /// The current phase has begun as its plan supposes, and no rule is gone that it relies on.
    as_supposed: bool,
    relied_removed: bool,
    /// An operator has given up on a value.
    has_doubts: bool,
    headers_truncated: bool,
    arguments_size: usize,
    /// Bytes of the files in a multipart body.
    files_size: usize,
    /// Where a multipart body has its values.
    body_places: Vec<reference::BodyPlace>,
    /// The XML body, where a rule validates it.
    document: Option<ValueId>,
    audit_request_body: Option<ValueId>,
    audit_response_body: Option<ValueId>,
    fired: Vec<RuleId>,
    debug: Option<Box<dyn DebugSink>>,
    debug_level: u8,
    /// Rules that `ctl` took out, with its option's name, for the debug log.
    removed_by: Vec<(Arc<[RuleId]>, &'static str)>,
    /// What is known so far of the rule that runs, where somebody listens.
    #[cfg(feature = "trace")]
    trace: Option<portcullis_trace::RuleStep>,
}

/// Settings that `ctl` changes for one transaction.
#[derive(Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) engine: Option<EngineMode>,
    pub(crate) audit_engine: Option<AuditEngine>,
    pub(crate) audit_parts: Option<Vec<u8>>,
    pub(crate) request_body_access: Option<bool>,
    pub(crate) request_body_limit: Option<usize>,
    pub(crate) response_body_access: Option<bool>,
    pub(crate) response_body_limit: Option<usize>,
    pub(crate) force_request_body_variable: bool,
    pub(crate) parse_xml_into_args: Option<ParseXml>,
}

/// The memory of a transaction, to be used again by the next one. See [`Waf::transaction_in`](crate::Waf::transaction_in).
#[derive(Debug, Default)]
pub struct Scratch(Box<Memory>);

impl Scratch {
    /// Empty memory.
    pub fn new() -> Self {
        Scratch::default()
    }
}

/// What [`Scratch`] keeps, in one place: it would take longer to move than most rules.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) values: Values,
    pub(crate) members: Vec<Vec<Member>>,
    /// For each variable whether it may have members.
    has: [bool; VariableName::ALL.len()],
    /// Counts changes of `members`.
    pub(crate) clock: u64,
    /// The time at which the transaction started, and for each variable the one at which it changed.
    started_at: u64,
    pub(crate) changed_at: Vec<u64>,
    pub(crate) tx: TxVariables,
    pub(crate) env: Vec<(Vec<u8>, ValueId)>,
    pub(crate) matched_vars: Vec<Found>,
    pub(crate) found: Vec<Found>,
    pub(crate) candidates: Candidates,
    pub(crate) captures: crate::operators::Captures,
    pub(crate) removed_rules: Vec<u64>,
    pub(crate) removed_targets: Vec<Arc<TargetRemoval>>,
    pub(crate) dynamic: operate::DynamicOperators,
    /// See [`Transaction::take_texts`].
    texts: [Vec<u8>; 2],
    pub(crate) collection_keys: Vec<(Collection, Vec<u8>)>,
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            values: Values::new(),
            members: VariableName::ALL.iter().map(|_| Vec::new()).collect(),
            has: [false; VariableName::ALL.len()],
            clock: 0,
            started_at: 0,
            changed_at: vec![0; VariableName::ALL.len()],
            tx: TxVariables::default(),
            env: Vec::new(),
            matched_vars: Vec::new(),
            found: Vec::new(),
            candidates: Candidates::default(),
            captures: Default::default(),
            removed_rules: Vec::new(),
            removed_targets: Vec::new(),
            dynamic: Default::default(),
            texts: Default::default(),
            collection_keys: Vec::new(),
        }
    }
}

impl Memory {
    /// When a variable last changed: what was found out about it then or later still holds.
    pub(crate) fn changed(&self, variable: VariableName) -> u64 {
        self.changed_at.get(variable as usize).map_or(u64::MAX, |changed| *changed).max(self.started_at)
    }

    fn reset(&mut self, plan: &Plan) {
        self.clock += 1;
        self.started_at = self.clock;
        self.candidates.reset(plan);
        self.values.reset(plan.limits.memory);
        self.members.iter_mut().zip(&mut self.has).filter(|(_, has)| **has).for_each(|(members, has)| {
            members.clear();
            *has = false;
        });
        self.tx.reset(plan.tx.len());
        self.env.clear();
        self.matched_vars.clear();
        self.found.clear();
        self.removed_rules.clear();
        self.removed_targets.clear();
        self.collection_keys.clear();
    }
}

/// Whether and how much of a body to hand over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyAccess {
    /// Whether rules may look at the body. If not, hand over an empty one.
    pub inspect: bool,
    /// The most bytes that are inspected. More need not be buffered.
    pub limit: usize,
    /// What happens when there is more: reject, or inspect the first `limit` bytes.
    pub over_limit: LimitAction,
}

impl Transaction {
    pub(crate) fn new(plan: Arc<Plan>, Scratch(mut memory): Scratch) -> Self {
        memory.reset(&plan);
        memory.dynamic.bind(&plan);
        let mut tx = Transaction {
            plan,
            memory,
            overrides: Overrides::default(),
            body_processor: None,
            allow: None,
            intervention: None,
            matches: Vec::new(),
            matches_dropped: 0,
            place_bytes: reference::PLACE_BYTES,
            audit_relevant: false,
            sanitised: Vec::new(),
            highest_severity: None,
            started: None,
            current: None,
            matched_vars_stale: false,
            as_supposed: false,
            relied_removed: false,
            has_doubts: false,
            headers_truncated: false,
            arguments_size: 0,
            files_size: 0,
            body_places: Vec::new(),
            document: None,
            audit_request_body: None,
            audit_response_body: None,
            fired: Vec::new(),
            debug: None,
            debug_level: 0,
            removed_by: Vec::new(),
            #[cfg(feature = "trace")]
            trace: None,
        };
        tx.start();
        tx
    }

    fn start(&mut self) {
        let plan = Arc::clone(&self.plan);
        // To look at a clock is a call of the host.
        self.started = plan.sources.use_variable(VariableName::Duration).then(|| (plan.clock)());
        for variable in
            [VariableName::UrlencodedError, VariableName::InboundDataError, VariableName::OutboundDataError]
        {
            self.set_flag(variable, false);
        }
        self.preset(&plan, &plan.preset);
        let web_app_id = self.memory.values.push(&plan.settings.web_app_id);
        self.set_scalar(VariableName::WebAppId, web_app_id);
    }

    /// The rules that matched and are to be logged, in the order that they matched in.
    pub fn matches(&self) -> &[MatchedRule] {
        &self.matches
    }

    /// Matches that were not kept because [`Limits::matched_rules`](crate::Limits::matched_rules) was reached.
    pub fn matches_dropped(&self) -> usize {
        self.matches_dropped
    }

    /// Whether header or cookie limits cut something off.
    pub fn headers_truncated(&self) -> bool {
        self.headers_truncated
    }

    /// A TX variable, such as `blocking_inbound_anomaly_score`. Names have no case.
    pub fn tx_variable(&self, name: &[u8]) -> Option<&[u8]> {
        let Memory { values, tx, .. } = &*self.memory;
        tx.bytes(tx.place(name, &self.plan, values), &self.plan.constants, values)
    }

    /// Says why the request's body is looked at, or is not.
    fn debug_request_body_access(&mut self) {
        let configured = self.plan.settings.request_body_access;
        match (configured, self.overrides.request_body_access) {
            (false, Some(true)) => debug!(
                self,
                4,
                "Request body processing is disabled, but enabled to this transaction due to ctl:requestBodyAccess action"
            ),
            (false, _) => debug!(self, 4, "Request body processing is disabled"),
            (true, Some(false)) => debug!(
                self,
                4,
                "Request body processing is enabled, but disabled to this transaction due to ctl:requestBodyAccess action"
            ),
            (true, _) => {}
        }
    }

    /// `SecRuleEngine`, or what `ctl:ruleEngine` made of it.
    pub fn engine(&self) -> EngineMode {
        self.overrides.engine.unwrap_or(self.plan.settings.engine)
    }

    /// Whether and how much of the request body to hand to
    /// [`process_request_body`](Self::process_request_body). Ask after phase 1, which can change it.
    pub fn request_body_access(&self) -> BodyAccess {
        let settings = &self.plan.settings;
        let limit = self.overrides.request_body_limit.unwrap_or(settings.request_body_limit);
        BodyAccess {
            inspect: self.engine() != EngineMode::Off
                && self.overrides.request_body_access.unwrap_or(settings.request_body_access),
            limit,
            over_limit: self.over_limit(settings.request_body_limit_action),
        }
    }

    /// Whether and how much of the response body to hand to
    /// [`process_response_body`](Self::process_response_body). Ask after phase 3, which can change it: it depends on
    /// the response's content type too.
    pub fn response_body_access(&self) -> BodyAccess {
        let settings = &self.plan.settings;
        let limit = self.overrides.response_body_limit.unwrap_or(settings.response_body_limit);
        BodyAccess {
            inspect: self.engine() != EngineMode::Off
                && self.overrides.response_body_access.unwrap_or(settings.response_body_access)
                && self.response_type_is_inspected(),
            limit,
            over_limit: self.over_limit(settings.response_body_limit_action),
        }
    }

    fn over_limit(&self, configured: LimitAction) -> LimitAction {
        // Nothing is rejected in DetectionOnly, so what can be inspected is.
        if self.engine() == EngineMode::On { configured } else { LimitAction::ProcessPartial }
    }

    /// What rules have said that the audit log is not to show.
    pub fn sanitised(&self) -> &[Sanitised] {
        &self.sanitised
    }

    /// Ends the transaction and gives its memory back for the next one.
    pub fn finish(mut self) -> Scratch {
        let keep = self.plan.limits.keep;
        self.memory.values.shrink(keep);
        Scratch(self.memory)
    }

    /// Where to write what the engine does, as `SecDebugLog` does in ModSecurity, for levels up to `level` (0 to 9).
    /// While there is one, every operator is asked, so that the log is complete.
    pub fn set_debug_sink(&mut self, level: u8, sink: Box<dyn DebugSink>) {
        self.debug_level = level;
        self.debug = Some(sink);
        // It tells of those that no rule matches, too.
        let plan = Arc::clone(&self.plan);
        self.preset(&plan, &preset::VARIABLES);
    }

    pub(crate) fn set_debug_level(&mut self, level: u8) {
        self.debug_level = level;
    }

    pub(crate) fn bytes(&self, id: ValueId) -> &[u8] {
        self.memory.values.bytes(id)
    }

    pub(crate) fn remove_rules(&mut self, rules: &Arc<[RuleId]>, option: &'static str) {
        if self.debug.is_some() {
            self.removed_by.push((Arc::clone(rules), option));
        }
        for rule in rules.iter() {
            let word = *rule as usize / 64;
            if self.memory.removed_rules.len() <= word {
                self.memory.removed_rules.resize(word + 1, 0);
            }
            if let Some(word) = self.memory.removed_rules.get_mut(word) {
                *word |= 1 << (rule % 64);
            }
        }
        self.check_relied(rules);
    }

    /// Notes what the audit log is to hide; of more than [`Limits::tx_names`](crate::Limits::tx_names) of them, nothing more.
    pub(crate) fn sanitise(&mut self, what: Sanitised) {
        if !self.sanitised.contains(&what) && self.sanitised.len() < self.plan.limits.tx_names {
            self.sanitised.push(what);
        }
    }

    /// What the operator that was asked last has captured as a whole.
    pub(crate) fn captured(&self) -> Option<&[u8]> {
        self.memory.captures.get(0)
    }

    pub(crate) fn remove_target(&mut self, removal: &Arc<TargetRemoval>) {
        if !self.memory.removed_targets.iter().any(|known| Arc::ptr_eq(known, removal)) {
            self.memory.removed_targets.push(Arc::clone(removal));
        }
        // The conditions that are known when rules are loaded are about TX variables.
        if removal.variable == VariableName::Tx {
            self.check_relied(&removal.rules);
        }
    }

    /// Has all rules visited if one of these is relied on.
    fn check_relied(&mut self, rules: &[RuleId]) {
        let relied = &self.plan.relied;
        let is_relied =
            |rule: &RuleId| relied.get(*rule as usize / 64).is_some_and(|word| word >> (rule % 64) & 1 == 1);
        if rules.iter().any(is_relied) {
            self.relied_removed = true;
            self.visit_all();
        }
    }
}

/// Puts a list back to where it was taken from. Of the empty one that is there now nothing is to be freed, which would be a call.
#[inline]
fn put_back<T>(place: &mut Vec<T>, list: Vec<T>) {
    let empty = std::mem::replace(place, list);
    if empty.capacity() == 0 {
        std::mem::forget(empty);
    }
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction").field("matches", &self.matches).finish_non_exhaustive()
    }
}
