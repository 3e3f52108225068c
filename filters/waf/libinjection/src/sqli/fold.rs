//! Folds SQL tokens to at most five that tell what the input does (`libinjection_sqli_fold`).
//!
//! Tokens are read as needed. The two, then the three, tokens at `left` are held against the rules below; a rule
//! that applies removes or retypes some and mostly starts over. As in libinjection, "removes" means from the end
//! of what has been read, even where `left` is further to the front: fingerprints depend on it.

use super::keywords;
use super::token::{Kind, MAX_TEXT, Token};
use super::tokenizer::{Placed, Progress, Tokenizer};

/// How many tokens a fingerprint has at most.
pub(super) const MAX_TOKENS: usize = 5;
/// One more is read to find out the type of the last one.
const READ_TOKENS: usize = MAX_TOKENS + 1;

/// The tokens that are left after folding.
#[derive(Clone, Debug)]
pub struct Folded<'a> {
    source: Tokenizer<'a>,
    state: State,
}

/// What was read and folded, without the input.
#[derive(Clone, Debug)]
struct State {
    tokens: [Slot; READ_TOKENS],
    /// How many of `tokens` have been read and not removed (`pos` in libinjection).
    count: usize,
    /// Where the rules are applied: what stands before is done.
    left: usize,
    comment: Option<Placed>,
    /// Whether a token was read that says something.
    begun: bool,
    ended: bool,
}

/// How far an input was read and folded, for others that begin alike.
#[derive(Clone, Debug)]
pub(super) struct Place {
    progress: Progress,
    state: State,
}

impl Place {
    pub(super) fn position(&self) -> usize {
        self.progress.position()
    }

    /// How many bytes an input has to begin with that are the same, so that it comes here, too.
    pub(super) fn depends_on(&self) -> usize {
        self.progress.depends_on()
    }
}

/// A token, and its text if that is of several words that were joined.
#[derive(Clone, Copy, Debug)]
struct Slot {
    token: Placed,
    joined_length: u8,
    joined: [u8; MAX_TEXT],
}

/// What is to be done after the rules have been tried.
enum Next {
    /// Try them again.
    Again,
    /// None removed anything: look at more tokens.
    Further,
    /// The input is [`Kind::Evil`].
    Stop,
}

impl<'a> Folded<'a> {
    /// Reads and folds `source`.
    #[must_use]
    pub fn new(source: Tokenizer<'a>) -> Self {
        let mut folded = Self::start(source);
        folded.go_on(usize::MAX);
        folded
    }

    /// Nothing of `source` is read yet.
    pub(super) fn start(source: Tokenizer<'a>) -> Self {
        let tokens = [Slot::EMPTY; READ_TOKENS];
        Self { source, state: State { tokens, count: 0, left: 0, comment: None, begun: false, ended: false } }
    }

    /// As if `source` had been read up to that place.
    pub(super) fn resume(mut source: Tokenizer<'a>, place: &Place) -> Self {
        source.resume(place.progress);
        Self { source, state: place.state.clone() }
    }

    /// Where reading stands, after [`Folded::go_on`] has said that there is more.
    pub(super) fn place(&self) -> Place {
        Place { progress: *self.source.progress(), state: self.state.clone() }
    }

    /// Reads and folds until `until` bytes or more have been read. Whether it is done.
    pub(super) fn go_on(&mut self, until: usize) -> bool {
        let Self { source, state } = self;
        state.skip_prefix(source, until) && state.fold(source, until)
    }

    /// The folded tokens, at most five unless the last is [`Kind::Evil`].
    pub fn tokens(&self) -> impl ExactSizeIterator<Item = Token<'_>> {
        let slots = self.state.tokens.get(..self.state.count).unwrap_or(&self.state.tokens);
        slots.iter().map(|slot| slot.token.token(slot.text(self.source.input())))
    }

    /// The tokenizer, as far as it was read.
    pub(super) fn source(&self) -> &Tokenizer<'a> {
        &self.source
    }
}

impl State {
    /// What may stand before an expression without changing it says nothing. False if `until` was reached.
    fn skip_prefix(&mut self, source: &mut Tokenizer<'_>, until: usize) -> bool {
        let [first, ..] = &mut self.tokens;
        while !self.begun {
            if source.progress().position() >= until {
                return false;
            }
            self.begun = true;
            if !first.read(source) {
                self.ended = true;
            } else if matches!(first.kind(), Kind::Comment | Kind::LeftParenthesis | Kind::SqlType)
                || first.is_unary(source.input())
            {
                self.begun = false;
            } else {
                self.count = 1;
            }
        }
        true
    }

    /// False if `until` was reached.
    fn fold(&mut self, source: &mut Tokenizer<'_>, until: usize) -> bool {
        loop {
            if source.progress().position() >= until {
                return false;
            }
            self.restart_after_parentheses();
            if self.ended || self.left >= MAX_TOKENS {
                self.finish();
                return true;
            }
            self.read_to(2, source);
            match self.fold_two(source.input()) {
                Next::Again => continue,
                Next::Further => {}
                Next::Stop => return true,
            }
            self.read_to(3, source);
            self.fold_three(source.input());
        }
    }

