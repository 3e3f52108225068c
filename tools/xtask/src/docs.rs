//! The configuration reference of each filter, from the types that read it, into the marked part of its page; and what of SecLang
//! the waf does; and the schema of the Helm chart's values.

mod support;
mod values;

use schemars::generate::SchemaSettings;
use sdk_shim::Filter;
use serde_json::{Map, Value};
use std::fs;

const BEGIN: &str = "<!-- reference: written by `make docs` -->";
const END: &str = "<!-- end of reference -->";

pub(crate) fn write() -> Result<String, String> {
    for (page, text) in pages()? {
        fs::write(crate::root().join(&page), text).map_err(|error| format!("{page}: {error}"))?;
    }
    Ok("docs: written".into())
}

pub(crate) fn check() -> Result<String, String> {
    for (page, text) in pages()? {
        if read(&page)? != text {
            return Err(format!("{page} is not what the code says: run `make docs`"));
        }
    }
    Ok("docs: the reference pages are what the code says".into())
}

fn pages() -> Result<Vec<(String, String)>, String> {
    Ok(vec![
        page::<portcullis_waf::WafFilter>()?,
        page::<portcullis_canary::CanaryFilter>()?,
        page::<portcullis_affinity::AffinityFilter>()?,
        page::<portcullis_authz::AuthzFilter>()?,
        ("docs/waf-support.md".to_owned(), support::page()),
        annotations()?,
        (values::FILE.to_owned(), values::text()?),
    ])
}

fn page<F: Filter>() -> Result<(String, String), String> {
    let name = format!("docs/{}.md", F::NAME);
    let text = read(&name)?;
    let parts = text.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) = parts.ok_or_else(|| format!("{name} has no part from `{BEGIN}` to `{END}`"))?;
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<F::Config>();
    Ok((name, format!("{head}{BEGIN}\n\n{}\n{END}{tail}", reference(schema.as_value()))))
}

/// What becomes of ingress-nginx's annotations, from the crate that migrates them.
fn annotations() -> Result<(String, String), String> {
    const BEGIN: &str = "<!-- annotations: written by `make docs` -->";
    const END: &str = "<!-- end of annotations -->";
    let name = "docs/migrate/ingress-nginx.md".to_owned();
    let text = read(&name)?;
    let parts = text.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) = parts.ok_or_else(|| format!("{name} has no part from `{BEGIN}` to `{END}`"))?;
    let table = portcullis_migrate::annotations::markdown();
    let page = format!("{head}{BEGIN}\n{table}\n{END}{tail}");
    Ok((name, page))
}

fn read(page: &str) -> Result<String, String> {
    fs::read_to_string(crate::root().join(page)).map_err(|error| format!("{page}: {error}"))
}

/// A section for the configuration and for each type in it.
fn reference(schema: &Value) -> String {
    let mut text = section("The configuration", schema);
    for (name, definition) in schema.get("$defs").and_then(Value::as_object).into_iter().flatten() {
        text.push_str(&section(&format!("`{name}`"), definition));
    }
    text
}

fn section(title: &str, schema: &Value) -> String {
    let mut text = format!("### {title}\n\n");
    if let Some(description) = description(schema) {
        text.push_str(&format!("{description}\n\n"));
    }
    if let Some(fields) = schema.get("properties").and_then(Value::as_object) {
        text.push_str("| field | type | default | meaning |\n|---|---|---|---|\n");
        text.extend(fields.iter().map(|(name, field)| row(name, field, schema)));
        text.push('\n');
    }
    for variant in variants(schema) {
        let meaning = description(variant).map(|text| format!(": {}", inline(&text))).unwrap_or_default();
        text.push_str(&format!("- {}{meaning}\n", kind(variant)));
    }
    if !variants(schema).is_empty() {
        text.push('\n');
    }
    text
}

fn row(name: &str, field: &Value, object: &Value) -> String {
    let required = object.get("required").and_then(Value::as_array);
    let is_required = required.is_some_and(|names| names.iter().any(|required| required == name));
    let default = match field.get("default") {
        _ if is_required => "required".to_owned(),
        None | Some(Value::Null) => "none".to_owned(),
        Some(value) => format!("`{value}`"),
    };
    let meaning = description(field).map(|text| inline(&text)).unwrap_or_default();
    format!("| `{name}` | {} | {default} | {meaning} |\n", kind(field))
}

fn kind(schema: &Value) -> String {
    let text = |key: &str| schema.get(key).and_then(Value::as_str);
    if let Some(reference) = text("$ref") {
        let name = reference.rsplit('/').next().unwrap_or(reference);
        return format!("[`{name}`](#{})", name.to_lowercase());
    }
    if let Some(value) = schema.get("const") {
        return format!("`{value}`");
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(" or ");
    }
    let several = variants(schema);
    if !several.is_empty() {
        let kinds = several.into_iter().map(kind).filter(|kind| kind != "null");
        return kinds.collect::<Vec<_>>().join(" or ");
    }
    if let Some(items) = schema.get("items") {
        return format!("list of {}", kind(items));
    }
    if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
        return format!("object of {}", kind(values));
    }
    if let Some(fields) = schema.get("properties").and_then(Value::as_object) {
        let fields = fields.iter().map(|(name, field)| format!("`{name}`: {}", kind(field)));
        return format!("{{{}}}", fields.collect::<Vec<_>>().join(", "));
    }
    match schema.get("type") {
        Some(Value::Array(types)) => {
            let types = types.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            types.collect::<Vec<_>>().join(" or ")
        }
        Some(Value::String(name)) => name.clone(),
        _ => "any".to_owned(),
    }
}

fn variants(schema: &Value) -> Vec<&Value> {
    let lists = ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|key| schema.get(key)?.as_array());
    lists.flatten().collect()
}

fn description(schema: &Value) -> Option<String> {
    schema
        .as_object()
        .and_then(|schema: &Map<String, Value>| schema.get("description")?.as_str())
        .map(str::to_owned)
}

/// A description inside a table's cell.
fn inline(text: &str) -> String {
    text.replace("\n\n", "<br>").replace('\n', " ").replace('|', "\\|")
}

#[cfg(test)]
mod tests;
