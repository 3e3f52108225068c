use clap::ValueEnum;

/// The filters, by the names that their modules have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FilterName {
    Waf,
    Canary,
    Affinity,
    Authz,
}
