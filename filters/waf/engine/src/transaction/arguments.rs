//! Arguments: of the query, of bodies.

use portcullis_seclang::ast::{BodyProcessor, VariableName};

use super::body::Sink;
use super::{Transaction, ValueId, debug};
use crate::body::{self, BodyError, Limits};
use crate::plan::Plan;

/// Arguments that are not decoded. Proposed with these names for ModSecurity (#3564) and Coraza (#1493).
pub(crate) const RAW_ARGUMENTS: [VariableName; 6] = [
    VariableName::ArgsGetNamesRaw,
    VariableName::ArgsGetRaw,
    VariableName::ArgsNamesRaw,
    VariableName::ArgsPostNamesRaw,
    VariableName::ArgsPostRaw,
    VariableName::ArgsRaw,
];

/// Where an argument comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The query.
    Get,
    /// A urlencoded body.
    Post,
    /// A multipart body.
    Multipart,
    /// A JSON body.
    Json,
    /// An XML body.
    Xml,
}

impl Transaction {
    /// Adds the arguments of a query or a urlencoded body, and says in `URLENCODED_ERROR` whether an escape was none.
    pub(crate) fn add_urlencoded(
        &mut self,
        plan: &Plan,
        text: &[u8],
        origin: Origin,
    ) -> Result<(), BodyError> {
        let limits = Limits { arguments: usize::MAX, bytes: usize::MAX, ..Limits::default() };
        let mut scratch = Vec::new();
        let mut sink = Sink::new(self, plan, origin);
        let result =
            body::urlencoded(text, plan.settings.argument_separator, &limits, &mut scratch, &mut sink);
        if matches!(result, Ok(invalid) if invalid > 0) {
            self.set_flag(VariableName::UrlencodedError, true);
        }
        result.map(|_| ())
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
                Origin::Multipart => "BODY",
                Origin::Xml => "XML",
                Origin::Json => "JSON",
            };
            let (name, value) = (self.bytes(name), self.bytes(value));
            let line = format!(
                "Adding request argument ({origin}): name \"{}\", value \"{}\"",
                String::from_utf8_lossy(name),
                String::from_utf8_lossy(value)
            );
            self.write_debug(4, line);
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
            Origin::Post | Origin::Multipart | Origin::Json | Origin::Xml => (V::ArgsPost, V::ArgsPostNames),
        };
        self.add_member(values, name, value);
        if plan.sources.use_variable(names) {
            self.add_member(names, name, name);
        }
        self.arguments_size += self.memory.values.len(name) + self.memory.values.len(value);
        true
    }

    /// `ARGS_RAW` and its kin: the arguments of the query or of a form as they stand there.
    #[inline(never)]
    pub(super) fn add_raw_arguments(&mut self, plan: &Plan, text: &[u8], origin: Origin) {
        use VariableName as V;
        let (decoded, values, names) = match origin {
            Origin::Get => (V::ArgsGet, V::ArgsGetRaw, V::ArgsGetNamesRaw),
            _ => (V::ArgsPost, V::ArgsPostRaw, V::ArgsPostNamesRaw),
        };
        // No more than the limits have let through.
        let count = self.members(decoded).len();
        for (name, value) in body::urlencoded_raw(text, plan.settings.argument_separator).take(count) {
            let name = self.memory.values.intern(name);
            let value = self.memory.values.intern(value);
            self.add_raw_argument([values, names], name, value);
        }
    }

    /// Those of the body: of one that is no form, as they are in `ARGS_POST`, since nothing was decoded.
    #[inline(never)]
    pub(super) fn add_raw_body_arguments(&mut self, plan: &Plan, body: &[u8]) {
        use VariableName as V;
        if self.body_processor == Some(BodyProcessor::Urlencoded) {
            return self.add_raw_arguments(plan, body, Origin::Post);
        }
        let arguments: Vec<(ValueId, ValueId)> =
            self.members(V::ArgsPost).iter().map(|member| (member.key, member.value)).collect();
        for (name, value) in arguments {
            self.add_raw_argument([V::ArgsPostRaw, V::ArgsPostNamesRaw], name, value);
        }
    }

    fn add_raw_argument(&mut self, [values, names]: [VariableName; 2], name: ValueId, value: ValueId) {
        use VariableName as V;
        for (variable, value) in
            [(V::ArgsRaw, value), (V::ArgsNamesRaw, name), (values, value), (names, name)]
        {
            self.add_member(variable, name, value);
        }
    }

    /// Sets `ARGS_COMBINED_SIZE`, which depends on all arguments.
    pub(crate) fn update_arguments_size(&mut self) {
        self.set_number(VariableName::ArgsCombinedSize, self.arguments_size);
    }
}
