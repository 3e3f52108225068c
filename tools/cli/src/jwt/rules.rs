use super::judge::{Keys, Wanted};
use crate::configuration::Configuration;
use crate::error::Error;
use portcullis_authz_core::Config;
use portcullis_authz_core::config::JwtRule;
use portcullis_authz_core::jwt::Jwks;
use portcullis_lint::Filter;
use sdk_shim::ConfigErrors;
use sdk_shim_config::Path;

/// A rule of the configuration.
pub(super) struct Rule {
    /// Where it stands, with the name of its RequestAuthentication.
    pub(super) path: String,
    pub(super) wanted: Wanted,
}

/// The rules of authz' configuration in a file, in the order in which authz tries them.
pub(super) fn read(name: &str, fetched: Option<&Jwks>) -> Result<Vec<Rule>, Error> {
    let config = Configuration::read(name, &[Filter::Authz])?;
    let mut errors = ConfigErrors::new();
    // Whatever is not known here is of no concern: secrets of other parts, names of hosts.
    let stand_in = |name: &str| Some(config.variable(name).unwrap_or_else(|| format!("${{{name}}}")));
    let parsed: Option<Config> = sdk_shim_config::parse_with(&config.json, &stand_in, &mut errors);
    let Some(parsed) = parsed.filter(|_| errors.is_empty()) else {
        return Err(Error::unusable(name, errors.to_string()));
    };
    let mut rules = Vec::new();
    for (index, authentication) in parsed.request_authentication.iter().enumerate() {
        for (number, rule) in authentication.spec.jwt_rules.iter().enumerate() {
            let path = format!("request_authentication[{index}].spec.jwtRules[{number}]");
            let wanted = Wanted {
                issuer: Some(rule.issuer.clone()),
                audiences: rule.audiences.clone().unwrap_or_default(),
                keys: keys(rule, &path, fetched).map_err(|text| Error::unusable(name, text))?,
            };
            rules.push(Rule { path: format!("{path} ({})", authentication.name), wanted });
        }
    }
    match rules.is_empty() {
        true => Err(Error::unusable(name, "no request_authentication: authz looks at no tokens")),
        false => Ok(rules),
    }
}

fn keys(rule: &JwtRule, path: &str, fetched: Option<&Jwks>) -> Result<Keys, String> {
    let Some(secret) = &rule.jwks else {
        let from = rule.jwks_uri.as_ref().map_or_else(
            || format!("keys are found by the issuer {}", rule.issuer),
            |uri| format!("keys are fetched from {uri}"),
        );
        return Ok(fetched.map_or_else(
            || Keys::Missing(format!("{from}: --jwks FILE gives them here")),
            |jwks| Keys::Known(jwks.clone()),
        ));
    };
    // A reference to what is not known here stands for itself, see above: that is no error.
    let text = secret.resolve(&|_| None, &Path::root(), &mut ConfigErrors::new()).unwrap_or_default();
    if text.starts_with("${") {
        return Ok(Keys::Missing(format!("{text} is not set here")));
    }
    Jwks::parse(text.as_bytes()).map(Keys::Known).map_err(|error| format!("{path}.jwks: {error}"))
}
