use crate::{Config, Filter, Found, ReadOptions, Source, Value};

fn read(name: &str, text: &str) -> Source {
    Source::read(name, text.as_bytes(), &ReadOptions::default())
}

fn only(source: &Source) -> &Found {
    assert_eq!(source.problems, []);
    let [found] = source.configs.as_slice() else { panic!("{} configurations", source.configs.len()) };
    found
}

/// A file's name, its text, and what is found: filter, owner, and the JSON.
const FILES: &[(&str, &str, Filter, &str, &str)] = &[
    ("canary.json", r#"{"releases": []}"#, Filter::Canary, "", r#"{"releases": []}"#),
    ("x.yaml", "releases: []\ndry_run: on\n", Filter::Canary, "", r#"{"dry_run":true,"releases":[]}"#),
    (
        "plugin.yaml",
        "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: a, namespace: b}\nspec:\n  \
         url: oci://r.example/p/waf:1.0\n  pluginConfig: {mode: detect}\n",
        Filter::Waf,
        "WasmPlugin b/a",
        r#"{"mode":"detect"}"#,
    ),
    (
        "eg.yaml",
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyExtensionPolicy\nmetadata: {name: a}\nspec:\n  wasm:\n  \
         - name: mine\n    rootID: authz\n    code: {type: Image, image: {url: r.example/filters:1}}\n    config: {policies: []}\n",
        Filter::Authz,
        "EnvoyExtensionPolicy a, mine",
        r#"{"policies":[]}"#,
    ),
    (
        "consul.json",
        r#"{"Kind": "service-defaults", "Name": "web", "EnvoyExtensions": [{"Name": "builtin/wasm", "Arguments": {"PluginConfig":
            {"Name": "c", "VmConfig": {"Code": {"Local": {"Filename": "/x/canary.wasm"}}}, "Configuration": "{}"}}}]}"#,
        Filter::Canary,
        "service-defaults web, c",
        "{}",
    ),
    (
        "ecds.json",
        r#"{"resources": [{"@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig", "name": "x",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm", "config":
            {"rootId": "affinity", "vmConfig": {}, "configuration": {"@type":
            "type.googleapis.com/google.protobuf.StringValue", "value": "{\"keys\": []}"}}}}]}"#,
        Filter::Affinity,
        "filter",
        r#"{"keys": []}"#,
    ),
    (
        "configmap.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: envoy}\ndata:\n  envoy.yaml: |\n    http_filters:\n    - typed_config:\n        \
         '@type': type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n        config:\n          name: waf\n          \
         configuration: {'@type': x, value: '{}'}\n",
        Filter::Waf,
        "ConfigMap envoy, filter waf",
        "{}",
    ),
    (
        "values.yaml",
        "filters:\n  waf: {enabled: false, config: {}}\n  canary: {enabled: true, config: {releases: []}}\n",
        Filter::Canary,
        "filters.canary",
        r#"{"releases":[]}"#,
    ),
    ("rules.conf", "SecRuleEngine On\n", Filter::Waf, "", "SecRuleEngine On\n"),
    ("rules", "# ours\n\nSecAction \"id:1\"\n", Filter::Waf, "", "# ours\n\nSecAction \"id:1\"\n"),
];

#[test]
fn configurations_are_found() {
    for (name, text, filter, owner, config) in FILES {
        let source = read(name, text);
        let found = only(&source);
        let (Config::Json(bytes) | Config::SecLang(bytes)) = &found.config;
        let found = (found.filter, found.owner.as_str(), std::str::from_utf8(bytes).unwrap());
        assert_eq!(found, (*filter, *owner, *config), "{name}");
    }
}

/// What `@` stands before is the same place in the configuration's text and in the file.
const PLACES: &[(&str, &str)] = &[
    ("a literal block", "w:\n  value: |\n    {\n      \"keys\": [\"@x\"]\n    }\n"),
    ("a literal block with an indicator", "w:\n  value: |2-\n     {\n    \"keys\": [\"@x\"]}\n"),
    ("a folded block", "w:\n  value: >\n    {\n    \"keys\":\n\n    [\"@x\"]\n      }\n"),
    ("double quotes", "w:\n  value: \"{\\\"k\\u0065ys\\\": \\x5b\\\n     \\\"@x\\\"]}\"\n"),
    ("double quotes over lines", "w:\n  value: \"{\n    \n\n    \\\"keys\\\": [  \n    \t\\\"@x\\\"]}\"\n"),
    ("single quotes", "w:\n  value: '{\"it''s\":\n    \"@x\"}'\n"),
    ("plain", "w:\n  value: [\n   a, b\n    c@x ]\n"),
    ("umlauts", "ü: ä\nw:\n  value: |\n    {\"kéys\": \"@x\"}\n"),
];

#[test]
fn texts_know_their_places() {
    use crate::{Text, tree};
    use std::rc::Rc;
    for (name, text) in PLACES {
        let documents = tree::parse(text).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let value = documents[0].at(&["w", "value"]).unwrap();
        let value = value.elements().last().unwrap_or(value);
        let Value::Scalar { text: inner, style, .. } = &value.value else { panic!("{name}") };
        let inner = Text::of_scalar(&Rc::new(Text::of_file((*text).to_owned())), value.start, *style, inner);
        let here = inner.as_str().find('@').unwrap();
        assert_eq!(inner.in_file(here), text.find('@').unwrap(), "{name}: {:?}", inner.as_str());
    }
}

