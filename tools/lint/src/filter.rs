use schemars::Schema;
use schemars::generate::SchemaSettings;
use std::fmt;

/// The filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Filter {
    /// The web application firewall.
    Waf,
    /// Releases by header, cookie and share.
    Canary,
    /// Session affinity.
    Affinity,
    /// Authorization.
    Authz,
}

impl Filter {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Waf, Self::Canary, Self::Affinity, Self::Authz];

    /// The name of its module and of its root id.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waf => "waf",
            Self::Canary => "canary",
            Self::Affinity => "affinity",
            Self::Authz => "authz",
        }
    }

    /// The JSON Schema of its configuration.
    pub fn schema(self) -> Schema {
        match self {
            Self::Waf => schema_of::<portcullis_waf::WafFilter>(),
            Self::Canary => schema_of::<portcullis_canary::CanaryFilter>(),
            Self::Affinity => schema_of::<portcullis_affinity::AffinityFilter>(),
            Self::Authz => schema_of::<portcullis_authz::AuthzFilter>(),
        }
    }

    /// The fields of its configuration. Not from the schema, whose code is large and would go into the playground.
    fn fields(self) -> Vec<String> {
        match self {
            Self::Waf => fields_of::<portcullis_waf::WafFilter>(),
            Self::Canary => fields_of::<portcullis_canary::CanaryFilter>(),
            Self::Affinity => fields_of::<portcullis_affinity::AffinityFilter>(),
            Self::Authz => fields_of::<portcullis_authz::AuthzFilter>(),
        }
    }

    /// The filter that a module's file or image, a root id or a plugin's name says: a part of the name is the filter's, as in
    /// `oci://registry.example.com/portcullis/waf:0.1.0`, `dist/waf.wasm`, `portcullis-waf`.
    pub(crate) fn named(text: &str) -> Option<Self> {
        let last = text.rsplit('/').next().unwrap_or(text);
        let name = last.split(['@', ':', '?']).next().unwrap_or(last);
        let mut parts = name.split(|c: char| !c.is_ascii_alphanumeric());
        parts.find_map(|part| Self::ALL.into_iter().find(|filter| part.eq_ignore_ascii_case(filter.name())))
    }

    /// The filters whose configuration has most of these members, and how many.
    pub(crate) fn shaped<'a>(members: impl Iterator<Item = &'a str> + Clone) -> (Vec<Self>, usize) {
        let known = Self::ALL.map(|filter| {
            let fields = filter.fields();
            (filter, members.clone().filter(|name| fields.iter().any(|field| field == name)).count())
        });
        let most = known.iter().map(|(_, count)| *count).max().unwrap_or_default();
        let best = known.iter().filter(|(_, count)| *count == most).map(|(filter, _)| *filter).collect();
        (best, most)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The names that a configuration with an unknown field is told to use instead.
fn fields_of<F: sdk_shim::Filter>() -> Vec<String> {
    let Err(refused) = sdk_shim_config::parse::<F::Config>(br#"{"?": 0}"#) else { return Vec::new() };
    let expected = refused.iter().map(|error| error.expected().to_owned()).collect::<String>();
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn schema_of<F: sdk_shim::Filter>() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<F::Config>()
}
