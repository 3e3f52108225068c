use super::*;
use crate::objects::Objects;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
#[allow(dead_code)]
enum Action {
    Allow,
    Deny { status: u16 },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Rule {
    name: String,
    #[serde(default)]
    action: Option<Action>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Config {
    rules: Vec<Rule>,
    #[serde(default)]
    limit: u32,
}

#[test]
fn names_the_place() {
    let cases: &[(&str, &str)] = &[
        ("", "rules: found nothing (the configuration is empty), expected a value: the field is required"),
        ("{}", "rules: found nothing, expected a value: the field is required"),
        ("[]", "configuration: found `[]`, expected a JSON object"),
        (
            "\n\u{b}\n\u{5}rules",
            "configuration: found `\\u{b}\\n\\u{5}rules`, expected a JSON object, such as in a google.protobuf.StringValue",
        ),
        ("7", "configuration: found `7`, expected a JSON object"),
        (r#"{"rules": 3}"#, "rules: found integer `3`, expected a sequence"),
        (
            r#"{"rules": [{"name": "a"}, {"name": false}]}"#,
            "rules[1].name: found boolean `false`, expected a string",
        ),
        (
            r#"{"rules": [{"nam": "a"}]}"#,
            "rules[0].nam: found unknown field `nam`, expected `name` or `action`",
        ),
        (
            r#"{"rules": [{"name": "a", "action": "log"}]}"#,
            "rules[0].action: found unknown variant `log`, expected `allow` or `deny`",
        ),
        (
            r#"{"rules": [{"name": "a", "action": "deny"}, {"name": "b"}]}"#,
            r#"rules[0].action: found "deny", expected an object with the member "deny""#,
        ),
        (
            r#"{"rules": [{"name": "a", "action": {"deny": {"status": 70000}}}]}"#,
            "rules[0].action.deny.status: found integer `70000`, expected u16",
        ),
        (
            r#"{"rules": [], "rules": []}"#,
            "configuration: found field `rules` twice, expected each field once",
        ),
        (r#"{"rules": [], "limit": -1}"#, "limit: found integer `-1`, expected u32"),
        (r#"{"rules": [}"#, "rules[0]: found expected value at line 1 column 12, expected well-formed JSON"),
        (
            r#"{"rules": []} x"#,
            "configuration: found trailing characters at line 1 column 15, expected well-formed JSON",
        ),
        (
            "{\"rules\": [{\"name\": \"\u{0}\"}]}",
            "rules[0].name: found control character (\\u0000-\\u001F) found while parsing a string at line 1 column 22, expected well-formed JSON",
        ),
    ];
    for (json, expected) in cases {
        let errors = parse::<Config>(json.as_bytes()).expect_err(json);
        assert_eq!(&errors.to_string(), expected, "for {json}");
    }
    parse::<Config>(br#"{"rules": [{"name": "a", "action": {"deny": {"status": 403}}}]}"#).unwrap();
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Large {
    on: bool,
    share: f64,
    #[serde(default)]
    names: Vec<String>,
    actions: Vec<Action>,
    nested: Option<Box<Large>>,
    even: Option<Even>,
}

/// Refuses a value when all of it was read.
#[derive(Debug, Deserialize)]
#[serde(try_from = "u32")]
#[allow(dead_code)]
struct Even(u32);

impl TryFrom<u32> for Even {
    type Error = &'static str;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        if number.is_multiple_of(2) { Ok(Self(number)) } else { Err("an odd number") }
    }
}

/// Replaces each value in turn, and each name of a member, and compares with a library that has paths carried along.
#[test]
fn finds_the_paths_that_carrying_them_along_finds() {
    let good = serde_json::json!({
        "on": true, "share": 0.5, "names": ["a", "b \" ] } , : \\", "c"],
        "actions": ["allow", {"deny": {"status": 403}}, "allow"],
        "nested": {"on": false, "share": 1, "actions": [{"deny": {"status": 1}}], "even": 2},
    });
    let mut compared = 0;
    for pointer in pointers(&good) {
        let mut mutants = Vec::new();
        for other in ["null", "7", "-1.5", "true", "\"x\"", "[]", "{}", "[[]]", "{\"x\": 1}", "\"deny\""] {
            let mut mutant = good.clone();
            *mutant.pointer_mut(&pointer).unwrap() = serde_json::from_str(other).unwrap();
            mutants.push(mutant);
        }
        if let Some(serde_json::Value::Object(members)) = good.pointer(&pointer) {
            for name in members.keys() {
                let mut mutant = good.clone();
                let members = mutant.pointer_mut(&pointer).unwrap().as_object_mut().unwrap();
                let value = members.remove(name).unwrap();
                mutants.push(good.clone());
                mutants
                    .last_mut()
                    .unwrap()
                    .pointer_mut(&pointer)
                    .unwrap()
                    .as_object_mut()
                    .unwrap()
                    .remove(name);
                members.insert(format!("{name}\u{e9}\n"), value);
                mutants.push(mutant);
            }
        }
        for mutant in mutants {
            for text in [mutant.to_string(), serde_json::to_string_pretty(&mutant).unwrap()] {
                let mut json = serde_json::Deserializer::from_str(&text);
                let carried = serde_path_to_error::deserialize::<_, Large>(Objects(&mut json));
                match (parse::<Large>(text.as_bytes()), carried) {
                    (Ok(_), Ok(_)) => {}
                    (Err(found), Err(carried)) => {
                        compared += 1;
                        let path = carried.path().to_string().replace('?', "");
                        let path = path.trim_matches('.');
                        // A variant's name is no place of its own where it is all that stands there.
                        let is_name = carried.inner().to_string().contains("unit variant, ");
                        let path = if is_name { path.trim_end_matches(".deny") } else { path };
                        let found = found.iter().next().unwrap().path().as_str().to_owned();
                        let is_missing = carried.inner().to_string().starts_with("missing field");
                        let found = if is_missing {
                            found.rsplit_once('.').map_or("", |(object, _)| object).to_owned()
                        } else {
                            found
                        };
                        assert_eq!(found, path, "{} in {text}", carried.inner());
                    }
                    (found, carried) => panic!("{text}: {found:?}, {carried:?}"),
                }
            }
        }
    }
    assert!(compared > 300, "{compared}");
}

/// The JSON pointers to all values but the whole.
fn pointers(value: &serde_json::Value) -> Vec<String> {
    let members: Vec<(String, &serde_json::Value)> = match value {
        serde_json::Value::Object(members) => {
            members.iter().map(|(name, member)| (name.clone(), member)).collect()
        }
        serde_json::Value::Array(list) => {
            list.iter().enumerate().map(|(index, member)| (index.to_string(), member)).collect()
        }
        _ => return Vec::new(),
    };
    let below = members.into_iter().flat_map(|(name, member)| {
        let deeper = pointers(member).into_iter().map({
            let name = name.clone();
            move |pointer| format!("/{name}{pointer}")
        });
        std::iter::once(format!("/{name}")).chain(deeper).collect::<Vec<_>>()
    });
    below.collect()
}

#[test]
fn refuses_bytes_that_are_not_utf8_and_too_many_of_them() {
    assert!(parse::<Config>(b"{\"rules\": [{\"name\": \"\xff\"}]}").is_err());
    let large = vec![b' '; MAX_CONFIG_BYTES + 1];
    let text = parse::<Config>(&large).unwrap_err().to_string();
    assert_eq!(text, "configuration: found 16777217 bytes, expected at most 16777216 bytes");
}

#[test]
fn resolves_secrets() {
    let env = |name: &str| match name {
        "KEY" => Some("s3cret".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    let mut errors = ConfigErrors::new();
    let path = Path::root().field("secrets").index(1);
    assert_eq!(Secret::new("plain").resolve(&env, &path, &mut errors).as_deref(), Some("plain"));
    assert_eq!(Secret::new("${KEY}").resolve(&env, &path, &mut errors).as_deref(), Some("s3cret"));
    assert!(errors.is_empty());
    for name in ["${NONE}", "${EMPTY}"] {
        assert_eq!(Secret::new(name).resolve(&env, &path, &mut errors), None);
    }
    let text = errors.to_string();
    assert!(text.starts_with("secrets[1]: found a reference to the environment variable NONE"), "{text}");
    assert_eq!(format!("{:?}", Secret::new("plain")), "Secret(…)");
}

#[test]
fn resolves_references_in_any_string() {
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Texts {
        #[serde(default)]
        list: Vec<String>,
        #[serde(default)]
        map: std::collections::BTreeMap<String, Texts>,
        #[serde(default)]
        secret: Option<Secret>,
    }
    let env = |name: &str| match name {
        "A" => Some("a".to_owned()),
        "_b2" => Some("\"\\\n\u{1}ü${A}".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    // What a string says, and what it comes to.
    let cases = [
        ("${A}", "a"),
        ("${A}${A}-${A}", "aa-a"),
        ("x${_b2}y", "x\"\\\n\u{1}ü${A}y"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("$${A}${A}", "${A}a"),
        ("$A {A} ${} ${1} ${a b} ${jndi:ldap} ${A", "$A {A} ${} ${1} ${a b} ${jndi:ldap} ${A"),
        ("${${A}", "${a"),
        ("$", "$"),
        ("{\\\"k\\\": \\\"${A}\\\"}, [", "{\"k\": \"a\"}, ["),
        ("\\\\${A}", "\\a"),
    ];
    for (text, expected) in cases {
        let mut errors = ConfigErrors::new();
        let json = format!(r#"{{"list": ["", "{text}"], "map": {{"${{A}}": {{}}}}}}"#);
        let texts = parse_with::<Texts>(json.as_bytes(), &env, &mut errors);
        assert_eq!(errors, ConfigErrors::new(), "{json}");
        let texts = texts.expect(&json);
        assert_eq!(texts.list, ["", expected], "{json}");
        assert!(texts.map.contains_key("${A}"), "names of fields are not values");
    }

    // Path and variable of each that is missing, with what else is wrong.
    let cases = [
        (
            r#"{"list": ["${A}", "x ${NONE}"]}"#,
            vec!["list[1]: found a reference to the environment variable NONE"],
        ),
        (
            r#"{"map": {"k": {"list": ["[{,", "${EMPTY}${NONE}"]}, "l": {"secret": "${NONE}"}}}"#,
            vec![
                "map.k.list[1]: found a reference to the environment variable EMPTY",
                "map.k.list[1]: found a reference to the environment variable NONE",
                "map.l.secret: found a reference to the environment variable NONE",
            ],
        ),
        (
            r#"{"list": ["${NONE}"], "lits": 1}"#,
            vec!["list[0]: found a reference", "lits: found unknown field `lits`"],
        ),
        (r#"{"list": ["${NONE}", }"#, vec!["list[0]: found a reference", "list[1]: found expected value"]),
        ("{\"list\": [\"${A}", vec!["list[0]: found EOF"]),
    ];
    for (json, expected) in cases {
        let mut errors = ConfigErrors::new();
        let _ = parse_with::<Texts>(json.as_bytes(), &env, &mut errors);
        let found: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let same =
            found.len() == expected.len() && found.iter().zip(&expected).all(|(f, e)| f.starts_with(e));
        assert!(same, "{json}: {found:#?}");
    }

    // What a variable holds is not looked at again.
    let mut errors = ConfigErrors::new();
    let nested = |name: &str| (name == "OUTER").then(|| "${INNER}".to_owned());
    let texts = parse_with::<Texts>(br#"{"secret": "${OUTER}"}"#, &nested, &mut errors).unwrap();
    let secret = texts.secret.unwrap().resolve(&nested, &Path::root(), &mut errors);
    assert_eq!((secret.as_deref(), errors.is_empty()), (Some("${INNER}"), true));
}
