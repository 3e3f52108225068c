//! Configurations of coraza-proxy-wasm.

use super::*;

/// The examples of coraza-proxy-wasm's README and of its example/ folder.
const CORAZA_EXAMPLES: [&str; 5] = [
    r#"{
        "directives_map": { "default": [
            "SecDebugLogLevel 9",
            "SecRuleEngine On",
            "SecRule REQUEST_URI \"@streq /admin\" \"id:101,phase:1,t:lowercase,deny\""
        ] },
        "default_directives": "default"
    }"#,
    r#"{
        "directives_map": { "default": [
            "Include @demo-conf",
            "SecDebugLogLevel 9",
            "SecRuleEngine On",
            "Include @crs-setup-conf",
            "Include @owasp_crs/*.conf"
        ] },
        "default_directives": "default"
    }"#,
    r#"{
        "directives_map": { "default": [
            "Include @demo-conf",
            "SecDebugLogLevel 9",
            "SecRuleEngine On",
            "Include @crs-setup-conf",
            "Include @owasp_crs/REQUEST-901-INITIALIZATION.conf"
        ] },
        "default_directives": "default"
    }"#,
    r#"{
        "directives_map": {
            "default": ["Include @recommended-conf", "SecRuleEngine On", "Include @crs-setup-conf", "Include @ftw-conf", "Include @owasp_crs/*.conf"]
        },
        "default_directives": "default"
    }"#,
    r#"{
        "directives_map": {
            "rs1": [
                "Include @demo-conf",
                "Include @crs-setup-demo-conf",
                "SecDefaultAction \"phase:3,log,auditlog,pass\"",
                "SecDefaultAction \"phase:4,log,auditlog,pass\"",
                "SecDefaultAction \"phase:5,log,auditlog,pass\"",
                "SecDebugLogLevel 3",
                "Include @owasp_crs/*.conf",
                "SecRule REQUEST_URI \"@streq /admin\" \"id:101,phase:1,t:lowercase,deny\" \nSecRule REQUEST_BODY \"@rx maliciouspayload\" \"id:102,phase:2,t:lowercase,deny\" \nSecRule RESPONSE_HEADERS::status \"@rx 406\" \"id:103,phase:3,t:lowercase,deny\" \nSecRule RESPONSE_BODY \"@contains responsebodycode\" \"id:104,phase:4,t:lowercase,deny\""
            ],
            "rs2": ["SecRuleEngine On", "SecRule REQUEST_URI \"@streq /example\" \"id:101,phase:1,t:lowercase,deny\""]
        },
        "default_directives": "rs1",
        "metric_labels": { "owner": "coraza", "identifier": "global" },
        "per_authority_directives": { "foo.example.com": "rs2", "bar.example.com": "rs2" }
    }"#,
];

#[test]
fn loads_what_coraza_proxy_wasm_documents() {
    for config in CORAZA_EXAMPLES {
        let uses_core_rule_set = config.contains("crs");
        let result = load::<WafFilter>(config.as_bytes(), &|_| None);
        match result {
            Ok(_) => assert!(built_in::has_core_rule_set() || !uses_core_rule_set, "{config}"),
            Err(errors) => {
                assert!(uses_core_rule_set && !built_in::has_core_rule_set(), "{config}:\n{errors}");
                assert!(errors.to_string().contains("built without the Core Rule Set"), "{errors}");
            }
        }
    }
}
