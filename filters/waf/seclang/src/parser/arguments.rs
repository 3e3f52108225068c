//! Arguments of directives.

use std::ops::Range;

use super::Context;
use crate::{
    ast::{
        Action, AuditEngine, AuditLogFormat, AuditLogType, Dataset, Directive, EngineMode, FailAction,
        FileMode, IdRange, IdSelection, LimitAction, OnOff, ParseXml, Quoted, Spanned, TargetUpdate, Text,
        UnicodeMap, UpdateAction, UploadKeep, Variable,
    },
    error::ParseErrorKind,
    lexer::{Args, Value},
    source::Span,
};

/// Reads the arguments of a directive. Gives none after it has reported what is wrong.
pub(crate) trait ReadArgument: Sized {
    fn read(args: &mut Args<'_>, context: &mut Context) -> Option<Self>;
}

impl Context {
    /// Values that their type alone does not limit enough.
    pub(super) fn check(&mut self, directive: &Directive, span: Span) {
        let (value, expected) = match directive {
            Directive::ArgumentSeparator(text) if text.value.len() != 1 => {
                (text.value.as_slice(), "one character")
            }
            Directive::AuditLogParts(text) if !are_audit_log_parts(&text.value) => {
                (text.value.as_slice(), AUDIT_LOG_PARTS)
            }
            Directive::DebugLogLevel(level) if *level > 9 => {
                let value = level.to_string();
                return self
                    .error(ParseErrorKind::InvalidValue { value, expected: "0 to 9".to_owned() }, span);
            }
            _ => return,
        };
        let value = String::from_utf8_lossy(value).into_owned();
        self.error(ParseErrorKind::InvalidValue { value, expected: expected.to_owned() }, span);
    }
}

/// What [`are_audit_log_parts`] takes.
pub(super) const AUDIT_LOG_PARTS: &str = "letters from `A` to `K` and `Z`";

/// Whether these are letters of audit log parts.
pub(super) fn are_audit_log_parts(parts: &[u8]) -> bool {
    !parts.is_empty() && parts.iter().all(|part| matches!(part.to_ascii_uppercase(), b'A'..=b'K' | b'Z'))
}

impl ReadArgument for () {
    fn read(_: &mut Args<'_>, _: &mut Context) -> Option<Self> {
        Some(())
    }
}

macro_rules! read_vocabulary {
    ($($Name:ty),*) => {$(
        impl ReadArgument for $Name {
            fn read(args: &mut Args<'_>, context: &mut Context) -> Option<Self> {
                let value = context.argument(args, "a value")?;
                context.vocabulary(&value)
            }
        }
    )*};
}

read_vocabulary!(
    AuditEngine,
    AuditLogFormat,
    AuditLogType,
    EngineMode,
    FailAction,
    LimitAction,
    OnOff,
    ParseXml,
    UploadKeep
);

impl ReadArgument for u64 {
    fn read(args: &mut Args<'_>, context: &mut Context) -> Option<Self> {
        let value = context.argument(args, "a number")?;
        context.number(&value, "a number")
    }
}

impl ReadArgument for Text {
    fn read(args: &mut Args<'_>, context: &mut Context) -> Option<Self> {
        context.text(args, "a value")
    }
}

impl ReadArgument for Vec<Text> {
    fn read(args: &mut Args<'_>, context: &mut Context) -> Option<Self> {
        let mut words = vec![context.text(args, "a value")?];
        while !args.is_empty() {
            words.push(context.text(args, "a value")?);
        }
        Some(words)
    }
}

impl ReadArgument for FileMode {
    fn read(args: &mut Args<'_>, context: &mut Context) -> Option<Self> {
        let value = context.argument(args, "a file mode")?;
        if value.bytes.eq_ignore_ascii_case(b"default") {
            return Some(FileMode::Default);
        }
        let digits = std::str::from_utf8(&value.bytes).unwrap_or_default();
        match u32::from_str_radix(digits, 8) {
            Ok(mode) if mode <= 0o7777 => Some(FileMode::Mode(mode)),
            _ => context.invalid(&value, 0..value.bytes.len(), "an octal file mode or `default`"),
        }
    }
}

impl ReadArgument for Quoted<Vec<Spanned<Action>>> {
    fn read(args: &mut Args<'_>, context: &mut Context) -> Option<Self> {
        let span = args.rest().span();
        let actions = context.action_list(args)?;
        context.check_default_actions(&actions.value, span);
        Some(actions)
    }
}

impl ReadArgument for IdSelection {
    fn read(args: &mut Args<'_>, context: &mut Context) -> Option<Self> {
        let mut selection = IdSelection::default();
        while selection.0.is_empty() || !args.is_empty() {
            let value = context.argument(args, "an id or a range of ids")?;
            selection.0.extend(ids(context, &value, 0..value.bytes.len())?.0);
        }
        Some(selection)
    }
}

impl ReadArgument for TargetUpdate<IdSelection> {
    fn read(args: &mut Args<'_>, context: &mut Context) -> Option<Self> {
        let mut selection = Some(IdSelection::default());
        loop {
            let value = context.argument(args, "an id or a range of ids")?;
            let more = ids(context, &value, 0..value.bytes.len());
            selection =
                selection.zip(more).map(|(selection, more)| IdSelection([selection.0, more.0].concat()));
            // Coraza takes several. No variable begins with a digit.
            if !args.rest().bytes().first().is_some_and(u8::is_ascii_digit) {
                return target_update(selection, args, context);
            }
        }
    }
}

impl ReadArgument for TargetUpdate<Text> {
    fn read(args: &mut Args<'_>, context: &mut Context) -> Option<Self> {
        let selection = context.text(args, "a tag or message");
        target_update(selection, args, context)
    }
}

fn target_update<S>(
    selection: Option<S>,
    args: &mut Args<'_>,
    context: &mut Context,
) -> Option<TargetUpdate<S>> {
    let mut variables = |args: &mut Args<'_>| -> Option<Quoted<Vec<Spanned<Variable>>>> {
        let value = context.argument(args, "variables")?;
        Some(Quoted { value: context.variables(&value), quote: value.quote })
    };
    let added = variables(args)?;
    let replaced = if args.is_empty() { None } else { Some(variables(args)?) };
    Some(TargetUpdate { selection: selection?, variables: added, replaced })
}

