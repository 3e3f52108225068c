use super::literal;
use crate::json::Put;
use crate::nginx;
use crate::reader::Reader;
use portcullis_authz_core::external::is_free;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A service that is asked (`auth-url`).
#[derive(Clone, Debug)]
pub(crate) struct AuthUrl {
    /// `auth_request`, without `cluster`.
    pub(crate) config: Value,
    pub(crate) server: Server,
}

/// Who is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    At {
        host: String,
        port: u16,
        is_tls: bool,
    },
    /// The Ingress' own host, at this path.
    Own {
        path: String,
    },
}

/// The annotations, or the ConfigMap's settings of the same meaning.
pub(crate) struct Names {
    pub(crate) url: &'static str,
    pub(crate) method: &'static str,
    pub(crate) signin: &'static str,
    pub(crate) parameter: &'static str,
    pub(crate) headers: &'static str,
    pub(crate) redirect: &'static str,
    pub(crate) cookie: &'static str,
}

pub(crate) const ANNOTATIONS: Names = Names {
    url: "auth-url",
    method: "auth-method",
    signin: "auth-signin",
    parameter: "auth-signin-redirect-param",
    headers: "auth-response-headers",
    redirect: "auth-request-redirect",
    cookie: "auth-always-set-cookie",
};

pub(crate) const GLOBAL: Names = Names {
    url: "global-auth-url",
    method: "global-auth-method",
    signin: "global-auth-signin",
    parameter: "global-auth-signin-redirect-param",
    headers: "global-auth-response-headers",
    redirect: "global-auth-request-redirect",
    cookie: "global-auth-always-set-cookie",
};

/// internal/ingress/annotations/authreq and nginx.tmpl. `text` looks a setting up; `Err` denies the location, as in ingress-nginx.
pub(crate) fn auth_url(
    reader: &mut Reader<'_>,
    names: &Names,
    settings: &dyn Fn(&str) -> Option<String>,
    config_maps: &BTreeMap<String, BTreeMap<String, String>>,
) -> Result<Option<AuthUrl>, ()> {
    let Some(url) = settings(names.url) else { return Ok(None) };
    let mut refuse = |name: &str, text: String| {
        reader.not_carried(name, format!("{text}; these requests are denied until it is set right"));
    };
    let Some((server, shown)) = server(&url) else {
        refuse(
            names.url,
            format!(
                "found {url:?}, expected an http:// or https:// URL, with no variables but $host and those of the request"
            ),
        );
        return Err(());
    };
    let mut config = json!({"url": literal(&shown), "timeout": "60s"});
    if let Some(method) = settings(names.method) {
        if !METHODS.contains(&method.as_str()) {
            refuse(names.method, format!("found {method:?}, expected {}", METHODS.join(", ")));
            return Err(());
        }
        config.put("method", method.into());
    }
    if let Some(list) = settings(names.headers) {
        let headers: Vec<&str> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if let Some(wrong) = headers.iter().find(|name| !is_header(name)) {
            refuse(names.headers, format!("found {wrong:?}, expected names of headers"));
            return Err(());
        }
        let (set, connection): (Vec<_>, Vec<_>) =
            headers.into_iter().partition(|name| is_free(name.to_ascii_lowercase().as_bytes()));
        for name in connection {
            reader.not_carried(names.headers, format!("{name} is of the connection: no answer sets it"));
        }
        config.put("allowed_upstream_headers", set.into());
    }
    let mut headers = Map::new();
    if let Some(name) = reader.text("auth-proxy-set-headers").filter(|_| names.url == ANNOTATIONS.url) {
        let key =
            if name.contains('/') { name.to_owned() } else { format!("{}/{name}", reader.ingress.namespace) };
        let Some(map) = config_maps.get(&key) else {
            let text = format!(
                "the ConfigMap {key} is not among the files: give it, too; these requests are denied until then"
            );
            reader.not_carried("auth-proxy-set-headers", text);
            return Err(());
        };
        for (header, value) in map {
            match nginx::placeholders(value).ok().filter(|_| is_header(header)) {
                Some(value) => drop(headers.insert(header.to_ascii_lowercase(), literal(&value).into())),
                None => reader.not_carried(
                    "auth-proxy-set-headers",
                    format!("{header}: {value:?} has no counterpart; it is left out"),
                ),
            }
        }
    }
    if let Some(redirect) = settings(names.redirect) {
        match nginx::placeholders(&redirect) {
            Ok(value) => drop(headers.insert("x-auth-request-redirect".to_owned(), literal(&value).into())),
            Err(found) => reader.not_carried(
                names.redirect,
                format!("nothing here is {found}; the request's own URL is told"),
            ),
        }
    }
    if !headers.is_empty() {
        config.put("headers", headers.into());
    }
    if let Some(signin) = settings(names.signin) {
        match signin_url(&signin, settings(names.parameter).as_deref()) {
            Ok(signin) => config.put("signin", literal(&signin).into()),
            Err(found) => reader
                .not_carried(names.signin, format!("nothing here is {found}; who is not logged in gets 401")),
        }
    }
    if settings(names.cookie).as_deref() == Some("true") {
        config.put("always_set_cookie", true.into());
    }
    Ok(Some(AuthUrl { config, server }))
}

const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"];

fn is_header(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// Who is asked, and the URL for the filter: the service gets its host without the port, as from ingress-nginx.
fn server(url: &str) -> Option<(Server, String)> {
    let (scheme, rest) = url.split_once("://")?;
    let is_tls = match scheme {
        "http" => false,
        "https" => true,
        // `$scheme://$host/…` is the Ingress' own.
        "$scheme" | "$pass_access_scheme" => true,
        _ => return None,
    };
    let scheme = if is_tls { "https" } else { "http" };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    let target = nginx::placeholders(path).ok()?;
    let bare = path.split('?').next().unwrap_or("/").to_owned();
    if ["$host", "$http_host", "$best_http_host", "${host}"].contains(&authority) {
        return Some((Server::Own { path: bare }, format!("{scheme}://{{host}}{target}")));
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (authority, if is_tls { 443 } else { 80 }),
    };
    let is_name =
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    is_name
        .then(|| (Server::At { host: host.to_owned(), port, is_tls }, format!("{scheme}://{host}{target}")))
}

/// internal/ingress/controller/template/template.go, `buildAuthSignURL`.
fn signin_url(signin: &str, parameter: Option<&str>) -> Result<String, String> {
    let parameter = parameter.unwrap_or("rd");
    let url = nginx::placeholders(signin)?;
    let back = "{scheme}://{host}{escaped_path}";
    Ok(match signin.split_once('?') {
        None => format!("{url}?{parameter}={back}"),
        Some((_, query)) if query.split('&').any(|pair| pair.split('=').next() == Some(parameter)) => url,
        Some(_) => format!("{url}&{parameter}={back}"),
    })
}
