use super::auth_url::{self, AuthUrl};
use super::{check, literal, slug};
use crate::json::Put;
use crate::manifest::Manifests;
use crate::reader::Reader;
use portcullis_authz::AuthzFilter;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Who may send requests to a location.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    /// The lines of `htpasswd`, by the variable that has them, and the realm.
    pub(crate) basic: Option<Basic>,
    pub(crate) allowed: Vec<String>,
    pub(crate) denied: Vec<String>,
    pub(crate) auth_url: Option<AuthUrl>,
    /// `satisfy: any`.
    pub(crate) any: bool,
    /// What could not be carried, and must not be open meanwhile.
    pub(crate) closed: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Basic {
    pub(crate) variable: String,
    pub(crate) realm: Option<String>,
}

impl Access {
    /// What requests have to show, for `require`. `None`: nothing.
    pub(crate) fn requirement(&self) -> Option<Value> {
        let mut addresses = Vec::new();
        if !self.allowed.is_empty() {
            addresses.push(json!({"remote_ip": self.allowed}));
        }
        if !self.denied.is_empty() {
            addresses.push(json!({"not_remote_ip": self.denied}));
        }
        let all = |mut list: Vec<Value>| match list.len() {
            0 | 1 => list.pop(),
            _ => Some(json!({"all": list})),
        };
        if !self.any || (self.basic.is_none() && self.auth_url.is_none()) {
            addresses.extend(self.basic.is_some().then(|| json!("basic")));
            return all(addresses);
        }
        // ngx_http_access_module declines where no rule matches: a list of denied addresses alone lets nobody in.
        let lets_in = !self.allowed.is_empty();
        match (&self.basic, lets_in) {
            (Some(_), true) => Some(json!({"any": [all(addresses), "basic"]})),
            (Some(_), false) => Some(json!("basic")),
            (None, _) => None,
        }
    }

    /// For which addresses the service is asked, as `from` of its policy. Empty: for all.
    pub(crate) fn asked(&self) -> Vec<Value> {
        if !self.any || self.allowed.is_empty() {
            return Vec::new();
        }
        let mut from = vec![json!({"source": {"notRemoteIpBlocks": self.allowed}})];
        if !self.denied.is_empty() {
            from.push(json!({"source": {"remoteIpBlocks": self.denied}}));
        }
        from
    }

    pub(crate) fn is_open(&self) -> bool {
        self.requirement().is_none() && self.auth_url.is_none() && self.closed.is_none()
    }
}

/// What the ConfigMap says.
pub(crate) type Settings = BTreeMap<String, String>;

