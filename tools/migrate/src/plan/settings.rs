//! What the controller's own ConfigMap says.

use super::Builder;
use crate::features::waf::GlobalRules;
use crate::report::Outcome;

impl Builder<'_> {
    /// The controller's ConfigMap (docs/user-guide/nginx-configuration/configmap.md), as far as it is about what stands here.
    pub(super) fn settings(&mut self) {
        let Some((name, data)) = &self.manifests.controller else { return };
        self.settings = data.clone();
        let is_true = |key: &str| data.get(key).is_some_and(|value| value == "true");
        self.global = GlobalRules {
            is_enabled: is_true("enable-modsecurity"),
            has_core_rules: is_true("enable-owasp-modsecurity-crs"),
            snippet: data
                .get("modsecurity-snippet")
                .filter(|text| !text.trim().is_empty())
                .map(|text| crate::nginx::unquoted(text)),
        };
        for key in data.keys() {
            if CARRIED_SETTINGS.contains(&key.as_str()) {
                self.report.setting(name, key, Outcome::Carried, "");
            } else if key == "use-forwarded-headers" && is_true(key) {
                self.plan.trusted_hops = 1;
                let text = "the client is whom the one proxy in front names: xff_num_trusted_hops: 1; say there how many there are";
                self.report.setting(name, key, Outcome::Note, text);
            } else {
                let text = "a setting of nginx: docs/migrate/ingress-nginx.md says what there is instead";
                self.report.setting(name, key, Outcome::Note, text);
            }
        }
    }
}

/// The settings of the controller that stand in the output.
const CARRIED_SETTINGS: [&str; 13] = [
    "enable-modsecurity",
    "enable-owasp-modsecurity-crs",
    "modsecurity-snippet",
    "whitelist-source-range",
    "allowlist-source-range",
    "denylist-source-range",
    "global-auth-url",
    "global-auth-method",
    "global-auth-signin",
    "global-auth-signin-redirect-param",
    "global-auth-response-headers",
    "global-auth-request-redirect",
    "proxy-body-size",
];
