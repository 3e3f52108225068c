//! Folds SQL tokens to at most five that tell what the input does (`libinjection_sqli_fold`).
//!
//! Tokens are read as needed. The two, then the three, tokens at `left` are held against the rules below; a rule
//! that applies removes or retypes some and mostly starts over. As in libinjection, "removes" means from the end
//! of what has been read, even where `left` is further to the front: fingerprints depend on it.

use super::keywords;
use super::token::{Kind, Text, Token};
use super::tokenizer::Tokenizer;

/// How many tokens a fingerprint has at most.
pub(super) const MAX_TOKENS: usize = 5;
/// One more is read to find out the type of the last one.
const READ_TOKENS: usize = MAX_TOKENS + 1;

/// The tokens that are left after folding.
#[derive(Clone, Debug)]
pub struct Folded<'a> {
    source: Tokenizer<'a>,
    tokens: [Token<'a>; READ_TOKENS],
    /// How many of `tokens` have been read and not removed (`pos` in libinjection).
    count: usize,
    /// Where the rules are applied: what stands before is done.
    left: usize,
    comment: Option<Token<'a>>,
    ended: bool,
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
    pub fn new(mut source: Tokenizer<'a>) -> Self {
        // What may stand before an expression without changing it says nothing.
        let first = source.find(|token| {
            !matches!(token.kind, Kind::Comment | Kind::LeftParenthesis | Kind::SqlType) && !token.is_unary()
        });
        let tokens = [first.unwrap_or(Token::new(Kind::Unknown, b"")); READ_TOKENS];
        let count = usize::from(first.is_some());
        let mut folded = Self { source, tokens, count, left: 0, comment: None, ended: first.is_none() };
        if first.is_some() {
            folded.fold();
        }
        folded
    }

    /// The folded tokens, at most five unless the last is [`Kind::Evil`].
    #[must_use]
    pub fn tokens(&self) -> &[Token<'a>] {
        self.tokens.get(..self.count).unwrap_or(&self.tokens)
    }

    /// The tokenizer, as far as it was read.
    pub(super) fn source(&self) -> &Tokenizer<'a> {
        &self.source
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
        let [a, b, c, d, e, sixth] = self.tokens;
        if matches!(
            (a.kind, b.kind, c.kind, d.kind, e.kind),
            (Number, Operator | Comma, LeftParenthesis, Number, RightParenthesis)
                | (Bareword, Operator, LeftParenthesis, Bareword | Number, RightParenthesis)
                | (Number, RightParenthesis, Comma, LeftParenthesis, Number)
                | (Bareword, RightParenthesis, Operator, LeftParenthesis, Bareword)
        ) {
            self.left = 0;
            self.count = if self.count > MAX_TOKENS { 2 } else { 1 };
            let [_, second, ..] = &mut self.tokens;
            *second = sixth;
        }
    }

    /// Reads until there are `wanted` tokens from `left` on, as far as there is room and input.
    fn read_to(&mut self, wanted: usize) {
        while !self.ended && self.count - self.left < wanted {
            let Some(slot) = self.tokens.get_mut(self.count) else { return };
            match self.source.next() {
                Some(token) if token.kind == Kind::Comment => self.comment = Some(token),
                Some(token) => {
                    self.comment = None;
                    *slot = token;
                    self.count += 1;
                }
                None => self.ended = true,
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
        match (a.kind, b.kind) {
            (String, String) | (Semicolon, Semicolon) => self.remove(1),
            (Operator | LogicOperator, _) if b.is_unary() || b.kind == SqlType => self.remove_and_restart(1),
            (LeftParenthesis, _) if b.is_unary() => self.remove_and_step_back(),
            _ if merge_words(a, b) => self.remove_and_step_back(),
            // Transact-SQL's IF is a statement.
            (Semicolon, Function) if matches!(b.text(), [b'I' | b'i', b'F' | b'f', ..]) => {
                b.kind = Tsql;
                Next::Again
            }
            (Bareword | Variable, LeftParenthesis) if keywords::is_function_with_parenthesis(a.text()) => {
                a.kind = Function;
                Next::Again
            }
            (Keyword, _) if a.is("IN") || a.is("NOT IN") => {
                a.kind = if b.kind == LeftParenthesis { Operator } else { Bareword };
                Next::Again
            }
            (Operator, _) if a.is("LIKE") || a.is("NOT LIKE") => {
                if b.kind == LeftParenthesis {
                    a.kind = Function;
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
                    b.kind = SqlType;
                    self.left = 0;
                }
                Next::Further
            }
            // Transact-SQL reads `\%1` as `0 % 1`, and `\1` as `1`.
            (Backslash, _) if b.is_arithmetic() => {
                a.kind = Number;
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
                b.kind = Kind::Evil;
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
        match (a.kind, b.kind, c.kind) {
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
                a.kind = Bareword;
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
            *slot = comment;
            self.count += 1;
        }
        self.count = self.count.min(MAX_TOKENS);
    }
}

/// Makes one token of two words that are a phrase, such as `UNION` and `ALL` (`syntax_merge_words`).
fn merge_words(a: &mut Token<'_>, b: &Token<'_>) -> bool {
    let is_word = |kind| {
        use Kind::{Bareword, Expression, Function, Keyword, Operator, SqlType, Tsql, Union};
        matches!(kind, Keyword | Bareword | Operator | Union | Function | Expression | Tsql | SqlType)
    };
    if !is_word(a.kind)
        || !(is_word(b.kind) || b.kind == Kind::LogicOperator)
        || !keywords::begins_phrase(a.text())
    {
        return false;
    }
    let Some(text) = Text::join(a.text(), b.text()) else { return false };
    let Some(kind) = keywords::lookup(text.as_ref()) else { return false };
    (a.kind, a.text) = (kind, text);
    true
}