pub(crate) fn access(
    reader: &mut Reader<'_>,
    manifests: &Manifests,
    settings: &Settings,
    variables: &mut BTreeMap<String, Option<String>>,
) -> Access {
    let mut access = Access::default();
    let annotations = reader.text("whitelist-source-range").map(|_| "whitelist-source-range");
    let name = reader.text("allowlist-source-range").map(|_| "allowlist-source-range").or(annotations);
    let setting =
        |name: &str| settings.get(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let global = || setting("allowlist-source-range").or_else(|| setting("whitelist-source-range"));
    access.allowed = ranges(reader, name.unwrap_or("whitelist-source-range"), global(), &mut access.closed);
    access.denied =
        ranges(reader, "denylist-source-range", setting("denylist-source-range"), &mut access.closed);
    access.basic = basic(reader, manifests, variables, &mut access.closed);
    access.any = reader.one_of("satisfy", &["any", "all"]) == Some("any");
    let own = |name: &str| reader.text(name).map(str::to_owned);
    let own: BTreeMap<&str, Option<String>> = [
        "auth-url",
        "auth-method",
        "auth-signin",
        "auth-signin-redirect-param",
        "auth-response-headers",
        "auth-request-redirect",
        "auth-always-set-cookie",
    ]
    .map(|name| (name, own(name)))
    .into();
    let found = if own.get("auth-url").is_some_and(Option::is_some) {
        let look = |name: &str| own.get(name).cloned().flatten();
        auth_url::auth_url(reader, &auth_url::ANNOTATIONS, &look, &manifests.config_maps)
    } else if reader.flag("enable-global-auth") != Some(false) {
        auth_url::auth_url(reader, &auth_url::GLOBAL, &setting, &manifests.config_maps)
    } else {
        Ok(None)
    };
    match found {
        Ok(found) => access.auth_url = found,
        Err(()) => access.closed = Some("auth-url"),
    }
    if access.auth_url.is_none() {
        for name in [
            "auth-method",
            "auth-signin",
            "auth-response-headers",
            "auth-proxy-set-headers",
            "auth-request-redirect",
        ] {
            reader.note(name, "without effect: there is no auth-url");
        }
    }
    if access.any && access.basic.is_some() && access.auth_url.is_some() {
        reader.not_carried("satisfy", "with both auth-type and auth-url, requests here have to pass both");
    }
    if reader.text("auth-tls-secret").is_some()
        && !reader
            .text("auth-tls-verify-client")
            .is_some_and(|mode| mode == "off" || mode.starts_with("optional"))
    {
        access.closed = Some("auth-tls-secret");
    }
    access
}

/// The lists of ipallowlist and ipdenylist: an annotation overrides the ConfigMap. What is no address denies the location, as
/// there.
fn ranges(
    reader: &mut Reader<'_>,
    name: &str,
    global: Option<String>,
    closed: &mut Option<&'static str>,
) -> Vec<String> {
    let Some(text) = reader.text(name).map(str::to_owned).or(global) else { return Vec::new() };
    let list: Vec<String> =
        text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect();
    let config = json!({"require": {"remote_ip": list}});
    match check::<AuthzFilter>(&config, &|_| None) {
        Ok(()) => list,
        Err(errors) => {
            reader.not_carried(name, format!("{errors}; these requests are denied until it is set right"));
            *closed = Some("source-range");
            Vec::new()
        }
    }
}

/// internal/ingress/annotations/auth.
fn basic(
    reader: &mut Reader<'_>,
    manifests: &Manifests,
    variables: &mut BTreeMap<String, Option<String>>,
    closed: &mut Option<&'static str>,
) -> Option<Basic> {
    match reader.text("auth-type")? {
        "basic" => {}
        found => {
            let text = match found {
                "digest" => "nothing here does digest: `basic` over TLS, or tokens".to_owned(),
                _ => format!("found {found:?}, expected \"basic\""),
            };
            reader.not_carried("auth-type", format!("{text}; these requests are denied until then"));
            *closed = Some("auth-type");
            return None;
        }
    }
    let Some(secret) = reader.text("auth-secret") else {
        reader.not_carried("auth-type", "there is no auth-secret; these requests are denied until there is");
        *closed = Some("auth-secret");
        return None;
    };
    let key = if secret.contains('/') {
        secret.to_owned()
    } else {
        format!("{}/{secret}", reader.ingress.namespace)
    };
    let is_map = reader.one_of("auth-secret-type", &["auth-file", "auth-map"]) == Some("auth-map");
    let name: String =
        key.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    let variable = format!("HTPASSWD_{name}");
    let realm = reader.text("auth-realm").map(str::to_owned);
    let users = match manifests.secrets.get(&key) {
        None => {
            reader.note("auth-secret", format!("the Secret {key} is not among the files: give the filter its htpasswd lines in {variable}"));
            None
        }
        Some(data) => match users(reader, &key, data, is_map) {
            Some(users) => Some(users),
            None => {
                *closed = Some("auth-secret");
                return None;
            }
        },
    };
    if let Some(realm) = &realm {
        let config =
            json!({"basic": {"users": "a:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=", "realm": literal(realm)}});
        if let Err(errors) = check::<AuthzFilter>(&config, &|_| None) {
            reader.not_carried("auth-realm", format!("{errors}; it is left out"));
            variables.insert(variable.clone(), users);
            return Some(Basic { variable, realm: None });
        }
    }
    variables.insert(variable.clone(), users);
    Some(Basic { variable, realm })
}

/// The lines of `htpasswd`; a line that the filter does not take is left out, so that its user cannot log in.
fn users(
    reader: &mut Reader<'_>,
    key: &str,
    data: &BTreeMap<String, String>,
    is_map: bool,
) -> Option<String> {
    let lines: Vec<String> = if is_map {
        data.iter().map(|(name, hash)| format!("{name}:{}", hash.trim())).collect()
    } else if let Some(file) = data.get("auth") {
        file.lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(str::to_owned)
            .collect()
    } else {
        reader.not_carried(
            "auth-secret",
            format!("the Secret {key} has no key `auth`; these requests are denied until it has"),
        );
        return None;
    };
    let mut good = Vec::new();
    for line in lines {
        let config = json!({"basic": {"users": "${USERS}"}});
        match check::<AuthzFilter>(&config, &|_| Some(line.clone())) {
            Ok(()) => good.push(line),
            Err(errors) => {
                let user = line.split(':').next().unwrap_or_default();
                let first = errors.iter().next().map(|error| error.expected().to_owned()).unwrap_or_default();
                reader.not_carried("auth-secret", format!("the user {user:?} of {key} is left out: expected {first} (htpasswd -B makes a new one)"));
            }
        }
    }
    if good.is_empty() {
        reader.not_carried("auth-secret", format!("no user of {key} is left; these requests are denied"));
        return None;
    }
    Some(good.join("\n"))
}

/// The configuration of the filter for one location; `cluster` is that of the service that is asked.
pub(crate) fn config(access: &Access, cluster: Option<&str>) -> Option<Value> {
    if access.is_open() {
        return None;
    }
    let mut config = json!({});
    if let Some(cause) = access.closed {
        config.put("policies", json!([{"name": slug(&format!("{cause}-not-carried")), "spec": {"action": "DENY", "rules": [{}]}}]));
        return Some(config);
    }
    if let Some(basic) = &access.basic {
        config.put(
            "basic",
            json!({
                "users": format!("${{{}}}", basic.variable),
                // The application goes on to see them.
                "hide_credentials": false,
            }),
        );
        if let Some(realm) = &basic.realm {
            config.member("basic").put("realm", literal(realm).into());
        }
        config.put("consumer_header", Value::Null);
    }
    if let Some(requirement) = access.requirement() {
        config.put("require", requirement);
    }
    if let (Some(check), Some(cluster)) = (&access.auth_url, cluster) {
        let mut auth_request = check.config.clone();
        auth_request.put("cluster", cluster.into());
        let from = access.asked();
        let rule = if from.is_empty() { json!({}) } else { json!({"from": from}) };
        config.put("external_checks", json!([{"name": "auth-url", "auth_request": auth_request}]));
        config.put(
            "policies",
            json!([{
                "name": "auth-url",
                "spec": {"action": "CUSTOM", "provider": {"name": "auth-url"}, "rules": [rule]},
            }]),
        );
    }
    Some(config)
}
