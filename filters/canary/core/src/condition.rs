use crate::claims;
use crate::config::{ConditionConfig, FieldConfig, PathConfig};
use crate::fields::FieldId;
use crate::inputs::Inputs;
use crate::loading::Loading;
use crate::names::{self, quote};
use crate::patterns::{Anchoring, PatternId, Subject};
use crate::scope::PathPrefix;
use sdk_shim_config::Path;
use sdk_shim_http::Cidr;

/// The most conditions of all releases together.
pub const MAX_CONDITIONS: usize = 1024;

/// How deep conditions may stand in each other.
pub const MAX_CONDITION_DEPTH: usize = 8;

const MAX_LIST: usize = 1024;

/// What a request must be like.
#[derive(Debug)]
pub(crate) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Value(Subject, Test),
    Pattern(PatternId),
    PathPrefix(PathPrefix),
    Method(Vec<String>),
    SourceIp(Vec<Cidr>),
    Country(FieldId, Vec<String>),
    /// What was refused.
    Never,
}

/// A test of a value.
#[derive(Debug)]
pub(crate) enum Test {
    Exact(Text),
    Prefix(Text),
    Suffix(Text),
    In(Vec<Text>),
    Range(std::ops::Range<i64>),
    Present(bool),
}

/// A text to compare with.
#[derive(Debug)]
pub(crate) struct Text {
    bytes: Box<[u8]>,
    ignore_case: bool,
}

impl Condition {
    pub(crate) fn new(config: &ConditionConfig, path: &Path, loading: &mut Loading) -> Self {
        let before = loading.conditions;
        let condition = Self::at(config, path, loading, 1);
        if before <= MAX_CONDITIONS && loading.conditions > MAX_CONDITIONS {
            let found = format!("condition number {}", loading.conditions);
            loading.errors.add(path, found, format!("at most {MAX_CONDITIONS} in all releases"));
        }
        condition
    }

    fn at(config: &ConditionConfig, path: &Path, loading: &mut Loading, depth: usize) -> Self {
        loading.conditions += 1;
        if depth > MAX_CONDITION_DEPTH {
            loading.errors.add(path, format!("level {depth}"), format!("at most {MAX_CONDITION_DEPTH}"));
            return Self::Never;
        }
        let list = |conditions: &[ConditionConfig], path: &Path, loading: &mut Loading| {
            if conditions.is_empty() {
                loading.errors.add(path, "an empty list", "at least one condition");
            }
            let compile = |(index, condition)| Self::at(condition, &path.index(index), loading, depth + 1);
            conditions.iter().enumerate().map(compile).collect()
        };
        match config {
            ConditionConfig::All(conditions) => Self::All(list(conditions, &path.field("all"), loading)),
            ConditionConfig::Any(conditions) => Self::Any(list(conditions, &path.field("any"), loading)),
            ConditionConfig::Not(condition) => {
                Self::Not(Box::new(Self::at(condition, &path.field("not"), loading, depth + 1)))
            }
            ConditionConfig::Header(field) => {
                let path = path.field("header");
                let name = names::check_header(&field.name, &path.field("name"), &mut loading.errors);
                let subject = Subject::Header(loading.headers.id(&name));
                Self::field(field, subject, &path, loading)
            }
            ConditionConfig::Cookie(field) => {
                let path = path.field("cookie");
                names::check_cookie(&field.name, &path.field("name"), &mut loading.errors);
                let subject = Subject::Cookie(loading.cookies.id(&field.name));
                Self::field(field, subject, &path, loading)
            }
            ConditionConfig::Query(field) => {
                let path = path.field("query");
                names::check_query(&field.name, &path.field("name"), &mut loading.errors);
                let subject = Subject::Query(loading.queries.id(&field.name));
                Self::field(field, subject, &path, loading)
            }
            ConditionConfig::Path(config) => Self::path(config, &path.field("path"), loading),
            ConditionConfig::Method(methods) => {
                let path = path.field("method");
                check_list(methods, &path, loading);
                for (index, method) in methods.iter().enumerate() {
                    names::check_method(method, &path.index(index), &mut loading.errors);
                }
                Self::Method(methods.clone())
            }
            ConditionConfig::SourceIp(blocks) => {
                let path = path.field("source_ip");
                check_list(blocks, &path, loading);
                Self::SourceIp(names::check_blocks(blocks, &path, &mut loading.errors))
            }
            ConditionConfig::Country(countries) => Self::country(countries, &path.field("country"), loading),
            ConditionConfig::Claim(field) => {
                let path = path.field("claim");
                match claims::ask(&field.name, &path.field("name"), loading) {
                    Some(id) => Self::field(field, Subject::Claim(id), &path, loading),
                    None => Self::Never,
                }
            }
        }
    }

