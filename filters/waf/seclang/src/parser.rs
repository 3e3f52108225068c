//! The parser: walks the lines of a document and of what it includes.

mod actions;
mod arguments;
mod ctl;
mod setvar;
mod template;
mod variables;

pub(crate) use arguments::ReadArgument;

use crate::{
    Loader, NameKind, ParseError, ParseErrorKind, ParseErrors, ParseOptions,
    ast::{
        ActionKind, Condition, Directive, DirectiveName, Include, Operator, OperatorName, Quote, Rule,
        Ruleset, Spanned, Text, Transformation,
    },
    lexer::{Args, Item, Lexer, Line, Value},
    source::{FileId, Source, Sources, Span},
    suggest,
};

/// Parses several documents into one rule set, as if they stood one after the other.
pub struct Parser<'l> {
    loader: &'l dyn Loader,
    options: ParseOptions,
    context: Context,
    directives: Vec<Spanned<Directive>>,
    trivia: Vec<Spanned<Vec<u8>>>,
    /// The files that are being read, each included by the one before it.
    open: Vec<String>,
    /// The bytes read so far.
    total: usize,
    /// The starter of a chain that waits for its next link.
    chain: Option<usize>,
}

impl<'l> Parser<'l> {
    /// Starts with nothing.
    pub fn new(loader: &'l dyn Loader, options: ParseOptions) -> Self {
        Parser {
            loader,
            options,
            context: Context { sources: Sources::default(), errors: Vec::new(), directive: String::new() },
            directives: Vec::new(),
            trivia: Vec::new(),
            open: Vec::new(),
            total: 0,
            chain: None,
        }
    }

    /// Parses a document and what it includes.
    pub fn document(&mut self, name: &str, text: &[u8]) {
        self.file(name.to_owned(), text.to_vec(), None);
    }

    /// The rule set, or all that is wrong with it.
    pub fn finish(self) -> Result<Ruleset, ParseErrors> {
        match self.context.errors.is_empty() {
            true => Ok(Ruleset {
                directives: self.directives,
                trivia: self.trivia,
                sources: self.context.sources,
            }),
            false => Err(ParseErrors(self.context.errors)),
        }
    }

    /// Parses a file unless that passes a limit; gives its id.
    fn file(&mut self, name: String, text: Vec<u8>, included_at: Option<Span>) -> FileId {
        self.total = self.total.saturating_add(text.len());
        let too_large = self.total > self.options.limits.total_bytes;
        let source = Source { name: name.clone(), text: Vec::new(), included_at };
        let file = self.context.sources.add(source);
        if too_large {
            let limit = self.options.limits.total_bytes;
            self.context.error(ParseErrorKind::TooLarge { limit }, Span { file, start: 0, end: 0 });
            return file;
        }
        self.context.sources.set_text(file, text.clone());
        self.open.push(name);
        for item in Lexer::new(file, &text) {
            if self.stopped() {
                break;
            }
            match item {
                Item::Trivia(span) if self.options.keep_trivia => {
                    let lines = text.get(span.start as usize..span.end as usize).unwrap_or_default();
                    self.trivia.push(Spanned::new(lines.to_vec(), span));
                }
                Item::Trivia(_) => {}
                Item::Line(line) => self.line(&line),
            }
        }
        self.open.pop();
        file
    }

    /// Whether there are so many errors that the rest is not looked at. Says so once.
    fn stopped(&mut self) -> bool {
        let limit = self.options.limits.errors;
        if self.context.errors.len() == limit {
            let span = self.context.errors.last().map(|error| error.place.span).unwrap_or_default();
            self.context.directive.clear();
            self.context.error(ParseErrorKind::TooManyErrors { limit }, span);
        }
        self.context.errors.len() > limit
    }

    fn line(&mut self, line: &Line) {
        let mut args = Args::new(line.piece());
        let Ok(Some(name)) = args.next() else {
            // Only a line that starts with a quote has no first word.
            self.context.directive.clear();
            return self.context.error(ParseErrorKind::UnclosedQuote, line.piece().span());
        };
        self.context.directive = String::from_utf8_lossy(&name.bytes).into_owned();
        if line.unclosed_backtick {
            return self.context.error(ParseErrorKind::UnclosedBacktick, name.span());
        }
        let span = line.piece().span();
        let errors = self.context.errors.len();
        if let Some(condition) = RuleDirective::from_name(&name.bytes) {
            let rule = self.context.rule(condition, &mut args);
            return self.rule(rule.filter(|_| self.context.errors.len() == errors), span);
        }
        let Some(known) = DirectiveName::from_name(&name.bytes) else {
            let names = DirectiveName::ALL.iter().map(|name| name.as_str());
            let names = names.chain(["SecRule", "SecAction", "SecRuleScript"]);
            return self.context.unknown(NameKind::Directive, &name.bytes, names, name.span());
        };
        let arguments = args.rest().span();
        let Some(directive) = Directive::read(known, &mut args, &mut self.context) else { return };
        self.context.check(&directive, arguments);
        if !args.is_empty() {
            return self.context.error(ParseErrorKind::UnexpectedArgument, args.rest().span());
        }
        if self.context.errors.len() == errors {
            let optional = matches!(directive, Directive::IncludeOptional(_));
            let at = self.directives.len();
            self.directives.push(Spanned::new(directive, span));
            self.include(at, optional);
        }
    }

