//! SecLang operators: pure predicates over bytes.
//!
//! Source of the semantics: ModSecurity v3, `src/operators/`. Each file names its departures, if any. An operator is
//! compiled once, when the rules are loaded, and refused there if it can't work; evaluating it can't fail, except that a
//! pattern with look-around or back references may take too long ([`Operator::try_evaluate`]).

mod begins_with;
mod captures;
mod contains;
mod contains_word;
mod detect_sqli;
mod detect_xss;
mod ends_with;
mod eq;
mod error;
mod ge;
mod gt;
mod ip_match;
mod known_patterns;
mod le;
mod lt;
mod number;
mod on_demand;
mod pcre;
mod phrases;
mod pm;
mod rx;
mod rx_global;
mod str_eq;
mod str_match;
mod validate_byte_range;
mod validate_url_encoding;
mod validate_utf8_encoding;
mod verify_cc;
mod verify_cpf;
mod verify_ssn;
mod verify_svnr;
mod within;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use captures::Captures;
pub use error::OperatorError;
pub use known_patterns::KnownPatterns;
pub(crate) use number::NumberTest;
pub use pcre::{LimitExceeded, MATCH_LIMIT};
pub(crate) use portcullis_patterns::byte_frequency;
pub use portcullis_patterns::{ByteSet, PatternError, PatternErrorKind, Requirement};
use portcullis_xml::Dtd;
pub use portcullis_xml::DtdError;
use portcullis_xml::dtd::Validity;

/// Forgets the inputs that operators have kept, so that how soon they answer tells nothing of what another request had.
pub(crate) fn forget_inputs() {
    pcre::forget_inputs();
    detect_sqli::forget_inputs();
}

/// Where operators find the data files that they name (`@pmFromFile`, `@ipMatchFromFile`).
pub trait Resources {
    /// The content of the file called `name`, as the rule writes it; `None` if there is no such file.
    fn read(&self, name: &str) -> Option<Cow<'_, [u8]>>;

    /// The items of the `SecDataset` called `name`; `None` if there is none.
    fn dataset(&self, _name: &[u8]) -> Option<&[Vec<u8>]> {
        None
    }

    /// Patterns that need not be analysed.
    fn known_patterns(&self) -> KnownPatterns {
        KnownPatterns::default()
    }
}

/// No data files: every `FromFile` operator is refused.
impl Resources for () {
    fn read(&self, _name: &str) -> Option<Cow<'_, [u8]>> {
        None
    }
}

/// Offset and length of a match.
pub(crate) type Place = (usize, usize);

/// How many places of one value are told, at most.
const MOST_PLACES: usize = 64;

type Compares = fn(argument: &[u8], input: &[u8]) -> bool;
type Checks = fn(input: &[u8]) -> bool;
type Places = fn(argument: &[u8], input: &[u8]) -> Option<Place>;

/// Operators that compare texts, by their names in lower case: whether they match, where, and what a matching input is to the argument.
const COMPARISONS: [(&str, Compares, Places, Compared); 7] = [
    ("beginswith", begins_with::matches, begins_with::place, Compared::Holds),
    ("contains", contains::matches, contains::place, Compared::Holds),
    ("containsword", contains_word::matches, contains_word::place, Compared::Holds),
    ("endswith", ends_with::matches, ends_with::place, Compared::Holds),
    ("streq", str_eq::matches, |_, _| None, Compared::Is),
    ("strmatch", str_match::matches, |_, _| None, Compared::Holds),
    ("within", within::matches, within::place, Compared::Other),
];

/// What an input is to the argument with which it compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compared {
    /// The same.
    Is,
    /// It holds the argument.
    Holds,
    Other,
}

/// Operators that compare numbers.
const NUMBER_COMPARISONS: [(&str, number::Comparison); 5] = [
    ("eq", eq::COMPARISON),
    ("ge", ge::COMPARISON),
    ("gt", gt::COMPARISON),
    ("le", le::COMPARISON),
    ("lt", lt::COMPARISON),
];

