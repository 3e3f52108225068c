use clap::ValueEnum;
use portcullis_lint::Filter;

/// The filters, by the names that their modules have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FilterName {
    Waf,
    Canary,
    Affinity,
    Authz,
}

impl From<FilterName> for Filter {
    fn from(name: FilterName) -> Self {
        match name {
            FilterName::Waf => Self::Waf,
            FilterName::Canary => Self::Canary,
            FilterName::Affinity => Self::Affinity,
            FilterName::Authz => Self::Authz,
        }
    }
}