    /// Puts a rule into the chain that waits for it, or beside the others. A chain goes on over other directives and
    /// the ends of files, as in ModSecurity v3.
    fn rule(&mut self, rule: Option<Rule>, span: Span) {
        let Some(rule) = rule else {
            self.chain = None;
            return;
        };
        let has_chain = rule.has_chain();
        let starter = self.chain.and_then(|at| self.directives.get_mut(at));
        match starter.map(|directive| &mut directive.node) {
            Some(Directive::Rule(starter)) => {
                starter.links.push(Spanned::new(rule, span));
                self.chain = self.chain.filter(|_| has_chain);
            }
            _ => {
                self.chain = has_chain.then_some(self.directives.len());
                self.directives.push(Spanned::new(Directive::Rule(Box::new(rule)), span));
            }
        }
    }

    /// Parses the files of the include directive at this place, if it is one.
    fn include(&mut self, at: usize, optional: bool) {
        let Some(Spanned { node: Directive::Include(include) | Directive::IncludeOptional(include), span }) =
            self.directives.get(at)
        else {
            return;
        };
        let (span, limits) = (*span, self.options.limits);
        let Ok(path) = String::from_utf8(include.path.value.clone()) else {
            return self.context.error(ParseErrorKind::PathNotUtf8, span);
        };
        if self.open.len() > limits.include_depth {
            return self.context.error(ParseErrorKind::IncludeTooDeep { limit: limits.include_depth }, span);
        }
        let from = self.open.last().map_or("", String::as_str);
        let names = match self.loader.resolve(&path, from) {
            Ok(names) => names,
            Err(crate::loader::LoadError::NotFound(_)) if optional => Vec::new(),
            Err(error) => return self.context.error(ParseErrorKind::Include { path, error }, span),
        };
        let mut files = Vec::new();
        for name in names {
            self.context.directive = "Include".to_owned();
            if self.context.sources.len() >= limits.files {
                return self.context.error(ParseErrorKind::TooManyFiles { limit: limits.files }, span);
            }
            if self.open.contains(&name) {
                return self.context.error(ParseErrorKind::IncludeCycle { file: name }, span);
            }
            match self.loader.read(&name) {
                Ok(text) => files.push(self.file(name, text, Some(span))),
                Err(error) => self.context.error(ParseErrorKind::Include { path: name, error }, span),
            }
            if self.stopped() {
                return;
            }
        }
        if let Some(Spanned {
            node: Directive::Include(include) | Directive::IncludeOptional(include), ..
        }) = self.directives.get_mut(at)
        {
            include.files = files;
        }
    }
}

/// The three directives that make a rule.
#[derive(Clone, Copy)]
enum RuleDirective {
    Rule,
    Action,
    Script,
}

impl RuleDirective {
    fn from_name(name: &[u8]) -> Option<Self> {
        match name {
            _ if name.eq_ignore_ascii_case(b"SecRule") => Some(RuleDirective::Rule),
            _ if name.eq_ignore_ascii_case(b"SecAction") => Some(RuleDirective::Action),
            _ if name.eq_ignore_ascii_case(b"SecRuleScript") => Some(RuleDirective::Script),
            _ => None,
        }
    }
}

/// Where errors go.
pub(crate) struct Context {
    sources: Sources,
    errors: Vec<ParseError>,
    /// The directive that is being read, as written.
    directive: String,
}

impl Context {
    pub(crate) fn error(&mut self, kind: ParseErrorKind, span: Span) {
        self.errors.push(ParseError::new(kind, &self.directive, span, &self.sources));
    }

    /// Reports a name that is not one of these.
    fn unknown(
        &mut self,
        kind: NameKind,
        name: &[u8],
        names: impl Iterator<Item = &'static str>,
        span: Span,
    ) {
        let suggestion = suggest::nearest(name, &names.collect::<Vec<_>>());
        let name = String::from_utf8_lossy(name).into_owned();
        self.error(ParseErrorKind::UnknownName { kind, name, suggestion }, span);
    }

