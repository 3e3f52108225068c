//! Policies as they are written, checked and compiled. What Istio would skip, widen or narrow silently (an unknown
//! attribute, a bad block, an empty list) is refused here with its path.

use crate::authz::Outcome;
use crate::config::{
    Action, Condition as When, List, Operation, Policy, Rule as RuleConfig, Source, To, warn_of_targets,
};
use crate::facts::Facts;
use crate::matcher::{Condition, Matcher};
use crate::pattern::Pattern;
use crate::policies::{Builder, IndexKey, Operations, Policies, Rule, cheapest_first};
use crate::sorted::Names;
use crate::template::Template;
use attribute::Attribute;
use sdk_shim_config::{ConfigErrors, Path};
use std::rc::Rc;

mod attribute;
mod expression;
mod known;
mod never;
mod trust_domain;
mod values;

pub(crate) use known::{Blocks, Known, Matchers};

/// The compiled policies by action.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) audit: Policies,
    pub(crate) custom: Policies,
    pub(crate) deny: Policies,
    pub(crate) allow: Policies,
    /// Those that are only tried; `None` where there are none.
    pub(crate) dry_run: Option<DryRun>,
    /// Whether there is an ALLOW policy, one without rules included.
    pub(crate) has_allow: bool,
    /// What is legal and has no effect.
    pub(crate) warnings: Vec<String>,
}

/// Policies that are only tried.
#[derive(Debug)]
pub(crate) struct DryRun {
    pub(crate) deny: Policies,
    pub(crate) allow: Policies,
    pub(crate) has_allow: bool,
}

impl DryRun {
    /// What would be decided with these policies, where `enforced` is decided without them.
    pub(crate) fn outcome(&self, enforced: Outcome, facts: &mut Facts<'_>) -> Outcome {
        match enforced {
            Outcome::DenyPolicy(_) => enforced,
            _ => match self.deny.first_match(facts) {
                Some(policy) => Outcome::DenyPolicy(policy),
                None if !self.has_allow || matches!(enforced, Outcome::Allow(Some(_))) => enforced,
                None => self
                    .allow
                    .first_match(facts)
                    .map_or(Outcome::DenyNoMatch, |policy| Outcome::Allow(Some(policy))),
            },
        }
    }
}