/// Operators that look for numbers with check digits.
const VERIFIERS: [(&str, Checks); 4] = [
    ("verifycc", verify_cc::is_valid),
    ("verifycpf", verify_cpf::is_valid),
    ("verifyssn", verify_ssn::is_valid),
    ("verifysvnr", verify_svnr::is_valid),
];

/// A compiled operator. Negation (`!@`) is the caller's.
#[derive(Clone, Debug)]
pub struct Operator(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// Compares the input with the argument, which may hold macros.
    Compare {
        matches: Compares,
        argument: Box<[u8]>,
        /// Where the match is.
        place: Places,
        /// What a matching input is to the argument.
        compared: Compared,
    },
    /// Looks at the input alone.
    Check(Checks),
    /// Finds a place in the input that is not as it should be, for which it needs one of these bytes.
    Find(fn(input: &[u8]) -> Option<Place>, ByteSet),
    DetectSqli,
    DetectXss,
    IpMatch(ip_match::Networks),
    Number(NumberTest),
    Pm(pm::Pm),
    Rx(rx::Rx),
    ValidateByteRange(ByteSet),
    ValidateDtd(Box<Dtd>),
    Verify(verify_cc::Verify),
}

impl Operator {
    /// Compiles the operator called `name` (without `@`, in any case) with its argument.
    ///
    /// An argument with macros (`%{...}`) is taken as it is; evaluate such an operator with
    /// [`Operator::evaluate_with`], if [`Operator::takes_macro`] allows it.
    ///
    /// # Errors
    ///
    /// The name is unknown or needs what a WebAssembly filter does not have, the argument is not valid, or a file that
    /// it names is missing.
    pub fn compile(name: &str, argument: &[u8], resources: &dyn Resources) -> Result<Self, OperatorError> {
        let lower = name.to_ascii_lowercase();
        if let Some((_, matches, place, compared)) = COMPARISONS.iter().find(|known| known.0 == lower) {
            let (matches, place, compared) = (*matches, *place, *compared);
            return Ok(Self(Kind::Compare { matches, argument: argument.into(), place, compared }));
        }
        if let Some((_, comparison)) = NUMBER_COMPARISONS.iter().find(|known| known.0 == lower) {
            return Ok(Self(Kind::Number(comparison.with(argument))));
        }
        if let Some((_, is_valid)) = VERIFIERS.iter().find(|known| known.0 == lower) {
            return Ok(Self(Kind::Verify(verify_cc::Verify::new(argument, *is_valid)?)));
        }
        Ok(Self(match lower.as_str() {
            "detectsqli" => Kind::DetectSqli,
            "detectxss" => Kind::DetectXss,
            "ipmatch" => Kind::IpMatch(ip_match::Networks::from_list(argument)?),
            "ipmatchfromdataset" => {
                Kind::IpMatch(ip_match::Networks::from_items(dataset(argument, resources)?)?)
            }
            "ipmatchf" | "ipmatchfromfile" => {
                Kind::IpMatch(ip_match::Networks::from_file(&file(argument, resources)?)?)
            }
            "nomatch" => Kind::Check(|_| false),
            "pm" => Kind::Pm(pm::Pm::from_phrases(argument)?),
            "pmfromdataset" => Kind::Pm(pm::Pm::from_items(dataset(argument, resources)?)?),
            "pmf" | "pmfromfile" => Kind::Pm(pm::Pm::from_file(&file(argument, resources)?)?),
            "rx" => Kind::Rx(rx::Rx::new(argument, resources.known_patterns())?),
            "rxglobal" => Kind::Rx(rx::Rx::global(argument, resources.known_patterns())?),
            "unconditionalmatch" => Kind::Check(|_| true),
            "validatebyterange" => Kind::ValidateByteRange(validate_byte_range::parse(argument)?),
            "validatedtd" => Kind::ValidateDtd(Box::new(Dtd::parse(&file(argument, resources)?)?)),
            "validateurlencoding" => Kind::Find(validate_url_encoding::place, ByteSet::of(b"%")),
            "validateutf8encoding" => Kind::Find(validate_utf8_encoding::place, ByteSet::range(0x80, 0xff)),
            _ => return Err(error::refusal(name)),
        }))
    }