    fn field(config: &FieldConfig, subject: Subject, path: &Path, loading: &mut Loading) -> Self {
        let text = |bytes: &String| Text { bytes: bytes.as_bytes().into(), ignore_case: config.ignore_case };
        let mut tests = Vec::new();
        tests.extend(config.exact.as_ref().map(|exact| Self::Value(subject, Test::Exact(text(exact)))));
        tests.extend(config.prefix.as_ref().map(|prefix| {
            check_not_empty(prefix, &path.field("prefix"), loading);
            Self::Value(subject, Test::Prefix(text(prefix)))
        }));
        tests.extend(config.suffix.as_ref().map(|suffix| {
            check_not_empty(suffix, &path.field("suffix"), loading);
            Self::Value(subject, Test::Suffix(text(suffix)))
        }));
        tests.extend(config.contains.as_ref().map(|contained| {
            // Found together with the patterns, in the same pass.
            let case = if config.ignore_case { "(?i)" } else { "" };
            let pattern = format!("{case}{}", regex_syntax::escape(contained));
            let path = path.field("contains");
            check_not_empty(contained, &path, loading);
            Self::pattern(&pattern, Anchoring::Anywhere, subject, &path, loading)
        }));
        tests.extend(config.one_of.as_ref().map(|values| {
            check_list(values, &path.field("in"), loading);
            Self::Value(subject, Test::In(values.iter().map(text).collect()))
        }));
        tests.extend(
            config
                .regex
                .as_ref()
                .map(|regex| Self::pattern(regex, Anchoring::Whole, subject, &path.field("regex"), loading)),
        );
        tests.extend(config.range.map(|range| {
            if range.start >= range.end {
                let found = format!("{} to {}", range.start, range.end);
                loading.errors.add(&path.field("range"), found, "a start below the end");
            }
            Self::Value(subject, Test::Range(range.start..range.end))
        }));
        tests.extend(config.present.map(|present| Self::Value(subject, Test::Present(present))));
        only(tests, path, loading)
    }

    fn path(config: &PathConfig, path: &Path, loading: &mut Loading) -> Self {
        let mut tests = Vec::new();
        let text = |text: &String| Text { bytes: text.as_bytes().into(), ignore_case: false };
        tests.extend(config.exact.as_ref().map(|exact| {
            if PathPrefix::new(exact).is_err() {
                let expected = "a path that starts with /, without query or fragment";
                loading.errors.add(&path.field("exact"), quote(exact), expected);
            }
            Self::Value(Subject::Path, Test::Exact(text(exact)))
        }));
        tests.extend(config.prefix.as_ref().map(|prefix| match PathPrefix::new(prefix) {
            Ok(prefix) => Self::PathPrefix(prefix),
            Err(expected) => {
                loading.errors.add(&path.field("prefix"), quote(prefix), expected);
                Self::Never
            }
        }));
        tests.extend(config.suffix.as_ref().map(|suffix| {
            check_not_empty(suffix, &path.field("suffix"), loading);
            Self::Value(Subject::Path, Test::Suffix(text(suffix)))
        }));
        tests.extend(config.regex.as_ref().map(|regex| {
            Self::pattern(regex, Anchoring::Whole, Subject::Path, &path.field("regex"), loading)
        }));
        only(tests, path, loading)
    }

    fn pattern(
        pattern: &str,
        anchoring: Anchoring,
        subject: Subject,
        path: &Path,
        loading: &mut Loading,
    ) -> Self {
        match loading.patterns.add(pattern, anchoring, subject) {
            Ok(id) => Self::Pattern(id),
            Err((found, expected)) => {
                loading.errors.add(path, found, expected);
                Self::Never
            }
        }
    }

