//! Values of the actions that write to collections.

use super::{Context, template::find_outside_macros};
use crate::{
    NameKind,
    ast::{Collection, DeprecateVar, ExpireVar, InitCol, SetEnv, SetVar, SetVarOp, Template},
    lexer::Value,
};

impl Context {
    /// `tx.score=+5`, `tx.score=-5`, `tx.name=text`, `tx.flag`, `!tx.flag`. ModSecurity v3 reference, "setvar".
    pub(super) fn set_var(&mut self, value: &Value<'_>) -> Option<SetVar> {
        let unset = value.bytes.starts_with(b"!");
        let ((collection, uppercase), key, equals) = self.collection_key(value, usize::from(unset))?;
        let op = match (unset, equals) {
            (true, Some(equals)) => {
                return self.invalid(value, equals..value.bytes.len(), "no value after `!`");
            }
            (true, None) => SetVarOp::Unset,
            (false, None) => SetVarOp::SetOne,
            (false, Some(equals)) => {
                let end = value.bytes.len();
                match value.bytes.get(equals + 1) {
                    Some(b'+') => SetVarOp::Add(self.part_template(value, equals + 2..end)),
                    Some(b'-') => SetVarOp::Subtract(self.part_template(value, equals + 2..end)),
                    _ => SetVarOp::Set(self.part_template(value, equals + 1..end)),
                }
            }
        };
        Some(SetVar { collection, uppercase, key, op })
    }

    /// `session.x=3600`. ModSecurity v3 reference, "expirevar".
    pub(super) fn expire_var(&mut self, value: &Value<'_>) -> Option<ExpireVar> {
        let ((collection, uppercase), key, equals) = self.collection_key(value, 0)?;
        let seconds = equals.map(|equals| self.part_template(value, equals + 1..value.bytes.len()));
        Some(ExpireVar { collection, uppercase, key, seconds })
    }

    /// `session.score=60/300`. ModSecurity v3 reference, "deprecatevar".
    pub(super) fn deprecate_var(&mut self, value: &Value<'_>) -> Option<DeprecateVar> {
        let ((collection, uppercase), key, equals) = self.collection_key(value, 0)?;
        let end = value.bytes.len();
        let from = equals.map_or(end, |equals| equals + 1);
        let slash = value.bytes.iter().skip(from).position(|&byte| byte == b'/');
        let Some(slash) = slash.map(|offset| from + offset) else {
            return self.invalid(value, from..end, "`amount/seconds`, as in `60/300`");
        };
        let amount = self.number_in(value, from..slash, "a number")?;
        let seconds = self.number_in(value, slash + 1..end, "a number of seconds")?;
        Some(DeprecateVar { collection, uppercase, key, amount, seconds })
    }

    /// `ip=%{REMOTE_ADDR}`. ModSecurity v3 reference, "initcol".
    pub(super) fn init_col(&mut self, value: &Value<'_>) -> Option<InitCol> {
        let end = value.bytes.len();
        let Some(equals) = find_outside_macros(&value.bytes, b"=") else {
            return self.invalid(value, 0..end, "`collection=key`");
        };
        let (collection, uppercase) = self.collection(value, 0, equals)?;
        Some(InitCol { collection, uppercase, key: self.part_template(value, equals + 1..end) })
    }

    /// `name=value`. ModSecurity v3 reference, "setenv".
    pub(super) fn set_env(&mut self, value: &Value<'_>) -> SetEnv {
        let end = value.bytes.len();
        let equals = find_outside_macros(&value.bytes, b"=");
        SetEnv {
            name: self.part_template(value, 0..equals.unwrap_or(end)),
            value: equals.map(|equals| self.part_template(value, equals + 1..end)),
        }
    }

    /// `collection.key`, and where the `=` after it stands.
    fn collection_key(
        &mut self,
        value: &Value<'_>,
        start: usize,
    ) -> Option<((Collection, bool), Template, Option<usize>)> {
        let bytes = &value.bytes;
        let equals = find_outside_macros(bytes, b"=");
        let end = equals.unwrap_or(bytes.len());
        let dot = bytes.iter().take(end).position(|byte| b".:".contains(byte)).filter(|dot| dot + 1 < end);
        let Some(dot) = dot else {
            return self.invalid(value, start..end, "`collection.key`");
        };
        let collection = self.collection(value, start, dot)?;
        Some((collection, self.part_template(value, dot + 1..end), equals))
    }

    /// A collection, and whether it is written in capitals.
    fn collection(&mut self, value: &Value<'_>, start: usize, end: usize) -> Option<(Collection, bool)> {
        let name = value.bytes.get(start..end).unwrap_or_default();
        let found = Collection::from_name(name);
        if found.is_none() {
            let names = Collection::ALL.iter().map(|name| name.as_str());
            self.unknown(NameKind::Collection, name, names, value.span_of(start..end));
        }
        found.map(|collection| (collection, name.iter().all(u8::is_ascii_uppercase)))
    }
}
