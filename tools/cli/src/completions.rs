use crate::error::Error;
use crate::{Cli, Outcome, Output};
use clap::CommandFactory;
use clap_complete::{Shell, generate};

/// Print completions for a shell
///
/// For bash: `portcullis completions bash > /etc/bash_completion.d/portcullis`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which shell
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, output: &mut Output) -> Result<Outcome, Error> {
    let mut script = Vec::new();
    generate(arguments.shell, &mut Cli::command(), "portcullis", &mut script);
    let script = String::from_utf8_lossy(&script);
    if output.is_json() {
        output.json(&serde_json::json!({ "shell": arguments.shell.to_string(), "script": script }))?;
    } else {
        output.text(script)?;
    }
    Ok(Outcome::Fine)
}