/// A file, and all that is said of it: line, column, severity, code, path.
const SAID: &[(&str, &str, &[&str])] = &[
    // Releases that are never drawn.
    (
        "canary.yaml",
        "releases:\n- {name: a, weight: 100}\n- {name: b, weight: 1}\n",
        &["3:10 Warning shadowed releases[1].name"],
    ),
    (
        "canary.yaml",
        "releases:\n- {name: a, weight: 50, weight_total: 50}\n- {name: b, weight: 1}\n",
        &["3:10 Warning shadowed releases[1].name"],
    ),
    (
        "canary.yaml",
        "releases:\n- {name: a, weight: 100, hosts: [x.example]}\n- {name: b, weight: 1, hosts: [x.example]}\n",
        &["3:10 Warning shadowed releases[1].name"],
    ),
    ("canary.yaml", "releases:\n- {name: a, weight: 99}\n- {name: b, weight: 1}\n", &[]),
    ("canary.yaml", "releases:\n- {name: a, weight: 100, hosts: [x.example]}\n- {name: b, weight: 1}\n", &[]),
    ("canary.yaml", "releases:\n- {name: a, weight: 100, enabled: false}\n- {name: b, weight: 1}\n", &[]),
    (
        "canary.yaml",
        "releases:\n- {name: a, weight: 100, match: {header: {name: x, present: true}}}\n- {name: b, weight: 1}\n",
        &[],
    ),
    (
        "canary.yaml",
        "releases:\n- {name: a, weight: 100, key: [{header: x}, none]}\n- {name: b, weight: 1}\n",
        &[],
    ),
    ("canary.yaml", "releases:\n- {name: a, weight: 100}\n- {name: b, by_header: {name: x}}\n", &[]),
    // Secrets in plain text.
    (
        "affinity.yaml",
        "keys: [0123456789abcdef0123456789abcdef]\naudience: a\n",
        &["1:8 Warning plain-secret keys[0]"],
    ),
    ("affinity.yaml", "keys: [\"${KEY}\"]\naudience: a\n", &[]),
    // Policies that decide nothing.
    (
        "authz.yaml",
        "policies:\n- {name: a, spec: {rules: [{}]}}\n- {name: b, spec: {rules: [{to: [{operation: {paths: [/x]}}]}]}}\n",
        &["3:28 Warning config policies[1].spec.rules[0]"],
    ),
    (
        "authz.yaml",
        "policies:\n- {name: a, spec: {rules: [{to: [{operation: {paths: [/x]}}]}]}}\n- {name: b, spec: {rules: [{to: [{operation: {paths: [/y]}}]}]}}\n",
        &[],
    ),
    // Rules.
    (
        "waf.yaml",
        "directives_map:\n  default:\n  - SecRuleRemoveById 7\n",
        &["3:5 Warning seclang directives_map.default"],
    ),
    (
        "waf.yaml",
        "directives_map:\n  default:\n  - SecAction id:7,phase:1,pass\n  - SecRuleRemoveById 7\n",
        &[],
    ),
    (
        "a.conf",
        "SecAction \"id:1,phase:1,skipAfter:E\"\nSecAction \"id:2,phase:1\"\nSecMarker E\n",
        &["2:1 Warning seclang "],
    ),
    ("a.conf", "SecAction \"id:1,phase:1\"\nSecAction \"id:1,phase:1\"\n", &["2:1 Error seclang "]),
    // What does not parse hides nothing.
    (
        "a.conf",
        "SecFoo\nSecRule ARGS \"@rx (\" \\\n  \"id:1,phase:2\"\nSecRule ARGZ a \"id:2,phase:2\"\n",
        &["1:1 Error seclang ", "2:15 Error seclang ", "4:9 Error seclang "],
    ),
    (
        "waf.yaml",
        "directives_map:\n  default:\n  - SecFoo\n  - SecRule ARGS \"@rx (\" \"id:1,phase:2\"\n",
        &["3:5 Error seclang directives_map.default", "4:19 Error seclang directives_map.default"],
    ),
];

#[test]
fn what_is_doubtful_is_said_and_nothing_else() {
    let mut differing = Vec::new();
    for (name, text, expected) in SAID {
        let found = read(name, text).check(&portcullis_seclang::loader::NoFiles);
        let shown = |it: &crate::Diagnostic| {
            format!("{}:{} {:?} {} {}", it.line, it.column, it.severity, it.code, it.path)
        };
        let said: Vec<String> = found.iter().map(shown).collect();
        if said != *expected {
            differing.push(format!("{text}expected {expected:?}\nfound {found:#?}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn what_is_no_configuration_is_told_from_one() {
    let entry = "Kind = \"service-defaults\"\nName = \"web\"\nEnvoyExtensions = [\n  {\n    Name = \"builtin/wasm\"\n  }\n]\n";
    for name in ["web.hcl", "standard input"] {
        let source = read(name, entry);
        let [problem] = source.problems.as_slice() else { panic!("{:?}", source.problems) };
        assert_eq!((problem.line, problem.column), (5, 13), "{name}");
        assert!(
            problem.to_string().contains("this is HCL") && problem.help.contains("consul config read"),
            "{problem}"
        );
    }
    // Others use HCL, too; and a JWKS is no configuration.
    let jwks = read("jwks.json", r#"{"keys": [{"kty": "oct", "k": "AAAA"}]}"#);
    assert_eq!((jwks.problems.len(), jwks.configs.len()), (0, 0));
    let other = read("main.tf.hcl", "resource \"x\" \"y\" {\n  a = 1\n}\n");
    assert_eq!((other.problems.len(), other.configs.len()), (0, 0));
}