    /// Whether the operator called `name` takes its argument at run time, macros expanded.
    #[must_use]
    pub fn takes_macro(name: &str) -> bool {
        let compiled = Self::compile(name, b"", &());
        matches!(compiled, Ok(Self(Kind::Compare { .. } | Kind::Number(_) | Kind::Rx(_))))
    }

    /// Whether the operator matches `input`. A pattern that takes too long does not match.
    ///
    /// If it matches and `captures` is given, that holds what ModSecurity puts into `TX.0` to `TX.9`: the groups of a
    /// pattern, the phrase of `@pm`, the fingerprint of `@detectSQLi`, the input of `@detectXSS`, the number that
    /// `@verifyCC` and its like found. Otherwise it is left as it is.
    pub fn evaluate(&self, input: &[u8], captures: Option<&mut Captures>) -> bool {
        self.try_evaluate(input, captures).unwrap_or(false)
    }

    /// Like [`Operator::evaluate`], but tells a match that was given up from one that failed, for the variables
    /// `MSC_PCRE_ERROR` and `MSC_PCRE_LIMITS_EXCEEDED`.
    ///
    /// # Errors
    ///
    /// The operator is a pattern that can't run on an automaton, and it took more than [`MATCH_LIMIT`] steps.
    pub fn try_evaluate(&self, input: &[u8], captures: Option<&mut Captures>) -> Result<bool, LimitExceeded> {
        Ok(match &self.0 {
            Kind::Compare { matches, argument, .. } => matches(argument, input),
            Kind::Check(matches) => matches(input),
            Kind::Find(place, _) => place(input).is_some(),
            Kind::DetectSqli => detect_sqli::matches(input, captures),
            Kind::DetectXss => detect_xss::matches(input, captures),
            Kind::IpMatch(networks) => networks.matches(input),
            Kind::Number(test) => test.matches(input),
            Kind::Pm(pm) => pm.matches(input, captures),
            Kind::Rx(rx) => rx.matches(input, captures)?,
            Kind::ValidateByteRange(allowed) => validate_byte_range::matches(*allowed, input),
            Kind::ValidateDtd(dtd) => {
                !matches!(dtd.validate(input, &portcullis_xml::Limits::default()), Validity::Valid)
            }
            Kind::Verify(verify) => verify.matches(input, captures)?,
        })
    }

    /// Stores what it captures of an input that it matches, as [`Operator::evaluate`] does.
    pub(crate) fn capture(&self, input: &[u8], captures: &mut Captures) {
        match &self.0 {
            // A match that was given up captures what was found until then.
            Kind::Rx(rx) => rx.capture(input, captures).unwrap_or_default(),
            _ => {
                self.evaluate(input, Some(captures));
            }
        }
    }

    /// Like [`Operator::evaluate`], with another argument than the compiled one: that with its macros expanded.
    /// Operators that take no macros use the compiled one.
    ///
    /// A pattern is then compiled for this one evaluation, which takes microseconds, and run on the backtracking matcher;
    /// one that is not valid matches nothing, as in ModSecurity.
    pub fn evaluate_with(&self, argument: &[u8], input: &[u8], captures: Option<&mut Captures>) -> bool {
        match &self.0 {
            Kind::Compare { matches, .. } => matches(argument, input),
            Kind::Number(test) => test.matches_with(argument, input),
            Kind::Rx(rx) => rx.ad_hoc(argument).is_ok_and(|rx| rx.matches(input, captures) == Ok(true)),
            _ => self.evaluate(input, captures),
        }
    }

