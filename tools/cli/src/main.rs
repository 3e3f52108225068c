//! `portcullis`: what the filters would do, before they are live.
//!
//! Each subcommand is a file: its arguments, and a `run` that says how it ended. What decides is in the filters' own crates.

mod clock;
mod completions;
mod configuration;
mod cookie;
mod crs;
mod error;
mod explain;
mod files;
mod filter;
mod jwt;
mod keygen;
mod lint;
mod man;
mod migrate;
mod output;
mod replay;
mod schema;

use clap::{Parser, Subcommand};
use output::Output;
use std::process::ExitCode;

/// Checks the configurations of Portcullis' filters, and shows what they decide.
///
/// Exit status: 0 if all is well, 1 if there are findings (or a request is blocked), 2 for wrong arguments and input that
/// cannot be read.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, propagate_version = true)]
struct Cli {
    /// Write the result as JSON to standard output
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    color: colorchoice_clap::Color,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Lint(lint::Arguments),
    #[command(subcommand)]
    Crs(crs::Command),
    Explain(Box<explain::Arguments>),
    Replay(replay::Arguments),
    Schema(schema::Arguments),
    Migrate(migrate::Arguments),
    Keygen(keygen::Arguments),
    #[command(subcommand)]
    Cookie(cookie::Command),
    #[command(subcommand)]
    Jwt(jwt::Command),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// How a subcommand ended that could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing to complain about.
    Fine,
    /// A configuration is refused, a request is blocked, a token is not valid.
    Findings,
    /// Some of the input could not be read; the rest is judged.
    Unreadable,
}

fn main() -> ExitCode {
    // Clap ends the process with 2 where it cannot read the arguments.
    let cli = Cli::parse();
    cli.color.write_global();
    let mut output = Output::new(cli.json);
    let result = match cli.command {
        Command::Lint(arguments) => lint::run(&arguments, &mut output),
        Command::Crs(command) => crs::run(&command, &mut output),
        Command::Keygen(arguments) => keygen::run(&arguments, &mut output),
        Command::Cookie(command) => cookie::run(&command, &mut output),
        Command::Jwt(command) => jwt::run(&command, &mut output),
        Command::Explain(arguments) => explain::run(&arguments, &mut output),
        Command::Replay(arguments) => replay::run(&arguments, &mut output),
        Command::Schema(arguments) => schema::run(&arguments, &mut output),
        Command::Migrate(arguments) => migrate::run(&arguments, &mut output),
        Command::Completions(arguments) => completions::run(&arguments, &mut output),
        Command::Man(arguments) => man::run(&arguments, &mut output),
    };
    match result {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Findings) => ExitCode::from(1),
        Ok(Outcome::Unreadable) => ExitCode::from(2),
        // `portcullis … | head`
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::from(2)
        }
    }
}
