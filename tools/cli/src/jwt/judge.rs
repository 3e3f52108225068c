use crate::clock;
use portcullis_authz_core::jwt::{Claims, Jwks, Software, Token, TokenError};
use portcullis_authz_core::{CLOCK_SKEW_SECONDS, bare_audience};
use serde::Serialize;
use serde_json::{Value, json};

/// What a token has to be.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) issuer: Option<String>,
    /// None: any.
    pub(super) audiences: Vec<String>,
    pub(super) keys: Keys,
}

/// What signatures are verified with.
#[derive(Clone, Debug)]
pub(super) enum Keys {
    Known(Jwks),
    /// They are not here, and why.
    Missing(String),
}

/// A check, and its result.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Step {
    pub(super) check: &'static str,
    pub(super) result: Verdict,
    pub(super) why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Ok,
    Failed,
    Skipped,
}

impl Step {
    fn new(check: &'static str, result: Verdict, why: impl Into<String>) -> Self {
        Self { check, result, why: why.into() }
    }
}

/// A token at a time.
pub(super) struct Judge<'a> {
    token: Option<Token<'a>>,
    claims: Option<Claims>,
    now: u64,
}

impl<'a> Judge<'a> {
    /// The token, as far as it can be read, and what reading it has shown.
    pub(super) fn new(text: &'a [u8], now: u64) -> (Self, Vec<Step>) {
        let token = match Token::parse(text) {
            Ok(token) => token,
            Err(error) => {
                let step = Step::new("form", Verdict::Failed, error.text());
                return (Self { token: None, claims: None, now }, vec![step]);
            }
        };
        let kid = token.kid.as_deref().map_or("no kid".to_owned(), |kid| format!("kid {kid:?}"));
        let form = format!("{} bytes, {}, {kid}", text.len(), token.algorithm.name());
        let mut steps = vec![Step::new("form", Verdict::Ok, form)];
        let claims = Claims::parse(&token.payload);
        steps.push(match &claims {
            Ok(Claims { issuer, subject, .. }) => {
                Step::new("claims", Verdict::Ok, format!("issuer {issuer:?}, subject {subject:?}"))
            }
            Err(error) => Step::new("claims", Verdict::Failed, error.text()),
        });
        (Self { token: Some(token), claims: claims.ok(), now }, steps)
    }

    /// Whether there is anything to check.
    pub(super) fn is_readable(&self) -> bool {
        self.claims.is_some()
    }

    /// The claims, as they stand in the token.
    pub(super) fn claims(&self) -> Value {
        json!(self.claims.as_ref().map(|claims| &claims.members))
    }

    /// All checks but those of reading it. A token of another issuer is not looked at any further. `absent` says why issuer and audience are
    /// not compared, where they are not.
    pub(super) fn check(&self, wanted: &Wanted, absent: [&str; 2]) -> Vec<Step> {
        let mut steps = Vec::new();
        if let Some(claims) = &self.claims {
            let issuer = issuer(claims, wanted, absent[0]);
            let is_other = issuer.result == Verdict::Failed;
            steps.push(issuer);
            steps.push(audience(claims, wanted, absent[1]));
            steps.push(self.time(claims));
            if is_other && absent[0].is_empty() {
                steps.truncate(1);
                return steps;
            }
        }
        steps.extend(self.token.as_ref().map(|token| signature(token, &wanted.keys)));
        steps
    }

    fn time(&self, claims: &Claims) -> Step {
        let until = match claims.expires {
            0 => "no exp: it never expires".to_owned(),
            expires => clock::format(expires),
        };
        match claims.check_time(self.now, CLOCK_SKEW_SECONDS) {
            Ok(()) => {
                let why = format!("expires: {until}; clocks may be {CLOCK_SKEW_SECONDS} s apart");
                Step::new("time", Verdict::Ok, why)
            }
            Err(error) => {
                let (from, now) = (clock::format(claims.not_before), clock::format(self.now));
                let why = format!("{}: from {from}, until {until}, now {now}", error.text());
                Step::new("time", Verdict::Failed, why)
            }
        }
    }
}

fn issuer(claims: &Claims, wanted: &Wanted, absent: &str) -> Step {
    match &wanted.issuer {
        None => Step::new("issuer", Verdict::Skipped, absent),
        Some(issuer) if *issuer == claims.issuer => Step::new("issuer", Verdict::Ok, format!("{issuer:?}")),
        Some(issuer) => {
            let why = format!("found {:?}, expected {issuer:?}", claims.issuer);
            Step::new("issuer", Verdict::Failed, why)
        }
    }
}

fn audience(claims: &Claims, wanted: &Wanted, absent: &str) -> Step {
    let found = format!("{:?}", claims.audiences);
    if wanted.audiences.is_empty() {
        return Step::new("audience", Verdict::Skipped, format!("{absent}; the token's: {found}"));
    }
    let fits =
        |wanted: &&String| claims.audiences.iter().any(|it| bare_audience(it) == bare_audience(wanted));
    match wanted.audiences.iter().find(fits) {
        Some(audience) => Step::new("audience", Verdict::Ok, format!("{audience:?}")),
        None => {
            let why = format!("found {found}, expected one of {:?}", wanted.audiences);
            Step::new("audience", Verdict::Failed, why)
        }
    }
}

fn signature(token: &Token<'_>, keys: &Keys) -> Step {
    let failed = |error: TokenError| Step::new("signature", Verdict::Failed, error.text());
    match (keys, token.signature()) {
        (_, Err(error)) => failed(error),
        (Keys::Missing(why), Ok(_)) => Step::new("signature", Verdict::Skipped, why),
        (Keys::Known(jwks), Ok(signature)) => {
            match jwks.verify(&signature, token.signing_input, &mut Software) {
                Ok(()) => Step::new("signature", Verdict::Ok, format!("by a key of {}", jwks.keys().len())),
                Err(error) => failed(error),
            }
        }
    }
}
