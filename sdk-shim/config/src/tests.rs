use super::*;
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
