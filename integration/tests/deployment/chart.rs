//! The Helm chart: its values fit their schema, and what it renders fits the CustomResourceDefinitions and is taken by Envoy.
//!
//! There is no package of Helm itself to install. The templates are Go's, rendered by a port of `text/template`; the functions that
//! Helm adds, those that the chart uses, are here.

use std::fs;
use std::path::PathBuf;

use gotmpl::{Template, Value as GoValue, to_value};
use integration::manifest::{Schemas, documents};
use integration::paths;
use integration::prelude::*;

use super::manifests::{assert_envoy_takes, plugins};

#[test]
fn the_chart_renders_what_each_control_plane_takes() {
    let schemas = match (paths::data("crds/istio.yaml"), paths::data("crds/envoy-gateway.yaml")) {
        (Some(istio), Some(gateway)) => Some(Schemas::read([istio, gateway]).unwrap()),
        _ => None,
    };
    let gateway =
        json!({"targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "shop"}]});
    let cases = [
        ("the defaults", json!({}), vec!["WasmPlugin", "EnvoyFilter"]),
        ("all, on Istio", all("istio"), vec!["WasmPlugin"; 4].into_iter().chain(["EnvoyFilter"]).collect()),
        (
            "all, on Istio's Gateway API",
            with(all("istio"), &json!({"gateway": gateway})),
            vec!["WasmPlugin"; 4].into_iter().chain(["EnvoyFilter"]).collect(),
        ),
        (
            "all, on Envoy Gateway",
            with(all("envoy-gateway"), &json!({"gateway": gateway})),
            vec!["EnvoyExtensionPolicy"],
        ),
    ];
    let mut found = Vec::new();
    for (name, values, kinds) in cases {
        let values = with(defaults(), &values);
        assert_fits(&values).unwrap_or_else(|e| panic!("{name}: {e}"));
        let rendered = render(&values).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut rendered_kinds: Vec<_> =
            rendered.iter().map(|d| d["kind"].as_str().unwrap().to_owned()).collect();
        rendered_kinds.sort_by_key(|kind| std::cmp::Reverse(kind.clone()));
        assert_eq!(rendered_kinds, kinds, "{name}");
        for document in &rendered {
            if let Some(schemas) = &schemas {
                let violations = schemas.check(document);
                assert!(violations.is_empty(), "{name}: {violations:?}\n{document:#}");
            }
            found.extend(plugins(name, document));
        }
    }
    assert_envoy_takes(&found);
}

#[test]
fn images_are_pinned_and_pulled_with_the_secret() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let values = json!({
        "image": {"registry": "r.example.com/p", "pullSecret": "pull"},
        "filters": {"waf": {"digest": digest}},
    });
    let plugin = &render(&with(defaults(), &values)).unwrap()[0]["spec"];
    assert_eq!(plugin["url"], format!("oci://r.example.com/p/waf@{digest}"));
    assert_eq!(plugin["imagePullSecret"], "pull");
    let by_tag = render(&with(defaults(), &json!({"image": {"tag": "9.9"}}))).unwrap();
    assert_eq!(by_tag[0]["spec"]["url"], "oci://registry.example.com/portcullis/waf:9.9");
}

#[test]
fn wrong_values_are_refused() {
    let cases = [
        ("platform", json!({"platform": "linkerd"})),
        ("filters", json!({"filters": {"waff": {"enabled": true}}})),
        ("failStrategy", json!({"filters": {"waf": {"failStrategy": "FAIL_SOMEHOW"}}})),
        ("digest", json!({"filters": {"waf": {"digest": "latest"}}})),
        ("paranoia_level", json!({"filters": {"waf": {"config": {"crs": {"paranoia_level": "high"}}}}})),
        ("relases", json!({"filters": {"canary": {"enabled": true, "config": {"relases": []}}}})),
    ];
    for (place, values) in cases {
        let error = assert_fits(&with(defaults(), &values)).expect_err(place);
        assert!(error.contains(place), "{place}: {error}");
    }
    let nowhere = with(defaults(), &json!({"platform": "envoy-gateway"}));
    assert!(render(&nowhere).unwrap_err().contains("gateway.targetRefs"));
}

fn all(platform: &str) -> Value {
    json!({"platform": platform, "filters": {
        "authz": {"enabled": true, "env": ["OPS_KEY"], "config": {
            "api_keys": {"required": false, "keys": [{"consumer": "ops", "secret": "${OPS_KEY}"}]},
        }},
        "canary": {"enabled": true, "config": {"releases": [{"name": "v2", "by_header": {"name": "x-canary"}}]}},
        "affinity": {"enabled": true, "env": ["AFFINITY_KEY"], "config": {
            "keys": ["${AFFINITY_KEY}"], "audience": "shop", "cookie": {"name": "session", "path": "/"},
        }},
    }})
}

fn assert_fits(values: &Value) -> Result<(), String> {
    let schema: Value = serde_json::from_str(&read("values.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> =
        validator.iter_errors(values).map(|e| format!("{}: {e}", e.instance_path())).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors.join("\n")) }
}

fn render(values: &Value) -> Result<Vec<Value>, String> {
    let chart: Value = serde_norway::from_str(&read("Chart.yaml")).unwrap();
    let data = json!({
        "Values": values,
        "Chart": {"AppVersion": chart["appVersion"], "Name": chart["name"]},
        "Release": {"Name": "portcullis", "Namespace": "istio-system", "Service": "Helm"},
    });
    let mut documents_found = Vec::new();
    for file in ["istio.yaml", "envoy-gateway.yaml", "NOTES.txt"] {
        let template = helm(Template::new(file))
            .parse(&read(&format!("templates/{file}")))
            .map_err(|e| e.to_string())?;
        let text = template.execute_to_string(&to_value(&data).unwrap()).map_err(|e| e.to_string())?;
        assert!(!text.contains("<no value>"), "{file}: {text}");
        if file != "NOTES.txt" {
            documents_found.extend(documents(&text).map_err(|e| format!("{file}: {e}\n{text}"))?);
        }
    }
    Ok(documents_found)
}

/// Sprig's and Helm's functions, as documented in "Template Function List".
fn helm(template: Template) -> Template {
    let text = |value: Option<&GoValue>| value.map(ToString::to_string).unwrap_or_default();
    template
        .func("toJson", |args| Ok(GoValue::String(json(args.first()).to_string().into())))
        .func("toYaml", |args| {
            let yaml = serde_norway::to_string(&json(args.first())).unwrap();
            Ok(GoValue::String(yaml.trim_end().into()))
        })
        .func("nindent", move |args| {
            let indent = " ".repeat(args[0].as_int().and_then(|n| usize::try_from(n).ok()).unwrap());
            let lines: Vec<_> = text(args.get(1)).lines().map(|line| format!("\n{indent}{line}")).collect();
            Ok(GoValue::String(lines.concat().into()))
        })
        .func("default", move |args| {
            let given = args.get(1).filter(|value| !text(Some(value)).is_empty());
            Ok(given.unwrap_or(&args[0]).clone())
        })
        .func("trimPrefix", move |args| {
            let (prefix, whole) = (text(args.first()), text(args.get(1)));
            Ok(GoValue::String(whole.strip_prefix(prefix.as_str()).unwrap_or(&whole).into()))
        })
        .func("list", |args| Ok(GoValue::List(args.to_vec().into())))
        .func("dict", move |args| {
            let pairs = args.chunks(2).map(|pair| (text(pair.first()).into(), pair[1].clone()));
            Ok(GoValue::Map(std::sync::Arc::new(pairs.collect())))
        })
        .func("get", move |args| match &args[0] {
            GoValue::Map(map) => Ok(map.get(text(args.get(1)).as_str()).cloned().unwrap_or(GoValue::Nil)),
            other => panic!("get of {other}"),
        })
        .func("fail", move |args| Err(gotmpl::TemplateError::Exec(text(args.first()))))
}

fn json(value: Option<&GoValue>) -> Value {
    match value.unwrap_or(&GoValue::Nil) {
        GoValue::Nil => Value::Null,
        GoValue::Bool(value) => (*value).into(),
        GoValue::Int(value) => (*value).into(),
        GoValue::Uint(value) => (*value).into(),
        GoValue::Float(value) => (*value).into(),
        GoValue::String(value) => value.to_string().into(),
        GoValue::List(items) => items.iter().map(|item| json(Some(item))).collect(),
        GoValue::Map(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.to_string(), json(Some(value)))).collect())
        }
        other => panic!("not data: {other}"),
    }
}

/// Values over values, as Helm merges them: objects by field, the rest replaced.
fn with(mut values: Value, over: &Value) -> Value {
    super::manifests::merge(&mut values, over);
    values
}

fn defaults() -> Value {
    serde_norway::from_str(&read("values.yaml")).unwrap()
}

fn read(name: &str) -> String {
    let path: PathBuf = paths::root().join("envoy-configs/helm/portcullis").join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
