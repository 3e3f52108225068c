use super::check;
use crate::json::Put;
use crate::reader::Reader;
use portcullis_affinity::AffinityFilter;
use serde_json::{Value, json};

/// How sessions of a location are pinned.
#[derive(Clone, Debug)]
pub(crate) struct Affinity {
    pub(crate) mode: Mode,
    /// Without `clusters`, `cluster_header` and, on control planes, `header`.
    pub(crate) config: Value,
    /// Whether a session moves when its endpoint fails.
    pub(crate) changes_on_failure: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// ingress-nginx's default.
    Balanced,
    Persistent,
}

/// The variable that has the key of the cookies.
pub(crate) const KEY: &str = "AFFINITY_KEY";

/// The headers by which the filter tells Envoy.
pub(crate) const ENDPOINT_HEADER: &str = "x-portcullis-endpoint";
pub(crate) const SESSION_HEADER: &str = "x-portcullis-session";
pub(crate) const CLUSTER_HEADER: &str = "x-portcullis-cluster";

impl Affinity {
    /// Sessions by a hash, where nothing else is to be had.
    pub(crate) fn balance(&mut self) {
        self.mode = Mode::Balanced;
        if let Some(fields) = self.config.as_object_mut() {
            fields.remove("change_on_failure");
            fields.insert("mode".to_owned(), "hash".into());
            fields.insert("header".to_owned(), SESSION_HEADER.into());
        }
    }

    pub(crate) fn cookie_name(&self) -> &str {
        self.config.pointer("/cookie/name").and_then(Value::as_str).unwrap_or_default()
    }
}

/// internal/ingress/annotations/sessionaffinity and rootfs/etc/nginx/lua/balancer/sticky.lua. `path` is that of the location.
pub(crate) fn affinity(
    reader: &mut Reader<'_>,
    path: &str,
    is_regex: bool,
    audience: &str,
) -> Option<Affinity> {
    reader.one_of("affinity", &["cookie"])?;
    let mode = match reader.one_of("affinity-mode", &["balanced", "persistent"]) {
        Some("persistent") => Mode::Persistent,
        _ => Mode::Balanced,
    };
    let own_path = reader.text("session-cookie-path");
    if own_path.is_none() && is_regex {
        let text = "the path is a regular expression, which no cookie can have: it is set for `/`; session-cookie-path says otherwise";
        reader.note("affinity", text);
    }
    let path = own_path.unwrap_or(if is_regex { "/" } else { path });
    let mut cookie = json!({
        "name": reader.text("session-cookie-name").unwrap_or("INGRESSCOOKIE"),
        "path": path,
        // The application goes on to see it.
        "indirect": false,
        "same_site": "unset",
    });
    if let Some(domain) = reader.text("session-cookie-domain") {
        cookie.put("domain", domain.into());
    }
    for (name, field) in [("session-cookie-max-age", "max_age"), ("session-cookie-expires", "expires")] {
        match reader.number(name) {
            None => {}
            Some(seconds @ 1..) => cookie.put(field, duration(seconds).into()),
            Some(seconds) => reader.not_carried(
                name,
                format!("found {seconds}: such a cookie is gone at once, so no session would hold"),
            ),
        }
    }
    let same_site = reader.one_of("session-cookie-samesite", &["none", "lax", "strict"]);
    if let Some(same_site) = same_site {
        cookie.put("same_site", same_site.into());
    }
    if reader.flag("session-cookie-conditional-samesite-none") == Some(true) {
        cookie.put("conditional_same_site_none", true.into());
    }
    let is_secure = reader.flag("session-cookie-secure");
    if is_secure == Some(false) {
        reader.note(
            "session-cookie-secure",
            "as in ingress-nginx, over https the cookie is Secure all the same",
        );
    }
    let is_partitioned = reader.flag("session-cookie-partitioned") == Some(true);
    if is_partitioned {
        cookie.put("partitioned", true.into());
    }
    if is_secure == Some(true) || same_site == Some("none") || is_partitioned {
        cookie.put("secure", "always".into());
    }
    if same_site == Some("none") && is_secure != Some(true) {
        reader.note(
            "session-cookie-samesite",
            "browsers take SameSite=None only with Secure, so it is always Secure",
        );
    }
    let changes_on_failure = reader.flag("session-cookie-change-on-failure") == Some(true);
    let mut config = json!({"keys": [format!("${{{KEY}}}")], "audience": audience, "cookie": cookie});
    if mode == Mode::Balanced {
        config.put("mode", "hash".into());
        config.put("header", SESSION_HEADER.into());
        if reader.text("affinity-mode").is_none() {
            let text = "the default mode, balanced: some sessions move when endpoints come and go; `affinity-mode: persistent` keeps them";
            reader.note("affinity", text);
        }
    } else if changes_on_failure {
        config.put("change_on_failure", true.into());
    }
    if mode == Mode::Balanced && changes_on_failure {
        reader.note(
            "session-cookie-change-on-failure",
            "retries go to another endpoint, and health checks take failed ones out of the ring",
        );
    }
    let key = |name: &str| (name == KEY).then(|| "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned());
    if let Err(errors) = check::<AffinityFilter>(&config, &key) {
        reader.not_carried("affinity", format!("{errors}"));
        return None;
    }
    let text = "needs the addresses of the pods: a headless Service, or endpoints from the control plane";
    reader.note("affinity", text);
    Some(Affinity { mode, config, changes_on_failure })
}

/// GEP-2257, whose numbers have five digits at most.
fn duration(seconds: i64) -> String {
    let (hours, minutes, rest) = ((seconds / 3600).min(99_999), seconds / 60 % 60, seconds % 60);
    let part = |number: i64, unit: &str| if number == 0 { String::new() } else { format!("{number}{unit}") };
    part(hours, "h") + &part(minutes, "m") + &part(rest, "s")
}
