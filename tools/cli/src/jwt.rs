mod judge;
mod rules;

use crate::error::Error;
use crate::{Outcome, Output, clock, files};
use judge::{Judge, Keys, Step, Verdict, Wanted};
use portcullis_authz_core::jwt::{Jwks, MAX_JWKS_BYTES};
use rules::Rule;
use serde::Serialize;
use serde_json::json;

/// Look at tokens (JWT) as authz does
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Check(Check),
}

/// Check a token: each check and its result
///
/// Against what the options say, or with --config against each rule of authz' `request_authentication`. Exit status 1 if authz
/// would refuse the token.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// The token, @FILE for a file with it, or - for standard input; with or without `Bearer `
    token: String,
    /// A file with authz' configuration, in any form that `lint` reads: which rule takes the token, and why others do not
    #[arg(long, value_name = "FILE", conflicts_with_all = ["issuer", "audience"])]
    config: Option<String>,
    /// The issuer's keys: a file with a JWKS. Without it the signature is not checked. With --config, for rules whose keys are
    /// fetched
    #[arg(long, value_name = "FILE")]
    jwks: Option<String>,
    /// The issuer that it has to be of
    #[arg(long)]
    issuer: Option<String>,
    /// An audience of which it needs one; several times
    #[arg(long)]
    audience: Vec<String>,
    /// The time at which it is judged: seconds since 1970, or 2026-11-22T12:00:00Z; default: now
    #[arg(long)]
    now: Option<String>,
}

/// The largest file with a token.
const MAX_FILE_BYTES: usize = 64 << 10;

/// What a rule makes of the token.
#[derive(Debug, Serialize)]
struct Judged {
    /// Where the rule stands in the configuration.
    rule: String,
    accepted: bool,
    checks: Vec<Step>,
}

pub(crate) fn run(command: &Command, output: &mut Output) -> Result<Outcome, Error> {
    let Command::Check(check) = command;
    let text = read_token(&check.token)?;
    let now = clock::parse(check.now.as_deref())?.as_secs();
    let jwks = check.jwks.as_deref().map(read_jwks).transpose()?;
    let rules = check.config.as_deref().map(|name| rules::read(name, jwks.as_ref())).transpose()?;
    let (judge, mut checks) = Judge::new(text.as_bytes(), now);
    let Some(rules) = rules else {
        let given = Wanted {
            issuer: check.issuer.clone(),
            audiences: check.audience.clone(),
            keys: jwks.map_or_else(
                || Keys::Missing("no --jwks: anybody may have written this token".to_owned()),
                Keys::Known,
            ),
        };
        checks.extend(judge.check(&given, ["no --issuer", "no --audience"]));
        return single(&checks, &judge, output);
    };
    let judged: Vec<Judged> = rules
        .iter()
        .map(|Rule { path, wanted }| {
            let checks = judge.check(wanted, ["", "the rule takes any"]);
            Judged { rule: path.clone(), accepted: judge.is_readable() && accepted(&checks), checks }
        })
        .collect();
    several(&checks, &judged, &judge, output)
}

/// What is said where the options say what is wanted.
fn single(checks: &[Step], judge: &Judge<'_>, output: &mut Output) -> Result<Outcome, Error> {
    let accepted = accepted(checks);
    if output.is_json() {
        output.json(&json!({ "accepted": accepted, "checks": checks, "claims": judge.claims() }))?;
    } else {
        checks.iter().try_for_each(|step| write(step, output))?;
        output.line(if accepted {
            "nothing is wrong with this token"
        } else {
            "authz refuses this token"
        })?;
    }
    Ok(if accepted { Outcome::Fine } else { Outcome::Findings })
}

/// What is said where a configuration does.
fn several(
    checks: &[Step],
    rules: &[Judged],
    judge: &Judge<'_>,
    output: &mut Output,
) -> Result<Outcome, Error> {
    let takes = rules.iter().find(|rule| rule.accepted);
    if output.is_json() {
        let rule = takes.map(|rule| &rule.rule);
        output.json(&json!({
            "accepted": takes.is_some(), "rule": rule, "checks": checks, "rules": rules, "claims": judge.claims(),
        }))?;
    } else {
        checks.iter().try_for_each(|step| write(step, output))?;
        for rule in rules.iter().filter(|rule| !rule.checks.is_empty()) {
            output.line(format_args!("\n\u{1b}[1m{}\u{1b}[0m", rule.rule))?;
            rule.checks.iter().try_for_each(|step| write(step, output))?;
        }
        match takes {
            Some(rule) => output.line(format_args!("\n{} takes this token", rule.rule))?,
            None => output.line("\nno rule takes this token: authz refuses it")?,
        }
    }
    Ok(if takes.is_some() { Outcome::Fine } else { Outcome::Findings })
}

fn accepted(checks: &[Step]) -> bool {
    checks.iter().all(|step| step.result != Verdict::Failed)
}

fn write(Step { check, result, why }: &Step, output: &mut Output) -> Result<(), Error> {
    let (color, word) = match result {
        Verdict::Ok => ("32", "ok"),
        Verdict::Failed => ("31", "FAILED"),
        Verdict::Skipped => ("33", "skipped"),
    };
    output.line(format_args!("\u{1b}[{color}m{word:<7}\u{1b}[0m {check:<10} {why}"))
}

fn read_token(argument: &str) -> Result<String, Error> {
    let text = match argument.strip_prefix('@') {
        Some(name) => String::from_utf8_lossy(&files::read(name, MAX_FILE_BYTES)?).into_owned(),
        None if argument == "-" => String::from_utf8_lossy(&files::read("-", MAX_FILE_BYTES)?).into_owned(),
        None => argument.to_owned(),
    };
    let text = text.trim();
    Ok(text.strip_prefix("Bearer ").unwrap_or(text).to_owned())
}

fn read_jwks(name: &str) -> Result<Jwks, Error> {
    let bytes = files::read(name, MAX_JWKS_BYTES)?;
    Jwks::parse(&bytes).map_err(|error| {
        Error::unusable(files::display(name), format!("found {error}, expected a JWKS (RFC 7517)"))
    })
}