    /// Where in a matching input the match is, as ModSecurity v3 tells it in its log: of a pattern, the places of all groups. Operators
    /// that look at the whole input tell none; of very many places only the first are told.
    pub(crate) fn places(&self, input: &[u8]) -> Vec<Place> {
        match &self.0 {
            Kind::Compare { place, argument, .. } => place(argument, input).into_iter().collect(),
            Kind::Find(place, _) => place(input).into_iter().collect(),
            Kind::Pm(pm) => pm.place(input).into_iter().collect(),
            Kind::Rx(rx) => rx.places(input),
            Kind::ValidateByteRange(allowed) => validate_byte_range::places(*allowed, input),
            Kind::Verify(verify) => verify.place(input).into_iter().collect(),
            Kind::Check(..)
            | Kind::DetectSqli
            | Kind::DetectXss
            | Kind::IpMatch(_)
            | Kind::Number(_)
            | Kind::ValidateDtd(_) => Vec::new(),
        }
    }

    /// The DTD of `@validateDTD`, which looks at the whole body instead of a variable.
    pub(crate) fn dtd(&self) -> Option<&Dtd> {
        match &self.0 {
            Kind::ValidateDtd(dtd) => Some(dtd),
            _ => None,
        }
    }

    /// The pattern of `@rx` and `@rxGlobal`, and what is known of it: see [`KnownPatterns`].
    pub(crate) fn pattern_facts(&self) -> Option<(&[u8], usize, Requirement)> {
        match &self.0 {
            Kind::Rx(rx) => rx.pattern()?.facts(),
            _ => None,
        }
    }

    /// Whether it matches any value, and captures the whole.
    pub(crate) fn is_everything(&self) -> bool {
        matches!(&self.0, Kind::Rx(rx) if rx.is_everything())
    }

    /// The comparison, if the operator compares with a number.
    pub(crate) fn number_test(&self) -> Option<NumberTest> {
        match self.0 {
            Kind::Number(test) => Some(test),
            _ => None,
        }
    }

    /// What every matching input fulfils; of no use for an argument with macros.
    #[must_use]
    pub fn requirement(&self) -> Requirement {
        match &self.0 {
            Kind::Compare { argument, compared: Compared::Is, .. } => {
                Requirement { max_length: Some(argument.len()), ..Requirement::any_of([argument.as_ref()]) }
            }
            Kind::Compare { argument, compared: Compared::Holds, .. } => {
                Requirement::any_of([argument.as_ref()])
            }
            Kind::Find(_, bytes) => {
                Requirement { bytes: Some(*bytes), min_length: 1, ..Requirement::default() }
            }
            Kind::Compare { .. } | Kind::Check(..) | Kind::Number(_) | Kind::ValidateDtd(_) => {
                Requirement::default()
            }
            Kind::DetectSqli => detect_sqli::requirement(),
            Kind::DetectXss => detect_xss::requirement(),
            // The shortest addresses: "::" and "0.0.0.0".
            Kind::IpMatch(_) => Requirement { min_length: 2, ..Requirement::default() },
            Kind::Pm(pm) => pm.requirement(),
            Kind::Rx(rx) => rx.requirement(),
            Kind::ValidateByteRange(allowed) => {
                Requirement { bytes: Some(allowed.complement()), min_length: 1, ..Requirement::default() }
            }
            Kind::Verify(verify) => verify.requirement(),
        }
    }
}

fn file<'a>(argument: &[u8], resources: &'a dyn Resources) -> Result<Cow<'a, [u8]>, OperatorError> {
    let name = String::from_utf8_lossy(argument.trim_ascii());
    resources.read(&name).ok_or_else(|| OperatorError::NoSuchFile(name.into_owned()))
}

fn dataset<'a>(argument: &[u8], resources: &'a dyn Resources) -> Result<&'a [Vec<u8>], OperatorError> {
    let name = argument.trim_ascii();
    let unknown = || OperatorError::NoSuchDataset(String::from_utf8_lossy(name).into_owned());
    resources.dataset(name).ok_or_else(unknown)
}
