use super::*;

fn decide(input: &Value) -> Value {
    serde_json::from_str(&run(&input.to_string())).unwrap()
}

#[test]
fn rules_and_a_request_come_to_a_decision() {
    let rules = "SecRule ARGS \"@contains attack\" \"id:1,phase:2,deny,msg:'An attack'\"";
    let result = decide(&json!({"config": rules, "url": "http://h/?q=attack"}));
    let decision = &result["explanation"]["filters"][0]["decision"];
    assert_eq!(decision["summary"], "blocked with 403: by rule 1 in phase 2", "{result:#}");
}

#[test]
fn what_is_wrong_is_said() {
    let cases = [
        (json!({"config": "SecRule ARGS \"@rx (\" \"id:1\""}), "diagnostics", "config:1"),
        (json!({"config": "{\"policies\": [{\"nam\": 1}]}"}), "diagnostics", "nam"),
        (json!({"config": ""}), "config_errors", "expected"),
        (json!({"config": "SecRuleEngine On", "headers": "nonsense"}), "request_error", "line 2"),
        (json!({"config": "SecRuleEngine On", "client": "x"}), "request_error", "client"),
        (json!({"bogus": 1}), "request_error", "bogus"),
    ];
    for (input, field, expected) in cases {
        let found = decide(&input)[field].to_string();
        assert!(found.contains(expected) || (field == "diagnostics" && found.len() > 4), "{input}: {found}");
    }
}

#[test]
fn a_curl_command_fills_the_fields() {
    let fields: Value =
        serde_json::from_str(&read_request("curl -X POST 'https://h/p?q=1' -H 'x-a: 1' -d a=b")).unwrap();
    assert_eq!(fields["method"], "POST");
    assert_eq!(fields["url"], "https://h/p?q=1");
    assert_eq!(fields["body"], "a=b");
    assert!(fields["headers"].as_str().unwrap().starts_with("x-a: 1\n"), "{fields}");
}
