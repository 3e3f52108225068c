//! `--config`: the configuration of one filter, out of whatever holds it.

use crate::error::Error;
use crate::files;
use portcullis_lint::{Config, Filter, Found, MAX_FILE_BYTES, ReadOptions, Source, Variables};

/// A filter's configuration, and what is known of the filter's environment.
#[derive(Debug)]
pub(crate) struct Configuration {
    pub(crate) filter: Filter,
    pub(crate) json: Vec<u8>,
    variables: Variables,
}

impl Configuration {
    /// Whatever is in a file, for one of these filters: it has to be one alone.
    pub(crate) fn read(name: &str, filters: &[Filter]) -> Result<Self, Error> {
        let bytes = files::read(name, MAX_FILE_BYTES)?;
        let filter = match filters {
            [filter] => Some(*filter),
            _ => None,
        };
        let name = files::display(name);
        let source = Source::read(name, &bytes, &ReadOptions { filter });
        if let Some(problem) = source.problems.first() {
            return Err(Error::misuse(problem.to_string()));
        }
        let mut fitting: Vec<Found> =
            source.configs.into_iter().filter(|found| filters.contains(&found.filter)).collect();
        let names: Vec<&str> = filters.iter().map(|filter| filter.name()).collect();
        match (fitting.pop(), fitting.len()) {
            (Some(Found { filter, config: Config::Json(json), variables, .. }), 0) => {
                Ok(Self { filter, json, variables })
            }
            (Some(_), 0) => Err(Error::unusable(name, "rules, and no configuration")),
            (Some(_), more) => {
                let problem =
                    format!("{} configurations of {}, and one is needed", more + 1, names.join(" or "));
                Err(Error::unusable(name, problem))
            }
            (None, _) => {
                Err(Error::unusable(name, format!("no configuration of {} is in there", names.join(" or "))))
            }
        }
    }

    /// One that is made from arguments, with no variables in it.
    pub(crate) fn of(filter: Filter, json: &serde_json::Value) -> Self {
        Self { filter, json: json.to_string().into_bytes(), variables: Variables::Any }
    }

    /// What `${NAME}` in it stands for: what is written beside it, else the variable of this process.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        self.variables.value(name).map(str::to_owned).or_else(|| std::env::var(name).ok())
    }
}
