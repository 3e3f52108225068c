//! Lists of actions: `id:1,phase:2,t:none,msg:'text, with a comma',setvar:'tx.a=1'`.
//!
//! A value starts with `'` and ends with the next one that is not escaped, or ends with the next comma. An apostrophe
//! further inside a value is an apostrophe (ModSecurity v3).

use std::ops::Range;

use super::Context;
use crate::{
    NameKind,
    ast::{
        Action, ActionKind, ActionName, AllowScope, Quote, Quoted, Spanned, Template, Transformation,
        Vocabulary, XmlNs,
    },
    error::ParseErrorKind,
    lexer::{Args, Piece, Value, find_unescaped},
    source::Span,
};

impl Context {
    /// The rest of the directive as actions. Those in error are left out.
    pub(super) fn action_list(&mut self, args: &mut Args<'_>) -> Option<Quoted<Vec<Spanned<Action>>>> {
        let rest = args.rest().span();
        let (piece, quote) = match args.last() {
            Ok(Some(list)) => list,
            Ok(None) => {
                self.error(ParseErrorKind::MissingArgument { expected: "actions" }, rest);
                return None;
            }
            Err((kind, span)) => {
                self.error(kind, span);
                return None;
            }
        };
        let mut actions = Vec::new();
        let mut rest = piece.trim();
        // `""` says that there are none.
        while !rest.bytes().is_empty() {
            let (action, after) = self.action(rest, quote);
            actions.extend(action);
            rest = after.trim();
            if let Some(after) = rest.bytes().strip_prefix(b",") {
                if after.trim_ascii().is_empty() {
                    self.error(ParseErrorKind::EmptyAction, rest.span());
                }
                rest = rest.from(1).trim();
            } else if !rest.bytes().is_empty() {
                let end = comma(rest.bytes()).unwrap_or(rest.bytes().len());
                self.error(ParseErrorKind::TextAfterQuote, rest.part(0..end).span());
                rest = rest.from(end + 1).trim();
            }
        }
        // There are thousands of these lists, and all are there until the rules are compiled.
        actions.shrink_to_fit();
        Some(Quoted { value: actions, quote })
    }

