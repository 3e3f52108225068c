use super::*;

#[test]
fn refuses_with_the_place() {
    let release = |rules: &str| format!(r#"{{"releases": [{{"name": "v2", {rules}}}]}}"#);
    let cases: &[(String, &str)] = &[
        (
            String::new(),
            "releases: found nothing (the configuration is empty), expected a value: the field is required",
        ),
        (r#"{"releases": [], "release": []}"#.into(), "release: found unknown field `release`"),
        (
            r#"{"releases": [{}]}"#.into(),
            "releases[0].name: found nothing, expected a value: the field is required",
        ),
        (release(r#""weight": "10""#), "releases[0].weight: found string \"10\", expected f64"),
        (release(r#""weight": 10, "header": "x""#), "releases[0].header: found unknown field `header`"),
        (
            release(r#""hosts": []"#),
            "releases[0]: found a release without a rule, expected `by_header`, `by_cookie`, `match` or `weight`",
        ),
        (
            r#"{"releases": [{"name": "stable", "weight": 1}]}"#.into(),
            "releases[0].name: found `stable`, expected another name",
        ),
        (
            r#"{"releases": [{"name": "", "weight": 1}]}"#.into(),
            "releases[0].name: found ``, expected 1 to 63",
        ),
        (
            r#"{"releases": [{"name": "a b", "weight": 1}]}"#.into(),
            "releases[0].name: found `a b`, expected 1 to 63",
        ),
        (
            r#"{"releases": [{"name": "a", "weight": 1}, {"name": "a", "weight": 2}]}"#.into(),
            "releases[1].name: found `a` again, expected each name once",
        ),
        (release(r#""weight": -1"#), "releases[0].weight: found -1, expected a number from 0 to 100"),
        (release(r#""weight": 100.5"#), "releases[0].weight: found 100.5, expected a number from 0 to 100"),
        (release(r#""weight": 0.0005"#), "releases[0].weight: found 0.0005, expected at most three decimals"),
        (
            release(r#""weight": 1, "weight_total": 0"#),
            "releases[0].weight: found weight_total 0, expected a total from 1",
        ),
        (
            release(r#""weight": 11, "weight_total": 10"#),
            "releases[0].weight: found 11, expected a number from 0 to 10",
        ),
        (
            release(r#""weight": 1, "weight_total": 1000000"#),
            "releases[0].weight: found 1 of 1000000, expected 0, or at least 0.001 % of the total",
        ),
        (
            release(r#""by_header": {"name": "x"}, "weight_total": 10"#),
            "releases[0].weight_total: found a value, expected `weight` beside",
        ),
        (
            release(r#""by_header": {"name": "x"}, "seed": "s""#),
            "releases[0].seed: found a value, expected `weight` beside",
        ),
        (
            release(r#""by_header": {"name": "x"}, "key": ["random"]"#),
            "releases[0].key: found a value, expected `weight` beside",
        ),
        (release(r#""weight": 1, "seed": """#), "releases[0].seed: found ``, expected 1 to 256 bytes"),
        (
            release(r#""weight": 1, "key": ["none", "source_ip"]"#),
            "releases[0].key[0]: found `none`, expected `none` only at the end of the list",
        ),
        (
            release(r#""weight": 1, "key": ["random", {"cookie": "a"}]"#),
            "releases[0].key[0]: found `random`, expected",
        ),
        (
            release(r#""weight": 1, "key": [{"header": "a b"}]"#),
            "releases[0].key[0].header: found `a b`, expected a header name",
        ),
        (
            release(r#""weight": 1, "key": [{"cookie": "a;b"}]"#),
            "releases[0].key[0].cookie: found `a;b`, expected a cookie name",
        ),
        (
            release(r#""weight": 1, "key": ["ip"]"#),
            "releases[0].key[0]: found unknown variant `ip`, expected one of",
        ),
        (release(r#""by_header": {}"#), "releases[0].by_header.name: found nothing"),
        (
            release(r#""by_header": {"name": ":path"}"#),
            "releases[0].by_header.name: found `:path`, expected a header name",
        ),
        (
            release(r#""by_header": {"name": "x", "value": ""}"#),
            "releases[0].by_header.value: found ``, expected a value that a request can have",
        ),
        (
            release(r#""by_header": {"name": "x", "value": "a\n"}"#),
            "releases[0].by_header.value: found `a\n`, expected a value that",
        ),
        (
            release(r#""by_header": {"name": "x", "value": "never"}"#),
            "releases[0].by_header.value: found `never`, expected another value",
        ),
        (
            release(r#""by_header": {"name": "x", "value": "a", "pattern": "a"}"#),
            "releases[0].by_header: found both `value` and `pattern`, expected one of them",
        ),
        (
            release(r#""by_header": {"name": "x", "pattern": "[][**da?$&*"}"#),
            "releases[0].by_header.pattern: found `[][**da?$&*` (unclosed character class), expected a regular expression",
        ),
        (
            release(r#""by_header": {"name": "x", "pattern": ""}"#),
            "releases[0].by_header.pattern: found a pattern of 0 bytes, expected 1 to 4096 bytes",
        ),
        (
            release(r#""by_header": {"name": "x", "pattern": "(a{500}){500}"}"#),
            "releases[0].by_header.pattern: found `(a{500}){500}` (compiled it is larger than 1048576 bytes)",
        ),
        (
            release(r#""by_cookie": {"name": "a", "pattern": "("}"#),
            "releases[0].by_cookie.pattern: found `(` (unclosed group)",
        ),
        (
            release(r#""weight": 1, "hosts": ["a:80"]"#),
            "releases[0].hosts[0]: found `a:80`, expected a host name without port",
        ),
        (release(r#""weight": 1, "hosts": ["*"]"#), "releases[0].hosts[0]: found `*`, expected a host name"),
        (
            release(r#""weight": 1, "hosts": ["a", "*a.com"]"#),
            "releases[0].hosts[1]: found `*a.com`, expected a host name",
        ),
        (
            release(r#""weight": 1, "hosts": ["a.*.com"]"#),
            "releases[0].hosts[0]: found `a.*.com`, expected a host name",
        ),
        (
            release(r#""weight": 1, "hosts": ["[::g]"]"#),
            "releases[0].hosts[0]: found `[::g]`, expected a host name",
        ),
        (
            release(r#""weight": 1, "paths": ["api"]"#),
            "releases[0].paths[0]: found `api`, expected a path that starts with /",
        ),
        (
            release(r#""weight": 1, "paths": ["/a?b"]"#),
            "releases[0].paths[0]: found `/a?b`, expected a path that starts with /",
        ),
        (
            r#"{"releases": [], "act": "header"}"#.into(),
            r#"act: found "header", expected an object with the member "header""#,
        ),
        (
            r#"{"releases": [], "act": {"header": {"name": "a:b"}}}"#.into(),
            "act.header.name: found `a:b`, expected a header name",
        ),
        (
            r#"{"releases": [], "act": {"filter_state": {"key": "a b"}}}"#.into(),
            "act.filter_state.key: found `a b`, expected 1 to 63",
        ),
        (
            r#"{"releases": [], "compatibility": {"nginx": true}}"#.into(),
            "compatibility.nginx: found unknown field",
        ),
    ];
    for (config, expected) in cases {
        let errors = load(config).err().unwrap_or_else(|| panic!("accepted: {config}")).to_string();
        assert!(errors.starts_with(expected), "{config}\n     got: {errors}\nexpected: {expected}");
    }
}

#[test]
fn collects_all_errors() {
    let config = r#"{
        "releases": [
            {"name": "stable", "weight": 101, "hosts": ["a:1"]},
            {"name": "b", "by_header": {"name": "x", "pattern": "("}, "by_cookie": {"name": " "}}
        ],
        "act": {"header": {"name": ""}}
    }"#;
    let errors = load(config).unwrap_err();
    let places: Vec<&str> = errors.iter().map(|error| error.path().as_str()).collect();
    let expected = [
        "releases[0].name",
        "releases[0].hosts[0]",
        "releases[0].weight",
        "releases[1].by_header.pattern",
        "releases[1].by_cookie.name",
        "act.header.name",
    ];
    assert_eq!(places, expected, "{errors}");
}

#[test]
fn limits() {
    let list = |count: usize, item: &str| vec![item; count].join(",");
    let releases = |count: usize| {
        let items: Vec<String> =
            (0..count).map(|i| format!(r#"{{"name": "r{i}", "weight": 0.1}}"#)).collect();
        format!(r#"{{"releases": [{}]}}"#, items.join(","))
    };
    let one = |rules: &str| format!(r#"{{"releases": [{{"name": "v2", "weight": 1, {rules}}}]}}"#);
    let cases = [
        (releases(256), releases(257), "releases: found 257 releases, expected at most 256"),
        (
            one(&format!(r#""hosts": [{}]"#, list(64, "\"a\""))),
            one(&format!(r#""hosts": [{}]"#, list(65, "\"a\""))),
            "releases[0].hosts: found 65 entries, expected at most 64",
        ),
        (
            one(&format!(r#""key": [{}]"#, list(8, "\"source_ip\""))),
            one(&format!(r#""key": [{}]"#, list(9, "\"source_ip\""))),
            "releases[0].key: found 9 keys, expected at most 8",
        ),
        (
            one(&format!(r#""by_header": {{"name": "x", "pattern": "{}"}}"#, "a".repeat(4096))),
            one(&format!(r#""by_header": {{"name": "x", "pattern": "{}"}}"#, "a".repeat(4097))),
            "releases[0].by_header.pattern: found a pattern of 4097 bytes, expected 1 to 4096 bytes",
        ),
        (
            one(&format!(r#""by_header": {{"name": "{}"}}"#, "a".repeat(256))),
            one(&format!(r#""by_header": {{"name": "{}"}}"#, "a".repeat(257))),
            "releases[0].by_header.name: found `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…` (257 bytes)",
        ),
    ];
    for (within, beyond, expected) in cases {
        canary(&within);
        let errors = load(&beyond).unwrap_err().to_string();
        assert!(errors.starts_with(expected), "     got: {errors}\nexpected: {expected}");
    }
}

#[test]
fn schema_documents_every_field() {
    let schema = serde_json::to_value(schemars::schema_for!(Config)).unwrap();
    let mut undocumented = Vec::new();
    find_undocumented("", &schema, &mut undocumented);
    assert_eq!(undocumented, Vec::<String>::new());
}

fn find_undocumented(place: &str, schema: &serde_json::Value, found: &mut Vec<String>) {
    for (key, value) in schema.as_object().into_iter().flatten() {
        let place = format!("{place}/{key}");
        if key == "properties" {
            for (name, property) in value.as_object().unwrap() {
                // A variant's name is documented by the variant.
                if property.get("description").is_none() && schema.get("description").is_none() {
                    found.push(format!("{place}/{name}"));
                }
            }
        }
        find_undocumented(&place, value, found);
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            find_undocumented(&format!("{place}[{index}]"), item, found);
        }
    }
}
