//! Where in the request a rule matched: the field `ref` of ModSecurity v3's log, such as `o0,4v21,5t:lowercase`.
//!
//! `o` is a place within the value that the operator looked at, `v` is one of the value within the request, each as offset
//! and length; then come the names of the transformations. The request is counted as ModSecurity v3 counts it
//! (`Transaction::processURI`, `addRequestHeader`, `addArgument`, `multipart.cc`): the request line and a byte; of each header its
//! name, two bytes, its value and a byte; the body. What is known only after it has the place where it ends. Of arguments
//! with the same name and value it is the first one's place. Places within values are left out when too many bytes would have to be
//! searched for them.

use std::ops::Range;

use portcullis_seclang::ast::{BodyProcessor, VariableName};

use super::{Found, RuleState, Transaction, ValueId, decimal};
use crate::plan::{Condition, Operation, Plan, Rule};

/// How long a reference may get before no more is added: as many bytes as ModSecurity logs of other fields.
const LONGEST: usize = 200;

/// How many bytes of values are searched again for one transaction, to find out where in them operators have matched. Where a pattern
/// matches takes much longer to find than that it does.
pub(super) const PLACE_BYTES: usize = 2048;

/// An offset and a length.
type Place = (usize, usize);

/// The most matches of a rule that are referred to.
const MOST: usize = 256;

/// A match of one of a rule's links.
#[derive(Debug)]
pub(crate) struct Match {
    link: usize,
    found: Found,
    /// What the transformations made of the value.
    form: ValueId,
    /// Which of the chain's transformations are named.
    transformations: Range<usize>,
    /// Of an operator with macros, what they stood for.
    argument: Vec<u8>,
    /// Where the operator's matches are, if that is known.
    places: Option<Vec<Place>>,
}

impl RuleState {
    /// Keeps what was found out about the match that was noted last, if it is of this form.
    pub(super) fn note_places(&mut self, form: ValueId, places: &[Place]) {
        let last = self.places.last_mut().filter(|last| last.form == form && !places.is_empty());
        if let Some(last) = last {
            last.places = Some(places.to_vec());
        }
    }
}

/// Where a multipart body has a value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyPlace {
    pub(crate) variable: VariableName,
    /// Which member of the variable.
    pub(crate) index: usize,
    /// Within the body, in bytes.
    pub(crate) at: usize,
    pub(crate) len: usize,
}

impl Transaction {
    /// Notes a match, which is to be referred to if the rule as a whole matches: most chains that begin to don't.
    pub(super) fn note_place(
        &self,
        condition: &Condition,
        link: usize,
        (found, form): (Found, ValueId),
        transformations: Range<usize>,
        state: &mut RuleState,
    ) {
        if !state.silent && state.places.len() < MOST {
            let argument = match &condition.operation {
                Operation::Fixed(_) => Vec::new(),
                Operation::Dynamic { .. } => match self.supposed_operator(condition) {
                    Some(known) => known.argument.to_vec(),
                    None => self.memory.dynamic.argument().to_vec(),
                },
            };
            state.places.push(Match { link, found, form, transformations, argument, places: None });
        }
    }

    /// Refers to the matches of a rule.
    #[inline(never)]
    pub(super) fn refer(&mut self, plan: &Plan, rule: &Rule, state: &mut RuleState) {
        let mut text = Vec::new();
        for place in std::mem::take(&mut state.places) {
            if text.len() >= LONGEST {
                break;
            }
            let condition = rule.links.get(place.link).and_then(|link| link.condition.as_ref());
            let Some(condition) = condition else { continue };
            if !condition.negated {
                for (at, len) in self.operator_places(condition, &place) {
                    add(&mut text, b'o', at, len);
                }
            }
            for (at, len) in self.origins(plan, &place.found) {
                add(&mut text, b'v', at, len);
            }
            let steps = plan.chains.get(condition.chain).steps.get(place.transformations);
            for (index, step) in steps.unwrap_or(&[]).iter().enumerate() {
                text.extend_from_slice(if index == 0 { b"t:" } else { b",t:" });
                text.extend_from_slice(step.name.as_bytes());
            }
        }
        state.set_text(text, |texts| &mut texts.reference);
    }

    fn operator_places(&mut self, condition: &Condition, place: &Match) -> Vec<Place> {
        if let Some(places) = &place.places {
            return places.clone();
        }
        let form = self.memory.values.bytes(place.form);
        match self.place_bytes.checked_sub(form.len()) {
            Some(left) => self.place_bytes = left,
            None => return Vec::new(),
        }
        match &condition.operation {
            Operation::Fixed(operator) => operator.places(form),
            Operation::Dynamic { index, name } => {
                let operator = self.memory.dynamic.get(*index, *name, &place.argument);
                operator.map(|operator| operator.places(form)).unwrap_or_default()
            }
        }
    }

