use crate::error::Error;
use crate::{Cli, Outcome, Output};
use clap::CommandFactory;
use clap_mangen::Man;
use std::fs;
use std::path::PathBuf;

/// Print the manual page, or write those of all subcommands
///
/// To read it: `portcullis man | man -l -`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write a page for each subcommand into this directory
    #[arg(long, value_name = "DIRECTORY")]
    out: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, output: &mut Output) -> Result<Outcome, Error> {
    if let Some(directory) = &arguments.out {
        fs::create_dir_all(directory)?;
        clap_mangen::generate_to(Cli::command(), directory)?;
        return Ok(Outcome::Fine);
    }
    let mut page = Vec::new();
    Man::new(Cli::command()).render(&mut page)?;
    let page = String::from_utf8_lossy(&page);
    if output.is_json() {
        output.json(&serde_json::json!({ "page": page }))?;
    } else {
        output.text(page)?;
    }
    Ok(Outcome::Fine)
}