    fn country(countries: &[String], path: &Path, loading: &mut Loading) -> Self {
        check_list(countries, path, loading);
        for (index, country) in countries.iter().enumerate() {
            if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                // Letters by ISO 3166-1; Cloudflare adds T1 for Tor.
                let expected = "two letters, such as NL (ISO 3166-1 alpha-2)";
                loading.errors.add(&path.index(index), quote(country), expected);
            }
        }
        match &loading.country {
            Some(header) => Self::Country(loading.headers.id(header), countries.to_vec()),
            None => {
                loading.errors.add(path, "a condition", "the top level's `country` beside it");
                Self::Never
            }
        }
    }

    pub(crate) fn holds(&self, inputs: &mut Inputs<'_>) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(inputs)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(inputs)),
            Self::Not(condition) => !condition.holds(inputs),
            Self::Value(subject, test) => test.holds(inputs.value(*subject)),
            Self::Pattern(pattern) => inputs.matches(*pattern),
            Self::PathPrefix(prefix) => prefix.matches(inputs.path()),
            Self::Method(methods) => methods.iter().any(|method| method.as_bytes() == inputs.method()),
            Self::SourceIp(blocks) => inputs
                .source_ip()
                .is_some_and(|address| blocks.iter().any(|block| block.contains(address.to_canonical()))),
            Self::Country(header, countries) => {
                let is_one = inputs.header(*header).is_some_and(|value| {
                    countries.iter().any(|country| country.as_bytes().eq_ignore_ascii_case(value))
                });
                is_one && inputs.may_name_country()
            }
            Self::Never => false,
        }
    }
}

impl Test {
    fn holds(&self, value: Option<&[u8]>) -> bool {
        let Some(value) = value else { return matches!(self, Self::Present(false)) };
        match self {
            Self::Exact(text) => text.equals(value),
            Self::Prefix(text) => value.get(..text.bytes.len()).is_some_and(|start| text.equals(start)),
            Self::Suffix(text) => value
                .len()
                .checked_sub(text.bytes.len())
                .and_then(|at| value.get(at..))
                .is_some_and(|end| text.equals(end)),
            Self::In(texts) => texts.iter().any(|text| text.equals(value)),
            Self::Range(range) => std::str::from_utf8(value)
                .ok()
                .and_then(|text| text.parse().ok())
                .is_some_and(|number| range.contains(&number)),
            Self::Present(present) => *present,
        }
    }
}

impl Text {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn equals(&self, value: &[u8]) -> bool {
        if self.ignore_case { self.bytes.eq_ignore_ascii_case(value) } else { *self.bytes == *value }
    }
}

/// How specific a match is, as Gateway API compares them (`HTTPRouteRule.matches`): a greater one goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Specificity {
    exact_path: bool,
    path_prefix: usize,
    method: bool,
    headers: usize,
    queries: usize,
}

impl Specificity {
    pub(crate) fn of(config: &ConditionConfig) -> Self {
        let mut specificity = Self::default();
        let alone = std::slice::from_ref(config);
        let conditions = if let ConditionConfig::All(conditions) = config { conditions } else { alone };
        for condition in conditions {
            match condition {
                ConditionConfig::Header(_) | ConditionConfig::Country(_) => specificity.headers += 1,
                ConditionConfig::Query(_) => specificity.queries += 1,
                ConditionConfig::Method(_) => specificity.method = true,
                ConditionConfig::Path(path) => {
                    specificity.exact_path |= path.exact.is_some();
                    let prefix = path.prefix.as_ref().map_or(0, |prefix| prefix.trim_end_matches('/').len());
                    specificity.path_prefix = specificity.path_prefix.max(prefix);
                }
                _ => {}
            }
        }
        specificity
    }
}

fn only(mut tests: Vec<Condition>, path: &Path, loading: &mut Loading) -> Condition {
    match (tests.pop(), tests.len()) {
        (Some(test), 0) => test,
        (Some(_), others) => {
            loading.errors.add(path, format!("{} tests", others + 1), "one; `all` takes several");
            Condition::Never
        }
        (None, _) => {
            loading.errors.add(path, "no test", "one, such as `exact`");
            Condition::Never
        }
    }
}

fn check_not_empty(text: &str, path: &Path, loading: &mut Loading) {
    if text.is_empty() {
        loading.errors.add(path, "``", "a text that is not empty");
    }
}

fn check_list(list: &[String], path: &Path, loading: &mut Loading) {
    if !(1..=MAX_LIST).contains(&list.len()) {
        loading.errors.add(path, format!("{} entries", list.len()), format!("1 to {MAX_LIST}"));
    }
}