    /// Where the value stands in the request. Empty for what is not of the request, and for numbers of values.
    fn origins(&self, plan: &Plan, found: &Found) -> Vec<Place> {
        use VariableName as V;
        let len = self.memory.values.len(found.value);
        let one = |at: Option<usize>| at.map(|at| (at, len)).into_iter().collect();
        match found.variable {
            V::Args | V::ArgsGet | V::ArgsPost => one(self.argument(plan, found)),
            V::ArgsNames | V::ArgsGetNames | V::ArgsPostNames => {
                one(self.argument(plan, found).map(|value| value.saturating_sub(len + 1)))
            }
            V::RequestHeaders => one(self.header_places(found).map(|(_, value)| value)),
            V::RequestHeadersNames => one(self.header_places(found).map(|(name, _)| name)),
            V::RequestCookies => {
                one(self.cookie(found).map(|name| name + found.key.map_or(0, |key| self.len_of(key)) + 1))
            }
            V::RequestCookiesNames => one(self.cookie(found)),
            V::Files
            | V::FilesNames
            | V::FilesSizes
            | V::FilesTmpContent
            | V::MultipartFilename
            | V::MultipartName
            | V::MultipartPartHeaders => {
                let places = self.body_places.iter().filter(|place| place.variable == found.variable);
                let index = self.index_of(found);
                let place = index.and_then(|index| places.clone().find(|place| place.index == index));
                place.map(|place| (self.headers_end() + place.at, place.len)).into_iter().collect()
            }
            // Nothing has set it.
            _ if found.value == ValueId::EMPTY => Vec::new(),
            variable if self.scalar(variable) == Some(found.value) => self.scalar_places(plan, variable, len),
            _ => Vec::new(),
        }
    }

    /// The places of a variable that is no collection.
    fn scalar_places(&self, plan: &Plan, variable: VariableName, len: usize) -> Vec<Place> {
        use VariableName as V;
        let target = self.scalar_len(V::RequestMethod) + 1;
        let raw = self.scalar(V::RequestUriRaw).map_or(&b""[..], |id| self.bytes(id));
        let path_len = crate::find::byte(b'?', raw).unwrap_or(raw.len());
        match variable {
            V::RemoteAddr
            | V::RemoteHost
            | V::RemotePort
            | V::RequestLine
            | V::RequestMethod
            | V::ResponseContentType
            | V::ServerAddr
            | V::ServerPort
            | V::UniqueId
            | V::UrlencodedError => vec![(0, len)],
            V::WebAppId | V::SessionId | V::UserId => Vec::new(),
            V::RequestProtocol => vec![(target + raw.len() + 1, len)],
            V::RequestUri | V::RequestUriRaw => vec![(target, raw.len())],
            V::RequestFilename | V::PathInfo => vec![(target, path_len)],
            V::RequestBasename => {
                let path = self.scalar_len(V::RequestFilename);
                vec![(target + path.saturating_sub(len), len)]
            }
            V::QueryString => vec![(target + path_len + 1, len)],
            V::AuthType => self.value_of(b"authorization").map(|(at, _)| (at, len)).into_iter().collect(),
            V::RemoteUser => self.value_of(b"authorization").into_iter().collect(),
            V::ServerName => self.value_of(b"host").map(|(at, _)| (at, len)).into_iter().collect(),
            V::ReqbodyProcessor => {
                let chosen =
                    matches!(self.body_processor, Some(BodyProcessor::Urlencoded | BodyProcessor::Multipart));
                let header = self.value_of(b"content-type").filter(|_| chosen);
                vec![(header.map_or_else(|| self.headers_end(), |(at, _)| at), len)]
            }
            V::RequestBodyLength => {
                let body = self.scalar(variable).map_or(&b""[..], |id| self.bytes(id));
                vec![(self.end(), str::from_utf8(body).ok().and_then(|text| text.parse().ok()).unwrap_or(0))]
            }
            V::ArgsCombinedSize => self.all_arguments(plan),
            V::FilesCombinedSize => {
                let sizes = self.body_places.iter().filter(|place| place.variable == V::FilesSizes);
                let base = self.headers_end();
                sizes.take(LONGEST).map(|place| (base + place.at, place.len)).collect()
            }
            _ => vec![(self.end(), len)],
        }
    }

