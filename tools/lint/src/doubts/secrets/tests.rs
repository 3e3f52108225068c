use super::*;
use serde_json::Value as Json;

#[test]
fn the_places_of_secrets_are_those_of_the_schemas() {
    let found = Filter::ALL.map(|filter| {
        let schema = filter.schema();
        let mut found = Vec::new();
        let walk = Walk { definitions: schema.get("$defs"), found: &mut found };
        walk.of(schema.as_value());
        found.sort();
        found.dedup();
        (filter, found)
    });
    for (filter, expected) in &found {
        assert_eq!(expected, places(*filter), "{found:#?}");
    }
}

/// A schema, and the definitions that are being walked through: some refer to themselves.
struct Walk<'a> {
    definitions: Option<&'a Json>,
    found: &'a mut Vec<String>,
}

impl Walk<'_> {
    fn of(mut self, schema: &Json) {
        self.visit(schema, "", &mut Vec::new());
    }

    fn visit(&mut self, schema: &Json, path: &str, open: &mut Vec<String>) {
        if let Some(name) = schema.get("$ref").and_then(Json::as_str) {
            let name = name.rsplit('/').next().unwrap_or_default();
            if name == "Secret" {
                return self.found.push(path.trim_start_matches('.').to_owned());
            }
            let definition = self.definitions.and_then(|all| all.get(name));
            if let Some(definition) = definition.filter(|_| !open.iter().any(|it| it == name)) {
                open.push(name.to_owned());
                self.visit(definition, path, open);
                open.pop();
            }
        }
        for list in ["anyOf", "oneOf", "allOf"] {
            for variant in schema.get(list).and_then(Json::as_array).into_iter().flatten() {
                self.visit(variant, path, open);
            }
        }
        for (name, member) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
            self.visit(member, &format!("{path}.{name}"), open);
        }
        if let Some(items) = schema.get("items") {
            self.visit(items, &format!("{path}[]"), open);
        }
        if let Some(any) = schema.get("additionalProperties") {
            self.visit(any, &format!("{path}.*"), open);
        }
    }
}
