//! Reading variables. ModSecurity v3 reference, "Variables".

use portcullis_seclang::ast::{Collection, VariableName};

use super::{Found, Hex, Member, Memory, Transaction, ValueId, debug};
use crate::plan::{Plan, Select, Source, SourceId, Text, is_fixed_xpath};

impl Transaction {
    /// Appends the values of a source.
    pub(crate) fn resolve(&mut self, plan: &Plan, id: SourceId, out: &mut Vec<Found>) {
        use VariableName as V;
        let Some(source) = plan.sources.get(id) else { return };
        match source.variable {
            V::Tx => self.resolve_tx(plan, source, out),
            V::Env => {
                for (name, value) in std::mem::take(&mut self.memory.env) {
                    self.push_named(source, &name, value, out);
                    self.memory.env.push((name, value));
                }
            }
            V::Rule => self.resolve_rule(plan, source, out),
            V::MatchedVar | V::MatchedVarName => {
                if let Some(last) = self.memory.matched_vars.last().copied() {
                    let value =
                        if source.variable == V::MatchedVar { last.value } else { self.full_name(&last) };
                    out.push(Found { variable: source.variable, key: None, value });
                }
            }
            V::MatchedVars | V::MatchedVarsNames => {
                for index in 0..self.memory.matched_vars.len() {
                    let Some(matched) = self.memory.matched_vars.get(index).copied() else { break };
                    let name = self.full_name(&matched);
                    let value = if source.variable == V::MatchedVars { matched.value } else { name };
                    if source.contains(self.memory.values.bytes(name)) {
                        out.push(Found { variable: source.variable, key: Some(name), value });
                    }
                }
            }
            V::Global => self.resolve_persistent(plan, source, Collection::Global, out),
            V::Ip => self.resolve_persistent(plan, source, Collection::Ip, out),
            V::Resource => self.resolve_persistent(plan, source, Collection::Resource, out),
            V::Session => self.resolve_persistent(plan, source, Collection::Session, out),
            V::User => self.resolve_persistent(plan, source, Collection::User, out),
            V::HighestSeverity => {
                let severity = self.highest_severity.map_or(255, |severity| severity.number());
                self.push_computed(source.variable, &severity.to_string(), out);
            }
            V::ModsecBuild => self.push_computed(source.variable, "030014000", out),
            V::Duration
            | V::Time
            | V::TimeDay
            | V::TimeEpoch
            | V::TimeHour
            | V::TimeMin
            | V::TimeMon
            | V::TimeSec
            | V::TimeWday
            | V::TimeYear => {
                let text = self.time(plan, source.variable);
                self.push_computed(source.variable, &text, out);
            }
            V::UniqueId if self.scalar(V::UniqueId).is_none() => {
                let id = self.generate_id(plan);
                self.set_bytes(V::UniqueId, id.as_bytes());
                self.resolve_members(source, out);
            }
            // Without an expression it is not what the expressions of other rules have found.
            V::Xml if matches!(source.select, Select::All) => {
                let from = out.len();
                self.resolve_members(source, out);
                let mut at = 0;
                out.retain(|found| {
                    at += 1;
                    let key = found.key.map_or(&[][..], |key| self.memory.values.bytes(key));
                    at <= from || is_fixed_xpath(key)
                });
            }
            _ => self.resolve_members(source, out),
        }
        debug!(self, 9, "{}", Resolved(source.variable, out.len()));
    }

    fn resolve_members(&self, source: &Source, out: &mut Vec<Found>) {
        let members = self.members(source.variable).iter();
        self.each_of(source, members, |found, _| out.push(found));
    }

