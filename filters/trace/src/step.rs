use serde::Serialize;

/// One step of a decision. Bytes that come from a request are text here, what is not printable ASCII escaped as in Rust.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// waf: a rule matched.
    Rule(RuleStep),
    /// waf: a phase has ended.
    Phase(PhaseEnd),
    /// authz: a credential was looked for.
    Credential {
        /// `api_key`, `basic` or `hmac`.
        credential: String,
        /// `absent`, `accepted`, or what is wrong with it.
        result: String,
        /// Whom it is of.
        consumer: Option<String>,
    },
    /// authz: the tokens of the request, as a rule of a `RequestAuthentication` takes them.
    Token {
        /// The issuer that the rule is for.
        issuer: String,
        /// `absent`, `accepted`, or what is wrong with it.
        result: String,
        /// Whose it is.
        subject: Option<String>,
    },
    /// authz: what is required of the request.
    Requirement {
        /// The route's name; `None` for what is required of all others.
        route: Option<String>,
        /// `met`, `credentials missing`, or `not met`.
        result: String,
    },
    /// authz: a policy was considered.
    Policy(PolicyStep),
    /// canary: a release was considered.
    Release {
        /// Its name.
        release: String,
        /// What was looked at: `scope`, `affinity`, `header`, `cookie`, `match`, `namespace` or `share`.
        by: String,
        /// `in`, `out`, or `next`: nothing was decided by it.
        result: String,
        /// Why, in a sentence.
        why: String,
    },
    /// canary: what the request was drawn by.
    Key {
        /// Where it comes from: `header x-user`, `cookie id`, `source_ip`, `random`.
        source: String,
        /// The key itself.
        key: String,
    },
    /// canary: a draw.
    Draw {
        /// The release.
        release: String,
        /// Where the key fell, of 100,000 buckets; `None` where nothing had to be drawn, or there is no key.
        bucket: Option<u32>,
        /// The buckets below this one are in, now.
        threshold: u32,
        /// Those that are in when the schedule has ended.
        target: u32,
    },
}

/// A rule that matched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RuleStep {
    /// `id`; 0 if it has none.
    pub id: u64,
    /// The phase that it ran in, 1 to 5.
    pub phase: u8,
    /// Where it stands.
    pub file: String,
    /// The line that it starts on.
    pub line: u32,
    /// `msg`, its macros expanded; empty where the rule is not logged.
    pub message: String,
    /// `severity` in capitals.
    pub severity: Option<String>,
    /// `tag`, in order.
    pub tags: Vec<String>,
    /// The values that matched, in order, at most [`RuleStep::MAX_MATCHES`]. None for `SecAction`.
    pub matches: Vec<Match>,
    /// How many more matched.
    pub more_matches: usize,
    /// What it changed in the collection TX.
    pub changes: Vec<Change>,
    /// Whether it writes to the log.
    pub logged: bool,
    /// The disruptive action that stopped the transaction, or would have: `deny`, `drop`, `redirect`, `allow`.
    pub action: Option<String>,
    /// Whether that action was taken. Without `SecRuleEngine On` none is.
    pub stopped: bool,
    /// Whether the links of its chain that come later did not match: the rule as a whole did not, and what it set stays.
    pub incomplete: bool,
}

impl RuleStep {
    /// How many values are kept of one rule.
    pub const MAX_MATCHES: usize = 20;
}

/// A value that an operator matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Match {
    /// The link of the chain, from 0.
    pub link: usize,
    /// The variable, as `ARGS:q`.
    pub variable: String,
    /// Its value as it came.
    pub value: String,
    /// What the operator saw, where transformations made it another.
    pub transformed: Option<String>,
    /// The transformations, in order.
    pub transformations: Vec<String>,
    /// The operator, as `@rx`, with `!` before it where it is negated.
    pub operator: String,
    /// Its argument, cut where it is long.
    pub argument: String,
}

/// A variable that a rule changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Its name in the collection TX, in lower case.
    pub variable: String,
    /// What it was; `None` where it was not set.
    pub before: Option<String>,
    /// What it is; `None` where it was unset.
    pub after: Option<String>,
}

/// A phase that has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PhaseEnd {
    /// 1 to 5.
    pub phase: u8,
    /// The scores, by the names of the variables.
    pub scores: Vec<(String, String)>,
    /// What stopped the transaction in it: the id of a rule, or a limit.
    pub stopped_by: Option<String>,
}

/// A policy that was considered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyStep {
    /// Its name.
    pub policy: String,
    /// `DENY`, `ALLOW`, `AUDIT` or `CUSTOM`.
    pub action: String,
    /// Whether it is only tried.
    pub dry_run: bool,
    /// What came of it.
    pub verdict: PolicyVerdict,
    /// For one that does not match: of each rule, what of it does not hold.
    pub why_not: Vec<String>,
}

/// What came of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyVerdict {
    /// It matches the request, and decides.
    Decides,
    /// It matches the request; another that stands before it decides.
    Matches,
    /// It does not match the request.
    DoesNotMatch,
}