impl ReadArgument for UpdateAction {
    fn read(args: &mut Args<'_>, context: &mut Context) -> Option<Self> {
        let value = context.argument(args, "an id")?;
        let end = value.bytes.len();
        let colon = value.bytes.iter().position(|&byte| byte == b':');
        let id = context.number_in(&value, 0..colon.unwrap_or(end), "an id");
        let chain_offset = match colon {
            Some(colon) => context.number_in(&value, colon + 1..end, "the number of a chain link"),
            None => Some(0),
        };
        let actions = context.action_list(args)?;
        Some(UpdateAction { id: id?, chain_offset: chain_offset?, actions })
    }
}

impl ReadArgument for UnicodeMap {
    fn read(args: &mut Args<'_>, context: &mut Context) -> Option<Self> {
        let path = context.text(args, "the path of a mapping file")?;
        let code_page = if args.is_empty() { None } else { Some(u64::read(args, context)?) };
        Some(UnicodeMap { path, code_page })
    }
}

impl ReadArgument for Dataset {
    fn read(args: &mut Args<'_>, context: &mut Context) -> Option<Self> {
        let name = context.argument(args, "a name")?.bytes.into_owned();
        let span = args.rest().span();
        let block = args.rest().bytes();
        *args = Args::new(args.rest().from(block.len()));
        let Some(block) = block.strip_prefix(b"`").and_then(|block| block.strip_suffix(b"`")) else {
            context.error(ParseErrorKind::MissingArgument { expected: "a block in backticks" }, span);
            return None;
        };
        let lines = block.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
        let items = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"));
        Some(Dataset { name, items: items.map(<[u8]>::to_vec).collect() })
    }
}

/// Ids and ranges, separated by white space or commas: `1 2,9000-9010`.
pub(super) fn ids(context: &mut Context, value: &Value<'_>, range: Range<usize>) -> Option<IdSelection> {
    let text = value.bytes.get(range.clone()).unwrap_or_default();
    let mut selection = Vec::new();
    let mut at = range.start;
    for word in text.split(|byte| byte.is_ascii_whitespace() || *byte == b',') {
        let (start, end) = (at, at + word.len());
        at = end + 1;
        if word.is_empty() {
            continue;
        }
        let dash = word.iter().position(|&byte| byte == b'-');
        let first = context.number_in(value, start..dash.map_or(end, |dash| start + dash), "a rule id")?;
        let last = match dash {
            Some(dash) => context.number_in(value, start + dash + 1..end, "a rule id")?,
            None => first,
        };
        if last < first {
            return context.invalid(value, start..end, "a range that starts with its lowest id");
        }
        selection.push(IdRange { first, last });
    }
    match selection.is_empty() {
        true => context.invalid(value, range, "a rule id"),
        false => Some(IdSelection(selection)),
    }
}
