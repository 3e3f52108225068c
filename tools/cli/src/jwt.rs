use crate::error::Error;
use crate::{Outcome, Output, clock, files};
use portcullis_authz_core::jwt::{Claims, Jwks, MAX_JWKS_BYTES, Software, Token, TokenError};
use portcullis_authz_core::{CLOCK_SKEW_SECONDS, bare_audience};
use serde::Serialize;
use serde_json::json;

/// Look at tokens (JWT) as authz does
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Check(Check),
}

/// Check a token: each check and its result
///
/// Exit status 1 if authz would refuse the token.
#[derive(Debug, clap::Args)]
struct Check {
    /// The token, @FILE for a file with it, or - for standard input; with or without `Bearer `
    token: String,
    /// The issuer's keys: a file with a JWKS. Without it the signature is not checked
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

#[derive(Debug, Serialize)]
struct Step {
    check: &'static str,
    result: Verdict,
    why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Failed,
    Skipped,
}

pub(crate) fn run(arguments: &Arguments, output: &mut Output) -> Result<Outcome, Error> {
    let Command::Check(check) = &arguments.command;
    let text = match check.token.strip_prefix('@') {
        Some(name) => String::from_utf8_lossy(&files::read(name, MAX_FILE_BYTES)?).into_owned(),
        None if check.token == "-" => {
            String::from_utf8_lossy(&files::read("-", MAX_FILE_BYTES)?).into_owned()
        }
        None => check.token.clone(),
    };
    let text = text.trim();
    let text = text.strip_prefix("Bearer ").unwrap_or(text);
    let now = clock::parse(check.now.as_deref())?.as_secs();
    let jwks = check.jwks.as_deref().map(read_jwks).transpose()?;
    let (steps, claims) = judge(text, check, jwks.as_ref(), now);
    let is_refused = steps.iter().any(|step| step.result == Verdict::Failed);
    if output.is_json() {
        let claims = claims.map(|claims| claims.members);
        output.json(&json!({ "accepted": !is_refused, "checks": steps, "claims": claims }))?;
    } else {
        for Step { check, result, why } in &steps {
            let (color, word) = match result {
                Verdict::Ok => ("32", "ok"),
                Verdict::Failed => ("31", "FAILED"),
                Verdict::Skipped => ("33", "skipped"),
            };
            output.line(format_args!("\u{1b}[{color}m{word:<7}\u{1b}[0m {check:<10} {why}"))?;
        }
        output.line(if is_refused {
            "authz refuses this token"
        } else {
            "nothing is wrong with this token"
        })?;
    }
    Ok(if is_refused { Outcome::Findings } else { Outcome::Fine })
}

fn read_jwks(name: &str) -> Result<Jwks, Error> {
    let bytes = files::read(name, MAX_JWKS_BYTES)?;
    Jwks::parse(&bytes).map_err(|error| Error::unusable(files::display(name), error.to_string()))
}

/// The checks in authz's order. Those that need what an earlier one refused are left out.
fn judge(text: &str, check: &Check, jwks: Option<&Jwks>, now: u64) -> (Vec<Step>, Option<Claims>) {
    let mut steps = Vec::new();
    let mut say = |check, result, why: String| steps.push(Step { check, result, why });
    let of = |error: TokenError| error.text().to_owned();
    let token = match Token::parse(text.as_bytes()) {
        Ok(token) => token,
        Err(error) => {
            say("form", Verdict::Failed, of(error));
            return (steps, None);
        }
    };
    let kid = token.kid.as_deref().map_or("no kid".to_owned(), |kid| format!("kid {kid:?}"));
    say("form", Verdict::Ok, format!("{} bytes, {}, {kid}", text.len(), token.algorithm.name()));
    let claims = match Claims::parse(&token.payload) {
        Ok(claims) => {
            let (issuer, subject) = (&claims.issuer, &claims.subject);
            say("claims", Verdict::Ok, format!("issuer {issuer:?}, subject {subject:?}"));
            Some(claims)
        }
        Err(error) => {
            say("claims", Verdict::Failed, of(error));
            None
        }
    };
    if let Some(claims) = &claims {
        match &check.issuer {
            None => say("issuer", Verdict::Skipped, "no --issuer".to_owned()),
            Some(issuer) if *issuer == claims.issuer => say("issuer", Verdict::Ok, format!("{issuer:?}")),
            Some(issuer) => {
                say("issuer", Verdict::Failed, format!("found {:?}, expected {issuer:?}", claims.issuer));
            }
        }
        let fits =
            |wanted: &String| claims.audiences.iter().any(|it| bare_audience(it) == bare_audience(wanted));
        let shown = format!("{:?}", claims.audiences);
        match check.audience.iter().find(|wanted| fits(wanted)) {
            _ if check.audience.is_empty() => {
                say("audience", Verdict::Skipped, format!("no --audience; the token's: {shown}"))
            }
            Some(audience) => say("audience", Verdict::Ok, format!("{audience:?}")),
            None => say(
                "audience",
                Verdict::Failed,
                format!("found {shown}, expected one of {:?}", check.audience),
            ),
        }
        let until = if claims.expires == 0 {
            "no exp: it never expires".to_owned()
        } else {
            clock::format(claims.expires)
        };
        match claims.check_time(now, CLOCK_SKEW_SECONDS) {
            Ok(()) => say(
                "time",
                Verdict::Ok,
                format!("expires: {until}; clocks may be {CLOCK_SKEW_SECONDS} s apart"),
            ),
            Err(error) => {
                let from = clock::format(claims.not_before);
                say(
                    "time",
                    Verdict::Failed,
                    format!("{}: from {from}, until {until}, now {}", of(error), clock::format(now)),
                );
            }
        }
    }
    match (jwks, token.signature()) {
        (_, Err(error)) => say("signature", Verdict::Failed, of(error)),
        (None, Ok(_)) => {
            say("signature", Verdict::Skipped, "no --jwks: anybody may have written this token".to_owned())
        }
        (Some(jwks), Ok(signature)) => match jwks.verify(&signature, token.signing_input, &mut Software) {
            Ok(()) => say("signature", Verdict::Ok, format!("by a key of {}", jwks.keys().len())),
            Err(error) => say("signature", Verdict::Failed, of(error)),
        },
    }
    (steps, claims)
}