    /// Goes through those of some members of its variable that belong to a source.
    #[inline]
    pub(super) fn each_of<'m>(
        &self,
        source: &Source,
        members: impl Iterator<Item = &'m Member>,
        mut each: impl FnMut(Found, &Member),
    ) {
        let variable = source.variable;
        let is_keyed = variable.is_collection();
        let is_plain = !is_keyed || matches!(source.select, Select::All) && source.exclude.is_empty();
        for member in members {
            if is_plain || source.contains(self.memory.values.bytes(member.key)) {
                let key = is_keyed.then_some(member.key);
                each(Found { variable, key, value: member.value }, member);
            }
        }
    }

    fn resolve_tx(&mut self, plan: &Plan, source: &Source, out: &mut Vec<Found>) {
        let variable = source.variable;
        let Memory { values, tx, .. } = &mut *self.memory;
        for slot in &source.slots {
            if let Some(value) = tx.slot(*slot, &plan.constants, values) {
                out.push(Found { variable, key: Some(tx.name(*slot, plan, values)), value });
            }
        }
        // A name that a rule gives has a slot.
        if matches!(source.select, Select::Key(_)) {
            return;
        }
        for named in self.memory.tx.named() {
            if source.contains(self.memory.values.bytes(named.lower)) {
                out.push(Found { variable, key: Some(named.name), value: named.value });
            }
        }
    }

    fn resolve_rule(&mut self, plan: &Plan, source: &Source, out: &mut Vec<Found>) {
        for field in [&b"id"[..], b"rev", b"severity", b"logdata", b"msg"] {
            if source.contains(field)
                && let Some(value) = self.rule_field(plan, field)
            {
                let value = self.memory.values.push(&value);
                let key = self.memory.values.push(field);
                out.push(Found { variable: source.variable, key: Some(key), value });
            }
        }
    }

    fn resolve_persistent(
        &mut self,
        plan: &Plan,
        source: &Source,
        collection: Collection,
        out: &mut Vec<Found>,
    ) {
        let record = self.collection_key(collection);
        for (name, value) in plan.persistent.list(collection, &record, (plan.clock)()) {
            let value = self.memory.values.push(&value);
            self.push_named(source, &name, value, out);
        }
    }

    fn push_named(&mut self, source: &Source, name: &[u8], value: ValueId, out: &mut Vec<Found>) {
        if source.contains(name) {
            let key = self.memory.values.push(name);
            out.push(Found { variable: source.variable, key: Some(key), value });
        }
    }

    fn push_computed(&mut self, variable: VariableName, text: &str, out: &mut Vec<Found>) {
        let value = self.memory.values.push(text.as_bytes());
        out.push(Found { variable, key: None, value });
    }

    /// `ARGS:name`, as a value.
    pub(crate) fn full_name(&mut self, found: &Found) -> ValueId {
        let mut name = Vec::new();
        self.write_full_name(found, &mut name);
        self.memory.values.push(&name)
    }

    pub(crate) fn write_full_name(&self, found: &Found, out: &mut Vec<u8>) {
        out.extend_from_slice(found.variable.as_str().as_bytes());
        if let Some(key) = found.key {
            out.push(b':');
            out.extend_from_slice(self.memory.values.bytes(key));
        }
    }

    /// `RULE:id` and its kin: of the rule that runs, or of the starter of its chain.
    pub(crate) fn rule_field(&mut self, plan: &Plan, field: &[u8]) -> Option<Vec<u8>> {
        let (rule, link) = self.current?;
        let rule = plan.rules.get(rule as usize)?;
        if field.eq_ignore_ascii_case(b"id") {
            return (rule.id != 0).then(|| rule.id.to_string().into_bytes());
        }
        let mut links = rule.links.get(..=link)?.iter().rev().map(|link| &link.meta);
        let text = |text: &Option<Text>| text.clone();
        let text = match field.to_ascii_lowercase().as_slice() {
            b"rev" => return links.find(|meta| !meta.rev.is_empty()).map(|meta| meta.rev.to_vec()),
            b"severity" => {
                return links
                    .find_map(|meta| meta.severity)
                    .map(|severity| severity.number().to_string().into_bytes());
            }
            b"logdata" => links.find_map(|meta| text(&meta.log_data)),
            b"msg" => links.find_map(|meta| text(&meta.msg)),
            _ => None,
        }?;
        // A message that mentions itself must not recurse.
        let current = self.current.take();
        let value = self.expand(plan, &text);
        self.current = current;
        Some(value)
    }

    fn time(&self, plan: &Plan, variable: VariableName) -> String {
        use VariableName as V;
        let now = (plan.clock)();
        let seconds = now.as_secs();
        let in_day = seconds % 86_400;
        let (hour, minute, second) = (in_day / 3600, in_day / 60 % 60, in_day % 60);
        let (year, month, day) = civil(seconds / 86_400);
        match variable {
            // In seconds, as ModSecurity v3 does; its manual says milliseconds.
            V::Duration => {
                let passed = now.saturating_sub(self.started.unwrap_or(now));
                format!("{}.{:06}", passed.as_secs(), passed.subsec_micros())
            }
            V::TimeEpoch => seconds.to_string(),
            V::TimeHour => format!("{hour:02}"),
            V::TimeMin => format!("{minute:02}"),
            V::TimeSec => format!("{second:02}"),
            V::TimeDay => format!("{day:02}"),
            V::TimeMon => format!("{month:02}"),
            V::TimeYear => year.to_string(),
            // 1970-01-01 was a Thursday; 0 is Sunday.
            V::TimeWday => ((seconds / 86_400 + 4) % 7).to_string(),
            _ => format!("{hour:02}:{minute:02}:{second:02}"),
        }
    }

    fn generate_id(&self, plan: &Plan) -> String {
        let started = self.started.unwrap_or_else(plan.clock);
        let number = plan.transactions.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        format!("{:x}{:08x}{number:x}", started.as_secs(), started.subsec_nanos())
    }
}

/// The debug line of a resolved variable.
struct Resolved(VariableName, usize);

impl std::fmt::Display for Resolved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Resolved {} ({} values in all)", Hex(self.0.as_str().as_bytes()), self.1)
    }
}

/// Year, month and day of a number of days since 1970-01-01. Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `civil_from_days`, for days that are not negative.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}