    /// Reads one action; gives what comes after it.
    fn action<'l>(&mut self, list: Piece<'l>, outer: Quote) -> (Option<Spanned<Action>>, Piece<'l>) {
        let bytes = list.bytes();
        let end = bytes.iter().position(|byte| b":,".contains(byte)).unwrap_or(bytes.len());
        let name = list.part(0..end).trim();
        if bytes.get(end) != Some(&b':') {
            return (self.named_action(name, None, name.span()), list.from(end));
        }
        let rest = list.from(end + 1).trim();
        let bytes = rest.bytes();
        let (value, len) = if bytes.first() == Some(&b'\'') && outer != Quote::Single {
            let Some(close) = find_unescaped(bytes, b'\'', 1) else {
                self.error(ParseErrorKind::UnclosedQuote, rest.part(0..1).span());
                return (None, rest.from(bytes.len()));
            };
            (Value::new(rest.part(1..close), outer).unescape(Quote::Single), close + 1)
        } else {
            let end = comma(bytes).unwrap_or(bytes.len());
            (Value::new(rest.part(0..end).trim(), outer).unescape(Quote::None), end)
        };
        let span = name.span().to(rest.part(0..len).trim().span());
        (self.named_action(name, Some(value), span), rest.from(len))
    }

    fn named_action(
        &mut self,
        name: Piece<'_>,
        value: Option<Value<'_>>,
        span: Span,
    ) -> Option<Spanned<Action>> {
        if name.bytes().is_empty() {
            self.error(ParseErrorKind::EmptyAction, span);
            return None;
        }
        let Some(known) = ActionName::from_name(name.bytes()) else {
            let names = ActionName::ALL.iter().map(|name| name.as_str());
            self.unknown(NameKind::Action, name.bytes(), names, name.span());
            return None;
        };
        let quote = value.as_ref().map_or(Quote::None, |value| value.quote);
        let kind = match value {
            None => self.bare_action(known, name.span()),
            Some(value) => self.valued_action(known, &value, span),
        };
        kind.map(|kind| Spanned::new(Action { kind, quote }, span))
    }

    #[inline(never)]
    fn bare_action(&mut self, name: ActionName, span: Span) -> Option<ActionKind> {
        Some(match name {
            ActionName::Allow => ActionKind::Allow(AllowScope::Transaction),
            ActionName::AuditLog => ActionKind::AuditLog,
            ActionName::Block => ActionKind::Block,
            ActionName::Capture => ActionKind::Capture,
            ActionName::Chain => ActionKind::Chain,
            ActionName::Deny => ActionKind::Deny,
            ActionName::Drop => ActionKind::Drop,
            ActionName::Log => ActionKind::Log,
            ActionName::MultiMatch => ActionKind::MultiMatch,
            ActionName::NoAuditLog => ActionKind::NoAuditLog,
            ActionName::NoLog => ActionKind::NoLog,
            ActionName::Pass => ActionKind::Pass,
            ActionName::SanitiseMatched => ActionKind::SanitiseMatched,
            ActionName::SanitiseMatchedBytes => ActionKind::SanitiseMatchedBytes(None),
            _ => {
                self.error(ParseErrorKind::MissingActionValue { action: name.as_str() }, span);
                return None;
            }
        })
    }

    #[inline(never)]
    fn valued_action(&mut self, name: ActionName, value: &Value<'_>, span: Span) -> Option<ActionKind> {
        if value.bytes.is_empty() && !matches!(name, ActionName::LogData | ActionName::Msg | ActionName::Tag)
        {
            self.error(ParseErrorKind::MissingActionValue { action: name.as_str() }, span);
            return None;
        }
        if let Some(action) = of_template(name) {
            return Some(action(self.value_template(value)));
        }
        if let Some(action) = of_bytes(name) {
            return Some(action(value.bytes.to_vec()));
        }
        Some(match name {
            ActionName::Accuracy => ActionKind::Accuracy(self.number(value, "a number up to 255")?),
            ActionName::Allow => ActionKind::Allow(self.allow_scope(value)?),
            ActionName::Ctl => ActionKind::Ctl(self.ctl(value)?),
            ActionName::DeprecateVar => ActionKind::DeprecateVar(self.deprecate_var(value)?),
            ActionName::ExpireVar => ActionKind::ExpireVar(self.expire_var(value)?),
            ActionName::Id => ActionKind::Id(self.number(value, "a number")?),
            ActionName::InitCol => ActionKind::InitCol(self.init_col(value)?),
            ActionName::Maturity => ActionKind::Maturity(self.number(value, "a number up to 255")?),
            ActionName::Phase => ActionKind::Phase(self.vocabulary(value)?),
            ActionName::SanitiseMatchedBytes => {
                ActionKind::SanitiseMatchedBytes(Some(self.kept_bytes(value)?))
            }
            ActionName::SetEnv => ActionKind::SetEnv(self.set_env(value)),
            ActionName::SetVar => ActionKind::SetVar(self.set_var(value)?),
            ActionName::Severity => ActionKind::Severity(self.vocabulary(value)?),
            ActionName::Skip => ActionKind::Skip(self.number(value, "a number of rules")?),
            ActionName::Status => ActionKind::Status(self.number(value, "an HTTP status")?),
            ActionName::Transformation => ActionKind::Transformation(self.transformation(value)?),
            ActionName::XmlNs => ActionKind::XmlNs(self.xml_ns(value)?),
            _ => {
                self.error(ParseErrorKind::UnexpectedActionValue { action: name.as_str() }, value.span());
                return None;
            }
        })
    }

    fn allow_scope(&mut self, value: &Value<'_>) -> Option<AllowScope> {
        match &*value.bytes {
            scope if scope.eq_ignore_ascii_case(b"phase") => Some(AllowScope::Phase),
            scope if scope.eq_ignore_ascii_case(b"request") => Some(AllowScope::Request),
            _ => self.invalid(value, 0..value.bytes.len(), "`phase` or `request`"),
        }
    }

    fn transformation(&mut self, value: &Value<'_>) -> Option<Transformation> {
        let found = Transformation::from_name(&value.bytes);
        if found.is_none() {
            let names = Transformation::ALL.iter().map(|name| name.as_str());
            self.unknown(NameKind::Transformation, &value.bytes, names, value.span());
        }
        found
    }

    /// `4/2`
    fn kept_bytes(&mut self, value: &Value<'_>) -> Option<(u32, u32)> {
        let text = std::str::from_utf8(&value.bytes).unwrap_or_default();
        let pair =
            text.split_once('/').and_then(|(start, end)| Some((start.parse().ok()?, end.parse().ok()?)));
        pair.or_else(|| self.invalid(value, 0..value.bytes.len(), "two numbers, as in `4/2`"))
    }

    /// `soap='http://schemas.xmlsoap.org/soap/envelope/'`. A namespace without a scheme is a mistake: ModSecurity v3, `xmlns.cc`
    /// (which takes `http://` only); Namespaces in XML 1.0, section 2.2.
    fn xml_ns(&mut self, value: &Value<'_>) -> Option<XmlNs> {
        let equals = value.bytes.iter().position(|&byte| byte == b'=').filter(|equals| *equals > 0);
        let has_scheme = value.bytes.contains(&b':');
        let Some(equals) = equals.filter(|_| has_scheme) else {
            return self.invalid(value, 0..value.bytes.len(), "`prefix=namespace`, an absolute URI");
        };
        let (prefix, uri) = value.bytes.split_at(equals);
        let (uri, uri_quote) = match uri.get(1..).unwrap_or_default() {
            [b'\'', uri @ .., b'\''] => (uri, Quote::Single),
            [b'"', uri @ .., b'"'] => (uri, Quote::Double),
            uri => (uri, Quote::None),
        };
        Some(XmlNs { prefix: prefix.to_vec(), uri: uri.to_vec(), uri_quote })
    }

    /// Part of a value as text with macros.
    pub(super) fn part_template(&mut self, value: &Value<'_>, range: Range<usize>) -> Template {
        let text = value.bytes.get(range.clone()).unwrap_or_default();
        self.template(text, true, |part| value.span_of(range.start + part.start..range.start + part.end))
    }

    /// The value as a number.
    pub(super) fn number<N: TryFrom<u64>>(&mut self, value: &Value<'_>, expected: &str) -> Option<N> {
        self.number_in(value, 0..value.bytes.len(), expected)
    }

    /// Part of the value as a number.
    pub(super) fn number_in<N: TryFrom<u64>>(
        &mut self,
        value: &Value<'_>,
        range: Range<usize>,
        expected: &str,
    ) -> Option<N> {
        let text = value.bytes.get(range.clone()).unwrap_or_default();
        decimal(text)
            .and_then(|number| N::try_from(number).ok())
            .or_else(|| self.invalid(value, range, expected))
    }

    /// The value as one of a fixed set of words.
    pub(super) fn vocabulary<V: Vocabulary>(&mut self, value: &Value<'_>) -> Option<V> {
        self.vocabulary_in(value, 0..value.bytes.len())
    }

    /// Part of the value as one of a fixed set of words.
    pub(super) fn vocabulary_in<V: Vocabulary>(
        &mut self,
        value: &Value<'_>,
        range: Range<usize>,
    ) -> Option<V> {
        let text = value.bytes.get(range.clone()).unwrap_or_default();
        let found = V::from_name(text);
        if found.is_none() {
            // The first spelling of each.
            let mut names = Vec::new();
            let mut last = None;
            for (name, value) in V::NAMES {
                if last.replace(*value) != Some(*value) {
                    names.push(*name);
                }
            }
            self.not_one_of(value, range, &names);
        }
        found
    }

    fn not_one_of(&mut self, value: &Value<'_>, range: Range<usize>, names: &[&str]) {
        let expected = format!("one of `{}`", names.join("`, `"));
        self.error_in(value, range, &expected);
    }

    /// Reports that part of a value is not what is expected; gives none.
    pub(super) fn invalid<T>(&mut self, value: &Value<'_>, range: Range<usize>, expected: &str) -> Option<T> {
        self.error_in(value, range, expected);
        None
    }

    fn error_in(&mut self, value: &Value<'_>, range: Range<usize>, expected: &str) {
        let found = String::from_utf8_lossy(value.bytes.get(range.clone()).unwrap_or_default()).into_owned();
        let kind = ParseErrorKind::InvalidValue { value: found, expected: expected.to_owned() };
        self.error(kind, value.span_of(range));
    }
}

