//! Arguments of directives.

use super::Writer;
use crate::ast::{
    Action, AuditEngine, AuditLogFormat, AuditLogType, Dataset, EngineMode, FailAction, FileMode,
    IdSelection, Include, LimitAction, OnOff, ParseXml, Quoted, Spanned, TargetUpdate, Text, UnicodeMap,
    UpdateAction, UploadKeep, Variable,
};

/// Writes the arguments of a directive.
pub(crate) trait WriteArgument {
    fn write(&self, out: &mut Writer);
}

impl WriteArgument for () {
    fn write(&self, _: &mut Writer) {}
}

macro_rules! write_vocabulary {
    ($($Name:ty),*) => {$(
        impl WriteArgument for $Name {
            fn write(&self, out: &mut Writer) {
                out.bytes(self.as_str());
            }
        }
    )*};
}

write_vocabulary!(
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

impl WriteArgument for u64 {
    fn write(&self, out: &mut Writer) {
        out.bytes(self.to_string());
    }
}

impl WriteArgument for Text {
    fn write(&self, out: &mut Writer) {
        out.text(self);
    }
}

impl WriteArgument for Vec<Text> {
    fn write(&self, out: &mut Writer) {
        for (index, text) in self.iter().enumerate() {
            if index > 0 {
                out.byte(b' ');
            }
            out.text(text);
        }
    }
}

impl WriteArgument for FileMode {
    fn write(&self, out: &mut Writer) {
        match self {
            FileMode::Default => out.bytes("default"),
            FileMode::Mode(mode) => out.bytes(format!("{mode:04o}")),
        }
    }
}

impl WriteArgument for Include {
    fn write(&self, out: &mut Writer) {
        out.text(&self.path);
    }
}

impl WriteArgument for Quoted<Vec<Spanned<Action>>> {
    fn write(&self, out: &mut Writer) {
        out.quoting(self.quote, |out| out.actions(&self.value));
    }
}

impl WriteArgument for Quoted<Vec<Spanned<Variable>>> {
    fn write(&self, out: &mut Writer) {
        out.quoting(self.quote, |out| out.variables(&self.value));
    }
}

impl WriteArgument for IdSelection {
    fn write(&self, out: &mut Writer) {
        out.ids(self);
    }
}

impl<S: WriteArgument> WriteArgument for TargetUpdate<S> {
    fn write(&self, out: &mut Writer) {
        self.selection.write(out);
        for variables in [Some(&self.variables), self.replaced.as_ref()].into_iter().flatten() {
            out.byte(b' ');
            variables.write(out);
        }
    }
}

impl WriteArgument for UpdateAction {
    fn write(&self, out: &mut Writer) {
        out.bytes(self.id.to_string());
        if self.chain_offset > 0 {
            out.bytes(format!(":{}", self.chain_offset));
        }
        out.byte(b' ');
        self.actions.write(out);
    }
}

impl WriteArgument for UnicodeMap {
    fn write(&self, out: &mut Writer) {
        out.text(&self.path);
        if let Some(code_page) = self.code_page {
            out.bytes(format!(" {code_page}"));
        }
    }
}

impl WriteArgument for Dataset {
    fn write(&self, out: &mut Writer) {
        out.bytes(&self.name);
        out.bytes(" `\n");
        for item in &self.items {
            out.bytes(item);
            out.byte(b'\n');
        }
        out.byte(b'`');
    }
}

impl Writer {
    /// Ids and ranges, separated by commas so that they are one argument.
    pub(super) fn ids(&mut self, ids: &IdSelection) {
        for (index, range) in ids.0.iter().enumerate() {
            if index > 0 {
                self.byte(b',');
            }
            self.bytes(range.first.to_string());
            if range.last != range.first {
                self.bytes(format!("-{}", range.last));
            }
        }
    }
}
