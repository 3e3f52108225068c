//! Folds SQL tokens to at most five that tell what the input does (`libinjection_sqli_fold`).
//!
//! Tokens are read as needed. The two, then the three, tokens at `left` are held against the rules below; a rule
//! that applies removes or retypes some and mostly starts over. As in libinjection, "removes" means from the end
//! of what has been read, even where `left` is further to the front: fingerprints depend on it.

use super::keywords;
use super::token::{Kind, MAX_TEXT, Token};
use super::tokenizer::Tokenizer;

/// How many tokens a fingerprint has at most.
pub(super) const MAX_TOKENS: usize = 5;
/// One more is read to find out the type of the last one.
const READ_TOKENS: usize = MAX_TOKENS + 1;

/// The tokens that are left after folding.
#[derive(Clone, Debug)]
pub struct Folded<'a> {
    source: Tokenizer<'a>,
    tokens: [Slot<'a>; READ_TOKENS],
    /// How many of `tokens` have been read and not removed (`pos` in libinjection).
    count: usize,
    /// Where the rules are applied: what stands before is done.
    left: usize,
    comment: Option<Token<'a>>,
    ended: bool,
}

/// A token, and its text if that is of several words that were joined.
#[derive(Clone, Copy, Debug)]
struct Slot<'a> {
    token: Token<'a>,
    joined: [u8; MAX_TEXT],
    joined_length: u8,
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
        let tokens = [Slot::EMPTY; READ_TOKENS];
        let mut folded = Self { source, tokens, count: 0, left: 0, comment: None, ended: false };
        folded.skip_prefix();
        folded.fold();
        folded
    }

    /// The folded tokens, at most five unless the last is [`Kind::Evil`].
    pub fn tokens(&self) -> impl ExactSizeIterator<Item = Token<'_>> {
        let slots = self.tokens.get(..self.count).unwrap_or(&self.tokens);
        slots.iter().map(Slot::token)
    }

    /// The tokenizer, as far as it was read.
    pub(super) fn source(&self) -> &Tokenizer<'a> {
        &self.source
    }

    /// What may stand before an expression without changing it says nothing.
    fn skip_prefix(&mut self) {
        let [first, ..] = &mut self.tokens;
        while first.read(&mut self.source) {
            if !matches!(first.kind(), Kind::Comment | Kind::LeftParenthesis | Kind::SqlType)
                && !first.is_unary()
            {
                self.count = 1;
                return;
            }
        }
        self.ended = true;
    }

    fn fold(&mut self) {
        loop {
            self.restart_after_parentheses();
            if self.ended || self.left >= MAX_TOKENS {
                break;
            }
            self.read_to(2);
            match self.fold_two() {
                Next::Again => continue,
                Next::Further => {}
                Next::Stop => return,
            }
            self.read_to(3);
            self.fold_three();
        }
        self.finish();
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
    fn read_to(&mut self, wanted: usize) {
        while !self.ended && self.count - self.left < wanted {
            let Some(slot) = self.tokens.get_mut(self.count) else { return };
            if !slot.read(&mut self.source) {
                self.ended = true;
            } else if slot.kind() == Kind::Comment {
                self.comment = Some(slot.token);
            } else {
                self.comment = None;
                self.count += 1;
            }
        }
    }

    fn fold_two(&mut self) -> Next {
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
            (Operator | LogicOperator, _) if b.is_unary() || b.kind() == SqlType => {
                self.remove_and_restart(1)
            }
            (LeftParenthesis, _) if b.is_unary() => self.remove_and_step_back(),
            _ if a.merge(b) => self.remove_and_step_back(),
            // Transact-SQL's IF is a statement.
            (Semicolon, Function) if matches!(b.text(), [b'I' | b'i', b'F' | b'f', ..]) => {
                b.token.kind = Tsql;
                Next::Again
            }
            (Bareword | Variable, LeftParenthesis) if keywords::is_function_with_parenthesis(a.text()) => {
                a.token.kind = Function;
                Next::Again
            }
            (Keyword, _) if a.is("IN") || a.is("NOT IN") => {
                a.token.kind = if b.kind() == LeftParenthesis { Operator } else { Bareword };
                Next::Again
            }
            (Operator, _) if a.is("LIKE") || a.is("NOT LIKE") => {
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
                if b.text().iter().take_while(|byte| **byte != 0).any(|byte| *byte == b'_') {
                    b.token.kind = SqlType;
                    self.left = 0;
                }
                Next::Further
            }
            // Transact-SQL reads `\%1` as `0 % 1`, and `\1` as `1`.
            (Backslash, _) if b.token().is_arithmetic() => {
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
            (LeftBrace, Bareword) if b.text().is_empty() => {
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

    fn fold_three(&mut self) {
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
            (Bareword | Number | Variable | String, Operator, SqlType) if b.text() == b"::" => {
                self.remove_and_restart(2);
            }
            (Expression | Group | Comma, _, LeftParenthesis)
            | (Keyword | Expression | Group, _, Number | Bareword | Variable | String | Function)
            | (Comma, _, Function)
                if b.is_unary() =>
            {
                *b = *c;
                self.remove_and_restart(1);
            }
            // `1,-1` is `1,1`, and what stands before the comma may fold with it.
            (Comma, _, Number | Bareword | Variable | String) if b.is_unary() => {
                *b = *c;
                self.remove_and_restart(3);
            }
            (Expression, Dot, Bareword) => {
                *b = *c;
                self.remove_and_restart(1);
            }
            // USER() is a function, USER(name) is none.
            (Function, LeftParenthesis, last) if last != RightParenthesis && a.is("USER") => {
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

impl<'a> Slot<'a> {
    const EMPTY: Self = Self { token: Token::NONE, joined: [b' '; MAX_TEXT], joined_length: 0 };

    /// Replaces this by the next token, if there is one.
    #[inline(never)]
    fn read(&mut self, source: &mut Tokenizer<'a>) -> bool {
        let Some(token) = source.next() else { return false };
        self.token = token;
        self.joined_length = 0;
        true
    }

    fn token(&self) -> Token<'_> {
        Token { text: self.text(), ..self.token }
    }

    fn kind(&self) -> Kind {
        self.token.kind
    }

    fn text(&self) -> &[u8] {
        match self.joined_length {
            0 => self.token.text,
            length => self.joined.get(..usize::from(length)).unwrap_or(&self.joined),
        }
    }

    fn is(&self, keyword: &str) -> bool {
        self.text().eq_ignore_ascii_case(keyword.as_bytes())
    }

    fn is_unary(&self) -> bool {
        self.token().is_unary()
    }

    /// Joins the next token to this if both are words of a phrase, such as `UNION` and `ALL`
    /// (`syntax_merge_words`).
    fn merge(&mut self, next: &Self) -> bool {
        let is_word = |kind| {
            use Kind::{Bareword, Expression, Function, Keyword, Operator, SqlType, Tsql, Union};
            matches!(kind, Keyword | Bareword | Operator | Union | Function | Expression | Tsql | SqlType)
        };
        if !is_word(self.kind())
            || !(is_word(next.kind()) || next.kind() == Kind::LogicOperator)
            || !keywords::begins_phrase(self.text())
        {
            return false;
        }
        let Some((joined, length)) = join(self.text(), next.text()) else { return false };
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
