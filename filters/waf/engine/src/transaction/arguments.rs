//! Arguments: of the query, of bodies.

use portcullis_seclang::ast::VariableName;

use super::{Transaction, ValueId, debug};
use crate::plan::Plan;

/// Where an argument comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The query.
    Get,
    /// A urlencoded or multipart body.
    Post,
    /// A JSON or XML body.
    Structured,
}

impl Transaction {
    /// Splits `name=value` pairs at `SecArgumentSeparator` and decodes them. Pairs that need no decoding are not copied.
    ///
    /// ModSecurity v3, `Transaction::extractArguments` and `utils::urldecode_nonstrict_inplace`: `+` is a space, an escape
    /// that is none stays and sets `URLENCODED_ERROR`. Empty pairs, as in `a=1&&b=2`, are no arguments.
    pub(crate) fn add_urlencoded(&mut self, plan: &Plan, text: ValueId, origin: Origin) {
        let end = self.memory.values.len(text);
        let separator = plan.settings.argument_separator;
        let mut start = 0;
        let mut invalid = false;
        while start < end {
            let bytes = self.memory.values.bytes(text).get(start..).unwrap_or(b"");
            let len = memchr::memchr(separator, bytes).unwrap_or(bytes.len());
            let pair = bytes.get(..len).unwrap_or(b"");
            let equals = memchr::memchr(b'=', pair);
            if len > 0 {
                let name_len = equals.unwrap_or(len);
                let value_start = equals.map_or(len, |equals| equals + 1);
                let name = self.decoded(text, start..start + name_len, &mut invalid);
                let value = self.decoded(text, start + value_start..start + len, &mut invalid);
                if !self.add_argument(plan, origin, name, value) {
                    break;
                }
            }
            start += len + 1;
        }
        if invalid {
            self.set_flag(VariableName::UrlencodedError, true);
        }
    }

    fn decoded(&mut self, text: ValueId, range: std::ops::Range<usize>, invalid: &mut bool) -> ValueId {
        let raw = self.memory.values.sub(text, range);
        let bytes = self.memory.values.bytes(raw);
        if memchr::memchr2(b'%', b'+', bytes).is_none() {
            return raw;
        }
        let mut out = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        loop {
            match rest {
                [b'%', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    let digit = |byte: &u8| (*byte as char).to_digit(16).unwrap_or(0) as u8;
                    out.push(digit(high) << 4 | digit(low));
                    rest = after;
                }
                [byte, after @ ..] => {
                    *invalid |= *byte == b'%';
                    out.push(if *byte == b'+' { b' ' } else { *byte });
                    rest = after;
                }
                [] => return self.memory.values.push(&out),
            }
        }
    }

    /// Adds an argument. False, and nothing added, when there are `SecArgumentsLimit` of them.
    pub(crate) fn add_argument(
        &mut self,
        plan: &Plan,
        origin: Origin,
        name: ValueId,
        value: ValueId,
    ) -> bool {
        use VariableName as V;
        if self.debugs(4) {
            let origin = match origin {
                Origin::Get => "GET",
                Origin::Post => "POST",
                Origin::Structured => "BODY",
            };
            let (name, value) = (self.bytes(name), self.bytes(value));
            let line = format!(
                "Adding request argument ({origin}): name \"{}\", value \"{}\"",
                String::from_utf8_lossy(name),
                String::from_utf8_lossy(value)
            );
            self.write_debug(4, &line);
        }
        let limit = plan.settings.arguments_limit;
        if self.members(V::Args).len() >= limit {
            debug!(self, 4, "Skipping request argument, over limit ({limit})");
            return false;
        }
        self.add_member(V::Args, name, value);
        self.add_member(V::ArgsNames, name, name);
        let (values, names) = match origin {
            Origin::Get => (V::ArgsGet, V::ArgsGetNames),
            Origin::Post | Origin::Structured => (V::ArgsPost, V::ArgsPostNames),
        };
        self.add_member(values, name, value);
        self.add_member(names, name, name);
        self.arguments_size += self.memory.values.len(name) + self.memory.values.len(value);
        true
    }

    /// Sets `ARGS_COMBINED_SIZE`, which depends on all arguments.
    pub(crate) fn update_arguments_size(&mut self) {
        self.set_number(VariableName::ArgsCombinedSize, self.arguments_size);
    }
}
