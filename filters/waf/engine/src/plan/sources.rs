//! Sources: a variable, which of its members, and which not.

use portcullis_seclang::ast::VariableName;

use super::{TxNames, TxSlot};
use crate::operators::{ByteSet, Operator, OperatorError, Requirement, byte_frequency};
use portcullis_collections::beginnings::are_same;

/// An index into [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SourceId(pub(crate) u32);

/// All sources of a rule set, each known once.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    sources: Vec<Source>,
    /// Their variables, as bits.
    variables: u128,
}

const _: () = assert!(VariableName::ALL.len() <= u128::BITS as usize);

/// Members of a variable, less the excluded ones.
#[derive(Debug, PartialEq)]
pub(crate) struct Source {
    pub(crate) variable: VariableName,
    pub(crate) select: Select,
    pub(crate) exclude: Vec<Select>,
    /// Of `TX`, the variables that the rules name. See [`Sources::find_tx`].
    pub(crate) slots: Vec<TxSlot>,
}

/// Which members of a collection.
#[derive(Debug, Clone)]
pub(crate) enum Select {
    All,
    /// By name, without regard to case. The bytes are lower case.
    Key(Box<[u8]>),
    /// A pattern for names, and its text.
    Pattern(Box<[u8]>, Box<NamePattern>),
    /// An XPath expression, which the body processor evaluates.
    XPath(Box<[u8]>),
}

/// A pattern for names.
#[derive(Debug, Clone)]
pub(crate) struct NamePattern {
    plain: Option<Plain>,
    /// Names without one of these, if there are any, need not be compared with the pattern, nor those without what it requires.
    words: Vec<Word>,
    requirement: Requirement,
    operator: Operator,
}

/// Text that is looked for in a name, in any case.
#[derive(Debug, Clone)]
struct Word {
    /// In lower case, as names of TX variables are kept.
    text: Box<[u8]>,
    /// The place of its rarest byte.
    rarest: usize,
}

/// How many literals are looked for before a pattern is asked about a name.
const MOST_LITERALS: usize = 4;

/// What most patterns for names come to.
#[derive(Debug, Clone)]
enum Plain {
    /// `^text` or `^text.*`
    Prefix(Box<[u8]>),
    /// `text` or `text.*`
    Word(Word),
}

impl Plain {
    fn of(pattern: &[u8]) -> Option<Self> {
        let is_plain = |text: &[u8]| {
            !text.is_empty() && text.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        };
        // What may be anything, or nothing, asks for nothing.
        match pattern.strip_suffix(b".*").unwrap_or(pattern) {
            [b'^', prefix @ ..] if is_plain(prefix) => Some(Plain::Prefix(prefix.into())),
            word if is_plain(word) => Some(Plain::Word(Word::new(word))),
            _ => None,
        }
    }
}

/// The expressions that need no tree of the document: all text, and all values of attributes.
pub(crate) fn is_fixed_xpath(expression: &[u8]) -> bool {
    matches!(expression, b"/*" | b"//@*")
}

impl Sources {
    pub(crate) fn get(&self, id: SourceId) -> Option<&Source> {
        self.sources.get(id.0 as usize)
    }

    pub(crate) fn len(&self) -> usize {
        self.sources.len()
    }

    /// The sources that are members of a variable.
    pub(super) fn of(&self, variable: VariableName) -> impl Iterator<Item = (SourceId, &Source)> {
        let all = (0..).map(SourceId).zip(&self.sources);
        all.filter(move |(_, source)| source.variable == variable)
    }

    /// Whether it is `MATCHED_VAR_NAME`.
    pub(crate) fn is_matched_name(&self, id: SourceId) -> bool {
        self.get(id).is_some_and(|source| source.variable == VariableName::MatchedVarName)
    }

    /// Whether any rule looks at the variable.
    pub(crate) fn use_variable(&self, variable: VariableName) -> bool {
        self.variables >> (variable as u32) & 1 == 1
    }

    /// Looks for the members of `TX` among the names that occur in the rules, when all are known.
    #[inline(never)]
    pub(super) fn find_tx(&mut self, tx: &TxNames) {
        for source in self.sources.iter_mut().filter(|source| source.variable == VariableName::Tx) {
            source.slots.clear();
            let found = tx.slots().filter(|slot| source.contains(tx.name(*slot)));
            let found = found.collect();
            source.slots = found;
        }
    }

    pub(crate) fn intern(&mut self, source: Source) -> SourceId {
        self.variables |= 1 << (source.variable as u32);
        let at = self.sources.iter().position(|known| *known == source).unwrap_or_else(|| {
            self.sources.push(source);
            self.sources.len() - 1
        });
        SourceId(at as u32)
    }
}