    /// Expressions in parentheses that fill all five places are as good as their first token.
    fn restart_after_parentheses(&mut self) {
        use Kind::{Bareword, Comma, LeftParenthesis, Number, Operator, RightParenthesis};
        if self.count < MAX_TOKENS {
            return;
        }
        let [a, b, c, d, e, sixth] = &self.tokens;
        if matches!(
            (a.kind(), b.kind(), c.kind(), d.kind(), e.kind()),
            (Number, Operator | Comma, LeftParenthesis, Number, RightParenthesis)
                | (Bareword, Operator, LeftParenthesis, Bareword | Number, RightParenthesis)
                | (Number, RightParenthesis, Comma, LeftParenthesis, Number)
                | (Bareword, RightParenthesis, Operator, LeftParenthesis, Bareword)
        ) {
            let sixth = *sixth;
            self.left = 0;
            self.count = if self.count > MAX_TOKENS { 2 } else { 1 };
            // Not counted unless it was read.
            let [_, second, ..] = &mut self.tokens;
            *second = sixth;
        }
    }

    /// Reads until there are `wanted` tokens from `left` on, as far as there is room and input.
    fn read_to(&mut self, wanted: usize, source: &mut Tokenizer<'_>) {
        while !self.ended && self.count - self.left < wanted {
            let Some(slot) = self.tokens.get_mut(self.count) else { return };
            if !slot.read(source) {
                self.ended = true;
            } else if slot.kind() == Kind::Comment {
                self.comment = Some(slot.token);
            } else {
                self.comment = None;
                self.count += 1;
            }
        }
    }

    fn fold_two(&mut self, input: &[u8]) -> Next {
        use Kind::{
            Backslash, Bareword, Collate, Function, Keyword, LeftBrace, LeftParenthesis, LogicOperator,
            Number, Operator, RightBrace, RightParenthesis, Semicolon, SqlType, String, Tsql, Variable,
        };
        let Some([a, b, ..]) = self.tokens.get_mut(self.left..self.count) else {
            self.left = self.count;
            return Next::Again;
        };
        match (a.kind(), b.kind()) {
            (String, String) | (Semicolon, Semicolon) => self.remove(1),
            (Operator | LogicOperator, _) if b.is_unary(input) || b.kind() == SqlType => {
                self.remove_and_restart(1)
            }
            (LeftParenthesis, _) if b.is_unary(input) => self.remove_and_step_back(),
            _ if a.may_merge(b) && a.merge(b, input) => self.remove_and_step_back(),
            // Transact-SQL's IF is a statement.
            (Semicolon, Function) if matches!(b.text(input), [b'I' | b'i', b'F' | b'f', ..]) => {
                b.token.kind = Tsql;
                Next::Again
            }
            (Bareword | Variable, LeftParenthesis)
                if keywords::is_function_with_parenthesis(a.text(input)) =>
            {
                a.token.kind = Function;
                Next::Again
            }
            (Keyword, _) if a.is("IN", input) || a.is("NOT IN", input) => {
                a.token.kind = if b.kind() == LeftParenthesis { Operator } else { Bareword };
                Next::Again
            }
            (Operator, _) if a.is("LIKE", input) || a.is("NOT LIKE", input) => {
                if b.kind() == LeftParenthesis {
                    a.token.kind = Function;
                }
                Next::Further
            }
            (SqlType, Bareword | Number | SqlType | LeftParenthesis | Function | Variable | String) => {
                *a = *b;
                self.remove_and_restart(1)
            }
            // There are too many collations to list, but most have an underscore in their name.
            (Collate, Bareword) => {
                if b.text(input).iter().take_while(|byte| **byte != 0).any(|byte| *byte == b'_') {
                    b.token.kind = SqlType;
                    self.left = 0;
                }
                Next::Further
            }
            // Transact-SQL reads `\%1` as `0 % 1`, and `\1` as `1`.
            (Backslash, _) if b.token.token(b.text(input)).is_arithmetic() => {
                a.token.kind = Number;
                self.remove_and_restart(0)
            }
            (Backslash, _) => {
                *a = *b;
                self.remove_and_restart(1)
            }
            (LeftParenthesis, LeftParenthesis) | (RightParenthesis, RightParenthesis) => {
                self.remove_and_restart(1)
            }
            // MySQL's `{``.``.id}` is too rare to be parsed.
            (LeftBrace, Bareword) if b.text(input).is_empty() => {
                b.token.kind = Kind::Evil;
                self.count = self.left + 2;
                Next::Stop
            }
            // ODBC's and MySQL's `{name expression}`.
            (LeftBrace, Bareword) => self.remove_and_restart(2),
            (_, RightBrace) => self.remove_and_restart(1),
            _ => Next::Further,
        }
    }

