//! Which members of variables come again from one request to the next, and which conditions look at them. What those may come to
//! is kept by [`Recall`](super::Recall).

use portcullis_seclang::ast::VariableName;

use super::segments::{Bits, OfSource, add, bits};
use super::{CheckId, GroupId, Rule, RuleId, SourceId, Sources};
use portcullis_collections::change;

/// The conditions that look at members that recur. Each has a number, [`Condition::number`](super::Condition::number).
#[derive(Debug, Default)]
pub(crate) struct Recurrence {
    /// The length of a set of conditions, in words.
    pub(crate) words: usize,
    pub(crate) variables: Vec<(VariableName, Vec<SourceUse>)>,
    /// For each variable its place among these, or [`NOT_COVERED`].
    places: Vec<u8>,
}

/// What the values of a source are looked at for.
#[derive(Debug)]
pub(crate) struct SourceUse {
    pub(crate) source: SourceId,
    /// The conditions that any value may meet.
    pub(crate) any: Vec<Bits>,
    /// Those that only values may meet in which a scan finds something.
    pub(crate) groups: Vec<(GroupId, Vec<Bits>)>,
}

impl Recurrence {
    /// Numbers the conditions of rules. Those that have no check get the numbers from `next` on.
    #[inline(never)]
    pub(super) fn number(rules: &mut [Rule], open: &[RuleId], sources: &Sources, mut next: usize) -> Self {
        let mut used: Vec<(SourceId, OfSource)> = Vec::new();
        let mut number = || {
            next += 1;
            u16::try_from(next - 1).ok().map(CheckId)
        };
        for id in open {
            let Some(rule) = rules.get_mut(*id as usize) else { continue };
            let mut listed = rule.listed.as_mut();
            for condition in rule.links.iter_mut().filter_map(|link| link.condition.as_mut()) {
                let is_looked_at =
                    |source| sources.get(source).is_some_and(|source| is_recurring(source.variable));
                if !condition.targets.iter().any(|target| is_looked_at(target.source)) {
                    continue;
                }
                let check = condition.scanned_for();
                condition.number = check.or_else(&mut number);
                // Of such a rule the first condition.
                let in_list = listed.take().and_then(|listed| {
                    listed.number = number();
                    listed.number
                });
                for target in condition.targets.iter().filter(|target| is_looked_at(target.source)) {
                    change(&mut used, target.source, |of_source| {
                        match (target.group, check) {
                            (Some(group), Some(check)) => {
                                change(&mut of_source.groups, group, |checks| add(checks, check.0.into()));
                            }
                            _ => condition.number.iter().for_each(|it| add(&mut of_source.any, it.0.into())),
                        }
                        in_list.iter().for_each(|it| add(&mut of_source.any, it.0.into()));
                    });
                }
            }
        }
        let mut variables: Vec<(VariableName, Vec<SourceUse>)> = Vec::new();
        for (source, OfSource { any, groups }) in used {
            let Some(variable) = sources.get(source).map(|source| source.variable) else { continue };
            let groups = groups.into_iter().map(|(group, checks)| (group, bits(checks))).collect();
            let source_use = SourceUse { source, any: bits(any), groups };
            match variables.iter_mut().find(|(known, _)| *known == variable) {
                Some((_, uses)) => uses.push(source_use),
                None => variables.push((variable, vec![source_use])),
            }
        }
        let mut places = vec![NOT_COVERED; VariableName::ALL.len()];
        for (place, (variable, _)) in (0..).zip(&variables) {
            places.get_mut(*variable as usize).into_iter().for_each(|of| *of = place);
        }
        Recurrence { words: next.div_ceil(64), variables, places }
    }

    /// Whether the variable is one of these.
    pub(crate) fn covers(&self, variable: VariableName) -> bool {
        self.place(variable).is_some()
    }

    /// Its place among these.
    pub(crate) fn place(&self, variable: VariableName) -> Option<usize> {
        let place = self.places.get(variable as usize).filter(|place| **place != NOT_COVERED);
        place.map(|place| usize::from(*place))
    }
}

const NOT_COVERED: u8 = u8::MAX;

/// Whether a member of a variable comes again from one request to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recurs {
    Always,
    /// It follows from the request line, and comes again with that.
    WithLine,
    /// It may be any text, and often is the same.
    Maybe,
    /// It may be secret, or is hardly ever the same.
    Never,
}

/// Whether some or all of a variable's members recur.
pub(super) fn is_recurring(variable: VariableName) -> bool {
    recurs(variable, b"") != Recurs::Never || variable == VariableName::RequestHeaders
}

/// Whether a member of such a variable does. Of headers those that have the same values again and again, none of them secret:
/// those that tell what the client is and takes.
pub(crate) fn recurs(variable: VariableName, name: &[u8]) -> Recurs {
    use VariableName as V;
    match variable {
        V::ArgsGetNames
        | V::ArgsNames
        | V::ArgsPostNames
        | V::ReqbodyError
        | V::RequestCookiesNames
        | V::RequestHeadersNames
        | V::RequestMethod
        | V::RequestProtocol
        | V::ResponseStatus => Recurs::Always,
        V::Args
        | V::ArgsGet
        | V::QueryString
        | V::RequestBasename
        | V::RequestFilename
        | V::RequestLine
        | V::RequestUri
        | V::RequestUriRaw => Recurs::WithLine,
        V::RequestHeaders => match name {
            b"accept"
            | b"accept-charset"
            | b"accept-encoding"
            | b"accept-language"
            | b"cache-control"
            | b"connection"
            | b"content-type"
            | b"dnt"
            | b"host"
            | b"pragma"
            | b"priority"
            | b"te"
            | b"upgrade-insecure-requests"
            | b"user-agent" => Recurs::Always,
            b"referer" => Recurs::Maybe,
            _ if name.starts_with(b"sec-fetch-") || name.starts_with(b"sec-ch-") => Recurs::Always,
            _ => Recurs::Never,
        },
        _ => Recurs::Never,
    }
}
