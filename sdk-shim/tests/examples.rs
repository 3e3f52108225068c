//! The examples on the test host. The integration tests run the same scenarios in Envoy.

use sdk_shim_testing::scenario::File;

#[path = "../examples/deny.rs"]
pub mod deny;

#[test]
fn deny() {
    let failures = File::parse(include_str!("../examples/deny.toml")).unwrap().check::<deny::Deny>();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn deny_refuses_what_it_does_not_know() {
    let cases = [
        ("", "header: found nothing (the configuration is empty), expected a value: the field is required"),
        (r#"{"header": 1}"#, "header: found integer `1`, expected a string"),
        (r#"{"header": "x", "heder": "y"}"#, "heder: found unknown field `heder`, expected `header`"),
    ];
    for (config, expected) in cases {
        let Err(errors) = sdk_shim::load::<deny::Deny>(config.as_bytes(), &|_| None) else {
            panic!("accepted: {config}")
        };
        assert_eq!(errors.to_string(), expected);
    }
}