    /// The next argument.
    fn argument<'a>(&mut self, args: &mut Args<'a>, expected: &'static str) -> Option<Value<'a>> {
        let rest = args.rest().span();
        match args.next() {
            Ok(Some(value)) => Some(value),
            Ok(None) => {
                self.error(ParseErrorKind::MissingArgument { expected }, rest);
                None
            }
            Err((kind, span)) => {
                self.error(kind, span);
                None
            }
        }
    }

    /// The next argument as text.
    fn text(&mut self, args: &mut Args<'_>, expected: &'static str) -> Option<Text> {
        self.argument(args, expected)
            .map(|value| Text { quote: value.quote, value: value.bytes.into_owned() })
    }

    fn rule(&mut self, directive: RuleDirective, args: &mut Args<'_>) -> Option<Rule> {
        let condition = match directive {
            RuleDirective::Rule => {
                let value = self.argument(args, "variables")?;
                let variables = self.variables(&value);
                let operator = self.argument(args, "an operator")?;
                let operator = Spanned::new(self.operator(&operator)?, operator.span());
                Condition::Match { variables, quote: value.quote, operator }
            }
            RuleDirective::Action => Condition::Always,
            RuleDirective::Script => {
                let span = args.rest().span();
                Condition::Script(Spanned::new(self.text(args, "the path of a script")?, span))
            }
        };
        if args.is_empty() && !matches!(condition, Condition::Always) {
            return Some(Rule {
                condition,
                actions: Vec::new(),
                actions_quote: Quote::None,
                links: Vec::new(),
            });
        }
        let actions = self.action_list(args)?;
        Some(Rule { condition, actions: actions.value, actions_quote: actions.quote, links: Vec::new() })
    }

    /// `@name argument`, `!@name argument`, or a pattern for `@rx`.
    fn operator(&mut self, value: &Value<'_>) -> Option<Operator> {
        let bytes: &[u8] = &value.bytes;
        let (negated, operator) = match bytes.trim_ascii_start().strip_prefix(b"!") {
            Some(rest) => (true, rest.trim_ascii_start()),
            None if bytes.trim_ascii_start().starts_with(b"@") => (false, bytes.trim_ascii_start()),
            None => (false, bytes),
        };
        let (name, argument) = match operator.strip_prefix(b"@") {
            None => (OperatorName::Rx, operator),
            Some(rest) => {
                let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
                let (name, argument) = rest.split_at(end);
                let at = bytes.len() - rest.len();
                let Some(known) = OperatorName::from_name(name) else {
                    let names = OperatorName::ALL.iter().map(|name| name.as_str());
                    self.unknown(NameKind::Operator, name, names, value.span_of(at - 1..at + end));
                    return None;
                };
                (known, argument.trim_ascii_start())
            }
        };
        let explicit = operator.starts_with(b"@");
        let at = bytes.len() - argument.len();
        // A pattern may hold `%{` for its own reasons.
        let strict = !matches!(name, OperatorName::Rx | OperatorName::RxGlobal);
        let argument =
            self.template(argument, strict, |range| value.span_of(at + range.start..at + range.end));
        Some(Operator { negated, name, explicit, argument, quote: value.quote })
    }

    /// `SecDefaultAction`: only what every rule can have. ModSecurity v3, `seclang-parser.yy`; Coraza,
    /// `ParseDefaultActions`.
    fn check_default_actions(&mut self, actions: &[Spanned<crate::ast::Action>], span: Span) {
        for action in actions {
            let kind = &action.kind;
            let metadata = kind.is_metadata() && !matches!(kind, ActionKind::Phase(_) | ActionKind::Tag(_));
            let of_a_rule =
                matches!(kind, ActionKind::Chain | ActionKind::Skip(_) | ActionKind::SkipAfter(_));
            // It takes away the defaults, of which it would be one.
            let no_default = matches!(kind, ActionKind::Transformation(Transformation::None));
            if metadata || of_a_rule || no_default {
                let name = if no_default { "t:none" } else { kind.name() };
                self.error(ParseErrorKind::NotADefaultAction { action: name }, action.span);
            }
        }
        if !actions.iter().any(|action| action.kind.is_disruptive() && action.kind != ActionKind::Block) {
            self.error(ParseErrorKind::DefaultActionNotDisruptive, span);
        }
    }
}

impl ReadArgument for Include {
    fn read(args: &mut Args<'_>, context: &mut Context) -> Option<Self> {
        Some(Include { path: context.text(args, "a path")?, files: Vec::new() })
    }
}