/// Compiles `policies`, and takes their rules: each is dropped when it is compiled. Thousands of them would take as much memory
/// again, and a module never gives any back.
#[inline(never)]
pub(crate) fn compile(policies: &mut [Policy], known: &Known<'_>, errors: &mut ConfigErrors) -> Compiled {
    let rules: Vec<List<RuleConfig>> = policies.iter_mut().map(|policy| policy.spec.rules.take()).collect();
    let policies = &*policies;
    let [mut audit, mut custom, mut deny, mut allow] = std::array::from_fn(|_| Builder::default());
    let (mut dry_deny, mut dry_allow) = (Builder::default(), Builder::default());
    let (mut allows_shapes, mut denies_shapes) = (Vec::new(), Vec::new());
    let mut names = Names::default();
    let mut warnings = Vec::new();
    for ((index, policy), rules) in policies.iter().enumerate().zip(rules) {
        let path = Path::root().field("policies").index(index);
        check_name(policy, &mut names, &path, errors);
        let path = path.field("spec");
        let spec = &policy.spec;
        warn_of_targets(spec.selector, spec.target_ref, spec.target_refs, &path, &mut warnings);
        if policy.dry_run && !matches!(spec.action, Action::Allow | Action::Deny) {
            let found = format!("dry_run of the action {:?}", spec.action);
            errors.add(&path, found, "dry_run of ALLOW or DENY policies only");
        }
        if policy.deny_response.is_some() && matches!(spec.action, Action::Allow | Action::Audit) {
            let found = format!("deny_response of the action {:?}, which denies nothing", spec.action);
            errors.add(&path, found, "it on a DENY policy, or responses.forbidden");
        }
        let builder = match policy.spec.action {
            Action::Allow if policy.dry_run => &mut dry_allow,
            Action::Deny if policy.dry_run => &mut dry_deny,
            Action::Allow => &mut allow,
            Action::Deny => &mut deny,
            Action::Audit => &mut audit,
            Action::Custom => &mut custom,
        };
        let allows = spec.action == Action::Allow;
        let mut compiler = Compiler::new(policy.namespace.as_deref(), known, allows, errors);
        let has_rules = rules.as_ref().is_some_and(|rules| !rules.is_empty());
        for (at, rule) in rules.into_iter().flat_map(<[RuleConfig]>::into_vec).enumerate() {
            let (rule, operations) = compiler.rule(index, &rule, &path.field("rules").index(at));
            builder.add(rule, operations);
        }
        compiler.finish(has_rules, &mut warnings);
        let shapes = compiler.shapes;
        match spec.action {
            _ if policy.dry_run => {}
            Action::Allow => never::remember(&mut allows_shapes, shapes),
            Action::Deny => never::remember(&mut denies_shapes, shapes),
            _ => {}
        }
    }
    never::shadowed(&[], &denies_shapes, &mut warnings);
    never::shadowed(&denies_shapes, &allows_shapes, &mut warnings);
    let is_allow =
        |policy: &&Policy, dry_run| policy.spec.action == Action::Allow && policy.dry_run == dry_run;
    let has_allow = |dry_run| policies.iter().any(|policy| is_allow(&policy, dry_run));
    Compiled {
        // What cannot be told makes a request denied.
        audit: audit.build(true),
        custom: custom.build(true),
        deny: deny.build(true),
        allow: allow.build(false),
        has_allow: has_allow(false),
        dry_run: policies.iter().any(|policy| policy.dry_run).then(|| DryRun {
            deny: dry_deny.build(true),
            allow: dry_allow.build(false),
            has_allow: has_allow(true),
        }),
        warnings,
    }
}

/// Compiles rules of one policy.
pub(crate) struct Compiler<'a> {
    pub(crate) namespace: Option<&'a str>,
    pub(crate) known: &'a Known<'a>,
    /// Whether a match of the policy allows.
    pub(crate) allows: bool,
    pub(crate) errors: &'a mut ConfigErrors,
    /// The lists that have been read and that all have to hold, to find those that contradict each other.
    lists: Vec<never::List>,
    /// Those of the operations of a rule.
    operations: Vec<Vec<never::List>>,
    shapes: Vec<never::Shape>,
    contradictions: Vec<never::Contradiction>,
    has_live_operation: bool,
    has_live_rule: bool,
}