/// The actions whose value is text with macros.
#[inline(never)]
fn of_template(name: ActionName) -> Option<fn(Template) -> ActionKind> {
    Some(match name {
        ActionName::Append => ActionKind::Append,
        ActionName::LogData => ActionKind::LogData,
        ActionName::Msg => ActionKind::Msg,
        ActionName::Pause => ActionKind::Pause,
        ActionName::Prepend => ActionKind::Prepend,
        ActionName::Proxy => ActionKind::Proxy,
        ActionName::Redirect => ActionKind::Redirect,
        ActionName::SetRsc => ActionKind::SetRsc,
        ActionName::SetSid => ActionKind::SetSid,
        ActionName::SetUid => ActionKind::SetUid,
        ActionName::Tag => ActionKind::Tag,
        _ => return None,
    })
}

/// The actions whose value is any text.
#[inline(never)]
fn of_bytes(name: ActionName) -> Option<fn(Vec<u8>) -> ActionKind> {
    Some(match name {
        ActionName::Exec => ActionKind::Exec,
        ActionName::Rev => ActionKind::Rev,
        ActionName::SanitiseArg => ActionKind::SanitiseArg,
        ActionName::SanitiseRequestHeader => ActionKind::SanitiseRequestHeader,
        ActionName::SanitiseResponseHeader => ActionKind::SanitiseResponseHeader,
        ActionName::SkipAfter => ActionKind::SkipAfter,
        ActionName::Ver => ActionKind::Ver,
        _ => return None,
    })
}

fn decimal(text: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(text).ok().filter(|_| text.iter().all(u8::is_ascii_digit));
    digits?.parse().ok()
}

fn comma(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| byte == b',')
}
