use std::collections::BTreeMap;

/// What `${NAME}` in a configuration stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Variables {
    /// Nothing is known of the environment: every variable may be given.
    Any,
    /// Those that are given to the filter's VM; the value is `None` where it is the host's.
    Given(BTreeMap<String, Option<String>>),
}

impl Variables {
    /// The value, where it is written down.
    pub fn value(&self, name: &str) -> Option<&str> {
        match self {
            Self::Any => None,
            Self::Given(variables) => variables.get(name)?.as_deref(),
        }
    }

    /// What the filter may be loaded with: the value, or, for one that only the host knows, text that will do for a secret.
    /// `None` for a variable that the VM is not given.
    pub fn stand_in(&self, name: &str) -> Option<String> {
        match self {
            Self::Any => Some(stand_in(name)),
            Self::Given(variables) => Some(variables.get(name)?.clone().unwrap_or_else(|| stand_in(name))),
        }
    }

    /// Whether the value is the host's, so that nobody can say here what is wrong with it.
    pub fn is_unknown(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Given(variables) => variables.get(name).is_some_and(Option::is_none),
        }
    }
}

/// Long and varied enough for a key, a line of an htpasswd file, and another for each variable.
fn stand_in(name: &str) -> String {
    format!("{name}:{{SHA}}0aZ9bY8cX7dW6eV5fU4gT3hS2iQ=")
}
