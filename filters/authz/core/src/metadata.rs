use crate::facts::Facts;
use crate::pattern::{Pattern, PatternSet};
use sdk_shim_http::Headers;

/// A key of the dynamic metadata of a filter, and the values that it may have (Istio, `envoyFilterGenerator`).
#[derive(Debug)]
pub(crate) struct Metadata {
    filter: String,
    key: String,
    texts: PatternSet,
    /// Of a list, one item must match.
    items: PatternSet,
}

impl Metadata {
    /// Filter and key of `experimental.envoy.filters.a.b[c]`: `envoy.filters.a.b` and `c`.
    pub(crate) fn parse_key(key: &str) -> Option<(String, String)> {
        let (filter, key) = key.strip_prefix("experimental.")?.strip_suffix(']')?.split_once('[')?;
        let is_key =
            !key.is_empty() && filter.len() > "envoy.filters.".len() && !key.contains(['[', ']', '\0']);
        is_key.then(|| (filter.to_owned(), key.to_owned()))
    }

    /// Values in brackets are those of items.
    pub(crate) fn new(filter: &str, key: &str, values: &[String]) -> Self {
        let (items, texts): (Vec<&String>, Vec<&String>) =
            values.iter().partition(|value| value.starts_with('[') && value.ends_with(']'));
        let items: Vec<Pattern> =
            items.into_iter().map(|item| Pattern::new(item.trim_matches(['[', ']']))).collect();
        let texts: Vec<Pattern> = texts.into_iter().map(|text| Pattern::new(text)).collect();
        Self {
            filter: filter.to_owned(),
            key: key.to_owned(),
            texts: PatternSet::new(&texts),
            items: PatternSet::new(&items),
        }
    }

    pub(crate) fn matches(&self, facts: &mut Facts<'_>) -> bool {
        let Some(value) = facts.metadata(&self.filter, &self.key) else { return false };
        if self.texts.matches_text(&value) {
            return true;
        }
        // A list comes as a map from items to nothing, or the other way round.
        let Some(list) = Headers::from_serialized(value) else { return false };
        list.iter().any(|(name, value)| self.items.matches_text(if name.is_empty() { value } else { name }))
    }
}