impl Source {
    /// Whether a member of this name belongs to the source.
    #[inline]
    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.select.matches(key) && !self.exclude.iter().any(|select| select.matches(key))
    }

    /// Whether all members belong to it.
    pub(crate) fn has_all(&self) -> bool {
        self.select == Select::All && self.exclude.is_empty()
    }

    /// Whether it is a member that is named.
    pub(crate) fn is_one_key(&self) -> bool {
        matches!(self.select, Select::Key(_)) && self.exclude.is_empty()
    }

    /// Whether it is a TX variable that is named.
    pub(crate) fn is_one_tx(&self) -> bool {
        self.variable == VariableName::Tx && self.is_one_key()
    }

    /// Whether its values stay the same during a phase, so that one scan at its start serves all rules.
    pub(crate) fn is_static(&self) -> bool {
        use VariableName as V;
        !matches!(
            self.variable,
            V::Duration
                | V::Env
                | V::Geo
                | V::Global
                | V::HighestSeverity
                | V::Ip
                | V::MatchedVar
                | V::MatchedVarName
                | V::MatchedVars
                | V::MatchedVarsNames
                | V::MscPcreError
                | V::MscPcreLimitsExceeded
                | V::ReqbodyProcessor
                | V::Resource
                | V::Rule
                | V::Session
                | V::SessionId
                | V::Time
                | V::TimeDay
                | V::TimeEpoch
                | V::TimeHour
                | V::TimeMin
                | V::TimeMon
                | V::TimeSec
                | V::TimeWday
                | V::TimeYear
                | V::Tx
                | V::UniqueId
                | V::User
                | V::UserId
                | V::WebAppId
        )
    }
}

impl Select {
    /// The members whose name the pattern finds. Names are compared without regard to case, and so are patterns for
    /// them: ModSecurity v3, `Regex` with `ignoreCase` set for selectors.
    pub(crate) fn pattern(pattern: &[u8]) -> Result<Self, OperatorError> {
        let operator = Operator::compile("rx", &[b"(?i)", pattern].concat(), &())?;
        let requirement = operator.requirement();
        let words = match requirement.literals.as_slice() {
            few if few.len() <= MOST_LITERALS => few.iter().map(|word| Word::new(word)).collect(),
            _ => Vec::new(),
        };
        let pattern_for_names = NamePattern { plain: Plain::of(pattern), words, requirement, operator };
        Ok(Select::Pattern(pattern.into(), Box::new(pattern_for_names)))
    }

    /// What all names begin with, in any case, if that is all that a pattern asks of them.
    pub(super) fn prefix(&self) -> Option<&[u8]> {
        match self {
            Select::Pattern(_, pattern) => match &pattern.plain {
                Some(Plain::Prefix(prefix)) => Some(prefix),
                _ => None,
            },
            _ => None,
        }
    }

    pub(crate) fn matches(&self, key: &[u8]) -> bool {
        match self {
            Select::All => true,
            Select::Key(name) => name.eq_ignore_ascii_case(key),
            Select::Pattern(_, pattern) => pattern.matches(key),
            Select::XPath(expression) => **expression == *key,
        }
    }
}

impl NamePattern {
    fn matches(&self, name: &[u8]) -> bool {
        match &self.plain {
            // In more than one line there is more than one place for `^`.
            Some(Plain::Prefix(prefix)) if !name.contains(&b'\n') => {
                name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
            }
            Some(Plain::Word(word)) => word.is_in(name),
            _ => self.may_match(name) && self.operator.evaluate(name, None),
        }
    }

    fn may_match(&self, name: &[u8]) -> bool {
        let Requirement { bytes, more_bytes, .. } = &self.requirement;
        let has_one = |set: &ByteSet| name.iter().any(|byte| set.contains(*byte));
        (self.words.is_empty() || self.words.iter().any(|word| word.is_in(name)))
            && bytes.iter().chain(more_bytes).all(has_one)
    }
}

impl Word {
    fn new(text: &[u8]) -> Self {
        let by_frequency = |(_, a): &(usize, &u8), (_, b): &(usize, &u8)| {
            byte_frequency(**a).total_cmp(&byte_frequency(**b))
        };
        let rarest = text.iter().enumerate().min_by(by_frequency).map_or(0, |(at, _)| at);
        Word { text: text.to_ascii_lowercase().into(), rarest }
    }

    fn is_in(&self, name: &[u8]) -> bool {
        let Word { text, rarest } = self;
        let (Some(byte), Some(last)) = (text.get(*rarest), name.len().checked_sub(text.len())) else {
            return text.is_empty();
        };
        let first = text.first().copied().unwrap_or_default();
        let is_at = |at: usize| {
            name.get(at).is_some_and(|byte| byte.eq_ignore_ascii_case(&first))
                && name
                    .get(at..at + text.len())
                    .is_some_and(|part| are_same(part, text) || part.eq_ignore_ascii_case(text))
        };
        // Names that macros make mostly begin with what patterns for them ask for.
        if is_at(0) {
            return true;
        }
        let places = name.get(*rarest..=last + rarest).unwrap_or_default();
        memchr::memchr2_iter(byte.to_ascii_lowercase(), byte.to_ascii_uppercase(), places).any(is_at)
    }
}

impl PartialEq for Select {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Select::All, Select::All) => true,
            (Select::Key(a), Select::Key(b)) | (Select::XPath(a), Select::XPath(b)) => a == b,
            (Select::Pattern(a, _), Select::Pattern(b, _)) => a == b,
            _ => false,
        }
    }
}
