use std::io;

/// Why a subcommand could not do its work. The exit status is 2.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Arguments that cannot be what was meant, where clap does not see it.
    #[error("{0}")]
    Misuse(String),
    /// A file, or standard input, cannot be read.
    #[error("{name}: {source}")]
    Unreadable {
        name: String,
        #[source]
        source: io::Error,
    },
    /// A file can be read and is not what it has to be.
    #[error("{name}: {problem}")]
    Unusable { name: String, problem: String },
    /// The result cannot be written.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

impl Error {
    pub(crate) fn misuse(text: impl Into<String>) -> Self {
        Self::Misuse(text.into())
    }

    pub(crate) fn unusable(name: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Unusable { name: name.into(), problem: problem.into() }
    }

    /// Whether nobody reads the result any more, which is no error.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