    fn fold_three(&mut self, input: &[u8]) {
        use Kind::{
            Bareword, Comma, Dot, Expression, Function, Group, Keyword, LeftParenthesis, LogicOperator,
            Number, Operator, RightParenthesis, SqlType, String, Variable,
        };
        let Some([a, b, c, ..]) = self.tokens.get_mut(self.left..self.count) else {
            self.left = self.count;
            return;
        };
        match (a.kind(), b.kind(), c.kind()) {
            (Number, Operator, Number)
            | (LogicOperator, _, LogicOperator)
            | (Variable, Operator, Variable | Number | Bareword)
            | (Bareword | Number, Operator, Number | Bareword)
            | (Bareword | Number | String | Variable, Comma, Number | Bareword | String | Variable)
            | (Bareword, Dot, Bareword) => {
                self.remove_and_restart(2);
            }
            (Operator, middle, Operator) if middle != LeftParenthesis => {
                self.remove_and_restart(2);
            }
            (Bareword | Number | Variable | String, Operator, SqlType) if b.text(input) == b"::" => {
                self.remove_and_restart(2);
            }
            (Expression | Group | Comma, _, LeftParenthesis)
            | (Keyword | Expression | Group, _, Number | Bareword | Variable | String | Function)
            | (Comma, _, Function)
                if b.is_unary(input) =>
            {
                *b = *c;
                self.remove_and_restart(1);
            }
            // `1,-1` is `1,1`, and what stands before the comma may fold with it.
            (Comma, _, Number | Bareword | Variable | String) if b.is_unary(input) => {
                *b = *c;
                self.remove_and_restart(3);
            }
            (Expression, Dot, Bareword) => {
                *b = *c;
                self.remove_and_restart(1);
            }
            // USER() is a function, USER(name) is none.
            (Function, LeftParenthesis, last) if last != RightParenthesis && a.is("USER", input) => {
                a.token.kind = Bareword;
                self.left += 1;
            }
            _ => self.left += 1,
        }
    }

    fn remove(&mut self, tokens: usize) -> Next {
        self.count -= tokens;
        Next::Again
    }

    fn remove_and_restart(&mut self, tokens: usize) -> Next {
        self.left = 0;
        self.remove(tokens)
    }

    fn remove_and_step_back(&mut self) -> Next {
        self.left = self.left.saturating_sub(1);
        self.remove(1)
    }

    fn finish(&mut self) {
        if self.count < MAX_TOKENS
            && let Some(comment) = self.comment
            && let Some(slot) = self.tokens.get_mut(self.count)
        {
            *slot = Slot { token: comment, ..Slot::EMPTY };
            self.count += 1;
        }
        self.count = self.count.min(MAX_TOKENS);
    }
}

impl Slot {
    const EMPTY: Self = Self { token: Placed::NONE, joined: [b' '; MAX_TEXT], joined_length: 0 };

    /// Replaces this by the next token, if there is one.
    #[inline(never)]
    fn read(&mut self, source: &mut Tokenizer<'_>) -> bool {
        let Some(token) = source.read() else { return false };
        self.token = token;
        self.joined_length = 0;
        true
    }

    #[inline]
    fn kind(&self) -> Kind {
        self.token.kind
    }

    #[inline]
    fn text<'t>(&'t self, input: &'t [u8]) -> &'t [u8] {
        match self.joined_length {
            0 => self.token.text(input),
            length => self.joined.get(..usize::from(length)).unwrap_or(&self.joined),
        }
    }

    fn is(&self, keyword: &str, input: &[u8]) -> bool {
        self.text(input).eq_ignore_ascii_case(keyword.as_bytes())
    }

    #[inline]
    fn is_unary(&self, input: &[u8]) -> bool {
        self.kind() == Kind::Operator && self.token.token(self.text(input)).is_unary()
    }

    /// Whether both may be words of a phrase.
    #[inline]
    fn may_merge(&self, next: &Self) -> bool {
        let is_word = |kind| {
            use Kind::{Bareword, Expression, Function, Keyword, Operator, SqlType, Tsql, Union};
            matches!(kind, Keyword | Bareword | Operator | Union | Function | Expression | Tsql | SqlType)
        };
        self.token.length().min(next.token.length()) >= keywords::SHORTEST_OF_PHRASE
            && is_word(self.kind())
            && (is_word(next.kind()) || next.kind() == Kind::LogicOperator)
    }

    /// Joins the next token to this if both are words of a phrase, such as `UNION` and `ALL`
    /// (`syntax_merge_words`).
    fn merge(&mut self, next: &Self, input: &[u8]) -> bool {
        if !keywords::begins_phrase(self.text(input)) {
            return false;
        }
        let Some((joined, length)) = join(self.text(input), next.text(input)) else { return false };
        let Some(kind) = joined.get(..length).and_then(keywords::lookup) else { return false };
        self.token.kind = kind;
        self.joined = joined;
        self.joined_length = length as u8;
        true
    }
}

/// Both texts with a blank between them, unless that is longer than a token's text can be.
fn join(first: &[u8], second: &[u8]) -> Option<([u8; MAX_TEXT], usize)> {
    let length = first.len() + 1 + second.len();
    let mut joined = [b' '; MAX_TEXT];
    joined.get_mut(..first.len())?.copy_from_slice(first);
    joined.get_mut(first.len() + 1..length)?.copy_from_slice(second);
    Some((joined, length))
}
