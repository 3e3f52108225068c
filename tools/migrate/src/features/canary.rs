use super::{check, literal, slug};
use crate::json::Put;
use crate::reader::Reader;
use portcullis_canary::CanaryFilter;
use serde_json::{Value, json};

/// A canary of a Service.
#[derive(Clone, Debug)]
pub(crate) struct Canary {
    /// The cluster that it sends to.
    pub(crate) cluster: String,
    /// The name of its release.
    pub(crate) release: String,
    /// The release, for the filter.
    pub(crate) config: Value,
    /// The behaviours of ingress-nginx that it needs.
    pub(crate) compatibility: Value,
    /// `affinity-canary-behavior: legacy`.
    pub(crate) is_legacy: bool,
    /// The cookie of the filter's own that keeps sessions on their version, where the affinity filter does not.
    pub(crate) cookie: Option<String>,
}

impl Canary {
    /// Has the canary filter keep sessions on their version, beside this cookie of the affinity filter.
    pub(crate) fn keep(&mut self, session: &str) {
        self.cookie = Some(format!("{session}_release"));
        if self.is_legacy {
            self.config.put("affinity", "legacy".into());
        }
    }
}

/// rootfs/etc/nginx/lua/balancer.lua, `route_to_alternative_balancer`.
pub(crate) fn canary(reader: &mut Reader<'_>, cluster: &str) -> Canary {
    let name = slug(cluster);
    let mut release = json!({"name": name});
    let mut compatibility = json!({});
    let header = reader.text("canary-by-header");
    let value = reader.text("canary-by-header-value");
    let pattern = reader.text("canary-by-header-pattern");
    if let Some(header) = header {
        let mut wish = json!({"name": header});
        match (value, pattern) {
            (Some(value), _) => {
                wish.put("value", literal(value).into());
                if pattern.is_some() {
                    reader.note("canary-by-header-pattern", "without effect beside canary-by-header-value");
                }
            }
            (None, Some(pattern)) => wish.put("pattern", literal(pattern).into()),
            (None, None) => {}
        }
        if value.or(pattern).is_some() {
            compatibility.put("never_only_without_value", true.into());
            let text = "as in ingress-nginx, `never` in this header keeps nobody out where a value or pattern is set: without \
                        `compatibility.never_only_without_value` it does";
            reader.note("canary-by-header", text);
        }
        release.put("by_header", wish);
    } else {
        for name in ["canary-by-header-value", "canary-by-header-pattern"] {
            reader.note(name, "without effect: there is no canary-by-header");
        }
    }
    if let Some(cookie) = reader.text("canary-by-cookie") {
        release.put("by_cookie", json!({"name": cookie}));
    }
    let mut total = reader.number("canary-weight-total").unwrap_or(100);
    if total < 100 {
        reader.note("canary-weight-total", "as in ingress-nginx, less than 100 counts as 100");
        total = 100;
    }
    let weight = reader.number("canary-weight").unwrap_or(0);
    let clamped = weight.clamp(0, total);
    if clamped != weight {
        reader.note("canary-weight", format!("{weight} counts as {clamped}"));
    }
    release.put("weight", clamped.into());
    if total != 100 {
        release.put("weight_total", total.into());
    }
    if clamped > 0 && clamped < total {
        release.put("key", json!(["random"]));
        let text = "drawn for each request, as in ingress-nginx: a `key` such as {\"cookie\": \"user\"} keeps each user on one version";
        reader.note("canary-weight", text);
    }
    let is_legacy = reader.one_of("affinity-canary-behavior", &["sticky", "legacy"]) == Some("legacy");
    // What the filter does not take is left out, rather than all of the canary.
    for (field, annotation) in [("by_header", "canary-by-header-pattern"), ("by_cookie", "canary-by-cookie")]
    {
        let Some(rule) = release.get(field) else { continue };
        let alone = json!({"releases": [{"name": "alone", field: rule}]});
        if let Err(errors) = check::<CanaryFilter>(&alone, &|_| None) {
            let annotation = if reader.text(annotation).is_some() { annotation } else { "canary-by-header" };
            reader.not_carried(annotation, format!("{errors}; the rule is left out"));
            release.as_object_mut().map(|fields| fields.remove(field));
        }
    }
    Canary {
        cluster: cluster.to_owned(),
        release: name,
        config: release,
        compatibility,
        is_legacy,
        cookie: None,
    }
}