impl<'a> Compiler<'a> {
    pub(crate) fn new(
        namespace: Option<&'a str>,
        known: &'a Known<'a>,
        allows: bool,
        errors: &'a mut ConfigErrors,
    ) -> Self {
        let (lists, operations, shapes) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            namespace,
            known,
            allows,
            errors,
            lists,
            operations,
            shapes,
            contradictions: Vec::new(),
            has_live_operation: false,
            has_live_rule: false,
        }
    }

    /// The operations of a route, as a rule.
    pub(crate) fn route(&mut self, index: usize, to: &List<To>, path: &Path) -> (Rule, Operations) {
        (Rule { policy: index, when: Box::default(), from: Box::default() }, self.to(to, &[], path))
    }

    fn rule(&mut self, policy: usize, rule: &RuleConfig, path: &Path) -> (Rule, Operations) {
        let mut when = Vec::new();
        for (index, condition) in self.items(&rule.when, &path.field("when")).iter().enumerate() {
            self.when(condition, &path.field("when").index(index), &mut when);
        }
        let common = std::mem::take(&mut self.lists);
        let contradictions = never::contradictions(&common);
        let mut is_alive = contradictions.is_empty();
        self.contradictions.extend(contradictions);
        let mut from = Vec::new();
        let mut sources = Vec::new();
        for (index, item) in self.items(&rule.from, &path.field("from")).iter().enumerate() {
            from.push(cheapest_first(
                self.source(&item.source, &path.field("from").index(index).field("source")),
            ));
            sources.push(self.together(&common));
        }
        is_alive &= sources.is_empty() || sources.iter().any(|(_, is_alive)| *is_alive);
        let sources: Vec<Vec<never::List>> = sources.into_iter().map(|(lists, _)| lists).collect();
        let to = self.to(&rule.to, &common, path);
        is_alive &= std::mem::take(&mut self.has_live_operation);
        self.has_live_rule |= is_alive;
        let operations = std::mem::take(&mut self.operations);
        // Each source with each operation, unless these are too many to compare.
        let sources = if sources.is_empty() { vec![common] } else { sources };
        let pairs = sources.iter().flat_map(|source| operations.iter().map(move |to| (source, to)));
        let alternatives = pairs.map(|(source, to)| source.iter().chain(to).cloned().collect());
        self.shapes.push(never::Shape {
            path: path.clone(),
            alternatives: alternatives.take(MAX_ALTERNATIVES).collect(),
            is_opaque: sources.len() * operations.len() > MAX_ALTERNATIVES
                || rule.when.iter().flatten().any(|when| when.cel.is_some()),
        });
        (Rule { policy, when: cheapest_first(when), from: from.into() }, to)
    }

    fn to(&mut self, list: &List<To>, common: &[never::List], path: &Path) -> Operations {
        let path = path.field("to");
        let mut to = Vec::new();
        for (index, item) in self.items(list, &path).iter().enumerate() {
            to.push(self.operation(&item.operation, &path.index(index).field("operation")));
            let (operation, is_alive) = self.together(common);
            self.operations.push(operation);
            self.has_live_operation |= is_alive;
        }
        if list.is_none() {
            to.push((Box::default(), IndexKey::None));
            self.operations.push(Vec::new());
            self.has_live_operation = true;
        }
        to
    }

    /// The lists that were read since, with those that hold for the whole rule, and whether they can hold together.
    fn together(&mut self, common: &[never::List]) -> (Vec<never::List>, bool) {
        let own = std::mem::take(&mut self.lists);
        let all: Vec<never::List> = common.iter().cloned().chain(own).collect();
        let mut contradictions = never::contradictions(&all);
        // What the conditions alone come to is said already.
        contradictions.retain(|found| !common.iter().any(|list| list.path == found.path));
        let is_alive = contradictions.is_empty();
        self.contradictions.extend(contradictions);
        (all, is_alive)
    }

    /// Refuses a policy that can never match; warns of the parts of one that never do.
    fn finish(&mut self, has_rules: bool, warnings: &mut Vec<String>) {
        for never::Contradiction { path, found, expected } in std::mem::take(&mut self.contradictions) {
            if has_rules && !self.has_live_rule {
                self.errors.add(&path, found, expected);
            } else {
                warnings.push(format!("{path} has {found}, so this never matches"));
            }
        }
    }

    fn source(&mut self, source: &Source, path: &Path) -> Vec<Condition> {
        for (name, values) in [
            ("requestPrincipals", &source.request_principals),
            ("notRequestPrincipals", &source.not_request_principals),
        ] {
            if values.is_some() {
                self.check_tokens(name, &path.field(name));
            }
        }
        let by_account = source.service_accounts.is_some() || source.not_service_accounts.is_some();
        let by_name =
            [&source.principals, &source.not_principals, &source.namespaces, &source.not_namespaces];
        if by_account && by_name.iter().any(|values| values.is_some()) {
            let found = "serviceAccounts together with principals or namespaces";
            self.errors.add(path, found, "only one of these");
        }
        self.lists(
            [
                (Attribute::Principal, "principals", &source.principals, false),
                (Attribute::Principal, "notPrincipals", &source.not_principals, true),
                (Attribute::RequestPrincipal, "requestPrincipals", &source.request_principals, false),
                (Attribute::RequestPrincipal, "notRequestPrincipals", &source.not_request_principals, true),
                (Attribute::Namespace, "namespaces", &source.namespaces, false),
                (Attribute::Namespace, "notNamespaces", &source.not_namespaces, true),
                (Attribute::ServiceAccount, "serviceAccounts", &source.service_accounts, false),
                (Attribute::ServiceAccount, "notServiceAccounts", &source.not_service_accounts, true),
                (Attribute::TrustDomain, "trustDomains", &source.trust_domains, false),
                (Attribute::TrustDomain, "notTrustDomains", &source.not_trust_domains, true),
                (Attribute::PeerIp, "ipBlocks", &source.ip_blocks, false),
                (Attribute::PeerIp, "notIpBlocks", &source.not_ip_blocks, true),
                (Attribute::RemoteIp, "remoteIpBlocks", &source.remote_ip_blocks, false),
                (Attribute::RemoteIp, "notRemoteIpBlocks", &source.not_remote_ip_blocks, true),
            ],
            path,
        )
    }

    fn operation(&mut self, operation: &Operation, path: &Path) -> (Box<[Condition]>, IndexKey) {
        let mut conditions = self.lists(
            [
                (Attribute::Host, "hosts", &operation.hosts, false),
                (Attribute::Host, "notHosts", &operation.not_hosts, true),
                (Attribute::Method, "methods", &operation.methods, false),
                (Attribute::Method, "notMethods", &operation.not_methods, true),
                (Attribute::Path, "paths", &operation.paths, false),
                (Attribute::Path, "notPaths", &operation.not_paths, true),
                (Attribute::LocalPort, "ports", &operation.ports, false),
                (Attribute::LocalPort, "notPorts", &operation.not_ports, true),
            ],
            path,
        );
        let key = match (&operation.paths, &operation.hosts) {
            (Some(paths), _) => IndexKey::Paths(paths.iter().map(|path| index_pattern(path)).collect()),
            (None, Some(hosts)) => {
                IndexKey::Hosts(hosts.iter().map(|host| Pattern::new(host).to_ascii_lowercase()).collect())
            }
            (None, None) => IndexKey::None,
        };
        // What the index finds a clause by holds then: but for templates, of which it knows the beginning, and `*`, which it
        // takes for an empty path as well.
        let exact = |path: &String| path != "*" && !Template::is_template(path);
        let paths_hold = operation.paths.iter().flatten().all(exact);
        conditions.retain(|condition| match (&key, &*condition.matcher) {
            (IndexKey::Paths(_), Matcher::Path { .. }) => condition.negated || !paths_hold,
            (IndexKey::Hosts(_), Matcher::Host(_)) => condition.negated || self.known.strict,
            _ => true,
        });
        (cheapest_first(conditions), key)
    }

    /// The lists of one source or operation. One must be there: what has none matches everything, and Istio refuses it too.
    fn lists<const N: usize>(
        &mut self,
        lists: [(Attribute, &str, &List<String>, bool); N],
        path: &Path,
    ) -> Vec<Condition> {
        if lists.iter().all(|(_, _, values, _)| values.is_none()) {
            self.errors.add(path, "no field", "at least one");
        }
        let mut conditions = Vec::new();
        for (attribute, name, values, negated) in lists {
            if let Some(values) = values {
                self.condition(&attribute, values, negated, &path.field(name), &mut conditions);
            }
        }
        conditions
    }

    fn when(&mut self, when: &When, path: &Path, conditions: &mut Vec<Condition>) {
        match (&when.cel, &when.key) {
            (Some(text), None) if when.values.is_none() && when.not_values.is_none() => {
                conditions.extend(self.expression(text, &path.field("cel")));
                return;
            }
            (Some(_), _) => {
                self.errors.add(path, "cel together with other fields", "one or the other");
                return;
            }
            (None, None) => {
                self.errors.add(path, "neither key nor cel", "one of them");
                return;
            }
            (None, Some(_)) => {}
        }
        let key = when.key.as_deref().unwrap_or_default();
        let Some(attribute) = self.attribute(key, &path.field("key")) else { return };
        if when.values.is_none() && when.not_values.is_none() {
            self.errors.add(path, "neither values nor notValues", "at least one of them");
        }
        if let Some(values) = &when.values {
            self.condition(&attribute, values, false, &path.field("values"), conditions);
        }
        if let Some(values) = &when.not_values {
            self.condition(&attribute, values, true, &path.field("notValues"), conditions);
        }
    }

    fn condition(
        &mut self,
        attribute: &Attribute,
        values: &[String],
        negated: bool,
        path: &Path,
        conditions: &mut Vec<Condition>,
    ) {
        if values.is_empty() {
            self.errors.add(path, "an empty list", "at least one value, or no such field");
            return;
        }
        for (index, value) in values.iter().enumerate() {
            if value.is_empty() {
                self.errors.add(&path.index(index), "an empty value", "a value");
            }
        }
        let values = &*trust_domain::expand(attribute, values, self.known.trust_domains);
        let matcher = self.shared_matcher(attribute, values, negated, path);
        self.lists.push(never::List {
            attribute: attribute.clone(),
            values: values.to_vec(),
            negated,
            path: path.clone(),
        });
        conditions.push(Condition { matcher, negated });
    }

    /// The compiled values, of those that are likely to come again once for all.
    fn shared_matcher(
        &mut self,
        attribute: &Attribute,
        values: &[String],
        negated: bool,
        path: &Path,
    ) -> Rc<Matcher> {
        // What a policy that allows tests, and what one that denies tests not to be, is the narrower way to read it.
        let narrow = self.known.strict && self.allows != negated;
        let wide = self.known.strict && self.allows == negated;
        if matches!(attribute, Attribute::Path | Attribute::Host) {
            return self.matcher(attribute, values, path).strict(narrow, wide).into();
        }
        let namespace = self.namespace.filter(|_| *attribute == Attribute::ServiceAccount);
        let listed = (attribute.clone(), namespace.map(str::to_owned), values.to_vec(), narrow);
        if let Some(matcher) = self.known.matchers.get(&listed) {
            return matcher;
        }
        let errors = self.errors.iter().len();
        let matcher = Rc::new(self.matcher(attribute, values, path).strict(narrow, wide));
        // What is wrong is reported wherever it stands.
        if self.errors.iter().len() == errors {
            self.known.matchers.insert(listed, &matcher);
        }
        matcher
    }

    /// The items of a list that may be absent, but not empty: Istio takes an empty list for an absent one, which matches
    /// everything and is hardly what is meant.
    fn items<'c, T>(&mut self, list: &'c List<T>, path: &Path) -> &'c [T] {
        match list {
            None => &[],
            Some(items) => {
                if items.is_empty() {
                    self.errors.add(path, "an empty list", "at least one item, or no such field");
                }
                items
            }
        }
    }
}

/// The most pairs of a source and an operation of a rule that are compared with those of other rules.
const MAX_ALTERNATIVES: usize = 64;

/// The longest name of a policy, in bytes, that of a Kubernetes resource.
const MAX_NAME_BYTES: usize = 253;

/// Whether a text can name a policy.
pub(crate) fn is_name(name: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(valid)
}

fn check_name(policy: &Policy, names: &mut Names, path: &Path, errors: &mut ConfigErrors) {
    let name = policy.name.as_str();
    let path = path.field("name");
    if name == "none" || !is_name(name) {
        let expected = "1 to 253 letters, digits, `.`, `_`, `-` and `/`, but not `none`";
        errors.add(&path, format!("`{name}`"), expected);
    }
    if names.insert(name).is_err() {
        errors.add(&path, format!("`{name}` for a second time"), "a different name for each policy");
    }
}

/// The pattern under which the index finds a path, a template by the text before its first operator.
fn index_pattern(path: &str) -> Pattern {
    match Template::new(path) {
        Ok(template) if Template::is_template(path) => Pattern::Prefix(template.prefix().into()),
        _ => Pattern::new(path),
    }
}

/// A field name as RFC 9110 5.1 has it.
pub(crate) fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