    /// Names and values of all arguments, one after the other.
    fn all_arguments(&self, plan: &Plan) -> Vec<Place> {
        let mut places = Vec::new();
        for member in self.members(VariableName::Args).iter().take(LONGEST) {
            let found = Found { variable: VariableName::Args, key: Some(member.key), value: member.value };
            let Some(value) = self.argument(plan, &found) else { continue };
            let key = self.len_of(member.key);
            places.push((value.saturating_sub(key + 1), key));
            places.push((value, self.len_of(member.value)));
        }
        places
    }

    /// Where the value of an argument is, by its name or by both.
    fn argument(&self, plan: &Plan, found: &Found) -> Option<usize> {
        use VariableName as V;
        let index = self.index_of(found)?;
        let of_query = self.members(V::ArgsGet).len();
        let (in_query, index) = match found.variable {
            V::ArgsGet | V::ArgsGetNames => (true, index),
            V::ArgsPost | V::ArgsPostNames => (false, index),
            _ if index < of_query => (true, index),
            _ => (false, index - of_query),
        };
        let key = found.key.map_or(0, |key| self.len_of(key));
        // The name counts as long as it is once decoded.
        let pair = |variable: V, base: usize| {
            let text = self.scalar(variable).map_or(&b""[..], |id| self.bytes(id));
            let before = text.split(|byte| *byte == plan.settings.argument_separator).take(index);
            base + before.map(|pair| pair.len() + 1).sum::<usize>() + key + 1
        };
        if in_query {
            let query = self.scalar_places(plan, V::QueryString, 0);
            return query.first().map(|(base, _)| pair(V::QueryString, *base));
        }
        match self.body_processor? {
            BodyProcessor::Urlencoded => Some(pair(V::RequestBody, self.end())),
            BodyProcessor::Json => Some(key + 1),
            BodyProcessor::Multipart => {
                let is_it = |place: &&BodyPlace| place.variable == V::ArgsPost && place.index == index;
                Some(self.headers_end() + 1 + self.body_places.iter().find(is_it)?.at)
            }
            _ => None,
        }
    }

    /// Where a cookie's name is.
    fn cookie(&self, found: &Found) -> Option<usize> {
        let name = found.key?;
        self.headers().find_map(|(at, header)| {
            let within = self.memory.values.offset_within(name, header.value)?;
            Some(at + self.len_of(header.key) + 2 + within)
        })
    }

    /// Where a header's name and value are.
    fn header_places(&self, found: &Found) -> Option<Place> {
        let by_name = found.variable == VariableName::RequestHeadersNames;
        self.headers()
            .find(|(_, header)| Some(header.key) == found.key && (by_name || header.value == found.value))
            .map(|(at, header)| (at, at + self.len_of(header.key) + 2))
    }

    /// Offset and length of the value of a header. The name is in lower case.
    fn value_of(&self, name: &[u8]) -> Option<Place> {
        self.headers()
            .find(|(_, header)| self.bytes(header.key).eq_ignore_ascii_case(name))
            .map(|(at, header)| (at + self.len_of(header.key) + 2, self.len_of(header.value)))
    }

    /// The request's headers, each with the place of its name.
    fn headers(&self) -> impl Iterator<Item = (usize, super::collections::Member)> {
        let mut at = self.scalar_len(VariableName::RequestLine) + 1;
        self.members(VariableName::RequestHeaders).iter().map(move |header| {
            let next = at + self.len_of(header.key) + self.len_of(header.value) + 3;
            (std::mem::replace(&mut at, next), *header)
        })
    }

    fn headers_end(&self) -> usize {
        let last = self.headers().last();
        last.map_or(self.scalar_len(VariableName::RequestLine) + 1, |(at, header)| {
            at + self.len_of(header.key) + self.len_of(header.value) + 3
        })
    }

    /// The place of what has none: ModSecurity goes on by a byte where it reads a form.
    fn end(&self) -> usize {
        let has_read = self.scalar_len(VariableName::ReqbodyError) > 0;
        let is_form = self.body_processor == Some(BodyProcessor::Urlencoded);
        self.headers_end() + usize::from(has_read && is_form)
    }

    fn index_of(&self, found: &Found) -> Option<usize> {
        let members = self.members(found.variable);
        members.iter().position(|member| Some(member.key) == found.key && member.value == found.value)
    }

    fn scalar_len(&self, variable: VariableName) -> usize {
        self.scalar(variable).map_or(0, |id| self.len_of(id))
    }

    fn len_of(&self, id: ValueId) -> usize {
        self.memory.values.len(id)
    }
}

fn add(text: &mut Vec<u8>, kind: u8, at: usize, len: usize) {
    if text.len() >= LONGEST {
        return;
    }
    for (before, number) in [(kind, at), (b',', len)] {
        text.push(before);
        text.extend_from_slice(decimal(i64::try_from(number).unwrap_or(i64::MAX), &mut [0; 20]));
    }
}
